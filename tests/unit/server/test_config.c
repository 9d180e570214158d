/* The configuration of netinfod: every kind of value, and every mistake with its place. */
#include "server/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

static struct config_why why;

static struct config *parse(const char *text, const char *const *overrides, unsigned n)
{
        const struct config_overrides o = {.v = overrides, .n = n};
        why.text[0] = '\0';
        return config_parse(bytes_str(text), "test.conf", o, 987, "/run/x.sock", &why);
}

static struct config *good(const char *text)
{
        struct config *c = parse(text, NULL, 0);
        if (!c)
                print_error("%s\n", why.text);
        assert_non_null(c);
        return c;
}

static void bad(const char *text, const char *message)
{
        assert_null(parse(text, NULL, 0));
        if (!strstr(why.text, message))
                fail_msg("\"%s\" instead of \"%s\"", why.text, message);
}

static void expect_endpoint(const struct endpoint *e, const char *address, unsigned port)
{
        char text[46];
        uint16_t got;
        const struct address a = address_of(&e->at.sa, &got);
        address_text(&a, text, sizeof(text));
        assert_string_equal(text, address);
        assert_int_equal(got, port);
}

static void tag_ports(void **state)
{
        (void)state;
        struct config *c = good("tag_ports = 600, 1023\n");
        assert_int_equal(c->tag_ports.n, 2);
        assert_int_equal(c->tag_ports.v[0], 600);
        assert_int_equal(c->tag_ports.v[1], 1023);
        assert_false(c->listen_given);
        config_release(c);
        c = good("tag_ports = none\nlisten = none\n");
        assert_int_equal(c->tag_ports.n, 0);
        assert_true(c->listen_given);
        config_release(c);
        bad("tag_ports = 0\n", "\"0\" is no port from 1 to 65535");
        bad("tag_ports = 65536\n", "test.conf:1:");
        bad("tag_ports = ssh\n", "\"ssh\" is no port");
}

static void sandbox(void **state)
{
        (void)state;
        static const struct {
                const char *text;
                enum confinement is;
        } good_ones[] = {{"", CONFINE_YES},
                         {"sandbox = no", CONFINE_NO},
                         {"sandbox = strict", CONFINE_STRICT},
                         {"sandbox = yes", CONFINE_YES}};
        for (unsigned i = 0; i < 4; i++) {
                struct config *c = good(good_ones[i].text);
                assert_int_equal(c->sandbox, good_ones[i].is);
                config_release(c);
        }
        bad("sandbox = maybe", "\"maybe\" is none of yes, no and strict");
}

static void defaults(void **state)
{
        (void)state;
        struct config *c = good("");
        assert_int_equal(c->listen.n, 2);
        expect_endpoint(&c->listen.v[0], "127.0.0.1", 987);
        expect_endpoint(&c->listen.v[1], "::1", 987);
        assert_false(c->listen.v[0].optional);
        assert_true(c->listen.v[1].optional);
        assert_int_equal(c->tag_listen.n, 1);
        expect_endpoint(&c->tag_listen.v[0], "127.0.0.1", 0);
        assert_string_equal(c->socket, "/run/x.sock");
        assert_true(config_switch(&c->redact, BYTES_LIT("local")));
        assert_false(config_switch(&c->historical_clones, BYTES_LIT("local")));
        assert_false(config_udp(c));
        assert_false(c->allow_empty_passwords);
        assert_int_equal(c->journal_days, 90);
        config_release(c);
}

static void values(void **state)
{
        (void)state;
        struct config *c = good("# a comment\n"
                                "listen = 192.0.2.1:11, [2001:db8::2]:12 2001:db8::3\r\n"
                                "  listen=0.0.0.0   \n"
                                "\n"
                                "tag_listen = 192.0.2.1 [::1]\n"
                                "socket = none\n"
                                "legacy_read_networks = 10.0.0.0/8,192.0.2.7 2001:db8::/32\n"
                                "redact = no\n"
                                "redact.secret = yes\n"
                                "redact.open = no\n"
                                "historical = Yes\n"
                                "default_domain = lab\n"
                                "plain_networks = 10.0.0.0/8 192.0.2.1\n"
                                "addresses = 192.0.2.1 192.0.2.2\n"
                                "idle_timeout = 5\n"
                                "log_level = debug\n");
        assert_int_equal(c->listen.n, 4);
        expect_endpoint(&c->listen.v[0], "192.0.2.1", 11);
        expect_endpoint(&c->listen.v[1], "2001:db8::2", 12);
        expect_endpoint(&c->listen.v[2], "2001:db8::3", 987);
        expect_endpoint(&c->listen.v[3], "0.0.0.0", 987);
        assert_int_equal(c->tag_listen.n, 2);
        expect_endpoint(&c->tag_listen.v[1], "::1", 0);
        assert_string_equal(c->socket, "");
        assert_int_equal(c->read_networks.n, 3);
        assert_int_equal(c->write_networks.n, 0);
        assert_true(config_udp(c));
        assert_true(config_switch(&c->redact, BYTES_LIT("secret")));
        assert_false(config_switch(&c->redact, BYTES_LIT("open")));
        assert_false(config_switch(&c->redact, BYTES_LIT("other")));
        assert_string_equal(c->default_domain, "lab");
        assert_string_equal(c->plain_networks, "10.0.0.0/8 192.0.2.1");
        assert_int_equal(c->address_count, 2);
        assert_string_equal(c->addresses[1], "192.0.2.2");
        assert_int_equal(c->idle_timeout, 5);
        assert_int_equal(c->log_level, LOG_LEVEL_DEBUG);
        config_release(c);
}

static void many_in_a_list(void **state)
{
        (void)state;
        char text[4096] = "legacy_read_networks =", one[32];
        for (unsigned i = 0; i < 100; i++) {
                snprintf(one, sizeof(one), " 10.%u.0.0/16", i);
                strcat(text, one);
        }
        struct config *c = good(text);
        assert_int_equal(c->read_networks.n, 100);
        for (unsigned i = 0; i < 100; i++) {
                const struct address a = address_from_ipv4(10u << 24 | i << 16 | 77);
                assert_true(network_has(&c->read_networks.v[i], &a));
        }
        config_release(c);
}

static void mistakes(void **state)
{
        (void)state;
        bad("\n\nlisten\n", "test.conf:3: \"listen\" is not of the form key = value");
        bad("= 3", "test.conf:1: ");
        bad("lisetn = 127.0.0.1", "unknown key \"lisetn\"; did you mean \"listen\"?");
        bad("qqqqqqqqqq = 1", "netinfod.conf(5) lists them");
        bad("redact = perhaps", "\"perhaps\" is neither yes nor no");
        bad("historical = yes\nhistorical = no\n", "test.conf:2: \"historical\" is set twice");
        bad("historical.local = yes", "is not set per domain");
        bad("redact.-x = yes", "can be no domain's tag");
        bad("plain_networks = 10.0.0.0/8 leaf", "plain_networks: \"leaf\" is no network or address");
        bad("default_domain = a/b", "can be no domain's tag");
        bad("socket = run/x", "no absolute path");
        bad("legacy_read_networks = 10.0.0.1/8", "host bits zero");
        bad("legacy_read_networks = 10.0.0.0/33", "is no network");
        bad("legacy_write_networks = ten", "is no network");
        bad("addresses = 1.2.3", "is no IPv4 address");
        bad("listen = localhost:987", "is no numeric address");
        bad("listen = 127.0.0.1:65536", "the port is no number");
        bad("listen = 127.0.0.1:", "the port is no number");
        bad("listen = [::1", "is no address");
        bad("listen = [::1]x", "is no address");
        bad("tag_listen = 127.0.0.1:99", "no port is taken here");
        bad("connections = 3", "no number from 16 to 65536");
        bad("connections = 16x", "no number");
        bad("workers = 9", "no number from 0 to 8");
        bad("log_level = loud", "is no level");
        assert_null(config_parse(bytes_of("redact = no\n\0\n", 14), "t", (struct config_overrides){0}, 987,
                                 "", &why));
        assert_non_null(strstr(why.text, "NUL"));
}

static void command_line_wins(void **state)
{
        (void)state;
        const char *const more[] = {"listen=127.0.0.2:5", "listen=127.0.0.3:6", "redact.x=no",
                                    "historical = no"};
        struct config *c = parse("listen = 10.0.0.1:1\nhistorical = yes\nredact.x = yes\n", more, 4);
        assert_non_null(c);
        assert_int_equal(c->listen.n, 2);
        expect_endpoint(&c->listen.v[0], "127.0.0.2", 5);
        expect_endpoint(&c->listen.v[1], "127.0.0.3", 6);
        assert_false(c->historical);
        assert_false(config_switch(&c->redact, BYTES_LIT("x")));
        config_release(c);
        const char *const wrong[] = {"nonsense=1"};
        assert_null(parse("", wrong, 1));
        assert_non_null(strstr(why.text, "command line: unknown key"));
}

static void files(void **state)
{
        (void)state;
        const struct config_overrides none = {0};
        assert_null(config_read("/nonexistent/netinfod.conf", true, none, 987, "", &why));
        assert_non_null(strstr(why.text, "/nonexistent/netinfod.conf: cannot be read: No such file"));
        struct config *c = config_read("/nonexistent/netinfod.conf", false, none, 987, "", &why);
        assert_non_null(c);
        struct config *again = config_hold(c);
        config_release(c);
        assert_int_equal(again->journal_days, 90);
        config_release(again);
        assert_null(config_read("/proc", true, none, 987, "", &why)); /* no regular file */
}

static void every_key_is_known(void **state)
{
        (void)state;
        char text[128];
        for (unsigned i = 0; config_keys[i]; i++) { /* an empty value: maybe wrong, but never unknown */
                snprintf(text, sizeof(text), "%s =\n", config_keys[i]);
                struct config *c = parse(text, NULL, 0);
                assert_null(strstr(why.text, "unknown"));
                config_release(c);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(defaults),
                cmocka_unit_test(tag_ports),
                cmocka_unit_test(sandbox),
                cmocka_unit_test(values),
                cmocka_unit_test(many_in_a_list),
                cmocka_unit_test(mistakes),
                cmocka_unit_test(command_line_wins),
                cmocka_unit_test(files),
                cmocka_unit_test(every_key_is_known),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
