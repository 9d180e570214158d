/* Edits on property lists: what the property and value procedures do to a directory
 * (doc/protocol.md 2.6, 2.7). Pure: a list goes in, the changed one comes out; new arrays live in the arena,
 * bytes stay borrowed. `where` follows 2.6: before that position, append when beyond. Statuses: NI_OK,
 * NI_NOPROP, NI_NONAME, NI_NOSPACE (a protocol limit would be passed), NI_SYSTEMERR (arena full). On failure
 * the list is as it was. */
#ifndef NETINFO_MODEL_EDIT_H
#define NETINFO_MODEL_EDIT_H

#include "netinfo/status.h"
#include "xdr/prop.h"

enum ni_status edit_create_prop(struct proplist *l, struct arena *a, struct property p, uint32_t where);
enum ni_status edit_destroy_prop(struct proplist *l, struct arena *a, uint32_t prop);
enum ni_status edit_rename_prop(struct proplist *l, struct arena *a, uint32_t prop, struct bytes name);
enum ni_status edit_write_prop(struct proplist *l, struct arena *a, uint32_t prop, struct namelist values);
enum ni_status edit_create_name(struct proplist *l, struct arena *a, uint32_t prop, struct bytes value,
                                uint32_t where);
enum ni_status edit_destroy_name(struct proplist *l, struct arena *a, uint32_t prop, uint32_t value);
enum ni_status edit_write_name(struct proplist *l, struct arena *a, uint32_t prop, uint32_t index,
                               struct bytes value);

/* One directory's term of the database checksum: (object + 1) * instance mod 2^32 (protocol.md 5.4). */
uint32_t checksum_term(struct ni_id id);

#endif
