/* nicl -x500: directories by their distinguished names, and referrals (doc/tools.md 3.9). */
#include "tools/historical/nicl.h"

#include "base/buf.h"
#include "base/limits.h"
#include "base/text.h"

#include <arpa/inet.h>
#include <stdlib.h>

#define SPECIAL    "+,;\"\\<>="
#define DEPTH_MOST (LIMIT_SEARCH_DEPTH * 16) /* deeper than any honest tree */

static void put_escaped(struct buf *out, const char *text)
{
        for (; *text; text++) {
                if (strchr(SPECIAL, *text))
                        buf_putc(out, '\\');
                buf_putc(out, *text);
        }
}

/* -- a DN as typed, and the path that it means */

/* The next RDN of a DN: up to an unescaped comma, escapes still inside; *dn goes behind it. */
static struct bytes next_rdn(struct bytes *dn)
{
        size_t n = 0;
        while (n < dn->len && dn->data[n] != ',')
                n += dn->data[n] == '\\' && n + 1 < dn->len ? 2 : 1;
        const struct bytes rdn = bytes_sub(*dn, 0, n);
        *dn = bytes_sub(*dn, n + 1, dn->len);
        return rdn;
}

static bool is_plain(uint8_t c)
{
        return c != '/' && c != '=' && c != '\\';
}

/* One element of a path: what was escaped in the DN is itself, and what means something in a path is escaped.
 */
static void put_element(struct buf *path, struct bytes rdn)
{
        bool in_key = true;
        buf_putc(path, '/');
        for (size_t i = 0; i < rdn.len; i++) {
                const bool escaped = rdn.data[i] == '\\' && i + 1 < rdn.len;
                const uint8_t c = rdn.data[i += escaped];
                if (c == '=' && !escaped && in_key) {
                        in_key = false;
                } else if (!is_plain(c)) {
                        buf_putc(path, '\\');
                }
                buf_putc(path, (char)c);
        }
}

char *nicl_typed_path(const struct nicl *n, const char *typed)
{
        struct bytes rest = bytes_str(typed), rdn[LIMIT_SEARCH_DEPTH];
        unsigned count = 0;
        struct buf path;
        char *text = NULL;
        if (!n->x500 || typed[0] == '/' || strcmp(typed, ".") == 0 || strcmp(typed, "..") == 0 ||
            typed[strspn(typed, "0123456789")] == '\0')
                return strdup(typed);
        if (strcmp(typed, "rootDSE") == 0)
                return strdup("/");
        if (strncmp(typed, "DSID=", 5) == 0) /* the leaf says it all */
                return strndup(typed + 5, strcspn(typed + 5, ","));
        while (rest.len && count < LIMIT_SEARCH_DEPTH)
                rdn[count++] = next_rdn(&rest);
        buf_init(&path, 0);
        while (count)
                put_element(&path, rdn[--count]);
        buf_putc(&path, '\0');
        if (!path.failed)
                text = strdup((const char *)path.data);
        buf_done(&path);
        return text;
}

/* -- the DN of a directory */

static void put_rdn(struct nicl *n, ni_index object, struct buf *out)
{
        ni_id id = {object, 0};
        ni_namelist key, value;
        NI_INIT(&key);
        NI_INIT(&value);
        ni_lookupprop(n->handle, &id, "_rdn", &key);
        const char *name = key.ninl_len ? key.ninl_val[0] : "name";
        if (ni_lookupprop(n->handle, &id, name, &value) == NI_OK && value.ninl_len) {
                put_escaped(out, name);
                buf_putc(out, '=');
                put_escaped(out, value.ninl_val[0]);
        } else {
                buf_printf(out, "DSID=%u", object);
        }
        ni_namelist_free(&key);
        ni_namelist_free(&value);
}

ni_name nicl_dn_of(struct nicl *n, ni_index object)
{
        struct buf dn;
        buf_init(&dn, 0);
        for (unsigned i = 0; object != 0 && i < DEPTH_MOST; i++) {
                ni_id id = {object, 0};
                if (i)
                        buf_putc(&dn, ',');
                put_rdn(n, object, &dn);
                if (ni_parent(n->handle, &id, &object) != NI_OK)
                        break;
        }
        if (dn.len == 0)
                buf_puts(&dn, "rootDSE");
        buf_putc(&dn, '\0');
        ni_name text = ni_name_dup(dn.failed ? "?" : (const char *)dn.data);
        buf_done(&dn);
        return text;
}

/* -- referrals */

/* The first machine of a domain for which `wanted` says yes to one of its `serves` values: its address, and
 * the value of `suffix` at the same place. */
struct server {
        char address[64];
        char *suffix; /* malloc'ed, or NULL */
};

static char *copy_at(ni_proplist l, const char *key, ni_index i)
{
        const ni_index at = ni_proplist_match(l, key, NULL);
        return at != NI_INDEX_NULL && i < l.nipl_val[at].nip_val.ninl_len
                       ? ni_name_dup(l.nipl_val[at].nip_val.ninl_val[i])
                       : NULL;
}

/* Calls `each` with every `serves` value of every machine; false from it ends the walk. */
static ni_status each_serves(void *handle,
                             bool (*each)(void *context, const char *serves, const struct server *s),
                             void *context)
{
        ni_id machines = {0, 0};
        ni_idlist children;
        NI_INIT(&children);
        ni_status s = dir_find(handle, FROM_ROOT, false, "/machines", &machines);
        if (s == NI_OK)
                s = ni_children(handle, &machines, &children);
        bool on = true;
        for (unsigned i = 0; s == NI_OK && on && i < children.niil_len; i++) {
                ni_id id = {children.niil_val[i], 0};
                ni_proplist l;
                NI_INIT(&l);
                s = ni_read(handle, &id, &l);
                char *value, *address = copy_at(l, "ip_address", 0);
                for (ni_index k = 0; s == NI_OK && on && (value = copy_at(l, "serves", k)); k++) {
                        struct server found = {.suffix = copy_at(l, "suffix", k)};
                        snprintf(found.address, sizeof(found.address), "%s", address ? address : "");
                        on = each(context, value, &found);
                        free(found.suffix);
                        free(value);
                }
                free(address);
                ni_proplist_free(&l);
        }
        ni_idlist_free(&children);
        return s == NI_NODIR ? NI_OK : s;
}

/* The name of a child domain in a `serves` value, unescaped; NULL: the domain itself, or its parent. Freed by
 * the caller. */
static char *child_of(const char *serves)
{
        const char *slash = strrchr(serves, '/');
        if (!slash || slash == serves || strncmp(serves, "./", 2) == 0 || strncmp(serves, "../", 3) == 0)
                return NULL;
        return strndup(serves, (size_t)(slash - serves));
}

struct component {
        const char *name;
        char *suffix;
};

static bool find_suffix(void *context, const char *serves, const struct server *s)
{
        struct component *c = context;
        char *name = child_of(serves);
        const bool it = name && strcmp(name, c->name) == 0;
        if (it && s->suffix)
                c->suffix = ni_name_dup(s->suffix);
        free(name);
        return !it;
}

static void put_component(struct buf *out, const char *name, const char *suffix)
{
        if (suffix) {
                buf_puts(out, suffix);
                return;
        }
        buf_puts(out, "ou=");
        put_escaped(out, name);
}

/* Cuts the last component off the name of a domain and takes its escapes away. NULL: it is the root's. */
static char *last_component(char *domain)
{
        char *slash = NULL, *to;
        for (char *p = domain; *p; p += *p == '\\' && p[1] ? 2 : 1)
                if (*p == '/')
                        slash = p;
        if (!slash || !slash[1])
                return NULL;
        *slash = '\0';
        to = slash + 1;
        for (const char *p = slash + 1; *p; p++) {
                if (*p == '\\' && p[1])
                        p++;
                *to++ = *p;
        }
        *to = '\0';
        return slash + 1;
}

/* The DN of a handle's domain: its components leaf first, each as its parent's machines call it. */
static ni_status put_domain(void *handle, struct buf *out)
{
        ni_name whole;
        ni_status s = ni_pwdomain(handle, &whole);
        if (s != NI_OK)
                return s;
        void *at = handle;
        struct component c;
        while (s == NI_OK && (c = (struct component){last_component(whole), NULL}).name) {
                void *up = NULL;
                s = netinfo_open(at, "..", &up, NULL);
                if (s == NI_OK)
                        s = each_serves(up, find_suffix, &c);
                if (out->len)
                        buf_putc(out, ',');
                put_component(out, c.name, c.suffix);
                free(c.suffix);
                if (at != handle)
                        ni_free(at);
                at = up ? up : handle;
        }
        if (at != handle)
                ni_free(at);
        ni_name_free(&whole);
        return s;
}

static void put_referral(const struct nicl *n, const char *address, struct bytes dn)
{
        fputs("dn: ", stdout);
        tool_put_bytes(&n->t, dn.len ? dn.data : (const uint8_t *)"rootDSE", dn.len ? dn.len : 7);
        fputs("\n  ref: ldap://", stdout);
        tool_put(&n->t, address);
        putchar('/');
        tool_put_bytes(&n->t, dn.data, dn.len);
        putchar('\n');
}

static ni_status parent_referral(struct nicl *n)
{
        struct sockaddr_in a;
        struct buf dn;
        ni_name tag;
        void *up = NULL;
        char address[INET_ADDRSTRLEN];
        ni_status s = netinfo_rparent(n->handle, &a, &tag);
        if (s != NI_OK)
                return s == NI_NETROOT ? NI_OK : s;
        ni_name_free(&tag);
        buf_init(&dn, 0);
        s = netinfo_open(n->handle, "..", &up, NULL);
        if (s == NI_OK)
                s = put_domain(up, &dn);
        if (s == NI_OK)
                put_referral(n, inet_ntop(AF_INET, &a.sin_addr, address, sizeof(address)), buf_bytes(&dn));
        ni_free(up);
        buf_done(&dn);
        return s;
}

struct children {
        struct nicl *n;
        struct bytes above; /* the DN of this domain */
};

static bool child_referral(void *context, const char *serves, const struct server *s)
{
        const struct children *c = context;
        char *name = child_of(serves);
        struct buf dn;
        if (!name)
                return true;
        buf_init(&dn, 0);
        put_component(&dn, name, s->suffix);
        if (c->above.len)
                buf_putc(&dn, ',');
        buf_put(&dn, c->above);
        if (!dn.failed)
                put_referral(c->n, s->address, buf_bytes(&dn));
        buf_done(&dn);
        free(name);
        return true;
}

enum nicl_status nicl_refs(struct nicl *n, int argc, char **argv)
{
        struct buf dn;
        ni_status s = NI_OK;
        (void)argc;
        buf_init(&dn, 0);
        puts("Parent referrals:");
        if (!n->raw)
                s = parent_referral(n);
        if (s == NI_OK && !n->raw)
                s = put_domain(n->handle, &dn);
        if (s == NI_OK) {
                struct children c = {n, buf_bytes(&dn)};
                puts("Child referrals:");
                s = each_serves(n->handle, child_referral, &c);
        }
        buf_done(&dn);
        return nicl_failed(n, s, argv[0]);
}
