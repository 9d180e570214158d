#include "tools/historical/names.h"

#include "sys/random.h"

#include <stdlib.h>

#define ROOM_FIRST 1024u

void names_init(struct names *s)
{
        *s = (struct names){.n = 0};
        arena_init(&s->arena, 0);
        random_bytes(&s->key, sizeof(s->key));
}

void names_done(struct names *s)
{
        arena_done(&s->arena);
        free(s->slot);
}

static uint32_t place(const struct names *s, struct bytes name)
{
        uint32_t at = (uint32_t)siphash13(s->key, name.data, name.len) & (s->room - 1);
        while (s->slot[at].data && !bytes_eq(s->slot[at], name))
                at = (at + 1) & (s->room - 1);
        return at;
}

static bool grow(struct names *s)
{
        struct names wider = *s;
        wider.room = s->room ? s->room * 2 : ROOM_FIRST;
        wider.slot = calloc(wider.room, sizeof(*wider.slot));
        for (uint32_t i = 0; wider.slot && i < s->room; i++)
                if (s->slot[i].data)
                        wider.slot[place(&wider, s->slot[i])] = s->slot[i];
        if (!wider.slot)
                return false;
        free(s->slot);
        *s = wider;
        return true;
}

bool names_add(struct names *s, struct bytes name)
{
        if (s->n * 2 >= s->room && !grow(s))
                return false;
        const uint32_t at = place(s, name);
        if (s->slot[at].data)
                return true;
        s->slot[at] = bytes_of(arena_str(&s->arena, name), name.len);
        if (!s->slot[at].data)
                return false;
        s->n++;
        s->bytes += name.len;
        return true;
}

bool names_has(const struct names *s, struct bytes name)
{
        return s->room && s->slot[place(s, name)].data;
}

void names_clear(struct names *s)
{
        arena_reset(&s->arena);
        if (s->room)
                memset(s->slot, 0, s->room * sizeof(*s->slot));
        s->n = 0;
        s->bytes = 0;
}
