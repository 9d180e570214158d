#include "server/monitor.h"

#include "server/endpoint.h"
#include "server/held.h"
#include "server/monitor_message.h"
#include "server/notify.h"
#include "sys/clock.h"
#include "sys/fs.h"
#include "sys/log.h"
#include "sys/privilege.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define AGAIN_FIRST_MS 1000u  /* a crashed server is started again after so long, then twice as long, ... */
#define AGAIN_MOST_MS  60000u /* at most; a server that stood so long has not failed in a row */
#define AGAIN_TIMES    10u    /* in a row, then the monitor ends too: somebody has to look */
#define REFUSED_LOGGED 16u    /* of one server: a hostile one must not fill the log */
#define LAST_WORDS     64u /* requests of a server that has ended, still looked at: more do not wait there */

struct kept { /* a main door: survives the server, so that callers wait instead of being refused */
        struct endpoint at;
        bool udp;
        int fd;
};

struct monitor {
        const struct monitor_options *options;
        struct config *config;
        uid_t uid;
        gid_t gid;
        struct inherited inherited;
        struct kept kept[LIMIT_INHERITED];
        unsigned keeps;
        int local; /* the UNIX socket; -1 */
        char local_path[128];
        sigset_t signals_before;
        int signals; /* a signalfd */
        pid_t child; /* 0: none */
        int channel; /* to it; -1 */
        bool ready, was_ready, stopping, first_fd_closed;
        unsigned failures, refused;
        uint64_t ready_ms, again_ms;
        int status; /* of the program */
};

/* -- before there is a server -- */

bool monitor_give_folder(const char *folder, uid_t uid, gid_t gid, struct config_why *why)
{
        struct stat st;
        int err = fs_make_folders(folder, 0755);
        const int fd = err ? -1 : open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        const int lock = fd < 0 ? -1 : openat(fd, ".lock", O_RDWR | O_NOFOLLOW | O_CLOEXEC);
        if (!err && (fd < 0 || fstat(fd, &st) < 0))
                err = errno;
        /* Root's only: what lies in a folder of somebody else's may be a trap of his. */
        if (!err && st.st_uid == 0 &&
            (fchmod(fd, 0700) < 0 || (lock >= 0 && fchown(lock, uid, gid) < 0) || fchown(fd, uid, gid) < 0))
                err = errno;
        if (!err && st.st_uid != 0 && st.st_uid != uid)
                err = EPERM;
        if (err)
                snprintf(why->text, sizeof(why->text),
                         "%.200s: cannot be given to user number %u: %s; it has to be root's or that user's",
                         folder, (unsigned)uid, strerror(err));
        if (lock >= 0)
                close(lock);
        if (fd >= 0)
                close(fd);
        return !err;
}

/* -- main doors -- */

static int find_kept(const struct monitor *m, const struct endpoint *e, bool udp)
{
        for (unsigned i = 0; i < m->keeps; i++)
                if (m->kept[i].udp == udp && endpoint_same(&m->kept[i].at, e))
                        return m->kept[i].fd;
        return -1;
}

static bool has_inherited_port(const struct monitor *m, uint16_t port, bool udp)
{
        for (unsigned i = 0; i < m->inherited.n; i++)
                if (!m->inherited.v[i].local && m->inherited.v[i].udp == udp &&
                    endpoint_port(&m->inherited.v[i].at) == port)
                        return true;
        return false;
}

/* A descriptor of the monitor's own that stays open, or -1 with errno and *why (NULL: nobody reads it). */
static int main_door(struct monitor *m, const struct endpoint *e, bool udp, struct config_why *why)
{
        const struct opener here = {.monitor = -1};
        int fd = find_kept(m, e, udp);
        if (fd >= 0)
                return fd;
        if (m->keeps == LIMIT_INHERITED) {
                if (why)
                        snprintf(why->text, sizeof(why->text), "listen: more than %u doors", LIMIT_INHERITED);
                errno = EMFILE;
                return -1;
        }
        fd = opener_port(&here, e, udp, OPENER_MAIN, why);
        if (fd < 0 && errno == EADDRINUSE && has_inherited_port(m, endpoint_port(e), udp)) {
                if (why)
                        snprintf(why->text, sizeof(why->text),
                                 "listen: the service manager holds port %u at an address that this one "
                                 "includes; say there which addresses it is opened at (`systemctl edit "
                                 "netinfod-port.socket`)",
                                 endpoint_port(e));
                errno = EEXIST; /* not EADDRINUSE: waiting would not help */
        }
        if (fd >= 0)
                m->kept[m->keeps++] = (struct kept){.at = *e, .udp = udp, .fd = fd};
        return fd;
}

static bool is_inherited(const struct monitor *m, const struct endpoint *e, bool udp)
{
        for (unsigned i = 0; i < m->inherited.n; i++)
                if (!m->inherited.v[i].local && m->inherited.v[i].udp == udp && !m->inherited.v[i].for_tags &&
                    endpoint_same(&m->inherited.v[i].at, e))
                        return true;
        return false;
}

static bool has_inherited(const struct monitor *m, bool local)
{
        for (unsigned i = 0; i < m->inherited.n; i++)
                if (m->inherited.v[i].local == local && !m->inherited.v[i].udp && !m->inherited.v[i].for_tags)
                        return true;
        return false;
}

/* While all rights are there: who holds a port is seen by root only. Beside the service manager's. *ret_held:
 * somebody else has one, of whom *why tells, and that may be waited for. */
static bool open_doors(struct monitor *m, bool *ret_held, struct config_why *why)
{
        const struct config *c = m->config;
        const bool may_wait = held_may_wait(c, m->options->opener->managed);
        for (unsigned i = 0; i < c->listen.n && (c->listen_given || !has_inherited(m, false)); i++) {
                const struct endpoint *e = &c->listen.v[i];
                for (unsigned udp = 0; udp < (config_udp(c) ? 2u : 1u); udp++) {
                        if (is_inherited(m, e, udp) || main_door(m, e, udp, why) >= 0 ||
                            (e->optional && (errno == EADDRNOTAVAIL || errno == EAFNOSUPPORT)))
                                continue;
                        if (errno != EADDRINUSE || !may_wait)
                                return false;
                        log_event(LOG_LEVEL_ERROR, "listen-held", "reason=\"%s\" note=\"" HELD_NOTE "\"",
                                  why->text);
                        *ret_held = true;
                }
        }
        return true;
}

static void close_unnamed(struct monitor *m)
{
        for (unsigned i = 0; i < m->keeps;) {
                struct kept *k = &m->kept[i];
                const struct monitor_request r = monitor_request_of(MONITOR_MAIN, 0, &k->at, k->udp);
                struct endpoint e;
                if (monitor_allows(m->config, &r, &e)) {
                        i++;
                        continue;
                }
                close(k->fd);
                *k = m->kept[--m->keeps];
        }
}

static void close_doors(struct monitor *m)
{
        const struct opener here = {.monitor = -1};
        while (m->keeps)
                close(m->kept[--m->keeps].fd);
        while (m->inherited.n)
                close(m->inherited.v[--m->inherited.n].fd);
        if (m->local >= 0) {
                close(m->local);
                if (m->child >= 0) /* not in the child */
                        opener_local_done(&here, m->local_path);
        }
        m->local = -1;
}

/* -- requests -- */

static int local_door(struct monitor *m, struct config_why *why)
{
        const struct opener here = {.monitor = -1};
        if (m->local >= 0)
                return m->local;
        m->local = opener_local(&here, m->config->socket, why);
        if (m->local >= 0)
                snprintf(m->local_path, sizeof(m->local_path), "%s", m->config->socket);
        return m->local;
}

/* The text in a file that nobody can change: what the server reads is what was checked here. */
static int text_in_memory(struct bytes text)
{
        const int fd = memfd_create("netinfod.conf", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        if (fd >= 0 && fs_write_all(fd, text.data, text.len) == 0 &&
            fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0 &&
            lseek(fd, 0, SEEK_SET) == 0)
                return fd;
        const int err = errno;
        if (fd >= 0)
                close(fd);
        errno = err;
        return -1;
}

/* Reads the file for both; a mistake in it leaves the monitor with the old one, and the server finds it too.
 */
static int read_configuration(struct monitor *m, struct config_why *why)
{
        const struct config_source *s = m->options->source;
        struct config_why mistake = {{0}};
        struct buf text;
        buf_init(&text, 0);
        int err = s->file ? fs_read(s->file, LIMIT_CONFIG, &text) : ENOENT;
        if (err == ENOENT && !s->must_exist)
                err = 0;
        const int fd = err ? -1 : text_in_memory(buf_bytes(&text));
        if (!err && fd < 0)
                err = errno;
        if (err)
                snprintf(why->text, sizeof(why->text), "%.200s: cannot be read: %s",
                         s->file ? s->file : "configuration", strerror(err));
        struct config *c = err ? NULL : config_load_text(s, buf_bytes(&text), &mistake);
        buf_done(&text);
        if (c) {
                config_release(m->config);
                m->config = c;
                close_unnamed(m);
        }
        errno = err;
        return fd;
}

/* A descriptor to hand over: *ret_close when it is to be closed after that. -1 with errno and *why. */
static int fulfil(struct monitor *m, const struct monitor_request *r, const struct endpoint *e,
                  struct monitor_reply *reply, bool *ret_close)
{
        const struct opener here = {.monitor = -1, .inherited = m->inherited};
        struct inherited_socket s;
        *ret_close = true;
        switch ((enum monitor_kind)r->kind) {
        case MONITOR_MAIN:
                *ret_close = false;
                return main_door(m, e, r->udp, r->number ? NULL : &reply->why);
        case MONITOR_LOCAL:
                *ret_close = false;
                return local_door(m, &reply->why);
        case MONITOR_TAG:
                return opener_port(&here, e, r->udp, OPENER_TAG, &reply->why);
        case MONITOR_MAPPER:
                return opener_mapper(&here, &reply->why);
        case MONITOR_RESERVED:
                return opener_reserved(&here, &reply->why);
        case MONITOR_CALLER:
                return opener_caller(&here, r->number == 6 ? AF_INET6 : AF_INET, &reply->why);
        case MONITOR_CONFIG:
                return read_configuration(m, &reply->why);
        case MONITOR_INHERITED:
                if (opener_inherited(&here, r->number, &s)) {
                        reply->at = s.at;
                        reply->udp = s.udp;
                        reply->local = s.local;
                        return s.fd;
                }
                errno = ENOENT;
                return -1;
        case MONITOR_STATE:
                break;
        }
        errno = EINVAL;
        return -1;
}

static void send_reply(const struct monitor *m, const struct monitor_reply *reply, int fd)
{
        union {
                struct cmsghdr header;
                char room[CMSG_SPACE(sizeof(int))];
        } control = {.room = {0}};
        struct iovec part = {.iov_base = (void *)(uintptr_t)reply, .iov_len = sizeof(*reply)};
        struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
        if (fd >= 0) {
                message.msg_control = &control;
                message.msg_controllen = sizeof(control);
                struct cmsghdr *c = CMSG_FIRSTHDR(&message);
                c->cmsg_level = SOL_SOCKET;
                c->cmsg_type = SCM_RIGHTS;
                c->cmsg_len = CMSG_LEN(sizeof(int));
                memcpy(CMSG_DATA(c), &fd, sizeof(fd));
        }
        /* A server that does not take its replies waits for none. */
        if (sendmsg(m->channel, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
                log_event(LOG_LEVEL_DEBUG, "monitor-reply", "reason=\"%s\"", strerror(errno));
}

static void take_state(struct monitor *m, enum monitor_state state)
{
        static const char *const words[] = {[MONITOR_READY] = "READY=1", [MONITOR_ALIVE] = "WATCHDOG=1"};
        if (state == MONITOR_RELOADING) {
                notify_reloading();
                return;
        }
        if (state == MONITOR_STOPPING) {
                m->stopping = true;
                close_doors(m);
                notify_manager("STOPPING=1");
                return;
        }
        if (state == MONITOR_READY && !m->ready) {
                m->ready = m->was_ready = true;
                m->ready_ms = clock_mono_ms();
        }
        notify_manager(words[state]);
}

static void answer(struct monitor *m)
{
        struct monitor_reply reply;
        struct monitor_request r;
        struct endpoint e = {0};
        uint8_t message[sizeof(r) + 1]; /* a longer one shows */
        bool close_it = false;
        int fd = -1;
        const ssize_t n = recv(m->channel, message, sizeof(message), MSG_DONTWAIT);
        if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
                close(m->channel); /* the server ends: SIGCHLD comes */
                m->channel = -1;
        }
        if (n <= 0)
                return;
        memset(&reply, 0, sizeof(reply)); /* the padding too: it goes to another process */
        const bool known = monitor_request_decode(message, (size_t)n, &r);
        reply.turn = known ? r.turn : 0;
        if (known && r.kind == MONITOR_STATE) {
                take_state(m, (enum monitor_state)r.number);
                return;
        }
        if (!known || !monitor_allows(m->config, &r, &e) || m->stopping) {
                errno = EACCES;
                snprintf(reply.why.text, sizeof(reply.why.text),
                         "the monitor opens only what netinfod.conf names: `listen`, `socket`, `tag_ports`");
                if (m->refused++ < REFUSED_LOGGED)
                        log_event(LOG_LEVEL_WARNING, "monitor-refused", "kind=%u port=%u", known ? r.kind : 0,
                                  known ? r.port : 0);
        } else {
                fd = fulfil(m, &r, &e, &reply, &close_it);
        }
        reply.error = fd < 0 ? errno : 0;
        send_reply(m, &reply, fd);
        if (fd >= 0 && close_it)
                close(fd);
}

/* -- the server's life -- */

/* In the child: everything of the parent's goes, then the rights. */
static int be_server(struct monitor *m, int channel, pid_t parent)
{
        const struct monitor_options *o = m->options;
        const bool again = m->was_ready;
        const int err = privilege_become(m->config->user, m->uid, m->gid);
        m->child = -1;
        close_doors(m);
        close(m->signals);
        sigprocmask(SIG_SETMASK, &m->signals_before, NULL);
        if (err) {
                log_event(LOG_LEVEL_ERROR, "start-failed", "reason=\"user %s: cannot become it: %s\"",
                          m->config->user, strerror(err));
                return 1;
        }
        prctl(PR_SET_PDEATHSIG, SIGTERM);
        if (getppid() != parent) /* it died before */
                return 1;
        o->opener->monitor = channel;
        o->opener->main_pid = parent;
        o->opener->inherited.n = 0;
        config_release(m->config);
        m->config = NULL;
        const int status = o->serve(o->context, again);
        close(channel);
        return status;
}

/* True in the child, when the server has ended; m->status is its exit status. */
static bool start_server(struct monitor *m)
{
        int pair[2];
        const pid_t self = getpid();
        m->ready = false;
        m->refused = 0;
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
                log_event(LOG_LEVEL_ERROR, "start-failed", "reason=\"no socket to the server: %s\"",
                          strerror(errno));
                m->status = 1;
                return false;
        }
        const pid_t child = fork();
        if (child == 0) {
                close(pair[0]);
                m->status = be_server(m, pair[1], self);
                return true;
        }
        close(pair[1]);
        if (!m->first_fd_closed && m->options->first_fd >= 0)
                close(m->options->first_fd);
        m->first_fd_closed = true;
        if (child < 0) {
                log_event(LOG_LEVEL_ERROR, "start-failed", "reason=\"no process for the server: %s\"",
                          strerror(errno));
                close(pair[0]);
                m->status = 1;
                return false;
        }
        m->child = child;
        m->channel = pair[0];
        return false;
}

/* True: the program ends with m->status. */
static bool server_ended(struct monitor *m, int wait_status)
{
        const bool clean = WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == 0;
        const uint64_t now = clock_mono_ms();
        m->child = 0;
        if (m->channel >= 0)
                close(m->channel);
        m->channel = -1;
        m->status = WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : 1;
        if (clean || m->stopping || !m->was_ready) /* as asked; or a start that failed, and said why */
                return true;
        if (m->ready && now - m->ready_ms > AGAIN_MOST_MS)
                m->failures = 0;
        if (m->failures == AGAIN_TIMES) {
                log_event(LOG_LEVEL_ERROR, "server-given-up", "times=%u", AGAIN_TIMES);
                return true;
        }
        const uint64_t wait = (uint64_t)AGAIN_FIRST_MS << m->failures++;
        m->again_ms = now + (wait < AGAIN_MOST_MS ? wait : AGAIN_MOST_MS);
        log_event(LOG_LEVEL_ERROR, "server-crashed", "%s=%d again_in_ms=%llu",
                  WIFEXITED(wait_status) ? "status" : "signal",
                  WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : WTERMSIG(wait_status),
                  (unsigned long long)(m->again_ms - now));
        return false;
}

/* True: the program ends. */
static bool take_signal(struct monitor *m)
{
        struct signalfd_siginfo info;
        int status;
        if (read(m->signals, &info, sizeof(info)) != (ssize_t)sizeof(info))
                return false;
        if (info.ssi_signo == SIGCHLD) {
                if (!m->child || waitpid(m->child, &status, WNOHANG) != m->child)
                        return false;
                for (unsigned i = 0; i < LAST_WORDS && m->channel >= 0; i++)
                        answer(m); /* what it said before it ended: READY, STOPPING */
                return server_ended(m, status);
        }
        if (info.ssi_signo != SIGHUP)
                m->stopping = true;
        if (m->child)
                kill(m->child, info.ssi_signo == SIGHUP ? SIGHUP : SIGTERM);
        m->status = 0;
        return m->stopping && !m->child;
}

static int wait_ms(const struct monitor *m)
{
        const uint64_t now = clock_mono_ms();
        if (m->child)
                return -1;
        return m->again_ms > now ? (int)(m->again_ms - now) : 0;
}

static void watch(struct monitor *m)
{
        for (bool over = false; !over;) {
                if (!m->child && wait_ms(m) == 0) {
                        if (start_server(m) || !m->child)
                                return;
                }
                struct pollfd watched[2] = {{.fd = m->signals, .events = POLLIN},
                                            {.fd = m->channel, .events = POLLIN}};
                if (poll(watched, 2, wait_ms(m)) < 0 && errno != EINTR)
                        return;
                if (watched[0].revents) /* first: a server that never stops asking must not keep them away */
                        over = take_signal(m);
                else if (watched[1].revents)
                        answer(m);
        }
}

static bool catch_signals(struct monitor *m)
{
        sigset_t all;
        sigemptyset(&all);
        sigaddset(&all, SIGTERM);
        sigaddset(&all, SIGINT);
        sigaddset(&all, SIGHUP);
        sigaddset(&all, SIGCHLD);
        if (sigprocmask(SIG_BLOCK, &all, &m->signals_before) < 0)
                return false;
        m->signals = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
        return m->signals >= 0;
}

/* Whose the server is to be. */
static bool find_user(struct monitor *m, struct config_why *why)
{
        const char *user = m->config->user;
        int err = 0;
        if (geteuid() != 0) { /* a service manager has made us that user */
                m->uid = geteuid();
                m->gid = getegid();
        } else {
                err = privilege_find_user(user, &m->uid, &m->gid);
        }
        if (err || m->uid == 0) {
                snprintf(why->text, sizeof(why->text), "user %s: %s; see `user` in netinfod.conf", user,
                         err == ENOENT ? "there is no such user on this machine"
                         : err         ? strerror(err)
                                       : "it is root: leave `user` out to stay root");
                return false;
        }
        return true;
}

static bool prepare(struct monitor *m, struct config_why *why)
{
        static const unsigned rights[] = {CAP_NET_BIND_SERVICE, CAP_SETUID, CAP_SETGID, CAP_KILL};
        bool held = false;
        if (!find_user(m, why))
                return false;
        if (!monitor_give_folder(m->options->domains, m->uid, m->gid, why) || !open_doors(m, &held, why))
                return false;
        if (m->config->socket[0] && !has_inherited(m, true) && local_door(m, why) < 0)
                return false;
        if (held && !m->keeps && m->local < 0 && !has_inherited(m, true) && !has_inherited(m, false))
                return false; /* nothing would serve */
        const int err = privilege_keep(rights, sizeof(rights) / sizeof(rights[0]));
        if (err || !catch_signals(m)) {
                snprintf(why->text, sizeof(why->text), "rights cannot be given up: %s",
                         strerror(err ? err : errno));
                return false;
        }
        return true;
}

int monitor_run(const struct monitor_options *o, struct config *c)
{
        struct config_why why = {{0}};
        struct monitor m = {.options = o,
                            .config = c,
                            .inherited = o->opener->inherited,
                            .local = -1,
                            .signals = -1,
                            .channel = -1,
                            .status = 1};
        log_set_level(c->log_level);
        if (!prepare(&m, &why))
                log_event(LOG_LEVEL_ERROR, "start-failed", "reason=\"%s\"", why.text);
        else
                watch(&m);
        if (m.child < 0) /* the child: the server has ended, and what was the parent's is gone */
                return m.status;
        close_doors(&m);
        if (m.channel >= 0)
                close(m.channel);
        if (m.signals >= 0)
                close(m.signals);
        config_release(m.config);
        return m.status;
}
