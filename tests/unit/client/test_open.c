/* Finding a server and reaching a domain: variables, addresses, SELECT and what stands in for it. */
#include "fake.h"

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#define LONG_MS 60000u

static void assert_has(const char *text, const char *part)
{
        if (!strstr(text, part))
                fail_msg("`%s` does not say `%s`", text, part);
}

static int forget_variables(void **state)
{
        (void)state;
        unsetenv("NETINFO_SOCKET");
        unsetenv("NETINFO_SERVER");
        return 0;
}

static enum ni_status try_open(const char *server, const char *tag, struct client **ret,
                               struct client_why *why)
{
        struct client_options o;
        client_options_init(&o);
        o.server = server;
        o.tag = tag;
        o.timeout_ms = LONG_MS;
        *ret = NULL;
        return client_open(&o, ret, why);
}

static struct client *must_open(const char *server, const char *tag)
{
        struct client *c;
        struct client_why why;
        if (try_open(server, tag, &c, &why) != NI_OK)
                fail_msg("%s", why.text);
        return c;
}

/* A port of this machine on which nobody listens, and which nobody else is given: it stays bound. */
static uint16_t dead_port(void)
{
        static int bound = -1;
        struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
        socklen_t len = sizeof(in);
        if (bound < 0) {
                bound = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
                assert_int_equal(0, bind(bound, (struct sockaddr *)&in, len));
        }
        assert_int_equal(0, getsockname(bound, (struct sockaddr *)&in, &len));
        return ntohs(in.sin_port);
}

/* -- servers --------------------------------------------------------------------------------------------- */

/* A modern one that serves only the tag in context; version 2 answers ROOT with instance nth + 1. */
static void serve_tag(struct fake *f, int fd, unsigned nth)
{
        struct fake_call c;
        while (fake_read(f, fd, &c)) {
                struct xdr_in in = xdr_in(c.args);
                struct bytes tag;
                if (c.rpc.program == NIEXT_PROGRAM && c.rpc.procedure == NIEXT_PROC_select)
                        fake_answer_status(fd, c.rpc.xid,
                                           ext_tag_decode(&in, &tag) && bytes_eq_str(tag, f->context)
                                                   ? NI_OK
                                                   : NI_NOTAG);
                else
                        fake_answer_id(fd, c.rpc.xid, (struct ni_id){0, nth + 1}, 0);
                buf_done(&c.record);
        }
}

/* A historical binder: knows the ports of one tag; the database's port is in context. */
static void serve_binder(struct fake *f, int fd, unsigned nth)
{
        struct fake_call c;
        const struct fake *database = f->context;
        (void)nth;
        while (fake_read(f, fd, &c)) {
                struct xdr_in in = xdr_in(c.args);
                struct binder_args args;
                struct buf out;
                buf_init(&out, 0);
                if (c.rpc.program != NIBIND_PROGRAM) {
                        fake_refuse(fd, c.rpc.xid, ACCEPT_PROG_UNAVAIL);
                } else if (c.rpc.procedure == NIBIND_PROC_getregister &&
                           binder_args_decode(NIBIND_PROC_getregister, &in, &args)) {
                        struct binder_result r = {.status = NI_NOTAG};
                        if (bytes_eq_str(args.tag, "network"))
                                r = (struct binder_result){
                                        .status = NI_OK, .udp_port = 1, .tcp_port = database->port};
                        binder_result_encode(NIBIND_PROC_getregister, &r, &out);
                        fake_answer(fd, c.rpc.xid, buf_bytes(&out), 0);
                } else {
                        fake_answer(fd, c.rpc.xid, BYTES_NONE, 0); /* PING */
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
                        fake_refuse(fd, c.rpc.xid, ACCEPT_PROG_UNAVAIL);
                else if (c.rpc.procedure == NI_PROC_ping)
                        fake_answer(fd, c.rpc.xid, BYTES_NONE, 0);
                else
                        fake_answer_id(fd, c.rpc.xid, (struct ni_id){0, 42}, 0);
                buf_done(&c.record);
        }
}

static void greet_as_ssh(struct fake *f, int fd, unsigned nth)
{
        char byte;
        (void)f;
        (void)nth;
        if (write(fd, "SSH-2.0-OpenSSH_9.2\r\n", 21) == 21)
                while (read(fd, &byte, 1) > 0)
                        ;
}

static uint32_t root_instance(struct client *c)
{
        const struct ni_args args = {0};
        struct ni_result r;
        assert_int_equal(NI_OK, client_ni(c, NI_PROC_root, &args, &r));
        assert_int_equal(NI_OK, r.status);
        return r.id.instance;
}

/* -- tags ------------------------------------------------------------------------------------------------ */

static void a_tag_is_selected(void **state)
{
        struct fake f;
        char server[64];
        (void)state;
        fake_start(&f, serve_tag, (void *)(uintptr_t) "network");
        snprintf(server, sizeof(server), "%s/network", f.address);
        struct client *c = must_open(server, NULL);
        assert_string_equal("network", client_tag(c));
        assert_string_equal(f.address, client_peer(c));
        assert_int_equal(1, root_instance(c));
        client_close(c);
        snprintf(server, sizeof(server), "%s/local", f.address);
        c = must_open(server, "network"); /* the option wins over the address */
        assert_string_equal("network", client_tag(c));
        client_close(c);
        fake_stop(&f);
}

static void a_tag_that_is_not_served(void **state)
{
        struct fake f;
        struct client *c;
        struct client_why why;
        (void)state;
        fake_start(&f, serve_tag, (void *)(uintptr_t) "network");
        assert_int_equal(NI_NOTAG, try_open(f.address, NULL, &c, &why)); /* local */
        assert_has(why.text, f.address);
        assert_has(why.text, "local");
        assert_has(why.text, "ni domain list");
        fake_stop(&f);
}

static void tags_that_cannot_exist(void **state)
{
        struct client *c;
        struct client_why why;
        (void)state;
        assert_int_equal(NI_NOTAG, try_open("127.0.0.1:1", ".hidden", &c, &why));
        assert_int_equal(NI_NOTAG, try_open("/nowhere", "a/b", &c, &why));
        assert_int_equal(NI_FAILED, try_open("127.0.0.1:1/-x", NULL, &c, &why));
        assert_int_equal(NI_FAILED, try_open("127.0.0.1:70000/x", NULL, &c, &why));
        assert_has(why.text, "Bad port");
        assert_int_equal(NI_FAILED, try_open("/x", "local", &c, &why));
        assert_has(why.text, "unix:/x");
}

static void a_historical_server_by_getregister(void **state)
{
        struct fake binder, database;
        struct client *c;
        struct client_why why;
        struct ext_status_result status;
        struct binder_result r;
        const struct binder_args none = {0};
        (void)state;
        fake_start(&database, serve_database, NULL);
        fake_start(&binder, serve_binder, &database);
        c = must_open(binder.address, "network");
        assert_int_equal(42, root_instance(c));
        assert_int_equal(NI_OK,
                         client_binder(c, NIBIND_PROC_ping, &none, &r)); /* over the binder's connection */
        assert_int_equal(NI_BADOP, client_status(c, &status));
        assert_has(client_reason(c), "extension program");
        client_close(c);
        assert_int_equal(NI_NOTAG, try_open(binder.address, "local", &c, &why));
        fake_stop(&binder);
        fake_stop(&database);
}

static void a_registered_port_that_is_dead(void **state)
{
        struct fake binder, gone = {.port = dead_port()};
        struct client *c;
        struct client_why why;
        (void)state;
        fake_start(&binder, serve_binder, &gone);
        assert_int_equal(NI_FAILED, try_open(binder.address, "network", &c, &why));
        assert_has(why.text, "refused");
        fake_stop(&binder);
}

static void without_a_domain_any_binder_does(void **state)
{
        struct fake binder, database = {.port = 1};
        struct client_options o;
        struct client_why why;
        struct client *c;
        struct binder_result r;
        const struct binder_args none = {0};
        (void)state;
        fake_start(&binder, serve_binder, &database);
        client_options_init(&o);
        o.server = binder.address;
        o.timeout_ms = LONG_MS;
        o.no_domain = true;
        assert_int_equal(NI_OK, client_open(&o, &c, &why));
        assert_int_equal(NI_OK, client_binder(c, NIBIND_PROC_ping, &none, &r));
        client_close(c);
        fake_stop(&binder);
}

/* -- places ---------------------------------------------------------------------------------------------- */

static void the_socket_variable_comes_first(void **state)
{
        struct fake named, other;
        char path[64];
        (void)state;
        snprintf(path, sizeof(path), "/tmp/netinfo-test-%d.sock", (int)getpid());
        fake_start_at(&named, path, serve_tag, (void *)(uintptr_t) "local");
        fake_start(&other, serve_tag, (void *)(uintptr_t) "local");
        setenv("NETINFO_SOCKET", path, 1);
        setenv("NETINFO_SERVER", other.address, 1);
        struct client *c = must_open(NULL, NULL);
        assert_has(client_peer(c), "unix:/tmp/netinfo-test-");
        client_close(c);
        c = must_open("127.0.0.1/local", NULL); /* this host, no port: the variable names its server */
        assert_has(client_peer(c), "unix:");
        client_close(c);
        c = must_open(other.address, NULL); /* a port was said: only that */
        assert_string_equal(other.address, client_peer(c));
        client_close(c);
        c = must_open(path, NULL);
        client_close(c);
        fake_stop(&named);
        unlink(path);
        c = must_open(NULL, NULL); /* the socket is gone: the next place that was named */
        assert_string_equal(other.address, client_peer(c));
        client_close(c);
        fake_stop(&other);
        forget_variables(NULL);
}

/* A server too busy to accept: its queue is full until we let the fake start. */
static void a_full_queue_is_waited_for(void **state)
{
        struct fake f;
        struct sockaddr_un un = {.sun_family = AF_UNIX};
        struct client_options o;
        struct client_why why;
        struct client *c = NULL;
        int visitor[4], wake[2];
        (void)state;
        snprintf(un.sun_path, sizeof(un.sun_path), "/tmp/netinfo-test-%d.full", (int)getpid());
        const int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(0, bind(listener, (struct sockaddr *)&un, sizeof(un)));
        assert_int_equal(0, listen(listener, 0));
        bool full = false;
        for (int i = 0; i < 4; i++) {
                visitor[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
                full |= connect(visitor[i], (struct sockaddr *)&un, sizeof(un)) < 0 && errno == EAGAIN;
        }
        assert_true(full);
        client_options_init(&o);
        o.server = un.sun_path;
        o.timeout_ms = 1;
        assert_int_equal(NI_FAILED, client_open(&o, &c, &why)); /* it was waited for, and not for ever */
        assert_has(why.text, "no answer in time");
        assert_int_equal(0, pipe(wake));
        assert_int_equal(1, write(wake[1], "x", 1));
        o.timeout_ms = LONG_MS;
        o.interrupt_fd = wake[0];
        assert_int_equal(NI_FAILED, client_open(&o, &c, &why));
        assert_has(why.text, "interrupted");
        fake_start_on(&f, listener, serve_tag, (void *)(uintptr_t) "local"); /* now somebody accepts */
        c = must_open(un.sun_path, NULL);
        client_close(c);
        for (int i = 0; i < 4; i++)
                close(visitor[i]);
        fake_stop(&f);
        unlink(un.sun_path);
        close(wake[0]);
        close(wake[1]);
}

static void a_named_server_that_is_gone_is_not_replaced(void **state)
{
        struct client *c;
        struct client_why why;
        (void)state;
        setenv("NETINFO_SOCKET", "/tmp/netinfo-test-nobody.sock", 1);
        assert_int_equal(NI_FAILED, try_open(NULL, NULL, &c, &why));
        assert_has(why.text, "/tmp/netinfo-test-nobody.sock (No such file or directory)");
        assert_null(strstr(why.text, "/run/netinfo"));
        assert_null(strstr(why.text, ":987"));
        forget_variables(NULL);
}

static void the_server_variable_is_a_list(void **state)
{
        struct fake ssh, wrong, right;
        char list[200];
        (void)state;
        fake_start(&ssh, greet_as_ssh, NULL);
        fake_start(&wrong, serve_tag, (void *)(uintptr_t) "elsewhere");
        fake_start(&right, serve_tag, (void *)(uintptr_t) "network");
        snprintf(list, sizeof(list), "127.0.0.1:%u,%s,%s,,%s/network", dead_port(), ssh.address,
                 wrong.address, right.address);
        setenv("NETINFO_SERVER", list, 1);
        struct client *c = must_open(NULL, NULL); /* the element's own tag */
        assert_string_equal(right.address, client_peer(c));
        assert_string_equal("network", client_tag(c));
        client_close(c);
        c = must_open("localhost/network", NULL); /* elements of that host */
        assert_string_equal(right.address, client_peer(c));
        client_close(c);
        fake_stop(&ssh);
        fake_stop(&wrong);
        fake_stop(&right);
        forget_variables(NULL);
}

static void all_places_are_told(void **state)
{
        struct fake ssh, wrong;
        struct client *c;
        struct client_why why;
        char list[100], refused[100];
        const uint16_t port = dead_port();
        (void)state;
        fake_start(&ssh, greet_as_ssh, NULL);
        fake_start(&wrong, serve_tag, (void *)(uintptr_t) "network");
        snprintf(list, sizeof(list), "127.0.0.1:%u,%s,%s", port, ssh.address, wrong.address);
        snprintf(refused, sizeof(refused), "127.0.0.1:%u (Connection refused)", port);
        setenv("NETINFO_SERVER", list, 1);
        assert_int_equal(NI_NOTAG, try_open(NULL, NULL, &c, &why));
        assert_has(why.text, refused);
        assert_has(why.text, ssh.address);
        assert_has(why.text, "not as NetInfo does");
        assert_has(why.text, "does not serve a domain with the tag local");
        setenv("NETINFO_SERVER", "127.0.0.1:x", 1);
        assert_int_equal(NI_FAILED, try_open(NULL, NULL, &c, &why));
        assert_has(why.text, "NETINFO_SERVER");
        assert_has(why.text, "Bad port");
        fake_stop(&ssh);
        fake_stop(&wrong);
        forget_variables(NULL);
}

static void many_places_fit_the_reason(void **state)
{
        struct client *c;
        struct client_why why;
        char list[4000] = "";
        const uint16_t port = dead_port();
        (void)state;
        for (int i = 1; i < 100; i++)
                snprintf(list + strlen(list), sizeof(list) - strlen(list), "127.100.100.%d:%u,", i, port);
        setenv("NETINFO_SERVER", list, 1);
        assert_int_equal(NI_FAILED, try_open(NULL, NULL, &c, &why));
        assert_true(strlen(why.text) < sizeof(why.text));
        assert_has(why.text, "is netinfod running there?");
        forget_variables(NULL);
}

static void names_that_do_not_resolve(void **state)
{
        struct client *c;
        struct client_why why;
        char long_path[200];
        (void)state;
        /* RFC 6761: never a host */
        assert_int_equal(NI_CANTFINDADDRESS, try_open("nobody.invalid:987", NULL, &c, &why));
        assert_has(why.text, "nobody.invalid");
        memset(long_path, 'x', sizeof(long_path) - 1);
        long_path[0] = '/';
        long_path[sizeof(long_path) - 1] = '\0';
        assert_int_equal(NI_FAILED, try_open(long_path, NULL, &c, &why));
        assert_has(why.text, "107 bytes");
}

/* -- users and paths ------------------------------------------------------------------------------------- */

/* /users is number 4; in it ada with uid -2. The last call's credentials must carry her uid and password. */
static void serve_users(struct fake *f, int fd, unsigned nth)
{
        struct fake_call c;
        (void)nth;
        while (fake_next(f, fd, &c)) {
                struct xdr_in in = xdr_in(c.args);
                struct arena a;
                struct buf out;
                struct ni_args args = {0};
                struct ni_result r = {.status = NI_NODIR};
                struct bytes uid = BYTES_LIT("-2");
                struct property prop = {BYTES_LIT("uid"), {&uid, 1}};
                uint32_t users = 4;
                arena_init(&a, 0);
                buf_init(&out, 0);
                const enum ni_proc proc = (enum ni_proc)c.rpc.procedure;
                if (!ni_args_decode(proc, &in, &a, &args))
                        fake_wrong(f, "arguments that do not decode");
                if (proc == NI_PROC_lookup && bytes_eq_str(args.key, "name") &&
                    bytes_eq_str(args.value, "users") && args.id.object == 0)
                        r = (struct ni_result){.status = NI_OK, .objects = &users, .object_count = 1};
                else if (proc == NI_PROC_lookupread && args.id.object == 4 && bytes_eq_str(args.value, "ada"))
                        r = (struct ni_result){.status = NI_OK, .props = {&prop, 1}};
                else if (proc == NI_PROC_self && args.id.object == 4)
                        r = (struct ni_result){.status = NI_OK, .id = {4, 11}};
                else if (proc == NI_PROC_root) {
                        r.status = NI_OK;
                        if (c.rpc.flavor != AUTH_FLAVOR_SYS || c.rpc.sys.uid != (uint32_t)-2 ||
                            !bytes_eq(c.rpc.sys.machine, BYTES_LIT("\x8c\x9a\x9c\x8d\x9a\x8b")))
                                fake_wrong(f, "other credentials than uid -2 and the password `secret`");
                }
                ni_result_encode(proc, &r, &out);
                fake_answer(fd, c.rpc.xid, buf_bytes(&out), 0);
                buf_done(&out);
                arena_done(&a);
                buf_done(&c.record);
        }
}

static void a_user_is_looked_up_and_sent(void **state)
{
        struct fake f;
        struct client_options o;
        struct client_why why;
        struct client *c;
        (void)state;
        fake_start(&f, serve_users, NULL);
        client_options_init(&o);
        o.server = f.address;
        o.timeout_ms = LONG_MS;
        o.user = "ada";
        o.password = "secret";
        assert_int_equal(NI_OK, client_open(&o, &c, &why));
        root_instance(c);
        client_close(c);
        o.user = "grace";
        assert_int_equal(NI_NOUSER, client_open(&o, &c, &why));
        assert_has(why.text, "grace");
        fake_stop(&f);
}

static void paths_are_walked(void **state)
{
        struct fake f;
        struct client_why why;
        struct ni_id id = {1, 2};
        uint32_t step = 77;
        (void)state;
        fake_start(&f, serve_users, NULL);
        struct client *c = must_open(f.address, NULL);
        assert_int_equal(NI_OK, client_path(c, "//name=users/", &id, &step, &why));
        assert_int_equal(4, id.object);
        assert_int_equal(11, id.instance);
        assert_int_equal(77, step); /* untouched */
        assert_int_equal(NI_OK, client_path(c, "4", &id, NULL, &why));
        assert_int_equal(11, id.instance);
        assert_int_equal(NI_NODIR, client_path(c, "/users/ada", &id, &step, &why));
        assert_int_equal(1, step);
        assert_has(why.text, "/users/ada");
        assert_int_equal(NI_NODIR, client_path(c, "/groups/x", &id, &step, &why));
        assert_int_equal(0, step);
        assert_int_equal(NI_NODIR, client_path(c, "9", &id, &step, &why));
        assert_int_equal(NI_BADID, client_path(c, "", &id, &step, &why));
        assert_int_equal(NI_BADID, client_path(c, "/a\\", &id, &step, &why));
        assert_has(why.text, "backslash");
        client_close(c);
        fake_stop(&f);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_tag_is_selected),
                cmocka_unit_test(a_tag_that_is_not_served),
                cmocka_unit_test(tags_that_cannot_exist),
                cmocka_unit_test(a_historical_server_by_getregister),
                cmocka_unit_test(a_registered_port_that_is_dead),
                cmocka_unit_test(without_a_domain_any_binder_does),
                cmocka_unit_test(the_socket_variable_comes_first),
                cmocka_unit_test(a_full_queue_is_waited_for),
                cmocka_unit_test(a_named_server_that_is_gone_is_not_replaced),
                cmocka_unit_test(the_server_variable_is_a_list),
                cmocka_unit_test(all_places_are_told),
                cmocka_unit_test(many_places_fit_the_reason),
                cmocka_unit_test(names_that_do_not_resolve),
                cmocka_unit_test(a_user_is_looked_up_and_sent),
                cmocka_unit_test(paths_are_walked),
        };
        return cmocka_run_group_tests(tests, forget_variables, NULL);
}
