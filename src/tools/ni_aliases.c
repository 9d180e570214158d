/* `ni aliases`: the mail aliases of this machine's chain of domains as a file for a mail server
 * (doc/consumers.md 2). */
#include "tools/chain.h"

#include "flat/flat.h"

#include <ctype.h>
#include <errno.h>
#include <pwd.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>

#define ACCOUNTS "/etc/passwd"

static const struct talk_option options[] = {
        {'o', "output", "FILE", "write FILE, in one step and only when something changed"},
        {0, NULL, NULL, NULL},
};
static const struct talk_manual manual = {
        .command = "aliases",
        .synopsis = "aliases [-o FILE] [--json]",
        .about = "Prints the mail aliases of every domain from this machine's own to the root as an\n"
                 "aliases(5) file, as Postfix and others read it; of equal names the nearest domain's "
                 "counts.\n"
                 "Only this machine's own domain may name programs, files and :include: lists, and may say\n"
                 "where the mail of the accounts in /etc/passwd goes; what others say of that is left out\n"
                 "and named. When a domain does not answer nothing is written (exit 6).",
        .options = options,
        .examples = "  ni aliases\n"
                    "  ni aliases -o /etc/netinfo/aliases && postalias /etc/netinfo/aliases\n"
                    "  ni watch /aliases --run 'ni aliases -o /etc/netinfo/aliases && postalias "
                    "/etc/netinfo/aliases'",
        .talks = true,
        .json = true,
};

struct aliases {
        struct talk *t;
        struct arena arena; /* names, and what one record is made of */
        void *taken;        /* names that a nearer record has: of tsearch, without regard to case */
        void *accounts;     /* names of this machine's own accounts */
        struct buf text;
        json_t *json;
};

/* -- sets of names; mail servers do not tell upper from lower case */
static int by_case(const void *x, const void *y)
{
        return strcasecmp(x, y);
}

static bool remember(struct aliases *a, void **set, const char *name)
{
        const char *copy = arena_str(&a->arena, bytes_str(name));
        return copy && tsearch(copy, set, by_case);
}

static void nothing(void *name)
{
        (void)name; /* the arena's */
}

static bool read_accounts(struct aliases *a)
{
        FILE *f = fopen(ACCOUNTS, "re");
        bool ok = f || errno == ENOENT;
        for (const struct passwd *p; f && ok && (p = fgetpwent(f));)
                ok = remember(a, &a->accounts, p->pw_name);
        if (!ok)
                talk_error(a->t, EXIT_FAILED, ACCOUNTS, strerror(errno),
                           "it tells whose mail is this machine's own");
        if (f)
                fclose(f);
        return ok;
}

/* -- what another domain may say (decision 25: trust level mail) */

/* Letters, digits and a few signs that mean nothing to a mail server; no dash in front. */
static bool is_word(struct bytes b, const char *signs)
{
        for (size_t i = 0; i < b.len; i++)
                if (!isalnum(b.data[i]) && (!b.data[i] || !strchr(signs, b.data[i])))
                        return false;
        return b.len && b.data[0] != '-' && b.data[0] != '.';
}

/* user, or user@host: never a program, a file, a list or anything quoted. */
static bool is_address(struct bytes b)
{
        const size_t at = bytes_find(b, '@');
        const struct bytes host = bytes_sub(b, at + 1, b.len);
        return is_word(bytes_sub(b, 0, at), "._+-=%") && (at == b.len || is_word(host, ".-"));
}

static void left_out(struct aliases *a, const struct chain_record *r, struct bytes name, struct bytes what,
                     const char *why)
{
        talk_say(a->t, "ni aliases: %s: %.*s%s%.*s: left out: %s", r->domain,
                 BYTES_FMT(bytes_sub(name, 0, 80)), what.len ? ": " : "", BYTES_FMT(bytes_sub(what, 0, 80)),
                 why);
}

static bool may_name(struct aliases *a, const struct chain_record *r, struct bytes name, const char *text)
{
        if (r->trusted)
                return true;
        if (tfind(text, &a->accounts, by_case))
                left_out(a, r, name, BYTES_NONE,
                         "mail for accounts in " ACCOUNTS " is this machine's own affair");
        else if (!is_word(name, "._+-"))
                left_out(a, r, name, BYTES_NONE, "not a name that another domain may bring");
        else
                return true;
        return false;
}

/* The members that count, in the arena. */
static struct namelist members_of(struct aliases *a, const struct chain_record *r, struct bytes name)
{
        const struct property *p = proplist_get(&r->props, BYTES_LIT("members"));
        struct namelist l = {arena_zalloc(&a->arena, p ? p->values.n : 0, sizeof(*l.v)), 0};
        for (uint32_t i = 0; l.v && p && i < p->values.n; i++)
                if (r->trusted || is_address(p->values.v[i]))
                        l.v[l.n++] = p->values.v[i];
                else
                        left_out(a, r, name, p->values.v[i],
                                 "programs, files and lists only from this machine's own domain");
        return l;
}

/* -- output */
static void put_json(struct aliases *a, const struct chain_record *r, struct bytes name,
                     struct namelist members)
{
        json_t *list = json_array();
        for (uint32_t i = 0; i < members.n; i++)
                json_array_append_new(list, talk_json_bytes(members.v[i]));
        json_array_append_new(a->json, json_pack("{s:o,s:o,s:o}", "name", talk_json_bytes(name), "members",
                                                 list, "domain", talk_json_bytes(bytes_str(r->domain))));
}

static void put_line(struct aliases *a, const struct chain_record *r, struct bytes name,
                     struct namelist members)
{
        struct property pair[] = {{BYTES_LIT("name"), {&name, 1}}, {BYTES_LIT("members"), members}};
        const struct proplist props = {pair, 2};
        struct flat_why why;
        if (a->json)
                put_json(a, r, name, members);
        else if (!flat_print(flat_format("aliases"), &props, true, &a->arena, &a->text, &why))
                talk_error(a->t, EXIT_FAILED, arena_printf(&a->arena, "%s: %.*s", r->domain, BYTES_FMT(name)),
                           why.text, "left out; `ni get` shows it");
}

static bool take_record(struct aliases *a, const struct chain_record *r)
{
        const struct property *names = proplist_get(&r->props, BYTES_LIT("name"));
        for (uint32_t i = 0; names && i < names->values.n; i++) {
                const struct bytes name = names->values.v[i];
                const char *text = arena_str(&a->arena, name);
                if (text && tfind(text, &a->taken, by_case))
                        continue; /* a nearer domain, or an earlier record, answers */
                if (text && !may_name(a, r, name, text))
                        continue;
                const struct namelist members = members_of(a, r, name);
                if (!text || !remember(a, &a->taken, text) || a->arena.failed)
                        return false;
                if (members.n)
                        put_line(a, r, name, members);
        }
        return !a->text.failed;
}

static void print(struct aliases *a, const struct chain *c, const char *output)
{
        bool ok = read_accounts(a);
        for (uint32_t i = 0; ok && i < c->n; i++) {
                ok = take_record(a, &c->v[i]);
                if (!ok)
                        talk_error(a->t, EXIT_FAILED, NULL, "out of memory", NULL);
        }
        if (ok && a->json)
                talk_json(a->t, json_incref(a->json));
        else if (ok)
                chain_put(a->t, output, buf_bytes(&a->text));
}

int ni_aliases_run(int argc, char **argv)
{
        struct talk t;
        struct chain c = {.v = NULL};
        const char *output = NULL;
        talk_begin(&t, &manual, argc, argv);
        for (int o; (o = talk_option(&t)) != TALK_END;) {
                if (o == TALK_STOP)
                        return talk_end(&t);
                output = t.argument;
        }
        if (t.operands || (output && t.json)) {
                talk_usage(&t, t.operands ? "it takes no operand"
                                          : "--json goes to standard output: leave --output away");
        } else if (chain_read(&t, "/aliases", &c) && c.complete) {
                struct aliases a = {.t = &t, .json = t.json ? json_array() : NULL};
                arena_init(&a.arena, 0);
                buf_init(&a.text, 0);
                print(&a, &c, output);
                tdestroy(a.taken, nothing);
                tdestroy(a.accounts, nothing);
                json_decref(a.json);
                buf_done(&a.text);
                arena_done(&a.arena);
        }
        chain_done(&c);
        return talk_end(&t);
}
