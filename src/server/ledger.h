/* The authority's books (doc/tls.md 6): which tokens admit machines, and which certificates were signed. Text
 * <-> entries, and the rules for what they say; no file, no clock, no lock in it. */
#ifndef NETINFO_SERVER_LEDGER_H
#define NETINFO_SERVER_LEDGER_H

#include "base/buf.h"
#include "base/limits.h"
#include "wire/ext_trust.h"

#define LEDGER_SERIAL_SIZE 16u
#define LEDGER_KEY_SIZE    32u
#define LEDGER_BY_MAX      143u /* bytes of who made a token: a peer's text */

enum ledger_kind { LEDGER_TOKEN, LEDGER_MACHINE };

/* One line: a token, or a certificate of a machine. */
struct ledger_entry {
        enum ledger_kind kind;
        bool server;                        /* the machine may serve */
        bool again;                         /* token: also for a name that is enrolled */
        bool withdrawn;                     /* machine */
        bool has_secret;                    /* token: not run out yet */
        uint8_t token[EXT_TOKEN_SIZE];      /* machine: by which it enrolled; 0: none */
        uint8_t secret[EXT_SECRET_SIZE];    /* token */
        uint8_t serial[LEDGER_SERIAL_SIZE]; /* machine */
        uint8_t key[LEDGER_KEY_SIZE];       /* machine: SHA-256 of its SubjectPublicKeyInfo */
        uint32_t uses;                      /* token: machines that it still admits */
        uint64_t until, when;               /* seconds since 1970 */
        char name[LIMIT_MACHINE_NAME + 1];  /* token: "" any */
        char from[LIMIT_MACHINE_NAME + 1];  /* token: network, "" any; machine: address */
        char by[LEDGER_BY_MAX + 1];         /* token */
        char *domains;                      /* token; the ledger's own; NULL: none */
};

struct ledger {
        struct ledger_entry *v; /* in the order in which they were made */
        size_t n, cap;
};

struct ledger_why {
        char text[160]; /* "line 7: ..." */
};

void ledger_init(struct ledger *l);
/* Wipes secrets, frees. */
void ledger_done(struct ledger *l);
/* *ret is initialised, and done, by it. False: why, and *ret is untouched. */
bool ledger_parse(struct bytes text, struct ledger *ret, struct ledger_why *why);
/* Appends one line without its newline. secret: print it where there is one. */
void ledger_print_entry(const struct ledger_entry *e, bool secret, struct buf *out);
void ledger_print(const struct ledger *l, struct buf *out);

/* A copy at the end (domains too). False: full, a line too long, or no memory. */
bool ledger_add(struct ledger *l, const struct ledger_entry *e);
void ledger_remove(struct ledger *l, size_t index);
/* Forgets what is of no use any more: secrets of tokens that have run out, such tokens after 30 days,
 * certificates that have run out (of an enrolled machine, all but the two newest, and those after a year). */
void ledger_tidy(struct ledger *l, uint64_t now);

struct ledger_entry *ledger_find_token(const struct ledger *l, const uint8_t token[EXT_TOKEN_SIZE]);
/* A certificate of that machine which is not withdrawn; the newest with serial NULL. NULL: none. */
struct ledger_entry *ledger_find_machine(const struct ledger *l, const char *name,
                                         const uint8_t serial[LEDGER_SERIAL_SIZE]);
/* The newest certificate of this key which is not withdrawn; NULL: none. */
struct ledger_entry *ledger_find_key(const struct ledger *l, const uint8_t key[LEDGER_KEY_SIZE]);
/* How many certificates of that machine are still good. */
unsigned ledger_good(const struct ledger *l, const char *name, uint64_t now);
/* Its certificates are good no more; how many that were. */
unsigned ledger_withdraw(struct ledger *l, const char *name);

#endif
