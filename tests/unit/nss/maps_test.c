/* The small maps as the C library asks for them: answers, every buffer size, damage, threads
 * (doc/resolution.md 11.1). */
#include "maps_module.h"

/* -- questions: each asks with the buffer and prints the answer */
struct asking {
        char *buffer;
        size_t size;
        int err, h_err;
        char text[512];
};

static bool inside(const struct asking *q, const void *p)
{
        return (const char *)p >= q->buffer && (const char *)p < q->buffer + q->size;
}

static void say(struct asking *q, const char *s)
{
        CHECK(inside(q, s));
        strcat(q->text, s);
        strcat(q->text, " ");
}

static void say_list(struct asking *q, char *const *list)
{
        CHECK(inside(q, list) && (uintptr_t)list % alignof(char *) == 0);
        strcat(q->text, "[");
        for (; *list; list++)
                say(q, *list);
        strcat(q->text, "] ");
}

static void say_number(struct asking *q, long n)
{
        char text[32];
        snprintf(text, sizeof(text), "%ld ", n);
        strcat(q->text, text);
}

static enum nss_status say_host(struct asking *q, enum nss_status st, const struct hostent *h)
{
        char address[INET6_ADDRSTRLEN];
        if (st != NSS_STATUS_SUCCESS)
                return st;
        CHECK(h->h_length == (h->h_addrtype == AF_INET ? 4 : 16) && inside(q, h->h_addr_list));
        say(q, h->h_name);
        say_list(q, h->h_aliases);
        for (char **p = h->h_addr_list; *p; p++) {
                CHECK(inside(q, *p) && (uintptr_t)*p % 4 == 0);
                strcat(strcat(q->text, inet_ntop(h->h_addrtype, *p, address, sizeof(address))), " ");
        }
        return st;
}

static enum nss_status ask_host(struct asking *q)
{
        struct hostent h;
        return say_host(q, nss.gethostbyname("R", &h, q->buffer, q->size, &q->err, &q->h_err), &h);
}

static enum nss_status ask_host6(struct asking *q)
{
        struct hostent h;
        return say_host(q, nss.gethostbyname2("relay.", AF_INET6, &h, q->buffer, q->size, &q->err, &q->h_err),
                        &h);
}

static enum nss_status ask_host3(struct asking *q)
{
        struct hostent h;
        int32_t ttl = 9;
        char *canon = NULL;
        const enum nss_status st =
                nss.gethostbyname3("r", AF_INET, &h, q->buffer, q->size, &q->err, &q->h_err, &ttl, &canon);
        CHECK(st != NSS_STATUS_SUCCESS || (ttl == 0 && canon == h.h_name));
        return say_host(q, st, &h);
}

static enum nss_status ask_host4(struct asking *q)
{
        struct gaih_addrtuple *list = NULL;
        char address[INET6_ADDRSTRLEN];
        const enum nss_status st =
                nss.gethostbyname4("r", &list, q->buffer, q->size, &q->err, &q->h_err, NULL);
        for (; st == NSS_STATUS_SUCCESS && list; list = list->next) {
                CHECK(inside(q, list) && list->scopeid == 0);
                say(q, list->name);
                strcat(strcat(q->text, inet_ntop(list->family, list->addr, address, sizeof(address))), " ");
        }
        CHECK(st == NSS_STATUS_SUCCESS || !list);
        return st;
}

static enum nss_status ask_addr(struct asking *q)
{
        struct hostent h;
        return say_host(
                q,
                nss.gethostbyaddr("\x0a\x01\x01\x0a", 4, AF_INET, &h, q->buffer, q->size, &q->err, &q->h_err),
                &h);
}

static enum nss_status ask_addr6(struct asking *q)
{
        struct hostent h;
        const uint8_t six[16] = {0x20, 1, 0x0d, 0xb8, [15] = 6};
        return say_host(
                q, nss.gethostbyaddr2(six, 16, AF_INET6, &h, q->buffer, q->size, &q->err, &q->h_err, NULL),
                &h);
}

static enum nss_status ask_canon(struct asking *q)
{
        char *name = NULL;
        const enum nss_status st = nss.getcanonname("R", q->buffer, q->size, &name, &q->err, &q->h_err);
        if (st == NSS_STATUS_SUCCESS)
                say(q, name);
        return st;
}

static enum nss_status say_net(struct asking *q, enum nss_status st, const struct netent *n)
{
        if (st == NSS_STATUS_SUCCESS) {
                say(q, n->n_name);
                say_list(q, n->n_aliases);
                say_number(q, n->n_net);
        }
        return st;
}

static enum nss_status ask_net(struct asking *q)
{
        struct netent n;
        return say_net(q, nss.getnetbyname("T", &n, q->buffer, q->size, &q->err, &q->h_err), &n);
}

static enum nss_status ask_netaddr(struct asking *q)
{
        struct netent n;
        return say_net(q, nss.getnetbyaddr(10, AF_INET, &n, q->buffer, q->size, &q->err, &q->h_err), &n);
}

static enum nss_status say_serv(struct asking *q, enum nss_status st, const struct servent *s)
{
        if (st == NSS_STATUS_SUCCESS) {
                say(q, s->s_name);
                say_list(q, s->s_aliases);
                say(q, s->s_proto);
                say_number(q, ntohs((uint16_t)s->s_port));
        }
        return st;
}

static enum nss_status ask_serv(struct asking *q)
{
        struct servent s;
        return say_serv(q, nss.getservbyname("dns", NULL, &s, q->buffer, q->size, &q->err), &s);
}

static enum nss_status ask_port(struct asking *q)
{
        struct servent s;
        return say_serv(q, nss.getservbyport(htons(53), "tcp", &s, q->buffer, q->size, &q->err), &s);
}

static enum nss_status say_proto(struct asking *q, enum nss_status st, const struct protoent *p)
{
        if (st == NSS_STATUS_SUCCESS) {
                say(q, p->p_name);
                say_list(q, p->p_aliases);
                say_number(q, p->p_proto);
        }
        return st;
}

static enum nss_status ask_proto(struct asking *q)
{
        struct protoent p;
        return say_proto(q, nss.getprotobyname("TCP", &p, q->buffer, q->size, &q->err), &p);
}

static enum nss_status ask_protonum(struct asking *q)
{
        struct protoent p;
        return say_proto(q, nss.getprotobynumber(6, &p, q->buffer, q->size, &q->err), &p);
}

static enum nss_status ask_rpc(struct asking *q)
{
        struct rpcent r;
        const enum nss_status st = nss.getrpcbyname("nfs", &r, q->buffer, q->size, &q->err);
        if (st == NSS_STATUS_SUCCESS) {
                say(q, r.r_name);
                say_list(q, r.r_aliases);
                say_number(q, r.r_number);
        }
        return st;
}

static enum nss_status ask_hostton(struct asking *q)
{
        struct etherent e;
        const enum nss_status st = nss.gethostton("Relay", &e, q->buffer, q->size, &q->err);
        if (st == NSS_STATUS_SUCCESS) {
                say(q, e.e_name);
                say_number(q, e.e_addr.ether_addr_octet[5]);
        }
        return st;
}

static enum nss_status ask_ntohost(struct asking *q)
{
        struct etherent e;
        const struct ether_addr address = {{2, 0, 0, 0xa, 0xb, 0xff}};
        const enum nss_status st = nss.getntohost(&address, &e, q->buffer, q->size, &q->err);
        if (st == NSS_STATUS_SUCCESS)
                say(q, e.e_name);
        return st;
}

static enum nss_status ask_alias(struct asking *q)
{
        struct aliasent a;
        const enum nss_status st = nss.getaliasbyname("LIST", &a, q->buffer, q->size, &q->err);
        if (st == NSS_STATUS_SUCCESS) {
                say(q, a.alias_name);
                say_list(q, a.alias_members);
                say_number(q, (long)a.alias_members_len);
        }
        return st;
}

static enum nss_status ask_sg(struct asking *q)
{
        struct sgrp s;
        const enum nss_status st = nss.getsgnam("crew", &s, q->buffer, q->size, &q->err);
        if (st == NSS_STATUS_SUCCESS) {
                say(q, s.sg_namp);
                say(q, s.sg_passwd);
                say_list(q, s.sg_adm);
                say_list(q, s.sg_mem);
        }
        return st;
}

static const struct {
        enum nss_status (*ask)(struct asking *);
        const char *want;
        enum snap_kind kind;
        bool host; /* sets h_errno */
} questions[] = {
        {ask_host, "relay [r relay.example.org ] 10.1.1.9 10.1.1.10 ", SNAP_HOSTS, true},
        {ask_host6, "relay [r relay.example.org ] 2001:db8::9 ", SNAP_HOSTS, true},
        {ask_host3, "relay [r relay.example.org ] 10.1.1.9 10.1.1.10 ", SNAP_HOSTS, true},
        {ask_host4, "relay 10.1.1.9 relay 10.1.1.10 relay 2001:db8::9 ", SNAP_HOSTS, true},
        {ask_addr, "relay [r relay.example.org ] 10.1.1.9 10.1.1.10 ", SNAP_HOSTS, true},
        {ask_addr6, "six [] 2001:db8::6 ", SNAP_HOSTS, true},
        {ask_canon, "relay ", SNAP_HOSTS, true},
        {ask_net, "ten [t ] 167772160 ", SNAP_NETWORKS, true},
        {ask_netaddr, "ten [t ] 167772160 ", SNAP_NETWORKS, true},
        {ask_serv, "domain [dns ] udp 53 ", SNAP_SERVICES, false},
        {ask_port, "domain [dns ] tcp 53 ", SNAP_SERVICES, false},
        {ask_proto, "tcp [TCP ] 6 ", SNAP_PROTOCOLS, false},
        {ask_protonum, "tcp [TCP ] 6 ", SNAP_PROTOCOLS, false},
        {ask_rpc, "nfs [] 100003 ", SNAP_RPC, false},
        {ask_hostton, "relay 255 ", SNAP_ETHERS, false},
        {ask_ntohost, "relay ", SNAP_ETHERS, false},
        {ask_alias, "list [ada bob@example.org ] 2 ", SNAP_ALIASES, false},
        {ask_sg, "staff $6$x [ada ] [ada bob ] ", SNAP_GSHADOW, false},
};
#define QUESTIONS (sizeof(questions) / sizeof(questions[0]))

static enum nss_status ask(unsigned i, struct asking *q, char *buffer, size_t size)
{
        *q = (struct asking){.buffer = buffer, .size = size, .err = -5, .h_err = -5};
        errno = 77;
        const enum nss_status st = questions[i].ask(q);
        CHECK(errno == 77);
        return st;
}

static void child_of_answers(void)
{
        static alignas(16) char buffer[2048];
        struct asking q;
        publish_things();
        for (unsigned i = 0; i < QUESTIONS; i++) {
                CHECK(ask(i, &q, buffer, sizeof(buffer)) == NSS_STATUS_SUCCESS);
                if (strcmp(q.text, questions[i].want) != 0)
                        fprintf(stderr, "question %u: %s\n", i, q.text);
                CHECK(strcmp(q.text, questions[i].want) == 0);
        }
}

static void every_function_answers(void **state)
{
        (void)state;
        assert_true(in_child(load, child_of_answers));
}

static void child_of_small_buffers(void)
{
        static alignas(16) char whole[1024];
        struct asking q;
        publish_things();
        for (unsigned i = 0; i < QUESTIONS; i++)
                for (unsigned shift = 0; shift < 8; shift++) {
                        bool fits = false;
                        for (size_t n = 0; n < 400; n++) {
                                memset(whole, '#', sizeof(whole));
                                const enum nss_status st = ask(i, &q, whole + shift, n);
                                for (size_t k = 0; k < sizeof(whole); k++)
                                        CHECK((k >= shift && k < shift + n) || whole[k] == '#');
                                if (st == NSS_STATUS_SUCCESS) {
                                        CHECK(strcmp(q.text, questions[i].want) == 0);
                                        fits = true;
                                        continue;
                                }
                                CHECK(!fits && st == NSS_STATUS_TRYAGAIN && q.err == ERANGE);
                                CHECK(q.h_err == (questions[i].host ? NETDB_INTERNAL : -5));
                        }
                        CHECK(fits);
                }
}

static void every_buffer_size_is_respected(void **state)
{
        (void)state;
        assert_true(in_child(load, child_of_small_buffers));
}

static void child_without_images(void)
{
        static char buffer[1024];
        struct asking q;
        struct __netgrent g = {.type = 0};
        int err = 0;
        for (unsigned i = 0; i < QUESTIONS; i++) {
                CHECK(ask(i, &q, buffer, sizeof(buffer)) == NSS_STATUS_UNAVAIL && q.err == ENOENT);
                CHECK(q.h_err == (questions[i].host ? NO_RECOVERY : -5));
        }
        CHECK(nss.setnetgrent("trusted", &g) == NSS_STATUS_UNAVAIL && !g.data);
        CHECK(nss.getnetgrent(&g, buffer, sizeof(buffer), &err) == NSS_STATUS_UNAVAIL);
        CHECK(nss.sethostent(0) == NSS_STATUS_UNAVAIL);
        publish_things(); /* and as soon as there are some: */
        for (unsigned i = 0; i < QUESTIONS; i++)
                CHECK(ask(i, &q, buffer, sizeof(buffer)) == NSS_STATUS_SUCCESS);
}

static void without_images_the_next_source_is_asked(void **state)
{
        (void)state;
        assert_true(in_child(load, child_without_images));
}

static void child_of_misses(void)
{
        static char buffer[1024], huge[70000];
        struct hostent h;
        struct netent n;
        struct servent s;
        struct protoent p;
        struct aliasent a;
        int err, h_err;
        publish_things();
        memset(huge, 'x', sizeof(huge) - 1);
        CHECK(nss.gethostbyname("nobody", &h, buffer, 1024, &err, &h_err) == NSS_STATUS_NOTFOUND);
        CHECK(err == ENOENT && h_err == HOST_NOT_FOUND);
        CHECK(nss.gethostbyname("six", &h, buffer, 1024, &err, &h_err) == NSS_STATUS_NOTFOUND);
        CHECK(err == ENOENT && h_err == NO_DATA);
        CHECK(nss.gethostbyname2("bare", AF_INET6, &h, buffer, 1024, &err, &h_err) == NSS_STATUS_NOTFOUND &&
              h_err == NO_DATA);
        CHECK(nss.gethostbyname(huge, &h, buffer, 1024, &err, &h_err) == NSS_STATUS_NOTFOUND &&
              h_err == HOST_NOT_FOUND);
        CHECK(nss.gethostbyname("", &h, buffer, 1024, &err, &h_err) == NSS_STATUS_NOTFOUND);
        CHECK(nss.gethostbyname(".", &h, buffer, 1024, &err, &h_err) == NSS_STATUS_NOTFOUND);
        CHECK(nss.gethostbyname2("r", AF_UNIX, &h, buffer, 1024, &err, &h_err) == NSS_STATUS_UNAVAIL &&
              err == EAFNOSUPPORT);
        CHECK(nss.gethostbyaddr("\x0a\x01\x01\x0a", 3, AF_INET, &h, buffer, 1024, &err, &h_err) ==
              NSS_STATUS_UNAVAIL);
        CHECK(nss.gethostbyaddr("\x0a\x01\x01\x0c", 4, AF_INET, &h, buffer, 1024, &err, &h_err) ==
                      NSS_STATUS_NOTFOUND &&
              h_err == HOST_NOT_FOUND);
        CHECK(nss.getnetbyaddr(10, AF_INET6, &n, buffer, 1024, &err, &h_err) == NSS_STATUS_NOTFOUND);
        CHECK(nss.getnetbyaddr(0, AF_INET, &n, buffer, 1024, &err, &h_err) == NSS_STATUS_NOTFOUND &&
              h_err == HOST_NOT_FOUND);
        CHECK(nss.getservbyname("domain", "sctp", &s, buffer, 1024, &err) == NSS_STATUS_NOTFOUND &&
              err == ENOENT);
        CHECK(nss.getservbyname("domain", huge, &s, buffer, 1024, &err) == NSS_STATUS_NOTFOUND);
        CHECK(nss.getservbyport(53, NULL, &s, buffer, 1024, &err) ==
              NSS_STATUS_NOTFOUND); /* not in network order */
        CHECK(nss.getprotobyname("Tcp", &p, buffer, 1024, &err) == NSS_STATUS_NOTFOUND);
        CHECK(nss.getprotobynumber(-1, &p, buffer, 1024, &err) == NSS_STATUS_NOTFOUND);
        CHECK(nss.getaliasbyname("list.", &a, buffer, 1024, &err) == NSS_STATUS_NOTFOUND);
}

static void what_is_not_there_is_not_found(void **state)
{
        (void)state;
        assert_true(in_child(load, child_of_misses));
}

/* -- lists */
static void child_of_lists(void)
{
        static alignas(16) char buffer[1024];
        struct hostent h;
        struct asking q = {.buffer = buffer, .size = sizeof(buffer)};
        struct aliasent a;
        struct sgrp s;
        int err, h_err;
        publish_things();
        CHECK(nss.sethostent(0) == NSS_STATUS_SUCCESS);
        CHECK(nss.gethostent(&h, buffer, 10, &err, &h_err) == NSS_STATUS_TRYAGAIN && err == ERANGE &&
              h_err == NETDB_INTERNAL);
        CHECK(say_host(&q, nss.gethostent(&h, buffer, 1024, &err, &h_err), &h) == NSS_STATUS_SUCCESS);
        publish_things(); /* an enumeration keeps its generation */
        CHECK(say_host(&q, nss.gethostent(&h, buffer, 1024, &err, &h_err), &h) == NSS_STATUS_SUCCESS);
        CHECK(strcmp(q.text, "relay [r relay.example.org ] 10.1.1.9 10.1.1.10 quill [] 10.1.1.11 ") == 0);
        CHECK(nss.gethostent(&h, buffer, 1024, &err, &h_err) == NSS_STATUS_NOTFOUND && err == ENOENT);
        CHECK(nss.endhostent() == NSS_STATUS_SUCCESS);
        CHECK(nss.gethostent(&h, buffer, 1024, &err, &h_err) == NSS_STATUS_SUCCESS &&
              !strcmp(h.h_name, "relay"));
        CHECK(nss.endhostent() == NSS_STATUS_SUCCESS);
        CHECK(nss.getaliasent(&a, buffer, 1024, &err) == NSS_STATUS_SUCCESS && !strcmp(a.alias_name, "list"));
        CHECK(nss.getaliasent(&a, buffer, 1024, &err) == NSS_STATUS_NOTFOUND);
        CHECK(nss.getsgent(&s, buffer, 1024, &err) == NSS_STATUS_SUCCESS && !strcmp(s.sg_namp, "staff"));
        CHECK(nss.getsgent(&s, buffer, 1024, &err) == NSS_STATUS_NOTFOUND);
}

static void lists_are_walked(void **state)
{
        (void)state;
        assert_true(in_child(load, child_of_lists));
}

static pthread_barrier_t steps;

static void *walk_in_step(void *argument)
{
        static alignas(16) char buffers[2][256];
        char *const buffer = buffers[*(int *)argument];
        struct protoent p;
        int err;
        CHECK(nss.setprotoent(0) == NSS_STATUS_SUCCESS);
        for (unsigned i = 0; i < 50; i++) {
                char want[16];
                pthread_barrier_wait(&steps);
                snprintf(want, sizeof(want), "p%u", i);
                CHECK(nss.getprotoent(&p, buffer, 256, &err) == NSS_STATUS_SUCCESS &&
                      !strcmp(p.p_name, want));
        }
        return NULL;
}

static void child_of_two_walks(void)
{
        struct snap_builder *b[SNAP_KINDS] = {[SNAP_PROTOCOLS] = images_new(SNAP_PROTOCOLS)};
        pthread_t t[2];
        static int which[2] = {0, 1};
        for (unsigned i = 0; i < 50; i++) {
                char name[16];
                snprintf(name, sizeof(name), "p%u", i);
                CHECK(images_numbered(b[SNAP_PROTOCOLS], name, i, "") == 0);
        }
        publish(b);
        pthread_barrier_init(&steps, NULL, 2);
        for (unsigned i = 0; i < 2; i++)
                CHECK(pthread_create(&t[i], NULL, walk_in_step, &which[i]) == 0);
        for (unsigned i = 0; i < 2; i++)
                pthread_join(t[i], NULL);
}

static void two_threads_enumerate_independently(void **state)
{
        (void)state;
        assert_true(in_child(load, child_of_two_walks));
}

static bool is(const char *have, const char *want)
{
        return want ? have && strcmp(have, want) == 0 : have == NULL;
}

static void child_of_netgroups(void)
{
        static char buffer[64], other[64];
        struct __netgrent g = {.type = 9}, inner = {.type = 9};
        int err;
        publish_things();
        CHECK(nss.setnetgrent("nobody", &g) == NSS_STATUS_NOTFOUND && !g.data);
        CHECK(nss.setnetgrent("trusted", &g) == NSS_STATUS_SUCCESS);
        for (size_t n = 0; n < sizeof("relay\0ada\0"); n++)
                CHECK(nss.getnetgrent(&g, buffer, n, &err) == NSS_STATUS_TRYAGAIN && err == ERANGE);
        CHECK(nss.getnetgrent(&g, buffer, sizeof("relay\0ada\0"), &err) == NSS_STATUS_SUCCESS);
        CHECK(g.type == 0 && is(g.val.triple.host, "relay") && is(g.val.triple.user, "ada") &&
              is(g.val.triple.domain, NULL));
        /* innetgr may be called in the middle of a walk; and a new generation does not disturb it. */
        CHECK(nss.setnetgrent("more", &inner) == NSS_STATUS_SUCCESS);
        CHECK(nss.getnetgrent(&inner, other, sizeof(other), &err) == NSS_STATUS_SUCCESS &&
              is(inner.val.triple.host, "quill"));
        CHECK(nss.getnetgrent(&inner, other, sizeof(other), &err) == NSS_STATUS_RETURN);
        CHECK(nss.endnetgrent(&inner) == NSS_STATUS_SUCCESS && !inner.data);
        publish_things();
        CHECK(nss.getnetgrent(&g, buffer, sizeof(buffer), &err) == NSS_STATUS_SUCCESS);
        CHECK(g.type == 0 && is(g.val.triple.host, NULL) && is(g.val.triple.user, "eve") &&
              is(g.val.triple.domain, "-"));
        CHECK(nss.getnetgrent(&g, buffer, sizeof(buffer), &err) == NSS_STATUS_SUCCESS && g.type == 1 &&
              is(g.val.group, "more"));
        CHECK(nss.getnetgrent(&g, buffer, sizeof(buffer), &err) == NSS_STATUS_SUCCESS && g.type == 1 &&
              is(g.val.group, "again"));
        CHECK(nss.getnetgrent(&g, buffer, sizeof(buffer), &err) == NSS_STATUS_RETURN);
        CHECK(nss.endnetgrent(&g) == NSS_STATUS_SUCCESS && nss.endnetgrent(&g) == NSS_STATUS_SUCCESS);
        CHECK(nss.setnetgrent("hollow", &g) == NSS_STATUS_SUCCESS);
        CHECK(nss.getnetgrent(&g, buffer, sizeof(buffer), &err) == NSS_STATUS_NOTFOUND);
        CHECK(nss.endnetgrent(&g) == NSS_STATUS_SUCCESS);
        for (unsigned i = 0; i < 3; i++)
                CHECK(!g.of_the_library[i]);
}

static void netgroups_are_walked_side_by_side(void **state)
{
        (void)state;
        assert_true(in_child(load, child_of_netgroups));
}

/* -- damage: of every image every byte is another one, and every answer still a sane one */
static uint8_t *image;
static size_t image_size;

static void write_image(const char *path)
{
        CHECK(unlink(path) == 0);
        const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0444);
        CHECK(fd >= 0 && fs_write_all(fd, image, image_size) == 0);
        close(fd);
}

static void child_of_flips(void)
{
        static alignas(16) char buffer[4096];
        struct asking q;
        struct __netgrent g = {.type = 0};
        struct protoent p;
        int err;
        for (unsigned i = 0; i < QUESTIONS; i++) {
                const enum nss_status st = ask(i, &q, buffer, sizeof(buffer));
                CHECK(st == NSS_STATUS_SUCCESS || st == NSS_STATUS_UNAVAIL || st == NSS_STATUS_NOTFOUND ||
                      (st == NSS_STATUS_TRYAGAIN && q.err == ERANGE));
        }
        if (nss.setnetgrent("trusted", &g) == NSS_STATUS_SUCCESS)
                for (unsigned i = 0; i < 100; i++)
                        if (nss.getnetgrent(&g, buffer, sizeof(buffer), &err) != NSS_STATUS_SUCCESS)
                                break;
        nss.endnetgrent(&g);
        for (unsigned i = 0; i < 100; i++)
                if (nss.getprotoent(&p, buffer, sizeof(buffer), &err) != NSS_STATUS_SUCCESS)
                        break;
}

static void child_of_cuts(void)
{
        static char buffer[4096];
        struct asking q;
        struct __netgrent g = {.type = 0};
        for (unsigned i = 0; i < QUESTIONS; i++)
                CHECK(ask(i, &q, buffer, sizeof(buffer)) == NSS_STATUS_UNAVAIL && q.err == EBADMSG);
        CHECK(nss.setnetgrent("trusted", &g) == NSS_STATUS_UNAVAIL);
}

static void damaged_images_crash_nobody(void **state)
{
        static const uint8_t flips[] = {0x01, 0x80, 0xff};
        (void)state;
        const uint64_t generation = publish_things();
        for (unsigned k = SNAP_ACCOUNTS; k < SNAP_KINDS; k++) {
                struct buf b;
                char path[128];
                snprintf(path, sizeof(path), "%s/%s.%llu", folder, snap_map_name((enum snap_kind)k),
                         (unsigned long long)generation);
                buf_init(&b, 0);
                assert_int_equal(fs_read(path, 1 << 20, &b), 0);
                image = b.data;
                image_size = b.len;
                /* The gaps and the reserved words lie between; a prime step meets every part of it. */
                for (size_t i = 0; i < b.len; i += i < sizeof(struct snap_header) ? 13 : 7) {
                        b.data[i] ^= flips[i % 3];
                        write_image(path);
                        assert_true(in_child(load, child_of_flips));
                        b.data[i] ^= flips[i % 3];
                }
                write_image(path);
                buf_done(&b);
        }
        for (unsigned k = SNAP_ACCOUNTS; k < SNAP_KINDS; k++) {
                char path[128];
                snprintf(path, sizeof(path), "%s/%s.%llu", folder, snap_map_name((enum snap_kind)k),
                         (unsigned long long)generation);
                assert_int_equal(chmod(path, 0600), 0);
                assert_int_equal(truncate(path, 300), 0);
        }
        assert_true(in_child(load, child_of_cuts));
}

/* -- threads, forks, a folder that is out of reach */
static bool stop; /* atomic */

static uint64_t publish_marked(unsigned mark)
{
        struct snap_builder *b[SNAP_KINDS] = {[SNAP_HOSTS] = images_new(SNAP_HOSTS)};
        const unsigned others =
                mark % 7 ? 3 : 800; /* images of very different sizes under the readers' feet */
        for (unsigned i = 0; i < others; i++) {
                char names[64], address[32];
                snprintf(names, sizeof(names), "h%u,m%u", i, i ? 1000000 + i : mark);
                snprintf(address, sizeof(address), "10.%u.%u.%u", i ? i / 200 + 1 : 0,
                         i ? i % 200 : mark / 200, mark % 200);
                CHECK(images_host(b[SNAP_HOSTS], names, address) == 0);
        }
        return publish(b);
}

/* Alias and address are of one generation, and time does not run backwards. */
static void check_marked(unsigned *newest)
{
        alignas(16) char buffer[512];
        struct hostent h;
        struct gaih_addrtuple *list = NULL;
        int err, h_err;
        CHECK(nss.gethostbyname("H0", &h, buffer, sizeof(buffer), &err, &h_err) == NSS_STATUS_SUCCESS);
        const unsigned mark = (unsigned)atoi(h.h_aliases[0] + 1);
        const uint8_t *address = (const uint8_t *)h.h_addr_list[0];
        CHECK(!strcmp(h.h_name, "h0") && mark >= *newest && !h.h_addr_list[1] && !h.h_aliases[1]);
        CHECK(address[0] == 10 && address[1] == 0 && address[2] == mark / 200 && address[3] == mark % 200);
        *newest = mark;
        CHECK(nss.gethostbyname4("h2", &list, buffer, sizeof(buffer), &err, &h_err, NULL) ==
              NSS_STATUS_SUCCESS);
        CHECK(!list->next && !strcmp(list->name, "h2"));
        CHECK(nss.gethostbyname("nobody", &h, buffer, sizeof(buffer), &err, &h_err) == NSS_STATUS_NOTFOUND);
}

static void *read_until_stopped(void *unused)
{
        unsigned newest = 0, n = 0;
        (void)unused;
        for (; !__atomic_load_n(&stop, __ATOMIC_RELAXED) || n < 100; n++)
                check_marked(&newest);
        return NULL;
}

static void child_of_threads(void)
{
        pthread_t t[3];
        publish_marked(1);
        for (unsigned i = 0; i < 3; i++)
                CHECK(pthread_create(&t[i], NULL, read_until_stopped, NULL) == 0);
        for (unsigned mark = 2; mark < 150; mark++) {
                int status;
                unsigned newest = mark;
                publish_marked(mark);
                if (mark % 5)
                        continue;
                const pid_t pid = fork(); /* the readers are at it just now: the child goes on without them */
                CHECK(pid >= 0);
                if (pid == 0) {
                        check_marked(&newest);
                        _exit(0);
                }
                CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0);
        }
        __atomic_store_n(&stop, true, __ATOMIC_RELAXED);
        for (unsigned i = 0; i < 3; i++)
                pthread_join(t[i], NULL);
}

static void threads_read_while_generations_pass(void **state)
{
        (void)state;
        assert_true(in_child(load, child_of_threads));
}

static void child_in_chroot(void)
{
        static char buffer[1024];
        struct asking q;
        publish_things();
        for (unsigned i = 0; i < QUESTIONS; i++)
                CHECK(ask(i, &q, buffer, sizeof(buffer)) == NSS_STATUS_SUCCESS);
        publish_things();
        if (chroot(folder) != 0)
                return; /* not root: nothing to see */
        for (unsigned i = 0; i < QUESTIONS; i++)
                CHECK(ask(i, &q, buffer, sizeof(buffer)) == NSS_STATUS_SUCCESS &&
                      !strcmp(q.text, questions[i].want));
}

static void a_chroot_keeps_its_answers(void **state)
{
        (void)state;
        assert_true(in_child(load, child_in_chroot));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                WITH_FOLDER(every_function_answers),
                WITH_FOLDER(every_buffer_size_is_respected),
                WITH_FOLDER(without_images_the_next_source_is_asked),
                WITH_FOLDER(what_is_not_there_is_not_found),
                WITH_FOLDER(lists_are_walked),
                WITH_FOLDER(two_threads_enumerate_independently),
                WITH_FOLDER(netgroups_are_walked_side_by_side),
                WITH_FOLDER(damaged_images_crash_nobody),
                WITH_FOLDER(threads_read_while_generations_pass),
                WITH_FOLDER(a_chroot_keeps_its_answers),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
