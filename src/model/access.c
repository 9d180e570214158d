#include "model/access.h"

#include "base/text.h"

/* Secret by decision 6: never shown, indexed or searched for others. */
static const struct {
        const char *name;
        size_t len;
} secrets[] = {
#define SECRET(name)                   \
        {                              \
                name, sizeof(name) - 1 \
        }
        SECRET("passwd"),
        SECRET("legacy_passwd"),
        SECRET("_shadow_passwd"),
        SECRET("authentication_hash"),
};

/* Does the property list everybody, or the caller by name? */
static enum access_reason listed(const struct caller *c, struct bytes props, struct bytes list,
                                 enum access_reason all, enum access_reason name)
{
        struct prop_walk w;
        if (!prop_find(props, list, &w))
                return ACCESS_NONE;
        if (namelist_has(w.values, BYTES_LIT("*")))
                return all;
        return c->name.len && namelist_has(w.values, c->name) ? name : ACCESS_NONE;
}

enum access_reason access_why(const struct caller *c, struct bytes props, struct bytes prop)
{
        static const char prefix[] = "_writers_";
        uint8_t key[sizeof(prefix) - 1 + NI_NAME_MAX];
        if (c->superuser)
                return ACCESS_SUPERUSER;
        const enum access_reason dir =
                listed(c, props, BYTES_LIT("_writers"), ACCESS_DIR_ALL, ACCESS_DIR_NAME);
        if (dir != ACCESS_NONE || !prop.data || prop.len > NI_NAME_MAX - (sizeof(prefix) - 1))
                return dir;
        memcpy(key, prefix, sizeof(prefix) - 1);
        if (prop.len)
                memcpy(key + sizeof(prefix) - 1, prop.data, prop.len);
        return listed(c, props, bytes_of(key, sizeof(prefix) - 1 + prop.len), ACCESS_VALUE_ALL,
                      ACCESS_VALUE_NAME);
}

bool access_dir(const struct caller *c, struct bytes props)
{
        return access_why(c, props, BYTES_NONE) != ACCESS_NONE;
}

bool access_value(const struct caller *c, struct bytes props, struct bytes prop)
{
        return access_why(c, props, prop.data ? prop : BYTES_LIT("")) != ACCESS_NONE;
}

bool access_is_admin(struct bytes root_props, struct bytes admin_props, struct bytes name)
{
        struct prop_walk w;
        struct bytes v;
        if (root_props.len && prop_first(root_props, "promote_admins", &v) && !text_bool(v, true))
                return false;
        return name.len && admin_props.len && prop_find(admin_props, BYTES_LIT("users"), &w) &&
               namelist_has(w.values, name);
}

/* `version;type;data`: only type "basic" means the passwd property. */
bool access_other_authority(struct bytes props)
{
        struct bytes v;
        if (!prop_first(props, "authentication_authority", &v) || v.len == 0)
                return false;
        const struct bytes rest = bytes_sub(v, bytes_find(v, ';') + 1, v.len);
        return !bytes_eq_str(bytes_sub(rest, 0, bytes_find(rest, ';')), "basic");
}

bool access_locked(struct bytes props)
{
        struct prop_walk w;
        return prop_find(props, BYTES_LIT("_locked"), &w);
}

bool access_secret(struct bytes prop)
{
        for (unsigned i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++)
                if (bytes_eq(prop, bytes_of(secrets[i].name, secrets[i].len)))
                        return true;
        return false;
}

void access_redact(struct bytes props, struct buf *out)
{
        struct prop_walk w = prop_walk(props);
        const uint8_t *from = props.data; /* what is shown is copied piece by piece, up to the next secret */
        while (prop_walk_next(&w)) {
                if (!access_secret(w.name))
                        continue;
                buf_put(out, bytes_of(from, (size_t)(w.values.data - from)));
                from = w.in.at;
                xdr_put_u32(out, w.count);
                for (uint32_t i = 0; i < w.count; i++)
                        xdr_put_opaque(out, BYTES_LIT("*"));
        }
        if (w.in.bad)
                out->failed = true;
        else
                buf_put(out, bytes_of(from, (size_t)(w.in.at - from)));
}
