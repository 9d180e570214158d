/* A machine's key, and the request to have it signed (PKCS #10, RFC 2986; doc/tls.md 3). */
#ifndef NETINFO_TLS_REQUEST_H
#define NETINFO_TLS_REQUEST_H

#include "base/bytes.h"
#include "tls/digest.h"

#define TLS_REQUEST_MAX 8192u /* bytes of DER (doc/tls.md 3); one of ours has some 200 */
#define TLS_KEY_MAX     1024u /* bytes of a key as PEM with NUL; one of ours has 241 */

struct tls_request {
        uint8_t der[TLS_REQUEST_MAX];
        size_t len;
        char key[TLS_KEY_MAX]; /* PEM (RFC 7468, PKCS #8), "" when it was given: a secret */
};

/* A request for a new P-256 key; or, with a `key` in PEM, for that one (renewal with the same key). Call
 * tls_request_wipe when the key has been written. False: why. */
bool tls_request_make(struct bytes key, struct tls_request *ret, struct tls_why *why);
void tls_request_wipe(struct tls_request *r);

/* A stranger's request: well-formed DER of its whole length, a P-256 key, a right signature. ret_key (may be
 * NULL): SHA-256 of its SubjectPublicKeyInfo, for logs. False: why. */
bool tls_request_check(struct bytes der, uint8_t *ret_key, struct tls_why *why);

#endif
