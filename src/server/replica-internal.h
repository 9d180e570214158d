/* What the files of a domain's replica share. Everything but `mutex` and what stands below it belongs to the
 * replica's thread. */
#ifndef NETINFO_SERVER_REPLICA_INTERNAL_H
#define NETINFO_SERVER_REPLICA_INTERNAL_H

#include "client/client.h"
#include "replica/follow.h"
#include "replica/pull.h"
#include "server/replica.h"

#define REPLICA_CALL_MS  10000u /* for connecting and for each call to another server */
#define REPLICA_WATCH_MS 60000u /* a master looks so often whether it is still the only one */

struct replica {
        struct domain *d;
        pthread_t thread;
        int wake_fd; /* readable: there is something to look at */
        int stop_fd; /* readable: a command or the end, also in the middle of a call */
        char host[256], addresses[16][16];
        unsigned address_count;
        bool redact; /* what the configuration said at the start; decides nothing but a log line */
        struct store_origin origin;
        enum store_role role;
        struct follow follow;
        struct pull pull;
        struct client *client;     /* of `follow` */
        struct follow_point there; /* what its STATUS has said last */
        struct store *aside;       /* a copy under way, in `aside_folder` */
        char aside_folder[PATH_MAX];
        char said[LIMIT_WHERE + 1]; /* reason that was logged last: once each */
        uint64_t conflict_said_ms;
        pthread_mutex_t mutex; /* of all below */
        bool stopping;
        struct call *first, **last; /* commands */
        bool resync, crashed, pushed, pushed_badly;
        uint32_t crashed_sum;
        struct {
                enum store_origin_kind kind;
                uint64_t term, head;
                char where[LIMIT_WHERE + 1], state[LIMIT_WHO + 1], reason[LIMIT_WHERE + 1],
                        conflict[LIMIT_WHERE + 1];
                struct address master; /* of the historical master */
                bool has_master;
        } seen; /* by replica_show and the doors */
};

/* -- replica.c */
/* For SHOW, and into the log when it is new. reason: "" when all is well. */
void replica_tell(struct replica *r, const char *state, const char *reason);
/* Splits "server/tag" at the last slash. False: no such form. */
bool replica_where(const char *where, char server[LIMIT_WHERE + 1], char tag[LIMIT_TAG + 1]);
/* Connects to the place, with words on failure. */
enum ni_status replica_dial(struct replica *r, const char *where, unsigned timeout_ms, struct client **ret,
                            struct client_why *why);
/* Waits for so long, or until it is woken. */
void replica_wait(struct replica *r, uint32_t ms);
/* Stores r->origin. False: the store cannot be written (logged). */
bool replica_keep_origin(struct replica *r);
/* Is there a command, or the end? */
bool replica_has_news(struct replica *r);
/* The identity of the content that serves. False: it cannot be read. */
bool replica_point(struct replica *r, struct follow_point *ret);

/* -- replica_follow.c: one action of the core, and the event that came of it */
void replica_follow_begin(struct replica *r, struct follow_event *ret);
void replica_follow(struct replica *r, const struct follow_action *a, struct follow_event *ret);

/* -- replica_copy.c: the new store beside the one that serves */
bool replica_aside_new(struct replica *r);
void replica_aside_drop(struct replica *r);
/* Checks it as `ni store check` does, closes it and puts it in place of the one that serves; *ret is its
 * identity. told: what the master says of it, NULL when it says nothing. */
bool replica_aside_swap(struct replica *r, const struct follow_point *told, struct follow_point *ret);

/* -- replica_old.c: one READALL check with a historical master */
enum pull_result replica_read_all(struct replica *r);

/* -- replica_watch.c: are there other masters? */
void replica_watch(struct replica *r);

static inline struct follow_point point_of_info(const struct store_info *i)
{
        struct follow_point p = {.epoch = i->epoch, .seq = i->seq, .checksum = i->checksum};
        memcpy(p.uuid, i->uuid, sizeof(p.uuid));
        memcpy(p.digest, i->digest, sizeof(p.digest));
        return p;
}

#endif
