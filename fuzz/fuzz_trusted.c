/* Values of trusted_networks come from a database: any bytes, either form. */
#include "check.h"

#include "model/network.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct network n;
        uint32_t v4 = 0x0a000001;
        const struct bytes text = bytes_of(data, size);
        const bool parsed = network_parse(text, &n);
        if (parsed) {
                CHECK(n.bits <= 128);
                CHECK(network_has(&n, &n.base));
        }
        const bool matches = trusted_value_matches(text, v4);
        CHECK(!matches || (size > 0 && data[0] >= '0' && data[0] <= '9'));
        if (ipv4_parse(text, &v4)) { /* a full address trusts itself, unless it lies in network 0 */
                CHECK(parsed);
                CHECK(v4 >> 24 == 0 || trusted_value_matches(text, v4));
        }
        return 0;
}
