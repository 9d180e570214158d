/* Differences of two encoded property lists from a server: the first two bytes say how long the first one is.
 */
#include "tools/log_diff.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool good)
{
        if (!good)
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct arena a;
        struct diff there, back, none;
        if (size < 2)
                return 0;
        const struct bytes rest = bytes_of(data + 2, size - 2);
        const struct bytes before = bytes_sub(rest, 0, (size_t)data[0] << 8 | data[1]);
        const struct bytes after = bytes_sub(rest, before.len, rest.len);
        arena_init(&a, LIMIT_ARENA);
        const bool good = diff_lists(before, after, &a, &there);
        check(good == diff_lists(after, before, &a, &back));
        if (good) { /* what one way removes, the other adds */
                check(there.removed_count == back.added_count && there.added_count == back.removed_count);
                check(there.order == back.order && there.hidden == back.hidden);
                for (uint32_t i = 0; i < there.removed_count; i++)
                        check(bytes_eq(there.removed[i].name, back.added[i].name));
                check(diff_lists(before, before, &a, &none));
                check(none.removed_count == 0 && none.added_count == 0 && !none.order);
        }
        arena_done(&a);
        return 0;
}
