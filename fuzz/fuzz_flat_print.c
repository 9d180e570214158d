/* Any record, printed in any format: what a faithful print gives is one record with the same name, never a
 * second line that somebody smuggled in. The first byte chooses the format, the rest is an XDR ni_proplist.
 */
#include "check.h"
#include "flat/flat.h"

static void check(const struct flat_format *f, const struct proplist *l, struct bytes text, struct arena *a)
{
        const struct flat_options strict = {.strict = true};
        struct flat_file file;
        struct flat_item item;
        struct flat_why why;
        struct buf whole;
        buf_init(&whole, 0);
        buf_puts(&whole, flat_header(f));
        buf_put(&whole, text);
        CHECK(flat_file_read(&file, f, buf_bytes(&whole), &strict, &why) && file.entry_count == 1);
        CHECK(flat_file_item(&file, 0, a, &item));
        const struct bytes name = proplist_first(&item.props, "name");
        CHECK(bytes_eq_str(name, "resolver") || bytes_eq(name, proplist_first(l, "name")));
        flat_file_done(&file);
        buf_done(&whole);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        unsigned n = 0;
        if (size < 1)
                return 0;
        while (flat_format_at(n))
                n++;
        const struct flat_format *f = flat_format_at(data[0] % n);
        struct xdr_in in = xdr_in(bytes_of(data + 1, size - 1));
        struct flat_why why;
        struct arena a;
        struct buf out;
        arena_init(&a, 64u << 20);
        buf_init(&out, 0);
        const struct proplist l = xdr_proplist(&in, &a);
        if (xdr_ok(&in) && flat_print(f, &l, true, &a, &out, &why) && out.len)
                check(f, &l, buf_bytes(&out), &a);
        if (xdr_ok(&in))
                flat_print(f, &l, false, &a, &out, &why);
        buf_done(&out);
        arena_done(&a);
        return 0;
}
