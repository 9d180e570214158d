#include "server/penalty.h"

void penalties_init(struct penalties *p, struct siphash_key key)
{
        memset(p, 0, sizeof(*p));
        p->key = key;
}

/* The slot of this source (and uid). Two that share a slot: the one with the longer memory stays, the other
 * is counted with it. That can only make us stricter. */
static struct penalty_slot *find(struct siphash_key by, struct penalty_slot *table,
                                 const struct address *source, bool with_uid, uint32_t uid)
{
        uint8_t what[21] = {0};
        uint32_t v4;
        const bool whole = address_ipv4(source, &v4) || address_is_uid(source);
        memcpy(what, source->b, whole ? 16 : 8);
        what[16] = with_uid;
        if (with_uid)
                memcpy(what + 17, &uid, 4);
        const uint64_t h = siphash13(by, what, sizeof(what));
        struct penalty_slot *s = &table[h & (LIMIT_PENALTY_SLOTS - 1)];
        const uint32_t key = (uint32_t)(h >> 32) | 1;
        if (s->key != key && s->level == 0)
                *s = (struct penalty_slot){.key = key};
        return s;
}

static void forget(struct penalty_slot *s, uint64_t now_ms, uint32_t each_ms)
{
        if (now_ms < s->since) /* cannot happen with a monotonic clock; never grant time that did not pass */
                return;
        const uint64_t n = (now_ms - s->since) / each_ms;
        if (n >= s->level) {
                s->level = 0;
                s->since = now_ms;
        } else {
                s->level -= (uint32_t)n;
                s->since += n * each_ms;
        }
}

bool penalty_allows(struct penalties *p, const struct address *source, uint32_t uid, uint64_t now_ms)
{
        struct penalty_slot *pair = find(p->key, p->pair, source, true, uid);
        struct penalty_slot *all = find(p->key, p->source, source, false, 0);
        forget(pair, now_ms, LIMIT_PENALTY_PAIR_MS);
        forget(all, now_ms, LIMIT_PENALTY_SOURCE_MS);
        return pair->level < LIMIT_PENALTY_PAIR && all->level < LIMIT_PENALTY_SOURCE;
}

void penalty_failed(struct penalties *p, const struct address *source, uint32_t uid, uint64_t now_ms)
{
        struct penalty_slot *pair = find(p->key, p->pair, source, true, uid);
        struct penalty_slot *all = find(p->key, p->source, source, false, 0);
        forget(pair, now_ms, LIMIT_PENALTY_PAIR_MS);
        forget(all, now_ms, LIMIT_PENALTY_SOURCE_MS);
        pair->level++;
        all->level++;
}

void penalty_passed(struct penalties *p, const struct address *source, uint32_t uid)
{
        find(p->key, p->pair, source, true, uid)->level = 0;
}

void turnstile_init(struct turnstile *t, struct siphash_key key)
{
        memset(t, 0, sizeof(*t));
        t->key = key;
}

bool turnstile_pass(struct turnstile *t, const struct address *source, uint64_t now_ms)
{
        struct penalty_slot *s = find(t->key, t->source, source, false, 0);
        forget(s, now_ms, LIMIT_HANDSHAKE_MS);
        if (s->level >= LIMIT_HANDSHAKES)
                return false;
        s->level++;
        return true;
}
