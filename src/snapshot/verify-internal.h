/* What the two files that verify share. */
#ifndef NETINFO_SNAPSHOT_VERIFY_INTERNAL_H
#define NETINFO_SNAPSHOT_VERIFY_INTERNAL_H

#include "snapshot/verify.h"

/* Notes the first fault; false. */
bool snap_fault(struct snap_findings *f, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Order of offsets, for qsort and bsearch. */
int snap_by_offset(const void *a, const void *b);
/* Sorts offsets and drops repetitions. */
void snap_sort_distinct(uint32_t *v, size_t *n);
/* snap_verify of a map image. */
int snap_verify_map(const void *base, uint64_t size, enum snap_kind kind, struct snap_findings *ret_findings);

#endif
