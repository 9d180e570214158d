/* The answer: what is known about a port as of a day, who says it, and where they disagree
 * (doc/ports.md 5.2). */
#ifndef NETINFO_PORTDB_RESOLVE_H
#define NETINFO_PORTDB_RESOLVE_H

#include "base/arena.h"
#include "portdb/site.h"
#include "portdb/table.h"

#define PORT_DB_TABLES 2

struct port_db {
        struct port_table
                table[PORT_DB_TABLES]; /* the shipped one, the user's own editions; unused ones are closed */
        const struct port_site *site;  /* may be NULL */
        uint16_t ephemeral_from, ephemeral_to; /* this system's ip_local_port_range; 0, 0 when not known */
};

/* Where a claim stands beside the day asked for. */
enum port_standing {
        PORT_NOT_YET, /* first seen later */
        PORT_STANDS,
        PORT_STALE, /* not repeated by later editions, which cannot show such rows: still the last word */
        PORT_ENDED,
};

/* What is wrong with a claim, beside the others; or'ed. */
enum port_fault {
        PORT_FAULT_RANGE_MADE_POINT = 1, /* repeats a range claim as if it were about this port */
        PORT_FAULT_FALSE = 2,            /* names the registry, and no edition of the registry says so */
        PORT_FAULT_LOSSY_END = 4,        /* ended only because later editions cannot show such rows */
        PORT_FAULT_ALIAS_CHOICE = 8,     /* began or ended only because the copy chose another alias */
};

struct port_item {
        struct port_claim claim;
        struct port_source source;
        const char *domain, *owner; /* site claims only; else NULL */
        uint8_t table;              /* PORT_DB_TABLES for site claims */
        uint8_t standing, faults;
        bool by_editions;                      /* seen_first and seen_last are editions of a series */
        port_date absent_before, absent_after; /* the editions around the run; 0 when there is none */
};

/* States that no claim carries. */
enum { PORT_UNLISTED = PORT_STATUS_COUNT, PORT_UNKNOWN };

enum port_word {
        PORT_WORD_GHOST = 1,
        PORT_WORD_RETIRED = 2,
        PORT_WORD_SQUATTED = 4,
        PORT_WORD_CONTESTED = 8,
        PORT_WORD_DYNAMIC = 16,
        PORT_WORD_NEVER_ASSIGNED = 32, /* no claim of any registry ever, yet used or claimed: a group of its
                                          own beside the ghosts */
        PORT_WORDS = 6,
};

/* The registry about one transport at that day. */
struct port_state {
        uint8_t transport;
        uint8_t status;             /* a registry word, PORT_UNLISTED or PORT_UNKNOWN */
        const struct port_item *by; /* whose word it is; NULL when unlisted or unknown */
        port_date said;             /* the edition or document that said so */
        bool between;               /* the next edition says otherwise, and nothing dates the change */
        port_date edition; /* the newest edition of that series by the day; `said` may be older (a row it
                              cannot show) */
        port_date next;    /* the next edition, 0 when there is none */
        uint8_t next_status;
        const struct port_item *next_by; /* NULL when the next edition says nothing */
        port_date decided; /* the asserted date that decided inside the gap; 0 when none was needed */
        const struct port_item *last; /* ghost: the last assignment before */
        const struct port_item *use;  /* squatted, contested, retired: the claim that makes it so */
        uint8_t words;                /* enum port_word */
};

enum port_disagreement {
        PORT_BY_TIME = 1,
        PORT_BY_SCOPE = 2,
        PORT_BY_TRANSPORT = 4,
        PORT_BY_ARTEFACT = 8,
        PORT_BY_FALSEHOOD = 16
};

struct port_answer {
        uint16_t port;
        port_date as_of;
        struct port_item *item; /* most specific and most certain first */
        size_t n;
        struct port_state state[PORT_TRANSPORT_COUNT - 1]; /* tcp, udp, sctp, dccp */
        uint8_t disagreements;                             /* enum port_disagreement, or'ed */
        uint8_t words;                                     /* of tcp and udp together */
        port_date oldest;                                  /* oldest edition at hand of any registry series */
        size_t silenced;                                   /* claims left out because the site hides them */
};

/* Everything the tables and the site say about a port, as of a day (full precision). Only claims about one of
 * `transports` (PORT_ANY: all). Memory from the arena, texts borrowed from the tables. False when the arena
 * is full. */
bool port_resolve(struct port_db *db, uint16_t port, uint8_t transports, port_date as_of, struct arena *a,
                  struct port_answer *ret);

/* "System Port" ... of RFC 6335, and who assigns there. Static storage. */
const char *port_range_name(uint16_t port);
const char *port_range_meaning(uint16_t port);
/* Word of a state, of one bit of port_word, of one bit of port_disagreement. Static storage. */
const char *port_state_word(uint8_t status);
const char *port_word_text(unsigned bit);
const char *port_disagreement_text(unsigned bit);

/* Does the claim's text hold `needle` (name, alias, description or note; letter case does not matter)? */
bool port_claim_mentions(const struct port_claim *c, struct bytes needle);

#endif
