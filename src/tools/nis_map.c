/* Names and lines of NIS maps. */
#include "tools/import_nis.h"

#include "base/text.h"

/* The maps whose key is not in the value: what they print is what their source says, or nearly. */
static bool is_own_source(const char *map)
{
        return strcmp(map, "netgroup") == 0 || strcmp(map, "bootparams") == 0;
}

bool nis_name(const char *file, struct nis_name *ret)
{
        static const struct {
                const char *file, *map;
                unsigned quality;
        } names[] = {
                {"passwd", "passwd", 0},
                {"passwd.byname", "passwd", 1},
                {"passwd.byuid", "passwd", 2},
                {"group", "group", 0},
                {"group.byname", "group", 1},
                {"group.bygid", "group", 2},
                {"shadow", "shadow", 0},
                {"shadow.byname", "shadow", 1},
                {"gshadow", "gshadow", 0},
                {"hosts", "hosts", 0},
                {"hosts.byname", "hosts", 1},
                {"hosts.byaddr", "hosts", 2},
                {"ethers", "ethers", 0},
                {"ethers.byname", "ethers", 1},
                {"ethers.byaddr", "ethers", 2},
                {"bootparams", "bootparams", 0},
                {"networks", "networks", 0},
                {"networks.byname", "networks", 1},
                {"networks.byaddr", "networks", 2},
                {"services", "services", 0},
                {"services.byname", "services", 1},
                {"services.byservicename", "services", 2},
                {"protocols", "protocols", 0},
                {"protocols.byname", "protocols", 1},
                {"protocols.bynumber", "protocols", 2},
                {"rpc", "rpc", 0},
                {"rpc.byname", "rpc", 1},
                {"rpc.bynumber", "rpc", 2},
                {"netgroup", "netgroup", 0},
                {"aliases", "aliases", 0},
                {"mail.aliases", "aliases", 1},
        };
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
                if (strcmp(names[i].file, file) == 0) {
                        *ret = (struct nis_name){names[i].map, names[i].quality};
                        return true;
                }
        return false;
}

static bool is_blank(uint8_t c)
{
        return c == ' ' || c == '\t';
}

/* Word number n of a line, counted from 0; empty when there is none. *ret_at: where it begins. */
static struct bytes word(struct bytes line, unsigned n, size_t *ret_at)
{
        size_t at = 0, end = 0;
        for (unsigned i = 0; i <= n; i++) {
                for (at = end; at < line.len && is_blank(line.data[at]); at++)
                        ;
                for (end = at; end < line.len && !is_blank(line.data[end]); end++)
                        ;
        }
        *ret_at = at;
        return bytes_sub(line, at, end - at);
}

/* Digits and dots, as the networks map has them, or hexadecimal. */
static bool is_number(struct bytes w)
{
        for (size_t i = 0; i < w.len; i++)
                if ((w.data[i] < '0' || w.data[i] > '9') && w.data[i] != '.')
                        return i > 1 && bytes_starts(w, "0x");
        return w.len > 0;
}

static bool is_address(struct bytes w, bool ether)
{
        struct arena a;
        struct bytes text;
        arena_init(&a, 0);
        const bool is = ether ? flat_canonical_ether(w, &a, &text)
                              : flat_canonical_ipv4(w, &a, &text) || flat_canonical_ipv6(w, &a, &text);
        arena_done(&a);
        return is;
}

/* Does a key stand before the map's line? In a source line of any of these maps, something else stands in its
 * second word (colon maps: a colon stands in the first). */
static bool has_key(const char *map, struct bytes line)
{
        size_t at;
        const struct bytes first = word(line, 0, &at), second = word(line, 1, &at);
        if (strcmp(map, "aliases") == 0)
                return second.len && bytes_find(first, ':') == first.len && second.data[0] != ':' &&
                       first.data[0] != '"';
        if (!second.len)
                return false;
        if (strcmp(map, "hosts") == 0)
                return is_address(second, false);
        if (strcmp(map, "ethers") == 0)
                return is_address(second, true);
        if (strcmp(map, "services") == 0)
                return second.data[0] != '#' && !(second.data[0] >= '0' && second.data[0] <= '9' &&
                                                  bytes_find(second, '/') < second.len);
        if (strcmp(map, "networks") == 0 || strcmp(map, "protocols") == 0 || strcmp(map, "rpc") == 0)
                return second.data[0] != '#' && !is_number(second);
        return bytes_find(first, ':') == first.len && bytes_find(second, ':') < second.len;
}

static bool says_something(struct bytes line)
{
        size_t at;
        const struct bytes w = word(line, 0, &at);
        return w.len && w.data[0] != '#' && w.data[0] != '+' && w.data[0] != '-' && at == 0;
}

static void put_line(const char *map, struct bytes line, struct buf *out)
{
        size_t at;
        const struct bytes key = word(line, 0, &at);
        word(line, 1, &at);
        if (strcmp(map, "aliases") == 0) {
                buf_put(out, key);
                buf_puts(out, ": ");
        }
        buf_put(out, bytes_sub(line, at, line.len));
}

void nis_source(const char *map, struct bytes text, struct buf *out)
{
        bool decided = is_own_source(map), keyed = false;
        for (size_t at = 0; at < text.len;) {
                const struct bytes rest = bytes_sub(text, at, text.len);
                const struct bytes line = bytes_sub(rest, 0, bytes_find(rest, '\n'));
                /* The first line that says something speaks for all: a file is of one kind. */
                if (!decided && says_something(line)) {
                        keyed = has_key(map, line);
                        decided = true;
                }
                if (keyed && says_something(line) && has_key(map, line))
                        put_line(map, line, out);
                else
                        buf_put(out, line);
                at += line.len + 1;
                if (at <= text.len)
                        buf_putc(out, '\n');
        }
}
