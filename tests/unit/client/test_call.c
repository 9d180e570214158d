/* Calls on a connection: reassembly, xids, repetition, deadlines, interrupts, forks. */
#include "fake.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define SHORT_MS 500u   /* a deadline that is meant to pass */
#define LONG_MS  60000u /* one that is not */

static struct client *open_to(const struct fake *f, unsigned timeout_ms)
{
        struct client_options o;
        struct client_why why;
        struct client *c = NULL;
        client_options_init(&o);
        o.server = f->address;
        o.timeout_ms = timeout_ms;
        if (client_open(&o, &c, &why) != NI_OK)
                fail_msg("%s", why.text);
        return c;
}

/* Opened in peace, on a busy machine too; the calls that follow are given up soon. */
static struct client *open_impatient(const struct fake *f)
{
        struct client *c = open_to(f, LONG_MS);
        client_set_timeout(c, SHORT_MS, SHORT_MS);
        return c;
}

static enum ni_status ask_root(struct client *c, struct ni_id *ret)
{
        const struct ni_args args = {0};
        struct ni_result r;
        const enum ni_status status = client_ni(c, NI_PROC_root, &args, &r);
        if (status == NI_OK) {
                assert_int_equal(NI_OK, r.status);
                *ret = r.id;
        }
        return status;
}

static enum ni_status write_something(struct client *c)
{
        struct bytes value = BYTES_LIT("v");
        const struct ni_args args = {.prop = {BYTES_LIT("p"), {&value, 1}}};
        struct ni_result r;
        return client_ni(c, NI_PROC_createprop, &args, &r);
}

static void assert_has(const char *text, const char *part)
{
        if (!strstr(text, part))
                fail_msg("`%s` does not say `%s`", text, part);
}

/* -- plain answers --------------------------------------------------------------------------------------- */

static void answer_root(struct fake *f, int fd, unsigned nth)
{
        struct fake_call c;
        const size_t *piece = f->context;
        (void)nth;
        while (fake_next(f, fd, &c)) {
                fake_answer_id(fd, c.rpc.xid, (struct ni_id){0, 7}, piece ? *piece : 0);
                buf_done(&c.record);
        }
}

static void answers_in_fragments(void **state)
{
        (void)state;
        for (size_t piece = 1; piece < 30; piece++) {
                struct fake f;
                struct ni_id id = {0, 0};
                fake_start(&f, answer_root, &piece);
                struct client *c = open_to(&f, LONG_MS);
                assert_int_equal(NI_OK, ask_root(c, &id));
                assert_int_equal(7, id.instance);
                assert_int_equal(NI_OK, ask_root(c, &id));
                client_close(c);
                assert_int_equal(1, f.connections);
                fake_stop(&f);
        }
}

static void answer_large(struct fake *f, int fd, unsigned nth)
{
        struct fake_call c;
        struct buf list;
        (void)nth;
        if (!fake_next(f, fd, &c))
                return;
        buf_init(&list, 0);
        xdr_put_u32(&list, NI_OK);
        xdr_put_u32(&list, 500000);
        for (uint32_t i = 0; i < 500000; i++)
                xdr_put_u32(&list, i * 3);
        xdr_put_id(&list, (struct ni_id){0, 9});
        fake_answer(fd, c.rpc.xid, buf_bytes(&list), 1024); /* as historical servers send it */
        buf_done(&list);
        buf_done(&c.record);
        while (fake_next(f, fd, &c)) {
                fake_answer_id(fd, c.rpc.xid, (struct ni_id){0, 1}, 0);
                buf_done(&c.record);
        }
}

static void a_large_answer_in_historical_fragments(void **state)
{
        struct fake f;
        const struct ni_args args = {0};
        struct ni_result r;
        struct ni_id id;
        (void)state;
        fake_start(&f, answer_large, NULL);
        struct client *c = open_to(&f, LONG_MS);
        assert_int_equal(NI_OK, client_ni(c, NI_PROC_children, &args, &r));
        assert_int_equal(NI_OK, r.status);
        assert_int_equal(500000, r.object_count);
        for (uint32_t i = 0; i < r.object_count; i++)
                assert_int_equal(i * 3, r.objects[i]);
        assert_int_equal(9, r.id.instance);
        assert_int_equal(NI_OK, ask_root(c, &id));
        client_close(c);
        fake_stop(&f);
}

/* -- xids ------------------------------------------------------------------------------------------------ */

static void answer_wrong_then_right(struct fake *f, int fd, unsigned nth)
{
        struct fake_call c;
        (void)nth;
        if (!fake_next(f, fd, &c))
                return;
        fake_answer_id(fd, c.rpc.xid + 1, (struct ni_id){0, 1}, 0);
        fake_answer_id(fd, c.rpc.xid - 1, (struct ni_id){0, 2}, 3);
        fake_send(fd, BYTES_LIT("ab"), 0); /* too short for an xid */
        fake_answer_id(fd, c.rpc.xid, (struct ni_id){0, 3}, 0);
        buf_done(&c.record);
}

static void answers_of_other_calls_are_dropped(void **state)
{
        struct fake f;
        struct ni_id id;
        (void)state;
        fake_start(&f, answer_wrong_then_right, NULL);
        struct client *c = open_to(&f, LONG_MS);
        assert_int_equal(NI_OK, ask_root(c, &id));
        assert_int_equal(3, id.instance);
        client_close(c);
        fake_stop(&f);
}

/* Answers the first call only when the second has come. */
static void answer_late(struct fake *f, int fd, unsigned nth)
{
        struct fake_call first, second;
        (void)nth;
        if (!fake_next(f, fd, &first))
                return;
        if (fake_next(f, fd, &second)) {
                if (first.rpc.xid == second.rpc.xid)
                        fake_wrong(f, "two calls with one xid");
                fake_answer_id(fd, first.rpc.xid, (struct ni_id){0, 1}, 0);
                fake_answer_id(fd, second.rpc.xid, (struct ni_id){0, 2}, 0);
                buf_done(&second.record);
        }
        buf_done(&first.record);
}

static void a_late_answer_is_not_taken_for_the_next(void **state)
{
        struct fake f;
        struct ni_id id = {0, 0};
        int wake[2];
        (void)state;
        assert_int_equal(0, pipe(wake));
        fake_start(&f, answer_late, NULL);
        struct client_options o;
        struct client_why why;
        struct client *c;
        client_options_init(&o);
        o.server = f.address;
        o.timeout_ms = LONG_MS;
        o.interrupt_fd = wake[0];
        assert_int_equal(NI_OK, client_open(&o, &c, &why));
        assert_int_equal(1, write(wake[1], "x", 1));
        assert_int_equal(NI_FAILED, ask_root(c, &id));
        char byte;
        assert_int_equal(1, read(wake[0], &byte, 1));
        assert_int_equal(NI_OK, ask_root(c, &id));
        assert_int_equal(2, id.instance);
        assert_int_equal(1, f.connections);
        client_close(c);
        fake_stop(&f);
        close(wake[0]);
        close(wake[1]);
}

/* -- broken connections ---------------------------------------------------------------------------------- */

/* Closes the first *context connections after reading a call. */
static void close_at_first(struct fake *f, int fd, unsigned nth)
{
        const unsigned *closings = f->context;
        struct fake_call c;
        while (fake_next(f, fd, &c)) {
                const uint32_t xid = c.rpc.xid;
                buf_done(&c.record);
                if (nth < *closings)
                        return;
                fake_answer_id(fd, xid, (struct ni_id){0, 5}, 0);
        }
}

static void a_read_is_repeated_once(void **state)
{
        struct fake f;
        struct ni_id id;
        unsigned closings = 1;
        (void)state;
        fake_start(&f, close_at_first, &closings);
        struct client *c = open_to(&f, LONG_MS);
        assert_int_equal(NI_OK, ask_root(c, &id));
        assert_int_equal(5, id.instance);
        assert_int_equal(2, f.connections);
        assert_int_equal(2, f.calls);
        client_close(c);
        fake_stop(&f);
}

static void a_read_is_not_repeated_twice(void **state)
{
        struct fake f;
        struct ni_id id;
        unsigned closings = FAKE_MOST;
        (void)state;
        fake_start(&f, close_at_first, &closings);
        struct client *c = open_to(&f, LONG_MS);
        assert_int_equal(NI_FAILED, ask_root(c, &id));
        assert_has(client_reason(c), f.address);
        assert_has(client_reason(c), "closes the connection");
        assert_int_equal(2, f.calls);
        client_close(c);
        fake_stop(&f);
}

static void a_write_is_never_repeated(void **state)
{
        struct fake f;
        unsigned closings = 1;
        (void)state;
        fake_start(&f, close_at_first, &closings);
        struct client *c = open_to(&f, LONG_MS);
        assert_int_equal(NI_FAILED, write_something(c));
        assert_has(client_reason(c), "may or may not");
        assert_int_equal(1, f.calls);
        assert_int_equal(NI_OK, write_something(c)); /* the next one has a connection again */
        assert_int_equal(2, f.calls);
        client_close(c);
        fake_stop(&f);
}

/* Answers one call a connection; the end of the stream is there before the answer is read. */
static void close_after_one(struct fake *f, int fd, unsigned nth)
{
        struct fake_call c;
        (void)nth;
        if (!fake_next(f, fd, &c))
                return;
        struct buf reply;
        buf_init(&reply, 0);
        reply_accepted(&reply, c.rpc.xid, ACCEPT_SUCCESS);
        xdr_put_u32(&reply, NI_OK);
        xdr_put_id(&reply, (struct ni_id){0, 5});
        fake_send(fd, buf_bytes(&reply), 0);
        shutdown(fd, SHUT_WR);
        buf_done(&reply);
        buf_done(&c.record);
        sem_t *closed = f->context;
        sem_post(closed);
}

static void a_write_on_an_idle_closed_connection_goes_over_a_new_one(void **state)
{
        struct fake f;
        struct ni_id id;
        sem_t closed;
        (void)state;
        sem_init(&closed, 0, 0);
        fake_start(&f, close_after_one, &closed);
        struct client *c = open_to(&f, LONG_MS);
        assert_int_equal(NI_OK, ask_root(c, &id));
        sem_wait(&closed);
        assert_int_equal(NI_OK, write_something(c));
        assert_int_equal(2, f.connections);
        assert_int_equal(2, f.calls);
        client_close(c);
        fake_stop(&f);
        sem_destroy(&closed);
}

/* -- waiting --------------------------------------------------------------------------------------------- */

static void never_answer(struct fake *f, int fd, unsigned nth)
{
        struct fake_call c;
        const int *wake = f->context;
        (void)nth;
        while (fake_next(f, fd, &c)) {
                buf_done(&c.record);
                if (wake && write(*wake, "x", 1) != 1)
                        fake_wrong(f, "cannot wake the client");
        }
}

static void a_deadline_ends_a_read(void **state)
{
        struct fake f;
        struct ni_id id;
        (void)state;
        fake_start(&f, never_answer, NULL);
        struct client *c = open_impatient(&f);
        assert_int_equal(NI_FAILED, ask_root(c, &id));
        assert_has(client_reason(c), "no answer within");
        assert_null(strstr(client_reason(c), "may or may not"));
        client_close(c);
        fake_stop(&f);
        assert_int_equal(1, f.calls);
}

static void a_deadline_leaves_a_write_open(void **state)
{
        struct fake f;
        (void)state;
        fake_start(&f, never_answer, NULL);
        struct client *c = open_impatient(&f);
        assert_int_equal(NI_FAILED, write_something(c));
        assert_has(client_reason(c), "no answer within");
        assert_has(client_reason(c), "may or may not");
        client_close(c);
        fake_stop(&f);
}

static void never_stop_sending(struct fake *f, int fd, unsigned nth)
{
        struct fake_call c;
        uint8_t record[64 << 10] = {1};
        (void)nth;
        if (!fake_next(f, fd, &c))
                return;
        buf_done(&c.record);
        while (!f->stopping) {
                fake_send(fd, bytes_of(record, sizeof(record)), 0);
                char byte;
                if (recv(fd, &byte, 1, MSG_DONTWAIT) == 0)
                        return;
        }
}

static void a_deadline_holds_against_a_peer_that_never_stops(void **state)
{
        struct fake f;
        struct ni_id id;
        (void)state;
        fake_start(&f, never_stop_sending, NULL);
        struct client *c = open_impatient(&f);
        assert_int_equal(NI_FAILED, ask_root(c, &id));
        assert_has(client_reason(c), "no answer within");
        client_close(c);
        fake_stop(&f);
}

static void an_interrupt_ends_a_waiting_call(void **state)
{
        struct fake f;
        struct ni_id id;
        struct client_options o;
        struct client_why why;
        struct client *c;
        int wake[2];
        (void)state;
        assert_int_equal(0, pipe(wake));
        fake_start(&f, never_answer, &wake[1]); /* the server wakes us once it has our call */
        client_options_init(&o);
        o.server = f.address;
        o.timeout_ms = LONG_MS;
        o.interrupt_fd = wake[0];
        assert_int_equal(NI_OK, client_open(&o, &c, &why));
        assert_int_equal(NI_FAILED, ask_root(c, &id));
        assert_has(client_reason(c), "interrupted");
        assert_int_equal(1, f.calls);
        client_close(c);
        fake_stop(&f);
        close(wake[0]);
        close(wake[1]);
}

static void answer_changes(struct fake *f, int fd, unsigned nth)
{
        struct fake_call c;
        (void)nth;
        while (fake_next(f, fd, &c)) {
                struct ext_changes_args args;
                struct ext_changes_result r = {.status = NI_OK, .epoch = 4, .seq = 9};
                struct xdr_in in = xdr_in(c.args);
                struct buf out;
                if (!ext_changes_args_decode(&in, &args) || args.wait_ms != 30000 ||
                    !bytes_eq_str(args.tag, "local"))
                        fake_wrong(f, "other arguments of CHANGES than given, or another tag than ours");
                /* Longer than the client's timeout, shorter than wait_ms and timeout together. */
                usleep(SHORT_MS * 2 * 1000);
                buf_init(&out, 0);
                ext_changes_encode(&r, &out);
                fake_answer(fd, c.rpc.xid, buf_bytes(&out), 0);
                buf_done(&out);
                buf_done(&c.record);
        }
}

static void changes_may_wait_beyond_the_timeout(void **state)
{
        struct fake f;
        const struct ext_changes_args args = {.wait_ms = 30000};
        struct ext_changes_result r;
        (void)state;
        fake_start(&f, answer_changes, NULL);
        struct client *c = open_impatient(&f);
        assert_int_equal(NI_OK, client_changes(c, &args, &r));
        assert_int_equal(9, r.seq);
        client_close(c);
        fake_stop(&f);
}

/* -- SEARCH and HISTORY ---------------------------------------------------------------------------------- */

static void answer_search_and_history(struct fake *f, int fd, unsigned nth)
{
        struct fake_call c;
        (void)nth;
        while (fake_next(f, fd, &c)) {
                struct xdr_in in = xdr_in(c.args);
                struct arena a;
                struct buf out;
                arena_init(&a, 0);
                buf_init(&out, 0);
                if (c.rpc.procedure == NIEXT_PROC_search) {
                        struct ext_search_args args;
                        struct ext_place place = {.ordinal = 3, .object = 4, .born = 5};
                        const struct ext_search_result r = {
                                .epoch = 7, .seq = 8, .more = true, .cursor = &place, .cursor_count = 1};
                        if (!ext_search_args_decode(&in, &a, &args) || args.object != 2 ||
                            !bytes_eq_str(args.tag, "local"))
                                fake_wrong(f,
                                           "other arguments of SEARCH than given, or another tag than ours");
                        ext_search_encode(&r, &out);
                } else {
                        struct ext_history_args args;
                        const struct ext_history_result r = {
                                .kind = EXT_HISTORY_LIST, .epoch = 7, .seq = 8, .more = true, .next = 6};
                        if (!ext_history_args_decode(&in, &args) || args.object != 2 ||
                            !bytes_eq_str(args.tag, "local"))
                                fake_wrong(f,
                                           "other arguments of HISTORY than given, or another tag than ours");
                        ext_history_encode(&r, &out);
                }
                fake_answer(fd, c.rpc.xid, buf_bytes(&out), 0);
                buf_done(&out);
                arena_done(&a);
                buf_done(&c.record);
        }
}

static void search_and_history_reach_our_domain(void **state)
{
        struct fake f;
        const struct ext_search_args search = {.object = 2};
        const struct ext_history_args history = {.kind = EXT_HISTORY_LIST, .object = 2};
        struct ext_search_result found;
        struct ext_history_result past;
        (void)state;
        fake_start(&f, answer_search_and_history, NULL);
        struct client *c = open_to(&f, 0);
        assert_int_equal(NI_OK, client_search(c, &search, &found));
        assert_true(found.more && found.cursor_count == 1 && found.cursor[0].born == 5);
        assert_int_equal(NI_OK, client_history(c, &history, &past));
        assert_int_equal(6, past.next);
        client_close(c);
        fake_stop(&f);
}

/* A server that is away longer than one call: the client goes on when it is back. */
static void a_server_that_was_away_is_found_again(void **state)
{
        struct fake f;
        char path[] = "/tmp/ni-client-XXXXXX", socket_path[64];
        const struct ext_search_args search = {.object = 2};
        struct ext_search_result found;
        struct client_options o;
        struct client_why why;
        struct client *c = NULL;
        (void)state;
        assert_non_null(mkdtemp(path));
        snprintf(socket_path, sizeof(socket_path), "%s/s", path);
        client_options_init(&o);
        o.server = socket_path;
        o.tag = "local";
        fake_start_at(&f, socket_path, answer_search_and_history, NULL);
        assert_int_equal(NI_OK, client_open(&o, &c, &why));
        assert_int_equal(NI_OK, client_search(c, &search, &found));
        fake_stop(&f);
        unlink(socket_path);
        assert_int_equal(NI_FAILED, client_search(c, &search, &found));
        assert_int_equal(NI_FAILED, client_search(c, &search, &found));
        fake_start_at(&f, socket_path, answer_search_and_history, NULL);
        assert_int_equal(NI_OK, client_search(c, &search, &found));
        client_close(c);
        fake_stop(&f);
        unlink(socket_path);
        rmdir(path);
}

/* -- refusals and rubbish -------------------------------------------------------------------------------- */

static void answer_by_stat(struct fake *f, int fd, unsigned nth)
{
        struct fake_call c;
        const enum accept_stat *stat = f->context;
        (void)nth;
        while (fake_next(f, fd, &c)) {
                fake_refuse(fd, c.rpc.xid, *stat);
                buf_done(&c.record);
        }
}

static void rpc_errors_have_their_statuses(void **state)
{
        static const struct {
                enum accept_stat stat;
                enum ni_status want;
        } rows[] = {{ACCEPT_PROG_UNAVAIL, NI_BADOP},
                    {ACCEPT_PROC_UNAVAIL, NI_BADOP},
                    {ACCEPT_GARBAGE_ARGS, NI_FAILED},
                    {ACCEPT_SYSTEM_ERR, NI_FAILED}};
        (void)state;
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                struct fake f;
                struct ext_status_result r;
                enum accept_stat stat = rows[i].stat;
                fake_start(&f, answer_by_stat, &stat);
                struct client *c = open_to(&f, LONG_MS);
                assert_int_equal(rows[i].want, client_status(c, &r));
                assert_has(client_reason(c), f.address);
                assert_int_equal(1, f.calls); /* an answer is an answer: nothing is repeated */
                client_close(c);
                fake_stop(&f);
        }
}

static void deny(struct fake *f, int fd, unsigned nth)
{
        struct fake_call c;
        (void)nth;
        while (fake_next(f, fd, &c)) {
                struct buf record;
                buf_init(&record, 0);
                reply_denied(&record, c.rpc.xid, AUTH_STAT_REJECTEDCRED);
                fake_send(fd, buf_bytes(&record), 0);
                buf_done(&record);
                buf_done(&c.record);
        }
}

static void denied_credentials_are_an_authentication_error(void **state)
{
        struct fake f;
        struct ni_id id;
        (void)state;
        fake_start(&f, deny, NULL);
        struct client *c = open_to(&f, LONG_MS);
        assert_int_equal(NI_AUTHERROR, ask_root(c, &id));
        assert_has(client_reason(c), "credentials");
        client_close(c);
        fake_stop(&f);
}

static void send_rubbish(struct fake *f, int fd, unsigned nth)
{
        struct fake_call c;
        const struct bytes *what = f->context;
        (void)nth;
        while (fake_next(f, fd, &c)) {
                struct buf out;
                buf_init(&out, 0);
                buf_put(&out, *what);
                if (what->len > 8) /* a record that carries our xid */
                        xdr_store(out.data + 4, c.rpc.xid);
                if (send(fd, out.data, out.len, MSG_NOSIGNAL) < 0)
                        fake_wrong(f, "cannot send");
                buf_done(&out);
                buf_done(&c.record);
        }
}

static void rubbish_is_refused(void **state)
{
        static const struct {
                struct bytes sent;
                const char *word;
        } rows[] = {
                /* a fragment of 2^31 - 1 bytes */
                {BYTES_LIT("\xff\xff\xff\xff"), "no NetInfo reply"},
                /* a call instead of a reply */
                {BYTES_LIT("\x80\0\0\x0c....\0\0\0\0\0\0\0\2"), "no NetInfo reply"},
                /* accepted, success, but the result is cut short */
                {BYTES_LIT("\x80\0\0\x1c....\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
                 "does not decode"},
        };
        (void)state;
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                struct fake f;
                struct ni_id id;
                struct bytes sent = rows[i].sent;
                fake_start(&f, send_rubbish, &sent);
                struct client *c = open_to(&f, LONG_MS);
                assert_int_equal(NI_FAILED, ask_root(c, &id));
                assert_has(client_reason(c), rows[i].word);
                client_close(c);
                fake_stop(&f);
        }
}

static void an_edit_over_the_limit_is_refused_here(void **state)
{
        struct fake f;
        static uint8_t big[NI_NAME_MAX];
        struct bytes values[LIMIT_CALL / NI_NAME_MAX + 2];
        struct ext_edit_result r;
        (void)state;
        memset(big, 'x', sizeof(big));
        for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
                values[i] = bytes_of(big, sizeof(big));
        struct ext_op op = {.kind = EXT_OP_SET,
                            .name = BYTES_LIT("p"),
                            .values = {values, sizeof(values) / sizeof(values[0])}};
        const struct ext_edit_args args = {.ops = &op, .op_count = 1};
        fake_start(&f, never_answer, NULL);
        struct client *c = open_to(&f, LONG_MS);
        assert_int_equal(NI_NOSPACE, client_edit(c, &args, &r));
        assert_has(client_reason(c), "4 MiB");
        assert_int_equal(0, f.calls);
        client_close(c);
        fake_stop(&f);
}

/* Takes three edits, then answers them in reverse, with the xid's distance from the first as the change. */
static void answer_in_reverse(struct fake *f, int fd, unsigned nth)
{
        struct fake_call c[3];
        (void)nth;
        for (unsigned i = 0; i < 3; i++)
                if (!fake_next(f, fd, &c[i]))
                        return;
        for (unsigned i = 3; i--;) {
                const struct ext_edit_result r = {.status = i == 1 ? EXT_ASSERTION : NI_OK, .seq = 100 + i};
                struct buf out;
                buf_init(&out, 0);
                ext_edit_encode(&r, &out);
                fake_answer(fd, c[i].rpc.xid, buf_bytes(&out), 5);
                buf_done(&out);
                buf_done(&c[i].record);
        }
        struct fake_call last;
        if (fake_next(f, fd, &last)) /* takes it, and closes without an answer */
                buf_done(&last.record);
}

static void edits_sent_ahead_are_answered_in_any_order(void **state)
{
        struct fake f;
        struct ext_edit_result r;
        uint32_t sent[3], ticket;
        struct ext_op op = {.kind = EXT_OP_REMOVE, .name = BYTES_LIT("p")};
        const struct ext_edit_args args = {.ops = &op, .op_count = 1};
        (void)state;
        fake_start(&f, answer_in_reverse, NULL);
        struct client *c = open_to(&f, LONG_MS);
        assert_int_equal(NI_NODIR, client_edit_answer(c, &ticket, &r)); /* nothing is on its way */
        for (unsigned i = 0; i < 3; i++)
                assert_int_equal(NI_OK, client_edit_ahead(c, &args, &sent[i]));
        for (unsigned i = 3; i--;) {
                assert_int_equal(NI_OK, client_edit_answer(c, &ticket, &r));
                assert_int_equal(sent[i], ticket);
                assert_int_equal(i == 1 ? EXT_ASSERTION : NI_OK, r.status);
                assert_int_equal(i == 1 ? 0 : 100 + i, r.seq);
        }
        assert_int_equal(NI_NODIR, client_edit_answer(c, &ticket, &r));
        /* Not answered, and never sent again. */
        assert_int_equal(NI_OK, client_edit_ahead(c, &args, &sent[0]));
        assert_int_equal(NI_FAILED, client_edit_answer(c, &ticket, &r));
        assert_has(client_reason(c), "may or may not");
        assert_int_equal(NI_NODIR, client_edit_answer(c, &ticket, &r));
        assert_int_equal(4, f.calls);
        assert_int_equal(1, f.connections);
        client_close(c);
        fake_stop(&f);
}

static void only_so_many_edits_go_ahead(void **state)
{
        struct fake f;
        uint32_t ticket;
        struct ext_op op = {.kind = EXT_OP_REMOVE, .name = BYTES_LIT("p")};
        const struct ext_edit_args args = {.ops = &op, .op_count = 1};
        (void)state;
        fake_start(&f, never_answer, NULL);
        struct client *c = open_to(&f, LONG_MS);
        for (unsigned i = 0; i < CLIENT_AHEAD; i++)
                assert_int_equal(NI_OK, client_edit_ahead(c, &args, &ticket));
        assert_int_equal(NI_NOSPACE, client_edit_ahead(c, &args, &ticket));
        client_close(c);
        fake_stop(&f);
}

/* -- strange processes ----------------------------------------------------------------------------------- */

static void a_forked_child_has_its_own_connection(void **state)
{
        struct fake f;
        struct ni_id id;
        int status;
        (void)state;
        fake_start(&f, answer_root, NULL);
        struct client *c = open_to(&f, LONG_MS);
        assert_int_equal(NI_OK, ask_root(c, &id));
        const pid_t child = fork();
        if (child == 0)
                _exit(ask_root(c, &id) == NI_OK && id.instance == 7 ? 0 : 1);
        assert_int_equal(child, waitpid(child, &status, 0));
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        assert_int_equal(2, f.connections);
        assert_int_equal(NI_OK, ask_root(c, &id)); /* the parent's is as it was */
        assert_int_equal(2, f.connections);
        client_close(c);
        fake_stop(&f);
}

/* The descriptor of this process that is connected to the fake's port. */
static int descriptor_to(uint16_t port)
{
        for (int fd = 3; fd < 256; fd++) {
                struct sockaddr_in in;
                socklen_t len = sizeof(in);
                if (getpeername(fd, (struct sockaddr *)&in, &len) == 0 && in.sin_family == AF_INET &&
                    ntohs(in.sin_port) == port)
                        return fd;
        }
        return -1;
}

static void a_descriptor_taken_by_others_is_left_alone(void **state)
{
        struct fake f;
        struct ni_id id;
        struct stat st;
        (void)state;
        fake_start(&f, answer_root, NULL);
        struct client *c = open_to(&f, LONG_MS);
        const int fd = descriptor_to(f.port), null = open("/dev/null", O_RDWR | O_CLOEXEC);
        assert_true(fd >= 0 && null >= 0);
        assert_int_equal(fd, dup2(null, fd)); /* a program that closes all descriptors and opens its own */
        assert_int_equal(NI_OK, ask_root(c, &id));
        assert_int_equal(2, f.connections);
        client_close(c);
        assert_int_equal(0, fstat(fd, &st));
        assert_true(S_ISCHR(st.st_mode));
        close(fd);
        close(null);
        fake_stop(&f);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(answers_in_fragments),
                cmocka_unit_test(a_large_answer_in_historical_fragments),
                cmocka_unit_test(answers_of_other_calls_are_dropped),
                cmocka_unit_test(a_late_answer_is_not_taken_for_the_next),
                cmocka_unit_test(a_read_is_repeated_once),
                cmocka_unit_test(a_read_is_not_repeated_twice),
                cmocka_unit_test(a_write_is_never_repeated),
                cmocka_unit_test(a_write_on_an_idle_closed_connection_goes_over_a_new_one),
                cmocka_unit_test(a_deadline_ends_a_read),
                cmocka_unit_test(a_deadline_leaves_a_write_open),
                cmocka_unit_test(a_deadline_holds_against_a_peer_that_never_stops),
                cmocka_unit_test(an_interrupt_ends_a_waiting_call),
                cmocka_unit_test(changes_may_wait_beyond_the_timeout),
                cmocka_unit_test(search_and_history_reach_our_domain),
                cmocka_unit_test(a_server_that_was_away_is_found_again),
                cmocka_unit_test(rpc_errors_have_their_statuses),
                cmocka_unit_test(denied_credentials_are_an_authentication_error),
                cmocka_unit_test(rubbish_is_refused),
                cmocka_unit_test(an_edit_over_the_limit_is_refused_here),
                cmocka_unit_test(edits_sent_ahead_are_answered_in_any_order),
                cmocka_unit_test(only_so_many_edits_go_ahead),
                cmocka_unit_test(a_forked_child_has_its_own_connection),
                cmocka_unit_test(a_descriptor_taken_by_others_is_left_alone),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
