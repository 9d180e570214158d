/* The authority of a fleet (doc/tls.md): the key that signs. */
#ifndef NETINFO_TLS_AUTHORITY_H
#define NETINFO_TLS_AUTHORITY_H

#include "tls/certificate.h"
#include "tls/identity.h"

struct tls_authority; /* never changes; may be used by many threads at once */

/* A new key and its certificate, ten years from now (less an hour), as authority.key and authority.crt (0600)
 * in the folder, which is there, is this process' own, and closed to others (0700). False: why; also when
 * either file is there already. Nothing, or a key without its certificate, is left then. */
bool tls_authority_create(const char *folder, uint64_t now, struct tls_why *why);
/* Reads it. Owners, modes and sizes are checked as tls_identity_load does, and that key and certificate
 * belong together. TLS_NOT_THERE: no folder, or no authority.crt in it: this server has no authority. */
enum tls_found tls_authority_load(const char *folder, struct tls_authority **ret, struct tls_why *why);
void tls_authority_free(struct tls_authority *a); /* NULL is fine */

struct bytes tls_authority_certificate(const struct tls_authority *a); /* DER, borrowed */
const uint8_t *tls_authority_uuid(const struct tls_authority *a);      /* TLS_UUID_SIZE bytes, borrowed */
const uint8_t *tls_authority_pin(const struct tls_authority *a);       /* TLS_PIN_SIZE bytes, borrowed */

#define TLS_CERTIFICATE_LIFE (14u * 86400u) /* seconds (doc/tls.md 2.3) */

struct tls_signed {
        uint8_t der[TLS_CERTIFICATE_MAX];
        size_t len;
        uint8_t serial[TLS_SERIAL_SIZE];
        uint64_t since, until; /* seconds since 1970 */
};

/* A certificate for the key of a stranger's request (tls_request_check is part of it), which may call, and
 * serve where may_serve says so. The name must be valid (tls/name.h), now is seconds since 1970. False: why.
 */
bool tls_authority_sign(const struct tls_authority *a, struct bytes request, const char *name, bool may_serve,
                        uint64_t now, struct tls_signed *ret, struct tls_why *why);

#endif
