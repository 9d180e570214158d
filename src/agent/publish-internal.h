/* What the two files that publish share. */
#ifndef NETINFO_AGENT_PUBLISH_INTERNAL_H
#define NETINFO_AGENT_PUBLISH_INTERNAL_H

#include "agent/merge.h"
#include "agent/publish.h"
#include "base/limits.h"
#include "snapshot/reader.h"

#define UNITED_MOST 512u /* keys: of 256 groups that several domains have; beyond that there is no delta */

#define PUBLISH_UNKNOWN UINT64_MAX /* in `behind` */

/* A whole image that is live: what a delta needs to know of it. */
struct publish_base {
        void *map; /* its file; NULL: there is none, and the next image is a whole one */
        size_t size;
        struct snap_image image;
        uint64_t generation, sum;
        uint64_t contested[SNAP_CONTESTED_MAX]; /* keys of more than one record; sorted */
        size_t contested_count;
        uint64_t united[UNITED_MOST]; /* keys of groups that are several records; sorted */
        size_t united_count;
        uint64_t behind[LIMIT_DEPTH]; /* groups: where the last one of each domain, or of those before it,
                                         lies */
        uint32_t left_out;
        char first_left_out[256];
};

struct publisher {
        struct publish_base base[SNAP_ACCOUNTS];
        int64_t today;          /* of the shadow base */
        uint32_t users, groups; /* records of the domains when the bases were made */
};

struct job {
        struct snap_builder *map[SNAP_KINDS];
        unsigned whole, deltas; /* which of them are what */
        uint32_t left_out[SNAP_KINDS];
        char first_left_out[SNAP_KINDS][256];
        bool misfit[SNAP_KINDS]; /* the image could not hold a record */
        unsigned kind;           /* being made */
        int error;
        struct job_group {
                struct bytes name;
                uint32_t gid;
        } united[UNITED_MOST / 2], last[LIMIT_DEPTH]; /* records became one; the last one of each domain */
        size_t united_count;                          /* more than there is room for: nobody keeps count */
        const struct merge_domain *domains;
        struct arena arena; /* names of these groups */
};

void publish_left_out(struct job *j, const char *domain, const char *what, struct bytes name,
                      const char *reason);

/* Makes those of `images` that are map images, whole, into j->map; j->left_out tells what is not in them. 0
 * or errno. */
int publish_maps(const struct publish_domain *domains, size_t n, const struct merge_rules *r, unsigned images,
                 struct job *j);

/* Makes the image of one kind as a delta upon p's base. False: it has to be made whole (not known what
 * changed, a contested key, too much, no memory); then j->map[kind] is NULL. like: as for merging, without
 * records. *ret_count: records of the domains. */
bool publish_delta(const struct publisher *p, const struct publish_domain *domains,
                   const struct merge_domain *like, size_t n, const struct merge_rules *r,
                   enum snap_kind kind, struct job *j, uint32_t *ret_count);

#endif
