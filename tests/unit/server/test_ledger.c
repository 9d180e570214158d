/* The authority's books: text, and what it says. */
#include "server/ledger.h"

#include <stdlib.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#define DAY 86400u

static struct ledger l;
static struct ledger_why why;

static int setup(void **state)
{
        (void)state;
        ledger_init(&l);
        return 0;
}

static int teardown(void **state)
{
        (void)state;
        ledger_done(&l);
        return 0;
}

static struct ledger_entry a_token(uint8_t number, const char *name, uint64_t until)
{
        struct ledger_entry e = {
                .kind = LEDGER_TOKEN, .uses = 40, .until = until, .when = 7, .has_secret = true};
        static char domains[] = "10.9.0.2/network 10.9.0.4/network, rome/network";
        memset(e.token, number, sizeof(e.token));
        memset(e.secret, 0xa5, sizeof(e.secret));
        snprintf(e.name, sizeof(e.name), "%s", name);
        snprintf(e.from, sizeof(e.from), "10.9.0.0/24");
        snprintf(e.by, sizeof(e.by), "unix uid 0 pid 7%%");
        e.domains = domains;
        return e;
}

static struct ledger_entry a_machine(const char *name, uint8_t serial, uint64_t until)
{
        struct ledger_entry e = {.kind = LEDGER_MACHINE, .until = until, .when = 8};
        memset(e.serial, serial, sizeof(e.serial));
        memset(e.key, 0x11, sizeof(e.key));
        snprintf(e.name, sizeof(e.name), "%s", name);
        snprintf(e.from, sizeof(e.from), "10.9.0.3");
        return e;
}

static void add(struct ledger_entry e)
{
        assert_true(ledger_add(&l, &e));
}

static void text_both_ways(void **state)
{
        static const char expected[] =
                "token=0101010101010101 "
                "secret=a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5 name=* "
                "uses=40 from=10.9.0.0/24 until=1000 server=no again=no by=unix%20uid%200%20pid%207%25 "
                "when=7 "
                "domains=10.9.0.2/network%2010.9.0.4/network,%20rome/network\n"
                "machine=leaf serial=22222222222222222222222222222222 "
                "key=1111111111111111111111111111111111111111111111111111111111111111 until=2000 server=no "
                "state=enrolled when=8 token=0000000000000000 from=10.9.0.3\n";
        struct ledger back;
        struct buf out;
        (void)state;
        add(a_token(1, "", 1000));
        add(a_machine("leaf", 0x22, 2000));
        buf_init(&out, 0);
        ledger_print(&l, &out);
        buf_putc(&out, 0);
        assert_string_equal((const char *)out.data, expected);
        assert_true(ledger_parse(bytes_str(expected), &back, &why));
        assert_int_equal(back.n, 2);
        assert_string_equal(back.v[0].domains, l.v[0].domains);
        assert_string_equal(back.v[0].by, "unix uid 0 pid 7%");
        assert_string_equal(back.v[0].name, "");
        assert_memory_equal(back.v[0].secret, l.v[0].secret, sizeof(l.v[0].secret));
        assert_true(back.v[0].uses == 40 && back.v[0].until == 1000 && back.v[0].when == 7);
        assert_memory_equal(back.v[1].key, l.v[1].key, sizeof(l.v[1].key));
        buf_clear(&out);
        ledger_print(&back, &out);
        assert_true(bytes_eq_str(buf_bytes(&out), expected));
        buf_clear(&out);
        ledger_print_entry(&l.v[0], false, &out);
        assert_true(bytes_starts(buf_bytes(&out), "token=0101010101010101 name=*"));
        buf_done(&out);
        ledger_done(&back);
}

#define TOKEN_START "token=0101010101010101 name=* uses=40 from=* until=1000 server=no again=no "
static void what_is_no_ledger(void **state)
{
        static const struct {
                const char *text, *reason;
        } bad[] = {
                {"\n", "line 1 lacks"},
                {"token=01\n", "line 1 has a value"},
                {TOKEN_START "by=x when=7 domains=", "line 1 has no end"},
                {TOKEN_START "by=x when=7 domains=\n" TOKEN_START "by=x when=7\n", "line 2 lacks"},
                {TOKEN_START "by=x when=7 when=7 domains=\n", "line 1 says something twice"},
                {TOKEN_START "by=x when=-7 domains=\n", "line 1 has a value"},
                {TOKEN_START "by=x%00 when=7 domains=\n", "line 1 has a value"},
                {TOKEN_START "by=x%2 when=7 domains=\n", "line 1 has a value"},
                {TOKEN_START "by=x when=7 domains= colour=red\n", "line 1 has a word"},
                {TOKEN_START "by=x when=7 domains=\tx\n", "line 1 has a value"},
                {TOKEN_START "by=x when=7 domains= state=enrolled\n", "line 1 lacks"},
                {TOKEN_START "by=x when=7  domains=\n", "line 1 has a word"},
        };
        (void)state;
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                struct ledger other;
                assert_false(ledger_parse(bytes_str(bad[i].text), &other, &why));
                if (strncmp(why.text, bad[i].reason, strlen(bad[i].reason)) != 0)
                        fail_msg("%s: %s, not %s", bad[i].text, why.text, bad[i].reason);
        }
        struct ledger good;
        assert_true(ledger_parse(bytes_str(TOKEN_START "by=x when=7 domains=\n"), &good, &why));
        ledger_done(&good);
        assert_true(ledger_parse(BYTES_NONE, &good, &why) && good.n == 0);
}

static void lines_have_a_longest(void **state)
{
        struct ledger_entry e = a_token(1, "", 1000);
        static char many[LIMIT_WHERE + 1];
        (void)state;
        memset(many, ' ', sizeof(many) - 1); /* three bytes each */
        e.domains = many;
        assert_false(ledger_add(&l, &e));
        memset(many, 'x', sizeof(many) - 1);
        assert_true(ledger_add(&l, &e));
        assert_int_equal(l.n, 1);
}

static void who_is_enrolled(void **state)
{
        uint8_t serial[LEDGER_SERIAL_SIZE];
        (void)state;
        add(a_machine("leaf", 1, 100));
        add(a_machine("leaf", 2, 200));
        add(a_machine("leaves", 3, 200));
        memset(serial, 1, sizeof(serial));
        assert_ptr_equal(ledger_find_machine(&l, "leaf", NULL), &l.v[1]);
        assert_ptr_equal(ledger_find_machine(&l, "leaf", serial), &l.v[0]);
        assert_null(ledger_find_machine(&l, "leaves", serial));
        assert_int_equal(ledger_good(&l, "leaf", 99), 2);
        assert_int_equal(ledger_good(&l, "leaf", 100), 1);
        assert_int_equal(ledger_withdraw(&l, "leaf"), 2);
        assert_int_equal(ledger_withdraw(&l, "leaf"), 0);
        assert_null(ledger_find_machine(&l, "leaf", NULL));
        assert_null(ledger_find_machine(&l, "leaf", serial));
        assert_non_null(ledger_find_machine(&l, "leaves", NULL));
        add(a_machine("leaf", 4, 300)); /* enrolled again */
        assert_ptr_equal(ledger_find_machine(&l, "leaf", NULL), &l.v[3]);
        assert_null(ledger_find_machine(&l, "leaf", serial));
}

static void what_is_forgotten(void **state)
{
        (void)state;
        add(a_token(1, "", 1000));
        add(a_token(2, "", 100 * DAY));
        for (uint8_t i = 1; i <= 4; i++)
                add(a_machine("leaf", i, i * DAY));
        add(a_machine("gone", 9, 2 * DAY));
        l.v[6].withdrawn = true;
        ledger_tidy(&l, DAY); /* the first token's secret goes; of leaf's one run out there are newer ones */
        assert_int_equal(l.n, 6);
        assert_true(!l.v[0].has_secret && l.v[1].has_secret);
        assert_int_equal(l.v[0].secret[0], 0);
        assert_int_equal(l.v[2].serial[0], 2);
        ledger_tidy(&l, 10 * DAY); /* all have run out: the two newest can still be renewed */
        assert_int_equal(l.n, 4);
        assert_true(l.v[2].serial[0] == 3 && l.v[3].serial[0] == 4);
        ledger_tidy(&l, 31 * DAY);
        assert_int_equal(l.n, 3);
        assert_int_equal(l.v[0].token[0], 2);
        ledger_tidy(&l, 400 * DAY);
        assert_int_equal(l.n, 0);
}

/* Lines of many machines between each other, some of them withdrawn: of each the two newest stay. */
static void each_machine_for_itself(void **state)
{
        static const char *const names[] = {"oak", "ash", "oa", "elm"};
        (void)state;
        for (uint8_t i = 0; i < 40; i++)
                add(a_machine(names[i * 7 % 4], i, DAY));
        for (size_t i = 30; i < 40; i++) /* elm has no other line that late */
                l.v[i].withdrawn = strcmp(l.v[i].name, "elm") == 0;
        ledger_tidy(&l, 2 * DAY);
        assert_int_equal(l.n, 8);
        for (size_t i = 0; i < l.n; i++) {
                const bool elm = strcmp(l.v[i].name, "elm") == 0;
                assert_true(elm ? l.v[i].serial[0] < 30 && l.v[i].serial[0] >= 22 : l.v[i].serial[0] >= 32);
                assert_true(i == 0 || l.v[i - 1].serial[0] < l.v[i].serial[0]);
        }
}

static void one_is_removed(void **state)
{
        uint8_t token[EXT_TOKEN_SIZE];
        (void)state;
        for (uint8_t i = 1; i <= 20; i++)
                add(a_token(i, i == 7 ? "leaf" : "", 1000));
        memset(token, 7, sizeof(token));
        struct ledger_entry *e = ledger_find_token(&l, token);
        assert_non_null(e);
        assert_string_equal(e->name, "leaf");
        ledger_remove(&l, (size_t)(e - l.v));
        assert_null(ledger_find_token(&l, token));
        assert_int_equal(l.n, 19);
        assert_int_equal(l.v[6].token[0], 8);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        const struct CMUnitTest tests[] = {
                T(text_both_ways),    T(what_is_no_ledger),       T(lines_have_a_longest), T(who_is_enrolled),
                T(what_is_forgotten), T(each_machine_for_itself), T(one_is_removed),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
