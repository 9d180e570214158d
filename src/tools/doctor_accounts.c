/* Users and groups of all domains and of /etc side by side: what is left out, what stands twice, what
 * collides. */
#include "base/text.h"
#include "agent/maps.h"
#include "sys/random.h"
#include "tools/doctor.h"
#include "tools/libc_ask.h"

#include <arpa/inet.h>
#include <crypt.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define DES_LENGTH 13u /* of a hash of the traditional crypt */

struct account {
        const char *name;
        uint32_t id;
        uint32_t rank; /* order of arrival */
        uint16_t source;
};

struct accounts {
        struct account *v;
        size_t n, room;
};

struct reason_count {
        const char *what, *reason; /* static: "/users"; the agent's words */
        unsigned n;
        const char *names; /* the first few */
};

struct doctor_accounts {
        struct doctor *d;
        struct arena arena; /* names */
        const char *sources[LIMIT_DEPTH + 2];
        uint16_t source_count;
        struct accounts users, groups, machines; /* of machines the id is an IPv4 address */
        struct merge_rules rules;
        struct own *own;
        struct reason_count left_out[64]; /* of the domain at hand */
        unsigned left_out_count;
        unsigned des; /* hashes of the traditional crypt in the local domain */
        const char *a_des;
        bool failed;
};

static void add(struct doctor_accounts *a, struct accounts *to, struct bytes name, uint32_t id)
{
        if (to->n == to->room) {
                const size_t more = to->room ? to->room * 2 : 1024;
                struct account *v = realloc(to->v, more * sizeof(*v));
                if (!v) {
                        a->failed = true;
                        return;
                }
                to->v = v;
                to->room = more;
        }
        const char *copy = arena_str(&a->arena, name);
        if (!copy) {
                a->failed = true;
                return;
        }
        to->v[to->n] = (struct account){copy, id, (uint32_t)to->n, (uint16_t)(a->source_count - 1)};
        to->n++;
}

static void begin_source(struct doctor_accounts *a, const char *name)
{
        a->sources[a->source_count++] = name;
        a->left_out_count = 0;
}

static void take_files(struct doctor_accounts *a)
{
        FILE *f = fopen(doctor_path(a->d, "/etc/passwd"), "re");
        const struct passwd *p;
        const struct group *g;
        begin_source(a, "/etc");
        while (f && (p = fgetpwent(f)))
                add(a, &a->users, bytes_str(p->pw_name), p->pw_uid);
        if (f)
                fclose(f);
        f = fopen(doctor_path(a->d, "/etc/group"), "re");
        while (f && (g = fgetgrent(f)))
                add(a, &a->groups, bytes_str(g->gr_name), g->gr_gid);
        if (f)
                fclose(f);
}

struct doctor_accounts *doctor_accounts_new(struct doctor *d)
{
        struct doctor_accounts *a = calloc(1, sizeof(*a));
        if (!a)
                return NULL;
        a->d = d;
        arena_init(&a->arena, 0);
        a->rules = (struct merge_rules){.min_id = d->agent.min_id,
                                        .allow = d->agent.allow,
                                        .allow_count = d->agent.allow_count,
                                        .today = (int64_t)(time(NULL) / 86400)};
        random_bytes(&a->rules.key, sizeof(a->rules.key));
        a->own = own_new(d->agent.own_files[0] ? doctor_path(d, d->agent.own_files) : "");
        if (a->own)
                own_refresh(a->own);
        a->rules.own = a->own;
        take_files(a);
        return a;
}

/* -- one domain
 * ------------------------------------------------------------------------------------------------- */

static bool take_user(void *context, const struct merge_domain *d, const struct snap_user *u)
{
        struct doctor_accounts *a = context;
        (void)d;
        add(a, &a->users, u->names[0], u->uid);
        return !a->failed;
}

static bool take_group(void *context, const struct merge_domain *d, const struct snap_group *g)
{
        struct doctor_accounts *a = context;
        (void)d;
        add(a, &a->groups, g->names[0], g->gid);
        return !a->failed;
}

static void count_left_out(struct doctor_accounts *a, const char *what, struct bytes name, const char *reason)
{
        struct reason_count *list = a->left_out;
        unsigned i = 0;
        while (i < a->left_out_count && (list[i].what != what || strcmp(list[i].reason, reason) != 0))
                i++;
        if (i == sizeof(a->left_out) / sizeof(a->left_out[0]))
                return;
        if (i == a->left_out_count)
                list[a->left_out_count++] = (struct reason_count){what, reason, 0, ""};
        if (list[i].n++ < DOCTOR_SHOWN_MOST)
                list[i].names = doctor_text(a->d, "%s%s%.*s", list[i].names, list[i].n > 1 ? " " : "",
                                            BYTES_FMT(bytes_sub(name, 0, 100)));
}

static void take_left_out(void *context, const struct merge_domain *domain, const char *what,
                          struct bytes name, const char *reason)
{
        (void)domain;
        count_left_out(context, strcmp(what, "user") == 0 ? "users" : "groups", name, reason);
}

static void report_left_out(struct doctor_accounts *a, const char *domain)
{
        for (unsigned i = 0; i < a->left_out_count; i++) {
                const struct reason_count *r = &a->left_out[i];
                doctor_add(a->d, DOCTOR_WARNING, "left-out", doctor_text(a->d, "%s of %s", r->what, domain),
                           doctor_text(a->d, "%u not published: %s (%s%s)", r->n, r->reason, r->names,
                                       r->n > DOCTOR_SHOWN_MOST ? " ..." : ""),
                           strstr(r->reason, "min_id") || strstr(r->reason, "reserved") ||
                                           strstr(r->reason, "this machine")
                                   ? "give them other ids, or name them in `allow` of agent.conf"
                                   : "correct the records; `ni explain` shows one");
        }
}

/* The children's property lists, encoded; NULL and a finding when they cannot be had. */
static struct bytes *read_all(struct doctor_accounts *a, struct client *c, const char *domain,
                              const char *top, size_t *ret_n, struct buf *encoded)
{
        struct ni_args args = {.id = {0, 0}};
        struct ni_result r;
        struct client_why why;
        *ret_n = 0;
        enum ni_status s = client_path(c, top, &args.id, NULL, &why);
        if (s == NI_NODIR)
                return NULL;
        if (s == NI_OK)
                s = client_ni(c, NI_PROC_listall, &args, &r);
        if (s != NI_OK || r.status != NI_OK) {
                doctor_add(a->d, DOCTOR_NOTE, "accounts", doctor_text(a->d, "%s of %s", top, domain),
                           "they could not be read, or are too many for one answer: not checked", NULL);
                return NULL;
        }
        struct bytes *v = calloc(r.list_count + 1, sizeof(*v));
        size_t *ends = calloc(r.list_count + 1, sizeof(*ends));
        for (uint32_t i = 0; v && ends && i < r.list_count; i++) {
                xdr_put_proplist(encoded, r.lists[i]);
                ends[i] = encoded->len;
        }
        for (uint32_t i = 0; v && ends && i < r.list_count && !encoded->failed; i++) {
                const size_t from = i ? ends[i - 1] : 0;
                v[i] = bytes_of(encoded->data + from, ends[i] - from);
                *ret_n = i + 1;
        }
        free(ends);
        a->failed |= encoded->failed || !v;
        return v;
}

/* Hashes that need the traditional crypt (doc/resolution.md 11.3). */
static void count_des(struct doctor_accounts *a, const struct bytes *users, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                struct bytes hash, name = BYTES_NONE;
                if (!prop_first(users[i], "passwd", &hash) || hash.len != DES_LENGTH || hash.data[0] == '$' ||
                    hash.data[0] == '*')
                        continue;
                prop_first(users[i], "name", &name);
                if (a->des++ == 0)
                        a->a_des = arena_str(&a->arena, name);
        }
}

/* -- the small maps: only what is left out of them */

struct map_judge {
        struct doctor_accounts *a;
        const char *what;
};

static bool take_map_record(void *context, const struct snap_map_record *r)
{
        (void)context;
        (void)r;
        return true;
}

static void take_map_left_out(void *context, const struct maps_domain *d, const char *what, struct bytes name,
                              const char *reason)
{
        struct map_judge *j = context;
        (void)d;
        (void)what;
        count_left_out(j->a, j->what, name, reason);
}

/* Every address of every machine. */
static void take_machines(struct doctor_accounts *a, const struct bytes *v, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                struct bytes name = BYTES_NONE, address;
                struct prop_walk w;
                if (!prop_first(v[i], "name", &name) || !prop_find(v[i], BYTES_LIT("ip_address"), &w))
                        continue;
                for (uint32_t k = 0; k < w.count && namelist_at(w.values, k, &address); k++) {
                        char text[INET_ADDRSTRLEN];
                        struct in_addr in;
                        snprintf(text, sizeof(text), "%.*s",
                                 BYTES_FMT(bytes_sub(address, 0, sizeof(text) - 1)));
                        if (inet_pton(AF_INET, text, &in) == 1)
                                add(a, &a->machines, name, ntohl(in.s_addr));
                }
        }
}

static void take_maps(struct doctor_accounts *a, const char *domain, bool local, struct client *c)
{
        static const struct {
                enum snap_kind kind;
                enum table_top top;
                const char *path, *what;
        } maps[] = {{SNAP_HOSTS, TOP_MACHINES, "/machines", "machines"},
                    {SNAP_NETWORKS, TOP_NETWORKS, "/networks", "networks"},
                    {SNAP_SERVICES, TOP_SERVICES, "/services", "services"},
                    {SNAP_PROTOCOLS, TOP_PROTOCOLS, "/protocols", "protocols"},
                    {SNAP_RPC, TOP_RPCS, "/rpcs", "rpcs"},
                    {SNAP_ALIASES, TOP_ALIASES, "/aliases", "aliases"}};
        for (size_t i = 0; i < sizeof(maps) / sizeof(maps[0]); i++) {
                struct map_judge j = {a, maps[i].what};
                const struct maps_sink sink = {
                        .record = take_map_record, .left_out = take_map_left_out, .context = &j};
                struct maps_domain d = {.name = domain, .local = local};
                struct buf encoded;
                buf_init(&encoded, 0);
                struct bytes *v = read_all(a, c, domain, maps[i].path, &d.top[maps[i].top].n, &encoded);
                d.top[maps[i].top].v = v;
                if (v && maps[i].top == TOP_MACHINES)
                        take_machines(a, v, d.top[maps[i].top].n);
                if (v && !maps_make(maps[i].kind, &d, 1, &a->rules, &sink))
                        a->failed = true;
                free(v);
                buf_done(&encoded);
        }
}

void doctor_accounts_take(struct doctor_accounts *a, const char *domain, bool local, struct client *c)
{
        const struct merge_sink sink = {
                .user = take_user, .group = take_group, .left_out = take_left_out, .context = a};
        struct merge_domain d = {.name = domain, .local = local};
        struct buf users, groups;
        buf_init(&users, 0);
        buf_init(&groups, 0);
        begin_source(a, domain);
        struct bytes *u = read_all(a, c, domain, "/users", &d.user_count, &users);
        struct bytes *g = read_all(a, c, domain, "/groups", &d.group_count, &groups);
        d.users = u;
        d.groups = g;
        if (!merge_users(&d, 1, &a->rules, &sink) || !merge_groups(&d, 1, &a->rules, &sink))
                a->failed = true;
        if (u)
                count_des(a, u, d.user_count);
        take_maps(a, domain, local, c);
        report_left_out(a, domain);
        free(u);
        free(g);
        buf_done(&users);
        buf_done(&groups);
}

/* -- side by side
 * ------------------------------------------------------------------------------------------------- */

static int by_id(const void *a, const void *b)
{
        const struct account *x = a, *y = b;
        if (x->id != y->id)
                return x->id < y->id ? -1 : 1;
        return x->rank < y->rank ? -1 : 1;
}

static int by_name(const void *a, const void *b)
{
        const struct account *x = a, *y = b;
        const int order = strcmp(x->name, y->name);
        return order ? order : x->rank < y->rank ? -1 : 1;
}

struct collision {
        const char *check, *words, *way_out; /* words: "%u ... " of what was found */
        enum doctor_severity severity;
        unsigned n;
        const char *shown;
};

static void note_collision(struct doctor_accounts *a, struct collision *c, const struct account *x,
                           const struct account *y)
{
        if (c->n++ < DOCTOR_SHOWN_MOST)
                c->shown = doctor_text(a->d, "%s%s%.60s %u in %s, %.60s %u in %s", c->shown,
                                       c->n > 1 ? "; " : "", x->name, x->id, a->sources[x->source], y->name,
                                       y->id, a->sources[y->source]);
}

static void report(struct doctor_accounts *a, const struct collision *c, const char *what)
{
        if (c->n)
                doctor_add(a->d, c->severity, c->check, what,
                           doctor_text(a->d, "%s: %u (%s%s)", c->words, c->n, c->shown,
                                       c->n > DOCTOR_SHOWN_MOST ? "; ..." : ""),
                           c->way_out);
}

/* Neighbours in order; those that are both of /etc are none of ours. */
static void compare(struct doctor_accounts *a, struct accounts *l, const char *what, const char *number)
{
        struct collision ids = {"collision",
                                doctor_text(a->d, "the same %s under different names", number),
                                "files of one belong to the other: give one of them another number",
                                DOCTOR_WARNING,
                                0,
                                ""};
        struct collision names = {"collision",
                                  doctor_text(a->d, "the same name with different %ss", number),
                                  "the nearer one is found by name: rename one, or make the numbers equal",
                                  DOCTOR_WARNING,
                                  0,
                                  ""};
        struct collision twice = {"duplicate",
                                  "the same name twice in one domain",
                                  "only the first is found: `ni explain` shows them; rename or remove one",
                                  DOCTOR_WARNING,
                                  0,
                                  ""};
        if (l->n)
                qsort(l->v, l->n, sizeof(*l->v), by_id);
        for (size_t i = 1; i < l->n; i++) {
                const struct account *x = &l->v[i - 1], *y = &l->v[i];
                if (x->id == y->id && (x->source || y->source) && strcmp(x->name, y->name) != 0)
                        note_collision(a, &ids, x, y);
        }
        if (l->n)
                qsort(l->v, l->n, sizeof(*l->v), by_name);
        for (size_t i = 1; i < l->n; i++) {
                const struct account *x = &l->v[i - 1], *y = &l->v[i];
                if (strcmp(x->name, y->name) != 0 || (!x->source && !y->source))
                        continue;
                if (x->source == y->source)
                        note_collision(a, &twice, x, y);
                else if (x->id != y->id)
                        note_collision(a, &names, x, y);
        }
        report(a, &ids, what);
        report(a, &names, what);
        report(a, &twice, what);
}

/* The traditional crypt of "x" with the salt "ab" is 13 bytes, or libcrypt was built without it. */
static bool crypt_knows_des(void)
{
        struct crypt_data *data = calloc(1, sizeof(*data));
        const char *hash = data ? crypt_r("x", "ab", data) : NULL;
        const bool knows = hash && strlen(hash) == DES_LENGTH && hash[0] == 'a';
        free(data);
        return knows;
}

/* The uid in a line of getent; -1 when there is none. */
static int64_t uid_of(const char *line)
{
        int64_t uid = -1;
        const char *second = strchr(line, ':'), *third = second ? strchr(second + 1, ':') : NULL;
        if (third)
                text_i64(bytes_of(third + 1, strcspn(third + 1, ":")), &uid);
        return uid;
}

/* One user of each domain is looked up through the module: does the agent follow that domain at all? The list
 * is sorted by name, nearest first. */
static void ask_module(struct doctor_accounts *a)
{
        bool asked[LIMIT_DEPTH + 2] = {true}; /* /etc is not ours */
        const struct accounts *l = &a->users;
        if (a->d->from[0] || libc_module_trouble(&a->d->t->arena))
                return;
        for (size_t i = 0; i < l->n; i++) {
                const struct account *u = &l->v[i], *before = i ? &l->v[i - 1] : NULL;
                const bool hidden = before && before->source && strcmp(before->name, u->name) == 0;
                struct libc_answer r;
                if (hidden || asked[u->source] ||
                    !libc_ask(&a->d->t->arena, "passwd", "netinfo", u->name, &r))
                        continue;
                const size_t n = strlen(u->name);
                if (r.result == LIBC_FOUND && (strncmp(r.text, u->name, n) != 0 || r.text[n] != ':'))
                        continue; /* a nearer record has it as a further name */
                asked[u->source] = true;
                if (r.result == LIBC_ABSENT || (r.result == LIBC_FOUND && uid_of(r.text) != (int64_t)u->id))
                        doctor_add(a->d, DOCTOR_ERROR, "images",
                                   doctor_text(a->d, "users of %s", a->sources[u->source]),
                                   doctor_text(a->d,
                                               "the images do not show them as they are (%.60s, uid %u)",
                                               u->name, u->id),
                                   "run `ni doctor` again in a moment; if it stays: does netinfo-agent run, "
                                   "and does "
                                   "`domains` in agent.conf name this domain?");
        }
}

/* Two machines of one domain with one address; that a domain and its parent both know a machine is usual. */
static void compare_machines(struct doctor_accounts *a)
{
        struct accounts *l = &a->machines;
        struct collision c = {"collision",
                              "the same address under different names in one domain",
                              "only the first is asked who may bind, and named to others: remove one, or "
                              "make them one record",
                              DOCTOR_WARNING,
                              0,
                              ""};
        if (l->n)
                qsort(l->v, l->n, sizeof(*l->v), by_id);
        for (size_t i = 1; i < l->n; i++) {
                const struct account *x = &l->v[i - 1], *y = &l->v[i];
                if (x->id != y->id || x->source != y->source || strcmp(x->name, y->name) == 0 ||
                    x->id >> 24 == 127)
                        continue;
                if (c.n++ < DOCTOR_SHOWN_MOST)
                        c.shown = doctor_text(a->d, "%s%s%.60s and %.60s of %s: %u.%u.%u.%u", c.shown,
                                              c.n > 1 ? "; " : "", x->name, y->name, a->sources[x->source],
                                              x->id >> 24, x->id >> 16 & 255, x->id >> 8 & 255, x->id & 255);
        }
        report(a, &c, "machines");
}

void doctor_accounts_end(struct doctor_accounts *a)
{
        if (!a)
                return;
        a->d->checks += 5;
        compare(a, &a->users, "users", "uid");
        ask_module(a);
        compare(a, &a->groups, "groups", "gid");
        compare_machines(a);
        if (a->failed)
                doctor_add(a->d, DOCTOR_NOTE, "accounts", "users and groups",
                           "memory ran out: not all were compared", NULL);
        if (a->des && !crypt_knows_des())
                doctor_add(a->d, DOCTOR_WARNING, "hashes", doctor_text(a->d, "user %s", a->a_des),
                           doctor_text(a->d,
                                       "%u passwords are stored with the traditional crypt, which this "
                                       "machine's libcrypt "
                                       "does not compute: they never match",
                                       a->des),
                           "let them set new passwords (passwd, or `ni set /users/NAME passwd=HASH`)");
        own_free(a->own);
        free(a->users.v);
        free(a->groups.v);
        free(a->machines.v);
        arena_done(&a->arena);
        free(a);
}
