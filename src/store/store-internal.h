/* What the files of this room share. doc/store-format.md names the tables. */
#ifndef NETINFO_STORE_INTERNAL_H
#define NETINFO_STORE_INTERNAL_H

#include "store/record.h"

#include <lmdb.h>

enum store_table { T_META, T_NODES, T_CHILDREN, T_INDEX, T_FREED, T_JOURNAL, TABLES };

struct store_hashes { /* a growing list */
        struct hash128 *v;
        size_t n, cap;
};

/* What one change has done to one directory so far; becomes one or two journal records. */
struct store_pending {
        uint32_t object, instance, parent;
        uint64_t born, ordinal;
        bool created, changed, touched, moved, destroyed, dropped, has_before;
        struct bytes before, after; /* in the change's arena */
};

/* Of counted.c: a long child list in runs. */
struct store_run {
        uint64_t first; /* ordinals from here to the next run's are its */
        uint32_t n;     /* children */
};
#define COUNTED_LISTS \
        8u /* lists kept at once, the last ones asked for: some 64 KiB each for a million children */
#define COUNTED_LENGTH                                                                           \
        256u /* children of a run that was cut: adding up 4,000 runs of a million children costs \
                about what walking one does */
struct store_counted {
        uint32_t parent, total;
        struct store_run *v; /* n of them, the first from ordinal 0; none: not in use */
        uint32_t n, cap;
        uint64_t made, used; /* times of `clock` */
};
struct store_counts {
        struct store_counted list[COUNTED_LISTS];
        uint32_t length; /* COUNTED_LENGTH; tests take less */
        uint64_t clock;
        struct store_counted_step *undo; /* undo_n of them: since the transaction began */
        uint32_t undo_n, undo_cap;
        bool lossy; /* more steps than are remembered */
};
struct store_counted_mark { /* a moment to which counts can be taken back */
        uint32_t steps;
        uint64_t clock;
};

struct store_change {
        bool open;
        uint64_t seq;
        struct store_actor actor; /* bytes in the arena */
        struct store_pending *v;  /* n of them, in the order in which they were first touched */
        uint32_t n, cap;
        uint32_t *slot;  /* hash table: object -> 1 + position in v of its newest pending */
        uint32_t slots;  /* a power of two, or 0 */
        uint64_t weight; /* bytes the entry will take, roughly */
        struct arena arena;
        bool late; /* `touched` is newer than what the table has; its properties are in the arena */
        struct store_node touched;
        uint64_t tail; /* ordinal of the last child of tail_of; 0: not known */
        uint32_t tail_of;
};

/* Of backlog.c: an entry of the index, and those that wait to be put. */
struct store_index_entry {
        struct hash128 hash;
        uint64_t ordinal;
        uint32_t parent, child;
};
#define BACKLOG_MOST                                                                                       \
        (1u << 18) /* entries that wait: those of 65,536 users, the largest commit; 8 MiB, and in a nested \
                      transaction as many that were put and are needed again when it is aborted */
struct store_backlog {
        uint32_t most;               /* BACKLOG_MOST; tests take less */
        struct store_index_entry *v; /* n of them; the first `put` are in the table */
        uint32_t n, cap, put;
        uint32_t before; /* n when the nested transaction began, and all waited */
        uint64_t *slot;  /* words of what waits: an open table, 0: free */
        uint32_t slots, words;
};

#define KEPT_PARENTS 8u /* directories with children are read again and again, to look in them */

struct store_txn {
        struct store *s;
        MDB_txn *txn;       /* at hand: top, or the nested one */
        MDB_txn *top, *sub; /* writer only; sub NULL outside of a nested transaction */
        bool writer, active;
        enum ni_status failed;     /* sticky: first failure of LMDB or memory at this level */
        MDB_cursor *spare[TABLES]; /* reader: kept between walks */
        bool known;                /* reader: `state` has been read; writer: always */
        bool dirty, dirty_before;  /* writer: something was written (before the nested one) */
        struct store_state state, state_before;
        struct store_counted_mark counts_before; /* writer: when the nested one began */
        struct store_counted_mark counts_top;    /* writer: when the transaction began */
        uint64_t generation; /* grows with every write and every begin: walks then find their place anew */
        bool cached;         /* `cache` is the node last read, in this generation */
        struct store_node cache;
        uint64_t moment;                         /* reader: of LMDB, whose numbers grow with each commit */
        uint32_t kept;                           /* reader: bits of the places in `parents` that are filled */
        struct store_node parents[KEPT_PARENTS]; /* reader: of this moment, by object number */
        struct store_change change;
        struct store_backlog backlog;
        struct buf scratch; /* the node being written */
        struct store_hashes old_hashes, new_hashes;
        store_tracer *tracer;
        void *tracer_context;
        uint64_t moved; /* children that a rebalance gave a new place, for tests */
};

struct store {
        MDB_env *env;
        MDB_dbi dbi[TABLES];
        struct store_options options;
        int lock_fd; /* flock: one writing process; -1 for readers */
        struct buf rows_bytes;
        struct store_row rows[INDEX_ROWS];
        uint32_t row_count;
        uint64_t hash_mask; /* all ones; tests make it narrow to force collisions */
        char path[4096];
        bool broken;                /* a commit failed: close and open again */
        struct store_counts counts; /* the writer's */
        struct store_txn writer;
};

/* -- txn.c */
enum ni_status store_map_error(int rc); /* LMDB or errno -> status */
/* Records the first failure in the transaction (sticky) and gives its status. */
enum ni_status store_fail(struct store_txn *t, int rc);
enum ni_status store_damaged(struct store_txn *t); /* the file says something impossible */
/* NI_NODIR when there is no such key. */
enum ni_status store_table_get(struct store_txn *t, enum store_table table, struct bytes key,
                               struct bytes *ret);
enum ni_status store_table_put(struct store_txn *t, enum store_table table, struct bytes key,
                               struct bytes value, unsigned flags);
/* Like put, but gives the place in the page, to be filled before the next call. */
enum ni_status store_table_reserve(struct store_txn *t, enum store_table table, struct bytes key, size_t len,
                                   unsigned flags, uint8_t **ret);
enum ni_status store_table_del(struct store_txn *t, enum store_table table, struct bytes key);
/* A cursor for walking; give it back. NULL on failure (sticky). */
MDB_cursor *store_cursor(struct store_txn *t, enum store_table table);
void store_cursor_back(struct store_txn *t, enum store_table table, MDB_cursor *c);
/* Moves the cursor: NI_OK, NI_NODIR at the end. For MDB_SET_RANGE *key goes in, too. */
enum ni_status store_cursor_move(struct store_txn *t, MDB_cursor *c, MDB_cursor_op op, struct bytes *key,
                                 struct bytes *value);
enum ni_status store_state_load(struct store_txn *t);
/* Writable, not failed? */
enum ni_status store_may_write(const struct store_txn *t);

/* -- node.c: a node's value and the sums over all nodes; neither links nor index. A parent that one change
 * gives many children is written once, at the end (store_node_settle) or when another one's turn comes;
 * store_get gives it as it will be. */
enum ni_status store_node_settle(struct store_txn *t);
enum ni_status store_node_put(struct store_txn *t, const struct store_node *n, bool existed);
enum ni_status store_node_del(struct store_txn *t, uint32_t object);

/* -- edit.c */
/* Climbs from `from` up to the root: NI_OK when it arrives, NI_UNRELATED when `object` stands on the way
 * (itself included). A parent that is missing, or a ring, is damage (sticky). */
enum ni_status store_climb(struct store_txn *t, uint32_t from, uint32_t object);

/* -- order.c: places among siblings */
enum ni_status store_order_place(struct store_txn *t, const struct store_node *parent, uint32_t where,
                                 uint64_t *ret_ordinal);
enum ni_status store_order_link(struct store_txn *t, uint32_t parent, uint64_t ordinal, uint32_t child);
enum ni_status store_order_unlink(struct store_txn *t, uint32_t parent, uint64_t ordinal);

/* -- counted.c: positions in long lists, known from one call to the next. Writer only. */
/* A child of `parent` came (by 1) or went (by -1). */
void store_counted_step(struct store_counts *c, uint32_t parent, uint64_t ordinal, int by);
/* True: the child at position `where` is `skip` children behind the first one whose ordinal is at least
 * `from`. False: walk from the nearer end; it is near, or counting failed. */
bool store_counted_find(struct store_txn *t, const struct store_node *parent, uint32_t where,
                        uint64_t *ret_from, uint32_t *ret_skip);
struct store_counted_mark store_counted_mark(const struct store_counts *c);
void store_counted_undo(struct store_counts *c, struct store_counted_mark to);
void store_counted_keep(struct store_counts *c); /* what was done stands */
void store_counted_forget(struct store_counts *c);
void store_counted_done(struct store_counts *c);

/* -- index.c */
#define INDEX_KEY 28u
const struct store_row *store_row_of(const struct store *s, struct bytes name);
/* The key of one value; ordinal 0 .. gives the beginning of its hits. */
void store_index_key(const struct store *s, const struct store_row *row, uint32_t parent, struct bytes value,
                     uint64_t ordinal, uint8_t to[INDEX_KEY]);
/* Makes the entries of a child right when its properties change. Either list may be empty ({NULL,0}). What a
 * new child has waits in the backlog. */
enum ni_status store_index_change(struct store_txn *t, uint32_t parent, uint64_t ordinal, uint32_t child,
                                  struct bytes old_props, struct bytes new_props);
void store_index_entry_key(const struct store_index_entry *e, uint8_t to[INDEX_KEY]);
/* The distinct hashes that a child with these properties has in the index, in t->new_hashes, sorted. */
bool store_index_expected(struct store_txn *t, struct bytes props);

/* -- backlog.c: entries of the index that wait for the end of the transaction. Writer only. */
enum ni_status store_backlog_add(struct store_txn *t, const struct store_index_entry *e);
/* May one of those that wait have this parent and hash? */
bool store_backlog_has(const struct store_backlog *b, uint32_t parent, struct hash128 h);
/* Puts all that wait, into the transaction at hand. Failures stick. */
enum ni_status store_backlog_put(struct store_txn *t);
void store_backlog_begin_sub(struct store_backlog *b);
void store_backlog_abort_sub(struct store_txn *t); /* after the nested transaction has ended */
void store_backlog_clear(struct store_backlog *b);
void store_backlog_done(struct store_backlog *b);

/* -- number.c: object numbers */
enum ni_status store_number_take(struct store_txn *t, uint32_t want, uint32_t *ret_object,
                                 uint32_t *ret_instance);
enum ni_status store_number_give(struct store_txn *t, uint32_t object, uint32_t instance);

/* -- change.c: what the journal will say. n is the directory after the step; its properties and `before`
 * (those it had) must stay until the change ends: they live in the change's arena. */
enum ni_status store_note_created(struct store_txn *t, const struct store_node *n);
enum ni_status store_note_changed(struct store_txn *t, const struct store_node *n, struct bytes before);
enum ni_status store_note_touched(struct store_txn *t, const struct store_node *n);
enum ni_status store_note_moved(struct store_txn *t, const struct store_node *n);
enum ni_status store_note_destroyed(struct store_txn *t, const struct store_node *n, struct bytes before);
void store_change_drop(struct store_txn *t);

/* -- journal.c */
enum ni_status store_journal_append(struct store_txn *t, uint64_t seq, const struct store_entry_head *head,
                                    const struct store_record *records);

static inline struct hash128 hash_add(struct hash128 a, struct hash128 b)
{
        struct hash128 r = {a.lo + b.lo, a.hi + b.hi};
        r.hi += r.lo < a.lo;
        return r;
}

static inline struct hash128 hash_sub(struct hash128 a, struct hash128 b)
{
        return (struct hash128){a.lo - b.lo, a.hi - b.hi - (a.lo < b.lo)};
}

#endif
