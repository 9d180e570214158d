/* What the files of the authority share. All in its one thread. */
#ifndef NETINFO_SERVER_AUTHORITY_INTERNAL_H
#define NETINFO_SERVER_AUTHORITY_INTERNAL_H

#include "server/authority.h"
#include "server/ledger.h"
#include "tls/authority.h"

#include <limits.h>

struct pool;

struct authority {
        char folder[PATH_MAX];
        struct secrets *secrets;
        struct withdrawn *withdrawn;
        struct pool *pool;
        struct tls_authority *signer; /* NULL: this server has no authority */
        struct ledger ledger;
        bool broken; /* the ledger could not be read: nothing is signed until it is */
};

/* Seconds since 1970. */
uint64_t authority_now(void);
/* The ledger as the disk has it. False: it cannot be read (logged), and the authority is broken. */
bool authority_reload(struct authority *a);
/* What the server refuses from now on. */
void authority_tell_withdrawn(struct authority *a);
/* The ledger onto the disk, forced. False: it could not be written (logged), and is again what the disk has.
 */
bool authority_keep(struct authority *a);
/* Signs, and enters the certificate; the caller keeps the ledger. False: logged. */
bool authority_sign(struct authority *a, struct bytes request, const struct ledger_entry *as,
                    struct tls_signed *ret);

/* They fill call->reply. */
void authority_join(struct authority *a, struct call *call);
void authority_renew(struct authority *a, struct call *call);

#endif
