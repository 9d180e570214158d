/* What the operations of this room share: answers, the checks of protocol.md 2.6 in order, secrets. */
#ifndef NETINFO_DIRECTORY_INTERNAL_H
#define NETINFO_DIRECTORY_INTERNAL_H

#include "directory/directory.h"
#include "model/edit.h"

/* -- answers: status word and payload go to rq->out; dispatch.c takes back what a failed operation wrote --
 */
void dir_answer_id(struct dir_request *rq, struct ni_id id); /* NI_OK and an id */
/* Appends an encoded property list; secret values as "*" when this caller must not see them. */
void dir_put_props(struct dir_request *rq, struct bytes props);
/* Appends the values of the property at hand as an encoded ni_namelist; likewise. */
void dir_put_values(struct dir_request *rq, const struct prop_walk *w);
/* A list whose length is known only at its end: the place of the count word, and what goes there. */
size_t dir_count_open(struct buf *out);
void dir_count_close(struct buf *out, size_t at, uint32_t n);

/* -- the checks of a write, protocol.md 2.6, each NI_OK or the status that ends the call -- */
/* 3: NI_NODIR, NI_STALE. */
enum ni_status dir_current(struct dir_request *rq, struct ni_id id, struct store_node *ret);
/* 5: NI_RDONLY for `_locked`, NI_PERM. dir_ok and value_ok of 3.8. */
enum ni_status dir_may_change(const struct dir_request *rq, struct bytes props);
enum ni_status dir_may_set(const struct dir_request *rq, struct bytes props, struct bytes prop);
/* dir_ok; and who does not see a secret must not give it a name under which he would (NI_PERM). */
enum ni_status dir_may_rename(const struct dir_request *rq, struct bytes props, struct bytes from,
                              struct bytes to);

/* A directory whose properties are being changed: opened by check 3, decoded into the arena. The decoded
 * bytes borrow from the store's page, which stands until dir_target_store. */
struct dir_target {
        struct store_node node;
        struct proplist props;
};
enum ni_status dir_target_open(struct dir_request *rq, struct ni_id id, struct dir_target *ret);
/* The same for an id whose instance does not matter. */
enum ni_status dir_target_decode(struct arena *a, const struct store_node *node, struct dir_target *ret);
/* Encodes the changed properties and stores them: instance + 1. NI_NOSPACE over LIMIT_NODE. */
enum ni_status dir_target_store(struct dir_request *rq, const struct dir_target *t, struct ni_id *ret_id);
/* Stores, and answers NI_OK and the new id. */
enum ni_status dir_target_answer(struct dir_request *rq, const struct dir_target *t);
/* Encodes a property list exactly. NI_NOSPACE over LIMIT_NODE, *out failed then. The caller frees out. */
enum ni_status dir_encode(struct proplist l, struct buf *out);

/* -- secrets (doc/decisions/0002-secrets-written-back.md) -- */
bool dir_hides(const struct dir_request *rq);
/* Is this the name of a property that this caller must not see? */
bool dir_hides_prop(const struct dir_request *rq, struct bytes prop);
/* The property list as this caller may see it: props itself, or a copy in the arena. {NULL,0}: arena full. */
struct bytes dir_shown(struct dir_request *rq, struct bytes props);
/* Replaces every "*" of `values`, written by a caller who sees only "*", by the old value at the same place.
 * `values` is copied into the arena when something changes. False: arena full. */
bool dir_keep_values(struct dir_request *rq, struct bytes prop, struct namelist old, struct namelist *values);
/* The same for a whole list: the k-th secret property of a name keeps the values of the k-th old one. */
bool dir_keep_secrets(struct dir_request *rq, const struct proplist *old, struct proplist *l);

/* -- finding -- */
/* The first child whose first property `key` has `value`. NI_NODIR without. */
enum ni_status dir_child(struct store_txn *t, uint32_t parent, const char *key, struct bytes value,
                         struct store_node *ret);
/* The first child of the root whose name is `name` (/users, /machines ...). */
enum ni_status dir_top(struct store_txn *t, const char *name, struct store_node *ret);
/* All values of the first property `name`, copied to the arena; empty when absent. False: arena full. */
bool dir_values(struct arena *a, struct bytes props, const char *name, struct namelist *ret);

/* -- the journal, as this caller may see it: one record, and about how many bytes it takes in a reply are
 * added to *bytes. False: arena full -- */
bool dir_copy_record(struct dir_request *rq, const struct store_record *from, bool before,
                     struct ext_record *to, size_t *bytes);

/* -- operations: dir_do_NAME for every procedure of kind READ and WRITE. Each writes NI_OK and its payload to
 * rq->out and gives NI_OK, or gives another status; dispatch.c does the rest -- */
#define DIR_DECLARE_READ(name) \
        enum ni_status dir_do_##name(struct dir_request *rq, const struct ni_args *args);
#define DIR_DECLARE_WRITE(name) DIR_DECLARE_READ(name)
#define DIR_DECLARE_CONTROL(name)
#define X(n, name, args, result, kind, udp) DIR_DECLARE_##kind(name)
NI_PROCS(X)
#undef X

#endif
