/* What the C library of this machine says beside what the domains say, and why they differ when they do. */
#include "base/text.h"
#include "snapshot/followed.h"
#include "snapshot/inspect.h"
#include "sys/fs.h"
#include "tools/explain.h"
#include "tools/libc_ask.h"
#include "tools/nsswitch.h"

#include <errno.h>
#include <stdlib.h>

#define FILE_MOST ((size_t)1 << 20) /* bytes of nsswitch.conf */

static json_t *text(const char *s)
{
        return s ? talk_json_bytes(bytes_str(s)) : json_null();
}

/* What glibc 2.36 does for a database without a line. */
static const char *line_by_default(const char *database)
{
        return strcmp(database, "hosts") == 0 ? "dns files" : "files";
}

static const struct nsswitch_line *read_line(struct talk *t, const char *database, struct nsswitch *s)
{
        struct buf file;
        buf_init(&file, FILE_MOST);
        s->n = 0;
        if (fs_read(NSSWITCH_FILE, FILE_MOST, &file) == 0)
                nsswitch_parse(buf_bytes(&file), &t->arena, s);
        buf_done(&file);
        const struct nsswitch_line *line = nsswitch_find(s, database);
        if (line)
                return line;
        const char *plain = arena_printf(&t->arena, "%s: %s\n", database, line_by_default(database));
        nsswitch_parse(bytes_str(plain), &t->arena, s);
        return nsswitch_find(s, database);
}

/* Where the second field of an account line begins, and what stands behind it; NULL: there is none. */
static const char *second_field(const char *line, const char **ret_rest)
{
        const char *first = strchr(line, ':');
        *ret_rest = first ? strchr(first + 1, ':') : NULL;
        return *ret_rest ? first + 1 : NULL;
}

static bool same_line(const char *a, const char *expected, bool secret)
{
        const char *rest_a, *rest_b;
        const char *hash_a = second_field(a, &rest_a), *hash_b = second_field(expected, &rest_b);
        if (!hash_a || !hash_b || hash_a - a != hash_b - expected ||
            memcmp(a, expected, (size_t)(hash_a - a)) != 0 || strcmp(rest_a, rest_b) != 0)
                return false;
        const size_t n = (size_t)(rest_b - hash_b);
        return !secret || (n == 1 && *hash_b == '*') ||
               ((size_t)(rest_a - hash_a) == n && memcmp(hash_a, hash_b, n) == 0);
}

/* Is every word of `part` a word of `all`? */
static bool holds(const char *all, const char *part)
{
        const size_t n = strlen(all);
        while (*part) {
                const size_t word = strcspn(part, " ");
                bool there = false;
                for (size_t at = 0; at < n && !there; at += strcspn(all + at, " ") + 1)
                        there = strcspn(all + at, " ") == word && memcmp(all + at, part, word) == 0;
                if (!there)
                        return false;
                part += word + (part[word] == ' ');
        }
        return true;
}

static bool agrees(const char *answer, const char *expected, enum explain_compare how)
{
        if (!answer || !expected)
                return answer == expected;
        switch (how) {
        case EXPLAIN_PRESENCE:
                return true;
        case EXPLAIN_PART:
                return holds(answer, expected);
        case EXPLAIN_WORDS:
                return holds(answer, expected) && holds(expected, answer);
        default:
                return same_line(answer, expected, how == EXPLAIN_SECRET);
        }
}

/* Why the module does not say what the domains say now. */
static const char *stale(const struct explain *x)
{
        struct followed_state f;
        const char *folder = snap_folder_choice(0);
        if (!folder || !followed_look(folder, &f) || !f.held)
                return "the images are not kept up to date: netinfo-agent is not running here; start it, and "
                       "see "
                       "`ni doctor`";
        bool silent = x->above;
        for (unsigned i = 0; i < x->n; i++)
                silent |= x->level[i].why != NULL;
        if (silent)
                return "a domain does not answer now; the images keep what it said last";
        return "the images show something older, or the agent follows other domains or rules than these: see "
               "`ni doctor`";
}

struct libc_view {
        const struct nsswitch_line *line;
        struct libc_answer module, whole;
        bool asked_module;
        const char *first; /* the source that answered first */
};

/* The first record that a rule leaves out; NULL: none is. */
static const json_t *first_left_out(const json_t *j)
{
        static const char *const lists[] = {"by_name", "by_number"};
        size_t i;
        const json_t *item;
        for (unsigned k = 0; k < 2; k++)
                json_array_foreach(json_object_get(j, lists[k]), i, item)
                {
                        if (strcmp(json_string_value(json_object_get(item, "verdict")), "left out") == 0)
                                return item;
                }
        return NULL;
}

/* What helps against a rule of src/agent/merge_rules.c or own.c. */
static const char *way_around(const char *reason)
{
        if (strstr(reason, "min_id") || strstr(reason, "reserved") || strstr(reason, "this machine"))
                return "give it another number or name, or list its name in `allow` of agent.conf";
        if (strstr(reason, "of another domain"))
                return "only the machine's own domain may give that one";
        return "correct the record";
}

/* Nothing was expected: no domain has it, or what they have is left out. */
static const char *nothing_expected(struct explain *x, const json_t *j, const char *then)
{
        const json_t *item = first_left_out(j);
        if (!item)
                return arena_printf(&x->t->arena, "no domain has it%s", then);
        const char *domain = json_string_value(json_object_get(item, "domain"));
        const char *reason = json_string_value(json_object_get(item, "reason"));
        if (!reason)
                reason = "it gives nothing that a lookup could answer";
        return arena_printf(&x->t->arena, "the record of %s is left out (%s: %s)%s", domain ? domain : "?",
                            reason, way_around(reason), then);
}

/* The C library and the domains agree that there is nothing from NetInfo. */
static const char *conclude_nothing(struct explain *x, const json_t *j, const struct libc_view *v)
{
        struct arena *a = &x->t->arena;
        if (!v->asked_module)
                return nothing_expected(x, j, "; the C library does not ask NetInfo for it either");
        if (v->whole.result == LIBC_FOUND)
                return nothing_expected(
                        x, j, arena_printf(a, "; the answer is from %s", v->first ? v->first : "elsewhere"));
        return nothing_expected(x, j, ", and the C library agrees");
}

/* Why the module cannot answer at all; NULL: it can. */
static const char *module_silent(struct explain *x, const struct libc_view *v)
{
        struct arena *a = &x->t->arena;
        const char *trouble = libc_module_trouble(a);
        if (trouble)
                return arena_printf(a, "the C library cannot load NetInfo's module: %s", trouble);
        if (v->module.result == LIBC_UNAVAILABLE && v->module.error == EACCES)
                return "only root and the group `shadow_group` of agent.conf may read these images: ask as "
                       "root";
        if (v->module.result == LIBC_UNAVAILABLE || v->module.result == LIBC_LATE)
                return "NetInfo's module has no usable images: netinfo-agent has published none, or they are "
                       "damaged; see `ni doctor`";
        return NULL;
}

/* One sentence, and whether all is well. */
static const char *conclude(struct explain *x, const json_t *j, const struct libc_view *v,
                            const char *expected, enum explain_compare how, bool *ret_agree)
{
        struct arena *a = &x->t->arena;
        const char *module = v->module.result == LIBC_FOUND ? v->module.text : NULL;
        const char *whole = v->whole.result == LIBC_FOUND ? v->whole.text : NULL;
        *ret_agree = !v->asked_module && !expected;
        if (*ret_agree)
                return conclude_nothing(x, j, v);
        if (!v->asked_module)
                return arena_printf(
                        a,
                        "the C library never asks NetInfo: `netinfo` is not on the %s line of " NSSWITCH_FILE,
                        v->line->database);
        const char *silent = module_silent(x, v);
        if (silent)
                return silent;
        if (!agrees(module, expected, how))
                return stale(x);
        if (module && !whole)
                return arena_printf(a,
                                    "NetInfo's module answers, but an action on the %s line of " NSSWITCH_FILE
                                    " ends the search before it",
                                    v->line->database);
        if (module && v->first && strcmp(v->first, "netinfo") != 0 && !agrees(whole, module, how))
                return arena_printf(a,
                                    "%s stands before netinfo on the %s line of " NSSWITCH_FILE
                                    " and has another answer",
                                    v->first, v->line->database);
        *ret_agree = true;
        return expected ? "the C library says what the domains say" : conclude_nothing(x, j, v);
}

/* No hash is shown: what is explained here is pasted into mails. */
static json_t *shown(struct arena *a, const char *line, enum explain_compare how)
{
        const char *rest;
        const char *hash = line && how == EXPLAIN_SECRET ? second_field(line, &rest) : NULL;
        if (!hash || rest == hash || strchr("*!", *hash))
                return text(line && *line ? line : NULL);
        return text(arena_printf(a, "%.*s(a hash)%s", (int)(hash - line), line, rest));
}

static json_t *source_item(struct arena *a, const char *source, bool on_line, const struct libc_answer *r,
                           enum explain_compare how)
{
        static const char *const words[] = {"found", "not found", "unavailable", "no answer in time"};
        return json_pack("{s:o,s:b,s:s,s:o,s:o}", "source", text(source), "on_line", on_line, "result",
                         words[r->result], "answer",
                         r->result == LIBC_FOUND ? shown(a, r->text, how) : json_null(), "error",
                         r->result == LIBC_UNAVAILABLE && r->error ? json_string(strerror(r->error))
                                                                   : json_null());
}

void explain_libc(struct explain *x, json_t *j, const char *database, const char *key, const char *expected,
                  enum explain_compare how)
{
        struct arena *a = &x->t->arena;
        struct nsswitch *s = arena_zalloc(a, 1, sizeof(*s));
        struct libc_view v = {.line = s ? read_line(x->t, database, s) : NULL};
        json_t *sources = json_array();
        bool agree = false;
        for (unsigned i = 0; v.line && i < v.line->n; i++) {
                struct libc_answer r;
                const char *source = v.line->v[i].name;
                if (!libc_ask(a, database, source, key, &r))
                        continue;
                json_array_append_new(sources, source_item(a, source, true, &r, how));
                if (r.result == LIBC_FOUND && !v.first)
                        v.first = source;
                if (strcmp(source, "netinfo") == 0) {
                        v.asked_module = true;
                        v.module = r;
                }
        }
        if (!v.asked_module && !libc_module_trouble(a) && libc_ask(a, database, "netinfo", key, &v.module))
                json_array_append_new(sources, source_item(a, "netinfo", false, &v.module, how));
        if (!libc_ask(a, database, NULL, key, &v.whole))
                v.whole = (struct libc_answer){.result = LIBC_LATE};
        json_object_set_new(
                j, "nss",
                json_pack("{s:s,s:s,s:o,s:o,s:o}", "database", database, "file", NSSWITCH_FILE, "line",
                          text(v.line ? v.line->text : ""), "sources", sources, "answer",
                          v.whole.result == LIBC_FOUND ? shown(a, v.whole.text, how) : json_null()));
        json_object_set_new(j, "expected", shown(a, expected, how));
        const char *words = v.line ? conclude(x, j, &v, expected, how, &agree) : "out of memory";
        json_object_set_new(j, "agree", json_boolean(agree));
        json_object_set_new(j, "conclusion", text(words));
}

static int by_number(const void *a, const void *b)
{
        const json_int_t x = *(const json_int_t *)a, y = *(const json_int_t *)b;
        return x < y ? -1 : x > y;
}

/* "1000 1030": ascending, as libc_ask gives the C library's. */
static const char *sorted(struct arena *a, const json_t *gids)
{
        const size_t n = json_array_size(gids);
        json_int_t *v = arena_zalloc(a, n, sizeof(*v));
        struct buf out;
        buf_init(&out, 0);
        for (size_t i = 0; v && i < n; i++)
                v[i] = json_integer_value(json_array_get(gids, i));
        if (v && n)
                qsort(v, n, sizeof(*v), by_number);
        for (size_t i = 0; v && i < n; i++)
                buf_printf(&out, "%s%lld", i ? " " : "", (long long)v[i]);
        const char *text = arena_str(a, buf_bytes(&out));
        buf_done(&out);
        return text ? text : "";
}

void explain_group_list(struct explain *x, json_t *j, const char *name, const json_t *gids)
{
        struct arena *a = &x->t->arena;
        struct libc_answer module, whole;
        const char *expected = sorted(a, gids), *words = NULL;
        if (!libc_ask(a, "initgroups", "netinfo", name, &module) ||
            !libc_ask(a, "initgroups", NULL, name, &whole))
                return;
        const char *has = module.result == LIBC_FOUND ? module.text : "";
        const char *all = whole.result == LIBC_FOUND ? whole.text : "";
        json_object_set_new(j, "group_list",
                            json_pack("{s:o,s:o,s:o}", "expected", text(expected), "module", text(has),
                                      "answer", text(all)));
        if (!json_is_true(json_object_get(j, "agree")))
                return; /* there is a more important reason */
        if (strcmp(has, expected) != 0)
                words = arena_printf(a, "the group list differs: %s", stale(x));
        else if (!holds(all, expected))
                words = "the C library does not give all of these groups: an initgroups line, or an action "
                        "on the group line, "
                        "of " NSSWITCH_FILE " keeps NetInfo's out; see `ni doctor`";
        if (!words)
                return;
        json_object_set_new(j, "agree", json_false());
        json_object_set_new(j, "conclusion", text(words));
}
