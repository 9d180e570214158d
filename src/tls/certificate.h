/* What a certificate says (doc/tls.md 2.3). Reading one checks its form, not who has signed it. */
#ifndef NETINFO_TLS_CERTIFICATE_H
#define NETINFO_TLS_CERTIFICATE_H

#include "base/buf.h"
#include "tls/digest.h"
#include "tls/name.h"

#define TLS_SERIAL_SIZE     16u
#define TLS_PIN_SIZE        32u
#define TLS_UUID_SIZE       16u
#define TLS_CERTIFICATE_MAX 8192u /* bytes of DER (doc/tls.md 3); one of ours has some 500 */

struct tls_certificate {
        char machine[TLS_NAME_MAX + 1];
        uint8_t authority[TLS_UUID_SIZE];
        uint8_t serial[TLS_SERIAL_SIZE]; /* big-endian */
        uint64_t since, until;           /* seconds since 1970 */
        bool may_call;                   /* rpcTLSClient is among its uses */
        bool may_serve;                  /* rpcTLSServer is */
        uint8_t key[TLS_PIN_SIZE];       /* SHA-256 of its SubjectPublicKeyInfo */
};

/* A machine's certificate as section 2.3 has it, from a stranger. False: why. */
bool tls_certificate_read(struct bytes der, struct tls_certificate *ret, struct tls_why *why);
/* SHA-256 of the SubjectPublicKeyInfo of any certificate: of an authority's, the PIN of a join string. */
bool tls_certificate_pin(struct bytes der, uint8_t ret[TLS_PIN_SIZE], struct tls_why *why);
/* Appends it as PEM (RFC 7468). Needs no implementation. */
void tls_certificate_pem(struct bytes der, struct buf *out);

#endif
