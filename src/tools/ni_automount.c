/* `ni automount`: the mounts of this machine's chain of domains as maps of autofs (doc/consumers.md 4). */
#include "tools/chain.h"

#include "base/text.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#define NET "/Net" /* where mounts on demand were, of old */

enum { O_DIR = 256, O_DIRECT, O_TRUST, O_BELOW };
static const struct talk_option options[] = {
        {O_DIR, "dir", "DIR", "the directory that the map is for; default " NET},
        {O_DIRECT, "direct", NULL, "the direct map of all mounts that are not below such a directory"},
        {'o', "output", "FILE", "write FILE, in one step and only when something changed"},
        {O_TRUST, "trust", "DOMAIN",
         "mounts from this domain (/, /harbor) are as good as this machine's own"},
        {O_BELOW, "below", "DIR", "other domains' direct mounts may be below DIR, too"},
        {0, NULL, NULL, NULL},
};
static const struct talk_manual manual = {
        .command = "automount",
        .synopsis = "automount [--dir DIR] KEY\n"
                    "automount [--dir DIR | --direct] [-o FILE] [--json]",
        .about = "Prints mounts in the language of autofs(5). With KEY, a host, it is the program of a\n"
                 "program map: the entry of that host below DIR, or exit 3. Without, the whole map as a "
                 "file.\n"
                 "Mounts with the option `net` and a `dir` of DIR are in DIR's map; those without `net` are\n"
                 "in the direct map. What other domains say is limited: nfs only, nosuid and nodev, options\n"
                 "that concern the transport, and places that are not this system's own.",
        .options = options,
        .examples = "  ni automount -- \"$1\"\n"
                    "  ni automount --dir /Net -o /etc/netinfo/auto.net\n"
                    "  ni automount --direct -o /etc/netinfo/auto.direct",
        .talks = true,
        .json = true,
};

#define LISTED 16

struct automount {
        struct talk *t;
        const struct chain *chain;
        const char *key, *dir; /* dir NULL: the direct map */
        const char *trust[LISTED], *below[LISTED];
        unsigned trust_count, below_count;
        struct arena arena;
        struct buf text;
        json_t *json;
        uint32_t found;
};

/* One mount, ready to be written. */
struct mount {
        const struct chain_record *r;
        const char *host, *path; /* of the location; host "": a local device or folder */
        const char *options;     /* "-fstype=nfs,rw" */
        const char *place;       /* direct: where */
};

/* -- what may stand in a map */

/* No blank, quote, backslash, comment, nor `&` and `$`, which autofs replaces. */
static bool is_safe(struct bytes b)
{
        for (size_t i = 0; i < b.len; i++)
                if (!isalnum(b.data[i]) && b.data[i] < 0x80 &&
                    (!b.data[i] || !strchr("._/:+@%=,~-[]", b.data[i])))
                        return false;
        return b.len > 0;
}

/* An absolute path without `..`, ending in no slash. */
static const char *clean_path(struct automount *a, struct bytes b)
{
        if (!is_safe(b) || b.data[0] != '/')
                return NULL;
        char *text = arena_str(&a->arena, b);
        size_t n = text ? strlen(text) : 0;
        while (n > 1 && text[n - 1] == '/')
                text[--n] = '\0';
        for (const char *p = text; p; p = strchr(p + 1, '/'))
                if (strncmp(p, "/..", 3) == 0 && (p[3] == '/' || p[3] == '\0'))
                        return NULL;
        return text;
}

static bool is_below(const char *path, const char *folder)
{
        const size_t n = strlen(folder);
        return strncmp(path, folder, n) == 0 && path[n] == '/';
}

static bool listed(const char *const *v, unsigned n, const char *word)
{
        for (unsigned i = 0; i < n; i++)
                if (strcmp(v[i], word) == 0)
                        return true;
        return false;
}

static bool is_trusted(const struct automount *a, const struct chain_record *r)
{
        return r->trusted || listed(a->trust, a->trust_count, r->domain);
}

static bool left_out(struct automount *a, const struct chain_record *r, const char *why)
{
        talk_say(a->t, "ni automount: %s: %.*s: left out: %s", r->domain,
                 BYTES_FMT(bytes_sub(proplist_first(&r->props, "name"), 0, 120)), why);
        return false;
}

/* -- options */

/* Of no use to an automounter, or of NetInfo only; the rest of a short form. */
static const char *translated(const char *option)
{
        static const char *const dropped[] = {"net",  "bg", "fg", "intr", "nointr", "noauto",
                                              "auto", "-P", "-i", "-b",   NULL};
        for (int i = 0; dropped[i]; i++)
                if (strcmp(option, dropped[i]) == 0)
                        return NULL;
        return strcmp(option, "-s") == 0 ? "soft" : option;
}

/* Concern the transport and nothing else: another domain may set them. */
static bool is_harmless(const char *option)
{
        static const char *const names[] = {
                "ro",       "rw",      "hard",     "soft",     "softerr",  "tcp",      "udp",
                "vers",     "nfsvers", "proto",    "port",     "rsize",    "wsize",    "timeo",
                "retrans",  "retry",   "sec",      "noac",     "ac",       "nolock",   "lock",
                "noatime",  "atime",   "sync",     "async",    "actimeo",  "noexec",   "mountport",
                "nosuid",   "nodev",   "acregmin", "acregmax", "acdirmin", "acdirmax", "minorversion",
                "nconnect", NULL};
        const size_t n = strcspn(option, "=");
        for (int i = 0; names[i]; i++)
                if (strlen(names[i]) == n && strncmp(names[i], option, n) == 0)
                        return true;
        return false;
}

/* "-fstype=nfs,rw,soft"; NULL: said why, or out of memory. */
static const char *options_of(struct automount *a, const struct chain_record *r)
{
        const struct property *opts = proplist_get(&r->props, BYTES_LIT("opts"));
        const bool trusted = is_trusted(a, r);
        struct bytes type = proplist_first(&r->props, "vfstype");
        struct buf out;
        if (!type.len)
                type = BYTES_LIT("nfs");
        if (!is_safe(type) || (!trusted && !bytes_eq_str(type, "nfs") && !bytes_eq_str(type, "nfs4"))) {
                left_out(a, r, "only nfs from another domain");
                return NULL;
        }
        buf_init(&out, 0);
        buf_printf(&out, "-fstype=%.*s", BYTES_FMT(type));
        for (uint32_t i = 0; opts && i < opts->values.n; i++) {
                const char *text = arena_str(&a->arena, opts->values.v[i]);
                const char *option = text && *text ? translated(text) : NULL;
                if (!option)
                        continue;
                if (!is_safe(bytes_str(option)) || strchr(option, ',') || (!trusted && !is_harmless(option)))
                        talk_say(a->t, "ni automount: %s: %.*s: option %s is left out", r->domain,
                                 BYTES_FMT(proplist_first(&r->props, "name")), option);
                else
                        buf_printf(&out, ",%s", option);
        }
        /* nobind: a location that names one of our own addresses must not show a folder of this machine that
         * is out of reach otherwise, and a bind mount would forget the other two. */
        if (!trusted)
                buf_puts(&out, ",nosuid,nodev,nobind");
        const char *words = out.failed ? NULL : arena_str(&a->arena, buf_bytes(&out));
        buf_done(&out);
        return words;
}

/* -- records */

static bool has_net(const struct chain_record *r)
{
        const struct property *opts = proplist_get(&r->props, BYTES_LIT("opts"));
        for (uint32_t i = 0; opts && i < opts->values.n; i++)
                if (bytes_eq_str(opts->values.v[i], "net"))
                        return true;
        return false;
}

/* HOST:PATH, [v6]:PATH, or of the own domain a local folder or device. */
static bool location_of(struct automount *a, const struct chain_record *r, struct mount *m)
{
        const struct bytes name = proplist_first(&r->props, "name");
        size_t colon = bytes_find(name, ':');
        if (name.len && name.data[0] == '[')
                colon = bytes_find(name, ']') + 1;
        if (name.len && name.data[0] == '/' && is_trusted(a, r) && !a->dir) {
                m->host = "";
                m->path = clean_path(a, name);
        } else if (colon + 1 < name.len && name.data[colon] == ':' && colon > 0 &&
                   !strchr("-+", name.data[0])) { /* what autofs takes for an option, or for another map */
                m->host = arena_str(&a->arena, bytes_sub(name, 0, colon));
                m->path = is_safe(name) && !strchr(m->host, '/')
                                  ? clean_path(a, bytes_sub(name, colon + 1, name.len))
                                  : NULL;
        } else {
                return left_out(a, r, "its name is not HOST:/PATH");
        }
        return m->path || left_out(a, r, "its name has no plain absolute path behind the host");
}

/* A direct mount hides what is there: of another domain only where this system has nothing of its own. */
static bool place_of(struct automount *a, const struct chain_record *r, struct mount *m)
{
        static const char *const open[] = {NET, "/net", "/Network", "/mnt", "/media", "/srv", "/home"};
        const char *place = clean_path(a, proplist_first(&r->props, "dir"));
        if (!place || strcmp(place, "/") == 0)
                return left_out(a, r, "its `dir` is no plain absolute path");
        m->place = place;
        if (is_trusted(a, r))
                return true;
        for (size_t i = 0; i < sizeof(open) / sizeof(open[0]); i++)
                if (is_below(place, open[i]))
                        return true;
        for (unsigned i = 0; i < a->below_count; i++)
                if (is_below(place, a->below[i]))
                        return true;
        return left_out(a, r, "another domain may not mount there (--below DIR allows it)");
}

/* Does the record belong to the map, and to the key? */
static bool is_wanted(const struct automount *a, const struct chain_record *r)
{
        const struct bytes dir = proplist_first(&r->props, "dir"), name = proplist_first(&r->props, "name");
        if (!a->dir)
                return !has_net(r);
        if (!has_net(r) || !(dir.len ? bytes_eq_str(dir, a->dir) : strcmp(a->dir, NET) == 0))
                return false;
        const size_t n = a->key ? strlen(a->key) : 0;
        return !a->key || (name.len > n && name.data[n] == ':' && memcmp(name.data, a->key, n) == 0);
}

static bool mount_of(struct automount *a, const struct chain_record *r, struct mount *m)
{
        *m = (struct mount){.r = r};
        if (!location_of(a, r, m) || (!a->dir && !place_of(a, r, m)))
                return false;
        m->options = options_of(a, r);
        return m->options != NULL;
}

/* -- maps */

static const char *location(const struct automount *a, const struct mount *m)
{
        struct automount *w = (struct automount *)(uintptr_t)a;
        return arena_printf(&w->arena, "%s:%s", m->host, m->path);
}

static void put_json(struct automount *a, const struct mount *m)
{
        json_array_append_new(a->json,
                              json_pack("{s:s,s:s,s:s,s:s,s:o}", "host", m->host, "place",
                                        m->place ? m->place : m->path, "options", m->options + 1, "location",
                                        location(a, m), "domain", talk_json_bytes(bytes_str(m->r->domain))));
}

/* All mounts of v[0]'s host; options stand in front when they are the same for all. */
static void put_host(struct automount *a, const struct mount *v, uint32_t n)
{
        const char *host = v[0].host;
        bool same = true;
        for (uint32_t i = 0; i < n; i++)
                same &= strcmp(v[i].host, host) != 0 || strcmp(v[i].options, v[0].options) == 0;
        if (!a->key)
                buf_printf(&a->text, "%s ", host);
        if (same)
                buf_printf(&a->text, "%s", v[0].options);
        bool first = !same;
        for (uint32_t i = 0; i < n; i++) {
                if (strcmp(v[i].host, host) != 0)
                        continue;
                buf_printf(&a->text, "%s%s", first ? "" : "  ", v[i].path);
                if (!same)
                        buf_printf(&a->text, " %s", v[i].options);
                buf_printf(&a->text, "  %s", location(a, &v[i]));
                first = false;
        }
        buf_putc(&a->text, '\n');
}

static bool is_new(const struct mount *v, uint32_t n, const struct mount *m)
{
        for (uint32_t i = 0; i < n; i++)
                if (m->place ? strcmp(v[i].place, m->place) == 0
                             : strcmp(v[i].host, m->host) == 0 && strcmp(v[i].path, m->path) == 0)
                        return false; /* a nearer domain, or an earlier record, answers */
        return true;
}

static void put_all(struct automount *a, const struct mount *v, uint32_t n)
{
        for (uint32_t i = 0; i < n; i++) {
                bool first = true;
                if (a->json) {
                        put_json(a, &v[i]);
                        continue;
                }
                if (!a->dir) {
                        buf_printf(&a->text, "%s %s %s\n", v[i].place, v[i].options, location(a, &v[i]));
                        continue;
                }
                for (uint32_t k = 0; k < i; k++)
                        first &= strcmp(v[k].host, v[i].host) != 0;
                if (first)
                        put_host(a, v + i, n - i);
        }
}

static bool make(struct automount *a)
{
        struct mount *v = arena_zalloc(&a->arena, a->chain->n, sizeof(*v));
        uint32_t n = 0;
        for (uint32_t i = 0; v && i < a->chain->n; i++)
                if (is_wanted(a, &a->chain->v[i]) && mount_of(a, &a->chain->v[i], &v[n]) &&
                    is_new(v, n, &v[n]))
                        n++;
        if (v)
                put_all(a, v, n);
        a->found = n;
        if (v && !a->arena.failed && !a->text.failed)
                return true;
        talk_error(a->t, EXIT_FAILED, NULL, "out of memory", NULL);
        return false;
}

static void print(struct automount *a, const char *output)
{
        if (!make(a))
                return;
        if (a->json)
                talk_json(a->t, json_incref(a->json));
        else if (a->key && !a->found && a->t->exit == EXIT_ANSWERED)
                a->t->exit = EXIT_NOT_FOUND; /* autofs asks for what people type: no word about it */
        else if (!a->key || a->found)
                chain_put(a->t, output, buf_bytes(&a->text));
        if (a->key && a->found)
                a->t->exit = EXIT_ANSWERED; /* what is known is mounted, whichever domain is away */
}

static bool take_option(struct automount *a, int option, const char **output)
{
        if (option == 'o')
                *output = a->t->argument;
        else if (option == O_DIR)
                a->dir = a->t->argument;
        else if (option == O_DIRECT)
                a->dir = NULL;
        else if (option == O_TRUST && a->trust_count < LISTED)
                a->trust[a->trust_count++] = a->t->argument;
        else if (option == O_BELOW && a->below_count < LISTED)
                a->below[a->below_count++] = a->t->argument;
        else
                return false;
        return true;
}

int ni_automount_run(int argc, char **argv)
{
        struct talk t;
        struct chain c = {.v = NULL};
        struct automount a = {.t = &t, .chain = &c, .dir = NET};
        const char *output = NULL;
        talk_begin(&t, &manual, argc, argv);
        for (int o; (o = talk_option(&t)) != TALK_END;) {
                if (o == TALK_STOP)
                        return talk_end(&t);
                if (!take_option(&a, o, &output)) {
                        talk_usage(&t, "at most %d of --trust and of --below", LISTED);
                        return talk_end(&t);
                }
        }
        a.key = t.operands ? t.operand[0] : NULL;
        arena_init(&a.arena, 0);
        buf_init(&a.text, 0);
        a.json = t.json ? json_array() : NULL;
        if (t.operands > 1 || (a.key && (!a.dir || output)) || (output && t.json))
                talk_usage(&t, "give one KEY of a directory's map, or none for a whole map");
        else if (chain_read(&t, "/mounts", &c) && (c.complete || a.key))
                print(&a, output);
        json_decref(a.json);
        chain_done(&c);
        buf_done(&a.text);
        arena_done(&a.arena);
        return talk_end(&t);
}
