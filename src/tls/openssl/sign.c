/* The authority: its own certificate, and those it signs (doc/tls.md 2.3). */
#include "tls/openssl/internal.h"

#include "sys/random.h"

#include <stdio.h>
#include <stdlib.h>

#define AUTHORITY_LIFE   (3652u * 86400u) /* ten years */
#define EARLIER          3600u            /* than now, for clocks that differ */
#define URI_FORMAT       "URI:netinfo://%s/machines/%s"
#define ALTERNATIVES_MAX 256u

struct authority {
        struct tls_authority front; /* first: the front sees this */
        struct buf der;
        X509 *certificate;
        EVP_PKEY *key;
};

static bool add_extension(X509 *x, X509 *issuer, int nid, const char *value)
{
        X509V3_CTX context;
        X509V3_set_ctx(&context, issuer, x, NULL, NULL, 0);
        X509_EXTENSION *e = X509V3_EXT_nconf_nid(NULL, &context, nid, value);
        const bool ok = e && X509_add_ext(x, e, -1);
        X509_EXTENSION_free(e);
        return ok;
}

static bool set_serial(X509 *x, uint8_t serial[TLS_SERIAL_SIZE])
{
        random_bytes(serial, TLS_SERIAL_SIZE);
        serial[0] &= 0x7f;
        serial[TLS_SERIAL_SIZE - 1] |= 1; /* not 0 */
        BIGNUM *n = BN_bin2bn(serial, TLS_SERIAL_SIZE, NULL);
        const bool ok = n && BN_to_ASN1_INTEGER(n, X509_get_serialNumber(x));
        BN_free(n);
        return ok;
}

static bool set_life(X509 *x, uint64_t since, uint64_t until)
{
        return ASN1_TIME_set(X509_getm_notBefore(x), (time_t)since) &&
               ASN1_TIME_set(X509_getm_notAfter(x), (time_t)until);
}

static bool add_name(X509_NAME *name, int nid, const char *value)
{
        return X509_NAME_add_entry_by_NID(name, nid, V_ASN1_UTF8STRING, (const unsigned char *)value, -1, -1,
                                          0);
}

static void hex_of(const uint8_t *bytes, size_t n, char *to)
{
        for (size_t i = 0; i < n; i++)
                snprintf(to + 2 * i, 3, "%02x", bytes[i]);
}

static uint64_t earlier(uint64_t now)
{
        return now > EARLIER ? now - EARLIER : 0;
}

static X509 *new_certificate(void)
{
        X509 *x = openssl_context() ? X509_new_ex(openssl_context(), NULL) : NULL;
        if (x && !X509_set_version(x, X509_VERSION_3)) {
                X509_free(x);
                x = NULL;
        }
        return x;
}

static bool fill_authority(X509 *x, EVP_PKEY *key, uint64_t now)
{
        uint8_t serial[TLS_SERIAL_SIZE], uuid[TLS_UUID_SIZE];
        char hex[2 * TLS_UUID_SIZE + 1];
        X509_NAME *name = X509_get_subject_name(x);
        random_uuid(uuid);
        hex_of(uuid, sizeof(uuid), hex);
        return set_serial(x, serial) && set_life(x, earlier(now), earlier(now) + AUTHORITY_LIFE) &&
               add_name(name, NID_commonName, "NetInfo authority") && add_name(name, NID_serialNumber, hex) &&
               X509_set_issuer_name(x, name) && X509_set_pubkey(x, key) &&
               add_extension(x, x, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
               add_extension(x, x, NID_key_usage, "critical,keyCertSign") &&
               add_extension(x, x, NID_subject_key_identifier, "hash") && X509_sign(x, key, EVP_sha256());
}

bool authority_make(uint64_t now, struct buf *ret_key, struct buf *ret_certificate, struct tls_why *why)
{
        struct buf der;
        buf_init(&der, 0);
        EVP_PKEY *key = key_make();
        X509 *x = key ? new_certificate() : NULL;
        const bool ok =
                x && fill_authority(x, key, now) && certificate_der(x, &der) && key_write(key, ret_key);
        if (ok)
                tls_certificate_pem(buf_bytes(&der), ret_certificate);
        else
                why_set(why, "an authority could not be made: %s", openssl_words());
        X509_free(x);
        EVP_PKEY_free(key);
        buf_done(&der);
        ERR_clear_error();
        return ok && !ret_certificate->failed;
}

static bool read_authority(struct authority *a, struct bytes key, struct bytes certificate,
                           struct tls_why *why)
{
        static const char crt[] = "authority.crt ";
        a->certificate = certificate_parse_pem(certificate, why);
        if (!a->certificate ||
            !certificate_of_authority(a->certificate, certificate_now(), a->front.uuid, why)) {
                why_prefix(why, crt);
                return false;
        }
        if (!certificate_pin_of(a->certificate, a->front.pin) || !certificate_der(a->certificate, &a->der))
                return why_set(why, "%scannot be read: no memory", crt);
        a->front.certificate = buf_bytes(&a->der);
        a->key = key_read(key, X509_get0_pubkey(a->certificate), why);
        if (!a->key)
                why_prefix(why, "authority.key ");
        return a->key != NULL;
}

struct tls_authority *authority_read(struct bytes key, struct bytes certificate, struct tls_why *why)
{
        struct authority *a = calloc(1, sizeof(*a));
        if (!a) {
                why_set(why, "authority.key: no memory");
                return NULL;
        }
        if (!read_authority(a, key, certificate, why)) {
                authority_free(&a->front);
                return NULL;
        }
        return &a->front;
}

void authority_free(struct tls_authority *front)
{
        struct authority *a = (struct authority *)front;
        X509_free(a->certificate);
        EVP_PKEY_free(a->key);
        buf_done(&a->der);
        free(a);
}

static bool add_names(X509 *x, const struct authority *a, const char *name)
{
        char text[ALTERNATIVES_MAX], hex[2 * TLS_UUID_SIZE + 1];
        hex_of(a->front.uuid, TLS_UUID_SIZE, hex);
        snprintf(text, sizeof(text), URI_FORMAT ",DNS:%s", hex, name,
                 name); /* the name's bytes are harmless */
        return add_name(X509_get_subject_name(x), NID_commonName, name) &&
               X509_set_issuer_name(x, X509_get_subject_name(a->certificate)) &&
               add_extension(x, a->certificate, NID_subject_alt_name, text);
}

static bool fill_machine(X509 *x, const struct authority *a, EVP_PKEY *key, const char *name, bool may_serve,
                         struct tls_signed *s)
{
        const char *uses =
                may_serve ? "1.3.6.1.5.5.7.3.33,1.3.6.1.5.5.7.3.34" : "1.3.6.1.5.5.7.3.33"; /* RFC 9289 7.3 */
        return set_serial(x, s->serial) && set_life(x, s->since, s->until) && X509_set_pubkey(x, key) &&
               add_extension(x, a->certificate, NID_basic_constraints, "critical,CA:FALSE") &&
               add_extension(x, a->certificate, NID_key_usage, "critical,digitalSignature") &&
               add_extension(x, a->certificate, NID_ext_key_usage, uses) && add_names(x, a, name) &&
               add_extension(x, a->certificate, NID_subject_key_identifier, "hash") &&
               add_extension(x, a->certificate, NID_authority_key_identifier, "keyid:always") &&
               X509_sign(x, a->key, EVP_sha256());
}

static bool sign_key(const struct authority *a, EVP_PKEY *key, const char *name, bool may_serve,
                     struct tls_signed *s)
{
        X509 *x = new_certificate();
        struct buf der;
        buf_init(&der, sizeof(s->der));
        const bool ok = x && fill_machine(x, a, key, name, may_serve, s) && certificate_der(x, &der);
        if (ok) {
                memcpy(s->der, der.data, der.len);
                s->len = der.len;
        }
        buf_done(&der);
        X509_free(x);
        return ok;
}

bool authority_sign(const struct tls_authority *front, struct bytes request, const char *name, bool may_serve,
                    uint64_t now, struct tls_signed *ret, struct tls_why *why)
{
        const struct authority *a = (const struct authority *)front;
        struct tls_signed s = {.since = earlier(now), .until = earlier(now) + TLS_CERTIFICATE_LIFE};
        if (!tls_name_valid(bytes_str(name)))
                return why_set(why,
                               "the name cannot be one: letters, digits, - and . are, at most %u of them",
                               TLS_NAME_MAX);
        X509_REQ *r = request_parse(request, why);
        if (!r) {
                why_prefix(why, "the request ");
                return false;
        }
        const bool ok = sign_key(a, X509_REQ_get0_pubkey(r), name, may_serve, &s);
        if (ok)
                *ret = s;
        else
                why_set(why, "the certificate of %s could not be signed: %s", name, openssl_words());
        X509_REQ_free(r);
        ERR_clear_error();
        return ok;
}
