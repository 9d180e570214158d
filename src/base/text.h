/* Numbers and words in text, exactly. */
#ifndef NETINFO_BASE_TEXT_H
#define NETINFO_BASE_TEXT_H

#include "base/bytes.h"

/* Decimal digits only (no sign, no blanks, at least one), value <= max. False otherwise; *ret untouched then.
 */
bool text_u64(struct bytes s, uint64_t max, uint64_t *ret);
bool text_u32(struct bytes s, uint32_t *ret);
/* Optional '-' and digits; -INT64_MAX .. INT64_MAX. */
bool text_i64(struct bytes s, int64_t *ret);
/* protocol.md 1.4: YES Yes yes Y y 1 are true, NO No no N n 0 false, anything else is `otherwise`. */
bool text_bool(struct bytes s, bool otherwise);
/* Well-formed UTF-8 (RFC 3629) without NUL? */
bool text_is_utf8(struct bytes s);
/* Number of single-byte edits (insert, delete, replace, swap of neighbours) from a to b; for "did you mean".
 * Words over 63 bytes count as far. */
unsigned text_distance(const char *a, const char *b);
/* The word of `words` (NULL-terminated) nearest to `wrong`, if near enough to suggest; else NULL. Borrowed
 * from words. */
const char *text_suggest(const char *wrong, const char *const *words);

#endif
