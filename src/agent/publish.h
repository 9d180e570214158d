/* From the agent's tables to the images in the folder: whole, or what changed since as a delta upon them
 * (doc/agent.md "Publishing"). */
#ifndef NETINFO_AGENT_PUBLISH_H
#define NETINFO_AGENT_PUBLISH_H

#include "agent/config.h"
#include "agent/own.h"
#include "agent/table.h"

#include <pthread.h>

struct publish_report {
        uint64_t generation;    /* 0: nothing was published */
        uint32_t users, groups; /* records of all domains */
        uint32_t left_out;      /* of them, and members */
        unsigned deltas;        /* images published as a delta: bits 1 << enum snap_kind */
        unsigned grown;         /* of these: so large that a quiet moment should be used (publisher_forget) */
        bool again; /* it failed, perhaps because the images are not the ones that deltas were made for:
                       another try makes whole ones */
        char first_left_out[256]; /* the first one: "user eve: uid below min_id"; "" */
        char trouble[200];        /* what failed, or what the durable copy lacks; "" */
};

/* Remembers the whole images it published last, on which deltas lie. */
struct publisher;
struct publisher *publisher_new(void); /* NULL: no memory */
void publisher_free(struct publisher *p);
/* The rules or the folder may be others from now on: all images have to be made whole again. */
void publisher_forget(struct publisher *p);

struct publish_domain {
        const char *name;    /* for reports: "local", "network at 10.0.0.1" */
        bool local;          /* the machine's own: trusted with every id */
        struct table *table; /* exact */
};

/* Makes these images (bits 1 << enum snap_kind) of n domains (at most LIMIT_DEPTH), nearest first, and
 * publishes one generation. today: days since 1970. Which domains there are must not change without
 * publisher_forget. The tables begin to count anew when images are made whole (table_begin). own: this
 * machine's own accounts, may be NULL; when they are others, publisher_forget. lock (may be NULL) is held by
 * the caller, and let go while files are written: the tables may change then, or be others afterwards. 0 or
 * errno. ret_report is always filled. */
int publish_images(struct publisher *p, const struct agent_config *c, const struct publish_domain *domains,
                   size_t n, unsigned images, int64_t today, const struct own *own, pthread_mutex_t *lock,
                   struct publish_report *ret_report);

#endif
