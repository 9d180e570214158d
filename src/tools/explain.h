/* `ni explain`: why a lookup gives what it gives. The domains are asked one after the other, as the agent
 * follows them; its own merging (agent/merge.h) says which records count; the C library of this machine is
 * asked, too. What is found is put into one JSON object, from which the text is printed. */
#ifndef NETINFO_TOOLS_EXPLAIN_H
#define NETINFO_TOOLS_EXPLAIN_H

#include "agent/config.h"
#include "agent/merge.h"
#include "api/locate.h"
#include "tools/talk.h"

#define EXPLAIN_RECORDS_MOST 256u /* of one key in one domain; more are not looked at, which is said */

struct explain_level {
        const char *name;    /* "local", "/harbor", "/"; when the root was not reached "..", "../.." */
        const char *address; /* "harbor@10.9.0.2" */
        struct client *client;
        const char *why; /* no client, or a call failed */
        bool local;
};

struct explain {
        struct talk *t;
        struct agent_config rules; /* of the agent on this machine */
        struct merge_rules merge;
        struct own *own; /* NULL: no memory */
        struct explain_level level[LIMIT_DEPTH + 1];
        unsigned n;
        const char *above; /* the root was not reached: why; NULL */
        bool cut;          /* EXPLAIN_RECORDS_MOST was met */
};

struct explain_record {
        unsigned level;
        uint32_t object;
        struct bytes props; /* encoded ni_proplist, in the arena of t */
};
struct explain_records {
        struct explain_record *v;
        unsigned n;
};

/* Reads the agent's configuration and climbs. False: said why. explain_end in any case. */
bool explain_begin(struct explain *x, struct talk *t, const char *config_file, bool must_exist);
void explain_end(struct explain *x);
/* Appends the children of `top` ("/users") that have the value, in every domain, nearest first; those already
 * in the list are not repeated. A domain that fails is noted in its level. */
void explain_find(struct explain *x, const char *top, const char *key, struct bytes value,
                  struct explain_records *ret);
/* Puts what several calls of explain_find appended into rank order. */
void explain_by_level(struct explain_records *l);
/* {"name", "address", "state", "why"} of each domain. */
json_t *explain_domains(const struct explain *x);
/* {"domain", "id", "name", "verdict", "reason"} */
json_t *explain_item(const struct explain *x, const struct explain_record *r, const char *verdict,
                     const char *reason);

/* What one record is by itself after the safety rules. */
struct explain_account {
        const char *left_out; /* NULL: published */
        const char *name;     /* the first */
        struct bytes names[16];
        unsigned name_count;
        uint32_t uid, gid;
        const char *line; /* as getent prints it; NULL when left out */
};
void explain_user_of(struct explain *x, const struct explain_record *r, struct explain_account *ret);
void explain_group_of(struct explain *x, const struct explain_record *r, struct explain_account *ret);

/* Groups: the first that is published under the name or gid wins; those that agree with it in first name and
 * gid are united with it. A verdict on each is appended to `to`; *ret is the winner's. Gives its index, or
 * l->n, and in ret_one (room for l->n) the united records. */
unsigned explain_judge_groups(struct explain *x, const struct explain_records *l, const char *name,
                              const uint32_t *gid, json_t *to, struct explain_record *ret_one,
                              unsigned *ret_parts);
bool explain_has_name(const struct explain_account *a, const char *name);
const char *explain_hidden_by(const struct explain *x, const struct explain_record *winner);

/* The parts of the command; each gives its object, or NULL (said why). */
json_t *explain_user(struct explain *x, const char *key);
json_t *explain_group(struct explain *x, const char *key);
json_t *explain_map(struct explain *x, const char *kind, const char *key);
bool explain_is_map(const char *kind);
json_t *explain_shadow(struct explain *x, const char *key);
json_t *explain_gshadow(struct explain *x, const char *key);
json_t *explain_netgroup(struct explain *x, const char *key);

/* What of the module's answer is compared with `expected`. */
enum explain_compare {
        EXPLAIN_PRESENCE, /* that there is one */
        EXPLAIN_ACCOUNT,  /* all but the second field: whether there is a hash is not for everybody to see */
        EXPLAIN_SECRET,   /* all; the second field unless what is expected there is "*", which may be a hash
                           * that   the server does not show us. It is never printed. */
        EXPLAIN_PART,     /* every word is in the answer */
        EXPLAIN_WORDS,    /* the same words */
};
/* {"database", "file", "line", "sources", "answer"}; adds "conclusion" and "agree" to j, whose "by_name" and
 * "by_number" say what was left out. `expected` NULL: not found. */
void explain_libc(struct explain *x, json_t *j, const char *database, const char *key, const char *expected,
                  enum explain_compare how);
/* Adds "group_list": what the module and the C library have as groups of a user beside the one of his record,
 * and what the domains have (`gids`, integers). When the module says something else: "agree" and
 * "conclusion", too. After explain_libc. */
void explain_group_list(struct explain *x, json_t *j, const char *name, const json_t *gids);
/* `ni explain may`: over t->client. */
json_t *explain_may(struct talk *t, const char *user, const char *what, const char *where);

#endif
