/* STATISTICS (doc/protocol.md 2.8): rows in their historical order, our digest behind them (decision 16). */
#include "server/dispatch.h"
#include "server/endpoint.h"
#include "server/push.h"
#include "server/server.h"

#include <stdio.h>
#include <unistd.h>

static const char *const procedure_names[NI_PROC_COUNT] = {
#define X(n, name, args, result, kind, udp) [n] = #name,
        NI_PROCS(X)
#undef X
};

/* The list in the making; a full arena makes it fail at the end. */
struct rows {
        struct proplist list;
        struct arena *arena;
        bool failed;
};

static void row(struct rows *r, const char *name, const struct bytes *values, uint32_t n)
{
        r->failed |= !proplist_add(&r->list, r->arena, bytes_str(name), values, n);
}

static struct bytes number(struct rows *r, uint64_t v)
{
        return bytes_str(arena_printf(r->arena, "%llu", (unsigned long long)v));
}

static void row_text(struct rows *r, const char *name, const char *value)
{
        const struct bytes v = bytes_str(value);
        row(r, name, &v, 1);
}

/* `ip/tag` values of /machines; asked anew when the domain has changed. Copied to the arena. */
static bool servers_of(struct domain *d, struct dir_request *rq, uint64_t seq, struct namelist *ret)
{
        bool ok = true;
        pthread_mutex_lock(&d->servers_mutex);
        if (d->servers_seq != seq) {
                struct dir_request into = *rq;
                arena_reset(&d->servers_arena);
                into.arena = &d->servers_arena;
                d->servers = (struct namelist){0};
                ok = dir_servers(&into, &d->servers) == NI_OK;
                d->servers_seq = ok ? seq : UINT64_MAX;
        }
        ret->n = 0;
        ret->v = arena_zalloc(rq->arena, d->servers.n + 1u, sizeof(*ret->v));
        for (uint32_t i = 0; ok && ret->v && i < d->servers.n; i++)
                ret->v[ret->n++] = arena_bytes(rq->arena, d->servers.v[i]);
        pthread_mutex_unlock(&d->servers_mutex);
        return ok && !rq->arena->failed;
}

/* Is this `address/tag` this server itself? */
static bool is_self(struct rows *r, const struct config *c, const struct domain *d, struct bytes server)
{
        const char *const *list;
        uint32_t v4;
        const size_t slash = bytes_find(server, '/');
        const struct bytes text = bytes_sub(server, 0, slash);
        if (!bytes_eq_str(bytes_sub(server, slash + 1, server.len), d->tag) || !ipv4_parse(text, &v4))
                return false;
        const struct address a = address_from_ipv4(v4);
        bool is = address_is_own(&a);
        const unsigned n = domain_addresses(c, r->arena, &list);
        for (unsigned i = 0; i < n && !is; i++)
                is = bytes_eq_str(text, list[i]);
        return is;
}

static void row_tag(struct rows *r, const struct config *c, const struct domain *d,
                    const struct namelist *servers)
{
        uint32_t clones = 0;
        for (uint32_t i = 0; i < servers->n; i++)
                clones += !is_self(r, c, d, servers->v[i]);
        const struct bytes master[] = {bytes_str(d->tag), BYTES_LIT("master"), number(r, clones)};
        const struct bytes clone[] = {bytes_str(d->tag), BYTES_LIT("clone")};
        const bool is_clone = d->role == STORE_CLONE;
        row(r, "tag", is_clone ? clone : master, is_clone ? 2 : 3);
}

static void row_addresses(struct rows *r, const struct config *c)
{
        struct bytes values[16];
        const char *const *list;
        uint32_t n = 0;
        const unsigned have = domain_addresses(c, r->arena, &list);
        for (unsigned i = 0; i < have && n < 16; i++)
                if (strncmp(list[i], "127.", 4) != 0)
                        values[n++] = bytes_str(list[i]);
        if (n == 0)
                values[n++] = BYTES_LIT("0.0.0.0");
        row(r, "ip_address", values, n);
}

static void row_numbers(struct rows *r, const char *name, const uint64_t *v, uint32_t n)
{
        struct bytes values[4];
        for (uint32_t i = 0; i < n; i++)
                values[i] = number(r, v[i]);
        row(r, name, values, n);
}

static void row_connections(struct rows *r, struct server *s, const struct config *c)
{
        const struct admission_counts n = admission_count(s->admission);
        const uint64_t v[] = {n.now, n.peak, server_most_connections(c), n.evicted};
        row_numbers(r, "connections", v, 4);
}

static void row_binding(struct rows *r, struct worker *w, struct domain *d)
{
        char text[96];
        const struct binding_answer a = parent_answer(d, false, w->server);
        parent_text(&a, text, sizeof(text));
        row_text(r, "binding", arena_str(r->arena, bytes_str(text)));
}

static void rows_of_procedures(struct rows *r, struct worker *w, struct domain *d)
{
        uint64_t calls[NI_PROC_COUNT] = {0}, us[NI_PROC_COUNT] = {0}, total = 0;
        for (unsigned p = 0; p < NI_PROC_COUNT; p++) {
                for (unsigned slot = 0; slot < SLOT_COUNT; slot++) {
                        calls[p] += atomic_load_explicit(&d->counter[slot][p].calls, memory_order_relaxed);
                        us[p] += atomic_load_explicit(&d->counter[slot][p].us, memory_order_relaxed);
                }
                total += calls[p];
        }
        row_numbers(r, "total_calls", &total, 1);
        row_binding(r, w, d);
        row_connections(r, w->server, w->config);
        for (unsigned p = 0; p < NI_PROC_COUNT; p++) {
                const uint64_t v[] = {p, calls[p], us[p]};
                row_numbers(r, procedure_names[p], v, 3);
        }
}

/* NULL: the caller does not see secrets, which it covers (doc/decisions/0006-digest-hidden.md). */
static void row_digest(struct rows *r, const uint8_t *digest)
{
        char hex[33] = "*";
        for (unsigned i = 0; digest && i < 16; i++)
                snprintf(hex + 2 * i, 3, "%02x", digest[i]);
        row_text(r, "digest", arena_str(r->arena, bytes_str(hex)));
}

/* Only where there is one: main doors that somebody else has (doc/server.md 2). */
static void row_held(struct rows *r, struct server *s)
{
        struct bytes values[16];
        char text[ENDPOINT_TEXT + 8];
        uint32_t n = 0;
        while (n < sizeof(values) / sizeof(values[0]) && held_text(&s->listeners.held, n, text, sizeof(text)))
                values[n++] = bytes_str(arena_str(r->arena, bytes_str(text)));
        if (n)
                row(r, "doors_held", values, n);
}

static void rows_of_server(struct rows *r, struct worker *w, const struct domain *d,
                           const struct namelist *servers)
{
        char host[256] = "";
        const struct bytes proxies[] = {BYTES_LIT("-1"), BYTES_LIT("loose")};
        const struct bytes never[] = {BYTES_LIT("0"), BYTES_LIT("-1")};
        const uint64_t authentications[] = {d->user_ok, d->user_failed, d->granted, d->refused};
        gethostname(host, sizeof(host) - 1);
        row_text(r, "server_version", "netinfod " NETINFO_VERSION);
        row_tag(r, w->config, d, servers);
        row_addresses(r, w->config);
        row_text(r, "hostname", arena_str(r->arena, bytes_str(w->config->host[0] ? w->config->host : host)));
        row(r, "domain_servers", servers->v, servers->n);
        row_text(r, "write_locked", d->role == STORE_CLONE ? "clone" : "No");
        const struct pushing_figures push = pushing_figures(d);
        const uint64_t threads[] = {push.running, LIMIT_PUSHED, push.latency_s};
        const uint64_t none[] = {0, 0, 0};
        row_numbers(r, "notify_threads", push.latency_s ? threads : none, 3);
        row_numbers(r, "notifications_pending", &push.pending, 1);
        row_numbers(r, "authentications", authentications, 4);
        row(r, "readall_proxies", proxies, 2); /* no transfer makes the master busy (decision 7) */
        /* Each clone has its own clock for it: how long until the next is not told. */
        const uint64_t minutes[] = {push.cleanup_minutes, push.cleanup_minutes};
        if (push.cleanup_minutes)
                row_numbers(r, "cleanup_wait", minutes, 2);
        else
                row(r, "cleanup_wait", never, 2);
}

enum ni_status statistics_put(struct worker *w, struct domain *d, const struct dir_request *asked,
                              bool checksum_only)
{
        struct rows r = {.arena = &w->arena};
        struct store_info info;
        struct namelist servers = {0};
        const struct caller nobody = {0};
        const struct dir_policy policy = {0};
        struct dir_request rq = {.txn = asked->txn,
                                 .caller = &nobody,
                                 .policy = &policy,
                                 .arena = &w->arena,
                                 .out = asked->out};
        const bool hidden = asked->policy->redact && !asked->caller->sees_secrets;
        const enum ni_status st = store_get_info(rq.txn, &info);
        if (st != NI_OK)
                return st;
        const uint64_t checksum = info.checksum;
        row_numbers(&r, "checksum", &checksum, 1);
        if (!checksum_only) {
                if (!servers_of(d, &rq, info.seq, &servers))
                        return NI_SYSTEMERR;
                rows_of_server(&r, w, d, &servers);
                rows_of_procedures(&r, w, d);
                row_digest(&r, hidden ? NULL : info.digest);
                row_held(&r, w->server);
        }
        if (r.failed)
                return NI_SYSTEMERR;
        xdr_put_proplist(asked->out, r.list);
        return NI_OK;
}
