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

static bool is_allowed(const struct merge_rules *r, struct bytes name)
{
        for (size_t i = 0; i < r->allow_count; i++)
                if (bytes_eq(r->allow[i], name))
                        return true;
        return false;
}

/* -2, however it is written, is nobody. */
static bool read_id(struct bytes props, const char *key, uint32_t *ret)
{
        struct bytes text;
        if (!prop_first(props, key, &text))
                return false;
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

const char *merge_account_of(const struct merge_domain *d, struct bytes props, bool user,
                             const struct merge_rules *r, struct arena *a, struct merge_account *ret)
{
        struct merge_account account = {NULL, 0, 0, 0};
        struct prop_walk w;
        struct bytes name;
        const char *why = NULL;
        if (!prop_find(props, BYTES_LIT("name"), &w) || w.count == 0)
                return "no name";
        account.names = arena_zalloc(a, w.count, sizeof(*account.names));
        if (!account.names)
                return "out of memory";
        struct xdr_in in = xdr_in(w.values);
        xdr_u32(&in);
        for (uint32_t i = 0; i < w.count; i++) {
                name = xdr_opaque(&in, NI_NAME_MAX);
                if (merge_is_name(name))
                        account.names[account.name_count++] = name;
                else if (i == 0)
                        return "the name is not usable";
        }
        if (user && !read_id(props, "uid", &account.uid))
                return "uid is missing or no decimal number";
        if (!read_id(props, "gid", &account.gid))
                return "gid is missing or no decimal number";
        if (user)
                why = check_id(d, r, account.names[0], true, account.uid);
        if (!why)
                why = check_id(d, r, account.names[0], false, account.gid);
        if (!why)
                *ret = account;
        return why;
}
