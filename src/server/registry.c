#include "server/registry.h"

#include <stdio.h>

void registry_init(struct registry *r)
{
        memset(r, 0, sizeof(*r));
        pthread_rwlock_init(&r->lock, NULL);
}

void registry_done(struct registry *r)
{
        pthread_rwlock_destroy(&r->lock);
}

/* Under the lock, as the next one. NULL without. */
static struct domain *own(const struct registry *r, struct bytes tag)
{
        for (unsigned i = 0; i < r->domains; i++)
                if (bytes_eq_str(tag, r->domain[i]->tag))
                        return r->domain[i];
        return NULL;
}

static struct registered *foreign(struct registry *r, struct bytes tag)
{
        for (unsigned i = 0; i < r->foreigners; i++)
                if (bytes_eq_str(tag, r->foreign[i].tag))
                        return &r->foreign[i];
        return NULL;
}

struct domain *registry_find(struct registry *r, struct bytes tag)
{
        pthread_rwlock_rdlock(&r->lock);
        struct domain *d = own(r, tag);
        if (d)
                domain_hold(d);
        pthread_rwlock_unlock(&r->lock);
        return d;
}

struct domain *registry_default(struct registry *r, const char *wanted)
{
        if (wanted[0])
                return registry_find(r, bytes_str(wanted));
        struct domain *d = registry_find(r, BYTES_LIT("network"));
        return d ? d : registry_find(r, BYTES_LIT("local"));
}

bool registry_add(struct registry *r, struct domain *d)
{
        pthread_rwlock_wrlock(&r->lock);
        const bool room = r->domains < LIMIT_DOMAINS;
        if (room)
                r->domain[r->domains++] = d;
        pthread_rwlock_unlock(&r->lock);
        return room;
}

struct domain *registry_remove(struct registry *r, struct bytes tag)
{
        struct domain *d = NULL;
        pthread_rwlock_wrlock(&r->lock);
        for (unsigned i = 0; i < r->domains && !d; i++) {
                if (!bytes_eq_str(tag, r->domain[i]->tag))
                        continue;
                d = r->domain[i];
                r->domains--;
                memmove(&r->domain[i], &r->domain[i + 1], (r->domains - i) * sizeof(r->domain[0]));
        }
        pthread_rwlock_unlock(&r->lock);
        return d;
}

enum ni_status registry_ports(struct registry *r, struct bytes tag, uint32_t *ret_udp, uint32_t *ret_tcp)
{
        enum ni_status st = NI_OK;
        pthread_rwlock_rdlock(&r->lock);
        const struct domain *d = own(r, tag);
        const struct registered *f = d ? NULL : foreign(r, tag);
        if (d && d->state != DOMAIN_SERVING && d->state != DOMAIN_READ_ONLY)
                st = NI_NORESPONSE;
        else if (!d && !f)
                st = NI_NOTAG;
        else {
                *ret_udp = d ? d->udp_port : f->udp_port;
                *ret_tcp = d ? d->tcp_port : f->tcp_port;
        }
        pthread_rwlock_unlock(&r->lock);
        return st;
}

bool registry_foreign(struct registry *r, struct bytes tag, uint32_t *ret_udp, uint32_t *ret_tcp)
{
        pthread_rwlock_rdlock(&r->lock);
        const struct registered *f = own(r, tag) ? NULL : foreign(r, tag);
        if (f) {
                *ret_udp = f->udp_port;
                *ret_tcp = f->tcp_port;
        }
        pthread_rwlock_unlock(&r->lock);
        return f != NULL;
}

uint32_t registry_list(struct registry *r, struct arena *a, struct binder_registration to[NI_REGS_MAX])
{
        uint32_t n = 0;
        pthread_rwlock_rdlock(&r->lock);
        for (unsigned i = 0; i < r->domains && n < NI_REGS_MAX; i++)
                to[n++] = (struct binder_registration){arena_bytes(a, bytes_str(r->domain[i]->tag)),
                                                       r->domain[i]->udp_port, r->domain[i]->tcp_port};
        for (unsigned i = 0; i < r->foreigners && n < NI_REGS_MAX; i++)
                to[n++] = (struct binder_registration){arena_bytes(a, bytes_str(r->foreign[i].tag)),
                                                       r->foreign[i].udp_port, r->foreign[i].tcp_port};
        pthread_rwlock_unlock(&r->lock);
        return n;
}

enum ni_status registry_enter(struct registry *r, struct bytes tag, uint32_t udp_port, uint32_t tcp_port)
{
        enum ni_status st = NI_OK;
        pthread_rwlock_wrlock(&r->lock);
        struct registered *f = foreign(r, tag);
        if (own(r, tag))
                st = NI_DUPTAG;
        else if (!f && r->foreigners == LIMIT_FOREIGN)
                st = NI_NOSPACE;
        else {
                if (!f)
                        f = &r->foreign[r->foreigners++];
                *f = (struct registered){.udp_port = udp_port, .tcp_port = tcp_port};
                snprintf(f->tag, sizeof(f->tag), "%.*s", BYTES_FMT(tag));
        }
        pthread_rwlock_unlock(&r->lock);
        return st;
}

enum ni_status registry_strike(struct registry *r, struct bytes tag)
{
        enum ni_status st = NI_OK;
        pthread_rwlock_wrlock(&r->lock);
        struct registered *f = foreign(r, tag);
        if (own(r, tag))
                st = NI_PERM;
        else if (f)
                *f = r->foreign[--r->foreigners];
        pthread_rwlock_unlock(&r->lock);
        return st;
}
