/* A fleet in a temporary folder, and both ends of a connection in one thread. */
#ifndef NETINFO_TESTS_TLS_LAB_H
#define NETINFO_TESTS_TLS_LAB_H

#include "tls/authority.h"
#include "tls/request.h"
#include "tls/session.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

struct lab {
        char top[64];
        char authority[96], server[96], client[96]; /* folders */
        struct tls_authority *signer;
        struct tls_identity *rome, *leaf; /* of the machines "rome", which may serve, and "leaf" */
};

/* All of the above; the caller's own, removed by lab_close. */
void lab_open(struct lab *l);
void lab_close(struct lab *l);
/* The one of a program's tests, for cmocka_run_group_tests. */
extern struct lab lab;
int lab_set_up(void **state);
int lab_tear_down(void **state);
/* A folder in the lab, mode 0700, not there yet. */
void lab_folder(struct lab *l, const char *name, char ret[96]);
/* Makes a key, has it signed, writes it into the folder. */
void lab_enrol(const struct tls_authority *a, const char *folder, const char *name, bool may_serve,
               uint64_t now);
uint64_t lab_now(void); /* seconds */
/* The identity of a folder, which must be good. */
struct tls_identity *lab_load(const char *folder);

/* Two connected sockets that do not block. */
void lab_sockets(int pair[2]);
/* Goes on with both handshakes until each has ended. */
void lab_handshake(struct tls_session *server, struct tls_session *client, enum tls_io *ret_server,
                   enum tls_io *ret_client);

/* Two ends that have shaken hands. */
struct pair {
        int fd[2];
        struct tls_session *server, *client;
};
void pair_open(struct pair *p, struct tls_identity *server, struct tls_identity *client);
void pair_close(struct pair *p);

#define assert_found(call) lab_assert_ok((call) == TLS_FOUND, &why, #call)
#define assert_why(call)   lab_assert_ok((call), &why, #call)
void lab_assert_ok(bool ok, const struct tls_why *why, const char *what);

#endif
