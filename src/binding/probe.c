/* Direct probing (doc/binding.md 3.3, 4). */
#include "binding/binding-internal.h"

void probe_begin(struct binding *b, struct probe *p, uint64_t at)
{
        p->state = PROBE_FINDING;
        p->next = at;
        p->tries = 0;
        p->binder_port = p->found_port = p->udp_port = 0;
        p->direct = false;
        p->xid_main = binding_random(b);
        p->xid_mapper = binding_random(b);
        p->xid_binder = binding_random(b);
        p->xid_ping = binding_random(b);
}

void probe_begin_check(struct binding *b, struct probe *p)
{
        const uint16_t udp_port = p->udp_port, found_port = p->found_port;
        const bool direct = p->direct;
        probe_begin(b, p, b->now);
        p->direct = direct;
        if (direct || !udp_port)
                return;
        p->udp_port = udp_port;
        p->found_port = found_port;
        p->state = PROBE_PINGING;
}

void probe_run(struct binding *b, struct probe *p)
{
        if ((p->state != PROBE_FINDING && p->state != PROBE_PINGING) || p->next > b->now)
                return;
        if (p->tries == BINDING_TRIES) {
                p->state = PROBE_DEAD;
                return;
        }
        p->tries++;
        p->next = b->now + BINDING_TRY_MS;
        if (p->state == PROBE_PINGING) {
                binding_send(b, BINDING_PING, p->xid_ping, &p->server, p->udp_port);
                return;
        }
        binding_send(b, BINDING_GETREGISTER, p->xid_main, &p->server, p->port ? p->port : BINDING_PORT);
        if (p->binder_port)
                binding_send(b, BINDING_GETREGISTER, p->xid_binder, &p->server, p->binder_port);
        else if (!p->port && !p->direct)
                binding_send(b, BINDING_GETPORT, p->xid_mapper, &p->server, BINDING_MAPPER);
}

bool probe_wants(const struct probe *p, uint32_t xid, uint32_t from, uint16_t from_port,
                 enum binding_query *ret)
{
        if (from != p->server.addr)
                return false;
        if (p->state == PROBE_PINGING) {
                *ret = BINDING_PING;
                return xid == p->xid_ping && from_port == p->udp_port;
        }
        if (p->state != PROBE_FINDING || p->tries == 0)
                return false;
        if (xid == p->xid_mapper && !p->port && !p->direct && from_port == BINDING_MAPPER) {
                *ret = BINDING_GETPORT;
                return true;
        }
        *ret = BINDING_GETREGISTER;
        return (xid == p->xid_main && from_port == (p->port ? p->port : BINDING_PORT)) ||
               (xid == p->xid_binder && p->binder_port && from_port == p->binder_port);
}

static void take_register(struct binding *b, struct probe *p, const struct binding_reply *r)
{
        if (!r->accepted) /* something else lives at that port */
                return;
        if (r->status != 0) { /* NI_NOTAG, NI_NORESPONSE */
                p->state = PROBE_DEAD;
                return;
        }
        p->found_port = r->from_port;
        p->udp_port = r->udp_port <= 65535 ? (uint16_t)r->udp_port : 0;
        p->direct = r->xid == p->xid_main;
        p->state = PROBE_PINGING;
        p->tries = 0;
        p->next = b->now;
        if (p->direct || !p->udp_port) /* its binder says so of a domain that it serves at this moment */
                p->state = PROBE_ALIVE;
}

void probe_take(struct binding *b, struct probe *p, const struct binding_reply *r)
{
        enum binding_query query;
        if (!probe_wants(p, r->xid, r->from, r->from_port, &query))
                return;
        switch (query) {
        case BINDING_GETPORT:
                if (!r->accepted || r->port == 0 || r->port > 65535 || p->binder_port)
                        return;
                p->binder_port = (uint16_t)r->port;
                if (p->binder_port != BINDING_PORT)
                        binding_send(b, BINDING_GETREGISTER, p->xid_binder, &p->server, p->binder_port);
                return;
        case BINDING_GETREGISTER:
                take_register(b, p, r);
                return;
        default:
                if (r->accepted)
                        p->state = PROBE_ALIVE;
        }
}
