#include "server/machine.h"

#include "client/client.h"
#include "server/penalty.h"
#include "server/server.h"
#include "sys/clock.h"
#include "sys/log.h"
#include "sys/random.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

/* What stat(2) says about one of the files: when any of it differs, the file is another one. */
struct trace {
        dev_t dev;
        ino_t ino;
        off_t size;
        struct timespec modified, changed;
        uid_t uid;
        mode_t mode;
};

static const char *const files[] = {"authority.crt", "machine.crt", "machine.key"};
#define FILES (sizeof(files) / sizeof(files[0]))

struct machine {
        pthread_mutex_t mutex; /* of the two */
        struct tls_identity *identity;
        struct turnstile turnstile;
        struct trace traces[FILES]; /* the main loop's, as all that follows */
        bool reading;               /* a task is under way */
        bool again;                 /* and another one is wanted behind it */
};

/* Reading in a pool's thread, and the result on its way to the main loop. */
struct reading {
        struct task task;
        struct note note;
        struct server *server;
        struct tls_identity *identity;
        enum tls_found found;
        struct tls_why why;
        char folder[];
};

static const char *folder_of(const struct server *s)
{
        return s->config->machine ? s->config->machine : s->options.machine;
}

/* -- what was read -- */

static const char *day(uint64_t seconds, char to[32])
{
        const time_t t = (time_t)seconds;
        struct tm tm;
        if (!gmtime_r(&t, &tm) || !strftime(to, 32, "%Y-%m-%dT%H:%M:%SZ", &tm))
                snprintf(to, 32, "%llu", (unsigned long long)seconds);
        return to;
}

static void tell(const struct server *s, const struct tls_identity *i)
{
        char until[32];
        const char *note = "";
        if (!tls_identity_has_key(i))
                note = " note=\"TLS is not spoken: there is no key that can be read here\"";
        else if (!tls_identity_may_serve(i))
                note = " note=\"TLS is not spoken: the certificate is not for servers\"";
        else if (tls_identity_until(i) * 1000000u < clock_wall_us())
                note = " note=\"it has run out, and clients will not believe it\"";
        log_event(note[0] ? LOG_LEVEL_WARNING : LOG_LEVEL_NOTICE, "tls-identity",
                  "machine=%s until=%s folder=\"%s\"%s",
                  tls_identity_machine(i)[0] ? tls_identity_machine(i) : "none",
                  day(tls_identity_until(i), until), folder_of(s), note);
}

/* Takes over the identity. What cannot be used leaves the old one in its place. */
static void take(struct server *s, enum tls_found found, struct tls_identity *i, const struct tls_why *why)
{
        struct machine *m = s->machine;
        if (found == TLS_UNUSABLE) {
                log_event(LOG_LEVEL_ERROR, "tls-identity", "result=%s reason=\"%s\"",
                          m->identity ? "kept-the-old-one" : "none", why->text);
                return;
        }
        if (found == TLS_NOT_THERE && m->identity)
                log_event(LOG_LEVEL_NOTICE, "tls-identity", "machine=none folder=\"%s\"", folder_of(s));
        if (found == TLS_FOUND)
                tell(s, i);
        pthread_mutex_lock(&m->mutex);
        struct tls_identity *old = m->identity;
        m->identity = i;
        pthread_mutex_unlock(&m->mutex);
        tls_identity_release(old);
}

/* -- reading -- */

static void look_at_files(const char *folder, struct trace traces[FILES])
{
        memset(traces, 0, FILES * sizeof(traces[0]));
        for (unsigned i = 0; folder[0] && i < FILES; i++) {
                char path[4200];
                struct stat st;
                snprintf(path, sizeof(path), "%s/%s", folder, files[i]);
                if (stat(path, &st) < 0)
                        continue;
                traces[i].dev = st.st_dev;
                traces[i].ino = st.st_ino;
                traces[i].size = st.st_size;
                traces[i].modified = st.st_mtim;
                traces[i].changed = st.st_ctim;
                traces[i].uid = st.st_uid;
                traces[i].mode = st.st_mode;
        }
}

static enum tls_found load(const char *folder, struct tls_identity **ret, struct tls_why *why)
{
        *ret = NULL;
        return folder[0] ? tls_identity_load(folder, ret, why) : TLS_NOT_THERE;
}

static void read_done(struct note *note, void *server)
{
        struct server *s = server;
        struct reading *r = (struct reading *)((char *)note - offsetof(struct reading, note));
        take(s, r->found, r->identity, &r->why);
        free(r);
        s->machine->reading = false;
        if (s->machine->again && !s->stopping)
                machine_look(s, true);
}

static void read_files(struct task *task, unsigned thread, void *context)
{
        struct reading *r = (struct reading *)((char *)task - offsetof(struct reading, task));
        (void)thread;
        (void)context;
        r->found = load(r->folder, &r->identity, &r->why);
        r->note.run = read_done;
        loop_post(&r->server->loop, &r->note);
}

void machine_look(struct server *s, bool always)
{
        if (always && !client_set_machine(folder_of(s), s->config->plain_networks))
                log_event(LOG_LEVEL_ERROR, "tls-identity", "reason=\"out of memory; calls go on as before\"");
        struct machine *m = s->machine;
        const char *folder = folder_of(s);
        struct trace now[FILES];
        if (m->reading) {
                m->again |= always;
                return;
        }
        look_at_files(folder, now);
        if (!always && memcmp(now, m->traces, sizeof(now)) == 0)
                return;
        struct reading *r = calloc(1, sizeof(*r) + strlen(folder) + 1);
        if (!r)
                return; /* the next minute looks again */
        strcpy(r->folder, folder);
        r->server = s;
        r->task.run = read_files;
        if (!pool_submit(s->passwords, &r->task)) {
                free(r);
                return;
        }
        memcpy(m->traces, now, sizeof(now));
        m->reading = true;
        m->again = false;
}

struct machine *machine_start(struct server *s)
{
        uint8_t key[16];
        struct tls_why why = {{0}};
        struct tls_identity *i;
        struct machine *m = calloc(1, sizeof(*m));
        if (!m)
                return NULL;
        pthread_mutex_init(&m->mutex, NULL);
        random_bytes(key, sizeof(key));
        turnstile_init(&m->turnstile, siphash_key_from(key));
        s->machine = m;
        if (!client_set_machine(folder_of(s), s->config->plain_networks)) {
                machine_free(m);
                s->machine = NULL;
                return NULL;
        }
        look_at_files(folder_of(s), m->traces);
        const enum tls_found found = load(folder_of(s), &i, &why);
        take(s, found, i, &why);
        return m;
}

void machine_free(struct machine *m)
{
        if (!m)
                return;
        tls_identity_release(m->identity);
        pthread_mutex_destroy(&m->mutex);
        free(m);
}

static bool offers(const struct tls_identity *i)
{
        return i && tls_identity_has_key(i) && tls_identity_may_serve(i);
}

struct tls_identity *machine_identity(struct machine *m)
{
        pthread_mutex_lock(&m->mutex);
        struct tls_identity *i = offers(m->identity) ? tls_identity_hold(m->identity) : NULL;
        pthread_mutex_unlock(&m->mutex);
        return i;
}

bool machine_speaks_tls(struct machine *m)
{
        pthread_mutex_lock(&m->mutex);
        const bool is = offers(m->identity);
        pthread_mutex_unlock(&m->mutex);
        return is;
}

bool machine_turnstile(struct machine *m, const struct address *source, uint64_t now_ms)
{
        pthread_mutex_lock(&m->mutex);
        const bool may = turnstile_pass(&m->turnstile, source, now_ms);
        pthread_mutex_unlock(&m->mutex);
        return may;
}
