/* LDIF: whatever is read becomes records that print as LDIF which reads again, to the same LDIF. */
#include "check.h"
#include "flat/ldif.h"

/* Every entry of a text, as every record it is, printed again. */
static bool again(struct bytes text, struct buf *out)
{
        struct ldif_reader r = {text, 1};
        struct flat_why why = {0};
        struct arena a;
        enum ldif_outcome outcome;
        struct proplist entry;
        arena_init(&a, 64u << 20);
        while ((outcome = ldif_next(&r, &a, &entry, &why)) == LDIF_ENTRY) {
                const char *format;
                for (unsigned i = 0; (format = ldif_format(&entry, i)); i++) {
                        struct proplist props;
                        if (!ldif_record(&entry, format, &a, &props))
                                continue;
                        unsigned top = 0;
                        const char *directory = flat_directory(flat_format(format));
                        while (strcmp(ldif_directory(top), directory) != 0)
                                top++;
                        ldif_print(top, &props, BYTES_LIT("dc=x"), &a, out, &why);
                }
                arena_reset(&a);
        }
        CHECK(outcome == LDIF_END || (why.line && why.text[0]));
        arena_done(&a);
        return outcome == LDIF_END;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct buf first, second, third;
        buf_init(&first, 0);
        buf_init(&second, 0);
        buf_init(&third, 0);
        if (again(bytes_of(data, size), &first)) {
                CHECK(again(buf_bytes(&first), &second));
                CHECK(again(buf_bytes(&second), &third));
                CHECK(bytes_eq(buf_bytes(&second), buf_bytes(&third)));
        }
        buf_done(&first);
        buf_done(&second);
        buf_done(&third);
        return 0;
}
