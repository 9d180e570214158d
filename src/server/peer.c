#include "server/peer.h"

#include "portdb/owner.h"
#include "sys/clock.h"

#include <errno.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define OWN_MAX    256u  /* addresses we look at; a machine with more of them counts the rest as strangers */
#define OWN_AGE_MS 5000u /* an address that comes or goes is noticed so late */

static pthread_mutex_t own_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct address own[OWN_MAX];
static unsigned own_count;
static uint64_t own_since;

static void ask_own(void)
{
        struct ifaddrs *all = NULL;
        if (getifaddrs(&all) < 0)
                return;
        own_count = 0;
        for (const struct ifaddrs *i = all; i && own_count < OWN_MAX; i = i->ifa_next)
                if (i->ifa_addr && (i->ifa_addr->sa_family == AF_INET || i->ifa_addr->sa_family == AF_INET6))
                        own[own_count++] = address_of(i->ifa_addr, NULL);
        freeifaddrs(all);
}

bool address_is_own(const struct address *a)
{
        bool is = address_is_loopback(a);
        if (is)
                return true;
        pthread_mutex_lock(&own_mutex);
        const uint64_t now = clock_mono_ms();
        if (own_since == 0 || now - own_since > OWN_AGE_MS) {
                ask_own();
                own_since = now;
        }
        for (unsigned i = 0; i < own_count && !is; i++)
                is = address_equal(&own[i], a);
        pthread_mutex_unlock(&own_mutex);
        return is;
}

/* Ports below this one are root's: 1024, unless the administrator lowered it, as containers do. Then a port
 * says nothing, and must not be taken for root. Read each time: it is a setting of the running kernel. */
static uint16_t reserved_below(void)
{
        unsigned first = IPPORT_RESERVED;
        FILE *f = fopen("/proc/sys/net/ipv4/ip_unprivileged_port_start", "re");
        if (!f) /* kernels before 4.11 have no such setting */
                return errno == ENOENT && access("/proc/self", F_OK) == 0 ? IPPORT_RESERVED : 0;
        if (fscanf(f, "%u", &first) != 1)
                first = 0;
        fclose(f);
        return (uint16_t)(first < IPPORT_RESERVED ? first : IPPORT_RESERVED);
}

struct peer peer_of_address(const struct sockaddr *far, const struct sockaddr *near)
{
        struct peer p = {0};
        char text[46];
        p.address = address_of(far, &p.port);
        p.own = address_is_own(&p.address);
        if (!p.own && near) {
                const struct address here = address_of(near, NULL);
                p.own = address_equal(&here, &p.address);
        }
        p.reserved = p.own && p.port < IPPORT_RESERVED && p.port < reserved_below();
        address_text(&p.address, text, sizeof(text));
        const bool v6 = strchr(text, ':') != NULL;
        snprintf(p.text, sizeof(p.text), "%s%s%s:%u", v6 ? "[" : "", text, v6 ? "]" : "", p.port);
        return p;
}

union end { /* of a connection */
        struct sockaddr sa;
        struct sockaddr_storage storage;
};

bool peer_of_socket(int fd, struct peer *ret)
{
        union end far = {.storage = {0}}, near = {.storage = {0}};
        socklen_t far_len = sizeof(far), near_len = sizeof(near), cred_len = sizeof(struct ucred);
        if (getpeername(fd, &far.sa, &far_len) < 0 || getsockname(fd, &near.sa, &near_len) < 0)
                return false;
        if (near.sa.sa_family != AF_UNIX) {
                uint32_t uid = 0;
                *ret = peer_of_address(&far.sa, &near.sa);
                ret->local = ret->own && port_owner_of_peer(&near.sa, &far.sa, &uid);
                ret->uid = uid;
                return true;
        }
        struct ucred cred;
        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &cred_len) < 0)
                return false;
        struct peer p = {.socket = true, .uid = cred.uid, .pid = cred.pid, .own = true};
        p.ours = cred.uid == geteuid();
        snprintf(p.text, sizeof(p.text), "unix uid %u pid %d", (unsigned)cred.uid, (int)cred.pid);
        *ret = p;
        return true;
}

bool peer_may_call(const struct peer *p, const struct config *c)
{
        return p->socket || p->own || networks_have(&c->read_networks, &p->address) ||
               networks_have(&c->write_networks, &p->address);
}

bool peer_is_superuser(const struct peer *p, const struct config *c)
{
        if (p->socket)
                return p->uid == 0 || p->ours;
        return p->reserved && !p->tls && networks_have(&c->write_networks, &p->address);
}

bool peer_may_send_password(const struct peer *p, const struct config *c)
{
        const struct address loopback = address_from_ipv4(INADDR_LOOPBACK);
        return !p->tls && networks_have(&c->write_networks, p->socket ? &loopback : &p->address);
}

bool peer_may_write(const struct peer *p, const struct config *c)
{
        return !p->tls && (p->socket || p->own || networks_have(&c->write_networks, &p->address));
}
