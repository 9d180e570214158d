#include "server/places.h"

void places_init(struct places *p)
{
        *p = (struct places){.taken = 0};
        pthread_mutex_init(&p->mutex, NULL);
}

void places_done(struct places *p)
{
        pthread_mutex_destroy(&p->mutex);
}

static bool has_room(const struct places *p, const struct address *source, bool replica)
{
        unsigned his = 0;
        if (replica)
                return p->taken < LIMIT_SPOOLS;
        for (unsigned i = 0; i < LIMIT_SPOOLS; i++)
                his += p->place[i].used && !p->place[i].replica && address_equal(&p->place[i].source, source);
        return p->by_others < LIMIT_SPOOLS - LIMIT_SPOOLS_KEPT && his < LIMIT_SPOOLS_SOURCE;
}

int places_enter(struct places *p, const struct address *source, bool replica)
{
        int place = -1;
        pthread_mutex_lock(&p->mutex);
        if (has_room(p, source, replica)) {
                for (place = 0; p->place[place].used;)
                        place++;
                p->place[place] = (struct place){.source = *source, .replica = replica, .used = true};
                p->taken++;
                p->by_others += !replica;
        }
        pthread_mutex_unlock(&p->mutex);
        return place;
}

void places_leave(struct places *p, int place)
{
        if (place < 0)
                return;
        pthread_mutex_lock(&p->mutex);
        p->place[place].used = false;
        p->taken--;
        p->by_others -= !p->place[place].replica;
        pthread_mutex_unlock(&p->mutex);
}

unsigned places_taken(struct places *p)
{
        pthread_mutex_lock(&p->mutex);
        const unsigned n = p->taken;
        pthread_mutex_unlock(&p->mutex);
        return n;
}
