/* What the agent knows of a domain: every directory, its parent, its place, and the properties that images
 * need (doc/agent.md "Following"). The properties lie in a file that is mapped (pile.h). */
#ifndef NETINFO_AGENT_TABLE_H
#define NETINFO_AGENT_TABLE_H

#include "snapshot/format.h"
#include "wire/ext.h"

/* Which images a change can alter: bits 1 << enum snap_kind. */
#define TABLE_PASSWD   (1u << SNAP_PASSWD)
#define TABLE_GROUP    (1u << SNAP_GROUP)
#define TABLE_SHADOW   (1u << SNAP_SHADOW)
#define TABLE_NETGROUP (1u << SNAP_NETGROUP)
#define TABLE_GSHADOW  (1u << SNAP_GSHADOW)
#define TABLE_ACCOUNTS ((1u << SNAP_ACCOUNTS) - 1)
#define TABLE_ALL      ((1u << SNAP_KINDS) - 1)
#define TABLE_MAPS     (TABLE_ALL & ~TABLE_ACCOUNTS) /* hosts and what follows */

/* The directories whose children the images are made of. Each is the root's first child of that name. */
enum table_top {
        TOP_USERS,
        TOP_GROUPS,
        TOP_MACHINES,
        TOP_NETWORKS,
        TOP_SERVICES,
        TOP_PROTOCOLS,
        TOP_RPCS,
        TOP_ALIASES,
        TOP_NETGROUPS,
        TOP_NETDOMAINS,
};
#define TABLE_TOPS      10u
#define TABLE_ACCOUNTED 2u /* the first ones: what is touched of them is remembered, for deltas */

struct table;

/* Is this the name of one of them? */
bool table_is_top(struct bytes name);
/* folder: where the file of the properties is made, borrowed for the table's life; NULL or "": they stay in
 * memory. NULL: no memory. */
struct table *table_new(const char *folder);
void table_free(struct table *t);
uint32_t table_count(const struct table *t);
uint64_t table_bytes(const struct table *t); /* of all properties kept */

/* Every directory, in no order: *at begins at 0. False: that was all. What ret holds is borrowed; instance
 * and version are 0. */
bool table_next(const struct table *t, uint32_t *at, struct ext_node *ret);

enum table_result { TABLE_OK, TABLE_GAP, TABLE_NO_MEMORY };
/* A directory of a snapshot: put as it is; what was known of that number is replaced. */
enum table_result table_put(struct table *t, const struct ext_node *n);
/* After the last page and all that belongs to it: from now on changes tell which images they touch. */
void table_settle(struct table *t);
/* One record of a change (doc/extension-program.md 6.3). GAP: it is about a directory that is not here, or
 * makes one that is. With `lenient` (while a snapshot is completed) such records are left out. *dirty gains
 * the images that change. */
enum table_result table_apply(struct table *t, const struct ext_record *r, bool lenient, unsigned *dirty);
/* After each list of changes (a reply of CHANGES), before the table is looked at. */
void table_listed(struct table *t);
/* Which images differ between two states of a domain. */
unsigned table_differences(const struct table *a, const struct table *b);

/* The children of /users, /groups ... as they were when the table was settled or changed last. In order;
 * encoded property lists, borrowed until the next change. An array from malloc that the caller frees; NULL
 * with *ret_count 0 when there are none; false: no memory. */
bool table_children(const struct table *t, enum table_top top, struct bytes **ret, size_t *ret_count);

/* -- what changed since the images were made whole
 *
 * Of each child of /users (or /groups) that was touched since table_begin: what it was then. When more than
 * single children changed (another /users, another order, a child put between others), or more than
 * TABLE_TOUCHED_MAX of them, that is not kept: the images have to be made whole again. `top` is TOP_USERS or
 * TOP_GROUPS. */
#define TABLE_TOUCHED_MAX 1024u /* a delta of so many users is 0.2 MB, which every process reads */
struct table_touched {
        uint32_t object;
        bool was; /* a child then, with this place and these properties */
        uint64_t ordinal;
        struct bytes props; /* the table's own */
};

void table_begin(struct table *t, enum table_top top);
/* Images are being made beside of what the table is at this moment: what is touched from now on is remembered
 * a second time, */
void table_mark(struct table *t, enum table_top top);
/* and these images are published now: it is as if table_begin had been called at the mark. Without one, or
 * when it was lost meanwhile, nothing is known. */
void table_begin_at_mark(struct table *t, enum table_top top);
/* Since the mark, or since table_begin. False: not known. The array is borrowed until the next change. */
bool table_touched(const struct table *t, enum table_top top, bool since_mark,
                   const struct table_touched **ret, size_t *ret_count);
/* How many children each of them has. */
void table_sizes(const struct table *t, uint32_t ret[TABLE_TOPS]);
/* The properties and place of a directory that is a child of /users (or /groups) now; false: it is none. */
bool table_child(const struct table *t, enum table_top top, uint32_t object, struct bytes *ret_props,
                 uint64_t *ret_ordinal);

/* -- where the properties are
 *
 * New ones are in memory until they are written out, which only the thread that changes the table may do:
 * table_write_out without a lock, and when it says true, table_written_out while nobody else looks. */
bool table_write_out(struct table *t);
void table_written_out(struct table *t);
/* Why they stay in memory (errno); 0: they do not. */
int table_write_error(const struct table *t);
/* Some properties could not be read from the file: whatever was made of this table is worthless if it is so
 * afterwards, and the domain has to be read again (mapped.h). */
bool table_is_lost(const struct table *t);

/* Properties that were replaced stay in the file. When they are more than those that are needed: a copy
 * without them, made without a lock by the thread that changes the table; NULL: no memory, or no room in the
 * folder. Nothing may change until table_take_packed, while nobody else looks, puts it in the place of the
 * old one. */
struct table_packed;
bool table_is_wasteful(const struct table *t);
struct table_packed *table_pack(const struct table *t, const char *folder);
void table_take_packed(struct table *t, struct table_packed *p);
void table_packed_free(struct table_packed *p);

#endif
