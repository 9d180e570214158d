#include "client/client-internal.h"

#include "base/text.h"
#include "sys/clock.h"
#include "sys/random.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

#define PMAP_PROGRAM 100000u /* RFC 1833 section 3 */
#define PMAP_VERSION 2u
#define PMAP_GETPORT 3u
#define PLACE_LEAST  300u /* ms that a place gets before the next one is tried, when there are many */

/* A call of the opening itself, without credentials: `args` are encoded already. */
static enum exchange_end ask(struct client *c, struct line *l, uint32_t program, uint32_t version,
                             uint32_t procedure, struct bytes args, const struct line_wait *w,
                             struct xdr_in *ret)
{
        const struct rpc_call call = {
                .xid = ++c->xid, .program = program, .version = version, .procedure = procedure};
        struct buf record;
        bool unseen;
        enum exchange_end end = EXCHANGE_BAD;
        buf_init(&record, LIMIT_CALL);
        const size_t mark = record_open(&record);
        call_encode(&record, &call, NULL);
        buf_put(&record, args);
        record_close(&record, mark);
        if (!record.failed)
                end = exchange(l, buf_bytes(&record), call.xid, w, ret, &unseen);
        explicit_bzero(record.data, record.len); /* LOGIN has a password */
        buf_done(&record);
        return end;
}

static enum ni_status say(char *reason, size_t size, enum ni_status status, const char *words)
{
        snprintf(reason, size, "%s", words);
        return status;
}

static const char closes[] = "closes the connection";

static enum ni_status say_end(struct client *c, const struct line *l, char *reason, size_t size,
                              enum exchange_end end)
{
        c->advised |= end == EXCHANGE_WEAK || (end == EXCHANGE_BROKEN && l->trouble[0]);
        switch (end) {
        case EXCHANGE_WEAK:
                return say(reason, size, NI_AUTHERROR, exchange_weak_words(l));
        case EXCHANGE_LATE:
        case EXCHANGE_LOST:
                return say(reason, size, NI_FAILED, "no answer in time");
        case EXCHANGE_INTERRUPTED:
                return say(reason, size, NI_FAILED, "interrupted");
        case EXCHANGE_BROKEN:
                return say(reason, size, NI_FAILED, l->trouble[0] ? l->trouble : closes);
        default:
                return say(reason, size, NI_FAILED, "answers, but not as NetInfo does");
        }
}

static enum ni_status dial(struct line *l, const struct place *p, const struct line_wait *w, char *reason,
                           size_t size)
{
        int error;
        switch (line_connect(l, (const struct sockaddr *)&p->to, p->len, w, &error)) {
        case LINE_OK:
                return NI_OK;
        case LINE_LATE:
                return say(reason, size, NI_FAILED, "no answer in time");
        case LINE_INTERRUPTED:
                return say(reason, size, NI_FAILED, "interrupted");
        default:
                return say(reason, size, NI_FAILED, error ? strerror(error) : "cannot connect");
        }
}

/* TLS upon a line that was just dialled. */
static enum ni_status secure(struct client *c, struct line *l, const struct line_secure *s,
                             const struct line_wait *w, char *reason, size_t size)
{
        const enum line_end end = line_secure(l, s, w);
        c->advised |= end == LINE_BAD;
        switch (end) {
        case LINE_OK:
                return NI_OK;
        case LINE_LATE:
        case LINE_LOST:
                return say(reason, size, NI_FAILED, "no answer in time");
        case LINE_INTERRUPTED:
                return say(reason, size, NI_FAILED, "interrupted");
        default:
                return say(reason, size, NI_FAILED, l->trouble[0] ? l->trouble : closes);
        }
}

/* Dials a server's port, at which this program is served, and begins TLS where it is to be spoken. */
static enum ni_status dial_server(struct client *c, struct line *l, const struct place *p, uint32_t program,
                                  uint32_t version, const struct line_wait *w, char *reason, size_t size)
{
        struct line_secure s = {.program = program,
                                .version = version,
                                .xid = ++c->xid,
                                .pin = c->o.pin,
                                .name = p->name[0] ? p->name : NULL};
        const enum secure_verdict verdict =
                s.pin ? SECURE_TLS : secure_judge((const struct sockaddr *)&p->to, &s.identity, reason, size);
        c->advised |= verdict == SECURE_REFUSED;
        if (verdict == SECURE_REFUSED)
                return NI_FAILED;
        l->reserved = c->o.reserved_port && verdict == SECURE_CLEAR; /* a certificate says more */
        enum ni_status status = dial(l, p, w, reason, size);
        if (status == NI_OK) {
                c->reached = true;
                if (verdict == SECURE_TLS)
                        status = secure(c, l, &s, w, reason, size);
        }
        tls_identity_release(s.identity);
        return status;
}

static enum ni_status no_such_tag(const struct place *p, char *reason, size_t size)
{
        snprintf(reason, size, "does not serve a domain with the tag %s", p->tag);
        return NI_NOTAG;
}

/* Dials version 2 at its own port on the host of `p`. */
static enum ni_status dial_database(struct client *c, const struct place *p, uint32_t port,
                                    const struct line_wait *w, char *reason, size_t size)
{
        struct place own = *p;
        struct xdr_in in;
        if (own.to.ss_family == AF_UNIX) {
                struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
                memcpy(&own.to, &v4, sizeof(v4));
                own.len = sizeof(v4);
        }
        find_set_port(&own, (uint16_t)port);
        const enum ni_status status = dial_server(c, &c->own, &own, NI_PROGRAM, NI_VERSION, w, reason, size);
        if (status != NI_OK)
                return status;
        const enum exchange_end end =
                ask(c, &c->own, NI_PROGRAM, NI_VERSION, NI_PROC_ping, BYTES_NONE, w, &in);
        if (end != EXCHANGE_OK)
                return say_end(c, &c->own, reason, size, end);
        c->has_own = true;
        return NI_OK;
}

/* A server without SELECT: its binder knows the tag's port (protocol.md 2.9, GETREGISTER). */
static enum ni_status register_of(struct client *c, const struct place *p, const struct line_wait *w,
                                  char *reason, size_t size)
{
        struct binder_args args = {.tag = bytes_str(p->tag)};
        struct binder_result result;
        struct xdr_in in;
        struct buf body;
        buf_init(&body, LIMIT_CALL);
        binder_args_encode(NIBIND_PROC_getregister, &args, &body);
        const enum exchange_end end = ask(c, &c->main, NIBIND_PROGRAM, NIBIND_VERSION,
                                          NIBIND_PROC_getregister, buf_bytes(&body), w, &in);
        buf_done(&body);
        if (end != EXCHANGE_OK)
                return say_end(c, &c->main, reason, size, end);
        if (!binder_result_decode(NIBIND_PROC_getregister, &in, &result))
                return say_end(c, &c->main, reason, size, EXCHANGE_BAD);
        if (result.status == NI_NOTAG)
                return no_such_tag(p, reason, size);
        if (result.status != NI_OK || result.tcp_port == 0 || result.tcp_port > 65535) {
                snprintf(reason, size, "its server for the tag %s does not answer", p->tag);
                return NI_FAILED;
        }
        return dial_database(c, p, result.tcp_port, w, reason, size);
}

static enum ni_status select_tag(struct client *c, const struct place *p, const struct line_wait *w,
                                 char *reason, size_t size)
{
        struct xdr_in in;
        struct buf body;
        buf_init(&body, LIMIT_CALL);
        ext_tag_encode(bytes_str(p->tag), &body);
        const enum exchange_end end =
                ask(c, &c->main, NIEXT_PROGRAM, NIEXT_VERSION, NIEXT_PROC_select, buf_bytes(&body), w, &in);
        buf_done(&body);
        if (end == EXCHANGE_UNKNOWN)
                return register_of(c, p, w, reason, size);
        if (end != EXCHANGE_OK)
                return say_end(c, &c->main, reason, size, end);
        const uint32_t status = xdr_u32(&in);
        if (!xdr_ok(&in))
                return say_end(c, &c->main, reason, size, EXCHANGE_BAD);
        if (status == NI_NOTAG)
                return no_such_tag(p, reason, size);
        if (status != NI_OK)
                snprintf(reason, size, "the domain %s cannot be served (status %u); see the server's log",
                         p->tag, status);
        return status == NI_OK ? NI_OK : NI_FAILED;
}

/* Who calls, once for the whole connection (doc/tls.md 3). */
static enum ni_status login(struct client *c, const struct place *p, const struct line_wait *w, char *reason,
                            size_t size)
{
        const struct ext_login_args args = {.tag = bytes_str(p->tag),
                                            .user = bytes_str(c->o.user),
                                            .password = bytes_str(c->o.password ? c->o.password : "")};
        struct xdr_in in;
        struct buf body;
        buf_init(&body, LIMIT_CALL);
        ext_login_args_encode(&args, &body);
        const enum exchange_end end =
                ask(c, &c->main, NIEXT_PROGRAM, NIEXT_VERSION, NIEXT_PROC_login, buf_bytes(&body), w, &in);
        explicit_bzero(body.data, body.len);
        buf_done(&body);
        if (end != EXCHANGE_OK)
                return say_end(c, &c->main, reason, size, end);
        const uint32_t status = xdr_u32(&in);
        if (!xdr_ok(&in))
                return say_end(c, &c->main, reason, size, EXCHANGE_BAD);
        if (status == NI_OK)
                return NI_OK;
        c->advised = true;
        snprintf(reason, size,
                 status == NI_AUTHERROR
                         ? "user %.64s and password are not accepted in domain %s; check both, "
                           "and wait a moment after several wrong ones"
                         : "user %.64s cannot log in to domain %s now; see the server's log",
                 c->o.user, p->tag);
        return status == NI_AUTHERROR ? NI_AUTHERROR : NI_FAILED;
}

static enum ni_status any_binder(struct client *c, const struct line_wait *w, char *reason, size_t size)
{
        struct xdr_in in;
        const enum exchange_end end =
                ask(c, &c->main, NIBIND_PROGRAM, NIBIND_VERSION, NIBIND_PROC_ping, BYTES_NONE, w, &in);
        return end == EXCHANGE_OK ? NI_OK : say_end(c, &c->main, reason, size, end);
}

/* The binder's TCP port from the port mapper. Historical clients ask over UDP; the answer is the same
 * registration, and here every wait is one of a stream. */
static enum ni_status binder_port(struct client *c, struct place *p, const struct line_wait *w, char *reason,
                                  size_t size)
{
        struct line mapper;
        struct buf body;
        struct xdr_in in;
        uint32_t port = 0;
        line_init(&mapper);
        buf_init(&body, LIMIT_CALL);
        xdr_put_u32(&body, NIBIND_PROGRAM);
        xdr_put_u32(&body, NIBIND_VERSION);
        xdr_put_u32(&body, IPPROTO_TCP);
        xdr_put_u32(&body, 0);
        enum ni_status status = dial(&mapper, p, w, reason, size);
        if (status == NI_OK) {
                const enum exchange_end end =
                        ask(c, &mapper, PMAP_PROGRAM, PMAP_VERSION, PMAP_GETPORT, buf_bytes(&body), w, &in);
                status = end == EXCHANGE_OK ? NI_OK : say_end(c, &mapper, reason, size, end);
                port = status == NI_OK ? xdr_u32(&in) : 0;
        }
        buf_done(&body);
        line_done(&mapper);
        if (status == NI_OK && (port == 0 || port > 65535))
                status = say(reason, size, NI_FAILED, "no NetInfo binder is registered there");
        if (status == NI_OK) {
                find_set_port(p, (uint16_t)port);
                p->kind = PLACE_SERVER;
        }
        return status;
}

/* What is said first on the main line. */
static enum ni_status reach_domain(struct client *c, const struct place *at, const struct line_wait *w,
                                   char *reason, size_t size)
{
        enum ni_status status = NI_OK;
        if (c->main.tls && c->o.user)
                status = login(c, at, w, reason, size);
        if (status != NI_OK)
                return status;
        return c->o.no_domain ? any_binder(c, w, reason, size) : select_tag(c, at, w, reason, size);
}

enum ni_status open_place(struct client *c, struct place *p, const struct line_wait *w, char *reason,
                          size_t size)
{
        struct place at = *p;
        enum ni_status status = NI_OK;
        line_close(&c->main);
        line_close(&c->own);
        c->has_main = c->has_own = c->reached = c->advised = false;
        if (at.kind == PLACE_DATABASE) {
                if (c->o.no_domain)
                        return say(reason, size, NI_FAILED, "has no binder");
                return dial_database(c, &at, NI_LOCAL_PORT, w, reason, size);
        }
        if (at.kind == PLACE_PORT_MAPPER) {
                if (c->o.pin || client_avoids_clear((const struct sockaddr *)&at.to))
                        return say(reason, size, NI_FAILED, "not asked: it has no TLS");
                status = binder_port(c, &at, w, reason, size);
        }
        if (status == NI_OK)
                status = dial_server(c, &c->main, &at, NIBIND_PROGRAM, NIBIND_VERSION, w, reason, size);
        if (status == NI_OK && !c->o.pin && !c->o.certificate_only)
                status = reach_domain(c, &at, w, reason, size);
        if (status != NI_OK)
                return status;
        c->has_main = true;
        *p = at;
        return NI_OK;
}

/* Until when place i is tried. Somebody in a hurry means it: a place gets all that is left, and the sum
 * stands. So does a UNIX socket, where nothing goes further once it was taken. */
static uint64_t until(const struct places *l, unsigned i, unsigned timeout, uint64_t deadline)
{
        const uint64_t now = clock_mono_ms(), left = now < deadline ? deadline - now : 0;
        if (timeout < PLACE_LEAST || l->v[i].to.ss_family == AF_UNIX)
                return now + (left ? left : 1);
        return now + (left / (l->n - i) < PLACE_LEAST ? PLACE_LEAST : left / (l->n - i));
}

/* Twice when the connection was taken and closed: so does a server that ends with those who have not asked
 * yet, and the one that follows it takes the second. Opening changes nothing. */
static enum ni_status try_place(struct client *c, struct place *p, const struct line_wait *w, char *reason,
                                size_t size)
{
        enum ni_status status = open_place(c, p, w, reason, size);
        if (status == NI_FAILED && c->reached && strcmp(reason, closes) == 0 && clock_mono_ms() < w->deadline)
                status = open_place(c, p, w, reason, size);
        return status;
}

/* Tries the places in order. */
static enum ni_status try_places(struct client *c, struct places *l, struct client_why *why)
{
        const unsigned timeout = c->o.timeout_ms ? c->o.timeout_ms : CLIENT_READ_MS;
        const uint64_t deadline = clock_mono_ms() + timeout;
        enum ni_status worst = NI_FAILED;
        bool advised = false;
        size_t at = 0;
        for (unsigned i = 0; i < l->n; i++) {
                char reason[600] = "";
                const struct line_wait w = {until(l, i, timeout, deadline), c->o.interrupt_fd};
                char label[sizeof(l->v[i].label)];
                memcpy(label, l->v[i].label, sizeof(label));
                const enum ni_status status = try_place(c, &l->v[i], &w, reason, sizeof(reason));
                if (status == NI_OK) {
                        c->place = l->v[i];
                        return NI_OK;
                }
                if (status != NI_FAILED)
                        worst = status;
                advised |= c->advised;
                if (at < sizeof(why->text))
                        at += (size_t)snprintf(why->text + at, sizeof(why->text) - at, "%s%s%s (%s)",
                                               at ? ", " : "no server found: ",
                                               l->v[i].kind == PLACE_PORT_MAPPER ? "port mapper " : "", label,
                                               reason);
                /* The next one would count the wrong password again. */
                if (status == NI_AUTHERROR && c->main.was_tls && c->o.user)
                        break;
                /* A server that took the connection is there, if only starting or ending; through another
                 * door we would be somebody else to it, and read `*` for secrets. */
                if (l->v[i].to.ss_family == AF_UNIX && c->reached && status != NI_NOTAG)
                        break;
        }
        const char *way_out = advised             ? ""
                              : worst == NI_NOTAG ? "; `ni domain list` shows what is served"
                              : l->named          ? "; is netinfod running there?"
                                                  : "; start netinfod, or name a server with NETINFO_SERVER";
        if (at > sizeof(why->text) - 80)
                at = sizeof(why->text) - 80;
        snprintf(why->text + at, sizeof(why->text) - at, "%s", way_out);
        return worst;
}

static enum ni_status no_user(const struct client *c, struct client_why *why, const char *reason)
{
        snprintf(why->text, sizeof(why->text),
                 "user %.100s in domain %s: %s; `ni ls /users` shows who is there", c->o.user, c->place.tag,
                 reason);
        return NI_NOUSER;
}

/* protocol.md 3.8: the uid of the user record, and the password with every byte complemented. */
static enum ni_status become(struct client *c, struct client_why *why)
{
        struct ni_args args = {.key = BYTES_LIT("name"), .value = bytes_str(c->o.user)};
        struct ni_result result = {0};
        size_t len;
        int64_t uid = 0;
        if (!c->o.no_domain) {
                enum ni_status status = client_path(c, "/users", &args.id, NULL, why);
                if (status == NI_NODIR)
                        return no_user(c, why, "there is no /users");
                if (status == NI_OK)
                        status = client_ni(c, NI_PROC_lookupread, &args, &result);
                if (status != NI_OK) {
                        snprintf(why->text, sizeof(why->text), "%s", c->reason);
                        return status;
                }
                if (result.status != NI_OK)
                        return no_user(c, why, "no such user");
                if (!text_i64(proplist_first(&result.props, "uid"), &uid) || uid > UINT32_MAX ||
                    uid < INT32_MIN)
                        return no_user(c, why, "the record has no numeric uid");
        }
        auth_password(bytes_str(c->o.password), c->machine, &len);
        c->sys = (struct auth_sys){.stamp = (uint32_t)(clock_wall_us() / 1000000u),
                                   .uid = (uint32_t)uid,
                                   .machine = bytes_of(c->machine, len)};
        c->has_sys = true;
        return NI_OK;
}

void client_options_init(struct client_options *o)
{
        *o = (struct client_options){.interrupt_fd = -1};
}

static bool copy_options(struct client *c, const struct client_options *o)
{
        c->o = *o;
        c->o.server = c->o.tag = NULL; /* the place found knows both */
        c->o.user = o->user ? strdup(o->user) : NULL;
        c->o.password = o->password ? strdup(o->password) : NULL;
        if (o->pin) {
                memcpy(c->pin, o->pin, sizeof(c->pin));
                c->o.pin = c->pin;
        }
        return (c->o.user || !o->user) && (c->o.password || !o->password);
}

enum ni_status client_open(const struct client_options *o, struct client **ret, struct client_why *why)
{
        struct places places;
        enum ni_status status = NI_FAILED;
        struct client *c = calloc(1, sizeof(*c));
        snprintf(why->text, sizeof(why->text), "out of memory");
        if (!c)
                return NI_FAILED;
        line_init(&c->main);
        line_init(&c->own);
        c->main.low_socket = c->own.low_socket = o->low_socket;
        c->main.low_context = c->own.low_context = o->low_context;
        arena_init(&c->arena, LIMIT_ARENA);
        buf_init(&c->call, LIMIT_CALL);
        c->xid = random_u32();
        if (copy_options(c, o))
                status = find_places(o, &places, why);
        if (status == NI_OK)
                status = try_places(c, &places, why);
        if (status == NI_OK && c->o.user && !c->main.tls)
                status = become(c, why);
        if (status != NI_OK) {
                client_close(c);
                return status;
        }
        why->text[0] = '\0';
        *ret = c;
        return NI_OK;
}

static void forget(const char *secret)
{
        if (secret)
                explicit_bzero((void *)(uintptr_t)secret, strlen(secret));
        free((void *)(uintptr_t)secret);
}

void client_close(struct client *c)
{
        if (!c)
                return;
        line_done(&c->main);
        line_done(&c->own);
        arena_done(&c->arena);
        buf_done(&c->call);
        forget(c->o.user);
        forget(c->o.password);
        explicit_bzero(c->machine, sizeof(c->machine));
        free(c);
}

const char *client_tag(const struct client *c)
{
        return c->place.tag;
}

const char *client_peer(const struct client *c)
{
        return c->place.label;
}

uint16_t client_local_port(const struct client *c)
{
        struct sockaddr_storage a = {.ss_family = AF_UNSPEC};
        socklen_t n = sizeof(a);
        const struct line *l = c->has_own ? &c->own : &c->main;
        if ((!c->has_own && !c->has_main) || getsockname(l->fd, (struct sockaddr *)&a, &n) < 0)
                return 0;
        if (a.ss_family == AF_INET)
                return ntohs(((const struct sockaddr_in *)&a)->sin_port);
        return a.ss_family == AF_INET6 ? ntohs(((const struct sockaddr_in6 *)&a)->sin6_port) : 0;
}

struct tls_session *client_session(const struct client *c)
{
        return c->main.tls;
}

const char *client_reason(const struct client *c)
{
        return c->reason;
}
