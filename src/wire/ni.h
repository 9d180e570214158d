/* Arguments and results of program 200100000 version 2 (doc/protocol.md 2.1, 2.4). One flat struct holds the
 * arguments of any procedure, another any result; wire/ni.c says which fields each procedure carries, in wire
 * order. Everything decoded borrows from the message and the arena. */
#ifndef NETINFO_WIRE_NI_H
#define NETINFO_WIRE_NI_H

#include "netinfo/status.h"
#include "wire/procs.h"
#include "xdr/prop.h"

struct ni_args {
        struct ni_id id;        /* the addressed directory; the parent in CREATE and DESTROY */
        struct ni_id child;     /* DESTROY: self_id */
        struct proplist props;  /* CREATE, WRITE */
        struct property prop;   /* CREATEPROP */
        struct namelist values; /* WRITEPROP */
        uint32_t where;         /* CREATE, CREATEPROP, CREATENAME */
        uint32_t prop_index, name_index;
        bool has_target; /* CREATE: target_id was present (any non-zero word, protocol.md 2.10) */
        struct ni_id target;
        struct bytes key;   /* LOOKUP, LOOKUPREAD */
        struct bytes value; /* LOOKUP, LOOKUPREAD: value; LIST, RENAMEPROP, CREATENAME, WRITENAME: name; BIND:
                               tag */
        uint32_t number;    /* BIND: addr; READALL, CRASHED: checksum */
};

/* False: does not decode, or passes a limit: GARBAGE_ARGS. Trailing bytes are ignored. `proc` must be <
 * NI_PROC_COUNT. */
bool ni_args_decode(enum ni_proc proc, struct xdr_in *in, struct arena *a, struct ni_args *ret);
void ni_args_encode(enum ni_proc proc, const struct ni_args *args, struct buf *out);

struct ni_entry {
        uint32_t object;
        bool has_names;
        struct namelist names;
};

struct ni_object {
        struct ni_id id;
        struct proplist props;
        uint32_t parent;
        uint32_t *children;
        uint32_t child_count;
};

struct ni_result {
        enum ni_status status; /* procedures without a status word: NI_OK */
        struct ni_id id;       /* CREATE: the child; all others: the addressed directory */
        struct ni_id self;     /* CREATE: the parent */
        uint32_t parent;       /* PARENT */
        uint32_t *objects;     /* CHILDREN, LOOKUP: object_count of them */
        uint32_t object_count;
        struct ni_entry *entries; /* LIST */
        uint32_t entry_count;
        struct proplist *lists; /* LISTALL */
        uint32_t list_count;
        struct proplist props;      /* READ, LOOKUPREAD, STATISTICS */
        struct namelist values;     /* READPROP, LISTPROPS */
        struct bytes value;         /* READNAME: name; RPARENT: tag */
        uint32_t addr;              /* RPARENT */
        uint32_t checksum, highest; /* READALL */
        struct ni_object *all;      /* READALL: all_count of them */
        uint32_t all_count;
};

/* False: malformed. `proc` must be < NI_PROC_COUNT. READALL lists are read iteratively. */
bool ni_result_decode(enum ni_proc proc, struct xdr_in *in, struct arena *a, struct ni_result *ret);
/* A READALL reply object by object, for those that are too large to be decoded at once: the head (status,
 * checksum, highest), then on NI_OK one object after the other, each in an arena that may be reset before the
 * next. False: the end of the list when xdr_ok, else malformed. */
bool ni_readall_head(struct xdr_in *in, struct ni_result *ret);
bool ni_readall_next(struct xdr_in *in, struct arena *a, struct ni_object *ret);
void ni_result_encode(enum ni_proc proc, const struct ni_result *result, struct buf *out);

#endif
