/* From the agent's table to the images in the folder. */
#ifndef NETINFO_AGENT_PUBLISH_H
#define NETINFO_AGENT_PUBLISH_H

#include "agent/config.h"
#include "agent/table.h"

struct publish_report {
        uint64_t generation;      /* 0: nothing was published */
        uint32_t users, groups;   /* records of the domain */
        uint32_t left_out;        /* of them, and members */
        char first_left_out[256]; /* the first one: "user eve: uid below min_id"; "" */
        char trouble[200];        /* what failed, or what the durable copy lacks; "" */
};

/* Makes these images (bits 1 << enum snap_kind) and publishes one generation. today: days since 1970. 0 or
 * errno. ret_report is always filled. */
int publish_images(const struct agent_config *c, const struct table *t, unsigned images, int64_t today,
                   struct publish_report *ret_report);

#endif
