#include "tools/explain.h"
#include "tools/module.h"

#include <stdio.h>

#define CONFIG "/etc/netinfo/agent.conf"

enum { O_CONFIG = 256 };
static const struct talk_option options[] = {
        {O_CONFIG, "config", "FILE", "the agent's configuration; default " CONFIG},
        {0, NULL, NULL, NULL},
};
static const struct talk_manual manual = {
        .command = "explain",
        .synopsis = "explain user|group NAME|NUMBER [--json]\n"
                    "explain shadow|gshadow|netgroup NAME\n"
                    "explain host|ethers NAME|ADDRESS\n"
                    "explain network|service|protocol|rpc|alias NAME|NUMBER\n"
                    "explain may USER read|write PATH[:PROPERTY]",
        .about = "Shows why a lookup on this machine gives what it gives: which domains were asked, in\n"
                 "which order, which record answers and which it hides, what a safety rule leaves out,\n"
                 "how groups are united, and what the C library says, source by source. `may` shows\n"
                 "which rule lets a user read or write. Exit status 0 when the C library agrees with\n"
                 "the domains, 1 when not; `may`: 5 when no rule allows it.",
        .options = options,
        .examples = "  ni explain user ada\n"
                    "  ni explain group 1050\n"
                    "  ni explain host alpha\n"
                    "  ni explain netgroup staff\n"
                    "  ni explain may ada write /groups/staff:users\n"
                    "  ni explain may ada write -d .. /users/ada",
        .talks = true,
        .json = true,
};

/* -- text, from the JSON -----------------------------------------------------------------------------------
 */

/* A member as bytes: a string, or {"hex": ...} as it is written there. */
static const char *member(const json_t *j, const char *key)
{
        const json_t *v = json_object_get(j, key);
        return json_is_string(v) ? json_string_value(v) : json_is_object(v) ? "(not UTF-8)" : NULL;
}

static void put(struct talk *t, const char *text)
{
        if (text)
                talk_value(t, bytes_str(text));
}

static void put_columns(struct talk *t, const char *text, size_t width)
{
        const size_t n = text ? strlen(text) : 0;
        put(t, text);
        printf("%*s", n < width ? (int)(width - n) : 0, "");
}

static size_t widest(const json_t *items, const char *key, size_t least)
{
        size_t i, most = least;
        json_t *item;
        json_array_foreach(items, i, item)
        {
                const char *text = member(item, key);
                if (text && strlen(text) > most)
                        most = strlen(text);
        }
        return most < 40 ? most : 40;
}

static void print_domains(struct talk *t, const json_t *j)
{
        const json_t *all = json_object_get(j, "domains");
        const size_t name = widest(all, "name", 5), address = widest(all, "address", 5);
        size_t i;
        json_t *d;
        puts("\nDomains, nearest first");
        json_array_foreach(all, i, d)
        {
                const char *why = member(d, "why");
                fputs("  ", stdout);
                put_columns(t, member(d, "name"), name + 2);
                put_columns(t, member(d, "address"), address + 2);
                fputs(why ? "not reached: " : "answers", stdout);
                put(t, why);
                putchar('\n');
        }
        const char *above = member(j, "above");
        if (above) {
                fputs("  above: ", stdout);
                put(t, above);
                putchar('\n');
        }
}

static void print_values(struct talk *t, const json_t *item)
{
        static const char *const numbers[] = {"uid", "gid"};
        const char *key;
        json_t *list, *v;
        size_t i;
        for (unsigned k = 0; k < 2; k++)
                if (json_is_integer(json_object_get(item, numbers[k])))
                        printf(" %s %lld", numbers[k],
                               (long long)json_integer_value(json_object_get(item, numbers[k])));
        json_object_foreach(json_object_get(item, "values"), key, list)
        {
                printf(" %s", key);
                json_array_foreach(list, i, v)
                {
                        putchar(i ? ',' : ' ');
                        put(t, json_string_value(v));
                }
        }
        list = json_object_get(item, "users");
        if (json_array_size(list) > 0)
                fputs(" users", stdout);
        json_array_foreach(list, i, v)
        {
                putchar(i ? ',' : ' ');
                put(t, json_string_value(v));
        }
}

static void print_verdict(struct talk *t, const json_t *item)
{
        const char *verdict = member(item, "verdict"), *reason = member(item, "reason");
        const bool wins = verdict && (strcmp(verdict, "answers") == 0 || strcmp(verdict, "counts") == 0);
        fputs("   ", stdout);
        talk_color(t, wins ? "32" : "33");
        put(t, verdict);
        talk_color(t, "");
        if (reason) {
                fputs(": ", stdout);
                put(t, reason);
        }
        putchar('\n');
}

static void print_items(struct talk *t, const json_t *items)
{
        const size_t domain = widest(items, "domain", 5);
        size_t i;
        json_t *item;
        json_array_foreach(items, i, item)
        {
                fputs("  ", stdout);
                put_columns(t, member(item, "domain"), domain + 2);
                printf("#%-5lld ", (long long)json_integer_value(json_object_get(item, "id")));
                put(t, member(item, "name"));
                print_values(t, item);
                print_verdict(t, item);
        }
        if (json_array_size(items) == 0)
                puts("  nowhere");
}

static void print_libc(struct talk *t, const json_t *j)
{
        const json_t *nss = json_object_get(j, "nss"), *sources = json_object_get(nss, "sources");
        const size_t width = widest(sources, "source", 6);
        size_t i;
        json_t *s;
        printf("\nThe C library (%s: %s: ", member(nss, "file"), member(nss, "database"));
        put(t, member(nss, "line"));
        puts(")");
        json_array_foreach(sources, i, s)
        {
                const char *found = member(s, "answer"), *error = member(s, "error");
                fputs("  ", stdout);
                put_columns(t, member(s, "source"), width + 2);
                put(t, found ? found : member(s, "result"));
                if (error)
                        printf(" (%s)", error);
                if (!json_is_true(json_object_get(s, "on_line")))
                        fputs("  (not on the line: not asked by others)", stdout);
                putchar('\n');
        }
        fputs("  ", stdout);
        put_columns(t, "answer", width + 2);
        put(t, member(nss, "answer") ? member(nss, "answer") : "none");
        putchar('\n');
        const json_t *groups = json_object_get(j, "group_list");
        if (groups) {
                fputs("  ", stdout);
                put_columns(t, "groups", width + 2);
                put(t, member(groups, "answer"));
                putchar('\n');
        }
}

static void print_conclusion(struct talk *t, const json_t *j, bool good)
{
        putchar('\n');
        talk_color(t, good ? "32" : "31");
        put(t, member(j, "conclusion"));
        talk_color(t, "");
        putchar('\n');
}

static void print_lookup(struct talk *t, const json_t *j)
{
        const json_t *named = json_object_get(j, "by_name"), *number = json_object_get(j, "number");
        const json_t *groups = json_object_get(j, "groups");
        const bool user = strcmp(member(j, "kind"), "user") == 0;
        printf("%s ", member(j, "kind"));
        put(t, member(j, "asked"));
        putchar('\n');
        print_domains(t, j);
        if (json_is_array(named)) {
                printf("\nRecords with this %s\n", member(j, "key") ? member(j, "key") : "name");
                print_items(t, named);
        }
        if (json_is_integer(number)) {
                printf("\nRecords with %s %lld\n", user ? "uid" : "gid",
                       (long long)json_integer_value(number));
                print_items(t, json_object_get(j, "by_number"));
        }
        if (json_array_size(groups) > 0) {
                puts("\nGroups");
                print_items(t, groups);
        }
        print_libc(t, j);
        print_conclusion(t, j, json_is_true(json_object_get(j, "agree")));
}

static void print_may(struct talk *t, const json_t *j)
{
        size_t i;
        json_t *item;
        const char *property = member(j, "property");
        fputs("may ", stdout);
        put(t, member(j, "user"));
        printf(" %s ", member(j, "what"));
        put(t, member(j, "path"));
        if (property)
                fputs(", property ", stdout);
        put(t, property);
        printf("\n\nDomain %s at %s, %s\n\nWho he is\n", member(j, "domain"), member(j, "server"),
               member(j, "role"));
        json_array_foreach(json_object_get(j, "identity"), i, item)
        {
                fputs("  ", stdout);
                put_columns(t, member(item, "way"), 27);
                put(t, member(item, "becomes") ? member(item, "becomes") : "nobody");
                fputs(": ", stdout);
                put(t, member(item, "why"));
                putchar('\n');
        }
        puts("\nRules");
        json_array_foreach(json_object_get(j, "rules"), i, item)
        {
                printf("  %-4s", json_is_true(json_object_get(item, "holds")) ? "yes" : "no");
                put(t, member(item, "rule"));
                if (member(item, "detail"))
                        fputs(": ", stdout);
                put(t, member(item, "detail"));
                putchar('\n');
        }
        print_conclusion(t, j, json_is_true(json_object_get(j, "allowed")));
}

/* -- the command -------------------------------------------------------------------------------------------
 */

static void show(struct talk *t, json_t *j)
{
        if (!j)
                return;
        if (t->json) {
                talk_json(t, j);
                return;
        }
        if (strcmp(member(j, "kind"), "may") == 0)
                print_may(t, j);
        else
                print_lookup(t, j);
        json_decref(j);
}

typedef json_t *explain_fn(struct explain *x, const char *key);

/* NULL: it is a map, or nothing at all. */
static explain_fn *function_of(const char *kind)
{
        static const struct {
                const char *kind;
                explain_fn *explain;
        } functions[] = {{"user", explain_user},
                         {"group", explain_group},
                         {"shadow", explain_shadow},
                         {"gshadow", explain_gshadow},
                         {"netgroup", explain_netgroup}};
        for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++)
                if (strcmp(functions[i].kind, kind) == 0)
                        return functions[i].explain;
        return NULL;
}

static void lookup(struct talk *t, const char *config, const char *kind, const char *key)
{
        struct explain *x = arena_zalloc(&t->arena, 1, sizeof(*x));
        json_t *j = NULL;
        if (!x)
                return;
        if (explain_begin(x, t, config ? config : CONFIG, config != NULL)) {
                explain_fn *explain = function_of(kind);
                j = explain ? explain(x, key) : explain_map(x, kind, key);
                json_object_set_new(j, "domains", explain_domains(x));
                json_object_set_new(j, "above",
                                    x->above ? talk_json_bytes(bytes_str(x->above)) : json_null());
                json_object_set_new(j, "cut", json_boolean(x->cut));
                if (!json_is_true(json_object_get(j, "agree")))
                        t->exit = EXIT_FAILED;
                if (x->cut)
                        talk_say(t,
                                 "ni explain: more than %u records of one domain have it: the rest was not "
                                 "looked at",
                                 EXPLAIN_RECORDS_MOST);
        }
        show(t, j);
        explain_end(x);
}

static bool is_kind(const char *word)
{
        return function_of(word) || explain_is_map(word);
}

static void act(struct talk *t, const char *config)
{
        char **word = t->operand;
        if (t->operands == 2 && is_kind(word[0]) && word[1][0])
                lookup(t, config, word[0], word[1]);
        else if (t->operands == 4 && strcmp(word[0], "may") == 0 &&
                 (strcmp(word[2], "read") == 0 || strcmp(word[2], "write") == 0)) {
                if (talk_connect(t))
                        show(t, explain_may(t, word[1], word[2], word[3]));
        } else
                talk_usage(
                        t,
                        "say `user`, `group`, `shadow`, `gshadow`, `host`, `ethers`, `network`, `service`, "
                        "`protocol`, `rpc`, `alias` or `netgroup` and a name or number, or `may USER "
                        "read|write PATH[:PROPERTY]`");
}

int ni_explain_run(int argc, char **argv)
{
        struct talk t;
        const char *config = NULL;
        module_reach(argc, argv);
        talk_begin(&t, &manual, argc, argv);
        for (int o; (o = talk_option(&t)) != TALK_END;) {
                if (o == TALK_STOP)
                        return talk_end(&t);
                config = t.argument;
        }
        act(&t, config);
        return talk_end(&t);
}
