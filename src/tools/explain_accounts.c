/* Users and groups: who answers, who is hidden, what is left out, and a user's groups (doc/resolution.md 10).
 */
#include "base/text.h"
#include "tools/explain.h"

#include <stdio.h>

/* -- one record, judged by the agent's own rules -----------------------------------------------------------
 */

struct judge {
        struct explain *x;
        struct explain_account *account;
};

static void keep_names(struct judge *j, const struct bytes *names, size_t n)
{
        struct explain_account *a = j->account;
        for (size_t i = 0; i < n && a->name_count < sizeof(a->names) / sizeof(a->names[0]); i++)
                a->names[a->name_count++] = arena_bytes(&j->x->t->arena, names[i]);
        a->name = n ? arena_str(&j->x->t->arena, names[0]) : "";
}

static bool take_user(void *context, const struct merge_domain *d, const struct snap_user *u)
{
        (void)d;
        struct judge *j = context;
        keep_names(j, u->names, u->name_count);
        j->account->uid = u->uid;
        j->account->gid = u->gid;
        j->account->line = arena_printf(&j->x->t->arena, "%s:%s:%u:%u:%.*s:%.*s:%.*s", j->account->name,
                                        u->has_hash ? "x" : "*", u->uid, u->gid, BYTES_FMT(u->gecos),
                                        BYTES_FMT(u->dir), BYTES_FMT(u->shell));
        return true;
}

static bool take_group(void *context, const struct merge_domain *d, const struct snap_group *g)
{
        (void)d;
        struct judge *j = context;
        struct buf line;
        keep_names(j, g->names, g->name_count);
        j->account->gid = g->gid;
        buf_init(&line, 0);
        buf_printf(&line, "%s:%s:%u:", j->account->name, g->has_hash ? "x" : "*", g->gid);
        for (size_t i = 0; i < g->member_count; i++) {
                buf_puts(&line, i ? "," : "");
                buf_put(&line, g->members[i]);
        }
        j->account->line = arena_str(&j->x->t->arena, buf_bytes(&line));
        buf_done(&line);
        return true;
}

static void take_left_out(void *context, const struct merge_domain *d, const char *what, struct bytes name,
                          const char *reason)
{
        struct judge *j = context;
        (void)d;
        (void)name;
        if (strcmp(what, "member") != 0)
                j->account->left_out = reason;
}

static struct merge_sink sink_of(struct judge *j)
{
        return (struct merge_sink){
                .user = take_user, .group = take_group, .left_out = take_left_out, .context = j};
}

void explain_user_of(struct explain *x, const struct explain_record *r, struct explain_account *ret)
{
        struct judge j = {x, ret};
        const struct merge_sink sink = sink_of(&j);
        const struct merge_domain d = {.name = x->level[r->level].name,
                                       .local = x->level[r->level].local,
                                       .users = &r->props,
                                       .user_count = 1};
        *ret = (struct explain_account){.left_out = NULL};
        if (!merge_users(&d, 1, &x->merge, &sink))
                ret->left_out = "out of memory";
}

/* Several records, in rank order, of which the first gives name and number: what they are united. */
static void unite(struct explain *x, const struct explain_record *v, unsigned n, struct explain_account *ret)
{
        struct merge_domain d[LIMIT_DEPTH + 1];
        struct judge j = {x, ret};
        const struct merge_sink sink = sink_of(&j);
        struct bytes *props = arena_zalloc(&x->t->arena, n, sizeof(*props));
        unsigned domains = 0;
        *ret = (struct explain_account){.left_out = props ? NULL : "out of memory"};
        for (unsigned i = 0; props && i < n; i++) {
                const struct explain_level *l = &x->level[v[i].level];
                props[i] = v[i].props;
                if (i == 0 || v[i].level != v[i - 1].level)
                        d[domains++] = (struct merge_domain){
                                .name = l->name, .local = l->local, .groups = &props[i]};
                d[domains - 1].group_count++;
        }
        if (domains && !merge_groups(d, domains, &x->merge, &sink))
                ret->left_out = "out of memory";
}

void explain_group_of(struct explain *x, const struct explain_record *r, struct explain_account *ret)
{
        unite(x, r, 1, ret);
}

bool explain_has_name(const struct explain_account *a, const char *name)
{
        for (unsigned i = 0; i < a->name_count; i++)
                if (bytes_eq_str(a->names[i], name))
                        return true;
        return false;
}

/* -- users -------------------------------------------------------------------------------------------------
 */

const char *explain_hidden_by(const struct explain *x, const struct explain_record *winner)
{
        return arena_printf(&x->t->arena, "%s is nearer, or its record comes first",
                            x->level[winner->level].name);
}

static json_t *user_item(const struct explain *x, const struct explain_record *r,
                         const struct explain_account *a, const char *verdict, const char *reason)
{
        json_t *j = explain_item(x, r, verdict, reason);
        if (!a->left_out) {
                json_object_set_new(j, "uid", json_integer(a->uid));
                json_object_set_new(j, "gid", json_integer(a->gid));
        }
        return j;
}

/* The first that is published under the key wins; gives its index, or n. */
static unsigned judge_users(struct explain *x, const struct explain_records *l, const char *name,
                            const uint32_t *uid, json_t *to)
{
        unsigned winner = l->n;
        for (unsigned i = 0; i < l->n; i++) {
                struct explain_account a;
                explain_user_of(x, &l->v[i], &a);
                if (a.left_out)
                        json_array_append_new(to, user_item(x, &l->v[i], &a, "left out", a.left_out));
                else if (name && !explain_has_name(&a, name))
                        json_array_append_new(
                                to, user_item(x, &l->v[i], &a, "left out", "this name is not usable"));
                else if (uid && a.uid != *uid)
                        continue; /* -2 and 65534 are one */
                else if (winner == l->n) {
                        winner = i;
                        json_array_append_new(to, user_item(x, &l->v[i], &a, "answers", NULL));
                } else
                        json_array_append_new(to, user_item(x, &l->v[i], &a, "hidden",
                                                            explain_hidden_by(x, &l->v[winner])));
        }
        return winner;
}

/* All records with this number, however nobody's is written. */
static struct explain_records with_number(struct explain *x, const char *top, const char *key,
                                          uint32_t number)
{
        struct explain_records l = {NULL, 0};
        char text[16];
        snprintf(text, sizeof(text), "%u", number);
        explain_find(x, top, key, bytes_str(text), &l);
        if (number == 65534) {
                explain_find(x, top, key, BYTES_LIT("-2"), &l);
                explain_find(x, top, key, BYTES_LIT("4294967294"), &l);
        }
        return l;
}

static void add_gid(json_t *to, json_t *seen, uint32_t gid, json_t *item, bool counts)
{
        char key[16];
        snprintf(key, sizeof(key), "%u", gid);
        if (counts && json_object_get(seen, key)) {
                json_object_set_new(item, "verdict", json_string("there already"));
        } else if (counts) {
                json_object_set_new(seen, key, json_true());
        }
        json_array_append_new(to, item);
}

/* The group list of a user: the gid of his record, then every group that lists him, in rank order. */
static json_t *group_list(struct explain *x, const char *name, const struct explain_record *user,
                          uint32_t gid)
{
        struct explain_records l = {NULL, 0};
        json_t *all = json_array(), *seen = json_object();
        if (user) {
                json_t *item = explain_item(x, user, "counts", "gid of the user's record");
                json_object_set_new(item, "gid", json_integer(gid));
                json_object_set_new(item, "name", json_null());
                add_gid(all, seen, gid, item, true);
        }
        explain_find(x, "/groups", "users", bytes_str(name), &l);
        for (unsigned i = 0; i < l.n; i++) {
                struct explain_account a;
                explain_group_of(x, &l.v[i], &a);
                json_t *item = explain_item(x, &l.v[i], a.left_out ? "left out" : "counts",
                                            a.left_out ? a.left_out : "lists the user");
                json_object_set_new(item, "gid", a.left_out ? json_null() : json_integer(a.gid));
                add_gid(all, seen, a.gid, item, !a.left_out);
        }
        json_decref(seen);
        return all;
}

/* The gids of groups that list the user, each once: what initgroups gives beside the one of the record. */
static json_t *listing_gids(const json_t *groups)
{
        json_t *all = json_array(), *seen = json_object(), *item;
        size_t i;
        json_array_foreach(groups, i, item)
        {
                const json_t *gid = json_object_get(item, "gid");
                char key[24];
                if (!json_is_integer(gid) || json_is_null(json_object_get(item, "name")))
                        continue;
                snprintf(key, sizeof(key), "%lld", (long long)json_integer_value(gid));
                if (!json_object_get(seen, key))
                        json_array_append_new(all, json_integer(json_integer_value(gid)));
                json_object_set_new(seen, key, json_true());
        }
        json_decref(seen);
        return all;
}

json_t *explain_user(struct explain *x, const char *key)
{
        uint32_t uid = 0;
        struct explain_records named = {NULL, 0}, numbered;
        struct explain_account a = {.left_out = NULL};
        const struct explain_record *winner = NULL;
        const bool number = text_u32(bytes_str(key), &uid);
        json_t *j = json_pack("{s:s,s:o}", "kind", "user", "asked", talk_json_bytes(bytes_str(key)));
        json_t *by_name = json_array(), *by_number = json_array();
        if (!number) {
                explain_find(x, "/users", "name", bytes_str(key), &named);
                const unsigned w = judge_users(x, &named, key, NULL, by_name);
                winner = w < named.n ? &named.v[w] : NULL;
                if (winner)
                        explain_user_of(x, winner, &a);
                uid = a.uid;
        }
        if (number || winner) {
                numbered = with_number(x, "/users", "uid", uid);
                explain_by_level(&numbered);
                const unsigned w = judge_users(x, &numbered, NULL, &uid, by_number);
                if (number && w < numbered.n) {
                        winner = &numbered.v[w];
                        explain_user_of(x, winner, &a);
                }
        }
        const char *name = winner ? a.name : number ? NULL : key;
        json_object_set_new(j, "by_name", number ? json_null() : by_name);
        if (number)
                json_decref(by_name);
        json_object_set_new(j, "number", number || winner ? json_integer(uid) : json_null());
        json_object_set_new(j, "by_number", by_number);
        json_object_set_new(j, "groups", name ? group_list(x, name, winner, a.gid) : json_array());
        explain_libc(x, j, "passwd", key, winner ? a.line : NULL, EXPLAIN_ACCOUNT);
        if (winner) {
                json_t *listing = listing_gids(json_object_get(j, "groups"));
                explain_group_list(x, j, name, listing);
                json_decref(listing);
        }
        return j;
}

/* -- groups ------------------------------------------------------------------------------------------------
 */

static bool same_group(const struct explain_account *a, const struct explain_account *b)
{
        return a->gid == b->gid && strcmp(a->name, b->name) == 0;
}

static json_t *group_item(const struct explain *x, const struct explain_record *r,
                          const struct explain_account *a, const char *verdict, const char *reason)
{
        json_t *j = explain_item(x, r, verdict, reason);
        struct prop_walk w;
        json_t *members = json_array();
        if (!a->left_out)
                json_object_set_new(j, "gid", json_integer(a->gid));
        if (prop_find(r->props, BYTES_LIT("users"), &w)) {
                struct bytes v;
                for (uint32_t i = 0; i < w.count && i < 1000 && namelist_at(w.values, i, &v); i++)
                        json_array_append_new(members, talk_json_bytes(v));
        }
        json_object_set_new(j, "users", members);
        return j;
}

unsigned explain_judge_groups(struct explain *x, const struct explain_records *l, const char *name,
                              const uint32_t *gid, json_t *to, struct explain_record *ret_one,
                              unsigned *ret_parts)
{
        struct explain_account first = {.left_out = NULL};
        unsigned winner = l->n;
        *ret_parts = 0;
        for (unsigned i = 0; i < l->n; i++) {
                struct explain_account a;
                explain_group_of(x, &l->v[i], &a);
                const char *verdict = "hidden", *reason = NULL;
                if (a.left_out || (name && !explain_has_name(&a, name))) {
                        verdict = "left out";
                        reason = a.left_out ? a.left_out : "this name is not usable";
                } else if (gid && a.gid != *gid) {
                        continue;
                } else if (winner == l->n) {
                        winner = i;
                        first = a;
                        ret_one[(*ret_parts)++] = l->v[i];
                        verdict = "answers";
                } else if (same_group(&a, &first)) {
                        ret_one[(*ret_parts)++] = l->v[i];
                        verdict = "united";
                        reason = "same first name and gid: members are united";
                } else {
                        reason = name ? "another gid: not united" : "another name: not united";
                }
                json_array_append_new(to, group_item(x, &l->v[i], &a, verdict, reason));
        }
        return winner;
}

/* What the winner and those that are united with it give together goes to *ret. False: nothing is published.
 */
static bool judge_and_unite(struct explain *x, const struct explain_records *l, const char *name,
                            const uint32_t *gid, json_t *to, struct explain_account *ret)
{
        struct explain_record *one = arena_zalloc(&x->t->arena, l->n + 1, sizeof(*one));
        unsigned parts = 0;
        if (one)
                explain_judge_groups(x, l, name, gid, to, one, &parts);
        if (parts)
                unite(x, one, parts, ret);
        return parts;
}

json_t *explain_group(struct explain *x, const char *key)
{
        uint32_t gid = 0;
        struct explain_records named = {NULL, 0}, numbered = {NULL, 0};
        struct explain_account a = {.left_out = NULL}, other = {.left_out = NULL};
        const bool number = text_u32(bytes_str(key), &gid);
        bool found = false, any = number;
        json_t *j = json_pack("{s:s,s:o}", "kind", "group", "asked", talk_json_bytes(bytes_str(key)));
        json_t *by_name = json_array(), *by_number = json_array();
        if (!number) {
                explain_find(x, "/groups", "name", bytes_str(key), &named);
                found = any = judge_and_unite(x, &named, key, NULL, by_name, &a);
                gid = a.gid;
        }
        if (any) {
                numbered = with_number(x, "/groups", "gid", gid);
                explain_by_level(&numbered);
                const bool hit = judge_and_unite(x, &numbered, NULL, &gid, by_number, number ? &a : &other);
                found |= number && hit;
        }
        json_object_set_new(j, "by_name", number ? json_null() : by_name);
        if (number)
                json_decref(by_name);
        json_object_set_new(j, "number", any ? json_integer(gid) : json_null());
        json_object_set_new(j, "by_number", by_number);
        explain_libc(x, j, "group", key, found ? a.line : NULL, EXPLAIN_ACCOUNT);
        return j;
}
