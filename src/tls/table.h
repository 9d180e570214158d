/* What the front calls in the shared object. Private to this room. */
#ifndef NETINFO_TLS_TABLE_H
#define NETINFO_TLS_TABLE_H

#include "tls/authority.h"
#include "tls/request.h"
#include "tls/session.h"

#include <stdatomic.h>

/* What is in the files of a machine, as text; the front has read and checked them as files. */
struct tls_identity_source {
        struct bytes authority;   /* PEM */
        struct bytes certificate; /* PEM; empty: none */
        struct bytes key;         /* PEM: the certificate's among at most two; empty: none that can be read */
};

/* Made by the shared object, which may have more behind it; read by the front. */
struct tls_identity {
        atomic_uint holders;
        bool has_key;
        struct tls_certificate certificate; /* all zero: none */
        uint8_t uuid[TLS_UUID_SIZE];        /* the authority's */
        struct bytes authority;             /* DER */
};

struct tls_authority {
        struct bytes certificate; /* DER */
        uint8_t uuid[TLS_UUID_SIZE];
        uint8_t pin[TLS_PIN_SIZE];
};

/* The functions are those of the same names in the public headers, without tls_. Where `why` is set by one
 * that got text from a file, it begins with the name of the file. */
struct tls_table {
        const char *version; /* NETINFO_VERSION: both halves are of one release */
        size_t size;         /* of this table */

        bool (*sha256)(struct bytes data, uint8_t *ret);
        bool (*hmac_sha256)(struct bytes key, struct bytes data, uint8_t *ret);
        bool (*request_make)(struct bytes key, struct tls_request *ret, struct tls_why *why);
        bool (*request_check)(struct bytes der, uint8_t *ret_key, struct tls_why *why);
        bool (*certificate_read)(struct bytes der, struct tls_certificate *ret, struct tls_why *why);
        bool (*certificate_pin)(struct bytes der, uint8_t *ret, struct tls_why *why);

        /* A new authority: its key and its certificate as PEM, appended. */
        bool (*authority_make)(uint64_t now, struct buf *ret_key, struct buf *ret_certificate,
                               struct tls_why *why);
        struct tls_authority *(*authority_read)(struct bytes key, struct bytes certificate,
                                                struct tls_why *why);
        void (*authority_free)(struct tls_authority *a);
        bool (*authority_sign)(const struct tls_authority *a, struct bytes request, const char *name,
                               bool may_serve, uint64_t now, struct tls_signed *ret, struct tls_why *why);

        struct tls_identity *(*identity_read)(const struct tls_identity_source *source, struct tls_why *why);
        void (*identity_free)(struct tls_identity *i);

        struct tls_session *(*accept)(struct tls_identity *identity, int fd);
        struct tls_session *(*connect)(struct tls_identity *identity, int fd, const char *name);
        struct tls_session *(*connect_pinned)(const uint8_t *pin, int fd, const char *name);
        void (*session_ask)(struct tls_session *s,
                            bool (*withdrawn)(void *context, const struct tls_peer *peer), void *context);
        void (*session_free)(struct tls_session *s);
        void (*session_forget)(struct tls_session *s);
        enum tls_io (*handshake)(struct tls_session *s);
        enum tls_io (*read)(struct tls_session *s, void *to, size_t cap, size_t *ret_n);
        enum tls_io (*write)(struct tls_session *s, struct bytes data, size_t *ret_n);
        size_t (*pending)(const struct tls_session *s);
        const struct tls_peer *(*session_peer)(const struct tls_session *s);
        struct bytes (*session_authority)(const struct tls_session *s);
        bool (*session_export)(struct tls_session *s, const char *label, uint8_t *ret);
        const char *(*session_reason)(const struct tls_session *s);
};

/* The one thing that the shared object exports. */
#define TLS_TABLE_NAME "netinfo_tls_table"
extern const struct tls_table netinfo_tls_table;

/* In the front: the table, or NULL with why (may be NULL). */
const struct tls_table *tls_table_get(struct tls_why *why);

#endif
