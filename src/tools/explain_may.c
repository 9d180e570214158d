/* `ni explain may`: the rules of doc/protocol.md 3.8 and 3.9 one after the other, by the functions that the
 * server itself asks (model/access.h). */
#include "base/text.h"
#include "model/access.h"
#include "model/path.h"
#include "model/status.h"
#include "tools/explain.h"

#include <pwd.h>

struct question {
        struct talk *t;
        const char *user, *property; /* property NULL: the directory as a whole */
        const char *path;
        struct ni_id target, user_id;
        bool known;                                  /* the domain has this user */
        struct bytes props, root, admin, user_props; /* encoded; {NULL, 0}: there is none */
        struct caller caller;
        uint32_t uid;
        uint32_t role; /* 0 master, 1 clone, else unknown */
};

static json_t *text(const char *s)
{
        return s ? talk_json_bytes(bytes_str(s)) : json_null();
}

/* READ, in encoded form in the arena; {NULL, 0} when it failed. */
static struct bytes read_encoded(struct talk *t, uint32_t object)
{
        const struct ni_args args = {.id = {object, 0}};
        struct ni_result r;
        struct buf encoded;
        if (client_ni(t->client, NI_PROC_read, &args, &r) != NI_OK || r.status != NI_OK)
                return BYTES_NONE;
        buf_init(&encoded, LIMIT_NODE);
        xdr_put_proplist(&encoded, r.props);
        const struct bytes props = encoded.failed ? BYTES_NONE : arena_bytes(&t->arena, buf_bytes(&encoded));
        buf_done(&encoded);
        return props;
}

/* The first child of `top` with that value; {NULL, 0}: none. */
static struct bytes child_of(struct talk *t, const char *top, const char *key, const char *value,
                             struct ni_id *ret)
{
        struct ni_args args = {.key = bytes_str(key), .value = bytes_str(value)};
        struct ni_result r;
        struct client_why why;
        if (client_path(t->client, top, &args.id, NULL, &why) != NI_OK ||
            client_ni(t->client, NI_PROC_lookup, &args, &r) != NI_OK || r.status != NI_OK ||
            r.object_count == 0)
                return BYTES_NONE;
        *ret = (struct ni_id){r.objects[0], 0};
        return read_encoded(t, ret->object);
}

/* PATH, or PATH:PROPERTY when PATH as it stands is not there. */
static bool find_target(struct question *q, const char *where)
{
        struct talk *t = q->t;
        struct client_why why;
        uint32_t step = 0;
        const char *colon = strrchr(where, ':');
        q->path = where;
        enum ni_status s = client_path(t->client, where, &q->target, &step, &why);
        if (s == NI_NODIR && colon && colon[1]) {
                q->path = arena_str(&t->arena, bytes_of(where, (size_t)(colon - where)));
                q->property = colon + 1;
                s = q->path ? client_path(t->client, q->path, &q->target, &step, &why) : NI_FAILED;
        }
        if (s == NI_NODIR)
                talk_no_directory(t, q->path, step);
        else if (s != NI_OK)
                talk_error(t, s == NI_BADID ? EXIT_USAGE : status_exit(s), NULL, why.text, NULL);
        if (s != NI_OK)
                return false;
        q->props = read_encoded(t, q->target.object);
        if (!q->props.data)
                talk_status(t, NI_FAILED, q->path, NULL);
        return q->props.data;
}

static void find_user(struct question *q)
{
        struct bytes v;
        const bool number = text_u32(bytes_str(q->user), &q->uid);
        int64_t uid = -1;
        q->user_props = child_of(q->t, "/users", number ? "uid" : "name", q->user, &q->user_id);
        q->known = q->user_props.data;
        if (!q->known)
                return;
        if (prop_first(q->user_props, "name", &v))
                q->caller.name = v;
        if (prop_first(q->user_props, "uid", &v) && text_i64(v, &uid))
                q->uid = (uint32_t)uid;
        q->caller.superuser = uid == 0;
}

/* -- who he is ----------------------------------------------------------------------------------------------
 */

static json_t *way(const char *how, const char *becomes, const char *why)
{
        return json_pack("{s:s,s:o,s:o}", "way", how, "becomes", text(becomes), "why", text(why));
}

static const char *over_socket(const struct question *q, const char *name, const char **ret_why)
{
        struct arena *a = &q->t->arena;
        const bool here = strncmp(client_peer(q->t->client), "unix:", 5) == 0;
        const struct passwd *p = here ? getpwuid(q->uid) : NULL;
        if (q->caller.superuser) {
                *ret_why = "uid 0 of the server's machine";
                return "superuser";
        }
        if (!here) {
                *ret_why = arena_printf(a, "if uid %u of the server's machine is called %s there, too",
                                        q->uid, name);
                return name;
        }
        if (p && strcmp(p->pw_name, name) == 0) {
                *ret_why = arena_printf(a, "uid %u is %s on this machine and in the domain", q->uid, name);
                return name;
        }
        *ret_why = arena_printf(a, "uid %u is %s on this machine, and %s in the domain: they must agree",
                                q->uid, p ? p->pw_name : "nobody", name);
        return "anonymous";
}

static json_t *identities(struct question *q)
{
        struct arena *a = &q->t->arena;
        json_t *all = json_array();
        struct prop_walk w;
        const char *why = NULL;
        json_array_append_new(
                all,
                way("reserved port", "superuser",
                    "root of a machine in legacy_write_networks, whoever it says it is (source port below "
                    "1024); from nowhere else"));
        if (!q->known) {
                json_array_append_new(
                        all, way("any other", "anonymous",
                                 "the domain has no such user: he is let in only where `*` is listed"));
                return all;
        }
        const char *name = arena_str(a, q->caller.name);
        const char *socket = over_socket(q, name, &why);
        json_array_append_new(all, way("UNIX socket of the server", socket, why));
        const bool admin = access_is_admin(q->root, q->admin, bytes_str(name));
        if (access_other_authority(q->user_props))
                json_array_append_new(
                        all, way("password", NULL, "refused: authentication_authority is not `basic`"));
        else if (!prop_find(q->user_props, BYTES_LIT("passwd"), &w))
                json_array_append_new(all, way("password", NULL, "refused: the user has no passwd"));
        else
                json_array_append_new(
                        all,
                        way("password", q->uid == 0 || admin ? "superuser" : name,
                            q->uid == 0 ? "uid 0"
                            : admin     ? "listed in /groups/admin, and promote_admins is not off"
                                    : "from networks in legacy_write_networks; not listed in /groups/admin"));
        return all;
}

/* -- the rules ----------------------------------------------------------------------------------------------
 */

static void rule(json_t *to, const char *words, bool holds, const char *detail)
{
        json_array_append_new(
                to, json_pack("{s:o,s:b,s:o}", "rule", text(words), "holds", holds, "detail", text(detail)));
}

static const char *values_of(struct question *q, const char *list)
{
        struct prop_walk w;
        struct bytes v;
        struct buf out;
        if (!prop_find(q->props, bytes_str(list), &w))
                return "there is none";
        buf_init(&out, 4096);
        buf_puts(&out, "it lists");
        for (uint32_t i = 0; i < w.count && i < 20 && namelist_at(w.values, i, &v); i++) {
                buf_putc(&out, ' ');
                buf_put(&out, v);
        }
        buf_puts(&out, w.count == 0 ? " nobody" : w.count > 20 ? " ..." : "");
        const char *words = arena_str(&q->t->arena, buf_bytes(&out));
        buf_done(&out);
        return words;
}

static const char *may_write(struct question *q, json_t *rules, bool *ret_allowed)
{
        struct arena *a = &q->t->arena;
        const struct bytes prop = q->property ? bytes_str(q->property) : BYTES_NONE;
        const enum access_reason why = access_why(&q->caller, q->props, prop);
        const bool locked = access_locked(q->props);
        const char *list = arena_printf(a, "_writers_%s", q->property ? q->property : "");
        rule(rules, "the superuser may write everything", why == ACCESS_SUPERUSER,
             q->caller.superuser ? "uid 0" : "not him, unless by one of the ways above");
        rule(rules, "_writers of the directory lists him, or *",
             why == ACCESS_DIR_ALL || why == ACCESS_DIR_NAME, values_of(q, "_writers"));
        if (q->property)
                rule(rules, arena_printf(a, "%s lists him, or *", list),
                     why == ACCESS_VALUE_ALL || why == ACCESS_VALUE_NAME, values_of(q, list));
        rule(rules, "the directory is not _locked", !locked, NULL);
        rule(rules, "the server is the master", q->role != 1,
             q->role == 1 ? "it is a clone: write at the master" : NULL);
        *ret_allowed = why != ACCESS_NONE && !locked && q->role != 1;
        if (locked)
                return "no: `_locked` stops everybody, the superuser included";
        if (q->role == 1 && why != ACCESS_NONE)
                return "not at this server: it is a clone";
        switch (why) {
        case ACCESS_SUPERUSER:
                return "yes: he is the superuser";
        case ACCESS_DIR_ALL:
                return "yes: _writers of the directory lists *, which is everybody";
        case ACCESS_DIR_NAME:
                return "yes: _writers of the directory lists him";
        case ACCESS_VALUE_ALL:
                return arena_printf(a, "yes, the values of this property: %s lists *, which is everybody",
                                    list);
        case ACCESS_VALUE_NAME:
                return arena_printf(a, "yes, the values of this property: %s lists him", list);
        default:
                return q->property ? "no: no rule lets him"
                                   : "no: no rule lets him (single properties may be open: ask for "
                                     "PATH:PROPERTY)";
        }
}

static const char *may_read(struct question *q, json_t *rules, bool *ret_allowed)
{
        struct prop_walk w;
        const bool trusted = prop_find(q->root, BYTES_LIT("trusted_networks"), &w);
        const bool secret = q->property && access_secret(bytes_str(q->property));
        rule(rules, "everybody who can reach the server may read", true,
             trusted ? "trusted_networks of the root directory says from where"
                     : "no trusted_networks: from everywhere");
        if (q->property)
                rule(rules, "the property is not secret", !secret,
                     secret ? "shown as * to all but the superuser, replicas and the agent, unless the "
                              "domain has redact = no"
                            : NULL);
        *ret_allowed = !secret || q->caller.superuser;
        if (secret && !q->caller.superuser)
                return "no: the property is secret, and he is not the superuser";
        return secret ? "yes: he is the superuser" : "yes: reading is open";
}

json_t *explain_may(struct talk *t, const char *user, const char *what, const char *where)
{
        struct question q = {.t = t, .user = user, .role = 2};
        struct ext_status_result s;
        struct ni_id id;
        bool allowed = false;
        const bool write = strcmp(what, "write") == 0;
        if (!find_target(&q, where))
                return NULL;
        if (client_status(t->client, &s) == NI_OK && s.status == NI_OK)
                q.role = s.role;
        q.root = read_encoded(t, 0);
        q.admin = child_of(t, "/groups", "name", "admin", &id);
        find_user(&q);
        json_t *ways = identities(&q), *rules = json_array();
        const char *words = write ? may_write(&q, rules, &allowed) : may_read(&q, rules, &allowed);
        if (!allowed)
                t->exit = EXIT_DENIED;
        return json_pack("{s:s,s:o,s:s,s:o,s:o,s:s,s:s,s:s,s:o,s:o,s:b,s:o}", "kind", "may", "user",
                         text(user), "what", what, "path", text(q.path), "property", text(q.property),
                         "domain", client_tag(t->client), "server", client_peer(t->client), "role",
                         q.role == 0   ? "master"
                         : q.role == 1 ? "clone"
                                       : "unknown",
                         "identity", ways, "rules", rules, "allowed", allowed, "conclusion", text(words));
}
