/* Merge and safety rules: doc/resolution.md 4.4 (the worked example), 10.1, 10.2, 17.1, 18. */
#include "records.h"

#include "agent/merge.h"

static struct arena a;
static struct buf out;
static unsigned left;
static char left_why[256];

static bool say_user(void *context, const struct merge_domain *d, const struct snap_user *u)
{
        (void)context;
        (void)d;
        for (size_t i = 0; i < u->name_count; i++)
                buf_printf(&out, "%s%.*s", i ? "," : "", BYTES_FMT(u->names[i]));
        buf_printf(&out, ":%s:%u:%u:%.*s:%.*s:%.*s\n", u->has_hash ? "x" : "*", u->uid, u->gid,
                   BYTES_FMT(u->gecos), BYTES_FMT(u->dir), BYTES_FMT(u->shell));
        return true;
}

static bool say_group(void *context, const struct merge_domain *d, const struct snap_group *g)
{
        (void)context;
        (void)d;
        for (size_t i = 0; i < g->name_count; i++)
                buf_printf(&out, "%s%.*s", i ? "," : "", BYTES_FMT(g->names[i]));
        buf_printf(&out, ":%s:%u:", g->has_hash ? "x" : "*", g->gid);
        for (size_t i = 0; i < g->member_count; i++)
                buf_printf(&out, "%s%.*s", i ? "," : "", BYTES_FMT(g->members[i]));
        buf_putc(&out, '\n');
        return true;
}

static bool say_shadow(void *context, const struct merge_domain *d, const struct snap_shadow *s)
{
        (void)context;
        (void)d;
        buf_printf(&out, "%.*s:%.*s:%lld:%lld:%lld:%lld:%lld:%lld\n", BYTES_FMT(s->names[0]),
                   BYTES_FMT(s->hash), (long long)s->last_change, (long long)s->min, (long long)s->max,
                   (long long)s->warn, (long long)s->inactive, (long long)s->expire);
        return true;
}

static void say_left(void *context, const struct merge_domain *d, const char *what, struct bytes name,
                     const char *reason)
{
        (void)context;
        left++;
        snprintf(left_why, sizeof(left_why), "%s %.*s of %s: %s", what, BYTES_FMT(name), d->name, reason);
}

static const struct merge_sink sink = {say_user, say_group, say_shadow, say_left, NULL, NULL, NULL};
static struct merge_rules rules;

/* Three domains from texts; the last NULL-terminated list of each. */
static struct merge_domain domain(const char *name, const char *const *users, const char *const *groups)
{
        struct bytes *u = arena_zalloc(&a, 16, sizeof(*u)), *g = arena_zalloc(&a, 16, sizeof(*g));
        struct merge_domain d = {.name = name, .local = strcmp(name, "local") == 0, .users = u, .groups = g};
        for (; users && users[d.user_count]; d.user_count++)
                u[d.user_count] = encoded(&a, users[d.user_count]);
        for (; groups && groups[d.group_count]; d.group_count++)
                g[d.group_count] = encoded(&a, groups[d.group_count]);
        return d;
}

#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})

static const char *said(void)
{
        const char *s = arena_str(&a, buf_bytes(&out));
        buf_clear(&out);
        return s;
}

static const char *users_of(struct merge_domain d)
{
        left = 0;
        assert_true(merge_users(&d, 1, &rules, &sink));
        return said();
}

static const char *groups_of(struct merge_domain d)
{
        left = 0;
        assert_true(merge_groups(&d, 1, &rules, &sink));
        return said();
}

static const char *shadow_of(struct merge_domain d)
{
        left = 0;
        assert_true(merge_shadow(&d, 1, &rules, &sink));
        return said();
}

/* doc/resolution.md 4.4 and 18, where min_id is 1. */
static void worked_example(struct merge_domain d[3])
{
        d[0] = domain("local",
                      LIST("name=root|uid=0|gid=0", "name=basil|uid=700|gid=30|realname=Basil_Thorne"),
                      LIST("name=wheel|gid=0|users=root amelia", "name=crew|gid=30|users=basil"));
        d[1] = domain("/harbor", LIST("name=amelia|uid=501|gid=20", "name=basil|uid=502|gid=20"),
                      LIST("name=staff|gid=20|users=amelia basil", "name=crew|gid=30|users=amelia"));
        d[2] = domain("/", LIST("name=cordelia|uid=601|gid=20", "name=amelia|uid=901|gid=20"),
                      LIST("name=staff|gid=20|users=cordelia"));
        rules.min_id = 1;
}

static void test_worked_example(void **state)
{
        (void)state;
        struct merge_domain d[3];
        worked_example(d);
        assert_true(merge_users(d, 3, &rules, &sink));
        /* Every record in rank order: the image gives each name and each number to the first that has it. */
        assert_string_equal(said(), "root:*:0:0::/:/bin/sh\n"
                                    "basil:*:700:30:Basil Thorne:/:/bin/sh\n"
                                    "amelia:*:501:20::/:/bin/sh\n"
                                    "basil:*:502:20::/:/bin/sh\n"
                                    "cordelia:*:601:20::/:/bin/sh\n"
                                    "amelia:*:901:20::/:/bin/sh\n");
        assert_true(merge_groups(d, 3, &rules, &sink));
        assert_string_equal(said(), "wheel:*:0:root,amelia\n"
                                    "crew:*:30:basil,amelia\n"
                                    "staff:*:20:amelia,basil,cordelia\n");
        assert_int_equal(left, 0);
}

/* "a user toor with uid 0 created in /: toor never appears" (18); nor does anything below min_id. */
static void test_foreign_ids(void **state)
{
        (void)state;
        struct merge_domain d[3];
        worked_example(d);
        assert_string_equal(users_of(domain("/", LIST("name=toor|uid=0|gid=20"), NULL)), "");
        assert_string_equal(left_why, "user toor of /: uid 0 of another domain");
        assert_string_equal(groups_of(domain("/", NULL, LIST("name=root|gid=0|users=eve"))), "");
        rules.min_id = 1000;
        assert_string_equal(users_of(domain("/", LIST("name=a|uid=999|gid=1000"), NULL)), "");
        assert_string_equal(left_why, "user a of /: uid below min_id");
        assert_string_equal(users_of(domain("/", LIST("name=a|uid=1000|gid=27"), NULL)), "");
        assert_string_equal(left_why, "user a of /: gid below min_id");
        assert_string_equal(groups_of(domain("/", NULL, LIST("name=sudo|gid=27|users=eve"))), "");
        assert_string_equal(users_of(domain("/", LIST("name=a|uid=1000|gid=1000"), NULL)),
                            "a:*:1000:1000::/:/bin/sh\n");
        static const char *const reserved[] = {"61184", "65519", "65534", "65535", "-2", "4294967294"};
        for (unsigned i = 0; i < 6; i++) {
                const char *text = arena_printf(&a, "name=a|uid=%s|gid=1000", reserved[i]);
                assert_string_equal(users_of(domain("/", LIST(text), NULL)), "");
                assert_string_equal(left_why, "user a of /: uid in a reserved range");
        }
        assert_string_equal(users_of(domain("/", LIST("name=a|uid=61183|gid=65520"), NULL)),
                            "a:*:61183:65520::/:/bin/sh\n");
        const struct bytes allowed[] = {BYTES_LIT("staff"), BYTES_LIT("toor")};
        rules.allow = allowed;
        rules.allow_count = 2;
        assert_string_equal(groups_of(domain("/", NULL, LIST("name=staff|gid=20|users=a"))),
                            "staff:*:20:a\n");
        assert_string_equal(users_of(domain("/", LIST("name=toor|uid=0|gid=20"), NULL)), ""); /* never id 0 */
}

static void test_local_ids(void **state)
{
        (void)state;
        assert_string_equal(
                users_of(domain("local",
                                LIST("name=nobody|uid=-2|gid=-2", "name=daemon|uid=1|gid=1",
                                     "name=nobody2|uid=4294967294|gid=65534", "name=d|uid=61200|gid=1"),
                                NULL)),
                "nobody:*:65534:65534::/:/bin/sh\ndaemon:*:1:1::/:/bin/sh\n"
                "nobody2:*:65534:65534::/:/bin/sh\nd:*:61200:1::/:/bin/sh\n");
        static const char *const bad[] = {"",   "5x",  "0x5",        "+5",         "-1",
                                          "5 ", "5.0", "4294967295", "4294967296", "-3"};
        for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                const char *text = arena_printf(&a, "name=a|uid=%s|gid=1", bad[i]);
                if (strchr(bad[i], ' ')) /* one value with a blank at its end */
                        text = "name=a|uid=5_|gid=1";
                assert_string_equal(users_of(domain("local", LIST(text), NULL)), "");
                assert_int_equal(left, 1);
        }
        assert_string_equal(users_of(domain("local", LIST("name=a|gid=1"), NULL)), "");
        assert_string_equal(left_why, "user a of local: uid is missing or no decimal number");
}

static void test_names_and_texts(void **state)
{
        (void)state;
        static const char *const bad[] = {"", ".", "..", "123", "-a", "a:b", "a/b", "a,b", "a\nb", "a\x7f"};
        for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                const char *text = arena_printf(&a, "name=%s good|uid=1|gid=1", bad[i]);
                assert_string_equal(users_of(domain("local", LIST(text), NULL)), "");
                assert_int_equal(left, 1);
                text = arena_printf(&a, "name=good %s|uid=1|gid=1",
                                    bad[i]); /* a bad alias costs only itself */
                assert_string_equal(users_of(domain("local", LIST(text), NULL)), "good:*:1:1::/:/bin/sh\n");
        }
        assert_string_equal(users_of(domain("local", LIST("uid=1|gid=1"), NULL)), "");
        assert_string_equal(users_of(domain("local",
                                            LIST("name=a b|uid=1|gid=1|home=relative|realname=A:B\tC",
                                                 "name=c|uid=2|gid=1|home=/h"
                                                 "|shell=/bin/zsh"),
                                            NULL)),
                            "a,b:*:1:1:ABC:/:/bin/sh\nc:*:2:1::/h:/bin/zsh\n");
        assert_string_equal(users_of(domain("local", LIST("name=a|uid=1|gid=1|shell=/bin/sh:x"), NULL)), "");
        assert_string_equal(users_of(domain("local", LIST("name=a|uid=1|gid=1|home=/a\nb"), NULL)),
                            "a:*:1:1::/:/bin/sh\n");
}

static void test_hash_word(void **state)
{
        (void)state;
        static const struct {
                const char *passwd, *want;
        } cases[] = {{"$y$j9T$abc", "x"}, {"ab01FAX.bQRSU", "x"}, {"!$6$abc", "x"}, {"", "*"},   {"x", "*"},
                     {"*", "*"},          {"*LK*", "*"},          {"!", "*"},       {"!!", "*"}, {"!*", "*"}};
        for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                const char *text = arena_printf(&a, "name=a|uid=1|gid=1|passwd=%s", cases[i].passwd);
                const char *want = arena_printf(&a, "a:%s:1:1::/:/bin/sh\n", cases[i].want);
                assert_string_equal(users_of(domain("local", LIST(text), NULL)), want);
        }
}

static void test_groups(void **state)
{
        (void)state;
        /* Equal name, other gid; equal gid, other name: they stay apart. */
        struct merge_domain d[2] = {
                domain("local", NULL,
                       LIST("name=a|gid=5|users=u", "name=b|gid=5|users=v", "name=a|gid=6|users=w")),
                domain("/", NULL,
                       LIST("name=a aa|gid=5|users=u x|passwd=$1$h",
                            "name=c|gid=2000|users=u u :bad -x good"))};
        rules.min_id = 1;
        left = 0;
        assert_true(merge_groups(d, 2, &rules, &sink));
        assert_string_equal(said(), "a,aa:x:5:u,x\nb:*:5:v\na:*:6:w\nc:*:2000:u,good\n");
        assert_int_equal(left, 2);
        assert_string_equal(left_why, "member c of /: the member's name is not usable");
        /* Rule 5: the lowest-ranked record that has a password decides, even if it is none. */
        d[0] = domain("local", NULL, LIST("name=a|gid=5|passwd=*"));
        assert_true(merge_groups(d, 2, &rules, &sink));
        assert_memory_equal(said(), "a,aa:*:5:u,x\n", 13);
        /* Many members: none twice, order kept. */
        struct buf b;
        buf_init(&b, 0);
        struct bytes v[3000];
        for (unsigned i = 0; i < 3000; i++)
                v[i] = bytes_str(arena_printf(&a, "m%u", i % 1500));
        struct proplist l = {NULL, 0};
        proplist_add_str(&l, &a, "name", "big");
        proplist_add_str(&l, &a, "gid", "9");
        proplist_add(&l, &a, BYTES_LIT("users"), v, 3000);
        xdr_put_proplist(&b, l);
        const struct bytes big = buf_bytes(&b);
        const struct merge_domain many = {"local", true, NULL, &big, 0, 1};
        struct buf want;
        buf_init(&want, 0);
        buf_puts(&want, "big:*:9:");
        for (unsigned i = 0; i < 1500; i++)
                buf_printf(&want, "%sm%u", i ? "," : "", i);
        buf_putc(&want, '\n');
        assert_string_equal(groups_of(many), arena_str(&a, buf_bytes(&want)));
        buf_done(&want);
        buf_done(&b);
}

/* doc/resolution.md 11.3, 17.1. Day 20000 is 2024-10-04. */
static void test_shadow(void **state)
{
        (void)state;
        rules.today = 20000;
        assert_string_equal(shadow_of(domain("local",
                                             LIST("name=ada|uid=1|gid=1|passwd=$y$h|shadow_lastchange=19000|"
                                                  "shadow_min=0|shadow_max=99999|shadow_warning=7|"
                                                  "shadow_inactive=3|expire=1728086400",
                                                  "name=bob|uid=2|gid=1", "name=eve|uid=|gid=1|passwd=$1$"),
                                             NULL)),
                            "ada:$y$h:19000:0:99999:7:3:20001\nbob:*:-1:-1:-1:-1:-1:-1\n");
        /* change: day 20100 lies ahead, 20000 has come. */
        assert_string_equal(
                shadow_of(domain(
                        "local",
                        LIST("name=a|uid=1|gid=1|change=1736640000",
                             "name=b|uid=1|gid=1|change=1736640000|shadow_lastchange=19990|shadow_max=30",
                             "name=c|uid=1|gid=1|change=1736640000|shadow_lastchange=19990|shadow_max=300",
                             "name=d|uid=1|gid=1|change=1728000000|shadow_lastchange=19990",
                             "name=e|uid=1|gid=1|change=0|expire=0"),
                        NULL)),
                "a:*:1:-1:20098:-1:-1:-1\nb:*:19990:-1:30:-1:-1:-1\nc:*:19990:-1:109:-1:-1:-1\n"
                "d:*:0:-1:9:-1:-1:-1\ne:*:-1:-1:-1:-1:-1:-1\n");
        /* Hashes of others stay at home; empty ones are none. */
        rules.min_id = 1;
        assert_string_equal(shadow_of(domain("/", LIST("name=a|uid=5|gid=5|passwd=$y$h"), NULL)),
                            "a:*:-1:-1:-1:-1:-1:-1\n");
        rules.publish_hashes = true;
        assert_string_equal(shadow_of(domain("/", LIST("name=a|uid=5|gid=5|passwd=$y$h"), NULL)),
                            "a:$y$h:-1:-1:-1:-1:-1:-1\n");
        const struct merge_domain empty = domain("local", LIST("name=a|uid=5|gid=5|passwd="), NULL);
        assert_string_equal(shadow_of(empty), "a:*:-1:-1:-1:-1:-1:-1\n");
        rules.allow_empty_passwords = true;
        assert_string_equal(shadow_of(empty), "a::-1:-1:-1:-1:-1:-1\n");
        assert_string_equal(shadow_of(domain("local", LIST("name=a|uid=5|gid=5|passwd=a:b"), NULL)),
                            "a:*:-1:-1:-1:-1:-1:-1\n");
}

static int begin(void **state)
{
        (void)state;
        arena_init(&a, 0);
        buf_init(&out, 0);
        rules = (struct merge_rules){.min_id = 1000, .today = 20000, .key = {3, 4}};
        left = 0;
        left_why[0] = 0;
        return 0;
}

static int end(void **state)
{
        (void)state;
        arena_done(&a);
        buf_done(&out);
        return 0;
}

#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
        const struct CMUnitTest tests[] = {
                T(test_worked_example), T(test_foreign_ids), T(test_local_ids), T(test_names_and_texts),
                T(test_hash_word),      T(test_groups),      T(test_shadow),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
