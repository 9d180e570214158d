#include "forge.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <time.h>

void forger_open(struct forger *f, const struct lab *l)
{
        char path[128];
        const struct bytes der = tls_authority_certificate(l->signer);
        const uint8_t *at = der.data;
        snprintf(path, sizeof(path), "%s/authority.key", l->authority);
        FILE *file = fopen(path, "r");
        assert_non_null(file);
        f->key = PEM_read_PrivateKey(file, NULL, NULL, NULL);
        f->authority = d2i_X509(NULL, &at, (long)der.len);
        assert_true(f->key && f->authority);
        fclose(file);
        for (unsigned i = 0; i < TLS_UUID_SIZE; i++)
                snprintf(f->uuid + 2 * i, 3, "%02x", tls_authority_uuid(l->signer)[i]);
}

void forger_close(struct forger *f)
{
        EVP_PKEY_free(f->key);
        X509_free(f->authority);
}

static void extend(const struct forger *f, X509 *x, int nid, const char *value)
{
        X509V3_CTX context;
        X509V3_set_ctx(&context, f->authority, x, NULL, NULL, 0);
        X509_EXTENSION *e = X509V3_EXT_nconf_nid(NULL, &context, nid, value);
        assert_non_null(e);
        assert_int_equal(X509_add_ext(x, e, -1), 1);
        X509_EXTENSION_free(e);
}

static void add_name(GENERAL_NAMES *names, int kind, const char *text, size_t len)
{
        GENERAL_NAME *n = GENERAL_NAME_new();
        ASN1_IA5STRING *s = ASN1_IA5STRING_new();
        assert_true(n && s);
        assert_int_equal(ASN1_STRING_set(s, text, (int)len), 1);
        GENERAL_NAME_set0_value(n, kind, s);
        assert_true(sk_GENERAL_NAME_push(names, n) > 0);
}

static void add_uri(const struct forger *f, GENERAL_NAMES *names, const char *form)
{
        char text[256];
        const char *hash = strchr(form, '#');
        snprintf(text, sizeof(text), "%.*s%s%s", hash ? (int)(hash - form) : (int)strlen(form), form,
                 hash ? f->uuid : "", hash ? hash + 1 : "");
        if (*form)
                add_name(names, GEN_URI, text, strlen(text));
}

static void add_alternatives(const struct forger *f, const struct forgery *how, X509 *x)
{
        GENERAL_NAMES *names = GENERAL_NAMES_new();
        const char *dns = how->dns ? how->dns : "rome";
        assert_non_null(names);
        add_uri(f, names, how->uri ? how->uri : "netinfo://#/machines/rome");
        if (how->uri2)
                add_uri(f, names, how->uri2);
        if (*dns)
                add_name(names, GEN_DNS, dns, how->dns_len ? how->dns_len : strlen(dns));
        if (how->dns2)
                add_name(names, GEN_DNS, how->dns2, strlen(how->dns2));
        if (how->email)
                add_name(names, GEN_EMAIL, how->email, strlen(how->email));
        if (sk_GENERAL_NAME_num(names))
                assert_int_equal(X509_add1_ext_i2d(x, NID_subject_alt_name, names, 0, 0), 1);
        GENERAL_NAMES_free(names);
}

static void add_unknown(X509 *x)
{
        ASN1_OBJECT *o = OBJ_txt2obj("1.3.6.1.4.1.99999.1", 1);
        ASN1_OCTET_STRING *s = ASN1_OCTET_STRING_new();
        assert_true(o && s && ASN1_OCTET_STRING_set(s, (const uint8_t *)"\5\0", 2));
        X509_EXTENSION *e = X509_EXTENSION_create_by_OBJ(NULL, o, 1, s);
        assert_true(e && X509_add_ext(x, e, -1));
        X509_EXTENSION_free(e);
        ASN1_OCTET_STRING_free(s);
        ASN1_OBJECT_free(o);
}

static void add_part(X509_NAME *name, const char *field, const char *value)
{
        assert_int_equal(X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8, (const unsigned char *)value,
                                                    -1, -1, 0),
                         1);
}

static void set_names(const struct forger *f, const struct forgery *how, X509 *x)
{
        X509_NAME *subject = X509_get_subject_name(x), *issuer = X509_get_subject_name(f->authority);
        if (how->issuer_name_as_subject) {
                assert_int_equal(X509_set_subject_name(x, issuer), 1);
        } else {
                add_part(subject, "CN", how->cn ? how->cn : "rome");
                if (how->more)
                        add_part(subject, "O", how->more);
        }
        assert_int_equal(X509_set_issuer_name(x, how->self ? X509_get_subject_name(x) : issuer), 1);
}

static void add_extensions(const struct forger *f, const struct forgery *how, X509 *x)
{
        const char *constraints = how->constraints ? how->constraints : "critical,CA:FALSE",
                   *usage = how->key_usage ? how->key_usage : "critical,digitalSignature",
                   *uses = how->uses ? how->uses : "1.3.6.1.5.5.7.3.33,1.3.6.1.5.5.7.3.34";
        if (*constraints)
                extend(f, x, NID_basic_constraints, constraints);
        if (*usage)
                extend(f, x, NID_key_usage, usage);
        if (*uses)
                extend(f, x, NID_ext_key_usage, uses);
        add_alternatives(f, how, x);
        if (how->unknown)
                add_unknown(x);
}

static EVP_PKEY *new_key(const char *curve)
{
        EVP_PKEY *key =
                curve && strcmp(curve, "RSA") == 0 ? EVP_RSA_gen(2048) : EVP_EC_gen(curve ? curve : "P-256");
        assert_non_null(key);
        return key;
}

void forge(const struct forger *f, const struct forgery *how, struct forged *ret)
{
        const time_t now = time(NULL);
        const bool timed = how->since || how->until;
        X509 *x = X509_new();
        EVP_PKEY *key = new_key(how->curve), *other = new_key(NULL);
        assert_non_null(x);
        assert_true(X509_set_version(x, how->version == 1 ? X509_VERSION_1 : X509_VERSION_3) &&
                    ASN1_INTEGER_set(X509_get_serialNumber(x), how->serial ? how->serial : 4711) &&
                    ASN1_TIME_set(X509_getm_notBefore(x), now + (timed ? how->since : -3600)) &&
                    ASN1_TIME_set(X509_getm_notAfter(x), now + (timed ? how->until : 86400)) &&
                    X509_set_pubkey(x, key));
        set_names(f, how, x);
        if (how->version != 1)
                add_extensions(f, how, x);
        EVP_PKEY *signer = how->own_key || how->self ? key : how->other_key ? other : f->key;
        assert_true(X509_sign(x, signer, how->digest ? how->digest : EVP_sha256()) > 0);
        EVP_PKEY_free(other);
        *ret = (struct forged){x, key};
}

void forged_done(struct forged *f)
{
        X509_free(f->certificate);
        EVP_PKEY_free(f->key);
}

size_t forged_der(const struct forged *f, uint8_t *ret)
{
        const int n = i2d_X509(f->certificate, NULL);
        assert_in_range(n, 1, TLS_CERTIFICATE_MAX);
        assert_int_equal(i2d_X509(f->certificate, &ret), n);
        return (size_t)n;
}

static int choose(SSL *ssl, const unsigned char **ret, unsigned char *ret_len, const unsigned char *in,
                  unsigned in_len, void *unused)
{
        (void)ssl, (void)in_len, (void)unused;
        *ret = in + 1; /* whatever comes first */
        *ret_len = in[0];
        return SSL_TLSEXT_ERR_OK;
}

SSL_CTX *raw_context(bool server, const struct forged *show)
{
        SSL_CTX *c = SSL_CTX_new(server ? TLS_server_method() : TLS_client_method());
        assert_non_null(c);
        if (show) {
                assert_int_equal(SSL_CTX_use_certificate(c, show->certificate), 1);
                assert_int_equal(SSL_CTX_use_PrivateKey(c, show->key), 1);
        }
        if (server)
                SSL_CTX_set_alpn_select_cb(c, choose, NULL);
        else
                assert_int_equal(SSL_CTX_set_alpn_protos(c, (const uint8_t *)"\6sunrpc", 7), 0);
        return c;
}

SSL *raw_session(SSL_CTX *c, bool server, int fd)
{
        SSL *s = SSL_new(c);
        assert_true(s && SSL_set_fd(s, fd));
        if (server)
                SSL_set_accept_state(s);
        else
                SSL_set_connect_state(s);
        return s;
}

static int raw_turn(SSL *raw)
{
        ERR_clear_error();
        const int n = SSL_do_handshake(raw), err = SSL_get_error(raw, n);
        return n == 1 ? 1 : err == SSL_ERROR_WANT_READ || err == SSL_ERROR_WANT_WRITE ? 0 : -1;
}

void raw_handshake(SSL *raw, struct tls_session *ours, int *ret_raw, enum tls_io *ret_ours)
{
        *ret_raw = 0;
        *ret_ours = TLS_WANT_READ;
        for (unsigned n = 0; n < 100 && (*ret_raw == 0 || *ret_ours == TLS_WANT_READ); n++) {
                if (*ret_raw == 0)
                        *ret_raw = raw_turn(raw);
                if (*ret_ours == TLS_WANT_READ)
                        *ret_ours = tls_handshake(ours);
        }
        ERR_clear_error();
}
