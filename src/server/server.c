#include "server/server.h"

#include "model/path.h"
#include "server/confine.h"
#include "server/conn.h"
#include "server/notify.h"
#include "sys/clock.h"
#include "sys/fs.h"
#include "sys/log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#define TIDY_EVERY_S 86400u /* destroyed domains are looked at so often */

static bool fail(struct config_why *why, const char *format, ...) __attribute__((format(printf, 2, 3)));
static bool fail(struct config_why *why, const char *format, ...)
{
        va_list ap;
        va_start(ap, format);
        vsnprintf(why->text, sizeof(why->text), format, ap);
        va_end(ap);
        return false;
}

/* -- what the machine gives -- */

static unsigned descriptors(void)
{
        struct rlimit r;
        if (getrlimit(RLIMIT_NOFILE, &r) < 0)
                return 1024;
        return r.rlim_cur > 1000000u ? 1000000u : (unsigned)r.rlim_cur;
}

static void raise_descriptors(void)
{
        struct rlimit r;
        if (getrlimit(RLIMIT_NOFILE, &r) < 0 || r.rlim_cur == r.rlim_max)
                return;
        r.rlim_cur = r.rlim_max;
        setrlimit(RLIMIT_NOFILE, &r);
}

/* A core file would hold password hashes, and outlive the server. */
static void leave_no_core(void)
{
        const struct rlimit none = {0, 0};
        setrlimit(RLIMIT_CORE, &none);
}

unsigned server_most_connections(const struct config *c)
{
        const unsigned have = descriptors();
        const unsigned most = have > 2 * LIMIT_DESCRIPTORS ? have - LIMIT_DESCRIPTORS : have / 2;
        return c->connections < most ? c->connections : most;
}

static unsigned worker_count(const struct config *c)
{
        cpu_set_t set;
        unsigned cores = 1;
        if (c->workers)
                return c->workers;
        if (sched_getaffinity(0, sizeof(set), &set) == 0)
                cores = (unsigned)CPU_COUNT(&set);
        return cores < SERVER_WORKERS_MAX ? cores : SERVER_WORKERS_MAX;
}

static bool take_folder(struct server *s, struct config_why *why)
{
        char path[4200];
        const char *folder = s->options.domains;
        const int err = fs_make_folders(folder, 0755);
        if (err)
                return fail(why, "%s: cannot be made: %s; choose another folder with --dir", folder,
                            strerror(err));
        if (fs_is_network(folder))
                return fail(
                        why,
                        "%s: lies on a network file system, where a database can be damaged; choose a local "
                        "folder with --dir",
                        folder);
        if (chmod(folder, 0700) < 0)
                return fail(why, "%s: is not ours: %s; start as its owner", folder, strerror(errno));
        snprintf(path, sizeof(path), "%s/.lock", folder);
        s->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (s->lock_fd < 0)
                return fail(why, "%s: %s", path, strerror(errno));
        if (flock(s->lock_fd, LOCK_EX | LOCK_NB) == 0)
                return true;
        return fail(
                why,
                "%s: another netinfod serves this folder; stop it, use another --dir, or talk to it with ni",
                folder);
}

/* -- domains -- */

static bool add_domain(struct server *s, const char *tag)
{
        struct store_why why = {{0}};
        struct domain *d = domain_open(s->options.domains, tag, s->config, workers_wake, s, &why);
        if (!d)
                return false;
        if (d->state == DOMAIN_BROKEN) /* the others go on */
                log_event(LOG_LEVEL_ERROR, "domain-broken", "tag=%s reason=\"%s\"", tag, why.text);
        else
                listeners_open_tag(s, d);
        if (!registry_add(&s->registry, d)) {
                log_event(LOG_LEVEL_ERROR, "domain-refused", "tag=%s reason=\"more than %u domains\"", tag,
                          LIMIT_DOMAINS);
                listeners_close_tag(s, d);
                domain_close(d);
                domain_release(d);
                return false;
        }
        log_event(LOG_LEVEL_INFO, "domain-open", "tag=%s tcp=%u udp=%u", tag, d->tcp_port, d->udp_port);
        parents_add(s->parents, d);
        return true;
}

static int by_name(const void *a, const void *b)
{
        const char *const *x = a, *const *y = b;
        return strcmp(*x, *y);
}

/* In the order of their tags, so that dynamic ports and LISTREG come out alike at every start. */
static bool open_domains(struct server *s, struct config_why *why)
{
        char *tags[LIMIT_DOMAINS];
        unsigned n = 0;
        bool missing = false;
        DIR *folder = opendir(s->options.domains);
        if (!folder)
                return fail(why, "%s: %s", s->options.domains, strerror(errno));
        for (const struct dirent *e; n < LIMIT_DOMAINS && (e = readdir(folder));)
                if (tag_is_valid(bytes_str(e->d_name)) && (e->d_type == DT_DIR || e->d_type == DT_UNKNOWN)) {
                        tags[n] = strdup(e->d_name);
                        missing |= !tags[n];
                        n += tags[n] != NULL;
                }
        closedir(folder);
        qsort(tags, n, sizeof(tags[0]), by_name);
        for (unsigned i = 0; i < n; i++) {
                missing |= !add_domain(s, tags[i]);
                free(tags[i]);
        }
        if (missing) /* one that is not served would not be noticed */
                return fail(why, "out of memory");
        struct domain *local = registry_find(&s->registry, BYTES_LIT("local"));
        domain_release(local);
        if (local)
                return true;
        log_event(LOG_LEVEL_NOTICE, "first-start", "tag=local folder=%s/local", s->options.domains);
        const enum ni_status st = server_create_domain(s, BYTES_LIT("local"));
        return st == NI_OK || fail(why, "%s/local: the domain of this machine cannot be created (status %d)",
                                   s->options.domains, (int)st);
}

enum ni_status server_create_with(struct server *s, struct bytes tag, const struct domain_first *first)
{
        char name[LIMIT_TAG + 1];
        struct store_why why = {{0}};
        uint32_t udp, tcp;
        if (!tag_is_valid(tag)) {
                log_event(LOG_LEVEL_WARNING, "create-refused", "reason=\"the tag is not allowed\"");
                return NI_SYSTEMERR;
        }
        snprintf(name, sizeof(name), "%.*s", BYTES_FMT(tag));
        if (registry_ports(&s->registry, tag, &udp, &tcp) != NI_NOTAG)
                return NI_DUPTAG;
        if (s->registry.domains == LIMIT_DOMAINS)
                return NI_SYSTEMERR;
        enum ni_status st = first ? domain_create_clone(s->options.domains, name, s->config, first, &why)
                                  : domain_create(s->options.domains, name, s->config, &why);
        if (st != NI_OK) {
                log_event(LOG_LEVEL_ERROR, "create-failed", "tag=%s reason=\"%s\"", name, why.text);
                return st;
        }
        return add_domain(s, name) ? NI_OK : NI_SYSTEMERR;
}

enum ni_status server_create_domain(struct server *s, struct bytes tag)
{
        return server_create_with(s, tag, NULL);
}

enum ni_status server_destroy_domain(struct server *s, struct bytes tag)
{
        struct store_why why = {{0}};
        struct domain *d = registry_remove(&s->registry, tag);
        uint32_t udp, tcp;
        if (!d) /* another server's: its process is not ours to end */
                return registry_ports(&s->registry, tag, &udp, &tcp) == NI_OK ? NI_PERM : NI_NOTAG;
        listeners_close_tag(s, d);
        parents_remove(s->parents, d);
        domain_close(d);
        workers_wake(d, s); /* those that wait for its changes */
        secrets_forget(s->secrets);
        const enum ni_status st = domain_set_aside(d, s->options.domains, &why);
        log_event(st == NI_OK ? LOG_LEVEL_NOTICE : LOG_LEVEL_ERROR, "domain-destroyed",
                  "tag=%s kept=\"%s\" days=7", d->tag, why.text);
        domain_release(d);
        return st;
}

/* -- signals and time -- */

void server_worker_ended(struct note *note, void *server)
{
        struct server *s = server;
        (void)note;
        if (++s->ended == s->workers && s->stopping)
                loop_stop(&s->loop);
}

static void on_stop(evutil_socket_t number, short what, void *context)
{
        struct server *s = context;
        (void)what;
        if (s->stopping)
                return;
        s->stopping = true;
        log_event(LOG_LEVEL_NOTICE, "stop", "signal=%d", (int)number);
        opener_state(s->options.opener, MONITOR_STOPPING);
        portmap_stop(s->portmap);
        forwards_stop(s->forwards);
        listeners_close(s);
        parents_stop(s->parents);
        for (unsigned i = 0; i < s->workers; i++)
                worker_ask_stop(&s->worker[i]);
}

/* A domain that could not be opened may have been repaired meanwhile. */
static void retry_broken(struct server *s)
{
        for (unsigned i = s->registry.domains; i-- > 0;) { /* downwards: it goes behind those seen already */
                struct domain *d = s->registry.domain[i];
                char tag[LIMIT_TAG + 1];
                if (d->state != DOMAIN_BROKEN)
                        continue;
                memcpy(tag, d->tag, sizeof(tag));
                registry_remove(&s->registry, bytes_str(tag));
                domain_close(d);
                domain_release(d);
                add_domain(s, tag);
        }
}

static void on_reload(evutil_socket_t number, short what, void *context)
{
        struct server *s = context;
        struct config_why why = {{0}};
        (void)number;
        (void)what;
        opener_state(s->options.opener, MONITOR_RELOADING);
        struct config *c = s->stopping ? NULL : opener_config(s->options.opener, &s->options.source, &why);
        if (c) {
                if (strcmp(c->socket, s->config->socket) != 0 || c->workers != s->config->workers ||
                    strcmp(c->user, s->config->user) != 0)
                        log_event(LOG_LEVEL_WARNING, "reload",
                                  "note=\"socket, workers and user change at the next start\"");
                listeners_reload(s, c);
                log_set_level(c->log_level);
                for (unsigned i = 0; i < s->workers; i++)
                        worker_reconfigure(&s->worker[i], config_hold(c));
                config_release(s->config);
                s->config = c;
                retry_broken(s);
                parents_reload(s->parents);
                machine_look(s, true);
                log_event(LOG_LEVEL_NOTICE, "reload", "result=ok");
        } else if (!s->stopping) {
                log_event(LOG_LEVEL_ERROR, "reload", "result=kept-the-old-one reason=\"%s\"", why.text);
        }
        opener_state(s->options.opener, MONITOR_READY);
}

/* Alive is a server whose loops all turn: one that hangs is not spoken for. */
static void feed_watchdog(struct server *s)
{
        const uint64_t now = clock_mono_ms();
        if (s->watchdog_ms == 0 || now - s->watched_ms < s->watchdog_ms / 4)
                return;
        for (unsigned i = 0; i < s->workers; i++)
                if (now > s->worker[i].turned_ms + s->watchdog_ms / 2 + 1000u)
                        return;
        s->watched_ms = now;
        opener_state(s->options.opener, MONITOR_ALIVE);
}

static void on_tick(evutil_socket_t fd, short what, void *context)
{
        struct server *s = context;
        (void)fd;
        (void)what;
        if (s->accept_paused && !s->stopping)
                listeners_pause(s, false);
        if (!s->stopping)
                listeners_tick(s);
        feed_watchdog(s);
        parents_tick(s->parents);
        if (!s->stopping && s->ticks % MACHINE_EVERY_S == MACHINE_EVERY_S - 1)
                machine_look(s, false);
        if (++s->ticks % TIDY_EVERY_S == 0)
                domain_tidy(s->options.domains);
}

/* -- life -- */

static bool start_threads(struct server *s, struct config_why *why)
{
        s->admission = admission_new();
        s->secrets = secrets_new();
        s->passwords = pool_start(2, LIMIT_POOL, s);
        s->long_reads = pool_start(SLOT_WRITER - SLOT_LONG, LIMIT_POOL, s);
        s->transfers = pool_start(SLOT_COUNT - SLOT_TRANSFER, LIMIT_POOL, s);
        s->authority = s->secrets ? authority_start(s->options.authority, s->secrets, s->withdrawn) : NULL;
        if (!s->admission || !s->secrets || !s->authority || !s->passwords || !s->long_reads || !s->transfers)
                return fail(why, "no memory or threads for the pools");
        const unsigned n = worker_count(s->config);
        for (unsigned i = 0; i < n; i++) {
                const int err = worker_start(&s->worker[i], s, i, s->config);
                if (err)
                        return fail(why, "a worker cannot be started: %s", strerror(err));
                s->workers++;
        }
        return true;
}

static void on_signals(evutil_socket_t fd, short what, void *context)
{
        struct signalfd_siginfo info;
        while (read(fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
                (info.ssi_signo == SIGHUP ? on_reload : on_stop)((evutil_socket_t)info.ssi_signo, what,
                                                                 context);
}

/* Before the first thread: those that are started later have them blocked, too, so that none of them is given
 * one. */
static bool catch_signals(struct server *s)
{
        const struct timeval second = {.tv_sec = 1};
        sigset_t caught;
        signal(SIGPIPE, SIG_IGN);
        sigemptyset(&caught);
        sigaddset(&caught, SIGTERM);
        sigaddset(&caught, SIGINT);
        sigaddset(&caught, SIGHUP);
        if (pthread_sigmask(SIG_BLOCK, &caught, NULL) != 0)
                return false;
        s->signal_fd = signalfd(-1, &caught, SFD_CLOEXEC | SFD_NONBLOCK);
        if (s->signal_fd < 0 ||
            event_assign(&s->signals, s->loop.base, s->signal_fd, EV_READ | EV_PERSIST, on_signals, s) < 0 ||
            event_add(&s->signals, NULL) < 0)
                return false;
        return event_assign(&s->tick, s->loop.base, -1, EV_PERSIST, on_tick, s) == 0 &&
               event_add(&s->tick, &second) == 0;
}

/* Nothing comes unasked from the monitor, but its end. What it answers is for the thread that asks
 * (server/opener.h). */
static void on_orphan(evutil_socket_t fd, short what, void *context)
{
        struct server *s = context;
        char some;
        const ssize_t n = recv(fd, &some, 1, MSG_PEEK | MSG_DONTWAIT);
        if (n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR)))
                return;
        event_del(&s->orphan);
        log_event(LOG_LEVEL_ERROR, "monitor-gone", "note=\"the server ends too\"");
        on_stop(0, what, s);
}

static bool watch_monitor(struct server *s, struct config_why *why)
{
        const int fd = s->options.opener->monitor;
        if (fd < 0 || (event_assign(&s->orphan, s->loop.base, fd, EV_READ | EV_PERSIST, on_orphan, s) == 0 &&
                       event_add(&s->orphan, NULL) == 0))
                return true;
        return fail(why, "the monitor cannot be watched");
}

static bool open_parents(struct server *s, struct config_why *why)
{
        int err;
        s->parents = parents_new(s, &err);
        return s->parents || fail(why, "no socket for finding parent domains: %s", strerror(err));
}

static bool start_parents(struct server *s, struct config_why *why)
{
        int err = forwards_start(s, &s->forwards);
        if (!err)
                err = parents_start(s->parents);
        return !err || fail(why, "parent domains cannot be looked for: %s", strerror(err));
}

static bool start(struct server *s, struct config_why *why)
{
        s->config = opener_config(s->options.opener, &s->options.source, why);
        if (!s->config)
                return false;
        log_set_level(s->config->log_level);
        raise_descriptors();
        leave_no_core();
        registry_init(&s->registry);
        held_init(&s->listeners.held);
        places_init(&s->places);
        const int err = loop_init(&s->loop, s, NULL);
        if (err)
                return fail(why, "no event loop: %s", strerror(err));
        if (!catch_signals(s))
                return fail(why, "signals cannot be caught");
        if (!take_folder(s, why) || !listeners_open(s, why) || !open_parents(s, why) ||
            !watch_monitor(s, why))
                return false;
        s->portmap = portmap_start(s);
        s->machine = machine_start(s);
        s->withdrawn = withdrawn_new();
        if (!s->machine || !s->withdrawn)
                return fail(why, "out of memory");
        confine(s->config);
        domain_tidy(s->options.domains);
        return start_threads(s, why) && open_domains(s, why) && start_parents(s, why);
}

struct server *server_start(const struct server_options *o, struct config_why *why)
{
        struct server *s = calloc(1, sizeof(*s));
        if (!s) {
                fail(why, "out of memory");
                return NULL;
        }
        s->options = *o;
        s->lock_fd = s->signal_fd = -1;
        s->started_us = clock_mono_us();
        s->watchdog_ms = notify_watchdog_ms(o->opener->main_pid);
        if (start(s, why)) {
                log_event(LOG_LEVEL_NOTICE, "ready", "version=%s pid=%d folder=%s domains=%u workers=%u",
                          NETINFO_VERSION, (int)getpid(), o->domains, s->registry.domains, s->workers);
                if (notify_ready(s)) {
                        opener_state(s->options.opener, MONITOR_READY);
                        return s;
                }
                fail(why, "no memory for the line of --ready-fd");
        }
        server_free(s);
        return NULL;
}

void server_run(struct server *s)
{
        loop_run(&s->loop);
}

static void end_workers(struct server *s)
{
        if (!s->stopping) { /* a start that failed */
                s->stopping = true;
                for (unsigned i = 0; i < s->workers; i++)
                        worker_ask_stop(&s->worker[i]);
                if (s->workers)
                        loop_run(&s->loop);
        }
        for (unsigned i = 0; i < s->workers; i++)
                worker_join(&s->worker[i]);
}

void server_free(struct server *s)
{
        if (!s->config) {
                free(s);
                return;
        }
        if (s->loop.base) {
                portmap_stop(s->portmap);
                forwards_stop(s->forwards);
                listeners_close(s);
                parents_stop(s->parents);
        }
        end_workers(s);
        pool_stop(s->passwords);
        pool_stop(s->long_reads);
        pool_stop(s->transfers);
        authority_stop(s->authority);
        while (s->registry.domains) {
                struct domain *d = registry_remove(&s->registry, bytes_str(s->registry.domain[0]->tag));
                domain_close(d);
                domain_release(d);
        }
        for (unsigned i = 0; i < s->workers; i++)
                worker_done(&s->worker[i]);
        if (s->loop.base) {
                if (event_initialized(&s->signals))
                        event_del(&s->signals);
                if (event_initialized(&s->tick))
                        event_del(&s->tick);
                if (event_initialized(&s->orphan))
                        event_del(&s->orphan);
                loop_done(&s->loop);
        }
        parents_free(s->parents);
        portmap_free(s->portmap);
        forwards_free(s->forwards);
        if (s->datagrams_dropped || s->records_dropped)
                log_event(LOG_LEVEL_INFO, "dropped", "datagrams=%llu records=%llu",
                          (unsigned long long)s->datagrams_dropped, (unsigned long long)s->records_dropped);
        registry_done(&s->registry);
        places_done(&s->places);
        held_done(&s->listeners.held);
        admission_free(s->admission);
        secrets_free(s->secrets);
        machine_free(s->machine);
        withdrawn_free(s->withdrawn);
        config_release(s->config);
        if (s->signal_fd >= 0)
                close(s->signal_fd);
        if (s->lock_fd >= 0)
                close(s->lock_fd);
        free(s);
}
