/* Arguments and results of SEARCH and HISTORY. First byte: which. */
#include "stable.h"
#include "wire/ext_search.h"

static bool recode(unsigned which, struct xdr_in *in, struct arena *a, struct buf *out)
{
        struct ext_search_args search;
        struct ext_search_result found;
        struct ext_history_args history;
        struct ext_history_result past;
        bool ok;
        switch (which) {
        case 0:
                ok = ext_search_args_decode(in, a, &search);
                if (ok)
                        ext_search_args_encode(&search, out);
                return ok;
        case 1:
                ok = ext_search_decode(in, a, &found);
                if (ok)
                        ext_search_encode(&found, out);
                return ok;
        case 2:
                ok = ext_history_args_decode(in, &history);
                if (ok)
                        ext_history_args_encode(&history, out);
                return ok;
        default:
                ok = ext_history_decode(in, a, &past);
                if (ok)
                        ext_history_encode(&past, out);
                return ok;
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        if (size)
                check_stable(recode, data[0] % 4, bytes_of(data + 1, size - 1), true);
        return 0;
}
