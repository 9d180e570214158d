#include "api/convert.h"

#include "api/api-internal.h"

ni_name api_name(struct bytes b)
{
        ni_name s = api_alloc(b.len + 1, 1);
        if (b.len)
                memcpy(s, b.data, b.len);
        return s;
}

ni_namelist api_namelist(struct namelist l)
{
        ni_namelist list = {l.n, NULL};
        if (l.n)
                list.ni_namelist_val = api_alloc(l.n, sizeof(ni_name));
        for (uint32_t i = 0; i < l.n; i++)
                list.ni_namelist_val[i] = api_name(l.v[i]);
        return list;
}

ni_proplist api_proplist(struct proplist l)
{
        ni_proplist list = {l.n, NULL};
        if (l.n)
                list.ni_proplist_val = api_alloc(l.n, sizeof(ni_property));
        for (uint32_t i = 0; i < l.n; i++) {
                list.ni_proplist_val[i].nip_name = api_name(l.v[i].name);
                list.ni_proplist_val[i].nip_val = api_namelist(l.v[i].values);
        }
        return list;
}

struct bytes wire_name(struct arena *a, ni_name_const name)
{
        const struct bytes b = bytes_str(name);
        a->failed |= b.len > NI_NAME_MAX;
        return b;
}

struct namelist wire_namelist(struct arena *a, ni_namelist l)
{
        struct namelist list = {arena_zalloc(a, l.ni_namelist_len, sizeof(*list.v)), l.ni_namelist_len};
        if (!list.v)
                return (struct namelist){NULL, 0};
        for (uint32_t i = 0; i < list.n; i++)
                list.v[i] = wire_name(a, l.ni_namelist_val[i]);
        return list;
}

struct proplist wire_proplist(struct arena *a, ni_proplist l)
{
        struct proplist list = {arena_zalloc(a, l.ni_proplist_len, sizeof(*list.v)), l.ni_proplist_len};
        if (!list.v)
                return (struct proplist){NULL, 0};
        for (uint32_t i = 0; i < list.n; i++) {
                list.v[i].name = wire_name(a, l.ni_proplist_val[i].nip_name);
                list.v[i].values = wire_namelist(a, l.ni_proplist_val[i].nip_val);
        }
        return list;
}
