/* Following: carries out what the core says (doc/replication.md 2, 3). */
#include "server/replica-internal.h"
#include "sys/clock.h"
#include "sys/log.h"

#include <stdio.h>
#include <stdlib.h>

void replica_follow_begin(struct replica *r, struct follow_event *ret)
{
        *ret = (struct follow_event){.kind = FOLLOW_STARTED, .filled = r->origin.filled};
        follow_init(&r->follow);
        if (!replica_point(r, &ret->point))
                ret->filled = false;
}

static void hang_up(struct replica *r)
{
        client_close(r->client);
        r->client = NULL;
}

static void lost(struct replica *r, struct follow_event *ret, const char *why)
{
        ret->kind = FOLLOW_LOST;
        if (!replica_has_news(r)) /* else somebody wanted us to stop waiting */
                replica_tell(r, "away", why);
        hang_up(r);
}

/* -- STATUS -- */

static bool is_hidden(const struct ext_status_result *s)
{
        static const uint8_t none[sizeof(s->digest)];
        return memcmp(s->digest, none, sizeof(none)) == 0;
}

static void there(struct replica *r, struct follow_event *ret)
{
        struct ext_status_result s;
        const enum ni_status st = client_status(r->client, &s);
        if (st == NI_BADOP && r->origin.kind == STORE_ORIGIN_ASK) { /* it knows no extension program */
                r->origin.kind = STORE_ORIGIN_COPY;
                replica_keep_origin(r);
                lost(r, ret, "a historical server");
                return;
        }
        if (st != NI_OK || s.status != NI_OK) {
                char words[160];
                snprintf(words, sizeof(words), "the master answers STATUS with status %u", s.status);
                lost(r, ret, st != NI_OK ? client_reason(r->client) : words);
                return;
        }
        if (r->origin.kind == STORE_ORIGIN_ASK) {
                r->origin.kind = STORE_ORIGIN_FOLLOW;
                replica_keep_origin(r);
        }
        ret->kind = FOLLOW_THERE;
        ret->point = (struct follow_point){.epoch = s.epoch, .seq = s.seq, .checksum = s.checksum};
        memcpy(ret->point.uuid, s.uuid, sizeof(s.uuid));
        memcpy(ret->point.digest, s.digest, sizeof(s.digest));
        r->there = ret->point;
        ret->first_seq = s.first_seq;
        ret->hidden = is_hidden(&s);
}

/* How often the domain has changed its master: kept, so that a promotion here counts one more. A number that
 * no count of promotions reaches is none. */
static void learn_term(struct replica *r)
{
        const struct ext_replica_args ask = {.verb = EXT_REPLICA_SHOW};
        struct ext_replica_result s;
        if (client_replica(r->client, &ask, &s) != NI_OK || s.status != NI_OK || s.term <= r->origin.term ||
            s.term > UINT32_MAX)
                return;
        r->origin.term = s.term;
        replica_keep_origin(r);
}

static void dial(struct replica *r, struct follow_event *ret)
{
        struct client_why why = {""};
        hang_up(r);
        if (replica_dial(r, r->origin.where, REPLICA_CALL_MS, &r->client, &why) != NI_OK) {
                r->client = NULL;
                lost(r, ret, why.text);
                return;
        }
        there(r, ret);
        if (ret->kind != FOLLOW_THERE)
                return;
        log_event(LOG_LEVEL_INFO, "replica-connected", "tag=%s peer=%s epoch=%llu seq=%llu", r->d->tag,
                  client_peer(r->client), (unsigned long long)ret->point.epoch,
                  (unsigned long long)ret->point.seq);
        learn_term(r);
}

/* -- SNAPSHOT -- */

/* The first page says what the copy will be a copy of. */
static enum ni_status begin_store(struct replica *r, struct store_txn *t, uint64_t epoch, uint64_t seq)
{
        struct store_origin o = r->origin;
        const enum ni_status st = store_replay_head(t, r->there.uuid, epoch, seq);
        o.filled = true;
        return st == NI_OK ? store_set_origin(t, &o) : st;
}

static enum ni_status put_page(struct replica *r, const struct ext_snapshot_result *p)
{
        struct store_txn *t;
        enum ni_status st = store_write_begin(r->aside, &t);
        if (st != NI_OK)
                return st;
        for (uint32_t i = 0; st == NI_OK && i < p->node_count; i++) {
                const struct ext_node *n = &p->nodes[i];
                const struct store_node node = {.id = n->id,
                                                .parent = n->parent,
                                                .ordinal = n->ordinal,
                                                .born = n->born,
                                                .version = n->version,
                                                .props = n->props};
                st = store_replay_page(t, &node);
        }
        if (st == NI_OK)
                return store_commit(t, NULL);
        store_abort(t);
        return st;
}

static enum ni_status begin_copy(struct replica *r, uint64_t epoch, uint64_t seq)
{
        struct store_txn *t;
        enum ni_status st = replica_aside_new(r) ? store_write_begin(r->aside, &t) : NI_SYSTEMERR;
        if (st != NI_OK)
                return st;
        st = begin_store(r, t, epoch, seq);
        if (st == NI_OK)
                return store_commit(t, NULL);
        store_abort(t);
        return st;
}

static void page(struct replica *r, const struct follow_action *a, struct follow_event *ret)
{
        const struct ext_snapshot_args args = {.epoch = a->epoch, .from = a->from};
        struct ext_snapshot_result p;
        if (client_snapshot(r->client, &args, &p) != NI_OK) {
                lost(r, ret, client_reason(r->client));
                return;
        }
        /* Another epoch than STATUS has told of: perhaps another domain. */
        *ret = (struct follow_event){.kind = FOLLOW_PAGED,
                                     .again = p.status == EXT_TAKE_SNAPSHOT ||
                                              (p.status == NI_OK && p.epoch != r->there.epoch)};
        if (ret->again)
                return;
        if (p.status != NI_OK) {
                lost(r, ret, "the master refuses SNAPSHOT");
                return;
        }
        ret->epoch = p.epoch;
        ret->seq = p.seq;
        ret->more = p.more;
        ret->next = p.next;
        enum ni_status st = NI_OK;
        if (a->fresh) {
                log_event(LOG_LEVEL_NOTICE, "replica-copy", "tag=%s epoch=%llu seq=%llu", r->d->tag,
                          (unsigned long long)p.epoch, (unsigned long long)p.seq);
                st = begin_copy(r, p.epoch, p.seq);
        }
        if (st == NI_OK)
                st = put_page(r, &p);
        if (st != NI_OK) {
                ret->kind = FOLLOW_LOCAL;
                replica_tell(r, "away", "the copy cannot be written; see the disk's free space");
        }
}

/* -- CHANGES -- */

static enum ni_status put_entry(struct store_txn *t, const struct ext_entry *e, bool loosely)
{
        struct store_entry to = {.seq = e->seq,
                                 .when = e->when,
                                 .who = e->who,
                                 .from = e->from,
                                 .what = e->what,
                                 .record_count = e->record_count};
        to.records = calloc(e->record_count ? e->record_count : 1, sizeof(*to.records));
        if (!to.records)
                return NI_NOSPACE;
        for (uint32_t i = 0; i < e->record_count; i++)
                to.records[i] = dir_store_record(&e->records[i]);
        const enum ni_status st = loosely ? store_replay_loosely(t, &to) : store_replay_entry(t, &to);
        free(to.records);
        return st;
}

/* All that fit in, up to a->upto, as one transaction. NI_STALE, NI_SYSTEMERR: they do not fit what is here.
 */
static enum ni_status put_entries(struct store_txn *t, const struct ext_changes_result *c,
                                  const struct follow_action *a, struct follow_point *ret)
{
        struct store_info info;
        enum ni_status st = store_get_info(t, &info);
        for (uint32_t i = 0; st == NI_OK && i < c->entry_count && c->entries[i].seq <= a->upto; i++)
                if (c->entries[i].seq > info.seq)
                        st = put_entry(t, &c->entries[i], a->aside);
        if (st == NI_OK)
                st = store_get_info(t, &info);
        if (st == NI_OK)
                *ret = point_of_info(&info);
        return st;
}

static void apply(struct replica *r, struct store *s, const struct ext_changes_result *c,
                  const struct follow_action *a, struct follow_event *ret)
{
        struct store_txn *t;
        bool unknown = false;
        if (!s || store_write_begin(s, &t) != NI_OK) {
                ret->kind = FOLLOW_LOCAL;
                if (!a->aside)
                        domain_repair(r->d);
                return;
        }
        const enum ni_status st = put_entries(t, c, a, &ret->point);
        ret->fits = st == NI_OK;
        if (st == NI_OK && !a->aside)
                store_journal_trim(t, clock_wall_us(), 1024, NULL);
        if (st == NI_OK && store_commit(t, &unknown) == NI_OK)
                return;
        if (st != NI_OK)
                store_abort(t);
        if (st == NI_OK || st == NI_NOSPACE) {
                replica_tell(r, "away", "changes cannot be written; see the disk's free space");
                ret->kind = FOLLOW_LOCAL;
                if (!a->aside)
                        domain_repair(r->d);
        } else {
                log_event(LOG_LEVEL_WARNING, "replica-gap", "tag=%s seq=%llu status=%d", r->d->tag,
                          (unsigned long long)a->seq, (int)st);
        }
}

static void changes(struct replica *r, const struct follow_action *a, struct follow_event *ret)
{
        struct domain *d = r->d;
        const struct ext_changes_args args = {.epoch = a->epoch,
                                              .seq = a->seq,
                                              .wait_ms = a->wait_ms,
                                              .flags = EXT_CHANGES_BEFORE | EXT_CHANGES_WHOLE};
        struct ext_changes_result c;
        if (client_changes(r->client, &args, &c) != NI_OK) {
                lost(r, ret, client_reason(r->client));
                return;
        }
        *ret = (struct follow_event){.kind = FOLLOW_APPLIED,
                                     .again = c.status == EXT_TAKE_SNAPSHOT,
                                     .epoch = c.epoch,
                                     .head = c.seq,
                                     .fits = true};
        if (ret->again)
                return;
        if (c.status != NI_OK) {
                lost(r, ret, "the master refuses CHANGES");
                return;
        }
        if (c.entry_count == 0) {
                ret->point = r->follow.here;
                ret->point.seq = a->seq;
                return;
        }
        if (a->aside) {
                apply(r, r->aside, &c, a, ret);
                return;
        }
        pthread_mutex_lock(&d->batch);
        apply(r, d->store, &c, a, ret);
        const bool news = ret->kind == FOLLOW_APPLIED && ret->fits;
        if (news)
                d->seq = ret->point.seq;
        pthread_mutex_unlock(&d->batch);
        if (news)
                d->committed(d, d->context);
}

/* Pages do not say whether their secrets are hidden: what we may see is asked once more before they become
 * the content. Who was hidden from for a moment in between is found by the digest, right afterwards. */
static void swap(struct replica *r, struct follow_event *ret)
{
        there(r, ret);
        if (ret->kind != FOLLOW_THERE || ret->hidden) {
                replica_aside_drop(r);
                return;
        }
        *ret = (struct follow_event){.kind = FOLLOW_SWAPPED};
        ret->ok = replica_aside_swap(r, &r->there, &ret->point);
        if (!ret->ok)
                return;
        r->origin.filled = true;
        log_event(LOG_LEVEL_NOTICE, "replica-copied", "tag=%s epoch=%llu seq=%llu", r->d->tag,
                  (unsigned long long)ret->point.epoch, (unsigned long long)ret->point.seq);
        r->d->committed(r->d, r->d->context);
}

void replica_follow(struct replica *r, const struct follow_action *a, struct follow_event *ret)
{
        *ret = (struct follow_event){.kind = FOLLOW_WOKE};
        switch (a->kind) {
        case FOLLOW_CONNECT:
                dial(r, ret);
                break;
        case FOLLOW_ASK:
                there(r, ret);
                break;
        case FOLLOW_PAGE:
                page(r, a, ret);
                break;
        case FOLLOW_CHANGES:
                changes(r, a, ret);
                break;
        case FOLLOW_SWAP:
                swap(r, ret);
                break;
        default:
                replica_wait(r, a->wait_ms);
        }
        ret->turn = a->turn;
}
