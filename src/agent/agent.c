/* netinfo-agent: does what the core says (doc/agent.md). One thread, one connection. */
#include "agent/config.h"
#include "agent/core.h"
#include "agent/publish.h"
#include "base/buf.h"
#include "client/client.h"
#include "snapshot/followed.h"
#include "sys/clock.h"
#include "sys/fs.h"
#include "sys/log.h"

#include <errno.h>
#include <getopt.h>
#include <nss.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEFAULT_CONFIG "/etc/netinfo/agent.conf"
#define DAY_US         86400000000u

struct agent {
        const char *config_file, *below;
        bool config_given, once;
        int ready_fd, signal_fd;
        struct agent_config config;
        struct core *core;
        struct publisher *publisher;
        struct client *client;
        struct followed *followed; /* NULL: nobody can wait for the images */
        bool ready, stop, reload;
        bool away;                                                /* its reason was logged */
        uint32_t left_out;                                        /* last time; logged when it changes */
        char trouble[sizeof((struct publish_report){0}.trouble)]; /* likewise */
};

static void usage(FILE *to)
{
        fputs("usage: netinfo-agent [--config FILE] [--dir DIR] [--ready-fd N] [--once]\n\n"
              "Follows the domain `local` of this machine's netinfod and publishes users and groups as\n"
              "images for libnss_netinfo.\n\n"
              "  --config FILE   instead of " DEFAULT_CONFIG "\n"
              "  --dir DIR       everything below DIR: agent.conf, netinfod.sock, snapshots\n"
              "  --ready-fd N    one line of JSON to descriptor N when the first images are out\n"
              "  --once          ends when the first images are out\n"
              "  --help, --version\n\n"
              "Example: netinfo-agent --dir /tmp/ni --once\n",
              to);
}

static bool number(const char *text, int *ret)
{
        char *end;
        errno = 0;
        const long v = strtol(text, &end, 10);
        if (errno || *end || end == text || v < 0 || v > 65535)
                return false;
        *ret = (int)v;
        return true;
}

/* -1: go on; else the exit status. */
static int options(struct agent *a, int argc, char **argv)
{
        static const struct option table[] = {{"config", required_argument, NULL, 'c'},
                                              {"dir", required_argument, NULL, 'd'},
                                              {"ready-fd", required_argument, NULL, 'r'},
                                              {"once", no_argument, NULL, 'o'},
                                              {"help", no_argument, NULL, 'h'},
                                              {"version", no_argument, NULL, 'v'},
                                              {NULL, 0, NULL, 0}};
        for (int o; (o = getopt_long(argc, argv, "h", table, NULL)) != -1;) {
                if (o == 'c')
                        a->config_file = optarg;
                else if (o == 'd')
                        a->below = optarg;
                else if (o == 'o')
                        a->once = true;
                else if (o == 'v')
                        return puts("netinfo-agent " NETINFO_VERSION), 0;
                else if (o == 'h')
                        return usage(stdout), 0;
                else if (o != 'r' || !number(optarg, &a->ready_fd))
                        return usage(stderr), 2;
        }
        if (optind < argc)
                return usage(stderr), 2;
        return -1;
}

static bool read_config(struct agent *a, struct agent_config *ret)
{
        struct agent_config_why why = {""};
        char path[4096];
        const char *file = a->config_file ? a->config_file : DEFAULT_CONFIG;
        if (!a->config_file && a->below) {
                snprintf(path, sizeof(path), "%s/agent.conf", a->below);
                file = path;
        }
        if (agent_config_defaults(ret, a->below) &&
            agent_config_read(ret, file, a->config_file != NULL, &why))
                return true;
        log_event(LOG_LEVEL_ERROR, "config-failed", "why=\"%s\"", why.text);
        agent_config_done(ret);
        return false;
}

/* Folders of images are ours alone to write to. */
static bool make_folders(const struct agent_config *c)
{
        const char *folders[] = {c->snapshots, c->durable};
        for (unsigned i = 0; i < 2; i++) {
                const int err = *folders[i] ? fs_make_folders(folders[i], 0755) : 0;
                if (!err)
                        continue;
                log_event(LOG_LEVEL_ERROR, "folder-failed", "path=%s why=\"%s\"", folders[i], strerror(err));
                return false;
        }
        return true;
}

/* -- signals */
static void take_signals(struct agent *a)
{
        struct signalfd_siginfo info;
        while (read(a->signal_fd, &info, sizeof(info)) == sizeof(info)) {
                if (info.ssi_signo == SIGHUP)
                        a->reload = true;
                else
                        a->stop = true;
        }
}

static void wait_for(struct agent *a, uint32_t ms)
{
        struct pollfd p = {.fd = a->signal_fd, .events = POLLIN};
        poll(&p, 1, (int)ms);
}

/* -- doing what the core says */
static void away(struct agent *a, const char *why)
{
        take_signals(a);
        if (!a->away && !a->stop && !a->reload)
                log_event(LOG_LEVEL_WARNING, "away", "why=\"%s\"", why);
        a->away = true;
        client_close(a->client); /* `why` was its own */
        a->client = NULL;
}

static enum core_event_kind connect_now(struct agent *a, struct ext_status_result *ret)
{
        struct client_options o;
        struct client_why why = {""};
        client_close(a->client);
        a->client = NULL;
        client_options_init(&o);
        o.server = a->config.server;
        o.tag = a->config.domain;
        o.interrupt_fd = a->signal_fd;
        if (client_open(&o, &a->client, &why) != NI_OK) {
                a->client = NULL;
                away(a, why.text);
                return CORE_FAILED;
        }
        if (client_status(a->client, ret) != NI_OK || ret->status != NI_OK) {
                away(a, client_reason(a->client)[0] ? client_reason(a->client) : "the server refused STATUS");
                return CORE_FAILED;
        }
        log_event(LOG_LEVEL_INFO, "connected", "peer=%s seq=%llu you=%.*s", client_peer(a->client),
                  (unsigned long long)ret->seq, BYTES_FMT(ret->you));
        a->away = false;
        return CORE_CONNECTED;
}

static void put_json_text(struct buf *out, const char *text)
{
        buf_putc(out, '"');
        for (; *text; text++) {
                const unsigned char c = (unsigned char)*text;
                if (c == '"' || c == '\\' || c < 0x20)
                        buf_printf(out, "\\u%04x", c);
                else
                        buf_putc(out, *text);
        }
        buf_putc(out, '"');
}

static void tell_ready(struct agent *a, const struct publish_report *r)
{
        struct buf line;
        if (a->ready)
                return;
        a->ready = true;
        a->stop |= a->once;
        if (a->ready_fd < 0)
                return;
        buf_init(&line, 0);
        buf_puts(&line, "{\"snapshots\": ");
        put_json_text(&line, a->config.snapshots);
        buf_printf(&line, ", \"generation\": %llu, \"seq\": %llu, \"users\": %u, \"groups\": %u}\n",
                   (unsigned long long)r->generation, (unsigned long long)core_seq(a->core), r->users,
                   r->groups);
        if (!line.failed)
                fs_write_all(a->ready_fd, line.data, line.len);
        buf_done(&line);
        close(a->ready_fd);
        a->ready_fd = -1;
}

static bool publish_now(struct agent *a, const struct core_action *do_it, struct core_event *e)
{
        struct publish_report r;
        const int64_t today = (int64_t)(clock_wall_us() / DAY_US);
        const unsigned images = do_it->images;
        if (do_it->whole)
                publisher_forget(a->publisher);
        const uint64_t before = clock_mono_us();
        const int err = publish_images(a->publisher, &a->config, core_table(a->core), images, today, &r);
        const uint64_t took = clock_mono_us() - before;
        e->took_ms = took / 1000;
        e->grown = r.grown;
        if (err) {
                log_event(LOG_LEVEL_ERROR, "publish-failed", "folder=%s why=\"%s\"", a->config.snapshots,
                          r.trouble[0] ? r.trouble : strerror(err));
                return false;
        }
        log_event(LOG_LEVEL_INFO, "published",
                  "generation=%llu seq=%llu users=%u groups=%u images=%u deltas=%u took_us=%llu",
                  (unsigned long long)r.generation, (unsigned long long)core_seq(a->core), r.users, r.groups,
                  images, r.deltas, (unsigned long long)took);
        if (r.trouble[0] && strcmp(r.trouble, a->trouble) != 0)
                log_event(LOG_LEVEL_WARNING, "published-partly", "why=\"%s\"", r.trouble);
        if (r.left_out && r.left_out != a->left_out)
                log_event(LOG_LEVEL_WARNING, "left-out", "count=%u first=\"%s\"", r.left_out,
                          r.first_left_out);
        a->left_out = r.left_out;
        memcpy(a->trouble, r.trouble, sizeof(a->trouble));
        tell_ready(a, &r);
        return true;
}

/* Carries one action out and says what happened. The results live until the next call on the client. */
struct results {
        struct ext_status_result status;
        struct ext_snapshot_result page;
        struct ext_changes_result changes;
};

static struct core_event perform(struct agent *a, const struct core_action *do_it, struct results *r)
{
        struct core_event e = {.kind = CORE_FAILED};
        const struct ext_snapshot_args page = {.epoch = do_it->epoch, .from = do_it->from};
        const struct ext_changes_args changes = {
                .epoch = do_it->epoch, .seq = do_it->seq, .wait_ms = do_it->wait_ms};
        switch (do_it->kind) {
        case CORE_CONNECT:
                e.kind = connect_now(a, &r->status);
                e.status = &r->status;
                break;
        case CORE_SNAPSHOT:
                if (client_snapshot(a->client, &page, &r->page) == NI_OK)
                        e = (struct core_event){.kind = CORE_PAGE, .page = &r->page};
                else
                        away(a, client_reason(a->client));
                break;
        case CORE_CHANGES:
                if (client_changes(a->client, &changes, &r->changes) == NI_OK)
                        e = (struct core_event){.kind = CORE_ENTRIES, .changes = &r->changes};
                else
                        away(a, client_reason(a->client));
                break;
        case CORE_PUBLISH:
                e.kind = CORE_PUBLISHED;
                e.ok = publish_now(a, do_it, &e);
                break;
        default:
                wait_for(a, do_it->wait_ms);
                e.kind = CORE_WOKE;
        }
        return e;
}

static void reload(struct agent *a)
{
        struct agent_config c;
        a->reload = false;
        if (!read_config(a, &c))
                return;
        if (!make_folders(&c)) {
                agent_config_done(&c);
                return;
        }
        followed_close(a->followed);
        a->followed = followed_open(c.snapshots);
        client_close(a->client); /* perhaps another server now */
        a->client = NULL;
        agent_config_done(&a->config);
        a->config = c;
        publisher_forget(a->publisher);
        core_set_interval(a->core, c.publish_interval);
        log_event(LOG_LEVEL_NOTICE, "reloaded", "server=%s", c.server ? c.server : "");
}

/* Who wrote something may be waiting for the images to show it (snapshot/followed.h). */
static void tell_followers(struct agent *a)
{
        if (a->followed && core_settled(a->core))
                followed_set(a->followed, core_epoch(a->core), core_seq(a->core));
}

static int follow(struct agent *a)
{
        struct results results;
        struct core_event e = {.kind = CORE_STARTED};
        struct core_action next;
        for (;;) {
                e.now = clock_mono_ms();
                e.today = (int64_t)(clock_wall_us() / DAY_US);
                const uint64_t snapshots = core_counts(a->core).snapshots;
                core_step(a->core, &e, &next);
                tell_followers(a);
                if (core_counts(a->core).snapshots != snapshots)
                        log_event(LOG_LEVEL_INFO, "snapshot", "domain=%s", a->config.domain);
                take_signals(a);
                if (a->stop)
                        return 0;
                if (a->reload) {
                        reload(a);
                        e = (struct core_event){.kind = CORE_RELOAD};
                        continue;
                }
                if (next.kind == CORE_GIVE_UP) {
                        log_event(LOG_LEVEL_ERROR, "no-memory", "directories=%u",
                                  core_table(a->core) ? table_count(core_table(a->core)) : 0);
                        return 1;
                }
                e = perform(a, &next, &results);
        }
}

int main(int argc, char **argv)
{
        struct agent a = {.ready_fd = -1, .signal_fd = -1};
        sigset_t set;
        log_set_name("netinfo-agent");
        int exit = options(&a, argc, argv);
        if (exit >= 0)
                return exit;
        signal(SIGPIPE, SIG_IGN);
        sigemptyset(&set);
        sigaddset(&set, SIGTERM);
        sigaddset(&set, SIGINT);
        sigaddset(&set, SIGHUP);
        sigprocmask(SIG_BLOCK, &set, NULL);
        umask(022);
        setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0}); /* a core file would hold password hashes */
        /* The group of the shadow image is this machine's own: never one that a domain calls so. */
        __nss_configure_lookup("group", "files");
        if (!read_config(&a, &a.config))
                return 1;
        a.signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
        a.core = core_new(a.config.publish_interval);
        a.publisher = publisher_new();
        exit = 1;
        if (a.signal_fd >= 0 && a.core && a.publisher && make_folders(&a.config)) {
                log_event(LOG_LEVEL_NOTICE, "start", "domain=%s snapshots=%s", a.config.domain,
                          a.config.snapshots);
                a.followed = followed_open(a.config.snapshots);
                exit = follow(&a);
                log_event(LOG_LEVEL_NOTICE, "stop", "exit=%d", exit);
        }
        followed_close(a.followed);
        client_close(a.client);
        core_free(a.core);
        publisher_free(a.publisher);
        agent_config_done(&a.config);
        close(a.signal_fd);
        return exit;
}
