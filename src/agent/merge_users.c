/* passwd and shadow. */
#include "agent/merge-internal.h"

#include "base/text.h"

#define DAY 86400

/* A number of seconds or days; `otherwise` when it is none. */
static int64_t number(struct bytes text, int64_t otherwise)
{
        int64_t v;
        return text_i64(text, &v) ? v : otherwise;
}

/* realname without ':' and control characters. */
static struct bytes cleaned(struct bytes b, struct arena *a)
{
        uint8_t *to = merge_is_clean(b) ? NULL : arena_alloc(a, b.len);
        size_t n = 0;
        if (!to)
                return merge_is_clean(b) ? b : BYTES_NONE;
        for (size_t i = 0; i < b.len; i++)
                if (merge_is_clean(bytes_sub(b, i, 1)))
                        to[n++] = b.data[i];
        return bytes_of(to, n);
}

static const char *user_of(const struct merge_domain *d, struct bytes props, const struct merge_rules *r,
                           struct arena *a, struct snap_user *ret)
{
        enum { PASSWD, REALNAME, HOME, SHELL, FIELDS };
        static const char *const keys[FIELDS] = {"passwd", "realname", "home", "shell"};
        struct bytes f[FIELDS];
        struct merge_account account;
        const char *why = merge_account_of(d, props, true, r, a, &account);
        if (why)
                return why;
        merge_fields(props, keys, FIELDS, f);
        if (!merge_is_clean(f[SHELL]))
                return "the shell holds ':' or control characters";
        const bool good_home = f[HOME].len && f[HOME].data[0] == '/' && merge_is_clean(f[HOME]);
        *ret = (struct snap_user){
                .names = account.names,
                .name_count = account.name_count,
                .uid = account.uid,
                .gid = account.gid,
                .has_hash = merge_has_hash(f[PASSWD]),
                .enumerate = true,
                .gecos = cleaned(f[REALNAME], a),
                .dir = good_home ? f[HOME] : BYTES_LIT("/"),
                .shell = f[SHELL].len ? f[SHELL] : BYTES_LIT("/bin/sh"),
        };
        return NULL;
}

bool merge_users(const struct merge_domain *domains, size_t n, const struct merge_rules *r,
                 const struct merge_sink *sink)
{
        struct arena a;
        bool ok = true;
        arena_init(&a, 0);
        for (size_t d = 0; d < n; d++)
                for (size_t i = 0; ok && i < domains[d].user_count; i++) {
                        const struct bytes props = domains[d].users[i];
                        struct snap_user u;
                        arena_reset(&a);
                        const char *why = user_of(&domains[d], props, r, &a, &u);
                        if (a.failed)
                                ok = false; /* for want of memory nobody is left out */
                        else if (!why)
                                ok = sink->user(sink->context, &domains[d], &u);
                        else if (sink->left_out)
                                sink->left_out(sink->context, &domains[d], "user", merge_name(props), why);
                }
        arena_done(&a);
        return ok;
}

/* What getspnam shall show of the hash (doc/agent.md "Merging"). */
static struct bytes hash_of(const struct merge_domain *d, struct bytes v, const struct merge_rules *r)
{
        if (!v.data || (!d->local && !r->publish_hashes) || bytes_eq_str(v, "x"))
                return BYTES_LIT("*");
        if (v.len == 0)
                return r->allow_empty_passwords ? v : BYTES_LIT("*");
        return merge_is_clean(v) ? v : BYTES_LIT("*");
}

/* `change` is the moment from which a new password is required (doc/resolution.md 17.1). */
static void age(struct snap_shadow *s, int64_t change, int64_t today)
{
        const int64_t day = change / DAY, last = s->last_change >= 0 ? s->last_change : 1;
        const int64_t most = day - 1 - last > 0 ? day - 1 - last : 0;
        s->max = s->max >= 0 && s->max < most ? s->max : most;
        s->last_change = day <= today ? 0 : last;
}

static void shadow_of(const struct merge_domain *d, struct bytes props, const struct merge_rules *r,
                      const struct merge_account *account, struct snap_shadow *ret)
{
        enum { PASSWD, LAST, MIN, MAX, WARN, INACTIVE, FLAG, CHANGE, EXPIRE, FIELDS };
        static const char *const keys[FIELDS] = {
                "passwd",          "shadow_lastchange", "shadow_min", "shadow_max", "shadow_warning",
                "shadow_inactive", "shadow_flag",       "change",     "expire"};
        struct bytes f[FIELDS];
        merge_fields(props, keys, FIELDS, f);
        const int64_t change = number(f[CHANGE], 0), expire = number(f[EXPIRE], 0);
        *ret = (struct snap_shadow){
                .names = account->names,
                .name_count = account->name_count,
                .enumerate = true,
                .hash = hash_of(d, f[PASSWD], r),
                .last_change = number(f[LAST], -1),
                .min = number(f[MIN], -1),
                .max = number(f[MAX], -1),
                .warn = number(f[WARN], -1),
                .inactive = number(f[INACTIVE], -1),
                .expire = expire > 0 ? expire / DAY : -1,
                /* -1 is "none" for the C library, too. */
                .flag = (uint64_t)number(f[FLAG], -1),
        };
        if (change > 0)
                age(ret, change, r->today);
}

bool merge_shadow(const struct merge_domain *domains, size_t n, const struct merge_rules *r,
                  const struct merge_sink *sink)
{
        struct arena a;
        bool ok = true;
        arena_init(&a, 0);
        for (size_t d = 0; d < n; d++)
                for (size_t i = 0; ok && i < domains[d].user_count; i++) {
                        const struct bytes props = domains[d].users[i];
                        struct merge_account account;
                        struct snap_shadow s;
                        arena_reset(&a);
                        /* Whoever's name or number is not fit for passwd is not in shadow either; merge_users
                         * has reported it. */
                        const char *why = merge_account_of(&domains[d], props, true, r, &a, &account);
                        ok = !a.failed;
                        if (why)
                                continue;
                        shadow_of(&domains[d], props, r, &account, &s);
                        ok = sink->shadow(sink->context, &domains[d], &s);
                }
        arena_done(&a);
        return ok;
}
