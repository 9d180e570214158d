/* What strangers send to port 111, and what a port mapper answers us. */
#include "check.h"

#include "server/portmap_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        const struct bytes datagram = bytes_of(data, size);
        struct xdr_in in = xdr_in(datagram);
        struct rpc_call call = {0};
        struct pmap_args args = {.procedure = 9};
        uint32_t word = 5;
        for (uint32_t xid = 0; xid < 2; xid++)
                if (!pmap_reply_decode(datagram, xid, &word))
                        CHECK(word == 5);
                else
                        word = 5;
        if (call_decode(&in, &call) != CALL_OK || call.procedure >= PMAP_PROC_COUNT)
                return 0;
        if (!pmap_args_decode((enum pmap_proc)call.procedure, &in, &args)) {
                CHECK(args.procedure == 9);
                return 0;
        }
        if (call.procedure == PMAP_CALLIT) /* a view into the datagram */
                CHECK(args.args.len == 0 ||
                      (args.args.data >= data && args.args.data + args.args.len <= data + size));
        struct buf out;
        struct pmap_args again;
        buf_init(&out, 0);
        pmap_call_encode(PMAP_GETPORT, 1, &args.entry, &out);
        struct xdr_in back = xdr_in(buf_bytes(&out));
        CHECK(call_decode(&back, &call) == CALL_OK && pmap_args_decode(PMAP_GETPORT, &back, &again) &&
              xdr_end(&back));
        CHECK(again.entry.program == args.entry.program && again.entry.port == args.entry.port);
        buf_done(&out);
        return 0;
}
