/* What the files of this room share: the state of one domain's search. */
#ifndef NETINFO_BINDING_INTERNAL_H
#define NETINFO_BINDING_INTERNAL_H

#include "binding/binding.h"

enum nearness { NEAR_OWN, NEAR_ATTACHED, NEAR_FAR };

enum probe_state { PROBE_FINDING, PROBE_PINGING, PROBE_ALIVE, PROBE_DEAD };

/* Is there a living server of this tag at this address? GETREGISTER directly; or by way of the port mapper,
 * and then PING. */
struct probe {
        struct binding_server server;
        uint16_t port; /* of its binder; 0: the usual places */
        bool here;
        bool direct; /* found at its own port, without a port mapper: asked there alone */
        enum nearness nearness;
        enum probe_state state;
        uint64_t next; /* try, or the end of the last one */
        unsigned tries;
        uint32_t xid_main, xid_mapper, xid_binder, xid_ping;
        uint16_t binder_port; /* from the port mapper; 0: not known */
        uint16_t found_port;  /* of the binder that knew the tag */
        uint16_t udp_port;    /* of the tag */
};

/* Whom to ask with NIBIND_BIND, and as whom. */
struct target {
        struct binding_server server;
        uint16_t port;
        uint32_t client, mask; /* of the interface */
        bool broadcast;
        enum nearness nearness;
        uint32_t xid_callit, xid_direct;
};

struct refused {
        struct binding_server server;
        uint64_t until;
};

enum phase {
        RESTING,  /* until `due`: a check when bound, else an attempt */
        LOOKING,  /* for `purpose` */
        PROBING,  /* probe[] */
        ASKING,   /* target[], in rounds */
        CHECKING, /* the parent, with `check` */
        CLIMBING, /* from `climbed`, for `before` */
};
enum purpose { TO_BIND, TO_COMPARE };

struct binding {
        char tag[LIMIT_TAG + 1];
        uint64_t now, random;
        enum phase phase, before; /* before: where a climb came from */
        enum purpose purpose;
        uint64_t due;
        bool again; /* something changed meanwhile: look once more when this is over */
        /* the answer */
        enum binding_state state;
        struct probe parent; /* bound: where it is */
        uint64_t alive, climb_due;
        bool replacing; /* a lost parent is still the answer until this attempt ends */
        bool kept;      /* the last climb found a loop that another server is to open */
        /* the attempt */
        bool attempted; /* one ended, at `ended` */
        bool looped;    /* in this attempt somebody was refused */
        uint64_t ended;
        uint32_t wait;
        struct binding_interface interface[LIMIT_PARENT_INTERFACES];
        struct binding_candidate candidate[LIMIT_PARENTS];
        struct binding_server own[LIMIT_PARENT_SERVERS];
        unsigned interfaces, candidates, owns;
        struct probe probe[LIMIT_PARENTS];
        struct target target[LIMIT_PARENT_TARGETS];
        unsigned probes, targets;
        unsigned round, asked; /* targets of this round: those nearer than `round` says */
        unsigned tries;
        uint64_t next;
        struct probe check, climbed;
        unsigned climb; /* number of the last one */
        struct refused refused[LIMIT_PARENT_REFUSED];
        struct binding_actions *out;
};

uint32_t binding_random(struct binding *b);
/* Between 3/4 and 5/4 of ms. */
uint64_t binding_about(struct binding *b, uint64_t ms);
bool binding_same(const struct binding_server *a, const struct binding_server *b);
/* An action of this kind, cleared; never NULL: what does not fit is overwritten by the next. */
struct binding_action *binding_act(struct binding *b, enum binding_action_kind kind);
/* The question to a port of this server. */
struct binding_action *binding_send(struct binding *b, enum binding_query query, uint32_t xid,
                                    const struct binding_server *to, uint16_t port);
void binding_tell(struct binding *b, enum binding_news news, const struct binding_server *s,
                  const char *reason);

/* -- world.c: from candidates to whom to probe and ask */
void world_take(struct binding *b, const struct binding_world *w);
/* Fills probe[] and target[], shuffled and by nearness. */
void world_expand(struct binding *b);
bool world_is_own(const struct binding *b, uint32_t addr);
/* A server of the own domain: it can be nobody's parent. */
bool world_is_us(const struct binding *b, const struct binding_server *s);
/* Is it (still) a candidate, itself or by broadcast, that may be reached? */
bool world_offers(const struct binding *b, const struct probe *parent);
/* Does this process serve it? */
bool world_is_here(const struct binding *b, const struct binding_server *s);
bool world_refuses(const struct binding *b, const struct binding_server *s);
void world_refuse(struct binding *b, const struct binding_server *s);

/* -- probe.c */
void probe_begin(struct binding *b, struct probe *p, uint64_t at);
/* The way it was found. */
void probe_begin_check(struct binding *b, struct probe *p);
/* Sends what is due; may end as PROBE_DEAD. */
void probe_run(struct binding *b, struct probe *p);
bool probe_wants(const struct probe *p, uint32_t xid, uint32_t from, uint16_t from_port,
                 enum binding_query *ret);
void probe_take(struct binding *b, struct probe *p, const struct binding_reply *r);

/* -- ask.c */
/* The first round that has somebody to ask; false: none is left. */
bool ask_begin(struct binding *b);
/* Sends what is due; false when all rounds are over. */
bool ask_run(struct binding *b);
/* The target whose question this answers, and which one; NULL: none. */
const struct target *ask_wants(const struct binding *b, uint32_t xid, uint32_t from, enum binding_query *ret);

#endif
