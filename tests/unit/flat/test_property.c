/* parse(print(x)) == x for random records of every format, and this machine's own files: in, out in the
 * normal form of doc/flat-files.md, and in again. The seed is fixed and printed. */
#include "test_flat.h"
#include "sys/fs.h"

#include <errno.h>

#define SEED   987u
#define ROUNDS 4000

static uint64_t state_of = SEED;

static uint32_t below(uint32_t n)
{
        state_of ^= state_of << 13;
        state_of ^= state_of >> 7;
        state_of ^= state_of << 17;
        return (uint32_t)(state_of >> 32) % n;
}

/* Pieces that formats care about, honest and not. */
static const char *const pieces[] = {
        "a",           "bob",      "x",   "-",      "+",    "#",           ":",          ",",
        " ",           "\t",       "=",   "\\",     "|",    "\"",          "(",          ")",
        "(a,b,c)",     "10.0.0.1", "::1", "53/tcp", "1",    "007",         "-2",         "%%",
        "\\072",       "\n",       "\r",  "\n ",    "\\\n", "0:1:2:3:4:5", "4294967295", "domain ",
        "nameserver ", "ä",        ".",   "*",      "/",    "root=a:b",
};

static void random_text(struct buf *b, const char *format)
{
        static const struct {
                const char *format, *line;
        } seeds[] = {
                {"passwd", "amelia:Qx9:501:20::0:0:Amelia:/home/amelia:/bin/zsh"},
                {"passwd.43", "ada:x:5001:100:Ada:/home/ada:/bin/bash"},
                {"passwd.linux", "ada:*:5001:100:Ada:/home/ada:/bin/bash"},
                {"group", "staff:*:20:a,b"},
                {"group.linux", "staff:*:20:a,b"},
                {"shadow", "ada:$y$:19000:0:99999:7::20000:"},
                {"gshadow", "sudo:!:root:a,b"},
                {"hosts", "10.1.1.9 ink ink2"},
                {"ethers", "0:5:2:fe:ef:4b quill q2"},
                {"bootptab", "vellum 1 0:5:2:fe:ef:4b 10.1.1.8 mach"},
                {"bootparams", "vellum root=q:/e swap=q:/s"},
                {"networks", "loop 127.0.0.0 lo"},
                {"services", "domain 53/tcp ns"},
                {"protocols", "ip 0 IP"},
                {"rpc", "portmapper 100000 pm"},
                {"fstab", "q:/srv /Net nfs rw,net 0 0"},
                {"printcap", "ink|lobby:lp=:mx#0:sh:rm=quill:"},
                {"aliases", "list: a, \"b, c\" d, e"},
                {"exports", "/srv -ro quill vellum"},
                {"netgroup", "staff (q,a,) (,b,) crew"},
                {"resolv.conf", "nameserver 10.0.0.1"},
        };
        const char *line = "";
        for (unsigned i = 0; i < sizeof(seeds) / sizeof(seeds[0]); i++)
                if (strcmp(seeds[i].format, format) == 0)
                        line = seeds[i].line;
        assert_int_not_equal(*line, 0);
        buf_clear(b);
        buf_puts(b, flat_header(flat_format(format)));
        if (strcmp(format, "resolv.conf") == 0)
                buf_puts(b, "domain example.org\n");
        for (const char *p = line; *p; p++) {
                if (below(40) == 0)
                        buf_puts(b, pieces[below(sizeof(pieces) / sizeof(pieces[0]))]);
                if (below(60))
                        buf_putc(b, *p);
        }
        buf_putc(b, '\n');
}

/* All records of a file as new directories, printed faithfully. Every record that strict reading accepts must
 * be printable. */
static void print_all(const struct flat_file *file, struct arena *a, struct buf *out)
{
        buf_clear(out);
        buf_puts(out, flat_header(file->format));
        for (uint32_t i = 0; i < file->entry_count; i++) {
                struct flat_item item;
                struct proplist l;
                struct flat_why why;
                assert_true(flat_file_item(file, i, a, &item));
                assert_true(flat_apply(file->format, FLAT_OWNED, NULL, &item, a, &l));
                if (!flat_print(file->format, &l, true, a, out, &why))
                        fail_msg("%s: %s refuses: %s\nof:\n%.*s", flat_name(file->format), shown(a, &l),
                                 why.text, BYTES_FMT(file->text));
        }
}

/* What the text form cannot carry back: doc/flat-files.md says so format by format. */
static bool is_lossy(const char *format, struct bytes key)
{
        if (strcmp(format, "bootptab") == 0 && bytes_eq_str(key, "htype"))
                return true;
        return strstr(format, ".linux") && bytes_eq_str(key, "passwd");
}

static void compare(const struct flat_file *before, const struct flat_file *after, struct arena *a)
{
        const char *format = flat_name(before->format);
        for (uint32_t i = 0; i < before->entry_count; i++) {
                struct flat_item x, y;
                struct proplist p, q;
                uint32_t at;
                assert_true(flat_file_item(before, i, a, &x));
                if (!flat_file_find(after, flat_identity_of(before->format, &x.props), &at)) {
                        /* aliases without members and the like are no records in text */
                        struct buf b;
                        struct flat_why why;
                        buf_init(&b, 0);
                        assert_true(flat_print(before->format, &x.props, true, a, &b, &why));
                        assert_int_equal(b.len, 0);
                        buf_done(&b);
                        continue;
                }
                assert_true(flat_file_item(after, at, a, &y));
                assert_true(flat_apply(before->format, FLAT_OWNED, NULL, &x, a, &p));
                assert_true(flat_apply(before->format, FLAT_OWNED, NULL, &y, a, &q));
                for (uint32_t k = 0; k < p.n && k < q.n; k++)
                        if (is_lossy(format, p.v[k].name))
                                p.v[k] = q.v[k];
                if (!flat_same(&p, &q))
                        fail_msg("%s:\n%s--- became\n%s", format, shown(a, &p), shown(a, &q));
        }
}

static void round_trip(const struct flat_format *f, struct bytes text, struct arena *a, uint32_t *ret_records)
{
        struct flat_file file, again;
        struct flat_why why;
        struct buf first, second;
        *ret_records = 0;
        if (!flat_file_read(&file, f, text, &strict, &why)) {
                assert_int_not_equal(*why.text, 0);
                return;
        }
        buf_init(&first, 0);
        buf_init(&second, 0);
        print_all(&file, a, &first);
        if (!flat_file_read(&again, f, buf_bytes(&first), &strict, &why))
                fail_msg("%s: line %u: %s\n%.*s", flat_name(f), why.line, why.text,
                         BYTES_FMT(buf_bytes(&first)));
        compare(&file, &again, a);
        print_all(&again, a, &second);
        assert_true(bytes_eq(buf_bytes(&first), buf_bytes(&second)));
        *ret_records = file.entry_count;
        buf_done(&first);
        buf_done(&second);
        flat_file_done(&file);
        flat_file_done(&again);
}

static void test_random_records(void **state)
{
        (void)state;
        struct arena a;
        struct buf text;
        arena_init(&a, 0);
        buf_init(&text, 0);
        print_message("seed %u\n", SEED);
        for (unsigned f = 0; flat_format_at(f); f++) {
                uint32_t accepted = 0, n;
                for (unsigned i = 0; i < ROUNDS; i++) {
                        random_text(&text, flat_name(flat_format_at(f)));
                        arena_reset(&a);
                        round_trip(flat_format_at(f), buf_bytes(&text), &a, &n);
                        accepted += n > 0;
                }
                print_message("%s: %u of %u texts were records\n", flat_name(flat_format_at(f)), accepted,
                              ROUNDS);
                assert_true(accepted > ROUNDS / 20);
        }
        buf_done(&text);
        arena_done(&a);
}

static void test_this_machine(void **state)
{
        (void)state;
        static const struct {
                const char *format, *path;
        } files[] = {{"passwd.linux", "/etc/passwd"},
                     {"group.linux", "/etc/group"},
                     {"shadow", "/etc/shadow"},
                     {"gshadow", "/etc/gshadow"},
                     {"hosts", "/etc/hosts"},
                     {"services", "/etc/services"},
                     {"networks", "/etc/networks"},
                     {"protocols", "/etc/protocols"},
                     {"rpc", "/etc/rpc"},
                     {"fstab", "/etc/fstab"},
                     {"aliases", "/etc/aliases"},
                     {"ethers", "/etc/ethers"},
                     {"netgroup", "/etc/netgroup"},
                     {"printcap", "/etc/printcap"},
                     {"resolv.conf", "/etc/resolv.conf"}};
        struct arena a;
        struct buf text;
        unsigned seen = 0;
        arena_init(&a, 0);
        buf_init(&text, 0);
        for (unsigned i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
                uint32_t n;
                buf_clear(&text);
                const int err = fs_read(files[i].path, FLAT_TEXT_MAX, &text);
                if (err) {
                        print_message("%s: %s\n", files[i].path, strerror(err));
                        continue;
                }
                round_trip(flat_format(files[i].format), buf_bytes(&text), &a, &n);
                print_message("%s: %u records\n", files[i].path, n);
                seen += n > 0;
        }
        assert_true(seen > 0); /* every Linux machine has /etc/passwd */
        buf_done(&text);
        arena_done(&a);
}

/* Lines that are in normal form already come back as they went in. */
static void test_normal_form(void **state)
{
        (void)state;
        static const struct {
                const char *format, *text;
        } files[] = {
                {"passwd.linux", "root:x:0:0:root:/root:/bin/bash\nsync:x:4:65534:sync:/bin:/bin/sync\n"},
                {"group.linux", "root:x:0:\nadm:x:4:ada,bob\n"},
                {"shadow",
                 "root:$y$j9T$:19700:0:99999:7:::\ndaemon:*:19700:0:99999:7:::\nada:!::::::20000:\n"},
                {"gshadow", "root:*::\nadm:!:ada:ada,bob\n"},
                {"hosts", "127.0.0.1\tlocalhost\nff02::1\tip6-allnodes all\n"},
                {"services", "domain\t53/tcp\t\ndomain\t53/udp\t\nsmtp\t25/tcp\tmail\n"},
                {"passwd", "amelia:Qx9:501:20:staff:1:2:Amelia "
                           "Pond-Ruiz:/home/amelia:/bin/zsh\nbasil::502:20::0:0:::\n"},
                {"passwd.43", "amelia:Qx9:501:20:Amelia Pond-Ruiz:/home/amelia:/bin/zsh\n"},
                {"group", "wheel:*:0:root,amelia\nstaff::20:\n"},
                {"ethers", "0:5:2:fe:ef:4b\tquill quill.example.org\n1:2:3:4:5:ff\tvellum\n"},
                {"bootptab", "/private/tftpboot:/\nmach\n%%\nquill\t1\t0:5:2:fe:ef:4b\t10.1.1.7\tmach\n"},
                {"bootparams", "vellum root=quill:/export/vellum \\\n\tswap=quill:/export/swap/vellum\n"},
                {"networks", "loop\t127\t\nwide\t192.168.7\tw1\tw2\n"},
                {"protocols", "tcp\t6\tTCP\nip\t0\tIP\tip4\n"},
                {"rpc", "portmapper\t100000\tportmap\tsunrpc\nnfs\t100003\t\n"},
                {"fstab", "quill:/srv/home /Net nfs rw,net 0 0\n/dev/sda1 / ext4 defaults 1 1\n"},
                {"printcap",
                 "inkwell|lobby printer: \\\n\t:lp=:mx#0:rm=quill.example.org:sd=/var/spool/ink:sh:\n"},
                {"aliases", "root: ada,bob\nlist: \"b, c\" d,:include:/f,|/bin/prog -x\n"},
                {"exports", "/srv -ro -root=quill quill vellum\n/home\n"},
                {"netgroup", "staff (quill,amelia,) (,basil,harbor) crew\n"},
                {"resolv.conf", "domain example.org\nsearch example.org example.com\nnameserver "
                                "10.1.1.1\nnameserver 10.1.1.2\n"},
        };
        const size_t count = sizeof(files) / sizeof(files[0]);
        for (unsigned f = 0, found; flat_format_at(f); f++) { /* every format of the table */
                found = 0;
                for (size_t i = 0; i < count; i++)
                        found += strcmp(files[i].format, flat_name(flat_format_at(f))) == 0;
                if (!found)
                        fail_msg("%s has no normal form here", flat_name(flat_format_at(f)));
        }
        struct arena a;
        struct buf out;
        arena_init(&a, 0);
        buf_init(&out, 0);
        for (unsigned i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
                struct flat_file file;
                struct flat_why why;
                assert_true(flat_file_read(&file, flat_format(files[i].format), bytes_str(files[i].text),
                                           &strict, &why));
                print_all(&file, &a, &out);
                assert_string_equal(arena_str(&a, buf_bytes(&out)), files[i].text);
                flat_file_done(&file);
        }
        buf_done(&out);
        arena_done(&a);
}

static void test_many(void **state)
{
        (void)state;
        const unsigned users = 100000;
        struct flat_options o = strict;
        struct buf text;
        struct arena a;
        struct flat_file file;
        struct flat_item item;
        struct flat_why why;
        arena_init(&a, 0);
        buf_init(&text, 0);
        for (unsigned i = 0; i < users; i++)
                buf_printf(&text, "u%06u:x:%u:100:User %u:/home/u%06u:/bin/sh\n", i, 10000 + i, i, i);
        o.key = (struct siphash_key){state_of, ~state_of};
        assert_true(flat_file_read(&file, flat_format("passwd"), buf_bytes(&text), &o, &why));
        assert_int_equal(file.entry_count, users);
        for (unsigned i = 0; i < users; i += 997) {
                char name[16];
                uint32_t at;
                snprintf(name, sizeof(name), "u%06u", i);
                assert_true(flat_file_find(&file, (struct flat_identity){bytes_str(name), BYTES_NONE}, &at));
                assert_int_equal(at, i);
                arena_reset(&a);
                assert_true(flat_file_item(&file, at, &a, &item));
                assert_true(bytes_eq_str(proplist_first(&item.props, "name"), name));
                snprintf(name, sizeof(name), "v%06u", i);
                assert_false(flat_file_find(&file, (struct flat_identity){bytes_str(name), BYTES_NONE}, &at));
        }
        flat_file_done(&file);
        buf_done(&text);
        arena_done(&a);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_random_records),
                cmocka_unit_test(test_this_machine),
                cmocka_unit_test(test_normal_form),
                cmocka_unit_test(test_many),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
