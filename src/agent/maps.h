/* From the records of several domains to the records of the small maps: hosts networks services protocols rpc
 * ethers netgroup aliases gshadow. Who wins, what is united, and what is never published:
 * doc/resolution.md 2.2, 10.1, 10.2; doc/agent.md "Maps". Pure: records in, records out. */
#ifndef NETINFO_AGENT_MAPS_H
#define NETINFO_AGENT_MAPS_H

#include "agent/merge.h"
#include "agent/table.h"

struct maps_children {
        const struct bytes *v; /* encoded ni_proplist each, in order; borrowed */
        size_t n;
};

struct maps_domain {
        const char *name; /* for reports: "local", "/harbor" */
        bool local;       /* the machine's own */
        struct maps_children top[TABLE_TOPS];
};

/* What comes out, in rank order. Strings live until the call returns. A false ends the work. */
struct maps_sink {
        bool (*record)(void *context, const struct snap_map_record *r);
        /* A record, or a part of it, that is not published; NULL: nobody asks. */
        void (*left_out)(void *context, const struct maps_domain *d, const char *what, struct bytes name,
                         const char *reason);
        void *context;
};

/* Which children the map of this kind is made of: bits 1 << enum table_top. */
unsigned maps_tops(enum snap_kind kind);

/* Does a group's record belong to gshadow, that is, has it a password or administrators? Of another one the
 * map group says everything, and what happens to its members need not touch gshadow, which is made whole. */
bool maps_is_of_gshadow(struct bytes props);

/* Makes all records of the map; domains nearest first. False: the sink said so, or memory is out. */
bool maps_make(enum snap_kind kind, const struct maps_domain *domains, size_t n, const struct merge_rules *r,
               const struct maps_sink *sink);

#endif
