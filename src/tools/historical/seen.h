/* A set of object numbers: one bit for each, so that a run of niload knows which entries it wrote itself. */
#ifndef NETINFO_TOOLS_HISTORICAL_SEEN_H
#define NETINFO_TOOLS_HISTORICAL_SEEN_H

#include <stdbool.h>
#include <stdint.h>

struct seen;

/* NULL: no memory. Object numbers are dense (the smallest free one is given out), so a million take 128 KiB.
 */
struct seen *seen_new(void);
void seen_free(struct seen *s); /* NULL is fine */
/* False: no memory. */
bool seen_add(struct seen *s, uint32_t object);
bool seen_has(const struct seen *s, uint32_t object);

#endif
