/* Claims in memory while they change: importing folds dated editions into runs of claims, and the result
 * becomes a table. One arena holds all text; everything is freed by port_set_done. */
#ifndef NETINFO_PORTDB_SET_H
#define NETINFO_PORTDB_SET_H

#include "base/arena.h"
#include "base/buf.h"
#include "portdb/edition.h"
#include "portdb/table.h"

struct port_claims {
        struct port_claim *at;
        size_t n, cap;
};

struct port_set_source {
        struct port_source about;
        struct port_edition *edition; /* oldest first */
        size_t editions, editions_cap;
        struct port_claims claims; /* one transport each when the source has editions */
};

struct port_set {
        struct arena arena;
        struct port_set_source *source;
        size_t n;
        bool failed; /* sticky: memory or a limit was at its end; the set must not be used */
};

/* What folding in an edition did, beside the edition before it (or the one after it, when it is the oldest).
 */
struct port_change {
        char sign; /* '+' stands now, '-' stood before */
        struct port_claim claim;
};
struct port_changes {
        struct port_change *at;
        size_t n, cap;
        size_t same; /* rows that stand in both */
        port_date beside;
};

enum port_fold {
        PORT_FOLDED,
        PORT_FOLD_KNOWN,    /* an edition of that date with the same rows is there; nothing changed */
        PORT_FOLD_CONFLICT, /* an edition of that date with other rows is there; nothing changed */
        PORT_FOLD_FAILED,   /* memory or limit; the set is `failed` */
};

void port_set_init(struct port_set *s);
void port_set_done(struct port_set *s);
void port_changes_done(struct port_changes *c);

/* The source's number, added when its key is new (texts are copied; an existing record is left as it is). -1
 * on failure. */
int port_set_source(struct port_set *s, const struct port_source *about);
/* Number of the source with that key, or -1. */
int port_set_find(const struct port_set *s, struct bytes key);
/* Adds one claim (texts copied, c->source ignored) to a source. False on failure. */
bool port_set_add(struct port_set *s, int source, const struct port_claim *c);
/* Notes an edition, in its place by date; a date that is there already keeps its record. False on failure. */
bool port_set_add_edition(struct port_set *s, int source, const struct port_edition *e);
/* Folds an edition in: runs grow, open and close. `changes` may be NULL; it is appended to, its claims borrow
 * from the set. */
enum port_fold port_set_fold(struct port_set *s, int source, const struct port_rows *rows,
                             struct port_changes *changes);
/* All of a table into an empty set. False when the table is damaged or memory ends. */
bool port_set_load(struct port_set *s, struct port_table *t);
/* The table's bytes (doc/port-table.md), appended to out. False when something does not fit the format. */
bool port_set_image(struct port_set *s, struct buf *out);
/* The rows of one edition, exactly as it had them: "port TAB end TAB transport TAB status TAB name", sorted
 * and joined with newlines as doc/ports.md 2 has it for the digests. False on failure. */
bool port_set_rebuild(const struct port_set *s, int source, port_date date, struct buf *out);

#endif
