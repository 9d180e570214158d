#include "client/client-internal.h"

#include "model/path.h"
#include "model/status.h"

#include <stdio.h>

#define PATH_MEMORY ((size_t)4 << 20) /* steps of the longest path, LIMIT_PATH */

/* A status this client does not know must not look like success or trouble of the transport. */
static enum ni_status undecoded(struct client *c)
{
        snprintf(c->reason, sizeof(c->reason), "%s: the reply does not decode", c->place.label);
        return NI_FAILED;
}

static bool is_write(enum ni_proc proc)
{
        enum kind { READ, WRITE, CONTROL };
        static const enum kind kinds[NI_PROC_COUNT] = {
#define X(n, name, args, result, kind, udp) [n] = kind,
                NI_PROCS(X)
#undef X
        };
        /* RESYNC and CRASHED read nothing; a second one is work for nothing. */
        return kinds[proc] == WRITE || proc == NI_PROC_resync || proc == NI_PROC_crashed;
}

enum ni_status client_ni(struct client *c, enum ni_proc proc, const struct ni_args *args,
                         struct ni_result *ret)
{
        const struct errand e = {
                .program = NI_PROGRAM, .version = NI_VERSION, .procedure = proc, .write = is_write(proc)};
        struct xdr_in in;
        errand_begin(c, &e);
        ni_args_encode(proc, args, &c->call);
        const enum ni_status status = errand_run(c, &e, &in);
        if (status != NI_OK)
                return status;
        return ni_result_decode(proc, &in, &c->arena, ret) ? NI_OK : undecoded(c);
}

enum ni_status client_readall(struct client *c, uint32_t checksum, struct ni_result *ret,
                              struct xdr_in *ret_objects)
{
        const struct errand e = {.program = NI_PROGRAM, .version = NI_VERSION, .procedure = NI_PROC_readall};
        const struct ni_args args = {.number = checksum};
        struct xdr_in in;
        errand_begin(c, &e);
        ni_args_encode(NI_PROC_readall, &args, &c->call);
        const enum ni_status status = errand_run(c, &e, &in);
        if (status != NI_OK)
                return status;
        if (!ni_readall_head(&in, ret))
                return undecoded(c);
        *ret_objects = in;
        return NI_OK;
}

enum ni_status client_binder(struct client *c, enum nibind_proc proc, const struct binder_args *args,
                             struct binder_result *ret)
{
        const bool write = proc == NIBIND_PROC_register || proc == NIBIND_PROC_unregister ||
                           proc == NIBIND_PROC_createmaster || proc == NIBIND_PROC_createclone ||
                           proc == NIBIND_PROC_destroydomain;
        const struct errand e = {
                .program = NIBIND_PROGRAM, .version = NIBIND_VERSION, .procedure = proc, .write = write};
        struct xdr_in in;
        errand_begin(c, &e);
        binder_args_encode(proc, args, &c->call);
        const enum ni_status status = errand_run(c, &e, &in);
        if (status != NI_OK)
                return status;
        return binder_result_decode(proc, &in, ret) ? NI_OK : undecoded(c);
}

static struct errand ext_errand(enum niext_proc proc)
{
        return (struct errand){.program = NIEXT_PROGRAM,
                               .version = NIEXT_VERSION,
                               .procedure = proc,
                               .write = proc == NIEXT_PROC_edit};
}

static struct bytes tag_or_ours(const struct client *c, struct bytes tag)
{
        return tag.len ? tag : bytes_str(c->place.tag);
}

enum ni_status client_status(struct client *c, struct ext_status_result *ret)
{
        const struct errand e = ext_errand(NIEXT_PROC_status);
        struct xdr_in in;
        errand_begin(c, &e);
        ext_tag_encode(bytes_str(c->place.tag), &c->call);
        const enum ni_status status = errand_run(c, &e, &in);
        if (status != NI_OK)
                return status;
        return ext_status_decode(&in, ret) ? NI_OK : undecoded(c);
}

enum ni_status client_changes(struct client *c, const struct ext_changes_args *args,
                              struct ext_changes_result *ret)
{
        struct errand e = ext_errand(NIEXT_PROC_changes);
        struct ext_changes_args full = *args;
        struct xdr_in in;
        full.tag = tag_or_ours(c, args->tag);
        e.wait_ms = args->wait_ms;
        errand_begin(c, &e);
        ext_changes_args_encode(&full, &c->call);
        const enum ni_status status = errand_run(c, &e, &in);
        if (status != NI_OK)
                return status;
        return ext_changes_decode(&in, &c->arena, ret) ? NI_OK : undecoded(c);
}

enum ni_status client_snapshot(struct client *c, const struct ext_snapshot_args *args,
                               struct ext_snapshot_result *ret)
{
        const struct errand e = ext_errand(NIEXT_PROC_snapshot);
        struct ext_snapshot_args full = *args;
        struct xdr_in in;
        full.tag = tag_or_ours(c, args->tag);
        errand_begin(c, &e);
        ext_snapshot_args_encode(&full, &c->call);
        const enum ni_status status = errand_run(c, &e, &in);
        if (status != NI_OK)
                return status;
        return ext_snapshot_decode(&in, &c->arena, ret) ? NI_OK : undecoded(c);
}

enum ni_status client_replica(struct client *c, const struct ext_replica_args *args,
                              struct ext_replica_result *ret)
{
        struct errand e = ext_errand(NIEXT_PROC_replica);
        struct ext_replica_args full = *args;
        struct xdr_in in;
        full.tag = tag_or_ours(c, args->tag);
        e.write = args->verb != EXT_REPLICA_SHOW;
        errand_begin(c, &e);
        ext_replica_args_encode(&full, &c->call);
        const enum ni_status status = errand_run(c, &e, &in);
        if (status != NI_OK)
                return status;
        return ext_replica_decode(&in, &c->arena, ret) ? NI_OK : undecoded(c);
}

enum ni_status client_edit(struct client *c, const struct ext_edit_args *args, struct ext_edit_result *ret)
{
        const struct errand e = ext_errand(NIEXT_PROC_edit);
        struct ext_edit_args full = *args;
        struct xdr_in in;
        full.tag = tag_or_ours(c, args->tag);
        errand_begin(c, &e);
        ext_edit_args_encode(&full, &c->call);
        const enum ni_status status = errand_run(c, &e, &in);
        if (status != NI_OK)
                return status;
        return ext_edit_decode(&in, &c->arena, ret) ? NI_OK : undecoded(c);
}

enum ni_status client_edit_ahead(struct client *c, const struct ext_edit_args *args, uint32_t *ret_ticket)
{
        const struct errand e = ext_errand(NIEXT_PROC_edit);
        struct ext_edit_args full = *args;
        if (c->ahead_count == CLIENT_AHEAD)
                return NI_NOSPACE;
        full.tag = tag_or_ours(c, args->tag);
        errand_begin(c, &e);
        const uint32_t xid = c->xid;
        ext_edit_args_encode(&full, &c->call);
        const enum ni_status status = errand_ahead(c, &e);
        if (status != NI_OK)
                c->ahead_count = 0;
        else
                *ret_ticket = xid;
        return status;
}

enum ni_status client_edit_answer(struct client *c, uint32_t *ret_ticket, struct ext_edit_result *ret)
{
        const struct errand e = ext_errand(NIEXT_PROC_edit);
        struct xdr_in in;
        if (!c->ahead_count)
                return NI_NODIR;
        arena_reset(&c->arena);
        c->reason[0] = '\0';
        enum ni_status status = errand_answer(c, &e, ret_ticket, &in);
        if (status == NI_OK && !ext_edit_decode(&in, &c->arena, ret))
                status = undecoded(c);
        if (status != NI_OK)
                c->ahead_count = 0;
        return status;
}

enum ni_status client_search(struct client *c, const struct ext_search_args *args,
                             struct ext_search_result *ret)
{
        const struct errand e = ext_errand(NIEXT_PROC_search);
        struct ext_search_args full = *args;
        struct xdr_in in;
        full.tag = tag_or_ours(c, args->tag);
        errand_begin(c, &e);
        ext_search_args_encode(&full, &c->call);
        const enum ni_status status = errand_run(c, &e, &in);
        if (status != NI_OK)
                return status;
        return ext_search_decode(&in, &c->arena, ret) ? NI_OK : undecoded(c);
}

enum ni_status client_history(struct client *c, const struct ext_history_args *args,
                              struct ext_history_result *ret)
{
        const struct errand e = ext_errand(NIEXT_PROC_history);
        struct ext_history_args full = *args;
        struct xdr_in in;
        full.tag = tag_or_ours(c, args->tag);
        errand_begin(c, &e);
        ext_history_args_encode(&full, &c->call);
        const enum ni_status status = errand_run(c, &e, &in);
        if (status != NI_OK)
                return status;
        return ext_history_decode(&in, &c->arena, ret) ? NI_OK : undecoded(c);
}

enum ni_status client_join(struct client *c, const struct ext_join_args *args, struct ext_join_result *ret)
{
        struct errand e = ext_errand(NIEXT_PROC_join);
        struct xdr_in in;
        e.write = true;
        errand_begin(c, &e);
        ext_join_args_encode(args, &c->call);
        const enum ni_status status = errand_run(c, &e, &in);
        if (status != NI_OK)
                return status;
        return ext_join_decode(&in, ret) ? NI_OK : undecoded(c);
}

enum ni_status client_authority(struct client *c, const struct ext_authority_args *args,
                                struct ext_authority_result *ret)
{
        struct errand e = ext_errand(NIEXT_PROC_authority);
        struct xdr_in in;
        e.write = args->verb != EXT_AUTHORITY_SHOW;
        errand_begin(c, &e);
        ext_authority_args_encode(args, &c->call);
        const enum ni_status status = errand_run(c, &e, &in);
        if (status != NI_OK)
                return status;
        return ext_authority_decode(&in, &c->arena, ret) ? NI_OK : undecoded(c);
}

enum ni_status client_renew(struct client *c, const struct ext_renew_args *args, struct ext_renew_result *ret)
{
        const struct errand e = ext_errand(NIEXT_PROC_renew);
        struct xdr_in in;
        errand_begin(c, &e);
        ext_renew_args_encode(args, &c->call);
        const enum ni_status status = errand_run(c, &e, &in);
        if (status != NI_OK)
                return status;
        return ext_renew_decode(&in, ret) ? NI_OK : undecoded(c);
}

/* One call of the walk; its own status counts. */
static enum ni_status step(struct client *c, enum ni_proc proc, const struct ni_args *args,
                           struct ni_result *ret)
{
        const enum ni_status status = client_ni(c, proc, args, ret);
        if (status != NI_OK)
                return status;
        /* protocol.md 2.3: BADID and NODIR mean the same for an id that was passed. */
        return ret->status == NI_BADID ? NI_NODIR : ret->status;
}

static enum ni_status walk(struct client *c, const struct path *p, struct ni_id *ret, uint32_t *ret_step)
{
        struct ni_args args = {.id.object = p->numeric ? p->object : 0};
        struct ni_result result = {0};
        for (uint32_t i = 0; i < p->n; i++) {
                args.key = p->step[i].key;
                args.value = p->step[i].value;
                *ret_step = i;
                enum ni_status status = step(c, NI_PROC_lookup, &args, &result);
                if (status == NI_OK && result.object_count == 0)
                        status = NI_NODIR;
                if (status != NI_OK)
                        return status;
                args.id = (struct ni_id){result.objects[0], 0}; /* the first hit (protocol.md 4.7) */
        }
        const enum ni_status status = step(c, NI_PROC_self, &args, &result);
        if (status == NI_OK)
                *ret = result.id;
        return status;
}

enum ni_status client_path(struct client *c, const char *path, struct ni_id *ret, uint32_t *ret_step,
                           struct client_why *why)
{
        struct arena a;
        struct path p;
        const char *reason;
        uint32_t at = 0;
        enum ni_status status = NI_BADID;
        arena_init(&a, PATH_MEMORY);
        if (!path_parse(bytes_str(path), &a, &p, &reason)) {
                snprintf(why->text, sizeof(why->text), "%.200s: %s", path, reason);
        } else {
                status = walk(c, &p, ret, &at);
                if (status != NI_OK)
                        snprintf(why->text, sizeof(why->text), "%.200s: %s", path,
                                 c->reason[0] ? c->reason : status_text(status));
                if (ret_step && status == NI_NODIR)
                        *ret_step = at;
        }
        arena_done(&a);
        return status;
}
