#include "tools/talk.h"

#include "base/text.h"
#include "model/status.h"
#include "tools/log_show.h"

#include <stdio.h>

#define SHOW_USUALLY 20u  /* entries without -N */
#define PAGE_ENTRIES 200u /* asked for at once when there is a filter */

static const struct talk_option options[] = {
        {'n', "last", "N", "show N changes (default 20); -1, -2, ... for short"},
        {'a', "all", NULL, "show all that the journal still knows"},
        {0, NULL, NULL, NULL},
};
static const struct talk_manual manual = {
        .command = "log",
        .synopsis = "log [-N | --all] [--json] [PATH]",
        .about = "Shows the changes of a domain, newest first: number, time, who made it, from where, by\n"
                 "which call, and what differs (- removed, + added). Values of secret properties show as\n"
                 "(changed). With PATH only what happened there and below; the path may be gone by now.",
        .options = options,
        .examples = "  ni log -1\n"
                    "  ni log /users/ada\n"
                    "  ni log --all --json > changes.json",
        .talks = true,
        .json = true,
};

struct log {
        struct log_show show;
        uint64_t left;   /* entries still to show */
        uint64_t lowest; /* sequence number shown or passed last; 0 = none yet */
};

/* Paths of the records after the entry and before it; of a destroyed one both are the one it had. Leaves the
 * walk before the entry. */
static bool paths_of(struct log *l, const struct ext_entry *e, const char **path, const char **before)
{
        struct log_paths *p = l->show.paths;
        struct arena *a = &l->show.page;
        for (uint32_t i = e->record_count; i-- > 0;)
                log_paths_note(p, &e->records[i]);
        for (uint32_t i = 0; i < e->record_count; i++)
                if (e->records[i].kind != EXT_DESTROYED)
                        path[i] = log_path(p, e->records[i].object, a);
        log_paths_undo(p, e);
        for (uint32_t i = 0; i < e->record_count; i++)
                if (e->records[i].kind != EXT_CREATED)
                        before[i] = log_path(p, e->records[i].object, a);
        for (uint32_t i = 0; i < e->record_count; i++)
                if (e->records[i].kind == EXT_DESTROYED)
                        path[i] = before[i];
        return !a->failed;
}

static bool show_entry(struct log *l, const struct ext_entry *e)
{
        const char **path = arena_zalloc(&l->show.page, e->record_count, sizeof(*path));
        const char **before = arena_zalloc(&l->show.page, e->record_count, sizeof(*before));
        bool shown;
        if (!path || !before || !paths_of(l, e, path, before)) {
                talk_error(l->show.t, EXIT_FAILED, NULL, "a change is too large for the memory at hand",
                           NULL);
                return false;
        }
        if (!log_show_entry(&l->show, e, path, before, &shown))
                return false;
        l->left -= shown;
        return true;
}

/* -- the walk back in time ------------------------------------------------------------------------------- */

/* One page of entries older than l->lowest. *ret_more: there may be older ones. `from_end`: how many to skip,
 * moved on by the head that the reply tells, so that changes which come meanwhile lose nothing. */
static bool show_page(struct log *l, uint64_t *from_end, bool *ret_more)
{
        struct ext_changes_result r;
        const struct ext_changes_args args = {
                .seq = *from_end,
                .max_entries = l->show.only || l->left > PAGE_ENTRIES ? PAGE_ENTRIES : (uint32_t)l->left,
                .flags = EXT_CHANGES_NEWEST | EXT_CHANGES_BEFORE};
        arena_reset(&l->show.page);
        const enum ni_status status = client_changes(l->show.t->client, &args, &r);
        if (status != NI_OK || r.status != NI_OK) {
                if (status == NI_OK && r.status == EXT_TAKE_SNAPSHOT)
                        talk_error(l->show.t, EXIT_FAILED, NULL, "the next change is too large to be shown",
                                   "`ni store dump` shows what stands");
                else
                        talk_status(l->show.t, status != NI_OK ? status : (enum ni_status)r.status, NULL,
                                    NULL);
                return false;
        }
        if (!log_copy(&l->show.page, &r)) {
                talk_error(l->show.t, EXIT_FAILED, NULL, "out of memory", NULL);
                return false;
        }
        for (uint32_t i = r.entry_count; i-- > 0 && l->left;) {
                if (l->lowest && r.entries[i].seq >= l->lowest)
                        continue;
                if (!show_entry(l, &r.entries[i]))
                        return false;
                l->lowest = r.entries[i].seq;
        }
        *ret_more = r.entry_count > 0 && l->lowest > 1;
        *from_end = l->lowest ? r.seq - l->lowest + 1 : 0;
        return true;
}

static void show(struct talk *t, uint64_t most)
{
        struct log l = {.show = {.t = t, .paths = log_paths_new(t->client)}, .left = most};
        uint64_t from_end = 0;
        arena_init(&l.show.page, 2 * (size_t)LIMIT_ARENA);
        bool more = l.show.paths && (t->operands == 0 || log_only(&l.show, t->operand[0]));
        if (!l.show.paths)
                talk_error(t, EXIT_FAILED, NULL, "out of memory", NULL);
        while (more && l.left && show_page(&l, &from_end, &more))
                ;
        if (t->json && t->exit == EXIT_ANSWERED)
                puts(l.show.begun ? "\n]" : "[]");
        else if (!l.show.begun && t->exit == EXIT_ANSWERED)
                talk_say(t, l.show.only ? "ni log: nothing happened there, as far as the journal reaches"
                                        : "ni log: no changes yet");
        arena_done(&l.show.page);
        log_paths_free(l.show.paths);
}

/* -1 and -20 are how many changes to show: getopt knows no such option, so they become --last=N. */
static bool short_numbers(int argc, char **argv, struct arena *a)
{
        for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
                uint32_t n;
                if (argv[i][0] == '-' && text_u32(bytes_str(argv[i] + 1), &n) &&
                    !(argv[i] = arena_printf(a, "--last=%u", n)))
                        return false;
        }
        return true;
}

int ni_log_run(int argc, char **argv)
{
        struct talk t;
        uint64_t most = SHOW_USUALLY;
        talk_begin(&t, &manual, argc, argv);
        if (!short_numbers(argc, argv, &t.arena))
                talk_error(&t, EXIT_FAILED, NULL, "out of memory", NULL);
        for (int o; t.exit == EXIT_ANSWERED && (o = talk_option(&t)) != TALK_END;) {
                if (o == TALK_STOP)
                        return talk_end(&t);
                if (o == 'a')
                        most = UINT64_MAX;
                else if (!text_u64(bytes_str(t.argument), UINT32_MAX, &most) || most == 0)
                        talk_usage(&t, "--last %s: give how many changes, from 1", t.argument);
        }
        if (t.exit == EXIT_ANSWERED && t.operands > 1)
                talk_usage(&t, "one path at a time, not %d", t.operands);
        if (t.exit == EXIT_ANSWERED && talk_connect(&t))
                show(&t, most);
        return talk_end(&t);
}
