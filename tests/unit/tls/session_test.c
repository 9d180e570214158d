/* Sessions between machines of one fleet (doc/tls.md 2.2, 2.4), both ends in one thread. */
#include "lab.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static struct lab lab;

static int open_lab(void **state)
{
        (void)state;
        lab_open(&lab);
        return 0;
}

static int close_lab(void **state)
{
        (void)state;
        lab_close(&lab);
        return 0;
}

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
        struct tls_session *s = tls_accept(lab.rome, fd[0]);
        assert_non_null(s);
        assert_false(tls_session_peer(s)->certified);
        assert_false(tls_session_export(s, TLS_JOIN_LABEL, key));
        assert_int_equal(tls_read(s, &byte, 1, &n), TLS_FAILED);
        assert_string_not_equal(tls_session_reason(s), "");
        tls_session_free(s);
        close(fd[0]);
        close(fd[1]);
}

int main(void)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(both_know_each_other),
                                           cmocka_unit_test(nobody_before_the_handshake)};
        return cmocka_run_group_tests(tests, open_lab, close_lab);
}
