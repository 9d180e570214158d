/* Flat files: the first byte chooses format and strictness, the rest is the file. What strict reading accepts
 * must be printable, and the printed text must read back with as many records and print the same again. Read
 * loosely it must have the same lines in pieces as it has as a whole. */
#include "check.h"
#include "flat/flat.h"

static unsigned formats(void)
{
        unsigned n = 0;
        while (flat_format_at(n))
                n++;
        return n;
}

/* Prints every record faithfully; counts those that have text. */
static uint32_t print_all(const struct flat_file *file, struct buf *out)
{
        uint32_t n = 0;
        struct arena a;
        arena_init(&a, 0);
        buf_puts(out, flat_header(file->format));
        for (uint32_t i = 0; i < file->entry_count; i++) {
                struct flat_item item;
                struct proplist l;
                struct flat_why why;
                const size_t before = out->len;
                arena_reset(&a);
                CHECK(flat_file_item(file, i, &a, &item));
                CHECK(flat_apply(file->format, FLAT_OWNED, NULL, &item, &a, &l));
                CHECK(flat_print(file->format, &l, file->options.strict, &a, out, &why));
                n += out->len > before;
        }
        arena_done(&a);
        return n;
}

struct source {
        struct bytes left;
};

static size_t give(void *context, uint8_t *to, size_t n)
{
        struct source *s = context;
        n = n < s->left.len ? n : s->left.len;
        if (n)
                memcpy(to, s->left.data, n);
        s->left = bytes_sub(s->left, n, s->left.len);
        return n;
}

/* The lines of all pieces are those of the whole, one after the other. */
static void in_pieces(const struct flat_file *whole, size_t size)
{
        struct source source = {whole->text};
        struct flat_pieces p;
        struct flat_file part;
        struct flat_why why;
        uint32_t n = 0, skipped = 0, lines = 0;
        flat_pieces_init(&p, whole->format, &whole->options, give, &source);
        p.piece = size;
        while (flat_pieces_next(&p, &part, &why)) {
                for (uint32_t i = 0; i < part.line_count; i++, n++) {
                        CHECK(n < whole->line_count && part.line[i].number == whole->line[n].number);
                        CHECK(bytes_eq(bytes_sub(part.text, part.line[i].at, part.line[i].len),
                                       bytes_sub(whole->text, whole->line[n].at, whole->line[n].len)));
                }
                skipped += part.skipped;
                lines = part.lines;
                flat_file_done(&part);
        }
        CHECK(!why.text[0] && n == whole->line_count && skipped == whole->skipped && lines == whole->lines);
        flat_pieces_done(&p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        if (size < 1)
                return 0;
        const struct flat_format *f = flat_format_at((data[0] >> 1) % formats());
        const struct flat_options o = {.strict = data[0] & 1, .key = {size, data[0]}};
        struct flat_file file, again;
        struct flat_why why;
        struct buf first, second;
        if (!flat_file_read(&file, f, bytes_of(data + 1, size - 1), &o, &why))
                return 0;
        buf_init(&first, 0);
        buf_init(&second, 0);
        const uint32_t n = print_all(&file, &first);
        if (o.strict) {
                CHECK(flat_file_read(&again, f, buf_bytes(&first), &o, &why));
                CHECK(again.entry_count == n && print_all(&again, &second) == n);
                CHECK(bytes_eq(buf_bytes(&first), buf_bytes(&second)));
                flat_file_done(&again);
        }
        if (!o.strict)
                in_pieces(&file, 1 + size % 61);
        flat_file_done(&file);
        buf_done(&first);
        buf_done(&second);
        return 0;
}
