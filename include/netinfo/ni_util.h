/* List utilities of the NetInfo client library (ni_lists(3)). A zeroed list is an empty list; insertions
 * copy; `where` is a position, NI_INDEX_NULL or anything past the end appends. Out of memory ends the
 * process, as these calls have no way to say so. */
#ifndef NETINFO_NI_UTIL_H
#define NETINFO_NI_UTIL_H

#include <netinfo/ni.h>

#ifdef __cplusplus
extern "C" {
#endif

ni_name ni_name_dup(ni_name_const name);
void ni_name_free(ni_name *name);
int ni_name_match(ni_name_const a, ni_name_const b);

ni_namelist ni_namelist_dup(ni_namelist list);
void ni_namelist_free(ni_namelist *list);
void ni_namelist_insert(ni_namelist *list, ni_name_const name, ni_index where);
void ni_namelist_delete(ni_namelist *list, ni_index index);
ni_index ni_namelist_match(ni_namelist list, ni_name_const name);

ni_property ni_prop_dup(ni_property property);
void ni_prop_free(ni_property *property);
ni_proplist ni_proplist_dup(ni_proplist list);
void ni_proplist_free(ni_proplist *list);
void ni_proplist_insert(ni_proplist *list, ni_property property, ni_index where);
void ni_proplist_delete(ni_proplist *list, ni_index index);
ni_index ni_proplist_match(ni_proplist list, ni_name_const name, ni_name_const value);
void ni_proplist_list_free(ni_proplist_list *lists);

ni_idlist ni_idlist_dup(ni_idlist list);
void ni_idlist_free(ni_idlist *list);
void ni_idlist_insert(ni_idlist *list, ni_index id, ni_index where);
int ni_idlist_delete(ni_idlist *list, ni_index id);

void ni_entrylist_insert(ni_entrylist *list, ni_entry entry);
void ni_entrylist_delete(ni_entrylist *list, ni_index index);
void ni_entrylist_free(ni_entrylist *list);

#ifdef __cplusplus
}
#endif

#endif
