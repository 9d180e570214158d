#include "tools/talk.h"

#include "base/text.h"
#include "model/access.h"
#include "model/status.h"

#include <stdio.h>

enum { O_DEPTH = 256 };
static const struct talk_option options[] = {
        {'l', "long", NULL, "the properties of each too, as `ni set` would take them"},
        {'p', "property", "NAME", "this property of each; may be repeated"},
        {'n', "most", "N", "stop after N"},
        {O_DEPTH, "depth", "N", "go down N levels only; 1: the children"},
        {0, NULL, NULL, NULL},
};
static const struct talk_manual manual = {
        .command = "find",
        .synopsis = "find [-l] [-p NAME]... [-n N] [--depth N] [--json] [PATH] [CONDITION]...",
        .about = "Finds the directories below PATH (default: /, a PATH begins with a slash) for which all\n"
                 "conditions hold, and prints their paths, parents before children. Conditions:\n"
                 "  key=value    one of the values is this one     key!=value  none of them is\n"
                 "  key^=value   one begins with this              key         it has the property\n"
                 "  key~=value   one contains this                 !CONDITION  the condition does not hold\n"
                 "Exit status 3 when there is none. Secrets of others cannot be searched.",
        .options = options,
        .examples = "  ni find /users uid=5001\n"
                    "  ni find /users 'realname~=Love' -p uid -p shell\n"
                    "  ni find --depth 1 /machines '!serves' --json\n"
                    "  ni find /users shell!=/bin/bash 'name^=a' -n 10",
        .talks = true,
        .json = true,
};

struct find {
        struct talk *t;
        const char *path;
        struct ext_search_args args;
        bool detailed;
        uint64_t left; /* hits still to show */
        bool begun;    /* something was printed */
};

/* -- the command line ------------------------------------------------------------------------------------ */

/* Splits at the first `=` that has no `\` before it; the operator's own byte goes off the key's end. A `\` in
 * the key makes the next byte literal. */
static bool take_condition(struct find *f, const char *word)
{
        struct ext_condition c = {.kind = EXT_COND_PRESENT};
        uint8_t *key = arena_alloc(&f->t->arena, strlen(word) + 1);
        const char *p = word;
        size_t n = 0;
        bool literal = false; /* the key's last byte cannot be part of an operator */
        if (!key)
                return false;
        if (*p == '!') {
                c.flags = EXT_COND_NOT;
                p++;
        }
        for (; *p && *p != '='; p++) {
                literal = *p == '\\' && p[1];
                p += literal;
                key[n++] = (uint8_t)*p;
        }
        if (*p == '=') {
                c.kind = EXT_COND_EQUAL;
                c.value = bytes_str(p + 1);
                if (n && !literal && memchr("^~!", key[n - 1], 3)) {
                        n--;
                        c.kind = key[n] == '^'   ? EXT_COND_PREFIX
                                 : key[n] == '~' ? EXT_COND_SUBSTRING
                                                 : c.kind;
                        c.flags ^= key[n] == '!' ? EXT_COND_NOT : 0;
                }
        }
        c.name = bytes_of(key, n);
        if (n == 0 || n > NI_NAME_MAX || c.value.len > NI_NAME_MAX) {
                talk_usage(f->t, "`%.100s` is no condition: write key=value, key^=value, key~=value, or key",
                           word);
                return false;
        }
        if (f->args.condition_count == LIMIT_SEARCH_CONDITIONS) {
                talk_usage(f->t, "more than %u conditions", LIMIT_SEARCH_CONDITIONS);
                return false;
        }
        f->args.conditions[f->args.condition_count++] = c;
        return true;
}

static bool take_wanted(struct find *f, const char *name)
{
        const uint32_t n = f->args.wanted.n;
        struct bytes *v = arena_zalloc(&f->t->arena, (size_t)n + 1, sizeof(*v));
        if (!v || strlen(name) > NI_NAME_MAX) {
                talk_usage(f->t, "--property %.100s: the name is too long", name);
                return false;
        }
        if (n)
                memcpy(v, f->args.wanted.v, n * sizeof(*v));
        v[n] = bytes_str(name);
        f->args.wanted = (struct namelist){v, n + 1};
        return true;
}

static bool take_option(struct find *f, int option)
{
        const char *text = f->t->argument;
        switch (option) {
        case 'l':
                f->detailed = true;
                return true;
        case 'p':
                return take_wanted(f, text);
        case 'n':
                if (text_u64(bytes_str(text), UINT32_MAX, &f->left) && f->left)
                        return true;
                talk_usage(f->t, "--most %s: give a number, 1 or more", text);
                return false;
        default:
                if (text_u32(bytes_str(text), &f->args.depth) && f->args.depth)
                        return true;
                talk_usage(f->t, "--depth %s: give a number of levels, 1 or more", text);
                return false;
        }
}

static bool is_path(const char *word)
{
        uint32_t number;
        return word[0] == '/' || text_u32(bytes_str(word), &number);
}

static bool take_operands(struct find *f)
{
        int first = 0;
        f->path = "/";
        if (f->t->operands && is_path(f->t->operand[0]))
                f->path = f->t->operand[first++];
        for (int i = first; i < f->t->operands; i++) {
                if (is_path(f->t->operand[i])) {
                        talk_usage(f->t, "%.100s: a path comes first, and there is one only",
                                   f->t->operand[i]);
                        return false;
                }
                if (!take_condition(f, f->t->operand[i]))
                        return false;
        }
        if (!f->detailed && f->args.wanted.n == 0 && !f->t->json)
                f->args.flags |= EXT_SEARCH_NO_PROPS;
        if (f->detailed)
                f->args.wanted.n = 0;
        return true;
}

/* -- output ---------------------------------------------------------------------------------------------- */

static bool print_hit(struct find *f, const struct ext_hit *h)
{
        struct talk *t = f->t;
        struct arena a;
        arena_init(&a, LIMIT_ARENA);
        struct xdr_in in = xdr_in(h->props);
        const struct proplist props = xdr_proplist(&in, &a);
        if (!xdr_end(&in)) {
                talk_error(t, EXIT_FAILED, client_peer(t->client), "a hit's properties do not decode", NULL);
        } else if (t->json) {
                json_t *j = json_pack("{s:o,s:I,s:I,s:I,s:I,s:o}", "path", talk_json_bytes(h->path), "id",
                                      (json_int_t)h->id.object, "instance", (json_int_t)h->id.instance,
                                      "born", (json_int_t)h->born, "parent", (json_int_t)h->parent,
                                      "properties", talk_json_props(&props));
                fputs(f->begun ? ",\n" : "[\n", stdout);
                json_dumpf(j, stdout, JSON_INDENT(2));
                json_decref(j);
        } else {
                talk_color(t, "1");
                talk_value(t, h->path);
                talk_color(t, "");
                for (uint32_t i = 0; i < props.n; i++) {
                        for (uint32_t v = 0; v < props.v[i].values.n; v++) {
                                putchar(' ');
                                talk_quoted(t, props.v[i].name, props.v[i].values.v[v]);
                        }
                        if (props.v[i].values.n == 0) {
                                putchar(' ');
                                talk_value(t, props.v[i].name);
                        }
                }
                putchar('\n');
        }
        f->begun = true;
        f->left--;
        arena_done(&a);
        return t->exit == EXIT_ANSWERED;
}

/* -- pages ----------------------------------------------------------------------------------------------- */

static void refused(struct find *f, uint32_t status)
{
        struct talk *t = f->t;
        if (status == EXT_TAKE_SNAPSHOT) {
                talk_error(t, EXIT_CONFLICT, client_tag(t->client),
                           "the domain was replaced (restored, or loaded) while it was searched",
                           "repeat it");
                return;
        }
        if (status == NI_NOSPACE) {
                talk_error(t, EXIT_FAILED, f->path, "the directories lie too deep",
                           "give a --depth, or begin further down");
                return;
        }
        if (status == NI_PERM) {
                for (uint32_t i = 0; i < f->args.condition_count; i++)
                        if (access_secret(f->args.conditions[i].name)) {
                                talk_error(t, EXIT_DENIED, arena_str(&t->arena, f->args.conditions[i].name),
                                           "it is secret, and you do not see it",
                                           "whether it is there at all can be asked: `ni find passwd`");
                                return;
                        }
        }
        talk_status(t, (enum ni_status)status, f->path, NULL);
}

/* The cursor lives in the client until the next call: it is copied. */
static bool next_page(struct find *f, const struct ext_search_result *r, struct ext_place *room)
{
        const bool same = f->args.cursor_count == r->cursor_count && r->cursor_count &&
                          memcmp(room, r->cursor, r->cursor_count * sizeof(*room)) == 0;
        if (!r->more || f->left == 0 || f->t->exit != EXIT_ANSWERED)
                return false;
        if (same || r->cursor_count == 0 || r->cursor_count > LIMIT_SEARCH_DEPTH) {
                talk_error(f->t, EXIT_FAILED, client_peer(f->t->client), "the server does not get on",
                           "it may be damaged or of another version: `ni status` shows it");
                return false;
        }
        memcpy(room, r->cursor, r->cursor_count * sizeof(*room));
        f->args.cursor = room;
        f->args.cursor_count = r->cursor_count;
        f->args.epoch = r->epoch;
        return true;
}

static void search(struct find *f)
{
        struct talk *t = f->t;
        struct ext_place *room = arena_zalloc(&t->arena, LIMIT_SEARCH_DEPTH, sizeof(*room));
        struct ext_search_result r;
        if (!room) {
                talk_error(t, EXIT_FAILED, NULL, "out of memory", NULL);
                return;
        }
        do {
                f->args.max_entries = f->left > UINT32_MAX ? 0 : (uint32_t)f->left;
                const enum ni_status status = client_search(t->client, &f->args, &r);
                if (status != NI_OK) {
                        talk_status(t, status, NULL,
                                    status == NI_BADOP ? "`ni ls` and `ni export` work there" : NULL);
                        return;
                }
                if (r.status != NI_OK) {
                        refused(f, r.status);
                        return;
                }
                for (uint32_t i = 0; i < r.hit_count && f->left; i++)
                        if (!print_hit(f, &r.hits[i]))
                                return;
        } while (next_page(f, &r, room));
        if (t->exit != EXIT_ANSWERED)
                return;
        if (t->json)
                puts(f->begun ? "\n]" : "[]");
        if (!f->begun) {
                talk_say(t, "ni find: nothing below %s for which that holds", f->path);
                t->exit = EXIT_NOT_FOUND;
        }
}

int ni_find_run(int argc, char **argv)
{
        struct talk t;
        struct ext_condition conditions[LIMIT_SEARCH_CONDITIONS];
        struct find f = {.t = &t, .args.conditions = conditions, .left = UINT64_MAX};
        struct ni_id id;
        talk_begin(&t, &manual, argc, argv);
        for (int o; (o = talk_option(&t)) != TALK_END;)
                if (o == TALK_STOP || !take_option(&f, o))
                        return talk_end(&t);
        if (take_operands(&f) && talk_connect(&t) && talk_path(&t, f.path, &id)) {
                f.args.object = id.object;
                search(&f);
        }
        return talk_end(&t);
}
