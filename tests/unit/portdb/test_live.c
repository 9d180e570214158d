/* Parts of the live check that need no kernel: verdicts, control groups, socket units, other systems'
 * listings. */
#include "test.h"

#include "portdb/listing.h"
#include "portdb/verdict.h"

#include <unistd.h>

static void groups_name_units(void **state)
{
        static const struct {
                const char *path, *unit, *container;
        } row[] = {
                {"/", "", ""},
                {"", "", ""},
                {"/system.slice/nginx.service", "nginx.service", ""},
                {"/user.slice/user-1000.slice/user@1000.service/app.slice/foo.service", "foo.service", ""},
                {"/system.slice/docker-0123456789ab.scope", "docker-0123456789ab.scope",
                 "docker 0123456789ab"},
                {"/machine.slice/libpod-ff00.scope/container", "libpod-ff00.scope", "libpod ff00"},
                {"/kubepods.slice/cri-containerd-aa.scope", "cri-containerd-aa.scope", "cri-containerd aa"},
                {"/.service", "", ""},
        };
        struct arena a;
        (void)state;
        arena_init(&a, 0);
        for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
                const char *unit, *container;
                port_cgroup_split(&a, row[i].path, &unit, &container);
                assert_string_equal(unit, row[i].unit);
                assert_string_equal(container, row[i].container);
        }
        arena_done(&a);
}

static void put(const char *root, const char *name, const char *text)
{
        char path[4096];
        snprintf(path, sizeof(path), "%s/%s", root, name);
        *strrchr(path, '/') = 0;
        assert_int_equal(fs_make_folders(path, 0755), 0);
        snprintf(path, sizeof(path), "%s/%s", root, name);
        FILE *f = fopen(path, "w");
        assert_non_null(f);
        fputs(text, f);
        fclose(f);
}

static void socket_units(void **state)
{
        char root[] = "/tmp/netinfo-units-XXXXXX";
        const struct port_socket_unit *u;
        struct arena a;
        (void)state;
        arena_init(&a, 0);
        assert_non_null(mkdtemp(root));
        put(root, "usr/lib/systemd/system/ssh.socket",
            "[Unit]\nService=no\n[Socket]\nListenStream=22\nListenStream=[::1]:2222\nListenStream=/run/x\n");
        assert_int_equal(port_socket_units(&a, root, 0, &u), 0); /* systemd does not run there */
        put(root, "run/systemd/system/x", "");
        put(root, "usr/lib/systemd/system/old.socket", "[Socket]\nListenDatagram = 0.0.0.0:69\n");
        put(root, "etc/systemd/system/old.socket", "[Socket]\nListenDatagram=70\nService=new.service\n");
        put(root, "etc/systemd/system/bad.socket",
            "[Socket]\nListenStream=99999\nListenStream=vsock:1:2\nListenStream\n");
        assert_int_equal(port_socket_units(&a, root, 0, &u), 3);
        assert_int_equal(port_socket_units(&a, root, 22, &u), 1);
        assert_string_equal(u[0].unit, "ssh.socket");
        assert_string_equal(u[0].service, "ssh.service");
        assert_int_equal(u[0].transport, PORT_TCP);
        assert_int_equal(port_socket_units(&a, root, 2222, &u), 1);
        assert_int_equal(port_socket_units(&a, root, 69, &u), 0); /* hidden by the one in /etc */
        assert_int_equal(port_socket_units(&a, root, 70, &u), 1);
        assert_string_equal(u[0].service, "new.service");
        assert_int_equal(u[0].transport, PORT_UDP);
        assert_int_equal(fs_remove_tree(root), 0);
        arena_done(&a);
}

static void reserved_ports(void **state)
{
        const struct port_system s = {.reserved = "80,987-990,65535"};
        (void)state;
        assert_true(port_system_reserved(&s, 80));
        assert_true(port_system_reserved(&s, 988));
        assert_false(port_system_reserved(&s, 991));
        assert_true(port_system_reserved(&s, 65535));
}

/* -- verdicts
 * ------------------------------------------------------------------------------------------------------ */

static const struct port_process nginx = {.pid = 1, .command = "nginx", .program = "nginx", .line = ""};
static const struct port_process *const nginx_list[] = {&nginx};

static struct port_judged judge(uint8_t status, const char *name, unsigned port_words, struct port_socket s,
                                const struct port_site *site, const struct port_socket_unit *units, size_t n)
{
        static struct port_item by;
        by = (struct port_item){.claim = {.port = 80,
                                          .end = 80,
                                          .transport = PORT_TCP,
                                          .status = status,
                                          .name = name,
                                          .alias = "www"}};
        struct port_answer a = {.port = 80, .item = &by, .n = 1};
        for (unsigned i = 0; i < 4; i++)
                a.state[i] = (struct port_state){.transport = (uint8_t)(1u << i),
                                                 .status = status,
                                                 .by = &by,
                                                 .words = (uint8_t)port_words};
        s.port = 80;
        s.transport = PORT_TCP;
        s.path = s.container = "";
        s.unit = s.unit ? s.unit : "";
        return port_judge(&s, &a, site, units, n);
}

static void verdicts(void **state)
{
        const struct port_socket held = {.state = PORT_SOCKET_LISTEN,
                                         .process = nginx_list,
                                         .processes = 1,
                                         .held = PORT_HELD_BY_PROCESS};
        const struct port_socket hidden = {.state = PORT_SOCKET_LISTEN, .held = PORT_HELD_HIDDEN};
        const struct port_socket kernel = {
                .state = PORT_SOCKET_CONNECTED, .held = PORT_HELD_BY_KERNEL, .inode = 5};
        const struct port_socket silent = {.state = PORT_SOCKET_BOUND};
        const char *const web[] = {"apache2", "nginx", NULL}, *const mail[] = {"postfix", NULL};
        const struct port_site_service fits = {.name = "http", .programs = web, .unit = ""},
                                       alias = {.name = "WWW", .programs = web, .unit = ""},
                                       other = {.name = "http", .programs = mail, .unit = ""};
        const struct port_site site = {.service = &fits, .services = 1},
                               by_alias = {.service = &alias, .services = 1},
                               wrong = {.service = &other, .services = 1};
        const struct port_socket_unit unit = {80, PORT_TCP, "web.socket", "web.service"};
        struct port_socket in_unit = held;
        (void)state;
        assert_int_equal(judge(PORT_ASSIGNED, "http", 0, held, NULL, NULL, 0).verdict, PORT_V_REGISTERED);
        assert_int_equal(judge(PORT_ASSIGNED, "http", 0, held, &site, NULL, 0).verdict, PORT_V_AS_REGISTERED);
        assert_int_equal(judge(PORT_ASSIGNED, "http", 0, held, &by_alias, NULL, 0).verdict,
                         PORT_V_AS_REGISTERED);
        assert_int_equal(judge(PORT_ASSIGNED, "http", 0, held, &wrong, NULL, 0).verdict,
                         PORT_V_OTHER_THAN_REGISTERED);
        assert_string_equal(judge(PORT_ASSIGNED, "http", 0, held, &wrong, NULL, 0).expected, "postfix");
        assert_int_equal(judge(PORT_ASSIGNED, "http", 0, held, NULL, &unit, 1).verdict,
                         PORT_V_OTHER_THAN_REGISTERED);
        in_unit.unit = "web.service";
        assert_int_equal(judge(PORT_ASSIGNED, "http", 0, in_unit, NULL, &unit, 1).verdict,
                         PORT_V_AS_REGISTERED);
        assert_int_equal(judge(PORT_UNASSIGNED, "", 0, held, NULL, NULL, 0).verdict, PORT_V_UNREGISTERED_USE);
        assert_int_equal(judge(PORT_UNASSIGNED, "", PORT_WORD_GHOST, held, NULL, NULL, 0).verdict,
                         PORT_V_GHOST_IN_USE);
        assert_int_equal(judge(PORT_RESERVED, "", 0, held, NULL, NULL, 0).verdict, PORT_V_RESERVED_IN_USE);
        assert_int_equal(judge(PORT_ASSIGNED, "http", 0, hidden, NULL, NULL, 0).verdict, PORT_V_HIDDEN);
        assert_int_equal(judge(PORT_UNASSIGNED, "", 0, hidden, NULL, NULL, 0).verdict,
                         PORT_V_UNREGISTERED_USE);
        assert_int_equal(judge(PORT_ASSIGNED, "http", 0, kernel, NULL, NULL, 0).verdict, PORT_V_KERNEL);
        assert_int_equal(judge(PORT_ASSIGNED, "http", 0, silent, NULL, NULL, 0).verdict, PORT_V_BOUND_SILENT);
}

/* -- listings
 * ------------------------------------------------------------------------------------------------------ */

static struct port_live read_listing(struct arena *a, const char *text, bool connections)
{
        struct port_live l;
        struct port_problem why = {.reason = ""};
        if (!port_listing_read(bytes_str(text), connections, a, &l, &why))
                fail_msg("%zu: %s", why.line, why.reason);
        return l;
}

static void socket_is(const struct port_socket *s, unsigned family, unsigned transport, unsigned state,
                      unsigned port, unsigned pid, const char *command)
{
        assert_int_equal(s->family, family);
        assert_int_equal(s->transport, transport);
        assert_int_equal(s->state, state);
        assert_int_equal(s->port, port);
        assert_int_equal(s->processes, pid || *command ? 1 : 0);
        if (s->processes) {
                assert_int_equal(s->process[0]->pid, pid);
                assert_string_equal(s->process[0]->command, command);
        }
}

static void windows(void **state)
{
        struct arena a;
        (void)state;
        arena_init(&a, 0);
        const struct port_live l = read_listing(
                &a,
                "\r\nAktive Verbindungen\r\n\r\n  Proto  Lokale Adresse         Remoteadresse          "
                "Status           PID\r\n"
                "  TCP    0.0.0.0:135            0.0.0.0:0              ABH\xd6REN         1016\r\n"
                "  TCP    192.168.1.2:50123      93.184.216.34:443      HERGESTELLT     4040\r\n"
                "  TCP    [::]:445               [::]:0                 LISTENING       4\r\n"
                "  UDP    [fe80::1%12]:1900      *:*                                    4321\r\n",
                false);
        assert_int_equal(l.n, 3);
        socket_is(&l.socket[0], 4, PORT_TCP, PORT_SOCKET_LISTEN, 135, 1016, "");
        socket_is(&l.socket[1], 6, PORT_TCP, PORT_SOCKET_LISTEN, 445, 4, "");
        socket_is(&l.socket[2], 6, PORT_UDP, PORT_SOCKET_OPEN, 1900, 4321, "");
        arena_done(&a);
}

static void macos(void **state)
{
        struct arena a;
        (void)state;
        arena_init(&a, 0);
        struct port_live l = read_listing(&a,
                                          "Active Internet connections (including servers)\n"
                                          "Proto Recv-Q Send-Q  Local Address          Foreign Address       "
                                          " (state)     rhiwat shiwat    pid   epid  state    options\n"
                                          "tcp4       0      0  127.0.0.1.49300        127.0.0.1.987         "
                                          " ESTABLISHED 407682 146988    900      0 0x0102 0x00000020\n"
                                          "tcp46      0      0  *.987                  *.*                   "
                                          " LISTEN      131072 131072    812      0 0x0100 0x00000006\n"
                                          "tcp6       0      0  fe80::1%lo0.631        *.*                   "
                                          " LISTEN      131072 131072     55      0 0x0100 0x00000006\n"
                                          "udp4       0      0  *.5353                 *.*                   "
                                          "             786896   9216    230      0 0x0100 0x00000004\n",
                                          true);
        assert_int_equal(l.n, 4);
        socket_is(&l.socket[0], 4, PORT_TCP, PORT_SOCKET_CONNECTED, 49300, 900, "");
        assert_int_equal(l.socket[0].peer_port, 987);
        socket_is(&l.socket[1], 6, PORT_TCP, PORT_SOCKET_LISTEN, 987, 812, "");
        socket_is(&l.socket[2], 6, PORT_TCP, PORT_SOCKET_LISTEN, 631, 55, "");
        socket_is(&l.socket[3], 4, PORT_UDP, PORT_SOCKET_OPEN, 5353, 230, "");
        l = read_listing(&a,
                         "Proto Recv-Q Send-Q  Local Address          Foreign Address        (state)      "
                         "rxbytes      txbytes  rhiwat  shiwat    process:pid    state  options\n"
                         "tcp4       0      0  *.987                  *.*                    LISTEN          "
                         "   0            0  131072  131072       netinfod:812    00100 00000006\n",
                         false);
        assert_int_equal(l.n, 1);
        socket_is(&l.socket[0], 4, PORT_TCP, PORT_SOCKET_LISTEN, 987, 812, "netinfod");
        arena_done(&a);
}

static void linux_netstat(void **state)
{
        struct arena a;
        (void)state;
        arena_init(&a, 0);
        const struct port_live l = read_listing(
                &a,
                "Active Internet connections (servers and established)\n"
                "Proto Recv-Q Send-Q Local Address           Foreign Address         State       PID/Program "
                "name\n"
                "tcp        0      0 0.0.0.0:22              0.0.0.0:*               LISTEN      812/sshd: "
                "/usr/sbin\n"
                "tcp6       0      0 :::80                   :::*                    LISTEN      -\n"
                "tcp        0      0 127.0.0.1:22            127.0.0.1:5000          TIME_WAIT   -\n"
                "udp        0      0 127.0.0.1:323           0.0.0.0:*                           77/chronyd\n"
                "Active UNIX domain sockets\nunix  2      [ ]         DGRAM                    12345    "
                "/run/x\n",
                false);
        assert_int_equal(l.n, 3);
        socket_is(&l.socket[0], 4, PORT_TCP, PORT_SOCKET_LISTEN, 22, 812, "sshd");
        socket_is(&l.socket[1], 6, PORT_TCP, PORT_SOCKET_LISTEN, 80, 0, "");
        assert_int_equal(l.socket[1].held, PORT_HELD_HIDDEN);
        socket_is(&l.socket[2], 4, PORT_UDP, PORT_SOCKET_OPEN, 323, 77, "chronyd");
        arena_done(&a);
}

static void lsof(void **state)
{
        struct arena a;
        (void)state;
        arena_init(&a, 0);
        const struct port_live l = read_listing(
                &a,
                "COMMAND     PID   USER   FD   TYPE             DEVICE SIZE/OFF NODE NAME\n"
                "Google\\x20C 400   ada   23u  IPv4 0x1234567890abcdef      0t0  TCP "
                "10.0.0.2:50000->1.2.3.4:443 (ESTABLISHED)\n"
                "netinfod    812   root    5u  IPv6 0xabc      0t0  TCP *:987 (LISTEN)\n"
                "netinfod    812   root    6u  IPv4 0xabd      0t0  UDP 127.0.0.1:987\n"
                "rapportd    500   ada     3u  IPv6 0xabe      0t0  TCP [fe80:4::1]:1024 (CLOSED)\n",
                true);
        assert_int_equal(l.n, 4);
        socket_is(&l.socket[0], 4, PORT_TCP, PORT_SOCKET_CONNECTED, 50000, 400, "Google C");
        socket_is(&l.socket[1], 6, PORT_TCP, PORT_SOCKET_LISTEN, 987, 812, "netinfod");
        socket_is(&l.socket[2], 4, PORT_UDP, PORT_SOCKET_OPEN, 987, 812, "netinfod");
        socket_is(&l.socket[3], 6, PORT_TCP, PORT_SOCKET_CLOSING, 1024, 500, "rapportd");
        arena_done(&a);
}

static void damaged_listings(void **state)
{
        static const struct {
                struct bytes text;
                size_t line;
                const char *reason;
        } row[] = {
                {BYTES_LIT(""), 0, "no line"},
                {BYTES_LIT("hello\nworld\n"), 2, "no line"},
                {BYTES_LIT("T\0C\0P\0\n"), 1, "UTF-16"},
                {BYTES_LIT("TCP 1.2.3.4:99999 0.0.0.0:0 LISTENING 4\n"), 1, "no line"},
                {BYTES_LIT("TCP nonsense:99 0.0.0.0:0 LISTENING 4\n"), 1, "no line"},
        };
        (void)state;
        for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
                struct port_live l;
                struct port_problem why = {.line = 99};
                struct arena a;
                arena_init(&a, 0);
                assert_false(port_listing_read(row[i].text, true, &a, &l, &why));
                assert_int_equal(why.line, row[i].line);
                assert_non_null(strstr(why.reason, row[i].reason));
                arena_done(&a);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(groups_name_units), cmocka_unit_test(socket_units),
                cmocka_unit_test(reserved_ports),    cmocka_unit_test(verdicts),
                cmocka_unit_test(windows),           cmocka_unit_test(macos),
                cmocka_unit_test(linux_netstat),     cmocka_unit_test(lsof),
                cmocka_unit_test(damaged_listings),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
