/* CHANGES of the extension program: journal entries in order, as this caller may see them. */
#include "directory/internal.h"

#include "base/limits.h"

#define ENTRY_OVERHEAD  32u /* XDR bytes of an ext_entry besides its texts and records */
#define RECORD_OVERHEAD 64u /* of an ext_record besides its properties */

/* Which entries: (after, last], newest last. */
struct range {
        uint64_t after, last;
        uint32_t most; /* entries */
};

static enum ni_status choose(const struct ext_changes_args *args, const struct store_info *info,
                             struct range *ret)
{
        struct range g = {args->seq, info->seq, LIMIT_CHANGES};
        if (args->max_entries && args->max_entries < g.most)
                g.most = args->max_entries;
        if (args->epoch && args->epoch != info->epoch)
                return (enum ni_status)EXT_TAKE_SNAPSHOT;
        if (args->flags & EXT_CHANGES_NEWEST) { /* seq counts from the end */
                g.last = args->seq < info->seq ? info->seq - args->seq : 0;
                g.after = g.last > g.most ? g.last - g.most : 0;
                if (g.after + 1 < info->first_seq)
                        g.after = info->first_seq - 1;
        } else if (args->seq > info->seq || args->seq + 1 < info->first_seq) {
                /* a future that never was, or a past that the journal has forgotten */
                return (enum ni_status)EXT_TAKE_SNAPSHOT;
        }
        *ret = g;
        return NI_OK;
}

bool dir_copy_record(struct dir_request *rq, const struct store_record *from, bool before,
                     struct ext_record *to, size_t *bytes)
{
        *to = (struct ext_record){.kind = from->kind,
                                  .object = from->object,
                                  .born = from->born,
                                  .instance = from->instance,
                                  .parent = from->parent,
                                  .ordinal = from->ordinal};
        if (from->has_before && before) {
                to->has_before = true;
                to->before = dir_shown(rq, from->before);
        }
        if (from->has_after) {
                to->has_after = true;
                to->after = dir_shown(rq, from->after);
        }
        *bytes += RECORD_OVERHEAD + to->before.len + to->after.len;
        return (!to->has_before || to->before.data) && (!to->has_after || to->after.data);
}

/* One entry as the caller may see it, and about how many bytes it takes in the reply. */
static enum ni_status copy_entry(struct dir_request *rq, uint64_t seq, bool before, struct ext_entry *ret,
                                 size_t *ret_bytes)
{
        struct store_entry from;
        const enum ni_status s = store_journal_get(rq->txn, seq, rq->arena, &from);
        if (s != NI_OK)
                return s == NI_NODIR ? NI_SYSTEMERR : s; /* within first_seq .. seq there are no gaps */
        *ret = (struct ext_entry){.seq = from.seq,
                                  .when = from.when,
                                  .who = from.who,
                                  .from = from.from,
                                  .what = from.what,
                                  .record_count = from.record_count};
        size_t bytes = ENTRY_OVERHEAD + from.who.len + from.from.len + from.what.len;
        ret->records = arena_zalloc(rq->arena, from.record_count, sizeof(*ret->records));
        if (!ret->records)
                return NI_SYSTEMERR;
        for (uint32_t i = 0; i < from.record_count; i++)
                if (!dir_copy_record(rq, &from.records[i], before, &ret->records[i], &bytes))
                        return NI_SYSTEMERR;
        *ret_bytes = bytes;
        return NI_OK;
}

/* Fills `v` from its front with entries in order (forward) or from its end backwards, until LIMIT_CALL bytes.
 * The first entry always goes in, however large, up to what a reply may hold: beyond that a snapshot is the
 * only way to learn it. */
static enum ni_status collect(struct dir_request *rq, const struct range *g, uint32_t flags, uint32_t n,
                              struct ext_entry *v, uint32_t *ret_count)
{
        const bool newest = flags & EXT_CHANGES_NEWEST;
        uint32_t done = 0;
        for (size_t total = 0; done < n; done++) {
                const uint64_t seq = newest ? g->last - done : g->after + 1 + done;
                struct ext_entry *e = newest ? &v[n - 1 - done] : &v[done];
                size_t bytes = 0;
                const enum ni_status s = copy_entry(rq, seq, flags & EXT_CHANGES_BEFORE, e, &bytes);
                if (s != NI_OK && !rq->arena->failed)
                        return s;
                total += bytes;
                if (done > 0 && (s != NI_OK || total > LIMIT_CALL))
                        break; /* what we have is an answer */
                if (s != NI_OK || total > LIMIT_REPLY - LIMIT_CALL)
                        return (enum ni_status)EXT_TAKE_SNAPSHOT;
        }
        *ret_count = done;
        return NI_OK;
}

void dir_changes(struct dir_request *rq, const struct ext_changes_args *args, struct ext_changes_result *ret)
{
        struct store_info info;
        struct range g = {0};
        struct ext_changes_result r = {0};
        enum ni_status s = store_get_info(rq->txn, &info);
        if (s == NI_OK && args->flags & EXT_CHANGES_WHOLE && dir_hides(rq))
                s = NI_PERM;
        if (s == NI_OK)
                s = choose(args, &info, &g);
        if (s == NI_OK) {
                const uint64_t have = g.last > g.after ? g.last - g.after : 0;
                const uint32_t n = have < g.most ? (uint32_t)have : g.most;
                r.epoch = info.epoch;
                r.seq = info.seq;
                r.entries = arena_zalloc(rq->arena, n, sizeof(*r.entries));
                s = r.entries ? collect(rq, &g, args->flags, n, r.entries, &r.entry_count) : NI_SYSTEMERR;
                if (args->flags & EXT_CHANGES_NEWEST && r.entries)
                        r.entries += n - r.entry_count; /* they stand at the end */
        }
        *ret = s == NI_OK ? r : (struct ext_changes_result){.status = s};
}
