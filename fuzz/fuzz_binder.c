/* Arguments and results of program 200100001. First byte: procedure, and from 128 on its result. */
#include "stable.h"
#include "wire/binder.h"

static bool recode_args(unsigned proc, struct xdr_in *in, struct arena *a, struct buf *out)
{
        struct binder_args args;
        (void)a;
        if (!binder_args_decode((enum nibind_proc)proc, in, &args))
                return false;
        binder_args_encode((enum nibind_proc)proc, &args, out);
        return true;
}

static bool recode_result(unsigned proc, struct xdr_in *in, struct arena *a, struct buf *out)
{
        struct binder_result result;
        (void)a;
        if (!binder_result_decode((enum nibind_proc)proc, in, &result))
                return false;
        binder_result_encode((enum nibind_proc)proc, &result, out);
        return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        if (size)
                check_stable(data[0] < 128 ? recode_args : recode_result, data[0] % 128 % NIBIND_PROC_COUNT,
                             bytes_of(data + 1, size - 1), false);
        return 0;
}
