#include "server/rpc_check.h"

struct program {
        uint32_t number, version, procedures;
        unsigned door;
        uint32_t udp; /* bit n: procedure n is answered on UDP (protocol.md 3.3) */
};

static const struct program programs[] = {
        {NI_PROGRAM, NI_VERSION, NI_PROC_COUNT, RPC_NI,
#define X(n, name, args, result, kind, udp) | (uint32_t)(udp) << (n)
         0u NI_PROCS(X)
#undef X
        },
        {NIBIND_PROGRAM, NIBIND_VERSION, NIBIND_PROC_COUNT, RPC_BINDER,
#define X(n, name, args, result, udp) | (uint32_t)(udp) << (n)
         0u NIBIND_PROCS(X)
#undef X
        },
        {NIEXT_PROGRAM, NIEXT_VERSION, NIEXT_PROC_COUNT, RPC_EXT, 0},
};

static const struct program *find(uint32_t number, unsigned doors)
{
        for (unsigned i = 0; i < sizeof(programs) / sizeof(programs[0]); i++)
                if (programs[i].number == number && (programs[i].door & doors))
                        return &programs[i];
        return NULL;
}

/* AUTH_TLS is a question, and can be asked at the beginning of a connection only (RFC 9289 4.1). */
static bool is_probe(const struct rpc_call *c, unsigned doors)
{
        return (doors & RPC_FIRST) && c->bare && c->procedure == 0;
}

enum rpc_verdict rpc_check(struct xdr_in *in, unsigned doors, struct rpc_call *ret, struct buf *out)
{
        const enum call_verdict verdict = call_decode(in, ret);
        const uint32_t xid = ret->xid;
        if (verdict == CALL_NOT_A_CALL)
                return RPC_DROP;
        if (verdict == CALL_RPC_MISMATCH) {
                reply_rpc_mismatch(out, xid);
                return RPC_ANSWERED;
        }
        const struct program *p = find(ret->program, doors);
        const bool tls = verdict == CALL_TLS && (doors & RPC_TLS);
        if (verdict == CALL_UNKNOWN_CRED || (verdict == CALL_TLS && !tls)) /* before the program, and before
                                                                              "too weak" */
                reply_denied(out, xid, AUTH_STAT_REJECTEDCRED);
        else if (verdict == CALL_BAD_CRED || (tls && !is_probe(ret, doors)))
                reply_denied(out, xid, AUTH_STAT_BADCRED);
        else if (!p)
                reply_accepted(out, xid, ACCEPT_PROG_UNAVAIL);
        else if (ret->version != p->version)
                reply_mismatch(out, xid, p->version, p->version);
        else if ((doors & RPC_UDP) && (ret->procedure >= p->procedures || !(p->udp >> ret->procedure & 1)))
                reply_denied(out, xid, AUTH_STAT_TOOWEAK); /* also for procedures that do not exist */
        else if (ret->procedure >= p->procedures)
                reply_accepted(out, xid, ACCEPT_PROC_UNAVAIL);
        else
                return tls ? RPC_PROBE : RPC_PROCEED;
        return RPC_ANSWERED;
}
