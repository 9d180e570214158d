/* What strangers answer to the questions of binding: the first byte chooses the question, the rest is the
 * datagram. */
#include "check.h"

#include "server/parent_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        if (size == 0)
                return 0;
        const enum binding_query query = (enum binding_query)(data[0] % (BINDING_BIND + 1));
        const struct bytes datagram = bytes_of(data + 1, size - 1);
        struct binding_reply r = {.from = 7, .from_port = 8};
        uint32_t xid;
        const bool has_xid = parent_reply_xid(datagram, &xid);
        if (!parent_reply_decode(query, datagram, &r)) {
                CHECK(r.from == 7 && r.xid == 0 && !r.accepted);
                return 0;
        }
        CHECK(has_xid && r.xid == xid); /* what decodes is found by its number */
        CHECK(r.from == 7 && r.from_port == 8);
        CHECK(r.accepted || (r.status == 0 && r.udp_port == 0 && r.port == 0));
        CHECK(query == BINDING_GETREGISTER || r.udp_port == 0);
        CHECK(r.status == 0 || r.udp_port == 0);
        return 0;
}
