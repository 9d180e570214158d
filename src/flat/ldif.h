/* LDIF (RFC 2849) with the classes of RFC 2307, and the directories it becomes (doc/resolution.md 17). Pure.
 * Each record of LDIF stands for one record of one or more flat formats: posixAccount with shadowAccount for
 * `passwd` and `shadow`, device with ipHost and ieee802Device for `hosts` and `ethers`. */
#ifndef NETINFO_FLAT_LDIF_H
#define NETINFO_FLAT_LDIF_H

#include "flat/flat.h"

struct ldif_reader {
        struct bytes text; /* what is left; borrowed */
        uint32_t line;     /* of its first byte, from 1; begin with 1 */
};
enum ldif_outcome { LDIF_ENTRY, LDIF_END, LDIF_BAD };
/* The next entry: attributes in lower case, in order of first appearance, `dn` among them; values decoded.
 * Lists and decoded values live in the arena. LDIF_BAD: malformed, a change other than `add`, a value by URL
 * (never fetched), or over a limit; ret_why has line and reason. */
enum ldif_outcome ldif_next(struct ldif_reader *r, struct arena *a, struct proplist *ret,
                            struct flat_why *ret_why);

/* Format number i (from 0) that the entry's classes belong to, NULL behind the last. */
const char *ldif_format(const struct proplist *entry, unsigned i);
/* The entry as a record of that format: properties as the flat format has them. False: arena full. */
bool ldif_record(const struct proplist *entry, const char *format, struct arena *a, struct proplist *ret);
/* Is the attribute used by a format that the entry belongs to, or structure that says nothing (objectClass,
 * cn)? */
bool ldif_uses(const struct proplist *entry, struct bytes attribute);

/* Directory number i that export walks ("/users"), NULL behind the last. */
const char *ldif_directory(unsigned i);
/* Appends one child of that directory as an entry below `base`; nothing when it has no name or nothing to
 * say. Hashes are never written. False, with the reason and nothing appended: RFC 2307 demands what is not
 * there. */
bool ldif_print(unsigned directory, const struct proplist *props, struct bytes base, struct arena *a,
                struct buf *out, struct flat_why *ret_why);
/* The entries above: the base (a dc= or o= or ou= name) is not among them. */
void ldif_print_tops(struct bytes base, struct buf *out);

#endif
