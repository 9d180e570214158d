/* `ni doctor`: what is wrong with this machine's part of NetInfo. Each check looks at one thing and adds
 * findings: the thing, the reason, the way out. */
#ifndef NETINFO_TOOLS_DOCTOR_H
#define NETINFO_TOOLS_DOCTOR_H

#include "agent/config.h"
#include "api/locate.h"
#include "tools/talk.h"

#define DOCTOR_SHOWN_MOST 5u /* names in one finding; the rest is counted */

enum doctor_severity { DOCTOR_ERROR, DOCTOR_WARNING, DOCTOR_NOTE };

struct doctor {
        struct talk *t;
        const char *from; /* folder that stands for "/"; "" */
        bool files_only;
        struct agent_config agent;
        const char *snapshots; /* folder of the images */
        bool chosen; /* NETINFO_SNAPSHOTS names it: a scratch service, which has no copy elsewhere */
        json_t *findings;
        unsigned count[3], checks;
        /* Of the local domain, when it answered: */
        bool has_local;
        uint64_t epoch, seq;
};

/* Adds one; `check` is a word for programs ("nsswitch"). way_out may be NULL. */
void doctor_add(struct doctor *d, enum doctor_severity severity, const char *check, const char *thing,
                const char *reason, const char *way_out);
/* printf into the arena of the talk; "" when memory is out. */
const char *doctor_text(struct doctor *d, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A path below `from`. */
const char *doctor_path(struct doctor *d, const char *path);

/* -- doctor_files.c */
void doctor_nsswitch(struct doctor *d);
void doctor_module(struct doctor *d);
void doctor_images(struct doctor *d);
void doctor_agent(struct doctor *d); /* after doctor_domains: it compares */
void doctor_permissions(struct doctor *d);
void doctor_port(struct doctor *d);

/* -- doctor_domains.c: servers, parents, clocks, and with doctor_accounts the records of all domains */
void doctor_domains(struct doctor *d);

/* -- doctor_accounts.c: one domain's users and groups, nearest first; then what collides */
struct doctor_accounts;
struct doctor_accounts *doctor_accounts_new(struct doctor *d); /* with /etc/passwd and /etc/group in it */
void doctor_accounts_take(struct doctor_accounts *a, const char *domain, bool local, struct client *c);
void doctor_accounts_end(struct doctor_accounts *a); /* reports and frees; NULL is fine */

#endif
