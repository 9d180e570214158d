/* What the library builds on top of the calls (doc/protocol.md 8.3): paths, searching upwards, regular
 * expressions, URLs. */
#include "api/api-internal.h"

#include "base/text.h"
#include "model/path.h"
#include "model/status.h"

#include <regex.h>
#include <stdio.h>
#include <stdlib.h>

NI_API const char *ni_error(ni_status status)
{
        return status_text(status);
}

NI_API ni_status ni_lookupprop(void *handle, ni_id *id, ni_name_const name, ni_namelist *values)
{
        ni_namelist names;
        NI_INIT(&names);
        ni_status s = ni_listprops(handle, id, &names);
        if (s != NI_OK)
                return s;
        const ni_index at = ni_namelist_match(names, name);
        ni_namelist_free(&names);
        return at == NI_INDEX_NULL ? NI_NOPROP : ni_readprop(handle, id, at, values);
}

NI_API ni_status ni_pathsearch(void *handle, ni_id *id, const char *path)
{
        struct arena arena;
        struct path p;
        const char *why;
        ni_id at = *id;
        ni_status s = NI_OK;
        arena_init(&arena, LIMIT_ARENA);
        /* In the library digits are a name like any other; only tools take them for an object number (4.7).
         */
        const bool digits = path[0] >= '0' && path[0] <= '9';
        char *text = digits ? arena_printf(&arena, "name=%s", path) : arena_str(&arena, bytes_str(path));
        if (!text || !path_parse(bytes_str(text), &arena, &p, &why)) {
                arena_done(&arena);
                return NI_NODIR;
        }
        if (path[0] == '/')
                s = ni_root(handle, &at);
        for (uint32_t i = 0; s == NI_OK && i < p.n; i++) {
                ni_idlist hits;
                NI_INIT(&hits);
                char *key = arena_str(&arena, p.step[i].key), *value = arena_str(&arena, p.step[i].value);
                s = key && value ? ni_lookup(handle, &at, key, value, &hits) : NI_FAILED;
                if (s == NI_OK && hits.ni_idlist_len == 0)
                        s = NI_NODIR;
                if (s == NI_OK)
                        at = (ni_id){hits.ni_idlist_val[0], 0};
                ni_idlist_free(&hits);
        }
        if (s == NI_OK)
                s = ni_self(handle, &at);
        arena_done(&arena);
        if (s == NI_OK)
                *id = at;
        return s == NI_BADID ? NI_NODIR : s;
}

NI_API ni_status ni_find(void **handle, ni_id *id, ni_name path, unsigned int timeout)
{
        ni_fancyopenargs args = {.rtimeout = (int)timeout, .abort = timeout > 0};
        void *h, *up;
        if (ni_fancyopen(NULL, ".", &h, &args) != NI_OK)
                return NI_FAILED;
        if (timeout) {
                ni_setreadtimeout(h, (int)timeout);
                ni_setabort(h, 1);
        }
        for (unsigned depth = 0; depth < LIMIT_DEPTH; depth++) {
                ni_id at = {0, 0};
                if (ni_root(h, &at) == NI_OK && ni_pathsearch(h, &at, path) == NI_OK) {
                        *handle = h;
                        *id = at;
                        return NI_OK;
                }
                if (ni_open(h, "..", &up) != NI_OK)
                        break;
                ni_free(h);
                h = up;
        }
        ni_free(h);
        return NI_NODIR;
}

static bool entry_matches(const ni_entry *e, const regex_t *expression)
{
        for (unsigned int i = 0; e->names && i < e->names->ni_namelist_len; i++)
                if (regexec(expression, e->names->ni_namelist_val[i], 0, NULL, 0) == 0)
                        return true;
        return false;
}

NI_API ni_status ni_search(void *handle, ni_id *id, ni_name property, ni_name expression, int flags,
                           ni_entrylist *entries)
{
        regex_t compiled;
        ni_entrylist all;
        NI_INIT(&all);
        if (regcomp(&compiled, expression, flags) != 0)
                return NI_FAILED;
        const ni_status s = ni_list(handle, id, property, &all);
        for (unsigned int i = 0; s == NI_OK && i < all.ni_entrylist_len; i++)
                if (entry_matches(&all.ni_entrylist_val[i], &compiled))
                        ni_entrylist_insert(entries, all.ni_entrylist_val[i]);
        ni_entrylist_free(&all);
        regfree(&compiled);
        return s;
}

/* -- netinfo://[user[:password]@][host]/[domain][:[dir]] (4.10)
 * ---------------------------------------------------------------------- */

static char *part(const char *from, const char *to)
{
        char *s = api_alloc((size_t)(to - from) + 1, 1);
        memcpy(s, from, (size_t)(to - from));
        return s;
}

struct url {
        char *user, *password, *host, *domain, *dir; /* NULL when absent */
};

static void url_free(struct url *u)
{
        free(u->user);
        if (u->password)
                explicit_bzero(u->password, strlen(u->password));
        free(u->password);
        free(u->host);
        free(u->domain);
        free(u->dir);
}

static bool url_parse(const char *text, struct url *u)
{
        static const char scheme[] = "netinfo://";
        memset(u, 0, sizeof(*u));
        if (strncmp(text, scheme, sizeof(scheme) - 1) != 0)
                return false;
        const char *host = text + sizeof(scheme) - 1, *slash = strchr(host, '/');
        const char *end = slash ? slash : host + strlen(host), *at = memrchr(host, '@', (size_t)(end - host));
        if (at) {
                const char *colon = memchr(host, ':', (size_t)(at - host));
                if (colon ? colon > host : at > host)
                        u->user = part(host, colon ? colon : at);
                if (colon)
                        u->password = part(colon + 1, at);
                host = at + 1;
        }
        if (end > host)
                u->host = part(host, end);
        if (slash) {
                const char *domain = slash + 1, *colon = strchr(domain, ':');
                if (colon ? colon > domain : *domain)
                        u->domain = part(domain, colon ? colon : domain + strlen(domain));
                if (colon && colon[1])
                        u->dir = part(colon + 1, colon + strlen(colon));
        }
        return true;
}

static bool looks_like_path(const char *domain)
{
        return domain[0] == '/' || strcmp(domain, ".") == 0 || strcmp(domain, "..") == 0 ||
               strncmp(domain, "./", 2) == 0 || strncmp(domain, "../", 3) == 0;
}

static void *with(void *handle, const ni_fancyopenargs *args)
{
        if (args) {
                ni_setreadtimeout(handle, args->rtimeout);
                ni_setwritetimeout(handle, args->wtimeout);
                ni_setabort(handle, args->abort);
                ni_needwrite(handle, args->needwrite);
        }
        return handle;
}

/* Domain `domain` as seen from `host` (NULL: this host); a word that is no path is a tag. */
static ni_status host_domain(const char *host, const char *domain, ni_fancyopenargs *args, void **handle)
{
        void *local;
        if (!domain)
                domain = ".";
        if (!host && looks_like_path(domain))
                return ni_fancyopen(NULL, domain, handle, args);
        const ni_status s = netinfo_connect(host, looks_like_path(domain) ? "local" : domain, &local);
        if (s != NI_OK)
                return s == NI_CANTFINDADDRESS ? s : NI_FAILED;
        with(local, args);
        if (!looks_like_path(domain) || strcmp(domain, ".") == 0) {
                *handle = local;
                return NI_OK;
        }
        /* "/" of another host: its root, not ours. */
        struct api_handle *h;
        const ni_status opened = domain[0] == '/' ? open_above(local, domain, args, &h, NULL)
                                                  : open_path(local, domain, args, &h, NULL);
        ni_free(local);
        if (opened == NI_OK)
                *handle = h;
        return domain[0] == '/' || opened == NI_OK ? opened : NI_FAILED;
}

NI_API ni_status netinfo_url(const char *url, void **handle, ni_id *id, ni_fancyopenargs *args)
{
        struct url u;
        void *h = NULL;
        uint32_t object;
        ni_id at = {0, 0};
        if (!url_parse(url, &u))
                return NI_CANTFINDADDRESS;
        ni_status s = host_domain(u.host, u.domain, args, &h);
        if (s == NI_OK && u.user)
                s = ni_setuser(h, u.user);
        if (s == NI_OK && u.password)
                s = ni_setpassword(h, u.password);
        if (s == NI_OK && u.dir && text_u32(bytes_str(u.dir), &object)) {
                at.nii_object = object;
                s = ni_self(h, &at);
        } else if (s == NI_OK) {
                s = ni_root(h, &at);
                if (s == NI_OK && u.dir)
                        s = ni_pathsearch(h, &at, u.dir);
        }
        url_free(&u);
        if (s != NI_OK) {
                if (h)
                        ni_free(h);
                return s;
        }
        *handle = h;
        *id = at;
        return NI_OK;
}

NI_API ni_status ni_url(char *url, void **handle, ni_id *id)
{
        return netinfo_url(url, handle, id, NULL);
}

/* Exported, but never in a public header (8.3). */
NI_API void ni_parse_url(char *url, char **user, char **password, char **host, char **domain, char **dir);
NI_API ni_status ni_host_domain(char *host, char *domain, void **handle);

NI_API void ni_parse_url(char *url, char **user, char **password, char **host, char **domain, char **dir)
{
        struct url u;
        url_parse(url, &u); /* a text that is no NetInfo URL has no parts */
        *user = u.user;
        *password = u.password;
        *host = u.host;
        *domain = u.domain;
        *dir = u.dir;
}

NI_API ni_status ni_host_domain(char *host, char *domain, void **handle)
{
        return host_domain(host, domain, NULL, handle);
}
