/* nss_ask SOURCE: asks the C library what the lines of the input say, in SOURCE only (files, netinfo), and
 * prints every field of every answer. For comparing two sources (nss_files.py). */
#include <aliases.h>
#include <arpa/inet.h>
#include <errno.h>
#include <grp.h>
#include <gshadow.h>
#include <netdb.h>
#include <netinet/ether.h>
#include <nss.h>
#include <pwd.h>
#include <rpc/netdb.h>
#include <shadow.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void put_list(const char *what, char *const *list)
{
        printf(" %s=[", what);
        for (size_t i = 0; list && list[i]; i++)
                printf("%s%s", i ? " " : "", list[i]);
        printf("]");
}

static bool put_host(const struct hostent *h)
{
        char text[INET6_ADDRSTRLEN];
        if (!h)
                return false;
        printf("%s family=%d length=%d", h->h_name, h->h_addrtype, h->h_length);
        put_list("aliases", h->h_aliases);
        for (size_t i = 0; h->h_addr_list[i]; i++)
                printf(" %s", inet_ntop(h->h_addrtype, h->h_addr_list[i], text, sizeof(text)));
        return true;
}

static bool put_net(const struct netent *n)
{
        if (!n)
                return false;
        printf("%s net=%08x type=%d", n->n_name, n->n_net, n->n_addrtype);
        put_list("aliases", n->n_aliases);
        return true;
}

static bool put_serv(const struct servent *s)
{
        if (!s)
                return false;
        printf("%s port=%u proto=%s", s->s_name, ntohs((uint16_t)s->s_port), s->s_proto);
        put_list("aliases", s->s_aliases);
        return true;
}

static bool put_proto(const struct protoent *p)
{
        if (!p)
                return false;
        printf("%s number=%d", p->p_name, p->p_proto);
        put_list("aliases", p->p_aliases);
        return true;
}

static bool put_rpc(const struct rpcent *r)
{
        if (!r)
                return false;
        printf("%s number=%d", r->r_name, r->r_number);
        put_list("aliases", r->r_aliases);
        return true;
}

static bool put_alias(const struct aliasent *a)
{
        if (!a)
                return false;
        printf("%s local=%d members=[", a->alias_name, a->alias_local);
        for (size_t i = 0; i < a->alias_members_len; i++)
                printf("%s%s", i ? "|" : "", a->alias_members[i]);
        printf("]");
        return true;
}

static bool put_sg(const struct sgrp *s)
{
        if (!s)
                return false;
        printf("%s hash=%s", s->sg_namp, s->sg_passwd);
        put_list("admins", s->sg_adm);
        put_list("members", s->sg_mem);
        return true;
}

static bool put_pw(const struct passwd *p)
{
        if (!p)
                return false;
        printf("%s:%s:%u:%u:%s:%s:%s", p->pw_name, p->pw_passwd, p->pw_uid, p->pw_gid, p->pw_gecos, p->pw_dir,
               p->pw_shell);
        return true;
}

static bool put_gr(const struct group *g)
{
        if (!g)
                return false;
        printf("%s:%s:%u", g->gr_name, g->gr_passwd, g->gr_gid);
        put_list("members", g->gr_mem);
        return true;
}

static bool put_sp(const struct spwd *s)
{
        if (!s)
                return false;
        printf("%s:%s:%ld:%ld:%ld:%ld:%ld:%ld:%lu", s->sp_namp, s->sp_pwdp, s->sp_lstchg, s->sp_min,
               s->sp_max, s->sp_warn, s->sp_inact, s->sp_expire, s->sp_flag);
        return true;
}

static bool ask_groups_of(const char *user)
{
        gid_t gids[256];
        int n = 256;
        if (getgrouplist(user, (gid_t)-1, gids, &n) < 0)
                return false;
        for (int i = 0; i < n; i++)
                printf(" %u", gids[i]);
        return true;
}

static bool ask_addrinfo(const char *name, int family, int flags)
{
        const struct addrinfo hints = {.ai_family = family, .ai_socktype = SOCK_STREAM, .ai_flags = flags};
        struct addrinfo *list;
        const int error = getaddrinfo(name, NULL, &hints, &list);
        if (error) {
                printf("error %s",
                       error == EAI_NONAME || error == EAI_NODATA ? "no such name" : gai_strerror(error));
                return true;
        }
        for (const struct addrinfo *a = list; a; a = a->ai_next) {
                char text[NI_MAXHOST];
                getnameinfo(a->ai_addr, a->ai_addrlen, text, sizeof(text), NULL, 0, NI_NUMERICHOST);
                printf(" %s%s%s", text, a->ai_canonname ? "=" : "", a->ai_canonname ? a->ai_canonname : "");
        }
        freeaddrinfo(list);
        return true;
}

static bool ask_nameinfo(const char *address)
{
        struct sockaddr_in in = {.sin_family = AF_INET};
        struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
        char host[NI_MAXHOST];
        const bool six = strchr(address, ':');
        if (inet_pton(six ? AF_INET6 : AF_INET, address,
                      six ? (void *)&in6.sin6_addr : (void *)&in.sin_addr) != 1)
                return false;
        const int error = getnameinfo(six ? (void *)&in6 : (void *)&in, six ? sizeof(in6) : sizeof(in), host,
                                      sizeof(host), NULL, 0, NI_NAMEREQD);
        if (error == 0)
                printf("%s", host);
        return error == 0;
}

static bool ask_hostaddr(const char *address)
{
        uint8_t bytes[16];
        const bool six = strchr(address, ':');
        return inet_pton(six ? AF_INET6 : AF_INET, address, bytes) == 1 &&
               put_host(gethostbyaddr(bytes, six ? 16 : 4, six ? AF_INET6 : AF_INET));
}

static bool ask_ethername(const char *name)
{
        struct ether_addr e;
        if (ether_hostton(name, &e) != 0)
                return false;
        printf("%s", ether_ntoa(&e));
        return true;
}

static bool ask_etheraddr(const char *address)
{
        struct ether_addr e;
        char name[1024];
        if (!ether_aton_r(address, &e) || ether_ntohost(name, &e) != 0)
                return false;
        printf("%s", name);
        return true;
}

static bool ask_netgroup(const char *name)
{
        char *host, *user, *domain;
        bool any = false;
        if (setnetgrent(name)) {
                while (getnetgrent(&host, &user, &domain)) {
                        printf("(%s,%s,%s)", host ? host : "", user ? user : "", domain ? domain : "");
                        any = true;
                }
        }
        endnetgrent();
        return any;
}

static const char *given(const char *word)
{
        return strcmp(word, "-") == 0 ? NULL : word;
}

static bool is(const char *word, const char *other)
{
        return strcmp(word, other) == 0;
}

/* A list of everything, one answer a line. */
static bool ask_all(const char *what)
{
        unsigned n = 0;
#define WALK(name, set, get, end, put)   \
        if (is(what, name)) {            \
                for (set; put(get); n++) \
                        printf("\n  ");  \
                end;                     \
        }
        WALK("hosts", sethostent(1), gethostent(), endhostent(), put_host)
        WALK("networks", setnetent(1), getnetent(), endnetent(), put_net)
        WALK("services", setservent(1), getservent(), endservent(), put_serv)
        WALK("protocols", setprotoent(1), getprotoent(), endprotoent(), put_proto)
        WALK("rpc", setrpcent(1), getrpcent(), endrpcent(), put_rpc)
        WALK("aliases", setaliasent(), getaliasent(), endaliasent(), put_alias)
        WALK("gshadow", setsgent(), getsgent(), endsgent(), put_sg)
        WALK("passwd", setpwent(), getpwent(), endpwent(), put_pw)
        WALK("group", setgrent(), getgrent(), endgrent(), put_gr)
        WALK("shadow", setspent(), getspent(), endspent(), put_sp)
        printf("%u", n);
        return true;
}

static bool ask(const char *what, const char *w[4])
{
        const uint32_t number = (uint32_t)strtoul(w[0], NULL, 0);
        h_errno = 0;
        if (is(what, "host"))
                return put_host(gethostbyname(w[0]));
        if (is(what, "host4") || is(what, "host6"))
                return put_host(gethostbyname2(w[0], is(what, "host4") ? AF_INET : AF_INET6));
        if (is(what, "hostaddr"))
                return ask_hostaddr(w[0]);
        if (is(what, "nameinfo"))
                return ask_nameinfo(w[0]);
        if (is(what, "ai"))
                return ask_addrinfo(w[0], AF_UNSPEC, 0);
        if (is(what, "ai4") || is(what, "ai6"))
                return ask_addrinfo(w[0], is(what, "ai4") ? AF_INET : AF_INET6, AI_CANONNAME);
        if (is(what, "canon"))
                return ask_addrinfo(w[0], AF_UNSPEC, AI_CANONNAME);
        if (is(what, "net"))
                return put_net(getnetbyname(w[0]));
        if (is(what, "netaddr"))
                return put_net(getnetbyaddr(number, AF_INET));
        if (is(what, "serv"))
                return put_serv(getservbyname(w[0], given(w[1])));
        if (is(what, "port"))
                return put_serv(getservbyport(htons((uint16_t)number), given(w[1])));
        if (is(what, "proto"))
                return put_proto(getprotobyname(w[0]));
        if (is(what, "protonum"))
                return put_proto(getprotobynumber((int)number));
        if (is(what, "rpc"))
                return put_rpc(getrpcbyname(w[0]));
        if (is(what, "rpcnum"))
                return put_rpc(getrpcbynumber((int)number));
        if (is(what, "ethername"))
                return ask_ethername(w[0]);
        if (is(what, "etheraddr"))
                return ask_etheraddr(w[0]);
        if (is(what, "alias"))
                return put_alias(getaliasbyname(w[0]));
        if (is(what, "sg"))
                return put_sg(getsgnam(w[0]));
        if (is(what, "pw"))
                return put_pw(getpwnam(w[0]));
        if (is(what, "uid"))
                return put_pw(getpwuid(number));
        if (is(what, "gr"))
                return put_gr(getgrnam(w[0]));
        if (is(what, "gid"))
                return put_gr(getgrgid(number));
        if (is(what, "sp"))
                return put_sp(getspnam(w[0]));
        if (is(what, "groups"))
                return ask_groups_of(w[0]);
        if (is(what, "netgroup"))
                return ask_netgroup(w[0]);
        if (is(what, "innetgr"))
                return printf("%d", innetgr(w[0], given(w[1]), given(w[2]), given(w[3]))) > 0;
        if (is(what, "all"))
                return ask_all(w[0]);
        printf("what is '%s'?", what);
        return true;
}

int main(int argc, char **argv)
{
        static const char *const databases[] = {"hosts",    "networks", "services", "protocols",
                                                "rpc",      "ethers",   "aliases",  "gshadow",
                                                "netgroup", "passwd",   "group",    "shadow"};
        char line[4096];
        if (argc != 2)
                return 2;
        for (size_t i = 0; i < sizeof(databases) / sizeof(databases[0]); i++)
                if (__nss_configure_lookup(databases[i], argv[1]) != 0)
                        return 1;
        while (fgets(line, sizeof(line), stdin)) {
                const char *w[5] = {"", "", "", "", ""};
                char *rest = line;
                line[strcspn(line, "\n")] = '\0';
                printf("%s: ", line);
                for (unsigned i = 0; i < 5 && rest; i++)
                        w[i] = strsep(&rest, " ");
                if (!ask(w[0], w + 1)) {
                        printf("none");
                        if (strncmp(w[0], "host", 4) == 0 || strncmp(w[0], "net", 4) == 0)
                                printf(" h_errno=%d", h_errno);
                }
                putchar('\n');
        }
        return 0;
}
