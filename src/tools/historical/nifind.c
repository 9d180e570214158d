/* nifind: in which domains a directory is (doc/tools.md 9). */
#include "tools/historical/tool.h"

#include "base/buf.h"

#include <stdio.h>
#include <stdlib.h>

#define DEPTH_MOST     100u /* levels of domains: more is a loop */
#define NIFIND_SECONDS 2

static const char usage[] = "usage: nifind [-anpv] [-T SECONDS] DIRECTORY [DOMAIN]\n"
                            "       -a          search DOMAIN (/) and all domains below it\n"
                            "       -n          with -a: leave out domains whose tag is local\n"
                            "       -p          print the properties of what is found\n"
                            "       -v          say where it is not, and trace the search\n"
                            "       -T SECONDS  time allowed for each domain\n";

struct nifind {
        struct tool t;
        bool all, no_local, print, verbose;
        char *directory;
        const char *domain;
        int exit;
};

static ni_fancyopenargs within(const struct nifind *f)
{
        return (ni_fancyopenargs){.rtimeout = f->t.seconds, .wtimeout = f->t.seconds, .abort = 1};
}

static void look(const struct nifind *f, void *h, const char *name)
{
        ni_id id = {0, 0};
        ni_proplist l;
        ni_status s = ni_pathsearch(h, &id, f->directory);
        NI_INIT(&l);
        if (s == NI_OK && f->print)
                s = ni_read(h, &id, &l);
        if (s == NI_OK) {
                tool_put(&f->t, f->directory);
                fputs(" found in ", stdout);
                tool_put(&f->t, name);
                printf(", id = %u\n", id.nii_object);
                for (unsigned i = 0; i < l.nipl_len; i++)
                        tool_put_property(&f->t, &l.nipl_val[i]);
                if (f->print)
                        putchar('\n');
        } else if (s != NI_NODIR) {
                fflush(stdout);
                fprintf(stderr, "Search error in domain %s\n", name);
        } else if (f->verbose) {
                tool_put(&f->t, f->directory);
                fputs(" not found in ", stdout);
                tool_put(&f->t, name);
                putchar('\n');
        }
        ni_proplist_free(&l);
}

static void no_response(const struct nifind *f, const char *name)
{
        fflush(stdout);
        if (f->verbose)
                fprintf(stderr, "No response from %s\n", name);
}

/* The `master` property, "host/tag"; NULL: none, said so, or no response. The caller frees it. */
static ni_name master_of(const struct nifind *f, void *h, const char *name)
{
        ni_id root;
        ni_namelist values;
        ni_name master = NULL;
        NI_INIT(&values);
        ni_status s = ni_root(h, &root);
        if (s == NI_OK)
                s = ni_lookupprop(h, &root, "master", &values);
        if (s == NI_OK && values.ninl_len)
                master = ni_name_dup(values.ninl_val[0]);
        else if (s == NI_OK || s == NI_NOPROP)
                fprintf(stderr, "domain %s has no master property\n", name);
        else
                no_response(f, name);
        ni_namelist_free(&values);
        return master;
}

/* -- all domains below one ----------------------------------------------------------------------------------
 */

static void search_tree(struct nifind *f, void *h, const char *name, unsigned depth);

static void search_child(struct nifind *f, void *h, const char *name, const char *child, unsigned depth)
{
        struct buf whole, path;
        ni_fancyopenargs args = within(f);
        void *below;
        buf_init(&whole, 0);
        buf_init(&path, 0);
        for (const char *p = child; *p; p++) { /* as a component of a domain's path */
                if (*p == '/' || *p == '\\' || (*p == '.' && p == child))
                        buf_putc(&path, '\\');
                buf_putc(&path, *p);
        }
        buf_putc(&path, '\0');
        buf_printf(&whole, "%s%s%s", name, strcmp(name, "/") == 0 ? "" : "/", child);
        buf_putc(&whole, '\0');
        if (!whole.failed && !path.failed) {
                if (netinfo_open(h, (const char *)path.data, &below, &args) == NI_OK) {
                        search_tree(f, below, (const char *)whole.data, depth + 1);
                        ni_free(below);
                } else {
                        no_response(f, (const char *)whole.data);
                }
        }
        buf_done(&whole);
        buf_done(&path);
}

/* One value NAME/TAG of a machine's serves; NAME is added to the children when it is new. */
static void consider(struct nifind *f, const char *domain, const char *host, const char *value,
                     ni_namelist *children)
{
        const char *slash = strchr(value, '/');
        char *name = slash ? strndup(value, (size_t)(slash - value)) : NULL;
        if (!name)
                return;
        if (*name && strcmp(name, ".") != 0 && strcmp(name, "..") != 0) {
                const char *what = "new child domain";
                if (f->no_local && strcmp(slash + 1, "local") == 0)
                        what = "ignoring local domain";
                else if (ni_namelist_match(*children, name) != NI_INDEX_NULL)
                        what = "already have this child";
                else
                        ni_namelist_insert(children, name, NI_INDEX_NULL);
                if (f->verbose)
                        fprintf(stderr, "%s: %s serves %s - %s\n", domain, host, value, what);
        }
        free(name);
}

static ni_status children_of(struct nifind *f, void *h, const char *domain, ni_namelist *children)
{
        ni_id id = {0, 0};
        ni_idlist machines;
        NI_INIT(&machines);
        ni_status s = ni_pathsearch(h, &id, "/machines");
        if (s == NI_OK)
                s = ni_children(h, &id, &machines);
        for (unsigned i = 0; s == NI_OK && i < machines.niil_len; i++) {
                ni_id machine = {machines.niil_val[i], 0};
                ni_proplist l;
                NI_INIT(&l);
                s = ni_read(h, &machine, &l);
                const ni_index serves = ni_proplist_match(l, "serves", NULL),
                               name = ni_proplist_match(l, "name", NULL);
                const ni_namelist *values = serves == NI_INDEX_NULL ? NULL : &l.nipl_val[serves].nip_val;
                const bool named = name != NI_INDEX_NULL && l.nipl_val[name].nip_val.ninl_len > 0;
                for (unsigned k = 0; values && k < values->ninl_len; k++)
                        consider(f, domain, named ? l.nipl_val[name].nip_val.ninl_val[0] : "?",
                                 values->ninl_val[k], children);
                ni_proplist_free(&l);
        }
        ni_idlist_free(&machines);
        return s == NI_NODIR ? NI_OK : s;
}

static void search_tree(struct nifind *f, void *h, const char *name, unsigned depth)
{
        ni_namelist children;
        if (depth > DEPTH_MOST) {
                fprintf(stderr, "domains are nested more than %u levels deep; is %s in a loop?\n", DEPTH_MOST,
                        name);
                f->exit = 1;
                return;
        }
        ni_name master = master_of(f, h, name);
        if (!master)
                return;
        ni_name_free(&master);
        look(f, h, name);
        NI_INIT(&children);
        if (children_of(f, h, name, &children) != NI_OK)
                no_response(f, name);
        for (unsigned i = 0; f->exit == 0 && i < children.ninl_len; i++)
                search_child(f, h, name, children.ninl_val[i], depth);
        ni_namelist_free(&children);
}

/* -- from the local domain upwards
 * ---------------------------------------------------------------------------- */

/* The name of a domain below the starting root: what its absolute name has behind the root's. */
static ni_name name_below(const struct nifind *f, void *h, const char *root)
{
        ni_name full, name;
        struct buf text;
        if (ni_pwdomain(h, &full) != NI_OK)
                return ni_name_dup("?");
        const size_t n = strcmp(root, "/") == 0 ? 0 : strlen(root);
        const char *rest = strncmp(full, root, n) == 0 ? full + n : full;
        buf_init(&text, 0);
        if (strcmp(f->domain, "/") != 0)
                buf_puts(&text, f->domain);
        if (strcmp(rest, "/") != 0 || text.len == 0)
                buf_puts(&text, rest);
        if (text.len == 0)
                buf_putc(&text, '/');
        buf_putc(&text, '\0');
        name = ni_name_dup(text.failed ? "?" : (const char *)text.data);
        buf_done(&text);
        ni_name_free(&full);
        return name;
}

static void climb(struct nifind *f, void *top, void *local)
{
        void *h = local;
        ni_fancyopenargs args = within(f);
        ni_name root = NULL, wanted = master_of(f, top, f->domain);
        if (ni_pwdomain(top, &root) != NI_OK)
                root = ni_name_dup("/");
        for (unsigned depth = 0;; depth++) {
                void *up;
                ni_name name = name_below(f, h, root), master = master_of(f, h, name);
                const bool reached = master && wanted && strcmp(master, wanted) == 0;
                if (master)
                        look(f, h, name);
                ni_name_free(&name);
                ni_name_free(&master);
                if (reached)
                        break;
                if (depth == DEPTH_MOST) {
                        f->exit = 1;
                        break;
                }
                if (netinfo_open(h, "..", &up, &args) != NI_OK) {
                        fflush(stdout);
                        if (wanted)
                                tool_say(&f->t, "warning: domain %s is not above the local one", f->domain);
                        break;
                }
                if (h != local)
                        ni_free(h);
                h = up;
        }
        if (h != local)
                ni_free(h);
        ni_name_free(&root);
        ni_name_free(&wanted);
}

static int run(struct nifind *f)
{
        ni_fancyopenargs args = within(f);
        void *top, *local;
        ni_id root;
        if (netinfo_open(NULL, f->domain, &top, &args) != NI_OK) {
                if (f->all)
                        fprintf(stderr, "error: can't open domain %s\n", f->domain);
                else
                        fputs("error: can't open root domain\n", stderr);
                return 1;
        }
        if (f->all) {
                search_tree(f, top, f->domain, 0);
        } else if (netinfo_open(NULL, ".", &local, &args) != NI_OK || ni_root(local, &root) != NI_OK) {
                fputs("error: can't open local domain\n", stderr);
                f->exit = 1;
        } else {
                climb(f, top, local);
                ni_free(local);
        }
        ni_free(top);
        return f->exit;
}

/* 0: go on, else the exit status. */
static int options(struct nifind *f, int argc, char **argv)
{
        int i = 1;
        for (; i < argc && argv[i][0] == '-' && argv[i][1]; i++) {
                bool seconds = false;
                for (const char *c = argv[i] + 1; *c; c++) {
                        f->all |= *c == 'a';
                        f->no_local |= *c == 'n';
                        f->print |= *c == 'p';
                        f->verbose |= *c == 'v';
                        seconds |= *c == 'T' || *c == 't';
                        if (!strchr("anpvTt", *c)) {
                                fprintf(stderr, "unknown option: %c\n", *c);
                                return tool_usage(&f->t);
                        }
                }
                if (seconds && (++i == argc || !tool_take_seconds(&f->t, argv[i])))
                        return tool_usage(&f->t);
        }
        if (argc - i < 1 || argc - i > 2)
                return tool_usage(&f->t);
        f->directory = argv[i];
        f->domain = argc - i == 2 ? argv[i + 1] : "/";
        return 0;
}

int nifind_run(int argc, char **argv)
{
        struct nifind f = {.exit = 0};
        tool_init(&f.t, argv, usage);
        f.t.seconds = NIFIND_SECONDS;
        const int e = options(&f, argc, argv);
        return tool_done(&f.t, e ? e : run(&f));
}
