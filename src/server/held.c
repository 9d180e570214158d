#include "server/held.h"

#include "server/endpoint.h"

#include <stdio.h>

void held_init(struct held *h)
{
        pthread_mutex_init(&h->lock, NULL);
        h->n = 0;
}

void held_done(struct held *h)
{
        pthread_mutex_destroy(&h->lock);
}

bool held_may_wait(const struct config *c, bool managed)
{
        return c->wait_for_ports == CONFIG_YES || (c->wait_for_ports == CONFIG_AUTO && managed);
}

static unsigned find(const struct held *h, const struct endpoint *at, bool udp)
{
        unsigned i = 0;
        while (i < h->n && (h->v[i].udp != udp || !endpoint_same(&h->v[i].at, at)))
                i++;
        return i;
}

bool held_add(struct held *h, const struct endpoint *at, bool udp)
{
        if (find(h, at, udp) < h->n)
                return true;
        if (h->n == sizeof(h->v) / sizeof(h->v[0]))
                return false;
        pthread_mutex_lock(&h->lock);
        h->v[h->n++] = (struct held_door){.at = *at, .udp = udp};
        pthread_mutex_unlock(&h->lock);
        return true;
}

void held_remove(struct held *h, const struct endpoint *at, bool udp)
{
        const unsigned i = find(h, at, udp);
        if (i == h->n)
                return;
        pthread_mutex_lock(&h->lock);
        h->v[i] = h->v[--h->n];
        pthread_mutex_unlock(&h->lock);
}

bool held_text(struct held *h, unsigned i, char *to, size_t cap)
{
        char where[ENDPOINT_TEXT];
        pthread_mutex_lock(&h->lock);
        const bool there = i < h->n;
        const struct held_door door = there ? h->v[i] : (struct held_door){.udp = false};
        pthread_mutex_unlock(&h->lock);
        if (!there)
                return false;
        endpoint_text(&door.at, where, sizeof(where));
        snprintf(to, cap, "%s %s", door.udp ? "udp" : "tcp", where);
        return true;
}
