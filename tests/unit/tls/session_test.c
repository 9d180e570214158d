/* Sessions between machines of one fleet (doc/tls.md 2.2 to 2.4), both ends in one thread. */
#include "lab.h"

#include "base/limits.h"
#include "sys/fs.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define DAY 86400u

static void say(struct tls_session *from, struct tls_session *to, const char *text)
{
        char got[64];
        size_t n;
        assert_int_equal(tls_write(from, bytes_str(text), &n), TLS_DONE);
        assert_int_equal(n, strlen(text));
        assert_int_equal(tls_read(to, got, sizeof(got), &n), TLS_DONE);
        assert_int_equal(n, strlen(text));
        assert_memory_equal(got, text, n);
}

static void both_know_each_other(void **state)
{
        struct pair p;
        (void)state;
        pair_open(&p, lab.rome, lab.leaf);
        const struct tls_peer *s = tls_session_peer(p.client), *c = tls_session_peer(p.server);
        assert_true(s->certified && s->may_serve && !s->expired);
        assert_string_equal(s->machine, "rome");
        assert_int_equal(s->until, tls_identity_until(lab.rome));
        assert_true(c->certified && !c->may_serve && !c->expired);
        assert_string_equal(c->machine, "leaf");
        assert_memory_not_equal(c->serial, s->serial, TLS_SERIAL_SIZE);
        assert_true(bytes_eq(tls_session_authority(p.client), tls_authority_certificate(lab.signer)));
        assert_int_equal(tls_handshake(p.server), TLS_DONE); /* done stays done */
        say(p.client, p.server, "question");
        say(p.server, p.client, "answer");
        pair_close(&p);
}

static void nobody_before_the_handshake(void **state)
{
        int fd[2];
        size_t n;
        char byte;
        uint8_t key[TLS_EXPORT_SIZE];
        (void)state;
        lab_sockets(fd);
        struct tls_session *s = tls_accept(lab.rome, fd[0]), *w = tls_accept(lab.rome, fd[0]);
        assert_non_null(s);
        assert_int_equal(tls_handshake(s), TLS_WANT_READ);
        assert_false(tls_session_peer(s)->certified);
        assert_false(tls_session_export(s, TLS_JOIN_LABEL, key));
        assert_int_equal(tls_pending(s), 0);
        assert_int_equal(tls_read(s, &byte, 1, &n), TLS_FAILED);
        assert_string_not_equal(tls_session_reason(s), "");
        assert_int_equal(tls_write(w, BYTES_LIT("x"), &n), TLS_FAILED);
        assert_int_equal(recv(fd[1], &byte, 1, 0), -1); /* not a byte went out */
        tls_session_free(s);
        tls_session_free(w);
        tls_session_free(NULL);
        tls_session_forget(NULL);
        close(fd[0]);
        close(fd[1]);
}

/* An identity that has the authority and nothing else, as an ordinary user reads it. */
static struct tls_identity *stranger(const char *name)
{
        char folder[96], file[128];
        struct buf pem;
        buf_init(&pem, 0);
        lab_folder(&lab, name, folder);
        snprintf(file, sizeof(file), "%s/authority.crt", folder);
        tls_certificate_pem(tls_authority_certificate(lab.signer), &pem);
        assert_int_equal(fs_replace(file, buf_bytes(&pem), 0644, (uid_t)-1, (gid_t)-1, NULL, NULL), 0);
        buf_done(&pem);
        return lab_load(folder);
}

static void without_a_certificate(void **state)
{
        struct tls_identity *i = stranger("user");
        struct pair p;
        int fd[2];
        (void)state;
        assert_false(tls_identity_has_key(i));
        pair_open(&p, lab.rome, i);
        assert_false(tls_session_peer(p.server)->certified);
        assert_string_equal(tls_session_peer(p.server)->machine, "");
        assert_string_equal(tls_session_peer(p.client)->machine, "rome");
        say(p.client, p.server, "login");
        pair_close(&p);
        lab_sockets(fd);
        assert_null(tls_accept(i, fd[0])); /* it can serve nobody */
        close(fd[0]);
        close(fd[1]);
        tls_identity_release(i);
}

static void what_both_export(void **state)
{
        struct pair p, q;
        uint8_t a[TLS_EXPORT_SIZE], b[TLS_EXPORT_SIZE], c[TLS_EXPORT_SIZE], d[TLS_EXPORT_SIZE];
        (void)state;
        pair_open(&p, lab.rome, lab.leaf);
        pair_open(&q, lab.rome, lab.leaf);
        assert_true(tls_session_export(p.client, TLS_JOIN_LABEL, a));
        assert_true(tls_session_export(p.server, TLS_JOIN_LABEL, b));
        assert_true(tls_session_export(p.server, "EXPORTER-netinfo-other", c));
        assert_true(tls_session_export(q.server, TLS_JOIN_LABEL, d));
        assert_memory_equal(a, b, sizeof(a));
        assert_memory_not_equal(a, c, sizeof(a));
        assert_memory_not_equal(a, d, sizeof(a)); /* it belongs to this session */
        pair_close(&p);
        pair_close(&q);
}

/* -- who is called, and when */

static void handshake(struct tls_identity *server, struct tls_identity *client, const char *name,
                      enum tls_io want_server, enum tls_io want_client, const char *words)
{
        enum tls_io s, c;
        int fd[2];
        lab_sockets(fd);
        struct tls_session *a = tls_accept(server, fd[0]), *b = tls_connect(client, fd[1], name);
        lab_handshake(a, b, &s, &c);
        if (s != want_server || c != want_client)
                print_error("server %d: %s; client %d: %s\n", (int)s, tls_session_reason(a), (int)c,
                            tls_session_reason(b));
        assert_int_equal(s, want_server);
        assert_int_equal(c, want_client);
        struct tls_session *failed = c == TLS_FAILED ? b : s == TLS_FAILED ? a : NULL;
        if (failed) {
                if (!strstr(tls_session_reason(failed), words))
                        print_error("%s\n", tls_session_reason(failed));
                assert_non_null(strstr(tls_session_reason(failed), words));
                assert_false(tls_session_peer(failed)->certified);
                assert_int_equal(tls_handshake(failed), TLS_FAILED); /* for good */
        }
        if (c == TLS_FAILED) /* the server hears of it */
                assert_non_null(strstr(tls_session_reason(a), "the peer refused: "));
        tls_session_free(b);
        tls_session_free(a);
        close(fd[0]);
        close(fd[1]);
}

static void called_by_name(void **state)
{
        static const char *const right[] = {"rome", "ROME", "rome.", "rome.example.org", "rome.example.org."};
        static const char *const wrong[] = {
                "", ".", "milan", "rom", "romeo", "example.rome", "romeo.example.org"};
        (void)state;
        for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++)
                handshake(lab.rome, lab.leaf, right[i], TLS_DONE, TLS_DONE, "");
        for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
                handshake(lab.rome, lab.leaf, wrong[i], TLS_FAILED, TLS_FAILED, "is of rome, but ");
}

static struct tls_identity *machine(const char *name, bool may_serve, uint64_t now)
{
        char folder[96];
        lab_folder(&lab, name, folder);
        lab_enrol(lab.signer, folder, name, may_serve, now);
        return lab_load(folder);
}

static void a_name_with_dots_is_whole(void **state)
{
        struct tls_identity *i = machine("ns.example.org", true, lab_now());
        (void)state;
        handshake(i, lab.leaf, "ns.example.org", TLS_DONE, TLS_DONE, "");
        handshake(i, lab.leaf, "ns", TLS_FAILED, TLS_FAILED, "is of ns.example.org, but ns was called");
        handshake(i, lab.leaf, "ns.example.org.au", TLS_FAILED, TLS_FAILED, "is of ns.example.org");
        tls_identity_release(i);
}

static void who_may_serve(void **state)
{
        (void)state;
        handshake(lab.leaf, lab.rome, NULL, TLS_FAILED, TLS_FAILED, "is not for serving");
        handshake(lab.rome, lab.rome, NULL, TLS_DONE, TLS_DONE, ""); /* a server calls as well */
}

static void time_runs_out(void **state)
{
        const uint64_t now = lab_now();
        struct tls_identity *late = machine("late", true, now - 20 * DAY),
                            *lost = machine("lost", true, now - 14 * DAY - 367 * DAY),
                            *early = machine("early", true, now + 2 * 3600);
        struct pair p;
        (void)state;
        pair_open(&p, lab.rome, late); /* it may renew */
        assert_true(tls_session_peer(p.server)->certified && tls_session_peer(p.server)->expired);
        assert_string_equal(tls_session_peer(p.server)->machine, "late");
        pair_close(&p);
        handshake(late, lab.leaf, NULL, TLS_FAILED, TLS_FAILED, "has run out (20");
        handshake(early, lab.leaf, NULL, TLS_FAILED, TLS_FAILED, "is not valid yet (from 20");
        handshake(lab.rome, lost, NULL, TLS_FAILED, TLS_DONE, "has run out (20");
        handshake(lab.rome, early, NULL, TLS_FAILED, TLS_DONE, "is not valid yet");
        tls_identity_release(late);
        tls_identity_release(lost);
        tls_identity_release(early);
}

/* A client learns with its first read that it was refused, and why: TLS 1.3 has its last word before. */
static void refused_clients_hear_why(void **state)
{
        struct tls_identity *lost = machine("lost2", false, lab_now() - 500 * DAY);
        enum tls_io s, c;
        int fd[2];
        size_t n;
        char byte;
        (void)state;
        for (unsigned writes = 0; writes < 2; writes++) {
                lab_sockets(fd);
                struct tls_session *a = tls_accept(lab.rome, fd[0]), *b = tls_connect(lost, fd[1], NULL);
                lab_handshake(a, b, &s, &c);
                assert_int_equal(c, TLS_DONE);
                assert_int_equal(s, TLS_FAILED);
                tls_session_free(a);
                close(fd[0]);
                const enum tls_io io =
                        writes ? tls_write(b, BYTES_LIT("question"), &n) : tls_read(b, &byte, 1, &n);
                assert_int_equal(io, TLS_FAILED);
                assert_string_equal(tls_session_reason(b), "the peer refused: certificate expired");
                assert_int_equal(tls_read(b, &byte, 1, &n), TLS_FAILED);
                tls_session_free(b);
                close(fd[1]);
        }
        tls_identity_release(lost);
}

static void another_fleet(void **state)
{
        struct lab other;
        (void)state;
        lab_open(&other);
        handshake(lab.rome, other.leaf, NULL, TLS_FAILED, TLS_FAILED, "is not signed by our authority");
        struct tls_identity *i = stranger("user2");
        handshake(other.rome, i, NULL, TLS_FAILED, TLS_FAILED, "is not signed by our authority");
        tls_identity_release(i);
        lab_close(&other);
}

static void joining(void **state)
{
        enum tls_io s, c;
        int fd[2];
        uint8_t pin[TLS_PIN_SIZE];
        (void)state;
        memcpy(pin, tls_authority_pin(lab.signer), sizeof(pin));
        for (unsigned wrong = 0; wrong < 4; wrong++) {
                lab_sockets(fd);
                if (wrong == 1)
                        pin[31] ^= 1;
                else if (wrong > 1)
                        memcpy(pin, tls_authority_pin(lab.signer), sizeof(pin));
                const char *name = wrong == 2 ? "milan" : "rome.example.org";
                struct tls_session *a = tls_accept(wrong == 3 ? lab.leaf : lab.rome, fd[0]);
                struct tls_session *b = tls_connect_pinned(pin, fd[1], name);
                lab_handshake(a, b, &s, &c);
                assert_int_equal(c, wrong ? TLS_FAILED : TLS_DONE);
                assert_int_equal(s, wrong ? TLS_FAILED : TLS_DONE);
                if (!wrong) {
                        assert_true(
                                bytes_eq(tls_session_authority(b), tls_authority_certificate(lab.signer)));
                        assert_string_equal(tls_session_peer(b)->machine, "rome");
                        assert_false(tls_session_peer(a)->certified);
                        say(b, a, "join");
                }
                static const char *const words[] = {"", "of another authority than the join string says",
                                                    "is of rome, but milan was called", "is not for serving"};
                assert_non_null(strstr(tls_session_reason(b), words[wrong]));
                tls_session_free(b);
                tls_session_free(a);
                close(fd[0]);
                close(fd[1]);
        }
}

/* -- bytes on their way */

/* Carries what lies in one socket to another, at most `most` bytes; what it did not carry stays. */
static size_t carry(int from, int to, size_t most)
{
        uint8_t bytes[4096];
        const ssize_t n = recv(from, bytes, most < sizeof(bytes) ? most : sizeof(bytes), 0);
        if (n > 0)
                assert_int_equal(send(to, bytes, (size_t)n, MSG_NOSIGNAL), n);
        return n > 0 ? (size_t)n : 0;
}

static void byte_by_byte(void **state)
{
        enum tls_io s = TLS_WANT_READ, c = TLS_WANT_READ;
        int a[2], b[2];
        size_t n = 0, carried = 0;
        char got[64];
        (void)state;
        lab_sockets(a);
        lab_sockets(b);
        struct tls_session *server = tls_accept(lab.rome, a[0]), *client = tls_connect(lab.leaf, b[0], NULL);
        for (unsigned i = 0; i < 100000 && (s != TLS_DONE || c != TLS_DONE); i++) {
                if (c != TLS_DONE)
                        c = tls_handshake(client);
                if (s != TLS_DONE)
                        s = tls_handshake(server);
                carried += carry(a[1], b[1], 1) + carry(b[1], a[1], 1);
        }
        assert_true(s == TLS_DONE && c == TLS_DONE);
        assert_true(carried > 1000); /* all that came went this way */
        assert_int_equal(tls_write(client, BYTES_LIT("question"), &n), TLS_DONE);
        enum tls_io io = TLS_WANT_READ;
        for (unsigned i = 0; i < 1000 && io == TLS_WANT_READ; i++) {
                assert_int_equal(carry(b[1], a[1], 1), 1);
                io = tls_read(server, got, sizeof(got), &n);
        }
        assert_int_equal(io, TLS_DONE);
        assert_int_equal(n, 8);
        assert_memory_equal(got, "question", 8);
        tls_session_free(client);
        tls_session_free(server);
        for (unsigned i = 0; i < 2; i++) {
                close(a[i]);
                close(b[i]);
        }
}

#define MIB (1u << 20)

/* Each side sends a megabyte through sockets that hold little, from memory that moves. */
static void a_megabyte_both_ways(void **state)
{
        struct pair p;
        const int small = 4096;
        uint8_t *sent[2], *got[2];
        size_t out[2] = {0, 0}, in[2] = {0, 0};
        unsigned waited = 0;
        (void)state;
        pair_open(&p, lab.rome, lab.leaf);
        struct tls_session *s[2] = {p.server, p.client};
        for (unsigned i = 0; i < 2; i++) {
                assert_int_equal(setsockopt(p.fd[i], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)), 0);
                sent[i] = malloc(MIB);
                got[i] = malloc(MIB);
                for (size_t k = 0; k < MIB; k++)
                        sent[i][k] = (uint8_t)(k * 7 + i * 3 + (k >> 11));
        }
        for (unsigned turn = 0; turn < 100000 && (in[0] < MIB || in[1] < MIB); turn++) {
                for (unsigned i = 0; i < 2; i++) {
                        size_t n;
                        const size_t left = MIB - out[i], some = turn % 3 && left > 60000 ? 60000 : left;
                        uint8_t *moved =
                                malloc(left + 1); /* longer than before in some turns, never shorter: */
                        memcpy(moved, sent[i] + out[i], left);
                        const enum tls_io io =
                                tls_write(s[i], bytes_of(moved, some > 20000 ? left : some), &n);
                        assert_true(io == TLS_DONE || io == TLS_WANT_WRITE);
                        waited += io == TLS_WANT_WRITE;
                        out[i] += n;
                        free(moved);
                        const enum tls_io r =
                                tls_read(s[!i], got[!i] + in[!i], MIB - in[!i] ? MIB - in[!i] : 1, &n);
                        assert_true(r == TLS_DONE || r == TLS_WANT_READ);
                        in[!i] += n;
                }
        }
        assert_true(waited > 0);
        for (unsigned i = 0; i < 2; i++) {
                assert_int_equal(in[!i], MIB);
                assert_memory_equal(got[!i], sent[i], MIB);
        }
        for (unsigned i = 0; i < 2; i++) {
                free(sent[i]);
                free(got[i]);
        }
        pair_close(&p);
}

/* What was received is told of until the last byte, and then no more: a caller that asks the socket only when
 * nothing is pending misses nothing and does not spin. */
static void pending_is_exact(void **state)
{
        struct pair p;
        char text[3000], got[3000];
        size_t n, all = 0;
        (void)state;
        memset(text, 'x', sizeof(text));
        pair_open(&p, lab.rome, lab.leaf);
        for (unsigned i = 0; i < 30; i++)
                assert_int_equal(tls_write(p.client, bytes_of(text + 100 * i, 100), &n), TLS_DONE);
        assert_int_equal(tls_pending(p.server), 0);
        do {
                assert_int_equal(tls_read(p.server, got + all, 70, &n), TLS_DONE);
                all += n;
        } while (tls_pending(p.server));
        assert_int_equal(all, sizeof(text));
        assert_int_equal(tls_read(p.server, got, 70, &n), TLS_WANT_READ);
        assert_int_equal(n, 0);
        pair_close(&p);
}

/* -- the end */

static void ends_in_order(void **state)
{
        struct pair p;
        char got[16];
        size_t n;
        (void)state;
        pair_open(&p, lab.rome, lab.leaf);
        assert_int_equal(tls_write(p.client, BYTES_LIT("last"), &n), TLS_DONE);
        tls_session_free(p.client);
        p.client = NULL;
        assert_int_equal(tls_read(p.server, got, 4, &n), TLS_DONE); /* just what there is */
        assert_int_equal(n, 4);
        assert_true(tls_pending(p.server) > 0); /* the end has been received, too */
        assert_int_equal(tls_read(p.server, got, 4, &n), TLS_CLOSED);
        assert_int_equal(n, 0);
        assert_int_equal(tls_pending(p.server), 0);
        assert_int_equal(tls_read(p.server, got, 4, &n), TLS_CLOSED);
        assert_int_equal(tls_write(p.server, BYTES_LIT("answer"), &n), TLS_DONE); /* its other half is open */
        pair_close(&p);
}

static void cut_off(void **state)
{
        struct pair p;
        char got[16];
        size_t n;
        (void)state;
        pair_open(&p, lab.rome, lab.leaf);
        assert_int_equal(tls_write(p.client, BYTES_LIT("last"), &n), TLS_DONE);
        tls_session_forget(p.client); /* says nothing */
        p.client = NULL;
        assert_int_equal(shutdown(p.fd[1], SHUT_WR), 0);
        assert_int_equal(tls_read(p.server, got, sizeof(got), &n), TLS_DONE);
        assert_int_equal(n, 4);
        assert_int_equal(tls_read(p.server, got, sizeof(got), &n), TLS_FAILED);
        assert_string_equal(tls_session_reason(p.server), "the connection ended in the middle");
        assert_int_equal(tls_write(p.server, BYTES_LIT("answer"), &n), TLS_FAILED);
        pair_close(&p);
}

static void cut_off_in_the_handshake(void **state)
{
        int fd[2];
        (void)state;
        lab_sockets(fd);
        struct tls_session *a = tls_accept(lab.rome, fd[0]), *b = tls_connect(lab.leaf, fd[1], NULL);
        assert_int_equal(tls_handshake(b), TLS_WANT_READ);
        tls_session_free(b);
        assert_int_equal(shutdown(fd[1], SHUT_WR), 0);
        assert_int_equal(tls_handshake(a), TLS_FAILED); /* it has answered, and then comes nothing */
        assert_string_equal(tls_session_reason(a), "the connection ended in the middle");
        tls_session_free(a);
        close(fd[0]);
        close(fd[1]);
}

static void forgotten_without_a_byte(void **state)
{
        struct pair p;
        char got[16];
        size_t n;
        (void)state;
        pair_open(&p, lab.rome, lab.leaf);
        struct tls_session *kept = p.client;
        tls_session_forget(p.server);
        p.server = NULL;
        assert_int_equal(tls_read(kept, got, sizeof(got), &n), TLS_WANT_READ);
        pair_close(&p);
}

static void nobody_takes_it(void **state)
{
        struct pair p;
        size_t n;
        (void)state;
        pair_open(&p, lab.rome, lab.leaf);
        tls_session_free(p.client);
        p.client = NULL;
        close(p.fd[1]);
        assert_int_equal(tls_write(p.server, BYTES_LIT("answer"), &n), TLS_FAILED); /* and no SIGPIPE */
        assert_int_equal(n, 0);
        assert_string_not_equal(tls_session_reason(p.server), "");
        p.fd[1] = dup(p.fd[0]);
        pair_close(&p);
}

/* One bit on the way: whoever reads it fails, and gives none of it. */
static void changed_on_the_way(void **state)
{
        struct pair p;
        uint8_t raw[256];
        char got[16];
        size_t n;
        (void)state;
        pair_open(&p, lab.rome, lab.leaf);
        assert_int_equal(tls_write(p.client, BYTES_LIT("transfer 100"), &n), TLS_DONE);
        const ssize_t k = recv(p.fd[0], raw, sizeof(raw), 0);
        assert_true(k > 12);
        raw[k - 5] ^= 4;
        assert_int_equal(send(p.fd[1], raw, (size_t)k, 0), k);
        assert_int_equal(tls_read(p.server, got, sizeof(got), &n), TLS_FAILED);
        assert_int_equal(n, 0);
        pair_close(&p);
}

/* Nothing that belongs to a name or password may lie on the wire in clear text. */
static void nothing_readable(void **state)
{
        struct pair p;
        uint8_t raw[256];
        size_t n;
        (void)state;
        pair_open(&p, lab.rome, lab.leaf);
        assert_int_equal(tls_write(p.client, BYTES_LIT("passwd=secret"), &n), TLS_DONE);
        const ssize_t k = recv(p.fd[0], raw, sizeof(raw), 0);
        assert_true(k > 13);
        assert_null(memmem(raw, (size_t)k, "passwd=secret", 13));
        pair_close(&p);
}

#define PIECE (sizeof(record) / 3)

/* A ClientHello that says it is long, and is. */
static void a_long_beginning(void **state)
{
        uint8_t record[5 + 16384] = {22, 3, 1, 0x40, 0x00, 1, 1, 0xf0, 0}; /* of 126,976 bytes */
        enum tls_io io = TLS_WANT_READ;
        int fd[2];
        size_t sent = 0;
        (void)state;
        lab_sockets(fd);
        struct tls_session *s = tls_accept(lab.rome, fd[0]);
        for (unsigned i = 0; i < 7 && io == TLS_WANT_READ; i++) {
                if (i)
                        memset(record + 5, 0, 4);
                for (size_t at = 0; at < sizeof(record) && io == TLS_WANT_READ; at += PIECE) {
                        assert_int_equal(send(fd[1], record + at, PIECE, 0), PIECE);
                        sent += PIECE;
                        io = tls_handshake(s);
                }
        }
        assert_int_equal(io, TLS_FAILED);
        assert_in_range(sent, LIMIT_TLS_HANDSHAKE + 1, LIMIT_TLS_HANDSHAKE + PIECE);
        assert_non_null(strstr(tls_session_reason(s), "before the handshake was done"));
        tls_session_free(s);
        close(fd[0]);
        close(fd[1]);
}

static void something_else(void **state)
{
        static const char *const words[] = {"GET / HTTP/1.1\r\n\r\n", "\x80\0\0\x28\1\2\3\4\0\0\0\0",
                                            "\x16\3\1\0\4\xee\0\0\0", "\x15\3\3\0\2\2\x28"};
        static const size_t lengths[] = {18, 12, 9, 7};
        (void)state;
        for (unsigned i = 0; i < 4; i++) {
                for (unsigned client = 0; client < 2; client++) {
                        int fd[2];
                        lab_sockets(fd);
                        struct tls_session *s =
                                client ? tls_connect(lab.leaf, fd[0], "rome") : tls_accept(lab.rome, fd[0]);
                        assert_int_equal(send(fd[1], words[i], lengths[i], 0), lengths[i]);
                        assert_int_equal(tls_handshake(s), TLS_FAILED);
                        assert_string_not_equal(tls_session_reason(s), "");
                        tls_session_free(s);
                        close(fd[0]);
                        close(fd[1]);
                }
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(both_know_each_other),
                cmocka_unit_test(nobody_before_the_handshake),
                cmocka_unit_test(without_a_certificate),
                cmocka_unit_test(what_both_export),
                cmocka_unit_test(called_by_name),
                cmocka_unit_test(a_name_with_dots_is_whole),
                cmocka_unit_test(who_may_serve),
                cmocka_unit_test(time_runs_out),
                cmocka_unit_test(refused_clients_hear_why),
                cmocka_unit_test(another_fleet),
                cmocka_unit_test(joining),
                cmocka_unit_test(byte_by_byte),
                cmocka_unit_test(a_megabyte_both_ways),
                cmocka_unit_test(pending_is_exact),
                cmocka_unit_test(ends_in_order),
                cmocka_unit_test(cut_off),
                cmocka_unit_test(cut_off_in_the_handshake),
                cmocka_unit_test(forgotten_without_a_byte),
                cmocka_unit_test(nobody_takes_it),
                cmocka_unit_test(changed_on_the_way),
                cmocka_unit_test(nothing_readable),
                cmocka_unit_test(a_long_beginning),
                cmocka_unit_test(something_else),
        };
        return cmocka_run_group_tests(tests, lab_set_up, lab_tear_down);
}
