/* What do the small maps cost? Sub-commands (bench/maps.sh calls them):
 *   publish FOLDER HOSTS       hosts, services, netgroups from records as the agent has them: merge, build,
 * verify, publish direct MODULE FOLDER HOSTS SECONDS   the module's functions called directly: CPU per call
 *   first MODULE HOST          the first lookup of a fresh process, in microseconds
 *   libc SOURCE HOSTS CALLS    through the C library, which asks only SOURCE (files, netinfo): microseconds
 * per call lines HOSTS                the hosts as lines of /etc/hosts Every answer is checked. */
#include "people.h"
#include "result.h"

#include "agent/maps.h"
#include "snapshot/inspect.h"
#include "sys/random.h"

#include <dlfcn.h>
#include <errno.h>
#include <netdb.h>
#include <nss.h>
#include <stdalign.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define SERVICES 10000u

static _Noreturn void die(const char *what)
{
        fprintf(stderr, "bench-maps: %s\n", what);
        exit(1);
}

static size_t host_name(char to[48], uint32_t i)
{
        return (size_t)snprintf(to, 48, "host%u.example.org", i);
}

static size_t host_address(char to[16], uint32_t i)
{
        return (size_t)snprintf(to, 16, "10.%u.%u.%u", i >> 16 & 255, i >> 8 & 255, i & 255);
}

/* -- publishing */
static void put_property(struct buf *b, const char *name, const char *value, const char *second)
{
        xdr_put_opaque(b, bytes_str(name));
        xdr_put_u32(b, second ? 2 : 1);
        xdr_put_opaque(b, bytes_str(value));
        if (second)
                xdr_put_opaque(b, bytes_str(second));
}

static void put_host(struct buf *b, uint32_t i)
{
        char name[48], alias[16], address[16], group[16];
        host_name(name, i);
        host_address(address, i);
        snprintf(alias, sizeof(alias), "host%u", i);
        snprintf(group, sizeof(group), "net%u", i / 50);
        xdr_put_u32(b, 3);
        put_property(b, "name", name, alias);
        put_property(b, "ip_address", address, NULL);
        put_property(b, "netgroups", group, NULL);
}

static void put_service(struct buf *b, uint32_t i)
{
        char name[16], port[8];
        snprintf(name, sizeof(name), "service%u", i);
        snprintf(port, sizeof(port), "%u", i % 65535 + 1);
        xdr_put_u32(b, 3);
        put_property(b, "name", name, NULL);
        put_property(b, "port", port, NULL);
        put_property(b, "protocol", "tcp", "udp");
}

static struct maps_children make(uint32_t n, void (*put)(struct buf *, uint32_t))
{
        struct bytes *v = calloc(n + 1, sizeof(*v));
        struct buf b;
        size_t *ends = calloc(n + 1, sizeof(*ends));
        if (!v || !ends)
                die("out of memory");
        buf_init(&b, 0);
        for (uint32_t i = 0; i < n; i++) {
                put(&b, i);
                ends[i] = b.len;
        }
        for (uint32_t i = 0; i < n; i++)
                v[i] = bytes_of(b.data + (i ? ends[i - 1] : 0), ends[i] - (i ? ends[i - 1] : 0));
        free(ends);
        return (struct maps_children){v, n};
}

static bool record(void *context, const struct snap_map_record *r)
{
        return snap_add_map(context, r) == 0;
}

static void left_out(void *context, const struct maps_domain *d, const char *what, struct bytes name,
                     const char *reason)
{
        (void)context;
        (void)d;
        (void)name;
        fprintf(stderr, "bench-maps: %s left out: %s\n", what, reason);
}

static int publish(const char *folder, uint32_t hosts)
{
        static const enum snap_kind kinds[] = {SNAP_HOSTS, SNAP_SERVICES, SNAP_NETGROUP};
        struct maps_domain d = {.name = "local", .local = true};
        struct merge_rules rules = {.min_id = 1000};
        random_bytes(&rules.key, sizeof(rules.key));
        d.top[TOP_MACHINES] = make(hosts, put_host);
        d.top[TOP_SERVICES] = make(hosts < SERVICES ? hosts : SERVICES, put_service);
        mkdir(folder, 0755);
        for (unsigned i = 0; i < 3; i++) {
                struct snap_publication p = {.folder = folder, .shadow_group = (gid_t)-1};
                struct snap_report r;
                struct bytes image;
                const double begin = result_clock(CLOCK_MONOTONIC);
                if (snap_builder_new(kinds[i], &p.map[kinds[i]]))
                        die("out of memory");
                const struct maps_sink sink = {record, left_out, p.map[kinds[i]]};
                if (!maps_make(kinds[i], &d, 1, &rules, &sink) || snap_build(p.map[kinds[i]], 1, &image))
                        die("cannot build");
                const double built = result_clock(CLOCK_MONOTONIC);
                if (snap_publish(&p, &r))
                        die(r.what);
                const double done = result_clock(CLOCK_MONOTONIC);
                char what[64];
                snprintf(what, sizeof(what), "maps.build.%s", snap_map_name(kinds[i]));
                result(what, hosts, "agent", (built - begin) * 1e3, "ms");
                snprintf(what, sizeof(what), "maps.publish.%s", snap_map_name(kinds[i]));
                result(what, hosts, "agent", (done - built) * 1e3, "ms");
                result("maps.bytes", hosts, snap_map_name(kinds[i]), (double)image.len, "bytes");
                snap_builder_free(p.map[kinds[i]]);
        }
        return 0;
}

/* -- the module */
struct __netgrent {
        int type;
        const char *host, *user, *domain;
        char *data;
        size_t data_size;
        unsigned long position;
        int first;
        void *of_the_library[3];
};

static struct {
        nss_gethostbyname2_r *by_name;
        nss_gethostbyname4_r *by_name4;
        nss_gethostbyaddr_r *by_addr;
        nss_getservbyname_r *service;
        nss_setnetgrent *setnetgrent;
        nss_getnetgrent_r *getnetgrent;
        nss_endnetgrent *endnetgrent;
} module;

static void *symbol(void *library, const char *name)
{
        void *p = dlsym(library, name);
        if (!p)
                die(dlerror());
        return p;
}

static void module_open(const char *path)
{
        void *library = dlopen(path, RTLD_NOW);
        if (!library)
                die(dlerror());
        *(void **)&module.by_name = symbol(library, "_nss_netinfo_gethostbyname2_r");
        *(void **)&module.by_name4 = symbol(library, "_nss_netinfo_gethostbyname4_r");
        *(void **)&module.by_addr = symbol(library, "_nss_netinfo_gethostbyaddr_r");
        *(void **)&module.service = symbol(library, "_nss_netinfo_getservbyname_r");
        *(void **)&module.setnetgrent = symbol(library, "_nss_netinfo_setnetgrent");
        *(void **)&module.getnetgrent = symbol(library, "_nss_netinfo_getnetgrent_r");
        *(void **)&module.endnetgrent = symbol(library, "_nss_netinfo_endnetgrent");
}

static uint32_t services; /* in the image */
static alignas(16) char buffer[4096];

static bool ask_name(uint32_t i)
{
        char name[48];
        struct hostent h;
        int err, h_err;
        host_name(name, i);
        return module.by_name(name, AF_INET, &h, buffer, sizeof(buffer), &err, &h_err) ==
                       NSS_STATUS_SUCCESS &&
               (uint8_t)h.h_addr_list[0][3] == (i & 255);
}

static bool ask_miss(uint32_t i)
{
        char name[48];
        struct hostent h;
        int err, h_err;
        host_name(name, i);
        name[0] = 'x';
        return module.by_name(name, AF_INET, &h, buffer, sizeof(buffer), &err, &h_err) == NSS_STATUS_NOTFOUND;
}

static bool ask_name4(uint32_t i)
{
        char name[48];
        struct gaih_addrtuple *list = NULL;
        int err, h_err;
        host_name(name, i);
        return module.by_name4(name, &list, buffer, sizeof(buffer), &err, &h_err, NULL) ==
                       NSS_STATUS_SUCCESS &&
               list->family == AF_INET;
}

static bool ask_addr(uint32_t i)
{
        const uint8_t address[] = {10, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i};
        struct hostent h;
        int err, h_err;
        return module.by_addr(address, 4, AF_INET, &h, buffer, sizeof(buffer), &err, &h_err) ==
               NSS_STATUS_SUCCESS;
}

static bool ask_service(uint32_t i)
{
        char name[24];
        struct servent s;
        int err;
        snprintf(name, sizeof(name), "service%u", i % services);
        return module.service(name, "udp", &s, buffer, sizeof(buffer), &err) == NSS_STATUS_SUCCESS;
}

/* As innetgr does it: 100 members to compare with. */
static bool ask_netgroup(uint32_t i)
{
        struct __netgrent g = {.type = 0};
        char name[16];
        unsigned n = 0;
        int err;
        snprintf(name, sizeof(name), "net%u", i / 50);
        if (module.setnetgrent(name, &g) != NSS_STATUS_SUCCESS)
                return false;
        while (module.getnetgrent(&g, buffer, sizeof(buffer), &err) == NSS_STATUS_SUCCESS)
                n++;
        module.endnetgrent(&g);
        return n > 1;
}

static int direct(const char *path, const char *folder, uint32_t hosts, double limit)
{
        static const struct {
                const char *what;
                bool (*ask)(uint32_t);
        } rows[] = {{"host.by_name", ask_name},       {"host.by_name.miss", ask_miss},
                    {"host.by_name4", ask_name4},     {"host.by_address", ask_addr},
                    {"service.by_name", ask_service}, {"netgroup.walk", ask_netgroup}};
        setenv(SNAP_VARIABLE, folder, 1);
        module_open(path);
        services = hosts < SERVICES ? hosts : SERVICES;
        for (unsigned r = 0; r < sizeof(rows) / sizeof(rows[0]); r++) {
                double v[5];
                for (unsigned round = 0; round < 5; round++) {
                        const double begin = result_clock(CLOCK_THREAD_CPUTIME_ID);
                        double now;
                        uint64_t calls = 0;
                        do {
                                for (unsigned k = 0; k < 64; k++, calls++)
                                        if (!rows[r].ask((uint32_t)(people_mix(calls) % hosts)))
                                                die(rows[r].what);
                                now = result_clock(CLOCK_THREAD_CPUTIME_ID);
                        } while (now - begin < limit);
                        v[round] = (now - begin) / (double)calls * 1e9;
                }
                result(rows[r].what, hosts, "module", result_quantile(v, 5, 0.5), "ns");
        }
        return 0;
}

static int first(const char *path, const char *name)
{
        struct hostent h;
        int err, h_err;
        module_open(path);
        const double begin = result_clock(CLOCK_MONOTONIC);
        if (module.by_name(name, AF_INET, &h, buffer, sizeof(buffer), &err, &h_err) != NSS_STATUS_SUCCESS)
                die("not found");
        printf("%.1f\n", (result_clock(CLOCK_MONOTONIC) - begin) * 1e6);
        return 0;
}

static int libc(const char *source, uint32_t hosts, unsigned calls)
{
        if (__nss_configure_lookup("hosts", source))
                die("no such source");
        const double begin = result_clock(CLOCK_MONOTONIC);
        for (unsigned i = 0; i < calls; i++) {
                char name[48];
                struct hostent h, *found;
                int h_err;
                host_name(name, (uint32_t)(people_mix(i) % hosts));
                if (gethostbyname2_r(name, AF_INET, &h, buffer, sizeof(buffer), &found, &h_err) || !found)
                        die("not found through the C library");
        }
        result("host.by_name.libc", hosts, source, (result_clock(CLOCK_MONOTONIC) - begin) / calls * 1e6,
               "us");
        return 0;
}

static int lines(uint32_t hosts)
{
        for (uint32_t i = 0; i < hosts; i++) {
                char name[48], address[16];
                host_name(name, i);
                host_address(address, i);
                printf("%s %s host%u\n", address, name, i);
        }
        return 0;
}

int main(int argc, char **argv)
{
        const char *what = argc > 1 ? argv[1] : "";
        if (strcmp(what, "publish") == 0 && argc == 4)
                return publish(argv[2], (uint32_t)atoi(argv[3]));
        if (strcmp(what, "direct") == 0 && argc == 6)
                return direct(argv[2], argv[3], (uint32_t)atoi(argv[4]), atof(argv[5]));
        if (strcmp(what, "first") == 0 && argc == 4)
                return first(argv[2], argv[3]);
        if (strcmp(what, "libc") == 0 && argc == 5)
                return libc(argv[2], (uint32_t)atoi(argv[3]), (unsigned)atoi(argv[4]));
        if (strcmp(what, "lines") == 0 && argc == 3)
                return lines((uint32_t)atoi(argv[2]));
        fputs("usage: bench-maps publish|direct|first|libc|lines ... (see bench/maps.sh)\n", stderr);
        return 2;
}
