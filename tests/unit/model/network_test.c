/* Addresses, networks, and the historical rule of trusted_networks (doc/protocol.md 3.9). */
#include "model/network.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

static struct address at(const char *text)
{
        struct sockaddr_in in = {.sin_family = AF_INET};
        struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
        if (inet_pton(AF_INET, text, &in.sin_addr) == 1)
                return address_of((const struct sockaddr *)&in, NULL);
        assert_int_equal(inet_pton(AF_INET6, text, &in6.sin6_addr), 1);
        return address_of((const struct sockaddr *)&in6, NULL);
}

static bool in(const char *network, const char *address)
{
        struct network n;
        const struct address a = at(address);
        assert_true(network_parse(bytes_str(network), &n));
        return network_has(&n, &a);
}

static void cidr(void **state)
{
        (void)state;
        assert_true(in("10.0.0.0/8", "10.255.1.2"));
        assert_false(in("10.0.0.0/8", "11.0.0.0"));
        assert_true(in("192.0.2.128/25", "192.0.2.129"));
        assert_false(in("192.0.2.128/25", "192.0.2.127"));
        assert_true(in("192.0.2.9", "192.0.2.9"));
        assert_false(in("192.0.2.9", "192.0.2.8"));
        assert_true(in("0.0.0.0/0", "203.0.113.1"));
        assert_false(in("0.0.0.0/0", "::1")); /* all of IPv4, and no more */
        assert_true(in("::/0", "203.0.113.1"));
        assert_true(in("2001:db8::/33", "2001:db8:7fff::1"));
        assert_false(in("2001:db8::/33", "2001:db8:8000::1"));
        assert_false(in("10.0.0.0/8", "2001:db8::a00:1"));
        assert_true(in("::ffff:10.0.0.0/104", "10.1.1.1"));
}

static void no_networks(void **state)
{
        (void)state;
        static const char *const words[] = {
                "",          "10",          "10.0.0",      "10.0.0.0/",   "10.0.0.0/33", "10.0.0.1/24",
                "/8",        "10.0.0.0/-1", "256.0.0.0/8", "10.0.0.0.0",  "::/129",      "2001:db8::1/64",
                "localhost", "10.0.0.0/8x", "1.2.3.4/ 8",  "0010.0.0.0/8"};
        struct network n;
        for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++)
                assert_false(network_parse(bytes_str(words[i]), &n));
        assert_false(network_parse(bytes_of("10.0.0.0\0/8", 11), &n));
}

static bool trusts(const char *value, const char *address)
{
        const struct address a = at(address);
        uint32_t v4;
        assert_true(address_ipv4(&a, &v4));
        return trusted_value_matches(bytes_str(value), v4);
}

static void trusted(void **state)
{
        (void)state;
        assert_true(trusts("192.168.5", "192.168.5.77"));
        assert_false(trusts("192.168.5", "192.168.6.77"));
        assert_true(trusts("192.168", "192.168.200.1"));
        assert_true(trusts("10", "10.1.2.3"));
        assert_true(trusts("10.0.5", "10.9.9.9"));          /* the first zero octet ends it successfully */
        assert_true(trusts("192.168.5.99", "192.168.5.1")); /* octet 4 is never compared */
        assert_true(trusts("192.168.5.0", "192.168.5.1"));
        assert_false(trusts("0", "10.0.0.1")); /* network 0 never matches */
        assert_false(trusts("0.168.5", "0.168.5.1"));
        assert_false(trusts("192.168.5.1.7", "192.168.5.1"));
        assert_false(trusts("256", "10.0.0.1"));
        assert_false(trusts("0010", "10.0.0.1")); /* three digits at most */
        assert_false(trusts("", "10.0.0.1"));
        assert_false(trusts("10.", "10.0.0.1"));
        assert_false(trusts("lab", "10.0.0.1"));
        /* ours: exact where a mask is written */
        assert_true(trusts("192.168.5.0/24", "192.168.5.77"));
        assert_false(trusts("192.168.5.64/26", "192.168.5.63"));
        assert_false(trusts("192.168.5.99/32", "192.168.5.1"));
        assert_false(trusts("10.0.5/24", "10.9.9.9"));
        assert_false(trusts("0::/0", "10.9.9.9")); /* a.b.c.d/n and no other form */
        assert_false(trusts("::ffff:10.0.0.0/104", "10.9.9.9"));
}

static void texts(void **state)
{
        (void)state;
        char text[46];
        static const char *const same[] = {"127.0.0.1", "255.255.255.255", "0.0.0.0", "::1", "2001:db8::7"};
        for (unsigned i = 0; i < 5; i++) {
                const struct address a = at(same[i]);
                address_text(&a, text, sizeof(text));
                assert_string_equal(text, same[i]);
        }
        const struct address four = at("127.9.9.9"), six = at("::1"), mapped = at("::ffff:127.0.0.1"),
                             other = at("128.0.0.1");
        assert_true(address_is_loopback(&four));
        assert_true(address_is_loopback(&six));
        assert_true(address_is_loopback(&mapped)); /* a v4 client of a v6 socket */
        assert_false(address_is_loopback(&other));
}

static void dotted(void **state)
{
        (void)state;
        uint32_t v;
        assert_true(ipv4_parse(BYTES_LIT("10.0.0.1"), &v));
        assert_int_equal(v, 0x0a000001);
        static const char *const words[] = {"",       "1",        "1.2.3",   "1.2.3.4.5", "1.2.3.256",
                                            "1..2.3", "1.2.3.4 ", "a.b.c.d", "1.2.3."};
        for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++)
                assert_false(ipv4_parse(bytes_str(words[i]), &v));
}

int main(void)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(cidr), cmocka_unit_test(no_networks),
                                           cmocka_unit_test(trusted), cmocka_unit_test(texts),
                                           cmocka_unit_test(dotted)};
        return cmocka_run_group_tests(tests, NULL, NULL);
}
