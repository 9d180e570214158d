/* A full transfer from a historical master into a new store: read, checked, swapped (doc/replication.md 7,
 * doc/protocol.md 5.5). */
#include "server/replica-internal.h"
#include "sys/clock.h"
#include "sys/log.h"

#include <stdio.h>
#include <stdlib.h>

#define READALL_MS    60000u /* doc/protocol.md 3.7 */
#define COMMIT_EVERY  5000u  /* objects in one transaction */
#define FIRST_ORDINAL ((uint64_t)1 << 62)
#define ORDINAL_STEP  ((uint64_t)1 << 32) /* doc/store-format.md, children */

/* Where a directory stands, as its parent says. */
struct spot {
        uint32_t object, parent;
        uint64_t ordinal;
};

struct transfer {
        struct replica *r;
        struct spot *spot; /* by object, when sorted */
        uint32_t spots, room, objects;
        uint32_t checksum; /* of what came */
        bool root;
        uint64_t seq;
        const char *wrong;
};

static bool bad(struct transfer *t, const char *why)
{
        t->wrong = why;
        return false;
}

static bool add_spots(struct transfer *t, const struct ni_object *o)
{
        if (o->child_count > NI_CHILDREN_MAX - t->spots)
                return bad(t, "too many directories");
        if (t->spots + o->child_count > t->room) {
                const uint32_t room = (t->spots + o->child_count) * 2;
                struct spot *v = realloc(t->spot, room * sizeof(*v));
                if (!v)
                        return bad(t, "out of memory");
                t->spot = v;
                t->room = room;
        }
        for (uint32_t i = 0; i < o->child_count; i++)
                t->spot[t->spots++] = (struct spot){.object = o->children[i],
                                                    .parent = o->id.object,
                                                    .ordinal = FIRST_ORDINAL + i * ORDINAL_STEP};
        return true;
}

static int by_object(const void *a, const void *b)
{
        const struct spot *x = a, *y = b;
        return x->object < y->object ? -1 : x->object > y->object;
}

/* First pass: who stands where, and does it add up? */
static bool survey(struct transfer *t, struct xdr_in in, uint32_t announced)
{
        struct ni_object o;
        struct arena a;
        bool ok = true;
        arena_init(&a, LIMIT_ARENA);
        while (ok && ni_readall_next(&in, &a, &o)) {
                t->checksum += (o.id.object + 1) * o.id.instance;
                t->root |= o.id.object == 0;
                t->objects++;
                ok = add_spots(t, &o);
                arena_reset(&a);
        }
        arena_done(&a);
        if (!ok)
                return false;
        if (!xdr_ok(&in))
                return bad(t, "the list of objects does not decode");
        if (t->objects == 0)
                return true;
        if (!t->root)
                return bad(t, "there is no root directory");
        if (t->checksum != announced)
                return bad(t, "the objects have another checksum than the one announced");
        if (t->spots != t->objects - 1)
                return bad(t, "some directories are in no list of children, or in two");
        if (t->spots)
                qsort(t->spot, t->spots, sizeof(*t->spot), by_object);
        for (uint32_t i = 1; i < t->spots; i++)
                if (t->spot[i].object == t->spot[i - 1].object)
                        return bad(t, "a directory is in two lists of children");
        return true;
}

static bool put(struct transfer *t, struct store_txn *txn, const struct ni_object *o)
{
        const struct spot key = {.object = o->id.object};
        const struct spot *at =
                t->spots ? bsearch(&key, t->spot, t->spots, sizeof(*t->spot), by_object) : NULL;
        struct store_node there;
        struct buf props;
        if (o->id.object == 0 ? at != NULL || o->parent != 0 : !at || at->parent != o->parent)
                return bad(t, "a directory and its parent contradict each other");
        if (o->id.object && store_get(txn, o->id.object, &there) == NI_OK)
                return bad(t, "two directories have the same number");
        buf_init(&props, LIMIT_NODE + 4096);
        xdr_put_proplist(&props, o->props);
        const struct store_node n = {.id = o->id,
                                     .parent = o->parent,
                                     .ordinal = at ? at->ordinal : 0,
                                     .born = t->seq,
                                     .version = t->seq,
                                     .props = buf_bytes(&props)};
        const bool ok = !props.failed && store_replay_node(txn, &n) == NI_OK;
        buf_done(&props);
        return ok || bad(t, "a directory cannot be stored (too large, or no space)");
}

/* Second pass: into the new store. */
static bool build(struct transfer *t, struct xdr_in in, const uint8_t uuid[16])
{
        struct replica *r = t->r;
        struct store_origin origin = r->origin;
        struct store_txn *txn = NULL;
        struct ni_object o;
        struct arena a;
        uint32_t n = 0;
        origin.filled = true;
        bool ok = replica_aside_new(r) && store_write_begin(r->aside, &txn) == NI_OK;
        if (!ok)
                return bad(t, "the new store cannot be made");
        ok = store_replay_head(txn, uuid, 0, t->seq) == NI_OK && store_set_origin(txn, &origin) == NI_OK;
        arena_init(&a, LIMIT_ARENA);
        while (ok && ni_readall_next(&in, &a, &o)) {
                ok = put(t, txn, &o);
                arena_reset(&a);
                if (ok && ++n % COMMIT_EVERY == 0) {
                        ok = store_commit(txn, NULL) == NI_OK;
                        txn = NULL;
                        ok = ok && store_write_begin(r->aside, &txn) == NI_OK;
                }
        }
        arena_done(&a);
        if (txn && ok)
                ok = store_commit(txn, NULL) == NI_OK;
        else if (txn)
                store_abort(txn);
        if (!ok && !t->wrong)
                bad(t, "the new store cannot be written; see the disk's free space");
        return ok;
}

static enum pull_result receive(struct replica *r, struct xdr_in in, uint32_t announced,
                                const struct follow_point *here)
{
        struct transfer t = {.r = r, .seq = here->seq + 1};
        struct follow_point now;
        enum pull_result result = PULL_FAILED;
        bool ok = survey(&t, in, announced);
        if (ok && t.objects == 0)
                result = PULL_SAME;
        else if (ok && build(&t, in, here->uuid) && replica_aside_swap(r, NULL, &now))
                result = PULL_SWAPPED;
        free(t.spot);
        if (t.wrong) {
                replica_aside_drop(r);
                replica_tell(r, "away", t.wrong);
        }
        if (result == PULL_SWAPPED) {
                r->origin.filled = true;
                log_event(LOG_LEVEL_NOTICE, "replica-copied", "tag=%s directories=%u checksum=%u", r->d->tag,
                          t.objects, announced);
                r->d->committed(r->d, r->d->context);
        }
        return result;
}

/* Pushed calls come from where the master was found. */
static void learn_master(struct replica *r, const struct client *c)
{
        char text[64];
        uint32_t v4;
        snprintf(text, sizeof(text), "%s", client_peer(c));
        text[strcspn(text, ":")] = '\0';
        if (!ipv4_parse(bytes_str(text), &v4))
                return;
        pthread_mutex_lock(&r->mutex);
        r->seen.master = address_from_ipv4(v4);
        r->seen.has_master = true;
        pthread_mutex_unlock(&r->mutex);
}

static enum pull_result ask(struct replica *r, struct client *c)
{
        struct follow_point here;
        struct ni_result head;
        struct xdr_in objects;
        if (!replica_point(r, &here))
                return PULL_FAILED;
        client_set_timeout(c, READALL_MS, READALL_MS);
        /* The minimal database of a new clone may have the master's checksum: a first time, all is wanted. */
        const uint32_t mine = r->origin.filled ? here.checksum : ~here.checksum;
        const enum ni_status st = client_readall(c, mine, &head, &objects);
        if (st != NI_OK) {
                if (!replica_has_news(r))
                        replica_tell(r, "away", client_reason(c));
                return PULL_FAILED;
        }
        if (head.status == NI_MASTERBUSY) {
                replica_tell(r, "away", "the master is busy");
                return PULL_BUSY;
        }
        if (head.status != NI_OK) {
                char words[128];
                snprintf(words, sizeof(words), "the master answers READALL with status %d: is it one?",
                         (int)head.status);
                replica_tell(r, "away", words);
                return PULL_FAILED;
        }
        return receive(r, objects, head.checksum, &here);
}

enum pull_result replica_read_all(struct replica *r)
{
        struct client_why why = {""};
        struct client *c;
        if (replica_dial(r, r->origin.where, REPLICA_CALL_MS, &c, &why) != NI_OK) {
                if (!replica_has_news(r))
                        replica_tell(r, "away", why.text);
                return PULL_FAILED;
        }
        learn_master(r, c);
        replica_tell(r, "copying", "");
        const enum pull_result result = ask(r, c);
        client_close(c);
        if (result == PULL_SAME || result == PULL_SWAPPED)
                replica_tell(r, "following", "");
        return result;
}
