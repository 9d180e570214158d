#include "server/opener.h"

#include "server/endpoint.h"
#include "server/listener.h"
#include "sys/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 511

/* -- ports -- */

/* A bound (and listening) socket, or -1 with errno. */
static int bind_port(const struct endpoint *e, bool udp)
{
        const int on = 1, family = e->at.sa.sa_family;
        const int fd = socket(family, (udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return -1;
        if (family == AF_INET6)
                setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
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
        char where[ENDPOINT_TEXT], holder[160] = "somebody this user may not see";
        endpoint_text(e, where, sizeof(where));
        const char *kind = udp ? "udp" : "tcp";
        if (err == EADDRINUSE) {
                holder_find(endpoint_port(e), udp, holder, sizeof(holder));
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

int opener_port(const struct opener *o, const struct endpoint *e, bool udp, enum opener_use use,
                struct config_why *why)
{
        int fd = use == OPENER_TAG ? inherited_for_tag(o, e, udp) : -1;
        if (fd < 0)
                fd = bind_port(e, udp);
        if (fd < 0) {
                const int err = errno;
                explain(e, udp, err, why->text, sizeof(why->text));
                errno = err;
        }
        return fd;
}

bool opener_inherited(const struct opener *o, unsigned i, struct inherited_socket *ret)
{
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
        (void)o;
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
        if (fd < 0 || bind(fd, (const struct sockaddr *)&at, sizeof(at)) < 0 || chmod(path, 0666) < 0 ||
            listen(fd, BACKLOG) < 0) {
                snprintf(why->text, sizeof(why->text), "socket %s: %s", path, strerror(errno));
                if (fd >= 0)
                        close(fd);
                return -1;
        }
        return fd;
}

void opener_local_done(const struct opener *o, const char *path)
{
        (void)o;
        if (path[0])
                unlink(path);
}
