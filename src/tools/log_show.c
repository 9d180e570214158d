#include "tools/log_show.h"

#include "model/access.h"
#include "model/path.h"
#include "tools/log_diff.h"

#include <stdio.h>
#include <time.h>

static const char *const kinds[] = {[EXT_CREATED] = "created",
                                    [EXT_CHANGED] = "changed",
                                    [EXT_TOUCHED] = "touched",
                                    [EXT_DESTROYED] = "destroyed",
                                    [EXT_MOVED] = "moved"};

static const char *kind_word(uint32_t kind)
{
        return kind >= EXT_CREATED && kind <= EXT_MOVED ? kinds[kind] : "unknown";
}

bool log_copy(struct arena *a, struct ext_changes_result *r)
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
static bool wanted(const struct log_show *l, const char *path)
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

static json_t *json_record(const struct ext_record *r, const char *path, const char *was,
                           const struct diff *d)
{
        json_t *j = json_pack("{s:s,s:o,s:I,s:I,s:I,s:I,s:o,s:o,s:b}", "kind", kind_word(r->kind), "path",
                              talk_json_bytes(bytes_str(path)), "id", (json_int_t)r->object, "instance",
                              (json_int_t)r->instance, "born", (json_int_t)r->born, "parent",
                              (json_int_t)r->parent, "removed", json_lines(d->removed, d->removed_count),
                              "added", json_lines(d->added, d->added_count), "secret_changed", d->hidden);
        if (j && was)
                json_object_set_new(j, "was", talk_json_bytes(bytes_str(was)));
        return j;
}

static bool differences(struct log_show *l, const struct ext_record *r, struct diff *ret)
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

static void print_json(struct log_show *l, json_t *j)
{
        if (l->lines) {
                json_dumpf(j, stdout, JSON_COMPACT);
                putchar('\n');
        } else {
                fputs(l->begun ? ",\n" : "[\n", stdout);
                json_dumpf(j, stdout, JSON_INDENT(2));
        }
        json_decref(j);
}

/* Which records are shown: not the mere touching of a parent, unless nothing else happened. */
static bool shown(const struct log_show *l, const struct ext_record *r, const char *path, const char *was)
{
        return (l->t->json || r->kind != EXT_TOUCHED) && (wanted(l, path) || (was && wanted(l, was)));
}

static void print_record(struct log_show *l, const struct ext_record *r, const char *path, const char *was,
                         const struct diff *d)
{
        printf("  %s ", kind_word(r->kind));
        talk_value(l->t, bytes_str(path));
        if (was) {
                fputs(" (was ", stdout);
                talk_value(l->t, bytes_str(was));
                putchar(')');
        }
        putchar('\n');
        print_diff(l->t, d, r->after);
}

bool log_show_entry(struct log_show *l, const struct ext_entry *e, const char *const *path,
                    const char *const *before, bool *ret_shown)
{
        struct talk *t = l->t;
        json_t *records = t->json ? json_array() : NULL;
        bool any = false;
        for (uint32_t i = 0; i < e->record_count; i++) {
                const struct ext_record *r = &e->records[i];
                const char *was = before[i] && strcmp(before[i], path[i]) != 0 ? before[i] : NULL;
                struct diff d;
                if (!shown(l, r, path[i], was))
                        continue;
                if (!differences(l, r, &d)) {
                        json_decref(records);
                        return false;
                }
                if (t->json) {
                        json_array_append_new(records, json_record(r, path[i], was, &d));
                } else {
                        if (!any)
                                print_head(t, e);
                        print_record(l, r, path[i], was, &d);
                }
                any = true;
        }
        *ret_shown = any || !l->only;
        if (!any && !l->only && !t->json)
                print_head(t, e);
        if (t->json && *ret_shown)
                print_json(l, json_head(e, records));
        else
                json_decref(records);
        l->begun |= *ret_shown;
        return true;
}

bool log_wants(const struct log_show *l, const struct ext_entry *e, const char *const *path,
               const char *const *before)
{
        bool any = !l->only;
        for (uint32_t i = 0; i < e->record_count && !any; i++) {
                const char *was = before[i] && strcmp(before[i], path[i]) != 0 ? before[i] : NULL;
                any = shown(l, &e->records[i], path[i], was);
        }
        return any;
}

/* The typed path in the form that log_path gives. A path by another key than the name must still be there. */
bool log_only(struct log_show *l, const char *typed)
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
