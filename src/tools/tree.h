/* The hierarchy of domains as it can be seen from here: every domain below a root, its servers, and what each
 * of them says of itself. Servers are asked side by side, each with a deadline. */
#ifndef NETINFO_TOOLS_TREE_H
#define NETINFO_TOOLS_TREE_H

#include "api/locate.h"
#include "base/arena.h"

#include <stdint.h>

#define TREE_DOMAINS_MOST 4096u  /* a fleet of so many machines, each with a local domain */
#define TREE_SERVERS_MOST 16384u /* of all domains together */
#define TREE_THREADS      64u    /* asking at the same time: most of them wait for the dead */
#define TREE_MS           60000u /* for all of it; servers not asked by then are said to be so */

enum tree_state {
        TREE_ASKING,
        TREE_ANSWERS,
        TREE_HISTORICAL, /* answers, and does not know the extension program */
        TREE_SILENT,     /* nobody there, or no answer in time: `why` */
        TREE_SKIPPED,    /* not asked: below --depth, or a domain that was seen before */
};

struct tree_server {
        const char *machine; /* its name in /machines; "" when unknown */
        struct located_server at;
        enum tree_state state;
        const char *why; /* SILENT */
        /* ANSWERS; of HISTORICAL only checksum */
        const char *version;
        uint32_t role; /* 0 master, 1 clone */
        uint8_t uuid[16];
        uint64_t epoch, seq;
        uint32_t checksum;
        uint8_t digest[16]; /* 0: not shown to us */
        int64_t clock_us;   /* the server's clock minus ours */
        uint32_t took_ms;
};

struct tree_domain {
        const char *name; /* component; "/" for the root */
        uint32_t parent;  /* index; its own for the first domain */
        uint32_t depth;
        struct tree_server *servers;
        uint32_t server_count;
        uint32_t *children; /* indices, in the order of /machines */
        uint32_t child_count;
        bool listed;           /* /machines was read: the children are known */
        bool here;             /* the domain that this machine calls "." */
        const char *note;      /* why its children are not known, or that it is a domain seen before; NULL */
        uint32_t nowhere;      /* serves values of children whose machine has no ip_address */
        const char *a_nowhere; /* the first of them: "vellum: harbor/harbor"; NULL */
};

struct tree {
        struct arena arena;
        struct tree_domain *v; /* v[0] is the top */
        uint32_t n, servers;
        bool cut; /* more domains or servers than this keeps */
};

/* Grows it from the top's servers down to `depth` levels; each call waits timeout_ms at most. False: out of
 * memory. Free it in any case. `here` (may be NULL): the machine's own local domain. */
bool tree_grow(const struct located *top, const char *top_name, const struct located_server *here,
               unsigned depth, unsigned timeout_ms, struct tree *ret);
void tree_done(struct tree *t);

/* The server that the others are compared with: the master that answers, else the one with the newest change;
 * NULL: nobody answers. */
const struct tree_server *tree_reference(const struct tree_domain *d);
/* What is wrong with a server that answers, compared with the reference: "2 changes behind", "another
 * history", "differs at the same change", "a second master"; NULL: nothing. */
const char *tree_trouble(const struct tree_domain *d, const struct tree_server *s, struct arena *a);
/* "tag@10.0.0.1" */
const char *tree_address(const struct tree_server *s, struct arena *a);

#endif
