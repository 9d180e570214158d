#include "fixture.h"

#include "sys/fs.h"

#include <stdlib.h>
#include <unistd.h>

static void must(enum ni_status s)
{
        if (s != NI_OK)
                fail_msg("status %d where NI_OK was due", (int)s);
}

static struct fixture *create(bool from_zero)
{
        struct fixture *f = calloc(1, sizeof(*f));
        struct store_why why = {{0}};
        assert_non_null(f);
        strcpy(f->folder, "/tmp/netinfo-directory-XXXXXX");
        assert_non_null(mkdtemp(f->folder));
        assert_int_equal(rmdir(f->folder), 0);
        f->options = (struct store_options){
                .map_size = (size_t)256 << 20,
                .no_sync = true,
                .reuse_from_zero = from_zero,
                .journal_seconds = 1, /* a trim, when a test asks for one, leaves three entries */
                .journal_entries = 3};
        if (store_create(f->folder, STORE_MASTER, &f->options, &f->store, &why) != NI_OK)
                fail_msg("%s", why.text);
        must(store_reader_new(f->store, &f->reader));
        arena_init(&f->arena, LIMIT_ARENA);
        arena_init(&f->results, 0);
        buf_init(&f->wire, 0);
        buf_init(&f->out, LIMIT_REPLY);
        f->caller = (struct caller){.superuser = true, .sees_secrets = true};
        return f;
}

static void bootstrap(struct fixture *f)
{
        static const char *const addresses[] = {"10.0.0.1"};
        struct store_txn *t;
        uint64_t seq;
        must(store_write_begin(f->store, &t));
        must(store_change_begin(t,
                                &(struct store_actor){BYTES_LIT("test"), BYTES_NONE, BYTES_LIT("create")}));
        must(dir_bootstrap(t, &f->arena, "network", "alpha", addresses, 1));
        must(store_change_end(t, &seq));
        must(store_commit(t, NULL));
        arena_reset(&f->arena);
}

int fixture_empty(void **state)
{
        *state = create(false);
        return 0;
}

int fixture_empty_from_zero(void **state)
{
        *state = create(true);
        return 0;
}

int fixture_domain(void **state)
{
        struct fixture *f = create(false);
        bootstrap(f);
        *state = f;
        return 0;
}

int fixture_domain_from_zero(void **state)
{
        struct fixture *f = create(true);
        bootstrap(f);
        *state = f;
        return 0;
}

int fixture_done(void **state)
{
        struct fixture *f = *state;
        store_reader_free(f->reader);
        store_close(f->store);
        arena_done(&f->arena);
        arena_done(&f->results);
        buf_done(&f->wire);
        buf_done(&f->out);
        fs_remove_tree(f->folder);
        free(f);
        return 0;
}

static bool is_write(enum ni_proc proc)
{
        static const char *const kinds[NI_PROC_COUNT] = {
#define X(n, name, args, result, kind, udp) [n] = #kind,
                NI_PROCS(X)
#undef X
        };
        return strcmp(kinds[proc], "WRITE") == 0;
}

static struct dir_request request(struct fixture *f, struct store_txn *t)
{
        return (struct dir_request){t, &f->caller, &f->policy, &f->arena, &f->out};
}

/* What a door does around a write: a nested transaction and one change, kept or undone. */
struct writing {
        struct store_txn *t;
};

static struct writing write_begin(struct fixture *f)
{
        struct writing w;
        must(store_write_begin(f->store, &w.t));
        must(store_sub_begin(w.t));
        must(store_change_begin(
                w.t, &(struct store_actor){BYTES_LIT("tester"), BYTES_LIT("here"), BYTES_LIT("test")}));
        return w;
}

static uint64_t write_end(struct writing w, enum ni_status s)
{
        uint64_t seq = 0;
        if (s == NI_OK) {
                must(store_change_end(w.t, &seq));
                must(store_sub_commit(w.t));
        } else {
                store_sub_abort(w.t);
        }
        must(store_commit(w.t, NULL));
        return seq;
}

enum ni_status fx_call(struct fixture *f, enum ni_proc proc, const struct ni_args *args,
                       struct ni_result *ret)
{
        struct ni_args decoded;
        struct ni_result result;
        enum ni_status s;
        arena_reset(&f->arena);
        buf_clear(&f->wire);
        buf_clear(&f->out);
        ni_args_encode(proc, args, &f->wire);
        struct xdr_in in = xdr_in(buf_bytes(&f->wire));
        assert_true(ni_args_decode(proc, &in, &f->arena, &decoded));
        if (is_write(proc)) {
                const struct writing w = write_begin(f);
                struct dir_request rq = request(f, w.t);
                s = dir_write(&rq, proc, &decoded);
                write_end(w, s);
        } else {
                must(store_read_begin(f->reader));
                struct dir_request rq = request(f, f->reader);
                s = dir_read(&rq, proc, &decoded);
                store_read_end(f->reader);
        }
        in = xdr_in(arena_bytes(&f->results, buf_bytes(&f->out)));
        assert_true(ni_result_decode(proc, &in, &f->results, &result));
        assert_true(xdr_end(&in)); /* nothing but the result; a refusal is one word */
        assert_int_equal(result.status, s);
        if (ret)
                *ret = result;
        return s;
}

enum ni_status fx_edit(struct fixture *f, const struct ext_op *ops, uint32_t n, struct ext_edit_result *ret)
{
        struct ext_edit_args args = {.tag = BYTES_LIT("network"), .op_count = n}, decoded;
        struct ext_edit_result made, result;
        struct ext_op *copy = arena_zalloc(&f->results, n, sizeof(*copy));
        for (uint32_t i = 0; i < n; i++)
                copy[i] = ops[i];
        args.ops = copy;
        arena_reset(&f->arena);
        buf_clear(&f->wire);
        buf_clear(&f->out);
        ext_edit_args_encode(&args, &f->wire);
        struct xdr_in in = xdr_in(buf_bytes(&f->wire));
        assert_true(ext_edit_args_decode(&in, &f->arena, &decoded));
        const struct writing w = write_begin(f);
        struct dir_request rq = request(f, w.t);
        const enum ni_status s = dir_edit(&rq, &decoded, &made);
        assert_int_equal(made.status, s);
        made.seq = write_end(w, s);
        assert_int_equal(f->out.len, 0);
        ext_edit_encode(&made, &f->out);
        in = xdr_in(arena_bytes(&f->results, buf_bytes(&f->out)));
        assert_true(ext_edit_decode(&in, &f->results, &result));
        assert_true(xdr_end(&in));
        *ret = result;
        return s;
}

void fx_changes(struct fixture *f, const struct ext_changes_args *args, struct ext_changes_result *ret)
{
        struct ext_changes_result made;
        arena_reset(&f->arena);
        buf_clear(&f->out);
        must(store_read_begin(f->reader));
        struct dir_request rq = request(f, f->reader);
        dir_changes(&rq, args, &made);
        ext_changes_encode(&made, &f->out);
        store_read_end(f->reader);
        struct xdr_in in = xdr_in(arena_bytes(&f->results, buf_bytes(&f->out)));
        assert_true(ext_changes_decode(&in, &f->results, ret));
        assert_true(xdr_end(&in));
}

void fx_snapshot(struct fixture *f, const struct ext_snapshot_args *args, struct ext_snapshot_result *ret)
{
        struct ext_snapshot_result made;
        arena_reset(&f->arena);
        buf_clear(&f->out);
        must(store_read_begin(f->reader));
        struct dir_request rq = request(f, f->reader);
        dir_snapshot(&rq, args, &made);
        ext_snapshot_encode(&made, &f->out);
        store_read_end(f->reader);
        struct xdr_in in = xdr_in(arena_bytes(&f->results, buf_bytes(&f->out)));
        assert_true(ext_snapshot_decode(&in, &f->results, ret));
        assert_true(xdr_end(&in));
}

/* Every shorter message is refused. */
#define refuse_cut(whole, call)                                                                  \
        for (size_t cut = (whole).len > 600 ? (whole).len - 600 : 0; cut < (whole).len; cut++) { \
                struct xdr_in in = xdr_in(bytes_sub(whole, 0, cut));                             \
                assert_false(call);                                                              \
        }

void fx_search(struct fixture *f, const struct ext_search_args *args, struct ext_search_result *ret)
{
        struct ext_search_args decoded;
        struct ext_search_result made, ignored;
        arena_reset(&f->arena);
        buf_clear(&f->wire);
        buf_clear(&f->out);
        ext_search_args_encode(args, &f->wire);
        const struct bytes sent = buf_bytes(&f->wire);
        refuse_cut(sent, ext_search_args_decode(&in, &f->results, &decoded));
        struct xdr_in from = xdr_in(sent);
        assert_true(ext_search_args_decode(&from, &f->arena, &decoded));
        assert_true(xdr_end(&from));
        must(store_read_begin(f->reader));
        struct dir_request rq = request(f, f->reader);
        dir_search(&rq, &decoded, &made);
        ext_search_encode(&made, &f->out);
        store_read_end(f->reader);
        const struct bytes got = arena_bytes(&f->results, buf_bytes(&f->out));
        refuse_cut(got, ext_search_decode(&in, &f->results, &ignored));
        from = xdr_in(got);
        assert_true(ext_search_decode(&from, &f->results, ret));
        assert_true(xdr_end(&from));
}

void fx_history(struct fixture *f, const struct ext_history_args *args, struct ext_history_result *ret)
{
        struct ext_history_args decoded;
        struct ext_history_result made, ignored;
        arena_reset(&f->arena);
        buf_clear(&f->wire);
        buf_clear(&f->out);
        ext_history_args_encode(args, &f->wire);
        const struct bytes sent = buf_bytes(&f->wire);
        refuse_cut(sent, ext_history_args_decode(&in, &decoded));
        struct xdr_in from = xdr_in(sent);
        assert_true(ext_history_args_decode(&from, &decoded));
        assert_true(xdr_end(&from));
        must(store_read_begin(f->reader));
        struct dir_request rq = request(f, f->reader);
        dir_history(&rq, &decoded, &made);
        ext_history_encode(&made, &f->out);
        store_read_end(f->reader);
        const struct bytes got = arena_bytes(&f->results, buf_bytes(&f->out));
        refuse_cut(got, ext_history_decode(&in, &f->results, &ignored));
        from = xdr_in(got);
        assert_true(ext_history_decode(&from, &f->results, ret));
        assert_true(xdr_end(&from));
}

struct dir_request fx_ask(struct fixture *f)
{
        arena_reset(&f->arena);
        buf_clear(&f->out);
        must(store_read_begin(f->reader));
        return request(f, f->reader);
}

void fx_ask_end(struct fixture *f)
{
        store_read_end(f->reader);
}

struct store_info fx_info(struct fixture *f)
{
        struct store_info info;
        must(store_read_begin(f->reader));
        must(store_get_info(f->reader, &info));
        store_read_end(f->reader);
        return info;
}

static void say(void *context, const char *problem)
{
        (void)context;
        print_error("%s\n", problem);
}

void fx_check_store(struct fixture *f)
{
        struct store_check_report report;
        must(store_read_begin(f->reader));
        must(store_check(f->reader, &report, say, NULL));
        store_read_end(f->reader);
        assert_int_equal(report.problems, 0);
}

static struct namelist values_of(struct fixture *f, const char *first, va_list *ap)
{
        struct namelist l = {arena_zalloc(&f->results, 16, sizeof(*l.v)), 0};
        for (const char *v = first; v; v = va_arg(*ap, const char *)) {
                assert_true(l.n < 16);
                l.v[l.n++] = bytes_str(v);
        }
        return l;
}

struct namelist fx_values(struct fixture *f, const char *first, ...)
{
        va_list ap;
        va_start(ap, first);
        const struct namelist l = values_of(f, first, &ap);
        va_end(ap);
        return l;
}

struct proplist fx_props(struct fixture *f, ...)
{
        struct proplist l = {0};
        const char *name;
        va_list ap;
        va_start(ap, f);
        while ((name = va_arg(ap, const char *))) {
                const char *first = va_arg(ap, const char *);
                const struct namelist v = values_of(f, first, &ap);
                assert_true(proplist_add(&l, &f->results, bytes_str(name), v.v, v.n));
        }
        va_end(ap);
        return l;
}

static void put_values(struct buf *b, struct namelist l)
{
        for (uint32_t i = 0; i < l.n; i++) {
                if (i)
                        buf_putc(b, ',');
                buf_put(b, l.v[i]);
        }
}

static const char *keep(struct fixture *f, struct buf *b)
{
        const char *text = arena_str(&f->results, buf_bytes(b));
        buf_done(b);
        return text;
}

const char *fx_values_text(struct fixture *f, struct namelist l)
{
        struct buf b;
        buf_init(&b, 0);
        put_values(&b, l);
        return keep(f, &b);
}

const char *fx_text(struct fixture *f, struct proplist l)
{
        struct buf b;
        buf_init(&b, 0);
        for (uint32_t i = 0; i < l.n; i++) {
                if (i)
                        buf_putc(&b, '|');
                buf_put(&b, l.v[i].name);
                buf_putc(&b, '=');
                put_values(&b, l.v[i].values);
        }
        return keep(f, &b);
}

const char *fx_encoded_text(struct fixture *f, struct bytes props)
{
        struct xdr_in in = xdr_in(props);
        const struct proplist l = xdr_proplist(&in, &f->results);
        assert_true(xdr_end(&in));
        return fx_text(f, l);
}

struct ni_id fx_add(struct fixture *f, uint32_t parent, struct proplist props)
{
        struct ni_result r;
        const struct caller who = f->caller;
        f->caller = (struct caller){.superuser = true, .sees_secrets = true};
        fx_expect(f, NI_OK, NI_PROC_create,
                  &(struct ni_args){.id = fx_id(f, parent), .props = props, .where = NI_INDEX_NULL}, &r);
        f->caller = who;
        return r.id;
}

struct ni_id fx_id(struct fixture *f, uint32_t object)
{
        struct ni_result r;
        fx_expect(f, NI_OK, NI_PROC_self, &(struct ni_args){.id = {object, 0}}, &r);
        return r.id;
}

struct caller fx_caller(const char *name)
{
        return (struct caller){.name = bytes_str(name)};
}

static int digit(char c)
{
        return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

struct bytes fx_hex(struct fixture *f, const char *text)
{
        uint8_t *to = arena_alloc(&f->results, strlen(text));
        size_t n = 0;
        for (; *text; text++) {
                if (digit(*text) < 0)
                        continue;
                assert_true(digit(text[1]) >= 0);
                to[n++] = (uint8_t)(digit(text[0]) << 4 | digit(text[1]));
                text++;
        }
        return bytes_of(to, n);
}

void fx_vector(struct fixture *f, enum ni_proc proc, const char *args, const char *result)
{
        struct ni_args decoded;
        const struct bytes want = fx_hex(f, result);
        struct xdr_in in = xdr_in(fx_hex(f, args));
        assert_true(ni_args_decode(proc, &in, &f->results, &decoded));
        assert_true(xdr_end(&in));
        fx_call(f, proc, &decoded, NULL);
        assert_int_equal(f->out.len, want.len);
        assert_memory_equal(f->out.data, want.data, want.len);
}
