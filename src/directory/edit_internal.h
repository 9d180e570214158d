/* EDIT's operations (doc/extension-program.md): edit.c runs them, edit_tree.c and edit_props.c do them. */
#ifndef NETINFO_DIRECTORY_EDIT_INTERNAL_H
#define NETINFO_DIRECTORY_EDIT_INTERNAL_H

#include "directory/internal.h"

struct edit {
        struct dir_request *rq; /* its arena is emptied after each operation */
        const struct ext_edit_args *args;
        struct ni_id *ids; /* of the operations done so far */
        uint32_t at;       /* operation at hand */
        uint64_t bytes;    /* work done so far, against LIMIT_EDIT_BYTES, _SCAN and _DESTROY */
        uint32_t scanned, destroyed;
};

/* The directory a reference means: NI_NODIR, NI_STALE; NI_NOSPACE when the edit costs too much. */
enum ni_status edit_resolve(struct edit *e, const struct ext_ref *ref, struct store_node *ret);
/* The same for a directory that the edit touches by number. */
enum ni_status edit_get(struct edit *e, uint32_t object, struct store_node *ret);

/* Each gives the id of the directory it made or changed. */
typedef enum ni_status edit_operation(struct edit *e, const struct ext_op *op, struct ni_id *ret);
edit_operation edit_do_create, edit_do_destroy, edit_do_move, edit_do_assert_none, edit_do_assert_same;
edit_operation edit_do_write, edit_do_set, edit_do_add, edit_do_remove, edit_do_rename;

#endif
