/* Headers of calls and replies by libtirpc. Includes nothing of ours: accept_stat and auth_stat have two
 * masters. */
#include "theirs.h"

#include <rpc/rpc.h>

#include <string.h>

/* A result without content. (xdr_void itself has another type than xdrproc_t.) */
static bool_t nothing(XDR *xdrs, ...)
{
        (void)xdrs;
        return TRUE;
}

static bool_t sys_body(XDR *xdrs, struct theirs_call *c)
{
        struct authunix_parms p = {0};
        gid_t gids[16];
        p.aup_time = c->stamp;
        p.aup_machname = c->machine;
        p.aup_uid = c->uid;
        p.aup_gid = c->gid;
        p.aup_len = c->gid_count;
        for (unsigned i = 0; i < c->gid_count; i++)
                gids[i] = c->gids[i];
        p.aup_gids = gids;
        return xdr_authunix_parms(xdrs, &p);
}

size_t theirs_call_encode(const struct theirs_call *c, uint8_t *to, size_t room)
{
        struct theirs_call copy = *c;
        char body[MAX_AUTH_BYTES];
        struct rpc_msg m = {.rm_xid = c->xid, .rm_direction = CALL};
        XDR x;
        m.rm_call.cb_rpcvers = RPC_MSG_VERSION;
        m.rm_call.cb_prog = c->program;
        m.rm_call.cb_vers = c->version;
        m.rm_call.cb_proc = c->procedure;
        m.rm_call.cb_cred = m.rm_call.cb_verf = _null_auth;
        if (c->sys) {
                xdrmem_create(&x, body, sizeof(body), XDR_ENCODE);
                if (!sys_body(&x, &copy))
                        return SIZE_MAX;
                m.rm_call.cb_cred = (struct opaque_auth){AUTH_SYS, body, xdr_getpos(&x)};
        }
        xdrmem_create(&x, (char *)to, (u_int)room, XDR_ENCODE);
        return xdr_callmsg(&x, &m) ? xdr_getpos(&x) : SIZE_MAX;
}

static bool sys_decode(struct opaque_auth *cred, struct theirs_call *ret)
{
        struct authunix_parms p = {0};
        XDR x;
        xdrmem_create(&x, cred->oa_base, cred->oa_length, XDR_DECODE);
        const bool ok = xdr_authunix_parms(&x, &p) && xdr_getpos(&x) == cred->oa_length && p.aup_len <= 16;
        if (ok) {
                ret->stamp = (uint32_t)p.aup_time;
                ret->uid = p.aup_uid;
                ret->gid = p.aup_gid;
                ret->gid_count = p.aup_len;
                for (unsigned i = 0; i < p.aup_len; i++)
                        ret->gids[i] = p.aup_gids[i];
                strncpy(ret->machine, p.aup_machname, sizeof(ret->machine) - 1);
        }
        xdr_free((xdrproc_t)xdr_authunix_parms, (char *)&p);
        return ok;
}

bool theirs_call_decode(const uint8_t *from, size_t n, struct theirs_call *ret)
{
        static char cred[MAX_AUTH_BYTES], verf[MAX_AUTH_BYTES];
        struct rpc_msg m = {0};
        XDR x;
        memset(ret, 0, sizeof(*ret));
        m.rm_call.cb_cred.oa_base = cred;
        m.rm_call.cb_verf.oa_base = verf;
        xdrmem_create(&x, (char *)(uintptr_t)from, (u_int)n, XDR_DECODE);
        if (!xdr_callmsg(&x, &m) || xdr_getpos(&x) != n || m.rm_call.cb_rpcvers != RPC_MSG_VERSION)
                return false;
        ret->xid = m.rm_xid;
        ret->program = (uint32_t)m.rm_call.cb_prog;
        ret->version = (uint32_t)m.rm_call.cb_vers;
        ret->procedure = (uint32_t)m.rm_call.cb_proc;
        ret->sys = m.rm_call.cb_cred.oa_flavor == AUTH_SYS;
        return !ret->sys || sys_decode(&m.rm_call.cb_cred, ret);
}

size_t theirs_reply_encode(const struct theirs_reply *r, uint8_t *to, size_t room)
{
        struct rpc_msg m = {.rm_xid = r->xid, .rm_direction = REPLY};
        XDR x;
        if (r->denied) {
                m.rm_reply.rp_stat = MSG_DENIED;
                m.rjcted_rply.rj_stat = (enum reject_stat)r->stat;
                if (r->stat == RPC_MISMATCH) {
                        m.rjcted_rply.rj_vers.low = r->low;
                        m.rjcted_rply.rj_vers.high = r->high;
                } else
                        m.rjcted_rply.rj_why = (enum auth_stat)r->auth_stat;
        } else {
                m.rm_reply.rp_stat = MSG_ACCEPTED;
                m.acpted_rply.ar_verf = _null_auth;
                m.acpted_rply.ar_stat = (enum accept_stat)r->stat;
                if (r->stat == SUCCESS)
                        m.acpted_rply.ar_results.proc = nothing;
                else if (r->stat == PROG_MISMATCH) {
                        m.acpted_rply.ar_vers.low = r->low;
                        m.acpted_rply.ar_vers.high = r->high;
                }
        }
        xdrmem_create(&x, (char *)to, (u_int)room, XDR_ENCODE);
        return xdr_replymsg(&x, &m) ? xdr_getpos(&x) : SIZE_MAX;
}

bool theirs_reply_decode(const uint8_t *from, size_t n, struct theirs_reply *ret)
{
        static char verf[MAX_AUTH_BYTES];
        struct rpc_msg m = {0};
        XDR x;
        memset(ret, 0, sizeof(*ret));
        m.acpted_rply.ar_verf.oa_base = verf;
        m.acpted_rply.ar_results.proc = nothing;
        xdrmem_create(&x, (char *)(uintptr_t)from, (u_int)n, XDR_DECODE);
        if (!xdr_replymsg(&x, &m) || xdr_getpos(&x) != n)
                return false;
        ret->xid = m.rm_xid;
        ret->denied = m.rm_reply.rp_stat == MSG_DENIED;
        if (ret->denied) {
                ret->stat = m.rjcted_rply.rj_stat;
                if (ret->stat == RPC_MISMATCH) {
                        ret->low = (uint32_t)m.rjcted_rply.rj_vers.low;
                        ret->high = (uint32_t)m.rjcted_rply.rj_vers.high;
                } else
                        ret->auth_stat = m.rjcted_rply.rj_why;
        } else {
                ret->stat = m.acpted_rply.ar_stat;
                if (ret->stat == PROG_MISMATCH) {
                        ret->low = (uint32_t)m.acpted_rply.ar_vers.low;
                        ret->high = (uint32_t)m.acpted_rply.ar_vers.high;
                }
        }
        return true;
}
