/* hosts, ethers, networks, bootptab, bootparams (doc/tools.md 6.6-6.8, 6.13, 6.14). */
#include "base/text.h"
#include "flat/flat-internal.h"

#include <arpa/inet.h>
#include <stdio.h>

/* n decimal octets between dots; leading zeros are decimal too, as in a hosts file of old. */
static unsigned octets(struct bytes text, unsigned most, uint8_t *ret)
{
        unsigned n = 0;
        for (struct bytes rest = text;; n++) {
                const size_t end = bytes_find(rest, '.');
                uint64_t v;
                if (n == most || end > 3 || !text_u64(bytes_sub(rest, 0, end), 255, &v))
                        return 0;
                ret[n] = (uint8_t)v;
                if (end == rest.len)
                        return n + 1;
                rest = bytes_sub(rest, end + 1, rest.len);
        }
}

bool flat_canonical_ipv4(struct bytes text, struct arena *a, struct bytes *ret)
{
        uint8_t o[4];
        if (octets(text, 4, o) != 4)
                return false;
        const char *s = arena_printf(a, "%u.%u.%u.%u", o[0], o[1], o[2], o[3]);
        if (s)
                *ret = bytes_str(s);
        return s != NULL;
}

bool flat_canonical_ipv6(struct bytes text, struct arena *a, struct bytes *ret)
{
        char in[INET6_ADDRSTRLEN], out[INET6_ADDRSTRLEN];
        struct in6_addr addr;
        if (text.len == 0 || text.len >= sizeof(in))
                return false;
        memcpy(in, text.data, text.len);
        in[text.len] = 0;
        if (inet_pton(AF_INET6, in, &addr) != 1 || !inet_ntop(AF_INET6, &addr, out, sizeof(out)))
                return false;
        const struct bytes b = arena_bytes(a, bytes_str(out));
        if (b.data)
                *ret = b;
        return b.data != NULL;
}

static int hex(uint8_t c)
{
        if (c >= '0' && c <= '9')
                return c - '0';
        if (c >= 'a' && c <= 'f')
                return c - 'a' + 10;
        return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool flat_canonical_ether(struct bytes text, struct arena *a, struct bytes *ret)
{
        unsigned group[6], n = 0, digits = 0;
        group[0] = 0;
        for (size_t i = 0; i < text.len; i++) {
                const int d = hex(text.data[i]);
                if (text.data[i] == ':' && digits && n < 5) {
                        group[++n] = 0;
                        digits = 0;
                } else if (d >= 0 && digits < 2) {
                        group[n] = group[n] * 16 + (unsigned)d;
                        digits++;
                } else {
                        return false;
                }
        }
        if (n != 5 || !digits)
                return false;
        const char *s = arena_printf(a, "%x:%x:%x:%x:%x:%x", group[0], group[1], group[2], group[3], group[4],
                                     group[5]);
        if (s)
                *ret = bytes_str(s);
        return s != NULL;
}

enum flat_outcome parse_hosts(struct flat_in *in, struct bytes line)
{
        const struct namelist w = flat_words(in, line, true);
        struct bytes address;
        if (w.n == 0)
                return FLAT_NOTHING;
        const bool four = flat_canonical_ipv4(w.v[0], in->a, &address);
        if (!four && !flat_canonical_ipv6(w.v[0], in->a, &address))
                return flat_bad(in, "'%.*s' is no IPv4 or IPv6 address", BYTES_FMT(bytes_sub(w.v[0], 0, 60)));
        if (w.n < 2)
                return flat_bad(in, "the address %.*s has no name behind it", BYTES_FMT(address));
        flat_add(in, four ? "ip_address" : "ipv6_address", address);
        flat_add_list(in, "name", w.v + 1, w.n - 1);
        return FLAT_ITEM;
}

/* One line per address; only text that the loader knows as an address of this kind. */
static void put_addresses(struct flat_out *o, const char *key,
                          bool (*canonical)(struct bytes, struct arena *, struct bytes *))
{
        const struct namelist addresses = flat_values(o, key), names = flat_values(o, "name");
        struct bytes text;
        for (uint32_t i = 0; i < addresses.n; i++) {
                if (!canonical(addresses.v[i], o->a, &text))
                        flat_refuse(o, "'%.*s' in %s is no such address",
                                    BYTES_FMT(bytes_sub(addresses.v[i], 0, 60)), key);
                flat_put_word(o, addresses.v[i], "");
                flat_putc(o, '\t');
                flat_put_list(o, names, ' ', "");
                flat_putc(o, '\n');
        }
}

void print_hosts(struct flat_out *o)
{
        if (o->faithful && flat_values(o, "name").n == 0)
                return;
        put_addresses(o, "ip_address", flat_canonical_ipv4);
        put_addresses(o, "ipv6_address", flat_canonical_ipv6);
}

enum flat_outcome parse_ethers(struct flat_in *in, struct bytes line)
{
        const struct namelist w = flat_words(in, line, true);
        struct bytes address;
        if (w.n == 0)
                return FLAT_NOTHING;
        if (!flat_canonical_ether(w.v[0], in->a, &address))
                return flat_bad(in, "'%.*s' is no Ethernet address such as 0:5:2:fe:ef:4b",
                                BYTES_FMT(bytes_sub(w.v[0], 0, 60)));
        if (w.n < 2)
                return flat_bad(in, "the address %.*s has no name behind it", BYTES_FMT(address));
        flat_add(in, "en_address", address);
        flat_add_list(in, "name", w.v + 1, w.n - 1);
        return FLAT_ITEM;
}

void print_ethers(struct flat_out *o)
{
        const struct bytes address = flat_first(o, "en_address");
        const struct namelist names = flat_values(o, "name");
        struct bytes text;
        if (address.len == 0 || (o->faithful && names.n == 0))
                return;
        if (!flat_canonical_ether(address, o->a, &text))
                flat_refuse(o, "en_address is no Ethernet address");
        flat_put_word(o, address, "");
        flat_putc(o, '\t');
        flat_put_list(o, names, ' ', "");
        flat_putc(o, '\n');
}

/* 127.0.0.0 is written 127 (doc/tools.md 6.8). */
static bool canonical_network(struct bytes text, struct arena *a, struct bytes *ret)
{
        uint8_t o[4];
        unsigned n = octets(text, 4, o);
        if (n == 0)
                return false;
        while (n > 1 && o[n - 1] == 0)
                n--;
        char *s = arena_alloc(a, 16);
        if (!s)
                return false;
        int len = 0;
        for (unsigned i = 0; i < n; i++)
                len += snprintf(s + len, (size_t)(16 - len), "%s%u", i ? "." : "", o[i]);
        *ret = bytes_str(s);
        return true;
}

enum flat_outcome parse_networks(struct flat_in *in, struct bytes line)
{
        const struct namelist w = flat_words(in, line, true);
        struct bytes address;
        if (w.n == 0)
                return FLAT_NOTHING;
        if (w.n < 2)
                return flat_bad(in, "the network '%.*s' has no number", BYTES_FMT(bytes_sub(w.v[0], 0, 60)));
        if (!canonical_network(w.v[1], in->a, &address)) {
                if (in->strict)
                        return flat_bad(in, "'%.*s' is no network number such as 192.168.7",
                                        BYTES_FMT(bytes_sub(w.v[1], 0, 60)));
                address = w.v[1];
        }
        w.v[1] = w.v[0];
        flat_add_list(in, "name", w.v + 1, w.n - 1);
        flat_add(in, "address", address);
        return FLAT_ITEM;
}

void print_networks(struct flat_out *o)
{
        const struct namelist names = flat_values(o, "name");
        if (names.n == 0)
                return;
        flat_put_word(o, names.v[0], "");
        flat_putc(o, '\t');
        flat_put_word(o, flat_first(o, "address"), "");
        flat_putc(o, '\t');
        flat_put_list(o, (struct namelist){names.v + 1, names.n - 1}, '\t', "");
        flat_putc(o, '\n');
}

enum flat_outcome parse_bootptab(struct flat_in *in, struct bytes line)
{
        const struct namelist w = flat_words(in, line, false);
        static const char *const keys[] = {"name", "htype", "en_address", "ip_address", "bootfile"};
        struct bytes text;
        if (w.n < 5)
                return flat_bad(
                        in, "%u words: a line of bootptab has 5 (name, type, Ethernet and IP address, file)",
                        w.n);
        for (unsigned i = 0; i < 5; i++) {
                bool known = true;
                text = w.v[i];
                if (i == 2)
                        known = flat_canonical_ether(w.v[i], in->a, &text);
                if (i == 3)
                        known = flat_canonical_ipv4(w.v[i], in->a, &text);
                if (!known && in->strict)
                        return flat_bad(in, "'%.*s' is no %s address", BYTES_FMT(bytes_sub(w.v[i], 0, 60)),
                                        i == 2 ? "Ethernet" : "IPv4");
                flat_add(in, keys[i], text);
        }
        return FLAT_ITEM;
}

void print_bootptab(struct flat_out *o)
{
        const struct bytes name = flat_first(o, "name"), ether = flat_first(o, "en_address");
        const struct bytes address = flat_first(o, "ip_address"), file = flat_first(o, "bootfile");
        if (name.len == 0 || ether.len == 0)
                return;
        flat_put_word(o, name, "");
        buf_puts(o->out, "\t1\t");
        flat_put_word(o, ether, "");
        flat_putc(o, '\t');
        flat_put_word(o, address.len ? address : BYTES_LIT("0.0.0.0"), "");
        flat_putc(o, '\t');
        flat_put_word(o, file.len ? file : BYTES_LIT("mach"), "");
        flat_putc(o, '\n');
}

enum flat_outcome parse_bootparams(struct flat_in *in, struct bytes line)
{
        const struct namelist w = flat_words(in, line, false);
        if (w.n < 2)
                return flat_bad(in, "a client's line needs its name and at least one KEY=VALUE");
        for (uint32_t i = 0; in->strict && i < w.n; i++)
                if (w.v[i].data[w.v[i].len - 1] == '\\')
                        return flat_bad(in, FLAT_STRAY_BACKSLASH);
        flat_add(in, "name", w.v[0]);
        flat_add_list(in, "bootparams", w.v + 1, w.n - 1);
        return FLAT_ITEM;
}

void print_bootparams(struct flat_out *o)
{
        const struct bytes name = flat_first(o, "name");
        const struct namelist l = flat_values(o, "bootparams");
        if (name.len == 0 || l.n == 0)
                return;
        flat_put_word(o, name, "");
        for (uint32_t i = 0; i < l.n; i++) {
                buf_puts(o->out, i ? " \\\n\t" : " ");
                flat_put_word(o, l.v[i], "");
        }
        flat_check_end(o);
        flat_putc(o, '\n');
}
