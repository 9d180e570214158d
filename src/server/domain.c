#include "server/domain.h"

#include "base/text.h"
#include "model/path.h"
#include "server/push.h"
#include "server/replica.h"
#include "server/writer.h"
#include "sys/clock.h"
#include "sys/fs.h"
#include "sys/log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEEP_DESTROYED_S (7u * 86400u) /* decision 17 */
#define ADDRESSES_MAX    16u           /* as many as STATISTICS shows (protocol.md 2.8) */

/* -- what a new domain is told about its machine -- */

const char *domain_host(const struct config *c, struct arena *a)
{
        char name[256] = "";
        if (c->host[0])
                return c->host;
        if (gethostname(name, sizeof(name) - 1) < 0 || !name[0])
                return "localhost";
        return arena_str(a, bytes_sub(bytes_str(name), 0, bytes_find(bytes_str(name), '.')));
}

unsigned domain_addresses(const struct config *c, struct arena *a, const char *const **ret)
{
        static const char *const loopback[] = {"127.0.0.1"};
        const char **list = arena_zalloc(a, ADDRESSES_MAX, sizeof(*list));
        struct ifaddrs *all = NULL;
        unsigned n = 0;
        if (c->address_count) {
                *ret = c->addresses;
                return c->address_count;
        }
        if (list && getifaddrs(&all) < 0)
                all = NULL;
        for (const struct ifaddrs *i = all; list && i && n < ADDRESSES_MAX; i = i->ifa_next) {
                char text[46];
                if (!i->ifa_addr || i->ifa_addr->sa_family != AF_INET || !(i->ifa_flags & IFF_UP) ||
                    (i->ifa_flags & IFF_LOOPBACK))
                        continue;
                const struct address v4 = address_of(i->ifa_addr, NULL);
                address_text(&v4, text, sizeof(text));
                const char *copy = arena_str(a, bytes_str(text));
                if (copy)
                        list[n++] = copy;
        }
        if (all)
                freeifaddrs(all);
        *ret = n ? list : loopback;
        return n ? n : 1;
}

/* -- creation -- */

static enum ni_status bootstrap(struct store *s, const char *tag, const struct config *c,
                                const struct domain_first *first)
{
        const struct store_actor actor = {BYTES_LIT("superuser"), BYTES_LIT("netinfod"), BYTES_LIT("create")};
        struct store_txn *t;
        struct arena a;
        const char *const *addresses;
        uint64_t seq;
        arena_init(&a, 0);
        const char *host = first ? first->host : domain_host(c, &a);
        unsigned n = 1;
        if (first)
                addresses = &first->address;
        else
                n = domain_addresses(c, &a, &addresses);
        enum ni_status st = host ? store_write_begin(s, &t) : NI_SYSTEMERR;
        if (st != NI_OK) {
                arena_done(&a);
                return st;
        }
        st = store_change_begin(t, &actor);
        if (st == NI_OK)
                st = dir_bootstrap(t, &a, first ? first->tag : tag, host, addresses, n);
        if (st == NI_OK)
                st = store_change_end(t, &seq);
        if (st == NI_OK && first)
                st = store_set_origin(t, first->origin);
        if (st == NI_OK)
                st = store_commit(t, NULL);
        else
                store_abort(t);
        arena_done(&a);
        return st;
}

static enum ni_status create_aside(const char *aside, const char *tag, const struct config *c,
                                   const struct domain_first *first, struct store_why *why)
{
        struct store *s;
        const struct store_options o = {.map_size = (size_t)c->map_size << 20};
        if (fs_remove_tree(aside) != 0) {
                snprintf(why->text, sizeof(why->text), "%.150s: a half-made domain is in the way: %s", aside,
                         strerror(errno));
                return NI_SYSTEMERR;
        }
        enum ni_status st = store_create(aside, first ? STORE_CLONE : STORE_MASTER, &o, &s, why);
        if (st != NI_OK)
                return st;
        st = bootstrap(s, tag, c, first);
        if (st != NI_OK)
                snprintf(why->text, sizeof(why->text), "%.150s: the first directories could not be written",
                         aside);
        store_close(s);
        return st;
}

static enum ni_status make(const char *folder, const char *tag, const struct config *c,
                           const struct domain_first *first, struct store_why *why)
{
        char aside[PATH_MAX], path[PATH_MAX];
        struct stat there;
        if (!tag_is_valid(bytes_str(tag))) {
                snprintf(why->text, sizeof(why->text),
                         "\"%.64s\" can be no domain's tag: 1 to 64 bytes, no \"/\", no leading \".\" or "
                         "\"-\"",
                         tag);
                return NI_SYSTEMERR;
        }
        snprintf(aside, sizeof(aside), "%s/.new.%s", folder, tag);
        snprintf(path, sizeof(path), "%s/%s", folder, tag);
        if (lstat(path, &there) == 0) {
                snprintf(why->text, sizeof(why->text), "%.150s: there is a domain of this tag already", path);
                return NI_DUPTAG;
        }
        enum ni_status st = create_aside(aside, tag, c, first, why);
        if (st == NI_OK && (rename(aside, path) < 0 || fs_sync_folder(folder) != 0)) {
                snprintf(why->text, sizeof(why->text), "%.150s: %s", path, strerror(errno));
                st = NI_SYSTEMERR;
        }
        if (st != NI_OK)
                fs_remove_tree(aside);
        return st;
}

enum ni_status domain_create(const char *folder, const char *tag, const struct config *c,
                             struct store_why *why)
{
        return make(folder, tag, c, NULL, why);
}

enum ni_status domain_create_clone(const char *folder, const char *tag, const struct config *c,
                                   const struct domain_first *first, struct store_why *why)
{
        return make(folder, tag, c, first, why);
}

/* -- opening and closing -- */

static void learn(struct domain *d)
{
        struct store_info info;
        struct store_txn *t = domain_read_begin(d, SLOT_MAIN);
        if (!t)
                return;
        if (store_get_info(t, &info) == NI_OK) {
                d->seq = info.seq;
                d->role = (int)info.role;
        }
        domain_read_end(d, SLOT_MAIN);
}

static void gate_init(pthread_rwlock_t *gate)
{
        pthread_rwlockattr_t attr;
        pthread_rwlockattr_init(&attr);
        pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
        pthread_rwlock_init(gate, &attr);
        pthread_rwlockattr_destroy(&attr);
}

struct domain *domain_open(const char *folder, const char *tag, const struct config *c,
                           domain_committed *committed, void *context, struct store_why *why)
{
        struct domain *d = calloc(1, sizeof(*d));
        if (!d)
                return NULL;
        snprintf(d->tag, sizeof(d->tag), "%s", tag);
        snprintf(d->folder, sizeof(d->folder), "%s/%s", folder, tag);
        d->holders = 1;
        d->committed = committed;
        d->context = context;
        d->servers_seq = UINT64_MAX;
        d->options = (struct store_options){
                .map_size = (size_t)c->map_size << 20,
                .reuse_from_zero = config_switch(&c->historical_clones, bytes_str(tag)),
                .journal_seconds = (uint64_t)c->journal_days * 86400u,
                .journal_entries = c->journal_entries,
        };
        gate_init(&d->gate);
        pthread_mutex_init(&d->servers_mutex, NULL);
        pthread_mutex_init(&d->parent.mutex, NULL);
        pthread_mutex_init(&d->batch, NULL);
        arena_init(&d->servers_arena, LIMIT_ARENA);
        d->state = DOMAIN_SERVING;
        if (store_open(d->folder, &d->options, &d->store, why) != NI_OK) {
                d->store = NULL;
                d->state = DOMAIN_BROKEN;
                return d;
        }
        learn(d);
        d->writer = writer_start(d);
        if (!d->writer) {
                snprintf(why->text, sizeof(why->text), "%.150s: no thread for its writer", d->folder);
                d->state = DOMAIN_BROKEN;
                return d;
        }
        if (d->options.reuse_from_zero && strcmp(tag, "local") != 0)
                d->pushing = pushing_start(d, c);
        if (strcmp(tag, "local") != 0) /* always a master (protocol.md 5.1) */
                d->replica = replica_start(d, c);
        if (!d->replica && strcmp(tag, "local") != 0) {
                snprintf(why->text, sizeof(why->text), "%.150s: no thread for its role", d->folder);
                d->state = DOMAIN_BROKEN;
        }
        return d;
}

/* Nobody stands in a read transaction, nobody can begin one. */
static void shut_store(struct domain *d)
{
        for (unsigned i = 0; i < SLOT_COUNT; i++) {
                store_reader_free(d->reader[i]);
                d->reader[i] = NULL;
        }
        store_close(d->store);
        d->store = NULL;
}

static void lock_gate(struct domain *d)
{
        d->swapping = true;
        pthread_rwlock_wrlock(&d->gate);
        d->swapping = false;
}

void domain_close(struct domain *d)
{
        d->state = DOMAIN_GONE;
        writer_stop(d->writer); /* outside the gate: it may be repairing */
        replica_stop(d->replica);
        pushing_stop(d->pushing);
        lock_gate(d);
        writer_free(d->writer);
        d->writer = NULL;
        pushing_free(d->pushing);
        d->pushing = NULL;
        replica_free(d->replica);
        d->replica = NULL;
        shut_store(d);
        pthread_rwlock_unlock(&d->gate);
}

struct domain *domain_hold(struct domain *d)
{
        atomic_fetch_add_explicit(&d->holders, 1, memory_order_relaxed);
        return d;
}

void domain_release(struct domain *d)
{
        if (!d || atomic_fetch_sub_explicit(&d->holders, 1, memory_order_acq_rel) != 1)
                return;
        pthread_rwlock_destroy(&d->gate);
        pthread_mutex_destroy(&d->servers_mutex);
        pthread_mutex_destroy(&d->parent.mutex);
        pthread_mutex_destroy(&d->batch);
        arena_done(&d->servers_arena);
        free(d);
}

/* -- reading -- */

struct store_txn *domain_read_begin(struct domain *d, unsigned slot)
{
        pthread_rwlock_rdlock(&d->gate);
        if (d->store && !d->reader[slot] && store_reader_new(d->store, &d->reader[slot]) != NI_OK)
                d->reader[slot] = NULL;
        if (d->store && d->reader[slot] && store_read_begin(d->reader[slot]) == NI_OK)
                return d->reader[slot];
        pthread_rwlock_unlock(&d->gate);
        return NULL;
}

void domain_read_end(struct domain *d, unsigned slot)
{
        store_read_end(d->reader[slot]);
        pthread_rwlock_unlock(&d->gate);
}

bool domain_submit(struct domain *d, struct call *c)
{
        pthread_rwlock_rdlock(&d->gate);
        const bool taken = d->writer && writer_submit(d->writer, c);
        pthread_rwlock_unlock(&d->gate);
        return taken;
}

void domain_count(struct domain *d, unsigned slot, enum ni_proc proc, uint64_t us)
{
        struct domain_counter *c = &d->counter[slot][proc]; /* this thread alone writes it */
        atomic_store_explicit(&c->calls, atomic_load_explicit(&c->calls, memory_order_relaxed) + 1,
                              memory_order_relaxed);
        atomic_store_explicit(&c->us, atomic_load_explicit(&c->us, memory_order_relaxed) + us,
                              memory_order_relaxed);
}

/* -- repair (decision 15) -- */

static void say_problem(void *context, const char *problem)
{
        const struct domain *d = context;
        log_event(LOG_LEVEL_ERROR, "store-problem", "tag=%s problem=\"%s\"", d->tag, problem);
}

static bool check_store(struct domain *d)
{
        struct store_check_report report = {0};
        struct store_txn *t = domain_read_begin(d, SLOT_WRITER);
        if (!t)
                return false;
        const enum ni_status st = store_check(t, &report, say_problem, d);
        domain_read_end(d, SLOT_WRITER);
        return st == NI_OK && report.problems == 0;
}

void domain_repair(struct domain *d)
{
        struct store_why why = {{0}};
        d->state = DOMAIN_READ_ONLY;
        log_event(LOG_LEVEL_ERROR, "store-reopen", "tag=%s folder=%s", d->tag, d->folder);
        lock_gate(d);
        shut_store(d);
        if (store_open(d->folder, &d->options, &d->store, &why) != NI_OK)
                d->store = NULL;
        pthread_rwlock_unlock(&d->gate);
        if (!d->store)
                log_event(LOG_LEVEL_ERROR, "store-broken", "tag=%s reason=\"%s\"", d->tag, why.text);
        else if (check_store(d)) {
                d->state = DOMAIN_SERVING;
                log_event(LOG_LEVEL_NOTICE, "store-resumed", "tag=%s", d->tag);
        } else
                log_event(LOG_LEVEL_ERROR, "store-damaged",
                          "tag=%s way_out=\"ni store check %s; restore a copy\"", d->tag, d->folder);
}

/* -- a clone's new content -- */

bool domain_refuses_writes(const struct domain *d)
{
        return d->role == STORE_CLONE || d->superseded;
}

/* What `folder` holds: its identity. */
static bool identify(const char *folder, struct store_info *ret)
{
        const struct store_options o = {.read_only = true};
        struct store_why why;
        struct store *s;
        struct store_txn *t = NULL;
        if (store_open(folder, &o, &s, &why) != NI_OK)
                return false;
        bool ok = store_reader_new(s, &t) == NI_OK && store_read_begin(t) == NI_OK;
        if (ok) {
                ok = store_get_info(t, ret) == NI_OK;
                store_read_end(t);
        }
        store_reader_free(t);
        store_close(s);
        return ok;
}

/* A second name for the file that serves, in .destroyed/TAG.SECONDS. */
static enum ni_status keep_old(const struct domain *d, struct store_why *why)
{
        char *to = NULL, *from = NULL, *file = NULL;
        const char *slash = strrchr(d->folder, '/');
        int err = 0;
        if (asprintf(&to, "%.*s/.destroyed/%s.%llu", (int)(slash - d->folder), d->folder, d->tag,
                     (unsigned long long)(clock_wall_us() / 1000000u)) < 0)
                to = NULL;
        if (to && asprintf(&file, "%s/data.mdb", to) < 0)
                file = NULL;
        if (asprintf(&from, "%s/data.mdb", d->folder) < 0)
                from = NULL;
        err = to && file && from ? fs_make_folders(to, 0700) : ENOMEM;
        if (!err && linkat(AT_FDCWD, from, AT_FDCWD, file, 0) < 0 && errno != EEXIST)
                err = errno;
        if (!err)
                err = fs_sync_folder(to);
        if (err)
                snprintf(why->text, sizeof(why->text), "what %.100s held cannot be kept: %s", d->folder,
                         strerror(err));
        else
                log_event(LOG_LEVEL_NOTICE, "replica-kept", "tag=%s seq=%llu kept=\"%s\" days=7", d->tag,
                          (unsigned long long)d->seq, to);
        free(to);
        free(from);
        free(file);
        return err ? NI_SYSTEMERR : NI_OK;
}

/* May the old content hold changes that the new one lacks? */
static bool may_lack(const struct store_info *old, const struct store_info *new)
{
        return memcmp(old->uuid, new->uuid, sizeof(old->uuid)) == 0 &&
               (old->epoch != new->epoch || old->seq > new->seq);
}

/* With the gate held, and the store shut. */
static enum ni_status exchange(struct domain *d, const char *aside, struct store_why *why)
{
        char from[PATH_MAX], to[PATH_MAX], lock[PATH_MAX];
        if ((size_t)snprintf(from, sizeof(from), "%s/data.mdb", aside) >= sizeof(from) ||
            (size_t)snprintf(to, sizeof(to), "%s/data.mdb", d->folder) >= sizeof(to) ||
            (size_t)snprintf(lock, sizeof(lock), "%s/lock.mdb", d->folder) >= sizeof(lock))
                return NI_SYSTEMERR;
        /* LMDB's lock file belongs to the old data: it remembers its newest transaction. */
        int err = unlink(lock) < 0 && errno != ENOENT ? errno : 0;
        if (!err && rename(from, to) < 0)
                err = errno;
        if (!err)
                err = fs_sync_folder(d->folder);
        if (err)
                snprintf(why->text, sizeof(why->text), "%.150s: %s", to, strerror(err));
        return err ? NI_SYSTEMERR : NI_OK;
}

enum ni_status domain_swap(struct domain *d, const char *aside, bool keep, struct store_why *why)
{
        struct store_info new, old;
        struct store_why broken = {{0}};
        if (!identify(aside, &new)) {
                snprintf(why->text, sizeof(why->text), "%.150s: the copy cannot be read", aside);
                return NI_SYSTEMERR;
        }
        pthread_mutex_lock(&d->batch);
        struct store_txn *t = domain_read_begin(d, SLOT_REPLICA);
        const bool known = t && store_get_info(t, &old) == NI_OK;
        if (t)
                domain_read_end(d, SLOT_REPLICA);
        enum ni_status st = keep && known && may_lack(&old, &new) ? keep_old(d, why) : NI_OK;
        lock_gate(d);
        shut_store(d);
        if (st == NI_OK)
                st = exchange(d, aside, why);
        if (store_open(d->folder, &d->options, &d->store, &broken) != NI_OK) {
                d->store = NULL;
                d->state = DOMAIN_READ_ONLY;
                log_event(LOG_LEVEL_ERROR, "store-broken", "tag=%s reason=\"%s\"", d->tag, broken.text);
                st = NI_SYSTEMERR;
        } else if (st == NI_OK) {
                d->seq = new.seq;
        }
        pthread_rwlock_unlock(&d->gate);
        pthread_mutex_lock(&d->servers_mutex);
        d->servers_seq = UINT64_MAX;
        pthread_mutex_unlock(&d->servers_mutex);
        pthread_mutex_unlock(&d->batch);
        return st;
}

/* -- destroyed domains -- */

enum ni_status domain_set_aside(const struct domain *d, const char *folder, struct store_why *why)
{
        char *parent = NULL, *to = NULL;
        const unsigned long long now = clock_wall_us() / 1000000u;
        int err = asprintf(&parent, "%s/.destroyed", folder) < 0 ? ENOMEM : 0;
        if (!err)
                err = fs_make_folders(parent, 0700);
        for (unsigned n = 0, again = 1; !err && again;
             n++) { /* twice in one second: the next second's name */
                free(to);
                to = NULL;
                if (asprintf(&to, "%s/%s.%llu", parent, d->tag, now + n) < 0)
                        err = ENOMEM;
                again = !err && rename(d->folder, to) < 0;
                if (again && errno != ENOTEMPTY && errno != EEXIST)
                        err = errno;
        }
        if (!err)
                err = fs_sync_folder(folder);
        if (!err)
                err = fs_sync_folder(parent);
        if (err)
                snprintf(why->text, sizeof(why->text), "%.180s cannot be set aside: %s", d->folder,
                         strerror(err));
        else
                snprintf(why->text, sizeof(why->text), "%.250s", to);
        free(to);
        free(parent);
        return err ? NI_SYSTEMERR : NI_OK;
}

static void tidy_destroyed(const char *folder, uint64_t now_s)
{
        char path[PATH_MAX];
        DIR *d = opendir(folder);
        for (const struct dirent *e; d && (e = readdir(d));) {
                const char *dot = strrchr(e->d_name, '.');
                uint64_t when;
                if (!dot || dot == e->d_name || !text_u64(bytes_str(dot + 1), UINT64_MAX, &when) ||
                    when + KEEP_DESTROYED_S > now_s ||
                    (size_t)snprintf(path, sizeof(path), "%s/%s", folder, e->d_name) >= sizeof(path))
                        continue;
                const int err = fs_remove_tree(path);
                log_event(LOG_LEVEL_NOTICE, "domain-removed", "folder=%s result=\"%s\"", path,
                          err ? strerror(err) : "ok");
        }
        if (d)
                closedir(d);
}

void domain_tidy(const char *folder)
{
        char path[PATH_MAX];
        DIR *d = opendir(folder);
        for (const struct dirent *e; d && (e = readdir(d));)
                if (strncmp(e->d_name, ".new.", 5) == 0 &&
                    (size_t)snprintf(path, sizeof(path), "%s/%s", folder, e->d_name) < sizeof(path))
                        fs_remove_tree(path);
        if (d)
                closedir(d);
        if ((size_t)snprintf(path, sizeof(path), "%s/.destroyed", folder) < sizeof(path))
                tidy_destroyed(path, clock_wall_us() / 1000000u);
}
