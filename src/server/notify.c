#include "server/notify.h"

#include "base/text.h"
#include "server/server.h"
#include "sys/clock.h"
#include "sys/fs.h"

#include <jansson.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/un.h>
#include <unistd.h>

void notify_manager(const char *text)
{
        const char *path = getenv("NOTIFY_SOCKET");
        struct sockaddr_un to = {.sun_family = AF_UNIX};
        if (!path || (path[0] != '/' && path[0] != '@') || strlen(path) >= sizeof(to.sun_path))
                return;
        memcpy(to.sun_path, path, strlen(path));
        if (path[0] == '@') /* the abstract name space */
                to.sun_path[0] = '\0';
        const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return;
        if (sendto(fd, text, strlen(text), MSG_NOSIGNAL, (const struct sockaddr *)&to,
                   (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path))) < 0) {
                /* the manager does not listen: nothing to be done about it */
        }
        close(fd);
}

void notify_reloading(void)
{
        char text[64];
        snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%llu", (unsigned long long)clock_mono_us());
        notify_manager(text);
}

uint64_t notify_watchdog_ms(pid_t main)
{
        const char *text = getenv("WATCHDOG_USEC"), *whose = getenv("WATCHDOG_PID");
        uint64_t us = 0, pid = (uint64_t)main;
        if (!text || !text_u64(bytes_str(text), UINT64_MAX, &us) ||
            (whose && !text_u64(bytes_str(whose), INT32_MAX, &pid)))
                return 0;
        return pid == (uint64_t)main ? us / 1000u : 0;
}

/* NULL without memory: a list that leaves one out would be a wrong answer. */
static json_t *domains_of(struct server *s)
{
        json_t *all = json_object();
        bool whole = all != NULL;
        pthread_rwlock_rdlock(&s->registry.lock);
        for (unsigned i = 0; i < s->registry.domains; i++) {
                const struct domain *d = s->registry.domain[i];
                json_t *one = json_pack("{s:i,s:i,s:b}", "tcp", d->tcp_port, "udp", d->udp_port, "serving",
                                        d->state == DOMAIN_SERVING);
                whole &= json_object_set_new(all, d->tag, one) == 0;
        }
        pthread_rwlock_unlock(&s->registry.lock);
        if (whole)
                return all;
        json_decref(all);
        return NULL;
}

bool notify_ready(struct server *s)
{
        if (s->options.ready_fd < 0)
                return true;
        json_t *all = json_pack("{s:i,s:i,s:i,s:i,s:s,s:s,s:o}", "pid", (int)s->options.opener->main_pid,
                                "server_pid", (int)getpid(), "binder_tcp", listeners_main_port(s, false),
                                "binder_udp", listeners_main_port(s, true), "socket", s->config->socket,
                                "folder", s->options.domains, "domains", domains_of(s));
        char *line = all ? json_dumps(all, JSON_COMPACT) : NULL;
        json_t *again = line ? json_loads(line, 0, NULL) : NULL;
        const bool made =
                again &&
                json_equal(all, again); /* without memory jansson makes half a text, and says nothing */
        json_decref(again);
        if (made && fs_write_all(s->options.ready_fd, line, strlen(line)) == 0)
                fs_write_all(s->options.ready_fd, "\n", 1);
        free(line);
        json_decref(all);
        close(s->options.ready_fd);
        s->options.ready_fd = -1;
        return made;
}
