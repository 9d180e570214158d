#include "binding/binding-internal.h"

#include <stdlib.h>

uint32_t binding_random(struct binding *b)
{
        b->random ^= b->random << 13; /* xorshift64 (Marsaglia 2003); the seed is the kernel's */
        b->random ^= b->random >> 7;
        b->random ^= b->random << 17;
        return (uint32_t)(b->random >> 32);
}

uint64_t binding_about(struct binding *b, uint64_t ms)
{
        return ms * 3 / 4 + binding_random(b) % (ms / 2 + 1);
}

bool binding_same(const struct binding_server *a, const struct binding_server *b)
{
        return a->addr == b->addr && strcmp(a->tag, b->tag) == 0;
}

struct binding_action *binding_act(struct binding *b, enum binding_action_kind kind)
{
        struct binding_actions *out = b->out;
        if (out->n == BINDING_ACTIONS)
                out->n--;
        struct binding_action *a = &out->v[out->n++];
        *a = (struct binding_action){.kind = kind};
        return a;
}

struct binding_action *binding_send(struct binding *b, enum binding_query query, uint32_t xid,
                                    const struct binding_server *to, uint16_t port)
{
        struct binding_action *a = binding_act(b, BINDING_SEND);
        a->query = query;
        a->xid = xid;
        a->to = to->addr;
        a->port = port;
        a->server = *to;
        return a;
}

void binding_tell(struct binding *b, enum binding_news news, const struct binding_server *s,
                  const char *reason)
{
        struct binding_action *a = binding_act(b, BINDING_TELL);
        a->news = news;
        a->reason = reason;
        if (s)
                a->server = *s;
}

struct binding *binding_new(const char *tag, uint64_t seed)
{
        struct binding *b = calloc(1, sizeof(*b));
        if (!b)
                return NULL;
        memcpy(b->tag, tag, strnlen(tag, LIMIT_TAG));
        b->random = seed ? seed : 1;
        b->wait = BINDING_RETRY_LEAST;
        b->due = UINT64_MAX;
        return b;
}

void binding_free(struct binding *b)
{
        free(b);
}

struct binding_answer binding_answer(const struct binding *b)
{
        struct binding_answer a = {.state = b->state};
        if (b->state == BINDING_IS_BOUND)
                a.parent = b->parent.server;
        return a;
}

/* -- beginnings and ends -- */

static void look(struct binding *b, enum purpose purpose)
{
        b->phase = LOOKING;
        b->purpose = purpose;
        b->again = false;
        binding_act(b, BINDING_LOOK);
}

static void rest(struct binding *b, uint64_t due)
{
        b->phase = RESTING;
        b->due = due;
}

/* Bound, and known to be alive now. */
static void rest_bound(struct binding *b)
{
        b->alive = b->now;
        rest(b, b->now + binding_about(b, BINDING_CHECK_MS));
}

static void set_state(struct binding *b, enum binding_state state, enum binding_news news, const char *reason)
{
        const bool was = b->state == BINDING_IS_BOUND && !b->replacing, same = b->state == state;
        const struct binding_server old = b->parent.server;
        b->state = state;
        b->replacing = false;
        if (was)
                binding_tell(b, BINDING_NOW_UNBOUND, &old, reason);
        if (!same)
                binding_tell(b, news, NULL, reason);
}

static void end_root(struct binding *b, bool forced)
{
        set_state(b, forced ? BINDING_IS_FORCED : BINDING_IS_ROOT, BINDING_NOW_ROOT,
                  forced ? "forced" : "no candidates");
        b->attempted = true;
        b->ended = b->now;
        b->wait = BINDING_RETRY_LEAST;
        rest(b, b->now + binding_about(b, BINDING_RETRY_MOST));
}

static void end_failed(struct binding *b, const char *reason)
{
        const bool looped = b->looped;
        set_state(b, looped ? BINDING_IS_LOOPED : BINDING_IS_SILENT, BINDING_NOW_SILENT,
                  looped ? "only servers that would make a loop" : reason);
        b->attempted = true;
        b->ended = b->now;
        rest(b, b->now + binding_about(b, b->wait));
        b->wait = b->wait * 2 < BINDING_RETRY_MOST ? b->wait * 2 : BINDING_RETRY_MOST;
}

/* The parent does not answer, or is none any more: the answer stays until the attempt ends. */
static void lose(struct binding *b, const char *reason)
{
        if (!b->replacing)
                binding_tell(b, BINDING_NOW_UNBOUND, &b->parent.server, reason);
        b->replacing = true;
        b->wait = BINDING_RETRY_LEAST;
}

static void bind_to(struct binding *b, const struct probe *p)
{
        const bool same =
                b->state == BINDING_IS_BOUND && !b->replacing && binding_same(&b->parent.server, &p->server);
        b->parent = *p;
        b->state = BINDING_IS_BOUND;
        b->replacing = false;
        b->attempted = true;
        b->ended = b->now;
        b->wait = BINDING_RETRY_LEAST;
        b->climb_due = b->now + binding_about(b, BINDING_CLIMB_FIRST);
        if (!same)
                binding_tell(b, BINDING_NOW_BOUND, &p->server, p->here ? "this server" : "answers");
        rest_bound(b);
        if (b->climb_due < b->due)
                b->due = b->climb_due;
}

/* -- the attempt (doc/binding.md 3) -- */

static void begin_probing(struct binding *b)
{
        b->phase = PROBING;
        for (unsigned i = 0; i < b->probes; i++)
                probe_begin(b, &b->probe[i], b->now + (uint64_t)i * BINDING_STAGGER_MS);
}

static void begin_asking(struct binding *b)
{
        if (ask_begin(b))
                b->phase = ASKING;
        else
                end_failed(b, "nobody answers");
}

static void begin_attempt(struct binding *b)
{
        world_expand(b);
        if (b->candidates == 0)
                end_root(b, false);
        else if (b->probes == 0 && b->targets == 0)
                end_failed(b, "no candidate can be reached from here");
        else
                begin_probing(b);
}

static void climb(struct binding *b, const struct probe *p)
{
        struct binding_action *a = binding_act(b, BINDING_CLIMB);
        a->server = p->server;
        a->port = p->found_port;
        a->climb = ++b->climb;
        b->climbed = *p;
        b->before = b->phase;
        b->phase = CLIMBING;
        b->next = b->now + BINDING_CLIMB_GIVEUP;
}

static void looked(struct binding *b, const struct binding_world *w)
{
        const bool compare = b->purpose == TO_COMPARE;
        if (b->phase != LOOKING)
                return;
        world_take(b, w);
        b->looped = false;
        if (w->forced) {
                end_root(b, true);
                return;
        }
        if (!compare || b->state != BINDING_IS_BOUND) {
                begin_attempt(b);
                return;
        }
        if (!world_offers(b, &b->parent)) {
                lose(b, "no longer a candidate, or not to be reached from here");
                begin_attempt(b);
                return;
        }
        b->parent.here = world_is_here(b, &b->parent.server);
        b->check = b->parent;
        b->phase = CHECKING;
        probe_begin_check(b, &b->check);
}

/* -- going on: true when something happened, so that the next thing may be due now -- */

static bool run_probes(struct binding *b)
{
        bool living = false;
        for (unsigned i = 0; i < b->probes; i++) {
                struct probe *p = &b->probe[i];
                if (p->here && p->next <= b->now && p->state != PROBE_DEAD)
                        p->state = PROBE_ALIVE;
                probe_run(b, p);
                if (p->state == PROBE_ALIVE) {
                        climb(b, p);
                        return true;
                }
                living |= p->state != PROBE_DEAD;
        }
        if (living)
                return false;
        begin_asking(b);
        return true;
}

static bool run_check(struct binding *b)
{
        struct probe *p = &b->check;
        if (p->here)
                p->state = PROBE_ALIVE;
        probe_run(b, p);
        if (p->state == PROBE_ALIVE) {
                b->parent = *p;
                b->alive = b->now;
                if (b->climb_due <= b->now)
                        climb(b, p);
                else
                        rest_bound(b);
                return true;
        }
        if (p->state != PROBE_DEAD)
                return false;
        if (p->direct || p->found_port) { /* started anew it may be elsewhere */
                probe_begin(b, p, b->now);
                return true;
        }
        lose(b, "does not answer");
        look(b, TO_BIND);
        return true;
}

static bool is_before(const struct binding_server *a, const struct binding_server *b)
{
        return a->addr != b->addr ? a->addr < b->addr : strcmp(a->tag, b->tag) < 0;
}

/* Of a loop that all its servers are bound into, one lets go and the others keep theirs. They all see the
 * same names, each from its own place, so they agree on whom: the first in the order of addresses and tags.
 * us: where in the chain the loop closes. */
static bool lets_go(const struct binding *b, const struct binding_server *chain, unsigned us)
{
        bool first = is_before(&chain[us], &b->climbed.server);
        for (unsigned i = 0; i < us; i++)
                first = first && is_before(&chain[us], &chain[i]);
        return first;
}

/* Another server is to let go. One that cannot, or is of another kind, does not: then we do, at the next
 * climb. */
static void keep_parent(struct binding *b)
{
        binding_tell(
                b, BINDING_NOW_LOOP, &b->climbed.server,
                "it has this domain above itself, and is kept for now: another server of the loop lets go");
        b->kept = true;
        b->climb_due = b->now + binding_about(b, BINDING_CLIMB_AGAIN);
        rest_bound(b);
        if (b->climb_due < b->due)
                b->due = b->climb_due;
}

static void climbed(struct binding *b, const struct binding_server *chain, unsigned length)
{
        if (b->phase != CLIMBING)
                return;
        const enum phase before = b->before;
        const bool itself = world_is_us(b, &b->climbed.server);
        unsigned us = 0;
        while (us < length && !world_is_us(b, &chain[us]))
                us++;
        const bool loop = itself || us < length;
        if (loop && !itself && before == CHECKING && !b->kept && !lets_go(b, chain, us)) {
                keep_parent(b);
                return;
        }
        b->kept = false;
        if (!loop) {
                if (before == CHECKING) {
                        b->climb_due = b->now + binding_about(b, BINDING_CLIMB_MS);
                        rest_bound(b);
                } else {
                        bind_to(b, &b->climbed);
                }
                return;
        }
        world_refuse(b, &b->climbed.server);
        binding_tell(b, BINDING_NOW_LOOP, &b->climbed.server, "it has this domain above itself");
        b->looped = true;
        if (before == CHECKING)
                lose(b, "a loop");
        world_expand(b); /* the others that are left */
        begin_probing(b);
}

static bool run_rest(struct binding *b)
{
        if (b->again || b->due <= b->now) {
                look(b, b->state == BINDING_IS_BOUND ? TO_COMPARE : TO_BIND);
                return true;
        }
        return false;
}

static bool run(struct binding *b)
{
        switch (b->phase) {
        case RESTING:
                return run_rest(b);
        case PROBING:
                return run_probes(b);
        case ASKING:
                if (ask_run(b))
                        return false;
                end_failed(b, "nobody answers");
                return true;
        case CHECKING:
                return run_check(b);
        case CLIMBING:
                if (b->next > b->now)
                        return false;
                climbed(b, NULL, 0);
                return true;
        case LOOKING:
                break;
        }
        return false;
}

static uint64_t wake_of(const struct binding *b)
{
        uint64_t wake = UINT64_MAX;
        switch (b->phase) {
        case RESTING:
                return b->due;
        case PROBING:
                for (unsigned i = 0; i < b->probes; i++)
                        if (b->probe[i].state != PROBE_DEAD && b->probe[i].next < wake)
                                wake = b->probe[i].next;
                return wake;
        case ASKING:
        case CLIMBING:
                return b->next;
        case CHECKING:
                return b->check.next;
        case LOOKING:
                break;
        }
        return wake;
}

/* -- events -- */

bool binding_wants(const struct binding *b, uint32_t xid, uint32_t from, uint16_t from_port,
                   enum binding_query *ret)
{
        if (b->phase == CHECKING)
                return probe_wants(&b->check, xid, from, from_port, ret);
        for (unsigned i = 0; b->phase == PROBING && i < b->probes; i++)
                if (probe_wants(&b->probe[i], xid, from, from_port, ret))
                        return true;
        return b->phase == ASKING && ask_wants(b, xid, from, ret) != NULL;
}

static void replied(struct binding *b, const struct binding_reply *r)
{
        enum binding_query query;
        const struct target *t;
        if (b->phase == CHECKING)
                probe_take(b, &b->check, r);
        for (unsigned i = 0; b->phase == PROBING && i < b->probes; i++)
                probe_take(b, &b->probe[i], r);
        if (b->phase != ASKING || !r->accepted || !(t = ask_wants(b, r->xid, r->from, &query)))
                return;
        struct probe p = {.server = t->server, .port = t->port};
        p.server.addr = r->from; /* protocol.md 4.3: the sender, not whom we asked */
        if (!world_is_us(b, &p.server) && !world_refuses(b, &p.server))
                climb(b, &p);
}

/* A caller waits for nothing, but may hear better news next time. */
static void asked(struct binding *b)
{
        if (b->phase != RESTING)
                return;
        if (b->state == BINDING_IS_BOUND) {
                if (b->now - b->alive >= BINDING_FRESH_MS)
                        b->due = b->now;
        } else if (b->attempted && b->ended + BINDING_RETRY_ASKED < b->due) {
                b->due = b->ended + BINDING_RETRY_ASKED;
        }
}

static void forget(struct binding *b)
{
        if (b->phase == LOOKING)
                b->purpose = TO_BIND;
        else
                look(b, TO_BIND); /* what was under way is nobody's any more */
        if (b->state == BINDING_IS_BOUND)
                lose(b, "asked to begin anew");
        b->wait = BINDING_RETRY_LEAST;
        memset(b->refused, 0, sizeof(b->refused));
}

void binding_step(struct binding *b, const struct binding_event *e, struct binding_actions *ret)
{
        ret->n = 0;
        b->out = ret;
        b->now = e->now;
        switch (e->kind) {
        case BINDING_START:
                look(b, TO_BIND);
                break;
        case BINDING_LOOKED:
                looked(b, e->world);
                break;
        case BINDING_REPLIED:
                replied(b, e->reply);
                break;
        case BINDING_CLIMBED:
                if (e->climb == b->climb)
                        climbed(b, e->chain, e->chain_length);
                break;
        case BINDING_ASKED:
                asked(b);
                break;
        case BINDING_CHANGED:
                b->again = true;
                b->wait = BINDING_RETRY_LEAST;
                break;
        case BINDING_FORGET:
                forget(b);
                break;
        case BINDING_TIME:
                break;
        }
        while (run(b))
                ;
        ret->wake = wake_of(b);
        b->out = NULL;
}
