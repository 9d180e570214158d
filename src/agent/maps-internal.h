/* What the files that make maps share. */
#ifndef NETINFO_AGENT_MAPS_INTERNAL_H
#define NETINFO_AGENT_MAPS_INTERNAL_H

#include "agent/maps.h"

/* The work on one record. */
struct maps_work {
        const struct maps_sink *sink;
        const struct maps_domain *domain;
        struct arena *arena; /* of one record */
        struct bytes props;
        struct bytes *names; /* the usable ones */
        size_t name_count;
        struct bytes *keys;
        size_t key_count;
        size_t *keys_left; /* of LIMIT_MAP_KEYS, for all records of the map */
};

void maps_left_out(const struct maps_work *w, const char *what, const char *reason);

/* A word: not empty, not too long, no blanks, no control characters, no '#'. */
bool maps_is_word(struct bytes b);
bool maps_is_host_name(struct bytes b);
/* The usable names of w->props into w; false: the record was left out, because its first name is not usable.
 * `what` is what it is called in reports. */
bool maps_read_names(struct maps_work *w, const char *what, bool (*usable)(struct bytes));
/* All values of a property; in the record's arena or borrowed from it. */
struct namelist maps_values(const struct maps_work *w, const char *key);

/* Are n more keys within what a map may hold? Reports the record, called `what`, when they are not. */
bool maps_afford(struct maps_work *w, const char *what, size_t n);
/* The first LIMIT_MAP_VALUES of a list that is multiplied with the names. */
struct namelist maps_few(const struct maps_work *w, const char *key, const char *what);
/* Room for n keys; false: no memory. Then they are added one by one; memory that was out shows in the arena.
 */
bool maps_keys(struct maps_work *w, size_t n);
void maps_add_key(struct maps_work *w, char space, struct bytes key);
void maps_add_folded(struct maps_work *w, struct bytes name); /* space 'n', A-Z as a-z */
void maps_add_host(struct maps_work *w, struct bytes name);   /* the same without a dot at the end */
void maps_add_number(struct maps_work *w, uint32_t number, struct bytes behind);

/* Addresses in text: 10.1 is 10.0.0.1, leading zeros are decimal (doc/resolution.md 2.2). */
bool maps_ipv4(struct bytes text, uint8_t ret[4]);
bool maps_ipv6(struct bytes text, uint8_t ret[16]);
bool maps_ether(struct bytes text, uint8_t ret[6]);
/* A network number, padded on the right: 10 is 0x0a000000. */
bool maps_network(struct bytes text, uint32_t *ret);

/* One record of a domain: false ends the work. */
typedef bool maps_convert(struct maps_work *w);
maps_convert maps_host, maps_ethers, maps_network_record, maps_service, maps_protocol, maps_rpc, maps_alias;

bool maps_netgroups(const struct maps_domain *domains, size_t n, const struct merge_rules *r,
                    const struct maps_sink *sink);
bool maps_gshadow(const struct maps_domain *domains, size_t n, const struct merge_rules *r,
                  const struct maps_sink *sink);

#endif
