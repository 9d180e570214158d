/* Call headers: what decodes can be written again and reads the same. */
#include "check.h"
#include "wire/call.h"

static bool same(const struct rpc_call *a, const struct rpc_call *b)
{
        bool ok = a->xid == b->xid && a->program == b->program && a->version == b->version &&
                  a->procedure == b->procedure && a->flavor == b->flavor && a->sys.stamp == b->sys.stamp &&
                  a->sys.uid == b->sys.uid && a->sys.gid == b->sys.gid &&
                  a->sys.gid_count == b->sys.gid_count && bytes_eq(a->sys.machine, b->sys.machine);
        for (uint32_t i = 0; ok && i < a->sys.gid_count; i++)
                ok = a->sys.gids[i] == b->sys.gids[i];
        return ok;
}

static void check_password(struct bytes machine)
{
        uint8_t there[LIMIT_MACHINE], back[LIMIT_MACHINE];
        size_t n, m;
        auth_password(machine, there, &n);
        auth_password(bytes_of(there, n), back, &m);
        CHECK(n <= machine.len && m == n && memcmp(back, machine.data, n) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct xdr_in in = xdr_in(bytes_of(data, size));
        struct rpc_call c = {0}, d;
        struct buf out;
        if (call_decode(&in, &c) != CALL_OK)
                return 0;
        CHECK(c.sys.gid_count <= LIMIT_GROUPS && c.sys.machine.len <= LIMIT_MACHINE);
        if (c.sys.machine.len)
                check_password(c.sys.machine);
        buf_init(&out, 0);
        call_encode(&out, &c, c.flavor == AUTH_FLAVOR_SYS ? &c.sys : NULL);
        struct xdr_in again = xdr_in(buf_bytes(&out));
        CHECK(call_decode(&again, &d) == CALL_OK && xdr_end(&again) && same(&c, &d));
        buf_done(&out);
        return 0;
}
