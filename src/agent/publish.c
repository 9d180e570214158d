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
        return calloc(1, sizeof(struct publisher));
}

static void base_drop(struct publish_base *b)
{
        if (b->map)
                munmap(b->map, b->size);
        b->map = NULL;
}

void publisher_forget(struct publisher *p)
{
        for (unsigned k = 0; k < SNAP_ACCOUNTS; k++)
                base_drop(&p->base[k]);
}

void publisher_free(struct publisher *p)
{
        if (p)
                publisher_forget(p);
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

/* Takes what was just published as base of what follows. Without success nothing follows but whole images. */
static void base_take(struct publish_base *b, const char *folder, unsigned kind, uint64_t generation,
                      const struct job *j)
{
        char path[4096];
        bool all;
        const int n = snprintf(path, sizeof(path), "%s/%s.%llu", folder, snap_map_name((enum snap_kind)kind),
                               (unsigned long long)generation);
        const uint64_t *contested = snap_builder_contested(j->map[kind], &b->contested_count, &all);
        base_drop(b);
        if (!all || j->misfit[kind] || (kind == SNAP_GROUP && j->united_count > UNITED_MOST / 2) || n < 0 ||
            (size_t)n >= sizeof(path) || snap_map_file(path, &b->map, &b->size))
                return;
        memcpy(b->contested, contested, b->contested_count * sizeof(*contested));
        qsort(b->contested, b->contested_count, sizeof(*contested), by_value);
        if (snap_image_open(b->map, b->size, (enum snap_kind)kind, &b->image)) {
                base_drop(b);
                return;
        }
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
                j->error = snap_builder_new((enum snap_kind)k, &j->map[k]);
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

/* The images of j->whole from all that the tables have. */
static int make_from_tables(struct publisher *p, struct job *j, const struct publish_domain *from,
                            struct merge_domain *d, size_t n, const struct merge_rules *r)
{
        uint32_t users = 0, groups = 0;
        bool ok = true;
        for (size_t i = 0; ok && i < n; i++) {
                struct bytes *u = NULL, *g = NULL;
                ok = (!(j->whole & ~TABLE_GROUP) ||
                      table_children(from[i].table, TOP_USERS, &u, &d[i].user_count)) &&
                     (!(j->whole & TABLE_GROUP) ||
                      table_children(from[i].table, TOP_GROUPS, &g, &d[i].group_count));
                d[i].users = u;
                d[i].groups = g;
                users += (uint32_t)d[i].user_count;
                groups += (uint32_t)d[i].group_count;
        }
        const int err = ok ? make_whole(j, d, n, r) : ENOMEM;
        if (!err && j->whole & ~TABLE_GROUP)
                p->users = users;
        if (!err && j->whole & TABLE_GROUP)
                p->groups = groups;
        forget_children(d, n);
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

static int publish(const struct agent_config *c, struct job *j, struct publish_report *ret_report)
{
        struct snap_report report;
        struct snap_publication p = {
                .folder = c->snapshots,
                .durable = *c->durable ? c->durable : NULL,
                /* The table is exact: what the domain does not have is not published. */
                .may_shrink = TABLE_ALL,
                .shadow_group = group_of(c->shadow_group, ret_report),
                .quarantine_s = c->quarantine,
        };
        memcpy(p.map, j->map, sizeof(p.map));
        const int err = snap_publish(&p, &report);
        ret_report->generation = report.generation;
        if (report.what[0])
                snprintf(ret_report->trouble, sizeof(ret_report->trouble), "%s", report.what);
        return err;
}

static void job_done(struct job *j)
{
        for (unsigned k = 0; k < SNAP_KINDS; k++) {
                snap_builder_free(j->map[k]);
                j->map[k] = NULL;
        }
        arena_done(&j->arena);
}

/* Deltas where that is possible. passwd and shadow are made whole together, because a table counts what
 * changed of a user once for both. */
static void make_deltas(const struct publisher *p, const struct publish_domain *from,
                        const struct merge_domain *like, size_t n, const struct merge_rules *r,
                        unsigned images, struct job *j, struct publish_report *report)
{
        for (unsigned k = 0; k < SNAP_ACCOUNTS; k++) {
                uint32_t *count = k == SNAP_GROUP ? &report->groups : &report->users;
                if (!(images & 1u << k))
                        continue;
                if ((k == SNAP_SHADOW && (p->today != r->today || j->whole & TABLE_PASSWD)) ||
                    !publish_delta(p, from, like, n, r, (enum snap_kind)k, j, count))
                        j->whole |= k == SNAP_GROUP ? TABLE_GROUP : TABLE_PASSWD | TABLE_SHADOW;
                else
                        j->deltas |= 1u << k;
        }
        for (unsigned k = 0; k < SNAP_ACCOUNTS; k++)
                if (j->whole & j->deltas & 1u << k) {
                        snap_builder_free(j->map[k]);
                        j->map[k] = NULL;
                }
        j->deltas &= ~j->whole;
}

#define GROWN 256u /* touched records: a quarter of what a delta may hold */

static void tell(const struct job *j, const struct publish_domain *from, size_t n,
                 struct publish_report *report)
{
        report->deltas = j->deltas;
        for (unsigned k = 0; k < SNAP_ACCOUNTS; k++) {
                size_t all = 0;
                for (size_t i = 0; i < n; i++) {
                        const struct table_touched *unused;
                        size_t touched;
                        if (table_touched(from[i].table, k == SNAP_GROUP ? TOP_GROUPS : TOP_USERS, &unused,
                                          &touched))
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

/* Everything is made: from here on the tables may change again, and count what they are changed by since. */
static int let_go(struct job *j, const struct publish_domain *from, size_t n, struct publish_report *report)
{
        tell(j, from, n, report);
        for (size_t i = 0; i < n; i++) {
                if (j->whole & TABLE_PASSWD)
                        table_begin(from[i].table, TOP_USERS);
                if (j->whole & TABLE_GROUP)
                        table_begin(from[i].table, TOP_GROUPS);
        }
        const size_t united = j->united_count < UNITED_MOST / 2 ? j->united_count : UNITED_MOST / 2;
        return keep_names(j, j->last, LIMIT_DEPTH) && keep_names(j, j->united, united) ? 0 : ENOMEM;
}

/* What was published is what the next deltas lie upon. */
static void remember(struct publisher *p, const char *folder, const struct job *j, uint64_t generation,
                     int64_t today)
{
        for (unsigned k = 0; k < SNAP_ACCOUNTS; k++)
                if (j->whole & 1u << k)
                        base_take(&p->base[k], folder, k, generation, j);
        if (j->whole & TABLE_SHADOW)
                p->today = today;
}

static int make(struct publisher *p, const struct publish_domain *from, size_t n, unsigned images,
                const struct merge_rules *r, struct job *j, struct publish_report *ret_report)
{
        struct merge_domain d[LIMIT_DEPTH] = {{NULL, false, NULL, NULL, 0, 0}};
        for (size_t i = 0; i < n; i++)
                d[i] = (struct merge_domain){.name = from[i].name, .local = from[i].local};
        make_deltas(p, from, d, n, r, images, j, ret_report);
        int err = j->whole ? make_from_tables(p, j, from, d, n, r) : 0;
        if (!err)
                err = publish_maps(from, n, r, images, j);
        if (!err)
                err = let_go(j, from, n, ret_report);
        if (err)
                snprintf(ret_report->trouble, sizeof(ret_report->trouble), "%s", strerror(err));
        return err;
}

int publish_images(struct publisher *p, const struct agent_config *c, const struct publish_domain *domains,
                   size_t n, unsigned images, int64_t today, const struct own *own, pthread_mutex_t *lock,
                   struct publish_report *ret_report)
{
        struct merge_rules r = {
                .min_id = c->min_id,
                .allow = c->allow,
                .allow_count = c->allow_count,
                .publish_hashes = c->publish_hashes,
                .allow_empty_passwords = c->allow_empty_passwords,
                .today = today,
                .own = own,
        };
        struct job j = {.error = 0};
        arena_init(&j.arena, LIMIT_ARENA);
        *ret_report = (struct publish_report){.users = p->users, .groups = p->groups};
        random_bytes(&r.key, sizeof(r.key));
        int err = make(p, domains, n, images, &r, &j, ret_report);
        if (!err) {
                if (lock)
                        pthread_mutex_unlock(lock);
                err = publish(c, &j, ret_report);
                if (lock)
                        pthread_mutex_lock(lock);
        }
        if (j.whole & ~TABLE_GROUP)
                ret_report->users = p->users;
        if (j.whole & TABLE_GROUP)
                ret_report->groups = p->groups;
        ret_report->again = err && j.deltas && err != EBUSY; /* perhaps somebody took our bases away */
        if (!err)
                remember(p, c->snapshots, &j, ret_report->generation, today);
        else if (ret_report->again || j.whole)
                publisher_forget(p);
        job_done(&j);
        return err;
}
