#include "tools/libc_ask.h"

#include "base/buf.h"
#include "base/text.h"
#include "tools/module.h"

#include <aliases.h>
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <grp.h>
#include <gshadow.h>
#include <netdb.h>
#include <netinet/ether.h>
#include <nss.h>
#include <pwd.h>
#include <rpc/netdb.h>
#include <shadow.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define ANSWER_MOST ((size_t)4 << 20) /* a group of some 100,000 members */
#define GROUPS_MOST 65536             /* NGROUPS_MAX */

/* Prints an answer; false: none, and *ret_error is an errno (0: it is not there). */
typedef bool look_fn(const char *key, FILE *to, int *ret_error);

static bool look_passwd(const char *key, FILE *to, int *ret_error)
{
        uint32_t uid;
        errno = 0;
        const struct passwd *p = text_u32(bytes_str(key), &uid) ? getpwuid(uid) : getpwnam(key);
        *ret_error = errno;
        if (p)
                fprintf(to, "%s:%s:%u:%u:%s:%s:%s", p->pw_name, p->pw_passwd, p->pw_uid, p->pw_gid,
                        p->pw_gecos, p->pw_dir, p->pw_shell);
        return p;
}

static void put_words(FILE *to, char *const *words, const char *lead, const char *between)
{
        for (; words && *words; words++) {
                fprintf(to, "%s%s", lead, *words);
                lead = between;
        }
}

static bool look_group(const char *key, FILE *to, int *ret_error)
{
        uint32_t gid;
        errno = 0;
        const struct group *g = text_u32(bytes_str(key), &gid) ? getgrgid(gid) : getgrnam(key);
        *ret_error = errno;
        if (!g)
                return false;
        fprintf(to, "%s:%s:%u:", g->gr_name, g->gr_passwd, g->gr_gid);
        put_words(to, g->gr_mem, "", ",");
        return true;
}

static int by_number(const void *a, const void *b)
{
        const gid_t x = *(const gid_t *)a, y = *(const gid_t *)b;
        return x < y ? -1 : x > y;
}

/* The groups of a user beside the one of his record, ascending. */
static bool look_initgroups(const char *key, FILE *to, int *ret_error)
{
        static gid_t gids[GROUPS_MOST];
        int n = GROUPS_MOST;
        errno = 0;
        if (getgrouplist(key, (gid_t)-1, gids, &n) < 0) {
                *ret_error = errno;
                return false;
        }
        qsort(gids, (size_t)n, sizeof(*gids), by_number);
        for (int i = 0; i < n; i++)
                if (gids[i] != (gid_t)-1)
                        fprintf(to, "%s%u", i ? " " : "", gids[i]);
        *ret_error = 0;
        return n > 1;
}

static bool look_hosts(const char *key, FILE *to, int *ret_error)
{
        uint8_t address[16];
        char text[INET6_ADDRSTRLEN];
        const int family = strchr(key, ':') ? AF_INET6 : AF_INET;
        const bool number = inet_pton(family, key, address) == 1;
        errno = 0;
        const struct hostent *h = number ? gethostbyaddr(address, family == AF_INET ? 4 : 16, family)
                                         : gethostbyname2(key, AF_INET);
        if (!h && !number)
                h = gethostbyname2(key, AF_INET6);
        *ret_error = h_errno == HOST_NOT_FOUND || h_errno == NO_DATA ? 0 : errno ? errno : EAGAIN;
        for (int i = 0; h && h->h_addr_list[i]; i++)
                fprintf(to, "%s%s", i ? " " : "",
                        inet_ntop(h->h_addrtype, h->h_addr_list[i], text, sizeof(text)));
        if (h) {
                fprintf(to, " %s", h->h_name);
                put_words(to, h->h_aliases, " ", " ");
        }
        return h;
}

static bool look_services(const char *key, FILE *to, int *ret_error)
{
        uint32_t port;
        errno = 0;
        const struct servent *s = text_u32(bytes_str(key), &port) ? getservbyport(htons((uint16_t)port), NULL)
                                                                  : getservbyname(key, NULL);
        *ret_error = errno;
        if (s) {
                fprintf(to, "%s %u/%s", s->s_name, ntohs((uint16_t)s->s_port), s->s_proto);
                put_words(to, s->s_aliases, " ", " ");
        }
        return s;
}

static bool look_protocols(const char *key, FILE *to, int *ret_error)
{
        uint32_t number;
        errno = 0;
        const struct protoent *p =
                text_u32(bytes_str(key), &number) ? getprotobynumber((int)number) : getprotobyname(key);
        *ret_error = errno;
        if (p) {
                fprintf(to, "%s %d", p->p_name, p->p_proto);
                put_words(to, p->p_aliases, " ", " ");
        }
        return p;
}

static bool look_rpc(const char *key, FILE *to, int *ret_error)
{
        uint32_t number;
        errno = 0;
        const struct rpcent *r =
                text_u32(bytes_str(key), &number) ? getrpcbynumber((int)number) : getrpcbyname(key);
        *ret_error = errno;
        if (r) {
                fprintf(to, "%s %d", r->r_name, r->r_number);
                put_words(to, r->r_aliases, " ", " ");
        }
        return r;
}

static bool look_networks(const char *key, FILE *to, int *ret_error)
{
        errno = 0;
        const in_addr_t number = inet_network(key);
        const struct netent *n = number != INADDR_NONE ? getnetbyaddr(number, AF_INET) : getnetbyname(key);
        *ret_error = h_errno == HOST_NOT_FOUND || h_errno == NO_DATA ? 0 : errno;
        if (n) {
                const struct in_addr in = {htonl(n->n_net)};
                fprintf(to, "%s %s", n->n_name, inet_ntoa(in));
                put_words(to, n->n_aliases, " ", " ");
        }
        return n;
}

static bool look_aliases(const char *key, FILE *to, int *ret_error)
{
        errno = 0;
        const struct aliasent *a = getaliasbyname(key);
        *ret_error = errno;
        if (a) {
                fprintf(to, "%s: ", a->alias_name);
                for (size_t i = 0; i < a->alias_members_len; i++)
                        fprintf(to, "%s%s", i ? ", " : "", a->alias_members[i]);
        }
        return a;
}

/* Empty where there is no number. */
static void put_day(FILE *to, long day)
{
        if (day == -1)
                fputc(':', to);
        else
                fprintf(to, ":%ld", day);
}

static bool look_shadow(const char *key, FILE *to, int *ret_error)
{
        errno = 0;
        const struct spwd *s = getspnam(key);
        *ret_error = errno;
        if (!s)
                return false;
        fprintf(to, "%s:%s", s->sp_namp, s->sp_pwdp);
        put_day(to, s->sp_lstchg);
        put_day(to, s->sp_min);
        put_day(to, s->sp_max);
        put_day(to, s->sp_warn);
        put_day(to, s->sp_inact);
        put_day(to, s->sp_expire);
        put_day(to, (long)s->sp_flag);
        return true;
}

static bool look_gshadow(const char *key, FILE *to, int *ret_error)
{
        errno = 0;
        const struct sgrp *g = getsgnam(key);
        *ret_error = errno;
        if (!g)
                return false;
        fprintf(to, "%s:%s:", g->sg_namp, g->sg_passwd);
        put_words(to, g->sg_adm, "", ",");
        fputc(':', to);
        put_words(to, g->sg_mem, "", ",");
        return true;
}

/* An address asks for the name, a name for the address. */
static bool look_ethers(const char *key, FILE *to, int *ret_error)
{
        char name[1025];
        const struct ether_addr *typed = ether_aton(key);
        struct ether_addr a = typed ? *typed : (struct ether_addr){{0}};
        errno = 0;
        const bool found = typed ? ether_ntohost(name, &a) == 0 : ether_hostton(key, &a) == 0;
        *ret_error = found ? 0 : errno == ENOENT ? 0 : errno;
        if (found)
                fprintf(to, "%02x:%02x:%02x:%02x:%02x:%02x %s", a.ether_addr_octet[0], a.ether_addr_octet[1],
                        a.ether_addr_octet[2], a.ether_addr_octet[3], a.ether_addr_octet[4],
                        a.ether_addr_octet[5], typed ? name : key);
        return found;
}

/* All triples, those of nested netgroups, too, which the C library follows by itself. */
static bool look_netgroup(const char *key, FILE *to, int *ret_error)
{
        char *host, *user, *domain;
        const char *lead = "";
        errno = 0;
        const bool found = setnetgrent(key) == 1;
        *ret_error = found ? 0 : errno == ENOENT ? 0 : errno;
        while (found && getnetgrent(&host, &user, &domain)) {
                fprintf(to, "%s(%s,%s,%s)", lead, host ? host : "", user ? user : "", domain ? domain : "");
                lead = " ";
        }
        endnetgrent();
        return found;
}

static const struct database {
        const char *name;
        look_fn *look;
} databases[] = {
        {"passwd", look_passwd},     {"group", look_group},       {"initgroups", look_initgroups},
        {"hosts", look_hosts},       {"services", look_services}, {"protocols", look_protocols},
        {"rpc", look_rpc},           {"networks", look_networks}, {"aliases", look_aliases},
        {"shadow", look_shadow},     {"gshadow", look_gshadow},   {"ethers", look_ethers},
        {"netgroup", look_netgroup},
};

/* Result word, error word, text. Never returns. */
static void answer(int fd, const struct database *d, const char *source, const char *key)
{
        int words[2] = {LIBC_ABSENT, 0};
        FILE *to = fdopen(fd, "w");
        char *text = NULL;
        size_t size = 0;
        FILE *memory = open_memstream(&text, &size);
        if (!to || !memory)
                _exit(1);
        signal(SIGALRM, SIG_DFL);
        alarm(LIBC_SECONDS);
        if (source && __nss_configure_lookup(d->name, source) != 0) {
                words[0] = LIBC_UNAVAILABLE;
                words[1] = errno;
        } else if (d->look(key, memory, &words[1])) {
                words[0] = LIBC_FOUND;
        } else if (words[1]) {
                words[0] = LIBC_UNAVAILABLE;
        }
        fclose(memory);
        fwrite(words, sizeof(words), 1, to);
        fwrite(text, 1, size, to);
        _exit(fflush(to) != 0);
}

/* Everything until the child closes its end. */
static void collect(int fd, struct buf *to)
{
        for (;;) {
                uint8_t piece[4096];
                const ssize_t n = read(fd, piece, sizeof(piece));
                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        return;
                buf_put(to, bytes_of(piece, (size_t)n));
        }
}

static bool ask_child(struct arena *a, const struct database *d, const char *source, const char *key,
                      struct libc_answer *ret)
{
        int ends[2], words[2] = {LIBC_LATE, 0}, status;
        struct buf said;
        fflush(stdout);
        if (pipe(ends) < 0)
                return false;
        const pid_t child = fork();
        if (child == 0) {
                close(ends[0]);
                answer(ends[1], d, source, key);
        }
        close(ends[1]);
        buf_init(&said, ANSWER_MOST);
        if (child > 0)
                collect(ends[0], &said);
        close(ends[0]);
        while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
                ;
        *ret = (struct libc_answer){.result = LIBC_LATE};
        if (said.len >= sizeof(words) && !said.failed) {
                memcpy(words, said.data, sizeof(words));
                ret->result = (enum libc_result)words[0];
                ret->error = words[1];
                ret->text = arena_str(a, bytes_sub(buf_bytes(&said), sizeof(words), said.len));
        }
        buf_done(&said);
        return child > 0;
}

bool libc_ask(struct arena *a, const char *database, const char *source, const char *key,
              struct libc_answer *ret)
{
        for (size_t i = 0; i < sizeof(databases) / sizeof(databases[0]); i++)
                if (strcmp(databases[i].name, database) == 0)
                        return ask_child(a, &databases[i], source, key, ret);
        return false;
}

const char *libc_module_trouble(struct arena *a)
{
        void *module = dlopen(MODULE_FILE, RTLD_NOW | RTLD_LOCAL);
        if (module)
                return NULL;
        return arena_printf(a, "%s", dlerror());
}
