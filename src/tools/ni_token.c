/* `ni token`: who may enrol (doc/tls.md 4, 6). */
#include "tools/enrol.h"
#include "tools/enrol_ledger.h"

#include "api/locate.h"
#include "base/text.h"
#include "model/network.h"
#include "model/path.h"
#include "sys/clock.h"
#include "tls/join_string.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define TTL_DEFAULT 3600u
#define TTL_MOST    (366u * 86400u)

enum { O_DIR = 256, O_MACHINE, O_COUNT, O_FROM, O_TTL, O_SERVER, O_AGAIN, O_AT, O_TAG };
static const struct talk_option options[] = {
        {O_MACHINE, "machine", "NAME", "create: for this machine alone"},
        {O_COUNT, "count", "N", "create: for so many machines; default 1"},
        {O_FROM, "from", "NETWORK", "create: of machines there, such as 10.9.0.0/24"},
        {O_TTL, "ttl", "TIME", "create: good so long: 90s, 30m, 12h, 7d; default 1h"},
        {O_SERVER, "may-serve", NULL, "create: these machines may serve others, too"},
        {O_AGAIN, "again", NULL, "create: also for a name that is enrolled, whose old one ends"},
        {O_AT, "at", "HOST[:PORT],...", "create: where to join; default: where this server listens"},
        {O_TAG, "tag", "TAG", "create: the domain to follow; default network"},
        {O_DIR, "dir", "DIR", "of a server that was started with --dir DIR"},
        {0, NULL, NULL, NULL},
};
static const struct talk_manual manual = {
        .command = "token",
        .synopsis = "token create [--machine NAME] [--count N] [--from NETWORK] [--ttl TIME]\n"
                    "             [--may-serve] [--again] [--at HOST[:PORT],...] [--tag TAG] [--json]\n"
                    "token list [--json]\n"
                    "token rm ID",
        .about = "Makes, lists and takes away tokens, with which machines enrol. `create` prints one line,\n"
                 "the join string, which is a secret until the token is used up or has run out: give it to\n"
                 "`ni join` on the new machine, over a way that others do not see. For root, on the\n"
                 "authority's server.",
        .options = options,
        .examples = "  ni token create > leaf.join\n"
                    "  ni token create --machine corinth --may-serve --ttl 10m\n"
                    "  ni token create --count 40 --from 10.9.0.0/24 --ttl 12h > lab.join\n"
                    "  ni token list",
        .talks = true,
        .json = true,
};

struct token {
        struct talk *t;
        struct enrol_paths paths;
        struct ext_authority_args args;
        const char *machine, *at, *tag;
        uint32_t count;
        uint64_t seconds;
};

static bool take_time(struct talk *t, const char *text, uint64_t *ret)
{
        static const char units[] = "smhd";
        static const uint32_t seconds[] = {1, 60, 3600, 86400};
        const size_t n = strlen(text);
        const char *unit = n ? strchr(units, text[n - 1]) : NULL;
        uint64_t v;
        if (unit && *unit && text_u64(bytes_of(text, n - 1), TTL_MOST, &v) &&
            v * seconds[unit - units] >= 60 && v * seconds[unit - units] <= TTL_MOST) {
                *ret = v * seconds[unit - units];
                return true;
        }
        talk_usage(t, "--ttl %s: give a time such as 90s, 30m, 12h or 7d; a minute at least, a year at most",
                   text);
        return false;
}

/* Where this server listens for others, as its configuration says, else all addresses; with commas. */
static const char *own_places(struct token *k)
{
        struct talk *t = k->t;
        const char *listen = enrol_conf_get(t, k->paths.server_conf, "listen"), *list = "";
        char word[300];
        int used;
        for (const char *p = listen; p && list && sscanf(p, " %299[^ ,\t]%n", word, &used) == 1;
             p += used, p += strspn(p, " ,\t"))
                if (strncmp(word, "127.", 4) != 0 && strncmp(word, "[::1]", 5) != 0 &&
                    strncmp(word, "0.0.0.0", 7) != 0 && strncmp(word, "[::]", 4) != 0 &&
                    strcmp(word, "none") != 0)
                        list = arena_printf(&t->arena, "%s%s%s", list, *list ? "," : "", word);
        if (list && *list)
                return list;
        const char **v = enrol_addresses(t);
        for (list = v ? "" : NULL; v && *v && list; v++)
                list = arena_printf(&t->arena, "%s%s%s", list, *list ? "," : "", *v);
        if (list && !*list)
                talk_error(t, EXIT_FAILED, "this server", "has no address that others reach",
                           "--at says where to join");
        return list && *list ? list : NULL;
}

/* The domains above `tag`, nearest first, each with its servers: what the machine follows beside it. */
static const char *domains_above(struct token *k, const char *list)
{
        struct talk *t = k->t;
        struct located_server from = {.tag = ""};
        struct located_chain chain;
        snprintf(from.server, sizeof(from.server), "%s", t->server.server ? t->server.server : "");
        snprintf(from.tag, sizeof(from.tag), "%s", k->tag);
        const enum ni_status s = locate_chain(&from, 0, t->server.timeout_ms / 1000, &chain);
        for (unsigned level = 1; level < chain.n && list; level++)
                for (unsigned i = 0; i < chain.v[level].servers.n && i < 8 && list; i++) {
                        const struct located_server *l = &chain.v[level].servers.v[i];
                        if (l->server[0] && l->server[0] != '/')
                                list = arena_printf(&t->arena, "%s%s%s/%s", list, i ? " " : ", ", l->server,
                                                    l->tag);
                }
        if (s != NI_OK && chain.n > 0)
                talk_say(t, "%s: what is above it is not known: %s", k->tag, chain.why);
        located_chain_done(&chain);
        return list;
}

/* What JOIN answers: the domain at these places, and those above it. */
static const char *domains_of(struct token *k, const struct join_string *j)
{
        const char *list = "";
        for (unsigned i = 0; i < j->n && list; i++) {
                const struct join_server *s = &j->servers[i];
                const bool v6 = strchr(s->host, ':') != NULL;
                list = arena_printf(&k->t->arena, "%s%s%s%s%s", list, i ? " " : "", v6 ? "[" : "", s->host,
                                    v6 ? "]" : "");
                if (list && s->port)
                        list = arena_printf(&k->t->arena, "%s:%u", list, s->port);
                if (list)
                        list = arena_printf(&k->t->arena, "%s/%s", list, k->tag);
        }
        list = list ? domains_above(k, list) : NULL;
        if (list && strlen(list) <= LIMIT_WHERE)
                return list;
        talk_error(k->t, EXIT_FAILED, "the domains above",
                   list ? "have too many servers for one token" : "out of memory", NULL);
        return NULL;
}

/* The places as a join string has them. */
static bool places_of(struct token *k, const char *at, struct join_string *ret)
{
        struct tls_why why = {""};
        struct join_string j;
        char token[2 * JOIN_TOKEN_SIZE + 1], zero[44];
        memset(token, '0', sizeof(token) - 1);
        token[sizeof(token) - 1] = '\0';
        memset(zero, 'A', sizeof(zero) - 1);
        zero[sizeof(zero) - 1] = '\0';
        const char *text = arena_printf(&k->t->arena, "ni1;%s;%s;%s;%s;%s", at, k->tag, token, zero, zero);
        if (text && join_string_parse(bytes_str(text), &j, &why)) {
                *ret = j;
                return true;
        }
        talk_usage(k->t, "--at %s: %s", at, text ? why.text : "out of memory");
        return false;
}

static void say_token(struct token *k, const char *id, const char *text, uint64_t until)
{
        struct talk *t = k->t;
        if (t->json) {
                talk_json(t,
                          json_pack("{s:s,s:s,s:I}", "token", id, "join", text, "until", (json_int_t)until));
                return;
        }
        puts(text);
        talk_say(t, "token %s, good until %s UTC: on the machine, `ni join`, which asks for this line", id,
                 enrol_date(t, until));
}

static void create(struct token *k)
{
        struct talk *t = k->t;
        struct join_string j;
        struct ext_authority_result r;
        char text[JOIN_STRING_MAX + 1], id[2 * JOIN_TOKEN_SIZE + 1];
        const char *at = k->at ? k->at : own_places(k);
        if (!at || !places_of(k, at, &j) || !talk_connect(t))
                return;
        const char *domains = domains_of(k, &j);
        if (!domains)
                return;
        k->args.verb = EXT_AUTHORITY_TOKEN;
        k->args.subject = bytes_str(k->machine);
        k->args.count = k->count;
        k->args.seconds = k->seconds;
        k->args.domains = bytes_str(domains);
        const uint64_t until = clock_wall_us() / 1000000u + k->seconds;
        if (!enrol_authority(t, &k->args, &r, "token"))
                return;
        memcpy(j.token, r.token, sizeof(j.token));
        memcpy(j.pin, r.pin, sizeof(j.pin));
        if (r.secret.len == sizeof(j.secret))
                memcpy(j.secret, r.secret.data, sizeof(j.secret));
        for (size_t i = 0; i < sizeof(j.token); i++)
                snprintf(id + 2 * i, 3, "%02x", j.token[i]);
        if (r.secret.len != sizeof(j.secret) || !join_string_format(&j, text))
                talk_error(t, EXIT_FAILED, "token", "the join string would be too long",
                           "name fewer servers with --at");
        else
                say_token(k, id, text, until);
        explicit_bzero(&j, sizeof(j));
        explicit_bzero(text, sizeof(text));
}

static void list(struct token *k)
{
        struct talk *t = k->t;
        const char **lines = talk_connect(t) ? ledger_lines(t, "token=") : NULL;
        const uint64_t now = clock_wall_us() / 1000000u;
        json_t *all = lines && t->json ? json_array() : NULL;
        for (; lines && *lines; lines++) {
                if (all) {
                        json_array_append_new(all, ledger_json(t, *lines));
                        continue;
                }
                const uint64_t until = strtoull(ledger_word(t, *lines, "until"), NULL, 10);
                const char *uses = ledger_word(t, *lines, "uses");
                printf("%s  machine=%s  left=%s  from=%s%s%s  %s %s\n", ledger_word(t, *lines, "token"),
                       ledger_word(t, *lines, "name"), uses, ledger_word(t, *lines, "from"),
                       strcmp(ledger_word(t, *lines, "server"), "yes") == 0 ? "  may-serve" : "",
                       strcmp(ledger_word(t, *lines, "again"), "yes") == 0 ? "  again" : "",
                       until <= now             ? "ran out"
                       : strcmp(uses, "0") == 0 ? "used up, ends"
                                                : "good until",
                       enrol_date(t, until));
        }
        if (all)
                talk_json(t, all);
}

static void rm(struct token *k, const char *id)
{
        struct ext_authority_result r;
        const struct ext_authority_args args = {.verb = EXT_AUTHORITY_FORGET, .subject = bytes_str(id)};
        if (strlen(id) != 2 * JOIN_TOKEN_SIZE || strspn(id, "0123456789abcdef") != strlen(id))
                talk_usage(k->t, "%s: a token's ID has %u hexadecimal digits; `ni token list` shows it", id,
                           2 * JOIN_TOKEN_SIZE);
        else if (talk_connect(k->t))
                enrol_authority(k->t, &args, &r, id);
}

/* One option; false: said why. */
static bool take(struct token *k, int o, const char **dir)
{
        struct talk *t = k->t;
        if (o == O_DIR)
                *dir = t->argument;
        else if (o == O_MACHINE)
                k->machine = t->argument;
        else if (o == O_FROM)
                k->args.from = bytes_str(t->argument);
        else if (o == O_AT)
                k->at = t->argument;
        else if (o == O_TAG)
                k->tag = t->argument;
        else if (o == O_TTL)
                return take_time(t, t->argument, &k->seconds);
        k->args.flags |= o == O_SERVER ? EXT_AUTHORITY_SERVER : o == O_AGAIN ? EXT_AUTHORITY_AGAIN : 0;
        if (o == O_COUNT &&
            (!text_u32(bytes_str(t->argument), &k->count) || k->count == 0 || k->count > LIMIT_LEDGER)) {
                talk_usage(t, "--count %s: give a number, 1 to %u", t->argument, LIMIT_LEDGER);
                return false;
        }
        return true;
}

static bool is_fit(struct token *k)
{
        char name[TLS_NAME_MAX + 1];
        struct network n;
        if (k->machine[0] && !enrol_name(k->t, k->machine, name))
                return false;
        if (k->machine[0]) {
                k->machine = arena_str(&k->t->arena, bytes_str(name));
                if (k->count != 1)
                        talk_usage(k->t, "--machine and --count: a name is one machine's");
        }
        if (k->args.from.len && (k->args.from.len > LIMIT_MACHINE_NAME || !network_parse(k->args.from, &n)))
                talk_usage(k->t, "--from %.*s: give a network such as 10.9.0.0/24 or an address",
                           BYTES_FMT(k->args.from));
        if (!tag_is_valid(bytes_str(k->tag)))
                talk_usage(k->t, "--tag %s: cannot be a domain's tag", k->tag);
        return k->machine && k->t->exit == 0;
}

int ni_token_run(int argc, char **argv)
{
        static const char *const verbs[] = {"create", "list", "rm", NULL};
        struct talk t;
        struct token k = {.t = &t, .machine = "", .tag = "network", .count = 1, .seconds = TTL_DEFAULT};
        const char *dir = NULL;
        talk_begin(&t, &manual, argc, argv);
        for (int o; (o = talk_option(&t)) != TALK_END;)
                if (o == TALK_STOP || !take(&k, o, &dir))
                        return talk_end(&t);
        const char *verb = t.operands ? t.operand[0] : "", *near = text_suggest(verb, verbs);
        if (strcmp(verb, "create") == 0 && t.operands == 1) {
                if (enrol_paths(&t, dir, &k.paths) && is_fit(&k))
                        create(&k);
        } else if (strcmp(verb, "list") == 0 && t.operands == 1) {
                if (enrol_paths(&t, dir, &k.paths))
                        list(&k);
        } else if (strcmp(verb, "rm") == 0 && t.operands == 2) {
                if (enrol_paths(&t, dir, &k.paths))
                        rm(&k, t.operand[1]);
        } else if (strcmp(verb, "rm") == 0 && t.operands == 1) {
                talk_usage(&t, "rm which token? give its ID");
        } else if (near && strcmp(near, verb) != 0) {
                talk_usage(&t, "there is no `%s`; did you mean `%s`?", verb, near);
        } else {
                talk_usage(&t, near ? "%s: an operand too many" : "say `create`, `list` or `rm`", verb);
        }
        return talk_end(&t);
}
