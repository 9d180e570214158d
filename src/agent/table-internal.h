/* What the files of the table share. */
#ifndef NETINFO_AGENT_TABLE_INTERNAL_H
#define NETINFO_AGENT_TABLE_INTERNAL_H

#include "agent/table.h"

#define TABLE_ROOT 0u
#define TABLE_NONE UINT32_MAX

struct entry { /* 40 bytes: there are twice as many as directories, or more */
        uint64_t ordinal, born;
        uint8_t *props; /* encoded, only what images need */
        uint32_t len, object, parent;
        bool used;
};

/* What was touched since a moment. */
struct touched {
        bool known;
        struct table_touched *v;
        size_t n;
        uint64_t last; /* highest place when it began: whoever comes later stands behind */
};
/* Since the images were made, and since those that are being made. */
enum since { SINCE_MADE, SINCE_MARK, SINCE };

/* Open addressing by object number, deletion by moving back. The numbers are the server's, and what is done
 * with the table is done under a lock that all domains share: so where one stands is nothing that a server
 * can know. */
struct table {
        uint64_t key[2]; /* random */
        struct entry *v;
        uint32_t count, mask;
        uint64_t bytes;           /* of all props */
        uint32_t top[TABLE_TOPS]; /* object numbers; NONE: there is no such directory */
        uint64_t scanned;         /* slots, since table_listed */
        bool stale;               /* `top` waits for table_listed, and so long all images are dirty */
        struct touched touched[TABLE_ACCOUNTED][SINCE];
};

static inline struct bytes table_props(const struct entry *e)
{
        return bytes_of(e->props, e->len);
}

static inline bool table_is_below(const struct table *t, unsigned top, const struct entry *e)
{
        return e && t->top[top] != TABLE_NONE && e->parent == t->top[top] && e->object != TABLE_ROOT;
}

/* The entry (NULL: `object` is not there yet) is about to have this parent and place, or other properties. */
void table_touch(struct table *t, uint32_t object, const struct entry *e, uint32_t parent, uint64_t ordinal);
/* Other children than single ones changed: nobody keeps count any more. */
void table_touched_forget(struct table *t, unsigned top);

#endif
