#include "server/opener.h"

#include "portdb/live.h"
#include "server/endpoint.h"
#include "server/notify.h"
#include "server/portmap_wire.h"
#include "sys/clock.h"
#include "sys/fs.h"
#include "sys/log.h"
#include "sys/reserved.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 511
#define MONITOR_MS \
        10000 /* the monitor answers at once, or looks through the processes for a port's holder first */

/* -- asking the monitor -- */

/* The descriptor in a message that came, or -1. */
static int descriptor_in(struct msghdr *m)
{
        int fd = -1;
        for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c))
                if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
                    c->cmsg_len == CMSG_LEN(sizeof(fd)))
                        memcpy(&fd, CMSG_DATA(c), sizeof(fd));
        return fd;
}

/* What came: a descriptor, or -1 with errno; ret->turn is the request's that it answers. In the main loop, as
 * opening itself would be: the monitor waits for nobody, and a dead one is seen at once. */
static int receive(int monitor, struct monitor_reply *ret)
{
        union {
                struct cmsghdr header;
                char room[CMSG_SPACE(sizeof(int))];
        } control;
        struct iovec part = {.iov_base = ret, .iov_len = sizeof(*ret)};
        struct msghdr m = {.msg_iov = &part,
                           .msg_iovlen = 1,
                           .msg_control = &control,
                           .msg_controllen = sizeof(control)};
        struct pollfd watched = {.fd = monitor, .events = POLLIN};
        int ready;
        do
                ready = poll(&watched, 1, MONITOR_MS);
        while (ready < 0 && errno == EINTR);
        const ssize_t n = ready > 0 ? recvmsg(monitor, &m, MSG_CMSG_CLOEXEC | MSG_DONTWAIT) : -1;
        const int fd = n < 0 ? -1 : descriptor_in(&m);
        if (n == (ssize_t)sizeof(*ret) && (fd >= 0) == (ret->error == 0)) {
                errno = ret->error;
                return fd;
        }
        if (fd >= 0)
                close(fd);
        memset(ret, 0, sizeof(*ret));
        errno = EPIPE;
        return -1;
}

/* The answer to the request of this turn. Those before it came too late: nobody waits for them any more. */
static int receive_turn(int monitor, uint16_t turn, struct monitor_reply *ret)
{
        for (;;) {
                const int fd = receive(monitor, ret), err = errno;
                if (err == EPIPE && fd < 0)
                        return -1;
                if (ret->turn == turn) {
                        errno = err;
                        return fd;
                }
                if (fd >= 0)
                        close(fd);
        }
}

/* One request and its answer at a time: replicas ask from threads of their own. */
static pthread_mutex_t asking = PTHREAD_MUTEX_INITIALIZER;

static int ask(const struct opener *o, enum monitor_kind kind, uint32_t number, const struct endpoint *e,
               bool udp, struct monitor_reply *ret)
{
        static uint16_t turn; /* under `asking` */
        struct monitor_request r = monitor_request_of(kind, number, e, udp);
        memset(ret, 0, sizeof(*ret));
        pthread_mutex_lock(&asking);
        r.turn = ++turn;
        const ssize_t sent = send(o->monitor, &r, sizeof(r), MSG_NOSIGNAL);
        const int fd = sent == (ssize_t)sizeof(r) ? receive_turn(o->monitor, r.turn, ret) : -1;
        const int err = errno;
        pthread_mutex_unlock(&asking);
        if (fd < 0 && !ret->why.text[0])
                snprintf(ret->why.text, sizeof(ret->why.text), "the monitor does not answer: %s",
                         strerror(err));
        errno = err;
        return fd;
}

static int ask_for(const struct opener *o, enum monitor_kind kind, const struct endpoint *e, bool udp,
                   struct config_why *why)
{
        struct monitor_reply reply;
        const int fd = ask(o, kind, kind == MONITOR_MAIN && !why, e, udp, &reply);
        if (fd < 0 && why)
                *why = reply.why;
        return fd;
}

struct config *opener_config(const struct opener *o, const struct config_source *source,
                             struct config_why *why)
{
        struct buf text;
        if (o->monitor < 0)
                return config_load(source, why);
        const int fd = ask_for(o, MONITOR_CONFIG, NULL, false, why);
        if (fd < 0)
                return NULL;
        buf_init(&text, 0);
        const int err = fs_read_fd(fd, LIMIT_CONFIG, &text);
        struct config *c = err ? NULL : config_load_text(source, buf_bytes(&text), why);
        if (err)
                snprintf(why->text, sizeof(why->text), "the configuration cannot be read: %s", strerror(err));
        buf_done(&text);
        close(fd);
        return c;
}

void opener_state(const struct opener *o, enum monitor_state state)
{
        static const char *const words[MONITOR_STATES] = {"READY=1", NULL, "STOPPING=1", "WATCHDOG=1"};
        const struct monitor_request r = monitor_request_of(MONITOR_STATE, (uint32_t)state, NULL, false);
        if (o->monitor >= 0) {
                if (send(o->monitor, &r, sizeof(r), MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
                        /* it is gone: then so are we, soon */
                }
        } else if (state == MONITOR_RELOADING) {
                notify_reloading();
        } else {
                notify_manager(words[state]);
        }
}

/* -- ports -- */

/* A bound (and listening) socket, or -1 with errno. absent: also at an address that is nobody's here yet. */
static int bind_port(const struct endpoint *e, bool udp, bool absent)
{
        const int on = 1, family = e->at.sa.sa_family;
        const int fd = socket(family, (udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return -1;
        if (family == AF_INET6)
                setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
        if (absent && family == AF_INET6)
                setsockopt(fd, IPPROTO_IPV6, IPV6_FREEBIND, &on, sizeof(on));
        else if (absent)
                setsockopt(fd, IPPROTO_IP, IP_FREEBIND, &on, sizeof(on));
        if (udp)
                endpoint_want_target(fd, family);
        else
                setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
        if (bind(fd, &e->at.sa, endpoint_length(e)) < 0 || (!udp && listen(fd, BACKLOG) < 0)) {
                const int err = errno;
                close(fd);
                errno = err;
                return -1;
        }
        return fd;
}

static void explain(const struct endpoint *e, bool udp, int err, char *to, size_t cap)
{
        char where[ENDPOINT_TEXT], holder[160];
        snprintf(holder, sizeof(holder), "somebody this user may not see (as root: ni port %u)",
                 endpoint_port(e));
        endpoint_text(e, where, sizeof(where));
        const char *kind = udp ? "udp" : "tcp";
        if (err == EADDRINUSE) {
                port_holder_text(endpoint_port(e), udp, holder, sizeof(holder));
                snprintf(to, cap,
                         "%s %s is held by %s; stop that, or choose another port: --listen ADDRESS:PORT, or "
                         "`listen` in netinfod.conf",
                         kind, where, holder);
        } else if (err == EACCES) {
                snprintf(to, cap,
                         "%s %s: this user may not open ports below 1024; start as root, or choose another "
                         "port "
                         "with --listen",
                         kind, where);
        } else {
                snprintf(to, cap, "%s %s: %s", kind, where, strerror(err));
        }
}

/* One that is kept for the domains' ports, as a descriptor of its own: the domain may come and go. */
static int inherited_for_tag(const struct opener *o, const struct endpoint *e, bool udp)
{
        for (unsigned i = 0; i < o->inherited.n; i++) {
                const struct inherited_socket *s = &o->inherited.v[i];
                if (s->for_tags && !s->local && s->udp == udp && endpoint_same(&s->at, e))
                        return fcntl(s->fd, F_DUPFD_CLOEXEC, 0);
        }
        return -1;
}

/* At boot the network may come up later than we: the door is there then. */
static int bind_absent(const struct endpoint *e, bool udp)
{
        const int fd = bind_port(e, udp, true), err = errno;
        char where[ENDPOINT_TEXT];
        endpoint_text(e, where, sizeof(where));
        if (fd >= 0)
                log_event(LOG_LEVEL_WARNING, "listen-absent",
                          "%s=%s note=\"this machine does not have the address now; the door opens with it\"",
                          udp ? "udp" : "tcp", where);
        errno = err;
        return fd;
}

int opener_port(const struct opener *o, const struct endpoint *e, bool udp, enum opener_use use,
                struct config_why *why)
{
        if (o->monitor >= 0 && use == OPENER_MAIN)
                return ask_for(o, MONITOR_MAIN, e, udp, why);
        int fd = use == OPENER_TAG ? inherited_for_tag(o, e, udp) : -1;
        if (fd < 0)
                fd = bind_port(e, udp, false);
        if (fd < 0 && errno == EADDRNOTAVAIL && use == OPENER_MAIN && !e->optional)
                fd = bind_absent(e, udp);
        if (fd < 0 && errno == EACCES && o->monitor >= 0) /* the monitor may have it, or may open it */
                return ask_for(o, MONITOR_TAG, e, udp, why);
        if (fd < 0) {
                const int err = errno;
                if (why)
                        explain(e, udp, err, why->text, sizeof(why->text));
                errno = err;
        }
        return fd;
}

int opener_mapper(const struct opener *o, struct config_why *why)
{
        const struct endpoint e = {.at.in = {.sin_family = AF_INET, .sin_port = htons(PMAP_PORT)}};
        if (o->monitor >= 0)
                return ask_for(o, MONITOR_MAPPER, NULL, false, why);
        const int fd = bind_port(&e, true, false), err = errno;
        if (fd < 0)
                explain(&e, true, err, why->text, sizeof(why->text));
        errno = err;
        return fd;
}

int opener_reserved(const struct opener *o, struct config_why *why)
{
        struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        if (o->monitor >= 0)
                return ask_for(o, MONITOR_RESERVED, NULL, false, why);
        const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (fd >= 0 && bindresvport(fd, &at) == 0)
                return fd;
        const int err = errno;
        snprintf(why->text, sizeof(why->text),
                 "no port below 1024 can be had: %s; start as root, or leave out `historical`",
                 strerror(err));
        if (fd >= 0)
                close(fd);
        errno = err;
        return -1;
}

int opener_caller(const struct opener *o, int family, struct config_why *why)
{
        struct monitor_reply reply;
        if (o->monitor >= 0) {
                const int fd = ask(o, MONITOR_CALLER, family == AF_INET6 ? 6 : 4, NULL, false, &reply);
                if (fd < 0)
                        *why = reply.why;
                return fd;
        }
        const int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (fd >= 0 && reserved_bind(fd, family))
                return fd;
        const int err = errno;
        snprintf(why->text, sizeof(why->text), "no port below 1024 can be had: %s", strerror(err));
        if (fd >= 0)
                close(fd);
        errno = err;
        return -1;
}

bool opener_inherited(const struct opener *o, unsigned i, struct inherited_socket *ret)
{
        struct monitor_reply reply;
        if (o->monitor >= 0) {
                const int fd = ask(o, MONITOR_INHERITED, i, NULL, false, &reply);
                *ret = (struct inherited_socket){
                        .fd = fd, .udp = reply.udp, .local = reply.local, .at = reply.at};
                return fd >= 0;
        }
        for (unsigned at = 0; at < o->inherited.n; at++) {
                if (o->inherited.v[at].for_tags || i-- > 0)
                        continue;
                *ret = o->inherited.v[at];
                ret->fd = fcntl(ret->fd, F_DUPFD_CLOEXEC, 0);
                return ret->fd >= 0;
        }
        return false;
}

/* -- the UNIX socket -- */

/* A socket file that nobody listens on is left over from a crash. */
static bool socket_answers(const struct sockaddr_un *at)
{
        const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        const bool yes = fd >= 0 && connect(fd, (const struct sockaddr *)(const void *)at, sizeof(*at)) == 0;
        if (fd >= 0)
                close(fd);
        return yes;
}

int opener_local(const struct opener *o, const char *path, struct config_why *why)
{
        struct sockaddr_un at = {.sun_family = AF_UNIX};
        char folder[sizeof(at.sun_path)];
        if (o->monitor >= 0)
                return ask_for(o, MONITOR_LOCAL, NULL, false, why);
        if (strlen(path) >= sizeof(at.sun_path)) {
                snprintf(why->text, sizeof(why->text),
                         "socket %.120s: the path is longer than %zu bytes; choose a shorter one with "
                         "--socket",
                         path, sizeof(at.sun_path) - 1);
                return -1;
        }
        memcpy(at.sun_path, path, strlen(path) + 1);
        memcpy(folder, path, strlen(path) + 1);
        fs_make_folders(dirname(folder), 0755);
        if (socket_answers(&at)) {
                snprintf(why->text, sizeof(why->text),
                         "socket %s: another server answers there; stop it, or choose another path with "
                         "--socket",
                         path);
                return -1;
        }
        unlink(path);
        const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        /* Not chmod afterwards: by then somebody who may write the folder could have put a link there. */
        const mode_t mask = umask(0111);
        const bool bound = fd >= 0 && bind(fd, (const struct sockaddr *)&at, sizeof(at)) == 0;
        umask(mask);
        if (!bound || listen(fd, BACKLOG) < 0) {
                snprintf(why->text, sizeof(why->text), "socket %s: %s", path, strerror(errno));
                if (fd >= 0)
                        close(fd);
                return -1;
        }
        return fd;
}

void opener_local_done(const struct opener *o, const char *path)
{
        if (path[0] && o->monitor < 0)
                unlink(path);
}
