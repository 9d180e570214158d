#include "agent/maps-internal.h"

#include "agent/merge-internal.h"
#include "base/text.h"
#include "flat/flat.h"

#include <arpa/inet.h>
#include <stdio.h>

void maps_left_out(const struct maps_work *w, const char *what, const char *reason)
{
        if (w->sink->left_out)
                w->sink->left_out(w->sink->context, w->domain, what, merge_name(w->props), reason);
}

/* -- names */
bool maps_is_word(struct bytes b)
{
        for (size_t i = 0; i < b.len; i++)
                if (b.data[i] <= ' ' || b.data[i] == 0x7f || b.data[i] == '#')
                        return false;
        return b.len > 0 && b.len <= LIMIT_MAP_NAME;
}

/* What looks like an address is taken for one by every caller, and would never be asked for. */
bool maps_is_host_name(struct bytes b)
{
        bool address = true;
        for (size_t i = 0; i < b.len; i++) {
                if (b.data[i] == '/' || b.data[i] == ':' || b.data[i] == ',')
                        return false;
                address = address && (b.data[i] == '.' || (b.data[i] >= '0' && b.data[i] <= '9'));
        }
        return !address && b.len <= 255 && maps_is_word(b);
}

struct namelist maps_values(const struct maps_work *w, const char *key)
{
        struct prop_walk p;
        if (!prop_find(w->props, bytes_str(key), &p))
                return (struct namelist){NULL, 0};
        struct xdr_in in = xdr_in(p.values);
        return xdr_namelist(&in, w->arena);
}

bool maps_read_names(struct maps_work *w, const char *what, bool (*usable)(struct bytes))
{
        const struct namelist names = maps_values(w, "name");
        w->names = names.v;
        w->name_count = 0;
        if (names.n == 0)
                return maps_left_out(w, what, "no name"), false;
        if (!usable(names.v[0]))
                return maps_left_out(w, what, "the name is not usable"), false;
        for (uint32_t i = 0; i < names.n && w->name_count < LIMIT_MAP_NAMES; i++)
                if (usable(names.v[i]))
                        w->names[w->name_count++] = names.v[i];
        if (names.n > LIMIT_MAP_NAMES)
                maps_left_out(w, what, "it has more than 1000 names: those behind are left out");
        return true;
}

struct namelist maps_few(const struct maps_work *w, const char *key, const char *what)
{
        struct namelist l = maps_values(w, key);
        if (l.n > LIMIT_MAP_VALUES) {
                maps_left_out(w, what, "more than 64 of them: those behind are left out");
                l.n = LIMIT_MAP_VALUES;
        }
        return l;
}

/* -- keys */
bool maps_afford(struct maps_work *w, const char *what, size_t n)
{
        if (n > *w->keys_left) {
                maps_left_out(w, what, "the map is full: it holds 8000000 names and numbers");
                return false;
        }
        *w->keys_left -= n;
        return true;
}

bool maps_keys(struct maps_work *w, size_t n)
{
        w->keys = arena_zalloc(w->arena, n + 1, sizeof(*w->keys));
        w->key_count = 0;
        return w->keys != NULL;
}

void maps_add_key(struct maps_work *w, char space, struct bytes key)
{
        uint8_t *to = arena_alloc(w->arena, key.len + 1);
        if (!to)
                return;
        to[0] = (uint8_t)space;
        if (key.len)
                memcpy(to + 1, key.data, key.len);
        w->keys[w->key_count++] = bytes_of(to, key.len + 1);
}

void maps_add_host(struct maps_work *w, struct bytes name)
{
        if (name.len > 1 && name.data[name.len - 1] == '.')
                name.len--;
        maps_add_folded(w, name);
}

void maps_add_folded(struct maps_work *w, struct bytes name)
{
        uint8_t *to = arena_alloc(w->arena, name.len);
        if (!to)
                return;
        for (size_t i = 0; i < name.len; i++) {
                const uint8_t c = name.data[i];
                to[i] = c >= 'A' && c <= 'Z' ? (uint8_t)(c - 'A' + 'a') : c;
        }
        maps_add_key(w, SNAP_KEY_NAME, bytes_of(to, name.len));
}

void maps_add_number(struct maps_work *w, uint32_t number, struct bytes behind)
{
        uint8_t *to = arena_alloc(w->arena, sizeof(number) + behind.len);
        if (!to)
                return;
        xdr_store(to, number);
        if (behind.len)
                memcpy(to + sizeof(number), behind.data, behind.len);
        maps_add_key(w, SNAP_KEY_NUMBER, bytes_of(to, sizeof(number) + behind.len));
}

/* -- addresses */
/* 1-4 decimal numbers between dots, each at most 255 but the last, which fills what is left. */
static unsigned numbers(struct bytes text, uint32_t ret[4])
{
        unsigned n = 0;
        for (struct bytes rest = text;; n++) {
                const size_t end = bytes_find(rest, '.');
                if (n == 4 || end > 10 || !text_u32(bytes_sub(rest, 0, end), &ret[n]) ||
                    (end != rest.len && ret[n] > 255))
                        return 0;
                if (end == rest.len)
                        return n + 1;
                rest = bytes_sub(rest, end + 1, rest.len);
        }
}

bool maps_ipv4(struct bytes text, uint8_t ret[4])
{
        uint32_t part[4], address = 0;
        const unsigned n = numbers(text, part);
        if (n == 0 || (n > 1 && part[n - 1] >> (8 * (5 - n))))
                return false;
        for (unsigned i = 0; i + 1 < n; i++)
                address |= part[i] << (24 - 8 * i);
        xdr_store(ret, address | part[n - 1]);
        return true;
}

bool maps_network(struct bytes text, uint32_t *ret)
{
        uint32_t part[4], net = 0;
        const unsigned n = numbers(text, part);
        if (n == 0 || part[n - 1] > 255)
                return false;
        for (unsigned i = 0; i < n; i++)
                net |= part[i] << (24 - 8 * i);
        /* Octets that the text leaves out at the front are zeros there: 0.10 is net 10. */
        while (net && !(net & 0xff000000))
                net <<= 8;
        *ret = net;
        return true;
}

bool maps_ipv6(struct bytes text, uint8_t ret[16])
{
        char copy[INET6_ADDRSTRLEN];
        if (text.len == 0 || text.len >= sizeof(copy))
                return false;
        memcpy(copy, text.data, text.len);
        copy[text.len] = '\0';
        return inet_pton(AF_INET6, copy, ret) == 1;
}

bool maps_ether(struct bytes text, uint8_t ret[6])
{
        struct arena a;
        struct bytes canonical;
        unsigned part[6];
        arena_init(&a, 0);
        const bool ok = flat_canonical_ether(text, &a, &canonical) &&
                        sscanf((const char *)canonical.data, "%x:%x:%x:%x:%x:%x", &part[0], &part[1],
                               &part[2], &part[3], &part[4], &part[5]) == 6;
        for (unsigned i = 0; ok && i < 6; i++)
                ret[i] = (uint8_t)part[i];
        arena_done(&a);
        return ok;
}

/* -- the maps */
static const struct {
        unsigned tops;
        maps_convert *convert; /* NULL: made from several directories at once */
} how[SNAP_KINDS] = {
        [SNAP_HOSTS] = {1u << TOP_MACHINES, maps_host},
        [SNAP_NETWORKS] = {1u << TOP_NETWORKS, maps_network_record},
        [SNAP_SERVICES] = {1u << TOP_SERVICES, maps_service},
        [SNAP_PROTOCOLS] = {1u << TOP_PROTOCOLS, maps_protocol},
        [SNAP_RPC] = {1u << TOP_RPCS, maps_rpc},
        [SNAP_ETHERS] = {1u << TOP_MACHINES, maps_ethers},
        [SNAP_ALIASES] = {1u << TOP_ALIASES, maps_alias},
        [SNAP_NETGROUP] = {1u << TOP_NETGROUPS | 1u << TOP_MACHINES | 1u << TOP_USERS | 1u << TOP_NETDOMAINS,
                           NULL},
        [SNAP_GSHADOW] = {1u << TOP_GROUPS, NULL},
};

unsigned maps_tops(enum snap_kind kind)
{
        return how[kind].tops;
}

static bool each_record(maps_convert *convert, const struct maps_domain *d, unsigned top, struct arena *a,
                        size_t *keys_left, const struct maps_sink *sink)
{
        for (size_t i = 0; i < d->top[top].n; i++) {
                struct maps_work w = {.sink = sink,
                                      .domain = d,
                                      .arena = a,
                                      .props = d->top[top].v[i],
                                      .keys_left = keys_left};
                arena_reset(a);
                if (!convert(&w) || a->failed)
                        return false;
        }
        return true;
}

bool maps_make(enum snap_kind kind, const struct maps_domain *domains, size_t n, const struct merge_rules *r,
               const struct maps_sink *sink)
{
        struct arena a;
        size_t keys_left = LIMIT_MAP_KEYS;
        bool ok = true;
        if (kind == SNAP_NETGROUP)
                return maps_netgroups(domains, n, r, sink);
        if (kind == SNAP_GSHADOW)
                return maps_gshadow(domains, n, r, sink);
        const unsigned top = (unsigned)__builtin_ctz(how[kind].tops);
        arena_init(&a, 0);
        for (size_t d = 0; ok && d < n; d++)
                ok = each_record(how[kind].convert, &domains[d], top, &a, &keys_left, sink);
        arena_done(&a);
        return ok;
}
