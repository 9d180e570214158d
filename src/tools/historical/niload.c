/* niload: standard input into a domain (doc/tools.md 5, 7.3). */
#include "tools/historical/edit.h"
#include "tools/historical/netgroup.h"
#include "tools/historical/tool.h"

#include "api/convert.h"
#include "base/limits.h"
#include "flat/raw.h"
#include "sys/random.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct niload {
        struct tool t;
        bool raw, destroy, merge, verbose, replace_all, strict, force;
        const char *what, *domain, *shadow_file;
        const struct flat_format *format;
        struct buf text, shadow_text;
        struct flat_file file, shadow;
        struct arena arena;      /* of one item */
        netinfo_change *waiting; /* QUEUE_MOST of them; sent together: one durable step instead of many */
        unsigned queued;
        size_t queued_bytes;
};

#define QUEUE_MOST  256u
#define RAW_MOST    64u               /* less: a frame of the recursion has so many */
#define QUEUE_BYTES ((size_t)1 << 20) /* of property lists; far below what one call may carry */

static int usage(const struct niload *l)
{
        fprintf(stderr,
                "usage: %s [-v] [-d] [-m] [-p] [-u USER] [-T SECONDS] [-t] FORMAT DOMAIN < file\n"
                "       %s [-p] [-u USER] [-T SECONDS] [-t] -r DIRECTORY DOMAIN < file\n"
                "       -d  destroy all entries of the target directory first\n"
                "       -m  merge into entries that are there\n"
                "       -t  DOMAIN is HOST/TAG\n"
                "       -v  say what is done\n"
                "       --password-file FILE  the password is the first line of FILE\n"
                "       --replace-all  entries keep nothing that the file does not say\n"
                "       --strict       a wrong line, or a number that is none: nothing is loaded\n"
                "       --shadow FILE  passwords for lines whose password is x\n"
                "       --force        -r may replace the whole database (DIRECTORY /)\n"
                "formats:",
                l->t.name, l->t.name);
        const struct flat_format *f;
        for (unsigned i = 0; (f = flat_format_at(i)); i++)
                fprintf(stderr, " %s", flat_name(f));
        fputc('\n', stderr);
        return 1;
}

static int unknown(const struct niload *l, const char *word)
{
        if (word[0] == '-')
                fprintf(stderr, "%s unknown option: %s\n", l->t.name, word);
        else
                tool_say(&l->t, "unknown argument: %s", word);
        return usage(l);
}

static bool set_once(bool *flag)
{
        const bool first = !*flag;
        *flag = true;
        return first;
}

static bool flag(struct niload *l, const char *w)
{
        const struct {
                const char *name;
                bool *to;
                bool once;
        } flags[] = {{"-d", &l->destroy, false},      {"-m", &l->merge, false},
                     {"-v", &l->verbose, false},      {"-r", &l->raw, true},
                     {"-t", &l->t.by_tag, true},      {"--replace-all", &l->replace_all, false},
                     {"--strict", &l->strict, false}, {"--force", &l->force, false}};
        for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
                if (strcmp(flags[i].name, w) == 0)
                        return set_once(flags[i].to) || !flags[i].once;
        return false;
}

/* An option with an argument. 0: done; -1: no such option; else the exit status. */
static int valued(struct niload *l, const char *w, char *argument)
{
        bool good = true;
        if (!argument)
                return -1;
        if (strcmp(w, "-T") == 0) {
                good = tool_take_seconds(&l->t, argument);
        } else if (strcmp(w, "-u") == 0 && !l->t.user) {
                l->t.user = tool_take(argument);
                l->t.ask = true;
        } else if (strcmp(w, "-P") == 0 && !l->t.password) {
                if (strcmp(argument, "-") == 0) {
                        tool_say(&l->t, "standard input is the data; use --password-file FILE");
                        return 1;
                }
                good = tool_take_password(&l->t, argument);
        } else if (strcmp(w, "--password-file") == 0) {
                good = tool_password_file(&l->t, argument);
        } else if (strcmp(w, "--shadow") == 0) {
                l->shadow_file = argument;
        } else {
                return -1;
        }
        return good ? 0 : 1;
}

static int options(struct niload *l, int argc, char **argv)
{
        bool asked = false;
        int n = 0;
        for (int i = 1; i < argc; i++) {
                char *w = argv[i];
                if (w[0] != '-' && n < 2) {
                        *(n++ ? &l->domain : &l->what) = w;
                } else if (w[0] != '-') {
                        return unknown(l, w);
                } else if (strcmp(w, "-p") == 0 && set_once(&asked)) {
                        l->t.ask = true;
                } else if (!flag(l, w)) {
                        const int e = valued(l, w, i + 1 < argc ? argv[i + 1] : NULL);
                        if (e)
                                return e < 0 ? unknown(l, w) : e;
                        i++;
                }
        }
        if (!l->domain || !*l->what)
                return usage(l);
        l->format = l->raw ? NULL : flat_format(l->what);
        if (!l->raw && !l->format) {
                tool_say(&l->t, "unknown format: %s", l->what);
                return usage(l);
        }
        if (l->destroy && l->format && flat_needs_record(l->format)) {
                tool_say(&l->t, "-d would remove the entries that %s adds to; leave it out", l->what);
                return 1;
        }
        return 0;
}

static bool read_all(const struct niload *l, FILE *f, const char *name, struct buf *to)
{
        size_t n;
        uint8_t piece[1 << 16];
        while ((n = fread(piece, 1, sizeof(piece), f)) > 0)
                buf_put(to, bytes_of(piece, n));
        if (!ferror(f) && !to->failed)
                return true;
        tool_say(&l->t, "%s: %s", name, ferror(f) ? strerror(errno) : "larger than 1 GiB");
        return false;
}

/* -- raw --------------------------------------------------------------------------------------------------
 */

static size_t size_of(const struct proplist *p)
{
        size_t n = 0;
        for (uint32_t i = 0; i < p->n; i++) {
                n += p->v[i].name.len + 12;
                for (uint32_t k = 0; k < p->v[i].values.n; k++)
                        n += p->v[i].values.v[k].len + 8;
        }
        return n;
}

/* Children are made by the hundred where the server can do that, then what is below each of them. */
static ni_status create_children(struct niload *l, void *h, ni_id *parent, const struct raw_dir *d)
{
        ni_status s = NI_OK;
        for (uint32_t i = 0, n; s == NI_OK && i < d->n; i += n) {
                ni_id made[RAW_MOST];
                netinfo_change some[RAW_MOST];
                size_t bytes = 0;
                for (n = 0; n < RAW_MOST && i + n < d->n && bytes < QUEUE_BYTES; n++) {
                        some[n] = (netinfo_change){NETINFO_CREATE, *parent,
                                                   api_proplist(d->child[i + n]->props)};
                        bytes += size_of(&d->child[i + n]->props);
                }
                s = netinfo_edit(h, "niload", some, n, NULL);
                const bool together = s == NI_OK;
                if (!together && s != NI_FAILED) /* refused as a whole, or a historical server */
                        s = ni_self(h, parent);
                for (uint32_t k = 0; k < n; k++) {
                        made[k] = some[k].id;
                        if (!together && s == NI_OK)
                                s = ni_create(h, parent, some[k].properties, &made[k], NI_INDEX_NULL);
                        ni_proplist_free(&some[k].properties);
                }
                for (uint32_t k = 0; s == NI_OK && k < n; k++)
                        s = create_children(l, h, &made[k], d->child[i + k]);
        }
        return s;
}

static ni_status say(const struct niload *l, ni_status s, const char *words)
{
        if (s != NI_OK)
                tool_say(&l->t, "%s: %s", words, ni_error(s));
        return s;
}

/* The directory's own properties; without a `name` in the input the old one stays. */
static ni_status write_top(void *h, ni_id *id, const struct raw_dir *d)
{
        ni_proplist old, props = api_proplist(d->props);
        NI_INIT(&old);
        ni_status s = ni_read(h, id, &old);
        const ni_index name = ni_proplist_match(old, "name", NULL);
        if (s == NI_OK && name != NI_INDEX_NULL && ni_proplist_match(props, "name", NULL) == NI_INDEX_NULL)
                ni_proplist_insert(&props, old.nipl_val[name], 0);
        if (s == NI_OK)
                s = ni_write(h, id, props);
        ni_proplist_free(&old);
        ni_proplist_free(&props);
        return s;
}

static int load_raw(struct niload *l, void *h, const struct raw_dir *d)
{
        ni_id id = {0, 0};
        ni_status s = ni_pathsearch(h, &id, l->what);
        if (s == NI_NODIR) {
                s = dir_make(h, FROM_ROOT, false, l->what, &id);
                if (s != NI_OK)
                        tool_say(&l->t, "Can't create directory %s: %s", l->what, ni_error(s));
        } else if (s != NI_OK) {
                tool_say(&l->t, "Can't access directory %s: %s", l->what, ni_error(s));
        }
        if (s != NI_OK)
                return (int)s;
        s = say(l, write_top(h, &id, d), "Can't write directory");
        if (s == NI_OK)
                s = say(l, dir_clear(h, id.nii_object), "Can't destroy child directories");
        if (s == NI_OK)
                s = say(l, ni_self(h, &id), "Can't write directory");
        if (s == NI_OK)
                s = say(l, create_children(l, h, &id, d), "Can't write directory");
        return (int)s;
}

/* The input is read and checked before the domain is opened: a syntax error changes nothing. Exit status. */
static int run_raw(struct niload *l)
{
        struct raw_dir d;
        struct flat_why why;
        void *h;
        if (l->what[0] != '/') {
                tool_say(&l->t, "directory %s must begin with /", l->what);
                return 1;
        }
        if (strspn(l->what, "/") == strlen(l->what) && !l->force) {
                tool_say(&l->t, "this replaces the whole database, its `master` included; say --force if you "
                                "mean it");
                return 1;
        }
        if (!raw_parse(buf_bytes(&l->text), &l->arena, &d, &why)) {
                fprintf(stderr, "%s at line %u\n", why.text, why.line);
                return 1;
        }
        int result = tool_open(&l->t, l->domain, &h, NULL);
        if (result != NI_OK)
                return tool_exit(result);
        ni_needwrite(h, 1);
        result = load_raw(l, h, &d);
        ni_free(h);
        return tool_exit(result);
}

/* -- flat files -------------------------------------------------------------------------------------------
 */

static void skipped(void *context, const struct flat_why *why)
{
        const struct niload *l = context;
        if (l->verbose)
                tool_say(&l->t, "line %u: ignored", why->line);
}

static bool parse(struct niload *l)
{
        struct flat_options o = {.strict = l->strict, .skipped = skipped, .context = l};
        struct flat_why why;
        random_bytes(&o.key, sizeof(o.key));
        if (!flat_file_read(&l->file, l->format, buf_bytes(&l->text), &o, &why)) {
                if (why.line)
                        tool_say(&l->t, "line %u: %s", why.line, why.text);
                else
                        tool_say(&l->t, "%s", why.text);
                return false;
        }
        if (!l->shadow_file)
                return true;
        FILE *f = fopen(l->shadow_file, "re");
        if (!f) {
                tool_say(&l->t, "%s: %s", l->shadow_file, strerror(errno));
                return false;
        }
        const bool read = read_all(l, f, l->shadow_file, &l->shadow_text);
        fclose(f);
        o.skipped = NULL;
        if (!read)
                return false;
        if (flat_file_read(&l->shadow, flat_format("shadow"), buf_bytes(&l->shadow_text), &o, &why))
                return true;
        tool_say(&l->t, "%s: line %u: %s", l->shadow_file, why.line, why.text);
        return false;
}

/* A password of "x" is not one: it comes from the shadow file, where there is one that names the user. */
static void fill_password(struct niload *l, struct flat_item *item)
{
        uint32_t at;
        struct flat_item line;
        if (!l->shadow_file ||
            !flat_file_find(&l->shadow,
                            (struct flat_identity){proplist_first(&item->props, "name"), BYTES_NONE}, &at) ||
            !flat_file_item(&l->shadow, at, &l->arena, &line))
                return;
        const struct property *hash = proplist_get(&line.props, BYTES_LIT("passwd"));
        const struct property *mine = proplist_get(&item->props, BYTES_LIT("passwd"));
        if (!hash || (mine && mine->values.n && !bytes_eq_str(mine->values.v[0], "x")))
                return;
        struct proplist wider = {arena_zalloc(&l->arena, item->props.n + 1, sizeof(struct property)), 0};
        bool put = false;
        for (uint32_t i = 0; wider.v && i < item->props.n; i++) { /* keys stay ascending */
                const struct property *p = &item->props.v[i];
                if (p == mine)
                        continue;
                if (!put && strcmp(arena_str(&l->arena, p->name), "passwd") > 0) {
                        wider.v[wider.n++] = *hash;
                        put = true;
                }
                wider.v[wider.n++] = *p;
        }
        if (wider.v && !put)
                wider.v[wider.n++] = *hash;
        if (wider.v)
                item->props = wider;
}

/* The entry an item means: the first child with its name, and its port where the format needs it. */
static ni_status find_entry(struct niload *l, void *h, ni_id *dir, struct flat_identity id, ni_id *ret,
                            ni_proplist *ret_old)
{
        ni_idlist hits;
        char *name = arena_str(&l->arena, id.name), *port = arena_str(&l->arena, id.port);
        NI_INIT(&hits);
        if (!name || !port)
                return NI_NOSPACE;
        ni_status s = ni_lookup(h, dir, "name", name, &hits);
        if (s == NI_OK && hits.niil_len == 0)
                s = NI_NODIR;
        for (unsigned i = 0; s == NI_OK; i++) {
                if (i == hits.niil_len) {
                        s = NI_NODIR;
                        break;
                }
                *ret = (ni_id){hits.niil_val[i], 0};
                s = ni_read(h, ret, ret_old);
                if (s != NI_OK || !flat_by_port(l->format) ||
                    ni_proplist_match(*ret_old, "port", port) != NI_INDEX_NULL)
                        break;
                ni_proplist_free(ret_old);
        }
        ni_idlist_free(&hits);
        return s;
}

static void show(const struct niload *l, const struct proplist *p, const char *action, struct bytes name)
{
        if (!l->verbose)
                return;
        fprintf(stderr, "\n%s:\n", flat_name(l->format));
        for (uint32_t i = 0; i < p->n; i++) {
                fprintf(stderr, "%.*s:", BYTES_FMT(p->v[i].name));
                for (uint32_t k = 0; k < p->v[i].values.n; k++)
                        fprintf(stderr, " %.*s", BYTES_FMT(p->v[i].values.v[k]));
                fputc('\n', stderr);
        }
        fprintf(stderr, "\n%s directory %s/%.*s\n", action, flat_directory(l->format), BYTES_FMT(name));
}

static enum flat_mode mode_of(const struct niload *l)
{
        if (l->merge)
                return FLAT_MERGE_VALUES;
        /* Where other formats or the domain itself keep properties in the same entries, these stay. */
        const bool shared = flat_is_shared(l->format) || strcmp(flat_directory(l->format), "/users") == 0;
        return l->replace_all || !shared ? FLAT_REPLACE_ALL : FLAT_OWNED;
}

static const char *name_of(const netinfo_change *c)
{
        const ni_index at = ni_proplist_match(c->properties, "name", NULL);
        return at == NI_INDEX_NULL || !c->properties.nipl_val[at].nip_val.ninl_len
                       ? ""
                       : c->properties.nipl_val[at].nip_val.ninl_val[0];
}

static ni_status complain(const struct niload *l, ni_status s, const char *name)
{
        if (s != NI_OK)
                tool_say(&l->t, "can't update NetInfo %s/%s: %s", flat_directory(l->format), name,
                         ni_error(s));
        return s;
}

/* Names the first entry that is not stored: without a server, that is the one that has waited longest. */
static ni_status cannot(const struct niload *l, ni_status s, const char *name)
{
        return complain(l, s, s == NI_FAILED && l->queued ? name_of(&l->waiting[0]) : name);
}

/* The same change in one call of the historical protocol. */
static ni_status change_alone(void *h, netinfo_change *c)
{
        ni_id id = c->id, made;
        if (c->kind == NETINFO_WRITE)
                return ni_write(h, &id, c->properties);
        ni_status s = ni_self(h, &id);
        if (s == NI_OK)
                s = ni_create(h, &id, c->properties, &made, NI_INDEX_NULL);
        if (s == NI_STALE && ni_self(h, &id) == NI_OK) /* somebody else added an entry meanwhile */
                s = ni_create(h, &id, c->properties, &made, NI_INDEX_NULL);
        return s;
}

/* Sends what waits. When it is refused as a whole, or the server knows no such call, one by one: what comes
 * before the entry that fails stays loaded (5.1). */
static ni_status flush(struct niload *l, void *h)
{
        ni_status s = netinfo_edit(h, "niload", l->waiting, l->queued, NULL);
        if (s == NI_FAILED)
                cannot(l, s, "");
        else if (s != NI_OK)
                for (unsigned i = 0; i < l->queued && (i == 0 || s == NI_OK); i++)
                        s = complain(l, change_alone(h, &l->waiting[i]), name_of(&l->waiting[i]));
        for (unsigned i = 0; i < l->queued; i++)
                ni_proplist_free(&l->waiting[i].properties);
        l->queued = 0;
        l->queued_bytes = 0;
        return s;
}

static bool is_waiting(const struct niload *l, struct bytes name)
{
        for (unsigned i = 0; i < l->queued; i++) {
                const ni_proplist *p = &l->waiting[i].properties;
                const ni_index at = ni_proplist_match(*p, "name", NULL);
                for (unsigned k = 0; at != NI_INDEX_NULL && k < p->nipl_val[at].nip_val.ninl_len; k++)
                        if (bytes_eq_str(name, p->nipl_val[at].nip_val.ninl_val[k]))
                                return true;
        }
        return false;
}

/* Takes the list over. */
static ni_status enqueue(struct niload *l, void *h, bool create, ni_id id, ni_proplist props, size_t bytes)
{
        l->waiting[l->queued++] = (netinfo_change){
                .kind = create ? NETINFO_CREATE : NETINFO_WRITE, .id = id, .properties = props};
        l->queued_bytes += bytes;
        return l->queued == QUEUE_MOST || l->queued_bytes >= QUEUE_BYTES ? flush(l, h) : NI_OK;
}

/* What an item makes of its entry is put into the queue; a failure is said. */
static ni_status store(struct niload *l, void *h, ni_id *dir, const struct flat_item *item, struct bytes name)
{
        ni_id id;
        ni_proplist old;
        struct proplist now;
        char *text = arena_str(&l->arena, name);
        ni_status s = NI_OK;
        NI_INIT(&old);
        if (is_waiting(l, name)) /* under another entry's alias, perhaps: it must be there to be found */
                s = flush(l, h);
        if (s != NI_OK)
                return s;
        s = find_entry(l, h, dir, flat_identity_of(l->format, &item->props), &id, &old);
        const bool there = s == NI_OK;
        if (s == NI_NODIR && flat_needs_record(l->format)) {
                tool_say(&l->t, "no entry %s in %s - ignored", text, flat_directory(l->format));
                return NI_OK;
        }
        if (s != NI_OK && s != NI_NODIR)
                return cannot(l, s, text);
        const struct proplist before = wire_proplist(&l->arena, old);
        if (!flat_apply(l->format, mode_of(l), there ? &before : NULL, item, &l->arena, &now) ||
            l->arena.failed) {
                s = cannot(l, NI_NOSPACE, text ? text : "");
        } else {
                show(l, &item->props, !there ? "writing new" : l->merge ? "merging" : "writing", name);
                s = there && flat_same(&before, &now)
                            ? NI_OK
                            : enqueue(l, h, !there, there ? id : *dir, api_proplist(now), size_of(&now));
        }
        ni_proplist_free(&old);
        return s;
}

static ni_status load_item(struct niload *l, void *h, ni_id *dir, uint32_t i)
{
        struct flat_item item;
        arena_reset(&l->arena);
        if (!flat_file_item(&l->file, i, &l->arena, &item))
                return cannot(l, NI_NOSPACE, "");
        fill_password(l, &item);
        const struct bytes name = proplist_first(&item.props, "name");
        if (name.len == 0) {
                fputs("input item has no name - ignored\n", stderr);
                return NI_OK;
        }
        ni_status s = store(l, h, dir, &item, name);
        if (s == NI_OK && strcmp(flat_name(l->format), "netgroup") == 0) {
                const struct property *members = proplist_get(&item.props, BYTES_LIT("members"));
                if (members)
                        s = cannot(l, netgroup_enter(&l->t, h, name, members->values),
                                   arena_str(&l->arena, name));
        }
        return s;
}

/* -d, then the target directory. */
static ni_status prepare(struct niload *l, void *h, ni_id *dir)
{
        const char *directory = flat_directory(l->format);
        ni_status s = dir_find(h, FROM_ROOT, false, directory, dir);
        /* The resolver's record is one of several in /locations, and is replaced as a whole anyway. */
        const bool destroy = l->destroy && strcmp(flat_name(l->format), "resolv.conf") != 0;
        if (s == NI_OK && destroy) {
                if (l->verbose)
                        tool_say(&l->t, "deleting the entries of %s", directory);
                s = dir_clear(h, dir->nii_object);
                if (s == NI_OK)
                        s = ni_self(h, dir);
                if (s != NI_OK)
                        tool_say(&l->t, "can't delete NetInfo directory %s: %s", directory, ni_error(s));
        } else if (s == NI_NODIR) {
                if (l->verbose)
                        tool_say(&l->t, "creating directory %s", directory);
                s = dir_make(h, FROM_ROOT, false, directory, dir);
                if (s != NI_OK)
                        tool_say(&l->t, "can't create NetInfo directory %s: %s", directory, ni_error(s));
        } else if (s != NI_OK) {
                tool_say(&l->t, "can't access NetInfo directory %s: %s", directory, ni_error(s));
        }
        if (s == NI_OK && l->verbose) {
                ni_idlist children;
                NI_INIT(&children);
                s = ni_children(h, dir, &children);
                if (s == NI_OK)
                        tool_say(&l->t, "%u entries in %s", children.niil_len, directory);
                else
                        tool_say(&l->t, "can't list NetInfo %s: %s", directory, ni_error(s));
                ni_idlist_free(&children);
        }
        return s;
}

static int run_flat(struct niload *l)
{
        void *h;
        ni_id dir;
        if (!parse(l))
                return 1;
        if (l->verbose)
                tool_say(&l->t, "%u items read from input", l->file.entry_count);
        if (l->file.entry_count == 0)
                return 0;
        const int result = tool_open(&l->t, l->domain, &h, NULL);
        if (result != NI_OK)
                return tool_exit(result);
        ni_needwrite(h, 1);
        ni_status s = prepare(l, h, &dir);
        for (uint32_t i = 0; s == NI_OK && i < l->file.entry_count; i++)
                s = load_item(l, h, &dir, i);
        if (s != NI_FAILED) { /* also what came before an entry that was refused */
                const ni_status sent = flush(l, h);
                s = s == NI_OK ? sent : s;
        }
        for (unsigned i = 0; i < l->queued; i++)
                ni_proplist_free(&l->waiting[i].properties);
        ni_free(h);
        return s == NI_OK ? 0 : 1;
}

int niload_run(int argc, char **argv)
{
        netinfo_change waiting[QUEUE_MOST];
        struct niload l = {.waiting = waiting};
        tool_init(&l.t, argv, "");
        buf_init(&l.text, FLAT_TEXT_MAX);
        buf_init(&l.shadow_text, FLAT_TEXT_MAX);
        arena_init(&l.arena, 0);
        int e = options(&l, argc, argv);
        if (!e && !tool_get_password(&l.t))
                e = 1;
        if (!e && !read_all(&l, stdin, "standard input", &l.text))
                e = 1;
        if (!e)
                e = l.raw ? run_raw(&l) : run_flat(&l);
        if (l.file.format)
                flat_file_done(&l.file);
        if (l.shadow.format)
                flat_file_done(&l.shadow);
        if (l.shadow_text.data)
                explicit_bzero(l.shadow_text.data, l.shadow_text.len);
        buf_done(&l.text);
        buf_done(&l.shadow_text);
        arena_done(&l.arena);
        return tool_done(&l.t, e);
}
