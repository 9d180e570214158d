/* Digests, and the proof of a join (doc/tls.md 3). All need the implementation (tls/library.h). */
#ifndef NETINFO_TLS_DIGEST_H
#define NETINFO_TLS_DIGEST_H

#include "base/bytes.h"
#include "tls/library.h"

#define TLS_DIGEST_SIZE 32u
#define TLS_SECRET_SIZE 32u /* of a token */

/* False: no implementation, or no memory; *ret is untouched then. */
bool tls_sha256(struct bytes data, uint8_t ret[TLS_DIGEST_SIZE]);
bool tls_hmac_sha256(struct bytes key, struct bytes data, uint8_t ret[TLS_DIGEST_SIZE]);
/* Are these n bytes the same? In a time that does not depend on where they differ. */
bool tls_equal(const void *a, const void *b, size_t n);

/* Label of what both sides export for it. */
#define TLS_JOIN_LABEL "EXPORTER-netinfo-join"
/* HMAC-SHA256 with the token's secret over "netinfo-join-1", exported, SHA-256 of the request (DER), the
 * name. False as above. */
bool tls_join_proof(const uint8_t secret[TLS_SECRET_SIZE], const uint8_t exported[TLS_DIGEST_SIZE],
                    struct bytes request, struct bytes name, uint8_t ret[TLS_DIGEST_SIZE]);

#endif
