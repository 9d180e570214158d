#include "wire/call.h"

#define RPC_VERSION 2u

enum { MSG_CALL = 0, MSG_REPLY = 1 };
enum { REPLY_ACCEPTED = 0, REPLY_DENIED = 1 };
enum { REJECT_RPC_MISMATCH = 0, REJECT_AUTH_ERROR = 1 };

static bool sys_decode(struct bytes body, struct auth_sys *ret)
{
        struct xdr_in in = xdr_in(body);
        struct auth_sys s = {0};
        s.stamp = xdr_u32(&in);
        s.machine = xdr_opaque(&in, LIMIT_MACHINE);
        s.machine.len = bytes_find(s.machine, 0);
        s.uid = xdr_u32(&in);
        s.gid = xdr_u32(&in);
        s.gid_count = xdr_count(&in, LIMIT_GROUPS, 4);
        for (uint32_t i = 0; i < s.gid_count; i++)
                s.gids[i] = xdr_u32(&in);
        if (!xdr_ok(&in))
                return false;
        *ret = s;
        return true;
}

enum call_verdict call_decode(struct xdr_in *in, struct rpc_call *ret)
{
        struct rpc_call c = {0};
        c.xid = xdr_u32(in);
        const uint32_t type = xdr_u32(in), version = xdr_u32(in);
        if (!xdr_ok(in) || type != MSG_CALL)
                return CALL_NOT_A_CALL;
        if (version != RPC_VERSION) {
                *ret = c;
                return CALL_RPC_MISMATCH;
        }
        c.program = xdr_u32(in);
        c.version = xdr_u32(in);
        c.procedure = xdr_u32(in);
        c.flavor = xdr_u32(in);
        const struct bytes body = xdr_opaque(in, LIMIT_CRED);
        const uint32_t verifier = xdr_u32(in); /* any is accepted, but of a probe (protocol.md 2.10) */
        const struct bytes verifier_body = xdr_opaque(in, LIMIT_CRED);
        if (!xdr_ok(in))
                return CALL_NOT_A_CALL;
        enum call_verdict verdict = CALL_OK;
        if (c.flavor == AUTH_FLAVOR_SYS)
                verdict = sys_decode(body, &c.sys) ? CALL_OK : CALL_BAD_CRED;
        else if (c.flavor == AUTH_FLAVOR_TLS)
                verdict = CALL_TLS;
        else if (c.flavor != AUTH_FLAVOR_NONE)
                verdict = CALL_UNKNOWN_CRED;
        c.bare = body.len == 0 && verifier == AUTH_FLAVOR_NONE && verifier_body.len == 0;
        *ret = c;
        return verdict;
}

static void put_sys(struct buf *out, const struct auth_sys *s)
{
        const size_t mark = out->len;
        xdr_put_u32(out, 0); /* length of the body, once known */
        xdr_put_u32(out, s->stamp);
        xdr_put_opaque(out, s->machine);
        xdr_put_u32(out, s->uid);
        xdr_put_u32(out, s->gid);
        xdr_put_u32(out, s->gid_count);
        for (uint32_t i = 0; i < s->gid_count; i++)
                xdr_put_u32(out, s->gids[i]);
        if (!out->failed)
                xdr_store(out->data + mark, (uint32_t)(out->len - mark - 4));
}

void call_encode(struct buf *out, const struct rpc_call *call, const struct auth_sys *sys)
{
        xdr_put_u32(out, call->xid);
        xdr_put_u32(out, MSG_CALL);
        xdr_put_u32(out, RPC_VERSION);
        xdr_put_u32(out, call->program);
        xdr_put_u32(out, call->version);
        xdr_put_u32(out, call->procedure);
        if (sys) {
                xdr_put_u32(out, AUTH_FLAVOR_SYS);
                put_sys(out, sys);
        } else {
                xdr_put_u32(out, AUTH_FLAVOR_NONE);
                xdr_put_u32(out, 0);
        }
        xdr_put_u32(out, AUTH_FLAVOR_NONE); /* verifier */
        xdr_put_u32(out, 0);
}

void probe_encode(struct buf *out, uint32_t xid, uint32_t program, uint32_t version)
{
        const uint32_t words[] = {xid, MSG_CALL,        RPC_VERSION, program,          version,
                                  0,   AUTH_FLAVOR_TLS, 0,           AUTH_FLAVOR_NONE, 0};
        for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++)
                xdr_put_u32(out, words[i]);
}

enum probe_answer probe_answer_decode(struct bytes record)
{
        struct xdr_in in = xdr_in(record), verifier = in;
        struct rpc_reply r;
        if (!reply_decode(&in, &r))
                return PROBE_BAD;
        if (r.denied || r.stat != ACCEPT_SUCCESS)
                return PROBE_NO_TLS;
        for (unsigned i = 0; i < 3; i++) /* xid, REPLY, MSG_ACCEPTED: looked at above */
                xdr_u32(&verifier);
        const uint32_t flavor = xdr_u32(&verifier);
        const bool word = bytes_eq_str(xdr_opaque(&verifier, LIMIT_CRED), "STARTTLS");
        if (flavor != AUTH_FLAVOR_NONE || !word)
                return PROBE_NO_TLS;
        return xdr_end(&in) ? PROBE_STARTTLS : PROBE_BAD;
}

void auth_password(struct bytes password, uint8_t to[LIMIT_MACHINE], size_t *ret_len)
{
        size_t n = bytes_find(password, 0xff);
        if (n > LIMIT_MACHINE)
                n = LIMIT_MACHINE;
        for (size_t i = 0; i < n; i++)
                to[i] = (uint8_t)~password.data[i];
        *ret_len = n;
}

static void put_accepted(struct buf *out, uint32_t xid, enum accept_stat stat)
{
        xdr_put_u32(out, xid);
        xdr_put_u32(out, MSG_REPLY);
        xdr_put_u32(out, REPLY_ACCEPTED);
        xdr_put_u32(out, AUTH_FLAVOR_NONE); /* verifier */
        xdr_put_u32(out, 0);
        xdr_put_u32(out, stat);
}

void reply_accepted(struct buf *out, uint32_t xid, enum accept_stat stat)
{
        put_accepted(out, xid, stat);
}

void reply_starttls(struct buf *out, uint32_t xid)
{
        xdr_put_u32(out, xid);
        xdr_put_u32(out, MSG_REPLY);
        xdr_put_u32(out, REPLY_ACCEPTED);
        xdr_put_u32(out, AUTH_FLAVOR_NONE);
        xdr_put_opaque(out, BYTES_LIT("STARTTLS"));
        xdr_put_u32(out, ACCEPT_SUCCESS);
}

void reply_mismatch(struct buf *out, uint32_t xid, uint32_t low, uint32_t high)
{
        put_accepted(out, xid, ACCEPT_PROG_MISMATCH);
        xdr_put_u32(out, low);
        xdr_put_u32(out, high);
}

void reply_rpc_mismatch(struct buf *out, uint32_t xid)
{
        xdr_put_u32(out, xid);
        xdr_put_u32(out, MSG_REPLY);
        xdr_put_u32(out, REPLY_DENIED);
        xdr_put_u32(out, REJECT_RPC_MISMATCH);
        xdr_put_u32(out, RPC_VERSION);
        xdr_put_u32(out, RPC_VERSION);
}

void reply_denied(struct buf *out, uint32_t xid, enum auth_stat stat)
{
        xdr_put_u32(out, xid);
        xdr_put_u32(out, MSG_REPLY);
        xdr_put_u32(out, REPLY_DENIED);
        xdr_put_u32(out, REJECT_AUTH_ERROR);
        xdr_put_u32(out, stat);
}

static void accepted_decode(struct xdr_in *in, struct rpc_reply *r)
{
        xdr_u32(in); /* verifier: of any flavor, not looked at */
        xdr_opaque(in, LIMIT_CRED);
        r->stat = xdr_u32(in);
        if (r->stat > ACCEPT_SYSTEM_ERR)
                xdr_fail(in);
        if (r->stat == ACCEPT_PROG_MISMATCH) {
                r->low = xdr_u32(in);
                r->high = xdr_u32(in);
        }
}

static void denied_decode(struct xdr_in *in, struct rpc_reply *r)
{
        r->stat = xdr_u32(in);
        if (r->stat == REJECT_RPC_MISMATCH) {
                r->low = xdr_u32(in);
                r->high = xdr_u32(in);
        } else if (r->stat == REJECT_AUTH_ERROR)
                r->auth_stat = xdr_u32(in);
        else
                xdr_fail(in);
}

bool reply_decode(struct xdr_in *in, struct rpc_reply *ret)
{
        struct rpc_reply r = {.xid = xdr_u32(in)};
        if (xdr_u32(in) != MSG_REPLY)
                xdr_fail(in);
        const uint32_t kind = xdr_u32(in);
        r.denied = kind == REPLY_DENIED;
        if (r.denied)
                denied_decode(in, &r);
        else if (kind == REPLY_ACCEPTED)
                accepted_decode(in, &r);
        else
                xdr_fail(in);
        if (!xdr_ok(in))
                return false;
        *ret = r;
        return true;
}
