/* Questions of binding inside TLS (doc/binding.md 6): an enrolled machine sends no datagram to a candidate
 * elsewhere, which could answer as anybody. GETREGISTER is asked over a connection instead, in a thread that
 * may wait, and the answer goes to the core as that of a datagram would; no answer is a datagram that was
 * lost. */
#include "server/parent-internal.h"

#include "client/client.h"
#include "sys/clock.h"

#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>

#define ASK_MS  (BINDING_TRIES * BINDING_TRY_MS) /* what the core waits for an answer */
#define KEEP_MS 120000u /* a connection that nothing was asked over for so long: no longer the parent's */

static bool is_broadcast(uint32_t addr)
{
        struct binding_interface f[LIMIT_PARENT_INTERFACES];
        const unsigned n = parent_interfaces(f);
        for (unsigned i = 0; i < n; i++)
                if (f[i].broadcast && f[i].broadcast == addr)
                        return true;
        return false;
}

/* -- the thread -- */

static bool connected(struct parent_probe *q)
{
        struct client_options o;
        struct client_why why;
        char where[80], text[46];
        const struct address a = address_from_ipv4(q->addr);
        const uint64_t now = clock_mono_ms();
        const unsigned left = now < q->deadline ? (unsigned)(q->deadline - now) : 0;
        if (q->client) {
                client_set_timeout(q->client, left ? left : 1, 0);
                return true;
        }
        address_text(&a, text, sizeof(text));
        snprintf(where, sizeof(where), q->query == BINDING_PING ? "%s" : "%s:%u", text, q->port);
        client_options_init(&o);
        o.server = where;
        o.timeout_ms = left;
        o.interrupt_fd = q->all->stop_fd;
        o.no_domain = true;
        return left && client_open(&o, &q->client, &why) == NI_OK;
}

static void run_probe(struct task *task, unsigned thread, void *server)
{
        struct parent_probe *q = (struct parent_probe *)((char *)task - offsetof(struct parent_probe, task));
        struct server *s = server;
        const struct binder_args args = {.tag = bytes_str(q->tag)};
        struct binder_result r;
        (void)thread;
        q->answered = clock_mono_ms() < q->deadline && connected(q) &&
                      client_binder(q->client, NIBIND_PROC_getregister, &args, &r) == NI_OK;
        if (q->answered) {
                q->status = r.status;
                q->udp_port = r.status == NI_OK ? r.udp_port : 0;
        } else {
                client_close(q->client);
                q->client = NULL;
        }
        loop_post(&s->loop, &q->note);
}

/* -- the main loop -- */

static void probe_home(struct note *note, void *server)
{
        struct parent_probe *q = (struct parent_probe *)((char *)note - offsetof(struct parent_probe, note));
        const struct binding_reply r = {.xid = q->xid,
                                        .from = q->addr,
                                        .from_port = q->port,
                                        .accepted = q->query != BINDING_PING || q->status == NI_OK,
                                        .status = q->status,
                                        .udp_port = q->udp_port};
        (void)server;
        q->under_way = false;
        q->used_ms = clock_mono_ms();
        if (q->answered)
                parent_deliver(q->all, &r);
}

static bool is_about(const struct parent_probe *q, const struct binding_action *a)
{
        return q->addr == a->to && q->port == a->port && strcmp(q->tag, a->server.tag) == 0;
}

/* The one that asked this before, whose connection may still stand; else one without a connection, else the
 * one that was used longest ago. NULL: it is being asked, or all are under way. */
static struct parent_probe *find_probe(struct parents *all, const struct binding_action *a)
{
        struct parent_probe *best = NULL;
        for (unsigned i = 0; i < LIMIT_PARENT_PROBES; i++) {
                struct parent_probe *q = &all->probe[i];
                if (is_about(q, a) && (q->under_way ? q->xid == a->xid : q->client != NULL))
                        return q->under_way ? NULL : q;
                if (q->under_way)
                        continue;
                if (!best || (best->client && (!q->client || q->used_ms < best->used_ms)))
                        best = q;
        }
        return best;
}

static void ask(struct parents *all, const struct binding_action *a)
{
        struct parent_probe *q = find_probe(all, a);
        if (!q)
                return;
        if (!is_about(q, a)) {
                client_close(q->client);
                q->client = NULL;
        }
        q->all = all;
        q->query = a->query;
        q->xid = a->xid;
        q->addr = a->to;
        q->port = a->port;
        memcpy(q->tag, a->server.tag, sizeof(q->tag));
        q->deadline = clock_mono_ms() + ASK_MS;
        q->task.run = run_probe;
        q->task.source = a->to;
        q->note.run = probe_home;
        q->under_way = pool_submit(all->probers, &q->task);
}

bool parent_secure_ask(struct parents *all, const struct binding_action *a)
{
        const struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr = {htonl(a->to)}};
        const bool binds = a->query == BINDING_BIND || a->query == BINDING_CALLIT;
        if (!client_avoids_clear((const struct sockaddr *)&to) || (binds && is_broadcast(a->to)))
                return false;
        if (a->query == BINDING_GETREGISTER || a->query == BINDING_PING)
                ask(all, a);
        return true;
}

void parent_secure_forget(struct parents *all, bool everything)
{
        const uint64_t now = clock_mono_ms();
        for (unsigned i = 0; i < LIMIT_PARENT_PROBES; i++) {
                struct parent_probe *q = &all->probe[i];
                if (q->under_way || !q->client || (!everything && now - q->used_ms < KEEP_MS))
                        continue;
                client_close(q->client);
                q->client = NULL;
        }
}
