/* Hosts, services and the other maps: the nearest record that has the name or number answers. */
#include "agent/maps.h"
#include "base/text.h"
#include "tools/explain.h"

#include <arpa/inet.h>
#include <netinet/ether.h>

static const struct map {
        const char *kind, *database, *top;
        enum snap_kind image;
        enum table_top children;
        const char *number;       /* the key of a KEY that is a number; NULL: none */
        const char *const *shown; /* properties that say what it is */
} maps[] = {
        {"host", "hosts", "/machines", SNAP_HOSTS, TOP_MACHINES, NULL,
         (const char *const[]){"ip_address", "ipv6_address", "en_address", "serves", NULL}},
        {"network", "networks", "/networks", SNAP_NETWORKS, TOP_NETWORKS, "address",
         (const char *const[]){"address", NULL}},
        {"service", "services", "/services", SNAP_SERVICES, TOP_SERVICES, "port",
         (const char *const[]){"port", "protocol", NULL}},
        {"protocol", "protocols", "/protocols", SNAP_PROTOCOLS, TOP_PROTOCOLS, "number",
         (const char *const[]){"number", NULL}},
        {"rpc", "rpc", "/rpcs", SNAP_RPC, TOP_RPCS, "number", (const char *const[]){"number", NULL}},
        {"ethers", "ethers", "/machines", SNAP_ETHERS, TOP_MACHINES, NULL,
         (const char *const[]){"en_address", "ip_address", NULL}},
        {"alias", "aliases", "/aliases", SNAP_ALIASES, TOP_ALIASES, NULL,
         (const char *const[]){"members", NULL}},
};

static const struct map *find_map(const char *kind)
{
        for (size_t i = 0; i < sizeof(maps) / sizeof(maps[0]); i++)
                if (strcmp(maps[i].kind, kind) == 0)
                        return &maps[i];
        return NULL;
}

bool explain_is_map(const char *kind)
{
        return find_map(kind) != NULL;
}

static const char *key_of(const struct map *m, const char *key)
{
        uint8_t address[16];
        if (m->image == SNAP_ETHERS)
                return ether_aton(key) ? "en_address" : "name";
        if (strcmp(m->kind, "host") == 0) {
                if (inet_pton(AF_INET, key, address) == 1)
                        return "ip_address";
                return inet_pton(AF_INET6, key, address) == 1 ? "ipv6_address" : "name";
        }
        return m->number && key[0] >= '0' && key[0] <= '9' ? m->number : "name";
}

static json_t *values_of(const struct map *m, const struct explain_record *r)
{
        json_t *all = json_object();
        for (const char *const *k = m->shown; *k; k++) {
                struct prop_walk w;
                struct bytes v;
                if (!prop_find(r->props, bytes_str(*k), &w))
                        continue;
                json_t *list = json_array();
                for (uint32_t i = 0; i < w.count && i < 100 && namelist_at(w.values, i, &v); i++)
                        json_array_append_new(list, talk_json_bytes(v));
                json_object_set_new(all, *k, list);
        }
        return all;
}

/* -- one record, judged by the agent's own rules */
struct judge {
        bool published;
        const char *reason; /* static text of the agent */
};

static bool take_record(void *context, const struct snap_map_record *r)
{
        struct judge *j = context;
        (void)r;
        j->published = true;
        return true;
}

static void take_left_out(void *context, const struct maps_domain *d, const char *what, struct bytes name,
                          const char *reason)
{
        struct judge *j = context;
        (void)d;
        (void)what;
        (void)name;
        j->reason = reason;
}

/* Published? Then *ret_why is what is left out of it, or NULL; else why not. */
static bool judge(const struct explain *x, const struct map *m, const struct explain_record *r,
                  const char **ret_why)
{
        struct judge j = {.published = false};
        const struct maps_sink sink = {.record = take_record, .left_out = take_left_out, .context = &j};
        struct maps_domain d = {.name = x->level[r->level].name, .local = x->level[r->level].local};
        d.top[m->children] = (struct maps_children){&r->props, 1};
        if (!maps_make(m->image, &d, 1, &x->merge, &sink))
                j.published = false;
        *ret_why = j.reason || j.published ? j.reason : "it gives nothing that a lookup could answer";
        return j.published;
}

#define OCTETS(o) (o)[0], (o)[1], (o)[2], (o)[3], (o)[4], (o)[5]

/* People write an Ethernet address in more ways than one, and so do records. */
static void find_ether(struct explain *x, const char *top, const char *key, struct explain_records *ret)
{
        const struct ether_addr e = *ether_aton(key);
        const uint8_t *o = e.ether_addr_octet;
        struct arena *a = &x->t->arena;
        const char *const written[] = {arena_printf(a, "%x:%x:%x:%x:%x:%x", OCTETS(o)),
                                       arena_printf(a, "%02x:%02x:%02x:%02x:%02x:%02x", OCTETS(o)),
                                       arena_printf(a, "%02X:%02X:%02X:%02X:%02X:%02X", OCTETS(o)), key};
        for (size_t i = 0; i < sizeof(written) / sizeof(written[0]); i++)
                if (written[i])
                        explain_find(x, top, "en_address", bytes_str(written[i]), ret);
        explain_by_level(ret);
}

json_t *explain_map(struct explain *x, const char *kind, const char *key)
{
        const struct map *m = find_map(kind);
        struct explain_records l = {NULL, 0};
        json_t *j = json_pack("{s:s,s:o}", "kind", kind, "asked", talk_json_bytes(bytes_str(key)));
        json_t *items = json_array();
        const char *property = key_of(m, key), *winner = NULL;
        if (strcmp(property, "en_address") == 0)
                find_ether(x, m->top, key, &l);
        else
                explain_find(x, m->top, property, bytes_str(key), &l);
        for (unsigned i = 0; i < l.n; i++) {
                const char *why;
                const bool published = judge(x, m, &l.v[i], &why);
                const char *verdict = !published ? "left out" : winner ? "hidden" : "answers";
                if (published && winner)
                        why = arena_printf(&x->t->arena, "%s is nearer, or its record comes first", winner);
                else if (published && why)
                        why = arena_printf(&x->t->arena, "without a part of it: %s", why);
                json_t *item = explain_item(x, &l.v[i], verdict, why);
                json_object_set_new(item, "values", values_of(m, &l.v[i]));
                json_array_append_new(items, item);
                if (strcmp(verdict, "answers") == 0)
                        winner = x->level[l.v[i].level].name;
        }
        json_object_set_new(j, "key", json_string(property));
        json_object_set_new(j, "by_name", items);
        explain_libc(x, j, m->database, key, winner ? "" : NULL, EXPLAIN_PRESENCE);
        return j;
}
