/* The authority's ledger: what is read is written as it was. */
#include "check.h"
#include "server/ledger.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct ledger l, back;
        struct ledger_why why;
        struct buf out;
        if (!ledger_parse(bytes_of(data, size), &l, &why))
                return 0;
        buf_init(&out, 0);
        ledger_print(&l, &out);
        CHECK(ledger_parse(buf_bytes(&out), &back, &why));
        CHECK(back.n == l.n);
        struct buf again;
        buf_init(&again, 0);
        ledger_print(&back, &again);
        CHECK(bytes_eq(buf_bytes(&out), buf_bytes(&again)));
        for (uint64_t now = 0; l.n && now < 1000000000; now += 100000000)
                ledger_tidy(&l, now);
        ledger_tidy(&l, UINT64_MAX);
        buf_done(&out);
        buf_done(&again);
        ledger_done(&l);
        ledger_done(&back);
        return 0;
}
