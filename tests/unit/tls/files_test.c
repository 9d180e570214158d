/* The files of doc/tls.md 1: what is written, what is believed, what a crash may leave. */
#include "lab.h"

#include "base/limits.h"
#include "sys/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *in(const char *folder, const char *name)
{
        static char path[4][160];
        static unsigned at;
        at = (at + 1) % 4;
        snprintf(path[at], sizeof(path[at]), "%s/%s", folder, name);
        return path[at];
}

static void put(const char *path, struct bytes content, mode_t mode)
{
        assert_int_equal(fs_replace(path, content, mode, (uid_t)-1, (gid_t)-1, NULL, NULL), 0);
}

static void get(const char *path, struct buf *ret)
{
        buf_init(ret, 0);
        assert_int_equal(fs_read(path, LIMIT_TLS_FILE, ret), 0);
}

static void copy(const char *from, const char *to, mode_t mode)
{
        struct buf b;
        get(from, &b);
        put(to, buf_bytes(&b), mode);
        buf_done(&b);
}

/* A folder with what the lab's leaf has. */
static void twin(const char *name, char folder[96])
{
        lab_folder(&lab, name, folder);
        copy(in(lab.client, "authority.crt"), in(folder, "authority.crt"), 0644);
        copy(in(lab.client, "machine.crt"), in(folder, "machine.crt"), 0644);
        copy(in(lab.client, "machine.key"), in(folder, "machine.key"), 0640);
}

static void loads(const char *folder)
{
        struct tls_identity *i = lab_load(folder);
        assert_true(tls_identity_has_key(i));
        tls_identity_release(i);
}

static void unusable(const char *folder, const char *words)
{
        struct tls_why why = {0};
        struct tls_identity *i = NULL;
        const enum tls_found found = tls_identity_load(folder, &i, &why);
        if (found != TLS_UNUSABLE || !strstr(why.text, words))
                print_error("want \"%s\": %d %s\n", words, (int)found, why.text);
        assert_int_equal(found, TLS_UNUSABLE);
        assert_null(i);
        assert_non_null(strstr(why.text, words));
        assert_non_null(strstr(why.text, folder)); /* it names the place */
}

static mode_t mode_of(const char *path)
{
        struct stat st;
        assert_int_equal(lstat(path, &st), 0);
        return st.st_mode & 07777;
}

static void what_is_written(void **state)
{
        struct buf key;
        (void)state;
        assert_int_equal(mode_of(in(lab.client, "authority.crt")), 0644);
        assert_int_equal(mode_of(in(lab.client, "machine.crt")), 0644);
        assert_int_equal(mode_of(in(lab.client, "machine.key")), 0640);
        assert_int_equal(mode_of(in(lab.authority, "authority.key")), 0600);
        assert_int_equal(mode_of(in(lab.authority, "authority.crt")), 0600);
        get(in(lab.client, "machine.key"), &key);
        assert_true(bytes_starts(buf_bytes(&key), "-----BEGIN PRIVATE KEY-----\n"));
        buf_done(&key);
        assert_string_equal(tls_identity_machine(lab.leaf), "leaf");
        assert_true(tls_identity_may_serve(lab.rome));
        assert_false(tls_identity_may_serve(lab.leaf));
        assert_int_equal(tls_identity_until(lab.leaf) - tls_identity_since(lab.leaf), 14 * 86400);
        assert_in_range(lab_now() - tls_identity_since(lab.leaf), 3600, 3700);
        assert_memory_equal(tls_identity_authority(lab.leaf), tls_authority_uuid(lab.signer), TLS_UUID_SIZE);
        assert_true(bytes_eq(tls_identity_authority_der(lab.leaf), tls_authority_certificate(lab.signer)));
}

static void nothing_there(void **state)
{
        struct tls_why why;
        struct tls_identity *i = NULL;
        struct tls_authority *a = NULL;
        char folder[96];
        (void)state;
        lab_folder(&lab, "empty", folder);
        assert_int_equal(tls_identity_load(in(lab.top, "nowhere"), &i, &why), TLS_NOT_THERE);
        assert_int_equal(tls_identity_load(in(lab.client, "machine.crt"), &i, &why), TLS_NOT_THERE);
        assert_int_equal(tls_identity_load(folder, &i, &why), TLS_NOT_THERE);
        assert_int_equal(tls_authority_load(folder, &a, &why), TLS_NOT_THERE);
        assert_int_equal(tls_authority_load(lab.client, &a, &why),
                         TLS_UNUSABLE); /* a machine's, which is open */
        copy(in(lab.client, "machine.key"), in(folder, "machine.key"), 0640);
        assert_int_equal(tls_identity_load(folder, &i, &why), TLS_NOT_THERE);
        assert_null(i);
        assert_null(a);
}

static void part_of_it(void **state)
{
        char folder[96];
        (void)state;
        twin("parts", folder);
        assert_int_equal(unlink(in(folder, "machine.key")), 0);
        struct tls_identity *i = lab_load(folder);
        assert_false(tls_identity_has_key(i));
        assert_string_equal(tls_identity_machine(i), "leaf"); /* it may say who it is */
        tls_identity_release(i);
        assert_int_equal(unlink(in(folder, "machine.crt")), 0);
        i = lab_load(folder);
        assert_false(tls_identity_has_key(i));
        assert_string_equal(tls_identity_machine(i), "");
        assert_int_equal(tls_identity_until(i), 0);
        assert_int_equal(tls_identity_since(i), 0);
        tls_identity_release(tls_identity_hold(i));
        tls_identity_release(i);
        tls_identity_release(NULL);
}

static void links_and_others(void **state)
{
        static const char *const names[] = {"authority.crt", "machine.crt", "machine.key"};
        char folder[96];
        (void)state;
        twin("links", folder);
        for (unsigned n = 0; n < 3; n++) {
                const char *file = in(folder, names[n]), *aside = in(folder, "aside");
                assert_int_equal(rename(file, aside), 0);
                assert_int_equal(symlink("aside", file), 0);
                unusable(folder, "is a link");
                assert_int_equal(unlink(file), 0);
                assert_int_equal(mkfifo(file, 0600), 0);
                unusable(folder, "is no regular file"); /* and nobody waits for its other end */
                assert_int_equal(unlink(file), 0);
                assert_int_equal(rename(aside, file), 0);
                loads(folder);
                const mode_t mode = mode_of(file);
                assert_int_equal(chmod(file, mode | 020), 0);
                unusable(folder, "is open to others");
                assert_int_equal(chmod(file, mode | 002), 0);
                unusable(folder, "is open to others");
                assert_int_equal(chmod(file, 0644), 0);
                if (n == 2)
                        unusable(folder, "machine.key is open to others (mode 0644): chmod 0640 it");
                else
                        loads(folder);
                assert_int_equal(chmod(file, mode), 0);
        }
        assert_int_equal(chmod(folder, 0770), 0);
        unusable(folder, "others may write in ");
        assert_int_equal(chmod(folder, 0755), 0);
        loads(folder);
}

static void owners(void **state)
{
        char folder[96];
        (void)state;
        if (geteuid() != 0) {
                print_message("only root can give files away\n");
                skip();
        }
        twin("owners", folder);
        assert_int_equal(chown(in(folder, "machine.key"), 12345, 0), 0);
        unusable(folder, "machine.key belongs to uid 12345");
        assert_int_equal(chown(in(folder, "machine.key"), 0, 0), 0);
        assert_int_equal(chown(in(folder, "authority.crt"), 12345, 0), 0);
        unusable(folder, "authority.crt belongs to uid 12345");
        assert_int_equal(chown(in(folder, "authority.crt"), 0, 0), 0);
        assert_int_equal(chown(folder, 12345, 0), 0);
        unusable(folder, "belongs to uid 12345");
        assert_int_equal(chown(folder, 0, 0), 0);
        loads(folder);
}

/* What somebody else finds, who is not in the key's group: 0 an identity without a key, 1 TLS_UNUSABLE. */
static int as_somebody_else(const char *folder)
{
        int status;
        const pid_t child = fork();
        if (child == 0) {
                struct tls_why why = {0};
                struct tls_identity *i = NULL;
                if (setgid(12345) || setuid(12345))
                        _exit(9);
                const enum tls_found found = tls_identity_load(folder, &i, &why);
                if (found == TLS_FOUND)
                        _exit(tls_identity_has_key(i) || strcmp(tls_identity_machine(i), "leaf") ? 3 : 0);
                _exit(found == TLS_UNUSABLE && strstr(why.text, "its mode is 0755") ? 1 : 4);
        }
        assert_true(child > 0);
        assert_int_equal(waitpid(child, &status, 0), child);
        return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void an_ordinary_user(void **state)
{
        char folder[96];
        (void)state;
        if (geteuid() != 0) {
                print_message("only root can become somebody else\n");
                skip();
        }
        twin("user", folder);
        assert_int_equal(chmod(lab.top, 0755), 0);
        assert_int_equal(as_somebody_else(folder), 1);
        assert_int_equal(chmod(folder, 0755), 0);
        assert_int_equal(as_somebody_else(folder), 0);
}

static void sizes(void **state)
{
        char folder[96];
        struct buf b;
        (void)state;
        twin("sizes", folder);
        get(in(folder, "authority.crt"), &b);
        const size_t n = LIMIT_TLS_FILE - b.len;
        memset(buf_add(&b, n), '\n', n);
        put(in(folder, "authority.crt"), buf_bytes(&b), 0644);
        loads(folder); /* exactly */
        buf_putc(&b, '\n');
        put(in(folder, "authority.crt"), buf_bytes(&b), 0644);
        unusable(folder, "has more than 64 KiB");
        buf_done(&b);
}

static void contents(void **state)
{
        char folder[96], other_name[96];
        struct lab other;
        struct buf b, c;
        (void)state;
        lab_open(&other);
        twin("contents", folder);
        put(in(folder, "authority.crt"), BYTES_NONE, 0644);
        unusable(folder, "authority.crt holds no certificate");
        copy(in(lab.client, "machine.crt"), in(folder, "authority.crt"), 0644);
        unusable(folder, "authority.crt is no authority's");
        copy(in(other.client, "authority.crt"), in(folder, "authority.crt"), 0644);
        unusable(folder, "machine.crt is not signed by our authority");
        copy(in(lab.client, "authority.crt"), in(folder, "authority.crt"), 0644);
        copy(in(lab.server, "machine.key"), in(folder, "machine.key"), 0640);
        unusable(folder, "machine.key has no P-256 key that belongs to the certificate");
        put(in(folder, "machine.key"), BYTES_LIT("-----BEGIN PRIVATE KEY-----\nAAAA\n"), 0640);
        unusable(folder, "machine.key holds no key");
        copy(in(lab.client, "machine.key"), in(folder, "machine.key"), 0640);
        put(in(folder, "machine.crt"), BYTES_LIT("\0\0\0"), 0644);
        unusable(folder, "machine.crt holds no certificate");
        get(in(lab.client, "machine.crt"), &b);
        get(in(lab.server, "machine.crt"), &c);
        buf_put(&b, buf_bytes(&c));
        put(in(folder, "machine.crt"), buf_bytes(&b), 0644);
        unusable(folder, "machine.crt holds more than one certificate");
        buf_done(&b);
        buf_done(&c);
        lab_folder(&lab, "old", other_name); /* what has run out is taken: it renews */
        lab_enrol(lab.signer, other_name, "old", false, lab_now() - 40 * 86400u);
        loads(other_name);
        lab_close(&other);
}

/* -- writing */

static void signed_for(const struct tls_authority *a, struct bytes key, struct tls_request *r,
                       struct tls_signed *s)
{
        struct tls_why why = {0};
        assert_why(tls_request_make(key, r, &why));
        assert_why(tls_authority_sign(a, bytes_of(r->der, r->len), "leaf", false, lab_now(), s, &why));
}

/* Which certificate is there. */
static uint64_t certificate_of(const char *folder)
{
        struct buf b;
        uint64_t sum = 0;
        get(in(folder, "machine.crt"), &b);
        for (size_t k = 0; k < b.len; k++)
                sum = sum * 31 + b.data[k];
        buf_done(&b);
        return sum;
}

static void renewing(void **state)
{
        char folder[96];
        struct tls_why why = {0};
        struct tls_request *r = calloc(1, sizeof(*r));
        struct tls_signed *s = calloc(1, sizeof(*s));
        struct buf before, after;
        (void)state;
        twin("renew", folder);
        get(in(folder, "machine.key"), &before);
        const uint64_t first = certificate_of(folder);

        signed_for(lab.signer, BYTES_NONE, r, s); /* a new key */
        struct tls_identity_files files = {
                .certificate = bytes_of(s->der, s->len), .key = bytes_str(r->key), .group = (gid_t)-1};
        assert_why(tls_identity_write(folder, &files, &why));
        loads(folder);
        get(in(folder, "machine.key"), &after);
        assert_true(bytes_eq_str(buf_bytes(&after), r->key)); /* the old one is gone */
        const uint64_t second = certificate_of(folder);
        assert_true(first != second);

        struct bytes same = buf_bytes(&after);
        signed_for(lab.signer, same, r, s); /* the same key */
        assert_string_equal(r->key, "");
        files = (struct tls_identity_files){.certificate = bytes_of(s->der, s->len), .group = (gid_t)-1};
        assert_why(tls_identity_write(folder, &files, &why));
        loads(folder);
        assert_true(certificate_of(folder) != second);

        const uint64_t third = certificate_of(folder);
        signed_for(lab.signer, BYTES_NONE, r, s); /* somebody forgot the key: nothing is written */
        files = (struct tls_identity_files){.certificate = bytes_of(s->der, s->len), .group = (gid_t)-1};
        assert_false(tls_identity_write(folder, &files, &why));
        assert_non_null(strstr(why.text, "machine.key has no P-256 key that belongs to the certificate"));
        assert_int_equal(certificate_of(folder), third);
        loads(folder);
        tls_request_wipe(r);
        buf_done(&before);
        buf_done(&after);
        free(r);
        free(s);
}

/* The moments between the files of a renewal, each as a crash would leave it. */
static void crashes(void **state)
{
        char folder[96];
        struct tls_why why = {0};
        struct tls_request *r = calloc(1, sizeof(*r));
        struct tls_signed *s = calloc(1, sizeof(*s));
        struct buf both, certificate;
        (void)state;
        twin("crash", folder);
        signed_for(lab.signer, BYTES_NONE, r, s);
        get(in(folder, "machine.key"), &both);
        buf_putc(&both, '\n');
        buf_puts(&both, r->key);
        put(in(folder, "machine.key"), buf_bytes(&both), 0640);
        loads(folder); /* the old certificate, both keys */
        buf_init(&certificate, 0);
        tls_certificate_pem(bytes_of(s->der, s->len), &certificate);
        put(in(folder, "machine.crt"), buf_bytes(&certificate), 0644);
        loads(folder); /* the new one, both keys */
        signed_for(lab.signer, BYTES_NONE, r, s);
        const struct tls_identity_files files = {
                .certificate = bytes_of(s->der, s->len), .key = bytes_str(r->key), .group = (gid_t)-1};
        assert_why(tls_identity_write(folder, &files, &why)); /* and the next renewal clears it up */
        loads(folder);
        buf_done(&both);
        get(in(folder, "machine.key"), &both);
        assert_true(bytes_eq_str(buf_bytes(&both), r->key));
        buf_done(&both);
        buf_done(&certificate);
        free(r);
        free(s);
}

static void joining_anew(void **state)
{
        char folder[96];
        struct lab other;
        struct tls_why why = {0};
        struct tls_request *r = calloc(1, sizeof(*r));
        struct tls_signed *s = calloc(1, sizeof(*s));
        (void)state;
        lab_open(&other);
        twin("anew", folder);
        signed_for(other.signer, BYTES_NONE, r, s);
        struct tls_identity_files files = {
                .certificate = bytes_of(s->der, s->len), .key = bytes_str(r->key), .group = getegid()};
        assert_false(tls_identity_write(folder, &files, &why)); /* not with the authority that is there */
        assert_non_null(strstr(why.text, "machine.crt is not signed by our authority"));
        loads(folder);
        files.authority = tls_authority_certificate(other.signer);
        assert_why(tls_identity_write(folder, &files, &why));
        struct tls_identity *i = lab_load(folder);
        assert_memory_equal(tls_identity_authority(i), tls_authority_uuid(other.signer), TLS_UUID_SIZE);
        tls_identity_release(i);
        assert_false(tls_identity_write(in(lab.top, "nowhere"), &files, &why));
        assert_non_null(strstr(why.text, "nowhere is not there"));
        char fresh[96];
        lab_folder(&lab, "fresh", fresh);
        files.authority = BYTES_NONE;
        assert_false(tls_identity_write(fresh, &files, &why));
        assert_non_null(strstr(why.text, "this machine has not joined"));
        lab_close(&other);
        free(r);
        free(s);
}

/* -- the authority */

static void the_authority(void **state)
{
        struct tls_why why = {0};
        struct tls_authority *a = NULL;
        uint8_t pin[TLS_PIN_SIZE];
        (void)state;
        assert_true(tls_certificate_pin(tls_authority_certificate(lab.signer), pin, &why));
        assert_memory_equal(pin, tls_authority_pin(lab.signer), TLS_PIN_SIZE);
        assert_false(tls_authority_create(lab.authority, lab_now(), &why)); /* never written over */
        assert_non_null(strstr(why.text, "authority.key is there already"));
        assert_int_equal(rename(in(lab.authority, "authority.key"), in(lab.authority, "kept")), 0);
        assert_false(tls_authority_create(lab.authority, lab_now(), &why));
        assert_non_null(strstr(why.text, "authority.crt is there already"));
        assert_int_equal(tls_authority_load(lab.authority, &a, &why), TLS_UNUSABLE);
        assert_non_null(strstr(why.text, "authority.key is not there, though its certificate is"));
        copy(in(lab.client, "machine.key"), in(lab.authority, "authority.key"), 0600);
        assert_int_equal(tls_authority_load(lab.authority, &a, &why), TLS_UNUSABLE);
        assert_non_null(strstr(why.text, "authority.key has no P-256 key that belongs"));
        assert_int_equal(rename(in(lab.authority, "kept"), in(lab.authority, "authority.key")), 0);
        assert_int_equal(chmod(in(lab.authority, "authority.key"), 0640), 0);
        assert_int_equal(tls_authority_load(lab.authority, &a, &why), TLS_UNUSABLE);
        assert_non_null(strstr(why.text, "authority.key is open to others"));
        assert_int_equal(chmod(in(lab.authority, "authority.key"), 0600), 0);
        assert_int_equal(chmod(lab.authority, 0750), 0);
        assert_int_equal(tls_authority_load(lab.authority, &a, &why), TLS_UNUSABLE);
        assert_non_null(strstr(why.text, "chmod 0700"));
        assert_int_equal(chmod(lab.authority, 0700), 0);
        assert_null(a);
        assert_found(tls_authority_load(lab.authority, &a, &why));
        assert_memory_equal(tls_authority_uuid(a), tls_authority_uuid(lab.signer), TLS_UUID_SIZE);
        tls_authority_free(a);
        tls_authority_free(NULL);
}

static void an_open_folder(void **state)
{
        struct tls_why why = {0};
        char folder[96];
        (void)state;
        lab_folder(&lab, "open", folder);
        assert_int_equal(chmod(folder, 0755), 0);
        assert_false(tls_authority_create(folder, lab_now(), &why));
        assert_non_null(strstr(why.text, "is open to others: chmod 0700"));
        assert_false(tls_authority_create(in(folder, "x"), lab_now(), &why));
        assert_non_null(strstr(why.text, "x is not there"));
        assert_int_equal(rmdir(folder), 0); /* nothing was left in it */
}

static void an_authority_that_ran_out(void **state)
{
        struct tls_why why = {0};
        struct tls_authority *a = NULL;
        char folder[96];
        (void)state;
        lab_folder(&lab, "ancient", folder);
        assert_why(tls_authority_create(folder, lab_now() - 3653 * 86400u, &why));
        assert_int_equal(tls_authority_load(folder, &a, &why), TLS_UNUSABLE);
        assert_non_null(strstr(why.text, "authority.crt has run out"));
        lab_folder(&lab, "future", folder);
        assert_why(tls_authority_create(folder, lab_now() + 86400, &why));
        assert_int_equal(tls_authority_load(folder, &a, &why), TLS_UNUSABLE);
        assert_non_null(strstr(why.text, "authority.crt is not valid yet"));
        assert_null(a);
}

/* -- requests */

static void requests(void **state)
{
        struct tls_why why = {0};
        struct tls_request *r = calloc(1, sizeof(*r)), *q = calloc(1, sizeof(*q));
        struct tls_signed *s = calloc(1, sizeof(*s));
        struct tls_certificate c;
        uint8_t key[TLS_DIGEST_SIZE], big[TLS_REQUEST_MAX + 1] = {0};
        (void)state;
        assert_why(tls_request_make(BYTES_NONE, r, &why));
        assert_why(tls_request_check(bytes_of(r->der, r->len), key, &why));
        assert_why(tls_request_make(bytes_str(r->key), q, &why)); /* for the same key */
        assert_string_equal(q->key, "");
        assert_why(
                tls_authority_sign(lab.signer, bytes_of(q->der, q->len), "leaf", true, 2000000000, s, &why));
        assert_why(tls_certificate_read(bytes_of(s->der, s->len), &c, &why));
        assert_memory_equal(c.key, key, sizeof(key));
        assert_memory_equal(c.serial, s->serial, sizeof(c.serial));
        assert_true(c.may_call && c.may_serve && !(c.serial[0] & 0x80));
        assert_int_equal(c.since, 2000000000 - 3600);
        assert_int_equal(c.until, s->until);
        assert_memory_equal(c.authority, tls_authority_uuid(lab.signer), TLS_UUID_SIZE);
        for (size_t i = 0; i < r->len; i++) { /* each byte counts: it is signed, or says how */
                r->der[i] ^= 0x10;
                assert_false(tls_request_check(bytes_of(r->der, r->len), NULL, &why));
                r->der[i] ^= 0x10;
                assert_false(tls_request_check(bytes_of(r->der, i), NULL, &why));
        }
        assert_false(tls_request_check(bytes_of(r->der, r->len + 1), NULL, &why));
        assert_false(tls_request_check(bytes_of(big, sizeof(big)), NULL, &why));
        assert_string_equal(why.text, "the request has more than 8192 bytes");
        assert_false(tls_authority_sign(lab.signer, bytes_of(r->der, 10), "leaf", true, 0, s, &why));
        assert_non_null(strstr(why.text, "the request is no PKCS #10"));
        assert_false(tls_authority_sign(lab.signer, bytes_of(r->der, r->len), "Leaf", true, 0, s, &why));
        assert_false(tls_authority_sign(lab.signer, bytes_of(r->der, r->len), "a,DNS:b", true, 0, s, &why));
        assert_non_null(strstr(why.text, "the name cannot be one"));
        assert_false(tls_request_make(BYTES_LIT("no key"), q, &why));
        assert_non_null(strstr(why.text, "the key holds no key"));
        tls_request_wipe(r);
        assert_string_equal(r->key, "");
        free(r);
        free(q);
        free(s);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_is_written), cmocka_unit_test(nothing_there),
                cmocka_unit_test(part_of_it),      cmocka_unit_test(links_and_others),
                cmocka_unit_test(owners),          cmocka_unit_test(an_ordinary_user),
                cmocka_unit_test(sizes),           cmocka_unit_test(contents),
                cmocka_unit_test(renewing),        cmocka_unit_test(crashes),
                cmocka_unit_test(joining_anew),    cmocka_unit_test(the_authority),
                cmocka_unit_test(an_open_folder),  cmocka_unit_test(an_authority_that_ran_out),
                cmocka_unit_test(requests),
        };
        return cmocka_run_group_tests(tests, lab_set_up, lab_tear_down);
}
