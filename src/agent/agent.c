/* netinfo-agent (doc/agent.md): a thread for each domain that is followed, and this one, which publishes. */
#include "agent/chain.h"
#include "agent/config.h"
#include "agent/level.h"
#include "agent/mapped.h"
#include "agent/publish.h"
#include "agent/renewer.h"
#include "agent/schedule.h"
#include "agent/standing.h"
#include "base/buf.h"
#include "client/client.h"
#include "snapshot/followed.h"
#include "snapshot/writer.h"
#include "sys/clock.h"
#include "sys/fs.h"
#include "sys/log.h"
#include "sys/process.h"
#include "sys/random.h"

#include <errno.h>
#include <getopt.h>
#include <malloc.h>
#include <nss.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEFAULT_CONFIG "/etc/netinfo/agent.conf"
#define DAY_US         86400000000u

#define ASK_OWN_MS   5000u  /* the own server answers at once, from this machine */
#define ASK_ABOVE_MS 10000u /* a server with a thousand children answers a hundred of them a second */
#define LOST_HOLD_MS 1000u  /* while a domain is read again: so often it is looked whether it was */
#define SETTLE_MS    3000u  /* at the start: so long the first images wait for domains above the own one */
#define MAPPED_LEAST (256 << 10) /* bytes: what is larger goes back to the system when it is freed */
#define LEAVE_MS     2000        /* at the end: a thread may be in the middle of resolving a name */

struct agent {
        const char *config_file, *below;
        bool config_given, once;
        int ready_fd, signal_fd;
        struct agent_config config;
        char records[4096]; /* folder of the tables' files, the same until the end */
        struct levels levels;
        struct level *level[LIMIT_DEPTH]; /* nearest first */
        unsigned count;
        struct level *leaving[LIMIT_DEPTH]; /* their threads are about to end */
        unsigned leaving_count;
        uint64_t shown[LIMIT_DEPTH]; /* level.id of the domains that the images show */
        unsigned shown_count;
        uint64_t settle_at; /* when the first images wait no longer; 0: the own domain is not there yet */
        struct schedule schedule;
        struct publisher *publisher;
        struct own *own;           /* this machine's own accounts, as of the last look */
        struct followed *followed; /* NULL: nobody can wait for the images */
        struct standing standing;  /* of the domains, for people */
        struct renewer *renewer;   /* of this machine's certificate */
        bool beside_ended; /* the process that makes whole images, and nobody has looked at them yet */
        bool ready, stop, reload;
        uint32_t left_out;                                        /* last time; logged when it changes */
        char trouble[sizeof((struct publish_report){0}.trouble)]; /* likewise */
};

static void usage(FILE *to)
{
        fputs("usage: netinfo-agent [--config FILE] [--dir DIR] [--ready-fd N] [--once]\n\n"
              "Follows the domain `local` of this machine's netinfod and every domain above it, and "
              "publishes\n"
              "what they say of users and groups as images for libnss_netinfo.\n\n"
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
            agent_config_read(ret, file, a->config_file != NULL, &why)) {
                if (!process_copies_among_threads())
                        ret->beside = UINT32_MAX; /* all images are made here */
                return true;
        }
        log_event(LOG_LEVEL_ERROR, "config-failed", "why=\"%s\"", why.text);
        agent_config_done(ret);
        return false;
}

/* Folders of images are ours alone to write to. */
static bool make_folders(const struct agent_config *c)
{
        const char *folders[] = {c->snapshots, c->durable, c->state};
        for (unsigned i = 0; i < 3; i++) {
                const mode_t mode = i < 2 ? 0755 : 0700; /* what is kept may hold hashes */
                const int err = *folders[i] ? fs_make_folders(folders[i], mode) : 0;
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
        struct pollfd p[3] = {{.fd = a->signal_fd, .events = POLLIN},
                              {.fd = a->levels.wake_fd, .events = POLLIN},
                              {.fd = a->beside_ended ? -1 : publisher_fd(a->publisher), .events = POLLIN}};
        uint64_t count;
        poll(p, 3, (int)ms);
        a->beside_ended |= p[2].revents != 0;
        const ssize_t n = read(a->levels.wake_fd, &count, sizeof(count));
        (void)n; /* nothing to read: the time is over, or it was a signal */
}

/* -- which domains (everything here with the lock held) */
static struct track_options options_of(const struct agent *a, unsigned i)
{
        const struct agent_config *c = &a->config;
        struct track_options o = {.level = i,
                                  .poll_ms = c->poll_interval * 1000,
                                  .directories = UINT32_MAX,
                                  .bytes = UINT64_MAX,
                                  .port = (uint16_t)c->parent_port,
                                  .folder = a->records};
        if (c->climb && i + 1 < c->max_domains)
                o.ask_ms = i == 0 ? ASK_OWN_MS : ASK_ABOVE_MS;
        if (i == 0)
                return o;
        o.listed = c->climb;
        o.directories = c->max_directories;
        o.bytes = (uint64_t)c->max_megabytes << 20;
        return o;
}

/* The machine's own domain. */
static struct servers own_server(const struct agent *a)
{
        struct servers l = {.n = 1};
        snprintf(l.v[0].address, sizeof(l.v[0].address), "%s", a->config.server ? a->config.server : "");
        snprintf(l.v[0].tag, sizeof(l.v[0].tag), "%s", a->config.domain);
        return l;
}

/* first without servers: the level that was there when the agent ended, if there was one. */
static bool add_level(struct agent *a, const struct servers *first)
{
        const struct track_options o = options_of(a, a->count);
        struct keep *keep = keep_open(a->config.state, a->count);
        struct level *l = keep ? level_start(&a->levels, &o, first, keep) : NULL;
        if (!l) {
                if (first->n)
                        log_event(LOG_LEVEL_ERROR, "follow-failed", "level=%u why=\"%s\"", a->count,
                                  strerror(errno));
                return false;
        }
        log_event(LOG_LEVEL_NOTICE, "follow", "domain=\"%s\" level=%u", l->name, a->count);
        a->level[a->count++] = l;
        return true;
}

/* No domain from level n on is followed any more. */
static void cut(struct agent *a, unsigned n, bool forget)
{
        while (a->count > n && a->leaving_count < LIMIT_DEPTH) {
                struct level *l = a->level[--a->count];
                log_event(LOG_LEVEL_NOTICE, "follow-no-more", "domain=\"%s\" level=%u", l->name, a->count);
                level_leave(l, forget);
                a->leaving[a->leaving_count++] = l;
        }
}

static void reap(struct agent *a)
{
        unsigned kept = 0;
        for (unsigned i = 0; i < a->leaving_count; i++)
                if (a->leaving[i]->ended) /* nothing but its return follows: joining does not wait */
                        level_stop(a->leaving[i]);
                else
                        a->leaving[kept++] = a->leaving[i];
        a->leaving_count = kept;
}

static unsigned tracks_of(const struct agent *a, struct track **ret)
{
        for (unsigned i = 0; i < a->count; i++)
                ret[i] = a->level[i]->track;
        return a->count;
}

/* The server of level i says who serves the domain above. */
static void climb(struct agent *a, unsigned i, const struct server *to)
{
        if (i + 1 < a->count) {
                struct level *above = a->level[i + 1];
                if (track_redirect(above->track, to))
                        level_poke(above);
        } else if (a->count < a->config.max_domains && a->leaving_count + a->count < LIMIT_DEPTH) {
                add_level(a, &(struct servers){.v = {*to}, .n = 1});
        }
}

static void follow_chain(struct agent *a)
{
        struct track *tracks[LIMIT_DEPTH];
        struct server to;
        if (!a->config.climb)
                return;
        for (unsigned i = 0; i < a->count && i + 1 < a->config.max_domains; i++) {
                const unsigned n = tracks_of(a, tracks);
                const enum chain_verdict v = chain_judge(tracks, n, i, &to);
                if (v == CHAIN_END)
                        cut(a, i + 1, true);
                else if (v == CHAIN_CLIMB)
                        climb(a, i, &to);
        }
}

static void tell_ready(struct agent *a, const struct publish_report *r, uint64_t seq)
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
        standing_put_text(&line, a->config.snapshots);
        buf_printf(&line, ", \"generation\": %llu, \"seq\": %llu, \"users\": %u, \"groups\": %u}\n",
                   (unsigned long long)r->generation, (unsigned long long)seq, r->users, r->groups);
        if (!line.failed)
                fs_write_all(a->ready_fd, line.data, line.len);
        buf_done(&line);
        close(a->ready_fd);
        a->ready_fd = -1;
}

/* -- publishing */
/* What a publication did, for logs and for those who wait. seq: what the images show of the own domain. */
static void tell(struct agent *a, const struct publish_report *r, unsigned images, unsigned n, uint64_t took)
{
        const struct track *own = a->level[0]->track;
        const uint64_t seq = track_seq(own);
        log_event(LOG_LEVEL_INFO, "published",
                  "generation=%llu seq=%llu users=%u groups=%u images=%u deltas=%u domains=%u took_us=%llu",
                  (unsigned long long)r->generation, (unsigned long long)seq, r->users, r->groups, images,
                  r->deltas, n, (unsigned long long)took);
        if (r->trouble[0] && strcmp(r->trouble, a->trouble) != 0)
                log_event(LOG_LEVEL_WARNING, "published-partly", "why=\"%s\"", r->trouble);
        if (r->left_out && r->left_out != a->left_out)
                log_event(LOG_LEVEL_WARNING, "left-out", "count=%u first=\"%s\"", r->left_out,
                          r->first_left_out);
        a->left_out = r->left_out;
        memcpy(a->trouble, r->trouble, sizeof(a->trouble));
        if (images & ~r->deltas)
                malloc_trim(0); /* what a whole image took is not needed for a long time */
        /* Small maps are out before large ones: that is not all. */
        if (!a->schedule.making && !a->schedule.held)
                tell_ready(a, r, seq);
}

static void tell_failure(const struct agent *a, int err, const struct publish_report *r)
{
        log_event(LOG_LEVEL_ERROR, "publish-failed", "folder=%s why=\"%s\"", a->config.snapshots,
                  r->trouble[0] ? r->trouble : strerror(err));
}

static struct publish_what what_of(struct agent *a, const struct publish_domain *domains, unsigned n)
{
        return (struct publish_what){.config = &a->config,
                                     .domains = domains,
                                     .n = n,
                                     .images = a->schedule.dirty,
                                     .today = a->schedule.today,
                                     .own = a->own,
                                     .lock = &a->levels.lock};
}

/* A moment at which the images can be said to show what the own domain was. */
struct moment {
        bool known;
        uint64_t epoch, seq;
};

static struct moment moment_of(const struct agent *a)
{
        const struct track *own = a->level[0]->track;
        return (struct moment){track_table(own) != NULL, track_epoch(own), track_seq(own)};
}

static void tell_moment(struct agent *a, const struct moment *m)
{
        if (m->known && a->followed && a->ready && schedule_is_clean(&a->schedule))
                followed_set(a->followed, m->epoch, m->seq);
}

static void publish_now(struct agent *a, const struct schedule_action *do_it,
                        const struct publish_domain *domains, unsigned n)
{
        struct publish_report r;
        const uint64_t before = clock_mono_us();
        const struct moment m = moment_of(a);
        struct publish_what w = what_of(a, domains, n);
        w.images = do_it->images;
        w.whole = do_it->whole;
        w.may_begin = do_it->may_begin;
        const int err = publish_images(a->publisher, &w, &r);
        const uint64_t took = clock_mono_us() - before;
        if (r.begun)
                log_event(LOG_LEVEL_INFO, "making", "images=%u took_us=%llu", r.begun,
                          (unsigned long long)took);
        schedule_left(&a->schedule, r.left, r.begun, clock_mono_ms());
        if (r.again || (!err && !r.generation))
                return; /* what is dirty stays so */
        schedule_published(&a->schedule, err == 0, took / 1000, r.grown, clock_mono_ms());
        if (err) {
                tell_failure(a, err, &r);
                return;
        }
        schedule_mark(&a->schedule, r.missing, clock_mono_ms());
        tell(a, &r, do_it->images & ~r.left & ~r.begun, n, took);
        tell_moment(a, &m);
}

/* The process beside has ended. */
static void publish_rest(struct agent *a, const struct publish_domain *domains, unsigned n)
{
        struct publish_report r;
        const uint64_t before = clock_mono_us();
        const struct moment m = moment_of(a);
        const struct publish_what w = what_of(a, domains, n);
        const unsigned making = a->schedule.making;
        a->beside_ended = false;
        const int err = publish_finish(a->publisher, &w, &r);
        const uint64_t took = clock_mono_us() - before, now = clock_mono_ms();
        schedule_left(&a->schedule, r.left, 0, now);
        if (r.generation)
                schedule_published(&a->schedule, true, took / 1000, r.grown, now);
        schedule_beside_ended(&a->schedule, r.made, err != 0, now);
        schedule_mark(&a->schedule, r.missing, now);
        if (err) {
                tell_failure(a, err, &r);
        } else if (r.generation) {
                tell(a, &r, (w.images & ~r.left) | making, n, took);
                tell_moment(a, &m);
        }
}

/* The domains that the images show: those that were read once, up to one that stands below itself. */
static unsigned domains_of(struct agent *a, struct publish_domain *ret, uint64_t *ret_ids)
{
        struct track *tracks[LIMIT_DEPTH];
        const unsigned length = chain_length(tracks, tracks_of(a, tracks));
        const bool local = strcmp(a->config.domain, "local") == 0;
        unsigned n = 0;
        for (unsigned i = 0; i < length; i++) {
                struct table *t = track_table(tracks[i]);
                if (!t)
                        continue;
                ret[n] = (struct publish_domain){a->level[i]->name, i == 0 && local, t};
                ret_ids[n++] = a->level[i]->id;
        }
        return n;
}

/* Other domains than before: nothing that was made of the old ones can be a base. */
static void note_domains(struct agent *a, const uint64_t *ids, unsigned n, uint64_t now)
{
        bool same = n == a->shown_count;
        for (unsigned i = 0; i < n; i++) {
                same &= a->shown[i] == ids[i];
                a->shown[i] = ids[i];
        }
        a->shown_count = n;
        if (same)
                return;
        publisher_forget(a->publisher);
        schedule_mark(&a->schedule, TABLE_ALL, now);
}

/* Somebody was added to this machine's own accounts, or taken away: records of other domains may have to go.
 */
static void note_own(struct agent *a, uint64_t now)
{
        if (!own_refresh(a->own))
                return;
        publisher_forget(a->publisher);
        schedule_mark(&a->schedule, TABLE_PASSWD | TABLE_SHADOW | TABLE_GROUP | TABLE_GSHADOW, now);
}

/* The first images wait a moment for the domains above, so that nobody disappears when the agent starts. */
static bool may_begin(struct agent *a, uint64_t now)
{
        struct track *tracks[LIMIT_DEPTH];
        const unsigned n = tracks_of(a, tracks);
        if (a->ready)
                return true;
        if (!track_table(tracks[0]))
                return false;
        if (!a->settle_at)
                a->settle_at = now + SETTLE_MS;
        return now >= a->settle_at || chain_is_settled(tracks, n, a->config.climb, a->config.max_domains);
}

/* Who wrote something may be waiting for the images to show it (snapshot/followed.h). */
static void tell_followers(struct agent *a)
{
        const struct moment m = moment_of(a);
        tell_moment(a, &m);
}

/* What happened since the last time, and what is to be done about it. How long to wait. */
static uint32_t look(struct agent *a)
{
        struct publish_domain domains[LIMIT_DEPTH];
        uint64_t ids[LIMIT_DEPTH];
        const uint64_t now = clock_mono_ms();
        bool lags = false, lost = false;
        uint32_t hold_ms = 0;
        follow_chain(a);
        for (unsigned i = 0; i < a->count; i++) {
                struct track *t = a->level[i]->track;
                schedule_mark(&a->schedule, track_take_dirty(t), now);
                lags |= track_lags(t);
                hold_ms = track_holds(t, now) > hold_ms ? track_holds(t, now) : hold_ms;
                lost |= level_is_lost(a->level[i]);
                a->stop |= a->level[i]->gave_up;
        }
        if (lost) /* nothing can be made of it; its level wakes us */
                hold_ms = LOST_HOLD_MS;
        const unsigned n = domains_of(a, domains, ids);
        note_domains(a, ids, n, now);
        note_own(a, now);
        const bool begun = may_begin(a, now);
        schedule_today(&a->schedule, (int64_t)(clock_wall_us() / DAY_US), n > 0, now);
        if (a->beside_ended && !hold_ms) {
                publish_rest(a, domains, n);
                return 0;
        }
        struct schedule_action next = schedule_next(&a->schedule, lags, hold_ms || !begun, now);
        if (hold_ms && hold_ms < next.wait_ms)
                next.wait_ms = hold_ms;
        if (next.give_up && !a->beside_ended) {
                publisher_give_up(a->publisher);
                a->beside_ended = true;
                return 1;
        }
        if (next.images) {
                publish_now(a, &next, domains, n);
                return 0;
        }
        if (!lost) /* what its changes touched is not known */
                tell_followers(a);
        return !begun && a->settle_at && a->settle_at - now < next.wait_ms ? (uint32_t)(a->settle_at - now)
                                                                           : next.wait_ms;
}

/* -- this machine's certificate */

/* The renewer asks, in its thread: each domain's own server, then all that its /machines names. Any of them
 * may have the authority. */
static unsigned servers_of_levels(void *context, struct server *ret)
{
        struct agent *a = context;
        unsigned n = 0;
        pthread_mutex_lock(&a->levels.lock);
        for (unsigned i = 0; i < a->count; i++) {
                const struct track *t = a->level[i]->track;
                const struct table *table = track_table(t);
                struct servers l = {.n = 0};
                servers_add(&l,
                            track_server(t)); /* this machine's own first: it may have the authority itself */
                if (table)
                        servers_of_table(table, a->level[i]->port, &l);
                for (unsigned k = 0; k < l.n && n < RENEWER_SERVERS; k++)
                        ret[n++] = l.v[k];
        }
        pthread_mutex_unlock(&a->levels.lock);
        return n;
}

static bool start_renewer(struct agent *a)
{
        struct renewer_options o = {.servers = servers_of_levels, .context = a, .wake_fd = a->levels.wake_fd};
        random_bytes(&o.seed, sizeof(o.seed));
        a->renewer = renewer_start(&o);
        return a->renewer != NULL;
}

/* -- the life of the agent */
/* A new configuration: everything is read again, and what is known stays until then. */
static void configure_levels(struct agent *a)
{
        const struct servers own = own_server(a);
        const struct agent_config *c = &a->config;
        cut(a, c->climb ? c->max_domains : c->above_count + 1, true);
        for (unsigned i = 0; i < a->count; i++) {
                const struct track_options o = options_of(a, i);
                const struct servers *first = i == 0 ? &own : c->climb ? NULL : c->above[i - 1];
                track_configure(a->level[i]->track, &o, first);
                level_reload(a->level[i]);
        }
        while (!c->climb && a->count < c->above_count + 1 && a->count < c->max_domains)
                if (!add_level(a, c->above[a->count - 1]))
                        break;
}

static void reload(struct agent *a)
{
        struct agent_config c;
        a->reload = false;
        if (!read_config(a, &c))
                return;
        struct own *own = make_folders(&c) ? own_new(c.own_files) : NULL;
        if (!own) {
                agent_config_done(&c);
                return;
        }
        followed_close(a->followed);
        a->followed = followed_open(c.snapshots);
        pthread_mutex_lock(&a->levels.lock);
        publisher_abort(a->publisher);
        schedule_beside_ended(&a->schedule, 0, false, clock_mono_ms());
        a->beside_ended = false;
        if (strcmp(a->config.snapshots, c.snapshots) != 0 || strcmp(a->config.durable, c.durable) != 0)
                publisher_elsewhere(a->publisher);
        agent_config_done(&a->config);
        a->config = c;
        own_free(a->own);
        a->own = own;
        publisher_forget(a->publisher);
        schedule_mark(&a->schedule, TABLE_ALL, clock_mono_ms());
        a->schedule.interval = c.publish_interval;
        client_set_machine(c.machine, c.plain_networks);
        configure_levels(a);
        pthread_mutex_unlock(&a->levels.lock);
        renewer_poke(a->renewer);
        log_event(LOG_LEVEL_NOTICE, "reloaded", "server=%s", c.server ? c.server : "");
}

static int follow(struct agent *a)
{
        bool no_memory = false;
        for (;;) {
                struct renewer_standing machine;
                renewer_look(a->renewer, &machine);
                pthread_mutex_lock(&a->levels.lock);
                uint32_t wait_ms = look(a);
                standing_look(&a->standing, a->level, a->count, &machine);
                for (unsigned i = 0; i < a->count; i++)
                        no_memory |= a->level[i]->gave_up;
                reap(a);
                pthread_mutex_unlock(&a->levels.lock);
                const uint32_t standing_ms =
                        standing_write(&a->standing, a->config.snapshots, clock_mono_ms());
                if (standing_ms && standing_ms < wait_ms)
                        wait_ms = standing_ms;
                take_signals(a);
                if (no_memory)
                        log_event(LOG_LEVEL_ERROR, "no-memory", "domains=%u", a->count);
                if (a->stop)
                        return no_memory;
                if (a->reload)
                        reload(a);
                else if (wait_ms)
                        wait_for(a, wait_ms);
        }
}

/* Ends all threads. One that resolves a name may not end in time; the process ends nevertheless. */
static bool leave(struct agent *a)
{
        const uint64_t until = clock_mono_ms() + LEAVE_MS;
        for (;;) {
                pthread_mutex_lock(&a->levels.lock);
                cut(a, 0, false);
                reap(a);
                const bool done = a->count == 0 && a->leaving_count == 0;
                pthread_mutex_unlock(&a->levels.lock);
                const uint64_t now = clock_mono_ms();
                if (done)
                        return renewer_stop(a->renewer, now < until ? (unsigned)(until - now) : 0);
                if (now >= until)
                        return false;
                struct pollfd p = {.fd = a->levels.wake_fd, .events = POLLIN};
                poll(&p, 1, 10);
        }
}

static int run(struct agent *a)
{
        const struct servers own = own_server(a);
        int exit = 1;
        log_event(LOG_LEVEL_NOTICE, "start", "domain=%s snapshots=%s", a->config.domain, a->config.snapshots);
        a->followed = followed_open(a->config.snapshots);
        snap_discard(a->config.snapshots); /* what a process left that died while it made them */
        if (*a->config.durable)
                snap_discard(a->config.durable);
        bool ok = client_set_machine(a->config.machine, a->config.plain_networks) && start_renewer(a);
        pthread_mutex_lock(&a->levels.lock);
        ok = ok && add_level(a, &own);
        for (uint32_t i = 0; ok && i < a->config.above_count && a->count < a->config.max_domains; i++)
                ok = add_level(a, a->config.above[i]);
        while (ok && a->config.climb && a->count < a->config.max_domains &&
               add_level(a, &(struct servers){.n = 0}))
                ; /* what was above when the agent ended */
        pthread_mutex_unlock(&a->levels.lock);
        if (ok)
                exit = follow(a);
        publisher_abort(a->publisher);
        if (!leave(a))
                _exit(exit);
        followed_close(a->followed);
        log_event(LOG_LEVEL_NOTICE, "stop", "exit=%d", exit);
        return exit;
}

int main(int argc, char **argv)
{
        struct agent a = {.ready_fd = -1, .signal_fd = -1};
        sigset_t set;
        fs_keep_standard();
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
        mallopt(M_MMAP_THRESHOLD, MAPPED_LEAST);
        setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0}); /* a core file would hold password hashes */
        /* The group of the shadow image is this machine's own: never one that a domain calls so. */
        __nss_configure_lookup("group", "files");
        if (!read_config(&a, &a.config))
                return 1;
        a.signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
        a.levels.wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        pthread_mutex_init(&a.levels.lock, NULL);
        schedule_init(&a.schedule, a.config.publish_interval);
        snprintf(a.records, sizeof(a.records), "%s", *a.config.state ? a.config.state : a.config.durable);
        standing_init(&a.standing);
        a.publisher = publisher_new();
        a.own = own_new(a.config.own_files);
        exit = 1;
        if (!mapped_guard() || a.signal_fd < 0 || a.levels.wake_fd < 0 || !a.publisher || !a.own)
                log_event(LOG_LEVEL_ERROR, "start-failed", "why=\"no memory, or no descriptors left\"");
        else if (make_folders(&a.config))
                exit = run(&a);
        standing_done(&a.standing);
        publisher_free(a.publisher);
        own_free(a.own);
        agent_config_done(&a.config);
        close(a.levels.wake_fd);
        close(a.signal_fd);
        return exit;
}
