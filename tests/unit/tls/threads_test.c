/* Many threads with one identity: sessions, loading, renewing at the same time. */
#include "lab.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define THREADS  4u
#define SESSIONS 20u

/* One end in a thread of its own; blocking sockets: nothing has to be waited for here. */
struct side {
        struct tls_identity *identity;
        int fd;
        bool server, ok;
};

static bool talk(struct tls_session *s, bool server)
{
        char got[64];
        size_t n;
        const struct bytes mine = server ? BYTES_LIT("answer") : BYTES_LIT("question"),
                           theirs = server ? BYTES_LIT("question") : BYTES_LIT("answer");
        if (!server && tls_write(s, mine, &n) != TLS_DONE)
                return false;
        if (tls_read(s, got, theirs.len, &n) != TLS_DONE || !bytes_eq(bytes_of(got, n), theirs))
                return false;
        return !server || tls_write(s, mine, &n) == TLS_DONE;
}

static void *one_side(void *argument)
{
        struct side *side = argument;
        struct tls_session *s = side->server ? tls_accept(side->identity, side->fd)
                                             : tls_connect(side->identity, side->fd, "rome");
        side->ok =
                s && tls_handshake(s) == TLS_DONE && tls_session_peer(s)->certified && talk(s, side->server);
        tls_session_free(s);
        close(side->fd);
        return NULL;
}

static void *many_sessions(void *failures)
{
        for (unsigned i = 0; i < SESSIONS; i++) {
                int fd[2];
                pthread_t other;
                if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd) < 0)
                        abort();
                struct side server = {lab.rome, fd[0], true, false}, client = {lab.leaf, fd[1], false, false};
                if (pthread_create(&other, NULL, one_side, &server))
                        abort();
                one_side(&client);
                pthread_join(other, NULL);
                atomic_fetch_add((atomic_uint *)failures, !server.ok + !client.ok);
        }
        return NULL;
}

static void one_identity_in_many_threads(void **state)
{
        pthread_t thread[THREADS];
        atomic_uint failures = 0;
        (void)state;
        for (unsigned i = 0; i < THREADS; i++)
                assert_int_equal(pthread_create(&thread[i], NULL, many_sessions, &failures), 0);
        for (unsigned i = 0; i < THREADS; i++)
                pthread_join(thread[i], NULL);
        assert_int_equal(failures, 0);
}

/* Whoever reads while the files are written anew finds an identity with a key, each time. */
struct reading {
        const char *folder;
        atomic_bool stop;
        atomic_uint read, failures;
};

static void *reader(void *argument)
{
        struct reading *r = argument;
        while (!atomic_load(&r->stop)) {
                struct tls_why why = {0};
                struct tls_identity *i = NULL;
                const bool ok =
                        tls_identity_load(r->folder, &i, &why) == TLS_FOUND && tls_identity_has_key(i);
                if (!ok)
                        fprintf(stderr, "%s\n", why.text);
                atomic_fetch_add(&r->failures, !ok);
                atomic_fetch_add(&r->read, 1);
                tls_identity_release(i);
        }
        return NULL;
}

static void renewals_while_others_read(void **state)
{
        char folder[96];
        pthread_t thread;
        struct tls_why why = {0};
        struct tls_request *r = calloc(1, sizeof(*r));
        struct tls_signed *s = calloc(1, sizeof(*s));
        (void)state;
        lab_folder(&lab, "busy", folder);
        lab_enrol(lab.signer, folder, "busy", false, lab_now());
        struct reading reading = {.folder = folder};
        assert_int_equal(pthread_create(&thread, NULL, reader, &reading), 0);
        for (unsigned i = 0; i < 30; i++) {
                const unsigned before = atomic_load(&reading.read);
                assert_why(tls_request_make(BYTES_NONE, r, &why));
                assert_why(tls_authority_sign(lab.signer, bytes_of(r->der, r->len), "busy", false, lab_now(),
                                              s, &why));
                const struct tls_identity_files files = {.certificate = bytes_of(s->der, s->len),
                                                         .key = bytes_str(r->key),
                                                         .group = (gid_t)-1};
                assert_why(tls_identity_write(folder, &files, &why));
                while (atomic_load(&reading.read) == before) /* one reading at least to each writing */
                        sched_yield();
        }
        atomic_store(&reading.stop, true);
        pthread_join(thread, NULL);
        assert_int_equal(atomic_load(&reading.failures), 0);
        free(r);
        free(s);
}

int main(void)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(one_identity_in_many_threads),
                                           cmocka_unit_test(renewals_while_others_read)};
        return cmocka_run_group_tests(tests, lab_set_up, lab_tear_down);
}
