#include "agent/chain.h"

/* Is this a server of one of the first n levels? Then its domain stands above itself. */
static bool is_below(struct track *const *levels, unsigned n, const struct server *s)
{
        for (unsigned i = 0; i < n; i++)
                if (track_knows_server(levels[i], s))
                        return true;
        return false;
}

enum chain_verdict chain_judge(struct track *const *levels, unsigned n, unsigned i, struct server *ret_server)
{
        const struct track_parent *p = track_parent(levels[i]);
        if (p->answer == TRACK_ROOT)
                return CHAIN_END;
        if (p->answer != TRACK_PARENT || is_below(levels, i + 1 < n ? i + 1 : n, &p->server))
                return CHAIN_STAY;
        *ret_server = p->server;
        return CHAIN_CLIMB;
}

static bool same_domain(const struct track *a, const struct track *b)
{
        static const uint8_t none[16];
        return memcmp(track_uuid(a), none, sizeof(none)) != 0 &&
               memcmp(track_uuid(a), track_uuid(b), sizeof(none)) == 0;
}

unsigned chain_length(struct track *const *levels, unsigned n)
{
        for (unsigned i = 1; i < n; i++)
                for (unsigned k = 0; k < i; k++)
                        if (same_domain(levels[i], levels[k]))
                                return i;
        return n;
}

bool chain_is_settled(struct track *const *levels, unsigned n, bool climb, unsigned most)
{
        for (unsigned i = 0; i < n; i++) {
                if (!track_is_current(levels[i]) && !track_is_lost(levels[i]) &&
                    !track_is_too_large(levels[i]))
                        return false;
                if (climb && i + 1 == n && n < most && track_parent(levels[i])->answer == TRACK_UNASKED &&
                    !track_is_lost(levels[i]))
                        return false;
        }
        return true;
}
