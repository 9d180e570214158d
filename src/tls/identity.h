/* What a machine is (doc/tls.md 1): the authority that it believes, its own certificate and key. */
#ifndef NETINFO_TLS_IDENTITY_H
#define NETINFO_TLS_IDENTITY_H

#include "base/bytes.h"

#define TLS_NAME_MAX    63u
#define TLS_SERIAL_SIZE 16u
#define TLS_PIN_SIZE    32u
#define TLS_EXPORT_SIZE 32u
#define TLS_UUID_SIZE   16u
#define TLS_LATE_RENEWAL \
        (366u * 86400u) /* seconds after its end that a certificate is still good for RENEW */

struct tls_identity; /* counted; may be used by many threads and sessions at once, and never changes */

struct tls_why {
        char text[512]; /* names the file, the reason and the way out */
};

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

#endif
