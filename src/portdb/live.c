#include "portdb/live.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NAMESPACES_MAX = 1024 }; /* distinct network namespaces we enter in one answer */

bool port_live_push(struct port_live *l, const struct port_socket *s)
{
        if (l->n == l->cap) {
                const size_t cap = l->cap ? l->cap * 2 : 64;
                struct port_socket *p = realloc(l->socket, cap * sizeof(*p));
                if (!p)
                        return false;
                l->socket = p;
                l->cap = cap;
        }
        l->socket[l->n++] = *s;
        return true;
}

const char *port_socket_state_word(uint8_t transport, uint8_t state)
{
        switch (state) {
        case PORT_SOCKET_LISTEN:
                return "listen";
        case PORT_SOCKET_OPEN:
                return "open";
        case PORT_SOCKET_CONNECTED:
                return "connected";
        case PORT_SOCKET_BOUND:
                return transport == PORT_UDP ? "open" : "bound-silent";
        default:
                return "closing";
        }
}

const char *port_address_text(uint8_t family, const uint8_t address[16], char to[static PORT_ADDRESS_BYTES])
{
        char text[INET6_ADDRSTRLEN] = "";
        if (family == 0)
                return strcpy(to, "*");
        inet_ntop(family == 6 ? AF_INET6 : AF_INET, address, text, sizeof(text));
        snprintf(to, PORT_ADDRESS_BYTES, family == 6 ? "[%s]" : "%s", text);
        return to;
}

/* -- other network namespaces (doc/ports.md 4.4)
 * ------------------------------------------------------------------- */

struct namespaces {
        uint64_t seen[NAMESPACES_MAX];
        size_t n;
};

static bool is_new(struct namespaces *s, uint64_t id)
{
        for (size_t i = 0; i < s->n; i++) {
                if (s->seen[i] == id)
                        return false;
        }
        if (s->n == NAMESPACES_MAX)
                return false;
        s->seen[s->n++] = id;
        return true;
}

static void dump_other(const struct port_live_query *q, const char *pid, struct namespaces *seen, int home,
                       struct port_live *l)
{
        char name[64];
        struct stat st;
        snprintf(name, sizeof(name), "/proc/%.20s/ns/net", pid);
        const int fd = open(name, O_RDONLY | O_CLOEXEC);
        if (fd < 0) {
                l->closed_namespaces += errno == EACCES || errno == EPERM ? 1 : 0;
                return;
        }
        if (fstat(fd, &st) == 0 && is_new(seen, st.st_ino)) {
                if (setns(fd, CLONE_NEWNET) < 0)
                        l->closed_namespaces++;
                else if (port_diag_dump(q, st.st_ino, l) != 0)
                        l->closed_namespaces++;
        }
        close(fd);
        /* Going home must not fail: what this program does next would happen in a stranger's network. */
        if (setns(home, CLONE_NEWNET) < 0 && errno != EPERM)
                abort();
}

static void dump_others(const struct port_live_query *q, struct port_live *l)
{
        struct namespaces *seen = calloc(1, sizeof(*seen));
        const int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
        DIR *dir = opendir("/proc");
        struct dirent *e;
        struct stat st;
        if (seen && home >= 0 && dir && fstat(home, &st) == 0) {
                is_new(seen, st.st_ino);
                while ((e = readdir(dir))) {
                        if (e->d_name[0] >= '1' && e->d_name[0] <= '9')
                                dump_other(q, e->d_name, seen, home, l);
                }
        } else {
                l->closed_namespaces++;
        }
        if (dir)
                closedir(dir);
        if (home >= 0)
                close(home);
        free(seen);
}

static int by_place(const void *x, const void *y)
{
        const struct port_socket *a = x, *b = y;
        const uint64_t left[] = {a->netns, a->port, a->transport, a->state, a->family, a->peer_port};
        const uint64_t right[] = {b->netns, b->port, b->transport, b->state, b->family, b->peer_port};
        for (unsigned i = 0; i < 6; i++) {
                if (left[i] != right[i])
                        return left[i] < right[i] ? -1 : 1;
        }
        const int order = memcmp(a->address, b->address, 16);
        return order ? order : a->inode < b->inode ? -1 : a->inode > b->inode ? 1 : 0;
}

/* The sockets move into the arena, where everything else of the answer lives. */
static bool settle(struct port_live *l)
{
        struct port_socket *kept = arena_zalloc(l->arena, l->n + 1, sizeof(*kept));
        if (kept && l->n) {
                qsort(l->socket, l->n, sizeof(*l->socket), by_place);
                memcpy(kept, l->socket, l->n * sizeof(*kept));
        }
        free(l->socket);
        l->socket = kept;
        l->cap = l->n;
        if (!kept)
                l->n = l->cap = 0;
        return kept != NULL;
}

bool port_live_ask(const struct port_live_query *q, struct arena *a, struct port_live *ret)
{
        struct port_live l = {.arena = a, .connections_asked = q->connections};
        l.error = port_diag_dump(q, 0, &l);
        if (!l.error && q->all_namespaces)
                dump_others(q, &l);
        if (!settle(&l) && !l.error)
                l.error = ENOMEM;
        if (!l.error) {
                port_cgroups_name(&l);
                if (q->processes && l.n)
                        port_holders_find(&l, q->all_holders);
        }
        *ret = l;
        return l.error == 0;
}
