#include "agent/renewer.h"

#include "agent/renewal.h"
#include "client/client.h"
#include "sys/clock.h"
#include "sys/fs.h"
#include "sys/log.h"
#include "tls/request.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define LOOK_S 60u /* somebody else may have renewed it, or enrolled the machine */

struct renewer {
        struct renewer_options o;
        pthread_t thread;
        int poke_fd; /* readable: look, or end */
        atomic_bool stopping, ended;
        pthread_mutex_t mutex;
        struct renewer_standing standing; /* under it */
        struct renewal core;
        char folder[PATH_MAX];    /* of the last look */
        struct tls_identity *now; /* likewise */
        char last_words[400];     /* why the last renewal failed; "": it did not */
};

static void add_one(int fd)
{
        const uint64_t one = 1;
        const ssize_t n = write(fd, &one, sizeof(one));
        (void)n; /* full: then it is readable, which is all that is wanted */
}

static void say(struct renewer *r, const struct renewer_standing *s)
{
        pthread_mutex_lock(&r->mutex);
        const bool news = memcmp(&r->standing, s, sizeof(*s)) != 0;
        r->standing = *s;
        pthread_mutex_unlock(&r->mutex);
        if (news)
                add_one(r->o.wake_fd);
}

/* What the files say now. */
static enum tls_found look(struct renewer *r)
{
        struct renewer_standing s;
        struct tls_why why = {""};
        memset(&s, 0, sizeof(s)); /* it is compared with padding */
        tls_identity_release(r->now);
        r->now = NULL;
        snprintf(r->folder, sizeof(r->folder), "%s", client_machine());
        const enum tls_found found = *r->folder ? tls_identity_load(r->folder, &r->now, &why) : TLS_NOT_THERE;
        s.enrolled = found != TLS_NOT_THERE;
        if (found == TLS_FOUND) {
                snprintf(s.machine, sizeof(s.machine), "%s", tls_identity_machine(r->now));
                s.until = tls_identity_until(r->now);
                snprintf(s.why, sizeof(s.why), "%s", r->last_words);
        } else if (found == TLS_UNUSABLE) {
                snprintf(s.why, sizeof(s.why), "%.399s", why.text);
        }
        say(r, &s);
        return found;
}

/* -- one renewal -- */

/* For the key that is there: key and certificate belong together whatever happens meanwhile. */
static bool make_request(const struct renewer *r, struct tls_request *ret, char *words, size_t size)
{
        char path[PATH_MAX + 16];
        struct buf key;
        struct tls_why why = {""};
        buf_init(&key, 0);
        snprintf(path, sizeof(path), "%s/machine.key", r->folder);
        const int err = fs_read(path, TLS_KEY_MAX, &key);
        const bool ok = !err && tls_request_make(buf_bytes(&key), ret, &why);
        if (!ok)
                snprintf(words, size, "%.200s: %.190s", path, err ? strerror(err) : why.text);
        if (key.data)
                explicit_bzero(key.data, key.cap);
        buf_done(&key);
        return ok;
}

static bool keep(const struct renewer *r, struct bytes certificate, char *words, size_t size)
{
        struct tls_why why = {""};
        const struct tls_identity_files files = {.certificate = certificate, .group = (gid_t)-1};
        if (tls_identity_write(r->folder, &files, &why))
                return true;
        snprintf(words, size, "%.390s", why.text);
        return false;
}

enum answer { RENEWED, NOT_THERE, DENIED };

/* NOT_THERE: the next one may have the authority. */
static enum answer ask(const struct renewer *r, const struct server *at, struct bytes request, char *words,
                       size_t size)
{
        struct client_options o;
        struct client_why why = {""};
        struct client *c;
        struct ext_renew_result result;
        client_options_init(&o);
        o.server = at->address[0] ? at->address : NULL;
        o.tag = at->tag;
        o.interrupt_fd = r->poke_fd;
        o.certificate_only = true;
        if (client_open(&o, &c, &why) != NI_OK) {
                snprintf(words, size, "%.390s", why.text);
                return NOT_THERE;
        }
        enum answer answer = NOT_THERE;
        const enum ni_status status = client_renew(c, &(struct ext_renew_args){request}, &result);
        if (status != NI_OK)
                snprintf(words, size, "%.390s", client_reason(c));
        else if (result.status == NI_AUTHERROR)
                snprintf(words, size, "%.300s: this machine was withdrawn; `ni join` enrols it again",
                         client_peer(c));
        else if (result.status != NI_OK)
                snprintf(words, size, "%.200s: has no authority, or cannot sign now (status %u)",
                         client_peer(c), result.status);
        else if (keep(r, result.certificate, words, size))
                answer = RENEWED;
        if (status == NI_OK && result.status == NI_AUTHERROR)
                answer = DENIED;
        client_close(c);
        return answer;
}

static bool renew(struct renewer *r)
{
        static struct server servers[RENEWER_SERVERS]; /* of the only thread; too much for its stack */
        struct tls_request *request = calloc(1, sizeof(*request));
        const unsigned n = r->o.servers(r->o.context, servers);
        char *words = r->last_words;
        const size_t size = sizeof(r->last_words);
        bool done = false;
        snprintf(words, size, "no server is known that could have the authority");
        if (request && make_request(r, request, words, size)) {
                enum answer answer = NOT_THERE;
                for (unsigned i = 0; i < n && answer == NOT_THERE && !r->stopping; i++)
                        answer = ask(r, &servers[i], bytes_of(request->der, request->len), words, size);
                done = answer == RENEWED;
                tls_request_wipe(request);
        }
        free(request);
        if (done)
                words[0] = '\0';
        return done;
}

/* -- the thread -- */

static uint64_t seconds(void)
{
        return clock_wall_us() / 1000000u;
}

/* Seconds until the next look. */
static uint64_t step(struct renewer *r)
{
        uint64_t wait = LOOK_S;
        if (look(r) != TLS_FOUND || !tls_identity_has_key(r->now))
                return LOOK_S;
        switch (renewal_judge(&r->core, seconds(), tls_identity_since(r->now), tls_identity_until(r->now),
                              &wait)) {
        case RENEWAL_WAIT:
                break;
        case RENEWAL_TOO_LATE:
                snprintf(r->last_words, sizeof(r->last_words),
                         "the certificate has run out too long ago to be renewed; `ni join` enrols this "
                         "machine again");
                look(r);
                break;
        case RENEWAL_NOW:
                if (renew(r)) {
                        look(r);
                        log_event(LOG_LEVEL_NOTICE, "renewed", "machine=%s until=%llu",
                                  r->now ? tls_identity_machine(r->now) : "",
                                  (unsigned long long)(r->now ? tls_identity_until(r->now) : 0));
                } else if (!r->stopping) {
                        renewal_failed(&r->core, seconds());
                        log_event(LOG_LEVEL_WARNING, "renew-failed", "why=\"%s\"", r->last_words);
                        look(r);
                }
        }
        return wait < LOOK_S ? wait : LOOK_S;
}

static void *run(void *context)
{
        struct renewer *r = context;
        uint64_t n;
        while (!r->stopping) {
                struct pollfd p = {.fd = r->poke_fd, .events = POLLIN};
                const uint64_t wait = step(r);
                if (!r->stopping)
                        poll(&p, 1, (int)(wait * 1000));
                if (!r->stopping && read(r->poke_fd, &n, sizeof(n)) < 0 && errno != EAGAIN)
                        break;
        }
        r->ended = true;
        return NULL;
}

struct renewer *renewer_start(const struct renewer_options *o)
{
        struct renewer *r = calloc(1, sizeof(*r));
        if (!r)
                return NULL;
        r->o = *o;
        r->poke_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        pthread_mutex_init(&r->mutex, NULL);
        renewal_init(&r->core, o->seed);
        if (r->poke_fd < 0 || pthread_create(&r->thread, NULL, run, r) != 0) {
                if (r->poke_fd >= 0)
                        close(r->poke_fd);
                pthread_mutex_destroy(&r->mutex);
                free(r);
                return NULL;
        }
        return r;
}

void renewer_poke(struct renewer *r)
{
        add_one(r->poke_fd);
}

void renewer_look(struct renewer *r, struct renewer_standing *ret)
{
        pthread_mutex_lock(&r->mutex);
        *ret = r->standing;
        pthread_mutex_unlock(&r->mutex);
}

bool renewer_stop(struct renewer *r, unsigned ms)
{
        const uint64_t until = clock_mono_ms() + ms;
        if (!r)
                return true;
        r->stopping = true;
        add_one(r->poke_fd);
        while (!r->ended) {
                struct pollfd none = {-1, 0, 0};
                if (clock_mono_ms() >= until)
                        return false;
                poll(&none, 0, 5);
        }
        pthread_join(r->thread, NULL);
        tls_identity_release(r->now);
        close(r->poke_fd);
        pthread_mutex_destroy(&r->mutex);
        free(r);
        return true;
}
