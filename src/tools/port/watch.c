/* `--watch`: asks the machine again and again and prints what is new and what is gone. The kernel tells
 * nobody who begins to listen, so it is asked once a second; what comes and goes in between stays unseen. */
#include "tools/port/port_tool.h"

#include "sys/clock.h"
#include "sys/fs.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define WATCH_MS 1000

/* One socket as it is printed. */
struct seen {
        const char *text, *json;
};

struct round {
        struct arena arena;
        struct seen *seen; /* sorted by text */
        size_t n;
};

struct watch {
        struct port_tool *t;
        uint16_t from, to;
        const struct port_socket_unit *units;
        size_t units_n;
};

static int by_text(const void *x, const void *y)
{
        return strcmp(((const struct seen *)x)->text, ((const struct seen *)y)->text);
}

/* What was written to t->out behind `from`, taken out again. */
static const char *cut(struct watch *w, struct arena *a, size_t from)
{
        struct buf *out = &w->t->out;
        const char *text = arena_str(a, bytes_sub(buf_bytes(out), from, out->len));
        buf_truncate(out, from);
        return text;
}

/* How many wait and how long the queue is changes with every connection: no news. */
static bool take(struct watch *w, struct round *r, struct port_socket s)
{
        struct port_tool *t = w->t;
        struct port_json json = {.out = &t->out};
        struct port_answer a;
        struct seen *to = &r->seen[r->n];
        const size_t from = t->out.len;
        if (!port_resolve(&t->db, s.port, PORT_ANY, port_tool_day(t), &r->arena, &a))
                return false;
        const struct port_judged v = port_judge(&s, &a, t->db.site, w->units_n ? w->units : NULL, w->units_n);
        port_put_socket(t, &s, &v);
        to->text = cut(w, &r->arena, from);
        s.waiting = 0;
        if (t->o.json)
                port_json_socket(&json, &s, &v);
        to->json = cut(w, &r->arena, from);
        r->n++;
        return to->text && to->json && !t->out.failed;
}

static bool look(struct watch *w, struct round *r)
{
        struct port_tool *t = w->t;
        const struct port_live_query q = {
                .from = w->from,
                .to = w->to,
                .transports = t->o.transports ? t->o.transports : PORT_TCP | PORT_UDP,
                .connections = t->o.connections,
                .silent = true,
                .processes = !t->o.no_processes,
                .all_holders = t->o.all_holders,
                .all_namespaces = t->o.all_namespaces,
        };
        struct port_live l;
        arena_reset(&r->arena);
        r->n = 0;
        if (!port_live_ask(&q, &r->arena, &l)) {
                port_tool_error(t, "the kernel could not be asked who listens: %s", strerror(l.error));
                return false;
        }
        r->seen = arena_zalloc(&r->arena, l.n + 1, sizeof(*r->seen));
        for (size_t i = 0; r->seen && i < l.n; i++) {
                const uint8_t state = l.socket[i].state;
                const bool connection = state == PORT_SOCKET_CONNECTED || state == PORT_SOCKET_CLOSING;
                if ((!connection || t->o.connections) && !take(w, r, l.socket[i]))
                        r->seen = NULL;
        }
        if (!r->seen) {
                port_tool_error(t, "out of memory");
                return false;
        }
        qsort(r->seen, r->n, sizeof(*r->seen), by_text);
        return true;
}

static void say(struct watch *w, char sign, const struct seen *s)
{
        struct buf *b = &w->t->out;
        const time_t now = (time_t)(clock_wall_us() / 1000000u);
        struct tm tm;
        char text[32];
        if (w->t->o.json) {
                struct port_json json = {.out = b};
                strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &tm));
                json_open(&json, NULL, '{');
                json_text(&json, "time", text);
                json_text(&json, "event", sign == '=' ? "there" : sign == '+' ? "came" : "went");
                buf_puts(b, ",\"socket\":");
                buf_puts(b, s->json);
                json_close(&json, '}');
        } else {
                strftime(text, sizeof(text), "%H:%M:%S", localtime_r(&now, &tm));
                buf_printf(b, "%s %c %s", text, sign, s->text);
        }
        buf_putc(b, '\n');
}

static void compare(struct watch *w, const struct round *before, const struct round *now)
{
        size_t i = 0, k = 0;
        while (i < before->n || k < now->n) {
                const int order = i == before->n ? 1
                                  : k == now->n  ? -1
                                                 : by_text(&before->seen[i], &now->seen[k]);
                if (order < 0)
                        say(w, '-', &before->seen[i]);
                else if (order > 0)
                        say(w, '+', &now->seen[k]);
                i += order <= 0;
                k += order >= 0;
        }
}

/* 0: go on. */
static int put_out(struct port_tool *t)
{
        const int err = t->out.len ? fs_write_all(STDOUT_FILENO, t->out.data, t->out.len) : 0;
        buf_clear(&t->out);
        if (err && err != EPIPE)
                port_tool_error(t, "standard output: %s", strerror(err));
        return err;
}

int port_answer_watch(struct port_tool *t, uint16_t from, uint16_t to)
{
        struct watch w = {.t = t, .from = from, .to = to};
        struct round round[2];
        bool ok;
        unsigned turn = 0;
        arena_init(&round[0].arena, 1u << 30);
        arena_init(&round[1].arena, 1u << 30);
        port_tool_ask_site(t, from, to, true);
        w.units_n = port_socket_units(&t->arena, "", from == to ? from : 0, &w.units);
        if (t->site_silence && !t->o.json)
                port_put_site_silence(t);
        ok = look(&w, &round[turn]);
        for (size_t i = 0; ok && i < round[turn].n; i++)
                say(&w, '=', &round[turn].seen[i]);
        ok = ok && put_out(t) == 0;
        while (ok) {
                struct pollfd reader = {.fd = STDOUT_FILENO};
                if (poll(&reader, 1, WATCH_MS) > 0)
                        break; /* nobody reads any more */
                ok = look(&w, &round[!turn]);
                if (!ok)
                        break;
                compare(&w, &round[turn], &round[!turn]);
                turn = !turn;
                ok = put_out(t) == 0;
        }
        buf_clear(&t->out);
        arena_done(&round[0].arena);
        arena_done(&round[1].arena);
        return EXIT_FAILED; /* it ends by a signal, or because it cannot go on */
}
