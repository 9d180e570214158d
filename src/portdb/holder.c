/* From a socket to the processes that have it open. The kernel keeps no index for that, so descriptors are
 * read; the order of looking makes the search end early (doc/ports.md 4.3): processes of the socket's control
 * group, then those of its user, then the rest. Every file of a process is opened below one descriptor of
 * /proc/PID, which stays with that process even when its number is used again. */
#include "portdb/live.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
        LINE_BYTES = 4096, /* of a command line; longer ones are cut */
        FIRST_LOOK = 64,   /* descriptors of a process in the first round: what listens was opened early */
        HOLDERS_MAX = 64,  /* of one socket: a pre-forking server may have thousands */
        INITIAL_PID_NS = 0xEFFFFFFCu, /* PROC_PID_INIT_INO of the kernel */
};

struct search {
        struct port_live *live;
        bool all;
        int proc;
        /* inode -> socket number + 1, open addressing */
        uint32_t *slot;
        size_t slots;
        size_t missing; /* sockets without a holder yet */
        uint8_t *seen;  /* one bit a pid */
        uint32_t seen_max;
        unsigned most; /* descriptors of a process to look at in this round */
        /* the process being read */
        int dir;
        uint32_t pid;
        const struct port_process *process; /* made at its first hit */
};

static size_t slot_of(const struct search *s, uint32_t inode)
{
        size_t at = (inode * 2654435761u) & (s->slots - 1);
        while (s->slot[at] && s->live->socket[s->slot[at] - 1].inode != inode)
                at = (at + 1) & (s->slots - 1);
        return at;
}

static bool build(struct search *s)
{
        for (s->slots = 64; s->slots < s->live->n * 2;)
                s->slots *= 2;
        s->slot = calloc(s->slots, sizeof(*s->slot));
        if (!s->slot)
                return false;
        for (size_t i = 0; i < s->live->n; i++) {
                struct port_socket *k = &s->live->socket[i];
                k->held = PORT_HELD_BY_KERNEL;
                if (k->inode == 0)
                        continue; /* closed by its process; the kernel finishes it */
                const size_t at = slot_of(s, k->inode);
                if (!s->slot[at]) {
                        s->slot[at] = (uint32_t)i + 1;
                        s->missing++;
                }
        }
        return true;
}

static size_t read_file(int dir, const char *name, char *to, size_t max)
{
        const int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
        const ssize_t n = fd >= 0 ? read(fd, to, max - 1) : -1;
        if (fd >= 0)
                close(fd);
        to[n > 0 ? n : 0] = 0;
        return n > 0 ? (size_t)n : 0;
}

/* Field 22 of stat; the command in field 2 may hold blanks and brackets, so it is counted from the last ')'.
 */
static uint64_t start_of(int dir)
{
        char text[1024];
        read_file(dir, "stat", text, sizeof(text));
        const char *p = strrchr(text, ')');
        for (unsigned field = 2; p && field < 22; field++)
                p = strchr(p + 1, ' ');
        return p ? strtoull(p + 1, NULL, 10) : 0;
}

static const struct port_process *describe(struct search *s)
{
        struct arena *a = s->live->arena;
        struct port_process *p = arena_zalloc(a, 1, sizeof(*p));
        char text[LINE_BYTES];
        struct stat st;
        if (!p)
                return NULL;
        p->pid = s->pid;
        p->uid = fstat(s->dir, &st) == 0 ? st.st_uid : 0;
        p->started = start_of(s->dir);
        size_t n = read_file(s->dir, "comm", text, sizeof(text));
        p->command = arena_str(a, bytes_of(text, n && text[n - 1] == '\n' ? n - 1 : n));
        const ssize_t link = readlinkat(s->dir, "exe", text, sizeof(text) - 1);
        text[link > 0 ? link : 0] = 0;
        char *gone = strstr(text, " (deleted)");
        if (gone)
                *gone = 0;
        const char *base = strrchr(text, '/');
        p->program = arena_str(a, bytes_str(base ? base + 1 : text));
        n = read_file(s->dir, "cmdline", text, sizeof(text));
        while (n && !text[n - 1])
                n--;
        for (size_t i = 0; i < n; i++)
                text[i] = text[i] ? text[i] : ' ';
        p->line = arena_str(a, bytes_of(text, n));
        return a->failed ? NULL : p;
}

static void give(struct search *s, struct port_socket *k)
{
        for (size_t i = 0; i < k->processes;
             i++) { /* the second round meets it again; so do dup'ed descriptors */
                if (k->process[i]->pid == s->pid)
                        return;
        }
        if (k->processes >= HOLDERS_MAX || (!s->process && !(s->process = describe(s))))
                return;
        const struct port_process **list = arena_zalloc(s->live->arena, k->processes + 1, sizeof(*list));
        if (!list)
                return;
        if (k->processes)
                memcpy(list, k->process, k->processes * sizeof(*list));
        list[k->processes] = s->process;
        if (!k->processes)
                s->missing--;
        k->process = list;
        k->processes++;
        k->held = PORT_HELD_BY_PROCESS;
}

/* "socket:[123]" -> 123; 0 otherwise. */
static uint32_t inode_of_link(const char *link, ssize_t n)
{
        uint64_t v = 0;
        if (n < 10 || memcmp(link, "socket:[", 8) != 0)
                return 0;
        for (ssize_t i = 8; i < n && link[i] >= '0' && link[i] <= '9'; i++)
                v = v * 10 + (uint64_t)(link[i] - '0');
        return v <= UINT32_MAX ? (uint32_t)v : 0;
}

static bool done(const struct search *s)
{
        return !s->all && s->missing == 0;
}

static void look_at(struct search *s, int fd, const char *name)
{
        char link[64];
        const uint32_t inode = inode_of_link(link, readlinkat(fd, name, link, sizeof(link)));
        const uint32_t number = inode ? s->slot[slot_of(s, inode)] : 0;
        if (number)
                give(s, &s->live->socket[number - 1]);
}

/* The descriptors of the process s->dir, s->most of them; false when they may not be read. *ret_whole: there
 * were no more. getdents64 as it is: with many small processes, what readdir allocates for each of them is a
 * third of the time. */
static bool read_descriptors(struct search *s, bool *ret_whole)
{
        unsigned looked = 0;
        *ret_whole = true;
        _Alignas(struct dirent64) char entries[8192];
        /* Listing makes the kernel prepare every entry: in the first round list no more than is looked at (an
         * entry has 24 bytes). */
        const size_t bytes = s->most == FIRST_LOOK ? (FIRST_LOOK + 3) * 24 : sizeof(entries);
        const int fd = openat(s->dir, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return errno == ENOENT || errno == ESRCH; /* gone meanwhile: nothing was hidden */
        ssize_t n = 0;
        while (!done(s) && *ret_whole && (n = getdents64(fd, entries, bytes)) > 0) {
                for (ssize_t at = 0; at < n && !done(s);) {
                        const struct dirent64 *e = (const struct dirent64 *)(const void *)(entries + at);
                        at += e->d_reclen;
                        if (e->d_name[0] == '.')
                                continue;
                        if (looked++ == s->most) {
                                *ret_whole = false;
                                break;
                        }
                        look_at(s, fd, e->d_name);
                }
        }
        const bool readable = n >= 0 || errno == ENOENT || errno == ESRCH;
        close(fd);
        return readable;
}

static void visit(uint32_t pid, void *context)
{
        struct search *s = context;
        char name[16];
        bool whole;
        if (done(s) || pid > s->seen_max || (s->seen[pid / 8] & 1u << pid % 8))
                return;
        snprintf(name, sizeof(name), "%u", pid);
        s->dir = openat(s->proc, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (s->dir < 0)
                return;
        s->pid = pid;
        s->process = NULL;
        if (!read_descriptors(s, &whole))
                s->live->unreadable++;
        if (whole)
                s->seen[pid / 8] |= (uint8_t)(1u << pid % 8);
        close(s->dir);
}

/* First step: who is in the control groups of the sockets. The root group holds everybody, so it says
 * nothing. */
static void visit_groups(struct search *s)
{
        const char *before = NULL;
        for (size_t i = 0; i < s->live->n && !done(s); i++) {
                const struct port_socket *k = &s->live->socket[i];
                if (k->processes || !*k->path || strcmp(k->path, "/") == 0 || k->path == before)
                        continue;
                before = k->path;
                port_cgroup_pids(k->path, visit, s);
        }
}

static bool uid_wanted(const struct search *s, uint32_t uid)
{
        for (size_t i = 0; i < s->live->n; i++) {
                if (s->live->socket[i].uid == uid && !s->live->socket[i].processes)
                        return true;
        }
        return false;
}

static void visit_all(struct search *s, bool by_uid)
{
        const int fd = openat(s->proc, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
        struct dirent *e;
        if (!dir) {
                if (fd >= 0)
                        close(fd);
                s->live->unreadable++;
                return;
        }
        while (!done(s) && (e = readdir(dir))) {
                struct stat st;
                char *end;
                const unsigned long pid = strtoul(e->d_name, &end, 10);
                if (*end || pid == 0 || pid > UINT32_MAX)
                        continue;
                if (by_uid && (fstatat(s->proc, e->d_name, &st, 0) < 0 || !uid_wanted(s, st.st_uid)))
                        continue;
                visit((uint32_t)pid, s);
        }
        closedir(dir);
}

static bool outside_is_invisible(void)
{
        struct stat st;
        return stat("/proc/self/ns/pid", &st) < 0 || st.st_ino != INITIAL_PID_NS;
}

/* The same socket may be listed twice (an inode of another dump): both get the holders. */
static void share_holders(struct search *s)
{
        for (size_t i = 0; i < s->live->n; i++) {
                struct port_socket *k = &s->live->socket[i];
                if (!k->inode || k->processes)
                        continue;
                const struct port_socket *first = &s->live->socket[s->slot[slot_of(s, k->inode)] - 1];
                if (first != k && first->processes) {
                        k->process = first->process;
                        k->processes = first->processes;
                        k->held = PORT_HELD_BY_PROCESS;
                }
        }
}

void port_holders_find(struct port_live *l, bool all)
{
        struct search s = {.live = l, .all = all, .proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
        s.seen_max = 4u << 20; /* PID_MAX_LIMIT */
        s.seen = calloc(s.seen_max / 8 + 1, 1);
        l->own_pid_namespace = outside_is_invisible();
        if (s.proc < 0 || !s.seen || !build(&s)) {
                l->unreadable++;
        } else {
                s.most = all || l->n > FIRST_LOOK ? UINT32_MAX : FIRST_LOOK;
                for (bool last = false; !done(&s) && !last; s.most = UINT32_MAX) {
                        last = s.most == UINT32_MAX;
                        visit_groups(&s);
                        if (l->n <= FIRST_LOOK) /* with many sockets every user is wanted */
                                visit_all(&s, true);
                        visit_all(&s, false);
                }
                share_holders(&s);
        }
        for (size_t i = 0; i < l->n; i++) {
                if (!l->socket[i].processes)
                        l->socket[i].held = l->socket[i].inode && (l->unreadable || l->own_pid_namespace)
                                                    ? PORT_HELD_HIDDEN
                                                    : PORT_HELD_BY_KERNEL;
        }
        if (s.proc >= 0)
                close(s.proc);
        free(s.seen);
        free(s.slot);
}
