#include "tools/talk.h"

#include "base/text.h"
#include "model/status.h"
#include "sys/clock.h"
#include "tools/log_show.h"
#include "tools/spawned.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#define WAIT_MS     30000u
#define AWAY_MS     60000u /* so long we wait for a server that is gone */
#define AGAIN_MS    500    /* between two tries */
#define PATHS_RENEW 50000u /* entries after which what is known of paths is thrown away: it only grows */

enum { O_FROM = 256, O_RUN };
static const struct talk_option options[] = {
        {O_FROM, "from", "SEQ", "begin with change number SEQ; 1: with all that the journal holds"},
        {'n', "count", "N", "end after N changes"},
        {O_RUN, "run", "COMMAND", "print nothing; run COMMAND by the shell now, and again after changes"},
        {0, NULL, NULL, NULL},
};
static const struct talk_manual manual = {
        .command = "watch",
        .synopsis = "watch [--from SEQ] [-n N] [--json | --run COMMAND] [PATH]",
        .about = "Shows the changes of a domain as they are made, oldest first, each exactly once, until it\n"
                 "is interrupted. With PATH only what happens there and below; it need not be there yet.\n"
                 "With --json one object a line. A server that goes away is waited for, one minute.\n"
                 "With --run a command keeps something in step with the domain: it runs once at the start,\n"
                 "and after changes once for all that came while it ran.",
        .options = options,
        .examples = "  ni watch\n"
                    "  ni watch /users --json | while read change; do ...; done\n"
                    "  ni watch --from 1 -n 10\n"
                    "  ni watch /aliases --run 'ni aliases -o /etc/netinfo/aliases && postalias "
                    "/etc/netinfo/aliases'",
        .talks = true,
        .json = true,
};

struct watch {
        struct log_show show;
        struct ext_changes_args args; /* epoch and seq: where we are */
        uint64_t left, seen;
        const char *run; /* command, or NULL */
};

/* -- interrupting: a handler may write to a pipe, and no more -- */

static int interrupt_pipe[2] = {-1, -1};

static void on_signal(int number)
{
        const int saved = errno;
        (void)number;
        if (write(interrupt_pipe[1], "", 1) < 0) /* full: it is noticed anyway */
                errno = saved;
        errno = saved;
}

static bool catch_signals(struct talk *t)
{
        const struct sigaction action = {.sa_handler = on_signal};
        if (pipe2(interrupt_pipe, O_CLOEXEC | O_NONBLOCK) == 0 && sigaction(SIGINT, &action, NULL) == 0 &&
            sigaction(SIGTERM, &action, NULL) == 0) {
                t->server.interrupt_fd = interrupt_pipe[0];
                return true;
        }
        talk_error(t, EXIT_FAILED, NULL, strerror(errno), NULL);
        return false;
}

/* True when it came within so many milliseconds. */
static bool interrupted(int ms)
{
        struct pollfd p = {.fd = interrupt_pipe[0], .events = POLLIN};
        return poll(&p, 1, ms) > 0;
}

/* -- the command of --run -- */

static void run_command(struct watch *w)
{
        const int status = spawned_shell(w->run);
        if (status < 0)
                talk_say(w->show.t, "ni watch: /bin/sh cannot be run");
        else if (status)
                talk_say(w->show.t,
                         "ni watch: the command ended with exit status %d; it runs again after the next "
                         "change",
                         status);
}

/* -- entries -- */

/* Paths of the records before and after the entry; of a destroyed one both are the one it had. */
static bool paths_of(struct log_show *l, const struct ext_entry *e, const char **path, const char **before)
{
        log_paths_expect(l->paths, e);
        for (uint32_t i = 0; i < e->record_count; i++)
                if (e->records[i].kind != EXT_CREATED)
                        before[i] = log_path(l->paths, e->records[i].object, &l->page);
        log_paths_apply(l->paths, e);
        for (uint32_t i = 0; i < e->record_count; i++)
                path[i] = e->records[i].kind == EXT_DESTROYED
                                  ? before[i]
                                  : log_path(l->paths, e->records[i].object, &l->page);
        return !l->page.failed;
}

static bool show_entry(struct watch *w, const struct ext_entry *e)
{
        struct log_show *l = &w->show;
        const char **path = arena_zalloc(&l->page, e->record_count, sizeof(*path));
        const char **before = arena_zalloc(&l->page, e->record_count, sizeof(*before));
        bool shown;
        if (!path || !before || !paths_of(l, e, path, before)) {
                talk_error(l->t, EXIT_FAILED, NULL, "a change is too large for the memory at hand", NULL);
                return false;
        }
        if (w->run)
                shown = log_wants(l, e, path, before);
        else if (!log_show_entry(l, e, path, before, &shown))
                return false;
        w->left -= shown;
        if (++w->seen % PATHS_RENEW == 0) {
                log_paths_free(l->paths);
                l->paths = log_paths_new(l->t->client);
        }
        return l->paths;
}

/* One answer of CHANGES: false ends the watch. */
static bool take(struct watch *w, struct ext_changes_result *r)
{
        struct log_show *l = &w->show;
        const uint64_t left = w->left;
        w->args.epoch = r->epoch;
        arena_reset(&l->page);
        if (!log_copy(&l->page, r)) {
                talk_error(l->t, EXIT_FAILED, NULL, "out of memory", NULL);
                return false;
        }
        for (uint32_t i = 0; i < r->entry_count && w->left; i++) {
                if (r->entries[i].seq != w->args.seq + 1) {
                        talk_error(l->t, EXIT_FAILED, client_peer(l->t->client),
                                   "the server leaves changes out", "it may be damaged: see its log");
                        return false;
                }
                if (!show_entry(w, &r->entries[i]))
                        return false;
                w->args.seq = r->entries[i].seq;
        }
        if (w->run && w->left != left)
                run_command(w);
        if (fflush(stdout) != 0)
                return false; /* nobody reads: talk_end notices it */
        return w->left > 0;
}

/* -- the loop -- */

static bool lost(struct watch *w)
{
        struct talk *t = w->show.t;
        struct ext_status_result s;
        char words[160];
        const enum ni_status status = client_status(t->client, &s);
        if (status == NI_OK && s.status == NI_OK && (w->args.epoch == 0 || s.epoch == w->args.epoch))
                snprintf(words, sizeof(words), "the journal holds #%llu to #%llu, and not what follows #%llu",
                         (unsigned long long)s.first_seq, (unsigned long long)s.seq,
                         (unsigned long long)w->args.seq);
        else
                snprintf(words, sizeof(words), "the domain was replaced (restored, or loaded) after #%llu",
                         (unsigned long long)w->args.seq);
        talk_error(t, EXIT_CONFLICT, client_tag(t->client), words,
                   "read what you follow anew, and then watch");
        return false;
}

/* Beginning: behind the head, or before --from. */
static bool begin(struct watch *w, bool from)
{
        struct talk *t = w->show.t;
        struct ext_status_result s;
        if (from)
                return true;
        enum ni_status status = client_status(t->client, &s);
        if (status == NI_OK)
                status = (enum ni_status)s.status;
        if (status != NI_OK) {
                talk_status(t, status, NULL, status == NI_BADOP ? "it keeps no changes" : NULL);
                return false;
        }
        w->args.epoch = s.epoch;
        w->args.seq = s.seq;
        if (w->run)
                run_command(w);
        else if (t->terminal && !t->json)
                talk_say(t, "watching %s after #%llu; end with Ctrl-C", client_tag(t->client),
                         (unsigned long long)s.seq);
        return true;
}

static void watch(struct watch *w, bool from)
{
        struct talk *t = w->show.t;
        struct ext_changes_result r;
        uint64_t away_since = 0;
        for (bool on = begin(w, from); on && !interrupted(0);) {
                const enum ni_status status = client_changes(t->client, &w->args, &r);
                if (status == NI_OK && (r.status == NI_OK || r.status == EXT_TAKE_SNAPSHOT)) {
                        away_since = 0;
                        if (r.status == NI_OK)
                                on = take(w, &r);
                        else if (w->run)
                                on = begin(w, false); /* the command reads anew */
                        else
                                on = lost(w);
                } else if (status == NI_FAILED || (status == NI_OK && r.status == NI_SYSTEMERR)) {
                        const uint64_t now = clock_mono_ms();
                        if (interrupted(0))
                                return;
                        if (!away_since)
                                away_since = now;
                        if (now - away_since < AWAY_MS) {
                                on = !interrupted(AGAIN_MS);
                                continue;
                        }
                        talk_status(t, status == NI_OK ? (enum ni_status)r.status : status, NULL, NULL);
                        return;
                } else {
                        talk_status(t, status == NI_OK ? (enum ni_status)r.status : status, NULL,
                                    status == NI_BADOP ? "it keeps no changes" : NULL);
                        return;
                }
        }
}

static bool take_option(struct watch *w, int option, bool *ret_from)
{
        struct talk *t = w->show.t;
        uint64_t n;
        if (option == O_RUN) {
                w->run = t->argument;
                return true;
        }
        if (!text_u64(bytes_str(t->argument), UINT64_MAX / 2, &n) || n == 0) {
                talk_usage(t, "%s %s: give a number, 1 or more", option == 'n' ? "--count" : "--from",
                           t->argument);
                return false;
        }
        if (option == 'n') {
                w->left = n;
        } else {
                w->args.seq = n - 1;
                *ret_from = true;
        }
        return true;
}

int ni_watch_run(int argc, char **argv)
{
        struct talk t;
        struct watch w = {.show = {.t = &t, .lines = true},
                          .left = UINT64_MAX,
                          .args = {.wait_ms = WAIT_MS, .flags = EXT_CHANGES_BEFORE}};
        bool from = false;
        talk_begin(&t, &manual, argc, argv);
        for (int o; (o = talk_option(&t)) != TALK_END;)
                if (o == TALK_STOP || !take_option(&w, o, &from))
                        return talk_end(&t);
        if (t.operands > 1) {
                talk_usage(&t, "one path at a time, not %d", t.operands);
        } else if (w.run && (t.json || from)) {
                talk_usage(&t, "--run prints nothing and begins now: leave --json and --from away");
        } else if (catch_signals(&t) && talk_connect(&t)) {
                arena_init(&w.show.page, 2 * (size_t)LIMIT_ARENA);
                w.show.paths = log_paths_new(t.client);
                if (!w.show.paths)
                        talk_error(&t, EXIT_FAILED, NULL, "out of memory", NULL);
                else if (t.operands == 0 || log_only(&w.show, t.operand[0]))
                        watch(&w, from);
                log_paths_free(w.show.paths);
                arena_done(&w.show.page);
        }
        return talk_end(&t);
}
