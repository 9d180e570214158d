/* The store of one domain: directories, their order, an index, and a journal in one LMDB environment. The
 * only room that includes <lmdb.h>. doc/store-format.md has the tables of bytes and what a crash may leave.
 *
 * Readers never block and see one moment; there is one writer at a time. Every change (store_change_begin ..
 * _end) writes nodes, index, checksum and journal entry in the same transaction. Bytes handed out are
 * borrowed from LMDB's pages until the transaction ends (in a write transaction: until the next change). A
 * reader must not live longer than one slice of a loop (decision 14). */
#ifndef NETINFO_STORE_STORE_H
#define NETINFO_STORE_STORE_H

#include "netinfo/status.h"
#include "xdr/prop.h"

/* The largest object number a directory can have: the two above it mean something in SELF (protocol.md 2.7).
 */
#define STORE_OBJECT_MAX 0xFFFFFFFDu

struct store;
struct store_txn; /* a reader (kept and renewed by one worker) or the writer */

#define STORE_JOURNAL_SECONDS ((uint64_t)90 * 86400) /* decision 11 */
#define STORE_JOURNAL_ENTRIES ((uint64_t)100000)

enum store_role { STORE_MASTER = 0, STORE_CLONE = 1 };

struct store_options {
        size_t map_size; /* bytes; 0 = 64 GiB, sparse (decision 13) */
        bool read_only;  /* for tools: no lock against a writer is needed, nothing is written; works on a hot
                            copy (data.mdb alone) */
        bool no_sync; /* commits are not forced to the medium: only for tests and for building an image aside
                       */
        bool reuse_from_zero; /* a reused object number starts at instance 0 (decision 10: historical clones)
                               */
        uint64_t journal_seconds;   /* kept at least; 0 = 90 days */
        uint64_t journal_entries;   /* kept at least; 0 = 100,000 */
        const char *const *indexed; /* names of indexed properties beyond decision 12's, NULL-terminated; may
                                       be NULL; asked for at create only */
};

/* A reason in words for the log or the user; filled on failure. */
struct store_why {
        char text[256];
};

/* Makes the folder (0700) with an empty domain: an empty root directory {0, instance 1}, a new uuid and
 * epoch, journal empty. Refuses a network file system and a folder that already holds a store (NI_ALIVE). */
enum ni_status store_create(const char *folder, enum store_role role, const struct store_options *o,
                            struct store **ret, struct store_why *why);
/* Opens what store_create made. NI_NODIR: nothing there; NI_SYSTEMERR: damaged, of another format version,
 * locked, or refused by the system. */
enum ni_status store_open(const char *folder, const struct store_options *o, struct store **ret,
                          struct store_why *why);
/* store_options.reuse_from_zero from the next change on; with no transaction open. */
void store_set_reuse_from_zero(struct store *s, bool yes);
/* Forces everything written to the medium; for stores opened with no_sync. */
enum ni_status store_sync(struct store *s);
void store_close(struct store *s); /* NULL is fine. All transactions must have ended. */

/* -- transactions
 * ------------------------------------------------------------------------------------------------------------------------
 */
/* One reader object per worker and store; not shared between threads. */
enum ni_status store_reader_new(struct store *s, struct store_txn **ret);
void store_reader_free(struct store_txn *t);
enum ni_status store_read_begin(struct store_txn *reader); /* the newest committed state */
void store_read_end(struct store_txn *reader);

/* The writer: one at a time per store; call from one thread only. */
enum ni_status store_write_begin(struct store *s, struct store_txn **ret);
/* A nested transaction: a refusal undoes only itself. Not deeper than one. */
enum ni_status store_sub_begin(struct store_txn *t);
enum ni_status store_sub_commit(struct store_txn *t);
void store_sub_abort(struct store_txn *t);
/* Durable on NI_OK. NI_NOSPACE: disk or map full, nothing was written; NI_SYSTEMERR: nothing was written or,
 * when *ret_unknown (may be NULL) is set, the outcome is unknown. Frees t in every case. After a failure
 * store_is_whole says whether the store can go on (it was refused for want of space or memory), or must be
 * closed, opened and checked before the next write (doc/store-format.md 4). */
enum ni_status store_commit(struct store_txn *t, bool *ret_unknown);
bool store_is_whole(const struct store *s);
void store_abort(struct store_txn *t);

/* -- reading
 * ---------------------------------------------------------------------------------------------------------------------------------
 */
struct store_info {
        uint8_t uuid[16];
        uint64_t epoch, seq, first_seq; /* as in wire/ext.h's status */
        enum store_role role;
        uint32_t checksum;
        uint8_t digest[16];
        uint32_t directories, highest;
        uint64_t last_when; /* `when` of the newest entry, microseconds since 1970; 0 without */
};
enum ni_status store_get_info(struct store_txn *t, struct store_info *ret);

struct store_node {
        struct ni_id id;
        uint32_t parent; /* root: 0 */
        uint32_t child_count;
        uint64_t ordinal;   /* place among its siblings */
        uint64_t born;      /* seq of its creation */
        uint64_t version;   /* seq of its last change */
        struct bytes props; /* encoded ni_proplist, exact; borrowed */
};
/* NI_NODIR when there is none of that number; NI_SYSTEMERR when its record is damaged. */
enum ni_status store_get(struct store_txn *t, uint32_t object, struct store_node *ret);

/* Children in order. Begin, next until false, end; `status` then says whether it ended well. Starting after
 * an ordinal allows slices. */
struct store_walk {
        struct store_txn *txn;
        void *cursor; /* of this room */
        uint32_t parent;
        uint32_t child; /* at hand after next */
        uint64_t ordinal;
        uint32_t next_object;    /* store_each */
        struct bytes key, value; /* store_lookup */
        bool indexed, started;
        enum ni_status status;
        uint64_t visited; /* entries looked at so far */
        uint64_t most;    /* 0, or pause after so many: next says false, `paused` is set, and a walk that
                             begins after `ordinal` goes on from there. Set it after store_lookup */
        bool paused;
        uint64_t generation; /* of this room */
        const void *row;     /* of this room */
};
#define STORE_FROM_START UINT64_MAX
void store_children(struct store_txn *t, uint32_t parent, uint64_t after_ordinal, struct store_walk *w);
/* Children whose first property `key` has `value`, in child order, by index where decision 12 has one, else
 * by scanning. Secrets are the caller's business. */
void store_lookup(struct store_txn *t, uint32_t parent, struct bytes key, struct bytes value,
                  uint64_t after_ordinal, struct store_walk *w);
bool store_next(struct store_walk *w);
void store_end(struct store_walk *w); /* releases the cursor; needed also after next said false */
/* All directories by object number, from `from` on: true and *ret for the next one.  */
void store_each(struct store_txn *t, uint32_t from, struct store_walk *w);
bool store_each_next(struct store_walk *w, struct store_node *ret);

/* The first directory whose last change is `version` (protocol.md 2.7, SELF). Answered from the journal:
 * NI_NODIR also for changes that it no longer holds. */
enum ni_status store_by_version(struct store_txn *t, uint64_t version, uint32_t *ret_object);

/* Is this property name answered by the index? */
bool store_indexed(struct store_txn *t, struct bytes key);

/* -- writing (inside store_write_begin)
 * --------------------------------------------------------------------------------------------------- */
struct store_actor {
        struct bytes who, from, what; /* as in wire/ext.h's entry; cut at LIMIT_WHO bytes */
};
/* All that follows until store_change_end is one change: one seq, one journal entry (none when nothing was
 * written). */
enum ni_status store_change_begin(struct store_txn *t, const struct store_actor *actor);
enum ni_status store_change_end(struct store_txn *t, uint64_t *ret_seq);

/* Replaces the properties (encoded, exact): instance + 1, index, checksum, digest, journal. NI_NODIR,
 * NI_NOSPACE (over LIMIT_NODE), NI_SYSTEMERR. */
enum ni_status store_put_props(struct store_txn *t, uint32_t object, struct bytes props,
                               struct ni_id *ret_id);
/* A new child before position `where` (NI_INDEX_NULL appends): the smallest free object number, or `want`
 * when it is not NI_INDEX_NULL (replicas; NI_ALIVE when taken). The parent's instance grows by one. NI_NODIR:
 * no such parent; NI_NOSPACE: NI_CHILDREN_MAX. */
enum ni_status store_add_child(struct store_txn *t, uint32_t parent, struct bytes props, uint32_t where,
                               uint32_t want, struct ni_id *ret_child, struct ni_id *ret_parent);
/* Removes a childless directory from its parent; the parent's instance grows by one. NI_NODIR, NI_NOTEMPTY,
 * NI_UNRELATED (another parent, or the root). A child that is listed but has no record is unlinked. */
enum ni_status store_remove_child(struct store_txn *t, uint32_t parent, uint32_t child,
                                  struct ni_id *ret_parent);
/* Hangs a directory under another parent, before position `where` (counted without the directory itself): its
 * number, instance and what is below it stay; both parents' instances grow by one (the one parent's, when it
 * is the same, once). NI_UNRELATED: below itself, or the root. */
enum ni_status store_move(struct store_txn *t, uint32_t object, uint32_t to_parent, uint32_t where);

/* What each operation of a change did, in terms of the calls of version 2: for a master that tells historical
 * clones (doc/replication.md 6). Borrowed during the call. */
enum store_step_kind { STORE_STEP_WRITE, STORE_STEP_CREATE, STORE_STEP_DESTROY, STORE_STEP_MOVE };
struct store_step {
        enum store_step_kind kind;
        struct ni_id id;    /* with the instance before: the directory written, or the parent */
        struct ni_id child; /* CREATE: as made; DESTROY: as it was */
        uint32_t where;     /* CREATE */
        struct bytes props; /* WRITE, CREATE */
};
typedef void store_tracer(void *context, const struct store_step *step);
/* Until the transaction ends; NULL: nobody. Steps of a nested transaction that is aborted were told all the
 * same. */
void store_trace(struct store_txn *t, store_tracer *tracer, void *context);

/* -- replaying (clones, restore, import of databases): writes what somebody else decided
 * --------------------------------------------------- */
/* Puts a whole directory: id with instance, parent, ordinal, born, version as given, index and sums kept
 * right; an existing one is replaced. Links are checked by store_check, not here. For building a store aside;
 * not journalled. */
enum ni_status store_replay_node(struct store_txn *t, const struct store_node *n);
/* Sets epoch (0: draw a new one), uuid (NULL: keep) and head seq after replaying. */
enum ni_status store_replay_head(struct store_txn *t, const uint8_t uuid[16], uint64_t epoch, uint64_t seq);
enum ni_status store_set_role(struct store_txn *t, enum store_role role);

/* -- journal
 * -------------------------------------------------------------------------------------------------------------------------------
 */
struct store_record { /* the same meaning as struct ext_record of wire/ext.h */
        uint32_t kind, object;
        uint64_t born;
        uint32_t instance, parent;
        uint64_t ordinal;
        bool has_before, has_after;
        struct bytes before, after;
};
enum { STORE_CREATED = 1, STORE_CHANGED, STORE_TOUCHED, STORE_DESTROYED, STORE_MOVED };
struct store_entry {
        uint64_t seq, when;
        struct bytes who, from, what;
        struct store_record *records; /* in the arena */
        uint32_t record_count;
};
/* NI_NODIR: no longer (or not yet) in the journal. */
enum ni_status store_journal_get(struct store_txn *t, uint64_t seq, struct arena *a, struct store_entry *ret);
/* Drops entries older than the options allow, at most `most` of them; *ret_dropped may be NULL. Inside a
 * write transaction. */
enum ni_status store_journal_trim(struct store_txn *t, uint64_t now_us, uint32_t most, uint32_t *ret_dropped);

/* Applies one entry of another store's journal, as a follower does: directories, numbers, head, and the entry
 * itself. Only the entry after the head fits (else NI_STALE). No records, an entry older than the one before
 * it, or a record that does not fit what is here (an unknown directory, no properties for a new one) gives
 * NI_SYSTEMERR: then take a snapshot. */
enum ni_status store_replay_entry(struct store_txn *t, const struct store_entry *e);
/* Takes over an entry of the past whose outcome stands, or will be put, by store_replay_node: the journal
 * grows and the head with it, numbers that it gave up remember their last instance; directories are not
 * touched. NI_STALE: not the entry after the head; NI_SYSTEMERR: no records, or older than the entry before.
 */
enum ni_status store_replay_past(struct store_txn *t, const struct store_entry *e);

/* A copy of a running store (doc/extension-program.md 6.3): pages of different moments, then the entries from
 * the first page's seq on, loosely: records are states, the last one wins, and two directories may claim one
 * place meanwhile. Head set to the first page's seq before; after the entry of the last page's seq the store
 * is exact, and store_check says whether it is. Status as store_replay_node and store_replay_past. */
enum ni_status store_replay_page(struct store_txn *t, const struct store_node *n);
enum ni_status store_replay_loosely(struct store_txn *t, const struct store_entry *e);

/* A new epoch for the same history: numbers from here on are not those that another server of this uuid gives
 * (doc/replication.md 5). Inside a write transaction. */
enum ni_status store_begin_epoch(struct store_txn *t);

/* -- origin: of a clone, where its master is (doc/store-format.md, doc/replication.md 1) */
enum store_origin_kind { STORE_ORIGIN_ASK = 0, STORE_ORIGIN_FOLLOW = 1, STORE_ORIGIN_COPY = 2 };
#define STORE_ORIGIN_MAX 1023u
struct store_origin {
        uint64_t term; /* changes of the master so far */
        enum store_origin_kind kind;
        bool filled;                      /* the content is a whole copy of the master's */
        char where[STORE_ORIGIN_MAX + 1]; /* "host:port/tag"; "" of a master */
};
/* All zero when nothing is stored. NI_SYSTEMERR: damaged. */
enum ni_status store_get_origin(struct store_txn *t, struct store_origin *ret);
/* Inside a write transaction. */
enum ni_status store_set_origin(struct store_txn *t, const struct store_origin *o);

/* -- checking
 * ----------------------------------------------------------------------------------------------------------------------------------
 */
struct store_check_report {
        uint64_t directories, index_entries, journal_entries;
        uint64_t problems;
};
/* Walks everything: records decode, links agree both ways, order is unique, counts, index complete and
 * without strays, checksum, digest, freed numbers, journal without gaps, and the newest journal record of
 * each directory against the node itself. Each problem is handed to `say` (may be NULL). */
enum ni_status store_check(struct store_txn *t, struct store_check_report *ret,
                           void (*say)(void *context, const char *problem), void *context);

struct store_usage {
        uint64_t file_bytes, used_bytes, map_bytes;
        uint64_t nodes, children, index, journal, freed; /* entries of each table */
        uint32_t readers, readers_max;
};
enum ni_status store_get_usage(struct store_txn *t, struct store_usage *ret);
/* A consistent copy of a running store into a new folder (mdb_env_copy with compaction). */
enum ni_status store_copy(struct store *s, const char *folder, struct store_why *why);

#endif
