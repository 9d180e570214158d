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
        unsigned begun;         /* images that a process beside has begun to make */
        unsigned made;    /* images of the process beside that are live now, or newer ones of the kind */
        unsigned missing; /* images that nobody has asked for, and that are not live: somebody removed them */
        unsigned left;    /* images that were asked for and wait: for that process, or for the next */
        bool again;       /* it failed, perhaps because the images are not the ones that deltas were made for:
                             another try makes whole ones */
        char first_left_out[256]; /* the first one: "user eve: uid below min_id"; "" */
        char trouble[200];        /* what failed, or what the durable copy lacks; "" */
};

/* Remembers the whole images it published last, on which deltas lie, and the process that makes new ones. */
struct publisher;
struct publisher *publisher_new(void); /* NULL: no memory */
void publisher_free(struct publisher *p);
/* The rules or the domains may be others from now on: all images have to be made whole again. What is being
 * made beside is published nevertheless, if it is newer than what is live: domains that come and go without
 * end must not keep everybody else's changes back. */
void publisher_forget(struct publisher *p);
/* The folders are others from now on: nothing was published there, so the first publication shows everything.
 */
void publisher_elsewhere(struct publisher *p);
/* Ends the process beside, if there is one, and what it has made goes. */
void publisher_abort(struct publisher *p);
/* Ends it; publish_finish says that it failed. */
void publisher_give_up(struct publisher *p);
/* A descriptor that becomes readable when the process beside is at its end; -1: there is none. */
int publisher_fd(const struct publisher *p);
bool publisher_is_busy(const struct publisher *p);

struct publish_domain {
        const char *name;    /* for reports: "local", "network at 10.0.0.1" */
        bool local;          /* the machine's own: trusted with every id */
        struct table *table; /* exact */
};

struct publish_what {
        const struct agent_config *config;
        const struct publish_domain *domains; /* nearest first. Which there are must not change without
                                                 publisher_forget */
        size_t n;                             /* at most LIMIT_DEPTH */
        unsigned images;                      /* that are to be made: bits 1 << enum snap_kind */
        bool whole;                           /* without deltas, though they may be possible */
        bool may_begin;                       /* a process beside, if it is needed */
        int64_t today;                        /* days since 1970 */
        const struct own *own; /* this machine's own accounts, may be NULL; when they are others,
                                  publisher_forget */
        pthread_mutex_t *lock; /* may be NULL; held by the caller, and let go while files are written: the
                                  tables may change then, or be others afterwards */
};

/* Makes these images, and publishes one generation. Where that takes long (config->beside), a process beside
 * begins to make them, and until it is at its end images that can be made as deltas are published without
 * it. The tables begin to count anew when images are made whole (table_begin, table_mark). 0 or errno.
 * ret_report is always filled. */
int publish_images(struct publisher *p, const struct publish_what *w, struct publish_report *ret_report);
/* The process beside is at its end: publishes what it has made together with w->images, and with what
 * changed since it began. When that cannot be put into deltas, its images are published as they are, unless
 * something newer was published meanwhile: then nothing is, and all that `left` says must be made again. 0 or
 * errno, also when the process failed. */
int publish_finish(struct publisher *p, const struct publish_what *w, struct publish_report *ret_report);

#endif
