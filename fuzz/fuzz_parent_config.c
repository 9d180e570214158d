/* The file of a DHCP client's hook, and words of parent_servers: any bytes. */
#include "check.h"

#include "model/path.h"
#include "server/parent_config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        const struct bytes text = bytes_of(data, size);
        struct binding_candidate c = {.port = 7};
        struct dhcp_values v = {.n = 77};
        char tag[LIMIT_TAG + 1];
        const char *why = NULL;
        if (parent_word_parse(text, &c, &why)) {
                CHECK(tag_is_valid(bytes_str(c.tag)) && !c.here);
                CHECK(c.addr != BINDING_BROADCAST || c.port == 0 || bytes_starts(text, "255.255.255.255"));
        } else {
                CHECK(why && c.port == 7);
        }
        why = NULL;
        if (parent_dhcp_parse(text, &v, tag, &why)) {
                CHECK(v.n <= LIMIT_PARENTS && v.tag == tag && tag_is_valid(bytes_str(tag)));
        } else {
                CHECK(why && v.n == 77);
        }
        return 0;
}
