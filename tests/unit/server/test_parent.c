/* The datagrams of binding, byte for byte (doc/protocol.md section 10, vector 10), and candidates as they are
 * written down (doc/binding.md 1). */
#include "server/monitor_message.h"
#include "server/parent_config.h"
#include "server/parent_wire.h"
#include "server/portmap_wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

static struct buf out;

static int begin(void **state)
{
        (void)state;
        buf_init(&out, 0);
        return 0;
}

static int end(void **state)
{
        (void)state;
        buf_done(&out);
        return 0;
}

static void assert_words(struct bytes got, const uint32_t *want, size_t n)
{
        assert_int_equal(got.len, 4 * n);
        for (size_t i = 0; i < n; i++)
                assert_int_equal(xdr_load(got.data + 4 * i), want[i]);
}
#define ASSERT_WORDS(got, ...)                                              \
        do {                                                                \
                const uint32_t want_[] = {__VA_ARGS__};                     \
                assert_words(got, want_, sizeof(want_) / sizeof(want_[0])); \
        } while (0)

static struct binding_action question(enum binding_query query, uint32_t xid)
{
        return (struct binding_action){.query = query,
                                       .xid = xid,
                                       .client = 0x0a000007,
                                       .server = {.addr = 0x0a000001, .tag = "network"}};
}

/* "call, correct sender": the true length, for we do not repeat the mistake of old. */
static void test_callit(void **state)
{
        const struct binding_action a = question(BINDING_CALLIT, 0x40);
        const struct auth_sys sys = {.stamp = 0x386d4380, .machine = BYTES_LIT("gamma")};
        (void)state;
        parent_query_encode(&a, "local", &sys, &out);
        ASSERT_WORDS(buf_bytes(&out), 0x40, 0, 2, 0x000186a0, 2, 5, 1, 0x1c, 0x386d4380, 5, 0x67616d6d,
                     0x61000000, 0, 0, 0, 0, 0, 0x0bed48a1, 1, 8, 0x1c, 0x0a000007, 5, 0x6c6f6361, 0x6c000000,
                     7, 0x6e657477, 0x6f726b00);
}

/* "inner NIBIND_BIND call" */
static void test_bind(void **state)
{
        const struct binding_action a = question(BINDING_BIND, 0x41);
        (void)state;
        parent_query_encode(&a, "local", NULL, &out);
        ASSERT_WORDS(buf_bytes(&out), 0x41, 0, 2, 0x0bed48a1, 1, 8, 0, 0, 0, 0, 0x0a000007, 5, 0x6c6f6361,
                     0x6c000000, 7, 0x6e657477, 0x6f726b00);
}

/* Vectors 9 and 1; GETPORT from RFC 1833. */
static void test_probe(void **state)
{
        struct binding_action a = question(BINDING_GETREGISTER, 0x30);
        (void)state;
        parent_query_encode(&a, "local", NULL, &out);
        ASSERT_WORDS(buf_bytes(&out), 0x30, 0, 2, 0x0bed48a1, 1, 3, 0, 0, 0, 0, 7, 0x6e657477, 0x6f726b00);
        buf_clear(&out);
        a = question(BINDING_PING, 0x10);
        parent_query_encode(&a, "local", NULL, &out);
        ASSERT_WORDS(buf_bytes(&out), 0x10, 0, 2, 0x0bed48a0, 2, 0, 0, 0, 0, 0);
        buf_clear(&out);
        a = question(BINDING_GETPORT, 0x31);
        parent_query_encode(&a, "local", NULL, &out);
        ASSERT_WORDS(buf_bytes(&out), 0x31, 0, 2, 100000, 2, 3, 0, 0, 0, 0, 0x0bed48a1, 1, 17, 0);
}

static bool decode(enum binding_query query, const uint32_t *words, size_t n, struct binding_reply *r)
{
        buf_clear(&out);
        for (size_t i = 0; i < n; i++)
                xdr_put_u32(&out, words[i]);
        return parent_reply_decode(query, buf_bytes(&out), r);
}
#define DECODE(query, r, ...) \
        decode(query, (const uint32_t[]){__VA_ARGS__}, sizeof((uint32_t[]){__VA_ARGS__}) / 4, r)

static void test_replies(void **state)
{
        struct binding_reply r = {.from = 1, .from_port = 2};
        uint32_t xid;
        (void)state;
        assert_true(DECODE(BINDING_GETREGISTER, &r, 0x30, 1, 0, 0, 0, 0, 0, 0x3f3, 0x3f4));
        assert_true(r.accepted && r.xid == 0x30 && r.status == 0 && r.udp_port == 1011 && r.from == 1 &&
                    r.from_port == 2);
        assert_true(DECODE(BINDING_GETREGISTER, &r, 0x30, 1, 0, 0, 0, 0, 19));
        assert_true(r.accepted && r.status == 19 && r.udp_port == 0);
        assert_true(DECODE(BINDING_GETPORT, &r, 0x31, 1, 0, 0, 0, 0, 660));
        assert_true(r.accepted && r.port == 660 && r.status == 0);
        assert_true(DECODE(BINDING_CALLIT, &r, 0x40, 1, 0, 0, 0, 0, 0x3f3, 0));
        assert_true(r.accepted && r.port == 0x3f3);
        assert_true(DECODE(BINDING_BIND, &r, 0x41, 1, 0, 0, 0, 5)); /* SYSTEM_ERR: a no */
        assert_false(r.accepted);
        assert_true(DECODE(BINDING_BIND, &r, 0x41, 1, 0, 0, 0, 0));
        assert_true(r.accepted);
        assert_true(DECODE(BINDING_PING, &r, 0x10, 1, 1, 1, 5)); /* AUTH_TOOWEAK */
        assert_false(r.accepted);
        const struct binding_reply before = r;
        assert_false(DECODE(BINDING_GETREGISTER, &r, 0x30, 1, 0, 0, 0, 0, 0, 0x3f3)); /* too short */
        assert_false(DECODE(BINDING_GETPORT, &r, 0x30, 1, 0, 0, 0, 0));
        assert_false(DECODE(BINDING_CALLIT, &r, 0x40, 1, 0, 0, 0, 0, 0x3f3, 400));
        assert_false(DECODE(BINDING_PING, &r, 0x10, 0, 2, 100000, 2, 0, 0, 0, 0, 0)); /* a call */
        assert_memory_equal(&r, &before, sizeof(r));
        assert_true(parent_reply_xid(bytes_of("\1\2\3\4\0\0\0\1", 8), &xid));
        assert_int_equal(xid, 0x01020304);
        assert_false(parent_reply_xid(bytes_of("\1\2\3\4\0\0\0\0", 8), &xid)); /* a call */
        assert_false(parent_reply_xid(bytes_of("\1\2\3\4\0\0\0", 7), &xid));
}

/* -- candidates -- */

static void test_words(void **state)
{
        struct binding_candidate c;
        const char *why = NULL;
        (void)state;
        assert_true(parent_word_parse(BYTES_LIT("10.0.0.1"), &c, &why));
        assert_true(c.addr == 0x0a000001 && c.port == 0 && !c.here);
        assert_string_equal(c.tag, "network");
        assert_true(parent_word_parse(BYTES_LIT("10.0.0.1:10987/dept"), &c, &why));
        assert_true(c.addr == 0x0a000001 && c.port == 10987);
        assert_string_equal(c.tag, "dept");
        assert_true(parent_word_parse(BYTES_LIT("broadcast/site"), &c, &why));
        assert_true(c.addr == BINDING_BROADCAST && c.port == 0);
        assert_string_equal(c.tag, "site");
        static const char *const bad[] = {
                "",           "10.0.0",         "10.0.0.1/",      "10.0.0.1/a/b", "10.0.0.1/.x",
                "10.0.0.1:0", "10.0.0.1:65536", "10.0.0.1:x/net", "host/network", "broadcast:987/x",
                "::1/network"};
        for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                why = NULL;
                if (parent_word_parse(bytes_str(bad[i]), &c, &why) || !why)
                        fail_msg("\"%s\" was taken", bad[i]);
        }
}

static bool dhcp(const char *text, struct dhcp_values *v, char tag[LIMIT_TAG + 1])
{
        const char *why = NULL;
        const bool ok = parent_dhcp_parse(bytes_str(text), v, tag, &why);
        assert_true(ok == !why);
        return ok;
}

static void test_dhcp(void **state)
{
        struct dhcp_values v = {.n = 99};
        char tag[LIMIT_TAG + 1], many[1024] = "dhcp_parent_addresses =";
        (void)state;
        assert_true(dhcp("# a lease\n\n dhcp_parent_addresses = 10.0.0.1  10.0.0.2 \r\ndhcp_parent_tag=site",
                         &v, tag));
        assert_int_equal(v.n, 2);
        assert_true(v.address[0] == 0x0a000001 && v.address[1] == 0x0a000002);
        assert_string_equal(v.tag, "site");
        assert_true(dhcp("dhcp_parent_addresses = 10.0.0.9\n", &v, tag));
        assert_string_equal(v.tag, "network");
        assert_true(dhcp("", &v, tag));
        assert_int_equal(v.n, 0);
        v.n = 99;
        static const char *const bad[] = {"dhcp_parent_addresses = 10.0.0.1; reboot\n",
                                          "dhcp_parent_addresses = x\n",
                                          "dhcp_parent_tag = ../x\n",
                                          "user = root\n",
                                          "x\n",
                                          "dhcp_parent_tag =\n"};
        for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
                if (dhcp(bad[i], &v, tag))
                        fail_msg("\"%s\" was taken", bad[i]);
        for (unsigned i = 0; i < LIMIT_PARENTS + 1; i++)
                strcat(many, " 10.0.0.1");
        assert_false(dhcp(many, &v, tag));
        assert_int_equal(v.n, 99); /* untouched */
}

/* As keys of netinfod.conf. */
static struct config *conf(const char *text, struct config_why *why)
{
        const struct config_overrides none = {0};
        return config_parse(bytes_str(text), "test", none, 987, "/run/x", why);
}

static void test_keys(void **state)
{
        struct config_why why = {{0}};
        (void)state;
        struct config *c = conf("parent_servers = 10.0.0.1/network, broadcast\n"
                                "parent_servers = 10.0.0.2:1987/network\n"
                                "parent_servers.dept = none\n"
                                "force_root.dept = yes\n"
                                "dhcp_parent_addresses = 10.0.0.3\n"
                                "dhcp_file = none\n"
                                "answer_portmapper = no\n"
                                "wait_for_parent = yes\n",
                                &why);
        assert_non_null(c);
        const struct parent_list *l = config_parents(c, BYTES_LIT("local"));
        assert_non_null(l);
        assert_int_equal(l->n, 3);
        assert_true(l->v[0].addr == 0x0a000001 && l->v[1].addr == BINDING_BROADCAST && l->v[2].port == 1987);
        l = config_parents(c, BYTES_LIT("dept")); /* written down, and empty: no parent */
        assert_non_null(l);
        assert_int_equal(l->n, 0);
        assert_null(config_parents(c, BYTES_LIT("network"))); /* the database decides */
        assert_true(config_switch(&c->force_root, BYTES_LIT("dept")));
        assert_false(config_switch(&c->force_root, BYTES_LIT("local")));
        assert_true(c->dhcp.n == 1 && c->dhcp.address[0] == 0x0a000003);
        assert_string_equal(c->dhcp.tag, "network");
        assert_string_equal(c->dhcp_file, "");
        assert_int_equal(c->answer_portmapper, CONFIG_NO);
        assert_true(c->wait_for_parent);
        config_release(c);
        c = conf("", &why);
        assert_true(c && !c->dhcp_file && c->dhcp.n == 0 && !c->wait_for_parent &&
                    c->answer_portmapper == CONFIG_AUTO);
        assert_null(config_parents(c, BYTES_LIT("local")));
        config_release(c);
        assert_null(conf("parent_servers = alpha/network\n", &why));
        assert_string_equal(why.text,
                            "test:1: \"alpha/network\": no IPv4 address; write 192.0.2.1/network or "
                            "broadcast/network");
        assert_null(conf("parent_servers..x = 10.0.0.1\n", &why));
        assert_null(conf("answer_portmapper = maybe\n", &why));
        assert_string_equal(why.text, "test:1: \"maybe\" is none of auto, yes and no");
        assert_null(conf("dhcp_parent_addresses = 10.0.0.300\n", &why));
}

/* -- port 111 -- */

static void test_portmap(void **state)
{
        const struct pmap_entry e = {200100001, 1, 6, 987};
        struct rpc_call call;
        struct pmap_args args = {.procedure = 77};
        uint32_t word = 5;
        (void)state;
        pmap_call_encode(PMAP_SET, 9, &e, &out);
        ASSERT_WORDS(buf_bytes(&out), 9, 0, 2, 100000, 2, 1, 0, 0, 0, 0, 0x0bed48a1, 1, 6, 987);
        struct xdr_in in = xdr_in(buf_bytes(&out));
        assert_int_equal(call_decode(&in, &call), CALL_OK);
        assert_true(pmap_args_decode(PMAP_SET, &in, &args));
        assert_memory_equal(&args.entry, &e, sizeof(e));
        /* vector 10, "call, historical sender": four bytes more than there are arguments */
        static const uint32_t callit[] = {0x0bed48a1, 1,          8, 0x20,       0x0a000007, 5,
                                          0x6c6f6361, 0x6c000000, 7, 0x6e657477, 0x6f726b00, 0};
        buf_clear(&out);
        for (unsigned i = 0; i < sizeof(callit) / 4; i++)
                xdr_put_u32(&out, callit[i]);
        in = xdr_in(buf_bytes(&out));
        assert_true(pmap_args_decode(PMAP_CALLIT, &in, &args));
        assert_true(args.entry.program == 0x0bed48a1 && args.entry.version == 1 && args.procedure == 8);
        assert_int_equal(args.args.len, 0x20);
        in = xdr_in(bytes_sub(buf_bytes(&out), 0, out.len - 4)); /* the length promises more than came */
        args.procedure = 77;
        assert_false(pmap_args_decode(PMAP_CALLIT, &in, &args));
        assert_int_equal(args.procedure, 77);
        static const uint8_t yes[] = {0, 0, 0, 9, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0,
                                      0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
        assert_false(pmap_reply_decode(bytes_of(yes, sizeof(yes)), 8, &word)); /* somebody else's */
        assert_false(pmap_reply_decode(bytes_of(yes, sizeof(yes) - 1), 9, &word));
        assert_int_equal(word, 5);
        assert_true(pmap_reply_decode(bytes_of(yes, sizeof(yes)), 9, &word));
        assert_int_equal(word, 1);
}

/* What the monitor opens for it: only with `historical`, and port 111 not with `answer_portmapper = no`. */
static void test_monitor_allows(void **state)
{
        static const struct {
                const char *conf;
                bool mapper, reserved;
        } rows[] = {
                {"", false, false},
                {"answer_portmapper = yes\n", false, false},
                {"historical = yes\n", true, true},
                {"historical = yes\nanswer_portmapper = no\n", false, true},
        };
        struct config_why why = {{0}};
        struct endpoint e;
        (void)state;
        for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                struct config *c = conf(rows[i].conf, &why);
                const struct monitor_request mapper = monitor_request_of(MONITOR_MAPPER, 0, NULL, false),
                                             reserved = monitor_request_of(MONITOR_RESERVED, 0, NULL, false);
                struct monitor_request r;
                assert_non_null(c);
                assert_true(monitor_request_decode(&mapper, sizeof(mapper), &r) && r.kind == MONITOR_MAPPER);
                assert_int_equal(monitor_allows(c, &mapper, &e), rows[i].mapper);
                assert_int_equal(monitor_allows(c, &reserved, &e), rows[i].reserved);
                config_release(c);
        }
        struct monitor_request other = monitor_request_of(MONITOR_RESERVED, 0, NULL, false), r;
        other.port = 22; /* no port can be chosen */
        assert_false(monitor_request_decode(&other, sizeof(other), &r));
}

#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
        const struct CMUnitTest tests[] = {T(test_callit),  T(test_bind),    T(test_probe),
                                           T(test_replies), T(test_words),   T(test_dhcp),
                                           T(test_keys),    T(test_portmap), T(test_monitor_allows)};
        return cmocka_run_group_tests(tests, NULL, NULL);
}
