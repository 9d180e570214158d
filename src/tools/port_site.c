#include "tools/port_site.h"

#include "base/text.h"
#include "client/find.h"
#include "model/path.h"
#include "model/status.h"
#include "sys/clock.h"
#include "tools/port/port_tool.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#define SITE_QUICK_MS 200u /* an answer about a port does not wait longer for a directory nobody named */

struct reader {
        const struct port_site_ask *ask;
        struct arena *arena;
        struct client *client;
        uint64_t deadline;
        struct port_site *site;
        struct port_site_claim *claim;
        struct port_site_service *service;
        struct port_source *source;
        const char **hidden;
        size_t claims_cap, services_cap, sources_cap, hiddens_cap;
        const char *odd; /* the first claim that could not be understood, and why */
        size_t odds;
        const char *why;
};

/* Room for one more element; the array moves within the arena. */
static bool room(struct reader *r, void *array, size_t size, size_t n, size_t *cap)
{
        void *old, *now;
        memcpy(&old, array, sizeof(old));
        if (n < *cap)
                return true;
        now = n < LIMIT_PORT_SITE ? arena_zalloc(r->arena, n * 2 + 16, size) : NULL;
        if (!now)
                return false;
        if (n)
                memcpy(now, old, n * size);
        memcpy(array, &now, sizeof(now));
        *cap = n * 2 + 16;
        return true;
}

static const char *text_of(struct reader *r, const struct proplist *l, const char *name)
{
        const struct bytes b = proplist_first(l, name);
        const char *text = b.len ? arena_str(r->arena, b) : "";
        return text ? text : "";
}

/* -- one directory of each kind -------------------------------------------------------------------------- */

static void odd(struct reader *r, struct bytes path, const char *key, const char *value)
{
        if (r->odds++ == 0)
                r->odd = arena_printf(r->arena, "%.*s: `%.40s' is no %s", BYTES_FMT(bytes_sub(path, 0, 100)),
                                      value, key);
}

/* Each *_ok: an absent property is fine, one that cannot be read is not. */
static bool date_ok(struct reader *r, const struct proplist *l, struct bytes path, const char *key,
                    port_date *ret)
{
        const struct bytes b = proplist_first(l, key);
        if (b.len == 0 || port_date_parse(b, ret))
                return true;
        odd(r, path, key, text_of(r, l, key));
        return false;
}

static bool word_ok(struct reader *r, const struct proplist *l, struct bytes path, const char *key,
                    bool (*parse)(struct bytes, uint8_t *), uint8_t *ret)
{
        const struct bytes b = proplist_first(l, key);
        if (b.len == 0 || parse(b, ret))
                return true;
        odd(r, path, key, text_of(r, l, key));
        return false;
}

/* 5.1's `name` is the property `service`, for `name` names the directory; a directory that is not called by a
 * number is called by the service. */
static const char *name_of_claim(struct reader *r, const struct proplist *l, struct bytes directory)
{
        uint64_t number;
        const char *service = text_of(r, l, "service");
        if (*service || text_u64(directory, UINT64_MAX, &number))
                return service;
        const char *name = arena_str(r->arena, directory);
        return name ? name : "";
}

static bool hide(struct reader *r, const char *id)
{
        struct port_site *s = r->site;
        if (!room(r, &r->hidden, sizeof(*r->hidden), s->hiddens, &r->hiddens_cap))
                return false;
        r->hidden[s->hiddens++] = id;
        return true;
}

static struct port_source source_of(struct reader *r, const char *key)
{
        for (size_t i = 0; i < r->site->sources; i++) {
                if (strcmp(r->source[i].key, key) == 0)
                        return r->source[i];
        }
        return (struct port_source){
                .key = key, .title = key, .licence = "", .reference = "", .kind = PORT_KIND_SITE};
}

/* A step of a hit's path: /ports/987/1 has three. */
static bool take_claim(struct reader *r, const struct path *p, struct bytes path, const struct proplist *l)
{
        struct port_claim c = {.status = PORT_SITE_USE, .confidence = PORT_CERTAIN};
        const char *id = text_of(r, l, "id");
        if (text_bool(proplist_first(l, "hidden"), false))
                return *id ? hide(r, id) : true;
        if (!port_span_parse(p->step[1].value, &c.port, &c.end)) {
                odd(r, path, "port or range of ports", text_of(r, l, "name"));
                return true;
        }
        if (c.end < r->ask->from || c.port > r->ask->to)
                return true;
        if (!word_ok(r, l, path, "transport", port_transport_parse, &c.transport) ||
            !word_ok(r, l, path, "status", port_status_parse, &c.status) ||
            !word_ok(r, l, path, "confidence", port_confidence_parse, &c.confidence) ||
            !date_ok(r, l, path, "seen_first", &c.seen_first) ||
            !date_ok(r, l, path, "seen_last", &c.seen_last) ||
            !date_ok(r, l, path, "asserted_from", &c.asserted_from) ||
            !date_ok(r, l, path, "asserted_until", &c.asserted_until))
                return true;
        c.name = name_of_claim(r, l, p->step[2].value);
        c.alias = text_of(r, l, "alias");
        c.description = text_of(r, l, "description");
        c.reference = text_of(r, l, "reference");
        c.note = text_of(r, l, "note");
        const char *key = text_of(r, l, "source");
        struct port_site *s = r->site;
        if (!room(r, &r->claim, sizeof(*r->claim), s->claims, &r->claims_cap))
                return false;
        const char *domain = arena_str(r->arena, bytes_str(client_tag(r->client)));
        struct port_site_claim *made = &r->claim[s->claims];
        *made = (struct port_site_claim){.claim = c, .domain = domain, .owner = text_of(r, l, "owner")};
        if (*key)
                made->source = source_of(r, key);
        s->claims += domain != NULL;
        return domain != NULL;
}

static bool take_source(struct reader *r, const struct path *p, struct bytes path, const struct proplist *l)
{
        struct port_source s = {.kind = PORT_KIND_SITE};
        s.key = arena_str(r->arena, p->step[1].value);
        s.title = *text_of(r, l, "title") ? text_of(r, l, "title") : s.key;
        s.licence = text_of(r, l, "licence");
        s.reference = text_of(r, l, "reference");
        /* Who owns a port only the registry says, and its editions are imported (doc/ports.md 8). */
        if (!word_ok(r, l, path, "kind", port_kind_parse, &s.kind) || port_kind_is_registry(s.kind))
                s.kind = PORT_KIND_SITE;
        if (!s.key || !room(r, &r->source, sizeof(*r->source), r->site->sources, &r->sources_cap))
                return false;
        r->source[r->site->sources++] = s;
        return true;
}

static bool take_service(struct reader *r, const struct path *p, struct bytes path, const struct proplist *l)
{
        const struct property *programs = proplist_get(l, BYTES_LIT("program"));
        const struct property *names = proplist_get(l, BYTES_LIT("name"));
        const uint32_t n = programs ? programs->values.n : 0;
        const char **list = arena_zalloc(r->arena, (size_t)n + 1, sizeof(*list));
        (void)p;
        (void)path;
        for (uint32_t i = 0; list && i < n; i++) {
                list[i] = arena_str(r->arena, programs->values.v[i]);
                if (!list[i])
                        return false;
        }
        for (uint32_t i = 0; list && names && i < names->values.n; i++) {
                const char *name = arena_str(r->arena, names->values.v[i]);
                if (!name || !room(r, &r->service, sizeof(*r->service), r->site->services, &r->services_cap))
                        return false;
                r->service[r->site->services++] =
                        (struct port_site_service){name, list, text_of(r, l, "unit")};
        }
        return list != NULL;
}

/* -- all below one directory ----------------------------------------------------------------------------- */

struct walk {
        const char *path;
        uint32_t depth, steps; /* how deep; hits with another number of steps are on the way only */
        const char *present;   /* NULL, or the property that a hit must have */
        bool (*take)(struct reader *, const struct path *, struct bytes, const struct proplist *);
};

static bool take_hit(struct reader *r, const struct walk *w, const struct ext_hit *h)
{
        const char *why;
        struct arena a;
        struct path p;
        arena_init(&a, LIMIT_ARENA);
        struct xdr_in in = xdr_in(h->props);
        const struct proplist props = xdr_proplist(&in, &a);
        bool ok = xdr_end(&in);
        if (!ok)
                r->why = "what the server sends does not decode";
        else if (path_parse(h->path, &a, &p, &why) && p.n == w->steps &&
                 !(ok = w->take(r, &p, h->path, &props)))
                r->why = arena_printf(r->arena, "it has more than %u claims, sources or programs",
                                      LIMIT_PORT_SITE);
        arena_done(&a);
        return ok;
}

/* Milliseconds left; 0: none. */
static unsigned left(const struct reader *r)
{
        const uint64_t now = clock_mono_ms();
        return now < r->deadline ? (unsigned)(r->deadline - now) : 0;
}

/* False: r->why. */
static bool hits_of(struct reader *r, const struct walk *w, struct ext_search_args *args)
{
        struct ext_place *cursor = arena_zalloc(r->arena, LIMIT_SEARCH_DEPTH, sizeof(*cursor));
        struct ext_search_result found;
        for (;;) {
                const unsigned ms = left(r);
                if (!cursor || ms == 0) {
                        r->why = cursor ? "the server takes too long" : "out of memory";
                        return false;
                }
                client_set_timeout(r->client, ms, ms);
                const enum ni_status status = client_search(r->client, args, &found);
                if (status != NI_OK || found.status != NI_OK) {
                        r->why = status != NI_OK ? arena_str(r->arena, bytes_str(client_reason(r->client)))
                                                 : status_text((enum ni_status)found.status);
                        return false;
                }
                for (uint32_t i = 0; i < found.hit_count; i++) {
                        if (!take_hit(r, w, &found.hits[i]))
                                return false;
                }
                if (!found.more || found.cursor_count == 0 || found.cursor_count > LIMIT_SEARCH_DEPTH)
                        return true;
                memcpy(cursor, found.cursor, found.cursor_count * sizeof(*cursor));
                args->cursor = cursor;
                args->cursor_count = found.cursor_count;
                args->epoch = found.epoch;
        }
}

static bool read_below(struct reader *r, const struct walk *w)
{
        struct ext_condition present = {.kind = EXT_COND_PRESENT};
        struct ext_search_args args = {.depth = w->depth};
        struct client_why why;
        struct ni_id id;
        const unsigned ms = left(r);
        if (ms == 0) {
                r->why = "the server takes too long";
                return false;
        }
        client_set_timeout(r->client, ms, ms);
        const enum ni_status status = client_path(r->client, w->path, &id, NULL, &why);
        if (status == NI_NODIR)
                return true;
        if (status != NI_OK) {
                r->why = arena_str(r->arena, bytes_str(why.text));
                return false;
        }
        args.object = id.object;
        if (w->present) {
                present.name = bytes_str(w->present);
                args.conditions = &present;
                args.condition_count = 1;
        }
        return hits_of(r, w, &args);
}

static bool read_site(struct reader *r)
{
        char one[32];
        const struct port_site_ask *ask = r->ask;
        snprintf(one, sizeof(one), "/ports/%u", ask->from);
        const struct walk sources = {"/port_sources", 1, 2, NULL, take_source};
        const struct walk port = {one, 1, 3, NULL, take_claim}, ports = {"/ports", 2, 3, NULL, take_claim};
        const struct walk ranges = {"/portranges", 2, 3, NULL, take_claim};
        const struct walk programs = {"/services", 1, 2, "program", take_service};
        const struct walk units = {"/services", 1, 2, "unit", take_service};
        return read_below(r, &sources) && read_below(r, ask->from == ask->to ? &port : &ports) &&
               read_below(r, &ranges) &&
               (!ask->programs || (read_below(r, &programs) && read_below(r, &units)));
}

/* -- finding it ------------------------------------------------------------------------------------------ */

/* Resolving a host's name may take seconds. */
static bool named_by_name(const char *servers)
{
        for (struct bytes rest = bytes_str(servers); rest.len;) {
                const size_t comma = bytes_find(rest, ',');
                const struct bytes element = bytes_sub(rest, 0, comma);
                struct server_address a;
                const char *why;
                char host[64];
                uint8_t address[16];
                rest = bytes_sub(rest, comma + 1, rest.len);
                if (element.len == 0)
                        continue;
                if (!address_parse(element, false, &a, &why) || a.host.len >= sizeof(host))
                        return true;
                snprintf(host, sizeof(host), "%.*s", BYTES_FMT(a.host));
                if (inet_pton(AF_INET, host, address) != 1 && inet_pton(AF_INET6, host, address) != 1)
                        return true;
        }
        return false;
}

static enum port_site_end find_server(struct reader *r)
{
        const char *env_server = secure_getenv("NETINFO_SERVER"),
                   *env_socket = secure_getenv("NETINFO_SOCKET");
        const bool env = (env_server && *env_server) || (env_socket && *env_socket);
        struct client_options o;
        struct client_why why;
        client_options_init(&o);
        /* Without a name only the standard UNIX socket: knocking at ports of this machine would show up in
         * the answer about them. */
        o.server = r->ask->server ? r->ask->server : env ? NULL : FIND_SOCKET;
        o.tag = r->ask->tag;
        o.timeout_ms = r->ask->server ? 5000 : SITE_QUICK_MS;
        r->deadline = clock_mono_ms() + o.timeout_ms;
        if (!r->ask->server && !(env_socket && *env_socket) && env_server && named_by_name(env_server)) {
                r->why = "NETINFO_SERVER names a host by its name; give the same to --server to ask it";
                return PORT_SITE_FAILED;
        }
        const enum ni_status status = client_open(&o, &r->client, &why);
        if (status == NI_OK)
                return PORT_SITE_ANSWERED;
        r->why = arena_str(r->arena, bytes_str(why.text));
        /* Nobody there is no gap in the answer, unless somebody was named, or hangs. */
        return r->ask->server || env || left(r) == 0 ? PORT_SITE_FAILED : PORT_SITE_NOBODY;
}

enum port_site_end port_site_read(const struct port_site_ask *ask, const struct port_site **ret_site,
                                  const char **ret_why)
{
        struct reader r = {.ask = ask, .arena = ask->arena, .why = ""};
        enum port_site_end end = find_server(&r);
        *ret_site = NULL;
        if (end == PORT_SITE_ANSWERED) {
                r.site = arena_zalloc(r.arena, 1, sizeof(*r.site));
                if (!r.site || !read_site(&r))
                        end = PORT_SITE_FAILED;
                client_close(r.client);
        }
        if (end != PORT_SITE_ANSWERED) {
                *ret_why = r.why ? r.why : "out of memory";
                return end;
        }
        r.site->claim = r.claim;
        r.site->service = r.service;
        r.site->source = r.source;
        r.site->hidden = r.hidden;
        *ret_why = r.odds == 0 ? NULL
                   : r.odds == 1
                           ? r.odd
                           : arena_printf(r.arena, "%s, and %zu more that are left out", r.odd, r.odds - 1);
        if (r.site->claims || r.site->services || r.site->sources || r.site->hiddens)
                *ret_site = r.site;
        return end;
}

int port_site_run(int argc, char **argv)
{
        port_tool_site = port_site_read;
        return argc > 1 && strcmp(argv[1], "claim") == 0 ? port_claim_run(argc - 1, argv + 1)
                                                         : ni_port_run(argc, argv);
}

int ports_site_run(int argc, char **argv)
{
        port_tool_site = port_site_read;
        return ni_ports_run(argc, argv);
}
