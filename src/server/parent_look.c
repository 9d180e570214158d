/* What an attempt begins with (doc/binding.md 1): the configuration's candidates or the database's,
 * interfaces, and the servers of the own domain. */
#include "server/parent-internal.h"

#include "base/text.h"
#include "model/path.h"
#include "server/parent_config.h"
#include "sys/fs.h"
#include "sys/log.h"

#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stddef.h>
#include <stdio.h>

#define DHCP_FILE_MAX 65536u /* bytes: 32 addresses and a tag have 1 KB */

/* -- the database, in a pool -- */

static void keep_parents(struct parent_look *l, const struct dir_parent *list, uint32_t n)
{
        l->candidates = 0;
        for (uint32_t i = 0; i < n && l->candidates < LIMIT_PARENTS; i++) {
                struct binding_candidate *c = &l->candidate[l->candidates];
                if (!tag_is_valid(list[i].tag))
                        continue;
                *c = (struct binding_candidate){.addr = BINDING_BROADCAST}; /* 4.2: what is no address */
                ipv4_parse(list[i].address, &c->addr);
                memcpy(c->tag, list[i].tag.data, list[i].tag.len);
                l->candidates++;
        }
}

static void keep_own(struct parent_look *l, const struct namelist *servers)
{
        l->owns = 0;
        for (uint32_t i = 0; i < servers->n && l->owns < LIMIT_PARENT_SERVERS; i++) {
                struct binding_server *s = &l->own[l->owns];
                const size_t slash = bytes_find(servers->v[i], '/');
                const struct bytes tag = bytes_sub(servers->v[i], slash + 1, servers->v[i].len);
                if (!tag_is_valid(tag) || !ipv4_parse(bytes_sub(servers->v[i], 0, slash), &s->addr))
                        continue;
                memset(s->tag, 0, sizeof(s->tag));
                memcpy(s->tag, tag.data, tag.len);
                l->owns++;
        }
}

static void read_database(struct parent *p, unsigned slot)
{
        struct parent_look *l = &p->look;
        const struct caller nobody = {0};
        const struct dir_policy policy = {0};
        struct dir_parent *parents = NULL;
        struct namelist servers = {0};
        struct arena a;
        uint32_t n = 0;
        bool present;
        const uint64_t seq = p->domain->seq;
        arena_init(&a, LIMIT_ARENA);
        struct dir_request rq = {
                .txn = domain_read_begin(p->domain, slot), .caller = &nobody, .policy = &policy, .arena = &a};
        l->known = false;
        if (rq.txn) {
                const struct bytes root = dir_root_option(&rq, "isRoot", NULL, &present);
                l->known = dir_parents(&rq, LIMIT_PARENTS, &parents, &n) == NI_OK &&
                           dir_servers(&rq, &servers) == NI_OK;
                l->is_root = text_bool(root, false);
                l->seq = seq;
                domain_read_end(p->domain, slot);
        }
        keep_parents(l, parents, n);
        keep_own(l, &servers);
        arena_done(&a);
}

static void run_look(struct task *task, unsigned thread, void *server)
{
        struct parent_look *l = (struct parent_look *)((char *)task - offsetof(struct parent_look, task));
        struct parent *p = (struct parent *)((char *)l - offsetof(struct parent, look));
        struct server *s = server;
        read_database(p, SLOT_LONG + thread);
        loop_post(&s->loop, &l->note);
}

/* -- the rest, in the main loop -- */

unsigned parent_interfaces(struct binding_interface to[LIMIT_PARENT_INTERFACES])
{
        struct ifaddrs *all = NULL;
        unsigned n = 0;
        if (getifaddrs(&all) < 0)
                return 0;
        for (const struct ifaddrs *i = all; i && n < LIMIT_PARENT_INTERFACES; i = i->ifa_next) {
                if (!i->ifa_addr || i->ifa_addr->sa_family != AF_INET || !i->ifa_netmask ||
                    !(i->ifa_flags & IFF_UP))
                        continue;
                struct binding_interface *f = &to[n++];
                const struct address addr = address_of(i->ifa_addr, NULL),
                                     mask = address_of(i->ifa_netmask, NULL);
                *f = (struct binding_interface){.loopback = (i->ifa_flags & IFF_LOOPBACK) != 0};
                address_ipv4(&addr, &f->addr);
                f->mask = xdr_load(mask.b + 12);
                if ((i->ifa_flags & IFF_BROADCAST) && !f->loopback)
                        f->broadcast = f->addr | ~f->mask;
        }
        freeifaddrs(all);
        return n;
}

static void add_dhcp(const struct dhcp_values *v, struct binding_candidate to[LIMIT_PARENTS], unsigned *n)
{
        for (unsigned i = 0; i < v->n && *n < LIMIT_PARENTS; i++) {
                struct binding_candidate *c = &to[(*n)++];
                *c = (struct binding_candidate){.addr = v->address[i]};
                snprintf(c->tag, sizeof(c->tag), "%s", v->tag);
        }
}

/* False: nothing is configured, the database counts. */
static bool configured(const struct parent *p, struct binding_candidate to[LIMIT_PARENTS], unsigned *ret)
{
        const struct config *c = p->all->server->config;
        const struct parent_list *l = config_parents(c, bytes_str(p->domain->tag));
        const bool local = strcmp(p->domain->tag, "local") == 0;
        unsigned n = 0;
        for (unsigned i = 0; l && i < l->n; i++)
                to[n++] = l->v[i];
        if (local)
                add_dhcp(c->dhcp.n || !p->all->has_dhcp ? &c->dhcp : &p->all->dhcp, to, &n);
        *ret = n;
        return l || n > 0;
}

static bool is_here(const struct parent *p, const struct binding_candidate *c,
                    const struct binding_interface *f, unsigned interfaces)
{
        uint32_t udp, tcp;
        bool own = c->addr >> 24 == 127;
        for (unsigned i = 0; i < interfaces; i++)
                own |= f[i].addr == c->addr;
        if (!own || (c->port && c->port != listeners_main_port(p->all->server, false)))
                return false;
        struct domain *d = registry_find(&p->all->server->registry, bytes_str(c->tag));
        const bool here =
                d && registry_ports(&p->all->server->registry, bytes_str(c->tag), &udp, &tcp) == NI_OK;
        domain_release(d);
        return here;
}

static void looked(struct parent *p)
{
        struct binding_interface f[LIMIT_PARENT_INTERFACES];
        struct binding_candidate c[LIMIT_PARENTS];
        struct binding_world w = {.candidate = c, .interface = f, .own = p->look.own, .owns = p->look.owns};
        w.interfaces = parent_interfaces(f);
        w.forced = config_switch(&p->all->server->config->force_root, bytes_str(p->domain->tag));
        if (!configured(p, c, &w.candidates)) {
                memcpy(c, p->look.candidate, sizeof(c));
                w.candidates = p->look.candidates;
                w.forced |= p->look.is_root;
        }
        for (unsigned i = 0; i < w.candidates; i++)
                c[i].here = is_here(p, &c[i], f, w.interfaces);
        struct binding_event e = {.kind = BINDING_LOOKED, .world = &w};
        parent_step(p, &e);
}

static void look_home(struct note *note, void *server)
{
        struct parent_look *l = (struct parent_look *)((char *)note - offsetof(struct parent_look, note));
        struct parent *p = (struct parent *)((char *)l - offsetof(struct parent, look));
        (void)server;
        l->under_way = false;
        looked(p);
        if (p->gone)
                parents_remove(p->all, p->domain);
}

void parent_look_begin(struct parent *p)
{
        struct parent_look *l = &p->look;
        l->wanted = true;
        if (l->under_way || p->gone || p->all->stopping)
                return;
        l->task.run = run_look;
        l->note.run = look_home;
        if (l->known && l->seq == p->domain->seq) { /* as it was; in a round of its own, for this is a step */
                l->wanted = false;
                l->under_way = true;
                loop_post(&p->all->server->loop, &l->note);
        } else if (pool_submit(p->all->server->long_reads, &l->task)) { /* full: at the next tick */
                l->wanted = false;
                l->under_way = true;
        }
}

/* -- DHCP -- */

/* "": none is wanted. */
static void dhcp_path(const struct parents *all, char to[PATH_MAX])
{
        const struct config *c = all->server->config;
        const char *socket = all->server->options.source.default_socket, *slash = strrchr(socket, '/');
        if (c->dhcp_file)
                snprintf(to, PATH_MAX, "%s", c->dhcp_file);
        else
                snprintf(to, PATH_MAX, "%.*s/dhcp-parent", slash ? (int)(slash - socket) : 0, socket);
}

static struct stat look_at(const char *path)
{
        struct stat now;
        if (!path[0] || stat(path, &now) < 0)
                now = (struct stat){0};
        return now;
}

bool parent_dhcp_changed(const struct parents *all)
{
        char path[PATH_MAX];
        dhcp_path(all, path);
        const struct stat now = look_at(path), *seen = &all->dhcp_seen;
        return now.st_ino != seen->st_ino || now.st_dev != seen->st_dev || now.st_size != seen->st_size ||
               now.st_mtim.tv_sec != seen->st_mtim.tv_sec || now.st_mtim.tv_nsec != seen->st_mtim.tv_nsec;
}

void parent_read_dhcp(struct parents *all)
{
        char path[PATH_MAX];
        const char *why;
        struct buf text;
        dhcp_path(all, path);
        all->dhcp_seen = look_at(path); /* before it is read: what comes meanwhile is read once more */
        all->has_dhcp = false;
        buf_init(&text, 0);
        const int err = path[0] ? fs_read(path, DHCP_FILE_MAX, &text) : ENOENT;
        if (!err)
                all->has_dhcp = parent_dhcp_parse(buf_bytes(&text), &all->dhcp, all->dhcp_tag, &why);
        if (err != ENOENT && !all->has_dhcp)
                log_event(LOG_LEVEL_WARNING, "dhcp-file", "file=%s reason=\"%s\"", path,
                          err ? strerror(err) : why);
        buf_done(&text);
}
