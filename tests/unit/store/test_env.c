/* Making, opening, locking, copying; limits of space; damage that opening and checking must see. */
#include "fixture.h"

#include "store/store-internal.h" /* to damage tables one by one */
#include "sys/fs.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct store_why why;

static const char *below(struct fixture *f, const char *name)
{
        static char path[128];
        snprintf(path, sizeof(path), "%s/%s", f->folder, name);
        return path;
}

static void creating(void **state)
{
        struct fixture *f = *state;
        struct store *s = NULL;
        struct stat st;
        assert_int_equal(stat(f->path, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0700);
        assert_int_equal(stat(below(f, "s/data.mdb"), &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
        assert_int_equal(store_create(f->path, STORE_MASTER, NULL, &s, &why), NI_ALIVE); /* open, and there */
        store_close(f->s);
        f->s = NULL;
        assert_int_equal(store_create(f->path, STORE_MASTER, NULL, &s, &why), NI_ALIVE);
        assert_non_null(strstr(why.text, "already"));
        assert_int_equal(store_create(below(f, "no/such/parent"), STORE_MASTER, NULL, &s, &why),
                         NI_SYSTEMERR);
        assert_non_null(strstr(why.text, "No such file"));
        assert_null(s);
        assert_int_equal(store_create(below(f, "clone"), STORE_CLONE, NULL, &s, &why),
                         NI_OK); /* with syncs */
        struct store_txn *r;
        struct store_info info;
        assert_int_equal(store_reader_new(s, &r), NI_OK);
        assert_int_equal(store_read_begin(r), NI_OK);
        assert_int_equal(store_get_info(r, &info), NI_OK);
        assert_int_equal(info.role, STORE_CLONE);
        store_read_end(r);
        store_reader_free(r);
        store_close(s);
}

static void opening(void **state)
{
        struct fixture *f = *state;
        struct store *s = NULL;
        assert_int_equal(store_open(below(f, "nothing"), NULL, &s, &why), NI_NODIR);
        assert_int_equal(mkdir(below(f, "empty"), 0700), 0);
        assert_int_equal(store_open(below(f, "empty"), NULL, &s, &why), NI_NODIR);
        assert_non_null(strstr(why.text, "data.mdb"));
        const int fd = open(below(f, "empty/data.mdb"), O_CREAT | O_WRONLY, 0600);
        assert_int_equal(write(fd, "this is no database, whatever its name says", 43), 43);
        close(fd);
        assert_int_equal(store_open(below(f, "empty"), NULL, &s, &why), NI_SYSTEMERR);
        assert_non_null(strstr(why.text, "LMDB"));
        assert_null(s);
        /* Cut off while it was made: the environment is there, the tables are not. Making it again works. */
        MDB_env *env;
        assert_int_equal(mkdir(below(f, "half"), 0700), 0);
        assert_int_equal(mdb_env_create(&env), 0);
        assert_int_equal(mdb_env_open(env, below(f, "half"), 0, 0600), 0);
        mdb_env_close(env);
        assert_int_equal(store_open(below(f, "half"), NULL, &s, &why), NI_NODIR);
        assert_non_null(strstr(why.text, "interrupted"));
        assert_int_equal(store_create(below(f, "half"), STORE_MASTER, NULL, &s, &why), NI_OK);
        store_close(s);
}

/* One process writes; others may read meanwhile. */
static void locking(void **state)
{
        struct fixture *f = *state;
        begin(f);
        add(f, 0, "name=a");
        commit(f);
        fflush(NULL);
        const pid_t pid = fork();
        if (pid == 0) { /* a process of its own: LMDB does not open one file twice in one */
                struct store *s;
                struct store_options ro = {.read_only = true};
                struct store_txn *r;
                struct store_node n;
                int ok = store_open(f->path, NULL, &s, &why) == NI_SYSTEMERR &&
                         strstr(why.text, "another process");
                ok = ok && store_open(f->path, &ro, &s, &why) == NI_OK && store_reader_new(s, &r) == NI_OK;
                ok = ok && store_read_begin(r) == NI_OK && store_get(r, 1, &n) == NI_OK;
                ok = ok && store_write_begin(s, &r) == NI_RDONLY;
                _exit(ok ? 0 : 1);
        }
        int status;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static struct store_info info_at(const char *path, bool read_only)
{
        struct store_options o = {.read_only = read_only, .no_sync = true};
        struct store *s;
        struct store_txn *r;
        struct store_info info;
        if (store_open(path, &o, &s, &why) != NI_OK)
                fail_msg("%s", why.text);
        assert_int_equal(store_reader_new(s, &r), NI_OK);
        assert_int_equal(store_read_begin(r), NI_OK);
        assert_int_equal(store_get_info(r, &info), NI_OK);
        store_read_end(r);
        store_reader_free(r);
        store_close(s);
        return info;
}

/* A copy of a running store: read as a folder, as a file, without a lock file; written to, it has an epoch of
 * its own, each time it is taken from the shelf. */
static void copying(void **state)
{
        struct fixture *f = *state;
        struct stat st;
        char moved[100];
        snprintf(moved, sizeof(moved), "%s/any-name", f->folder);
        begin(f);
        for (int i = 0; i < 100; i++)
                add(f, 0, "name=a");
        commit(f);
        assert_int_equal(store_copy(f->s, below(f, "copy"), &why), NI_OK);
        assert_int_equal(store_copy(f->s, below(f, "copy"), &why), NI_ALIVE);
        assert_int_equal(mkdir(below(f, "public"), 0755),
                         0); /* there are secrets in it, whoever made the folder */
        assert_int_equal(store_copy(f->s, below(f, "public"), &why), NI_OK);
        assert_int_equal(stat(below(f, "public/data.mdb"), &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
        begin(f);
        add(f, 0, "name=later");
        commit(f);
        reading(f);
        struct store_info now;
        assert_int_equal(store_get_info(f->r, &now), NI_OK);
        read_done(f);
        assert_int_equal(stat(below(f, "copy/lock.mdb"), &st), -1);
        const struct store_info a = info_at(below(f, "copy"), true),
                                b = info_at(below(f, "copy/data.mdb"), true);
        assert_int_equal(stat(below(f, "copy/lock.mdb"), &st), -1); /* nothing was written */
        assert_int_equal(rename(below(f, "copy/data.mdb"), moved), 0);
        const struct store_info c = info_at(moved, true);
        assert_int_equal(rename(moved, below(f, "copy/data.mdb")), 0);
        assert_int_equal(a.seq, 1);
        assert_int_equal(a.directories, 101);
        assert_int_equal(a.epoch, now.epoch);
        assert_int_equal(b.epoch, now.epoch);
        assert_int_equal(c.epoch, now.epoch);
        const struct store_info d = info_at(below(f, "copy"), false);
        assert_int_not_equal(d.epoch, now.epoch);
        assert_memory_equal(d.uuid, now.uuid, 16);
        const struct store_info e = info_at(below(f, "copy"), false);
        assert_int_equal(e.epoch, d.epoch); /* once */
        struct store_options ro = {.read_only = true};
        struct store *s;
        struct store_txn *r;
        struct store_check_report report;
        assert_int_equal(store_open(below(f, "copy"), &ro, &s, &why), NI_OK);
        assert_int_equal(store_reader_new(s, &r), NI_OK);
        assert_int_equal(store_read_begin(r), NI_OK);
        assert_int_equal(store_check(r, &report, NULL, NULL), NI_OK);
        assert_int_equal(report.problems, 0);
        assert_int_equal(report.directories, 101);
        store_read_end(r);
        store_reader_free(r);
        store_close(s);
}

static void other_format(void **state)
{
        struct fixture *f = *state;
        uint8_t raw[FORMAT_SIZE];
        struct store *s;
        assert_int_equal(store_write_begin(f->s, &f->w), NI_OK);
        store_format_encode(raw);
        raw[15] = 99;
        assert_int_equal(store_table_put(f->w, T_META, BYTES_LIT("format"), bytes_of(raw, sizeof(raw)), 0),
                         NI_OK);
        assert_int_equal(store_commit(f->w, NULL), NI_OK);
        f->w = NULL;
        store_close(f->s);
        f->s = NULL;
        assert_int_equal(store_open(f->path, &f->options, &s, &why), NI_SYSTEMERR);
        assert_non_null(strstr(why.text, "99"));
}

/* A full map refuses the request, then the batch, and spoils nothing. */
static void full_map(void **state)
{
        struct fixture *f = *state;
        static char big[60000];
        struct store *s;
        uint32_t before = 0;
        memset(big, 'x', sizeof(big) - 1);
        memcpy(big, "x=", 2);
        store_close(f->s);
        f->options.map_size = 4 << 20;
        assert_int_equal(store_open(f->path, &f->options, &f->s, &why), NI_OK);
        for (bool full = false;
             !full;) { /* requests of a batch: the one that does not fit is refused alone */
                assert_int_equal(store_write_begin(f->s, &f->w), NI_OK);
                for (int i = 0; i < 4 && !full; i++) {
                        assert_int_equal(store_sub_begin(f->w), NI_OK);
                        assert_int_equal(store_change_begin(f->w, &nobody), NI_OK);
                        enum ni_status st =
                                store_add_child(f->w, 0, props_of(f, big), 0, NI_INDEX_NULL, NULL, NULL);
                        if (st == NI_OK)
                                st = store_change_end(f->w, NULL);
                        if (st == NI_OK)
                                st = store_sub_commit(f->w);
                        before += st == NI_OK;
                        full = st != NI_OK;
                        if (full)
                                assert_int_equal(st, NI_NOSPACE);
                        store_sub_abort(f->w);
                }
                const enum ni_status st = store_commit(f->w, NULL);
                f->w = NULL;
                if (st != NI_OK) { /* the commit itself needs pages; then nothing of the batch stands */
                        assert_int_equal(st, NI_NOSPACE);
                        assert_int_equal(store_write_begin(f->s, &f->w),
                                         NI_SYSTEMERR); /* closed and opened first */
                        f->w = NULL;
                        before = 0;
                        break;
                }
        }
        fixture_reopen(f);
        check_clean(f);
        reading(f);
        struct store_info info;
        assert_int_equal(store_get_info(f->r, &info), NI_OK);
        assert_true(info.directories > 10);
        if (before)
                assert_int_equal(info.directories, before + 1);
        read_done(f);
        store_close(f->s);
        f->options.map_size = 64 << 20; /* more room: it goes on */
        assert_int_equal(store_open(f->path, &f->options, &s, &why), NI_OK);
        f->s = s;
        begin(f);
        add(f, 0, big);
        commit(f);
        check_clean(f);
}

/* An address space limit makes the map smaller. */
static void small_address_space(void **state)
{
        struct fixture *f = *state;
#if defined(SANITIZED)
        (void)f;
        skip(); /* the sanitizer itself needs terabytes of address space */
#else
        store_close(f->s); /* its 64 GiB would be counted */
        f->s = NULL;
        fflush(NULL);
        const pid_t pid = fork();
        if (pid == 0) {
                const struct rlimit limit = {(rlim_t)1 << 30, (rlim_t)1 << 30};
                struct store *s;
                struct store_txn *r;
                struct store_usage u;
                int ok = setrlimit(RLIMIT_AS, &limit) == 0;
                ok = ok && store_create(below(f, "small"), STORE_MASTER, NULL, &s, &why) == NI_OK;
                ok = ok && store_reader_new(s, &r) == NI_OK && store_read_begin(r) == NI_OK;
                ok = ok && store_get_usage(r, &u) == NI_OK && u.map_bytes >= 16 << 20 &&
                     u.map_bytes < 1 << 30;
                _exit(ok ? 0 : 1);
        }
        int status;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
#endif
}

static void usage(void **state)
{
        struct fixture *f = *state;
        struct store_usage u;
        begin(f);
        for (int i = 0; i < 1000; i++)
                add(f, 0, "name=a uid=7");
        for (uint32_t i = 1; i <= 100; i++)
                store_remove_child(f->w, 0, i, NULL);
        commit(f);
        reading(f);
        assert_int_equal(store_get_usage(f->r, &u), NI_OK);
        assert_int_equal(u.nodes, 901);
        assert_int_equal(u.children, 900);
        assert_int_equal(u.index, 1800);
        assert_int_equal(u.freed, 100);
        assert_true(u.journal > 10);
        assert_true(u.used_bytes > 100000 && u.used_bytes <= u.file_bytes + 65536);
        assert_int_equal(u.map_bytes, (uint64_t)64 << 30);
        assert_int_equal(u.readers_max, 510);
        assert_true(u.readers >= 1);
        read_done(f);
}

/* -- store_check sees what does not fit together
 * -------------------------------------------------------------- */

static struct bytes key4(uint32_t a)
{
        static uint8_t k[4];
        xdr_store(k, a);
        return bytes_of(k, 4);
}

static struct bytes key12(uint32_t a, uint64_t b)
{
        static uint8_t k[12];
        xdr_store(k, a);
        put64(k + 4, b);
        return bytes_of(k, 12);
}

static struct bytes entry(uint64_t seq) /* its part 0 */
{
        return key12((uint32_t)(seq >> 32), seq << 32);
}

static void node_edit(struct store_txn *t, uint32_t object, void (*edit)(struct store_node *))
{
        struct store_node n;
        struct buf b, props;
        buf_init(&b, 0);
        buf_init(&props, 0);
        assert_int_equal(store_get(t, object, &n), NI_OK);
        buf_put(&props, n.props);
        n.props = buf_bytes(&props);
        edit(&n);
        store_node_encode(&n, &b);
        assert_int_equal(store_table_put(t, T_NODES, key4(object), buf_bytes(&b), 0), NI_OK);
        buf_done(&b);
        buf_done(&props);
}

static void more_instance(struct store_node *n)
{
        n->id.instance++;
}
static void other_parent(struct store_node *n)
{
        n->parent = 3;
}
static void other_ordinal(struct store_node *n)
{
        n->ordinal++;
}
static void more_children(struct store_node *n)
{
        n->child_count++;
}
static void from_the_future(struct store_node *n)
{
        n->version = 1000;
}
static void older_version(struct store_node *n)
{
        n->version = n->born = 0;
}
static void no_props(struct store_node *n)
{
        n->props.len = 4;
        memset((uint8_t *)(uintptr_t)n->props.data, 0, 4);
}
static void bad_props(struct store_node *n)
{
        memset((uint8_t *)(uintptr_t)n->props.data, 0, 3);
        ((uint8_t *)(uintptr_t)n->props.data)[3] = 9;
}

static void d_instance(struct store_txn *t)
{
        node_edit(t, 2, more_instance);
}
static void d_parent(struct store_txn *t)
{
        node_edit(t, 2, other_parent);
}
static void d_ordinal(struct store_txn *t)
{
        node_edit(t, 2, other_ordinal);
}
static void d_count(struct store_txn *t)
{
        node_edit(t, 1, more_children);
}
static void d_future(struct store_txn *t)
{
        node_edit(t, 2, from_the_future);
}
static void d_version(struct store_txn *t)
{
        node_edit(t, 2, older_version);
}
static void d_props(struct store_txn *t)
{
        node_edit(t, 2, no_props);
}
static void d_bad_props(struct store_txn *t)
{
        node_edit(t, 2, bad_props);
}
static void d_node_gone(struct store_txn *t)
{
        store_table_del(t, T_NODES, key4(2));
}
static void d_node_short(struct store_txn *t)
{
        store_table_put(t, T_NODES, key4(2), BYTES_LIT("too short"), 0);
}
static void d_node_key(struct store_txn *t)
{
        store_table_put(t, T_NODES, BYTES_LIT("longer"), BYTES_LIT("x"), 0);
}
static void d_child_gone(struct store_txn *t)
{
        struct store_node n;
        store_get(t, 2, &n);
        store_table_del(t, T_CHILDREN, key12(n.parent, n.ordinal));
}
static void d_child_twice(struct store_txn *t)
{
        uint8_t child[4] = {0, 0, 0, 2};
        store_table_put(t, T_CHILDREN, key12(0, 12345), bytes_of(child, 4), 0);
}
static void d_child_nobody(struct store_txn *t)
{
        uint8_t child[4] = {0, 0, 9, 2};
        store_table_put(t, T_CHILDREN, key12(7, 12345), bytes_of(child, 4), 0);
}
static void d_ring(struct store_txn *t) /* 4 below 5 below 4: links agree, the root is out of reach */
{
        struct store_node n;
        uint8_t child[4] = {0, 0, 0, 4};
        store_get(t, 4, &n);
        store_table_del(t, T_CHILDREN, key12(n.parent, n.ordinal));
        struct buf b, props;
        buf_init(&b, 0);
        buf_init(&props, 0);
        buf_put(&props, n.props);
        n.props = buf_bytes(&props);
        n.parent = 5;
        store_node_encode(&n, &b);
        store_table_put(t, T_NODES, key4(4), buf_bytes(&b), 0);
        store_table_put(t, T_CHILDREN, key12(5, n.ordinal), bytes_of(child, 4), 0);
        node_edit(t, 5, more_children);
        buf_done(&b);
        buf_done(&props);
}
static void d_index_gone(struct store_txn *t)
{
        uint8_t key[INDEX_KEY];
        struct store_node n;
        store_get(t, 2, &n);
        store_index_key(t->s, store_row_of(t->s, BYTES_LIT("name")), n.parent, BYTES_LIT("b"), n.ordinal,
                        key);
        assert_int_equal(store_table_del(t, T_INDEX, bytes_of(key, sizeof(key))), NI_OK);
}
static void d_index_stray(struct store_txn *t)
{
        uint8_t key[INDEX_KEY], child[4] = {0, 0, 0, 2};
        struct store_node n;
        store_get(t, 2, &n);
        store_index_key(t->s, store_row_of(t->s, BYTES_LIT("name")), n.parent, BYTES_LIT("stray"), n.ordinal,
                        key);
        store_table_put(t, T_INDEX, bytes_of(key, sizeof(key)), bytes_of(child, 4), 0);
}
static void d_index_short(struct store_txn *t)
{
        store_table_put(t, T_INDEX, key4(1), key4(1), 0);
}
static void d_checksum(struct store_txn *t)
{
        t->state.checksum++;
}
static void d_digest(struct store_txn *t)
{
        t->state.digest.hi++;
}
static void d_directories(struct store_txn *t)
{
        t->state.directories--;
}
static void d_ceiling(struct store_txn *t)
{
        t->state.ceiling++;
}
static void d_freed_used(struct store_txn *t)
{
        store_table_put(t, T_FREED, key4(2), key4(5), 0);
}
static void d_freed_never(struct store_txn *t)
{
        store_table_put(t, T_FREED, key4(4000), key4(5), 0);
}
static void d_freed_lost(struct store_txn *t)
{
        assert_int_equal(store_table_del(t, T_FREED, key4(6)), NI_OK);
}
static void d_freed_bad(struct store_txn *t)
{
        store_table_put(t, T_FREED, key4(6), BYTES_LIT("x"), 0);
}
static void d_journal_gone(struct store_txn *t)
{
        assert_int_equal(store_table_del(t, T_JOURNAL, entry(3)), NI_OK);
}
static void d_journal_bad(struct store_txn *t)
{
        store_table_put(t, T_JOURNAL, entry(2), BYTES_LIT("rubbish"), 0);
}
static void d_journal_behind(struct store_txn *t)
{
        store_table_put(t, T_JOURNAL, entry(2000), BYTES_LIT("rubbish"), 0);
}
static void d_journal_before(struct store_txn *t)
{
        t->state.first_seq = 2;
}
static void d_journal_differs(struct store_txn *t) /* as if node and journal were of different moments */
{
        struct store_node n;
        struct store_entry_head h = {.when = 1, .record_count = 1, .parts = 1};
        struct store_record r = {.kind = STORE_CHANGED, .object = 2};
        struct buf b;
        buf_init(&b, 0);
        store_get(t, 2, &n);
        r.born = n.born;
        r.instance = n.id.instance;
        r.parent = n.parent;
        r.ordinal = n.ordinal;
        r.has_after = true;
        r.after = bytes_of("\0\0\0", 4);
        store_head_encode(&h, &b);
        store_record_encode(&r, &b);
        store_table_put(t, T_JOURNAL, entry(n.version), buf_bytes(&b), 0);
        buf_done(&b);
}

static void damage(void **state)
{
        static void (*const kinds[])(struct store_txn *) = {
                d_instance,        d_parent,       d_ordinal,     d_count,          d_future,
                d_version,         d_props,        d_bad_props,   d_node_gone,      d_node_short,
                d_node_key,        d_child_gone,   d_child_twice, d_child_nobody,   d_ring,
                d_index_gone,      d_index_stray,  d_index_short, d_checksum,       d_digest,
                d_directories,     d_ceiling,      d_freed_used,  d_freed_never,    d_freed_lost,
                d_freed_bad,       d_journal_gone, d_journal_bad, d_journal_behind, d_journal_before,
                d_journal_differs,
        };
        struct fixture *f = *state;
        begin(f);
        add(f, 0, "name=a");
        add(f, 1, "name=b uid=2");
        add(f, 0, "name=c");
        add(f, 0, "name=d");
        add(f, 4, "name=e");
        add(f, 0, "name=f");
        commit(f);
        begin(f);
        store_remove_child(f->w, 0, 6, NULL);
        commit(f);
        begin(f);
        store_put_props(f->w, 2, props_of(f, "name=b uid=3"), NULL);
        commit(f);
        check_clean(f);
        assert_int_equal(store_copy(f->s, below(f, "whole"), &why), NI_OK);
        store_close(f->s);
        for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
                struct buf b;
                buf_init(&b, 0);
                assert_int_equal(fs_read(below(f, "whole/data.mdb"), 1 << 24, &b), 0);
                assert_int_equal(fs_remove_tree(f->path), 0);
                assert_int_equal(mkdir(f->path, 0700), 0);
                assert_int_equal(fs_replace(below(f, "s/data.mdb"), buf_bytes(&b), 0600, (uid_t)-1, (gid_t)-1,
                                            NULL, NULL),
                                 0);
                buf_done(&b);
                assert_int_equal(store_open(f->path, &f->options, &f->s, &why), NI_OK);
                check_clean(f);
                assert_int_equal(store_write_begin(f->s, &f->w), NI_OK);
                kinds[i](f->w);
                f->w->dirty = true;
                assert_int_equal(store_commit(f->w, NULL), NI_OK);
                f->w = NULL;
                if (problems_of(f) == 0)
                        fail_msg("damage of kind %zu is not seen", i);
                store_close(f->s);
        }
        f->s = NULL;
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
        const struct CMUnitTest tests[] = {
                T(creating),
                T(opening),
                T(locking),
                T(copying),
                T(other_format),
                T(full_map),
                T(small_address_space),
                T(usage),
                T(damage),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
