/* The small maps of several domains: doc/resolution.md 2.2, 5.4, 10.1, 10.2, 17.3; doc/agent.md "Maps". */
#include "records.h"

#include "../../lib/sized.h"
#include "agent/maps.h"

#include <arpa/inet.h>

static struct arena a;
static struct buf out;
static unsigned left;
static char left_why[256];
static struct merge_rules rules;

static void say_list(const struct bytes *v, size_t n)
{
        for (size_t i = 0; i < n; i++)
                buf_printf(&out, "%s%.*s", i ? "," : "", BYTES_FMT(v[i]));
}

static void say_keys(const struct snap_map_record *r)
{
        for (size_t i = 0; i < r->key_count; i++) {
                const struct bytes k = r->keys[i];
                buf_putc(&out, ' ');
                for (size_t b = 0; b < k.len; b++) {
                        if (k.data[b] > ' ' && k.data[b] < 0x7f && (b == 0 || k.data[0] == 'n'))
                                buf_putc(&out, (char)k.data[b]);
                        else if (k.data[0] == 'n' || (k.data[0] == '#' && b > 4))
                                buf_printf(&out, "%c", k.data[b] ? k.data[b] : '/');
                        else
                                buf_printf(&out, "%02x", k.data[b]);
                }
        }
}

/* "name|extra|first list|second list|number|addresses: keys" */
static bool say(void *context, const struct snap_map_record *r)
{
        char text[INET6_ADDRSTRLEN];
        const bool keys = *(const bool *)context;
        buf_printf(&out, "%.*s|%.*s|", BYTES_FMT(r->name), BYTES_FMT(r->extra));
        say_list(r->first, r->first_count);
        buf_putc(&out, '|');
        say_list(r->second, r->second_count);
        buf_printf(&out, "|%u|", r->number);
        for (size_t i = 0; i < r->addresses4_count; i++)
                buf_printf(&out, "%s ", inet_ntop(AF_INET, r->addresses4 + 4 * i, text, sizeof(text)));
        for (size_t i = 0; i < r->addresses16_count; i++)
                buf_printf(&out, "%s ", inet_ntop(AF_INET6, r->addresses16 + 16 * i, text, sizeof(text)));
        if (keys)
                say_keys(r);
        buf_putc(&out, '\n');
        return true;
}

static void say_left(void *context, const struct maps_domain *d, const char *what, struct bytes name,
                     const char *reason)
{
        (void)context;
        left++;
        snprintf(left_why, sizeof(left_why), "%s %.*s of %s: %s", what, BYTES_FMT(name), d->name, reason);
}

#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})

static void have(struct maps_domain *d, enum table_top top, const char *const *records)
{
        struct bytes *v = arena_zalloc(&a, 16, sizeof(*v));
        assert_non_null(v);
        d->top[top] = (struct maps_children){v, 0};
        for (; records[d->top[top].n]; d->top[top].n++)
                v[d->top[top].n] = encoded(&a, records[d->top[top].n]);
}

static struct maps_domain domain(const char *name)
{
        return (struct maps_domain){.name = name, .local = strcmp(name, "local") == 0};
}

static const char *made(enum snap_kind kind, const struct maps_domain *d, size_t n, bool keys)
{
        const struct maps_sink sink = {say, say_left, &keys};
        left = 0;
        left_why[0] = '\0';
        assert_true(maps_make(kind, d, n, &rules, &sink));
        const char *s = arena_str(&a, buf_bytes(&out));
        buf_clear(&out);
        return s;
}

static const char *one(enum snap_kind kind, const char *name, enum table_top top, const char *const *records)
{
        struct maps_domain d = domain(name);
        have(&d, top, records);
        return made(kind, &d, 1, true);
}

static void test_hosts(void **state)
{
        (void)state;
        assert_string_equal(one(SNAP_HOSTS, "local", TOP_MACHINES,
                                LIST("name=Relay r|ip_address=10.1 010.1.1.9|ipv6_address=2001:DB8::0:1",
                                     "name=bare|serves=./local")),
                            "Relay||r||0|10.0.0.1 10.1.1.9 2001:db8::1  nrelay nr a0a000001 a0a010109 "
                            "a20010db8000000000000000000000001\n"
                            "bare||||0| nbare\n");
        assert_int_equal(left, 0);
        assert_string_equal(one(SNAP_HOSTS, "local", TOP_MACHINES,
                                LIST("name=a|ip_address=10.0.0.256 10.0.0.2|ipv6_address=fe80::1%eth0")),
                            "a||||0|10.0.0.2  na a0a000002\n");
        assert_int_equal(left, 2);
        assert_string_equal(left_why, "an address of host a of local: it is no address");
        /* Asked for with or without the dot at the end, it is found without. */
        assert_string_equal(one(SNAP_HOSTS, "local", TOP_MACHINES, LIST("name=Relay.Example.Org.")),
                            "Relay.Example.Org.||||0| nrelay.example.org\n");
        assert_string_equal(
                one(SNAP_ETHERS, "local", TOP_MACHINES, LIST("name=relay.|en_address=1:1:1:1:1:1")),
                "relay.||||0|1.1.1.1 1.1.0.0  nrelay a010101010101\n");
        /* What only looks like a name. */
        assert_string_equal(one(SNAP_HOSTS, "local", TOP_MACHINES,
                                LIST("name=10.0.0.1|ip_address=10.0.0.1", "ip_address=10.0.0.1",
                                     "name=ok 7 a/b|ip_address=10.0.0.1")),
                            "ok||||0|10.0.0.1  nok a0a000001\n");
        assert_int_equal(left, 2);
}

static void test_loopback_is_ours(void **state)
{
        static const char *const records[] = {"name=localhost|ip_address=127.0.0.1",
                                              "name=evil LOCALHOST x.localhost localhost. "
                                              "y.Localhost.|ip_address=127.0.0.2 0.0.0.0 0 10.0.0.1|"
                                              "ipv6_address=::1 ::2 :: ::ffff:127.0.0.1 ::ffff:0.0.0.0",
                                              "name=notlocalhost|ip_address=10.0.0.2", NULL};
        (void)state;
        assert_string_equal(one(SNAP_HOSTS, "/", TOP_MACHINES, records),
                            "evil||||0|10.0.0.1 ::2  nevil a0a000001 a00000000000000000000000000000002\n"
                            "notlocalhost||||0|10.0.0.2  nnotlocalhost a0a000002\n");
        assert_int_equal(left, 8);
        assert_non_null(strstr(one(SNAP_HOSTS, "local", TOP_MACHINES, records), "localhost||||0|127.0.0.1"));
        assert_int_equal(left, 0);
}

static void test_ethers_networks(void **state)
{
        (void)state;
        assert_string_equal(one(SNAP_ETHERS, "local", TOP_MACHINES,
                                LIST("name=Relay r|en_address=0:A:b:01:2:ff 1:1:1:1:1:1", "name=quill",
                                     "name=bad|en_address=1:2:3")),
                            "Relay||||0|0.10.11.1 2.255.0.0  nrelay nr a000a0b0102ff\n"
                            "Relay||||0|1.1.1.1 1.1.0.0  nrelay nr a010101010101\n");
        assert_int_equal(left, 1);
        assert_string_equal(
                one(SNAP_NETWORKS, "local", TOP_NETWORKS,
                    LIST("name=Ten t|address=10 192.168.7", "name=none", "name=bad|address=1.2.3.4.5")),
                "Ten||t||167772160| nten nt #0a000000\n"
                "Ten||t||3232237312| nten nt #c0a80700\n");
        assert_int_equal(left, 2);
}

static void test_services(void **state)
{
        (void)state;
        assert_string_equal(
                one(SNAP_SERVICES, "local", TOP_SERVICES,
                    LIST("name=domain dns|port=53|protocol=tcp udp", "name=a|port=65536|protocol=tcp",
                         "name=b|port=7", "name=c|protocol=tcp")),
                "domain|tcp|dns||53| ndomain/tcp ndomain/ ndns/tcp ndns/ #00000035tcp #00000035\n"
                "domain|udp|dns||53| ndomain/udp ndomain/ ndns/udp ndns/ #00000035udp #00000035\n");
        assert_int_equal(left, 3);
        assert_string_equal(one(SNAP_PROTOCOLS, "local", TOP_PROTOCOLS,
                                LIST("name=tcp TCP|number=6", "name=x|number=-1")),
                            "tcp||TCP||6| ntcp nTCP #00000006\n");
        assert_int_equal(left, 1);
        assert_string_equal(one(SNAP_RPC, "local", TOP_RPCS, LIST("name=nfs|number=100003")),
                            "nfs||||100003| nnfs #000186a3\n");
}

/* Names of another domain never start a program, write a file, or are taken apart into more than one. */
static void test_alias_members_of_other_domains(void **state)
{
        static const char *const bad[] = {
                "|/bin/sh",   "\"|/bin/sh\"", "/etc/passwd",  ":include:/etc/shadow",
                "a,|/bin/sh", "x_|/bin/sh",   "<|/bin/sh>",   "\\|/bin/sh",
                "-oQueueDir", "~/.forward",   "\"/etc/x\"@h", "(c)|sh",
                "list:;",     "a@b;c",        "../x",         "a\tb"};
        (void)state;
        for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                struct maps_domain d = domain("/harbor");
                struct proplist l = {NULL, 0};
                struct buf b;
                const struct bytes name = BYTES_LIT("list");
                const struct bytes members[] = {BYTES_LIT("ada"), bytes_str(bad[i]),
                                                BYTES_LIT("bob@example.org")};
                assert_true(proplist_add(&l, &a, BYTES_LIT("name"), &name, 1));
                assert_true(proplist_add(&l, &a, BYTES_LIT("members"), members, 3));
                buf_init(&b, 0);
                xdr_put_proplist(&b, l);
                const struct bytes props = buf_bytes(&b);
                d.top[TOP_ALIASES] = (struct maps_children){&props, 1};
                assert_string_equal(made(SNAP_ALIASES, &d, 1, false), "list||ada,bob@example.org||0|\n");
                assert_int_equal(left, 1);
                d.name = "local";
                d.local = true;
                const char *all = made(SNAP_ALIASES, &d, 1, false);
                assert_int_equal(left,
                                 strcmp(bad[i], "a\tb") == 0); /* our own may do all but control characters */
                assert_true(left || strstr(all, bad[i]));
                buf_done(&b);
        }
}

static void test_aliases(void **state)
{
        (void)state;
        assert_string_equal(
                one(SNAP_ALIASES, "/", TOP_ALIASES,
                    LIST("name=List L|members=Ada+x@Example.ORG user%host@[10.0.0.1] a/b|alias_local=1",
                         "name=gone|members=:include:/x", "name=empty")),
                "List||Ada+x@Example.ORG,user%host@[10.0.0.1],a/b||1| nlist nl\n"
                "empty||||0| nempty\n");
        assert_int_equal(left, 1);
}

static void test_netgroups(void **state)
{
        struct maps_domain d[3] = {domain("local"), domain("/harbor"), domain("/")};
        (void)state;
        have(&d[0], TOP_MACHINES, LIST("name=vellum v|netgroups=trusted", "name=other"));
        have(&d[0], TOP_USERS, LIST("name=basil|uid=1|netgroups=trusted near"));
        have(&d[1], TOP_USERS, LIST("name=amelia|netgroups=trusted said near", "name=-|netgroups=trusted"));
        have(&d[1], TOP_NETDOMAINS, LIST("name=example.org|netgroups=trusted"));
        have(&d[1], TOP_NETGROUPS,
             LIST("name=said|members=(quill,ada,) near (_,-,_dom_) ((x,,) (a,b) bad(name", "name=empty"));
        have(&d[2], TOP_NETGROUPS,
             LIST("name=said other|members=(root,,)", "name=near|members=(,cordelia,)"));
        /* /netgroups of any domain goes before the union, and the first record by a name is the one found by
         * it */
        assert_string_equal(made(SNAP_NETGROUP, d, 3, true),
                            "said||quill,ada,,,-,dom|near|0| nsaid\n"
                            "empty||||0| nempty\n"
                            "said||root,,||0| nsaid nother\n"
                            "near||,cordelia,||0| nnear\n"
                            "trusted||vellum,-,-,v,-,-,-,basil,-,-,amelia,-,-,-,example.org||0| ntrusted\n");
        assert_int_equal(left, 3);
        assert_string_equal(left_why,
                            "a member of netgroup said of /harbor: neither (host,user,domain) nor a name");
}

/* The C library asks with 1,024 bytes, and takes what does not fit for the end. */
static void test_long_triples(void **state)
{
        static char text[3][1024];
        static const int fields[2][3] = {{400, 298, 296}, {400, 331, 266}};
        (void)state;
        memset(text[0], 'h', sizeof(text[0]));
        for (unsigned i = 0; i < 2; i++) { /* 998 and 1,001 bytes with commas and brackets */
                struct proplist l = {NULL, 0};
                struct buf b;
                struct maps_domain d = domain("local");
                const struct bytes name = BYTES_LIT("g");
                const int n = snprintf(text[1], sizeof(text[1]), "(%.*s,%.*s,%.*s)", fields[i][0], text[0],
                                       fields[i][1], text[0], fields[i][2], text[0]);
                const struct bytes members[] = {bytes_of(text[1], (size_t)n), BYTES_LIT("(,ada,)")};
                assert_true(proplist_add(&l, &a, BYTES_LIT("name"), &name, 1));
                assert_true(proplist_add(&l, &a, BYTES_LIT("members"), members, 2));
                buf_init(&b, 0);
                xdr_put_proplist(&b, l);
                const struct bytes props = buf_bytes(&b);
                d.top[TOP_NETGROUPS] = (struct maps_children){&props, 1};
                assert_int_equal(n, i ? 1001 : 998);
                const char *said = made(SNAP_NETGROUP, &d, 1, false);
                assert_int_equal(left, i);
                assert_int_equal(strcmp(said, "g||,ada,||0|\n") == 0, i);
                buf_done(&b);
        }
}

/* One record must not become millions by what multiplies in it. */
static void test_products_are_bounded(void **state)
{
        struct proplist l = {NULL, 0};
        /* 3,000 netgroups of 1,000 names: that is where two million are reached. */
        const uint32_t most = 3000, netgroups = sized("NI_TEST_STEPS", 50, 50, most);
        struct bytes *v = arena_zalloc(&a, most, sizeof(*v));
        struct maps_domain d = domain("/");
        struct buf b;
        (void)state;
        for (unsigned i = 0; i < most; i++)
                v[i] = bytes_str(arena_printf(&a, "n%u", i));
        const struct bytes port = BYTES_LIT("7");
        assert_true(proplist_add(&l, &a, BYTES_LIT("name"), v, most));
        assert_true(proplist_add(&l, &a, BYTES_LIT("protocol"), v, most));
        assert_true(proplist_add(&l, &a, BYTES_LIT("netgroups"), v, netgroups));
        assert_true(proplist_add(&l, &a, BYTES_LIT("port"), &port, 1));
        buf_init(&b, 0);
        xdr_put_proplist(&b, l);
        const struct bytes props = buf_bytes(&b);
        d.top[TOP_SERVICES] = d.top[TOP_USERS] = (struct maps_children){&props, 1};
        const char *said = made(SNAP_SERVICES, &d, 1, false);
        unsigned lines = 0;
        for (const char *p = said; (p = strchr(p, '\n')); p++)
                lines++;
        assert_int_equal(lines, LIMIT_MAP_VALUES);
        assert_null(strstr(said, "n1000,"));
        assert_int_equal(left, 2);
        said = made(SNAP_NETGROUP, &d, 1, false);
        uint32_t members = 0;
        for (const char *p = said; *p; p++) /* no strstr: the sanitizer's measures what is left each time */
                members += p[0] == '-' && p[1] == ',' && p[2] == 'n';
        assert_int_equal(members, netgroups == most ? LIMIT_MAP_MEMBERS : netgroups * LIMIT_MAP_NAMES);
        assert_int_equal(left, 1);
        assert_null(strstr(said, "n1000,-"));
        buf_done(&b);
}

static void test_gshadow(void **state)
{
        struct maps_domain d[2] = {domain("local"), domain("/harbor")};
        (void)state;
        rules.min_id = 100;
        have(&d[0], TOP_GROUPS,
             LIST("name=wheel w|gid=0|passwd=$6$a|users=root|admins=root ada", "name=plain|gid=5|users=root",
                  "name=crew|gid=300|users=basil", "name=open|gid=6|passwd=", "name=locked|gid=7|passwd=!"));
        have(&d[1], TOP_GROUPS,
             LIST("name=crew|gid=300|passwd=$6$parent|users=amelia basil|admins=amelia",
                  "name=sudo|gid=27|passwd=$6$b|admins=eve"));
        assert_string_equal(
                made(SNAP_GSHADOW, d, 2, true),
                "wheel|$6$a|root,ada|root|0| nwheel nw\n"
                "open|*|||0| nopen\n"
                "locked|!|||0| nlocked\n"
                "crew|*|amelia|amelia,basil|0| ncrew\n"); /* of the record that says more than group */
        assert_int_equal(left, 0);                        /* the map group says that sudo is not taken */
        rules.publish_hashes = true;
        assert_non_null(strstr(made(SNAP_GSHADOW, d, 2, false), "crew|$6$parent|amelia|amelia,basil|"));
        rules.publish_hashes = false;
}

/* Which image shows what: rank order through a builder, as the agent does it. */
static void test_nearest_wins(void **state)
{
        struct maps_domain d[2] = {domain("local"), domain("/")};
        (void)state;
        have(&d[0], TOP_MACHINES, LIST("name=relay|ip_address=10.1.1.9"));
        have(&d[1], TOP_MACHINES, LIST("name=relay|ip_address=10.9.9.9", "name=root"));
        assert_string_equal(made(SNAP_HOSTS, d, 2, false),
                            "relay||||0|10.1.1.9 \nrelay||||0|10.9.9.9 \nroot||||0|\n");
        assert_int_equal(maps_tops(SNAP_NETGROUP),
                         1u << TOP_NETGROUPS | 1u << TOP_MACHINES | 1u << TOP_USERS | 1u << TOP_NETDOMAINS);
}

static int begin(void **state)
{
        (void)state;
        arena_init(&a, 0);
        buf_init(&out, 0);
        rules = (struct merge_rules){.min_id = 1000};
        return 0;
}

static int end(void **state)
{
        (void)state;
        arena_done(&a);
        buf_done(&out);
        return 0;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(test_hosts),
                TEST(test_loopback_is_ours),
                TEST(test_ethers_networks),
                TEST(test_services),
                TEST(test_alias_members_of_other_domains),
                TEST(test_aliases),
                TEST(test_netgroups),
                TEST(test_long_triples),
                TEST(test_products_are_bounded),
                TEST(test_gshadow),
                TEST(test_nearest_wins),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
