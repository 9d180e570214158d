/* Making, opening, copying and closing: one folder, one LMDB environment, one writing process. */
#include "store/store-internal.h"

#include "sys/fs.h"
#include "sys/random.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAP_DEFAULT ((size_t)64 << 30) /* address space, not memory: doc/sizes.md */
#define MAP_LEAST   ((size_t)16 << 20)
#define READERS \
        510u /* with LMDB's header the lock file stays within eight pages; 126 is LMDB's own default */

static const char *const table_names[TABLES] = {"meta", "nodes", "children", "index", "freed", "journal"};

/* Decision 12. */
static const char *const indexed_names[] = {
        "name",   "uid",       "gid",  "users",  "ip_address", "ipv6_address", "en_address",
        "serves", "netgroups", "port", "number", "dir",        "realname"};

__attribute__((format(printf, 2, 3))) static void say(struct store_why *why, const char *format, ...)
{
        va_list ap;
        if (!why)
                return;
        va_start(ap, format);
        vsnprintf(why->text, sizeof(why->text), format, ap);
        va_end(ap);
}

static const char *reason(int rc)
{
        return rc == MDB_INVALID || rc == MDB_VERSION_MISMATCH ? "not an LMDB file of a known version"
                                                               : mdb_strerror(rc);
}

/* -- the environment
 * ------------------------------------------------------------------------------------------ */

/* Where the data lies, and how it is to be opened. */
struct place {
        char folder[4096]; /* or the file, when flags has MDB_NOSUBDIR */
        unsigned flags;
};

static bool exists(const char *folder, const char *name)
{
        char path[4200];
        snprintf(path, sizeof(path), "%s/%s", folder, name);
        return access(path, F_OK) == 0;
}

/* Is this data.mdb one whose creation was cut off? LMDB writes two header pages first; a store has more. What
 * is there of them begins with LMDB's magic number, or with zeros. */
static bool unfinished(const char *folder)
{
        static const uint32_t magic = 0xBEEFC0DE;
        char path[4200];
        uint32_t word[5] = {0};
        struct stat st;
        snprintf(path, sizeof(path), "%s/data.mdb", folder);
        const int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return false;
        const bool small = fstat(fd, &st) == 0 && st.st_size <= 2 * sysconf(_SC_PAGESIZE);
        const bool whole = small && pread(fd, word, sizeof(word), 0) == (ssize_t)sizeof(word);
        close(fd);
        return small && (st.st_size == 0 || (whole && (word[4] == magic || word[4] == 0)));
}

/* A folder with data.mdb, or that file itself. Without lock.mdb beside it a reader needs no lock: it is a
 * copy, and nobody writes to it. */
static enum ni_status find_place(const char *path, bool read_only, struct place *ret, struct store_why *why)
{
        struct stat st;
        *ret = (struct place){.flags = MDB_NOTLS | (read_only ? MDB_RDONLY : 0u)};
        if (strlen(path) >= sizeof(ret->folder)) {
                say(why, "%.80s...: the path is too long", path);
                return NI_SYSTEMERR;
        }
        strcpy(ret->folder, path);
        if (stat(path, &st) < 0) {
                say(why, "%s: %s", path, strerror(errno));
                return errno == ENOENT || errno == ENOTDIR ? NI_NODIR : NI_SYSTEMERR;
        }
        if (S_ISREG(st.st_mode) && read_only) {
                char *slash = strrchr(ret->folder, '/');
                if (slash && strcmp(slash, "/data.mdb") == 0) {
                        *slash = '\0';
                        if (!ret->folder[0])
                                strcpy(ret->folder, "/");
                } else {
                        ret->flags |= MDB_NOSUBDIR | MDB_NOLOCK;
                        return NI_OK;
                }
        } else if (!S_ISDIR(st.st_mode)) {
                say(why, "%s: neither a folder nor a store's data.mdb", path);
                return NI_SYSTEMERR;
        }
        if (!exists(ret->folder, "data.mdb")) {
                say(why, "%s: no store here (there is no data.mdb)", path);
                return NI_NODIR;
        }
        if (unfinished(ret->folder)) {
                say(why, "%s: no store here (its creation was interrupted)", path);
                return NI_NODIR;
        }
        if (read_only && !exists(ret->folder, "lock.mdb"))
                ret->flags |= MDB_NOLOCK;
        return NI_OK;
}

/* Opens the environment with the largest map the system allows, down to MAP_LEAST: an address space limit
 * (RLIMIT_AS, 32 bits) makes the store smaller, not unusable. */
static int env_open(const struct place *p, size_t size, MDB_env **ret)
{
        for (size_t map = size ? size : MAP_DEFAULT;; map /= 2) {
                MDB_env *env;
                int rc = mdb_env_create(&env);
                if (rc)
                        return rc;
                rc = mdb_env_set_mapsize(env, map);
                if (!rc)
                        rc = mdb_env_set_maxdbs(env, TABLES);
                if (!rc)
                        rc = mdb_env_set_maxreaders(env, READERS);
                if (!rc)
                        rc = mdb_env_open(env, p->folder, p->flags, 0600);
                if (rc == 0) {
                        *ret = env;
                        return 0;
                }
                mdb_env_close(env);
                if ((rc != ENOMEM && rc != EINVAL) || size || map / 2 < MAP_LEAST) /* EINVAL: valgrind */
                        return rc;
        }
}

static int tables_open(struct store *s, MDB_txn *txn, bool create)
{
        int rc = 0;
        for (unsigned i = 0; rc == 0 && i < TABLES; i++)
                rc = mdb_dbi_open(txn, table_names[i], create ? MDB_CREATE : 0, &s->dbi[i]);
        return rc;
}

/* One writing process: a lock on the folder that the kernel drops when the process ends, however it ends. */
static enum ni_status lock_folder(struct store *s, const char *folder, struct store_why *why)
{
        s->lock_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (s->lock_fd < 0) {
                say(why, "%s: %s", folder, strerror(errno));
                return errno == ENOENT ? NI_NODIR : NI_SYSTEMERR;
        }
        if (flock(s->lock_fd, LOCK_EX | LOCK_NB) < 0) {
                say(why, "%s: another process (netinfod?) has this store open for writing", folder);
                return NI_SYSTEMERR;
        }
        return NI_OK;
}

static struct store *store_new(const char *path, const struct store_options *o)
{
        struct store *s = calloc(1, sizeof(*s));
        if (!s)
                return NULL;
        if (o)
                s->options = *o;
        s->options.indexed = NULL;
        s->lock_fd = -1;
        s->hash_mask = UINT64_MAX;
        s->counts.length = COUNTED_LENGTH;
        s->writer.backlog.most = BACKLOG_MOST;
        snprintf(s->path, sizeof(s->path), "%s", path);
        buf_init(&s->rows_bytes, 0);
        s->writer.s = s;
        s->writer.writer = true;
        buf_init(&s->writer.scratch, 0);
        arena_init(&s->writer.change.arena, 0);
        return s;
}

void store_set_reuse_from_zero(struct store *s, bool yes)
{
        s->options.reuse_from_zero = yes;
}

enum ni_status store_sync(struct store *s)
{
        return store_map_error(mdb_env_sync(s->env, 1)) == NI_OK ? NI_OK : NI_SYSTEMERR;
}

void store_close(struct store *s)
{
        if (!s)
                return;
        store_abort(&s->writer);
        if (s->env && s->options.no_sync && !s->options.read_only && !s->broken)
                mdb_env_sync(s->env, 1);
        if (s->env)
                mdb_env_close(s->env);
        if (s->lock_fd >= 0)
                close(s->lock_fd);
        buf_done(&s->rows_bytes);
        buf_done(&s->writer.scratch);
        arena_done(&s->writer.change.arena);
        store_counted_done(&s->counts);
        store_backlog_done(&s->writer.backlog);
        free(s->writer.change.v);
        free(s->writer.change.slot);
        free(s->writer.old_hashes.v);
        free(s->writer.new_hashes.v);
        free(s);
}

/* -- opening
 * -------------------------------------------------------------------------------------------------- */

static int meta_get(struct store *s, MDB_txn *txn, const char *name, struct bytes *ret)
{
        char key[16];
        MDB_val k = {strlen(name), key}, v;
        memcpy(key, name, strlen(name));
        const int rc = mdb_get(txn, s->dbi[T_META], &k, &v);
        if (rc == 0)
                *ret = bytes_of(v.mv_data, v.mv_size);
        return rc;
}

/* Format, index names and state, looked at once. */
static enum ni_status read_meta(struct store *s, MDB_txn *txn, struct store_state *state,
                                struct store_why *why)
{
        struct bytes raw;
        uint32_t format;
        if (meta_get(s, txn, "format", &raw) != 0 || !store_format_decode(raw, &format)) {
                say(why, "%s: this LMDB file is not a NetInfo store", s->path);
                return NI_SYSTEMERR;
        }
        if (format != FORMAT) {
                say(why, "%s: store format %u; this program knows format %u: use the version that wrote it",
                    s->path, format, FORMAT);
                return NI_SYSTEMERR;
        }
        if (meta_get(s, txn, "index", &raw) == 0) {
                buf_put(&s->rows_bytes, raw);
                if (!s->rows_bytes.failed &&
                    store_rows_decode(buf_bytes(&s->rows_bytes), s->rows, &s->row_count) &&
                    meta_get(s, txn, "state", &raw) == 0 && store_state_decode(raw, state))
                        return NI_OK;
        }
        say(why, "%s: damaged: its meta table does not decode; restore a copy or a dump", s->path);
        return NI_SYSTEMERR;
}

static enum ni_status open_tables(struct store *s, struct store_state *state, struct store_why *why)
{
        MDB_txn *txn;
        int rc = mdb_txn_begin(s->env, NULL, MDB_RDONLY, &txn);
        if (rc == MDB_MAP_RESIZED) { /* another process uses a larger map */
                mdb_env_set_mapsize(s->env, 0);
                rc = mdb_txn_begin(s->env, NULL, MDB_RDONLY, &txn);
        }
        if (rc) {
                say(why, "%s: %s", s->path, reason(rc));
                return NI_SYSTEMERR;
        }
        rc = tables_open(s, txn, false);
        if (rc) {
                mdb_txn_abort(txn);
                if (rc == MDB_NOTFOUND)
                        say(why, "%s: no store here (its creation was interrupted)", s->path);
                else
                        say(why, "%s: %s", s->path, reason(rc));
                return rc == MDB_NOTFOUND ? NI_NODIR : NI_SYSTEMERR;
        }
        const enum ni_status st = read_meta(s, txn, state, why);
        if (st == NI_OK)
                mdb_txn_commit(txn); /* keeps the table handles */
        else
                mdb_txn_abort(txn);
        return st;
}

/* A copy that is written to begins a history of its own, so that nobody who followed the original takes it
 * for the same (decision 11). */
static enum ni_status leave_original(struct store *s, struct store_why *why)
{
        struct store_txn *t;
        enum ni_status st = store_write_begin(s, &t);
        if (st == NI_OK) {
                t->state.flags &= ~STORE_STATE_COPY;
                t->state.epoch = 0;
                while (t->state.epoch == 0)
                        random_bytes(&t->state.epoch, sizeof(t->state.epoch));
                t->dirty = true;
                st = store_commit(t, NULL);
        }
        if (st != NI_OK)
                say(why, "%s: cannot give this copy an epoch of its own: %s", s->path,
                    st == NI_NOSPACE ? "no space" : "the write failed");
        return st;
}

static enum ni_status refuse_network(const char *path, struct store_why *why)
{
        if (!fs_is_network(path))
                return NI_OK;
        say(why,
            "%s: on a network file system, where LMDB's locks and maps cannot be trusted; use a local disk",
            path);
        return NI_SYSTEMERR;
}

enum ni_status store_open(const char *folder, const struct store_options *o, struct store **ret,
                          struct store_why *why)
{
        const bool read_only = o && o->read_only;
        struct place place;
        struct store_state state;
        enum ni_status st = find_place(folder, read_only, &place, why);
        if (st == NI_OK)
                st = refuse_network(folder, why);
        if (st != NI_OK)
                return st;
        struct store *s = store_new(folder, o);
        if (!s) {
                say(why, "%s: out of memory", folder);
                return NI_SYSTEMERR;
        }
        if (o && o->no_sync && !read_only)
                place.flags |= MDB_NOSYNC;
        if (!read_only)
                st = lock_folder(s, place.folder, why);
        if (st == NI_OK) {
                const int rc = env_open(&place, s->options.map_size, &s->env);
                if (rc)
                        say(why, "%s: %s", folder, reason(rc));
                st = rc ? NI_SYSTEMERR : open_tables(s, &state, why);
        }
        if (st == NI_OK && !read_only)
                mdb_reader_check(s->env, NULL); /* slots of processes that died while reading */
        if (st == NI_OK && !read_only && (state.flags & STORE_STATE_COPY))
                st = leave_original(s, why);
        if (st != NI_OK) {
                store_close(s);
                return st;
        }
        *ret = s;
        return NI_OK;
}

/* -- making
 * --------------------------------------------------------------------------------------------------- */

static int meta_put(struct store *s, MDB_txn *txn, const char *name, struct bytes value)
{
        MDB_val k = {strlen(name), (void *)(uintptr_t)name}, v = {value.len, (void *)(uintptr_t)value.data};
        return mdb_put(txn, s->dbi[T_META], &k, &v, MDB_NOOVERWRITE);
}

static bool rows_make(const char *const *more, struct buf *out)
{
        struct bytes names[INDEX_ROWS];
        uint32_t n = 0;
        uint8_t key[16];
        for (; n < sizeof(indexed_names) / sizeof(indexed_names[0]); n++)
                names[n] = bytes_str(indexed_names[n]);
        for (; more && *more; more++) {
                bool known = false;
                for (uint32_t i = 0; i < n; i++)
                        known |= bytes_eq_str(names[i], *more);
                if (!known && (n == INDEX_ROWS || strlen(*more) > NI_NAME_MAX))
                        return false;
                if (!known)
                        names[n++] = bytes_str(*more);
        }
        random_bytes(key, sizeof(key));
        store_rows_encode(key, names, n, out);
        return !out->failed;
}

/* Format, index, an empty root and the state, in one transaction: a creation that is cut off leaves no store.
 */
static int write_empty(struct store *s, MDB_txn *txn, enum store_role role)
{
        const uint8_t no_props[4] = {0};
        const struct store_node root = {.id = {0, 1}, .props = bytes_of(no_props, 4)};
        struct store_state state = {
                .role = role, .first_seq = 1, .ceiling = 1, .directories = 1, .checksum = 1};
        uint8_t format[FORMAT_SIZE], raw[STATE_SIZE], key[4] = {0};
        struct buf node;
        buf_init(&node, 0);
        store_node_encode(&root, &node);
        random_uuid(state.uuid);
        while (state.epoch == 0)
                random_bytes(&state.epoch, sizeof(state.epoch));
        int rc = node.failed ? ENOMEM : 0;
        if (rc == 0) {
                MDB_val k = {4, key}, v = {node.len, node.data};
                state.digest = store_node_sum(buf_bytes(&node));
                rc = mdb_put(txn, s->dbi[T_NODES], &k, &v, MDB_NOOVERWRITE);
        }
        buf_done(&node);
        store_format_encode(format);
        store_state_encode(&state, raw);
        if (rc == 0)
                rc = meta_put(s, txn, "format", bytes_of(format, sizeof(format)));
        if (rc == 0)
                rc = meta_put(s, txn, "index", buf_bytes(&s->rows_bytes));
        return rc ? rc : meta_put(s, txn, "state", bytes_of(raw, sizeof(raw)));
}

/* MDB_KEYEXIST: there is a store already. */
static int make_tables(struct store *s, enum store_role role)
{
        MDB_txn *txn;
        int rc = mdb_txn_begin(s->env, NULL, 0, &txn);
        if (rc)
                return rc;
        rc = tables_open(s, txn, true);
        if (rc == 0)
                rc = write_empty(s, txn, role);
        if (rc) {
                mdb_txn_abort(txn);
                return rc;
        }
        return mdb_txn_commit(txn);
}

/* The names in the folder and the folder's own name last, too. */
static int sync_names(const char *folder)
{
        char parent[4200];
        snprintf(parent, sizeof(parent), "%s/..", folder);
        const int err = fs_sync_folder(folder);
        return err ? err : fs_sync_folder(parent);
}

/* Opens the environment of a store to be made, beginning anew after a creation that was cut off. The header
 * is forced out before the file grows: so a header that is not whole is always the header of a short file. */
static int env_make(const char *folder, const struct store_options *o, MDB_env **ret)
{
        struct place place = {.flags = MDB_NOTLS | (o->no_sync ? MDB_NOSYNC : 0u)};
        char path[4200];
        snprintf(place.folder, sizeof(place.folder), "%s", folder);
        snprintf(path, sizeof(path), "%s/data.mdb", folder);
        if (unfinished(folder) && truncate(path, 0) < 0)
                return errno;
        const int rc = env_open(&place, o->map_size, ret);
        return rc || o->no_sync ? rc : mdb_env_sync(*ret, 1);
}

static enum ni_status make_folder(const char *folder, struct store_why *why)
{
        if (strlen(folder) >= 4096) {
                say(why, "%.80s...: the path is too long", folder);
                return NI_SYSTEMERR;
        }
        if (mkdir(folder, 0700) < 0 && errno != EEXIST) {
                const int err = errno;
                say(why, "%s: cannot make the folder: %s", folder, strerror(err));
                return store_map_error(err) == NI_NOSPACE ? NI_NOSPACE : NI_SYSTEMERR;
        }
        return refuse_network(folder, why);
}

enum ni_status store_create(const char *folder, enum store_role role, const struct store_options *o,
                            struct store **ret, struct store_why *why)
{
        enum ni_status st = make_folder(folder, why);
        if (st != NI_OK)
                return st;
        struct store *s = store_new(folder, o);
        if (!s || !rows_make(o ? o->indexed : NULL, &s->rows_bytes)) {
                say(why, "%s: %s", folder, s ? "too many indexed properties" : "out of memory");
                store_close(s);
                return NI_SYSTEMERR;
        }
        s->options.read_only = false;
        st = lock_folder(s, folder, why);
        if (st == NI_SYSTEMERR && exists(folder, "data.mdb"))
                st = NI_ALIVE; /* locked by the process that serves it */
        if (st == NI_OK) {
                int rc = env_make(folder, &s->options, &s->env);
                if (rc == 0)
                        rc = make_tables(s, role);
                if (rc == 0)
                        rc = s->options.no_sync ? 0 : sync_names(folder);
                if (rc == MDB_KEYEXIST)
                        say(why, "%s: there is a store in this folder already", folder);
                else if (rc)
                        say(why, "%s: %s", folder, reason(rc));
                st = rc == MDB_KEYEXIST                        ? NI_ALIVE
                     : rc && store_map_error(rc) != NI_NOSPACE ? NI_SYSTEMERR
                                                               : store_map_error(rc);
        }
        if (st == NI_OK && !store_rows_decode(buf_bytes(&s->rows_bytes), s->rows, &s->row_count))
                st = NI_SYSTEMERR;
        if (st != NI_OK) {
                store_close(s);
                return st;
        }
        *ret = s;
        return NI_OK;
}

/* -- copies and figures
 * --------------------------------------------------------------------------------------- */

/* Says in the copy that it is one. */
static enum ni_status mark_copy(const char *folder, struct store_why *why)
{
        struct place place = {.flags = MDB_NOTLS};
        struct store_state state;
        struct store *s = store_new(folder, NULL);
        struct store_txn *t;
        strcpy(place.folder, folder);
        if (!s)
                return NI_SYSTEMERR;
        const int rc = env_open(&place, 0, &s->env);
        if (rc)
                say(why, "%s: %s", folder, reason(rc));
        enum ni_status st = rc ? NI_SYSTEMERR : open_tables(s, &state, why);
        if (st == NI_OK)
                st = store_write_begin(s, &t);
        if (st == NI_OK) {
                t->state.flags |= STORE_STATE_COPY;
                t->dirty = true;
                st = store_commit(t, NULL);
        }
        store_close(s);
        return st;
}

/* LMDB's own copy by name would be for everybody to read when the folder is; there are secrets in it. */
static int copy_data(MDB_env *env, const char *folder)
{
        char path[4200];
        snprintf(path, sizeof(path), "%s/data.mdb", folder);
        const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (fd < 0)
                return errno;
        int rc = mdb_env_copyfd2(env, fd, MDB_CP_COMPACT);
        if (close(fd) < 0 && !rc)
                rc = errno;
        if (rc)
                unlink(path);
        return rc;
}

enum ni_status store_copy(struct store *s, const char *folder, struct store_why *why)
{
        char lock[4200];
        enum ni_status st = make_folder(folder, why);
        if (st != NI_OK)
                return st;
        if (exists(folder, "data.mdb")) {
                say(why, "%s: there is a data.mdb in this folder already", folder);
                return NI_ALIVE;
        }
        int rc = copy_data(s->env, folder);
        if (rc) {
                say(why, "%s: %s", folder, reason(rc));
                return store_map_error(rc) == NI_NOSPACE ? NI_NOSPACE : NI_SYSTEMERR;
        }
        st = mark_copy(folder, why);
        snprintf(lock, sizeof(lock), "%s/lock.mdb", folder);
        unlink(lock); /* a copy is read without locks */
        rc = sync_names(folder);
        if (st == NI_OK && rc) {
                say(why, "%s: %s", folder, strerror(rc));
                st = NI_SYSTEMERR;
        }
        return st;
}

/* Pages that LMDB's free list holds: table 0, one list of page numbers per transaction, its length first. */
static int free_pages(MDB_txn *txn, uint64_t *ret)
{
        MDB_cursor *c;
        MDB_val k, v;
        uint64_t n = 0;
        size_t last = 0; /* damaged pages may lead round in a ring */
        int rc = mdb_cursor_open(txn, 0, &c);
        if (rc)
                return rc;
        while ((rc = mdb_cursor_get(c, &k, &v, MDB_NEXT)) == 0) {
                size_t count, number;
                if (v.mv_size < sizeof(count) || k.mv_size != sizeof(number))
                        break;
                memcpy(&count, v.mv_data, sizeof(count));
                memcpy(&number, k.mv_data, sizeof(number));
                if (number <= last)
                        break;
                last = number;
                n += count;
        }
        mdb_cursor_close(c);
        *ret = n;
        return rc == MDB_NOTFOUND ? 0 : rc ? rc : MDB_CORRUPTED;
}

enum ni_status store_get_usage(struct store_txn *t, struct store_usage *ret)
{
        struct store *s = t->s;
        struct store_usage u = {0};
        uint64_t *const counts[TABLES] = {NULL, &u.nodes, &u.children, &u.index, &u.freed, &u.journal};
        MDB_envinfo info;
        MDB_stat stat;
        struct stat file;
        mdb_filehandle_t fd;
        uint64_t unused = 0;
        if (t->writer && store_backlog_put(t) != NI_OK)
                return t->failed;
        int rc = mdb_env_info(s->env, &info);
        if (!rc)
                rc = mdb_env_get_fd(s->env, &fd);
        if (!rc && fstat(fd, &file) < 0)
                rc = errno;
        for (unsigned i = 0; !rc && i < TABLES; i++) {
                rc = mdb_stat(t->txn, s->dbi[i], &stat);
                if (!rc && counts[i])
                        *counts[i] = stat.ms_entries;
        }
        if (!rc)
                rc = free_pages(t->txn, &unused);
        if (rc)
                return NI_SYSTEMERR;
        const uint64_t pages = (uint64_t)info.me_last_pgno + 1;
        u.file_bytes = (uint64_t)file.st_size;
        u.used_bytes = (pages - (unused < pages ? unused : pages)) * stat.ms_psize;
        u.map_bytes = info.me_mapsize;
        u.readers = info.me_numreaders;
        u.readers_max = info.me_maxreaders;
        *ret = u;
        return NI_OK;
}
