/* TLS on the client's side (doc/tls.md 2.5): where it is spoken, that nothing is said without it, and what a
 * client over it does like one in clear text. In a network of its own, where 192.0.2.0/24 is answered and is
 * nobody's own address. */
#include "../tls/lab.h"
#include "client/secure.h"
#include "fake_tls.h"

#include "client/find.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define LONG_MS  60000u
#define SHORT_MS 300u

static bool in_own_network;

/* -- the network --------------------------------------------------------------------------------------- */

static bool write_text(const char *path, const char *text)
{
        const int fd = open(path, O_WRONLY | O_CLOEXEC);
        const bool ok = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
        if (fd >= 0)
                close(fd);
        return ok;
}

/* We stay who we are: identities look at owners. */
static bool enter_network(void)
{
        char map[64];
        const unsigned uid = geteuid();
        if (uid == 0)
                return unshare(CLONE_NEWNET) == 0;
        snprintf(map, sizeof(map), "%u %u 1", uid, uid);
        return unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0 && write_text("/proc/self/uid_map", map);
}

static int before_all(void **state)
{
        (void)state;
        in_own_network = enter_network() && system("ip link set lo up && "
                                                   "ip route add local 192.0.2.0/24 dev lo") == 0;
        lab_open(&lab);
        return 0;
}

static int after_all(void **state)
{
        (void)state;
        lab_close(&lab);
        return 0;
}

static int before(void **state)
{
        (void)state;
        unsetenv("NETINFO_SOCKET");
        unsetenv("NETINFO_SERVER");
        unsetenv("NETINFO_PLAIN_NETWORKS");
        unsetenv("NETINFO_MACHINE");
        assert_true(client_set_machine(lab.client, ""));
        return 0;
}

static void assert_has(const char *text, const char *part)
{
        if (!strstr(text, part))
                fail_msg("`%s` does not say `%s`", text, part);
}

/* A fake that is reached at 192.0.2.1, too. */
static void start(struct fake *f, fake_script *script, void *context)
{
        struct sockaddr_in in = {.sin_family = AF_INET};
        socklen_t len = sizeof(in);
        const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (!in_own_network)
                skip();
        assert_int_equal(bind(fd, (struct sockaddr *)&in, sizeof(in)), 0);
        assert_int_equal(listen(fd, 16), 0);
        assert_int_equal(getsockname(fd, (struct sockaddr *)&in, &len), 0);
        fake_start_on(f, fd, script, context);
        f->port = ntohs(in.sin_port);
        snprintf(f->address, sizeof(f->address), "192.0.2.1:%u", f->port);
}

static struct client_options options(const char *server)
{
        struct client_options o;
        client_options_init(&o);
        o.server = server;
        o.timeout_ms = LONG_MS;
        return o;
}

static struct client *must_open(const struct client_options *o)
{
        struct client *c;
        struct client_why why;
        if (client_open(o, &c, &why) != NI_OK)
                fail_msg("%s", why.text);
        return c;
}

/* Fails, with this status and these words. */
static void must_refuse(const struct client_options *o, enum ni_status status, const char *words)
{
        struct client *c;
        struct client_why why;
        assert_int_equal(client_open(o, &c, &why), status);
        assert_has(why.text, words);
}

/* -- where TLS is spoken ----------------------------------------------------------------------------------
 */

static enum secure_verdict judge(const char *address, char reason[600])
{
        struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(987)};
        struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(987)};
        struct tls_identity *i = NULL;
        reason[0] = '\0';
        const bool v4 = inet_pton(AF_INET, address, &in.sin_addr) == 1;
        assert_true(v4 || inet_pton(AF_INET6, address, &in6.sin6_addr) == 1);
        const struct sockaddr *to = v4 ? (const struct sockaddr *)&in : (const struct sockaddr *)&in6;
        const enum secure_verdict v = secure_judge(to, &i, reason, 600);
        assert_int_equal(client_avoids_clear(to), v != SECURE_CLEAR);
        assert_int_equal(i != NULL, v == SECURE_TLS);
        tls_identity_release(i);
        return v;
}

static void only_an_enrolled_machine_speaks_tls_and_only_elsewhere(void **state)
{
        const struct sockaddr_un un = {.sun_family = AF_UNIX, .sun_path = "/x"};
        struct tls_identity *i;
        char r[600], empty[96];
        (void)state;
        lab_folder(&lab, "empty", empty);
        assert_int_equal(judge("192.0.2.1", r), SECURE_TLS);
        assert_int_equal(judge("2001:db8::1", r), SECURE_TLS);
        assert_int_equal(judge("127.0.0.1", r), SECURE_CLEAR);
        assert_int_equal(judge("127.8.8.8", r), SECURE_CLEAR);
        assert_int_equal(judge("::1", r), SECURE_CLEAR);
        assert_int_equal(judge("::ffff:127.0.0.1", r), SECURE_CLEAR);
        assert_int_equal(secure_judge((const struct sockaddr *)&un, &i, r, sizeof(r)), SECURE_CLEAR);
        assert_true(client_set_machine(empty, ""));
        assert_int_equal(judge("192.0.2.1", r), SECURE_CLEAR);
        assert_true(client_set_machine("/nowhere/at/all", ""));
        assert_int_equal(judge("192.0.2.1", r), SECURE_CLEAR);
        assert_true(client_set_machine("", ""));
        assert_int_equal(judge("192.0.2.1", r), SECURE_CLEAR);
}

static void plain_networks_are_spoken_to_in_clear_text(void **state)
{
        char r[600];
        (void)state;
        assert_true(client_set_machine(lab.client, "10.0.0.0/8, 192.0.2.7\t2001:db8::/32"));
        assert_int_equal(judge("10.255.0.1", r), SECURE_CLEAR);
        assert_int_equal(judge("192.0.2.7", r), SECURE_CLEAR);
        assert_int_equal(judge("::ffff:192.0.2.7", r), SECURE_CLEAR);
        assert_int_equal(judge("2001:db8:1::1", r), SECURE_CLEAR);
        assert_int_equal(judge("192.0.2.8", r), SECURE_TLS);
        assert_int_equal(judge("2001:db9::1", r), SECURE_TLS);
        /* A mistake makes nobody plain, wherever it stands. */
        assert_true(client_set_machine(lab.client, "192.0.2.8 10.0.0.1/8"));
        assert_int_equal(judge("192.0.2.8", r), SECURE_REFUSED);
        assert_has(r, "`10.0.0.1/8` is no network");
}

static void commands_take_both_from_variables(void **state)
{
        char r[600];
        (void)state;
        assert_true(client_set_machine(NULL, NULL));
        setenv("NETINFO_MACHINE", lab.client, 1);
        assert_string_equal(client_machine(), lab.client);
        assert_int_equal(judge("192.0.2.1", r), SECURE_TLS);
        setenv("NETINFO_PLAIN_NETWORKS", "192.0.2.0/24", 1);
        assert_int_equal(judge("192.0.2.1", r), SECURE_CLEAR);
        assert_true(client_set_machine(lab.client, "")); /* what was said counts alone */
        assert_int_equal(judge("192.0.2.1", r), SECURE_TLS);
}

static void what_cannot_be_read_is_not_taken_for_not_enrolled(void **state)
{
        char r[600], folder[96], path[160];
        (void)state;
        lab_folder(&lab, "damaged", folder);
        snprintf(path, sizeof(path), "%s/authority.crt", folder);
        const int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
        assert_int_equal(write(fd, "nothing\n", 8), 8);
        close(fd);
        assert_true(client_set_machine(folder, ""));
        assert_int_equal(judge("192.0.2.1", r), SECURE_REFUSED);
        assert_has(r, "authority.crt");
        unlink(path);
        assert_int_equal(symlink("authority.crt", path), 0); /* to itself */
        assert_int_equal(judge("192.0.2.1", r), SECURE_REFUSED);
        unlink(path);
        assert_int_equal(judge("192.0.2.1", r), SECURE_CLEAR);
}

static void touch(const char *folder, const char *name)
{
        char path[160];
        snprintf(path, sizeof(path), "%s/%s", folder, name);
        const int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0640);
        assert_true(fd >= 0);
        close(fd);
}

static void a_folder_that_has_lost_something_is_no_downgrade(void **state)
{
        char r[600], folder[96], path[160];
        (void)state;
        lab_folder(&lab, "lost", folder);
        assert_true(client_set_machine(folder, ""));
        touch(folder, "join.key"); /* a join that was cut off: as before it */
        touch(folder, "machine.key");
        touch(folder, "machine.crt");
        assert_int_equal(judge("192.0.2.1", r), SECURE_CLEAR);
        snprintf(path, sizeof(path), "%s/join.key", folder);
        unlink(path);
        assert_int_equal(judge("192.0.2.1", r), SECURE_REFUSED);
        assert_has(r, "has lost its authority.crt");
        assert_int_equal(judge("127.0.0.1", r), SECURE_CLEAR);
        snprintf(path, sizeof(path), "%s/machine.crt", folder);
        unlink(path);
        assert_int_equal(judge("192.0.2.1", r), SECURE_REFUSED); /* the key alone */
        assert_true(client_set_machine(path, ""));
        assert_int_equal(symlink("not-mounted", path), 0);
        assert_int_equal(judge("192.0.2.1", r), SECURE_REFUSED);
        assert_has(r, "is no folder");
        unlink(path);
        assert_int_equal(judge("192.0.2.1", r), SECURE_CLEAR);
        touch(folder, "machine.crt");
        assert_int_equal(judge("192.0.2.1", r), SECURE_REFUSED); /* a file in its place */
}

static struct tls_identity *identity_now(void)
{
        struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr = {htonl(0xc0000201)}};
        struct tls_identity *i = NULL;
        char r[600];
        assert_int_equal(secure_judge((struct sockaddr *)&in, &i, r, sizeof(r)), SECURE_TLS);
        return i;
}

static void an_identity_is_read_once_and_again_when_its_files_are_others(void **state)
{
        char folder[96];
        (void)state;
        lab_folder(&lab, "renewed", folder);
        const uint64_t now = lab_now(); /* once: it may be another second later */
        lab_enrol(lab.signer, folder, "leaf", false, now - 1000);
        assert_true(client_set_machine(folder, ""));
        struct tls_identity *first = identity_now(), *same = identity_now();
        assert_ptr_equal(first, same);
        lab_enrol(lab.signer, folder, "leaf", false, now);
        struct tls_identity *later = identity_now();
        assert_ptr_not_equal(first, later);
        assert_int_equal(tls_identity_until(later) - tls_identity_until(first), 1000);
        tls_identity_release(first);
        tls_identity_release(same);
        tls_identity_release(later);
}

/* -- calls -------------------------------------------------------------------------------------------------
 */

static void *inner(struct fake *f)
{
        return ((struct fake_tls *)f->context)->context;
}

#define BIG      600u /* values of a property in one call: many TLS records, several reads */
#define BIG_SIZE 1000u

static void read_prop(int fd, uint32_t xid)
{
        static uint8_t value[BIG_SIZE];
        static struct bytes list[BIG];
        struct buf out;
        memset(value, 'x', sizeof(value));
        for (unsigned i = 0; i < BIG; i++)
                list[i] = bytes_of(value, BIG_SIZE);
        const struct ni_result r = {.status = NI_OK, .values = {.n = BIG, .v = list}};
        buf_init(&out, 0);
        ni_result_encode(NI_PROC_readprop, &r, &out);
        fake_answer(fd, xid, buf_bytes(&out), 7777);
        buf_done(&out);
}

/* ROOT is {0, nth + 1}; READPROP gives BIG values; WRITEPROP's answer says how many there were. */
static void answer_all(struct fake *f, int fd, unsigned nth)
{
        struct fake_call c;
        while (fake_next(f, fd, &c)) {
                struct xdr_in in = xdr_in(c.args);
                struct ni_args args = {.values = {.n = 0}};
                struct arena a;
                arena_init(&a, LIMIT_ARENA);
                if (c.rpc.procedure == NI_PROC_writeprop &&
                    !ni_args_decode(NI_PROC_writeprop, &in, &a, &args))
                        fake_wrong(f, "arguments that do not decode");
                if (c.rpc.procedure == NI_PROC_readprop)
                        read_prop(fd, c.rpc.xid);
                else
                        fake_answer_id(fd, c.rpc.xid,
                                       (struct ni_id){0, args.values.n ? args.values.n : nth + 1}, 0);
                arena_done(&a);
                buf_done(&c.record);
        }
}

static uint32_t ask_root(struct client *c)
{
        struct ni_result r;
        if (client_ni(c, NI_PROC_root, &(struct ni_args){.number = 0}, &r) != NI_OK)
                fail_msg("%s", client_reason(c));
        return r.id.instance;
}

static void a_call_goes_through_tls_with_our_certificate(void **state)
{
        struct fake_tls t = {.identity = lab.rome, .script = answer_all};
        struct fake f;
        (void)state;
        start(&f, fake_tls_script, &t);
        const struct client_options o = options(f.address);
        struct client *c = must_open(&o);
        assert_int_equal(ask_root(c), 1);
        assert_int_equal(ask_root(c), 1);
        assert_non_null(client_session(c));
        assert_string_equal(tls_session_peer(client_session(c))->machine, "rome");
        client_close(c);
        fake_stop(&f);
        assert_int_equal(t.shaken, 1);
        assert_int_equal(t.certified, 1);
}

static void a_plain_network_hears_no_probe(void **state)
{
        struct fake f;
        (void)state;
        start(&f, answer_all, NULL);
        assert_true(client_set_machine(lab.client, "192.0.2.0/24"));
        const struct client_options o = options(f.address);
        struct client *c = must_open(&o);
        assert_int_equal(ask_root(c), 1);
        assert_null(client_session(c));
        client_close(c);
        fake_stop(&f);
}

static void large_calls_and_replies_go_through(void **state)
{
        struct fake_tls t = {.identity = lab.rome, .script = answer_all};
        struct fake f;
        struct ni_args args = {.id = {0, 0}};
        struct ni_result r;
        static uint8_t value[BIG_SIZE];
        static struct bytes list[BIG];
        (void)state;
        memset(value, 'x', sizeof(value));
        for (unsigned i = 0; i < BIG; i++)
                list[i] = bytes_of(value, BIG_SIZE);
        start(&f, fake_tls_script, &t);
        const struct client_options o = options(f.address);
        struct client *c = must_open(&o);
        for (unsigned turn = 0; turn < 2; turn++) {
                assert_int_equal(client_ni(c, NI_PROC_readprop, &args, &r), NI_OK);
                assert_int_equal(r.values.n, BIG);
                assert_int_equal(r.values.v[BIG - 1].len, BIG_SIZE);
                args.values = (struct namelist){.n = BIG, .v = list};
                assert_int_equal(client_ni(c, NI_PROC_writeprop, &args, &r), NI_OK);
                assert_int_equal(r.id.instance, BIG);
        }
        client_close(c);
        fake_stop(&f);
        assert_int_equal(t.shaken, 1);
}

/* Says goodbye (close_notify) after each answer. */
static void answer_one(struct fake *f, int fd, unsigned nth)
{
        struct fake_call c;
        if (!fake_next(f, fd, &c))
                return;
        fake_answer_id(fd, c.rpc.xid, (struct ni_id){0, nth + 1}, 0);
        buf_done(&c.record);
}

/* Until the server has closed the connection, whose last bytes say so inside TLS. */
static void wait_for_goodbye(struct client *c)
{
        const uint16_t port = client_local_port(c);
        assert_int_not_equal(port, 0);
        for (unsigned i = 0; i < 1000; i++) { /* 10 s */
                struct pollfd p = {-1, 0, 0};
                char line[256];
                bool closing = false;
                FILE *table = fopen("/proc/self/net/tcp", "re");
                assert_non_null(table);
                while (fgets(line, sizeof(line), table)) {
                        unsigned from, state;
                        if (sscanf(line, " %*u: %*8x:%x %*8x:%*x %x", &from, &state) == 2 && from == port)
                                closing |= state == 8; /* CLOSE_WAIT */
                }
                fclose(table);
                if (closing)
                        return;
                poll(&p, 0, 10);
        }
        fail_msg("the server did not close");
}

static void a_server_that_said_goodbye_is_dialled_again_before_a_write(void **state)
{
        struct fake_tls t = {.identity = lab.rome, .script = answer_one};
        struct fake f;
        struct ni_result r;
        (void)state;
        start(&f, fake_tls_script, &t);
        const struct client_options o = options(f.address);
        struct client *c = must_open(&o);
        for (unsigned i = 0; i < 3; i++) {
                if (client_ni(c, NI_PROC_destroy, &(struct ni_args){.number = 0}, &r) != NI_OK)
                        fail_msg("%s", client_reason(c));
                assert_int_equal(r.id.instance, i + 1);
                wait_for_goodbye(c);
        }
        client_close(c);
        fake_stop(&f);
        assert_int_equal(f.calls, 3);
        assert_int_equal(t.shaken, 3);
}

static void a_forked_child_leaves_its_parents_session_alone(void **state)
{
        struct fake_tls t = {.identity = lab.rome, .script = answer_all};
        struct fake f;
        int status;
        (void)state;
        start(&f, fake_tls_script, &t);
        const struct client_options o = options(f.address);
        struct client *c = must_open(&o);
        assert_int_equal(ask_root(c), 1);
        const pid_t child = fork();
        if (child == 0) {
                struct ni_result r;
                const bool ok = client_ni(c, NI_PROC_root, &(struct ni_args){.number = 0}, &r) == NI_OK &&
                                r.id.instance == 2;
                client_close(c);
                _exit(ok ? 0 : 1);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
        assert_int_equal(ask_root(c), 1);
        client_close(c);
        fake_stop(&f);
        assert_int_equal(t.shaken, 2);
}

/* -- who is not spoken to
 * ------------------------------------------------------------------------------------ */

/* Answers the probe in the way of the context, and notes anything that is said after it. */
struct refusal {
        struct bytes answer; /* behind the xid */
        size_t more;         /* bytes in clear text behind the answer */
        atomic_uint said;
};

static void answer_probe(struct fake *f, int fd, unsigned nth)
{
        struct refusal *how = f->context;
        uint8_t call[44], byte;
        struct buf out;
        (void)nth;
        if (recv(fd, call, sizeof(call), MSG_WAITALL) != (ssize_t)sizeof(call))
                return;
        buf_init(&out, 0);
        xdr_put_u32(&out, 0x80000000u | (uint32_t)(4 + how->answer.len));
        xdr_put_u32(&out, xdr_load(call + 4));
        buf_put(&out, how->answer);
        for (size_t i = 0; i < how->more; i++)
                buf_putc(&out, 0);
        if (send(fd, out.data, out.len, MSG_NOSIGNAL) < 0)
                fake_wrong(f, "cannot answer");
        buf_done(&out);
        while (recv(fd, &byte, 1, 0) == 1)
                how->said++;
}

static void refuse_with(struct bytes answer, size_t more, const char *words)
{
        struct refusal how = {.answer = answer, .more = more};
        struct fake f;
        start(&f, answer_probe, &how);
        const struct client_options o = options(f.address);
        must_refuse(&o, NI_FAILED, words);
        fake_stop(&f);
        assert_int_equal(how.said, 0);
}

#define WORD(n) 0, 0, 0, (n)
static const uint8_t accepted[] = {WORD(1), WORD(0), WORD(0), WORD(0), WORD(0)};
static const uint8_t rejected_credential[] = {WORD(1), WORD(1), WORD(1), WORD(2)};
static const uint8_t unavailable[] = {WORD(1), WORD(0), WORD(0), WORD(0), WORD(1)};
static const uint8_t other_word[] = {WORD(1), WORD(0), WORD(0), WORD(8), 'S', 'T',    'A',
                                     'R',     'T',     'T',     'L',     'X', WORD(0)};
static const uint8_t other_flavor[] = {WORD(1), WORD(0), WORD(1), WORD(8), 'S', 'T',    'A',
                                       'R',     'T',     'T',     'L',     'S', WORD(0)};
static const uint8_t starttls[] = {WORD(1), WORD(0), WORD(0), WORD(8), 'S', 'T',    'A',
                                   'R',     'T',     'T',     'L',     'S', WORD(0)};
static const uint8_t no_reply[] = {WORD(9), WORD(9)};
#define ALL(a) bytes_of((a), sizeof(a))

static void a_server_without_tls_is_told_nothing(void **state)
{
        (void)state;
        refuse_with(ALL(accepted), 0, "has no TLS");
        refuse_with(ALL(accepted), 0, "plain_networks");
        refuse_with(ALL(rejected_credential), 0, "has no TLS");
        refuse_with(ALL(unavailable), 0, "has no TLS");
        refuse_with(ALL(other_word), 0, "has no TLS");
        refuse_with(ALL(other_flavor), 0, "has no TLS");
        refuse_with(ALL(no_reply), 0, "not as NetInfo does");
}

static void clear_text_behind_the_word_ends_it(void **state)
{
        (void)state;
        refuse_with(ALL(starttls), 1, "says more in clear text");
        refuse_with(ALL(starttls), 300, "says more in clear text");
}

static void a_server_of_another_authority_is_refused(void **state)
{
        struct lab other;
        struct fake f;
        (void)state;
        lab_open(&other);
        struct fake_tls t = {.identity = other.rome, .script = answer_all};
        start(&f, fake_tls_script, &t);
        const struct client_options o = options(f.address);
        must_refuse(&o, NI_FAILED, "authority");
        fake_stop(&f);
        assert_int_equal(f.calls, 0);
        lab_close(&other);
}

static void a_machine_that_may_not_serve_is_refused(void **state)
{
        struct fake_tls t = {.identity = lab.leaf, .script = answer_all};
        struct fake f;
        (void)state;
        start(&f, fake_tls_script, &t);
        const struct client_options o = options(f.address);
        must_refuse(&o, NI_FAILED, "serve");
        fake_stop(&f);
        assert_int_equal(f.calls, 0);
}

static void deny_weakly(struct fake *f, int fd, unsigned nth)
{
        struct fake_call c;
        (void)nth;
        while (fake_read(f, fd, &c)) {
                struct buf out;
                buf_init(&out, 0);
                reply_denied(&out, c.rpc.xid, AUTH_STAT_TOOWEAK);
                fake_send(fd, buf_bytes(&out), 0);
                buf_done(&out);
                buf_done(&c.record);
        }
}

static void a_refusal_of_who_is_connected_says_what_to_do(void **state)
{
        struct fake_tls t = {.identity = lab.rome, .script = deny_weakly};
        struct fake f;
        (void)state;
        start(&f, deny_weakly, NULL);
        assert_true(client_set_machine("", ""));
        struct client_options o = options(f.address);
        must_refuse(&o, NI_AUTHERROR, "`ni join`");
        fake_stop(&f);
        assert_true(client_set_machine(lab.client, ""));
        start(&f, fake_tls_script, &t);
        o = options(f.address);
        must_refuse(&o, NI_AUTHERROR, "`ni renew`");
        fake_stop(&f);
}

static void answer_nothing(struct fake *f, int fd, unsigned nth)
{
        uint8_t byte;
        (void)f;
        (void)nth;
        while (recv(fd, &byte, 1, 0) == 1)
                ;
}

static void answer_the_probe_only(struct fake *f, int fd, unsigned nth)
{
        if (fake_probe(f, fd))
                answer_nothing(f, fd, nth);
}

static void deadline_and_interrupt_hold_while_tls_begins(void **state)
{
        fake_script *const scripts[] = {answer_nothing, answer_the_probe_only};
        struct fake f;
        int pipe_fd[2];
        (void)state;
        assert_int_equal(pipe2(pipe_fd, O_CLOEXEC), 0);
        assert_int_equal(write(pipe_fd[1], "x", 1), 1);
        for (unsigned i = 0; i < 2; i++) {
                start(&f, scripts[i], NULL);
                struct client_options o = options(f.address);
                o.timeout_ms = SHORT_MS;
                must_refuse(&o, NI_FAILED, "no answer in time");
                fake_stop(&f);
        }
        start(&f, answer_the_probe_only, NULL);
        struct client_options o = options(f.address);
        o.interrupt_fd = pipe_fd[0];
        must_refuse(&o, NI_FAILED, "interrupted");
        fake_stop(&f);
        close(pipe_fd[0]);
        close(pipe_fd[1]);
}

/* -- users
 * ---------------------------------------------------------------------------------------------------- */

struct door {
        atomic_uint logins, refused;
        uint32_t status;
        bool one; /* the connection ends after one call behind the login */
};

/* LOGIN of ada with `secret` in `network`; all else only after it, and without credentials. */
static void ask_who(struct fake *f, int fd, unsigned nth)
{
        struct door *d = inner(f);
        struct fake_call c;
        bool in = false;
        while (fake_read(f, fd, &c)) {
                struct xdr_in args = xdr_in(c.args);
                struct ext_login_args login;
                const bool asks = c.rpc.program == NIEXT_PROGRAM;
                bool last = false;
                if (asks && c.rpc.procedure == NIEXT_PROC_login) {
                        d->logins++;
                        if (!ext_login_args_decode(&args, &login) || !bytes_eq_str(login.tag, "network") ||
                            !bytes_eq_str(login.user, "ada") || !bytes_eq_str(login.password, "secret"))
                                fake_wrong(f, "another LOGIN");
                        in = d->status == NI_OK;
                        fake_answer_status(fd, c.rpc.xid, d->status);
                } else if (!in) {
                        fake_wrong(f, "a call before LOGIN");
                } else if (asks && c.rpc.procedure == NIEXT_PROC_select) {
                        fake_answer_status(fd, c.rpc.xid, NI_OK);
                } else {
                        if (c.rpc.flavor != AUTH_FLAVOR_NONE)
                                fake_wrong(f, "a call with credentials");
                        fake_answer_id(fd, c.rpc.xid, (struct ni_id){0, nth + 1}, 0);
                        last = d->one;
                }
                buf_done(&c.record);
                if (last)
                        return;
        }
}

static void a_user_logs_in_once_a_connection(void **state)
{
        struct door d = {.one = true};
        struct fake_tls t = {.identity = lab.rome, .script = ask_who, .context = &d};
        struct fake f;
        (void)state;
        start(&f, fake_tls_script, &t);
        struct client_options o = options(f.address);
        o.tag = "network";
        o.user = "ada";
        o.password = "secret";
        struct client *c = must_open(&o);
        for (unsigned i = 0; i < 3; i++) {
                assert_int_equal(ask_root(c), i + 1);
                wait_for_goodbye(c);
        }
        client_close(c);
        fake_stop(&f);
        assert_int_equal(d.logins, 3);
}

static void a_wrong_password_is_tried_once(void **state)
{
        struct door d = {.status = NI_AUTHERROR};
        struct fake_tls t = {.identity = lab.rome, .script = ask_who, .context = &d};
        struct fake f;
        char twice[80];
        (void)state;
        start(&f, fake_tls_script, &t);
        snprintf(twice, sizeof(twice), "192.0.2.1:%u,192.0.2.2:%u", f.port, f.port);
        setenv("NETINFO_SERVER", twice, 1);
        struct client_options o = options(NULL);
        o.tag = "network";
        o.user = "ada";
        o.password = "secret";
        must_refuse(&o, NI_AUTHERROR, "ada");
        fake_stop(&f);
        assert_int_equal(d.logins, 1);
}

/* -- joining
 * ---------------------------------------------------------------------------------------------------- */

static void a_pin_finds_its_authority_and_no_other(void **state)
{
        struct fake_tls t = {.identity = lab.rome, .script = answer_all};
        struct fake f;
        uint8_t wrong[TLS_PIN_SIZE];
        char here[40];
        (void)state;
        start(&f, fake_tls_script, &t);
        assert_true(client_set_machine("", "0.0.0.0/0"));
        snprintf(here, sizeof(here), "127.0.0.1:%u", f.port); /* on this machine, too */
        struct client_options o = options(here);
        o.pin = tls_authority_pin(lab.signer);
        struct client *c = must_open(&o);
        assert_non_null(client_session(c));
        assert_true(
                bytes_eq(tls_session_authority(client_session(c)), tls_authority_certificate(lab.signer)));
        client_close(c);
        memcpy(wrong, o.pin, sizeof(wrong));
        wrong[31] ^= 1;
        o.pin = wrong;
        must_refuse(&o, NI_FAILED, "authority");
        fake_stop(&f);
        assert_int_equal(t.certified, 0);
        assert_int_equal(f.calls, 0);
}

/* A host that was asked for by name must be it; an address may be any server. */
static void names_go_with_places(void **state)
{
        struct places l;
        struct client_why why;
        struct client_options o = options("localhost:987");
        (void)state;
        assert_int_equal(find_places(&o, &l, &why), NI_OK);
        assert_true(l.n > 0);
        assert_string_equal(l.v[0].name, "localhost");
        const char *const addresses[] = {"192.0.2.1:987", "192.0.2.1", "[2001:db8::1]:987"};
        for (unsigned i = 0; i < 3; i++) {
                o.server = addresses[i];
                assert_int_equal(find_places(&o, &l, &why), NI_OK);
                assert_string_equal(l.v[0].name, "");
        }
        o.server = NULL;
        setenv("NETINFO_SERVER", "192.0.2.1:987,localhost:988", 1);
        assert_int_equal(find_places(&o, &l, &why), NI_OK);
        assert_string_equal(l.v[0].name, "");
        assert_string_equal(l.v[1].name, "localhost");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup(only_an_enrolled_machine_speaks_tls_and_only_elsewhere, before),
                cmocka_unit_test_setup(plain_networks_are_spoken_to_in_clear_text, before),
                cmocka_unit_test_setup(commands_take_both_from_variables, before),
                cmocka_unit_test_setup(what_cannot_be_read_is_not_taken_for_not_enrolled, before),
                cmocka_unit_test_setup(a_folder_that_has_lost_something_is_no_downgrade, before),
                cmocka_unit_test_setup(an_identity_is_read_once_and_again_when_its_files_are_others, before),
                cmocka_unit_test_setup(a_call_goes_through_tls_with_our_certificate, before),
                cmocka_unit_test_setup(a_plain_network_hears_no_probe, before),
                cmocka_unit_test_setup(large_calls_and_replies_go_through, before),
                cmocka_unit_test_setup(a_server_that_said_goodbye_is_dialled_again_before_a_write, before),
                cmocka_unit_test_setup(a_forked_child_leaves_its_parents_session_alone, before),
                cmocka_unit_test_setup(a_server_without_tls_is_told_nothing, before),
                cmocka_unit_test_setup(clear_text_behind_the_word_ends_it, before),
                cmocka_unit_test_setup(a_server_of_another_authority_is_refused, before),
                cmocka_unit_test_setup(a_machine_that_may_not_serve_is_refused, before),
                cmocka_unit_test_setup(a_refusal_of_who_is_connected_says_what_to_do, before),
                cmocka_unit_test_setup(deadline_and_interrupt_hold_while_tls_begins, before),
                cmocka_unit_test_setup(a_user_logs_in_once_a_connection, before),
                cmocka_unit_test_setup(a_wrong_password_is_tried_once, before),
                cmocka_unit_test_setup(a_pin_finds_its_authority_and_no_other, before),
                cmocka_unit_test_setup(names_go_with_places, before),
        };
        signal(SIGPIPE, SIG_IGN);
        return cmocka_run_group_tests(tests, before_all, after_all);
}
