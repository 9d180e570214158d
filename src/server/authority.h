/* The authority of a fleet, where this server has it (doc/tls.md 6): JOIN, RENEW and AUTHORITY. One thread of
 * its own does them, one after the other, since each may sign, and forces the ledger to the disk before it is
 * answered; nothing of that is done on a loop. */
#ifndef NETINFO_SERVER_AUTHORITY_H
#define NETINFO_SERVER_AUTHORITY_H

#include "model/network.h"
#include "tls/session.h"
#include "wire/ext_trust.h"

struct authority;
struct call;
struct conn;
struct secrets;
struct withdrawn;

/* What a call of these procedures has beside its arguments. */
struct authority_call {
        union {
                struct ext_join_args join;
                struct ext_renew_args renew;
                struct ext_authority_args authority;
        };
        uint8_t exported[TLS_EXPORT_SIZE]; /* JOIN: of its session */
        struct tls_peer peer;              /* RENEW: what it showed */
        struct address address;
};

/* Reads what is in the folder; `secrets` counts wrong proofs, `withdrawn` is told of serials. A folder that
 * is not there is a server without authority, one that cannot be used is logged, and is none either. NULL: no
 * memory or thread. Borrows all three. */
struct authority *authority_start(const char *folder, struct secrets *secrets, struct withdrawn *withdrawn);
/* Finishes what waits; NULL is fine. */
void authority_stop(struct authority *a);

/* To be done, and sent home. False: too much waits. */
bool authority_submit(struct authority *a, struct call *call);

#endif
