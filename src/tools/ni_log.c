#include "tools/talk.h"

#include "base/text.h"
#include "model/access.h"
#include "model/path.h"
#include "model/status.h"
#include "tools/log_diff.h"
#include "tools/log_paths.h"

#include <stdio.h>
#include <time.h>

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
        struct talk *t;
        struct log_paths *paths;
        const char *only; /* NULL, or the path that shall be shown */
        uint64_t left;    /* entries still to show */
        uint64_t lowest;  /* sequence number shown or passed last; 0 = none yet */
        bool begun;       /* something was printed */
        struct arena page;
};

static const char *const kinds[] = {[EXT_CREATED] = "created",
                                    [EXT_CHANGED] = "changed",
                                    [EXT_TOUCHED] = "touched",
                                    [EXT_DESTROYED] = "destroyed",
                                    [EXT_MOVED] = "moved"};

static const char *kind_word(uint32_t kind)
{
        return kind >= EXT_CREATED && kind <= EXT_MOVED ? kinds[kind] : "unknown";
}

/* -- copying: asking for paths ends the life of what CHANGES gave us ------------------------------------- */

static bool copy_page(struct arena *a, struct ext_changes_result *r)
{
        struct ext_entry *entries = arena_zalloc(a, r->entry_count, sizeof(*entries));
        for (uint32_t i = 0; entries && i < r->entry_count; i++) {
                struct ext_entry *e = &entries[i];
                *e = r->entries[i];
                e->who = arena_bytes(a, e->who);
                e->from = arena_bytes(a, e->from);
                e->what = arena_bytes(a, e->what);
                e->records = arena_zalloc(a, e->record_count, sizeof(*e->records));
                for (uint32_t k = 0; e->records && k < e->record_count; k++) {
                        e->records[k] = r->entries[i].records[k];
                        e->records[k].before = arena_bytes(a, e->records[k].before);
                        e->records[k].after = arena_bytes(a, e->records[k].after);
                }
        }
        r->entries = entries;
        return !a->failed;
}

/* -- one entry ------------------------------------------------------------------------------------------- */

/* Is `path` the wanted one or below it? */
static bool wanted(const struct log *l, const char *path)
{
        if (!l->only || strcmp(l->only, "/") == 0)
                return true;
        const size_t n = strlen(l->only);
        return strncmp(path, l->only, n) == 0 && (path[n] == '\0' || path[n] == '/');
}

static void print_line(struct talk *t, char sign, const struct diff_line *d)
{
        talk_color(t, sign == '-' ? "31" : sign == '+' ? "32" : "33");
        printf("    %c ", sign);
        talk_value(t, d->name);
        putchar(':');
        if (d->secret)
                fputs(" (changed)", stdout);
        else if (d->has_value) {
                putchar(' ');
                talk_value(t, d->value);
        }
        talk_color(t, "");
        putchar('\n');
}

static bool names_line(const struct diff_line *v, uint32_t n, struct bytes name)
{
        for (uint32_t i = 0; i < n; i++)
                if (v[i].secret && bytes_eq(v[i].name, name))
                        return true;
        return false;
}

static void print_diff(struct talk *t, const struct diff *d, struct bytes after)
{
        for (uint32_t i = 0; i < d->removed_count; i++) {
                const struct diff_line *line = &d->removed[i];
                const bool both = line->secret && names_line(d->added, d->added_count, line->name);
                print_line(t, both ? '~' : '-', line);
        }
        for (uint32_t i = 0; i < d->added_count; i++) {
                const struct diff_line *line = &d->added[i];
                if (!line->secret || !names_line(d->removed, d->removed_count, line->name))
                        print_line(t, '+', line);
        }
        if (d->order)
                puts("    ~ only the order of properties or values");
        if (d->hidden) {
                struct prop_walk w = prop_walk(after);
                while (prop_walk_next(&w)) {
                        const struct diff_line line = {.name = w.name, .secret = true};
                        if (access_secret(w.name))
                                print_line(t, '~', &line);
                }
        }
}

static json_t *json_lines(const struct diff_line *v, uint32_t n)
{
        json_t *all = json_array();
        for (uint32_t i = 0; i < n; i++) {
                json_t *value = v[i].secret      ? json_string("(changed)")
                                : v[i].has_value ? talk_json_bytes(v[i].value)
                                                 : json_null();
                json_array_append_new(
                        all, json_pack("{s:o,s:o}", "name", talk_json_bytes(v[i].name), "value", value));
        }
        return all;
}

static json_t *json_record(const struct ext_record *r, const char *path, const struct diff *d)
{
        return json_pack("{s:s,s:o,s:I,s:I,s:I,s:I,s:o,s:o,s:b}", "kind", kind_word(r->kind), "path",
                         talk_json_bytes(bytes_str(path)), "id", (json_int_t)r->object, "instance",
                         (json_int_t)r->instance, "born", (json_int_t)r->born, "parent",
                         (json_int_t)r->parent, "removed", json_lines(d->removed, d->removed_count), "added",
                         json_lines(d->added, d->added_count), "secret_changed", d->hidden);
}

static bool differences(struct log *l, const struct ext_record *r, struct diff *ret)
{
        *ret = (struct diff){0};
        if (r->kind != EXT_CREATED && r->kind != EXT_CHANGED && r->kind != EXT_DESTROYED)
                return true; /* the same properties before and after */
        if (diff_lists(r->has_before ? r->before : BYTES_NONE, r->has_after ? r->after : BYTES_NONE, &l->page,
                       ret))
                return true;
        talk_error(l->t, EXIT_FAILED, NULL, "a change in the journal cannot be read, or is too large", NULL);
        return false;
}

static void print_head(struct talk *t, const struct ext_entry *e)
{
        char when[64];
        const time_t seconds = (time_t)(e->when / 1000000u);
        struct tm tm;
        localtime_r(&seconds, &tm);
        strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S %z", &tm);
        talk_color(t, "1");
        printf("#%llu  %s  ", (unsigned long long)e->seq, when);
        talk_value(t, e->who.len ? e->who : BYTES_LIT("(anonymous)"));
        talk_color(t, "");
        fputs("  (", stdout);
        talk_value(t, e->from);
        fputs(")  ", stdout);
        talk_value(t, e->what);
        putchar('\n');
}

static json_t *json_head(const struct ext_entry *e, json_t *records)
{
        char day[32], when[64];
        const time_t seconds = (time_t)(e->when / 1000000u);
        struct tm tm;
        gmtime_r(&seconds, &tm);
        strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &tm);
        snprintf(when, sizeof(when), "%s.%06uZ", day, (unsigned)(e->when % 1000000u));
        return json_pack("{s:I,s:s,s:o,s:o,s:o,s:o}", "seq", (json_int_t)e->seq, "when", when, "who",
                         talk_json_bytes(e->who), "from", talk_json_bytes(e->from), "what",
                         talk_json_bytes(e->what), "records", records);
}

static void print_json(struct log *l, json_t *j)
{
        fputs(l->begun ? ",\n" : "[\n", stdout);
        json_dumpf(j, stdout, JSON_INDENT(2));
        json_decref(j);
}

/* Paths of the records: those that are there after the entry by what holds after it, destroyed ones by what
 * held before. Leaves the walk before the entry. */
static const char **paths_of(struct log *l, const struct ext_entry *e)
{
        const char **path = arena_zalloc(&l->page, e->record_count, sizeof(*path));
        if (!path)
                return NULL;
        for (uint32_t i = e->record_count; i-- > 0;)
                log_paths_note(l->paths, &e->records[i]);
        for (uint32_t i = 0; i < e->record_count; i++)
                if (e->records[i].kind != EXT_DESTROYED)
                        path[i] = log_path(l->paths, e->records[i].object, &l->page);
        for (uint32_t i = e->record_count; i-- > 0;)
                log_paths_undo(l->paths, &e->records[i]);
        for (uint32_t i = 0; i < e->record_count; i++)
                if (e->records[i].kind == EXT_DESTROYED)
                        path[i] = log_path(l->paths, e->records[i].object, &l->page);
        return l->page.failed ? NULL : path;
}

/* Which records are shown: not the mere touching of a parent, unless nothing else happened. */
static bool shown(const struct log *l, const struct ext_record *r, const char *path)
{
        return (l->t->json || r->kind != EXT_TOUCHED) && wanted(l, path);
}

static bool show_entry(struct log *l, const struct ext_entry *e)
{
        struct talk *t = l->t;
        const char **path = paths_of(l, e);
        json_t *records = t->json ? json_array() : NULL;
        bool any = false;
        if (!path) {
                talk_error(t, EXIT_FAILED, NULL, "a change is too large for the memory at hand", NULL);
                return false;
        }
        for (uint32_t i = 0; i < e->record_count; i++) {
                const struct ext_record *r = &e->records[i];
                struct diff d;
                if (!shown(l, r, path[i]))
                        continue;
                if (!differences(l, r, &d)) {
                        json_decref(records);
                        return false;
                }
                if (t->json) {
                        json_array_append_new(records, json_record(r, path[i], &d));
                } else {
                        if (!any)
                                print_head(t, e);
                        printf("  %s ", kind_word(r->kind));
                        talk_value(t, bytes_str(path[i]));
                        putchar('\n');
                        print_diff(t, &d, r->after);
                }
                any = true;
        }
        if (!any && !l->only && !t->json)
                print_head(t, e);
        if (any || !l->only) {
                if (t->json)
                        print_json(l, json_head(e, records));
                l->begun = true;
                l->left--;
        } else {
                json_decref(records);
        }
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
                .max_entries = l->only || l->left > PAGE_ENTRIES ? PAGE_ENTRIES : (uint32_t)l->left,
                .flags = EXT_CHANGES_NEWEST | EXT_CHANGES_BEFORE};
        arena_reset(&l->page);
        const enum ni_status status = client_changes(l->t->client, &args, &r);
        if (status != NI_OK || r.status != NI_OK) {
                if (status == NI_OK && r.status == EXT_TAKE_SNAPSHOT)
                        talk_error(l->t, EXIT_FAILED, NULL, "the next change is too large to be shown",
                                   "`ni store dump` shows what stands");
                else
                        talk_status(l->t, status != NI_OK ? status : (enum ni_status)r.status, NULL, NULL);
                return false;
        }
        if (!copy_page(&l->page, &r)) {
                talk_error(l->t, EXIT_FAILED, NULL, "out of memory", NULL);
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

/* The typed path in the form that log_path gives. A path by another key than the name must still be there. */
static bool normal_path(struct log *l, const char *typed)
{
        struct path p;
        const char *reason;
        struct ni_id id;
        struct buf text;
        if (!path_parse(bytes_str(typed), &l->t->arena, &p, &reason)) {
                talk_usage(l->t, "%s: %s", typed, reason);
                return false;
        }
        bool by_name = !p.numeric;
        for (uint32_t i = 0; i < p.n; i++)
                by_name &= bytes_eq_str(p.step[i].key, "name");
        if (!by_name) {
                l->only = talk_path(l->t, typed, &id) ? log_path(l->paths, id.object, &l->t->arena) : NULL;
                return l->only;
        }
        buf_init(&text, 0);
        for (uint32_t i = 0; i < p.n; i++)
                path_put_step(&text, p.step[i].key, p.step[i].value);
        if (p.n == 0)
                buf_putc(&text, '/');
        l->only = text.failed ? NULL : arena_str(&l->t->arena, buf_bytes(&text));
        buf_done(&text);
        return l->only;
}

static void show(struct talk *t, uint64_t most)
{
        struct log l = {.t = t, .left = most, .paths = log_paths_new(t->client)};
        uint64_t from_end = 0;
        arena_init(&l.page, 2 * (size_t)LIMIT_ARENA);
        bool more = l.paths && (t->operands == 0 || normal_path(&l, t->operand[0]));
        if (!l.paths)
                talk_error(t, EXIT_FAILED, NULL, "out of memory", NULL);
        while (more && l.left && show_page(&l, &from_end, &more))
                ;
        if (t->json && t->exit == EXIT_ANSWERED)
                puts(l.begun ? "\n]" : "[]");
        else if (!l.begun && t->exit == EXIT_ANSWERED)
                talk_say(t, l.only ? "ni log: nothing happened there, as far as the journal reaches"
                                   : "ni log: no changes yet");
        arena_done(&l.page);
        log_paths_free(l.paths);
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
                else if (!text_u64(bytes_str(t.argument), UINT32_MAX, &most))
                        talk_usage(&t, "--last %s: give a number", t.argument);
        }
        if (t.exit == EXIT_ANSWERED && t.operands > 1)
                talk_usage(&t, "one path at a time, not %d", t.operands);
        if (t.exit == EXIT_ANSWERED && talk_connect(&t))
                show(&t, most);
        return talk_end(&t);
}
