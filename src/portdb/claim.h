/* What one source says about one port or one range (doc/ports.md 5.1). Nothing here is "the truth": a claim
 * has a source, two time axes (when it was so, when the source said so), and a confidence. */
#ifndef NETINFO_PORTDB_CLAIM_H
#define NETINFO_PORTDB_CLAIM_H

#include "base/arena.h"
#include "portdb/date.h"

/* Transports form a set; the empty set is "any", a row without transport. */
enum port_transport {
        PORT_ANY = 0,
        PORT_TCP = 1,
        PORT_UDP = 2,
        PORT_SCTP = 4,
        PORT_DCCP = 8,
        PORT_DDP = 16, /* AppleTalk sockets, which share the namespace in old /etc/services files only */
        PORT_TRANSPORTS = 31,
};
#define PORT_TRANSPORT_COUNT 5

enum port_status {
        /* the registry's words */
        PORT_ASSIGNED,
        PORT_ASSIGNED_UNNAMED, /* in use by its words, but without a service name: "any private mail system"
                                */
        PORT_RESERVED,
        PORT_UNASSIGNED,
        PORT_REMOVED,
        /* everybody else's */
        PORT_VENDOR_USE,
        PORT_UNOFFICIAL,
        PORT_DYNAMIC,
        PORT_MEASURED,
        PORT_SITE_USE,
        PORT_RETIRED, /* by hand: the product behind a registration has ended (asserted_until) */
        PORT_ABSENT,  /* by hand: a list whose editions are not at hand has no row; never stored for a source
                         that has editions */
        PORT_STATUS_COUNT,
};

enum port_confidence { PORT_CERTAIN, PORT_HIGH, PORT_MEDIUM, PORT_LOW, PORT_FALSE, PORT_CONFIDENCE_COUNT };

enum port_source_kind {
        PORT_KIND_REGISTRY,   /* IANA's own words */
        PORT_KIND_REPACKAGED, /* the same, through somebody else's package */
        PORT_KIND_LIST,       /* a distribution's /etc/services and its like: absence means nothing */
        PORT_KIND_VENDOR,     /* a maker's document */
        PORT_KIND_PROGRAM,    /* program sources */
        PORT_KIND_ENCYCLOPAEDIA,
        PORT_KIND_SYSTEM, /* what an operating system does */
        PORT_KIND_SCAN,
        PORT_KIND_SITE, /* this site's directory */
        PORT_KIND_COUNT,
};

/* What an edition cannot say. Its silence there is no statement (doc/ports.md 2). */
enum port_edition_loss {
        PORT_LOSES_NAMES = 1,  /* one name per port and transport, whichever */
        PORT_LOSES_ANY = 2,    /* rows without transport are missing */
        PORT_LOSES_RANGES = 4, /* ranges are missing */
        PORT_LOSSES = 7,
};

struct port_source {
        const char *key, *title, *licence, *reference; /* never NULL */
        uint8_t kind;                                  /* enum port_source_kind */
};

struct port_edition {
        port_date date; /* a day */
        uint8_t loses;  /* enum port_edition_loss, or'ed */
        const char *origin;
};

struct port_claim {
        uint16_t port, end;                    /* inclusive; equal for one port */
        uint8_t transport, status, confidence; /* the enums above */
        uint8_t source;                        /* number within the set or table it lives in */
        port_date seen_first, seen_last;       /* dates of editions, or of documents by hand; 0 = not known */
        port_date asserted_from, asserted_until;                   /* what the source itself dates */
        const char *name, *alias, *description, *reference, *note; /* never NULL; as the source spells them */
};

static inline bool port_claim_is_range(const struct port_claim *c)
{
        return c->port != c->end;
}

/* Is the claim about this port and one of these transports (a set; PORT_ANY on either side matches all)? */
static inline bool port_claim_covers(const struct port_claim *c, uint16_t port, uint8_t transports)
{
        return c->port <= port && port <= c->end &&
               (c->transport == PORT_ANY || transports == PORT_ANY || (c->transport & transports));
}

/* A note in which the registry reports unauthorised use begins so. */
#define PORT_NOTE_MISUSE "Unauthorized use reported: "

/* Registry words, which decide whether somebody holds a port? */
static inline bool port_status_is_registry(uint8_t status)
{
        return status <= PORT_REMOVED;
}

static inline bool port_status_is_assigned(uint8_t status)
{
        return status == PORT_ASSIGNED || status == PORT_ASSIGNED_UNNAMED;
}

static inline bool port_kind_is_registry(uint8_t kind)
{
        return kind == PORT_KIND_REGISTRY || kind == PORT_KIND_REPACKAGED;
}

/* Words of the enums; "?" for numbers outside. Static storage. */
const char *port_status_word(uint8_t status);
const char *port_confidence_word(uint8_t confidence);
const char *port_kind_word(uint8_t kind);
/* "tcp", "tcp,udp", "any". `to` must hold PORT_TRANSPORT_BYTES. */
#define PORT_TRANSPORT_BYTES 32
const char *port_transport_text(uint8_t transports, char to[static PORT_TRANSPORT_BYTES]);
/* The word of a single transport (one bit, or PORT_ANY -> ""). Static storage. */
const char *port_transport_word(uint8_t transport);

/* And back; letter case does not matter. False when unknown, *ret untouched. */
bool port_status_parse(struct bytes word, uint8_t *ret);
bool port_confidence_parse(struct bytes word, uint8_t *ret);
bool port_kind_parse(struct bytes word, uint8_t *ret);
/* "", "any", "tcp", "tcp,udp", "tcp/udp". */
bool port_transport_parse(struct bytes text, uint8_t *ret);
/* "987" or "600-1023", both <= 65535 and from <= to. */
bool port_span_parse(struct bytes text, uint16_t *ret_from, uint16_t *ret_to);

/* The order of rows inside one source: port, end, transport, status, name (byte order). */
int port_claim_compare(const struct port_claim *a, const struct port_claim *b);

/* What a claim is called when a site silences it (doc/ports.md 8): "SOURCE:987/tcp:vendor-use:NAME",
 * "SOURCE:600-1023/tcp,udp:dynamic:NAME"; the runs of one statement through the editions share it. In the
 * arena; NULL when that is full. */
const char *port_claim_id(struct arena *a, const struct port_source *source, const struct port_claim *c);

#endif
