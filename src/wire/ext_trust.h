/* LOGIN, JOIN, RENEW and AUTHORITY of the extension program (doc/tls.md 3, doc/extension-program.md 16): who
 * a user and a machine are. LOGIN's result is the status word alone. Everything decoded borrows from the
 * message and the arena; passwords and secrets among it are the receiver's to wipe. */
#ifndef NETINFO_WIRE_EXT_TRUST_H
#define NETINFO_WIRE_EXT_TRUST_H

#include "base/limits.h"
#include "wire/ext.h"

#define EXT_TOKEN_SIZE  8u
#define EXT_SECRET_SIZE 32u
#define EXT_PROOF_SIZE  32u
#define EXT_PIN_SIZE    32u
#define EXT_UUID_SIZE   16u

struct ext_login_args {
        struct bytes tag, user, password;
};

struct ext_join_args {
        uint8_t token[EXT_TOKEN_SIZE];
        struct bytes name;    /* of the machine, at most LIMIT_MACHINE_NAME bytes */
        struct bytes request; /* PKCS #10, DER */
        uint8_t proof[EXT_PROOF_SIZE];
};
/* Statuses of JOIN beside NetInfo's own: only who has proved that he has the token is told which it was. */
enum ext_join_status {
        EXT_JOIN_RUN_OUT = 1001,
        EXT_JOIN_USED_UP = 1002,
        EXT_JOIN_OTHER_NAME = 1003,    /* the token is for another machine */
        EXT_JOIN_OTHER_NETWORK = 1004, /* or not for the caller's address */
        EXT_JOIN_ENROLLED = 1005,      /* a machine has that name, and the token does not say `again` */
        EXT_JOIN_TOO_OFTEN = 1006,     /* the same machine with the same key */
        EXT_JOIN_SERVER = 1007,        /* the name is that of one that may serve, and the token is for none */
};

struct ext_join_result {
        uint32_t status;
        struct bytes certificate; /* DER */
        struct bytes domains;     /* what to follow, as agent.conf has it, without `local` */
};

struct ext_renew_args {
        struct bytes request;
};
struct ext_renew_result {
        uint32_t status;
        struct bytes certificate;
};

enum ext_authority_verb {
        EXT_AUTHORITY_SHOW = 0,     /* `after`: lines seen already */
        EXT_AUTHORITY_INIT = 1,     /* makes the authority; flag ANEW: in place of the one there is */
        EXT_AUTHORITY_TOKEN = 2,    /* subject: of which machine, "" any; count, seconds, from, domains */
        EXT_AUTHORITY_FORGET = 3,   /* subject: a token's number, 16 hex digits */
        EXT_AUTHORITY_SIGN = 4,     /* subject: this machine's name; request */
        EXT_AUTHORITY_WITHDRAW = 5, /* subject: a machine's name */
};
#define EXT_AUTHORITY_SERVER 1u /* flag of TOKEN: the machine may serve */
#define EXT_AUTHORITY_AGAIN  2u /* flag of TOKEN: also for a name that is enrolled */
#define EXT_AUTHORITY_ANEW   4u /* flag of INIT */
struct ext_authority_args {
        uint32_t verb, flags;
        struct bytes subject;
        struct bytes from; /* TOKEN: network in CIDR, "" anywhere */
        uint32_t count;    /* TOKEN: machines that it admits */
        uint64_t seconds;  /* TOKEN: for so long */
        struct bytes domains, request;
        uint64_t after;
};
/* What a verb does not give is empty or 0. */
struct ext_authority_result {
        uint32_t status;
        uint8_t uuid[EXT_UUID_SIZE], pin[EXT_PIN_SIZE];
        struct bytes authority;   /* its certificate, DER */
        struct bytes certificate; /* SIGN */
        uint8_t token[EXT_TOKEN_SIZE];
        struct bytes secret; /* TOKEN: EXT_SECRET_SIZE bytes; else none */
        struct bytes *lines; /* SHOW: of the ledger, without secrets, at most LIMIT_LEDGER_LINES */
        uint32_t line_count;
        bool more;
        uint64_t next; /* `after` of the next call, when more */
};

/* As in wire/ext.h. */
bool ext_login_args_decode(struct xdr_in *in, struct ext_login_args *ret);
void ext_login_args_encode(const struct ext_login_args *a, struct buf *out);
bool ext_join_args_decode(struct xdr_in *in, struct ext_join_args *ret);
void ext_join_args_encode(const struct ext_join_args *a, struct buf *out);
bool ext_join_decode(struct xdr_in *in, struct ext_join_result *ret);
void ext_join_encode(const struct ext_join_result *r, struct buf *out);
bool ext_renew_args_decode(struct xdr_in *in, struct ext_renew_args *ret);
void ext_renew_args_encode(const struct ext_renew_args *a, struct buf *out);
bool ext_renew_decode(struct xdr_in *in, struct ext_renew_result *ret);
void ext_renew_encode(const struct ext_renew_result *r, struct buf *out);
bool ext_authority_args_decode(struct xdr_in *in, struct ext_authority_args *ret);
void ext_authority_args_encode(const struct ext_authority_args *a, struct buf *out);
bool ext_authority_decode(struct xdr_in *in, struct arena *a, struct ext_authority_result *ret);
void ext_authority_encode(const struct ext_authority_result *r, struct buf *out);

#endif
