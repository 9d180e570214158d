/* Certificates that are not as doc/tls.md 2.3 has them, shown to our server and to our client by a peer that
 * is no NetInfo; each differs from a right one in one thing. */
#include "forge.h"

#include <openssl/param_build.h>
#include <openssl/x509v3.h>
#include <unistd.h>

static struct forger forger;

static int open_lab(void **state)
{
        (void)state;
        lab_open(&lab);
        forger_open(&forger, &lab);
        return 0;
}

static int close_lab(void **state)
{
        (void)state;
        forger_close(&forger);
        lab_close(&lab);
        return 0;
}

#define CALL  "1.3.6.1.5.5.7.3.33"
#define SERVE "1.3.6.1.5.5.7.3.34"

static const struct {
        struct forgery how;
        const char *words; /* of the refusal */
} cases[] = {
        {{.own_key = true}, "is not signed by our authority"},
        {{.other_key = true}, "is not signed by our authority"},
        {{.self = true}, "is not signed by our authority"},
        {{.self = true, .issuer_name_as_subject = true}, "is not signed by our authority"},
        {{.unknown = true}, "unhandled critical extension"},
        {{.version = 1}, "version 3"},
        {{.constraints = "critical,CA:TRUE"}, "is an authority's"},
        {{.key_usage = "critical,keyAgreement"}, "is not for signatures"},
        {{.serial = -5}, "serial number"},
        {{.cn = "milan"}, "CN=rome"},
        {{.more = "Example"}, "CN=rome"},
        {{.uri = "", .dns = ""}, "has no subjectAltName"},
        {{.uri = ""}, "has no URI"},
        {{.uri2 = "netinfo://#/machines/rome"}, "names beside"},
        {{.uri2 = "https://example.org/"}, "names beside"},
        {{.uri = "https://example.org/"}, "has no URI"},
        {{.uri = "netinfo://00000000000000000000000000000000/machines/rome"}, "another authority"},
        {{.uri = "netinfo://#/machines/"}, "has no URI"},
        {{.uri = "netinfo://#/machines/Rome"}, "has no URI"},
        {{.uri = "netinfo://#/machines/rome/x"}, "has no URI"},
        {{.uri = "netinfo://#0/machines/rome"}, "has no URI"},
        {{.uri = "netinfo://#/users/rome"}, "has no URI"},
        {{.uri = "NETINFO://#/machines/rome"}, "has no URI"},
        {{.dns = ""}, "has no DNS name"},
        {{.dns = "milan"}, "has no DNS name, or another"},
        {{.dns = "*.example.org"}, "has no DNS name, or another"},
        {{.dns = "*"}, "has no DNS name, or another"},
        {{.dns = "rome\0.evil.org", .dns_len = 14}, "has no DNS name, or another"},
        {{.dns = "rome\0", .dns_len = 5}, "has no DNS name, or another"},
        {{.dns2 = "milan"}, "names beside"},
        {{.email = "root@rome"}, "names beside"},
        {{.uses = ""}, "does not say what it is for"},
        {{.uses = "serverAuth,clientAuth"}, "is not for "},
        {{.uses = "anyExtendedKeyUsage"}, "is not for "},
};

/* The text for a long list of names, which stands apart because of its length. */
static void many_names(char *to, size_t size)
{
        size_t at = 0;
        for (unsigned i = 0; i < 20; i++)
                at += (size_t)snprintf(to + at, size - at, "%sa%u", i ? "." : "", i);
}

static void shown_to_our_server(const struct forged *f, bool good, const char *words)
{
        int fd[2], raw;
        enum tls_io io;
        lab_sockets(fd);
        SSL_CTX *c = raw_context(false, f);
        SSL *ssl = raw_session(c, false, fd[1]);
        struct tls_session *s = tls_accept(lab.rome, fd[0]);
        raw_handshake(ssl, s, &raw, &io);
        if (io != (good ? TLS_DONE : TLS_FAILED) || !strstr(tls_session_reason(s), words))
                print_error("to our server, want \"%s\": %d %s\n", words, (int)io, tls_session_reason(s));
        assert_int_equal(io, good ? TLS_DONE : TLS_FAILED);
        assert_non_null(strstr(tls_session_reason(s), words));
        assert_int_equal(tls_session_peer(s)->certified, good);
        tls_session_free(s);
        SSL_free(ssl);
        SSL_CTX_free(c);
        close(fd[0]);
        close(fd[1]);
}

static void shown_to_our_client(const struct forged *f, bool good, const char *words)
{
        int fd[2], raw;
        enum tls_io io;
        lab_sockets(fd);
        SSL_CTX *c = raw_context(true, f);
        SSL *ssl = raw_session(c, true, fd[1]);
        struct tls_session *s = tls_connect(lab.leaf, fd[0], "rome");
        raw_handshake(ssl, s, &raw, &io);
        if (io != (good ? TLS_DONE : TLS_FAILED) || !strstr(tls_session_reason(s), words))
                print_error("to our client, want \"%s\": %d %s\n", words, (int)io, tls_session_reason(s));
        assert_int_equal(io, good ? TLS_DONE : TLS_FAILED);
        assert_non_null(strstr(tls_session_reason(s), words));
        tls_session_free(s);
        SSL_free(ssl);
        SSL_CTX_free(c);
        close(fd[0]);
        close(fd[1]);
}

static void to_both(const struct forgery *how, bool good, const char *words)
{
        struct forged f;
        forge(&forger, how, &f);
        shown_to_our_server(&f, good, words);
        shown_to_our_client(&f, good, words);
        forged_done(&f);
}

static void the_right_one(void **state)
{
        const struct forgery right = {0};
        (void)state;
        to_both(&right, true, ""); /* what the others differ from */
}

static void each_wrong_one(void **state)
{
        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
                to_both(&cases[i].how, false, cases[i].words);
}

/* Of those that OpenSSL does not lend itself to show, or not as it finds no algorithm that both sides have.
 */
static void other_algorithms(void **state)
{
        const struct {
                struct forgery how;
                const char *words;
        } others[] = {{{.curve = "RSA"}, "is for no P-256 key"},
                      {{.curve = "P-384"}, "is for no P-256 key"},
                      {{.digest = EVP_sha512()}, "is not signed with ECDSA and SHA-256"},
                      {{.digest = EVP_sha1()}, "is not signed with ECDSA and SHA-256"}};
        struct tls_certificate c;
        struct tls_why why;
        struct forged f;
        uint8_t der[TLS_CERTIFICATE_MAX];
        (void)state;
        for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
                forge(&forger, &others[i].how, &f);
                assert_false(tls_certificate_read(bytes_of(der, forged_der(&f, der)), &c, &why));
                assert_non_null(strstr(why.text, others[i].words));
                if (i < 3)
                        shown_to_our_client(&f, false, "");
                forged_done(&f);
        }
        to_both(&others[2].how, false, others[2].words);
}

static void for_one_side_only(void **state)
{
        const struct forgery call = {.uses = CALL}, serve = {.uses = SERVE},
                             both = {.uses = SERVE ",clientAuth," CALL};
        struct forged f;
        (void)state;
        forge(&forger, &call, &f);
        shown_to_our_server(&f, true, "");
        shown_to_our_client(&f, false, "is not for serving");
        forged_done(&f);
        forge(&forger, &serve, &f);
        shown_to_our_server(&f, false, "is not for calling");
        shown_to_our_client(&f, true, "");
        forged_done(&f);
        to_both(&both, true, "");
}

static void its_time(void **state)
{
        const struct forgery early = {.since = 3600, .until = 7200}, gone = {.since = -7200, .until = -3600};
        struct forged f;
        (void)state;
        to_both(&early, false, "is not valid yet");
        forge(&forger, &gone, &f);
        shown_to_our_server(&f, true, ""); /* for RENEW; session_test says how it is told */
        shown_to_our_client(&f, false, "has run out");
        forged_done(&f);
}

/* A key whose public half is another one's: OpenSSL looks at that half only when it is told to show it. */
static EVP_PKEY *chimera(EVP_PKEY *private_half, EVP_PKEY *public_half)
{
        BIGNUM *number = NULL;
        uint8_t point[128];
        size_t n;
        EVP_PKEY *key = NULL;
        OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
        EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
        assert_true(EVP_PKEY_get_bn_param(private_half, "priv", &number) &&
                    EVP_PKEY_get_octet_string_param(public_half, "pub", point, sizeof(point), &n) &&
                    OSSL_PARAM_BLD_push_utf8_string(b, "group", "P-256", 0) &&
                    OSSL_PARAM_BLD_push_BN(b, "priv", number) &&
                    OSSL_PARAM_BLD_push_octet_string(b, "pub", point, n));
        OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(b);
        assert_true(EVP_PKEY_fromdata_init(c) > 0 &&
                    EVP_PKEY_fromdata(c, &key, EVP_PKEY_KEYPAIR, params) > 0);
        OSSL_PARAM_free(params);
        OSSL_PARAM_BLD_free(b);
        EVP_PKEY_CTX_free(c);
        BN_free(number);
        return key;
}

/* A certificate of one machine with the key of another: certificates are no secret, and are worth nothing. */
static void somebody_elses(void **state)
{
        const struct forgery right = {0};
        struct forged mine, theirs;
        (void)state;
        forge(&forger, &right, &mine);
        forge(&forger, &right, &theirs);
        struct forged shown = {theirs.certificate, chimera(mine.key, theirs.key)};
        shown_to_our_server(&shown, false, "bad signature");
        shown_to_our_client(&shown, false, "bad signature");
        EVP_PKEY_free(shown.key);
        forged_done(&mine);
        forged_done(&theirs);
}

/* The authority gave somebody a certificate that may sign (it does not, but if), who signs another: chains
 * are not believed, sent along or not. */
static void no_intermediates(void **state)
{
        const struct forgery middle = {.constraints = "critical,CA:TRUE",
                                       .key_usage = "keyCertSign,digitalSignature"},
                             right = {0};
        struct forged between, leaf;
        int fd[2], raw;
        enum tls_io io;
        (void)state;
        forge(&forger, &middle, &between);
        struct forger second = {between.certificate, between.key, ""};
        memcpy(second.uuid, forger.uuid, sizeof(second.uuid));
        forge(&second, &right, &leaf);
        shown_to_our_server(&leaf, false, "is not signed by our authority");
        lab_sockets(fd);
        SSL_CTX *c = raw_context(true, &leaf);
        assert_int_equal(SSL_CTX_add1_chain_cert(c, between.certificate), 1);
        assert_int_equal(SSL_CTX_add1_chain_cert(c, forger.authority), 1);
        SSL *ssl = raw_session(c, true, fd[1]);
        struct tls_session *s = tls_connect(lab.leaf, fd[0], NULL);
        raw_handshake(ssl, s, &raw, &io);
        assert_int_equal(io, TLS_FAILED);
        assert_non_null(strstr(tls_session_reason(s), "is not signed by our authority"));
        tls_session_free(s);
        SSL_free(ssl);
        SSL_CTX_free(c);
        forged_done(&leaf);
        forged_done(&between);
        close(fd[0]);
        close(fd[1]);
}

/* The authority's own certificate, with its key, is no machine. */
static void the_authority_itself(void **state)
{
        const struct forged f = {forger.authority, forger.key};
        (void)state;
        shown_to_our_server(&f, false, "is not valid");
        shown_to_our_client(&f, false, "is not valid");
}

/* A join: the server sends something that is pinned but no authority, or none at all. */
static void joining_with_less(void **state)
{
        const struct forgery right = {0};
        struct forged f;
        uint8_t der[TLS_CERTIFICATE_MAX], pins[2][TLS_PIN_SIZE];
        struct tls_why why;
        (void)state;
        forge(&forger, &right, &f);
        assert_true(tls_certificate_pin(bytes_of(der, forged_der(&f, der)), pins[0], &why));
        memcpy(pins[1], tls_authority_pin(lab.signer), TLS_PIN_SIZE);
        for (unsigned i = 0; i < 2; i++) { /* the pin is the machine's own key; the authority is not sent */
                int fd[2], raw;
                enum tls_io io;
                lab_sockets(fd);
                SSL_CTX *c = raw_context(true, &f);
                SSL *ssl = raw_session(c, true, fd[1]);
                struct tls_session *s = tls_connect_pinned(pins[i], fd[0], NULL);
                raw_handshake(ssl, s, &raw, &io);
                assert_int_equal(io, TLS_FAILED);
                assert_non_null(
                        strstr(tls_session_reason(s), i ? "is of another authority" : "is no authority's"));
                assert_int_equal(raw, -1); /* and the server got no more than a refusal */
                tls_session_free(s);
                SSL_free(ssl);
                SSL_CTX_free(c);
                close(fd[0]);
                close(fd[1]);
        }
        forged_done(&f);
}

/* -- the form alone */

static void reading(void **state)
{
        const struct forgery right = {0};
        struct tls_certificate c;
        struct tls_why why;
        struct forged f;
        uint8_t der[TLS_CERTIFICATE_MAX + 1];
        (void)state;
        forge(&forger, &right, &f);
        const size_t n = forged_der(&f, der);
        assert_why(tls_certificate_read(bytes_of(der, n), &c, &why));
        assert_string_equal(c.machine, "rome");
        assert_memory_equal(c.authority, tls_authority_uuid(lab.signer), TLS_UUID_SIZE);
        assert_true(c.may_call && c.may_serve);
        assert_int_equal(c.serial[15] | c.serial[14] << 8, 4711);
        assert_in_range(c.until - lab_now(), 86300, 86400);
        for (size_t cut = 0; cut < n; cut++)
                assert_false(tls_certificate_read(bytes_of(der, cut), &c, &why));
        der[n] = 0;
        assert_false(tls_certificate_read(bytes_of(der, n + 1), &c, &why)); /* nothing behind it */
        assert_false(tls_certificate_read(bytes_of(der, sizeof(der)), &c, &why));
        assert_non_null(strstr(why.text, "the certificate has more than 8192 bytes"));
        assert_string_equal(c.machine, "rome");
        forged_done(&f);
}

static void a_hundred_names(void **state)
{
        char dns[256];
        struct forgery how = {.dns = dns};
        struct forged f;
        (void)state;
        many_names(dns, sizeof(dns));
        forge(&forger, &how, &f); /* one long one */
        shown_to_our_server(&f, false, "has no DNS name, or another");
        GENERAL_NAMES *names = X509_get_ext_d2i(f.certificate, NID_subject_alt_name, NULL, NULL);
        for (unsigned i = 0; i < 100; i++)
                assert_true(sk_GENERAL_NAME_push(names, GENERAL_NAME_dup(sk_GENERAL_NAME_value(names, 0))) >
                            0);
        assert_int_equal(X509_add1_ext_i2d(f.certificate, NID_subject_alt_name, names, 0, X509V3_ADD_REPLACE),
                         1);
        GENERAL_NAMES_free(names);
        assert_true(X509_sign(f.certificate, forger.key, EVP_sha256()) > 0);
        shown_to_our_server(&f, false, "has more than 16 names");
        forged_done(&f);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_right_one),
                cmocka_unit_test(each_wrong_one),
                cmocka_unit_test(other_algorithms),

                cmocka_unit_test(for_one_side_only),
                cmocka_unit_test(its_time),
                cmocka_unit_test(somebody_elses),
                cmocka_unit_test(no_intermediates),
                cmocka_unit_test(the_authority_itself),
                cmocka_unit_test(joining_with_less),
                cmocka_unit_test(reading),
                cmocka_unit_test(a_hundred_names),
        };
        return cmocka_run_group_tests(tests, open_lab, close_lab);
}
