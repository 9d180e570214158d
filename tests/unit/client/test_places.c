/* The standard places of decision 3: port 987, port mapper and GETREGISTER, port 1033. In a network namespace
 * of our own, where these ports are free and ours. */
#include "fake.h"

#include <net/if.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static bool in_own_network;

static bool loopback_up(void)
{
        struct ifreq r = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
        const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        const bool good = fd >= 0 && ioctl(fd, SIOCSIFFLAGS, &r) == 0;
        close(fd);
        return good;
}

static int enter_network(void **state)
{
        (void)state;
        unsetenv("NETINFO_SOCKET");
        unsetenv("NETINFO_SERVER");
        const int flags = geteuid() == 0 ? CLONE_NEWNET : CLONE_NEWUSER | CLONE_NEWNET;
        in_own_network = unshare(flags) == 0 && loopback_up();
        /* A service of this machine must not answer instead. */
        in_own_network = in_own_network && access("/run/netinfo/netinfod.sock", F_OK) != 0;
        return 0;
}

#define NEED_NETWORK()                                                                           \
        do {                                                                                     \
                if (!in_own_network) {                                                           \
                        print_message("skipped: no network namespace, or netinfod runs here\n"); \
                        skip();                                                                  \
                }                                                                                \
        } while (0)

static enum ni_status try_open(const char *server, const char *tag, struct client **ret,
                               struct client_why *why)
{
        struct client_options o;
        client_options_init(&o);
        o.server = server;
        o.tag = tag;
        o.timeout_ms = 60000;
        return client_open(&o, ret, why);
}

static void serve_modern(struct fake *f, int fd, unsigned nth)
{
        struct fake_call c;
        (void)nth;
        while (fake_next(f, fd, &c)) {
                fake_answer_id(fd, c.rpc.xid, (struct ni_id){0, 987}, 0);
                buf_done(&c.record);
        }
}

/* Port mapper and binder and database in one: each program at its port. Context: port of the next. */
static void serve_mapper(struct fake *f, int fd, unsigned nth)
{
        struct fake_call c;
        const uint16_t *port = f->context;
        (void)nth;
        while (fake_read(f, fd, &c)) {
                struct xdr_in in = xdr_in(c.args);
                uint8_t answer[4];
                const bool binder = xdr_u32(&in) == NIBIND_PROGRAM && xdr_u32(&in) == NIBIND_VERSION &&
                                    xdr_u32(&in) == 6; /* TCP */
                if (c.rpc.program != 100000 || c.rpc.version != 2 || c.rpc.procedure != 3 || !binder)
                        fake_wrong(f, "the port mapper was asked something else than GETPORT of the binder");
                xdr_store(answer, *port);
                fake_answer(fd, c.rpc.xid, bytes_of(answer, 4), 0);
                buf_done(&c.record);
        }
}

static void serve_binder(struct fake *f, int fd, unsigned nth)
{
        struct fake_call c;
        const uint16_t *port = f->context;
        (void)nth;
        while (fake_read(f, fd, &c)) {
                const struct binder_result r = {.status = NI_OK, .udp_port = *port, .tcp_port = *port};
                struct buf out;
                buf_init(&out, 0);
                if (c.rpc.program == NIBIND_PROGRAM && c.rpc.procedure == NIBIND_PROC_getregister) {
                        binder_result_encode(NIBIND_PROC_getregister, &r, &out);
                        fake_answer(fd, c.rpc.xid, buf_bytes(&out), 0);
                } else {
                        fake_refuse(fd, c.rpc.xid, ACCEPT_PROG_UNAVAIL);
                }
                buf_done(&out);
                buf_done(&c.record);
        }
}

static void serve_database(struct fake *f, int fd, unsigned nth)
{
        struct fake_call c;
        (void)nth;
        while (fake_read(f, fd, &c)) {
                if (c.rpc.program != NI_PROGRAM)
                        fake_wrong(f, "another program at the database's own port");
                if (c.rpc.procedure == NI_PROC_ping)
                        fake_answer(fd, c.rpc.xid, BYTES_NONE, 0);
                else
                        fake_answer_id(fd, c.rpc.xid, (struct ni_id){0, 1033}, 0);
                buf_done(&c.record);
        }
}

static uint32_t root_instance(struct client *c)
{
        const struct ni_args args = {0};
        struct ni_result r;
        assert_int_equal(NI_OK, client_ni(c, NI_PROC_root, &args, &r));
        return r.id.instance;
}

static void port_987_comes_before_the_port_mapper(void **state)
{
        struct fake modern, mapper;
        struct client *c;
        struct client_why why;
        uint16_t nothing = 0;
        (void)state;
        NEED_NETWORK();
        assert_true(fake_start_port(&modern, 987, serve_modern, NULL));
        assert_true(fake_start_port(&mapper, 111, serve_mapper, &nothing));
        assert_int_equal(NI_OK, try_open(NULL, NULL, &c, &why));
        assert_string_equal("127.0.0.1:987", client_peer(c));
        assert_int_equal(987, root_instance(c));
        client_close(c);
        assert_int_equal(NI_OK, try_open("127.0.0.1/network", NULL, &c, &why));
        assert_string_equal("127.0.0.1:987", client_peer(c));
        client_close(c);
        assert_int_equal(0, mapper.connections);
        fake_stop(&modern);
        fake_stop(&mapper);
}

static void the_port_mapper_leads_to_a_historical_server(void **state)
{
        struct fake mapper, binder, database;
        struct client *c;
        struct client_why why;
        (void)state;
        NEED_NETWORK();
        fake_start(&database, serve_database, NULL);
        fake_start(&binder, serve_binder, &database.port);
        assert_true(fake_start_port(&mapper, 111, serve_mapper, &binder.port));
        assert_int_equal(NI_OK, try_open("127.0.0.1/network", NULL, &c, &why));
        assert_string_equal(binder.address, client_peer(c));
        assert_int_equal(1033, root_instance(c));
        client_close(c);
        fake_stop(&mapper);
        fake_stop(&binder);
        fake_stop(&database);
}

static void port_1033_serves_local_only(void **state)
{
        struct fake database;
        struct client *c;
        struct client_why why;
        struct ext_status_result status;
        (void)state;
        NEED_NETWORK();
        assert_true(fake_start_port(&database, 1033, serve_database, NULL));
        assert_int_equal(NI_OK, try_open(NULL, NULL, &c, &why));
        assert_string_equal("127.0.0.1:1033", client_peer(c));
        assert_int_equal(1033, root_instance(c));
        assert_int_equal(NI_BADOP, client_status(c, &status));
        client_close(c);
        assert_int_equal(NI_FAILED, try_open(NULL, "network", &c, &why));
        assert_null(strstr(why.text, "1033"));
        fake_stop(&database);
}

static void every_place_is_named_when_there_is_nobody(void **state)
{
        static const char *const words[] = {
                "unix:/run/netinfo/netinfod.sock", "127.0.0.1:987",  "[::1]:987",
                "port mapper 127.0.0.1:111",       "127.0.0.1:1033", "NETINFO_SERVER"};
        struct fake mapper;
        struct client *c;
        struct client_why why;
        uint16_t nothing = 0;
        (void)state;
        NEED_NETWORK();
        assert_true(fake_start_port(&mapper, 111, serve_mapper, &nothing));
        assert_int_equal(NI_FAILED, try_open(NULL, NULL, &c, &why));
        for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
                if (!strstr(why.text, words[i]))
                        fail_msg("`%s` does not name %s", why.text, words[i]);
        assert_non_null(strstr(why.text, "no NetInfo binder is registered"));
        fake_stop(&mapper);
}

/* Accepts and closes, as a socket does whose service could not start. */
static void serve_nobody(struct fake *f, int fd, unsigned nth)
{
        (void)f;
        (void)fd;
        (void)nth;
}

/* Takes the call and never answers, as one whose service is starting. */
static void serve_silence(struct fake *f, int fd, unsigned nth)
{
        struct fake_call c;
        (void)nth;
        while (fake_read(f, fd, &c))
                buf_done(&c.record);
}

/* Over TCP the superuser of the socket would be nobody. */
static void a_socket_that_was_taken_is_the_place(void **state)
{
        static fake_script *const scripts[] = {serve_nobody, serve_silence};
        struct client_options o;
        struct client_why why;
        struct client *c;
        (void)state;
        NEED_NETWORK();
        if (geteuid() != 0 || unshare(CLONE_NEWNS) < 0 ||
            mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
            mount("tmpfs", "/run", "tmpfs", 0, NULL) < 0 || mkdir("/run/netinfo", 0755) < 0)
                skip();
        for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
                struct fake modern, own;
                assert_true(fake_start_port(&modern, 987, serve_modern, NULL));
                fake_start_at(&own, "/run/netinfo/netinfod.sock", scripts[i], NULL);
                client_options_init(&o);
                o.timeout_ms = 1500;
                assert_int_equal(NI_FAILED, client_open(&o, &c, &why));
                assert_non_null(strstr(why.text, "unix:/run/netinfo/netinfod.sock"));
                assert_null(strstr(why.text, "127.0.0.1"));
                assert_int_equal(0, modern.connections);
                fake_stop(&own);
                /* Nobody behind it: the next place. */
                o.timeout_ms = 60000;
                assert_int_equal(NI_OK, client_open(&o, &c, &why));
                assert_string_equal("127.0.0.1:987", client_peer(c));
                client_close(c);
                fake_stop(&modern);
                unlink("/run/netinfo/netinfod.sock");
        }
}

/* The first connection is closed unasked, as by a server that ends; the next server answers. */
static void serve_the_second(struct fake *f, int fd, unsigned nth)
{
        if (nth > 0)
                serve_modern(f, fd, nth);
}

static void a_server_that_follows_another_is_met(void **state)
{
        struct fake modern;
        struct client_why why;
        struct client *c;
        (void)state;
        NEED_NETWORK();
        assert_true(fake_start_port(&modern, 987, serve_the_second, NULL));
        assert_int_equal(NI_OK, try_open("127.0.0.1:987", NULL, &c, &why));
        assert_int_equal(987, root_instance(c));
        client_close(c);
        fake_stop(&modern);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(port_987_comes_before_the_port_mapper),
                cmocka_unit_test(the_port_mapper_leads_to_a_historical_server),
                cmocka_unit_test(port_1033_serves_local_only),
                cmocka_unit_test(every_place_is_named_when_there_is_nobody),
                cmocka_unit_test(a_socket_that_was_taken_is_the_place),
                cmocka_unit_test(a_server_that_follows_another_is_met),
        };
        return cmocka_run_group_tests(tests, enter_network, NULL);
}
