#include "agent/publish-internal.h"

#include "snapshot/hash.h"
#include "snapshot/inspect.h"
#include "sys/random.h"

#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <unistd.h>
#include <stdlib.h>
#include <sys/mman.h>

/* -- what is remembered */
struct publisher *publisher_new(void)
{
        struct publisher *p = calloc(1, sizeof(*p));
        if (p)
                p->beside.fd = -1;
        return p;
}

void publish_base_drop(struct publish_base *b)
{
        if (b->map)
                munmap(b->map, b->size);
        b->map = NULL;
}

void publisher_forget(struct publisher *p)
{
        p->beside.stale = true;
        for (unsigned k = 0; k < SNAP_ACCOUNTS; k++)
                publish_base_drop(&p->base[k]);
}

void publisher_elsewhere(struct publisher *p)
{
        publisher_forget(p);
        p->shown = false;
}

void publisher_free(struct publisher *p)
{
        if (p) {
                publisher_abort(p);
                publisher_forget(p);
        }
        free(p);
}

static int by_value(const void *x, const void *y)
{
        const uint64_t a = *(const uint64_t *)x, b = *(const uint64_t *)y;
        return (a > b) - (a < b);
}

/* Where the record lies, unless another one has its name. */
static uint64_t offset_of(const struct publish_base *b, const struct job_group *g)
{
        struct snap_group_view v;
        char name[NI_NAME_MAX + 1];
        snprintf(name, sizeof(name), "%.*s", BYTES_FMT(g->name));
        if (snap_group_by_name(&b->image, name, g->name.len, &v) != SNAP_FOUND || v.gid != g->gid)
                return PUBLISH_UNKNOWN;
        return (uint64_t)(v.text - (const char *)b->image.base);
}

static void take_groups(struct publish_base *b, const struct job *j)
{
        b->united_count = 0;
        for (size_t i = 0; i < j->united_count; i++) {
                const struct job_group *g = &j->united[i];
                b->united[b->united_count++] = snap_hash_number(b->image.key, g->gid);
                b->united[b->united_count++] =
                        snap_hash_name(b->image.key, (const char *)g->name.data, g->name.len);
        }
        qsort(b->united, b->united_count, sizeof(*b->united), by_value);
        for (unsigned d = 0; d < LIMIT_DEPTH; d++)
                if (j->last[d].name.data)
                        b->behind[d] = offset_of(b, &j->last[d]);
                else
                        b->behind[d] = d ? b->behind[d - 1] : 0;
}

bool publish_base_open(struct publish_base *b, const char *path, unsigned kind)
{
        b->map = NULL;
        if (snap_map_file(path, &b->map, &b->size)) {
                b->map = NULL;
                return false;
        }
        if (snap_image_open(b->map, b->size, (enum snap_kind)kind, &b->image) == 0)
                return true;
        publish_base_drop(b);
        return false;
}

void publish_base_take(struct publish_base *b, const char *path, unsigned kind, const struct job *j)
{
        bool all;
        const uint64_t *contested = snap_builder_contested(j->map[kind], &b->contested_count, &all);
        publish_base_drop(b);
        b->marked = false;
        if (!all || j->misfit[kind] || (kind == SNAP_GROUP && j->united_count > UNITED_MOST / 2) ||
            !publish_base_open(b, path, kind))
                return;
        memcpy(b->contested, contested, b->contested_count * sizeof(*contested));
        qsort(b->contested, b->contested_count, sizeof(*contested), by_value);
        if (kind == SNAP_GROUP)
                take_groups(b, j);
        const struct snap_header *h = b->map;
        b->generation = h->generation;
        b->sum = h->sum;
        b->left_out = j->left_out[kind];
        memcpy(b->first_left_out, j->first_left_out[kind], sizeof(b->first_left_out));
}

/* -- whole images */
void publish_left_out(struct job *j, const char *domain, const char *what, struct bytes name,
                      const char *reason)
{
        char *first = j->first_left_out[j->kind];
        if (j->left_out[j->kind]++ == 0)
                snprintf(first, sizeof(j->first_left_out[0]), "%s %.*s of %s: %s", what,
                         BYTES_FMT(bytes_sub(name, 0, 100)), domain, reason);
}

static void left_out(void *context, const struct merge_domain *d, const char *what, struct bytes name,
                     const char *reason)
{
        publish_left_out(context, d->name, what, name, reason);
}

/* A record that the image cannot hold is left out; any other trouble ends the job. */
static bool took(struct job *j, const struct merge_domain *d, const char *what, struct bytes name, int err)
{
        if (err == E2BIG || err == EINVAL) {
                publish_left_out(j, d->name, what, name,
                                 err == E2BIG ? "too long for an image" : "not fit for an image");
                j->misfit[j->kind] = true;
        } else if (err) {
                j->error = err;
        }
        return j->error == 0;
}

static bool add_user(void *context, const struct merge_domain *d, const struct snap_user *u)
{
        struct job *j = context;
        return took(j, d, "user", u->names[0], snap_add_user(j->map[SNAP_PASSWD], u));
}

static bool add_group(void *context, const struct merge_domain *d, const struct snap_group *g)
{
        struct job *j = context;
        j->last[d - j->domains] = (struct job_group){g->names[0], g->gid}; /* the names are the tables' */
        return took(j, d, "group", g->names[0], snap_add_group(j->map[SNAP_GROUP], g));
}

static bool add_shadow(void *context, const struct merge_domain *d, const struct snap_shadow *s)
{
        struct job *j = context;
        return took(j, d, "shadow of", s->names[0], snap_add_shadow(j->map[SNAP_SHADOW], s));
}

static void united(void *context, struct bytes name, uint32_t gid)
{
        struct job *j = context;
        if (j->united_count < UNITED_MOST / 2)
                j->united[j->united_count] = (struct job_group){name, gid};
        j->united_count++;
}

int publish_builder(struct job *j, unsigned kind)
{
        const int err = snap_builder_new((enum snap_kind)kind, &j->map[kind]);
        if (!err && j->folder)
                snap_builder_in_file(j->map[kind], j->folder); /* if that is not possible, in memory */
        return err;
}

static int make_whole(struct job *j, const struct merge_domain *d, size_t n, const struct merge_rules *r)
{
        const struct merge_sink sink = {add_user, add_group, add_shadow, left_out, united, j, NULL};
        bool (*const merge[SNAP_ACCOUNTS])(const struct merge_domain *, size_t, const struct merge_rules *,
                                           const struct merge_sink *) = {merge_users, merge_groups,
                                                                         merge_shadow};
        bool ok = true;
        j->domains = d;
        j->united_count = 0;
        for (unsigned k = 0; ok && k < SNAP_ACCOUNTS; k++) {
                if (!(j->whole & 1u << k))
                        continue;
                j->kind = k;
                j->left_out[k] = 0;
                j->misfit[k] = false;
                j->error = publish_builder(j, k);
                ok = !j->error && merge[k](d, n, r, &sink);
        }
        return ok || j->error ? j->error : ENOMEM;
}

static void forget_children(struct merge_domain *d, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                free((void *)(uintptr_t)d[i].users);
                free((void *)(uintptr_t)d[i].groups);
                d[i].users = d[i].groups = NULL;
        }
}

int publish_from_tables(const struct publish_what *w, const struct merge_rules *r, struct job *j,
                        uint32_t *ret_users, uint32_t *ret_groups)
{
        struct merge_domain d[LIMIT_DEPTH] = {{NULL, false, NULL, NULL, 0, 0}};
        uint32_t users = 0, groups = 0;
        bool ok = true;
        for (size_t i = 0; ok && i < w->n; i++) {
                struct bytes *u = NULL, *g = NULL;
                const struct publish_domain *from = &w->domains[i];
                d[i] = (struct merge_domain){.name = from->name, .local = from->local};
                ok = (!(j->whole & ~TABLE_GROUP) ||
                      table_children(from->table, TOP_USERS, &u, &d[i].user_count)) &&
                     (!(j->whole & TABLE_GROUP) ||
                      table_children(from->table, TOP_GROUPS, &g, &d[i].group_count));
                d[i].users = u;
                d[i].groups = g;
                users += (uint32_t)d[i].user_count;
                groups += (uint32_t)d[i].group_count;
        }
        const int err = ok ? make_whole(j, d, w->n, r) : ENOMEM;
        if (!err && j->whole & ~TABLE_GROUP)
                *ret_users = users;
        if (!err && j->whole & TABLE_GROUP)
                *ret_groups = groups;
        forget_children(d, w->n);
        j->domains = NULL;
        return err;
}

/* -- publishing */
/* A file may be given to a group by root and by who is in it. */
static bool may_give_to(gid_t gid)
{
        gid_t groups[256];
        const int n = getgroups(256, groups);
        bool member = geteuid() == 0 || getegid() == gid;
        for (int i = 0; i < n && !member; i++)
                member = groups[i] == gid;
        return member;
}

static gid_t group_of(const char *name, struct publish_report *report)
{
        const struct group *g = *name ? getgrnam(name) : NULL;
        if (g && may_give_to(g->gr_gid))
                return g->gr_gid;
        if (*name)
                snprintf(report->trouble, sizeof(report->trouble),
                         g ? "group %s is not ours to give to: only the owner may read the shadow image"
                           : "there is no group %s here: only the owner may read the shadow image",
                         name);
        return (gid_t)-1;
}

struct snap_publication publish_publication(const struct agent_config *c, struct publish_report *report)
{
        return (struct snap_publication){
                .folder = c->snapshots,
                .durable = *c->durable ? c->durable : NULL,
                /* The table is exact: what the domain does not have is not published. */
                .may_shrink = TABLE_ALL,
                .shadow_group = group_of(c->shadow_group, report),
                .quarantine_s = c->quarantine,
        };
}

struct merge_rules publish_rules(const struct publish_what *w)
{
        const struct agent_config *c = w->config;
        struct merge_rules r = {
                .min_id = c->min_id,
                .allow = c->allow,
                .allow_count = c->allow_count,
                .publish_hashes = c->publish_hashes,
                .allow_empty_passwords = c->allow_empty_passwords,
                .today = w->today,
                .own = w->own,
        };
        random_bytes(&r.key, sizeof(r.key));
        return r;
}

void publish_job_done(struct job *j)
{
        for (unsigned k = 0; k < SNAP_KINDS; k++) {
                snap_builder_free(j->map[k]);
                j->map[k] = NULL;
        }
        arena_done(&j->arena);
}

/* Publishes what was made, with the lock let go. */
static int publish(const struct publish_what *w, struct job *j, unsigned ready, struct publish_report *report)
{
        struct snap_report said;
        struct snap_publication p = publish_publication(w->config, report);
        p.ready = ready;
        memcpy(p.map, j->map, sizeof(p.map));
        if (w->lock)
                pthread_mutex_unlock(w->lock);
        const int err = snap_publish(&p, &said);
        if (w->lock)
                pthread_mutex_lock(w->lock);
        report->generation = said.generation;
        report->missing = err ? 0 : said.missing & ~report->left & ~report->begun;
        if (said.what[0])
                snprintf(report->trouble, sizeof(report->trouble), "%s", said.what);
        return err;
}

static void drop(struct job *j, unsigned kinds)
{
        for (unsigned k = 0; k < SNAP_KINDS; k++)
                if (kinds & 1u << k) {
                        snap_builder_free(j->map[k]);
                        j->map[k] = NULL;
                        j->left_out[k] = 0;
                }
        j->deltas &= ~kinds;
}

static bool as_delta(const struct publisher *p, const struct publish_what *w, const struct merge_rules *r,
                     unsigned kind, struct job *j, struct publish_report *report)
{
        struct merge_domain like[LIMIT_DEPTH] = {{NULL, false, NULL, NULL, 0, 0}};
        for (size_t i = 0; i < w->n; i++)
                like[i] = (struct merge_domain){.name = w->domains[i].name, .local = w->domains[i].local};
        if (!publish_delta(p, w->domains, like, w->n, r, (enum snap_kind)kind, j,
                           kind == SNAP_GROUP ? &report->groups : &report->users))
                return false;
        j->deltas |= 1u << kind;
        return true;
}

/* Deltas where that is possible; the others are to be whole. passwd and shadow are made whole together,
 * because a table counts what changed of a user once for both. While shadow of a new day is being made,
 * changes come as deltas upon the one of the day before. */
static void make_deltas(const struct publisher *p, const struct publish_what *w, struct merge_rules r,
                        struct job *j, struct publish_report *report)
{
        const bool day_comes =
                p->beside.busy && p->beside.images & TABLE_SHADOW && p->beside.today == w->today;
        if (day_comes)
                r.today = p->today;
        for (unsigned k = 0; k < SNAP_ACCOUNTS; k++) {
                if (!(w->images & 1u << k))
                        continue;
                if (w->whole || (k == SNAP_SHADOW && (p->today != r.today || j->whole & TABLE_PASSWD)) ||
                    !as_delta(p, w, &r, k, j, report))
                        j->whole |= k == SNAP_GROUP ? TABLE_GROUP : TABLE_PASSWD | TABLE_SHADOW;
        }
        drop(j, j->whole & j->deltas);
}

#define GROWN 256u /* touched records: a quarter of what a delta may hold */

static void tell(const struct publisher *p, const struct publish_what *w, const struct job *j,
                 struct publish_report *report)
{
        report->deltas = j->deltas;
        for (unsigned k = 0; k < SNAP_ACCOUNTS; k++) {
                size_t all = 0;
                for (size_t i = 0; i < w->n; i++) {
                        const struct table_touched *unused;
                        size_t touched;
                        if (table_touched(w->domains[i].table, k == SNAP_GROUP ? TOP_GROUPS : TOP_USERS,
                                          p->base[k].marked, &unused, &touched))
                                all += touched;
                }
                if (j->deltas & 1u << k && all >= GROWN)
                        report->grown |= 1u << k;
        }
        report->left_out = 0;
        for (unsigned k = 0; k < SNAP_KINDS; k++) {
                if (j->left_out[k] && !report->left_out)
                        memcpy(report->first_left_out, j->first_left_out[k], sizeof(report->first_left_out));
                report->left_out += j->left_out[k];
        }
}

static bool keep_names(struct job *j, struct job_group *v, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if (v[i].name.data)
                        v[i].name = arena_bytes(&j->arena, v[i].name);
        return !j->arena.failed;
}

void publish_count(const struct publish_what *w, unsigned images,
                   void (*each)(struct table *t, enum table_top top))
{
        for (size_t i = 0; i < w->n; i++) {
                if (images & TABLE_PASSWD)
                        each(w->domains[i].table, TOP_USERS);
                if (images & TABLE_GROUP)
                        each(w->domains[i].table, TOP_GROUPS);
        }
}

bool publish_is_lost(const struct publish_what *w)
{
        bool lost = false;
        for (size_t i = 0; i < w->n; i++)
                lost |= table_is_lost(w->domains[i].table);
        return lost;
}

/* Everything is made: from here on the tables may change again, and count what they are changed by since. */
static int let_go(struct job *j, const struct publish_what *w)
{
        if (publish_is_lost(w))
                return EIO;
        publish_count(w, j->whole, table_begin);
        const size_t united = j->united_count < UNITED_MOST / 2 ? j->united_count : UNITED_MOST / 2;
        return keep_names(j, j->last, LIMIT_DEPTH) && keep_names(j, j->united, united) ? 0 : ENOMEM;
}

/* What was published is what the next deltas lie upon. */
static void remember(struct publisher *p, const struct publish_what *w, const struct job *j,
                     uint64_t generation)
{
        char path[4096 + 64];
        for (unsigned k = 0; k < SNAP_ACCOUNTS; k++) {
                if (!(j->whole & 1u << k))
                        continue;
                snprintf(path, sizeof(path), "%s/%s.%llu", w->config->snapshots,
                         snap_map_name((enum snap_kind)k), (unsigned long long)generation);
                publish_base_take(&p->base[k], path, k, j);
        }
        if (j->whole & TABLE_SHADOW)
                p->today = w->today;
}

/* -- what is made here, and what beside */
static bool is_large(const struct publish_what *w)
{
        uint64_t all = 0;
        for (size_t i = 0; i < w->n; i++)
                all += table_count(w->domains[i].table);
        return all >= w->config->beside;
}

/* Takes out of the job, and of the images that are asked for, what has to wait. */
static void leave(struct publish_what *w, struct job *j, unsigned images, struct publish_report *report)
{
        report->left |= w->images & images;
        w->images &= ~images;
        drop(j, images);
        j->whole &= ~images;
}

/* What takes long is begun beside, and whatever may not overtake it waits. Accounts of which one has to be
 * made whole are made so together: each generation is one moment of the domains. */
static void share_out(struct publisher *p, struct publish_what *w, const struct merge_rules *r, struct job *j,
                      struct publish_report *report)
{
        const struct publish_beside *b = &p->beside;
        const unsigned accounts = w->images & TABLE_ACCOUNTS, users = TABLE_PASSWD | TABLE_SHADOW;
        const bool large = j->whole && is_large(w);
        const bool needed = large && !w->whole && (accounts != TABLE_SHADOW || p->today == w->today);
        unsigned beside = publish_maps_large(w->domains, w->n, w->images, w->config->beside);
        if (b->busy) {
                if (j->whole || b->needed)
                        beside |= accounts | j->whole; /* which may be more than was asked for */
                leave(w, j, p->shown ? beside : TABLE_ALL, report);
                return;
        }
        if (large)
                beside |= j->whole | (needed ? accounts : 0);
        if (beside & users)
                beside |= users;
        if (beside && w->may_begin) {
                if (!publish_beside_begin(p, w, r, beside, report))
                        return; /* then here */
                p->beside.needed = needed;
                report->begun = beside;
        }
        leave(w, j, beside && !p->shown ? TABLE_ALL : beside, report); /* the first shows everything */
}

static int make_here(struct publisher *p, struct publish_what *w, const struct merge_rules *r, struct job *j,
                     struct publish_report *report)
{
        int err = j->whole ? publish_from_tables(w, r, j, &p->users, &p->groups) : 0;
        if (!err)
                err = publish_maps(w->domains, w->n, r, w->images, j);
        if (!err) {
                tell(p, w, j, report);
                err = let_go(j, w);
        }
        if (err)
                snprintf(report->trouble, sizeof(report->trouble), "%s", strerror(err));
        return err;
}

int publish_images(struct publisher *p, const struct publish_what *asked, struct publish_report *ret_report)
{
        struct publish_what w = *asked;
        const struct merge_rules r = publish_rules(&w);
        struct job j = {.error = 0};
        arena_init(&j.arena, LIMIT_ARENA);
        *ret_report = (struct publish_report){.users = p->users, .groups = p->groups};
        make_deltas(p, &w, r, &j, ret_report);
        share_out(p, &w, &r, &j, ret_report);
        int err = w.images ? make_here(p, &w, &r, &j, ret_report) : 0;
        if (!err && w.images)
                err = publish(&w, &j, 0, ret_report);
        if (j.whole & ~TABLE_GROUP)
                ret_report->users = p->users;
        if (j.whole & TABLE_GROUP)
                ret_report->groups = p->groups;
        ret_report->again = err && j.deltas && err != EBUSY; /* perhaps somebody took our bases away */
        if (err && (ret_report->again || j.whole))
                publisher_forget(p);
        else if (!err && w.images) {
                remember(p, &w, &j, ret_report->generation);
                p->beside.overtaken |= w.images;
                p->shown = true;
        }
        publish_job_done(&j);
        return err;
}

/* -- the end of the process beside */
/* Nothing is known to have been touched since the tables' mark. */
static bool is_untouched(const struct publish_what *w, unsigned kind)
{
        for (size_t i = 0; i < w->n; i++) {
                const struct table_touched *unused;
                size_t n;
                if (!table_touched(w->domains[i].table, kind == SNAP_GROUP ? TOP_GROUPS : TOP_USERS, true,
                                   &unused, &n) ||
                    n > 0)
                        return false;
        }
        return true;
}

/* What the publisher will know when the images of the process beside are published. NULL: no memory. */
static struct publisher *next_of(const struct publisher *p)
{
        const struct publish_beside *b = &p->beside;
        struct publisher *next = malloc(sizeof(*next));
        if (!next)
                return NULL;
        *next = *p;
        for (unsigned k = 0; k < SNAP_ACCOUNTS; k++) {
                char path[4096 + 64];
                if (!(b->images & 1u << k))
                        continue;
                next->base[k] = b->told->base[k];
                next->base[k].marked = true;
                if (!b->told->base[k].map || b->stale ||
                    !snap_aside_path(path, sizeof(path), b->folder[0], (enum snap_kind)k) ||
                    !publish_base_open(&next->base[k], path, k))
                        next->base[k].map = NULL;
        }
        if (b->images & TABLE_SHADOW)
                next->today = b->today;
        next->users = b->images & ~TABLE_GROUP & TABLE_ACCOUNTS ? b->told->users : p->users;
        next->groups = b->images & TABLE_GROUP ? b->told->groups : p->groups;
        return next;
}

/* All that changed since, upon the new images and the old ones. False: that is not possible. */
static bool make_rest(const struct publisher *next, struct publish_what *w, const struct merge_rules *r,
                      struct job *j, struct publish_report *report)
{
        const unsigned images = next->beside.images;
        const unsigned accounts = (w->images | images) & TABLE_ACCOUNTS;
        if (accounts & TABLE_SHADOW && next->today != r->today)
                return false;
        for (unsigned k = 0; k < SNAP_ACCOUNTS; k++) {
                if (!(accounts & 1u << k) || (images & 1u << k && is_untouched(w, k)))
                        continue;
                if (!as_delta(next, w, r, k, j, report))
                        return false;
        }
        leave(w, j, publish_maps_large(w->domains, w->n, w->images, w->config->beside), report);
        return publish_maps(w->domains, w->n, r, w->images, j) == 0;
}

/* The new images are live: they take the place of those that were remembered. */
static void adopt(struct publisher *p, struct publisher *next)
{
        for (unsigned k = 0; k < SNAP_ACCOUNTS; k++) {
                if (!(next->beside.images & 1u << k))
                        continue;
                publish_base_drop(&p->base[k]);
                p->base[k] = next->base[k];
                p->base[k].marked = false;
                next->base[k].map = NULL;
        }
        p->shown = true;
        p->today = next->today;
        p->users = next->users;
        p->groups = next->groups;
}

static void take_told(const struct publish_beside *b, struct job *j)
{
        for (unsigned k = 0; k < SNAP_KINDS; k++)
                if (b->images & 1u << k) {
                        j->left_out[k] = b->told->left_out[k];
                        memcpy(j->first_left_out[k], b->told->first_left_out[k],
                               sizeof(j->first_left_out[k]));
                }
}

/* The images of the process beside, with what changed since if that can be said, else as they are: unless
 * newer ones are live. */
static int finish(struct publisher *p, struct publisher *next, struct publish_what *w, struct job *j,
                  struct publish_report *report)
{
        const struct publish_beside *b = &p->beside;
        const struct merge_rules r = publish_rules(w);
        const unsigned asked = w->images, users = TABLE_PASSWD | TABLE_SHADOW;
        unsigned ready = b->images & ~(b->overtaken & TABLE_MAPS);
        take_told(b, j);
        if (b->stale || !make_rest(next, w, &r, j, report)) {
                leave(w, j, TABLE_ALL, report);
                report->left = asked;
                report->users = next->users;
                report->groups = next->groups;
                ready &= ~(b->overtaken & users ? users : 0) & ~b->overtaken;
                next->beside.images = ready;
                take_told(&next->beside, j);
                if (!ready)
                        return 0;
        }
        ready &= ~(w->images & TABLE_MAPS);
        tell(next, w, j, report);
        if (publish_is_lost(w))
                return EIO;
        if (!b->stale)
                publish_count(w, ready, table_begin_at_mark); /* from here on the tables may change again */
        const int err = publish(w, j, ready, report);
        if (err)
                publisher_forget(p);
        else
                adopt(p, next);
        report->made = err ? 0 : b->images & (ready | TABLE_MAPS); /* a map that is not, is there newer */
        return err;
}

int publish_finish(struct publisher *p, const struct publish_what *asked, struct publish_report *ret_report)
{
        struct publish_what w = *asked;
        struct job j = {.error = 0};
        *ret_report = (struct publish_report){.users = p->users, .groups = p->groups};
        const unsigned made = p->beside.images;
        int err = publish_beside_end(p, ret_report);
        struct publisher *next = err ? NULL : next_of(p);
        if (!err && !next)
                err = ENOMEM;
        arena_init(&j.arena, LIMIT_ARENA);
        if (!err) {
                ret_report->users = next->users;
                ret_report->groups = next->groups;
                err = finish(p, next, &w, &j, ret_report);
        }
        for (unsigned k = 0; next && k < SNAP_ACCOUNTS; k++)
                if (made & 1u << k) /* the others are still p's, if it did not forget them */
                        publish_base_drop(&next->base[k]);
        free(next);
        publish_job_done(&j);
        publisher_abort(p);
        if (err && !ret_report->trouble[0])
                snprintf(ret_report->trouble, sizeof(ret_report->trouble), "%s", strerror(err));
        return err;
}
