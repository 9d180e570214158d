/* The raw format: what is well-formed, read by cursors and printed, reads and prints the same again. */
#include "../tests/lib/raw_again.h"
#include "check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct flat_why why;
        struct arena a;
        struct buf first, second;
        arena_init(&a, (size_t)64 << 20);
        buf_init(&first, 0);
        buf_init(&second, 0);
        if (raw_again(bytes_of(data, size), &a, &first, &why)) {
                CHECK(raw_again(buf_bytes(&first), &a, &second, &why));
                CHECK(bytes_eq(buf_bytes(&first), buf_bytes(&second)));
        } else {
                CHECK((why.line > 0 && why.text[0]) || a.failed);
        }
        buf_done(&first);
        buf_done(&second);
        arena_done(&a);
        return 0;
}
