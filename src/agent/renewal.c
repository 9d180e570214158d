#include "agent/renewal.h"

#include "tls/identity.h"

static uint64_t below(struct renewal *r, uint64_t n)
{
        r->random ^= r->random << 13; /* xorshift64 (Marsaglia 2003); the seed is the kernel's */
        r->random ^= r->random >> 7;
        r->random ^= r->random << 17;
        return n ? (r->random >> 11) % n : 0;
}

void renewal_init(struct renewal *r, uint64_t seed)
{
        *r = (struct renewal){.random = seed ? seed : 1};
}

enum renewal_verdict renewal_judge(struct renewal *r, uint64_t now, uint64_t since, uint64_t until,
                                   uint64_t *ret_wait)
{
        const uint64_t life = until > since ? until - since : 0;
        if (r->until != until) {
                r->until = until;
                r->again = 0;
                r->spread = below(r, life / 12 < RENEWAL_SPREAD ? life / 12 : RENEWAL_SPREAD);
        }
        if (now > until && now - until >= TLS_LATE_RENEWAL)
                return RENEWAL_TOO_LATE;
        /* A clock that was set back since must not keep us waiting. */
        if (r->again > now + RENEWAL_AGAIN * 5 / 4)
                r->again = now;
        const uint64_t third = until - life / 3 + r->spread, due = third > r->again ? third : r->again;
        if (now >= due)
                return RENEWAL_NOW;
        *ret_wait = due - now;
        return RENEWAL_WAIT;
}

void renewal_failed(struct renewal *r, uint64_t now)
{
        r->again = now + RENEWAL_AGAIN * 3 / 4 + below(r, RENEWAL_AGAIN / 2 + 1);
}
