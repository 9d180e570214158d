/* What a machine is (doc/tls.md 1): the authority that it believes, its own certificate and key. */
#ifndef NETINFO_TLS_IDENTITY_H
#define NETINFO_TLS_IDENTITY_H

#include "tls/certificate.h"

#include <sys/types.h>

#define TLS_EXPORT_SIZE 32u
/* Seconds after its end that a certificate is still good for RENEW: a year (doc/tls.md 2.4). */
#define TLS_LATE_RENEWAL (366u * 86400u)

struct tls_identity; /* counted; may be used by many threads and sessions at once, and never changes */

enum tls_found {
        TLS_FOUND,
        TLS_NOT_THERE, /* no folder, or no authority.crt in it: the machine is not enrolled */
        TLS_UNUSABLE,  /* why says what is wrong */
};

/* Reads FOLDER/authority.crt, and machine.crt and machine.key where the key can be read by this process
 * (without that: an identity without a key). Checks owners, modes, sizes, that key and certificate belong
 * together and that the authority signed it. A certificate that has run out is taken: it renews. */
enum tls_found tls_identity_load(const char *folder, struct tls_identity **ret, struct tls_why *why);
struct tls_identity *tls_identity_hold(struct tls_identity *i);
void tls_identity_release(struct tls_identity *i); /* NULL is fine */

bool tls_identity_has_key(const struct tls_identity *i);
const char *tls_identity_machine(const struct tls_identity *i); /* "" without a certificate */
uint64_t tls_identity_since(
        const struct tls_identity *i); /* seconds since 1970, of the certificate; 0 without */
uint64_t tls_identity_until(const struct tls_identity *i);
bool tls_identity_may_serve(const struct tls_identity *i);
const uint8_t *tls_identity_authority(const struct tls_identity *i);   /* its UUID, TLS_UUID_SIZE bytes */
struct bytes tls_identity_authority_der(const struct tls_identity *i); /* borrowed */

/* What ni init, ni join and renewals write. */
struct tls_identity_files {
        struct bytes authority;   /* DER; empty: the one that is there stays */
        struct bytes certificate; /* DER */
        struct bytes key;         /* PEM; empty: the one that is there stays */
        gid_t group;              /* of machine.key; -1: as the system gives it */
};
/* Writes them into the folder, which is there (machine.key 0640, the others 0644), each aside, forced and
 * renamed. First it is checked that they belong together. At every moment between, and after a crash, the
 * folder holds an identity that loads, the old one or the new one, unless the authority is another. False:
 * why.
 */
bool tls_identity_write(const char *folder, const struct tls_identity_files *files, struct tls_why *why);

#endif
