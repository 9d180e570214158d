/* hosts, ethers, networks: doc/resolution.md 2.2, 3, 17.3. */
#include "agent/maps-internal.h"

/* Addresses of one host. */
struct addresses {
        uint8_t *v;
        size_t n;
};

/* A name for this machine itself is never taken from another domain (RFC 6761 6.3). Connecting to 0.0.0.0 or
 * :: leads here, too, and so do IPv4 addresses in IPv6. */
static bool is_loopback(const uint8_t *address, size_t size)
{
        static const uint8_t zeros[15], mapped[12] = {[10] = 0xff, 0xff};
        if (size == 4)
                return address[0] == 127 || address[0] == 0;
        if (memcmp(address, mapped, sizeof(mapped)) == 0)
                return is_loopback(address + sizeof(mapped), 4);
        return memcmp(address, zeros, sizeof(zeros)) == 0 && address[15] <= 1;
}

static bool is_localhost(struct bytes name)
{
        static const char word[] = "localhost";
        const size_t n = sizeof(word) - 1;
        if (name.len && name.data[name.len - 1] == '.')
                name.len--;
        if (name.len < n || (name.len > n && name.data[name.len - n - 1] != '.'))
                return false;
        for (size_t i = 0; i < n; i++)
                if ((name.data[name.len - n + i] | 0x20) != (uint8_t)word[i])
                        return false;
        return true;
}

static bool is_foreign_name(struct bytes b)
{
        return maps_is_host_name(b) && !is_localhost(b);
}

static struct addresses read_addresses(const struct maps_work *w, const char *key, size_t size,
                                       bool (*parse)(struct bytes, uint8_t *))
{
        const struct namelist texts = maps_values(w, key);
        struct addresses a = {arena_alloc(w->arena, (size_t)texts.n * size), 0};
        for (uint32_t i = 0; a.v && i < texts.n; i++) {
                uint8_t *const to = a.v + a.n * size;
                if (!parse(texts.v[i], to))
                        maps_left_out(w, "an address of host", "it is no address");
                else if (!w->domain->local && is_loopback(to, size))
                        maps_left_out(w, "an address of host", "loopback, from another domain");
                else
                        a.n++;
        }
        return a;
}

bool maps_host(struct maps_work *w)
{
        if (!maps_read_names(w, "host", w->domain->local ? maps_is_host_name : is_foreign_name))
                return true;
        const struct addresses four = read_addresses(w, "ip_address", 4, maps_ipv4);
        const struct addresses six = read_addresses(w, "ipv6_address", 16, maps_ipv6);
        if (!maps_afford(w, "host", w->name_count + four.n + six.n))
                return true;
        if (!maps_keys(w, w->name_count + four.n + six.n))
                return false;
        for (size_t i = 0; i < w->name_count; i++)
                maps_add_host(w, w->names[i]);
        for (size_t i = 0; i < four.n; i++)
                maps_add_key(w, SNAP_KEY_ADDRESS, bytes_of(four.v + i * 4, 4));
        for (size_t i = 0; i < six.n; i++)
                maps_add_key(w, SNAP_KEY_ADDRESS, bytes_of(six.v + i * 16, 16));
        return !w->arena->failed &&
               w->sink->record(w->sink->context, &(struct snap_map_record){.name = w->names[0],
                                                                           .first = w->names + 1,
                                                                           .first_count = w->name_count - 1,
                                                                           .addresses4 = four.v,
                                                                           .addresses4_count = four.n,
                                                                           .addresses16 = six.v,
                                                                           .addresses16_count = six.n,
                                                                           .keys = w->keys,
                                                                           .key_count = w->key_count});
}

/* A host without Ethernet address is none of this map's, and nothing is wrong with it. */
bool maps_ethers(struct maps_work *w)
{
        const struct namelist texts = maps_few(w, "en_address", "Ethernet addresses of host");
        if (texts.n == 0 || !maps_read_names(w, "ethers of host", maps_is_host_name))
                return true;
        for (uint32_t i = 0; i < texts.n; i++) {
                uint8_t address[8] = {0};
                if (!maps_ether(texts.v[i], address)) {
                        maps_left_out(w, "an en_address of host", "it is no Ethernet address");
                        continue;
                }
                if (!maps_afford(w, "ethers of host", w->name_count + 1))
                        return true;
                if (!maps_keys(w, w->name_count + 1))
                        return false;
                for (size_t k = 0; k < w->name_count; k++)
                        maps_add_host(w, w->names[k]);
                maps_add_key(w, SNAP_KEY_ADDRESS, bytes_of(address, 6));
                if (w->arena->failed ||
                    !w->sink->record(w->sink->context, &(struct snap_map_record){.name = w->names[0],
                                                                                 .addresses4 = address,
                                                                                 .addresses4_count = 2,
                                                                                 .keys = w->keys,
                                                                                 .key_count = w->key_count}))
                        return false;
        }
        return true;
}

bool maps_network_record(struct maps_work *w)
{
        if (!maps_read_names(w, "network", maps_is_word))
                return true;
        const struct namelist texts = maps_few(w, "address", "addresses of network");
        if (texts.n == 0)
                maps_left_out(w, "network", "no address");
        for (uint32_t i = 0; i < texts.n; i++) {
                uint32_t net;
                if (!maps_network(texts.v[i], &net)) {
                        maps_left_out(w, "an address of network", "it is no network number");
                        continue;
                }
                if (!maps_afford(w, "network", w->name_count + 1))
                        return true;
                if (!maps_keys(w, w->name_count + 1))
                        return false;
                for (size_t k = 0; k < w->name_count; k++)
                        maps_add_folded(w, w->names[k]);
                maps_add_number(w, net, BYTES_NONE);
                if (w->arena->failed ||
                    !w->sink->record(w->sink->context,
                                     &(struct snap_map_record){.name = w->names[0],
                                                               .first = w->names + 1,
                                                               .first_count = w->name_count - 1,
                                                               .number = net,
                                                               .keys = w->keys,
                                                               .key_count = w->key_count}))
                        return false;
        }
        return true;
}
