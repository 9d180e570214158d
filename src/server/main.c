/* netinfod: the server of NetInfo domains (doc/man/netinfod.8, doc/server.md). */
#include "server/monitor.h"
#include "server/server.h"

#include "model/path.h"
#include "sys/fs.h"
#include "sys/log.h"
#include "sys/privilege.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define OVERRIDES_MAX 64u

struct command {
        const char *dir, *config, *create;
        int ready_fd;
        const char *override[OVERRIDES_MAX];
        unsigned overrides;
        char *owned[OVERRIDES_MAX]; /* those made here */
        unsigned owns;
};

static const char help[] =
        "netinfod serves NetInfo domains over RPC.\n"
        "\n"
        "usage: netinfod [options]\n"
        "       netinfod --create TAG [--dir DIR] [--host NAME] [--address A]...\n"
        "\n"
        "  --dir DIR          keep everything below DIR: DIR/domains, DIR/netinfod.sock,\n"
        "                     DIR/netinfod.conf (default: /var/lib/netinfo/domains,\n"
        "                     /run/netinfo/netinfod.sock, /etc/netinfo/netinfod.conf)\n"
        "  --config FILE      another configuration file\n"
        "  --listen ADDR:PORT TCP door, and UDP where it is on; may be repeated\n"
        "                     (default: 127.0.0.1:987 and [::1]:987; 10987 without root)\n"
        "  --socket PATH      UNIX socket, or \"none\"\n"
        "  -o KEY=VALUE       any key of netinfod.conf(5); may be repeated\n"
        "  --create TAG       make a new domain and exit\n"
        "  --host NAME        name of this machine in new domains (default: the machine's)\n"
        "  --address A        IPv4 address of this machine in new domains; may be repeated\n"
        "  --ready-fd N       write one line of JSON with the ports to descriptor N when ready\n"
        "  --log-level L      error, warning, notice, info or debug\n"
        "  --foreground       stay in the foreground (it always does)\n"
        "  --version, --help\n"
        "\n"
        "examples:\n"
        "  netinfod --dir /tmp/try --listen 127.0.0.1:10987\n"
        "  netinfod --create network --dir /tmp/try\n"
        "  netinfod -o legacy_read_networks=192.0.2.0/24 --listen 192.0.2.1:987\n";

enum {
        OPT_LISTEN = 256,
        OPT_SOCKET,
        OPT_CREATE,
        OPT_HOST,
        OPT_ADDRESS,
        OPT_READY,
        OPT_LEVEL,
        OPT_FOREGROUND
};

static const struct option options[] = {
        {"dir", required_argument, NULL, 'd'},
        {"config", required_argument, NULL, 'c'},
        {"listen", required_argument, NULL, OPT_LISTEN},
        {"socket", required_argument, NULL, OPT_SOCKET},
        {"create", required_argument, NULL, OPT_CREATE},
        {"host", required_argument, NULL, OPT_HOST},
        {"address", required_argument, NULL, OPT_ADDRESS},
        {"ready-fd", required_argument, NULL, OPT_READY},
        {"log-level", required_argument, NULL, OPT_LEVEL},
        {"foreground", no_argument, NULL, OPT_FOREGROUND},
        {"version", no_argument, NULL, 'V'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
};

static bool add_override(struct command *c, const char *text)
{
        if (c->overrides == OVERRIDES_MAX) {
                fprintf(stderr,
                        "netinfod: more than %u settings on the command line; write them into a file\n",
                        OVERRIDES_MAX);
                return false;
        }
        c->override[c->overrides++] = text;
        return true;
}

static bool add_setting(struct command *c, const char *key, const char *value)
{
        char *text;
        if (c->owns == OVERRIDES_MAX || asprintf(&text, "%s=%s", key, value) < 0)
                return false;
        c->owned[c->owns++] = text;
        return add_override(c, text);
}

static bool read_number(const char *text, int *ret)
{
        char *end;
        errno = 0;
        const long n = strtol(text, &end, 10);
        if (errno || end == text || *end || n < 0 || n > INT_MAX) {
                fprintf(stderr, "netinfod: --ready-fd: \"%s\" is no descriptor\n", text);
                return false;
        }
        *ret = (int)n;
        return true;
}

/* 0: go on; else the exit status plus one. */
static int take_option(struct command *c, int option)
{
        bool ok = true;
        switch (option) {
        case 'd':
                c->dir = optarg;
                break;
        case 'c':
                c->config = optarg;
                break;
        case 'o':
                ok = add_override(c, optarg);
                break;
        case OPT_LISTEN:
                ok = add_setting(c, "listen", optarg);
                break;
        case OPT_SOCKET:
                ok = add_setting(c, "socket", optarg);
                break;
        case OPT_HOST:
                ok = add_setting(c, "host", optarg);
                break;
        case OPT_ADDRESS:
                ok = add_setting(c, "addresses", optarg);
                break;
        case OPT_LEVEL:
                ok = add_setting(c, "log_level", optarg);
                break;
        case OPT_CREATE:
                c->create = optarg;
                break;
        case OPT_READY:
                ok = read_number(optarg, &c->ready_fd);
                break;
        case OPT_FOREGROUND:
                break;
        case 'V':
                printf("netinfod %s\n", NETINFO_VERSION);
                return 1;
        case 'h':
                fputs(help, stdout);
                return 1;
        default:
                fprintf(stderr, "netinfod: try netinfod --help\n");
                ok = false;
        }
        return ok ? 0 : 3;
}

static uint16_t default_port(void)
{
        return privilege_low_ports() ? NI_DEFAULT_PORT
                                     : NI_DEFAULT_PORT + 10000u; /* high without the right */
}

struct paths {
        char domains[PATH_MAX], spools[PATH_MAX], socket[PATH_MAX], config[PATH_MAX], machine[PATH_MAX],
                authority[PATH_MAX];
};

static bool find_paths(const struct command *c, struct paths *p)
{
        char dir[PATH_MAX];
        bool fits = true;
        if (!c->dir) {
                snprintf(p->domains, sizeof(p->domains), "/var/lib/netinfo/domains");
                snprintf(p->spools, sizeof(p->spools), "/var/lib/netinfo/domains");
                snprintf(p->socket, sizeof(p->socket), "/run/netinfo/netinfod.sock");
                snprintf(p->config, sizeof(p->config), "/etc/netinfo/netinfod.conf");
                snprintf(p->machine, sizeof(p->machine), "/var/lib/netinfo/machine");
                snprintf(p->authority, sizeof(p->authority), "/var/lib/netinfo/authority");
                return true;
        }
        const int err = fs_make_folders(c->dir, 0755);
        if (err || !realpath(c->dir, dir)) {
                fprintf(stderr, "netinfod: --dir %s: %s\n", c->dir, strerror(err ? err : errno));
                return false;
        }
        fits &= (size_t)snprintf(p->domains, sizeof(p->domains), "%s/domains", dir) < sizeof(p->domains);
        fits &= (size_t)snprintf(p->spools, sizeof(p->spools), "%s/domains", dir) < sizeof(p->spools);
        fits &= (size_t)snprintf(p->socket, sizeof(p->socket), "%s/netinfod.sock", dir) < sizeof(p->socket);
        fits &= (size_t)snprintf(p->config, sizeof(p->config), "%s/netinfod.conf", dir) < sizeof(p->config);
        fits &= (size_t)snprintf(p->machine, sizeof(p->machine), "%s/machine", dir) < sizeof(p->machine);
        fits &= (size_t)snprintf(p->authority, sizeof(p->authority), "%s/authority", dir) <
                sizeof(p->authority);
        if (!fits)
                fprintf(stderr, "netinfod: --dir %s: the path is too long\n", c->dir);
        return fits;
}

/* What root makes for a server that runs as a user belongs to that user. */
static bool become_owner(const struct config *c, const struct server_options *o, struct config_why *why)
{
        uid_t uid;
        gid_t gid;
        if (geteuid() != 0 || !c->user[0])
                return true;
        int err = privilege_find_user(c->user, &uid, &gid);
        if (!err && !monitor_give_folder(o->domains, uid, gid, why))
                return false;
        if (!err)
                err = privilege_become(c->user, uid, gid);
        if (err)
                snprintf(why->text, sizeof(why->text), "user %s: %s; see `user` in netinfod.conf", c->user,
                         err == ENOENT ? "there is no such user on this machine" : strerror(err));
        return !err;
}

/* --create: beside a running server it is the server's business. */
static int create(const struct command *c, const struct server_options *o)
{
        struct config_why why = {{0}};
        struct store_why store_why = {{0}};
        char lock[PATH_MAX + 8];
        struct config *config = config_load(&o->source, &why);
        if (!config) {
                fprintf(stderr, "netinfod: %s\n", why.text);
                return 2;
        }
        if (!become_owner(config, o, &why)) {
                fprintf(stderr, "netinfod: %s\n", why.text);
                config_release(config);
                return 1;
        }
        int status = 1;
        int err = fs_make_folders(o->domains, 0755);
        if (!err && chmod(o->domains, 0700) < 0)
                err = errno;
        snprintf(lock, sizeof(lock), "%s/.lock", o->domains);
        const int fd = err ? -1 : open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (fd < 0)
                fprintf(stderr, "netinfod: %s: %s\n", o->domains, strerror(err ? err : errno));
        else if (flock(fd, LOCK_EX | LOCK_NB) < 0)
                fprintf(stderr, "netinfod: %s: a server runs here; ask it: ni domain create %s\n", o->domains,
                        c->create);
        else if (domain_create(o->domains, c->create, config, &store_why) != NI_OK)
                fprintf(stderr, "netinfod: %s\n", store_why.text);
        else
                status = 0;
        if (fd >= 0)
                close(fd);
        config_release(config);
        return status;
}

/* The server itself: the whole program, or the child of a monitor. */
static int serve(void *context, bool again)
{
        struct server_options o = *(const struct server_options *)context;
        struct config_why why = {{0}};
        if (again) /* who waited for the line has had it */
                o.ready_fd = -1;
        struct server *s = server_start(&o, &why);
        if (!s) {
                log_event(LOG_LEVEL_ERROR, "start-failed", "reason=\"%s\"", why.text);
                return 1;
        }
        server_run(s);
        server_free(s);
        log_event(LOG_LEVEL_NOTICE, "stopped", "result=ok");
        return 0;
}

/* Root with a `user`, and another user with the right to open low ports, becomes the monitor of a server
 * without rights. */
static int run(struct server_options *o)
{
        struct config_why why = {{0}};
        struct config *c = inherited_take(&o->opener->inherited, &why) ? config_load(&o->source, &why) : NULL;
        if (!c) {
                log_event(LOG_LEVEL_ERROR, "start-failed", "reason=\"%s\"", why.text);
                return 1;
        }
        o->opener->managed = o->opener->inherited.n > 0 || getenv("NOTIFY_SOCKET") != NULL;
        if (geteuid() == 0 ? c->user[0] != '\0' : privilege_low_ports()) {
                const struct monitor_options m = {.source = &o->source,
                                                  .domains = o->domains,
                                                  .opener = o->opener,
                                                  .serve = serve,
                                                  .context = o,
                                                  .first_fd = o->ready_fd};
                return monitor_run(&m, c);
        }
        config_release(c);
        return serve(o, false);
}

int main(int argc, char **argv)
{
        struct command c = {.ready_fd = -1};
        static struct paths paths;
        static struct opener opener = {.monitor = -1};
        int status = 0;
        fs_keep_standard();
        opener.main_pid = getpid();
        log_set_name("netinfod");
        umask(022); /* the socket's folder is for all; what is not has its mode said */
        for (int option; !status && (option = getopt_long(argc, argv, "d:c:o:hV", options, NULL)) != -1;)
                status = take_option(&c, option);
        if (!status && optind < argc) {
                fprintf(stderr, "netinfod: \"%s\" is too much; try netinfod --help\n", argv[optind]);
                status = 3;
        }
        if (!status && !find_paths(&c, &paths))
                status = 2;
        if (!status) {
                struct server_options o = {
                        .domains = paths.domains,
                        .spools = paths.spools,
                        .machine = paths.machine,
                        .authority = paths.authority,
                        .source = {.file = c.config ? c.config : paths.config,
                                   .must_exist = c.config != NULL,
                                   .default_socket = paths.socket,
                                   .default_port = default_port(),
                                   .overrides = {.v = c.override, .n = c.overrides}},
                        .opener = &opener,
                        .ready_fd = c.ready_fd,
                };
                status = 1 + (c.create ? create(&c, &o) : run(&o));
        }
        for (unsigned i = 0; i < c.owns; i++)
                free(c.owned[i]);
        return status - 1;
}
