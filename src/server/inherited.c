#include "server/inherited.h"

#include "base/text.h"
#include "server/endpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define FIRST_FD 3 /* of sd_listen_fds(3) */

/* The next name of a list with colons between them; names are at most 255 bytes there. */
static struct bytes next_name(struct bytes *names)
{
        const size_t end = bytes_find(*names, ':');
        const struct bytes name = bytes_sub(*names, 0, end);
        *names = bytes_sub(*names, end + 1, names->len);
        return name;
}

static int int_option(int fd, int name)
{
        int value = -1;
        socklen_t n = sizeof(value);
        return getsockopt(fd, SOL_SOCKET, name, &value, &n) == 0 ? value : -1;
}

/* NULL, or what is wrong with it. */
static const char *look_at(int fd, struct inherited_socket *s)
{
        const int type = int_option(fd, SO_TYPE), family = int_option(fd, SO_DOMAIN);
        const int flags = fcntl(fd, F_GETFL);
        if (flags < 0 || type < 0)
                return "is no socket";
        s->fd = fd;
        s->local = family == AF_UNIX;
        s->udp = type == SOCK_DGRAM;
        if (!s->local && !endpoint_of_socket(fd, &s->at))
                return "is no socket of the Internet and no UNIX socket";
        if (s->udp ? s->local : type != SOCK_STREAM || int_option(fd, SO_ACCEPTCONN) != 1)
                return "neither listens for connections nor takes datagrams of the Internet";
        if (s->udp && !endpoint_want_target(fd, family))
                return "does not tell where its datagrams were sent to";
        if (fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
                return "cannot be changed";
        return NULL;
}

static bool take(struct inherited *in, unsigned count, struct bytes names, struct config_why *why)
{
        for (unsigned i = 0; i < count; i++) {
                struct inherited_socket s = {0};
                const struct bytes name = next_name(&names);
                const char *wrong = look_at(FIRST_FD + (int)i, &s);
                if (wrong) {
                        snprintf(why->text, sizeof(why->text),
                                 "descriptor %d (\"%.*s\"), handed over by the service manager, %s; see its "
                                 "socket unit",
                                 FIRST_FD + (int)i, (int)(name.len < 64 ? name.len : 64),
                                 (const char *)name.data, wrong);
                        return false;
                }
                s.for_tags = bytes_eq_str(name, "tag");
                in->v[in->n++] = s;
        }
        return true;
}

bool inherited_take(struct inherited *ret, struct config_why *why)
{
        const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS"),
                   *names = getenv("LISTEN_FDNAMES");
        uint64_t whose = 0, count = 0;
        bool ok = true;
        ret->n = 0;
        if (pid && fds && text_u64(bytes_str(pid), INT32_MAX, &whose) && (pid_t)whose == getpid()) {
                if (!text_u64(bytes_str(fds), LIMIT_INHERITED, &count)) {
                        snprintf(why->text, sizeof(why->text),
                                 "LISTEN_FDS: \"%.32s\" is no number up to %u; see the service manager's "
                                 "socket unit",
                                 fds, LIMIT_INHERITED);
                        ok = false;
                }
                ok = ok && take(ret, (unsigned)count, bytes_str(names ? names : ""), why);
        }
        unsetenv("LISTEN_PID"); /* not for those that we start */
        unsetenv("LISTEN_FDS");
        unsetenv("LISTEN_FDNAMES");
        return ok;
}
