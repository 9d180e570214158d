/* Lines of NIS maps: the first byte chooses the map, the rest is the file. Line numbers stay, a source that
 * came out of it is source, and nothing grows but by the colon of an alias. */
#include "check.h"
#include "tools/import_nis.h"

static size_t lines(struct bytes b)
{
        size_t n = 0;
        for (size_t i = 0; i < b.len; i++)
                n += b.data[i] == '\n';
        return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const char *const maps[] = {"passwd",   "group",    "hosts",      "ethers",
                                           "networks", "services", "protocols",  "rpc",
                                           "netgroup", "aliases",  "bootparams", "shadow"};
        struct buf out;
        if (size < 1)
                return 0;
        const struct bytes text = bytes_of(data + 1, size - 1);
        buf_init(&out, 0);
        nis_source(maps[data[0] % (sizeof(maps) / sizeof(maps[0]))], text, &out);
        CHECK(!out.failed && lines(buf_bytes(&out)) == lines(text));
        CHECK(out.len <= text.len + 2 * (lines(text) + 1));
        buf_done(&out);
        return 0;
}
