/* A text in pieces says what it says as a whole: every format, records cut nowhere, lines numbered through
 * (doc/flat-files.md "Streams"). */
#include "test_flat.h"

#define PIECE ((size_t)1 << 16)
#define SIZE  (5 * PIECE / 2)

/* Lines of one format, %u counts; with all that may stand at the end of a piece: continuations, comments,
 * nothing, lines that are wrong. */
static const struct {
        const char *format, *header, *line;
} texts[] = {
        {"passwd", "", "u%u:x:%u:20::0:0:Some Body:/home/u:/bin/sh\n# comment\\\nbad line\n\n"},
        {"group", "", "g%u:*:%u:a,b,c\r\n+\n"},
        {"hosts", "", "10.%2$u.0.1 h%1$u alias # tail\n  \nnonsense\n"},
        {"bootptab", "head\nmore\n%%\n", "m%u 1 0:1:2:3:4:%u 10.0.0.1 mach\n%%\n"},
        {"bootparams", "", "c%u root=q:/e \\\n\tswap=q:/s%u \\\n dump=q:/d\n# comment\\\n"},
        {"printcap", "", "p%u|lobby: \\\n\t:lp=:mx#%u: \\\r\n\t:sh:\r\n\n"},
        {"aliases", "", "l%u: a, b,\n\tc%u,\n  d\n\t\n# comment\n nothing before\n"},
        {"netgroup", "", "n%u (h%u,,) \\\n(,u,)\n"},
        {"services", "", "s%u %u/tcp\nwrong\n"},
};

struct source {
        const char *data;
        size_t len, at, step;
};

static size_t give(void *context, uint8_t *to, size_t n)
{
        struct source *s = context;
        n = n < s->step ? n : s->step;
        n = n < s->len - s->at ? n : s->len - s->at;
        if (n)
                memcpy(to, s->data + s->at, n);
        s->at += n;
        return n;
}

/* What a reading found: records one after the other, lines that were skipped. */
struct found {
        struct buf records;
        uint64_t skipped; /* a hash of their numbers */
        uint32_t count, lines;
};

static void on_skipped(void *context, const struct flat_why *why)
{
        struct found *f = context;
        f->skipped = f->skipped * 1000003 + why->line;
        f->count++;
}

static void collect(const struct flat_file *file, struct found *f)
{
        struct arena a;
        arena_init(&a, 0);
        for (uint32_t i = 0; i < file->entry_count; i++) {
                struct flat_item item;
                arena_reset(&a);
                assert_true(flat_file_item(file, i, &a, &item));
                buf_puts(&f->records, shown(&a, &item.props));
        }
        f->lines = file->lines;
        arena_done(&a);
}

static struct found read_whole(const char *format, struct bytes text)
{
        struct found f = {.skipped = 0};
        const struct flat_options o = {.key = {1, 2}, .skipped = on_skipped, .context = &f};
        struct flat_file file;
        struct flat_why why;
        buf_init(&f.records, 0);
        assert_true(flat_file_read(&file, flat_format(format), text, &o, &why));
        collect(&file, &f);
        flat_file_done(&file);
        return f;
}

static struct found read_pieces(const char *format, struct bytes text, size_t step, unsigned least)
{
        struct found f = {.skipped = 0};
        const struct flat_options o = {.key = {1, 2}, .skipped = on_skipped, .context = &f};
        struct source source = {(const char *)text.data, text.len, 0, step};
        struct flat_pieces p;
        struct flat_file file;
        struct flat_why why;
        unsigned n = 0;
        buf_init(&f.records, 0);
        flat_pieces_init(&p, flat_format(format), &o, give, &source);
        p.piece = least > 1 ? PIECE : FLAT_PIECE;
        for (; flat_pieces_next(&p, &file, &why); n++) {
                collect(&file, &f);
                flat_file_done(&file);
        }
        assert_string_equal(why.text, "");
        assert_true(n >= least);
        flat_pieces_done(&p);
        return f;
}

static void same(struct found *x, struct found *y)
{
        assert_int_equal(x->records.len, y->records.len);
        assert_true(bytes_eq(buf_bytes(&x->records), buf_bytes(&y->records)));
        assert_int_equal(x->count, y->count);
        assert_int_equal(x->skipped, y->skipped);
        assert_int_equal(x->lines, y->lines);
        buf_done(&y->records);
}

static void test_as_a_whole(void **state)
{
        (void)state;
        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
                struct buf text;
                buf_init(&text, 0);
                buf_puts(&text, texts[i].header);
                for (unsigned k = 0; text.len < SIZE; k++) {
                        char line[200];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
                        snprintf(line, sizeof(line), texts[i].line, k, k % 250);
#pragma GCC diagnostic pop
                        buf_puts(&text, line);
                }
                struct found whole = read_whole(texts[i].format, buf_bytes(&text));
                assert_true(whole.records.len > SIZE / 4);
                const size_t steps[] = {SIZE_MAX, 1021, 65536};
                for (unsigned s = 0; s < 3; s++) {
                        struct found cut = read_pieces(texts[i].format, buf_bytes(&text), steps[s], 2);
                        same(&whole, &cut);
                }
                /* A last line without its end. */
                buf_puts(&text, "# the last line");
                struct found open = read_whole(texts[i].format, buf_bytes(&text));
                struct found cut = read_pieces(texts[i].format, buf_bytes(&text), 70000, 2);
                same(&open, &cut);
                buf_done(&open.records);
                buf_done(&whole.records);
                buf_done(&text);
        }
}

static void test_empty_and_small(void **state)
{
        (void)state;
        struct found nothing = read_pieces("group", BYTES_NONE, 1, 0);
        assert_int_equal(nothing.records.len, 0);
        buf_done(&nothing.records);
        struct found one = read_pieces("group", BYTES_LIT("a:*:1:\nb:*:2:x"), 1, 1);
        struct found whole = read_whole("group", BYTES_LIT("a:*:1:\nb:*:2:x"));
        same(&whole, &one);
        buf_done(&whole.records);
}

/* One record longer than a piece is one all the same; one without end is refused with its line. */
static void test_long_records(void **state)
{
        (void)state;
        struct buf text;
        buf_init(&text, 0);
        buf_puts(&text, "first: a\nlong:");
        for (unsigned i = 0; i < 60000; i++)
                buf_printf(&text, " some.longer.name.%05u@example.org,\n", i);
        buf_puts(&text, " last\nafter: b\n");
        assert_true(text.len > 2 * FLAT_PIECE);
        struct found whole = read_whole("aliases", buf_bytes(&text));
        struct found cut = read_pieces("aliases", buf_bytes(&text), SIZE_MAX, 1);
        same(&whole, &cut);
        buf_done(&whole.records);

        buf_clear(&text);
        buf_puts(&text, "a:*:1:\n");
        memset(buf_add(&text, FLAT_LINE_MAX + 3 * FLAT_PIECE), 'x', FLAT_LINE_MAX + 3 * FLAT_PIECE);
        struct source source = {(const char *)text.data, text.len, 0, SIZE_MAX};
        struct flat_pieces p;
        struct flat_file file;
        struct flat_why why;
        flat_pieces_init(&p, flat_format("group"), &loose, give, &source);
        assert_true(flat_pieces_next(&p, &file, &why));
        assert_int_equal(file.entry_count, 1);
        flat_file_done(&file);
        assert_false(flat_pieces_next(&p, &file, &why));
        assert_int_equal(why.line, 2);
        assert_non_null(strstr(why.text, "longer than 16 MiB"));
        flat_pieces_done(&p);
        buf_done(&text);
}

/* FLAT_UNITE: what a further line adds. */
static void test_unite(void **state)
{
        (void)state;
        struct arena a;
        struct proplist now;
        arena_init(&a, 0);
        const struct proplist old = record_of(&a, "name", "domain", "ns", NULL, "protocol", "tcp", NULL,
                                              "port", "53", NULL, "note", "kept", NULL, NULL);
        const struct flat_item item = {.props = record_of(&a, "name", "domain", NULL, "port", "53", NULL,
                                                          "protocol", "udp", "tcp", NULL, NULL)};
        assert_true(flat_apply(flat_format("services"), FLAT_UNITE, &old, &item, &a, &now));
        assert_string_equal(shown(&a, &now), "name: domain ns\nprotocol: tcp udp\nport: 53\nnote: kept\n");
        arena_done(&a);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_as_a_whole),
                cmocka_unit_test(test_empty_and_small),
                cmocka_unit_test(test_long_records),
                cmocka_unit_test(test_unite),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
