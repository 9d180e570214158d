/* What is done next to know one domain and to go on knowing it (doc/agent.md "Following"): something
 * happened, and the track says what to do. No socket, no clock, no file; time arrives with every event. */
#ifndef NETINFO_AGENT_TRACK_H
#define NETINFO_AGENT_TRACK_H

#include "agent/servers.h"
#include "agent/table.h"

#define TRACK_AWAY_LEAST_MS 50u
#define TRACK_AWAY_MOST_MS  5000u
#define TRACK_LARGE_MS      60000u /* a domain over the limits: only an administrator changes that */
#define TRACK_ASK_LEAST_MS  500u   /* after an answer that names nobody; doubling */
#define TRACK_ASK_OLD_MS \
        60000u /* historical servers: they look for a lost parent during the call (protocol.md 4.5) */
/* A server that has another epoch each time it is asked gets all of its domain read again and again: after so
 * many in a row, from the beginning of one snapshot to the next. Calm is when there was none for longer. */
#define TRACK_HASTY         8u
#define TRACK_TORN_MS       2000u  /* publishing waits for a domain that is read again because it was torn, */
#define TRACK_TORN_AGAIN_MS 60000u /* and the next time not before */
#define TRACK_SNAPSHOT_MS   500u
#define TRACK_CALM_MS       5000u
#define TRACK_CALL_MS       30000u /* longest wait in one CHANGES (decision 2) */

enum track_event_kind {
        TRACK_STARTED,
        TRACK_CONNECTED, /* status */
        TRACK_OLD,       /* connected, to a historical server: without the extension program */
        TRACK_SUM,       /* checksum: its statistics say */
        TRACK_READ,      /* table (the track's own then), checksum: all of it; table NULL: it is too large */
        TRACK_FAILED,    /* connecting or a call */
        TRACK_INTERRUPTED, /* a call was ended by track_redirect or for a reload */
        TRACK_PAGE,        /* page */
        TRACK_ENTRIES,     /* changes */
        TRACK_PARENTED,    /* parent */
        TRACK_WOKE,        /* a WAIT ended */
        TRACK_RELOAD,      /* the configuration changed, or SIGHUP: read everything again */
};

/* What a server of the domain says of the domain above. */
enum track_answer {
        TRACK_UNASKED,
        TRACK_SILENT, /* no answer, or: not reachable now */
        TRACK_ROOT,   /* there is none */
        TRACK_PARENT, /* `server` serves it */
};
struct track_parent {
        enum track_answer answer;
        struct server server;
};

struct track_event {
        enum track_event_kind kind;
        uint32_t turn; /* of the action that it answers; STARTED, RELOAD: any */
        uint64_t now;  /* ms, never goes back */
        const struct ext_status_result *status;
        const struct ext_snapshot_result *page;
        const struct ext_changes_result *changes;
        const struct track_parent *parent;
        uint32_t checksum;
        struct table *table;
};

enum track_action_kind {
        TRACK_CONNECT,  /* drop what there is, connect to `server`, ask STATUS -> CONNECTED, OLD or FAILED */
        TRACK_SNAPSHOT, /* epoch, from -> PAGE or FAILED */
        TRACK_CHANGES,  /* epoch, seq, wait_ms -> ENTRIES or FAILED */
        TRACK_ASK,      /* RPARENT -> PARENTED or FAILED */
        TRACK_POLL,     /* wait_ms, then the checksum -> SUM or FAILED */
        TRACK_READ_ALL, /* -> READ or FAILED */
        TRACK_WAIT,     /* wait_ms -> WOKE */
        TRACK_GIVE_UP,  /* memory is out */
};
struct track_action {
        enum track_action_kind kind;
        uint32_t turn; /* an answer to an earlier one is not looked at */
        uint64_t epoch, seq;
        uint32_t from, wait_ms;
        struct server server;
};

struct track_options {
        unsigned level;       /* 0: the machine's own domain; for logs */
        uint32_t ask_ms;      /* so often at least the domain above is asked for; 0: never */
        uint32_t poll_ms;     /* so often a historical server's checksum is asked */
        uint32_t directories; /* at most so many of them, */
        uint64_t bytes;       /* and so many bytes of properties that images need */
        bool listed;          /* further servers are those that the domain's /machines names, */
        uint16_t port;        /* at this port; 0: found as every client finds one */
        const char *folder;   /* where tables keep properties (table.h), for good; NULL: in memory */
};

struct track;

/* NULL: no memory. `first`: servers to begin with, in this order. */
struct track *track_new(const struct track_options *o, const struct servers *first);
void track_free(struct track *t);
void track_step(struct track *t, const struct track_event *e, struct track_action *ret);
/* What was known of the domain when the agent ended, before the first step: the table is the track's own now.
 * `from`: the server that told of it. */
void track_restore(struct track *t, struct table *table, const uint8_t uuid[16], uint64_t epoch, uint64_t seq,
                   const struct server *from);
/* From the next step on; first NULL: the servers stay. */
void track_configure(struct track *t, const struct track_options *o, const struct servers *first);
/* The domain above the one below this one is served there now: when that is no server we know of this
 * domain, the next connection is to it. True: the call under way should be ended for that. */
bool track_redirect(struct track *t, const struct server *to);

/* The exact table, or NULL before the first. Borrowed until the next step. */
struct table *track_table(const struct track *t);
/* The one that is being read, and will take its place; NULL: none is. */
struct table *track_aside(const struct track *t);
uint64_t track_epoch(const struct track *t);      /* it is exact at this seq of this epoch */
uint64_t track_seq(const struct track *t);        /* of a historical server (epoch 0): its checksum */
const uint8_t *track_uuid(const struct track *t); /* 16 bytes; zero before the first connection */
/* The server of this connection, or of the last one. */
const struct server *track_server(const struct track *t);
/* Counts the tables that took the place of another one. */
uint64_t track_tables(const struct track *t);
/* Images that must be made because of what happened since it was asked last. */
unsigned track_take_dirty(struct track *t);
/* The server has told of changes that the table does not have yet. */
bool track_lags(const struct track *t);
/* A change did not fit, and may have been applied in part; the whole domain has to be read again. */
bool track_is_torn(const struct track *t);
/* For so many ms more nothing should be published, because that is being done; 0: publish. It never takes
 * long, whatever the server does: one that is slow, or tears its domain again and again, must not keep the
 * others' changes back. */
uint32_t track_holds(const struct track *t, uint64_t now);
/* Every server was tried since the last answer, and none answered. */
bool track_is_lost(const struct track *t);
bool track_is_current(const struct track *t);
/* The domain has passed the limits: what is known is from before. */
bool track_is_too_large(const struct track *t);
const struct track_parent *track_parent(const struct track *t);
bool track_knows_server(const struct track *t, const struct server *s);

/* For logs: counted since the start. */
struct track_counts {
        uint64_t snapshots, entries, repeated, gaps;
};
struct track_counts track_counts(const struct track *t);

#endif
