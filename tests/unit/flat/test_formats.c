/* Every format against the text of doc/tools.md sections 6 and 14. */
#include "test_flat.h"

static struct arena a;

#define LOADS(format, text, want) assert_string_equal(loaded(&a, format, text, &strict), want)
#define SKIPS(format, text, want) assert_string_equal(loaded(&a, format, text, &loose), want)
#define PRINTS(format, want, ...)                                             \
        do {                                                                  \
                const struct proplist made = record_of(&a, __VA_ARGS__);      \
                assert_string_equal(printed(&a, format, &made, false), want); \
                assert_string_equal(printed(&a, format, &made, true), want);  \
        } while (0)
#define REFUSES(format, ...)                                              \
        do {                                                              \
                const struct proplist made = record_of(&a, __VA_ARGS__);  \
                assert_int_equal(*printed(&a, format, &made, true), '!'); \
        } while (0)
#define END NULL, NULL

static void test_passwd(void **state)
{
        (void)state;
        LOADS("passwd", "amelia:Qx9:501:20::0:0:Amelia Pond-Ruiz:/home/amelia:/bin/zsh\n",
              "_writers_passwd: amelia\nchange: 0\nclass: \nexpire: 0\ngid: 20\nhome: /home/amelia\n"
              "name: amelia\npasswd: Qx9\nrealname: Amelia Pond-Ruiz\nshell: /bin/zsh\nuid: 501\n");
        LOADS("passwd", "ada:x:5001:100:Ada L:/home/ada:/bin/bash", /* no newline at the end */
              "_writers_passwd: ada\nchange: 0\nclass: \nexpire: 0\ngid: 100\nhome: /home/ada\n"
              "name: ada\npasswd: x\nrealname: Ada L\nshell: /bin/bash\nuid: 5001\n");
        LOADS("passwd", "# comment\n\n+::::::\n-bob\n \t\n", "");
        LOADS("passwd", "ada:*: 7 :8:::\r\n",
              "_writers_passwd: ada\nchange: 0\nclass: \nexpire: 0\ngid: 8\nhome: \n"
              "name: ada\npasswd: *\nrealname: \nshell: \nuid: 7\n");
        PRINTS("passwd", "root:*:0:0::0:0::/root:/bin/sh\n", "name", "root", NULL, "uid", "0", NULL, "gid",
               "0", NULL, "passwd", "*", NULL, "home", "/root", NULL, "shell", "/bin/sh", END);
        PRINTS("passwd.43", "root:*:0:0::/root:/bin/sh\n", "name", "root", "toor", NULL, "uid", "0", NULL,
               "gid", "0", NULL, "passwd", "*", NULL, "home", "/root", NULL, "shell", "/bin/sh", END);
        PRINTS("passwd.linux", "root:x:0:0::/root:/bin/sh\n", "name", "root", NULL, "uid", "0", NULL, "gid",
               "0", NULL, "passwd", "$6$secret", NULL, "home", "/root", NULL, "shell", "/bin/sh", END);
        PRINTS("passwd", "", "uid", "0", END);
}

static void test_passwd_malformed(void **state)
{
        (void)state;
        LOADS("passwd", "root:x:0:0::/:/bin/sh\nada:x:5001:100\n",
              "line 2: 4 fields between colons: a line of passwd has 7 (or 10, in the BSD form)");
        LOADS("passwd", "ada:x:50o1:100:::\n",
              "line 1: the uid of 'ada' is '50o1': it must be a decimal number");
        LOADS("passwd", "ada:x:1::::\n", "line 1: the gid of 'ada' is '': it must be a decimal number");
        LOADS("passwd", ":x:1:1:::\n", "line 1: the login name is empty");
        LOADS("passwd", "\n#\nada:x:1:1:::\nada:x:2:1:::\n",
              "line 4: 'ada' stands in line 3 too, with another uid: keep one of the two");
        LOADS("passwd", "ada:x:1:1::/\r:\n", "line 1: the line holds a carriage return that does not end it");
        LOADS("passwd", "nobody:x:-2:-2:::\n",
              "_writers_passwd: nobody\nchange: 0\nclass: \nexpire: 0\ngid: -2\nhome: \n"
              "name: nobody\npasswd: x\nrealname: \nshell: \nuid: -2\n");
        SKIPS("passwd", "broken\nada:x:abc:1:::\n",
              "_writers_passwd: ada\nchange: 0\nclass: \nexpire: 0\ngid: 1\nhome: \n"
              "name: ada\npasswd: x\nrealname: \nshell: \nuid: abc\n");
        REFUSES("passwd", "name", "eve", NULL, "uid", "1", NULL, "gid", "1", NULL, "realname",
                "x\nroot2::0:0:::", END);
        REFUSES("passwd", "name", "eve", NULL, "uid", "1", NULL, "gid", "1", NULL, "realname", "a:b", END);
        REFUSES("passwd", "name", "eve", NULL, "uid", "no number", NULL, "gid", "1", END);
        REFUSES("passwd", "name", "+eve", NULL, "uid", "1", NULL, "gid", "1", END);
}

static void test_group(void **state)
{
        (void)state;
        LOADS("group", "wheel:*:0: root , amelia\nstaff::20:\nold:*:30\n",
              "gid: 0\nname: wheel\npasswd: *\nusers: root amelia\n--\n"
              "gid: 20\nname: staff\npasswd: \nusers:\n--\n"
              "gid: 30\nname: old\npasswd: *\nusers:\n");
        LOADS("group", "a:x:1:\na:x:2:\n",
              "line 2: 'a' stands in line 1 too, with another gid: keep one of the two");
        LOADS("group", "a:x:1:u,v\na:x:1:v,w\n", "gid: 1\nname: a\npasswd: x\nusers: u v w\n");
        LOADS("group", "a:x\n", "line 1: 2 fields between colons: a line of group has 4");
        PRINTS("group", "wheel:*:0:root,amelia\n", "name", "wheel", NULL, "gid", "0", NULL, "passwd", "*",
               NULL, "users", "root", "amelia", END);
        PRINTS("group", "staff::20:\n", "name", "staff", NULL, "gid", "20", NULL, "users", END);
        PRINTS("group.linux", "staff:x:20:\n", "name", "staff", NULL, "gid", "20", NULL, "passwd", "!", END);
        REFUSES("group", "name", "g", NULL, "gid", "1", NULL, "users", "a,b", END);
        REFUSES("group", "name", "g", NULL, "gid", "1", NULL, "users", "", END);
}

static void test_shadow(void **state)
{
        (void)state;
        LOADS("shadow", "ada:$y$j9T$hash:19000:0:99999:7::20000:\n",
              "expire: 1728000000\nname: ada\npasswd: $y$j9T$hash\nshadow_lastchange: 19000\nshadow_max: "
              "99999\n"
              "shadow_min: 0\nshadow_warning: 7\n");
        LOADS("shadow", "daemon:*:19000:0:99999:7:::\n",
              "expire: 0\nname: daemon\npasswd: *\nshadow_lastchange: 19000\nshadow_max: 99999\n"
              "shadow_min: 0\nshadow_warning: 7\n");
        LOADS("shadow", "ada:*:19000:0\n", "line 1: 4 fields between colons: a line of shadow has 9");
        LOADS("shadow", "ada:*:soon::::::\n",
              "line 1: field 3 of 'ada' is 'soon': it must be a number of days or empty");
        PRINTS("shadow", "ada:$y$:19000:0:99999:7:3:20000:1\n", "name", "ada", NULL, "passwd", "$y$", NULL,
               "shadow_lastchange", "19000", NULL, "shadow_min", "0", NULL, "shadow_max", "99999", NULL,
               "shadow_warning", "7", NULL, "shadow_inactive", "3", NULL, "shadow_flag", "1", NULL, "expire",
               "1728000000", END);
        PRINTS("shadow", "", "name", "ada", NULL, "uid", "1", END); /* nothing is known of its password */
        LOADS("gshadow", "sudo:!:root:ada,bob\n", "admins: root\nname: sudo\npasswd: !\nusers: ada bob\n");
        PRINTS("gshadow", "sudo:!:root:ada,bob\n", "name", "sudo", NULL, "passwd", "!", NULL, "admins",
               "root", NULL, "users", "ada", "bob", END);
}

static void test_hosts(void **state)
{
        (void)state;
        LOADS("hosts", "# c\n\n  # c2\n10.1.1.9\tink ink2 # tail\n",
              "ip_address: 10.1.1.9\nname: ink ink2\n");
        LOADS("hosts",
              "127.0.0.1 localhost\n::1 localhost ip6-localhost\n010.001.000.007 quill\nFE80:0::1 q6#x\n",
              "ip_address: 127.0.0.1\nipv6_address: ::1\nname: localhost ip6-localhost\n--\n"
              "ip_address: 10.1.0.7\nname: quill\n--\nipv6_address: fe80::1\nname: q6#x\n");
        LOADS("hosts", "10.1.1.9 a \t\n10.1.1.10 a\n", "ip_address: 10.1.1.9 10.1.1.10\nname: a\n");
        LOADS("hosts", "10.1.1 a\n", "line 1: '10.1.1' is no IPv4 or IPv6 address");
        LOADS("hosts", "256.1.1.1 a\n", "line 1: '256.1.1.1' is no IPv4 or IPv6 address");
        LOADS("hosts", "fe80::1%lo0 a\n", "line 1: 'fe80::1%lo0' is no IPv4 or IPv6 address");
        LOADS("hosts", "10.1.1.1\n", "line 1: the address 10.1.1.1 has no name behind it");
        PRINTS("hosts", "10.1.1.7\tquill quill.example.org\n10.1.2.7\tquill quill.example.org\n", "name",
               "quill", "quill.example.org", NULL, "ip_address", "10.1.1.7", "10.1.2.7", NULL, "serves",
               "./network", END);
        PRINTS("hosts", "10.1.1.7\tq\n2001:db8::1\tq\n", "name", "q", NULL, "ipv6_address", "2001:db8::1",
               NULL, "ip_address", "10.1.1.7", END);
        PRINTS("hosts", "", "name", "ink", END);
        REFUSES("hosts", "name", "ink", NULL, "ip_address", "10.1.1.9 evil\n127.0.0.1", END);
        REFUSES("hosts", "name", "ink ink", NULL, "ip_address", "10.1.1.9", END);
        REFUSES("hosts", "name", "ink", NULL, "ip_address", "somewhere", END);
        LOADS("ethers", "00:05:02:FE:ef:4b quill q2\n", "en_address: 0:5:2:fe:ef:4b\nname: quill q2\n");
        LOADS("ethers", "0:5:2:fe:ef quill\n",
              "line 1: '0:5:2:fe:ef' is no Ethernet address such as 0:5:2:fe:ef:4b");
        LOADS("ethers", "0:5:2:fe:ef:123 quill\n",
              "line 1: '0:5:2:fe:ef:123' is no Ethernet address such as 0:5:2:fe:ef:4b");
        PRINTS("ethers", "0:5:2:fe:ef:4b\tquill quill.example.org\n", "name", "quill", "quill.example.org",
               NULL, "en_address", "0:5:2:fe:ef:4b", END);
}

static void test_nets_and_boot(void **state)
{
        (void)state;
        LOADS("networks", "default 0.0.0.0\nloopback 127.0.0.0 lo\nlink-local 169.254.0.0\n",
              "address: 0\nname: default\n--\naddress: 127\nname: loopback lo\n--\n"
              "address: 169.254\nname: link-local\n");
        LOADS("networks", "x abc\n", "line 1: 'abc' is no network number such as 192.168.7");
        PRINTS("networks", "loopback\t127\tlo\tl2\n", "name", "loopback", "lo", "l2", NULL, "address", "127",
               END);
        PRINTS("networks", "loopback\t127\t\n", "name", "loopback", NULL, "address", "127", END);
        LOADS("bootptab", "/private/tftpboot:/\nmach\n%%\n# c\nvellum 1 0:5:2:fe:ef:4b 10.1.1.8 mach more\n",
              "bootfile: mach\nen_address: 0:5:2:fe:ef:4b\nhtype: 1\nip_address: 10.1.1.8\nname: vellum\n");
        LOADS("bootptab", "vellum 1 0:5:2:fe:ef:4b 10.1.1.8 mach\n",
              "line 0: there is no line that begins with %%, so nothing would be read");
        PRINTS("bootptab", "vellum\t1\t0:5:2:fe:ef:4b\t0.0.0.0\tmach\n", "name", "vellum", NULL, "en_address",
               "0:5:2:fe:ef:4b", END);
        assert_string_equal(flat_header(flat_format("bootptab")), "/private/tftpboot:/\nmach\n%%\n");
        LOADS("bootparams", "vellum root=quill:/export/vellum \\\n\tswap=quill:/export/swap/vellum\n",
              "bootparams: root=quill:/export/vellum swap=quill:/export/swap/vellum\nname: vellum\n");
        PRINTS("bootparams", "vellum root=quill:/export/vellum \\\n\tswap=quill:/export/swap/vellum\n",
               "name", "vellum", NULL, "bootparams", "root=quill:/export/vellum",
               "swap=quill:/export/swap/vellum", END);
}

static void test_services(void **state)
{
        (void)state;
        LOADS("services", "smtp 25/tcp mail\nsmtp 25/udp\n",
              "name: smtp mail\nport: 25\nprotocol: tcp udp\n");
        LOADS("services", "x 1/tcp\ny 1/tcp\nx 2/udp\n",
              "name: x\nport: 1\nprotocol: tcp\n--\nname: y\nport: 1\nprotocol: tcp\n--\n"
              "name: x\nport: 2\nprotocol: udp\n");
        LOADS("services", "smtp 25\n", "line 1: '25' is not PORT/PROTOCOL, such as 25/tcp");
        LOADS("services", "smtp /tcp\n", "line 1: '/tcp' is not PORT/PROTOCOL, such as 25/tcp");
        LOADS("services", "smtp 65536/tcp\n", "line 1: the port '65536' is no number from 0 to 65535");
        LOADS("services", "smtp\n", "line 1: 'smtp' has no PORT/PROTOCOL behind it");
        SKIPS("services", "smtp 25\nx many/udp\n", "name: x\nport: many\nprotocol: udp\n");
        PRINTS("services", "domain\t53/tcp\tnameserver\ndomain\t53/udp\tnameserver\n", "name", "domain",
               "nameserver", NULL, "port", "53", NULL, "protocol", "tcp", "udp", END);
        PRINTS("services", "ssh\t22/tcp\t\n", "name", "ssh", NULL, "port", "22", NULL, "protocol", "tcp",
               END);
        LOADS("protocols", "ip 0 IP # internet\n", "name: ip IP\nnumber: 0\n");
        LOADS("rpc", "portmapper 100000 portmap sunrpc\n",
              "name: portmapper portmap sunrpc\nnumber: 100000\n");
        LOADS("rpc", "portmapper -1\n", "line 1: the number of 'portmapper' is '-1': it must be decimal");
        PRINTS("rpc", "portmapper\t100000\tportmap\n", "name", "portmapper", "portmap", NULL, "number",
               "100000", END);
}

static void test_mounts(void **state)
{
        (void)state;
        LOADS("fstab", "quill:/srv/home /Net nfs rw,net 0 0\nq:/x /y nfs ro\n",
              "dir: /Net\nfreq: 0\nname: quill:/srv/home\nopts: rw net\npassno: 0\nvfstype: nfs\n--\n"
              "dir: /y\nfreq: 0\nname: q:/x\nopts: ro\npassno: 0\nvfstype: nfs\n");
        LOADS("fstab", "a b c\n",
              "line 1: 3 words: a line of fstab has at least 4 (device, place, type, options)");
        LOADS("fstab", "none /a tmpfs rw\nnone /b tmpfs rw\n",
              "line 2: 'none' stands in line 1 too, with another dir: keep one of the two");
        PRINTS("fstab", "quill:/srv/home /Net nfs rw,net 0 0\n", "name", "quill:/srv/home", NULL, "dir",
               "/Net", NULL, "opts", "rw", "net", END);
        PRINTS("fstab", "q:/x /y ufs rw 5 0\n", "name", "q:/x", NULL, "dir", "/y", NULL, "vfstype", "ufs",
               NULL, "dump_freq", "5", END);
        LOADS("exports", "/srv /data -ro -root=0 quill vellum\n",
              "clients: quill vellum\nname: /srv /data\nopts: ro root=0\n");
        PRINTS("exports", "/srv -ro quill\n", "name", "/srv", NULL, "opts", "ro", NULL, "clients", "quill",
               END);
        PRINTS("exports", "/srv\n", "name", "/srv", END);
        LOADS("exports", "-ro /srv\n", "line 1: the line begins with an option: the path comes first");
}

static void test_printcap(void **state)
{
        (void)state;
        static const char text[] = "inkwell|lobby printer: \\\n"
                                   "\t:lp=:rm=quill.example.org:rp=inkwell:sd=/var/spool/lpd/inkwell: \\\n"
                                   "\t:mx#0:sh:lf=/var/log/lpd-errs:\n";
        PRINTS("printcap", text, "name", "inkwell", "lobby printer", NULL, "lp", "", NULL, "rm",
               "quill.example.org", NULL, "rp", "inkwell", NULL, "sd", "/var/spool/lpd/inkwell", NULL, "mx",
               "#0", NULL, "sh", NULL, "lf", "/var/log/lpd-errs", END);
        LOADS("printcap", text,
              "lf: /var/log/lpd-errs\nlp: \nmx: #0\nname: inkwell lobby printer\nrm: quill.example.org\n"
              "rp: inkwell\nsd: /var/spool/lpd/inkwell\nsh:\n");
        PRINTS("printcap", "p: \\\n\t:x=a\\072b:\n", "name", "p", NULL, "x", "a:b", END);
        LOADS("printcap", "p:x=a\\072b::y=c=d:\n", "name: p\nx: a:b\ny: c=d\n");
        LOADS("printcap", ":x=1:\n", "line 1: the printer's name is missing before the first colon");
        LOADS("printcap", "p:=1:\n", "line 1: a capability without a name: '=1'");
        REFUSES("printcap", "name", "p", NULL, "x", "\\072", END);
        REFUSES("printcap", "name", "p:q", NULL, "x", "1", END);
}

static void test_aliases(void **state)
{
        (void)state;
        LOADS("aliases", "list: a, \"b, c\" d\n e,\n :include:/f\n",
              "members: a \"b, c\" de :include:/f\nname: list\n");
        LOADS("aliases", "one: a\ntwo: b\nnone:\n",
              "members: a\nname: one\n--\nmembers: b\nname: two\n--\nmembers:\nname: none\n");
        LOADS("aliases", "\"x:y\": |\"/bin/cat, -\"\n", "members: |\"/bin/cat, -\"\nname: \"x:y\"\n");
        LOADS("aliases", "one a\n",
              "line 1: there is no colon: a line of aliases is NAME: MEMBER, MEMBER ...");
        LOADS("aliases", "one: \"a\n", "line 1: a double quote does not close");
        PRINTS("aliases",
               "planning: amelia@crew.example.org,basil@crew.example.org,\n"
               "\tcordelia@crew.example.org,dunstan@crew.example.org\n",
               "name", "planning", NULL, "members", "amelia@crew.example.org", "basil@crew.example.org",
               "cordelia@crew.example.org", "dunstan@crew.example.org", END);
        REFUSES("aliases", "name", "a", NULL, "members", "b,c", END);
        REFUSES("aliases", "name", "a:b", NULL, "members", "c", END);
}

static void test_netgroup_and_resolver(void **state)
{
        (void)state;
        LOADS("netgroup", "staff ( quill , amelia, ) (,basil,) crew \\\n more # c\n",
              "members: (quill,amelia,) (,basil,) crew more\nname: staff\n");
        LOADS("netgroup", "staff (a,b)\n", "line 1: '(a,b)' is not (HOST,USER,DOMAIN)");
        LOADS("netgroup", "staff (a,b,c\n", "line 1: a '(' without its ')'");
        PRINTS("netgroup", "staff (quill,amelia,) crew\n", "name", "staff", NULL, "members",
               "(quill,amelia,)", "crew", END);
        REFUSES("netgroup", "name", "staff", NULL, "members", "(a,b)", END);
        REFUSES("netgroup", "name", "staff", NULL, "members", "a b", END);
        LOADS("resolv.conf",
              "; c\ndomain example.org\nsearch a b\nnameserver 10.0.0.1\nnameserver 10.0.0.2\noptions "
              "rotate\n",
              "domain: example.org\nname: resolver\nnameserver: 10.0.0.1 10.0.0.2\noptions: rotate\nsearch: "
              "a b\n");
        PRINTS("resolv.conf", "domain example.org\nsearch a b\nnameserver 10.0.0.1\nnameserver 10.0.0.2\n",
               "name", "resolver", NULL, "nameserver", "10.0.0.1", "10.0.0.2", NULL, "domain", "example.org",
               NULL, "search", "a", "b", END);
        PRINTS("resolv.conf", "", "name", "resolver", NULL, "domain", "example.org", END);
        LOADS("resolv.conf", "namserver 1\n",
              "line 1: 'namserver' is unknown here: domain, search, nameserver, sortlist or options");
}

static void test_line_rules(void **state)
{
        (void)state;
        struct flat_file file;
        struct flat_why why;
        const struct bytes nul = BYTES_LIT("a 1\nb\0 2\n");
        assert_false(flat_file_read(&file, flat_format("rpc"), nul, &strict, &why));
        assert_int_equal(why.line, 2);
        assert_true(flat_file_read(&file, flat_format("rpc"), nul, &loose, &why));
        assert_int_equal(file.entry_count, 1);
        assert_int_equal(file.skipped, 1);
        flat_file_done(&file);

        struct buf b;
        buf_init(&b, 0);
        buf_puts(&b, "g:x:1:");
        for (unsigned i = 0; i < NI_VALUES_MAX; i++)
                buf_printf(&b, "u%u,", i);
        buf_puts(&b, "\n");
        assert_true(flat_file_read(&file, flat_format("group"), buf_bytes(&b), &strict, &why));
        flat_file_done(&file);
        b.len--;
        buf_puts(&b, "one\n");
        assert_false(flat_file_read(&file, flat_format("group"), buf_bytes(&b), &strict, &why));
        assert_string_equal(why.text, "more than 65535 values of 'users'");
        buf_clear(&b);
        buf_puts(&b, "g:x:1:");
        for (unsigned i = 0; i <= NI_NAME_MAX; i++)
                buf_putc(&b, 'u');
        assert_false(flat_file_read(&file, flat_format("group"), buf_bytes(&b), &strict, &why));
        assert_string_equal(why.text, "a value is longer than 65535 bytes");
        buf_done(&b);
        assert_null(flat_format("no such"));
        LOADS("printcap", "p:\\\n", "name: p\n"); /* the file ends in the middle of an entry */
}

static int begin(void **state)
{
        (void)state;
        arena_init(&a, 0);
        return 0;
}

static int end(void **state)
{
        (void)state;
        arena_done(&a);
        return 0;
}

#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
        const struct CMUnitTest tests[] = {
                T(test_passwd),
                T(test_passwd_malformed),
                T(test_group),
                T(test_shadow),
                T(test_hosts),
                T(test_nets_and_boot),
                T(test_services),
                T(test_mounts),
                T(test_printcap),
                T(test_aliases),
                T(test_netgroup_and_resolver),
                T(test_line_rules),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
