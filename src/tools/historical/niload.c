/* niload: its command line. */
#include "tools/historical/niload.h"

#include <errno.h>
#include <stdlib.h>

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

bool niload_spool(struct niload *l)
{
        const int e = spool_take(&l->input, stdin);
        if (e)
                tool_say(&l->t, "standard input cannot be kept in TMPDIR or /var/tmp: %s", strerror(e));
        return e == 0;
}

size_t niload_size_of(const struct proplist *p)
{
        size_t n = 0;
        for (uint32_t i = 0; i < p->n; i++) {
                n += p->v[i].name.len + 12;
                for (uint32_t k = 0; k < p->v[i].values.n; k++)
                        n += p->v[i].values.v[k].len + 8;
        }
        return n;
}

void niload_forget(struct niload *l)
{
        for (unsigned i = 0; i < l->queued; i++)
                ni_proplist_free(&l->waiting[i].properties);
        free(l->waiting);
        l->waiting = NULL;
        l->queued = 0;
}

int niload_run(int argc, char **argv)
{
        struct niload l = {.waiting = NULL};
        tool_init(&l.t, argv, "");
        buf_init(&l.shadow_text, FLAT_TEXT_MAX);
        arena_init(&l.arena, 0);
        names_init(&l.names);
        int e = options(&l, argc, argv);
        if (!e && !tool_get_password(&l.t))
                e = 1;
        if (!e && !(l.seen = seen_new())) {
                tool_say(&l.t, "out of memory");
                e = 1;
        }
        if (!e)
                e = l.raw ? niload_raw(&l) : niload_flat(&l);
        seen_free(l.seen);
        if (l.file.format)
                flat_file_done(&l.file);
        if (l.shadow.format)
                flat_file_done(&l.shadow);
        if (l.shadow_text.data)
                explicit_bzero(l.shadow_text.data, l.shadow_text.len);
        spool_done(&l.input);
        buf_done(&l.shadow_text);
        arena_done(&l.arena);
        names_done(&l.names);
        return tool_done(&l.t, e);
}
