/* A request to the monitor, from a server that was taken over: whatever is allowed is named in the
 * configuration. */
#include "check.h"

#include "server/endpoint.h"
#include "server/monitor_message.h"

static const char text[] = "listen = 192.0.2.1:987 [::1]:10987\n"
                           "tag_listen = 192.0.2.1 ::1\n"
                           "tag_ports = 600 1023\n"
                           "socket = none\n";

static struct config *config(void)
{
        static struct config *c;
        struct config_why why = {{0}};
        const struct config_overrides none = {0};
        if (!c)
                c = config_parse(bytes_str(text), "fuzz", none, 987, "/run/x", &why);
        CHECK(c);
        return c;
}

static bool named(const char *const *words, unsigned n, const char *word)
{
        for (unsigned i = 0; i < n; i++)
                if (strcmp(words[i], word) == 0)
                        return true;
        return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const char *const main_doors[] = {"192.0.2.1:987", "[::1]:10987"};
        static const char *const tag_doors[] = {"192.0.2.1:600", "192.0.2.1:1023", "[::1]:600", "[::1]:1023"};
        struct monitor_request r, again;
        struct endpoint e = {0};
        char where[ENDPOINT_TEXT];
        if (!monitor_request_decode(data, size, &r)) {
                return 0;
        }
        CHECK(size == sizeof(r) && memcmp(data, &r, sizeof(r)) == 0);
        if (r.kind == MONITOR_MAIN || r.kind == MONITOR_TAG) {
                e = monitor_request_endpoint(&r);
                again = monitor_request_of((enum monitor_kind)r.kind, 0, &e, r.udp);
                again.turn = r.turn;
                CHECK(memcmp(&again, &r, sizeof(r)) == 0);
        }
        if (!monitor_allows(config(), &r, &e))
                return 0;
        CHECK(r.kind != MONITOR_LOCAL);                                /* there is none */
        CHECK(r.kind != MONITOR_MAPPER && r.kind != MONITOR_RESERVED); /* not historical */
        if (r.kind == MONITOR_MAIN || r.kind == MONITOR_TAG) {
                CHECK(r.udp == 0); /* no historical network is named */
                endpoint_text(&e, where, sizeof(where));
                CHECK(r.kind == MONITOR_MAIN ? named(main_doors, 2, where) : named(tag_doors, 4, where));
        }
        return 0;
}
