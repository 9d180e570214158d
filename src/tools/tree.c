#include "tools/tree.h"

#include "base/text.h"
#include "client/client.h"
#include "sys/clock.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

struct job {
        uint32_t domain, server;
};

/* What the threads share; everything in the tree is written under the lock. */
struct grower {
        struct tree *tree;
        const struct located_server *here;
        unsigned depth, timeout_ms;
        uint64_t deadline; /* clock_mono_ms() */
        pthread_mutex_t lock;
        pthread_cond_t changed;
        struct job *jobs; /* a ring is not needed: each server is asked once */
        uint32_t jobs_end, next, busy;
        bool *reading; /* domain i: somebody reads its /machines */
        bool failed;
};

static bool same_server(const struct located_server *a, const struct located_server *b)
{
        if (strcmp(a->tag, b->tag) != 0)
                return false;
        return strcmp(a->server, b->server) == 0 || (located_is_here(a) && located_is_here(b));
}

static void skip(struct tree_domain *d, const char *note)
{
        d->note = note;
        for (uint32_t i = 0; i < d->server_count; i++)
                d->servers[i].state = TREE_SKIPPED;
}

/* The ancestor-or-other domain that has one of these servers already. */
static const struct tree_domain *seen_above(const struct tree *t, const struct tree_domain *d)
{
        for (uint32_t at = d->parent;; at = t->v[at].parent) {
                for (uint32_t i = 0; i < d->server_count; i++)
                        for (uint32_t k = 0; k < t->v[at].server_count; k++)
                                if (same_server(&d->servers[i].at, &t->v[at].servers[k].at))
                                        return &t->v[at];
                if (at == t->v[at].parent)
                        return NULL;
        }
}

/* A new domain is complete: its servers are to be asked. Locked. */
static void enqueue(struct grower *g, uint32_t domain)
{
        struct tree_domain *d = &g->tree->v[domain];
        for (uint32_t i = 0; g->here && i < d->server_count && !d->here; i++)
                d->here = same_server(&d->servers[i].at, g->here);
        const struct tree_domain *above = domain ? seen_above(g->tree, d) : NULL;
        if (above) {
                skip(d, arena_printf(&g->tree->arena, "a loop: this is the domain %s above", above->name));
                return;
        }
        if (d->depth > g->depth) {
                skip(d, "not asked: deeper than --depth");
                return;
        }
        for (uint32_t i = 0; i < d->server_count; i++)
                g->jobs[g->jobs_end++] = (struct job){domain, i};
        pthread_cond_broadcast(&g->changed);
}

static struct tree_domain *new_domain(struct grower *g, struct bytes name, uint32_t parent)
{
        struct tree *t = g->tree;
        if (t->n == TREE_DOMAINS_MOST) {
                t->cut = true;
                return NULL;
        }
        struct tree_domain *d = &t->v[t->n];
        *d = (struct tree_domain){.name = arena_str(&t->arena, name), .parent = parent};
        d->depth = t->n ? t->v[parent].depth + 1 : 0;
        if (!d->name)
                return NULL;
        t->n++;
        return d;
}

static void add_server(struct grower *g, struct tree_domain *d, struct bytes machine, struct bytes address,
                       struct bytes tag, uint32_t *room)
{
        struct tree *t = g->tree;
        char text[INET_ADDRSTRLEN];
        struct in_addr in;
        struct tree_server s = {.state = TREE_ASKING};
        if (address.len >= sizeof(text) || tag.len == 0 || tag.len > LIMIT_TAG)
                return;
        snprintf(text, sizeof(text), "%.*s", BYTES_FMT(address));
        if (inet_pton(AF_INET, text, &in) != 1)
                return;
        snprintf(s.at.server, sizeof(s.at.server), "%s", text);
        snprintf(s.at.tag, sizeof(s.at.tag), "%.*s", BYTES_FMT(tag));
        for (uint32_t i = 0; i < d->server_count; i++)
                if (same_server(&d->servers[i].at, &s.at))
                        return;
        if (t->servers == TREE_SERVERS_MOST) {
                t->cut = true;
                return;
        }
        if (d->server_count == *room) {
                const uint32_t more = *room ? *room * 2 : 2;
                struct tree_server *v = arena_zalloc(&t->arena, more, sizeof(*v));
                if (!v)
                        return;
                if (d->server_count)
                        memcpy(v, d->servers, d->server_count * sizeof(*v));
                d->servers = v;
                *room = more;
        }
        s.machine = arena_str(&t->arena, machine);
        d->servers[d->server_count++] = s;
        t->servers++;
}

/* -- children, from /machines ---------------------------------------------------------------------------- */

struct child_work {
        uint32_t first;                   /* index of the first child */
        uint32_t room[TREE_DOMAINS_MOST]; /* for the servers of each */
};

static struct tree_domain *child_named(struct grower *g, struct child_work *w, uint32_t parent,
                                       struct bytes name, uint32_t **ret_room)
{
        struct tree *t = g->tree;
        for (uint32_t i = w->first; i < t->n; i++)
                if (bytes_eq_str(name, t->v[i].name)) {
                        *ret_room = &w->room[i - w->first];
                        return &t->v[i];
                }
        struct tree_domain *d = new_domain(g, name, parent);
        if (d)
                *ret_room = &w->room[t->n - 1 - w->first];
        return d;
}

static void note_nowhere(struct grower *g, struct tree_domain *d, struct bytes machine, struct bytes serves)
{
        if (d->nowhere++ == 0)
                d->a_nowhere =
                        arena_printf(&g->tree->arena, "%.*s: %.*s", BYTES_FMT(machine), BYTES_FMT(serves));
}

/* What one machine serves: the children named get its addresses. */
static void take_machine(struct grower *g, struct child_work *w, uint32_t domain, const struct proplist *m)
{
        const struct property *serves = proplist_get(m, BYTES_LIT("serves"));
        const struct property *ip = proplist_get(m, BYTES_LIT("ip_address"));
        const struct bytes name = proplist_first(m, "name");
        for (uint32_t i = 0; serves && i < serves->values.n; i++) {
                const struct bytes v = serves->values.v[i];
                const size_t slash = bytes_find(v, '/');
                const struct bytes child = bytes_sub(v, 0, slash), tag = bytes_sub(v, slash + 1, v.len);
                uint32_t *room;
                if (slash == v.len || child.len == 0)
                        continue;
                if (!ip || ip->values.n == 0)
                        note_nowhere(g, &g->tree->v[domain], name, v);
                if (bytes_eq_str(child, ".") || bytes_eq_str(child, ".."))
                        continue;
                struct tree_domain *d = child_named(g, w, domain, child, &room);
                for (uint32_t k = 0; d && ip && k < ip->values.n; k++)
                        add_server(g, d, name, ip->values.v[k], tag, room);
        }
}

/* Names of the machines behind our own servers. */
static void name_servers(struct grower *g, struct tree_domain *d, const struct proplist *m)
{
        const struct property *ip = proplist_get(m, BYTES_LIT("ip_address"));
        for (uint32_t i = 0; i < d->server_count; i++)
                for (uint32_t k = 0; ip && k < ip->values.n; k++)
                        if (!d->servers[i].machine[0] &&
                            bytes_eq_str(ip->values.v[k], d->servers[i].at.server))
                                d->servers[i].machine = arena_str(&g->tree->arena, proplist_first(m, "name"));
}

/* Locked. */
static void take_children(struct grower *g, uint32_t domain, const struct ni_result *r)
{
        struct child_work *w = calloc(1, sizeof(*w));
        struct tree *t = g->tree;
        if (!w) {
                g->failed = true;
                return;
        }
        w->first = t->n;
        for (uint32_t i = 0; i < r->list_count; i++) {
                name_servers(g, &t->v[domain], &r->lists[i]);
                take_machine(g, w, domain, &r->lists[i]);
        }
        struct tree_domain *d = &t->v[domain];
        d->listed = true;
        d->child_count = t->n - w->first;
        d->children = arena_zalloc(&t->arena, d->child_count, sizeof(*d->children));
        for (uint32_t i = 0; d->children && i < d->child_count; i++) {
                d->children[i] = w->first + i;
                enqueue(g, w->first + i);
        }
        free(w);
}

static void read_children(struct grower *g, struct client *c, uint32_t domain)
{
        struct ni_args args = {.id = {0, 0}};
        struct ni_result r = {.status = NI_OK};
        struct client_why why;
        const enum ni_status found = client_path(c, "/machines", &args.id, NULL, &why);
        enum ni_status s = found;
        if (s == NI_OK)
                s = client_ni(c, NI_PROC_listall, &args, &r);
        if (s == NI_OK)
                s = r.status;
        pthread_mutex_lock(&g->lock);
        g->reading[domain] = false;
        if (s == NI_OK)
                take_children(g, domain, &r);
        else if (found == NI_NODIR)
                g->tree->v[domain].listed = true;
        else
                g->tree->v[domain].note = "its /machines cannot be read";
        pthread_mutex_unlock(&g->lock);
}

/* -- one server --------------------------------------------------------------------------------------------
 */

static void take_status(struct grower *g, struct tree_server *s, const struct ext_status_result *r,
                        uint64_t before)
{
        const uint64_t now = clock_wall_us();
        s->state = TREE_ANSWERS;
        s->version = arena_str(&g->tree->arena, r->server_version);
        s->role = r->role;
        memcpy(s->uuid, r->uuid, sizeof(s->uuid));
        memcpy(s->digest, r->digest, sizeof(s->digest));
        s->epoch = r->epoch;
        s->seq = r->seq;
        s->checksum = r->checksum;
        s->clock_us = (int64_t)(r->now - (before + (now - before) / 2));
}

static void take_statistics(struct tree_server *s, const struct ni_result *r)
{
        uint32_t checksum;
        s->state = TREE_HISTORICAL;
        if (text_u32(proplist_first(&r->props, "checksum"), &checksum))
                s->checksum = checksum;
}

static struct client *reach(struct grower *g, const struct located_server *at, struct client_why *why)
{
        struct client_options o;
        struct client *c;
        client_options_init(&o);
        o.server = at->server[0] ? at->server : NULL;
        o.tag = at->tag;
        o.timeout_ms = g->timeout_ms;
        return client_open(&o, &c, why) == NI_OK ? c : NULL;
}

/* True when this thread shall read the domain's /machines. */
static bool ask_server(struct grower *g, struct client *c, struct tree_server *s, uint32_t domain)
{
        struct ext_status_result status;
        struct ni_result statistics;
        const struct ni_args none = {.number = 0};
        const uint64_t wall = clock_wall_us(), mono = clock_mono_ms();
        enum ni_status r = client_status(c, &status);
        const bool modern = r == NI_OK && status.status == NI_OK;
        if (r == NI_BADOP)
                r = client_ni(c, NI_PROC_statistics, &none, &statistics);
        pthread_mutex_lock(&g->lock);
        s->took_ms = (uint32_t)(clock_mono_ms() - mono);
        if (modern)
                take_status(g, s, &status, wall);
        else if (r == NI_OK)
                take_statistics(s, &statistics);
        if (!modern && r != NI_OK) {
                s->state = TREE_SILENT;
                s->why = arena_str(&g->tree->arena, bytes_str(client_reason(c)));
        }
        struct tree_domain *d = &g->tree->v[domain];
        const bool mine = s->state != TREE_SILENT && !d->listed && !g->reading[domain];
        if (mine)
                g->reading[domain] = true;
        pthread_mutex_unlock(&g->lock);
        return mine;
}

/* The words about one place, without the lists of them that client_open gives. */
static const char *short_reason(struct arena *a, const char *why)
{
        const char *open = strrchr(why, '('), *close = open ? strchr(open, ')') : NULL;
        if (strstr(why, "does not serve a domain"))
                return "does not serve this domain";
        if (!close)
                return arena_str(a, bytes_str(why));
        const char *first = strchr(why, '(');
        close = strchr(first, ')');
        return close ? arena_str(a, bytes_of(first + 1, (size_t)(close - first - 1)))
                     : arena_str(a, bytes_str(why));
}

static void do_job(struct grower *g, struct job j)
{
        struct tree_server *s = &g->tree->v[j.domain].servers[j.server];
        const struct located_server at = s->at;
        struct client_why why = {"not asked: the others took a minute; name a part of the tree with "
                                 "--domain, or a shorter --timeout"};
        struct client *c = clock_mono_ms() < g->deadline ? reach(g, &at, &why) : NULL;
        if (!c) {
                pthread_mutex_lock(&g->lock);
                s->state = TREE_SILENT;
                s->why = short_reason(&g->tree->arena, why.text);
                pthread_mutex_unlock(&g->lock);
                return;
        }
        if (ask_server(g, c, s, j.domain))
                read_children(g, c, j.domain);
        client_close(c);
}

static void *work(void *context)
{
        struct grower *g = context;
        pthread_mutex_lock(&g->lock);
        for (;;) {
                while (g->next == g->jobs_end && g->busy > 0)
                        pthread_cond_wait(&g->changed, &g->lock);
                if (g->next == g->jobs_end)
                        break;
                const struct job j = g->jobs[g->next++];
                g->busy++;
                pthread_mutex_unlock(&g->lock);
                do_job(g, j);
                pthread_mutex_lock(&g->lock);
                g->busy--;
                pthread_cond_broadcast(&g->changed);
        }
        pthread_mutex_unlock(&g->lock);
        return NULL;
}

static void plant(struct grower *g, const struct located *top, const char *name)
{
        struct tree_domain *d = new_domain(g, bytes_str(name), 0);
        if (!d)
                return;
        d->servers = arena_zalloc(&g->tree->arena, top->n, sizeof(*d->servers));
        for (unsigned i = 0; d->servers && i < top->n; i++) {
                d->servers[i] = (struct tree_server){.machine = "", .at = top->v[i]};
                d->server_count = i + 1;
        }
        g->tree->servers = d->server_count;
        enqueue(g, 0);
}

bool tree_grow(const struct located *top, const char *top_name, const struct located_server *here,
               unsigned depth, unsigned timeout_ms, struct tree *ret)
{
        struct grower g = {.tree = ret,
                           .here = here,
                           .depth = depth,
                           .timeout_ms = timeout_ms,
                           .deadline = clock_mono_ms() + TREE_MS};
        pthread_t threads[TREE_THREADS];
        unsigned n = 0;
        *ret = (struct tree){.n = 0};
        arena_init(&ret->arena, LIMIT_ARENA);
        ret->v = calloc(TREE_DOMAINS_MOST, sizeof(*ret->v));
        g.jobs = calloc(TREE_SERVERS_MOST + LOCATED_MOST, sizeof(*g.jobs));
        g.reading = calloc(TREE_DOMAINS_MOST, sizeof(*g.reading));
        pthread_mutex_init(&g.lock, NULL);
        pthread_cond_init(&g.changed, NULL);
        if (ret->v && g.jobs && g.reading) {
                plant(&g, top, top_name);
                while (n < TREE_THREADS && pthread_create(&threads[n], NULL, work, &g) == 0)
                        n++;
                if (n == 0)
                        work(&g); /* alone, then */
        }
        for (unsigned i = 0; i < n; i++)
                pthread_join(threads[i], NULL);
        pthread_cond_destroy(&g.changed);
        pthread_mutex_destroy(&g.lock);
        free(g.jobs);
        free(g.reading);
        return ret->n > 0 && !g.failed && !ret->arena.failed;
}

void tree_done(struct tree *t)
{
        free(t->v);
        t->v = NULL;
        arena_done(&t->arena);
}

/* -- verdicts ------------------------------------------------------------------------------------------- */

const struct tree_server *tree_reference(const struct tree_domain *d)
{
        const struct tree_server *best = NULL;
        for (uint32_t i = 0; i < d->server_count; i++) {
                const struct tree_server *s = &d->servers[i];
                if (s->state != TREE_ANSWERS)
                        continue;
                if (!best || s->role < best->role || (s->role == best->role && s->seq > best->seq))
                        best = s;
        }
        return best;
}

const char *tree_trouble(const struct tree_domain *d, const struct tree_server *s, struct arena *a)
{
        static const uint8_t hidden[sizeof(s->digest)] = {0};
        const struct tree_server *r = tree_reference(d);
        if (!r || r == s || s->state != TREE_ANSWERS)
                return NULL;
        if (memcmp(r->uuid, s->uuid, sizeof(s->uuid)) != 0)
                return "is another domain (its uuid differs)";
        if (s->role == 0) /* the same machine by another of its addresses is no second one */
                return strcmp(s->machine, r->machine) == 0 && s->epoch == r->epoch ? NULL : "a second master";
        if (s->epoch != r->epoch)
                return "has another history (its epoch differs)";
        if (s->seq > r->seq)
                return arena_printf(a, "%llu changes ahead", (unsigned long long)(s->seq - r->seq));
        if (s->seq < r->seq)
                return arena_printf(a, "%llu changes behind", (unsigned long long)(r->seq - s->seq));
        const bool shown = memcmp(s->digest, hidden, sizeof(hidden)) != 0 &&
                           memcmp(r->digest, hidden, sizeof(hidden)) != 0;
        if (s->checksum != r->checksum || (shown && memcmp(s->digest, r->digest, sizeof(s->digest)) != 0))
                return "differs from the master at the same change";
        return NULL;
}

const char *tree_address(const struct tree_server *s, struct arena *a)
{
        const char *text =
                arena_printf(a, "%s@%s", s->at.tag, s->at.server[0] ? s->at.server : "this machine");
        return text ? text : s->at.tag;
}
