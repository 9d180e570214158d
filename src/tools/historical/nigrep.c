/* nigrep: properties that match a regular expression (doc/tools.md 8). */
#include "tools/historical/tool.h"

#include "base/buf.h"
#include "base/text.h"

#include <regex.h>
#include <stdio.h>

#define DEPTH_MOST 4096u /* levels walked down: a server that invents more must not use up the stack */

static const char usage[] = "usage: nigrep [-q] [-T SECONDS] EXPRESSION [-t] DOMAIN [DIRECTORY...]\n"
                            "       -t          the word behind it is the domain, as HOST/TAG\n"
                            "       -T SECONDS  time allowed for each call\n"
                            "       -q          print nothing; exit 0 if something matches, else 1\n";

struct nigrep {
        struct tool t;
        const char *expression, *domain;
        char **directory; /* NULL-terminated */
        regex_t compiled;
        bool quiet, found;
        struct buf path;
};

static ni_status failed(ni_status s, const char *call)
{
        fflush(stdout);
        if (s != NI_OK)
                fprintf(stderr, "%s: %s\n", call, ni_error(s));
        return s;
}

static bool matches(const struct nigrep *g, const ni_property *p)
{
        bool hit = regexec(&g->compiled, p->nip_name, 0, NULL, 0) == 0;
        for (unsigned i = 0; !hit && i < p->nip_val.ninl_len; i++)
                hit = regexec(&g->compiled, p->nip_val.ninl_val[i], 0, NULL, 0) == 0;
        return hit;
}

static void put(const struct nigrep *g, ni_index object, const ni_property *p)
{
        printf("%u ", object);
        tool_put_bytes(&g->t, g->path.data, g->path.len);
        fputs(":  ", stdout);
        tool_put(&g->t, p->nip_name);
        for (unsigned i = 0; i < p->nip_val.ninl_len; i++) {
                putchar(' ');
                tool_put(&g->t, p->nip_val.ninl_val[i]);
        }
        putchar('\n');
}

/* The path of a child, behind that of its parent. */
static void go_down(struct nigrep *g, const ni_namelist *names, ni_index object)
{
        if (g->path.len != 1 || g->path.data[0] != '/') /* below "/" no second slash */
                buf_putc(&g->path, '/');
        if (names)
                buf_puts(&g->path, names->ninl_val[0]);
        else
                buf_printf(&g->path, "dir: %u", object);
}

static ni_status search(struct nigrep *g, void *h, ni_index object, unsigned depth)
{
        ni_id id = {object, 0};
        ni_proplist l;
        ni_entrylist children;
        NI_INIT(&l);
        NI_INIT(&children);
        if (depth == DEPTH_MOST)
                return failed(NI_FAILED, "ni_list");
        ni_status s = failed(ni_read(h, &id, &l), "ni_read");
        for (unsigned i = 0; s == NI_OK && i < l.nipl_len; i++) {
                if (!matches(g, &l.nipl_val[i]))
                        continue;
                g->found = true;
                if (!g->quiet)
                        put(g, object, &l.nipl_val[i]);
        }
        ni_proplist_free(&l);
        if (s == NI_OK)
                s = failed(ni_list(h, &id, "name", &children), "ni_list");
        for (unsigned i = 0; s == NI_OK && i < children.niel_len; i++) {
                struct buf above = g->path;
                buf_init(&g->path, 0);
                buf_put(&g->path, buf_bytes(&above));
                go_down(g, children.niel_val[i].names, children.niel_val[i].id);
                s = search(g, h, children.niel_val[i].id, depth + 1);
                buf_done(&g->path);
                g->path = above;
        }
        ni_entrylist_free(&children);
        return s;
}

static ni_status search_all(struct nigrep *g, void *h)
{
        char slash[] = "/", *root[] = {slash, NULL};
        ni_status s = NI_OK;
        for (char **d = *g->directory ? g->directory : root; s == NI_OK && *d; d++) {
                ni_id id = {0, 0};
                s = failed(ni_pathsearch(h, &id, *d), "ni_pathsearch");
                buf_clear(&g->path);
                buf_puts(&g->path, *d);
                if (s == NI_OK)
                        s = search(g, h, id.nii_object, 0);
        }
        return s;
}

/* 0: go on, else the exit status. */
static int options(struct nigrep *g, int argc, char **argv)
{
        int i = 1;
        int64_t seconds;
        for (; i < argc && (strcmp(argv[i], "-T") == 0 || strcmp(argv[i], "-q") == 0); i++) {
                if (strcmp(argv[i], "-q") == 0) {
                        g->quiet = true;
                        continue;
                }
                if (++i == argc)
                        return tool_usage(&g->t);
                if (text_i64(bytes_str(argv[i]), &seconds) && seconds < 0) {
                        fputs("can't use negative timeout value.\n", stderr);
                        return 1;
                }
                if (!tool_take_seconds(&g->t, argv[i]))
                        return 1;
        }
        if (i < argc)
                g->expression = argv[i++];
        if (i < argc && strcmp(argv[i], "-t") == 0) {
                g->t.by_tag = true;
                i++;
        }
        if (i < argc)
                g->domain = argv[i++];
        g->directory = argv + i;
        return g->domain ? 0 : tool_usage(&g->t);
}

static int run(struct nigrep *g)
{
        void *h;
        if (regcomp(&g->compiled, g->expression, REG_EXTENDED | REG_NOSUB) != 0) {
                fprintf(stderr, "Bad expression: %s\n", g->expression);
                return tool_usage(&g->t);
        }
        if (tool_open(&g->t, g->domain, &h, NULL) != NI_OK) {
                regfree(&g->compiled);
                return tool_usage(&g->t);
        }
        buf_init(&g->path, 0);
        const ni_status s = search_all(g, h);
        buf_done(&g->path);
        ni_free(h);
        regfree(&g->compiled);
        return s == NI_OK && g->quiet && !g->found ? 1 : tool_exit((int)s);
}

int nigrep_run(int argc, char **argv)
{
        struct nigrep g = {.quiet = false};
        tool_init(&g.t, argv, usage);
        const int e = options(&g, argc, argv);
        return tool_done(&g.t, e ? e : run(&g));
}
