#include "directory/valueset.h"

#include "sys/random.h"

bool valueset_init(struct valueset *s, struct arena *a, size_t most)
{
        size_t n = 8;
        uint8_t key[16];
        while (n / 2 < most)
                n *= 2;
        s->slot = arena_zalloc(a, n, sizeof(struct bytes *));
        if (!s->slot)
                return false;
        random_bytes(key, sizeof(key));
        s->key = siphash_key_from(key);
        s->mask = n - 1;
        return true;
}

/* The slot that holds v, or the empty one where it belongs; at most half of the slots are taken. */
static size_t find(const struct valueset *s, struct bytes v)
{
        size_t i = (size_t)siphash13(s->key, v.data, v.len) & s->mask;
        while (s->slot[i] && !bytes_eq(*s->slot[i], v))
                i = (i + 1) & s->mask;
        return i;
}

bool valueset_add(struct valueset *s, const struct bytes *v)
{
        const size_t i = find(s, *v);
        if (s->slot[i])
                return false;
        s->slot[i] = v;
        return true;
}

bool valueset_has(const struct valueset *s, struct bytes v)
{
        return s->slot[find(s, v)] != NULL;
}
