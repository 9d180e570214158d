/* A domain as it was after some change of the past. The journal tells what every directory that changed since
 * was before; what did not change since is as it is. The present is read first, and then the changes up to a
 * head that is newer than what was read: so whatever others write meanwhile, the answer is exact. */
#ifndef NETINFO_TOOLS_PAST_H
#define NETINFO_TOOLS_PAST_H

#include "tools/talk.h"

struct past;
struct past_child {
        uint32_t object;
        uint64_t ordinal;
        struct bytes encoded; /* properties; borrowed from the past */
};

/* when: a change's number ("17", "#17"), a date, or how long ago ("90m"); see ni-get(1). NULL: said. */
struct past *past_open(struct talk *t, const char *when);
void past_close(struct past *p); /* NULL is fine */
uint64_t past_seq(const struct past *p);
/* The directory that the path led to. False: said. */
bool past_path(struct past *p, const char *path, uint32_t *ret_object);
/* The properties it had, decoded into the talk's arena. False: said. */
bool past_props(struct past *p, uint32_t object, struct proplist *ret);
/* Its children, in their order. False: said. */
bool past_children(struct past *p, uint32_t object, struct past_child **ret, uint32_t *ret_count);
/* Decodes into the arena. False: said. */
bool past_decode(struct past *p, struct bytes encoded, struct arena *a, struct proplist *ret);

#endif
