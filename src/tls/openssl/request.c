/* Requests of machines: PKCS #10 (RFC 2986). */
#include "tls/openssl/internal.h"

X509_REQ *request_parse(struct bytes der, struct tls_why *why)
{
        const uint8_t *at = der.data;
        if (der.len == 0 || der.len > TLS_REQUEST_MAX) {
                why_set(why, der.len ? "has more than %u bytes" : "is empty", TLS_REQUEST_MAX);
                return NULL;
        }
        X509_REQ *r = openssl_context() ? X509_REQ_new_ex(openssl_context(), NULL) : NULL;
        X509_REQ *read = r ? d2i_X509_REQ(&r, &at, (long)der.len) : NULL; /* frees r when it fails */
        const char *reason = NULL;
        if (!read || at != der.data + der.len)
                reason = "is no PKCS #10 request in DER";
        else if (!key_is_p256(X509_REQ_get_X509_PUBKEY(read)))
                reason = "is for no P-256 key";
        else if (X509_REQ_get_signature_nid(read) != NID_ecdsa_with_SHA256 ||
                 X509_REQ_verify_ex(read, X509_REQ_get0_pubkey(read), openssl_context(), NULL) != 1)
                reason = "is not signed with its own key (ECDSA, SHA-256)";
        ERR_clear_error();
        if (!reason)
                return read;
        why_set(why, "%s", reason);
        X509_REQ_free(read);
        return NULL;
}

bool request_check(struct bytes der, uint8_t *ret_key, struct tls_why *why)
{
        X509_REQ *r = request_parse(der, why);
        bool ok = r != NULL;
        if (r && ret_key && !key_digest(X509_REQ_get_X509_PUBKEY(r), ret_key))
                ok = why_set(why, "cannot be read: no memory");
        X509_REQ_free(r);
        if (!ok)
                why_prefix(why, "the request ");
        return ok;
}

/* The request says nothing but the key: who signs it knows the name. */
static bool write_request(EVP_PKEY *key, struct tls_request *ret)
{
        X509_REQ *r = X509_REQ_new_ex(openssl_context(), NULL);
        uint8_t *to = ret->der;
        const bool signed_now = r && X509_REQ_set_version(r, 0) && X509_REQ_set_pubkey(r, key) &&
                                X509_REQ_sign(r, key, EVP_sha256());
        const int n = signed_now ? i2d_X509_REQ(r, NULL) : 0;
        const bool ok = n > 0 && (size_t)n <= sizeof(ret->der) && i2d_X509_REQ(r, &to) == n;
        ret->len = ok ? (size_t)n : 0;
        X509_REQ_free(r);
        return ok;
}

static bool write_key(EVP_PKEY *key, struct tls_request *ret)
{
        struct buf text;
        buf_init(&text, sizeof(ret->key) - 1);
        buf_add(&text, sizeof(ret->key) - 1); /* in one piece, which is wiped */
        buf_truncate(&text, 0);
        const bool ok = key_write(key, &text) && text.len < sizeof(ret->key);
        if (ok)
                memcpy(ret->key, text.data, text.len);
        ret->key[ok ? text.len : 0] = '\0';
        if (text.data)
                explicit_bzero(text.data, text.cap);
        buf_done(&text);
        return ok;
}

bool request_make(struct bytes key, struct tls_request *ret, struct tls_why *why)
{
        EVP_PKEY *pair = key.len ? key_read(key, NULL, why) : key_make();
        bool ok = pair != NULL;
        if (!pair && key.len)
                why_prefix(why, "the key ");
        ret->key[0] = '\0';
        if (pair)
                ok = write_request(pair, ret) && (key.len || write_key(pair, ret));
        if (!ok && (pair || !key.len))
                why_set(why, "a key and a request for it could not be made: %s", openssl_words());
        EVP_PKEY_free(pair);
        ERR_clear_error();
        return ok;
}
