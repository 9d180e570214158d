/* The functions of the room that are the shared object's: each goes there. Sessions and identities exist only
 * when it is open. */
#include "tls/table.h"

bool tls_sha256(struct bytes data, uint8_t ret[TLS_DIGEST_SIZE])
{
        const struct tls_table *t = tls_table_get(NULL);
        return t && t->sha256(data, ret);
}

bool tls_hmac_sha256(struct bytes key, struct bytes data, uint8_t ret[TLS_DIGEST_SIZE])
{
        const struct tls_table *t = tls_table_get(NULL);
        return t && t->hmac_sha256(key, data, ret);
}

bool tls_request_make(struct bytes key, struct tls_request *ret, struct tls_why *why)
{
        const struct tls_table *t = tls_table_get(why);
        return t && t->request_make(key, ret, why);
}

bool tls_request_check(struct bytes der, uint8_t *ret_key, struct tls_why *why)
{
        const struct tls_table *t = tls_table_get(why);
        return t && t->request_check(der, ret_key, why);
}

bool tls_certificate_read(struct bytes der, struct tls_certificate *ret, struct tls_why *why)
{
        const struct tls_table *t = tls_table_get(why);
        return t && t->certificate_read(der, ret, why);
}

bool tls_certificate_pin(struct bytes der, uint8_t ret[TLS_PIN_SIZE], struct tls_why *why)
{
        const struct tls_table *t = tls_table_get(why);
        return t && t->certificate_pin(der, ret, why);
}

bool tls_authority_sign(const struct tls_authority *a, struct bytes request, const char *name, bool may_serve,
                        uint64_t now, struct tls_signed *ret, struct tls_why *why)
{
        const struct tls_table *t = tls_table_get(why);
        return t && t->authority_sign(a, request, name, may_serve, now, ret, why);
}

struct tls_session *tls_accept(struct tls_identity *identity, int fd)
{
        return tls_table_get(NULL)->accept(identity, fd);
}

struct tls_session *tls_connect(struct tls_identity *identity, int fd, const char *name)
{
        return tls_table_get(NULL)->connect(identity, fd, name);
}

struct tls_session *tls_connect_pinned(const uint8_t pin[TLS_PIN_SIZE], int fd, const char *name)
{
        const struct tls_table *t = tls_table_get(NULL);
        return t ? t->connect_pinned(pin, fd, name) : NULL;
}

void tls_session_ask(struct tls_session *s, bool (*withdrawn)(void *context, const struct tls_peer *peer),
                     void *context)
{
        tls_table_get(NULL)->session_ask(s, withdrawn, context);
}

void tls_session_free(struct tls_session *s)
{
        if (s)
                tls_table_get(NULL)->session_free(s);
}

void tls_session_forget(struct tls_session *s)
{
        if (s)
                tls_table_get(NULL)->session_forget(s);
}

enum tls_io tls_handshake(struct tls_session *s)
{
        return tls_table_get(NULL)->handshake(s);
}

enum tls_io tls_read(struct tls_session *s, void *to, size_t cap, size_t *ret_n)
{
        return tls_table_get(NULL)->read(s, to, cap, ret_n);
}

enum tls_io tls_write(struct tls_session *s, struct bytes data, size_t *ret_n)
{
        return tls_table_get(NULL)->write(s, data, ret_n);
}

size_t tls_pending(const struct tls_session *s)
{
        return tls_table_get(NULL)->pending(s);
}

const struct tls_peer *tls_session_peer(const struct tls_session *s)
{
        return tls_table_get(NULL)->session_peer(s);
}

struct bytes tls_session_authority(const struct tls_session *s)
{
        return tls_table_get(NULL)->session_authority(s);
}

bool tls_session_export(struct tls_session *s, const char *label, uint8_t ret[TLS_EXPORT_SIZE])
{
        return tls_table_get(NULL)->session_export(s, label, ret);
}

const char *tls_session_reason(const struct tls_session *s)
{
        return tls_table_get(NULL)->session_reason(s);
}
