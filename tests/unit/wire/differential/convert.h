/* Inside the library of theirs: from our values to theirs, field by field. Memory comes from a pool that is
 * emptied before each message. */
#ifndef NETINFO_TESTS_CONVERT_H
#define NETINFO_TESTS_CONVERT_H

#define xdr_bool   ours_xdr_bool /* declared by our cursor.h, not called here */
#define xdr_opaque ours_xdr_opaque
#include "wire/binder.h"
#include "wire/ext_replica.h"
#include "wire/ext_search.h"
#include "wire/ext_trust.h"
#include "wire/ni.h"
#undef xdr_bool
#undef xdr_opaque

#include "theirs.h"
#include "theirs_generated.h"

struct row {
        xdrproc_t xdr;                                /* NULL: void */
        void (*fill)(const void *ours, void *theirs); /* theirs is zeroed */
};

void *pool(size_t n); /* zeroed */
char *string_of(struct bytes b);
t_ni_id id_of(struct ni_id id);
t_ni_namelist namelist_of(struct namelist l);
t_ni_proplist proplist_of(struct proplist l);

extern const struct row ni_args_rows[NI_PROC_COUNT], ni_result_rows[NI_PROC_COUNT];
extern const struct row binder_args_rows[NIBIND_PROC_COUNT], binder_result_rows[NIBIND_PROC_COUNT];
extern const struct row ext_args_rows[NIEXT_PROC_COUNT], ext_result_rows[NIEXT_PROC_COUNT];

#endif
