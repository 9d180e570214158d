/* Results of program 200100000. First byte: procedure. */
#include "stable.h"
#include "wire/ni.h"

static bool recode(unsigned proc, struct xdr_in *in, struct arena *a, struct buf *out)
{
        struct ni_result result;
        if (!ni_result_decode((enum ni_proc)proc, in, a, &result))
                return false;
        ni_result_encode((enum ni_proc)proc, &result, out);
        return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        if (size)
                check_stable(recode, data[0] % NI_PROC_COUNT, bytes_of(data + 1, size - 1), false);
        return 0;
}
