/* Crashes: a writing process is killed at random moments (`kill`), its writes fail one after the other
 * (`fault`), and the power is cut under it (`power`). Afterwards the store is as after some commit: every
 * acknowledged change is there, nothing of a refused one, and store_check is content.
 *
 * Change number s adds a directory called s, or, every fifth, removes the one called s - 3 and changes the
 * root's properties: so the whole content follows from the head's number. */
#include "fixture.h"

#include "lib/fault.h"
#include "lib/sized.h"
#include "sys/fs.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *self;

/* -- what a store holds after change s
 * ------------------------------------------------------------------------ */

static void named(struct buf *b, uint64_t s)
{
        char text[32], filler[1200];
        buf_clear(b);
        snprintf(text, sizeof(text), "%" PRIu64, s);
        memset(filler, 'f', sizeof(filler));
        xdr_put_u32(b, 2);
        xdr_put_opaque(b, BYTES_LIT("name"));
        xdr_put_u32(b, 1);
        xdr_put_opaque(b, bytes_str(text));
        xdr_put_opaque(b, BYTES_LIT("note"));
        xdr_put_u32(b, (uint32_t)(s % 7));
        for (uint64_t i = s % 7; i; i--) /* some nodes need pages of their own */
                xdr_put_opaque(b, bytes_of(filler, sizeof(filler)));
}

static enum ni_status change(struct store_txn *t, struct buf *b, uint64_t s)
{
        char text[32];
        struct store_walk w;
        uint32_t object = 0;
        enum ni_status st = store_change_begin(t, &nobody);
        if (st == NI_OK && s % 5) {
                named(b, s);
                st = store_add_child(t, 0, buf_bytes(b), s % 3 ? NI_INDEX_NULL : 1, NI_INDEX_NULL, NULL,
                                     NULL);
        } else if (st == NI_OK) {
                snprintf(text, sizeof(text), "%" PRIu64, s - 3);
                store_lookup(t, 0, BYTES_LIT("name"), bytes_str(text), STORE_FROM_START, &w);
                if (store_next(&w))
                        object = w.child;
                store_end(&w);
                st = w.status == NI_OK ? store_remove_child(t, 0, object, NULL) : w.status;
                named(b, s);
                if (st == NI_OK)
                        st = store_put_props(t, 0, buf_bytes(b), NULL);
        }
        return st == NI_OK ? store_change_end(t, NULL) : st;
}

static bool alive(uint64_t s, uint64_t head)
{
        return s % 5 && !((s + 3) % 5 == 0 && s + 3 <= head);
}

/* Exactly the content that belongs to the head's number. */
static uint64_t verify(struct store *s)
{
        struct store_txn *r;
        struct store_info info;
        struct store_walk w;
        struct store_check_report report;
        struct buf b;
        uint32_t count = 1;
        buf_init(&b, 0);
        assert_int_equal(store_reader_new(s, &r), NI_OK);
        assert_int_equal(store_read_begin(r), NI_OK);
        assert_int_equal(store_check(r, &report, NULL, NULL), NI_OK);
        assert_int_equal(report.problems, 0);
        assert_int_equal(store_get_info(r, &info), NI_OK);
        for (uint64_t i = 1; i <= info.seq; i++) {
                char text[32];
                struct store_node n;
                snprintf(text, sizeof(text), "%" PRIu64, i);
                store_lookup(r, 0, BYTES_LIT("name"), bytes_str(text), STORE_FROM_START, &w);
                assert_int_equal(store_next(&w), alive(i, info.seq));
                if (alive(i, info.seq)) {
                        assert_int_equal(store_get(r, w.child, &n), NI_OK);
                        named(&b, i);
                        assert_true(bytes_eq(n.props, buf_bytes(&b)));
                        count++;
                }
                store_end(&w);
        }
        assert_int_equal(count, info.directories);
        store_read_end(r);
        store_reader_free(r);
        buf_done(&b);
        return info.seq;
}

static uint64_t verify_at(const char *path)
{
        struct store *s;
        struct store_why why = {{0}};
        if (store_open(path, NULL, &s, &why) != NI_OK)
                fail_msg("%s", why.text);
        const uint64_t head = verify(s);
        store_close(s);
        return head;
}

/* -- the process that writes
 * ---------------------------------------------------------------------------------- */

/* A batch of changes in one commit; *ret_head: the last one's number. */
static enum ni_status batch(struct store *s, struct buf *b, uint32_t n, bool *ret_unknown, uint64_t *ret_head)
{
        struct store_txn *t;
        struct store_info info;
        enum ni_status st = store_write_begin(s, &t);
        if (st != NI_OK)
                return st;
        st = store_get_info(t, &info);
        uint64_t head = info.seq;
        for (; st == NI_OK && n; n--) {
                st = store_sub_begin(t);
                if (st == NI_OK)
                        st = change(t, b, head + 1);
                if (st == NI_OK)
                        st = store_sub_commit(t);
                head += st == NI_OK;
        }
        if (st == NI_OK && head % 16 == 0)
                st = store_journal_trim(t, UINT64_MAX, 8, NULL);
        if (st != NI_OK) {
                store_abort(t);
                return st;
        }
        st = store_commit(t, ret_unknown);
        if (st == NI_OK)
                *ret_head = head;
        return st;
}

/* Child of test_kill: writes until it is killed, and says what is durable. */
static int write_for_ever(const char *path, int out)
{
        struct store *s;
        struct store_options o = {.journal_entries = 40, .journal_seconds = 1};
        struct store_why why;
        struct buf b;
        uint64_t head = 0;
        uint32_t turn = (uint32_t)getpid();
        buf_init(&b, 0);
        if (store_open(path, &o, &s, &why) != NI_OK)
                return 1;
        for (;;) {
                turn = turn * 1664525u + 1013904223u;
                if (batch(s, &b, 1 + (turn >> 28) % 5, NULL, &head) != NI_OK)
                        return 1;
                if (write(out, &head, sizeof(head)) != (ssize_t)sizeof(head))
                        return 1;
        }
}

/* The last of at most `most` words, or `otherwise` when there is none. */
static uint64_t last_word(int in, uint32_t most, uint64_t otherwise)
{
        uint64_t word;
        while (most-- && read(in, &word, sizeof(word)) == (ssize_t)sizeof(word))
                otherwise = word;
        return otherwise;
}

/* Kills, and cuts of the power. */
static uint32_t rounds(void)
{
        return sized("NI_CRASH_ROUNDS", 20, 100, 1000);
}

static void test_kill(void **state)
{
        struct fixture *f = *state;
        uint64_t acked = 0, head = 0, ahead = 0, commits = 0;
        store_close(f->s);
        f->s = NULL;
        srand(4711);
        for (uint32_t round = rounds(); round; round--) {
                int p[2];
                assert_int_equal(pipe2(p, O_CLOEXEC), 0);
                fflush(NULL);
                const pid_t pid = fork();
                if (pid == 0)
                        _exit(write_for_ever(f->path, p[1]));
                close(p[1]);
                /* So many commits, now and then for a large step, and some way into those that follow. */
                const uint32_t before = (uint32_t)rand() % (round % 10 ? 10 : 100);
                uint64_t last = last_word(p[0], before, 0);
                commits += before;
                usleep((useconds_t)rand() % 5000);
                kill(pid, SIGKILL);
                last = last_word(p[0], UINT32_MAX, last);
                close(p[0]);
                int status;
                assert_int_equal(waitpid(pid, &status, 0), pid);
                assert_true(WIFSIGNALED(status)); /* it did not fail by itself */
                acked = last > acked ? last : acked;
                head = verify_at(f->path);
                assert_true(head >= acked);
                ahead += head > acked;
                acked = head;
        }
        assert_true(head >= commits);
        print_message("%" PRIu64 " changes, %" PRIu64 " kills between commit and acknowledgement\n", head,
                      ahead);
}

/* -- failing writes
 * ------------------------------------------------------------------------------------------- */

#define BATCHES 12u

/* What `scenario` reports on its standard output. */
struct verdict {
        uint64_t acked;   /* head after the last commit that succeeded */
        uint32_t failed;  /* status of the first failure, or NI_OK */
        uint32_t unknown; /* 1 when it was reported as unknown */
        uint64_t tried;   /* head the failing batch would have reached */
        uint32_t hits;    /* failures injected */
        uint32_t resumed; /* 1 when the store worked to the end after opening again */
};

static void note(uint64_t n)
{
        void (*put)(uint64_t);
        void *const p = dlsym(RTLD_DEFAULT, "fault_note");
        if (!p)
                return;
        memcpy(&put, &p, sizeof(put));
        put(n);
}

/* Makes a store and writes BATCHES batches; after a failure opens it again, checks, and goes on. */
static int scenario(const char *path)
{
        struct store_why why = {{0}};
        struct verdict v = {.failed = NI_OK};
        struct store *s = NULL;
        struct store_options o = {.journal_entries = 10, .journal_seconds = 1};
        struct buf b;
        enum ni_status st = store_create(path, STORE_MASTER, &o, &s, &why);
        buf_init(&b, 0);
        note(0);
        if (st != NI_OK) {
                v.failed = st;
                v.unknown = 1; /* a creation that failed may be repeated; it may also have happened */
                st = store_create(path, STORE_MASTER, &o, &s, &why);
                if (st == NI_ALIVE)
                        st = store_open(path, &o, &s, &why);
        }
        for (uint32_t i = 0; st == NI_OK && i < BATCHES; i++) {
                bool unknown = false;
                st = batch(s, &b, 1 + i % 4, &unknown, &v.acked);
                if (st == NI_OK) {
                        note(v.acked);
                        continue;
                }
                if (v.failed != NI_OK)
                        break; /* the disk stays full: enough */
                v.failed = st;
                v.unknown = unknown;
                v.tried = v.acked + 1 + i % 4;
                store_close(s);
                s = NULL;
                st = store_open(path, &o, &s, &why);
                if (st == NI_OK) {
                        const uint64_t head = verify(s);
                        if (head != v.acked && !(unknown && head == v.tried))
                                abort();
                        v.acked = head;
                }
        }
        v.resumed = st == NI_OK;
        const int *hits = dlsym(RTLD_DEFAULT, "fault_hits");
        v.hits = hits ? (uint32_t)*hits : 0;
        store_close(s);
        buf_done(&b);
        return write(STDOUT_FILENO, &v, sizeof(v)) == (ssize_t)sizeof(v) ? 0 : 1;
}

/* Runs `scenario` in a process of its own under fault.c. */
static struct verdict run_scenario(const char *path, uint32_t nth, const char *mode, int error,
                                   const char *log)
{
        struct verdict v;
        char text[3][16];
        int p[2], status;
        snprintf(text[0], sizeof(text[0]), "%" PRIu32, nth);
        snprintf(text[1], sizeof(text[1]), "%d", error);
        assert_int_equal(pipe(p), 0);
        fflush(NULL);
        const pid_t pid = fork();
        if (pid == 0) {
                dup2(p[1], STDOUT_FILENO);
                close(p[0]);
                close(p[1]);
                setenv("LD_PRELOAD", FAULT_SHIM, 1);
                setenv("NI_FAULT_NTH", text[0], 1);
                setenv("NI_FAULT_ERRNO", text[1], 1);
                setenv("NI_FAULT_MODE", mode, 1);
                if (log)
                        setenv("NI_FAULT_LOG", log, 1);
                execl(self, self, "scenario", path, (char *)NULL);
                _exit(127);
        }
        close(p[1]);
        const ssize_t n = read(p[0], &v, sizeof(v));
        close(p[0]);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0 || n != (ssize_t)sizeof(v))
                fail_msg("the scenario broke at call %" PRIu32 " (%s)", nth, mode);
        return v;
}

static void every_call_fails(struct fixture *f, const char *mode, int error)
{
        char path[100];
        uint32_t n = 1, unknown = 0;
        for (;; n++) {
                snprintf(path, sizeof(path), "%s/%s-%d-%" PRIu32, f->folder, mode, error, n);
                const struct verdict v = run_scenario(path, n, mode, error, NULL);
                if (v.hits == 0) {
                        assert_int_equal(v.failed, NI_OK);
                        break;
                }
                if (v.failed == NI_OK) /* LMDB gets by without this call, and nothing is lost */
                        assert_true(v.resumed);
                else
                        assert_true(v.failed == NI_SYSTEMERR || (v.failed == NI_NOSPACE && error == ENOSPC));
                if (strcmp(mode, "from") != 0)
                        assert_true(v.resumed);
                unknown += v.unknown;
                if (v.resumed || v.acked)
                        assert_int_equal(verify_at(path), v.acked);
                fs_remove_tree(path);
        }
        assert_true(n > 3 * BATCHES);
        print_message("%s, errno %d: %" PRIu32 " calls failed one by one, %" PRIu32 " outcomes unknown\n",
                      mode, error, n - 1, unknown);
}

/* A sanitizer's library wants to be the first to be loaded, before fault.c. */
static void not_under_sanitizers(void)
{
#ifdef SANITIZED
        skip();
#endif
}

static void test_fault(void **state)
{
        not_under_sanitizers();
        every_call_fails(*state, "once", ENOSPC);
        every_call_fails(*state, "once", EIO);
        every_call_fails(*state, "short", ENOSPC);
        every_call_fails(*state, "from", ENOSPC);
}

/* -- power cuts
 * ----------------------------------------------------------------------------------------------- */

struct disk {
        uint8_t *data;
        size_t size, cap;
};

static void disk_write(struct disk *d, uint64_t at, const uint8_t *data, size_t n)
{
        if (at + n > d->cap) {
                d->cap = (at + n) * 2;
                d->data = realloc(d->data, d->cap);
                assert_non_null(d->data);
        }
        if (at + n > d->size) {
                memset(d->data + d->size, 0, at + n - d->size);
                d->size = at + n;
        }
        memcpy(d->data + at, data, n);
}

static void disk_put(struct disk *d, const struct fault_record *r, const uint8_t *data)
{
        if (r->kind == FAULT_TRUNCATE)
                d->size = r->offset < d->size ? r->offset : d->size;
        else
                disk_write(d, r->offset, data, r->len);
}

/* A write that was on its way: any of its sectors may have arrived, but one of a sector or less is whole or
 * missing. */
static void disk_tear(struct disk *d, const struct fault_record *r, const uint8_t *data)
{
        if (r->kind == FAULT_TRUNCATE || r->len <= 512) {
                if (rand() % 2)
                        disk_put(d, r, data);
                return;
        }
        const int whole = rand() % 3;
        for (uint64_t at = 0; whole != 0 && at < r->len; at += 512)
                if (whole == 1 || rand() % 2)
                        disk_write(d, r->offset + at, data + at,
                                   r->len - at < 512 ? (size_t)(r->len - at) : 512);
}

struct power_log {
        const uint8_t *data;
        size_t *at; /* of each record */
        size_t n;
};

static struct fault_record record_at(const struct power_log *l, size_t i, const uint8_t **ret_data)
{
        struct fault_record r;
        memcpy(&r, l->data + l->at[i], sizeof(r));
        *ret_data = l->data + l->at[i] + sizeof(r);
        return r;
}

/* The medium when the power fails before record `cut`: all that was synced, and any part of what was not.
 * Gives the last number that had been acknowledged; UINT64_MAX: not even the creation. */
static uint64_t play(const struct power_log *l, size_t cut, struct disk *d)
{
        const uint8_t *data;
        uint64_t acked = UINT64_MAX;
        size_t synced = 0;
        for (size_t i = 0; i < cut; i++) {
                const struct fault_record r = record_at(l, i, &data);
                if (r.kind == FAULT_SYNC)
                        synced = i;
                if (r.kind == FAULT_NOTE)
                        acked = r.offset;
        }
        for (size_t i = 0; i < cut; i++) {
                const struct fault_record r = record_at(l, i, &data);
                if (r.kind == FAULT_SYNC || r.kind == FAULT_NOTE)
                        continue;
                if (i < synced || r.kind == FAULT_WRITE_SYNC)
                        disk_put(d, &r, data);
                else
                        disk_tear(d, &r, data);
        }
        const struct fault_record r = record_at(l, cut, &data); /* being written as the lights go out */
        if (r.kind == FAULT_WRITE || r.kind == FAULT_WRITE_SYNC)
                disk_tear(d, &r, data);
        return acked;
}

static void one_cut(struct fixture *f, const struct power_log *l, size_t cut)
{
        struct disk d = {0};
        struct store *s;
        struct store_why why;
        char path[128], file[160];
        const uint64_t acked = play(l, cut, &d);
        snprintf(path, sizeof(path), "%s/cut", f->folder);
        snprintf(file, sizeof(file), "%s/data.mdb", path);
        fs_make_folders(path, 0700);
        assert_int_equal(fs_replace(file, bytes_of(d.data, d.size), 0600, (uid_t)-1, (gid_t)-1, NULL, NULL),
                         0);
        free(d.data);
        enum ni_status st = store_open(path, NULL, &s, &why);
        if (acked == UINT64_MAX && st != NI_OK) { /* cut off while it was made: making it again works */
                assert_int_equal(st, NI_NODIR);
                st = store_create(path, STORE_MASTER, NULL, &s, &why);
        }
        if (st != NI_OK)
                fail_msg("cut at %zu: %s", cut, why.text);
        const uint64_t head = verify(s);
        if (acked != UINT64_MAX)
                assert_true(head >= acked && head <= acked + 4);
        struct buf b; /* and it goes on */
        uint64_t next = 0;
        buf_init(&b, 0);
        assert_int_equal(batch(s, &b, 3, NULL, &next), NI_OK);
        assert_int_equal(next, head + 3);
        store_close(s);
        assert_int_equal(verify_at(path), head + 3);
        buf_done(&b);
        fs_remove_tree(path);
}

static void test_power(void **state)
{
        struct fixture *f = *state;
        char path[100], log[100];
        struct buf b;
        struct power_log l = {0};
        not_under_sanitizers();
        snprintf(path, sizeof(path), "%s/power", f->folder);
        snprintf(log, sizeof(log), "%s/power.log", f->folder);
        const struct verdict v = run_scenario(path, 0, "once", EIO, log);
        assert_int_equal(v.failed, NI_OK);
        buf_init(&b, 0);
        assert_int_equal(fs_read(log, 1u << 30, &b), 0);
        l.data = b.data;
        l.at = calloc(b.len / sizeof(struct fault_record) + 1, sizeof(*l.at));
        assert_non_null(l.at);
        for (size_t at = 0; at < b.len; l.n++) {
                struct fault_record r;
                memcpy(&r, b.data + at, sizeof(r));
                l.at[l.n] = at;
                at += sizeof(r) + (size_t)(r.kind == FAULT_WRITE || r.kind == FAULT_WRITE_SYNC ? r.len : 0);
        }
        srand(1);
        const uint32_t cuts = rounds();
        for (uint32_t i = 0; i < cuts; i++)
                one_cut(f, &l, i < l.n ? i : (size_t)rand() % l.n);
        for (uint32_t i = 0; i < cuts; i++)
                one_cut(f, &l, (size_t)rand() % l.n);
        print_message("%zu writes and syncs recorded, %" PRIu32 " cuts\n", l.n, 2 * cuts);
        free(l.at);
        buf_done(&b);
}

int main(int argc, char **argv)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
        static char path[4096];
        const struct CMUnitTest tests[] = {
                T(test_kill),
                T(test_fault),
                T(test_power),
        };
        if (argc == 3 && strcmp(argv[1], "scenario") == 0)
                return scenario(argv[2]);
        const ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
        self = n > 0 ? path : argv[0];
        return cmocka_run_group_tests(tests, NULL, NULL);
}
