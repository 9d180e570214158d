/* The domains in order, and their records (explain.h). */
#include "model/status.h"
#include "sys/random.h"
#include "tools/explain.h"
#include "tools/followed_chain.h"

#include <stdio.h>
#include <time.h>

static void add_level(struct explain *x, const struct located_level *l, const char *name)
{
        struct explain_level *to = &x->level[x->n];
        struct client_options o = x->t->server;
        struct client_why why;
        *to = (struct explain_level){.local = x->n == 0};
        to->name = name;
        o.user = NULL;
        for (unsigned i = 0; i < l->servers.n && !to->client; i++) {
                const struct located_server *s = &l->servers.v[i];
                o.server = s->server[0] ? s->server : NULL;
                o.tag = s->tag;
                to->address = arena_printf(&x->t->arena, "%s@%s", s->tag,
                                           s->server[0] ? s->server : "this machine");
                if (client_open(&o, &to->client, &why) != NI_OK) {
                        to->client = NULL;
                        to->why = arena_printf(&x->t->arena, "%s", why.text);
                }
        }
        if (to->client)
                to->why = NULL;
        x->n++;
}

static bool climb(struct explain *x)
{
        struct located_chain chain;
        bool said;
        const enum ni_status s = followed_chain(x->t, &x->rules, &chain, &said);
        for (unsigned i = 0; i < chain.n && i < sizeof(x->level) / sizeof(x->level[0]); i++)
                add_level(x, &chain.v[i], followed_name(x->t, &chain, i));
        if (chain.why[0])
                x->above = arena_printf(&x->t->arena, "%s", chain.why);
        if (chain.n == 0 && !said)
                talk_why(x->t, status_exit(s), chain.why[0] ? chain.why : "out of memory");
        const bool good = chain.n > 0;
        located_chain_done(&chain);
        return good;
}

bool explain_begin(struct explain *x, struct talk *t, const char *config_file, bool must_exist)
{
        struct agent_config_why why;
        *x = (struct explain){.t = t};
        if (!agent_config_defaults(&x->rules, NULL) ||
            !agent_config_read(&x->rules, config_file, must_exist, &why)) {
                talk_error(t, EXIT_FAILED, NULL, why.text, "netinfo-agent(8) lists the keys");
                return false;
        }
        x->merge = (struct merge_rules){.min_id = x->rules.min_id,
                                        .allow = x->rules.allow,
                                        .allow_count = x->rules.allow_count,
                                        .publish_hashes = x->rules.publish_hashes,
                                        .allow_empty_passwords = x->rules.allow_empty_passwords,
                                        .today = (int64_t)(time(NULL) / 86400)};
        x->own = own_new(x->rules.own_files);
        if (x->own)
                own_refresh(x->own);
        x->merge.own = x->own;
        random_bytes(&x->merge.key, sizeof(x->merge.key));
        return climb(x);
}

void explain_end(struct explain *x)
{
        for (unsigned i = 0; i < x->n; i++)
                client_close(x->level[i].client);
        own_free(x->own);
        agent_config_done(&x->rules);
}

/* -- records --------------------------------------------------------------------------------------------- */

static void lost(struct explain *x, unsigned level, const char *why)
{
        struct explain_level *l = &x->level[level];
        l->why = arena_printf(&x->t->arena, "%s", why);
        client_close(l->client);
        l->client = NULL;
}

/* READ's properties in encoded form, in the arena. */
static bool add_record(struct explain *x, unsigned level, uint32_t object, struct explain_records *to)
{
        struct ni_args args = {.id = {object, 0}};
        struct ni_result r;
        struct buf encoded;
        const enum ni_status s = client_ni(x->level[level].client, NI_PROC_read, &args, &r);
        if (s != NI_OK)
                return false;
        if (r.status != NI_OK) /* it went away meanwhile */
                return true;
        struct explain_record *v = arena_zalloc(&x->t->arena, to->n + 1, sizeof(*v));
        buf_init(&encoded, LIMIT_NODE);
        xdr_put_proplist(&encoded, r.props);
        const struct bytes props = arena_bytes(&x->t->arena, buf_bytes(&encoded));
        const bool good = v && props.data && !encoded.failed;
        buf_done(&encoded);
        if (!good)
                return true;
        if (to->n)
                memcpy(v, to->v, to->n * sizeof(*v));
        v[to->n++] = (struct explain_record){level, object, props};
        to->v = v;
        return true;
}

static bool is_there(const struct explain_records *l, unsigned level, uint32_t object)
{
        for (unsigned i = 0; i < l->n; i++)
                if (l->v[i].level == level && l->v[i].object == object)
                        return true;
        return false;
}

static bool find_in(struct explain *x, unsigned level, const char *top, const char *key, struct bytes value,
                    struct explain_records *ret)
{
        struct client *c = x->level[level].client;
        struct ni_args args = {.key = bytes_str(key), .value = value};
        struct ni_result r;
        struct client_why why;
        uint32_t hits[EXPLAIN_RECORDS_MOST];
        enum ni_status s = client_path(c, top, &args.id, NULL, &why);
        if (s == NI_NODIR)
                return true;
        if (s == NI_OK)
                s = client_ni(c, NI_PROC_lookup, &args, &r);
        if (s != NI_OK)
                return false;
        if (r.status != NI_OK)
                return true;
        x->cut |= r.object_count > EXPLAIN_RECORDS_MOST;
        const uint32_t n = r.object_count < EXPLAIN_RECORDS_MOST ? r.object_count : EXPLAIN_RECORDS_MOST;
        if (n)
                memcpy(hits, r.objects, n * sizeof(*hits));
        for (uint32_t i = 0; i < n; i++)
                if (!is_there(ret, level, hits[i]) && !add_record(x, level, hits[i], ret))
                        return false;
        return true;
}

void explain_find(struct explain *x, const char *top, const char *key, struct bytes value,
                  struct explain_records *ret)
{
        for (unsigned i = 0; i < x->n; i++)
                if (x->level[i].client && !find_in(x, i, top, key, value, ret))
                        lost(x, i, client_reason(x->level[i].client));
}

void explain_by_level(struct explain_records *l)
{
        for (unsigned i = 1; i < l->n; i++) {
                const struct explain_record r = l->v[i];
                unsigned k = i;
                for (; k > 0 && l->v[k - 1].level > r.level; k--)
                        l->v[k] = l->v[k - 1];
                l->v[k] = r;
        }
}

/* -- JSON ------------------------------------------------------------------------------------------------ */

static json_t *text(const char *s)
{
        return s ? talk_json_bytes(bytes_str(s)) : json_null();
}

json_t *explain_domains(const struct explain *x)
{
        json_t *all = json_array();
        for (unsigned i = 0; i < x->n; i++) {
                const struct explain_level *l = &x->level[i];
                json_array_append_new(all, json_pack("{s:o,s:o,s:s,s:o}", "name", text(l->name), "address",
                                                     text(l->address), "state", l->why ? "silent" : "answers",
                                                     "why", text(l->why)));
        }
        return all;
}

json_t *explain_item(const struct explain *x, const struct explain_record *r, const char *verdict,
                     const char *reason)
{
        struct bytes name = BYTES_NONE;
        prop_first(r->props, "name", &name);
        return json_pack("{s:o,s:I,s:o,s:s,s:o}", "domain", text(x->level[r->level].name), "id",
                         (json_int_t)r->object, "name", talk_json_bytes(name), "verdict", verdict, "reason",
                         text(reason));
}
