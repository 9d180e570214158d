/* The chain above a server (doc/binding.md 5): NI_RPARENT of it, of its parent, and so on. In a thread that
 * may wait; bounded in levels and in time. */
#include "server/parent-internal.h"

#include "client/client.h"
#include "model/path.h"
#include "sys/clock.h"

#include <stddef.h>
#include <stdio.h>

#define CLIMB_MS       5000u /* for the whole chain */
#define CLIMB_LEVEL_MS 2000u /* for one server */

/* A domain of this very process: no call, for a door may be closed to ourselves. */
static bool own_parent(struct server *s, const struct binding_server *at, bool our_port,
                       struct binding_server *ret, bool *ret_ours)
{
        const struct address a = address_from_ipv4(at->addr);
        struct domain *d =
                our_port && address_is_own(&a) ? registry_find(&s->registry, bytes_str(at->tag)) : NULL;
        *ret_ours = d != NULL;
        if (!d)
                return false;
        const struct binding_answer answer = parent_answer(d, false, s);
        domain_release(d);
        *ret = answer.parent;
        return answer.state == BINDING_IS_BOUND;
}

static bool ask_parent(struct server *s, const struct binding_server *at, uint16_t port, uint64_t deadline,
                       struct binding_server *ret)
{
        struct client_options o;
        struct client_why why;
        struct client *c;
        char where[80], text[46];
        struct ni_args args = {0};
        struct ni_result r;
        const struct address a = address_from_ipv4(at->addr);
        const uint64_t now = clock_mono_ms();
        if (now >= deadline)
                return false;
        address_text(&a, text, sizeof(text));
        snprintf(where, sizeof(where), port ? "%s:%u" : "%s", text, port);
        client_options_init(&o);
        o.server = where;
        o.tag = at->tag;
        o.timeout_ms = deadline - now < CLIMB_LEVEL_MS ? (unsigned)(deadline - now) : CLIMB_LEVEL_MS;
        o.interrupt_fd = s->parents->stop_fd;
        if (client_open(&o, &c, &why) != NI_OK)
                return false;
        const bool ok = client_ni(c, NI_PROC_rparent, &args, &r) == NI_OK && r.status == NI_OK &&
                        tag_is_valid(r.value);
        if (ok) {
                *ret = (struct binding_server){.addr = r.addr};
                memcpy(ret->tag, r.value.data, r.value.len);
        }
        client_close(c);
        return ok;
}

static bool seen(const struct parent_climb *c, const struct binding_server *s)
{
        for (unsigned i = 0; i < c->length; i++)
                if (c->chain[i].addr == s->addr && strcmp(c->chain[i].tag, s->tag) == 0)
                        return true;
        return false;
}

static void run_climb(struct task *task, unsigned thread, void *server)
{
        struct parent_climb *c = (struct parent_climb *)((char *)task - offsetof(struct parent_climb, task));
        struct server *s = server;
        struct binding_server at = c->from, next;
        uint16_t port = c->port;
        const uint64_t deadline = clock_mono_ms() + CLIMB_MS;
        bool ours;
        (void)thread;
        c->length = 0;
        for (unsigned i = 0; i < LIMIT_DEPTH; i++) {
                const bool found = own_parent(s, &at, port == 0 || port == c->main_port, &next, &ours);
                if (!found && (ours || !ask_parent(s, &at, port, deadline, &next)))
                        break;
                if (seen(c, &next)) /* a loop of others */
                        break;
                c->chain[c->length++] = at = next;
                port = 0;
        }
        loop_post(&s->loop, &c->note);
}

static void begin(struct parent *p);

static void climb_home(struct note *note, void *server)
{
        struct parent_climb *c = (struct parent_climb *)((char *)note - offsetof(struct parent_climb, note));
        struct parent *p = (struct parent *)((char *)c - offsetof(struct parent, climb));
        struct binding_event e = {
                .kind = BINDING_CLIMBED, .chain = c->chain, .chain_length = c->length, .climb = c->number};
        (void)server;
        c->under_way = false;
        parent_step(p, &e);
        if (p->gone)
                parents_remove(p->all, p->domain);
        else
                begin(p);
}

/* The next one, when a thread takes it; else the core gives up waiting by itself. */
static void begin(struct parent *p)
{
        struct parent_climb *c = &p->climb;
        if (!c->wanted || c->under_way || p->gone || p->all->stopping)
                return;
        c->number = c->next_number;
        c->from = c->next_from;
        c->port = c->next_port;
        c->main_port = listeners_main_port(p->all->server, false);
        c->wanted = false;
        c->task.run = run_climb; /* only now: a thread may have had it in hand until here */
        c->note.run = climb_home;
        c->under_way = pool_submit(p->all->climbers, &c->task);
}

void parent_climb_begin(struct parent *p, const struct binding_action *a)
{
        struct parent_climb *c = &p->climb;
        c->wanted = true;
        c->next_number = a->climb;
        c->next_from = a->server;
        c->next_port = a->port;
        begin(p);
}
