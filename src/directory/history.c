/* HISTORY of the extension program: what the journal knows of one directory. The journal has no index by
 * directory, so both kinds walk over it, a bounded number of entries at a time. */
#include "directory/internal.h"

#include "base/limits.h"

struct history {
        struct dir_request *rq;
        const struct ext_history_args *args;
        struct store_info info;
        struct arena scratch; /* one journal entry */
        struct ext_history_result r;
};

static enum ni_status entry_at(struct history *h, uint64_t seq, struct store_entry *ret)
{
        arena_reset(&h->scratch);
        const enum ni_status s = store_journal_get(h->rq->txn, seq, &h->scratch, ret);
        return s == NI_NODIR ? NI_SYSTEMERR : s; /* within first_seq .. seq there are no gaps */
}

/* The newest change that was made at that time or before; first_seq - 1: none that the journal knows. */
static enum ni_status seq_at_time(struct history *h, uint64_t when, uint64_t *ret)
{
        uint64_t low = h->info.first_seq - 1, high = h->info.seq; /* `when` never decreases: halve */
        while (low < high) {
                struct store_entry e;
                const uint64_t middle = high - (high - low) / 2;
                const enum ni_status s = entry_at(h, middle, &e);
                if (s != NI_OK)
                        return s;
                if (e.when <= when)
                        low = middle;
                else
                        high = middle - 1;
        }
        *ret = low;
        return NI_OK;
}

static bool is_it(const struct ext_history_args *args, const struct store_record *r)
{
        return r->object == args->object && (args->born == 0 || r->born == args->born);
}

/* Adds the entry when it has records of the directory: those only. */
static enum ni_status add_entry(struct history *h, const struct store_entry *from, size_t *size)
{
        struct ext_entry e = {.seq = from->seq,
                              .when = from->when,
                              .who = from->who,
                              .from = from->from,
                              .what = from->what};
        uint32_t n = 0;
        for (uint32_t i = 0; i < from->record_count; i++)
                n += is_it(h->args, &from->records[i]);
        if (n == 0)
                return NI_OK;
        e.records = arena_zalloc(h->rq->arena, n, sizeof(*e.records));
        if (!e.records)
                return NI_SYSTEMERR;
        *size += 32 + from->who.len + from->from.len + from->what.len;
        for (uint32_t i = 0; i < from->record_count; i++)
                if (is_it(h->args, &from->records[i]) &&
                    !dir_copy_record(h->rq, &from->records[i], h->args->flags & EXT_HISTORY_BEFORE,
                                     &e.records[e.record_count++], size))
                        return NI_SYSTEMERR;
        h->r.entries[h->r.entry_count++] = e;
        return NI_OK;
}

/* Newest first, from seq `at` down to the beginning of the directory or of the journal. */
static enum ni_status list(struct history *h, uint64_t at)
{
        const uint64_t oldest = h->args->born > h->info.first_seq ? h->args->born : h->info.first_seq;
        const uint32_t most = h->args->max_entries && h->args->max_entries < LIMIT_CHANGES
                                      ? h->args->max_entries
                                      : LIMIT_CHANGES;
        enum ni_status s = NI_OK;
        struct store_node n;
        size_t size = 0;
        uint32_t visited = 0;
        if (store_get(h->rq->txn, h->args->object, &n) == NI_OK && n.version < at)
                at = n.version; /* what is newer says nothing of this number */
        h->r.entries = arena_zalloc(h->rq->arena, most, sizeof(*h->r.entries));
        if (!h->r.entries)
                return NI_SYSTEMERR;
        for (; s == NI_OK && at >= oldest && at > 0; at--) {
                struct store_entry e;
                if (visited++ == LIMIT_HISTORY_VISIT || h->r.entry_count == most || size >= LIMIT_CALL) {
                        h->r.more = true;
                        h->r.next = at;
                        break;
                }
                s = entry_at(h, at, &e);
                if (s == NI_OK)
                        s = add_entry(h, &e, &size);
        }
        return s;
}

/* What the entry says about the directory's properties just before it. Within one change a directory can be
 * changed and moved, and a number given up and taken again: the record with `before` is of who was there. */
static const struct store_record *telling(const struct ext_history_args *args, const struct store_entry *e)
{
        const struct store_record *found = NULL;
        for (uint32_t i = 0; i < e->record_count; i++) {
                const struct store_record *r = &e->records[i];
                if (!is_it(args, r))
                        continue;
                if (r->has_before)
                        return r;
                found = r;
        }
        return found;
}

/* It has not changed since: what stands now stood then. */
static enum ni_status as_it_is(struct history *h, uint64_t at)
{
        struct store_node n;
        const enum ni_status s = store_get(h->rq->txn, h->args->object, &n);
        if (s != NI_OK)
                return s;
        if (n.born > at || (h->args->born && n.born != h->args->born))
                return NI_NODIR;
        h->r.id = n.id;
        h->r.born = n.born;
        h->r.props = dir_shown(h->rq, n.props);
        return h->r.props.data ? NI_OK : NI_SYSTEMERR;
}

static enum ni_status as_it_was(struct history *h, const struct store_record *r, uint64_t seq)
{
        if (r->kind == STORE_CREATED)
                return NI_NODIR;
        h->r.until = seq;
        h->r.born = r->born;
        h->r.id.object = r->object;
        h->r.props = dir_shown(h->rq, r->before);
        return h->r.props.data ? NI_OK : NI_SYSTEMERR;
}

/* The first record after `at` that tells: its `before` is what stood at `at`. None: what stands now. */
static enum ni_status state_at(struct history *h, uint64_t at)
{
        struct store_node n;
        uint64_t seq = h->args->from > at ? h->args->from : at + 1;
        h->r.at = at;
        if (store_get(h->rq->txn, h->args->object, &n) == NI_OK && n.version <= at)
                return as_it_is(h, at);
        for (uint32_t visited = 0; seq <= h->info.seq; seq++) {
                struct store_entry e;
                if (visited++ == LIMIT_HISTORY_VISIT) {
                        h->r.more = true;
                        h->r.next = seq;
                        return NI_OK;
                }
                const enum ni_status s = entry_at(h, seq, &e);
                const struct store_record *r = s == NI_OK ? telling(h->args, &e) : NULL;
                if (s != NI_OK)
                        return s;
                if (r && (r->has_before || r->kind == STORE_CREATED))
                        return as_it_was(h, r, seq);
        }
        return as_it_is(h, at);
}

static enum ni_status choose(struct history *h)
{
        const struct ext_history_args *args = h->args;
        const bool list_kind = args->kind == EXT_HISTORY_LIST;
        uint64_t at = args->at;
        if (args->epoch && args->epoch != h->info.epoch)
                return (enum ni_status)EXT_TAKE_SNAPSHOT;
        if (args->flags & EXT_HISTORY_TIME) {
                const enum ni_status s = seq_at_time(h, args->at, &at);
                if (s != NI_OK)
                        return s;
                /* older than the oldest entry: what happened between the two is forgotten, unless nothing
                 * could */
                if (at + 1 == h->info.first_seq && at > 0 && !list_kind)
                        return (enum ni_status)EXT_TAKE_SNAPSHOT;
        } else if (list_kind && at == 0) {
                at = h->info.seq;
        }
        if (at > h->info.seq)
                at = h->info.seq;
        if (!list_kind && at + 1 < h->info.first_seq)
                return (enum ni_status)EXT_TAKE_SNAPSHOT;
        return list_kind ? list(h, at) : state_at(h, at);
}

void dir_history(struct dir_request *rq, const struct ext_history_args *args, struct ext_history_result *ret)
{
        struct history h = {.rq = rq, .args = args};
        arena_init(&h.scratch, LIMIT_ARENA);
        enum ni_status s = store_get_info(rq->txn, &h.info);
        h.r.kind = args->kind;
        h.r.epoch = h.info.epoch;
        h.r.seq = h.info.seq;
        if (s == NI_OK)
                s = choose(&h);
        arena_done(&h.scratch);
        *ret = s == NI_OK ? h.r : (struct ext_history_result){.status = s};
}
