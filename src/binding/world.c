/* What there is (doc/binding.md 1): candidates, interfaces, own servers; and who of them is asked in which
 * order (3.2). */
#include "binding/binding-internal.h"

static bool is_loopback(uint32_t addr)
{
        return addr >> 24 == 127;
}

bool world_is_own(const struct binding *b, uint32_t addr)
{
        for (unsigned i = 0; i < b->interfaces; i++)
                if (b->interface[i].addr == addr)
                        return true;
        return is_loopback(addr);
}

static bool is_attached(const struct binding *b, uint32_t addr)
{
        for (unsigned i = 0; i < b->interfaces; i++) {
                const struct binding_interface *f = &b->interface[i];
                if (!f->loopback && (f->addr & f->mask) == (addr & f->mask))
                        return true;
        }
        return false;
}

static bool has_network(const struct binding *b)
{
        for (unsigned i = 0; i < b->interfaces; i++)
                if (!b->interface[i].loopback)
                        return true;
        return false;
}

static enum nearness nearness_of(const struct binding *b, uint32_t addr)
{
        if (world_is_own(b, addr))
                return NEAR_OWN;
        return is_attached(b, addr) ? NEAR_ATTACHED : NEAR_FAR;
}

bool world_is_us(const struct binding *b, const struct binding_server *s)
{
        if (world_is_own(b, s->addr) && strcmp(s->tag, b->tag) == 0)
                return true;
        for (unsigned i = 0; i < b->owns; i++)
                if (binding_same(&b->own[i], s))
                        return true;
        return false;
}

bool world_is_here(const struct binding *b, const struct binding_server *s)
{
        for (unsigned i = 0; i < b->candidates; i++) {
                const struct binding_candidate *c = &b->candidate[i];
                if (c->here && c->addr == s->addr && strcmp(c->tag, s->tag) == 0)
                        return true;
        }
        return false;
}

bool world_refuses(const struct binding *b, const struct binding_server *s)
{
        for (unsigned i = 0; i < LIMIT_PARENT_REFUSED; i++)
                if (b->refused[i].until > b->now && binding_same(&b->refused[i].server, s))
                        return true;
        return false;
}

/* In the place of the one that is forgotten first. */
void world_refuse(struct binding *b, const struct binding_server *s)
{
        struct refused *r = &b->refused[0];
        for (unsigned i = 0; i < LIMIT_PARENT_REFUSED; i++) {
                if (binding_same(&b->refused[i].server, s)) {
                        r = &b->refused[i];
                        break;
                }
                if (b->refused[i].until < r->until)
                        r = &b->refused[i];
        }
        *r = (struct refused){*s, b->now + binding_about(b, BINDING_REFUSE_MS)};
}

bool world_offers(const struct binding *b, const struct probe *parent)
{
        const struct binding_server *s = &parent->server;
        if (world_is_us(b, s) || (!has_network(b) && !world_is_own(b, s->addr)))
                return false;
        for (unsigned i = 0; i < b->candidates; i++) {
                const struct binding_candidate *c = &b->candidate[i];
                if ((c->addr == s->addr || (c->addr == BINDING_BROADCAST && is_attached(b, s->addr))) &&
                    strcmp(c->tag, s->tag) == 0)
                        return true;
        }
        return false;
}

void world_take(struct binding *b, const struct binding_world *w)
{
        b->interfaces = b->candidates = b->owns = 0;
        for (unsigned i = 0; i < w->interfaces && b->interfaces < LIMIT_PARENT_INTERFACES; i++)
                b->interface[b->interfaces++] = w->interface[i];
        for (unsigned i = 0; i < w->owns && b->owns < LIMIT_PARENT_SERVERS; i++)
                b->own[b->owns++] = w->own[i];
        for (unsigned i = 0; !w->forced && i < w->candidates && b->candidates < LIMIT_PARENTS; i++)
                if (w->candidate[i].addr != 0)
                        b->candidate[b->candidates++] = w->candidate[i];
}

/* -- expansion (protocol.md 4.2) -- */

static void add_probe(struct binding *b, const struct binding_candidate *c, const struct binding_server *s)
{
        for (unsigned i = 0; i < b->probes; i++)
                if (binding_same(&b->probe[i].server, s) && b->probe[i].port == c->port)
                        return;
        b->probe[b->probes++] = (struct probe){
                .server = *s, .port = c->port, .here = c->here, .nearness = nearness_of(b, s->addr)};
}

static void add_target(struct binding *b, const struct binding_candidate *c, const struct binding_server *s,
                       const struct binding_interface *f)
{
        const bool broadcast = c->addr == BINDING_BROADCAST;
        if (b->targets == LIMIT_PARENT_TARGETS)
                return;
        struct target *t = &b->target[b->targets++];
        *t = (struct target){
                .server = *s, .port = c->port, .client = f->addr, .mask = f->mask, .broadcast = broadcast};
        t->nearness = broadcast ? NEAR_ATTACHED : nearness_of(b, s->addr);
        if (broadcast)
                t->server.addr = f->broadcast;
}

static void expand(struct binding *b, const struct binding_candidate *c)
{
        struct binding_server s = {.addr = c->addr};
        const bool network = has_network(b), broadcast = c->addr == BINDING_BROADCAST;
        memcpy(s.tag, c->tag, sizeof(s.tag));
        if (!broadcast) {
                if (world_is_us(b, &s) || (!network && !world_is_own(b, s.addr)))
                        return;
                if (world_refuses(b, &s)) {
                        b->looped = true;
                        return;
                }
                add_probe(b, c, &s);
        }
        for (unsigned i = 0; i < b->interfaces; i++) {
                const struct binding_interface *f = &b->interface[i];
                if (f->loopback == network || (broadcast && !f->broadcast))
                        continue;
                add_target(b, c, &s, f);
        }
}

static void shuffle_probes(struct binding *b)
{
        for (unsigned i = b->probes; i > 1; i--) {
                const unsigned k = binding_random(b) % i;
                const struct probe p = b->probe[i - 1];
                b->probe[i - 1] = b->probe[k];
                b->probe[k] = p;
        }
}

/* Own ones first, then attached networks; those alike stay as they are. */
static void sort_probes(struct binding *b)
{
        for (unsigned i = 1; i < b->probes; i++) {
                const struct probe p = b->probe[i];
                unsigned k = i;
                for (; k > 0 && b->probe[k - 1].nearness > p.nearness; k--)
                        b->probe[k] = b->probe[k - 1];
                b->probe[k] = p;
        }
}

void world_expand(struct binding *b)
{
        b->probes = b->targets = 0;
        for (unsigned i = 0; i < b->candidates; i++)
                expand(b, &b->candidate[i]);
        shuffle_probes(b);
        sort_probes(b);
}
