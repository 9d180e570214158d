/* Wrong passwords cost time: how often a source, and a source together with a uid, may fail before checks are
 * refused unseen. A fixed table, so that nobody can make it grow; time comes in as an argument. Not
 * thread-safe. */
#ifndef NETINFO_SERVER_PENALTY_H
#define NETINFO_SERVER_PENALTY_H

#include "base/limits.h"
#include "base/siphash.h"
#include "model/network.h"

struct penalty_slot {
        uint32_t key;   /* of the hash; 0: free */
        uint32_t level; /* failures not yet forgotten */
        uint64_t since; /* milliseconds: when `level` was last brought up to date */
};

struct penalties {
        struct siphash_key key;
        struct penalty_slot pair[LIMIT_PENALTY_SLOTS], source[LIMIT_PENALTY_SLOTS];
};

/* Handshakes cost time, too: how many a source may begin (LIMIT_HANDSHAKES). */
struct turnstile {
        struct siphash_key key;
        struct penalty_slot source[LIMIT_PENALTY_SLOTS];
};

void turnstile_init(struct turnstile *t, struct siphash_key key);
/* True: one has begun. */
bool turnstile_pass(struct turnstile *t, const struct address *source, uint64_t now_ms);

void penalties_init(struct penalties *p, struct siphash_key key);
/* May a password of this uid from this source be looked at now? IPv6 sources count by /64, local users each.
 */
bool penalty_allows(struct penalties *p, const struct address *source, uint32_t uid, uint64_t now_ms);
void penalty_failed(struct penalties *p, const struct address *source, uint32_t uid, uint64_t now_ms);
/* The right password ends the pair's penalty, not the source's. */
void penalty_passed(struct penalties *p, const struct address *source, uint32_t uid);

#endif
