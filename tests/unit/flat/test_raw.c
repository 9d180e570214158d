/* doc/tools.md section 7: the raw format, both directions. */
#include "test_flat.h"

#include "../../lib/raw_again.h"

static struct arena a;

/* Parsed and printed again; or "line N: reason". */
static const char *again(const char *text)
{
        struct flat_why why;
        struct buf b;
        buf_init(&b, 0);
        if (!raw_again(bytes_str(text), &a, &b, &why))
                buf_printf(&b, "line %u: %s", why.line, why.text);
        const char *s = arena_str(&a, buf_bytes(&b));
        buf_done(&b);
        return s;
}

static const char example[] = "{\n"
                              "  \"name\" = ( \"lookupd\" );\n"
                              "  \"LookupOrder\" = ( \"Cache\", \"NI\" );\n"
                              "  CHILDREN = (\n"
                              "    {\n"
                              "      \"name\" = ( \"hosts\" );\n"
                              "      \"Empty\" = ( );\n"
                              "    },\n"
                              "    {\n"
                              "      \"name\" = ( \"agents\" );\n"
                              "      \"Note\" = ( \"set by \\\"basil\\\"\" );\n"
                              "    }\n"
                              "  )\n"
                              "}\n";

static void test_example(void **state)
{
        (void)state;
        assert_string_equal(again(example), example);
}

static void test_hand_written(void **state)
{
        (void)state;
        assert_string_equal(again("name = printers;\n"
                                  "CHILDREN = ({\n"
                                  "    name = inkwell; lp = \"\"; mx = \"#0\";\n"
                                  "}, {\n"
                                  "    name = plotter; rm = quill; rp = plot;\n"
                                  "});\n"),
                            "{\n"
                            "  \"name\" = ( \"printers\" );\n"
                            "  CHILDREN = (\n"
                            "    {\n"
                            "      \"name\" = ( \"inkwell\" );\n"
                            "      \"lp\" = ( \"\" );\n"
                            "      \"mx\" = ( \"#0\" );\n"
                            "    },\n"
                            "    {\n"
                            "      \"name\" = ( \"plotter\" );\n"
                            "      \"rm\" = ( \"quill\" );\n"
                            "      \"rp\" = ( \"plot\" );\n"
                            "    }\n"
                            "  )\n"
                            "}\n");
        assert_string_equal(again(""), "{\n}\n");
        assert_string_equal(again("a = b c, d ;"), "{\n  \"a\" = ( \"b\", \"c\", \"d\" );\n}\n");
        assert_string_equal(again("a = (x y);"), "{\n  \"a\" = ( \"x\", \"y\" );\n}\n");
        assert_string_equal(again("a = b=c;"), "{\n  \"a\" = ( \"b=c\" );\n}\n"); /* one word */
        assert_string_equal(again("\"CHILDREN\" = x;"), "{\n  \"CHILDREN\" = ( \"x\" );\n}\n");
        assert_string_equal(again("CHILDREN = name = a; , name = b;"),
                            "{\n  CHILDREN = (\n    {\n      \"name\" = ( \"a\" );\n    },\n"
                            "    {\n      \"name\" = ( \"b\" );\n    }\n  )\n}\n");
}

/* Properties and lists of children in any order; a key behind a list needs its escapes. */
static void test_any_order(void **state)
{
        (void)state;
        assert_string_equal(
                again("CHILDREN = ( { CHILDREN = ({ n = 3; }); \\k\\ 1 = a\\;b; n = 1; } ) \\k\\ 2 = x; "
                      "CHILDREN = { n = 2; }, n = 4; k3 = \"\\\\\";"),
                "{\n"
                "  \"k 2\" = ( \"x\" );\n"
                "  CHILDREN = (\n"
                "    {\n"
                "      \"k 1\" = ( \"a;b\" );\n"
                "      \"n\" = ( \"1\" );\n"
                "      CHILDREN = (\n"
                "        {\n"
                "          \"n\" = ( \"3\" );\n"
                "        }\n"
                "      )\n"
                "    },\n"
                "    {\n"
                "      \"n\" = ( \"2\" );\n"
                "    },\n"
                "    {\n"
                "      \"n\" = ( \"4\" );\n"
                "      \"k3\" = ( \"\\\\\" );\n"
                "    }\n"
                "  )\n"
                "}\n");
        assert_string_equal(again("CHILDREN = ( , )"), "{\n  CHILDREN = (\n    {\n    }\n  )\n}\n");
        assert_string_equal(again("CHILDREN = ();"), "{\n}\n");
}

struct heard {
        size_t last;
        unsigned times;
};

static void on_passed(void *context, size_t at)
{
        struct heard *h = context;
        assert_true(at > h->last);
        h->last = at;
        h->times++;
}

/* Who reads a long text is told how far it went, in both ways of reading. */
static void test_passed(void **state)
{
        struct buf b;
        struct flat_why why;
        struct proplist props;
        struct raw_cursor c, below;
        struct heard checked = {0, 0}, top = {0, 0};
        bool end = false;
        (void)state;
        buf_init(&b, 0);
        buf_puts(&b, "CHILDREN = (");
        for (unsigned i = 0; i < 50000; i++)
                buf_printf(&b, "%s{ name = u%u; home = /home/somewhere/u%u; shell = /bin/sh; }", i ? "," : "",
                           i, i);
        buf_puts(&b, ")");
        assert_true(raw_check(buf_bytes(&b), on_passed, &checked, &why));
        assert_true(checked.times >= 2 && checked.times <= b.len >> 20);
        assert_true(raw_top(buf_bytes(&b), on_passed, &top, &a, &props, &c));
        assert_int_equal(top.times, checked.times);
        struct heard walked = {0, 0};
        c.context = &walked;
        unsigned n = 0;
        for (; raw_next(&c, &a, &end, &props, &below) && !end; n++)
                arena_reset(&a);
        assert_true(end);
        assert_int_equal(n, 50000);
        assert_int_equal(walked.times, checked.times);
        buf_done(&b);
}

static void test_escapes(void **state)
{
        (void)state;
        assert_string_equal(again("a = \"\\\\ \\\" \\x\ny\" z\\;w;"),
                            "{\n  \"a\" = ( \"\\\\ \\\" x\ny\", \"z;w\" );\n}\n");
        const char *once = again("a = \"\\\\\\\\\";");
        assert_string_equal(again(once), once);
}

static void test_errors(void **state)
{
        (void)state;
        assert_string_equal(again("name = x; a = (b, c; \n"), "line 1: Expecting right paren \")\"");
        assert_string_equal(again("a\nb"), "line 2: Expecting equal \"=\"");
        assert_string_equal(again("a = b\n}"), "line 2: Expecting semicolon \";\"");
        assert_string_equal(again("a = b;\n\n}"), "line 3: Unexpected right brace \"}\"");
        assert_string_equal(again("{ a = b; "), "line 1: Unexpected end of the text");
        assert_string_equal(again("{ } x"), "line 1: Unexpected token \"x\"");
        assert_string_equal(again("( a = b; )"), "line 1: Unexpected token \"(\"");
        assert_string_equal(again("a = \"b\nc"), "line 2: A quoted word does not end");
        struct buf b;
        buf_init(&b, 0);
        for (unsigned i = 0; i < RAW_DEPTH_MAX; i++)
                buf_puts(&b, "{ CHILDREN = ( ");
        assert_string_equal(again(arena_str(&a, buf_bytes(&b))), "line 1: More than 256 levels of CHILDREN");
        buf_done(&b);
        struct flat_why why;
        assert_false(raw_check(BYTES_LIT("a = b\0c;"), NULL, NULL, &why));
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
                T(test_example), T(test_hand_written), T(test_any_order),
                T(test_passed),  T(test_escapes),      T(test_errors),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
