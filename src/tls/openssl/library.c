/* Beginning, digests, and the table that the front calls. */
#include "tls/openssl/internal.h"

#include <openssl/provider.h>
#include <pthread.h>
#include <sys/auxv.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static OSSL_LIB_CTX *context;

/* No clean-up at the end of the process, when other threads may still be at it. Where somebody else's rights
 * are at stake no configuration is read; otherwise it is the system's, as for all other programs. */
static void begin(void)
{
        const uint64_t configuration = getauxval(AT_SECURE) ? OPENSSL_INIT_NO_LOAD_CONFIG : 0;
        if (!OPENSSL_init_ssl(OPENSSL_INIT_NO_ATEXIT | configuration, NULL))
                return;
        OSSL_LIB_CTX *c = OSSL_LIB_CTX_new();
        if (c && OSSL_PROVIDER_load(c, "default"))
                context = c;
        else
                OSSL_LIB_CTX_free(c);
}

OSSL_LIB_CTX *openssl_context(void)
{
        pthread_once(&once, begin);
        return context;
}

const char *openssl_words(void)
{
        const unsigned long code = ERR_peek_last_error();
        const char *text = code ? ERR_reason_error_string(code) : NULL;
        return text ? text : "no memory";
}

bool digest_sha256(struct bytes data, uint8_t *ret)
{
        uint8_t digest[TLS_DIGEST_SIZE];
        size_t n = sizeof(digest);
        if (!openssl_context() ||
            !EVP_Q_digest(context, "SHA256", NULL, data.len ? data.data : digest, data.len, digest, &n))
                return false;
        memcpy(ret, digest, sizeof(digest));
        return true;
}

bool digest_hmac_sha256(struct bytes key, struct bytes data, uint8_t *ret)
{
        uint8_t digest[TLS_DIGEST_SIZE];
        size_t n = 0;
        if (!openssl_context() || !EVP_Q_mac(context, "HMAC", NULL, "SHA256", NULL, key.data, key.len,
                                             data.data, data.len, digest, sizeof(digest), &n))
                return false;
        memcpy(ret, digest, sizeof(digest));
        return true;
}

__attribute__((visibility("default"))) const struct tls_table netinfo_tls_table = {
        .version = NETINFO_VERSION,
        .size = sizeof(struct tls_table),
        .sha256 = digest_sha256,
        .hmac_sha256 = digest_hmac_sha256,
        .request_make = request_make,
        .request_check = request_check,
        .certificate_read = certificate_read_der,
        .certificate_pin = certificate_pin_der,
        .authority_make = authority_make,
        .authority_read = authority_read,
        .authority_free = authority_free,
        .authority_sign = authority_sign,
        .identity_read = identity_read,
        .identity_free = identity_free,
        .accept = session_accept,
        .connect = session_connect,
        .connect_pinned = session_connect_pinned,
        .session_ask = session_ask,
        .session_free = session_free,
        .session_forget = session_forget,
        .handshake = session_handshake,
        .read = session_read,
        .write = session_write,
        .pending = session_pending,
        .session_peer = session_peer,
        .session_authority = session_authority,
        .session_export = session_export,
        .session_reason = session_reason,
};
