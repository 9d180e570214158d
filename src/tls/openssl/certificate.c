#include "tls/openssl/internal.h"

#include "base/limits.h"
#include "sys/clock.h"

#include <openssl/pem.h>
#include <time.h>

#define URI_BEGIN  "netinfo://"
#define URI_MIDDLE "/machines/"

/* RFC 9289 7.3: id-kp-rpcTLSClient, id-kp-rpcTLSServer; as their contents in DER. */
static const uint8_t use_call[] = {0x2b, 6, 1, 5, 5, 7, 3, 33};
static const uint8_t use_serve[] = {0x2b, 6, 1, 5, 5, 7, 3, 34};

uint64_t certificate_now(void)
{
        return clock_wall_us() / 1000000;
}

X509 *certificate_parse(struct bytes der, struct tls_why *why)
{
        const uint8_t *at = der.data;
        if (der.len == 0 || der.len > TLS_CERTIFICATE_MAX) {
                why_set(why, der.len ? "has more than %u bytes" : "is empty", TLS_CERTIFICATE_MAX);
                return NULL;
        }
        X509 *x = openssl_context() ? X509_new_ex(openssl_context(), NULL) : NULL;
        X509 *read = x ? d2i_X509(&x, &at, (long)der.len) : NULL; /* frees x when it fails */
        if (read && at != der.data + der.len) {
                X509_free(read);
                read = NULL;
        }
        if (!read)
                why_set(why, "is no X.509 certificate in DER");
        ERR_clear_error();
        return read;
}

static X509 *next_of(BIO *text)
{
        X509 *x = X509_new_ex(openssl_context(), NULL);
        if (x &&
            !PEM_read_bio_X509(text, &x, NULL, NULL)) { /* leaves x when there is no block, else frees it */
                X509_free(x);
                x = NULL;
        }
        return x;
}

X509 *certificate_parse_pem(struct bytes pem, struct tls_why *why)
{
        BIO *text = openssl_context() ? BIO_new_mem_buf(pem.data, (int)pem.len) : NULL;
        X509 *x = text ? next_of(text) : NULL, *more = x ? next_of(text) : NULL;
        if (more) {
                why_set(why, "holds more than one certificate");
                X509_free(x);
                X509_free(more);
                x = NULL;
        } else if (!x) {
                why_set(why, "holds no certificate (PEM)");
        }
        BIO_free(text);
        ERR_clear_error();
        return x;
}

bool certificate_pin_of(const X509 *x, uint8_t ret[TLS_PIN_SIZE])
{
        return key_digest(X509_get_X509_PUBKEY(x), ret);
}

bool certificate_der(const X509 *x, struct buf *out)
{
        const int n = i2d_X509(x, NULL);
        uint8_t *to = n > 0 ? buf_add(out, (size_t)n) : NULL;
        return to && i2d_X509(x, &to) == n;
}

static struct bytes string_of(const ASN1_STRING *s)
{
        return bytes_of(ASN1_STRING_get0_data(s), (size_t)ASN1_STRING_length(s));
}

/* Seconds since 1970. */
static bool read_time(const ASN1_TIME *t, uint64_t *ret)
{
        struct tm tm;
        if (!ASN1_TIME_to_tm(t, &tm))
                return false;
        const time_t seconds = timegm(&tm);
        if (seconds < 0)
                return false;
        *ret = (uint64_t)seconds;
        return true;
}

static bool read_serial(const X509 *x, uint8_t ret[TLS_SERIAL_SIZE])
{
        const ASN1_INTEGER *serial = X509_get0_serialNumber(x);
        const struct bytes value = string_of(serial); /* without its sign, and leading zeros */
        if (ASN1_STRING_type(serial) != V_ASN1_INTEGER || value.len == 0 || value.len > TLS_SERIAL_SIZE ||
            (value.len == 1 && value.data[0] == 0))
                return false;
        memset(ret, 0, TLS_SERIAL_SIZE);
        memcpy(ret + TLS_SERIAL_SIZE - value.len, value.data, value.len);
        return true;
}

static bool read_uuid(struct bytes text, uint8_t ret[TLS_UUID_SIZE])
{
        static const char digits[] = "0123456789abcdef";
        uint8_t uuid[TLS_UUID_SIZE] = {0};
        if (text.len != 2 * (size_t)TLS_UUID_SIZE)
                return false;
        for (size_t i = 0; i < text.len; i++) {
                const char *p = memchr(digits, text.data[i], 16);
                if (!p)
                        return false;
                uuid[i / 2] = (uint8_t)(uuid[i / 2] << 4 | (p - digits));
        }
        memcpy(ret, uuid, sizeof(uuid));
        return true;
}

/* The only value of this kind in the name; false: none, or several. */
static bool name_part(const X509_NAME *name, int nid, struct bytes *ret)
{
        const int at = X509_NAME_get_index_by_NID(name, nid, -1);
        if (at < 0 || X509_NAME_get_index_by_NID(name, nid, at) >= 0)
                return false;
        *ret = string_of(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
        return true;
}

static bool read_uri(struct bytes uri, struct tls_certificate *c)
{
        const size_t begin = strlen(URI_BEGIN), middle = strlen(URI_MIDDLE), uuid = 2 * (size_t)TLS_UUID_SIZE;
        const struct bytes rest = bytes_sub(uri, begin + uuid, uri.len),
                           name = bytes_sub(rest, middle, rest.len);
        if (!bytes_starts(uri, URI_BEGIN) || !read_uuid(bytes_sub(uri, begin, uuid), c->authority) ||
            !bytes_starts(rest, URI_MIDDLE) || !tls_name_valid(name))
                return false;
        memcpy(c->machine, name.data, name.len);
        c->machine[name.len] = '\0';
        return true;
}

/* Exactly one URI and one DNS name, of one machine: what an authority of ours writes. */
static bool read_alternatives(const GENERAL_NAMES *names, struct tls_certificate *c, struct tls_why *why)
{
        struct bytes uri = BYTES_NONE, dns = BYTES_NONE;
        const int n = sk_GENERAL_NAME_num(names);
        if (n > (int)LIMIT_TLS_NAMES)
                return why_set(why, "has more than %u names", LIMIT_TLS_NAMES);
        for (int i = 0; i < n; i++) {
                int kind;
                const void *value = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names, i), &kind);
                struct bytes *to = kind == GEN_URI ? &uri : kind == GEN_DNS ? &dns : NULL;
                if (!to || to->data)
                        return why_set(why, "has names beside one URI and one DNS name");
                *to = string_of(value);
        }
        if (!uri.data || !read_uri(uri, c))
                return why_set(why, "has no URI netinfo://UUID/machines/NAME");
        if (!dns.data || !bytes_eq_str(dns, c->machine))
                return why_set(why, "has no DNS name, or another than the machine's name in its URI");
        return true;
}

static bool read_names(const X509 *x, struct tls_certificate *c, struct tls_why *why)
{
        struct bytes cn;
        GENERAL_NAMES *names = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
        if (!names)
                return why_set(why, "has no subjectAltName");
        const bool ok = read_alternatives(names, c, why);
        GENERAL_NAMES_free(names);
        if (!ok)
                return false;
        const X509_NAME *subject = X509_get_subject_name(x);
        if (X509_NAME_entry_count(subject) != 1 || !name_part(subject, NID_commonName, &cn) ||
            !bytes_eq_str(cn, c->machine))
                return why_set(why, "has a subject that is not CN=%s, the machine's name in its URI",
                               c->machine);
        return true;
}

static bool read_uses(const X509 *x, struct tls_certificate *c, struct tls_why *why)
{
        EXTENDED_KEY_USAGE *uses = X509_get_ext_d2i(x, NID_ext_key_usage, NULL, NULL);
        if (!uses)
                return why_set(why, "does not say what it is for (extKeyUsage)");
        for (int i = 0; i < sk_ASN1_OBJECT_num(uses); i++) {
                const ASN1_OBJECT *o = sk_ASN1_OBJECT_value(uses, i);
                const struct bytes use = bytes_of(OBJ_get0_data(o), OBJ_length(o));
                c->may_call |= bytes_eq(use, bytes_of(use_call, sizeof(use_call)));
                c->may_serve |= bytes_eq(use, bytes_of(use_serve, sizeof(use_serve)));
        }
        EXTENDED_KEY_USAGE_free(uses);
        return true;
}

/* What holds of both kinds: version 3, P-256, SHA-256. */
static bool form_valid(X509 *x, struct tls_why *why)
{
        if (X509_get_version(x) != X509_VERSION_3 || X509_get_extension_flags(x) & EXFLAG_INVALID)
                return why_set(why, "is no valid X.509 certificate of version 3");
        if (!key_is_p256(X509_get_X509_PUBKEY(x)))
                return why_set(why, "is for no P-256 key");
        if (X509_get_signature_nid(x) != NID_ecdsa_with_SHA256)
                return why_set(why, "is not signed with ECDSA and SHA-256");
        return true;
}

static bool read_machine(X509 *x, struct tls_certificate *c, struct tls_why *why)
{
        if (!form_valid(x, why))
                return false;
        if (X509_get_extension_flags(x) & EXFLAG_CA)
                return why_set(why, "is an authority's (CA:TRUE), no machine's");
        if (!(X509_get_key_usage(x) & KU_DIGITAL_SIGNATURE))
                return why_set(why, "is not for signatures (keyUsage)");
        if (!read_serial(x, c->serial))
                return why_set(why, "has no serial number of at most 128 bits");
        if (!read_time(X509_get0_notBefore(x), &c->since) || !read_time(X509_get0_notAfter(x), &c->until))
                return why_set(why, "has no time that can be read");
        if (!certificate_pin_of(x, c->key))
                return why_set(why, "cannot be read: no memory");
        return read_names(x, c, why) && read_uses(x, c, why);
}

bool certificate_of_machine(X509 *x, struct tls_certificate *ret, struct tls_why *why)
{
        struct tls_certificate c = {0};
        const bool ok = read_machine(x, &c, why);
        ERR_clear_error();
        if (ok)
                *ret = c;
        return ok;
}

static bool read_authority(X509 *x, uint64_t now, uint8_t uuid[TLS_UUID_SIZE], struct tls_why *why)
{
        struct bytes number;
        uint64_t since, until;
        if (!form_valid(x, why))
                return false;
        if (X509_check_ca(x) != 1 || !(X509_get_key_usage(x) & KU_KEY_CERT_SIGN))
                return why_set(why, "is no authority's (CA:TRUE, keyCertSign)");
        if (!(X509_get_extension_flags(x) & EXFLAG_SS) || X509_verify(x, X509_get0_pubkey(x)) != 1)
                return why_set(why, "is not signed by its own key");
        if (!name_part(X509_get_subject_name(x), NID_serialNumber, &number) || !read_uuid(number, uuid))
                return why_set(why, "has no UUID (serialNumber, 32 hexadecimal digits) in its subject");
        if (!read_time(X509_get0_notBefore(x), &since) || !read_time(X509_get0_notAfter(x), &until))
                return why_set(why, "has no time that can be read");
        if (now < since)
                return why_set(why, "is not valid yet: is this machine's clock right?");
        if (now > until)
                return why_set(why, "has run out: ni init --new-authority makes another");
        return true;
}

bool certificate_of_authority(X509 *x, uint64_t now, uint8_t ret_uuid[TLS_UUID_SIZE], struct tls_why *why)
{
        uint8_t uuid[TLS_UUID_SIZE];
        const bool ok = read_authority(x, now, uuid, why);
        ERR_clear_error();
        if (ok)
                memcpy(ret_uuid, uuid, sizeof(uuid));
        return ok;
}

/* The machine's own time is looked at by those who know what it means to them. */
static int other_time(int ok, X509_STORE_CTX *store)
{
        const int error = X509_STORE_CTX_get_error(store);
        if (ok || X509_STORE_CTX_get_error_depth(store) > 0 ||
            (error != X509_V_ERR_CERT_HAS_EXPIRED && error != X509_V_ERR_CERT_NOT_YET_VALID))
                return ok;
        X509_STORE_CTX_set_error(store, X509_V_OK);
        return 1;
}

/* The library's own look at the pair: nothing but these two can be in the chain. */
static int verify_chain(X509 *x, X509 *authority, uint64_t now)
{
        int error = X509_V_ERR_OUT_OF_MEM;
        X509_STORE *trusted = X509_STORE_new();
        X509_STORE_CTX *store = X509_STORE_CTX_new_ex(openssl_context(), NULL);
        if (trusted && store && X509_STORE_add_cert(trusted, authority) &&
            X509_STORE_CTX_init(store, trusted, x, NULL)) {
                X509_STORE_CTX_set_time(store, 0, (time_t)now);
                X509_STORE_CTX_set_depth(store, 0);
                X509_STORE_CTX_set_verify_cb(store, other_time);
                error = X509_verify_cert(store) == 1 ? X509_V_OK : X509_STORE_CTX_get_error(store);
                if (error == X509_V_OK && sk_X509_num(X509_STORE_CTX_get0_chain(store)) != 2)
                        error = X509_V_ERR_CERT_REJECTED; /* the authority's own certificate is no machine's
                                                           */
        }
        X509_STORE_CTX_free(store);
        X509_STORE_free(trusted);
        ERR_clear_error();
        return error;
}

bool certificate_verify(X509 *x, X509 *authority, uint64_t now, struct tls_certificate *ret, int *ret_error,
                        struct tls_why *why)
{
        struct tls_certificate c;
        uint8_t uuid[TLS_UUID_SIZE];
        *ret_error = verify_chain(x, authority, now);
        if (*ret_error == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY ||
            *ret_error == X509_V_ERR_CERT_SIGNATURE_FAILURE ||
            *ret_error == X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT)
                return why_set(why, "is not signed by our authority");
        if (*ret_error != X509_V_OK)
                return why_set(why, "is not valid: %s", X509_verify_cert_error_string(*ret_error));
        *ret_error = X509_V_ERR_CERT_REJECTED;
        if (!certificate_of_authority(authority, now, uuid, why) || !certificate_of_machine(x, &c, why))
                return false;
        if (memcmp(uuid, c.authority, sizeof(uuid)) != 0)
                return why_set(why, "names another authority in its URI");
        *ret_error = X509_V_OK;
        *ret = c;
        return true;
}

bool certificate_read_der(struct bytes der, struct tls_certificate *ret, struct tls_why *why)
{
        X509 *x = certificate_parse(der, why);
        const bool ok = x && certificate_of_machine(x, ret, why);
        X509_free(x);
        if (!ok)
                why_prefix(why, "the certificate ");
        return ok;
}

bool certificate_pin_der(struct bytes der, uint8_t *ret, struct tls_why *why)
{
        X509 *x = certificate_parse(der, why);
        bool ok = x != NULL;
        if (x && !certificate_pin_of(x, ret))
                ok = why_set(why, "cannot be read: no memory");
        X509_free(x);
        ERR_clear_error();
        if (!ok)
                why_prefix(why, "the certificate ");
        return ok;
}
