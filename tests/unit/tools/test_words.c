/* The words of `ni set`, `ni add`, `ni rm`: what they make of text, and what they refuse. Also output. */
#include "tools/talk_edit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static const struct talk_manual manual = {.command = "test", .synopsis = "test", .about = "test"};
static char word_ni[] = "test";
static char *no_words[] = {word_ni, NULL};

static void begin(struct talk *t)
{
        talk_begin(t, &manual, 1, no_words);
}

/* "key=[v1][v2] key2=" for a list. */
static const char *show(struct talk *t, const struct proplist *l)
{
        struct buf out;
        buf_init(&out, 0);
        for (uint32_t i = 0; i < l->n; i++) {
                buf_printf(&out, "%s%.*s=", i ? " " : "", BYTES_FMT(l->v[i].name));
                for (uint32_t k = 0; k < l->v[i].values.n; k++)
                        buf_printf(&out, "[%.*s]", BYTES_FMT(l->v[i].values.v[k]));
        }
        const char *text = arena_str(&t->arena, buf_bytes(&out));
        buf_done(&out);
        return text;
}

static void words_become_properties(void **state)
{
        struct talk t;
        struct proplist l = {0};
        (void)state;
        begin(&t);
        assert_true(edit_word(&t, &l, "shell=/bin/zsh"));
        assert_true(edit_word(&t, &l, "realname=Ada = L\\"));
        assert_true(edit_word(&t, &l, "users=ada"));
        assert_true(edit_word(&t, &l, "empty="));
        assert_true(edit_word(&t, &l, "none"));
        assert_true(edit_word(&t, &l, "users=grace"));
        assert_true(edit_word(&t, &l, "a\\=b\\\\c=d"));
        assert_true(edit_word(&t, &l, "none")); /* twice is once */
        assert_string_equal(
                "shell=[/bin/zsh] realname=[Ada = L\\] users=[ada][grace] empty=[] none= a=b\\c=[d]",
                show(&t, &l));
        assert_true(edit_word(&t, &l, "none=now"));
        assert_int_equal(1, proplist_get(&l, BYTES_LIT("none"))->values.n);
        assert_int_equal(EXIT_ANSWERED, talk_end(&t));
}

static void secrets_on_the_command_line_are_refused(void **state)
{
        static const char *const fine[] = {"passwd=*", "passwd=!", "passwd=!!",     "passwd=x",
                                           "passwd=",  "passwd",   "password=open", "gecos=passwd=x"};
        static const char *const bad[] = {"passwd=secret", "passwd=$6$salt$hash", "passwd=!$6$salt$hash"};
        (void)state;
        for (size_t i = 0; i < sizeof(fine) / sizeof(fine[0]); i++) {
                struct talk t;
                struct proplist l = {0};
                begin(&t);
                assert_true(edit_word(&t, &l, fine[i]));
                assert_int_equal(EXIT_ANSWERED, talk_end(&t));
        }
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                struct talk t;
                struct proplist l = {0};
                begin(&t);
                assert_false(edit_word(&t, &l, bad[i]));
                assert_int_equal(0, l.n);
                assert_int_equal(EXIT_USAGE, talk_end(&t));
        }
}

static void words_that_are_none(void **state)
{
        static const char *const bad[] = {"", "=value"};
        (void)state;
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                struct talk t;
                struct proplist l = {0};
                begin(&t);
                assert_false(edit_word(&t, &l, bad[i]));
                assert_int_equal(EXIT_USAGE, talk_end(&t));
        }
        struct talk t;
        struct proplist l = {0};
        char *big = malloc(NI_NAME_MAX + 10);
        begin(&t);
        memset(big, 'v', NI_NAME_MAX + 9);
        big[1] = '=';
        big[NI_NAME_MAX + 2] = '\0';
        assert_true(edit_word(&t, &l, big)); /* 65535 bytes */
        big[NI_NAME_MAX + 2] = 'v';
        big[NI_NAME_MAX + 3] = '\0';
        assert_false(edit_word(&t, &l, big));
        assert_int_equal(EXIT_USAGE, talk_end(&t));
        free(big);
}

static void values_from_files(void **state)
{
        char path[] = "/tmp/netinfo-test-XXXXXX", word[64];
        const int fd = mkstemp(path);
        struct talk t;
        struct proplist l = {0};
        (void)state;
        assert_true(fd >= 0);
        assert_int_equal(13, write(fd, "$6$a$b\nmore\n\n", 13));
        snprintf(word, sizeof(word), "passwd=%s", path);
        begin(&t);
        assert_true(edit_file(&t, &l, word));
        assert_string_equal("passwd=[$6$a$b\nmore\n]", show(&t, &l)); /* without the last newline only */
        assert_int_equal(0, ftruncate(fd, NI_NAME_MAX + 2));
        assert_false(edit_file(&t, &l, word)); /* too long */
        assert_int_equal(EXIT_FAILED, t.exit);
        assert_int_equal(0, ftruncate(fd, 3));
        assert_int_equal(1, pwrite(fd, "", 1, 1));
        assert_false(edit_file(&t, &l, word)); /* a NUL inside */
        assert_false(edit_file(&t, &l, "passwd=/nowhere/at/all"));
        assert_int_equal(EXIT_FAILED, t.exit);
        assert_false(edit_file(&t, &l, "passwd"));
        assert_int_equal(EXIT_USAGE, talk_end(&t));
        close(fd);
        unlink(path);
}

/* What `print` writes to standard output. */
static const char *printed(struct talk *t, void (*print)(struct talk *, struct bytes), struct bytes b)
{
        char path[] = "/tmp/netinfo-test-XXXXXX";
        static char text[256];
        const int fd = mkstemp(path), before = dup(STDOUT_FILENO);
        fflush(stdout);
        dup2(fd, STDOUT_FILENO);
        print(t, b);
        fflush(stdout);
        dup2(before, STDOUT_FILENO);
        const ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
        text[n > 0 ? n : 0] = '\0';
        close(fd);
        close(before);
        unlink(path);
        return text;
}

static void print_quoted(struct talk *t, struct bytes b)
{
        talk_quoted(t, BYTES_LIT("k"), b);
}

static void values_are_escaped_on_a_terminal_only(void **state)
{
        static const struct {
                struct bytes raw;
                const char *terminal;
        } rows[] = {
                {BYTES_LIT("plain \xc3\xa9"), "plain \xc3\xa9"},
                {BYTES_LIT("\x1b[31m"), "\\x1B[31m"},
                {BYTES_LIT("a\nb\tc\x7f"), "a\\x0Ab\\x09c\\x7F"},
                {BYTES_LIT("\xc2\x9b"
                           "31m"),
                 "\\xC2\\x9B"
                 "31m"}, /* CSI as one character */
                {BYTES_LIT("\xc2\xa0"), "\xc2\xa0"},
                {BYTES_LIT("\xc2"), "\xc2"},
        };
        struct talk t;
        (void)state;
        begin(&t);
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                t.terminal = true;
                assert_string_equal(rows[i].terminal, printed(&t, talk_value, rows[i].raw));
                t.terminal = false;
                assert_string_equal((const char *)rows[i].raw.data, printed(&t, talk_value, rows[i].raw));
        }
        talk_end(&t);
}

static void words_come_back_as_the_shell_wants_them(void **state)
{
        struct talk t;
        (void)state;
        begin(&t);
        assert_string_equal("k=/bin/zsh", printed(&t, print_quoted, BYTES_LIT("/bin/zsh")));
        assert_string_equal("k='Ada L'", printed(&t, print_quoted, BYTES_LIT("Ada L")));
        assert_string_equal("k='it'\\''s $HOME'", printed(&t, print_quoted, BYTES_LIT("it's $HOME")));
        assert_string_equal("k=", printed(&t, print_quoted, BYTES_NONE));
        assert_string_equal("k='*'", printed(&t, print_quoted, BYTES_LIT("*")));
        assert_string_equal("k=M\xc3\xbcller", printed(&t, print_quoted, BYTES_LIT("M\xc3\xbcller")));
        talk_end(&t);
}

static void json_holds_any_bytes(void **state)
{
        (void)state;
        json_t *j = talk_json_bytes(BYTES_LIT("M\xc3\xbcller"));
        assert_string_equal("M\xc3\xbcller", json_string_value(j));
        json_decref(j);
        j = talk_json_bytes(BYTES_LIT("\xff\x00z"));
        assert_string_equal("ff007a", json_string_value(json_object_get(j, "hex")));
        json_decref(j);
        j = talk_json_bytes(BYTES_NONE);
        assert_string_equal("", json_string_value(j));
        json_decref(j);
        struct bytes values[] = {BYTES_LIT("1"), BYTES_LIT("2")};
        struct property props[] = {{BYTES_LIT("a"), {values, 2}}, {BYTES_LIT("a"), {NULL, 0}}};
        j = talk_json_props(&(struct proplist){props, 2});
        char *text = json_dumps(j, JSON_COMPACT | JSON_SORT_KEYS);
        assert_string_equal("[{\"name\":\"a\",\"values\":[\"1\",\"2\"]},{\"name\":\"a\",\"values\":[]}]",
                            text);
        free(text);
        json_decref(j);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(words_become_properties),
                cmocka_unit_test(secrets_on_the_command_line_are_refused),
                cmocka_unit_test(words_that_are_none),
                cmocka_unit_test(values_from_files),
                cmocka_unit_test(values_are_escaped_on_a_terminal_only),
                cmocka_unit_test(words_come_back_as_the_shell_wants_them),
                cmocka_unit_test(json_holds_any_bytes),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
