#include "tls/openssl/internal.h"

#include "base/limits.h"

#include <openssl/pem.h>

bool key_is_p256(const X509_PUBKEY *key)
{
        ASN1_OBJECT *algorithm;
        X509_ALGOR *whole;
        const ASN1_OBJECT *curve;
        int kind;
        const void *value;
        if (!X509_PUBKEY_get0_param(&algorithm, NULL, NULL, &whole, key))
                return false;
        X509_ALGOR_get0(NULL, &kind, &value, whole);
        if (OBJ_obj2nid(algorithm) != NID_X9_62_id_ecPublicKey || kind != V_ASN1_OBJECT)
                return false;
        curve = value;
        return OBJ_obj2nid(curve) == NID_X9_62_prime256v1 && X509_PUBKEY_get0(key) != NULL;
}

bool key_digest(const X509_PUBKEY *key, uint8_t ret[TLS_DIGEST_SIZE])
{
        uint8_t *der = NULL;
        const int n = i2d_X509_PUBKEY(key, &der);
        const bool ok = n > 0 && digest_sha256(bytes_of(der, (size_t)n), ret);
        OPENSSL_free(der);
        return ok;
}

EVP_PKEY *key_make(void)
{
        return openssl_context() ? EVP_PKEY_Q_keygen(openssl_context(), NULL, "EC", "P-256") : NULL;
}

/* Nobody is asked for a password: files of ours have none. */
static int no_password(char *to, int size, int writing, void *unused)
{
        (void)to, (void)size, (void)writing, (void)unused;
        return -1;
}

static bool private_is_p256(const EVP_PKEY *key)
{
        char group[32];
        size_t n = 0;
        return EVP_PKEY_is_a(key, "EC") && EVP_PKEY_get_group_name(key, group, sizeof(group), &n) &&
               strcmp(group, "prime256v1") == 0;
}

EVP_PKEY *key_read(struct bytes pem, EVP_PKEY *public_half, struct tls_why *why)
{
        BIO *text = openssl_context() ? BIO_new_mem_buf(pem.data, (int)pem.len) : NULL;
        EVP_PKEY *found = NULL;
        unsigned n = 0;
        while (text && !found && n < LIMIT_TLS_KEYS) {
                EVP_PKEY *key =
                        PEM_read_bio_PrivateKey_ex(text, NULL, no_password, NULL, openssl_context(), NULL);
                if (!key)
                        break;
                n++;
                if (private_is_p256(key) && (!public_half || EVP_PKEY_eq(public_half, key) == 1))
                        found = key;
                else
                        EVP_PKEY_free(key);
        }
        if (!found)
                why_set(why, !text ? "cannot be read: no memory"
                             : n   ? "has no P-256 key that belongs to the certificate"
                                   : "holds no key (PEM, PKCS #8)");
        BIO_free(text);
        ERR_clear_error();
        return found;
}

bool key_write(EVP_PKEY *key, struct buf *out)
{
        BIO *text = BIO_new(BIO_s_secmem());
        char *data;
        bool ok = text && PEM_write_bio_PKCS8PrivateKey(text, key, NULL, NULL, 0, NULL, NULL);
        if (ok) {
                const long n = BIO_get_mem_data(text, &data);
                buf_put(out, bytes_of(data, (size_t)n));
                ok = !out->failed;
        }
        BIO_free(text); /* wipes it */
        return ok;
}
