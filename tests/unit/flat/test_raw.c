/* doc/tools.md section 7: the raw format, both directions. */
#include "test_flat.h"

#include "flat/raw.h"

static struct arena a;

/* Parsed and printed again; or "line N: reason". */
static const char *again(const char *text)
{
        struct raw_dir d;
        struct flat_why why;
        struct buf b;
        buf_init(&b, 0);
        if (raw_parse(bytes_str(text), &a, &d, &why))
                raw_print(&d, &b);
        else
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
        struct raw_dir d;
        struct flat_why why;
        assert_false(raw_parse(BYTES_LIT("a = b\0c;"), &a, &d, &why));
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
                T(test_example),
                T(test_hand_written),
                T(test_escapes),
                T(test_errors),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
