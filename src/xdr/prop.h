/* Properties: NetInfo's ids, names, value lists and property lists, in memory and as XDR
 * (doc/protocol.md 2.1). Stored nodes keep their properties as an XDR ni_proplist, so a READ is a copy from
 * the page to the reply. */
#ifndef NETINFO_XDR_PROP_H
#define NETINFO_XDR_PROP_H

#include "base/arena.h"
#include "base/limits.h"
#include "xdr/cursor.h"

#ifndef NI_INDEX_NULL            /* netinfo/ni_prot.h has it too */
#define NI_INDEX_NULL UINT32_MAX /* "append", "no index" */
#endif

struct ni_id {
        uint32_t object, instance;
};

struct namelist {
        struct bytes *v; /* n of them; array and bytes are borrowed (arena, message, page) */
        uint32_t n;
};

struct property {
        struct bytes name;
        struct namelist values;
};

struct proplist {
        struct property *v;
        uint32_t n;
};

struct ni_id xdr_id(struct xdr_in *in);
/* The lists are allocated in the arena, the bytes borrowed from the input. An arena that is full marks the
 * input bad. */
struct namelist xdr_namelist(struct xdr_in *in, struct arena *a);
struct property xdr_property(struct xdr_in *in, struct arena *a);
struct proplist xdr_proplist(struct xdr_in *in, struct arena *a);
/* Walks over a property list, checking it, without allocating; gives the bytes it occupies (borrowed). Only
 * for input that needs no normalising: names with embedded NUL or padding that is not zero make it bad (what
 * we store is exact). */
struct bytes xdr_proplist_exact(struct xdr_in *in);

void xdr_put_id(struct buf *out, struct ni_id id);
void xdr_put_namelist(struct buf *out, struct namelist l);
void xdr_put_property(struct buf *out, struct property p);
void xdr_put_proplist(struct buf *out, struct proplist l);

/* Walk over an encoded property list without allocating: for reading one property of a stored node.
 *     struct prop_walk w = prop_walk(node.props);
 *     while (prop_walk_next(&w)) ... w.name, w.values (encoded ni_namelist), w.count
 * Ends early on damage (w.in.bad). */
struct prop_walk {
        struct xdr_in in;
        uint32_t left;       /* properties still to come */
        uint32_t index;      /* of the property at hand */
        struct bytes name;   /* borrowed */
        struct bytes values; /* the encoded ni_namelist, borrowed */
        uint32_t count;      /* number of values */
};
struct prop_walk prop_walk(struct bytes encoded_proplist);
bool prop_walk_next(struct prop_walk *w);

/* The first property called `name` in an encoded list: its encoded values into *ret_values and true, else
 * false. */
bool prop_find(struct bytes encoded_proplist, struct bytes name, struct prop_walk *ret);
/* Value number i (0-based) of an encoded ni_namelist; false past its end. */
bool namelist_at(struct bytes encoded_namelist, uint32_t i, struct bytes *ret);
/* Does the encoded ni_namelist hold this value? */
bool namelist_has(struct bytes encoded_namelist, struct bytes value);
/* First value of the first property `name`; {NULL,0} and false when absent or without values. */
bool prop_first(struct bytes encoded_proplist, const char *name, struct bytes *ret);

/* The first property called `name` of a decoded list, or NULL. */
struct property *proplist_get(const struct proplist *l, struct bytes name);
/* Its first value, or {NULL,0} when absent or without values. */
struct bytes proplist_first(const struct proplist *l, const char *name);
/* Appends a property with n values (array borrowed). The list's array is reallocated in the arena. False:
 * arena full. */
bool proplist_add(struct proplist *l, struct arena *a, struct bytes name, const struct bytes *values,
                  uint32_t n);
bool proplist_add_str(struct proplist *l, struct arena *a, const char *name, const char *value);

#endif
