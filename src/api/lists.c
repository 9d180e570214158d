/* List utilities (doc/protocol.md 8.4). */
#include "api/api-internal.h"

#include <stdio.h>
#include <stdlib.h>

void *api_alloc(size_t count, size_t size)
{
        void *p = calloc(count ? count : 1, size);
        if (!p) {
                static const char words[] = "libnetinfo: out of memory\n";
                fputs(words, stderr);
                abort();
        }
        return p;
}

/* A copy of n elements with a gap at position `at`; the old array is freed. */
static void *opened(void *old, unsigned int n, size_t size, unsigned int at)
{
        char *v = api_alloc((size_t)n + 1, size);
        if (n) {
                memcpy(v, old, at * size);
                memcpy(v + ((size_t)at + 1) * size, (char *)old + at * size, (n - at) * size);
        }
        free(old);
        return v;
}

static void closed(void *v, unsigned int n, size_t size, unsigned int at)
{
        memmove((char *)v + at * size, (char *)v + ((size_t)at + 1) * size, ((size_t)n - at - 1) * size);
}

static unsigned int place_of(ni_index where, unsigned int n)
{
        return where < n ? where : n;
}

NI_API ni_name ni_name_dup(ni_name_const name)
{
        const size_t n = strlen(name ? name : "");
        ni_name copy = api_alloc(n + 1, 1);
        memcpy(copy, name ? name : "", n);
        return copy;
}

NI_API void ni_name_free(ni_name *name)
{
        free(*name);
        *name = NULL;
}

NI_API int ni_name_match(ni_name_const a, ni_name_const b)
{
        return strcmp(a, b) == 0;
}

NI_API ni_namelist ni_namelist_dup(ni_namelist list)
{
        ni_namelist copy = {list.ni_namelist_len, NULL};
        if (list.ni_namelist_len)
                copy.ni_namelist_val = api_alloc(list.ni_namelist_len, sizeof(ni_name));
        for (unsigned int i = 0; i < list.ni_namelist_len; i++)
                copy.ni_namelist_val[i] = ni_name_dup(list.ni_namelist_val[i]);
        return copy;
}

NI_API void ni_namelist_free(ni_namelist *list)
{
        for (unsigned int i = 0; i < list->ni_namelist_len; i++)
                free(list->ni_namelist_val[i]);
        free(list->ni_namelist_val);
        NI_INIT(list);
}

NI_API void ni_namelist_insert(ni_namelist *list, ni_name_const name, ni_index where)
{
        const unsigned int at = place_of(where, list->ni_namelist_len);
        ni_name copy = ni_name_dup(name); /* first: the name may be one of the list's own */
        list->ni_namelist_val = opened(list->ni_namelist_val, list->ni_namelist_len, sizeof(ni_name), at);
        list->ni_namelist_val[at] = copy;
        list->ni_namelist_len++;
}

NI_API void ni_namelist_delete(ni_namelist *list, ni_index index)
{
        if (index >= list->ni_namelist_len)
                return;
        free(list->ni_namelist_val[index]);
        closed(list->ni_namelist_val, list->ni_namelist_len, sizeof(ni_name), index);
        if (--list->ni_namelist_len == 0)
                ni_namelist_free(list);
}

NI_API ni_index ni_namelist_match(ni_namelist list, ni_name_const name)
{
        for (unsigned int i = 0; i < list.ni_namelist_len; i++)
                if (strcmp(list.ni_namelist_val[i], name) == 0)
                        return i;
        return NI_INDEX_NULL;
}

NI_API ni_property ni_prop_dup(ni_property property)
{
        ni_property copy;
        copy.nip_name = ni_name_dup(property.nip_name);
        copy.nip_val = ni_namelist_dup(property.nip_val);
        return copy;
}

NI_API void ni_prop_free(ni_property *property)
{
        ni_name_free(&property->nip_name);
        ni_namelist_free(&property->nip_val);
}

NI_API ni_proplist ni_proplist_dup(ni_proplist list)
{
        ni_proplist copy = {list.ni_proplist_len, NULL};
        if (list.ni_proplist_len)
                copy.ni_proplist_val = api_alloc(list.ni_proplist_len, sizeof(ni_property));
        for (unsigned int i = 0; i < list.ni_proplist_len; i++)
                copy.ni_proplist_val[i] = ni_prop_dup(list.ni_proplist_val[i]);
        return copy;
}

NI_API void ni_proplist_free(ni_proplist *list)
{
        for (unsigned int i = 0; i < list->ni_proplist_len; i++)
                ni_prop_free(&list->ni_proplist_val[i]);
        free(list->ni_proplist_val);
        NI_INIT(list);
}

NI_API void ni_proplist_insert(ni_proplist *list, ni_property property, ni_index where)
{
        const unsigned int at = place_of(where, list->ni_proplist_len);
        ni_property copy = ni_prop_dup(property);
        list->ni_proplist_val = opened(list->ni_proplist_val, list->ni_proplist_len, sizeof(ni_property), at);
        list->ni_proplist_val[at] = copy;
        list->ni_proplist_len++;
}

NI_API void ni_proplist_delete(ni_proplist *list, ni_index index)
{
        if (index >= list->ni_proplist_len)
                return;
        ni_prop_free(&list->ni_proplist_val[index]);
        closed(list->ni_proplist_val, list->ni_proplist_len, sizeof(ni_property), index);
        if (--list->ni_proplist_len == 0)
                ni_proplist_free(list);
}

NI_API ni_index ni_proplist_match(ni_proplist list, ni_name_const name, ni_name_const value)
{
        for (unsigned int i = 0; i < list.ni_proplist_len; i++) {
                const ni_property *p = &list.ni_proplist_val[i];
                if (strcmp(p->nip_name, name) != 0)
                        continue;
                /* Only the first property of the name counts, whether it has the value or not. */
                return !value || ni_namelist_match(p->nip_val, value) != NI_INDEX_NULL ? i : NI_INDEX_NULL;
        }
        return NI_INDEX_NULL;
}

NI_API void ni_proplist_list_free(ni_proplist_list *lists)
{
        for (unsigned int i = 0; i < lists->ni_proplist_list_len; i++)
                ni_proplist_free(&lists->ni_proplist_list_val[i]);
        free(lists->ni_proplist_list_val);
        NI_INIT(lists);
}

NI_API ni_idlist ni_idlist_dup(ni_idlist list)
{
        ni_idlist copy = {list.ni_idlist_len, NULL};
        if (list.ni_idlist_len) {
                copy.ni_idlist_val = api_alloc(list.ni_idlist_len, sizeof(ni_index));
                memcpy(copy.ni_idlist_val, list.ni_idlist_val, list.ni_idlist_len * sizeof(ni_index));
        }
        return copy;
}

NI_API void ni_idlist_free(ni_idlist *list)
{
        free(list->ni_idlist_val);
        NI_INIT(list);
}

NI_API void ni_idlist_insert(ni_idlist *list, ni_index id, ni_index where)
{
        const unsigned int at = place_of(where, list->ni_idlist_len);
        list->ni_idlist_val = opened(list->ni_idlist_val, list->ni_idlist_len, sizeof(ni_index), at);
        list->ni_idlist_val[at] = id;
        list->ni_idlist_len++;
}

NI_API int ni_idlist_delete(ni_idlist *list, ni_index id)
{
        for (unsigned int i = 0; i < list->ni_idlist_len; i++) {
                if (list->ni_idlist_val[i] != id)
                        continue;
                closed(list->ni_idlist_val, list->ni_idlist_len, sizeof(ni_index), i);
                if (--list->ni_idlist_len == 0)
                        ni_idlist_free(list);
                return 1;
        }
        return 0;
}

static ni_namelist *names_dup(const ni_namelist *names)
{
        if (!names)
                return NULL;
        ni_namelist *copy = api_alloc(1, sizeof(*copy));
        *copy = ni_namelist_dup(*names);
        return copy;
}

static void entry_free(ni_entry *entry)
{
        if (!entry->names)
                return;
        ni_namelist_free(entry->names);
        free(entry->names);
}

NI_API void ni_entrylist_insert(ni_entrylist *list, ni_entry entry)
{
        ni_entry copy = {entry.id, names_dup(entry.names)};
        list->ni_entrylist_val = opened(list->ni_entrylist_val, list->ni_entrylist_len, sizeof(ni_entry),
                                        list->ni_entrylist_len);
        list->ni_entrylist_val[list->ni_entrylist_len++] = copy;
}

NI_API void ni_entrylist_delete(ni_entrylist *list, ni_index index)
{
        if (index >= list->ni_entrylist_len)
                return;
        entry_free(&list->ni_entrylist_val[index]);
        closed(list->ni_entrylist_val, list->ni_entrylist_len, sizeof(ni_entry), index);
        if (--list->ni_entrylist_len == 0)
                ni_entrylist_free(list);
}

NI_API void ni_entrylist_free(ni_entrylist *list)
{
        for (unsigned int i = 0; i < list->ni_entrylist_len; i++)
                entry_free(&list->ni_entrylist_val[i]);
        free(list->ni_entrylist_val);
        NI_INIT(list);
}
