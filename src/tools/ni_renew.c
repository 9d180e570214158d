/* `ni renew`: a new certificate for this machine's key, where no agent does it (doc/tls.md 5). */
#include "tools/enrol.h"

#include "agent/config.h"
#include "model/status.h"
#include "sys/clock.h"
#include "sys/fs.h"

#include <errno.h>
#include <stdio.h>

enum { O_DIR = 256, O_NOW };
static const struct talk_option options[] = {
        {O_NOW, "now", NULL, "also when the certificate is good for some time yet"},
        {O_DIR, "dir", "DIR", "what was started with --dir DIR"},
        {0, NULL, NULL, NULL},
};
static const struct talk_manual manual = {
        .command = "renew",
        .synopsis = "renew [--now] [-s HOST[:PORT]]",
        .about = "Has this machine's certificate renewed when less than a third of its life is left.\n"
                 "netinfo-agent does so by itself; where none runs, call this once a day. Asks the server\n"
                 "of this machine, when it has the authority, else that of --server or those of `domains`\n"
                 "in agent.conf. A certificate that has run out less than a year ago is renewed, too.\n"
                 "For root.",
        .options = options,
        .examples = "  ni renew\n"
                    "  ni renew --now -s rome",
        .talks = true,
};

struct renew {
        struct talk *t;
        struct enrol_paths paths;
        struct tls_identity *identity;
        struct tls_request *request;
        const char *server; /* of --server */
        const char *words;  /* why those asked so far did not */
        bool denied;
};

static bool is_due(struct renew *r, bool always)
{
        const uint64_t now = clock_wall_us() / 1000000u, until = tls_identity_until(r->identity);
        const uint64_t life = until - tls_identity_since(r->identity);
        if (always || until <= now || until - now < life / 3)
                return true;
        talk_say(r->t, "%s is good until %s UTC; it is renewed from %s on", tls_identity_machine(r->identity),
                 enrol_date(r->t, until), enrol_date(r->t, until - life / 3));
        return false;
}

static bool make_request(struct renew *r)
{
        char path[PATH_MAX + 16];
        struct buf key;
        struct tls_why why = {""};
        buf_init(&key, 0);
        snprintf(path, sizeof(path), "%s/machine.key", r->paths.machine);
        const int err = fs_read(path, TLS_KEY_MAX, &key);
        const bool ok = !err && tls_request_make(buf_bytes(&key), r->request, &why);
        if (!ok)
                talk_error(r->t, err == EACCES ? EXIT_DENIED : EXIT_FAILED, path,
                           err ? strerror(err) : why.text, err == EACCES ? "become root" : NULL);
        if (key.data)
                explicit_bzero(key.data, key.cap);
        buf_done(&key);
        return ok;
}

static bool save(struct renew *r, struct bytes certificate)
{
        struct tls_identity *fresh;
        if (!enrol_save(r->t, &r->paths, tls_identity_authority_der(r->identity), certificate, NULL) ||
            enrol_load(r->t, &r->paths, true, &fresh) != TLS_FOUND)
                return false;
        talk_say(r->t, "%s is good until %s UTC", tls_identity_machine(fresh),
                 enrol_date(r->t, tls_identity_until(fresh)));
        tls_identity_release(fresh);
        return true;
}

/* The server of this machine, when it has the authority. */
static bool ask_own(struct renew *r)
{
        struct client_options o = r->t->server;
        struct client_why why;
        struct client *c;
        struct ext_renew_result result;
        const struct ext_renew_args args = {bytes_of(r->request->der, r->request->len)};
        o.server = r->paths.below ? r->paths.socket : NULL;
        if (client_open(&o, &c, &why) != NI_OK)
                return false;
        const bool ok = strncmp(client_peer(c), "unix:", 5) == 0 &&
                        client_renew(c, &args, &result) == NI_OK && result.status == NI_OK &&
                        save(r, result.certificate);
        client_close(c);
        return ok;
}

static bool ask(struct renew *r, const char *server)
{
        struct client_options o = r->t->server;
        struct client_why why = {""};
        struct client *c = NULL;
        struct ext_renew_result result;
        const struct ext_renew_args args = {bytes_of(r->request->der, r->request->len)};
        const char *reason = why.text;
        o.server = server;
        o.certificate_only = true; /* it may have run out */
        enum ni_status st = client_open(&o, &c, &why);
        if (st == NI_OK) {
                st = client_renew(c, &args, &result);
                reason = client_reason(c);
        }
        if (st == NI_OK) {
                st = (enum ni_status)result.status;
                r->denied |= st == NI_AUTHERROR;
                reason = st == NI_RDONLY ? "has no authority" : status_text(st);
        }
        const bool ok = st == NI_OK && save(r, result.certificate);
        if (!ok)
                r->words = arena_printf(&r->t->arena, "%s%s%s: %s", r->words ? r->words : "",
                                        r->words ? "; " : "", server, reason);
        client_close(c);
        return ok;
}

/* The servers of the domains that the agent follows, nearest first. */
static bool ask_followed(struct renew *r)
{
        struct agent_config c;
        struct agent_config_why why;
        bool ok = false;
        if (!agent_config_defaults(&c, NULL))
                return false;
        if (!agent_config_read(&c, r->paths.agent_conf, false, &why))
                r->words = arena_str(&r->t->arena, bytes_str(why.text));
        else
                for (uint32_t i = 0; i < c.above_count && !ok; i++)
                        for (uint32_t k = 0; k < c.above[i]->n && !ok; k++)
                                ok = ask(r, c.above[i]->v[k].address);
        agent_config_done(&c);
        return ok;
}

static void run(struct renew *r, bool always)
{
        struct talk *t = r->t;
        const enum tls_found found = enrol_load(t, &r->paths, true, &r->identity);
        if (found == TLS_NOT_THERE)
                talk_error(t, EXIT_NOT_FOUND, r->paths.machine, "this machine is not enrolled",
                           "`ni join` enrols it");
        if (found != TLS_FOUND || !is_due(r, always) || !make_request(r))
                return;
        if ((!r->server && ask_own(r)) || (r->server ? ask(r, r->server) : ask_followed(r)) || t->exit)
                return;
        talk_error(t, r->denied ? EXIT_DENIED : EXIT_UNREACHABLE, NULL,
                   r->words ? r->words : "no server is known that could have the authority",
                   r->denied ? "withdrawn machines join again with a token: `ni join --again`"
                             : "--server names the one that has the authority");
}

int ni_renew_run(int argc, char **argv)
{
        struct talk t;
        static struct tls_request request;
        struct renew r = {.t = &t, .request = &request};
        const char *dir = NULL;
        bool always = false;
        talk_begin(&t, &manual, argc, argv);
        for (int o; (o = talk_option(&t)) != TALK_END;) {
                if (o == TALK_STOP)
                        return talk_end(&t);
                dir = o == O_DIR ? t.argument : dir;
                always |= o == O_NOW;
        }
        r.server = t.server.server;
        if (t.operands)
                talk_usage(&t, "`%s` is one operand too many", t.operand[0]);
        else if (enrol_paths(&t, dir, &r.paths)) {
                if (dir) /* our own calls go out as the machine of that folder */
                        client_set_machine(r.paths.machine, NULL);
                run(&r, always);
        }
        tls_identity_release(r.identity);
        tls_request_wipe(&request);
        return talk_end(&t);
}
