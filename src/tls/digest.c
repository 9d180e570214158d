#include "tls/digest.h"

bool tls_equal(const void *a, const void *b, size_t n)
{
        const volatile uint8_t *x = a, *y = b;
        uint8_t differs = 0;
        for (size_t i = 0; i < n; i++)
                differs = (uint8_t)(differs | (x[i] ^ y[i]));
        return differs == 0;
}

#define PROOF_WORD "netinfo-join-1"
#define NAME_MOST  255u /* more than any name of a machine */

bool tls_join_proof(const uint8_t secret[TLS_SECRET_SIZE], const uint8_t exported[TLS_DIGEST_SIZE],
                    struct bytes request, struct bytes name, uint8_t ret[TLS_DIGEST_SIZE])
{
        uint8_t said[sizeof(PROOF_WORD) - 1 + 2 * TLS_DIGEST_SIZE + NAME_MOST], *to = said;
        if (name.len > NAME_MOST)
                return false;
        memcpy(to, PROOF_WORD, sizeof(PROOF_WORD) - 1);
        to += sizeof(PROOF_WORD) - 1;
        memcpy(to, exported, TLS_DIGEST_SIZE);
        to += TLS_DIGEST_SIZE;
        if (!tls_sha256(request, to))
                return false;
        to += TLS_DIGEST_SIZE;
        if (name.len)
                memcpy(to, name.data, name.len);
        to += name.len;
        return tls_hmac_sha256(bytes_of(secret, TLS_SECRET_SIZE), bytes_of(said, (size_t)(to - said)), ret);
}
