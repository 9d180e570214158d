/* passwd, group, shadow, gshadow (doc/tools.md 6.3-6.5, doc/resolution.md 17.1, 17.2). */
#include "base/text.h"
#include "flat/flat-internal.h"

#include <stdio.h>

#define DAY 86400

/* A user's or group's number: decimal, negative ones as historical files have them (-2 is nobody). */
static bool is_id(struct bytes b)
{
        int64_t v;
        return text_i64(b, &v) && v >= INT32_MIN && v <= (int64_t)UINT32_MAX;
}

static enum flat_outcome check_id(struct flat_in *in, const char *what, struct bytes name, struct bytes value)
{
        if (!in->strict || is_id(value))
                return FLAT_ITEM;
        return flat_bad(in, "%s of '%.*s' is '%.*s': it must be a decimal number", what, BYTES_FMT(name),
                        BYTES_FMT(bytes_sub(value, 0, 60)));
}

/* `x` only says "look elsewhere": it must never stand in for a hash that is already there
 * (doc/tools.md 6.4). */
static void add_password(struct flat_in *in, struct bytes value)
{
        if (bytes_eq_str(value, "x"))
                flat_add_initial(in, "passwd", value);
        else
                flat_add(in, "passwd", value);
}

static enum flat_outcome passwd_line(struct flat_in *in, struct bytes line, bool may_have_ten)
{
        if (flat_is_nis(line))
                return FLAT_NOTHING;
        const struct namelist f = flat_split(in, line, ':');
        if (f.n != 7 && !(may_have_ten && f.n == 10))
                return flat_bad(in, "%u fields between colons: a line of passwd has 7%s", f.n,
                                may_have_ten ? " (or 10, in the BSD form)" : "");
        if (f.v[0].len == 0)
                return flat_bad(in, "the login name is empty");
        if (check_id(in, "the uid", f.v[0], f.v[2]) == FLAT_BAD ||
            check_id(in, "the gid", f.v[0], f.v[3]) == FLAT_BAD)
                return FLAT_BAD;
        const bool ten = f.n == 10;
        flat_add_initial(in, "_writers_passwd", f.v[0]);
        (ten ? flat_add : flat_add_initial)(in, "class", ten ? f.v[4] : BYTES_LIT(""));
        (ten ? flat_add : flat_add_initial)(in, "change", ten ? f.v[5] : BYTES_LIT("0"));
        (ten ? flat_add : flat_add_initial)(in, "expire", ten ? f.v[6] : BYTES_LIT("0"));
        flat_add(in, "name", f.v[0]);
        add_password(in, f.v[1]);
        flat_add(in, "uid", f.v[2]);
        flat_add(in, "gid", f.v[3]);
        flat_add(in, "realname", f.v[f.n - 3]);
        flat_add(in, "home", f.v[f.n - 2]);
        flat_add(in, "shell", f.v[f.n - 1]);
        return FLAT_ITEM;
}

enum flat_outcome parse_passwd(struct flat_in *in, struct bytes line)
{
        return passwd_line(in, line, true);
}

enum flat_outcome parse_passwd7(struct flat_in *in, struct bytes line)
{
        return passwd_line(in, line, false);
}

/* A login or group name in the first field: not empty, no comment, no NIS line. */
static void put_name(struct flat_out *o, struct bytes name)
{
        if (name.len && strchr("#+-", name.data[0]))
                flat_refuse(o, "the name '%.*s' begins with '%c', which makes the line mean something else",
                            BYTES_FMT(bytes_sub(name, 0, 60)), name.data[0]);
        flat_put(o, name, ":");
}

static void put_or(struct flat_out *o, const char *key, const char *otherwise)
{
        const struct bytes v = flat_first(o, key);
        flat_put(o, v.len || flat_values(o, key).n ? v : bytes_str(otherwise), ":");
}

static void print_passwd(struct flat_out *o, bool ten, bool hide)
{
        const struct bytes name = flat_first(o, "name");
        if (name.len == 0)
                return;
        put_name(o, name);
        flat_putc(o, ':');
        if (hide)
                flat_putc(o, 'x');
        else
                put_or(o, "passwd", "");
        static const char *const keys[] = {"uid",    "gid",      "class", "change",
                                           "expire", "realname", "home",  "shell"};
        for (unsigned i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
                if (!ten && i >= 2 && i <= 4)
                        continue;
                flat_putc(o, ':');
                put_or(o, keys[i], i == 3 || i == 4 ? "0" : "");
        }
        flat_putc(o, '\n');
}

void print_passwd10(struct flat_out *o)
{
        print_passwd(o, true, false);
}

void print_passwd7(struct flat_out *o)
{
        print_passwd(o, false, false);
}

void print_passwd_linux(struct flat_out *o)
{
        print_passwd(o, false, true);
}

static void add_members(struct flat_in *in, const char *key, struct bytes field)
{
        const struct namelist m = flat_members(in, field);
        flat_add_list(in, key, m.v, m.n);
}

enum flat_outcome parse_group(struct flat_in *in, struct bytes line)
{
        if (flat_is_nis(line))
                return FLAT_NOTHING;
        const struct namelist f = flat_split(in, line, ':');
        if (f.n < 3 || (in->strict && f.n > 4))
                return flat_bad(in, "%u fields between colons: a line of group has 4", f.n);
        if (f.v[0].len == 0)
                return flat_bad(in, "the group's name is empty");
        if (check_id(in, "the gid", f.v[0], f.v[2]) == FLAT_BAD)
                return FLAT_BAD;
        flat_add(in, "name", f.v[0]);
        add_password(in, f.v[1]);
        flat_add(in, "gid", f.v[2]);
        add_members(in, "users", f.n > 3 ? f.v[3] : BYTES_NONE);
        return FLAT_ITEM;
}

static void print_group_as(struct flat_out *o, bool hide)
{
        const struct bytes name = flat_first(o, "name");
        if (name.len == 0)
                return;
        put_name(o, name);
        flat_putc(o, ':');
        if (hide)
                flat_putc(o, 'x');
        else
                put_or(o, "passwd", "");
        flat_putc(o, ':');
        put_or(o, "gid", "");
        flat_putc(o, ':');
        flat_put_list(o, flat_values(o, "users"), ',', ":,");
        flat_putc(o, '\n');
}

void print_group(struct flat_out *o)
{
        print_group_as(o, false);
}

void print_group_linux(struct flat_out *o)
{
        print_group_as(o, true);
}

/* Fields 3-6 and 9 of shadow; field 7 and 8 stand between them. */
static const struct {
        unsigned field;
        const char *key;
} ageing[] = {{2, "shadow_lastchange"}, {3, "shadow_min"},      {4, "shadow_max"},
              {5, "shadow_warning"},    {6, "shadow_inactive"}, {8, "shadow_flag"}};

enum flat_outcome parse_shadow(struct flat_in *in, struct bytes line)
{
        if (flat_is_nis(line))
                return FLAT_NOTHING;
        const struct namelist f = flat_split(in, line, ':');
        int64_t days = 0;
        if (f.n != 9)
                return flat_bad(in, "%u fields between colons: a line of shadow has 9", f.n);
        if (f.v[0].len == 0)
                return flat_bad(in, "the login name is empty");
        for (unsigned i = 2; in->strict && i < 9; i++)
                if (f.v[i].len && (!text_i64(f.v[i], &days) || days < -1 || days > INT64_MAX / DAY))
                        return flat_bad(in,
                                        "field %u of '%.*s' is '%.*s': it must be a number of days or empty",
                                        i + 1, BYTES_FMT(f.v[0]), BYTES_FMT(bytes_sub(f.v[i], 0, 60)));
        flat_add(in, "name", f.v[0]);
        flat_add(in, "passwd", f.v[1]);
        for (unsigned i = 0; i < sizeof(ageing) / sizeof(ageing[0]); i++)
                if (f.v[ageing[i].field].len)
                        flat_add(in, ageing[i].key, f.v[ageing[i].field]);
        /* NetInfo counts `expire` in seconds, 0 is never (doc/resolution.md 17.1). */
        if (!text_i64(f.v[7], &days) || days < 0 || days > INT64_MAX / DAY)
                days = 0;
        const char *seconds = arena_printf(in->a, "%lld", (long long)days * DAY);
        if (seconds)
                flat_add(in, "expire", bytes_str(seconds));
        return FLAT_ITEM;
}

void print_shadow(struct flat_out *o)
{
        const struct bytes name = flat_first(o, "name");
        int64_t expire = 0;
        bool known = flat_values(o, "passwd").n > 0;
        for (unsigned i = 0; i < sizeof(ageing) / sizeof(ageing[0]); i++)
                known = known || flat_first(o, ageing[i].key).len;
        if (name.len == 0 || !known)
                return;
        put_name(o, name);
        flat_putc(o, ':');
        put_or(o, "passwd", "*");
        for (unsigned field = 2, next = 0; field < 9; field++) {
                flat_putc(o, ':');
                if (field != 7)
                        put_or(o, ageing[next++].key, "");
                else if (text_i64(flat_first(o, "expire"), &expire) && expire > 0)
                        buf_printf(o->out, "%lld", (long long)(expire / DAY));
        }
        flat_putc(o, '\n');
}

enum flat_outcome parse_gshadow(struct flat_in *in, struct bytes line)
{
        if (flat_is_nis(line))
                return FLAT_NOTHING;
        const struct namelist f = flat_split(in, line, ':');
        if (f.n != 4)
                return flat_bad(in, "%u fields between colons: a line of gshadow has 4", f.n);
        if (f.v[0].len == 0)
                return flat_bad(in, "the group's name is empty");
        flat_add(in, "name", f.v[0]);
        flat_add(in, "passwd", f.v[1]);
        add_members(in, "admins", f.v[2]);
        add_members(in, "users", f.v[3]);
        return FLAT_ITEM;
}

void print_gshadow(struct flat_out *o)
{
        const struct bytes name = flat_first(o, "name");
        if (name.len == 0)
                return;
        put_name(o, name);
        flat_putc(o, ':');
        put_or(o, "passwd", "*");
        flat_putc(o, ':');
        flat_put_list(o, flat_values(o, "admins"), ',', ":,");
        flat_putc(o, ':');
        flat_put_list(o, flat_values(o, "users"), ',', ":,");
        flat_putc(o, '\n');
}
