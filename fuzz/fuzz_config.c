/* The configuration of netinfod: any text is read or refused with a reason; what was read can be asked. */
#include "check.h"

#include "server/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct config_why why = {{0}};
        const struct config_overrides none = {0};
        const struct address a = address_from_ipv4(0x7f000001);
        struct config *c = config_parse(bytes_of(data, size), "fuzz", none, 987, "/run/x", &why);
        if (!c) {
                CHECK(why.text[0] && strlen(why.text) < sizeof(why.text));
                return 0;
        }
        CHECK(why.text[0] == '\0');
        networks_have(&c->read_networks, &a);
        networks_have(&c->write_networks, &a);
        config_switch(&c->redact, bytes_of(data, size < 8 ? size : 8));
        for (unsigned i = 0; i < c->listen.n; i++)
                CHECK(c->listen.v[i].at.sa.sa_family == AF_INET ||
                      c->listen.v[i].at.sa.sa_family == AF_INET6);
        CHECK(c->workers <= 8 && c->socket && c->default_domain);
        config_release(c);
        return 0;
}
