/* A master looks whether it is still the only one (doc/replication.md 5). */
#include "server/peer.h"
#include "server/replica-internal.h"
#include "sys/clock.h"
#include "sys/log.h"

#include <stdio.h>

#define WATCH_SERVERS 16u   /* other servers asked in one round: each may take its time */
#define WATCH_CALL_MS 2000u /* for each of them */
#define SAY_EVERY_MS  60000u

struct others {
        struct arena arena;
        struct namelist servers;         /* "ip/tag" */
        struct bytes host, tag, address; /* of the root's `master` */
        bool has_master;
        struct store_info info;
};

/* What the domain itself says about its servers. */
static bool look(struct replica *r, struct others *o)
{
        const struct caller nobody = {0};
        const struct dir_policy policy = {0};
        struct store_txn *t = domain_read_begin(r->d, SLOT_REPLICA);
        if (!t)
                return false;
        struct dir_request rq = {.txn = t, .caller = &nobody, .policy = &policy, .arena = &o->arena};
        const bool ok = store_get_info(t, &o->info) == NI_OK && dir_servers(&rq, &o->servers) == NI_OK;
        o->has_master = ok && dir_get_master(&rq, &o->host, &o->tag, &o->address) == NI_OK;
        if (o->has_master) { /* the names live in the arena: root options are copied there */
                o->host = arena_bytes(&o->arena, o->host);
                o->tag = arena_bytes(&o->arena, o->tag);
        }
        domain_read_end(r->d, SLOT_REPLICA);
        return ok;
}

static bool is_own(const struct replica *r, struct bytes address)
{
        uint32_t v4;
        if (!ipv4_parse(address, &v4))
                return false;
        const struct address a = address_from_ipv4(v4);
        bool own = address_is_own(&a);
        for (unsigned i = 0; i < r->address_count && !own; i++)
                own = bytes_eq_str(address, r->addresses[i]);
        return own;
}

/* Decision 8: role and property are two things, and a difference is said. */
static bool master_is_us(const struct replica *r, const struct others *o)
{
        return bytes_eq_str(o->tag, r->d->tag) && (bytes_eq_str(o->host, r->host) || is_own(r, o->address));
}

struct rival {
        char where[LIMIT_WHERE + 1];
        uint64_t term;
};

/* Another server that holds this domain as its master; the one with the highest term. */
static void ask(struct replica *r, const struct others *o, struct bytes server, struct rival *ret)
{
        const struct ext_replica_args show = {.verb = EXT_REPLICA_SHOW};
        struct ext_replica_result s;
        struct client_why why = {""};
        struct client *c;
        char where[LIMIT_WHERE + 1];
        const size_t slash = bytes_find(server, '/');
        if (slash >= server.len || server.len > LIMIT_WHERE ||
            (is_own(r, bytes_sub(server, 0, slash)) &&
             bytes_eq_str(bytes_sub(server, slash + 1, server.len), r->d->tag)))
                return;
        snprintf(where, sizeof(where), "%.*s", BYTES_FMT(server));
        if (replica_dial(r, where, WATCH_CALL_MS, &c, &why) != NI_OK)
                return;
        if (client_replica(c, &show, &s) == NI_OK && s.status == NI_OK && s.role == 0 &&
            memcmp(s.uuid, o->info.uuid, sizeof(s.uuid)) == 0 && s.epoch != o->info.epoch &&
            (!ret->where[0] || s.term > ret->term)) {
                snprintf(ret->where, sizeof(ret->where), "%s", where);
                ret->term = s.term;
        }
        client_close(c);
}

static void say(struct replica *r, const char *conflict)
{
        const uint64_t now = clock_mono_ms();
        pthread_mutex_lock(&r->mutex);
        const bool is_new = strcmp(r->seen.conflict, conflict) != 0;
        snprintf(r->seen.conflict, sizeof(r->seen.conflict), "%s", conflict);
        pthread_mutex_unlock(&r->mutex);
        if (!conflict[0] || (!is_new && now - r->conflict_said_ms < SAY_EVERY_MS))
                return;
        r->conflict_said_ms = now;
        log_event(LOG_LEVEL_ERROR, "replica-conflict", "tag=%s reason=\"%s\"", r->d->tag, conflict);
}

static void judge(struct replica *r, const struct others *o, const struct rival *rival)
{
        char text[LIMIT_WHERE + 1] = "";
        const bool over = rival->where[0] && rival->term > r->origin.term;
        if (over)
                snprintf(text, sizeof(text),
                         "%.300s has become master of this domain (term %llu, ours %llu); writes are refused "
                         "here; `ni domain "
                         "demote %s --to %.300s` follows it",
                         rival->where, (unsigned long long)rival->term, (unsigned long long)r->origin.term,
                         r->d->tag, rival->where);
        else if (rival->where[0] && rival->term == r->origin.term)
                snprintf(text, sizeof(text),
                         "%.300s is master of this domain too (term %llu): both take writes; demote one of "
                         "them with `ni domain "
                         "demote`",
                         rival->where, (unsigned long long)rival->term);
        else if (o->has_master && !master_is_us(r, o))
                snprintf(text, sizeof(text),
                         "this server is the master, but the root's `master` says %.*s/%.*s; `ni set / "
                         "master=%.200s/%s` corrects "
                         "it",
                         BYTES_FMT(bytes_sub(o->host, 0, 200)), BYTES_FMT(bytes_sub(o->tag, 0, LIMIT_TAG)),
                         r->host, r->d->tag);
        r->d->superseded = over;
        say(r, text);
        replica_tell(r, over ? "superseded" : "master", "");
}

void replica_watch(struct replica *r)
{
        struct others o = {0};
        struct rival rival = {.term = 0};
        arena_init(&o.arena, LIMIT_ARENA);
        if (look(r, &o)) {
                for (uint32_t i = 0; i < o.servers.n && i < WATCH_SERVERS && !replica_has_news(r); i++)
                        ask(r, &o, o.servers.v[i], &rival);
                if (!replica_has_news(r))
                        judge(r, &o, &rival);
        }
        arena_done(&o.arena);
}
