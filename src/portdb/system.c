#include "portdb/system.h"

#include "base/text.h"
#include "sys/fs.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { UNIT_BYTES = 65536, UNITS_MAX = 4096 };

static struct bytes read_short(const char *path, struct buf *b)
{
        buf_clear(b);
        const bool ok = fs_read(path, 65536, b) == 0;
        size_t n = ok ? b->len : 0;
        while (n && (b->data[n - 1] == '\n' || b->data[n - 1] == ' '))
                n--;
        return bytes_of(b->data, n);
}

static void read_pair(struct bytes text, uint16_t *from, uint16_t *to)
{
        uint64_t x, y;
        size_t tab = bytes_find(text, '\t');
        if (tab == text.len)
                tab = bytes_find(text, ' ');
        if (text_u64(bytes_sub(text, 0, tab), 65535, &x) &&
            text_u64(bytes_sub(text, tab + 1, text.len), 65535, &y)) {
                *from = (uint16_t)x;
                *to = (uint16_t)y;
        }
}

static uint16_t read_one(const char *path, struct buf *b, uint16_t otherwise)
{
        uint64_t v;
        return text_u64(read_short(path, b), 65535, &v) ? (uint16_t)v : otherwise;
}

void port_system_read(struct arena *a, struct port_system *ret)
{
        struct port_system s = {.ephemeral_from = 32768, .ephemeral_to = 60999, .reserved = ""};
        struct buf b;
        buf_init(&b, 1u << 17);
        s.unprivileged_from = read_one("/proc/sys/net/ipv4/ip_unprivileged_port_start", &b, 1024);
        read_pair(read_short("/proc/sys/net/ipv4/ip_local_port_range", &b), &s.ephemeral_from,
                  &s.ephemeral_to);
        s.rpc_from = read_one("/proc/sys/sunrpc/min_resvport", &b, 0);
        s.rpc_to = read_one("/proc/sys/sunrpc/max_resvport", &b, 0);
        const char *text = arena_str(a, read_short("/proc/sys/net/ipv4/ip_local_reserved_ports", &b));
        if (text)
                s.reserved = text;
        buf_done(&b);
        *ret = s;
}

bool port_system_reserved(const struct port_system *s, uint16_t port)
{
        const struct bytes all = bytes_str(s->reserved);
        for (size_t at = 0; at < all.len;) {
                const struct bytes rest = bytes_sub(all, at, all.len);
                const struct bytes part = bytes_sub(rest, 0, bytes_find(rest, ','));
                uint16_t from, to;
                if (port_span_parse(part, &from, &to) && from <= port && port <= to)
                        return true;
                at += part.len + 1;
        }
        return false;
}

/* -- systemd socket units
 * ------------------------------------------------------------------------------------------ */

struct units {
        struct arena *arena;
        struct port_socket_unit *at;
        size_t n, cap;
        const char *seen[UNITS_MAX];
        size_t files;
        uint16_t wanted;
};

static struct bytes trimmed(struct bytes s)
{
        while (s.len && (s.data[0] == ' ' || s.data[0] == '\t'))
                s = bytes_sub(s, 1, s.len);
        while (s.len && (s.data[s.len - 1] == ' ' || s.data[s.len - 1] == '\t' || s.data[s.len - 1] == '\r'))
                s.len--;
        return s;
}

/* "22", "0.0.0.0:22", "[::]:22": the port; not paths, not vsock. */
static bool listen_port(struct bytes value, uint16_t *ret)
{
        uint64_t port;
        if (value.len == 0 || value.data[0] == '/' || value.data[0] == '@' || bytes_starts(value, "vsock:"))
                return false;
        size_t at = value.len;
        while (at && value.data[at - 1] != ':')
                at--;
        if (!text_u64(bytes_sub(value, at, value.len), 65535, &port) || port == 0)
                return false;
        *ret = (uint16_t)port;
        return true;
}

static void add_unit(struct units *u, uint16_t port, uint8_t transport, const char *unit,
                     struct bytes service)
{
        if (u->wanted && u->wanted != port)
                return;
        if (u->n == u->cap) {
                const size_t cap = u->cap ? u->cap * 2 : 16;
                struct port_socket_unit *p = arena_zalloc(u->arena, cap, sizeof(*p));
                if (!p)
                        return;
                if (u->n)
                        memcpy(p, u->at, u->n * sizeof(*p));
                u->at = p;
                u->cap = cap;
        }
        const char *s = service.len ? arena_str(u->arena, service)
                                    : arena_printf(u->arena, "%.*s.service", (int)(strlen(unit) - 7), unit);
        if (s)
                u->at[u->n++] = (struct port_socket_unit){port, transport, unit, s};
}

/* Two passes over the [Socket] section: first Service=, then the addresses. */
static void read_unit(struct units *u, const char *unit, struct bytes text)
{
        struct bytes service = BYTES_NONE;
        for (unsigned pass = 0; pass < 2; pass++) {
                bool inside = false;
                for (size_t at = 0; at < text.len;) {
                        const struct bytes rest = bytes_sub(text, at, text.len);
                        struct bytes line = bytes_sub(rest, 0, bytes_find(rest, '\n'));
                        at += line.len + 1;
                        line = trimmed(line);
                        if (bytes_starts(line, "["))
                                inside = bytes_eq_str(line, "[Socket]");
                        const size_t equals = bytes_find(line, '=');
                        const struct bytes key = trimmed(bytes_sub(line, 0, equals));
                        const struct bytes value = trimmed(bytes_sub(line, equals + 1, line.len));
                        uint16_t port;
                        if (!inside || equals == line.len)
                                continue;
                        if (pass == 0 && bytes_eq_str(key, "Service"))
                                service = value;
                        if (pass == 1 && bytes_eq_str(key, "ListenStream") && listen_port(value, &port))
                                add_unit(u, port, PORT_TCP, unit, service);
                        if (pass == 1 && bytes_eq_str(key, "ListenDatagram") && listen_port(value, &port))
                                add_unit(u, port, PORT_UDP, unit, service);
                }
        }
}

static bool hidden_by_earlier(struct units *u, const char *name)
{
        for (size_t i = 0; i < u->files; i++) {
                if (strcmp(u->seen[i], name) == 0)
                        return true;
        }
        return false;
}

static void read_folder(struct units *u, const char *folder)
{
        DIR *dir = opendir(folder);
        struct dirent *e;
        struct buf b;
        buf_init(&b, 2 * UNIT_BYTES);
        while (dir && (e = readdir(dir)) && u->files < UNITS_MAX) {
                const size_t n = strlen(e->d_name);
                char path[4096];
                if (n <= 7 || strcmp(e->d_name + n - 7, ".socket") != 0 || hidden_by_earlier(u, e->d_name) ||
                    (size_t)snprintf(path, sizeof(path), "%s/%s", folder, e->d_name) >= sizeof(path))
                        continue;
                const char *name = arena_str(u->arena, bytes_of(e->d_name, n));
                if (!name)
                        break;
                u->seen[u->files++] = name;
                buf_clear(&b);
                if (fs_read(path, UNIT_BYTES, &b) == 0)
                        read_unit(u, name, buf_bytes(&b));
        }
        if (dir)
                closedir(dir);
        buf_done(&b);
}

size_t port_socket_units(struct arena *a, const char *root, uint16_t port,
                         const struct port_socket_unit **ret)
{
        static const char *const folders[] = {"/etc/systemd/system", "/run/systemd/system",
                                              "/run/systemd/generator", "/usr/local/lib/systemd/system",
                                              "/usr/lib/systemd/system"};
        struct units *u = calloc(1, sizeof(*u));
        char booted[4096];
        *ret = NULL;
        /* Without systemd running (sd_booted(3)) its units bind nothing. */
        if (!u || (size_t)snprintf(booted, sizeof(booted), "%s/run/systemd/system", root) >= sizeof(booted) ||
            access(booted, F_OK) < 0) {
                free(u);
                return 0;
        }
        u->arena = a;
        u->wanted = port;
        for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
                char path[4096];
                if ((size_t)snprintf(path, sizeof(path), "%s%s", root, folders[i]) < sizeof(path))
                        read_folder(u, path);
        }
        const size_t n = u->n;
        *ret = u->at;
        free(u);
        return n;
}
