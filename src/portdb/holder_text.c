#include "portdb/live.h"

#include <stdio.h>

bool port_holder_text(uint16_t port, bool udp, char *to, size_t cap)
{
        const struct port_live_query q = {
                .from = port, .to = port, .transports = udp ? PORT_UDP : PORT_TCP, .processes = true};
        struct port_live live = {0};
        struct arena a;
        bool found = false;
        arena_init(&a, 16u << 20);
        if (port_live_ask(&q, &a, &live)) {
                for (size_t i = 0; i < live.n && !found; i++) {
                        const struct port_socket *s = &live.socket[i];
                        found = true;
                        if (s->processes)
                                snprintf(to, cap, "pid %u (%s)", s->process[0]->pid, s->process[0]->command);
                        else if (s->held == PORT_HELD_BY_KERNEL)
                                snprintf(to, cap, "the kernel (an NFS mount, perhaps)");
                        else if (s->uid == 0)
                                snprintf(to, cap,
                                         "root, or the kernel (an NFS mount, perhaps); `ni port %u` as root "
                                         "says more",
                                         port);
                        else
                                snprintf(to, cap,
                                         "a process of uid %u that this user may not see; `ni port %u` as "
                                         "root says more",
                                         s->uid, port);
                }
        }
        arena_done(&a);
        return found;
}
