#include "agent/level.h"

#include "agent/old.h"
#include "client/client.h"
#include "sys/clock.h"
#include "sys/log.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* -- pokes */
static void add_one(int fd)
{
        const uint64_t one = 1;
        const ssize_t n = write(fd, &one, sizeof(one));
        (void)n; /* full: then it is readable, which is all that is wanted */
}

static void drain(int fd)
{
        uint64_t count;
        const ssize_t n = read(fd, &count, sizeof(count));
        (void)n;
}

static bool is_poked(const struct level *l)
{
        struct pollfd p = {.fd = l->poke_fd, .events = POLLIN};
        return poll(&p, 1, 0) > 0;
}

/* -- doing what the track says */
#define LEVEL_OLD_UID 4294967294u /* nobody; the machine's name says what is wanted (protocol.md 2.8) */

/* For who looks at the level. why NULL: a server answers. Without the lock. */
static void note_away(struct level *l, const char *why)
{
        pthread_mutex_lock(&l->all->lock);
        if (!why)
                l->away_since = 0;
        else if (!l->away_since)
                l->away_since = (int64_t)(clock_wall_us() / 1000000);
        if (why)
                snprintf(l->away_why, sizeof(l->away_why), "%s", why);
        pthread_mutex_unlock(&l->all->lock);
}

static void away(struct level *l, const char *why)
{
        if (!is_poked(l))
                note_away(l, why);
        if (!l->away && !is_poked(l))
                log_event(LOG_LEVEL_WARNING, "away", "domain=\"%s\" why=\"%s\"", l->name, why);
        l->away = true;
        client_close(l->client); /* `why` was its own */
        l->client = NULL;
}

static enum track_event_kind connect_now(struct level *l, const struct server *s,
                                         struct ext_status_result *ret)
{
        struct client_options o;
        struct client_why why = {""};
        client_close(l->client);
        l->client = NULL;
        client_options_init(&o);
        o.server = s->address[0] ? s->address : NULL;
        o.tag = s->tag;
        o.interrupt_fd = l->poke_fd;
        if (client_open(&o, &l->client, &why) != NI_OK) {
                l->client = NULL;
                away(l, why.text);
                return TRACK_FAILED;
        }
        const enum ni_status status = client_status(l->client, ret);
        if (status == NI_BADOP) {
                client_set_credentials(l->client, LEVEL_OLD_UID, "checksum");
                log_event(LOG_LEVEL_INFO, "connected", "domain=\"%s\" peer=%s historical=yes", l->name,
                          client_peer(l->client));
                l->away = false;
                note_away(l, NULL);
                return TRACK_OLD;
        }
        if (status != NI_OK || ret->status != NI_OK) {
                away(l, client_reason(l->client)[0] ? client_reason(l->client) : "the server refused STATUS");
                return TRACK_FAILED;
        }
        log_event(LOG_LEVEL_INFO, "connected", "domain=\"%s\" peer=%s seq=%llu you=%.*s", l->name,
                  client_peer(l->client), (unsigned long long)ret->seq, BYTES_FMT(ret->you));
        l->away = false;
        note_away(l, NULL);
        return TRACK_CONNECTED;
}

/* Loopback, told by a server elsewhere, is that server's machine. */
static uint32_t address_seen_from_here(const struct level *l, uint32_t address)
{
        char host[INET_ADDRSTRLEN];
        struct in_addr in;
        const char *peer = client_peer(l->client);
        const size_t n = strcspn(peer, ":");
        if (address >> 24 != 127 || n >= sizeof(host))
                return address;
        snprintf(host, sizeof(host), "%.*s", (int)n, peer);
        return inet_pton(AF_INET, host, &in) == 1 ? ntohl(in.s_addr) : address;
}

/* A server that says "root" may only fail to reach its parent: its statistics tell the difference. */
static enum track_answer root_or_silent(struct level *l)
{
        struct ni_result r;
        if (client_ni(l->client, NI_PROC_statistics, &(struct ni_args){.number = 0}, &r) != NI_OK)
                return TRACK_SILENT;
        const struct bytes binding = proplist_first(&r.props, "binding");
        return bytes_eq_str(binding, "root") || bytes_eq_str(binding, "forcedRoot") ? TRACK_ROOT
                                                                                    : TRACK_SILENT;
}

static void ask_parent(struct level *l, struct track_parent *ret)
{
        struct ni_result r;
        *ret = (struct track_parent){.answer = TRACK_SILENT};
        if (client_ni(l->client, NI_PROC_rparent, &(struct ni_args){.number = 0}, &r) != NI_OK)
                return; /* a broken connection is noticed by the next call */
        if (r.status == NI_OK && server_at(address_seen_from_here(l, r.addr), l->port, r.value, &ret->server))
                ret->answer = TRACK_PARENT;
        else if (r.status == NI_NETROOT)
                ret->answer = root_or_silent(l);
}

/* Carries one action out and says what happened. The results live until the next call on the client. */
struct results {
        struct ext_status_result status;
        struct ext_snapshot_result page;
        struct ext_changes_result changes;
        struct track_parent parent;
};

static struct track_event called(struct level *l, enum ni_status status, const struct track_event *e)
{
        if (status == NI_OK)
                return *e;
        if (is_poked(l)) /* the connection stays usable */
                return (struct track_event){.kind = TRACK_INTERRUPTED};
        away(l, client_reason(l->client)[0] ? client_reason(l->client) : "the domain did not hold still");
        return (struct track_event){.kind = TRACK_FAILED};
}

static struct track_event read_all(struct level *l)
{
        struct track_event e = {.kind = TRACK_READ};
        const enum ni_status status = old_read(l->client, &l->limits, &e.table, &e.checksum);
        return status == NI_NOSPACE ? e : called(l, status, &e);
}

static struct track_event perform(struct level *l, const struct track_action *do_it, struct results *r)
{
        const struct ext_snapshot_args page = {.epoch = do_it->epoch, .from = do_it->from};
        const struct ext_changes_args changes = {
                .epoch = do_it->epoch, .seq = do_it->seq, .wait_ms = do_it->wait_ms};
        struct track_event e = {.kind = TRACK_WOKE};
        uint32_t checksum = 0;
        struct pollfd p = {.fd = l->poke_fd, .events = POLLIN};
        switch (do_it->kind) {
        case TRACK_CONNECT:
                e.kind = connect_now(l, &do_it->server, &r->status);
                e.status = &r->status;
                if (e.kind == TRACK_FAILED && is_poked(l))
                        e.kind = TRACK_INTERRUPTED;
                break;
        case TRACK_SNAPSHOT:
                e = called(l, client_snapshot(l->client, &page, &r->page),
                           &(struct track_event){.kind = TRACK_PAGE, .page = &r->page});
                break;
        case TRACK_CHANGES:
                e = called(l, client_changes(l->client, &changes, &r->changes),
                           &(struct track_event){.kind = TRACK_ENTRIES, .changes = &r->changes});
                break;
        case TRACK_POLL:
                poll(&p, 1, (int)do_it->wait_ms);
                e = called(l, old_checksum(l->client, &checksum), &(struct track_event){.kind = TRACK_SUM});
                e.checksum = checksum;
                break;
        case TRACK_READ_ALL:
                e = read_all(l);
                break;
        case TRACK_ASK:
                ask_parent(l, &r->parent);
                e = (struct track_event){.kind = TRACK_PARENTED, .parent = &r->parent};
                break;
        default:
                poll(&p, 1, (int)do_it->wait_ms);
        }
        e.turn = do_it->turn;
        return e;
}

/* -- what is kept on disk: only this thread changes the table, so it may read it without the lock */
#define KEEP_AGAIN_MS 60000u /* after a failure: the disk may be full for long */

static void keep_result(struct level *l, int err)
{
        if (err) {
                l->keep_at = clock_mono_ms() + KEEP_AGAIN_MS;
                if (!l->keep_failed)
                        log_event(LOG_LEVEL_WARNING, "keep-failed",
                                  "domain=\"%s\" why=\"%s; what is known of the domain may be older after a "
                                  "restart\"",
                                  l->name, strerror(err));
        }
        l->keep_failed = err != 0;
}

/* e: what the last step was about; advanced: the table has taken its entries over. */
static void keep_up(struct level *l, const struct track_event *e, bool advanced)
{
        const uint64_t tables = track_tables(l->track);
        const struct table *t = track_table(l->track);
        if (!t || track_is_torn(l->track))
                return;
        if (tables != l->kept_tables || (keep_is_due(l->keep) && clock_mono_ms() >= l->keep_at)) {
                l->kept_tables = tables;
                keep_result(l, keep_write(l->keep, &l->kept, t));
        } else if (advanced && e->kind == TRACK_ENTRIES) {
                keep_result(l, keep_append(l->keep, e->changes));
        }
}

/* -- properties that are in memory go into the table's file; without the lock, but for the moment in which
 * others must not look */
#define PACK_AGAIN_MS 60000u /* after a failure */

static void write_out(struct level *l, struct table *t)
{
        if (!t || !table_write_out(t))
                return;
        pthread_mutex_lock(&l->all->lock);
        table_written_out(t);
        pthread_mutex_unlock(&l->all->lock);
}

static void pack(struct level *l, struct table *t)
{
        if (!t || !table_is_wasteful(t) || clock_mono_ms() < l->pack_at)
                return;
        struct table_packed *p = table_pack(t, l->limits.folder);
        if (!p) {
                l->pack_at = clock_mono_ms() + PACK_AGAIN_MS;
                return;
        }
        pthread_mutex_lock(&l->all->lock);
        table_take_packed(t, p);
        pthread_mutex_unlock(&l->all->lock);
}

static void spare_memory(struct level *l)
{
        struct table *t = track_table(l->track), *aside = track_aside(l->track);
        write_out(l, t);
        write_out(l, aside);
        pack(l, t);
        pack(l, aside);
        const int err = t && table_write_error(t) ? table_write_error(t)
                        : aside                   ? table_write_error(aside)
                                                  : 0;
        if (err && err != l->write_error)
                log_event(
                        LOG_LEVEL_WARNING, "in-memory",
                        "domain=\"%s\" why=\"%s: %s; what is known of the domain stays in memory, until the "
                        "folder can be written\"",
                        l->name, l->limits.folder, strerror(err));
        l->write_error = err;
}

/* -- the thread */
static void step(struct level *l, struct track_event *e, struct track_action *ret)
{
        const struct track_counts before = track_counts(l->track);
        const bool large = track_is_too_large(l->track), current = track_is_current(l->track);
        if (l->reload)
                *e = (struct track_event){.kind = TRACK_RELOAD};
        l->reload = false;
        e->now = clock_mono_ms();
        track_step(l->track, e, ret);
        if (track_counts(l->track).snapshots != before.snapshots)
                log_event(LOG_LEVEL_INFO, "snapshot", "domain=\"%s\"", l->name);
        if (track_is_current(l->track) && !current)
                log_event(LOG_LEVEL_INFO, "current", "domain=\"%s\" seq=%llu directories=%u", l->name,
                          (unsigned long long)track_seq(l->track), table_count(track_table(l->track)));
        if (track_is_too_large(l->track) && !large)
                log_event(LOG_LEVEL_WARNING, "too-large",
                          "domain=\"%s\" why=\"over max_directories or max_megabytes of agent.conf; what was "
                          "known of it stays\"",
                          l->name);
        l->gave_up |= ret->kind == TRACK_GIVE_UP;
        l->kept = (struct keep_head){.epoch = track_epoch(l->track),
                                     .seq = track_seq(l->track),
                                     .server = *track_server(l->track)};
        memcpy(l->kept.uuid, track_uuid(l->track), sizeof(l->kept.uuid));
}

static void *run(void *context)
{
        struct level *l = context;
        struct results results;
        struct track_event e = {.kind = TRACK_STARTED};
        struct track_action next;
        pthread_mutex_lock(&l->all->lock);
        for (;;) {
                if (l->poked)
                        drain(l->poke_fd);
                l->poked = false;
                const uint64_t seq = track_seq(l->track);
                step(l, &e, &next);
                const bool advanced = track_seq(l->track) != seq;
                add_one(l->all->wake_fd);
                if (l->stop || l->gave_up)
                        break;
                pthread_mutex_unlock(&l->all->lock);
                keep_up(l, &e, advanced);
                spare_memory(l);
                e = perform(l, &next, &results);
                pthread_mutex_lock(&l->all->lock);
        }
        l->ended = true;
        pthread_mutex_unlock(&l->all->lock);
        return NULL;
}

/* What was known when the agent ended. The servers to begin with; without any there is nothing to follow. */
static struct servers restore(struct level *l, const struct track_options *o, const struct servers *first)
{
        struct servers l_first = *first;
        struct keep_head head;
        struct table *t = NULL;
        const int err = keep_read(l->keep, &l->limits, &head, &t);
        if (err && err != ENOENT)
                log_event(LOG_LEVEL_WARNING, "kept-not", "level=%u why=\"%s\"", o->level,
                          err == EBADMSG ? "the file is damaged or over the limits" : strerror(err));
        if (!err && first->n == 0)
                servers_add(&l_first, &head.server);
        l->track = l_first.n ? track_new(o, &l_first) : NULL;
        if (l->track && !err && servers_have(&l_first, &head.server)) {
                track_restore(l->track, t, head.uuid, head.epoch, head.seq, &head.server);
                log_event(LOG_LEVEL_INFO, "kept", "level=%u seq=%llu directories=%u", o->level,
                          (unsigned long long)head.seq, table_count(t));
        } else {
                table_free(t);
        }
        return l_first;
}

static void free_level(struct level *l)
{
        if (l->poke_fd >= 0)
                close(l->poke_fd);
        keep_close(l->keep);
        track_free(l->track);
        free(l);
}

struct level *level_start(struct levels *all, const struct track_options *o, const struct servers *first,
                          struct keep *keep)
{
        static uint64_t last_id; /* under the lock */
        struct level *l = calloc(1, sizeof(*l));
        if (!l) {
                keep_close(keep);
                return NULL;
        }
        *l = (struct level){.all = all, .keep = keep, .port = o->port, .id = ++last_id};
        l->limits = (struct keep_limits){o->directories, o->bytes, o->folder};
        l->poke_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (l->poke_fd < 0) {
                free_level(l);
                return NULL;
        }
        errno = 0;
        const struct servers servers = restore(l, o, first);
        if (servers.n && l->track) {
                const struct server *s = &servers.v[0];
                snprintf(l->name, sizeof(l->name), o->level ? "%s at %s" : "%s", s->tag, s->address);
                const int err = pthread_create(&l->thread, NULL, run, l);
                if (!err)
                        return l;
                errno = err;
        } else if (servers.n) {
                errno = ENOMEM;
        } else {
                errno = 0;
        }
        const int err = errno;
        free_level(l);
        errno = err;
        return NULL;
}

void level_poke(struct level *l)
{
        l->poked = true;
        add_one(l->poke_fd);
}

void level_reload(struct level *l)
{
        l->reload = true;
        level_poke(l);
}

bool level_is_lost(struct level *l)
{
        const struct table *t = track_table(l->track);
        if (!t || !table_is_lost(t))
                return false;
        if (l->lost != t) {
                log_event(LOG_LEVEL_ERROR, "records-lost",
                          "domain=\"%s\" why=\"a file of %s cannot be read: see what the system says of this "
                          "disk; "
                          "the domain is read again, and stays in memory until netinfo-agent is started "
                          "again\"",
                          l->name, l->limits.folder ? l->limits.folder : "?");
                l->lost = t;
                level_reload(l);
        }
        return true;
}

void level_leave(struct level *l, bool forget)
{
        l->stop = true;
        l->forget |= forget;
        level_poke(l);
}

void level_stop(struct level *l)
{
        if (!l)
                return;
        pthread_join(l->thread, NULL);
        client_close(l->client);
        close(l->poke_fd);
        if (l->forget)
                keep_remove(l->keep);
        keep_close(l->keep);
        track_free(l->track);
        free(l);
}
