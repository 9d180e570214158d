/* What does a durable change cost, and an import? `bench-store [USERS ...]`, default 1000 100000.
 * For each size: an import of that many users in changes of 1,000, each durable (and 8 changes per commit, as
 * a server sees when a client sends ahead); then edits of random users, in batches of 1, 16 and 100 per
 * commit, beside a bare LMDB file that gets the same puts (node, index, journal and state, same sizes of keys
 * and values, same number of entries, same commits). Both take turns; the figure is the ratio of medians. The
 * folder lies in $TMPDIR, else /tmp: name a disk there, not memory. */
#include "people.h"
#include "result.h"

#include "store/store.h"
#include "sys/clock.h"
#include "sys/fs.h"

#include <inttypes.h>
#include <lmdb.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS  7u
#define MOST_US 5000000u /* for the rounds of one row, at least three of them: a slow disk has fewer */

static char folder[4096];

static _Noreturn void die(const char *what)
{
        fprintf(stderr, "bench-store: %s\n", what);
        fs_remove_tree(folder);
        exit(1);
}

static void need(bool ok, const char *what)
{
        if (!ok)
                die(what);
}

static uint64_t random_state = 88172645463325252u;
static uint32_t rnd(uint32_t below)
{
        random_state ^= random_state << 13;
        random_state ^= random_state >> 7;
        random_state ^= random_state << 17;
        return (uint32_t)((random_state >> 32) * below >> 32);
}

/* -- the store
 * ------------------------------------------------------------------------------------------------ */

static void put_prop(struct buf *b, const char *name, const char *value)
{
        xdr_put_opaque(b, bytes_str(name));
        xdr_put_u32(b, 1);
        xdr_put_opaque(b, bytes_str(value));
}

/* A passwd line as import writes it. */
static struct bytes user(struct buf *b, uint32_t i, const char *shell)
{
        char name[32], text[64];
        people_user(name, i);
        buf_clear(b);
        xdr_put_u32(b, 7);
        put_prop(b, "name", name);
        put_prop(b, "passwd", "*");
        snprintf(text, sizeof(text), "%" PRIu32, PEOPLE_UID + i);
        put_prop(b, "uid", text);
        snprintf(text, sizeof(text), "%" PRIu32, PEOPLE_GID + i / 10);
        put_prop(b, "gid", text);
        text[people_gecos(text, i)] = '\0';
        put_prop(b, "realname", text);
        snprintf(text, sizeof(text), "/home/%s", name);
        put_prop(b, "home", text);
        put_prop(b, "shell", shell);
        return buf_bytes(b);
}

static const struct store_actor actor = {{(const uint8_t *)"superuser", 9},
                                         {(const uint8_t *)"unix uid 0 pid 4711", 19},
                                         {(const uint8_t *)"writeprop", 9}};

static double import(struct store *s, uint32_t n, uint32_t changes_per_commit)
{
        struct store_txn *t = NULL;
        struct ni_id users;
        struct buf b;
        buf_init(&b, 0);
        const uint64_t begin = clock_mono_us();
        for (uint32_t i = 0, edit = 0; i < n; edit++) {
                if (edit % changes_per_commit == 0)
                        need(store_write_begin(s, &t) == NI_OK, "begin");
                need(store_sub_begin(t) == NI_OK && store_change_begin(t, &actor) == NI_OK, "change");
                if (i == 0) {
                        buf_clear(&b);
                        xdr_put_u32(&b, 1);
                        put_prop(&b, "name", "users");
                        need(store_add_child(t, 0, buf_bytes(&b), NI_INDEX_NULL, NI_INDEX_NULL, &users,
                                             NULL) == NI_OK,
                             "users");
                }
                for (uint32_t k = 0; k < 1000 && i < n; k++, i++)
                        need(store_add_child(t, users.object, user(&b, i, "/bin/bash"), NI_INDEX_NULL,
                                             NI_INDEX_NULL, NULL, NULL) == NI_OK,
                             "add");
                need(store_change_end(t, NULL) == NI_OK && store_sub_commit(t) == NI_OK, "end");
                if ((edit + 1) % changes_per_commit == 0 || i == n)
                        need(store_commit(t, NULL) == NI_OK, "commit");
        }
        const uint64_t end = clock_mono_us();
        buf_done(&b);
        return (double)(end - begin) * 1e-6;
}

/* User i is directory 2 + i: the root and /users come first. indexed: the realname changes, not the shell. */
static uint64_t edit_store(struct store *s, uint32_t users, uint32_t edits, uint32_t batch, bool indexed)
{
        struct store_txn *t = NULL;
        struct buf b;
        buf_init(&b, 0);
        const uint64_t begin = clock_mono_us();
        for (uint32_t i = 0; i < edits; i++) {
                const uint32_t u = rnd(users);
                if (i % batch == 0)
                        need(store_write_begin(s, &t) == NI_OK, "begin");
                need(store_sub_begin(t) == NI_OK && store_change_begin(t, &actor) == NI_OK, "change");
                struct store_node n;
                need(store_get(t, 2 + u, &n) == NI_OK, "get");
                struct bytes props = user(&b, u, i % 2 ? "/bin/zsh " : "/bin/ksh ");
                if (indexed) /* another realname of the same length */
                        for (size_t at = 0; at + 8 < props.len; at++)
                                if (memcmp(props.data + at, "realname", 8) == 0)
                                        b.data[at + 16] = (uint8_t)('A' + rnd(26));
                need(store_put_props(t, 2 + u, props, NULL) == NI_OK, "put");
                need(store_change_end(t, NULL) == NI_OK && store_sub_commit(t) == NI_OK, "end");
                if ((i + 1) % batch == 0)
                        need(store_commit(t, NULL) == NI_OK, "commit");
        }
        const uint64_t end = clock_mono_us();
        buf_done(&b);
        return end - begin;
}

/* -- bare LMDB
 * ------------------------------------------------------------------------------------------------ */

enum { NODES, INDEX, JOURNAL, META, TABLES };
struct bare {
        MDB_env *env;
        MDB_dbi dbi[TABLES];
        uint64_t seq;
};

static void bare_put(struct bare *w, MDB_txn *t, int table, const void *key, size_t key_len,
                     const void *value, size_t len, unsigned flags)
{
        MDB_val k = {key_len, (void *)(uintptr_t)key}, v = {len, (void *)(uintptr_t)value};
        need(mdb_put(t, w->dbi[table], &k, &v, flags) == 0, "mdb_put");
}

static void index_key(uint8_t to[28], uint64_t what, uint32_t u)
{
        const uint64_t a = people_mix(what * 31 + u), b = people_mix(a);
        xdr_store(to, 1);
        memcpy(to + 4, &a, 8);
        memcpy(to + 12, &b, 8);
        memset(to + 20, 0, 8);
        xdr_store(to + 24, u);
}

static void bare_fill(struct bare *w, const char *path, uint32_t users, size_t node_size)
{
        static const char *const names[] = {"nodes", "index", "journal", "meta"};
        uint8_t value[1024] = {0}, key[28];
        MDB_txn *t;
        need(mdb_env_create(&w->env) == 0 && mdb_env_set_mapsize(w->env, (size_t)64 << 30) == 0 &&
                     mdb_env_set_maxdbs(w->env, TABLES) == 0 && fs_make_folders(path, 0700) == 0 &&
                     mdb_env_open(w->env, path, MDB_NOTLS | MDB_NOSYNC, 0600) == 0,
             "bare open");
        for (uint32_t i = 0; i < users;) {
                need(mdb_txn_begin(w->env, NULL, 0, &t) == 0, "bare begin");
                for (int d = 0; d < TABLES; d++)
                        need(mdb_dbi_open(t, names[d], MDB_CREATE, &w->dbi[d]) == 0, "bare table");
                for (uint32_t k = 0; k < 1000 && i < users; k++, i++) {
                        xdr_store(key, i + 2);
                        bare_put(w, t, NODES, key, 4, value, node_size, 0);
                        for (uint64_t p = 0; p < 4; p++) { /* name uid gid realname */
                                index_key(key, p, p == 2 ? i / 10 : i);
                                xdr_store(key + 24, i);
                                bare_put(w, t, INDEX, key, 28, value, 4, 0);
                        }
                        memset(key, 0, 12);
                        xdr_store(key + 4, (uint32_t)++w->seq);
                        bare_put(w, t, JOURNAL, key, 12, value, node_size + 20, MDB_APPEND);
                }
                need(mdb_txn_commit(t) == 0, "bare commit");
        }
        need(mdb_env_sync(w->env, 1) == 0 && mdb_env_set_flags(w->env, MDB_NOSYNC, 0) == 0, "bare sync");
}

static uint64_t edit_bare(struct bare *w, uint32_t users, uint32_t edits, uint32_t batch, bool indexed,
                          size_t node_size)
{
        static uint8_t value[1024];
        uint8_t key[28];
        MDB_txn *t = NULL;
        const uint64_t begin = clock_mono_us();
        for (uint32_t i = 0; i < edits; i++) {
                const uint32_t u = rnd(users);
                MDB_val k = {4, key}, v;
                if (i % batch == 0)
                        need(mdb_txn_begin(w->env, NULL, 0, &t) == 0, "bare begin");
                xdr_store(key, u + 2);
                need(mdb_get(t, w->dbi[NODES], &k, &v) == 0, "bare get");
                value[0] = (uint8_t)i;
                bare_put(w, t, NODES, key, 4, value, node_size, 0);
                if (indexed) { /* one entry goes, another comes */
                        const uint64_t from = rnd(1000000), to = rnd(1000000);
                        index_key(key, from, u);
                        k = (MDB_val){28, key};
                        const int rc = mdb_del(t, w->dbi[INDEX], &k, NULL);
                        need(rc == 0 || rc == MDB_NOTFOUND, "bare del");
                        index_key(key, to, u);
                        bare_put(w, t, INDEX, key, 28, value, 4, 0);
                }
                memset(key, 0, 12);
                xdr_store(key + 4, (uint32_t)++w->seq);
                bare_put(w, t, JOURNAL, key, 12, value, 2 * node_size + 70, MDB_APPEND);
                if ((i + 1) % batch == 0) {
                        bare_put(w, t, META, "state", 5, value, 88, 0);
                        need(mdb_txn_commit(t) == 0, "bare commit");
                }
        }
        return clock_mono_us() - begin;
}

/* -- the report
 * ----------------------------------------------------------------------------------------------- */

static int by_value(const void *a, const void *b)
{
        const double x = *(const double *)a, y = *(const double *)b;
        return x < y ? -1 : x > y;
}

static void edits_at(struct store *s, struct bare *w, uint32_t users, size_t node_size)
{
        static const uint32_t batches[] = {1, 16, 100};
        for (unsigned i = 0; i < 6; i++) {
                const uint32_t batch = batches[i / 2], edits = batch == 1 ? 500 : batch * 60;
                const bool indexed = i % 2;
                double ours[ROUNDS], bare[ROUNDS], ratio[ROUNDS];
                edit_store(s, users, edits, batch,
                           indexed); /* pages into the cache, free pages into the file */
                edit_bare(w, users, edits, batch, indexed, node_size);
                unsigned rounds = 0;
                const uint64_t until = clock_mono_us() + MOST_US;
                while (rounds < ROUNDS && (rounds < 3 || clock_mono_us() < until)) {
                        const unsigned r = rounds++;
                        ours[r] = edits / ((double)edit_store(s, users, edits, batch, indexed) * 1e-6);
                        bare[r] = edits /
                                  ((double)edit_bare(w, users, edits, batch, indexed, node_size) * 1e-6);
                        ratio[r] = ours[r] / bare[r];
                }
                qsort(ours, rounds, sizeof(ours[0]), by_value);
                qsort(bare, rounds, sizeof(bare[0]), by_value);
                qsort(ratio, rounds, sizeof(ratio[0]), by_value);
                printf("edits   %8" PRIu32 " users  batch %3" PRIu32
                       "  %-9s %8.0f /s   bare LMDB %8.0f /s   ratio %.2f\n",
                       users, batch, indexed ? "realname" : "shell", ours[rounds / 2], bare[rounds / 2],
                       ratio[rounds / 2]);
                fflush(stdout);
                char key[48];
                snprintf(key, sizeof(key), "store.%s.%" PRIu32, indexed ? "realname" : "shell", batch);
                result_row(key, users, "store", ours[rounds / 2], "/s");
                result_row(key, users, "floor: bare LMDB", bare[rounds / 2], "/s");
        }
}

static void one_size(uint32_t users)
{
        struct store_why why;
        struct store *s = NULL;
        struct store_txn *r;
        struct store_usage usage;
        struct store_node node;
        struct bare bare = {0};
        char path[4200];
        for (uint32_t per_commit = 8; per_commit; per_commit = per_commit == 8 ? 1 : 0) {
                store_close(s);
                snprintf(path, sizeof(path), "%s/%" PRIu32 "-%" PRIu32, folder, users, per_commit);
                need(store_create(path, STORE_MASTER, NULL, &s, &why) == NI_OK, why.text);
                const double took = import(s, users, per_commit);
                need(store_reader_new(s, &r) == NI_OK && store_read_begin(r) == NI_OK &&
                             store_get_usage(r, &usage) == NI_OK && store_get(r, 2, &node) == NI_OK,
                     "usage");
                printf("import  %8" PRIu32 " users  %" PRIu32
                       " x 1,000 per commit  %6.2f s  file %4.0f bytes/user, %4.0f in use\n",
                       users, per_commit, took, (double)usage.file_bytes / users,
                       (double)usage.used_bytes / users);
                fflush(stdout);
                const size_t node_size = 40 + node.props.len;
                store_read_end(r);
                store_reader_free(r);
                if (per_commit == 1) {
                        snprintf(path, sizeof(path), "%s/bare-%" PRIu32, folder, users);
                        bare_fill(&bare, path, users, node_size);
                        edits_at(s, &bare, users, node_size);
                        mdb_env_close(bare.env);
                }
        }
        store_close(s);
        fs_remove_tree(folder);
        need(fs_make_folders(folder, 0700) == 0, "folder");
}

int main(int argc, char **argv)
{
        const char *tmp = getenv("TMPDIR");
        snprintf(folder, sizeof(folder), "%s/ni-bench-store-XXXXXX", tmp ? tmp : "/tmp");
        need(mkdtemp(folder) != NULL, "cannot make a folder");
        for (int i = 1; i < argc; i++)
                one_size((uint32_t)strtoul(argv[i], NULL, 10));
        if (argc == 1) {
                one_size(1000);
                one_size(100000);
        }
        fs_remove_tree(folder);
        return 0;
}
