#include "portdb/listing.h"

#include "base/limits.h"
#include "base/text.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

enum { WORDS = 40, LINE_MAX_BYTES = 4096 };

struct line {
        struct bytes word[WORDS];
        unsigned n;
};

struct reader {
        struct arena *arena;
        struct port_live live;
        bool connections;
        int pid_column; /* BSD netstat: where its heading has "pid" or "process:pid", counted from the end of
                           the addresses; -1 */
        bool lsof;
        size_t seen; /* lines that are sockets, kept or not */
};

static void split(struct bytes text, struct line *l)
{
        l->n = 0;
        for (size_t i = 0; i < text.len && l->n < WORDS;) {
                while (i < text.len && (text.data[i] <= ' '))
                        i++;
                const size_t from = i;
                while (i < text.len && text.data[i] > ' ')
                        i++;
                if (i > from)
                        l->word[l->n++] = bytes_sub(text, from, i - from);
        }
}

/* The numeric address; false for names and nonsense. "*" and "" are any. */
static bool address_of(struct bytes text, uint8_t *family, uint8_t to[16])
{
        char s[80];
        memset(to, 0, 16);
        if (text.len >= 2 && text.data[0] == '[' && text.data[text.len - 1] == ']')
                text = bytes_sub(text, 1, text.len - 2);
        const struct bytes bare = bytes_sub(text, 0, bytes_find(text, '%')); /* fe80::1%en0 */
        if (bare.len == 0 || bytes_eq_str(bare, "*"))
                return true;
        if (bare.len >= sizeof(s))
                return false;
        memcpy(s, bare.data, bare.len);
        s[bare.len] = 0;
        if (inet_pton(AF_INET, s, to) == 1) {
                *family = 4;
                return true;
        }
        if (inet_pton(AF_INET6, s, to) == 1) {
                *family = 6;
                return true;
        }
        return false;
}

/* "0.0.0.0:135", "[::]:445", "*:987", "127.0.0.1.987", "*.*", "fe80::1%lo0.123": address and port. Port "*"
 * or 0 gives 0. */
static bool endpoint(struct bytes text, char separator, uint8_t *family, uint8_t to[16], uint16_t *port)
{
        uint64_t v = 0;
        size_t at = text.len;
        while (at && text.data[at - 1] != (uint8_t)separator)
                at--;
        if (at == 0)
                return false;
        const struct bytes number = bytes_sub(text, at, text.len);
        if (!bytes_eq_str(number, "*") && !text_u64(number, 65535, &v))
                return false;
        *port = (uint16_t)v;
        return address_of(bytes_sub(text, 0, at - 1), family, to);
}

/* "tcp", "tcp4", "tcp46", "TCP", "udp6"; family 0 when it names none. */
static bool protocol(struct bytes w, uint8_t *transport, uint8_t *family)
{
        if (w.len < 3 || w.len > 5)
                return false;
        const bool tcp = strncasecmp((const char *)w.data, "tcp", 3) == 0;
        if (!tcp && strncasecmp((const char *)w.data, "udp", 3) != 0)
                return false;
        const struct bytes rest = bytes_sub(w, 3, w.len);
        if (rest.len && !bytes_eq_str(rest, "4") && !bytes_eq_str(rest, "6") && !bytes_eq_str(rest, "46"))
                return false;
        *transport = tcp ? PORT_TCP : PORT_UDP;
        *family = bytes_eq_str(rest, "4") ? 4 : rest.len ? 6 : 0;
        return true;
}

static bool keep(struct reader *r, struct port_socket *s, uint32_t pid, struct bytes command)
{
        r->seen++;
        if (s->port == 0 || (s->state == PORT_SOCKET_CONNECTED && !r->connections) ||
            (s->state == PORT_SOCKET_CLOSING && !r->connections))
                return true;
        s->path = s->unit = s->container = "";
        s->held = PORT_HELD_HIDDEN;
        if (pid || command.len) {
                struct port_process *p = arena_zalloc(r->arena, 1, sizeof(*p));
                const struct port_process **list = arena_zalloc(r->arena, 1, sizeof(*list));
                const char *name = arena_str(r->arena, command);
                if (!p || !list || !name)
                        return false;
                *p = (struct port_process){
                        .pid = pid, .uid = UINT32_MAX, .command = name, .program = name, .line = ""};
                list[0] = p;
                s->process = list;
                s->processes = 1;
                s->held = PORT_HELD_BY_PROCESS;
        }
        s->uid = UINT32_MAX;
        return port_live_push(&r->live, s);
}

/* Both ends of one line, in the form of one system. */
static bool ends(struct port_socket *s, struct bytes local, struct bytes peer, char separator)
{
        uint8_t family = s->family;
        if (!endpoint(local, separator, &s->family, s->address, &s->port))
                return false;
        return endpoint(peer, separator, &family, s->peer, &s->peer_port);
}

/* In any language: a listener has no peer, and udp has no states. */
static void state_by_peer(struct port_socket *s)
{
        if (s->peer_port)
                s->state = PORT_SOCKET_CONNECTED;
        else
                s->state = s->transport == PORT_UDP ? PORT_SOCKET_OPEN : PORT_SOCKET_LISTEN;
}

static uint32_t number_or_0(struct bytes w)
{
        uint32_t v = 0;
        return text_u32(w, &v) ? v : 0;
}

/* Windows: Proto, Local, Foreign, [State,] PID. */
static int windows_line(struct reader *r, const struct line *l)
{
        struct port_socket s = {0};
        if (l->n < 4 || l->n > 6 || !protocol(l->word[0], &s.transport, &s.family) ||
            !ends(&s, l->word[1], l->word[2], ':'))
                return 0;
        uint32_t pid;
        if (!text_u32(l->word[l->n - 1], &pid))
                return 0;
        state_by_peer(&s);
        return keep(r, &s, pid, BYTES_NONE) ? 1 : -1;
}

/* "812/netinfod", "812/sshd:" of Linux; "netinfod:812" of new macOS. */
static void pid_and_name(struct bytes w, uint32_t *pid, struct bytes *name)
{
        const size_t slash = bytes_find(w, '/');
        size_t colon = w.len;
        while (colon && w.data[colon - 1] != ':')
                colon--;
        if (slash < w.len && (*pid = number_or_0(bytes_sub(w, 0, slash)))) {
                *name = bytes_sub(w, slash + 1, w.len);
                if (name->len && name->data[name->len - 1] == ':')
                        name->len--;
        } else if (colon && (*pid = number_or_0(bytes_sub(w, colon, w.len)))) {
                *name = bytes_sub(w, 0, colon - 1);
        }
}

/* macOS and Linux: Proto, Recv-Q, Send-Q, Local, Foreign, [state,] more. macOS divides address and port by a
 * dot, Linux by a colon. */
static int unix_line(struct reader *r, const struct line *l)
{
        struct port_socket s = {0};
        struct bytes name = BYTES_NONE;
        uint32_t pid = 0;
        if (l->n < 5 || !protocol(l->word[0], &s.transport, &s.family) ||
            !number_or_0(l->word[1]) != bytes_eq_str(l->word[1], "0"))
                return 0;
        const size_t n = l->word[3].len, star = n && l->word[3].data[n - 1] == '*' ? n - 1 : n;
        size_t at = star;
        while (at && l->word[3].data[at - 1] >= '0' && l->word[3].data[at - 1] <= '9')
                at--;
        const char separator = at && l->word[3].data[at - 1] == '.' ? '.' : ':';
        if (!ends(&s, l->word[3], l->word[4], separator))
                return 0;
        const bool has_state =
                l->n > 5 && l->word[5].len && l->word[5].data[0] >= 'A' && l->word[5].data[0] <= 'Z';
        state_by_peer(&s);
        if (has_state && s.transport == PORT_TCP && !s.peer_port && !bytes_eq_str(l->word[5], "LISTEN"))
                s.state = PORT_SOCKET_CLOSING;
        const unsigned after = 5 + (has_state ? 1 : 0);
        if (separator == '.' && r->pid_column >= 0 && after + (unsigned)r->pid_column < l->n) {
                const struct bytes w = l->word[after + (unsigned)r->pid_column];
                pid = number_or_0(w);
                if (!pid)
                        pid_and_name(w, &pid, &name);
        }
        for (unsigned i = after; separator == ':' && i < l->n && !pid; i++) {
                if (bytes_find(l->word[i], '/') < l->word[i].len)
                        pid_and_name(l->word[i], &pid, &name);
        }
        return keep(r, &s, pid, name) ? 1 : -1;
}

/* The heading of macOS names the column of the pid; columns are counted from the one after "(state)". */
static bool heading(struct reader *r, struct bytes text)
{
        struct line l;
        split(text, &l);
        if (l.n && bytes_eq_str(l.word[0], "COMMAND")) {
                r->lsof = true;
                return true;
        }
        if (l.n == 0 || !bytes_eq_str(l.word[0], "Proto"))
                return false;
        for (unsigned i = 0; i < l.n; i++) {
                if (!bytes_eq_str(l.word[i], "(state)"))
                        continue;
                for (unsigned k = i + 1; k < l.n; k++) {
                        if (bytes_eq_str(l.word[k], "pid") || bytes_eq_str(l.word[k], "process:pid"))
                                r->pid_column = (int)(k - i - 1);
                }
        }
        return true;
}

/* lsof escapes blanks and control bytes of a command as \xHH. */
static struct bytes unescaped(struct arena *a, struct bytes w)
{
        uint8_t *to = arena_alloc(a, w.len + 1);
        size_t n = 0;
        for (size_t i = 0; to && i < w.len; i++) {
                unsigned v;
                char hex[3] = {0};
                if (i + 3 < w.len + 0 && w.data[i] == '\\' && w.data[i + 1] == 'x') {
                        memcpy(hex, w.data + i + 2, 2);
                        char *end;
                        v = (unsigned)strtoul(hex, &end, 16);
                        if (*end == 0 && end != hex) {
                                to[n++] = (uint8_t)(v ? v : ' ');
                                i += 3;
                                continue;
                        }
                }
                to[n++] = w.data[i];
        }
        return to ? bytes_of(to, n) : BYTES_NONE;
}

static size_t arrow_in(struct bytes w)
{
        for (size_t i = 0; i + 1 < w.len; i++) {
                if (w.data[i] == '-' && w.data[i + 1] == '>')
                        return i;
        }
        return w.len;
}

/* lsof: COMMAND PID USER FD TYPE DEVICE SIZE/OFF NODE NAME [(STATE)]. COMMAND has no blanks; NODE is TCP or
 * UDP. */
static int lsof_line(struct reader *r, const struct line *l)
{
        struct port_socket s = {0};
        uint8_t none;
        unsigned node = 0;
        uint32_t pid;
        for (unsigned i = 5; i < l->n && !node; i++) {
                if (bytes_eq_str(l->word[i], "TCP") || bytes_eq_str(l->word[i], "UDP"))
                        node = i;
        }
        if (!node || node + 1 >= l->n || !text_u32(l->word[1], &pid) ||
            !protocol(l->word[node], &s.transport, &none))
                return 0;
        for (unsigned i = 3; i < node; i++) {
                if (bytes_eq_str(l->word[i], "IPv4"))
                        s.family = 4;
                if (bytes_eq_str(l->word[i], "IPv6"))
                        s.family = 6;
        }
        const struct bytes name = l->word[node + 1];
        const size_t arrow = arrow_in(name);
        if (!endpoint(bytes_sub(name, 0, arrow), ':', &s.family, s.address, &s.port))
                return 0;
        if (arrow < name.len &&
            !endpoint(bytes_sub(name, arrow + 2, name.len), ':', &none, s.peer, &s.peer_port))
                return 0;
        state_by_peer(&s);
        if (s.transport == PORT_TCP && !s.peer_port && node + 2 < l->n &&
            !bytes_eq_str(l->word[node + 2], "(LISTEN)"))
                s.state = PORT_SOCKET_CLOSING;
        return keep(r, &s, pid, unescaped(r->arena, l->word[0])) ? 1 : -1;
}

/* The same socket held by several processes is one line each in lsof: they become holders of one socket.
 * Cheap enough for listeners. */
static bool settle(struct reader *r)
{
        struct port_live *l = &r->live;
        struct port_socket *kept = arena_zalloc(r->arena, l->n + 1, sizeof(*kept));
        if (kept && l->n)
                memcpy(kept, l->socket, l->n * sizeof(*kept));
        free(l->socket);
        l->socket = kept;
        l->cap = l->n;
        l->arena = r->arena;
        return kept != NULL;
}

bool port_listing_read(struct bytes content, bool connections, struct arena *a, struct port_live *ret,
                       struct port_problem *why)
{
        struct reader r = {.arena = a, .connections = connections, .pid_column = -1};
        size_t number = 0;
        bool ok = true;
        for (size_t at = 0; ok && at < content.len;) {
                const struct bytes rest = bytes_sub(content, at, content.len);
                const struct bytes text = bytes_sub(rest, 0, bytes_find(rest, '\n'));
                struct line l;
                at += text.len + 1;
                number++;
                if (text.len > LINE_MAX_BYTES || bytes_find(text, 0) < text.len) {
                        ok = port_refuse(why, number,
                                         text.len > LINE_MAX_BYTES
                                                 ? "the line is too long"
                                                 : "a NUL byte; is it UTF-16? save it as plain text");
                        break;
                }
                split(text, &l);
                if (heading(&r, text))
                        continue;
                int took = 0;
                if (r.lsof)
                        took = lsof_line(&r, &l);
                if (!took && !r.lsof)
                        took = windows_line(&r, &l);
                if (!took && !r.lsof)
                        took = unix_line(&r, &l);
                if (took < 0 || r.live.n > LIMIT_PORT_ROWS)
                        ok = port_refuse(why, number, "more sockets than fit in memory");
        }
        if (ok && r.seen == 0)
                ok = port_refuse(
                        why, number,
                        "no line of it is a socket as netstat -ano, netstat -anv or lsof -nP -i print them");
        if (!ok) {
                free(r.live.socket);
                return false;
        }
        ok = settle(&r);
        *ret = r.live;
        return ok || port_refuse(why, 0, "out of memory");
}
