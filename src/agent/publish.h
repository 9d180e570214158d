/* From the agent's table to the images in the folder: whole, or what changed since as a delta upon them
 * (doc/agent.md "Publishing"). */
#ifndef NETINFO_AGENT_PUBLISH_H
#define NETINFO_AGENT_PUBLISH_H

#include "agent/config.h"
#include "agent/table.h"

struct publish_report {
        uint64_t generation;    /* 0: nothing was published */
        uint32_t users, groups; /* records of the domain */
        uint32_t left_out;      /* of them, and members */
        unsigned deltas;        /* images published as a delta: bits 1 << enum snap_kind */
        unsigned grown;         /* of these: so large that a quiet moment should be used (publisher_forget) */
        char first_left_out[256]; /* the first one: "user eve: uid below min_id"; "" */
        char trouble[200];        /* what failed, or what the durable copy lacks; "" */
};

/* Remembers the whole images it published last, on which deltas lie. */
struct publisher;
struct publisher *publisher_new(void); /* NULL: no memory */
void publisher_free(struct publisher *p);
/* The rules or the folder may be others from now on: all images have to be made whole again. */
void publisher_forget(struct publisher *p);

/* Makes these images (bits 1 << enum snap_kind) and publishes one generation. today: days since 1970. The
 * table begins to count anew when images were made whole (table_begin). 0 or errno. ret_report is always
 * filled. */
int publish_images(struct publisher *p, const struct agent_config *c, struct table *t, unsigned images,
                   int64_t today, struct publish_report *ret_report);

#endif
