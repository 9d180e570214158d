/* The calls of a raw domain: what netinfod does for them, without a network (directory/directory.h). */
#include "tools/historical/disk_domain.h"
#include "tools/historical/disk_internal.h"

#include <stdlib.h>
#include <unistd.h>

#define BY_VERSION UINT32_MAX /* SELF's pseudo object: doc/protocol.md 2.7 */

static struct dir_request request(struct disk_domain *d, struct store_txn *t)
{
        arena_reset(&d->arena);
        buf_clear(&d->reply);
        return (struct dir_request){
                .txn = t, .caller = &d->caller, .policy = &d->policy, .arena = &d->arena, .out = &d->reply};
}

/* -- changes */
struct change {
        struct store_txn *txn;
        char from[64];
};

static enum ni_status change_begin(struct disk_domain *d, const char *what, struct change *c)
{
        if (d->read_only || d->policy.clone)
                return NI_RDONLY;
        enum ni_status st = store_write_begin(d->store, &c->txn);
        if (st != NI_OK)
                return st;
        snprintf(c->from, sizeof(c->from), "nicl -raw uid %u pid %u", (unsigned)getuid(), (unsigned)getpid());
        const struct store_actor actor = {BYTES_LIT("superuser"), bytes_str(c->from), bytes_str(what)};
        st = store_change_begin(c->txn, &actor);
        if (st != NI_OK)
                store_abort(c->txn);
        return st;
}

/* Durable on NI_OK; with another status nothing was changed. */
static enum ni_status change_end(struct disk_domain *d, struct change *c, enum ni_status st,
                                 uint64_t *ret_seq)
{
        free(d->versions);
        d->versions = NULL;
        if (st == NI_OK)
                st = store_change_end(c->txn, ret_seq);
        if (st == NI_OK)
                return store_commit(c->txn, NULL);
        store_abort(c->txn);
        return st;
}

static enum ni_status write_call(struct disk_domain *d, enum ni_proc proc, const struct ni_args *args)
{
        static const char *const names[NI_PROC_COUNT] = {
#define X(n, name, args, result, kind, udp) [n] = #name,
                NI_PROCS(X)
#undef X
        };
        struct change c;
        uint64_t seq = 0;
        enum ni_status st = change_begin(d, names[proc], &c);
        if (st != NI_OK)
                return st;
        struct dir_request rq = request(d, c.txn);
        st = change_end(d, &c, dir_write(&rq, proc, args), &seq);
        *(proc == NI_PROC_destroy ? &d->removed : &d->saved) += st == NI_OK;
        return st;
}

enum ni_status disk_edit(void *domain, const struct ext_edit_args *args, struct ext_edit_result *ret)
{
        struct disk_domain *d = domain;
        struct change c;
        char what[LIMIT_WHO + 1];
        snprintf(what, sizeof(what), "%.*s", BYTES_FMT(args->what));
        enum ni_status st = change_begin(d, what, &c);
        if (st != NI_OK)
                return st;
        struct dir_request rq = request(d, c.txn);
        const enum ni_status done = dir_edit(&rq, args, ret);
        st = change_end(d, &c, done, &ret->seq);
        if (st == NI_OK)
                d->saved += args->op_count;
        return st == done && st != NI_OK ? NI_OK : st; /* a refusal stands in the result */
}

/* -- versions */
static int by_version(const void *x, const void *y)
{
        const struct disk_version *a = x, *b = y;
        if (a->version != b->version)
                return a->version < b->version ? -1 : 1;
        return a->object < b->object ? -1 : a->object > b->object;
}

/* A store does not keep directories by version; the few questions of `history` may cost a look at all. */
static enum ni_status list_versions(struct disk_domain *d)
{
        struct store_info info;
        struct store_walk w;
        struct store_node node;
        if (d->versions)
                return NI_OK;
        enum ni_status st = store_get_info(d->reader, &info);
        if (st == NI_OK && !(d->versions = calloc((size_t)info.directories + 1, sizeof(*d->versions))))
                st = NI_NOSPACE;
        if (st != NI_OK)
                return st;
        d->version_count = 0;
        store_each(d->reader, 0, &w);
        while (d->version_count < info.directories && store_each_next(&w, &node))
                d->versions[d->version_count++] = (struct disk_version){node.version, node.id.object};
        st = w.status;
        store_end(&w);
        if (st != NI_OK) {
                free(d->versions);
                d->versions = NULL;
                return st;
        }
        qsort(d->versions, d->version_count, sizeof(*d->versions), by_version);
        return NI_OK;
}

/* SELF of the pseudo object: also for versions that the journal no longer has, or never had. */
static enum ni_status find_version(struct disk_domain *d, uint32_t version, struct ni_result *ret)
{
        enum ni_status st = list_versions(d);
        if (st != NI_OK || d->version_count == 0)
                return st == NI_OK ? NI_NODIR : st;
        uint32_t from = 0, to = d->version_count;
        const uint64_t wanted = version == UINT32_MAX ? d->versions[to - 1].version : version;
        while (from < to) {
                const uint32_t middle = from + (to - from) / 2;
                if (d->versions[middle].version < wanted)
                        from = middle + 1;
                else
                        to = middle;
        }
        if (from == d->version_count || d->versions[from].version != wanted)
                return NI_NODIR;
        ret->id = (struct ni_id){d->versions[from].object, (uint32_t)wanted};
        return NI_OK;
}

static enum ni_status read_call(struct disk_domain *d, enum ni_proc proc, const struct ni_args *args,
                                struct ni_result *ret)
{
        enum ni_status st = store_read_begin(d->reader);
        if (st != NI_OK)
                return st;
        if (proc == NI_PROC_self && args->id.object == BY_VERSION) {
                ret->status = find_version(d, args->id.instance, ret);
                store_read_end(d->reader);
                return NI_OK;
        }
        struct dir_request rq = request(d, d->reader);
        dir_read(&rq, proc, args);
        store_read_end(d->reader);
        d->fetched++;
        struct xdr_in in = xdr_in(buf_bytes(&d->reply));
        return ni_result_decode(proc, &in, &d->arena, ret) ? NI_OK : NI_NOSPACE;
}

enum ni_status disk_call(void *domain, enum ni_proc proc, const struct ni_args *args, struct ni_result *ret)
{
        static const enum {
                READ,
                WRITE,
                CONTROL
        } kinds[NI_PROC_COUNT] = {
#define X(n, name, args, result, kind, udp) [n] = kind,
                NI_PROCS(X)
#undef X
        };
        struct disk_domain *d = domain;
        *ret = (struct ni_result){.status = NI_OK};
        if (kinds[proc] == READ)
                return read_call(d, proc, args, ret);
        if (kinds[proc] == CONTROL)
                return NI_BADOP;
        ret->status = write_call(d, proc, args);
        if (ret->status != NI_OK)
                return NI_OK;
        struct xdr_in in = xdr_in(buf_bytes(&d->reply));
        return ni_result_decode(proc, &in, &d->arena, ret) ? NI_OK : NI_NOSPACE;
}

/* -- repairs */
ni_status disk_move(struct disk_domain *d, ni_index object, ni_index parent)
{
        struct change c;
        uint64_t seq;
        enum ni_status st = change_begin(d, "move", &c);
        if (st != NI_OK)
                return st;
        st = change_end(d, &c, store_move(c.txn, object, parent, NI_INDEX_NULL), &seq);
        d->saved += st == NI_OK;
        return st;
}

ni_status disk_detach(struct disk_domain *d, ni_index parent, ni_index child)
{
        struct change c;
        struct store_node node;
        struct ni_id now;
        uint64_t seq;
        enum ni_status st = change_begin(d, "detach", &c);
        if (st != NI_OK)
                return st;
        st = store_get(c.txn, child, &node);
        if (st == NI_OK)
                st = node.parent == parent && child != 0 ? NI_NOTEMPTY : NI_UNRELATED;
        else if (st == NI_NODIR)
                st = store_remove_child(c.txn, parent, child, &now);
        return change_end(d, &c, st, &seq);
}

ni_status disk_counts(struct disk_domain *d, struct disk_counts *ret)
{
        struct store_info info;
        enum ni_status st = store_read_begin(d->reader);
        if (st != NI_OK)
                return st;
        st = store_get_info(d->reader, &info);
        store_read_end(d->reader);
        if (st == NI_OK)
                *ret = (struct disk_counts){info.checksum, info.highest, info.seq,
                                            d->fetched,    d->saved,     d->removed};
        return st;
}
