/* Results of program 200100000. First byte: procedure. */
#include "stable.h"
#include "wire/ni.h"

#include <stdlib.h>

static bool recode(unsigned proc, struct xdr_in *in, struct arena *a, struct buf *out)
{
        struct ni_result result;
        if (!ni_result_decode((enum ni_proc)proc, in, a, &result))
                return false;
        ni_result_encode((enum ni_proc)proc, &result, out);
        return true;
}

/* READALL object by object says what the whole list says. */
static void check_readall(struct bytes data)
{
        struct ni_result whole, head;
        struct ni_object o;
        struct arena a, b;
        struct xdr_in in = xdr_in(data), again = in;
        arena_init(&a, LIMIT_ARENA);
        arena_init(&b, LIMIT_ARENA);
        const bool good = ni_result_decode(NI_PROC_readall, &in, &a, &whole);
        const bool head_good = ni_readall_head(&again, &head);
        uint32_t n = 0;
        if (good && (!head_good || head.status != whole.status || head.checksum != whole.checksum))
                abort();
        while (head_good && head.status == NI_OK && ni_readall_next(&again, &b, &o)) {
                if (good && (n >= whole.all_count || o.id.object != whole.all[n].id.object ||
                             o.parent != whole.all[n].parent || o.child_count != whole.all[n].child_count ||
                             o.props.n != whole.all[n].props.n))
                        abort();
                n++;
                arena_reset(&b);
        }
        if (good && whole.status == NI_OK && (n != whole.all_count || !xdr_ok(&again)))
                abort();
        arena_done(&a);
        arena_done(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        if (size && data[0] % NI_PROC_COUNT == NI_PROC_readall)
                check_readall(bytes_of(data + 1, size - 1));
        if (size)
                check_stable(recode, data[0] % NI_PROC_COUNT, bytes_of(data + 1, size - 1), false);
        return 0;
}
