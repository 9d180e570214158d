/* From the records of several domains to what this machine shall see: who wins, what is united, and what is
 * never published (doc/resolution.md 10.1, 10.2; doc/agent.md). Pure: records in, records out. */
#ifndef NETINFO_AGENT_MERGE_H
#define NETINFO_AGENT_MERGE_H

#include "agent/own.h"
#include "base/siphash.h"
#include "snapshot/writer.h"
#include "xdr/prop.h"

struct merge_domain {
        const char *name;                   /* for reports: "local", "/harbor" */
        bool local;                         /* the machine's own: trusted with every id */
        const struct bytes *users, *groups; /* encoded ni_proplist each, children in order; borrowed */
        size_t user_count, group_count;
};

struct merge_rules {
        uint32_t min_id;           /* uid and gid of domains that are not local */
        const struct bytes *allow; /* names exempt from min_id and the reserved ranges */
        size_t allow_count;
        const struct own *own;      /* names and numbers that no other domain may give; NULL: none */
        bool publish_hashes;        /* hashes of domains that are not local go into shadow */
        bool allow_empty_passwords; /* else an empty hash is published as "*" */
        int64_t today;              /* days since 1970, UTC */
        struct siphash_key key;     /* of tables in memory: random */
};

/* A group as gshadow has it. */
struct merge_gshadow {
        const struct bytes *names;
        size_t name_count;
        const struct bytes *admins, *members; /* united over its records */
        size_t admin_count, member_count;
        struct bytes hash; /* of the first record that has a `passwd`; data NULL: none has */
        bool hash_local;   /* that record is the local domain's */
};

/* What comes out, in rank order. Strings live until the call returns. A false ends the merge. */
struct merge_sink {
        bool (*user)(void *context, const struct merge_domain *d, const struct snap_user *u);
        bool (*group)(void *context, const struct merge_domain *d, const struct snap_group *g); /* d: of its
                                                                                           first record */
        bool (*shadow)(void *context, const struct merge_domain *d, const struct snap_shadow *s);
        /* A record, or a part of it, that is not published; NULL: nobody asks. */
        void (*left_out)(void *context, const struct merge_domain *d, const char *what, struct bytes name,
                         const char *reason);
        /* Two records of groups with this name and gid became one; may be NULL. */
        void (*united)(void *context, struct bytes name, uint32_t gid);
        void *context;
        bool (*gshadow)(void *context, const struct merge_gshadow *g); /* NULL: nobody asks; else called by
                                                                          merge_groups in place of `group` */
};

/* Each gives false when the sink said so or memory is out. */
bool merge_users(const struct merge_domain *domains, size_t n, const struct merge_rules *r,
                 const struct merge_sink *sink);
bool merge_groups(const struct merge_domain *domains, size_t n, const struct merge_rules *r,
                  const struct merge_sink *sink);
bool merge_shadow(const struct merge_domain *domains, size_t n, const struct merge_rules *r,
                  const struct merge_sink *sink);

#endif
