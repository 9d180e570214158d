#include "model/access.h"

/* Secret by decision 6: never shown, indexed or searched for others. */
static const char *const secrets[] = {"passwd", "legacy_passwd", "_shadow_passwd", "authentication_hash"};

static bool listed(const struct caller *c, struct bytes props, struct bytes name)
{
        struct prop_walk w;
        if (!prop_find(props, name, &w))
                return false;
        return namelist_has(w.values, BYTES_LIT("*")) || (c->name.len && namelist_has(w.values, c->name));
}

bool access_dir(const struct caller *c, struct bytes props)
{
        return c->superuser || listed(c, props, BYTES_LIT("_writers"));
}

bool access_value(const struct caller *c, struct bytes props, struct bytes prop)
{
        static const char prefix[] = "_writers_";
        uint8_t key[sizeof(prefix) - 1 + NI_NAME_MAX];
        if (access_dir(c, props))
                return true;
        if (prop.len > NI_NAME_MAX - (sizeof(prefix) - 1))
                return false;
        memcpy(key, prefix, sizeof(prefix) - 1);
        if (prop.len)
                memcpy(key + sizeof(prefix) - 1, prop.data, prop.len);
        return listed(c, props, bytes_of(key, sizeof(prefix) - 1 + prop.len));
}

bool access_locked(struct bytes props)
{
        struct prop_walk w;
        return prop_find(props, BYTES_LIT("_locked"), &w);
}

bool access_secret(struct bytes prop)
{
        for (unsigned i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++)
                if (bytes_eq_str(prop, secrets[i]))
                        return true;
        return false;
}

void access_redact(struct bytes props, struct buf *out)
{
        struct prop_walk w = prop_walk(props);
        xdr_put_u32(out, w.left);
        while (prop_walk_next(&w)) {
                xdr_put_opaque(out, w.name);
                if (!access_secret(w.name)) {
                        buf_put(out, w.values);
                        continue;
                }
                xdr_put_u32(out, w.count);
                for (uint32_t i = 0; i < w.count; i++)
                        xdr_put_opaque(out, BYTES_LIT("*"));
        }
        if (w.in.bad)
                out->failed = true;
}
