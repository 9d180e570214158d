/* NetInfo's types, as programs written for the historical library expect them (netinfo(3), ni_types(3)). */
#ifndef NETINFO_NI_PROT_H
#define NETINFO_NI_PROT_H

#include <netinfo/status.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define NI_PROG        200100000
#define NI_VERS        2
#define NI_NAME_MAXLEN 65535

typedef uint32_t ni_index; /* 32 bits, so that NI_INDEX_NULL is the wire's constant */
#ifndef NI_INDEX_NULL
#define NI_INDEX_NULL ((ni_index)-1)
#endif

typedef struct {
        ni_index nii_object;
        ni_index nii_instance;
} ni_id;

typedef char *ni_name;
typedef const char *ni_name_const;

typedef struct ni_namelist {
        unsigned int ni_namelist_len;
        ni_name *ni_namelist_val;
} ni_namelist;
#define ninl_len ni_namelist_len
#define ninl_val ni_namelist_val

typedef struct ni_property {
        ni_name nip_name;
        ni_namelist nip_val;
} ni_property;

typedef struct ni_proplist {
        unsigned int ni_proplist_len;
        ni_property *ni_proplist_val;
} ni_proplist;
#define nipl_len ni_proplist_len
#define nipl_val ni_proplist_val

typedef struct ni_proplist_list {
        unsigned int ni_proplist_list_len;
        ni_proplist *ni_proplist_list_val;
} ni_proplist_list;
#define nipll_len ni_proplist_list_len
#define nipll_val ni_proplist_list_val

typedef struct ni_idlist {
        unsigned int ni_idlist_len;
        ni_index *ni_idlist_val;
} ni_idlist;
#define niil_len ni_idlist_len
#define niil_val ni_idlist_val

typedef struct {
        ni_index id;
        ni_namelist *names; /* NULL: the directory lacks the property, or it has no values */
} ni_entry;

typedef struct ni_entrylist {
        unsigned int ni_entrylist_len;
        ni_entry *ni_entrylist_val;
} ni_entrylist;
#define niel_len ni_entrylist_len
#define niel_val ni_entrylist_val

typedef struct {
        ni_id nio_id;
        ni_proplist nio_props;
        ni_index nio_parent;
        ni_idlist nio_children;
} ni_object;

typedef struct {
        ni_name tag;
        unsigned int addr;
} ni_binding;

#ifdef __cplusplus
}
#endif

#endif
