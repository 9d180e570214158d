#include "tools/domain_replica.h"
#include "tools/domain_tree.h"
#include "tools/talk.h"

#include "base/text.h"
#include "model/path.h"
#include "model/status.h"
#include "sys/clock.h"

#include <stdio.h>
#include <time.h>

enum { O_YES = 256, O_DEPTH, O_FROM, O_TO, O_HISTORICAL, O_UNLISTED, O_WAIT };
static const struct talk_option options[] = {
        {O_YES, "yes", NULL, "destroy, promote, demote without asking"},
        {O_DEPTH, "depth", "N", "tree: so many levels below its top, default 32"},
        {O_FROM, "from", "HOST[:PORT][/TAG]", "clone: of which server, and its tag there"},
        {O_TO, "to", "HOST[:PORT][/TAG]", "demote: the server that is the master now"},
        {O_HISTORICAL, "historical", NULL, "clone, demote: the master speaks version 2 only"},
        {O_UNLISTED, "unlisted", NULL, "clone: leave the master's /machines alone"},
        {O_WAIT, "wait", "SECONDS", "clone, demote: for the first copy, default 60; 0: do not"},
        {0, NULL, NULL, NULL},
};
static const struct talk_manual manual = {
        .command = "domain",
        .synopsis = "domain list [--json]\n"
                    "domain create TAG\n"
                    "domain destroy [--yes] TAG\n"
                    "domain tree [--depth N] [--json]\n"
                    "domain name [--json] [PATH]\n"
                    "domain clone --from HOST[:PORT][/TAG] [--historical] [--unlisted]\n"
                    "             [--wait SECONDS] TAG\n"
                    "domain promote [--yes] TAG\n"
                    "domain demote --to HOST[:PORT][/TAG] [--historical] [--yes]\n"
                    "              [--wait SECONDS] TAG\n"
                    "domain replica [--json] [TAG]",
        .about = "Lists the domains that a server serves, with their own ports of protocol version 2;\n"
                 "makes a new master domain, holding what every domain begins with; or takes one away.\n"
                 "Creating and destroying are for the superuser of the server's machine.\n"
                 "`tree` draws the hierarchy from the root down: every domain, its servers, how they are.\n"
                 "`name` prints the absolute name of a domain.\n"
                 "`clone` makes a domain that follows its master on another server, answers reads,\n"
                 "and is named in the master's /machines when the caller may write there. `promote`\n"
                 "makes a clone the master, `demote` a master the clone of another server; `replica`\n"
                 "shows roles, how far a clone is, and what contradicts.",
        .options = options,
        .examples = "  ni domain list\n"
                    "  ni domain create network\n"
                    "  ni domain destroy --yes scratch\n"
                    "  ni domain tree\n"
                    "  ni domain name ..\n"
                    "  ni domain clone network --from alpha\n"
                    "  ni domain promote --yes network\n"
                    "  ni domain demote network --to beta/network",
        .talks = true,
        .json = true,
};

#define CREATE_WAIT_MS \
        10000u /* the binder answers before the new server does: we ask until it is registered */

/* One binder call with its errors said. */
static bool binder(struct talk *t, enum nibind_proc proc, const struct binder_args *args,
                   struct binder_result *ret, const char *thing)
{
        enum ni_status status = client_binder(t->client, proc, args, ret);
        if (status == NI_OK)
                status = ret->status;
        if (status == NI_PERM)
                talk_error(t, status_exit(status), thing, status_text(status),
                           "become root on the server's machine; over TCP the binder trusts nobody else");
        else if (status == NI_NOTAG)
                talk_error(t, status_exit(status), thing, status_text(status),
                           "`ni domain list` shows what is served");
        else if (status == NI_DUPTAG)
                talk_error(t, status_exit(status), thing, "the server has a domain of this tag already",
                           "`ni domain list` shows what is served");
        else if (status == NI_SYSTEMERR)
                talk_error(t, status_exit(status), thing, status_text(status), "see the server's log");
        else if (status != NI_OK)
                talk_status(t, status, thing, NULL);
        return status == NI_OK;
}

static void list(struct talk *t)
{
        const struct binder_args none = {0};
        struct binder_result r;
        if (!binder(t, NIBIND_PROC_listreg, &none, &r, NULL))
                return;
        json_t *all = t->json ? json_array() : NULL;
        for (uint32_t i = 0; i < r.reg_count; i++) {
                const struct binder_registration *g = &r.regs[i];
                if (all) {
                        json_array_append_new(all, json_pack("{s:o,s:I,s:I}", "tag", talk_json_bytes(g->tag),
                                                             "udp", (json_int_t)g->udp_port, "tcp",
                                                             (json_int_t)g->tcp_port));
                        continue;
                }
                talk_value(t, g->tag);
                printf("  udp=%u tcp=%u\n", g->udp_port, g->tcp_port);
        }
        if (all)
                talk_json(t, all);
}

/* CREATEMASTER says only that the work was begun (protocol.md 2.9). */
static void await(struct talk *t, const char *tag)
{
        const struct binder_args args = {.tag = bytes_str(tag)};
        const uint64_t end = clock_mono_ms() + CREATE_WAIT_MS;
        for (long pause = 1; clock_mono_ms() < end; pause = pause < 256 ? pause * 2 : pause) {
                struct binder_result r;
                const enum ni_status status = client_binder(t->client, NIBIND_PROC_getregister, &args, &r);
                const struct timespec wait = {0, pause * 1000000};
                if (status != NI_OK) {
                        talk_status(t, status, tag, NULL);
                        return;
                }
                if (r.status == NI_OK)
                        return;
                nanosleep(&wait, NULL);
        }
        talk_error(t, EXIT_FAILED, tag, "the domain was made, but nobody serves it yet",
                   "see the server's log; `ni domain list` shows what is served");
}

static bool good_tag(struct talk *t, const char *tag)
{
        if (tag_is_valid(bytes_str(tag)))
                return true;
        talk_usage(t, "%s: a tag has 1 to 64 bytes, no '/', no control character, no leading '.' or '-'",
                   tag);
        return false;
}

static void create(struct talk *t, const char *tag)
{
        const struct binder_args args = {.tag = bytes_str(tag)};
        struct binder_result r;
        if (talk_connect(t) && binder(t, NIBIND_PROC_createmaster, &args, &r, tag))
                await(t, tag);
}

static void destroy(struct talk *t, const char *tag)
{
        const struct binder_args args = {.tag = bytes_str(tag)};
        struct binder_result r;
        if (talk_confirm(t, "Take the domain %s and all it holds out of service?", tag) && talk_connect(t))
                binder(t, NIBIND_PROC_destroydomain, &args, &r, tag);
}

static bool take_depth(struct talk *t, unsigned *ret)
{
        uint32_t n;
        if (!text_u32(bytes_str(t->argument), &n) || n > LIMIT_DEPTH) {
                talk_usage(t, "--depth %s: give a number, 0 to %u", t->argument, LIMIT_DEPTH);
                return false;
        }
        *ret = n;
        return true;
}

static bool take_wait(struct talk *t, unsigned *ret)
{
        uint32_t n;
        if (!text_u32(bytes_str(t->argument), &n) || n > 86400u) {
                talk_usage(t, "--wait %s: give seconds, at most a day", t->argument);
                return false;
        }
        *ret = n;
        return true;
}

static bool is_verb(const char *word)
{
        static const char *const verbs[] = {"list",  "create",  "destroy", "tree",   "name",
                                            "clone", "promote", "demote",  "replica"};
        for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
                if (strcmp(verbs[i], word) == 0)
                        return true;
        return false;
}

static void act(struct talk *t, unsigned depth, const struct domain_replica *replica)
{
        const char *verb = t->operands ? t->operand[0] : "";
        const bool one = t->operands == 2;
        if (strcmp(verb, "tree") == 0 && t->operands == 1) {
                domain_tree(t, depth);
        } else if (strcmp(verb, "name") == 0 && t->operands >= 1 && t->operands <= 2) {
                domain_name(t, one ? t->operand[1] : NULL);
        } else if (strcmp(verb, "list") == 0 && t->operands == 1) {
                if (talk_connect(t))
                        list(t);
        } else if (strcmp(verb, "clone") == 0 && one) {
                if (good_tag(t, t->operand[1]))
                        domain_clone(t, t->operand[1], replica);
        } else if (strcmp(verb, "promote") == 0 && one) {
                domain_promote(t, t->operand[1]);
        } else if (strcmp(verb, "demote") == 0 && one) {
                domain_demote(t, t->operand[1], replica);
        } else if (strcmp(verb, "replica") == 0 && t->operands <= 2) {
                domain_roles(t, one ? t->operand[1] : NULL);
        } else if (strcmp(verb, "create") == 0 && one) {
                if (good_tag(t, t->operand[1]))
                        create(t, t->operand[1]);
        } else if (strcmp(verb, "destroy") == 0 && one) {
                if (good_tag(t, t->operand[1]))
                        destroy(t, t->operand[1]);
        } else if (is_verb(verb) && t->operands == 1) {
                talk_usage(t, "%s which domain? give its tag", verb);
        } else if (is_verb(verb)) {
                talk_usage(t, "%s: `%s` is one operand too many", verb, t->operand[t->operands - 1]);
        } else {
                talk_usage(t, "say `list`, `create`, `destroy`, `tree`, `name`, `clone`, `promote`, `demote` "
                              "or `replica`");
        }
}

int ni_domain_run(int argc, char **argv)
{
        struct talk t;
        unsigned depth = LIMIT_DEPTH;
        struct domain_replica replica = {.wait = 60};
        talk_begin(&t, &manual, argc, argv);
        for (int o; (o = talk_option(&t)) != TALK_END;) {
                if (o == TALK_STOP || (o == O_DEPTH && !take_depth(&t, &depth)) ||
                    (o == O_WAIT && !take_wait(&t, &replica.wait)))
                        return talk_end(&t);
                t.yes |= o == O_YES;
                replica.historical |= o == O_HISTORICAL;
                replica.unlisted |= o == O_UNLISTED;
                if (o == O_FROM || o == O_TO)
                        replica.where = t.argument;
        }
        t.server.no_domain = true;
        act(&t, depth, &replica);
        return talk_end(&t);
}
