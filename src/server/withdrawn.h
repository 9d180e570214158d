/* Serial numbers of certificates that this server refuses although they have not run out (doc/tls.md 7): the
 * authority's books fill it. Thread-safe. */
#ifndef NETINFO_SERVER_WITHDRAWN_H
#define NETINFO_SERVER_WITHDRAWN_H

#include "tls/identity.h"

struct withdrawn;

struct withdrawn_serial {
        uint8_t b[TLS_SERIAL_SIZE];
};

/* Empty. NULL: no memory. */
struct withdrawn *withdrawn_new(void);
void withdrawn_free(struct withdrawn *w); /* NULL is fine */
/* These n, and no others; copied. False: no memory, and nothing changes. */
bool withdrawn_set(struct withdrawn *w, const struct withdrawn_serial *v, unsigned n);
bool withdrawn_has(struct withdrawn *w, const uint8_t serial[TLS_SERIAL_SIZE]);
/* Another number after each withdrawn_set: who has looked need not look again before. Never 0. */
uint64_t withdrawn_generation(const struct withdrawn *w);

#endif
