/* The classes of RFC 2307 and our directories (doc/resolution.md 17), both ways. */
#include "flat/ldif.h"

#include "base/base64.h"
#include "base/text.h"

#include <stdio.h>
#include <strings.h>

#define DAY 86400

struct pair {
        const char *key, *attribute; /* attribute as RFC 2307 writes it */
        bool needed;                 /* by the class */
};
struct row {
        const char *format, *class;
        unsigned top;
        struct pair pair[8]; /* ends with a NULL key */
};
static const struct {
        const char *directory, *ou, *rdn, *structural;
} tops[] = {
        {"/users", "people", "uid", "account"}, {"/groups", "groups", "cn", NULL},
        {"/machines", "hosts", "cn", "device"}, {"/networks", "networks", "cn", NULL},
        {"/services", "services", "cn", NULL},  {"/protocols", "protocols", "cn", NULL},
        {"/rpcs", "rpc", "cn", NULL},           {"/aliases", "aliases", "cn", NULL},
        {"/netgroups", "netgroup", "cn", NULL},
};
#define TOPS (sizeof(tops) / sizeof(tops[0]))
enum { USERS, GROUPS, HOSTS, NETWORKS, SERVICES, PROTOCOLS, RPCS, ALIASES, NETGROUPS };
static const struct row rows[] = {
        {"passwd",
         "posixAccount",
         USERS,
         {{"uid", "uidNumber", true},
          {"gid", "gidNumber", true},
          {"realname", "gecos", false},
          {"home", "homeDirectory", true},
          {"shell", "loginShell", false}}},
        {"shadow",
         "shadowAccount",
         USERS,
         {{"shadow_lastchange", "shadowLastChange", false},
          {"shadow_min", "shadowMin", false},
          {"shadow_max", "shadowMax", false},
          {"shadow_warning", "shadowWarning", false},
          {"shadow_inactive", "shadowInactive", false},
          {"shadow_flag", "shadowFlag", false},
          {"expire", "shadowExpire", false}}},
        {"group", "posixGroup", GROUPS, {{"gid", "gidNumber", true}, {"users", "memberUid", false}}},
        {"hosts",
         "ipHost",
         HOSTS,
         {{"ip_address", "ipHostNumber", false}, {"ipv6_address", "ipHostNumber", false}}},
        {"ethers", "ieee802Device", HOSTS, {{"en_address", "macAddress", false}}},
        {"networks", "ipNetwork", NETWORKS, {{"address", "ipNetworkNumber", true}}},
        {"services",
         "ipService",
         SERVICES,
         {{"port", "ipServicePort", true}, {"protocol", "ipServiceProtocol", true}}},
        {"protocols", "ipProtocol", PROTOCOLS, {{"number", "ipProtocolNumber", true}}},
        {"rpc", "oncRpc", RPCS, {{"number", "oncRpcNumber", true}}},
        {"aliases", "nisMailAlias", ALIASES, {{"members", "rfc822MailMember", false}}},
        {"netgroup",
         "nisNetgroup",
         NETGROUPS,
         {{"members", "nisNetgroupTriple", false}, {"members", "memberNisNetgroup", false}}},
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

static bool same(struct bytes b, const char *word)
{
        return b.len == strlen(word) && (!b.len || strncasecmp((const char *)b.data, word, b.len) == 0);
}

/* The attribute of this name, whatever its case. */
static struct namelist values_of(const struct proplist *entry, const char *attribute)
{
        for (uint32_t i = 0; i < entry->n; i++)
                if (same(entry->v[i].name, attribute))
                        return entry->v[i].values;
        return (struct namelist){NULL, 0};
}

static bool has_class(const struct proplist *entry, const char *class)
{
        const struct namelist l = values_of(entry, "objectclass");
        for (uint32_t i = 0; i < l.n; i++)
                if (same(l.v[i], class))
                        return true;
        return false;
}

const char *ldif_format(const struct proplist *entry, unsigned i)
{
        for (size_t k = 0; k < ROWS; k++)
                if (has_class(entry, rows[k].class) && i-- == 0)
                        return rows[k].format;
        return NULL;
}

bool ldif_uses(const struct proplist *entry, struct bytes attribute)
{
        static const char *const quiet[] = {"dn", "objectclass", "cn", "sn", "ou", "dc", "o"};
        for (size_t i = 0; i < sizeof(quiet) / sizeof(quiet[0]); i++)
                if (same(attribute, quiet[i]))
                        return true;
        for (size_t k = 0; k < ROWS; k++) {
                if (!has_class(entry, rows[k].class))
                        continue;
                if (rows[k].top <= GROUPS && same(attribute, "userpassword"))
                        return true;
                if (rows[k].top == USERS && same(attribute, "uid"))
                        return true;
                for (const struct pair *p = rows[k].pair; p->key; p++)
                        if (same(attribute, p->attribute))
                                return true;
        }
        return false;
}

/* -- from LDIF */

static int hex(uint8_t c)
{
        const char *p = c ? strchr("0123456789abcdef", c | 0x20) : NULL;
        return p ? (int)(p - "0123456789abcdef") : -1;
}

/* The value of the dn's first part, escapes undone (RFC 4514). */
static struct bytes rdn(struct bytes dn, struct arena *a)
{
        const size_t from = bytes_find(dn, '=') + 1;
        uint8_t *out = arena_alloc(a, dn.len + 1);
        size_t n = 0;
        for (size_t i = from; out && i < dn.len && dn.data[i] != ',' && dn.data[i] != '+'; i++) {
                uint8_t c = dn.data[i];
                if (c == '\\' && i + 1 < dn.len) {
                        const int hi = hex(dn.data[i + 1]), lo = i + 2 < dn.len ? hex(dn.data[i + 2]) : -1;
                        c = dn.data[i + 1];
                        i++;
                        if (hi >= 0 && lo >= 0)
                                c = (uint8_t)(hi << 4 | lo), i++;
                }
                out[n++] = c;
        }
        return bytes_of(out, out ? n : 0);
}

/* All values, the one that names the entry first. */
static bool add_names(const struct proplist *entry, const char *attribute, struct arena *a,
                      struct proplist *to)
{
        const struct namelist l = values_of(entry, attribute), dn = values_of(entry, "dn");
        const struct bytes first = dn.n ? rdn(dn.v[0], a) : BYTES_NONE;
        struct bytes *v = arena_zalloc(a, (size_t)l.n + 1, sizeof(*v));
        uint32_t n = 0;
        for (uint32_t i = 0; v && i < l.n && !n; i++)
                if (same(l.v[i], arena_str(a, first) ? arena_str(a, first) : ""))
                        v[n++] = l.v[i];
        for (uint32_t i = 0; v && i < l.n; i++)
                if (!n || v[0].data != l.v[i].data)
                        v[n++] = l.v[i];
        return v && proplist_add(to, a, BYTES_LIT("name"), v, n);
}

/* Which values of a shared attribute belong under this key. */
static bool belongs(const char *key, struct bytes v)
{
        if (strcmp(key, "ip_address") == 0)
                return bytes_find(v, ':') == v.len;
        return strcmp(key, "ipv6_address") != 0 || bytes_find(v, ':') < v.len;
}

/* Days since 1970 as our seconds; -1: never, which is 0. */
static struct bytes from_days(struct bytes v, struct arena *a)
{
        uint64_t days;
        if (same(v, "-1"))
                return BYTES_LIT("0");
        if (!text_u64(v, UINT32_MAX, &days))
                return v; /* the strict reader names it */
        return bytes_str(arena_printf(a, "%llu", (unsigned long long)days * DAY));
}

static bool add_key(const struct proplist *entry, const struct pair *p, struct arena *a, struct proplist *to)
{
        const struct namelist l = values_of(entry, p->attribute);
        struct property *have = proplist_get(to, bytes_str(p->key));
        const uint32_t before = have ? have->values.n : 0;
        struct bytes *v = arena_zalloc(a, (size_t)l.n + before + 1, sizeof(*v));
        uint32_t n = before;
        if (!v)
                return false;
        if (before)
                memcpy(v, have->values.v, before * sizeof(*v));
        for (uint32_t i = 0; i < l.n; i++)
                if (belongs(p->key, l.v[i]))
                        v[n++] = strcmp(p->key, "expire") == 0 ? from_days(l.v[i], a) : l.v[i];
        if (n == before)
                return true;
        if (!have)
                return proplist_add(to, a, bytes_str(p->key), v, n);
        have->values = (struct namelist){v, n};
        return true;
}

/* A hash as crypt(3) made it; what only a directory server can compare is left there. */
static struct bytes password(const struct proplist *entry)
{
        const struct namelist l = values_of(entry, "userpassword");
        for (uint32_t i = 0; i < l.n; i++)
                if (l.v[i].len > 7 && strncasecmp((const char *)l.v[i].data, "{crypt}", 7) == 0)
                        return bytes_sub(l.v[i], 7, l.v[i].len);
        return BYTES_LIT("x");
}

bool ldif_record(const struct proplist *entry, const char *format, struct arena *a, struct proplist *ret)
{
        const struct row *row = NULL;
        struct proplist l = {NULL, 0};
        for (size_t k = 0; k < ROWS; k++)
                if (strcmp(rows[k].format, format) == 0)
                        row = &rows[k];
        if (!row || !add_names(entry, tops[row->top].rdn, a, &l))
                return false;
        const struct bytes hash = password(entry);
        if (row->top <= GROUPS && !proplist_add(&l, a, BYTES_LIT("passwd"), &hash, 1))
                return false;
        for (const struct pair *p = row->pair; p->key; p++)
                if (!add_key(entry, p, a, &l))
                        return false;
        const struct namelist cn = values_of(entry, "cn");
        if (strcmp(format, "passwd") == 0 && cn.n && !proplist_get(&l, BYTES_LIT("realname")) &&
            !proplist_add(&l, a, BYTES_LIT("realname"), cn.v, 1))
                return false;
        *ret = l;
        return true;
}

/* -- to LDIF */

const char *ldif_directory(unsigned i)
{
        return i < TOPS ? tops[i].directory : NULL;
}

static bool is_safe(struct bytes v)
{
        if (v.len && (strchr(" :<", v.data[0]) || v.data[v.len - 1] == ' '))
                return false;
        for (size_t i = 0; i < v.len; i++)
                if (v.data[i] < ' ' || v.data[i] >= 0x7f)
                        return false;
        return true;
}

/* `name: value`, in base64 where RFC 2849 demands it, folded behind 76 bytes. */
static void put(struct buf *out, const char *name, struct bytes v)
{
        struct buf b;
        buf_init(&b, 0);
        buf_printf(&b, "%s:%s%s", name, is_safe(v) ? "" : ":", v.len ? " " : "");
        if (is_safe(v))
                buf_put(&b, v);
        else
                base64_put(&b, BASE64, v);
        for (size_t i = 0; i < b.len;) {
                const size_t n = i ? 75 : 76;
                buf_puts(out, i ? "\n " : "");
                buf_put(out, bytes_sub(buf_bytes(&b), i, n));
                i += n;
        }
        buf_putc(out, '\n');
        out->failed |= b.failed;
        buf_done(&b);
}

static void put_dn(struct buf *out, const char *attribute, struct bytes value, const char *ou,
                   struct bytes base)
{
        struct buf b;
        buf_init(&b, 0);
        if (attribute) {
                buf_printf(&b, "%s=", attribute);
                for (size_t i = 0; i < value.len; i++) {
                        const uint8_t c = value.data[i];
                        const bool edge =
                                (i == 0 && (c == ' ' || c == '#')) || (i + 1 == value.len && c == ' ');
                        if (edge || (c && strchr(",+\"\\<>;=", c)))
                                buf_putc(&b, '\\');
                        buf_putc(&b, (char)c);
                }
                buf_putc(&b, ',');
        }
        buf_printf(&b, "ou=%s,", ou);
        buf_put(&b, base);
        put(out, "dn", buf_bytes(&b));
        out->failed |= b.failed;
        buf_done(&b);
}

void ldif_print_tops(struct bytes base, struct buf *out)
{
        buf_puts(out, "version: 1\n");
        for (size_t i = 0; i < TOPS; i++) {
                buf_putc(out, '\n');
                put_dn(out, NULL, BYTES_NONE, tops[i].ou, base);
                buf_printf(out, "objectClass: organizationalUnit\nou: %s\n", tops[i].ou);
        }
}

/* Two digits a group, as RFC 2307 has it. */
static struct bytes wide_ether(struct bytes v, struct arena *a)
{
        unsigned g[6];
        int end = 0;
        const char *s = arena_str(a, v);
        if (!s ||
            sscanf(s, "%2x:%2x:%2x:%2x:%2x:%2x%n", &g[0], &g[1], &g[2], &g[3], &g[4], &g[5], &end) != 6 ||
            s[end])
                return v;
        return bytes_str(
                arena_printf(a, "%02x:%02x:%02x:%02x:%02x:%02x", g[0], g[1], g[2], g[3], g[4], g[5]));
}

static struct bytes shown(const struct pair *p, struct bytes v, struct arena *a)
{
        int64_t seconds;
        if (strcmp(p->key, "en_address") == 0)
                return wide_ether(v, a);
        if (strcmp(p->key, "expire") != 0 || !text_i64(v, &seconds))
                return v;
        return seconds > 0 ? bytes_str(arena_printf(a, "%lld", (long long)(seconds / DAY))) : BYTES_LIT("-1");
}

/* A triple and a name of another netgroup are two attributes; all other values of a key are one. */
static bool fits(const struct pair *p, struct bytes v)
{
        if (strcmp(p->attribute, "nisNetgroupTriple") == 0)
                return v.len && v.data[0] == '(';
        return strcmp(p->attribute, "memberNisNetgroup") != 0 || !v.len || v.data[0] != '(';
}

/* Does the record have what this class is about? */
static bool applies(const struct row *row, const struct proplist *props)
{
        if (row->pair[0].needed)
                return true;
        for (const struct pair *p = row->pair; p->key; p++)
                if (proplist_first(props, p->key).len)
                        return strcmp(row->format, "shadow") != 0 || strcmp(p->key, "expire") != 0 ||
                               !bytes_eq_str(proplist_first(props, p->key), "0");
        return row->top == ALIASES || row->top == NETGROUPS;
}

static bool lacks(const struct row *row, const struct proplist *props, struct flat_why *why)
{
        for (const struct pair *p = row->pair; p->key; p++)
                if (p->needed && !proplist_first(props, p->key).len) {
                        why->line = 0;
                        snprintf(why->text, sizeof(why->text), "it has no `%s`, which %s demands", p->key,
                                 row->class);
                        return true;
                }
        return false;
}

bool ldif_print(unsigned directory, const struct proplist *props, struct bytes base, struct arena *a,
                struct buf *out, struct flat_why *ret_why)
{
        const struct property *names = proplist_get(props, BYTES_LIT("name"));
        struct buf body;
        bool any = false;
        if (!names || !names->values.n || !names->values.v[0].len || directory >= TOPS)
                return true;
        buf_init(&body, 0);
        if (tops[directory].structural)
                put(&body, "objectClass", bytes_str(tops[directory].structural));
        for (uint32_t i = 0; i < names->values.n; i++)
                put(&body, tops[directory].rdn, names->values.v[i]);
        if (directory == USERS)
                put(&body, "cn",
                    proplist_first(props, "realname").len ? proplist_first(props, "realname")
                                                          : names->values.v[0]);
        if (directory == PROTOCOLS || directory == RPCS)
                put(&body, "description", names->values.v[0]);
        for (size_t k = 0; k < ROWS; k++) {
                if (rows[k].top != directory || !applies(&rows[k], props))
                        continue;
                if (lacks(&rows[k], props, ret_why)) {
                        buf_done(&body);
                        return false;
                }
                any = true;
                put(&body, "objectClass", bytes_str(rows[k].class));
                for (const struct pair *p = rows[k].pair; p->key; p++) {
                        const struct property *q = proplist_get(props, bytes_str(p->key));
                        const bool ascii_only = strcmp(p->attribute, "gecos") == 0; /* an IA5String */
                        for (uint32_t i = 0; q && i < q->values.n; i++)
                                if (q->values.v[i].len && fits(p, q->values.v[i]) &&
                                    (!ascii_only || is_safe(q->values.v[i])))
                                        put(&body, p->attribute, shown(p, q->values.v[i], a));
                }
        }
        if (any) {
                buf_putc(out, '\n');
                put_dn(out, tops[directory].rdn, names->values.v[0], tops[directory].ou, base);
                buf_put(out, buf_bytes(&body));
        }
        out->failed |= body.failed;
        buf_done(&body);
        return true;
}
