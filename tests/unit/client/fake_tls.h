/* A scripted server inside TLS (doc/tls.md 2): answers the probe, shakes hands, and lets a script of fake.h
 * talk to the client in clear text behind that. */
#ifndef NETINFO_TESTS_CLIENT_FAKE_TLS_H
#define NETINFO_TESTS_CLIENT_FAKE_TLS_H

#include "fake.h"

#include "tls/session.h"

struct fake_tls {
        struct tls_identity *identity;
        fake_script *script;   /* inside */
        void *context;         /* of it */
        atomic_uint shaken;    /* handshakes that ended well */
        atomic_uint certified; /* with a certificate of the client's */
};

/* As the script of a fake whose context is a fake_tls. */
void fake_tls_script(struct fake *f, int fd, unsigned nth);
/* The probe: reads it (fake_wrong when it is none), answers STARTTLS. */
bool fake_probe(struct fake *f, int fd);

#endif
