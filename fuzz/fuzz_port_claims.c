/* Files of claims, sources and editions: the first byte chooses. What is accepted makes a sound table. */
#include "port_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const struct port_source about = {
                .key = "k", .title = "t", .licence = "l", .reference = "r", .kind = PORT_KIND_VENDOR};
        struct port_problem why = {.reason = ""};
        struct port_set set;
        struct buf image;
        if (size < 1)
                return 0;
        const struct bytes text = bytes_of(data + 1, size - 1);
        port_set_init(&set);
        CHECK(port_set_source(&set, &about) == 0);
        const bool ok = data[0] % 4 == 0   ? port_read_claims(text, &set, NULL, &why)
                        : data[0] % 4 == 1 ? port_read_claims(text, &set, "k", &why)
                        : data[0] % 4 == 2 ? port_read_sources(text, &set, &why)
                                           : port_read_editions(text, &set, "k", &why);
        CHECK(ok || why.reason[0]);
        if (ok && !set.failed) {
                struct port_table table;
                const char *reason;
                buf_init(&image, 0);
                CHECK(port_set_image(&set, &image));
                CHECK(port_table_read(buf_bytes(&image), &table, &reason) &&
                      port_table_verify(&table, &reason));
                buf_done(&image);
        }
        port_set_done(&set);
        return 0;
}
