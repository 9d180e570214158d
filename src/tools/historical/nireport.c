/* nireport: a table of the children of a directory (doc/tools.md 10). */
#include "tools/historical/tool.h"

#include <stdio.h>

static const char usage[] = "usage: nireport [-T SECONDS] [-t] DOMAIN DIRECTORY KEY...\n"
                            "       -t          DOMAIN is HOST/TAG\n"
                            "       -T SECONDS  time allowed for each call\n";

static void put_column(const struct tool *t, const ni_proplist *l, const char *key)
{
        const ni_index at = ni_proplist_match(*l, key, NULL);
        const ni_namelist *values = at == NI_INDEX_NULL ? NULL : &l->nipl_val[at].nip_val;
        for (unsigned i = 0; values && i < values->ninl_len; i++) {
                if (i)
                        putchar(',');
                tool_put(t, values->ninl_val[i]);
        }
        fputs(values && values->ninl_len ? "\t" : "#NoValue#\t", stdout);
}

static ni_status failed(const struct tool *t, ni_status s, const char *call)
{
        (void)t;
        fflush(stdout);
        if (s != NI_OK)
                fprintf(stderr, "%s: %s\n", call, ni_error(s));
        return s;
}

static ni_status report(const struct tool *t, void *h, const char *directory, char **key)
{
        ni_id id = {0, 0};
        ni_idlist children;
        NI_INIT(&children);
        ni_status s = ni_pathsearch(h, &id, directory);
        if (s != NI_OK)
                return failed(t, s, "ni_pathsearch");
        s = ni_children(h, &id, &children);
        if (s != NI_OK)
                return failed(t, s, "ni_children");
        for (unsigned i = 0; s == NI_OK && i < children.niil_len; i++) {
                ni_id child = {children.niil_val[i], 0};
                ni_proplist l;
                NI_INIT(&l);
                s = ni_read(h, &child, &l);
                for (char **k = key; s == NI_OK && *k; k++)
                        put_column(t, &l, *k);
                if (s == NI_OK)
                        putchar('\n');
                ni_proplist_free(&l);
        }
        ni_idlist_free(&children);
        return failed(t, s, "ni_read");
}

int nireport_run(int argc, char **argv)
{
        struct tool t;
        void *h;
        int i = 1;
        tool_init(&t, argv, usage);
        for (; i < argc && argv[i][0] == '-'; i++) {
                if (strcmp(argv[i], "-t") == 0)
                        t.by_tag = true;
                else if (strcmp(argv[i], "-T") != 0 || i + 1 >= argc || !tool_take_seconds(&t, argv[++i]))
                        return tool_done(&t, tool_usage(&t));
        }
        if (argc - i < 3) {
                if (argc - i == 2)
                        fputs("no properties\n", stderr);
                return tool_done(&t, tool_usage(&t));
        }
        int result = tool_open(&t, argv[i], &h, NULL);
        if (result == NI_OK) {
                result = (int)report(&t, h, argv[i + 1], argv + i + 2);
                ni_free(h);
        }
        return tool_done(&t, tool_exit(result));
}
