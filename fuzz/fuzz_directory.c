/* Calls on a small domain, as a hostile client of the superuser's rights who must not see secrets would make
 * them: each byte chooses a procedure, and its arguments follow. Whatever is called in whatever order, every
 * answer decodes and says what was returned, no answer contains the one secret there is, and a refusal is
 * undone. Bit 7 of the byte: the instances are made right, so that writes happen. Everything is undone at the
 * end. */
#include "check.h"
#include "directory/directory.h"
#include "sys/fs.h"

#include <string.h>
#include <unistd.h>

enum { EDIT = NI_PROC_COUNT, CHANGES, SNAPSHOT, SEARCH, HISTORY, READALL, CALLS };
#define SECRET   "Hash.Nobody-May.See"
#define CALL_MAX 16 /* of one input: LMDB pays for every nested transaction */

static char folder[] = "/tmp/netinfo-fuzz-XXXXXX";
static struct store *store;
static struct arena arena;
static struct buf out;
static const struct caller caller = {.superuser = true};
static const struct dir_policy policy = {.redact = true};
static const struct store_actor actor = {{0}, {0}, {0}};

static void remove_store(void)
{
        store_close(store);
        arena_done(&arena);
        buf_done(&out);
        fs_remove_tree(folder);
}

static uint32_t add(struct store_txn *t, uint32_t parent, const char *const *words)
{
        struct proplist l = {0};
        struct ni_id id, self;
        struct buf b;
        buf_init(&b, 0);
        for (; *words; words += 2)
                CHECK(proplist_add_str(&l, &arena, words[0], words[1]));
        xdr_put_proplist(&b, l);
        CHECK(store_add_child(t, parent, buf_bytes(&b), NI_INDEX_NULL, NI_INDEX_NULL, &id, &self) == NI_OK);
        buf_done(&b);
        return id.object;
}

static void open_store(void)
{
        static const char *const users[] = {"name", "users", NULL};
        static const char *const ada[] = {"name", "ada", "passwd", SECRET, "uid", "1", "_writers", "*", NULL};
        static const char *const bob[] = {"name", "bob", "legacy_passwd", SECRET, "_writers_legacy_passwd",
                                          "*",    NULL};
        const struct store_options options = {.map_size = (size_t)64 << 20, .no_sync = true};
        struct store_why why;
        struct store_txn *t;
        uint64_t seq;
        arena_init(&arena, LIMIT_ARENA);
        buf_init(&out, LIMIT_REPLY);
        CHECK(mkdtemp(folder) && rmdir(folder) == 0);
        CHECK(store_create(folder, STORE_MASTER, &options, &store, &why) == NI_OK);
        CHECK(atexit(remove_store) == 0);
        CHECK(store_write_begin(store, &t) == NI_OK && store_change_begin(t, &actor) == NI_OK);
        CHECK(dir_bootstrap(t, &arena, "network", "alpha", NULL, 0) == NI_OK);
        const uint32_t top = add(t, 0, users);
        add(t, top, ada);
        add(t, top, bob);
        CHECK(store_change_end(t, &seq) == NI_OK && store_commit(t, NULL) == NI_OK);
}

static void no_secret(void)
{
        CHECK(out.len == 0 || !memmem(out.data, out.len, SECRET, strlen(SECRET)));
}

static void make_right(struct store_txn *t, struct ni_id *id)
{
        struct store_node n;
        id->object %= 16;
        if (store_get(t, id->object, &n) == NI_OK)
                id->instance = n.id.instance;
}

#define KIND_READ                           false
#define KIND_WRITE                          true
#define KIND_CONTROL                        false
#define X(n, name, args, result, kind, udp) [n] = KIND_##kind,
static const bool is_write[NI_PROC_COUNT] = {NI_PROCS(X)};
#undef X

static enum ni_status write_call(struct dir_request *rq, enum ni_proc proc, const struct ni_args *args)
{
        uint64_t seq;
        CHECK(store_sub_begin(rq->txn) == NI_OK && store_change_begin(rq->txn, &actor) == NI_OK);
        const enum ni_status s = dir_write(rq, proc, args);
        if (s == NI_OK)
                CHECK(store_change_end(rq->txn, &seq) == NI_OK && store_sub_commit(rq->txn) == NI_OK);
        else
                store_sub_abort(rq->txn);
        return s;
}

/* Version 2: the answer decodes, whole. */
static void historical(struct dir_request *rq, enum ni_proc proc, bool right, struct xdr_in *in)
{
        struct ni_args args;
        struct ni_result r;
        if (!ni_args_decode(proc, in, &arena, &args)) {
                in->bad = true;
                return;
        }
        if (right) {
                make_right(rq->txn, &args.id);
                make_right(rq->txn, &args.child);
        }
        const enum ni_status s = is_write[proc] ? write_call(rq, proc, &args) : dir_read(rq, proc, &args);
        struct xdr_in answer = xdr_in(buf_bytes(&out));
        CHECK(xdr_u32(&answer) == (uint32_t)s && (s == NI_OK || xdr_end(&answer)));
        answer = xdr_in(buf_bytes(&out));
        if (s == NI_OK)
                CHECK(ni_result_decode(proc, &answer, &arena, &r) && xdr_end(&answer));
}

static void edit(struct dir_request *rq, bool right, struct xdr_in *in)
{
        struct ext_edit_args args;
        struct ext_edit_result r;
        uint64_t seq = 0;
        if (!ext_edit_args_decode(in, &arena, &args)) {
                in->bad = true;
                return;
        }
        for (uint32_t i = 0; right && i < args.op_count; i++)
                if (!args.ops[i].ref.by_op)
                        args.ops[i].ref.value %= 16;
        CHECK(store_sub_begin(rq->txn) == NI_OK && store_change_begin(rq->txn, &actor) == NI_OK);
        const enum ni_status s = dir_edit(rq, &args, &r);
        if (s == NI_OK)
                CHECK(store_change_end(rq->txn, &seq) == NI_OK && store_sub_commit(rq->txn) == NI_OK);
        else
                store_sub_abort(rq->txn);
        CHECK(r.status == (uint32_t)s &&
              (s == NI_OK ? r.id_count == args.op_count : r.failed_op <= args.op_count));
        ext_edit_encode(&r, &out);
}

static void feed(struct dir_request *rq, unsigned which, struct xdr_in *in)
{
        struct ext_changes_args ca;
        struct ext_changes_result cr;
        struct ext_snapshot_args sa;
        struct ext_snapshot_result sr;
        struct ext_search_args fa;
        struct ext_search_result fr;
        struct ext_history_args ha;
        struct ext_history_result hr;
        bool ok = true;
        if (which == CHANGES && (ok = ext_changes_args_decode(in, &ca))) {
                ca.epoch = 0;
                dir_changes(rq, &ca, &cr);
                ext_changes_encode(&cr, &out);
        } else if (which == SNAPSHOT && (ok = ext_snapshot_args_decode(in, &sa))) {
                sa.epoch = 0;
                dir_snapshot(rq, &sa, &sr);
                ext_snapshot_encode(&sr, &out);
        } else if (which == SEARCH && (ok = ext_search_args_decode(in, &arena, &fa))) {
                fa.epoch = 0;
                dir_search(rq, &fa, &fr);
                ext_search_encode(&fr, &out);
        } else if (which == HISTORY && (ok = ext_history_args_decode(in, &ha))) {
                ha.epoch = 0;
                dir_history(rq, &ha, &hr);
                ext_history_encode(&hr, &out);
        }
        if (!ok)
                in->bad = true;
}

/* In slices of any size: what comes decodes object by object, and is all that there is. */
static void readall(struct dir_request *rq, struct xdr_in *in)
{
        const uint32_t checksum = xdr_u32(in), slice = xdr_u32(in) % 4096;
        struct dir_readall w;
        struct store_info info;
        struct ni_result head;
        struct ni_object object;
        uint32_t objects = 0, slices = 0;
        if (in->bad)
                return;
        CHECK(store_get_info(rq->txn, &info) == NI_OK);
        CHECK(dir_readall_begin(rq, checksum, &w) == NI_OK);
        for (; !w.done; slices++)
                CHECK(slices <= info.directories * 2 && dir_readall_next(rq, &w, slice + 1) == NI_OK);
        dir_readall_end(&w);
        struct xdr_in answer = xdr_in(buf_bytes(&out));
        CHECK(ni_readall_head(&answer, &head) && head.status == NI_OK);
        while (ni_readall_next(&answer, &arena, &object))
                objects++;
        CHECK(xdr_end(&answer) && objects == (checksum == info.checksum ? 0 : info.directories));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct xdr_in in = xdr_in(bytes_of(data, size));
        struct store_txn *t;
        if (size && memmem(data, size, SECRET, strlen(SECRET)))
                return 0; /* the fuzzer looks over our shoulder when we search for it: no answer gave it away
                           */
        if (!store)
                open_store();
        CHECK(store_write_begin(store, &t) == NI_OK);
        for (int i = 0; i < CALL_MAX && xdr_left(&in) > 0; i++) {
                const unsigned which = (*in.at & 127) % CALLS;
                const bool right = *in.at++ & 128;
                struct dir_request rq = {t, &caller, &policy, &arena, &out};
                arena_reset(&arena);
                buf_clear(&out);
                if (which < NI_PROC_COUNT)
                        historical(&rq, (enum ni_proc)which, right, &in);
                else if (which == EDIT)
                        edit(&rq, right, &in);
                else if (which == READALL)
                        readall(&rq, &in);
                else
                        feed(&rq, which, &in);
                CHECK(!out.failed);
                no_secret();
        }
        store_abort(t);
        return 0;
}
