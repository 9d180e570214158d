/* A session, and the socket under it. Private to this folder. */
#ifndef NETINFO_TLS_OPENSSL_SESSION_H
#define NETINFO_TLS_OPENSSL_SESSION_H

#include "tls/openssl/internal.h"

struct tls_session {
        SSL *ssl;
        int fd;
        bool server, pinned;
        bool done;                     /* the handshake is, and all that belongs to it was checked */
        bool closing;                  /* nothing may wait any more */
        enum tls_io ended;             /* TLS_CLOSED or TLS_FAILED, for good; TLS_DONE: not */
        bool told;                     /* the caller knows that */
        struct tls_identity *identity; /* held; NULL when pinned */
        char *name;                    /* of the server that is called; NULL: any of the fleet */
        uint8_t pin[TLS_PIN_SIZE];
        struct buf authority; /* when pinned: what the pin was found to be */
        struct tls_peer peer;
        bool (*withdrawn)(void *context, const struct tls_peer *peer); /* NULL: nobody is asked */
        void *withdrawn_context;
        struct tls_why why; /* "": not known yet */
        unsigned control;   /* records without data since the last one with some */

        /* What was received and not yet asked for: one system call instead of two for each record. The memory
         * is there only while it holds something. */
        uint8_t *in;
        size_t in_at, in_len;
        bool waits;      /* the socket had nothing when it was last asked */
        size_t received; /* bytes, during the handshake */
        int error;       /* of the socket, an errno; 0: none */
};

#endif
