/* Reply headers: what decodes can be written again and reads the same. */
#include "check.h"
#include "wire/call.h"

static void write_again(const struct rpc_reply *r, struct buf *out)
{
        if (r->denied && r->stat == 0)
                reply_rpc_mismatch(out, r->xid);
        else if (r->denied)
                reply_denied(out, r->xid, (enum auth_stat)r->auth_stat);
        else if (r->stat == ACCEPT_PROG_MISMATCH)
                reply_mismatch(out, r->xid, r->low, r->high);
        else
                reply_accepted(out, r->xid, (enum accept_stat)r->stat);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct xdr_in in = xdr_in(bytes_of(data, size));
        struct rpc_reply r, s;
        struct buf out;
        const enum probe_answer probe = probe_answer_decode(bytes_of(data, size));
        if (!reply_decode(&in, &r)) {
                CHECK(probe == PROBE_BAD);
                return 0;
        }
        CHECK(probe != PROBE_STARTTLS || (!r.denied && r.stat == ACCEPT_SUCCESS && size == 32));
        buf_init(&out, 0);
        write_again(&r, &out);
        struct xdr_in again = xdr_in(buf_bytes(&out));
        CHECK(reply_decode(&again, &s) && xdr_end(&again));
        CHECK(r.xid == s.xid && r.denied == s.denied && r.stat == s.stat && r.auth_stat == s.auth_stat);
        if (r.denied && r.stat == 0) /* we only ever say 2..2 */
                CHECK(s.low == 2 && s.high == 2);
        else
                CHECK(r.low == s.low && r.high == s.high);
        buf_done(&out);
        return 0;
}
