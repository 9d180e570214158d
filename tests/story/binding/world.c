#include "world.h"

#define BINDER_PORT 660u
#define MASK        0xFFFFFF00u

uint32_t world_below(struct world *w, uint32_t n)
{
        w->random ^= w->random << 13;
        w->random ^= w->random >> 7;
        w->random ^= w->random << 17;
        return (uint32_t)(w->random >> 32) % n;
}

static void tell(struct world *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void tell(struct world *w, const char *format, ...)
{
        char words[256];
        va_list ap;
        if (w->quiet)
                return;
        va_start(ap, format);
        vsnprintf(words, sizeof(words), format, ap);
        va_end(ap);
        buf_printf(&w->trace, "[%6llu] %s\n", (unsigned long long)w->now, words);
}

static const char *dotted(struct world *w, uint32_t addr)
{
        return arena_printf(&w->arena, "%u.%u.%u.%u", addr >> 24, addr >> 16 & 255, addr >> 8 & 255,
                            addr & 255);
}

static unsigned number_of(const struct world *w, const struct host *h)
{
        return (unsigned)(h - w->host);
}

static struct message *post(struct world *w, unsigned host, enum message_kind kind, uint64_t after)
{
        assert_true(w->messages < WORLD_EVENTS);
        struct message *m = &w->message[w->messages++];
        *m = (struct message){.due = w->now + after, .order = w->order++, .kind = kind, .host = host};
        return m;
}

/* On the way: lost, late, double. */
static void send(struct world *w, const struct message *m)
{
        unsigned copies = world_below(w, 100) < w->double_percent ? 2 : 1;
        for (; copies; copies--) {
                if (world_below(w, 100) < w->lose_percent)
                        continue;
                const uint64_t after = world_below(w, 100) < w->late_percent ? 1 + world_below(w, 8000) : 1;
                struct message *n = post(w, m->host, m->kind, after);
                const uint64_t due = n->due, order = n->order;
                *n = *m;
                n->due = due;
                n->order = order;
        }
}

/* -- a host as a server -- */

static bool hears(const struct host *h, const struct message *m)
{
        if (!h->up || h->no_network)
                return false;
        return m->broadcast ? h->broadcast : m->a.to == h->addr;
}

static void answer(struct world *w, const struct host *h, const struct message *m, struct binding_reply r)
{
        struct message reply = {.kind = REPLY, .host = m->from};
        r.xid = m->a.xid;
        r.from = h->addr;
        r.from_port = m->a.port;
        reply.reply = r;
        if (world_below(w, 100) < w->foreign_percent) { /* somebody guesses: id, place or port are wrong */
                struct message wrong = reply;
                const unsigned what = world_below(w, 3);
                wrong.reply.xid ^= what == 0 ? 1u << world_below(w, 32) : 0;
                wrong.reply.from ^= what == 1 ? 1u << (8 + world_below(w, 24)) : 0;
                if (what == 2)
                        wrong.reply.from_port = (uint16_t)(wrong.reply.from_port ^ 1u << world_below(w, 16));
                wrong.reply.udp_port = 9;
                wrong.reply.status = 19;
                if (what != 2 || m->a.query == BINDING_GETREGISTER) {
                        struct message *n = post(w, wrong.host, REPLY, 1);
                        n->reply = wrong.reply;
                }
        }
        send(w, &reply);
}

static void serve(struct world *w, const struct host *h, const struct message *m)
{
        const bool tag = strcmp(m->a.server.tag, h->tag) == 0;
        const bool binder = (h->ours && m->a.port == BINDING_PORT) || (h->mapper && m->a.port == BINDER_PORT);
        const bool mapper = h->mapper && m->a.port == BINDING_MAPPER;
        switch (m->a.query) {
        case BINDING_GETPORT:
                if (mapper)
                        answer(w, h, m, (struct binding_reply){.accepted = true, .port = BINDER_PORT});
                break;
        case BINDING_GETREGISTER:
                if (binder)
                        answer(w, h, m,
                               (struct binding_reply){.accepted = true,
                                                      .status = tag ? 0 : 19,
                                                      .udp_port = tag ? h->udp_port : 0});
                break;
        case BINDING_PING:
                if (m->a.port == h->udp_port)
                        answer(w, h, m, (struct binding_reply){.accepted = true});
                break;
        case BINDING_CALLIT: /* silence means no */
                if (mapper && h->callit && tag && h->knows)
                        answer(w, h, m, (struct binding_reply){.accepted = true, .port = BINDER_PORT});
                break;
        case BINDING_BIND:
                if (binder)
                        answer(w, h, m, (struct binding_reply){.accepted = tag && h->knows});
                break;
        }
}

/* -- a host with a core -- */

static void look(struct world *w, struct host *h)
{
        post(w, number_of(w, h), LOOKED, 1);
}

static void query(struct world *w, struct host *h, const struct binding_action *a)
{
        static const char *const names[] = {"GETPORT", "GETREGISTER", "PING", "CALLIT", "BIND"};
        const bool broadcast = (a->to & ~MASK) == (~MASK & 255u);
        struct message m = {.kind = QUERY, .from = number_of(w, h), .a = *a, .broadcast = broadcast};
        if (h == w->host) {
                w->sent++;
                tell(w, "%s %s:%u", names[a->query], dotted(w, a->to), a->port);
        }
        if (h->no_network)
                return;
        for (unsigned i = 0; i < w->hosts; i++) {
                m.host = i;
                if (broadcast || w->host[i].addr == a->to)
                        send(w, &m);
        }
}

static struct host *find(struct world *w, const struct binding_server *s)
{
        for (unsigned i = 0; i < w->hosts; i++)
                if (w->host[i].addr == s->addr && strcmp(w->host[i].tag, s->tag) == 0)
                        return &w->host[i];
        return NULL;
}

/* What is above a server at this moment. */
static void climb(struct world *w, struct host *h, const struct binding_action *a)
{
        struct message *m = post(w, number_of(w, h), CLIMBED, 3);
        const struct host *at = find(w, &a->server);
        m->climb = a->climb;
        while (at && at->up && !at->no_network && !at->slow_climb && at->core && m->length < WORLD_LEVELS) {
                const struct binding_answer above = binding_answer(at->core);
                if (above.state != BINDING_IS_BOUND)
                        break;
                m->chain[m->length++] = above.parent;
                at = find(w, &above.parent);
        }
}

static void news(struct world *w, struct host *h, const struct binding_action *a)
{
        static const char *const names[] = {"bound to", "lost", "root:", "silent:", "loop by"};
        h->bounds += a->news == BINDING_NOW_BOUND;
        if (h != w->host)
                return;
        if (a->server.addr)
                tell(w, "%s %s/%s: %s", names[a->news], dotted(w, a->server.addr), a->server.tag, a->reason);
        else
                tell(w, "%s %s", names[a->news], a->reason);
}

static void check_answer(const struct world *w, struct host *h)
{
        const struct binding_answer a = binding_answer(h->core);
        if (a.state == BINDING_IS_BOUND) { /* never to itself, never to a stranger's tag */
                assert_false(a.parent.addr == h->addr && strcmp(a.parent.tag, h->tag) == 0);
                bool known = false;
                for (unsigned i = 0; i < w->hosts; i++)
                        known |=
                                w->host[i].addr == a.parent.addr && strcmp(w->host[i].tag, a.parent.tag) == 0;
                assert_true(known);
        }
        h->before = a;
}

static void step(struct world *w, struct host *h, struct binding_event *e)
{
        static struct binding_actions out;
        if (!h->core)
                return;
        e->now = w->now;
        binding_step(h->core, e, &out);
        h->wake = out.wake;
        for (unsigned i = 0; i < out.n; i++) {
                const struct binding_action *a = &out.v[i];
                if (a->kind == BINDING_LOOK)
                        look(w, h);
                else if (a->kind == BINDING_SEND)
                        query(w, h, a);
                else if (a->kind == BINDING_CLIMB)
                        climb(w, h, a);
                else
                        news(w, h, a);
        }
        check_answer(w, h);
}

static void looked(struct world *w, struct host *h)
{
        const struct binding_interface all[] = {
                {.addr = IP(127, 0, 0, 1), .mask = 0xFF000000u, .loopback = true},
                {.addr = h->addr, .mask = MASK, .broadcast = h->addr | ~MASK},
        };
        const struct binding_world world = {.forced = h->forced,
                                            .candidate = h->candidate,
                                            .candidates = h->candidates,
                                            .interface = all,
                                            .interfaces = h->no_network ? 1 : 2,
                                            .own = h->own,
                                            .owns = h->owns};
        struct binding_event e = {.kind = BINDING_LOOKED, .world = &world};
        step(w, h, &e);
}

static void deliver(struct world *w, const struct message *m)
{
        struct host *h = &w->host[m->host];
        struct binding_event e = {.kind = BINDING_REPLIED, .reply = &m->reply};
        enum binding_query q;
        switch (m->kind) {
        case LOOKED:
                looked(w, h);
                break;
        case QUERY:
                if (hears(h, m))
                        serve(w, h, m);
                break;
        case REPLY:
                if (h->core && !h->no_network &&
                    binding_wants(h->core, m->reply.xid, m->reply.from, m->reply.from_port, &q))
                        step(w, h, &e);
                break;
        case CLIMBED:
                e = (struct binding_event){.kind = BINDING_CLIMBED,
                                           .chain = m->chain,
                                           .chain_length = m->length,
                                           .climb = m->climb};
                step(w, h, &e);
                break;
        }
}

/* The message that is due first; -1: none before `until`. */
static int next_message(const struct world *w, uint64_t until)
{
        int best = -1;
        for (unsigned i = 0; i < w->messages; i++) {
                const struct message *m = &w->message[i], *b = best < 0 ? NULL : &w->message[best];
                if (m->due <= until && (!b || m->due < b->due || (m->due == b->due && m->order < b->order)))
                        best = (int)i;
        }
        return best;
}

static struct host *next_host(struct world *w)
{
        struct host *best = NULL;
        for (unsigned i = 0; i < w->hosts; i++)
                if (w->host[i].core && (!best || w->host[i].wake < best->wake))
                        best = &w->host[i];
        return best;
}

void world_run(struct world *w, uint64_t until)
{
        uint64_t meanwhile = w->now - w->now % 100 + 100, at = 0;
        unsigned same = 0;
        for (;;) {
                struct host *h = next_host(w);
                uint64_t when = h && h->wake < until ? h->wake : until;
                if (w->meanwhile && meanwhile < when)
                        when = meanwhile;
                const int i = next_message(w, when);
                if (i >= 0)
                        when = w->message[i].due;
                same = when == at ? same + 1 : 0;
                at = when;
                assert_true(same < 5000); /* nobody spins */
                w->now = when > w->now ? when : w->now;
                if (i >= 0) {
                        const struct message m = w->message[i];
                        w->message[i] = w->message[--w->messages];
                        deliver(w, &m);
                } else if (w->meanwhile && when == meanwhile) {
                        meanwhile += 100;
                        w->meanwhile(w);
                } else if (h && h->wake <= when && when < until) {
                        struct binding_event e = {.kind = BINDING_TIME};
                        step(w, h, &e);
                } else {
                        return;
                }
        }
}

void world_begin(struct world *w, uint64_t seed)
{
        memset(w, 0, sizeof(*w));
        arena_init(&w->arena, 0);
        buf_init(&w->trace, 0);
        w->random = seed * 0x9E3779B97F4A7C15u + 1;
}

void world_end(struct world *w)
{
        for (unsigned i = 0; i < w->hosts; i++)
                binding_free(w->host[i].core);
        buf_done(&w->trace);
        arena_done(&w->arena);
}

struct host *world_host(struct world *w, const char *tag)
{
        assert_true(w->hosts < WORLD_HOSTS);
        struct host *h = &w->host[w->hosts++];
        h->addr = IP(10, 0, 0, w->hosts);
        snprintf(h->tag, sizeof(h->tag), "%s", tag);
        h->up = h->ours = true;
        h->udp_port = (uint16_t)(700 + w->hosts);
        h->wake = UINT64_MAX;
        return h;
}

void world_candidate(struct host *h, uint32_t addr, const char *tag)
{
        struct binding_candidate *c = &h->candidate[h->candidates++];
        c->addr = addr;
        snprintf(c->tag, sizeof(c->tag), "%s", tag);
}

void world_start(struct world *w, struct host *h)
{
        h->core = binding_new(h->tag, w->random + number_of(w, h));
        assert_non_null(h->core);
        world_tell(w, h, BINDING_START);
}

void world_tell(struct world *w, struct host *h, enum binding_event_kind kind)
{
        struct binding_event e = {.kind = kind};
        step(w, h, &e);
}

struct binding_answer world_answer(const struct host *h)
{
        return binding_answer(h->core);
}
