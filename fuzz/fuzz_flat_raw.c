/* The raw format: what parses, printed and parsed again, prints the same. */
#include "check.h"
#include "flat/raw.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct raw_dir d, e;
        struct flat_why why;
        struct arena a;
        struct buf first, second;
        arena_init(&a, (size_t)64 << 20);
        buf_init(&first, 0);
        buf_init(&second, 0);
        if (raw_parse(bytes_of(data, size), &a, &d, &why)) {
                raw_print(&d, &first);
                CHECK(raw_parse(buf_bytes(&first), &a, &e, &why));
                raw_print(&e, &second);
                CHECK(bytes_eq(buf_bytes(&first), buf_bytes(&second)));
        } else {
                CHECK(why.line > 0 && why.text[0]);
        }
        buf_done(&first);
        buf_done(&second);
        arena_done(&a);
        return 0;
}
