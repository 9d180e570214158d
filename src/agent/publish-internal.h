/* What the two files that publish share. */
#ifndef NETINFO_AGENT_PUBLISH_INTERNAL_H
#define NETINFO_AGENT_PUBLISH_INTERNAL_H

#include "agent/merge.h"
#include "agent/publish.h"
#include "snapshot/reader.h"

/* A whole image that is live: what a delta needs to know of it. */
struct publish_base {
        void *map; /* its file; NULL: there is none, and the next image is a whole one */
        size_t size;
        struct snap_image image;
        uint64_t generation, sum;
        uint64_t contested[SNAP_CONTESTED_MAX]; /* keys of more than one record */
        size_t contested_count;
        uint32_t left_out;
        char first_left_out[256];
};

struct publisher {
        struct publish_base base[SNAP_ACCOUNTS];
        int64_t today;          /* of the shadow base */
        uint32_t users, groups; /* records of the domain when the bases were made */
};

struct job {
        struct snap_builder *map[SNAP_KINDS];
        unsigned whole, deltas; /* which of them are what */
        uint32_t left_out[SNAP_KINDS];
        char first_left_out[SNAP_KINDS][256];
        bool misfit[SNAP_KINDS]; /* the image could not hold a record */
        bool united;             /* groups: records became one */
        unsigned kind;           /* being made */
        int error;
};

void publish_left_out(struct job *j, const char *domain, const char *what, struct bytes name,
                      const char *reason);

/* A domain whose table is exact, for the small maps; nearest first. */
struct publish_source {
        const struct table *table;
        const char *name; /* for reports */
        bool local;       /* the machine's own */
};

/* Makes those of `images` that are map images, whole, into j->map; j->left_out tells what is not in them. 0
 * or errno. */
int publish_maps(const struct publish_source *sources, size_t n, const struct merge_rules *r, unsigned images,
                 struct job *j);

/* Makes the image of one kind as a delta upon p's base. False: it has to be made whole (not known what
 * changed, a contested key, too much, no memory); then j->map[kind] is NULL. *ret_count: records of the
 * domain. */
bool publish_delta(const struct publisher *p, const struct table *t, const struct merge_domain *like,
                   const struct merge_rules *r, enum snap_kind kind, struct job *j, uint32_t *ret_count);

#endif
