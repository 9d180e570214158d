/* The use cases of a domain: every operation that a door (server, tools) may ask for, as model + store. One
 * file per operation or family. No I/O but the store's; no clock, no socket, no thread. A door calls these
 * inside a transaction it owns. */
#ifndef NETINFO_DIRECTORY_DIRECTORY_H
#define NETINFO_DIRECTORY_DIRECTORY_H

#include "model/access.h"
#include "store/store.h"
#include "wire/ext_search.h"
#include "wire/ni.h"

struct dir_policy {
        bool redact; /* secret values are "*" for callers that do not see secrets (decision 6) */
        bool clone;  /* this server is a clone: writes answer NI_RDONLY unless the caller is the master's
                        update channel */
        bool honour_target; /* CREATE obeys target_id: only for pushes from the master */
};

struct dir_request {
        struct store_txn *txn;
        const struct caller *caller;
        const struct dir_policy *policy;
        struct arena *arena; /* reset by the door after the reply */
        struct buf *out;     /* the result is appended: status word first, then, on NI_OK, the payload */
};

/* Procedures of kind READ in NI_PROCS (root, self, parent, read, children, lookup, list, readprop, listprops,
 * readname, listall, lookupread). Rules: protocol.md 2.5, 2.7. Results are copied from the store's pages to
 * rq->out within the transaction. Returns the status it has written. When out overflows its limit the result
 * is NI_SYSTEMERR. Secrets: with redaction a LOOKUP by a secret property finds nothing (NI_NODIR). */
enum ni_status dir_read(struct dir_request *rq, enum ni_proc proc, const struct ni_args *args);

/* Procedures of kind WRITE, in a write transaction with a change begun (store_change_begin). Order of checks:
 * protocol.md 2.6, from 3 on (busy and authentication are the door's). On anything but NI_OK nothing of the
 * call stands in the transaction, provided the door aborts its nested one. */
enum ni_status dir_write(struct dir_request *rq, enum ni_proc proc, const struct ni_args *args);

/* EDIT (doc/extension-program.md 7, 8): all operations or none; the door has begun a nested transaction and a
 * change, and aborts both when the status is not NI_OK. Permissions: those of the version 2 procedure that
 * does the same (3.8); MOVE needs dir_ok of both parents. Does not write to rq->out: ret lives in the arena;
 * its ids are those at the end of the edit; ret->seq is filled by the door after store_change_end. The status
 * returned is ret->status, which may be one of ext_status. */
enum ni_status dir_edit(struct dir_request *rq, const struct ext_edit_args *args,
                        struct ext_edit_result *ret);

/* STATUS, CHANGES, SNAPSHOT: results into *ret (arena; property bytes and texts are borrowed from the store's
 * pages until the read transaction ends), without server_version, now and you, which the door knows. CHANGES
 * never waits: an empty list means the door may park the call. Entries and nodes are redacted by policy; a
 * change of secret values keeps its place with "*". Reply size is bounded (LIMIT_CALL). */
void dir_status(struct dir_request *rq, struct ext_status_result *ret);
void dir_changes(struct dir_request *rq, const struct ext_changes_args *args, struct ext_changes_result *ret);
void dir_snapshot(struct dir_request *rq, const struct ext_snapshot_args *args,
                  struct ext_snapshot_result *ret);

/* SEARCH and HISTORY (doc/extension-program.md 13, 14): one page each, bounded in work and size; results in
 * the arena, property bytes borrowed from the store's pages until the read transaction ends. */
void dir_search(struct dir_request *rq, const struct ext_search_args *args, struct ext_search_result *ret);
void dir_history(struct dir_request *rq, const struct ext_history_args *args, struct ext_history_result *ret);

/* READALL (protocol.md 5.5) in slices: objects in depth-first pre-order. The door begins with the answer for
 * `checksum` (equal: the "nothing to send" form, and *ret_done at once), then calls _next with a fresh read
 * transaction held for one slice only until done. When the store changed between slices the walk cannot go on
 * (NI_STALE); the door holds one transaction for the whole walk, or begins again. */
struct dir_readall {
        uint32_t *stack; /* path of object numbers from the root; malloc'ed */
        uint64_t *after; /* ordinal of the child visited last, per level */
        uint32_t depth, room;
        uint64_t seq;               /* state the walk belongs to */
        uint32_t sent, directories; /* objects sent so far, and how many there are */
        bool done;
};
enum ni_status dir_readall_begin(struct dir_request *rq, uint32_t checksum, struct dir_readall *w);
/* Appends about max_bytes of objects (and the end of the list when done). NI_OK; NI_STALE when the store is
 * no longer at w->seq; NI_SYSTEMERR. */
enum ni_status dir_readall_next(struct dir_request *rq, struct dir_readall *w, size_t max_bytes);
void dir_readall_end(struct dir_readall *w);

/* Fills an empty domain as after CREATEMASTER (protocol.md 6.5): exact ids, instances and checksum 5.
 * addresses: the machine's non-loopback IPv4 addresses in text, or 127.0.0.1 alone (decision 8). `-c` form
 * for clones: the host entry describes the master. Inside a change. */
enum ni_status dir_bootstrap(struct store_txn *t, struct arena *a, const char *tag, const char *host,
                             const char *const *addresses, unsigned n);

/* The root's `master` becomes host/tag (protocol.md 1.4): its first value, the property made when there is
 * none. Nothing is written when it says so already. Inside a change. */
enum ni_status dir_set_master(struct store_txn *t, struct arena *a, const char *host, const char *tag);
/* host and tag of the root's `master`, split at the first slash; NI_NODIR: there is no such value.
 * *ret_address is the first ip_address of the host's entry in /machines, empty without. Arena. */
enum ni_status dir_get_master(struct dir_request *rq, struct bytes *ret_host, struct bytes *ret_tag,
                              struct bytes *ret_address);

/* What CHANGES told, as the store replays it; the bytes stay borrowed. */
struct store_record dir_store_record(const struct ext_record *from);

/* The replicas of this domain as historical masters see them (protocol.md 5.1): for every child of /machines
 * and every value `./tag` of it, (first ip_address, tag), as "ip/tag". In the arena. */
enum ni_status dir_replicas(struct dir_request *rq, struct namelist *ret);

/* Authentication by the domain's users (protocol.md 3.8): the records of /users with this uid (signed
 * decimal), in child order. */
struct dir_user {
        struct bytes name;    /* first value of name */
        struct bytes passwd;  /* first value; valid when has_passwd */
        bool has_passwd;      /* property present */
        bool empty_passwd;    /* present, without value or with an empty first one */
        bool authority_other; /* authentication_authority names something else than basic: refuse */
        bool admin;           /* promote_admins is on and /groups/admin lists the name */
        uint32_t object, instance;
};
/* NI_OK with the list (arena, 16 at most: each costs a password check); NI_NOUSER: no /users or none of that
 * uid. */
enum ni_status dir_users_by_uid(struct dir_request *rq, int32_t uid, struct dir_user **ret,
                                uint32_t *ret_count);
/* The user whose first name this is, in /users, and its uid: for decision 5 (uid of the socket = user X only
 * if machine and domain agree). */
enum ni_status dir_user_by_name(struct dir_request *rq, struct bytes name, struct dir_user *ret,
                                int64_t *ret_uid);

/* NI_BIND (protocol.md 4.4): may this child bind? NI_OK or NI_NODIR. */
enum ni_status dir_bind(struct dir_request *rq, struct bytes tag, uint32_t addr);
/* The `ip/tag` values of STATISTICS' domain_servers: every (ip_address, ./tag) combination in /machines. List
 * in the arena. */
enum ni_status dir_servers(struct dir_request *rq, struct namelist *ret);
/* Where the parent domain may be (4.2 item 2): of each child of /machines the first `ip_address`, as text,
 * and the tag of the first `../tag` in `serves`; at most `most`, in child order, in the arena. NI_OK also
 * without /machines. */
struct dir_parent {
        struct bytes address, tag;
};
enum ni_status dir_parents(struct dir_request *rq, uint32_t most, struct dir_parent **ret,
                           uint32_t *ret_count);
/* First value of a property of the root directory, or {NULL,0}; `all` (may be NULL) gets all its values and
 * says whether it exists. Arena. */
struct bytes dir_root_option(struct dir_request *rq, const char *name, struct namelist *all,
                             bool *ret_present);
/* Are these addresses (IPv4 number) listed as a replica of this domain: a /machines child with that
 * ip_address and a serves value ./tag? */
bool dir_is_replica(struct dir_request *rq, uint32_t addr);
/* The same of a machine by its name: the child of /machines that is called so. */
bool dir_is_replica_named(struct dir_request *rq, struct bytes name);

#endif
