/* An item meets a record: doc/tools.md 5.1 and section 14's loading checks 1-3, and `ni import`'s two modes.
 */
#include "test_flat.h"

static struct arena a;

#define END NULL, NULL

/* The first record of `text` applied to `old` (NULL: none). */
static const char *applied(const char *format, enum flat_mode mode, const struct proplist *old,
                           const char *text)
{
        struct flat_file file;
        struct flat_item item;
        struct flat_why why;
        struct proplist l;
        assert_true(flat_file_read(&file, flat_format(format), bytes_str(text), &strict, &why));
        assert_true(flat_file_item(&file, 0, &a, &item));
        flat_file_done(&file);
        assert_true(flat_apply(flat_format(format), mode, old, &item, &a, &l));
        return shown(&a, &l);
}

static struct proplist amelia(void)
{
        return record_of(&a, "name", "amelia", "ames", NULL, "uid", "501", NULL, "gid", "20", NULL, "passwd",
                         "Qx9", NULL, "realname", "Amelia Pond-Ruiz", NULL, "home", "/home/amelia", NULL,
                         "shell", "/bin/zsh", NULL, "netgroups", "staff", "planners", END);
}

static void test_passwd(void **state)
{
        (void)state;
        static const char text[] = "amelia:NEW:501:20::0:0:A. Pond:/home/amelia:/bin/sh";
        const struct proplist old = amelia();
        assert_string_equal(applied("passwd", FLAT_OWNED, &old, text), /* check 1 */
                            "name: amelia\nuid: 501\ngid: 20\npasswd: NEW\nrealname: A. Pond\n"
                            "home: /home/amelia\nshell: /bin/sh\nnetgroups: staff planners\n"
                            "_writers_passwd: amelia\nchange: 0\nclass: \nexpire: 0\n");
        assert_string_equal(
                applied("passwd", FLAT_REPLACE_ALL, &old, text),
                "_writers_passwd: amelia\nchange: 0\nclass: \nexpire: 0\ngid: 20\n"
                "home: /home/amelia\nname: amelia\npasswd: NEW\nrealname: A. Pond\nshell: /bin/sh\n"
                "uid: 501\n");
        assert_string_equal(applied("passwd", FLAT_MERGE_VALUES, &old, text), /* check 2: passwd is NEW Qx9 */
                            "_writers_passwd: amelia\nchange: 0\nclass: \nexpire: 0\ngid: 20\n"
                            "home: /home/amelia\nname: amelia ames\npasswd: NEW Qx9\n"
                            "realname: A. Pond Amelia Pond-Ruiz\nshell: /bin/sh /bin/zsh\nuid: 501\n"
                            "netgroups: staff planners\n");
        assert_string_equal(applied("passwd", FLAT_UPDATE, &old, text),
                            "name: amelia ames\nuid: 501\ngid: 20\npasswd: NEW\nrealname: A. Pond\n"
                            "home: /home/amelia\nshell: /bin/sh\nnetgroups: staff planners\n"
                            "change: 0\nclass: \nexpire: 0\n");
}

/* `x` and what seven fields cannot say leave a record alone (doc/tools.md 6.4). */
static void test_seven_fields(void **state)
{
        (void)state;
        static const char text[] = "amelia:x:502:20:Amelia Pond-Ruiz:/home/amelia:/bin/zsh";
        struct proplist old = amelia();
        assert_true(proplist_add_str(&old, &a, "expire", "86400"));
        static const char want[] = "name: amelia ames\nuid: 502\ngid: 20\npasswd: Qx9\n"
                                   "realname: Amelia Pond-Ruiz\nhome: /home/amelia\nshell: /bin/zsh\n"
                                   "netgroups: staff planners\nexpire: 86400\n";
        assert_string_equal(applied("passwd", FLAT_UPDATE, &old, text), want);
        assert_non_null(strstr(applied("passwd", FLAT_OWNED, &old, text), "passwd: Qx9\n"));
        assert_non_null(strstr(applied("passwd", FLAT_OWNED, &old, text), "expire: 86400\n"));
        assert_non_null(strstr(applied("passwd", FLAT_MERGE_VALUES, &old, text), "passwd: Qx9\n"));
        assert_non_null(strstr(applied("passwd", FLAT_UPDATE, NULL, text), "passwd: x\n"));
}

static void test_shadow(void **state)
{
        (void)state;
        struct proplist old = amelia();
        assert_true(proplist_add_str(&old, &a, "shadow_max", "90"));
        assert_string_equal(
                applied("shadow", FLAT_UPDATE, &old, "amelia:$y$:19000:::7:::"),
                "name: amelia ames\nuid: 501\ngid: 20\npasswd: $y$\nrealname: Amelia Pond-Ruiz\n"
                "home: /home/amelia\nshell: /bin/zsh\nnetgroups: staff planners\n"
                "expire: 0\nshadow_lastchange: 19000\nshadow_warning: 7\n"); /* shadow_max is gone */
}

static void test_lists(void **state)
{
        (void)state;
        const struct proplist crew = record_of(&a, "name", "crew", NULL, "gid", "30", NULL, "users", "basil",
                                               "amelia", NULL, "realname", "The crew", END);
        assert_string_equal(applied("group", FLAT_UPDATE, &crew, "crew:x:31:amelia,cordelia"),
                            "name: crew\ngid: 31\nusers: basil amelia cordelia\nrealname: The crew\n");
        assert_string_equal(applied("group", FLAT_OWNED, &crew, "crew:x:31:amelia,cordelia"),
                            "name: crew\ngid: 31\nusers: amelia cordelia\nrealname: The crew\npasswd: x\n");
        const struct proplist quill = record_of(&a, "name", "quill", NULL, "ip_address", "10.1.1.7", NULL,
                                                "serves", "./network", END);
        assert_string_equal(
                applied("hosts", FLAT_UPDATE, &quill, "10.1.2.7 quill q\n::5 quill\n"),
                "name: quill q\nip_address: 10.1.1.7 10.1.2.7\nserves: ./network\nipv6_address: ::5\n");
        assert_string_equal(applied("hosts", FLAT_OWNED, &quill, "::5 quill\n"),
                            "name: quill\nserves: ./network\nipv6_address: ::5\n");
        assert_string_equal(applied("services", FLAT_OWNED, NULL, "smtp 25/tcp mail\nsmtp 25/udp\n"), /* 3 */
                            "name: smtp mail\nport: 25\nprotocol: tcp udp\n");
        const struct proplist mount =
                record_of(&a, "name", "q:/x", NULL, "dir", "/y", NULL, "dump_freq", "5", END);
        assert_string_equal(applied("fstab", FLAT_OWNED, &mount, "q:/x /y nfs rw 1 0"), /* tools.md 6.11 */
                            "name: q:/x\ndir: /y\nfreq: 1\nopts: rw\npassno: 0\nvfstype: nfs\n");
}

/* Every mode but -m's first time changes nothing the second time. */
static void test_repeating(void **state)
{
        (void)state;
        static const struct {
                const char *format, *text;
        } cases[] = {{"passwd", "amelia:x:501:20:A. Pond:/home/amelia:/bin/sh"},
                     {"passwd", "amelia:NEW:501:20::0:0:A. Pond:/home/amelia:/bin/sh"},
                     {"shadow", "amelia:$y$:19000:::7::20000:"},
                     {"group", "amelia:*:501:amelia,basil"},
                     {"hosts", "10.0.0.1 amelia pond\n10.0.0.2 amelia\n::1 pond2\n"},
                     {"printcap", "amelia|lobby:lp=:mx#0:sh:"}};
        static const enum flat_mode modes[] = {FLAT_UPDATE, FLAT_OWNED, FLAT_MERGE_VALUES, FLAT_REPLACE_ALL};
        for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
                for (unsigned m = 0; m < 4; m++) {
                        const struct flat_format *f = flat_format(cases[i].format);
                        struct flat_file file;
                        struct flat_item item;
                        struct flat_why why;
                        struct proplist old = amelia(), once, twice;
                        assert_true(flat_file_read(&file, f, bytes_str(cases[i].text), &strict, &why));
                        assert_true(flat_file_item(&file, 0, &a, &item));
                        assert_true(flat_apply(f, modes[m], &old, &item, &a, &once));
                        assert_false(flat_same(&old, &once));
                        assert_true(flat_apply(f, modes[m], &once, &item, &a, &twice));
                        assert_true(flat_same(&once, &twice));
                        flat_file_done(&file);
                }
}

/* A second property of the same name is nobody's business: it stays. */
static void test_double_property(void **state)
{
        (void)state;
        const struct proplist old = record_of(&a, "name", "g", NULL, "gid", "1", NULL, "gid", "7", END);
        assert_string_equal(applied("group", FLAT_OWNED, &old, "g:*:2:"),
                            "name: g\ngid: 2\ngid: 7\npasswd: *\nusers:\n");
}

static void test_owns(void **state)
{
        (void)state;
        assert_true(flat_owns(flat_format("hosts"), BYTES_LIT("ip_address")));
        assert_true(flat_owns(flat_format("hosts"), BYTES_LIT("name")));
        assert_false(flat_owns(flat_format("hosts"), BYTES_LIT("serves")));
        assert_true(flat_owns(flat_format("printcap"), BYTES_LIT("anything")));
        assert_true(flat_by_port(flat_format("services")));
        assert_true(flat_needs_record(flat_format("shadow")));
        assert_false(flat_needs_record(flat_format("passwd")));
        for (unsigned i = 0; flat_format_at(i); i++)
                assert_ptr_equal(flat_format(flat_name(flat_format_at(i))), flat_format_at(i));
}

static int begin(void **state)
{
        (void)state;
        arena_init(&a, 0);
        return 0;
}

static int end(void **state)
{
        (void)state;
        arena_done(&a);
        return 0;
}

#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
        const struct CMUnitTest tests[] = {
                T(test_passwd), T(test_seven_fields), T(test_shadow),          T(test_lists),
                T(test_owns),   T(test_repeating),    T(test_double_property),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
