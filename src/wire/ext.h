/* The extension program, 0x20000987 version 1 (doc/extension-program.md): what NetInfo's own peers say to
 * each other. Every argument begins with the domain's tag; every result begins with a status word: an
 * ni_status, or one of ext_status. After a status that is not NI_OK nothing follows (EDIT: failed_op does).
 * NULL has neither argument nor result, SELECT's result is the status word alone. Names with a NUL inside are
 * refused here, not cut. */
#ifndef NETINFO_WIRE_EXT_H
#define NETINFO_WIRE_EXT_H

#include "netinfo/status.h"
#include "wire/procs.h"
#include "xdr/prop.h"

enum ext_status {
        EXT_TAKE_SNAPSHOT =
                1001, /* CHANGES, SNAPSHOT: another epoch, or the journal no longer reaches back that far */
        EXT_ASSERTION = 1002,       /* EDIT: an ASSERT operation did not hold */
        EXT_UNKNOWN_OUTCOME = 1003, /* EDIT: the commit itself failed; read again to learn what stands */
};

/* -- STATUS */
struct ext_status_result {
        uint32_t status;
        uint8_t uuid[16];     /* of the domain, for its life */
        uint64_t epoch;       /* new at create, load, restore; never 0 */
        uint32_t role;        /* 0 master, 1 clone */
        uint64_t seq;         /* of the newest committed change; 0: none yet */
        uint64_t first_seq;   /* oldest change still in the journal; seq + 1 when it is empty */
        uint32_t checksum;    /* protocol.md 5.4 */
        uint8_t digest[16];   /* doc/store-format.md */
        uint32_t directories; /* number of them */
        uint32_t highest;     /* highest object number in use */
        uint64_t now;         /* the server's clock, microseconds since 1970 */
        struct bytes server_version;
        struct bytes
                you; /* who the server takes the caller for: "superuser", a user's name, or "" (anonymous) */
};

/* -- CHANGES */
#define EXT_CHANGES_BEFORE 1u /* flag: send the properties before each change too */
#define EXT_CHANGES_WHOLE  4u /* flag: NI_PERM instead of entries whose secrets this caller is not shown */
#define EXT_CHANGES_NEWEST                                                                                   \
        2u /* flag: `seq` counts from the end: the newest max_entries entries before head (for `ni log -1`); \
              no waiting */
struct ext_changes_args {
        struct bytes tag;
        uint64_t epoch;       /* 0: whatever it is now */
        uint64_t seq;         /* entries after this one */
        uint32_t max_entries; /* 0: as many as the server likes (it may always send fewer) */
        uint32_t wait_ms; /* when there is none: wait so long (at most 30,000) and answer with an empty list
                             then */
        uint32_t flags;
};

enum ext_record_kind {
        EXT_CREATED = 1,   /* `after` holds all properties */
        EXT_CHANGED = 2,   /* properties differ */
        EXT_TOUCHED = 3,   /* only the child list changed: a new instance, the same properties */
        EXT_DESTROYED = 4, /* `before` holds the last properties, when asked for */
        EXT_MOVED = 5,     /* another parent or another place among its siblings; same properties and, unless
                              touched too, same instance */
};
struct ext_record {
        uint32_t kind;
        uint32_t object;
        uint64_t born;     /* sequence number of the directory's creation: (object, born) names it for ever */
        uint32_t instance; /* after the change; DESTROYED: its last one */
        uint32_t parent;
        uint64_t ordinal; /* place among its siblings: children are in ascending ordinal */
        bool has_before, has_after;
        struct bytes before, after; /* encoded ni_proplist each; borrowed */
};
struct ext_entry {
        uint64_t seq;
        uint64_t when;     /* microseconds since 1970; never less than the entry's before */
        struct bytes who;  /* "superuser", a user's name, "" (anonymous), "import" ... */
        struct bytes from; /* "unix uid 0 pid 812", "10.0.0.7:1022", ... */
        struct bytes what; /* "create", "writeprop", "edit", ... */
        struct ext_record *records;
        uint32_t record_count;
};
struct ext_changes_result {
        uint32_t status;
        uint64_t epoch;
        uint64_t seq; /* head: the newest change */
        struct ext_entry *entries;
        uint32_t entry_count;
};

/* -- SNAPSHOT */
struct ext_snapshot_args {
        struct bytes tag;
        uint64_t epoch;     /* 0 in the first call; then the one of the first reply: another one now is
                               EXT_TAKE_SNAPSHOT, begin again */
        uint32_t from;      /* first object number wanted: 0, then `next` of the reply before */
        uint32_t max_bytes; /* 0: as the server likes (at most LIMIT_CALL) */
};
struct ext_node {
        struct ni_id id;
        uint32_t parent;
        uint64_t ordinal, born, version; /* version: seq of its last change */
        struct bytes props;              /* encoded ni_proplist */
};
struct ext_snapshot_result {
        uint32_t status;
        uint64_t epoch, seq; /* the page is exact as of seq; replay CHANGES from the first page's seq on */
        struct ext_node *nodes;
        uint32_t node_count;
        bool more;
        uint32_t next; /* when more */
};

/* -- EDIT: all or nothing, one journal entry */
enum ext_op_kind {
        EXT_OP_CREATE = 1,  /* ref: parent; props; where */
        EXT_OP_DESTROY = 2, /* ref; flag EXT_OP_RECURSIVE */
        EXT_OP_WRITE = 3,   /* ref; props: replaces the whole list */
        EXT_OP_SET = 4, /* ref; name, values: replaces the values of the first property `name`, or appends the
                           property */
        EXT_OP_ADD = 5, /* ref; name, values: appends those not yet there; creates the property */
        EXT_OP_REMOVE = 6, /* ref; name, values: removes every occurrence of each value; no values: removes
                            * every property `name`. What is not there is no error */
        EXT_OP_RENAME =
                7, /* ref; name, new name in values[0]: first property of that name; NI_NOPROP without */
        EXT_OP_MOVE = 8,         /* ref: what; target: new parent; where. Not below itself (NI_UNRELATED) */
        EXT_OP_ASSERT_NONE = 9,  /* ref: parent; name, values: no child has any of these values under that
                                    name, else EXT_ASSERTION */
        EXT_OP_ASSERT_SAME = 10, /* ref with instance: fails with NI_STALE when changed */
};
#define EXT_OP_RECURSIVE 1u
struct ext_ref {
        bool by_op; /* false: object number; true: the directory made by operation number `value` of this edit
                     */
        uint32_t value;
        bool has_instance; /* then it must be current, else NI_STALE */
        uint32_t instance;
};
struct ext_op {
        uint32_t kind, flags;
        struct ext_ref ref, target;
        uint32_t where;
        struct proplist props;
        struct bytes name;
        struct namelist values;
};
struct ext_edit_args {
        struct bytes tag;
        struct bytes what; /* goes into the journal; "" means "edit" */
        struct ext_op *ops;
        uint32_t op_count; /* at most LIMIT_EDIT_OPS */
};
struct ext_edit_result {
        uint32_t status;
        uint32_t failed_op; /* when status is not NI_OK: which one, or op_count when none in particular */
        uint64_t seq;       /* of the journal entry; the head when nothing had to be changed */
        struct ni_id *ids;  /* one per operation: the directory it made or changed, with its new instance */
        uint32_t id_count;
};

/* All: false when malformed or over a limit. Everything borrows from the message and the arena. */
bool ext_tag_decode(struct xdr_in *in, struct bytes *ret_tag); /* arguments of STATUS and SELECT */
void ext_tag_encode(struct bytes tag, struct buf *out);
bool ext_status_decode(struct xdr_in *in, struct ext_status_result *ret);
void ext_status_encode(const struct ext_status_result *r, struct buf *out);
bool ext_changes_args_decode(struct xdr_in *in, struct ext_changes_args *ret);
void ext_changes_args_encode(const struct ext_changes_args *a, struct buf *out);
bool ext_changes_decode(struct xdr_in *in, struct arena *a, struct ext_changes_result *ret);
void ext_changes_encode(const struct ext_changes_result *r, struct buf *out);
bool ext_snapshot_args_decode(struct xdr_in *in, struct ext_snapshot_args *ret);
void ext_snapshot_args_encode(const struct ext_snapshot_args *a, struct buf *out);
bool ext_snapshot_decode(struct xdr_in *in, struct arena *a, struct ext_snapshot_result *ret);
void ext_snapshot_encode(const struct ext_snapshot_result *r, struct buf *out);
bool ext_edit_args_decode(struct xdr_in *in, struct arena *a, struct ext_edit_args *ret);
void ext_edit_args_encode(const struct ext_edit_args *args, struct buf *out);
bool ext_edit_decode(struct xdr_in *in, struct arena *a, struct ext_edit_result *ret);
void ext_edit_encode(const struct ext_edit_result *r, struct buf *out);

#endif
