/* Transactions, and the only door to LMDB's gets and puts: a failure sticks, so that a change of ten steps is
 * checked once. */
#include "store/store-internal.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/statvfs.h>

enum ni_status store_map_error(int rc)
{
        switch (rc) {
        case 0:
                return NI_OK;
        case MDB_NOTFOUND:
                return NI_NODIR;
        case MDB_MAP_FULL:
        case MDB_TXN_FULL:
        case ENOSPC:
        case EDQUOT:
        case EFBIG:
                return NI_NOSPACE;
        default:
                return NI_SYSTEMERR;
        }
}

enum ni_status store_fail(struct store_txn *t, int rc)
{
        enum ni_status st = store_map_error(rc);
        if (st == NI_OK || st == NI_NODIR)
                st = NI_SYSTEMERR;
        if (t->failed == NI_OK)
                t->failed = st;
        return t->failed;
}

enum ni_status store_damaged(struct store_txn *t)
{
        return store_fail(t, MDB_CORRUPTED);
}

enum ni_status store_may_write(const struct store_txn *t)
{
        if (t->failed != NI_OK)
                return t->failed;
        return t->writer && t->active ? NI_OK : NI_RDONLY;
}

static MDB_val val_of(struct bytes b)
{
        /* LMDB does not write through the pointers of keys and values that are put. */
        return (MDB_val){b.len, (void *)(uintptr_t)b.data};
}

enum ni_status store_table_get(struct store_txn *t, enum store_table table, struct bytes key,
                               struct bytes *ret)
{
        MDB_val k = val_of(key), v;
        if (t->failed != NI_OK || !t->active)
                return t->active ? t->failed : NI_SYSTEMERR;
        const int rc = mdb_get(t->txn, t->s->dbi[table], &k, &v);
        if (rc == MDB_NOTFOUND)
                return NI_NODIR;
        if (rc)
                return store_fail(t, rc);
        *ret = bytes_of(v.mv_data, v.mv_size);
        return NI_OK;
}

enum ni_status store_table_put(struct store_txn *t, enum store_table table, struct bytes key,
                               struct bytes value, unsigned flags)
{
        MDB_val k = val_of(key), v = val_of(value);
        if (t->failed != NI_OK)
                return t->failed;
        t->generation++;
        t->cached = false;
        t->dirty = true;
        const int rc = mdb_put(t->txn, t->s->dbi[table], &k, &v, flags);
        if (rc == MDB_KEYEXIST)
                return NI_ALIVE;
        return rc ? store_fail(t, rc) : NI_OK;
}

enum ni_status store_table_reserve(struct store_txn *t, enum store_table table, struct bytes key, size_t len,
                                   unsigned flags, uint8_t **ret)
{
        MDB_val k = val_of(key), v = {len, NULL};
        if (t->failed != NI_OK)
                return t->failed;
        t->generation++;
        t->cached = false;
        t->dirty = true;
        const int rc = mdb_put(t->txn, t->s->dbi[table], &k, &v, flags | MDB_RESERVE);
        if (rc == 0)
                *ret = v.mv_data;
        return rc == MDB_KEYEXIST ? NI_ALIVE : rc ? store_fail(t, rc) : NI_OK;
}

enum ni_status store_table_del(struct store_txn *t, enum store_table table, struct bytes key)
{
        MDB_val k = val_of(key);
        if (t->failed != NI_OK)
                return t->failed;
        t->generation++;
        t->cached = false;
        t->dirty = true;
        const int rc = mdb_del(t->txn, t->s->dbi[table], &k, NULL);
        if (rc == MDB_NOTFOUND)
                return NI_NODIR;
        return rc ? store_fail(t, rc) : NI_OK;
}

MDB_cursor *store_cursor(struct store_txn *t, enum store_table table)
{
        MDB_cursor *c = t->spare[table];
        if (t->failed != NI_OK || !t->active)
                return NULL;
        t->spare[table] = NULL;
        const int rc = c ? mdb_cursor_renew(t->txn, c) : mdb_cursor_open(t->txn, t->s->dbi[table], &c);
        if (rc) {
                if (t->writer)
                        store_fail(t, rc);
                return NULL;
        }
        return c;
}

void store_cursor_back(struct store_txn *t, enum store_table table, MDB_cursor *c)
{
        if (!c)
                return;
        if (t->writer || t->spare[table])
                mdb_cursor_close(c);
        else
                t->spare[table] = c;
}

enum ni_status store_cursor_move(struct store_txn *t, MDB_cursor *c, MDB_cursor_op op, struct bytes *key,
                                 struct bytes *value)
{
        MDB_val k = val_of(*key), v;
        const int rc = mdb_cursor_get(c, &k, &v, op);
        if (rc == MDB_NOTFOUND)
                return NI_NODIR;
        if (rc)
                return t->writer ? store_fail(t, rc) : store_map_error(rc);
        *key = bytes_of(k.mv_data, k.mv_size);
        *value = bytes_of(v.mv_data, v.mv_size);
        return NI_OK;
}

enum ni_status store_state_load(struct store_txn *t)
{
        struct bytes raw;
        if (t->known)
                return NI_OK;
        const enum ni_status st = store_table_get(t, T_META, BYTES_LIT("state"), &raw);
        if (st != NI_OK || !store_state_decode(raw, &t->state))
                return store_damaged(t);
        t->known = true;
        return NI_OK;
}

/* -- readers
 * -------------------------------------------------------------------------------------------------- */

enum ni_status store_reader_new(struct store *s, struct store_txn **ret)
{
        struct store_txn *t = calloc(1, sizeof(*t));
        if (!t)
                return NI_SYSTEMERR;
        t->s = s;
        int rc = mdb_txn_begin(s->env, NULL, MDB_RDONLY, &t->top);
        if (rc == MDB_MAP_RESIZED) { /* another process uses a larger map */
                mdb_env_set_mapsize(s->env, 0);
                rc = mdb_txn_begin(s->env, NULL, MDB_RDONLY, &t->top);
        }
        if (rc) {
                free(t);
                return store_map_error(rc);
        }
        mdb_txn_reset(t->top);
        t->txn = t->top;
        *ret = t;
        return NI_OK;
}

void store_reader_free(struct store_txn *t)
{
        if (!t)
                return;
        for (unsigned i = 0; i < TABLES; i++)
                if (t->spare[i])
                        mdb_cursor_close(t->spare[i]);
        mdb_txn_abort(t->top);
        free(t);
}

/* While nothing was committed the pages of the last time are the newest still, and nobody writes to those:
 * what was read from them is as good as new. */
enum ni_status store_read_begin(struct store_txn *t)
{
        if (t->writer || t->active)
                return NI_SYSTEMERR;
        const int rc = mdb_txn_renew(t->top);
        if (rc)
                return store_map_error(rc);
        if (mdb_txn_id(t->top) != t->moment) {
                t->moment = mdb_txn_id(t->top);
                t->cached = false;
                t->kept = 0;
        }
        t->active = true;
        t->known = false;
        t->failed = NI_OK;
        t->generation++;
        return NI_OK;
}

void store_read_end(struct store_txn *t)
{
        if (t->writer || !t->active)
                return;
        mdb_txn_reset(t->top);
        t->active = t->known = false;
}

/* -- the writer
 * ----------------------------------------------------------------------------------------------- */

static void writer_idle(struct store_txn *t)
{
        store_change_drop(t);
        store_backlog_clear(&t->backlog);
        t->top = t->sub = t->txn = NULL;
        t->active = t->known = t->cached = t->dirty = t->dirty_before = false;
        t->failed = NI_OK;
        t->tracer = NULL;
}

enum ni_status store_write_begin(struct store *s, struct store_txn **ret)
{
        struct store_txn *t = &s->writer;
        if (s->options.read_only || s->broken || t->active)
                return s->options.read_only ? NI_RDONLY : NI_SYSTEMERR;
        const int rc = mdb_txn_begin(s->env, NULL, 0, &t->top);
        if (rc)
                return store_map_error(rc);
        t->s = s;
        t->txn = t->top;
        t->writer = t->active = true;
        t->counts_top = store_counted_mark(&s->counts);
        t->generation++;
        const enum ni_status st = store_state_load(t);
        if (st != NI_OK) {
                store_abort(t);
                return st;
        }
        *ret = t;
        return NI_OK;
}

enum ni_status store_sub_begin(struct store_txn *t)
{
        const enum ni_status st = store_may_write(t);
        if (st != NI_OK)
                return st;
        if (t->sub || t->change.open)
                return NI_SYSTEMERR;
        const int rc = mdb_txn_begin(t->s->env, t->top, 0, &t->sub);
        if (rc) {
                t->sub = NULL;
                return store_fail(t, rc);
        }
        t->txn = t->sub;
        t->state_before = t->state;
        t->counts_before = store_counted_mark(&t->s->counts);
        store_backlog_begin_sub(&t->backlog);
        t->dirty_before = t->dirty;
        t->generation++;
        t->cached = false;
        return NI_OK;
}

void store_sub_abort(struct store_txn *t)
{
        if (!t->sub)
                return;
        mdb_txn_abort(t->sub);
        t->sub = NULL;
        t->txn = t->top;
        store_change_drop(t);
        store_counted_undo(&t->s->counts, t->counts_before);
        t->state = t->state_before;
        t->dirty = t->dirty_before;
        t->failed = NI_OK; /* a sub begins only in a healthy transaction, so the failure was its own */
        t->generation++;
        t->cached = false;
        store_backlog_abort_sub(t);
}

enum ni_status store_sub_commit(struct store_txn *t)
{
        if (!t->sub)
                return NI_SYSTEMERR;
        const enum ni_status failed = t->change.open ? NI_SYSTEMERR : t->failed;
        if (failed != NI_OK) {
                store_sub_abort(t);
                return failed;
        }
        const int rc = mdb_txn_commit(t->sub); /* frees it, also on failure */
        t->sub = NULL;
        t->txn = t->top;
        t->generation++;
        t->cached = false;
        return rc ? store_fail(t, rc) : NI_OK; /* sticky: the outer one is no longer whole */
}

void store_abort(struct store_txn *t)
{
        if (!t->active)
                return;
        if (t->sub)
                mdb_txn_abort(t->sub);
        mdb_txn_abort(t->top);
        store_counted_undo(&t->s->counts, t->counts_top);
        writer_idle(t);
}

/* After a commit that failed: was it the write of LMDB's meta page? Then LMDB refuses every further
 * transaction of this environment, because it cannot know which of the two pages is on the medium. */
static bool outcome_unknown(struct store *s)
{
        MDB_txn *probe;
        const int rc = mdb_txn_begin(s->env, NULL, 0, &probe);
        if (rc == 0)
                mdb_txn_abort(probe);
        return rc == MDB_PANIC;
}

/* A disk that becomes full in the middle of a write takes half of it; LMDB calls every short write EIO. */
#define NEARLY_NOTHING 65536u

static int commit_error(struct store *s, int rc)
{
        struct statvfs v;
        mdb_filehandle_t fd;
        if (rc != EIO || mdb_env_get_fd(s->env, &fd) != 0 || fstatvfs(fd, &v) < 0)
                return rc;
        return (uint64_t)v.f_bavail * v.f_frsize < NEARLY_NOTHING ? ENOSPC : rc;
}

enum ni_status store_commit(struct store_txn *t, bool *ret_unknown)
{
        struct store *s = t->s;
        enum ni_status st = t->failed;
        if (st == NI_OK && (t->sub || t->change.open))
                st = NI_SYSTEMERR;
        if (st == NI_OK)
                st = store_backlog_put(t);
        if (st == NI_OK && t->dirty) {
                uint8_t raw[STATE_SIZE];
                store_state_encode(&t->state, raw);
                st = store_table_put(t, T_META, BYTES_LIT("state"), bytes_of(raw, sizeof(raw)), 0);
        }
        if (st != NI_OK) {
                store_abort(t);
                return st;
        }
        int rc = mdb_txn_commit(t->top);
        if (rc == 0)
                store_counted_keep(&s->counts);
        else
                store_counted_undo(&s->counts, t->counts_top);
        writer_idle(t);
        if (rc == 0)
                return NI_OK;
        rc = commit_error(s, rc);
        const bool unknown = outcome_unknown(s), full = store_map_error(rc) == NI_NOSPACE;
        if (ret_unknown)
                *ret_unknown = unknown;
        /* Without room or memory nothing that stood was touched: what was written lies in pages that are
         * free, and will be written again before anything leads to them. Any other failure says that the
         * medium cannot be trusted. */
        s->broken = unknown || !(full || rc == ENOMEM);
        return full ? NI_NOSPACE : NI_SYSTEMERR;
}

bool store_is_whole(const struct store *s)
{
        return !s->broken;
}
