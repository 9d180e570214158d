/* The module's functions of the small maps, as the C library finds them, and some records to be found. */
#ifndef NETINFO_TEST_NSS_MAPS_MODULE_H
#define NETINFO_TEST_NSS_MAPS_MODULE_H

#include "child.h"

#include "../../lib/map_records.h"

#include <aliases.h>
#include <errno.h>
#include <fcntl.h>
#include <gshadow.h>
#include <net/ethernet.h>
#include <netdb.h>
#include <nss.h>
#include <pthread.h>
#include <rpc/netdb.h>
#include <stdalign.h>
#include <sys/stat.h>

struct etherent {
        const char *e_name;
        struct ether_addr e_addr;
};

/* As the C library has it, and with room behind it that a module must leave alone. */
struct __netgrent {
        int type;
        union {
                struct {
                        const char *host, *user, *domain;
                } triple;
                const char *group;
        } val;
        char *data;
        size_t data_size;
        unsigned long position;
        int first;
        void *of_the_library[3];
};

static struct {
        nss_gethostbyname_r *gethostbyname;
        nss_gethostbyname2_r *gethostbyname2;
        nss_gethostbyname3_r *gethostbyname3;
        nss_gethostbyname4_r *gethostbyname4;
        nss_gethostbyaddr_r *gethostbyaddr;
        nss_gethostbyaddr2_r *gethostbyaddr2;
        nss_getcanonname_r *getcanonname;
        nss_sethostent *sethostent;
        nss_endhostent *endhostent;
        nss_gethostent_r *gethostent;
        nss_getnetbyname_r *getnetbyname;
        nss_getnetbyaddr_r *getnetbyaddr;
        nss_getservbyname_r *getservbyname;
        nss_getservbyport_r *getservbyport;
        nss_getprotobyname_r *getprotobyname;
        nss_getprotobynumber_r *getprotobynumber;
        nss_setprotoent *setprotoent;
        nss_getprotoent_r *getprotoent;
        nss_getrpcbyname_r *getrpcbyname;
        nss_getrpcbynumber_r *getrpcbynumber;
        nss_gethostton_r *gethostton;
        nss_getntohost_r *getntohost;
        nss_setnetgrent *setnetgrent;
        nss_endnetgrent *endnetgrent;
        nss_getnetgrent_r *getnetgrent;
        nss_getaliasbyname_r *getaliasbyname;
        nss_getaliasent_r *getaliasent;
        nss_getsgnam_r *getsgnam;
        nss_getsgent_r *getsgent;
} nss;

static void load(void)
{
        void *library = child_module();
        const struct {
                void *to;
                const char *name;
        } wanted[] = {{&nss.gethostbyname, "gethostbyname_r"},
                      {&nss.gethostbyname2, "gethostbyname2_r"},
                      {&nss.gethostbyname3, "gethostbyname3_r"},
                      {&nss.gethostbyname4, "gethostbyname4_r"},
                      {&nss.gethostbyaddr, "gethostbyaddr_r"},
                      {&nss.gethostbyaddr2, "gethostbyaddr2_r"},
                      {&nss.getcanonname, "getcanonname_r"},
                      {&nss.sethostent, "sethostent"},
                      {&nss.endhostent, "endhostent"},
                      {&nss.gethostent, "gethostent_r"},
                      {&nss.getnetbyname, "getnetbyname_r"},
                      {&nss.getnetbyaddr, "getnetbyaddr_r"},
                      {&nss.getservbyname, "getservbyname_r"},
                      {&nss.getservbyport, "getservbyport_r"},
                      {&nss.getprotobyname, "getprotobyname_r"},
                      {&nss.getprotobynumber, "getprotobynumber_r"},
                      {&nss.setprotoent, "setprotoent"},
                      {&nss.getprotoent, "getprotoent_r"},
                      {&nss.getrpcbyname, "getrpcbyname_r"},
                      {&nss.getrpcbynumber, "getrpcbynumber_r"},
                      {&nss.gethostton, "gethostton_r"},
                      {&nss.getntohost, "getntohost_r"},
                      {&nss.setnetgrent, "setnetgrent"},
                      {&nss.endnetgrent, "endnetgrent"},
                      {&nss.getnetgrent, "getnetgrent_r"},
                      {&nss.getaliasbyname, "getaliasbyname_r"},
                      {&nss.getaliasent, "getaliasent_r"},
                      {&nss.getsgnam, "getsgnam_r"},
                      {&nss.getsgent, "getsgent_r"}};
        for (unsigned i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
                char name[64];
                snprintf(name, sizeof(name), "_nss_netinfo_%s", wanted[i].name);
                void *p = dlsym(library, name);
                CHECK(p != NULL);
                memcpy(wanted[i].to, &p, sizeof(p));
        }
}

/* -- data */
static uint64_t publish(struct snap_builder *b[SNAP_KINDS])
{
        struct snap_publication p = {.folder = folder, .shadow_group = (gid_t)-1, .may_shrink = ~0u};
        struct snap_report r;
        memcpy(p.map, b, sizeof(p.map));
        if (snap_publish(&p, &r)) {
                fprintf(stderr, "%s\n", r.what);
                _exit(1);
        }
        for (unsigned k = 0; k < SNAP_KINDS; k++)
                snap_builder_free(b[k]);
        return r.generation;
}

static uint64_t publish_things(void)
{
        struct snap_builder *b[SNAP_KINDS] = {NULL};
        const uint8_t ether[] = {2, 0, 0, 0xa, 0xb, 0xff};
        for (unsigned k = SNAP_ACCOUNTS; k < SNAP_KINDS; k++)
                b[k] = images_new((enum snap_kind)k);
        CHECK(images_host(b[SNAP_HOSTS], "relay,r,relay.example.org", "10.1.1.9,10.1.1.10,2001:db8::9") == 0);
        CHECK(images_host(b[SNAP_HOSTS], "six", "2001:db8::6") == 0);
        CHECK(images_host(b[SNAP_HOSTS], "quill", "10.1.1.11") == 0);
        CHECK(images_host(b[SNAP_HOSTS], "bare", "") == 0);
        CHECK(images_numbered(b[SNAP_NETWORKS], "ten,t", 0x0a000000, "") == 0);
        CHECK(images_numbered(b[SNAP_SERVICES], "domain,dns", 53, "udp") == 0);
        CHECK(images_numbered(b[SNAP_SERVICES], "domain,dns", 53, "tcp") == 0);
        CHECK(images_numbered(b[SNAP_PROTOCOLS], "tcp,TCP", 6, "") == 0);
        CHECK(images_numbered(b[SNAP_RPC], "nfs", 100003, "") == 0);
        CHECK(images_ether(b[SNAP_ETHERS], "relay", ether) == 0);
        CHECK(images_lists(b[SNAP_NETGROUP], "trusted", "", "relay,ada,*,*,eve,-", "more,again") == 0);
        CHECK(images_lists(b[SNAP_NETGROUP], "more", "", "quill,*,*", "") == 0);
        CHECK(images_lists(b[SNAP_NETGROUP], "hollow", "", "", "") == 0);
        CHECK(images_lists(b[SNAP_ALIASES], "list", "", "ada,bob@example.org", "") == 0);
        CHECK(images_lists(b[SNAP_GSHADOW], "staff,crew", "$6$x", "ada", "ada,bob") == 0);
        return publish(b);
}

#endif
