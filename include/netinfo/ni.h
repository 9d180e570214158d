/* The NetInfo client library (netinfo(3)): handles and directory calls, source-compatible with the historical
 * library. Link with -lnetinfo. */
#ifndef NETINFO_NI_H
#define NETINFO_NI_H

#include <netinfo/ni_prot.h>
#include <netinet/in.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

#define NI_INIT(p) memset((p), 0, sizeof(*(p)))

typedef struct ni_fancyopenargs {
        int rtimeout;  /* seconds for a read, 0 = 5 */
        int wtimeout;  /* seconds for a write, 0 = 60 */
        int abort;     /* fail after the first failed round */
        int needwrite; /* the master answers reads too */
} ni_fancyopenargs;

/* Handles: ni_open(3). */
void *ni_connect(struct sockaddr_in *address, const char *tag);
void *ni_new(void *relative, const char *domain);
ni_status ni_open(void *relative, const char *path, void **handle);
ni_status ni_fancyopen(void *relative, const char *path, void **handle, ni_fancyopenargs *args);
void ni_free(void *handle);
ni_status ni_addrtag(void *handle, struct sockaddr_in *address, ni_name *tag);
ni_status ni_pwdomain(void *handle, ni_name *name);
void ni_setabort(void *handle, int on);
void ni_setreadtimeout(void *handle, int seconds);
void ni_setwritetimeout(void *handle, int seconds);
void ni_needwrite(void *handle, int on);
ni_status ni_setuser(void *handle, const char *user);
ni_status ni_setpassword(void *handle, const char *password);

/* Directory calls: ni_read(3). *id goes in and, on NI_OK, comes back current. */
ni_status ni_statistics(void *handle, ni_proplist *statistics);
ni_status ni_root(void *handle, ni_id *id);
ni_status ni_self(void *handle, ni_id *id);
ni_status ni_parent(void *handle, ni_id *id, ni_index *parent);
ni_status ni_children(void *handle, ni_id *id, ni_idlist *children);
ni_status ni_create(void *handle, ni_id *parent, ni_proplist properties, ni_id *child, ni_index where);
ni_status ni_destroy(void *handle, ni_id *parent, ni_id child);
ni_status ni_read(void *handle, ni_id *id, ni_proplist *properties);
ni_status ni_write(void *handle, ni_id *id, ni_proplist properties);
ni_status ni_lookup(void *handle, ni_id *id, ni_name_const key, ni_name_const value, ni_idlist *hits);
ni_status ni_lookupread(void *handle, ni_id *id, ni_name_const key, ni_name_const value,
                        ni_proplist *properties);
ni_status ni_list(void *handle, ni_id *id, ni_name_const property, ni_entrylist *entries);
ni_status ni_listall(void *handle, ni_id *id, ni_proplist_list *lists);
ni_status ni_listprops(void *handle, ni_id *id, ni_namelist *names);
ni_status ni_createprop(void *handle, ni_id *id, ni_property property, ni_index where);
ni_status ni_destroyprop(void *handle, ni_id *id, ni_index property);
ni_status ni_readprop(void *handle, ni_id *id, ni_index property, ni_namelist *values);
ni_status ni_writeprop(void *handle, ni_id *id, ni_index property, ni_namelist values);
ni_status ni_renameprop(void *handle, ni_id *id, ni_index property, ni_name_const name);
ni_status ni_createname(void *handle, ni_id *id, ni_index property, ni_name_const value, ni_index where);
ni_status ni_destroyname(void *handle, ni_id *id, ni_index property, ni_index value);
ni_status ni_readname(void *handle, ni_id *id, ni_index property, ni_index value, ni_name *name);
ni_status ni_writename(void *handle, ni_id *id, ni_index property, ni_index value, ni_name_const name);
ni_status ni_resync(void *handle);

/* Built on top. */
ni_status ni_lookupprop(void *handle, ni_id *id, ni_name_const name, ni_namelist *values);
ni_status ni_pathsearch(void *handle, ni_id *id, const char *path);
ni_status ni_find(void **handle, ni_id *id, ni_name path, unsigned int timeout);
ni_status ni_search(void *handle, ni_id *id, ni_name property, ni_name expression, int flags,
                    ni_entrylist *entries);
ni_status ni_url(char *url, void **handle, ni_id *id);
const char *ni_error(ni_status status);

#ifdef __cplusplus
}
#endif

#endif
