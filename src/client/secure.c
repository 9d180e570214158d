#include "client/secure.h"

#include "base/limits.h"
#include "client/find.h"
#include "model/network.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* -- plain_networks -- */

static bool next_word(struct bytes *rest, struct bytes *ret)
{
        while (rest->len && strchr(" \t,", rest->data[0]))
                *rest = bytes_sub(*rest, 1, rest->len);
        size_t n = 0;
        while (n < rest->len && !strchr(" \t,", rest->data[n]))
                n++;
        *ret = bytes_sub(*rest, 0, n);
        *rest = bytes_sub(*rest, n, rest->len);
        return n > 0;
}

enum client_plain client_plain_has(const char *networks, const struct sockaddr *to, char *ret_wrong,
                                   size_t size)
{
        static const struct address none;
        const struct address a = to ? address_of(to, NULL) : none;
        struct bytes rest = bytes_str(networks), word;
        enum client_plain found = CLIENT_PLAIN_NO;
        while (next_word(&rest, &word)) {
                struct network n;
                if (!network_parse(word, &n)) {
                        snprintf(ret_wrong, size, "%.*s", BYTES_FMT(bytes_sub(word, 0, 60)));
                        return CLIENT_PLAIN_WRONG;
                }
                if (to && network_has(&n, &a))
                        found = CLIENT_PLAIN_YES;
        }
        return found;
}

/* -- the identity -- */

static const char *const names[] = {"authority.crt", "machine.crt", "machine.key"};
#define FILES (sizeof(names) / sizeof(names[0]))

struct seen {
        uid_t user; /* who looked: what can be read depends on it */
        struct stat file[FILES];
};

/* The last identity that was read; programs have one. */
static struct {
        pthread_mutex_t mutex;
        char folder[PATH_MAX];
        struct seen seen;
        struct tls_identity *identity; /* NULL: none was read */
} last = {.mutex = PTHREAD_MUTEX_INITIALIZER};

/* 0, or why authority.crt cannot be looked at. */
static int look(const char *folder, struct seen *ret)
{
        memset(ret, 0, sizeof(*ret));
        ret->user = geteuid();
        for (unsigned i = 0; i < FILES; i++) {
                char path[PATH_MAX];
                struct stat st;
                if (snprintf(path, sizeof(path), "%s/%s", folder, names[i]) >= (int)sizeof(path))
                        return ENAMETOOLONG;
                if (lstat(path, &st) == 0)
                        ret->file[i] = st;
                else if (i == 0)
                        return errno;
        }
        return 0;
}

static bool same_file(const struct stat *a, const struct stat *b)
{
        return a->st_ino == b->st_ino && a->st_dev == b->st_dev && a->st_size == b->st_size &&
               a->st_mode == b->st_mode && a->st_uid == b->st_uid && a->st_gid == b->st_gid &&
               a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

static bool same_seen(const struct seen *a, const struct seen *b)
{
        for (unsigned i = 0; i < FILES; i++)
                if (!same_file(&a->file[i], &b->file[i]))
                        return false;
        return a->user == b->user;
}

/* In a child that was forked while somebody held the mutex it stays locked: then without memory. */
static enum tls_found load(const char *folder, const struct seen *seen, struct tls_identity **ret,
                           struct tls_why *why)
{
        const bool locked = pthread_mutex_trylock(&last.mutex) == 0;
        enum tls_found found = TLS_FOUND;
        if (locked && last.identity && strcmp(last.folder, folder) == 0 && same_seen(&last.seen, seen)) {
                *ret = tls_identity_hold(last.identity);
        } else {
                found = tls_identity_load(folder, ret, why);
                if (locked && found == TLS_FOUND) {
                        tls_identity_release(last.identity);
                        last.identity = tls_identity_hold(*ret);
                        last.seen = *seen;
                        snprintf(last.folder, sizeof(last.folder), "%s", folder);
                }
        }
        if (locked)
                pthread_mutex_unlock(&last.mutex);
        return found;
}

/* -- what the process says of itself -- */

/* Never changed, and kept: somebody may be reading it. */
struct machine {
        struct machine *before;
        const char *plain; /* behind the folder */
        char folder[];
};
static _Atomic(struct machine *) machine;

bool client_set_machine(const char *folder, const char *plain_networks)
{
        struct machine *old = atomic_load(&machine), *m = NULL;
        const char *plain = plain_networks ? plain_networks : "";
        if (folder && old && old->plain && strcmp(old->folder, folder) == 0 && strcmp(old->plain, plain) == 0)
                return true;
        const size_t n = folder ? strlen(folder) + 1 : 0;
        m = malloc(sizeof(*m) + n + strlen(plain) + 1);
        if (!m)
                return false;
        m->before = old;
        m->plain = folder ? m->folder + n : NULL;
        if (folder) {
                memcpy(m->folder, folder, n);
                memcpy(m->folder + n, plain, strlen(plain) + 1);
        }
        atomic_store(&machine, m);
        return true;
}

static const char *variable(const char *name, const char *otherwise)
{
        const char *value = secure_getenv(name);
        return value && *value ? value : otherwise;
}

const char *client_machine(void)
{
        const struct machine *m = atomic_load(&machine);
        return m && m->plain ? m->folder : variable("NETINFO_MACHINE", SECURE_FOLDER);
}

static const char *plain_networks(void)
{
        const struct machine *m = atomic_load(&machine);
        return m && m->plain ? m->plain : variable("NETINFO_PLAIN_NETWORKS", "");
}

static bool is_there(const char *folder, const char *name)
{
        char path[PATH_MAX];
        struct stat st;
        const int n = snprintf(path, sizeof(path), "%s/%s", folder, name);
        return n > 0 && n < (int)sizeof(path) && lstat(path, &st) == 0;
}

/* authority.crt is not there: a machine that has not joined, or one that has, and lost it? A key or
 * certificate belongs to a join that came to its end, as long as its join.key does not say otherwise
 * (doc/tls.md 4). */
static enum secure_verdict without_authority(const char *folder, char *reason, size_t size)
{
        struct stat st;
        if (!*folder || lstat(folder, &st) < 0)
                return SECURE_CLEAR;
        if (stat(folder, &st) < 0 || !S_ISDIR(st.st_mode))
                snprintf(reason, size, "%.200s is no folder: who this machine is cannot be read; put it back",
                         folder);
        else if (!is_there(folder, "join.key") && (is_there(folder, names[1]) || is_there(folder, names[2])))
                snprintf(reason, size,
                         "%.200s has lost its authority.crt, and without it nobody is believed; put it back, "
                         "or "
                         "`ni join` again",
                         folder);
        else
                return SECURE_CLEAR;
        return SECURE_REFUSED;
}

/* Is there an authority.crt, and can it be looked at? SECURE_TLS: yes. */
static enum secure_verdict enrolled(const char *folder, struct seen *ret, char *reason, size_t size)
{
        struct stat st;
        const int err = *folder ? look(folder, ret) : ENOENT;
        if (!err)
                return SECURE_TLS;
        if (err == ENOENT || err == ENOTDIR)
                return without_authority(folder, reason, size);
        /* A folder above that does not let us look says nothing about this machine. */
        if (err == EACCES && lstat(folder, &st) < 0)
                return SECURE_CLEAR;
        snprintf(reason, size,
                 "this machine is enrolled, and %.200s/authority.crt cannot be read by this user (%s); let "
                 "everybody into the folder (`chmod 755`), or be root",
                 folder, strerror(err));
        return SECURE_REFUSED;
}

/* All but the identity itself; *ret_seen: for SECURE_TLS. */
static enum secure_verdict judge_address(const struct sockaddr *to, const char *folder, struct seen *ret_seen,
                                         char *reason, size_t size)
{
        char wrong[64];
        const struct address a = address_of(to, NULL);
        if (to->sa_family == AF_UNIX || address_is_loopback(&a))
                return SECURE_CLEAR;
        const enum secure_verdict v = enrolled(folder, ret_seen, reason, size);
        if (v != SECURE_TLS)
                return v;
        switch (client_plain_has(plain_networks(), to, wrong, sizeof(wrong))) {
        case CLIENT_PLAIN_YES:
                return SECURE_CLEAR;
        case CLIENT_PLAIN_WRONG:
                snprintf(reason, size,
                         "plain_networks (NETINFO_PLAIN_NETWORKS): `%s` is no network; give 10.0.0.0/8 or "
                         "an address",
                         wrong);
                return SECURE_REFUSED;
        default:
                return find_is_own(to) ? SECURE_CLEAR : SECURE_TLS;
        }
}

bool client_avoids_clear(const struct sockaddr *to)
{
        struct seen seen;
        char reason[8];
        return judge_address(to, client_machine(), &seen, reason, sizeof(reason)) != SECURE_CLEAR;
}

enum secure_verdict secure_judge(const struct sockaddr *to, struct tls_identity **ret, char *reason,
                                 size_t size)
{
        const char *folder = client_machine();
        struct seen seen;
        struct tls_why why = {""};
        const enum secure_verdict v = judge_address(to, folder, &seen, reason, size);
        if (v != SECURE_TLS)
                return v;
        const enum tls_found found = load(folder, &seen, ret, &why);
        if (found == TLS_FOUND)
                return SECURE_TLS;
        snprintf(reason, size, "%s",
                 found == TLS_UNUSABLE ? why.text : "authority.crt went away while it was read; once more");
        return SECURE_REFUSED;
}
