/* What the files of the table share. */
#ifndef NETINFO_AGENT_TABLE_INTERNAL_H
#define NETINFO_AGENT_TABLE_INTERNAL_H

#include "agent/pile.h"
#include "agent/table.h"

#define TABLE_ROOT 0u
#define TABLE_NONE UINT32_MAX

struct entry { /* 24 bytes of each directory, and 8 to 16 for finding it, are all that is in memory */
        uint64_t ordinal;
        uint32_t object, parent, at; /* at: its record in the pile */
};

/* What the pile has of a directory: behind it the properties that images need, encoded. */
struct record {
        uint64_t born;
        uint32_t len;
};
#define RECORD_HEAD 12u /* bytes; the properties are aligned to 4 */

/* What was touched since a moment. */
struct touched {
        bool known;
        struct table_touched *v;
        size_t n;
        uint64_t last; /* highest place when it began: whoever comes later stands behind */
};
/* Since the images were made, and since those that are being made. */
enum since { SINCE_MADE, SINCE_MARK, SINCE };

/* Entries side by side, in no order, and open addressing by object number to find them, deletion by moving
 * back. The numbers are the server's, and what is done with the table is done under a lock that all domains
 * share: so where one stands is nothing that a server can know. */
struct table {
        uint64_t key[2]; /* random */
        struct entry *v;
        uint32_t count, room;
        uint32_t *slot; /* index + 1 of an entry, or 0 */
        uint32_t mask;
        struct pile *pile;
        uint64_t live;            /* bytes of the pile that entries name */
        uint64_t bytes;           /* of all properties */
        uint32_t top[TABLE_TOPS]; /* object numbers; NONE: there is no such directory */
        uint64_t scanned;         /* entries, since table_listed */
        bool stale;               /* `top` waits for table_listed, and so long all images are dirty */
        struct touched touched[TABLE_ACCOUNTED][SINCE];
};

static inline struct record table_record(const struct table *t, uint32_t at)
{
        struct record r;
        memcpy(&r, pile_at(t->pile, at), RECORD_HEAD);
        return r;
}

/* Valid until the next change of the table. */
static inline struct bytes table_props_at(const struct table *t, uint32_t at)
{
        return bytes_of(pile_at(t->pile, at) + RECORD_HEAD, table_record(t, at).len);
}

static inline struct bytes table_props(const struct table *t, const struct entry *e)
{
        return table_props_at(t, e->at);
}

static inline bool table_is_below(const struct table *t, unsigned top, const struct entry *e)
{
        return e && t->top[top] != TABLE_NONE && e->parent == t->top[top] && e->object != TABLE_ROOT;
}

/* The entry (NULL: `object` is not there yet) is about to have this parent and place, or other properties,
 * while `at` still is its record. */
void table_touch(struct table *t, uint32_t object, const struct entry *e, uint32_t parent, uint64_t ordinal);
/* Other children than single ones changed: nobody keeps count any more. */
void table_touched_forget(struct table *t, unsigned top);

#endif
