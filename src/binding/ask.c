/* Asking with NIBIND_BIND, in rounds (doc/binding.md 3.5). */
#include "binding/binding-internal.h"

static unsigned nearer_than(const struct binding *b, unsigned round)
{
        unsigned n = 0;
        for (unsigned i = 0; i < b->targets; i++)
                n += (unsigned)b->target[i].nearness <= round;
        return n;
}

static bool has_address(const struct binding *b)
{
        for (unsigned i = 0; i < b->targets; i++)
                if (!b->target[i].broadcast)
                        return true;
        return false;
}

/* From b->round on: the next one that asks somebody whom the last one did not. */
static bool next_round(struct binding *b)
{
        for (; b->round <= NEAR_FAR; b->round++) {
                const unsigned n = nearer_than(b, b->round);
                if (n == b->asked || (b->round == NEAR_FAR && !has_address(b)))
                        continue;
                b->asked = n;
                b->tries = 0;
                b->next = b->now;
                return true;
        }
        return false;
}

bool ask_begin(struct binding *b)
{
        for (unsigned i = 0; i < b->targets; i++) {
                b->target[i].xid_callit = binding_random(b);
                b->target[i].xid_direct = binding_random(b);
        }
        b->round = NEAR_OWN;
        b->asked = 0;
        return next_round(b);
}

static void send(struct binding *b, const struct target *t, enum binding_query query, uint32_t xid,
                 uint16_t port)
{
        binding_send(b, query, xid, &t->server, port)->client = t->client;
}

bool ask_run(struct binding *b)
{
        static const uint32_t waits[BINDING_TRIES] = {500, 500, 1000, 2000}; /* protocol.md 3.6 */
        if (b->next > b->now)
                return true;
        if (b->tries == BINDING_TRIES) {
                b->round++;
                if (!next_round(b))
                        return false;
        }
        b->next = b->now + waits[b->tries++];
        for (unsigned i = 0; i < b->targets; i++) {
                const struct target *t = &b->target[i];
                if ((unsigned)t->nearness > b->round)
                        continue;
                if (!t->port)
                        send(b, t, BINDING_CALLIT, t->xid_callit, BINDING_MAPPER);
                send(b, t, BINDING_BIND, t->xid_direct, t->port ? t->port : BINDING_PORT);
        }
        return true;
}

const struct target *ask_wants(const struct binding *b, uint32_t xid, uint32_t from, enum binding_query *ret)
{
        for (unsigned i = 0; i < b->targets; i++) {
                const struct target *t = &b->target[i];
                if ((xid != t->xid_callit && xid != t->xid_direct) || (unsigned)t->nearness > b->round)
                        continue;
                if (t->broadcast ? (from & t->mask) != (t->client & t->mask) : from != t->server.addr)
                        return NULL;
                *ret = xid == t->xid_callit ? BINDING_CALLIT : BINDING_BIND;
                return t;
        }
        return NULL;
}
