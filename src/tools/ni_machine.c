/* `ni machine`: who is enrolled (doc/tls.md 6, 7). */
#include "tools/enrol.h"
#include "tools/enrol_ledger.h"

#include "base/text.h"
#include "sys/clock.h"

#include <stdio.h>
#include <stdlib.h>

enum { O_DIR = 256, O_ALL, O_YES };
static const struct talk_option options[] = {
        {O_ALL, "all", NULL, "list: every certificate, not only the newest of each machine"},
        {O_YES, "yes", NULL, "rm: without asking"},
        {O_DIR, "dir", "DIR", "of a server that was started with --dir DIR"},
        {0, NULL, NULL, NULL},
};
static const struct talk_manual manual = {
        .command = "machine",
        .synopsis = "machine list [--all] [--json]\n"
                    "machine rm [--yes] NAME",
        .about = "Lists the machines of the fleet, and takes one out: its certificates are not renewed, and\n"
                 "the authority's server refuses them at once. Other servers learn it when they run out,\n"
                 "14 days at the latest. For root, on the authority's server.",
        .options = options,
        .examples = "  ni machine list\n"
                    "  ni machine rm --yes leaf",
        .talks = true,
        .json = true,
};

struct named {
        const char *name;
        size_t at;
};

static int by_name(const void *a, const void *b)
{
        const struct named *x = a, *y = b;
        const int c = strcmp(x->name, y->name);
        return c ? c : (x->at > y->at) - (x->at < y->at);
}

/* For each line whether it is the newest certificate of its machine; arena. NULL: no memory. */
static const bool *newest(struct talk *t, const char **lines)
{
        size_t n = 0;
        while (lines[n])
                n++;
        struct named *v = arena_zalloc(&t->arena, n + 1, sizeof(*v));
        bool *is = arena_zalloc(&t->arena, n + 1, sizeof(*is));
        for (size_t i = 0; v && i < n; i++)
                v[i] = (struct named){ledger_word(t, lines[i], "machine"), i};
        if (!v || !is)
                return NULL;
        qsort(v, n, sizeof(*v), by_name);
        for (size_t i = 0; i < n; i++)
                is[v[i].at] = i + 1 == n || strcmp(v[i].name, v[i + 1].name) != 0;
        return is;
}

static void print_machine(struct talk *t, const char *line, uint64_t now)
{
        const uint64_t until = strtoull(ledger_word(t, line, "until"), NULL, 10);
        const bool withdrawn = strcmp(ledger_word(t, line, "state"), "withdrawn") == 0;
        printf("%s  %s%s %s  from=%s  since %s\n", ledger_word(t, line, "machine"),
               strcmp(ledger_word(t, line, "server"), "yes") == 0 ? "may-serve  " : "",
               withdrawn      ? "withdrawn, until"
               : until <= now ? "ran out"
                              : "good until",
               enrol_date(t, until), ledger_word(t, line, "from"),
               enrol_date(t, strtoull(ledger_word(t, line, "when"), NULL, 10)));
}

static void list(struct talk *t, bool every)
{
        const char **lines = talk_connect(t) ? ledger_lines(t, "machine=") : NULL;
        const uint64_t now = clock_wall_us() / 1000000u;
        json_t *all = lines && t->json ? json_array() : NULL;
        const bool *is_newest = lines ? newest(t, lines) : NULL;
        for (size_t i = 0; is_newest && lines[i]; i++) {
                if (!every && !is_newest[i])
                        continue;
                if (all)
                        json_array_append_new(all, ledger_json(t, lines[i]));
                else
                        print_machine(t, lines[i], now);
        }
        if (all)
                talk_json(t, all);
}

static void rm(struct talk *t, const char *name)
{
        char valid[TLS_NAME_MAX + 1];
        struct ext_authority_result r;
        if (!enrol_name(t, name, valid))
                return;
        const struct ext_authority_args args = {.verb = EXT_AUTHORITY_WITHDRAW, .subject = bytes_str(valid)};
        if (talk_confirm(t, "Take %s out of the fleet?", valid) && talk_connect(t))
                enrol_authority(t, &args, &r, valid);
}

int ni_machine_run(int argc, char **argv)
{
        static const char *const verbs[] = {"list", "rm", NULL};
        struct talk t;
        struct enrol_paths paths;
        const char *dir = NULL;
        bool all = false;
        talk_begin(&t, &manual, argc, argv);
        for (int o; (o = talk_option(&t)) != TALK_END;) {
                if (o == TALK_STOP)
                        return talk_end(&t);
                dir = o == O_DIR ? t.argument : dir;
                all |= o == O_ALL;
                t.yes |= o == O_YES;
        }
        const char *verb = t.operands ? t.operand[0] : "", *near = text_suggest(verb, verbs);
        if (strcmp(verb, "list") == 0 && t.operands == 1) {
                if (enrol_paths(&t, dir, &paths))
                        list(&t, all);
        } else if (strcmp(verb, "rm") == 0 && t.operands == 2) {
                if (enrol_paths(&t, dir, &paths))
                        rm(&t, t.operand[1]);
        } else if (strcmp(verb, "rm") == 0 && t.operands == 1) {
                talk_usage(&t, "rm which machine? give its name");
        } else if (near && strcmp(near, verb) != 0) {
                talk_usage(&t, "there is no `%s`; did you mean `%s`?", verb, near);
        } else {
                talk_usage(&t, near ? "%s: an operand too many" : "say `list` or `rm`", verb);
        }
        return talk_end(&t);
}
