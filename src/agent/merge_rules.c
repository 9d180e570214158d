#include "agent/merge-internal.h"

#include "base/text.h"

#define NOBODY 65534u

/* Ids that systemd gives out by itself, nobody, and the two that mean "none" (doc/resolution.md 10.2). */
static bool is_reserved(uint32_t id)
{
        return (id >= 61184 && id <= 65519) || id == NOBODY || id == 65535 || id == UINT32_MAX;
}

bool merge_is_clean(struct bytes b)
{
        for (size_t i = 0; i < b.len; i++)
                if (b.data[i] < 0x20 || b.data[i] == 0x7f || b.data[i] == ':')
                        return false;
        return true;
}

bool merge_is_name(struct bytes b)
{
        bool digits = true;
        for (size_t i = 0; i < b.len; i++) {
                if (b.data[i] == '/' || b.data[i] == ',')
                        return false;
                digits = digits && b.data[i] >= '0' && b.data[i] <= '9';
        }
        return b.len && !digits && b.data[0] != '-' && !bytes_eq_str(b, ".") && !bytes_eq_str(b, "..") &&
               merge_is_clean(b);
}

bool merge_has_hash(struct bytes passwd)
{
        static const char *const words[] = {"x", "!", "!!"};
        for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++)
                if (bytes_eq_str(passwd, words[i]))
                        return false;
        return passwd.len && passwd.data[0] != '*' && !bytes_starts(passwd, "!*") && merge_is_clean(passwd);
}

struct bytes merge_name(struct bytes props)
{
        struct bytes name = BYTES_NONE;
        prop_first(props, "name", &name);
        return name;
}

void merge_fields(struct bytes props, const char *const *keys, unsigned n, struct bytes *ret)
{
        struct prop_walk w = prop_walk(props);
        memset(ret, 0, n * sizeof(*ret));
        while (prop_walk_next(&w))
                for (unsigned i = 0; i < n; i++)
                        if (bytes_eq_str(w.name, keys[i])) {
                                if (!ret[i].data && w.count)
                                        namelist_at(w.values, 0, &ret[i]);
                                break;
                        }
}

static bool is_allowed(const struct merge_rules *r, struct bytes name)
{
        for (size_t i = 0; i < r->allow_count; i++)
                if (bytes_eq(r->allow[i], name))
                        return true;
        return false;
}

/* -2, however it is written, is nobody. */
static bool read_id(struct bytes text, uint32_t *ret)
{
        if (bytes_eq_str(text, "-2")) {
                *ret = NOBODY;
                return true;
        }
        if (!text_u32(text, ret))
                return false;
        if (*ret == UINT32_MAX - 1)
                *ret = NOBODY;
        return true;
}

static const char *check_id(const struct merge_domain *d, const struct merge_rules *r, struct bytes name,
                            bool is_uid, uint32_t id)
{
        if (id == UINT32_MAX)
                return is_uid ? "uid 4294967295 means none" : "gid 4294967295 means none";
        if (d->local)
                return NULL;
        if (id == 0)
                return is_uid ? "uid 0 of another domain" : "gid 0 of another domain";
        if (is_allowed(r, name))
                return NULL;
        if (id < r->min_id)
                return is_uid ? "uid below min_id" : "gid below min_id";
        if (is_reserved(id))
                return is_uid ? "uid in a reserved range" : "gid in a reserved range";
        return NULL;
}

static const char *guarded(const struct merge_domain *d, const struct merge_rules *r, struct bytes name,
                           bool user, uint32_t number)
{
        return d->local || is_allowed(r, name) ? NULL : own_guards(r->own, user, name, number, r->min_id);
}

/* A further name of this machine's own accounts is left out. */
static const char *drop_guarded(const struct merge_domain *d, const struct merge_rules *r, bool user,
                                struct merge_account *account)
{
        const uint32_t number = user ? account->uid : account->gid;
        const char *why = guarded(d, r, account->names[0], user, number);
        size_t kept = 1;
        for (size_t i = 1; !why && i < account->name_count; i++)
                if (!guarded(d, r, account->names[i], user, number))
                        account->names[kept++] = account->names[i];
        account->name_count = kept;
        return why;
}

/* The usable names; the reason when there is no first one. */
static const char *read_names(struct bytes encoded, struct arena *a, struct merge_account *account)
{
        struct xdr_in in = xdr_in(encoded);
        const uint32_t n = xdr_u32(&in);
        account->names = arena_alloc(a, n * sizeof(*account->names));
        if (!account->names)
                return "out of memory";
        for (uint32_t i = 0; i < n; i++) {
                const struct bytes name = xdr_opaque(&in, NI_NAME_MAX);
                if (merge_is_name(name))
                        account->names[account->name_count++] = name;
                else if (i == 0)
                        return "the name is not usable";
        }
        return n ? NULL : "no name";
}

const char *merge_account_of(const struct merge_domain *d, struct bytes props, bool user,
                             const struct merge_rules *r, struct arena *a, struct merge_account *ret)
{
        struct merge_account account = {NULL, 0, 0, 0};
        struct bytes names = BYTES_NONE, uid = BYTES_NONE, gid = BYTES_NONE;
        struct prop_walk w = prop_walk(props);
        while (prop_walk_next(&w)) {
                if (!names.data && bytes_eq_str(w.name, "name"))
                        names = w.values;
                else if (!uid.data && bytes_eq_str(w.name, "uid"))
                        namelist_at(w.values, 0, &uid);
                else if (!gid.data && bytes_eq_str(w.name, "gid"))
                        namelist_at(w.values, 0, &gid);
        }
        const char *why = names.data ? read_names(names, a, &account) : "no name";
        if (!why && user && !read_id(uid, &account.uid))
                why = "uid is missing or no decimal number";
        if (!why && !read_id(gid, &account.gid))
                why = "gid is missing or no decimal number";
        if (!why && user)
                why = check_id(d, r, account.names[0], true, account.uid);
        if (!why)
                why = check_id(d, r, account.names[0], false, account.gid);
        if (!why)
                why = drop_guarded(d, r, user, &account);
        if (!why)
                *ret = account;
        return why;
}
