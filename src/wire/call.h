/* ONC RPC version 2 calls and replies (RFC 5531), credentials AUTH_NONE and AUTH_SYS (AUTH_UNIX). */
#ifndef NETINFO_WIRE_CALL_H
#define NETINFO_WIRE_CALL_H

#include "base/limits.h"
#include "xdr/cursor.h"

enum auth_flavor { AUTH_FLAVOR_NONE = 0, AUTH_FLAVOR_SYS = 1, AUTH_FLAVOR_TLS = 7 };

struct auth_sys {
        uint32_t stamp, uid, gid;
        struct bytes
                machine; /* for NetInfo: the password, every byte complemented (protocol.md 3.8); borrowed */
        uint32_t gids[LIMIT_GROUPS];
        uint32_t gid_count;
};

struct rpc_call {
        uint32_t xid, program, version, procedure;
        uint32_t flavor;     /* of the credential, as sent */
        struct auth_sys sys; /* when flavor is AUTH_FLAVOR_SYS and the body decoded */
        bool bare;           /* credential and verifier are empty, as those of a probe (RFC 9289 4.1) */
};

enum call_verdict {
        CALL_OK,           /* *ret is complete and `in` stands at the arguments */
        CALL_NOT_A_CALL,   /* too short, or a reply, or a credential over LIMIT_CRED: drop silently
                              (protocol.md 2.10) */
        CALL_RPC_MISMATCH, /* RPC version is not 2: ret->xid is set; answer reply_rpc_mismatch */
        CALL_BAD_CRED, /* AUTH_SYS body malformed: answer reply_denied(AUTH_BADCRED); the rest of the header
                          in *ret is valid */
        CALL_UNKNOWN_CRED, /* another flavor: answer reply_denied(AUTH_REJECTEDCRED); valid likewise */
        CALL_TLS,          /* AUTH_TLS (doc/tls.md 2.1): valid likewise; who does not know it answers as to
                              CALL_UNKNOWN_CRED */
};
/* *ret: untouched by CALL_NOT_A_CALL, holds only xid for CALL_RPC_MISMATCH, and the whole header for the
 * others, so that the order of checks of protocol.md 2.10 is the caller's to keep. A verifier of any flavor
 * is accepted. */
enum call_verdict call_decode(struct xdr_in *in, struct rpc_call *ret);
/* Call header with AUTH_NONE (sys == NULL) or AUTH_SYS, verifier AUTH_NONE. */
void call_encode(struct buf *out, const struct rpc_call *call, const struct auth_sys *sys);
/* protocol.md 3.8: complements every byte; cut at LIMIT_MACHINE and before a byte that would become NUL.
 * Works both ways. */
void auth_password(struct bytes password, uint8_t to[LIMIT_MACHINE], size_t *ret_len);

enum accept_stat {
        ACCEPT_SUCCESS,
        ACCEPT_PROG_UNAVAIL,
        ACCEPT_PROG_MISMATCH,
        ACCEPT_PROC_UNAVAIL,
        ACCEPT_GARBAGE_ARGS,
        ACCEPT_SYSTEM_ERR
};
enum auth_stat {
        AUTH_STAT_BADCRED = 1,
        AUTH_STAT_REJECTEDCRED = 2,
        AUTH_STAT_BADVERF = 3,
        AUTH_STAT_REJECTEDVERF = 4,
        AUTH_STAT_TOOWEAK = 5
};

void reply_accepted(struct buf *out, uint32_t xid,
                    enum accept_stat stat); /* SUCCESS: the result follows; not for PROG_MISMATCH */
/* The answer to a probe, whole: TLS begins with the peer's next byte (RFC 9289 4.1). */
void reply_starttls(struct buf *out, uint32_t xid);
void reply_mismatch(struct buf *out, uint32_t xid, uint32_t low, uint32_t high); /* accepted, PROG_MISMATCH */
void reply_rpc_mismatch(struct buf *out, uint32_t xid); /* denied, RPC_MISMATCH 2..2 */
void reply_denied(struct buf *out, uint32_t xid, enum auth_stat stat);

struct rpc_reply {
        uint32_t xid;
        bool denied;
        uint32_t stat;      /* accept_stat, or, denied: 0 RPC_MISMATCH, 1 AUTH_ERROR */
        uint32_t auth_stat; /* denied with AUTH_ERROR */
        uint32_t low, high; /* mismatches */
};
/* False: no reply, or malformed. On accepted SUCCESS `in` stands at the result. */
bool reply_decode(struct xdr_in *in, struct rpc_reply *ret);

/* The probe of RPC-with-TLS (doc/tls.md 2.1, RFC 9289 4.1): NULL of this program and version. */
void probe_encode(struct buf *out, uint32_t xid, uint32_t program, uint32_t version);
enum probe_answer {
        PROBE_STARTTLS,
        PROBE_NO_TLS, /* the server is there, and has no TLS: accepted without the word, or denied */
        PROBE_BAD,    /* no reply, or malformed */
};
/* record: the whole answer; what follows the header is not looked at unless it begins TLS: then nothing may.
 */
enum probe_answer probe_answer_decode(struct bytes record);

#endif
