/* `ni join`: this machine becomes one of a fleet (doc/tls.md 4). */
#include "tools/enrol.h"

#include "model/status.h"
#include "sys/fs.h"
#include "sys/terminal.h"
#include "tls/join_string.h"
#include "tls/session.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#define TEXT_MOST 4096u /* of what is read, blanks and all */

enum { O_DIR = 256, O_NAME, O_FILE, O_AGAIN, O_NO_CONFIG };
static const struct talk_option options[] = {
        {O_NAME, "name", "NAME", "of this machine; default: the system's, up to its first dot"},
        {O_FILE, "file", "FILE", "with the join string; default: standard input, or a question"},
        {O_AGAIN, "again", NULL, "also when this machine is enrolled already"},
        {O_NO_CONFIG, "no-config", NULL, "leave agent.conf alone"},
        {O_DIR, "dir", "DIR", "what was started with --dir DIR"},
        {0, NULL, NULL, NULL},
};
static const struct talk_manual manual = {
        .command = "join",
        .synopsis = "join [--name NAME] [--file FILE] [--again] [--no-config]",
        .about = "Enrols this machine with a join string (`ni token create`): makes its key, which stays\n"
                 "here, and has it signed; nothing is sent before the server has shown that it is of the\n"
                 "fleet of the string. Then netinfo-agent follows the domains that the fleet names\n"
                 "(`domains` in agent.conf). The string is never taken from the command line, which\n"
                 "others can see. A run that was broken off is simply repeated. For root.",
        .options = options,
        .examples = "  ni join < lab.join\n"
                    "  ni join --name leaf\n"
                    "  ssh rome ni token create --machine leaf | ni join",
        .talks = true,
};

struct join {
        struct talk *t;
        struct enrol_paths paths;
        const char *file;
        bool again, no_config;
        char name[TLS_NAME_MAX + 1];
        struct join_string string;
        struct tls_request *request;
        struct bytes authority, certificate; /* DER, in the arena */
        const char *domains;
};

/* -- the join string -- */

static int read_string(const char *file, struct buf *ret)
{
        char c[512];
        int err = 0;
        if (file)
                return fs_read(file, TEXT_MOST, ret);
        for (ssize_t n; !err && (n = read(STDIN_FILENO, c, sizeof(c))) != 0;) {
                if (n < 0 && errno != EINTR)
                        err = errno;
                if (n > 0)
                        buf_put(ret, bytes_of(c, (size_t)n));
                if (ret->failed)
                        err = EFBIG;
        }
        explicit_bzero(c, sizeof(c));
        return err;
}

static bool ask_string(struct join *j, struct buf *ret)
{
        char line[JOIN_STRING_MAX + 2];
        const int err = terminal_ask_secret("Join string (not shown): ", line, sizeof(line));
        if (!err)
                buf_puts(ret, line);
        explicit_bzero(line, sizeof(line));
        if (err)
                talk_error(j->t, EXIT_USAGE, "join string", err == ENODATA ? "none was given" : strerror(err),
                           "`ni token create` on the authority's server prints one");
        return !err;
}

static bool take_string(struct join *j)
{
        struct buf text;
        struct tls_why why = {""};
        buf_init(&text, 2 * 65536);
        bool ok = true;
        if (!j->file && isatty(STDIN_FILENO)) {
                ok = ask_string(j, &text);
        } else {
                const int err = read_string(j->file, &text);
                ok = err == 0;
                if (err)
                        talk_error(j->t, err == ENOENT ? EXIT_NOT_FOUND : EXIT_FAILED,
                                   j->file ? j->file : "standard input", strerror(err), NULL);
        }
        if (ok && !join_string_parse(buf_bytes(&text), &j->string, &why)) {
                talk_error(j->t, EXIT_USAGE, "join string", why.text,
                           "give the whole line that `ni token create` printed");
                ok = false;
        }
        if (text.data)
                explicit_bzero(text.data, text.cap);
        buf_done(&text);
        return ok;
}

/* -- one server -- */

static bool prove(struct join *j, struct client *c, struct ext_join_args *ret)
{
        uint8_t exported[TLS_EXPORT_SIZE];
        struct tls_session *s = client_session(c);
        *ret = (struct ext_join_args){.name = bytes_str(j->name),
                                      .request = bytes_of(j->request->der, j->request->len)};
        memcpy(ret->token, j->string.token, sizeof(ret->token));
        const bool ok = s && tls_session_export(s, TLS_JOIN_LABEL, exported) &&
                        tls_join_proof(j->string.secret, exported, ret->request, ret->name, ret->proof);
        if (ok)
                j->authority = arena_bytes(&j->t->arena, tls_session_authority(s));
        explicit_bzero(exported, sizeof(exported));
        return ok;
}

/* Asks one server; NI_FAILED and NI_RDONLY: another one may do. */
static uint32_t ask(struct join *j, const char *server, char *why, size_t size)
{
        struct client_options o = j->t->server;
        struct client_why reason = {""};
        struct client *c = NULL;
        struct ext_join_args args;
        struct ext_join_result r;
        o.server = server;
        o.pin = j->string.pin;
        o.no_domain = true;
        uint32_t st = client_open(&o, &c, &reason);
        if (st != NI_OK) {
                snprintf(why, size, "%s", reason.text);
                return NI_FAILED;
        }
        st = prove(j, c, &args) ? client_join(c, &args, &r) : NI_SYSTEMERR;
        if (st == NI_OK)
                st = r.status;
        else
                snprintf(why, size, "%s: %s", server,
                         st == NI_SYSTEMERR ? "out of memory" : client_reason(c));
        if (st == NI_OK) {
                j->certificate = arena_bytes(&j->t->arena, r.certificate);
                j->domains = arena_str(&j->t->arena, r.domains);
        } else if (!why[0]) {
                snprintf(why, size, "%s: %s", server,
                         st == NI_RDONLY ? "has no authority" : status_text((enum ni_status)st));
        }
        client_close(c);
        return st;
}

static bool refused(struct join *j, const char *server, uint32_t status)
{
        static const struct {
                uint32_t status;
                int code;
                const char *reason, *way_out;
        } all[] = {
                {EXT_JOIN_RUN_OUT, EXIT_DENIED, "the token has run out",
                 "`ni token create --ttl TIME` makes another one"},
                {EXT_JOIN_USED_UP, EXIT_DENIED, "the token is used up",
                 "`ni token create` makes another one, with --count N for N machines"},
                {EXT_JOIN_OTHER_NAME, EXIT_DENIED, "the token is for a machine of another name",
                 "--name gives this machine's"},
                {EXT_JOIN_OTHER_NETWORK, EXIT_DENIED, "the token is not for this machine's network",
                 "`ni token create --from CIDR` makes one that is"},
                {EXT_JOIN_ENROLLED, EXIT_CONFLICT, "a machine of this name is enrolled already",
                 "if it is this one: `ni token create --again` makes a token for that; else give another "
                 "--name"},
                {EXT_JOIN_SERVER, EXIT_DENIED,
                 "the machine of this name is a server, and the token is for none",
                 "`ni token create --again --may-serve` makes one that is"},
                {EXT_JOIN_TOO_OFTEN, EXIT_DENIED, "this machine has been signed too often in two weeks",
                 "see the server's log"},
                {NI_AUTHERROR, EXIT_DENIED,
                 "the token is wrong, was removed or has run out long ago, or there were too many wrong ones "
                 "from here",
                 "`ni token create` makes another one; the server's log says more (join-refused)"},
        };
        const unsigned last = sizeof(all) / sizeof(all[0]) - 1;
        unsigned i = 0;
        while (i < last && all[i].status != status)
                i++;
        talk_error(j->t, all[i].code, server, all[i].reason, all[i].way_out);
        return false;
}

static bool ask_all(struct join *j)
{
        char why[1100] = "";
        const char *words = "";
        for (unsigned i = 0; i < j->string.n && words; i++) {
                const struct join_server *s = &j->string.servers[i];
                const bool v6 = strchr(s->host, ':') != NULL;
                const char *server = arena_printf(&j->t->arena, "%s%s%s:%u", v6 ? "[" : "", s->host,
                                                  v6 ? "]" : "", s->port ? s->port : NI_DEFAULT_PORT);
                why[0] = '\0';
                const uint32_t st = server ? ask(j, server, why, sizeof(why)) : NI_SYSTEMERR;
                if (st == NI_OK)
                        return j->certificate.len && j->authority.len && j->domains;
                if (st == NI_AUTHERROR || (st >= EXT_JOIN_RUN_OUT && st <= EXT_JOIN_SERVER))
                        return refused(j, server, st);
                words = arena_printf(&j->t->arena, "%s%s%s", words, *words ? "; " : "", why);
        }
        talk_error(j->t, EXIT_UNREACHABLE, NULL, words && *words ? words : "no server answers",
                   "run the same again when one of them is there: the token is as it was");
        return false;
}

/* -- this machine -- */

static bool may_go_on(struct join *j)
{
        struct tls_identity *id;
        const char *machine;
        if (enrol_load(j->t, &j->paths, false, &id) != TLS_FOUND)
                return true;
        machine = arena_str(&j->t->arena, bytes_str(tls_identity_machine(id)));
        tls_identity_release(id);
        if (j->again || !machine || !*machine || enrol_pending(&j->paths))
                return true;
        talk_error(j->t, EXIT_CONFLICT, j->paths.machine,
                   arena_printf(&j->t->arena, "this machine is enrolled, as %s", machine),
                   "--again enrols it anew, with a new key");
        return false;
}

static bool follow(struct join *j)
{
        const char *domains = *j->domains ? j->domains : NULL;
        if (!domains)
                return true;
        for (const char *p = domains; *p; p++)
                if (*p < ' ' || *p > '~') { /* a line of our configuration: of one line */
                        talk_error(j->t, EXIT_FAILED, "domains",
                                   "what the server names cannot stand in a configuration",
                                   "this machine is enrolled; write `domains` into agent.conf yourself");
                        return false;
                }
        const char *text = arena_printf(&j->t->arena, "local, %s", domains);
        return text && enrol_conf_set(j->t, j->paths.agent_conf, "domains", text);
}

static bool check(struct join *j)
{
        struct tls_identity *id;
        const enum tls_found found = enrol_load(j->t, &j->paths, true, &id);
        if (found != TLS_FOUND)
                return false;
        talk_say(j->t, "%s: this machine is %s, until %s UTC, and renews itself", j->paths.machine,
                 tls_identity_machine(id), enrol_date(j->t, tls_identity_until(id)));
        tls_identity_release(id);
        return true;
}

static void run(struct join *j)
{
        struct talk *t = j->t;
        if (!may_go_on(j) || !take_string(j))
                return;
        j->request = arena_zalloc(&t->arena, 1, sizeof(*j->request));
        if (!j->request || !enrol_request(t, &j->paths, j->request))
                return;
        const bool ok =
                ask_all(j) && enrol_save(t, &j->paths, j->authority, j->certificate, j->request) && check(j);
        tls_request_wipe(j->request);
        if (!ok || (!j->no_config && !follow(j)) || !enrol_finish(t, &j->paths))
                return;
        enrol_reload(t, &j->paths, ENROL_NETINFOD);
        enrol_reload(t, &j->paths, ENROL_AGENT);
}

int ni_join_run(int argc, char **argv)
{
        struct talk t;
        static struct join j;
        const char *dir = NULL, *name = NULL;
        talk_begin(&t, &manual, argc, argv);
        j = (struct join){.t = &t};
        for (int o; (o = talk_option(&t)) != TALK_END;) {
                if (o == TALK_STOP)
                        return talk_end(&t);
                dir = o == O_DIR ? t.argument : dir;
                name = o == O_NAME ? t.argument : name;
                j.file = o == O_FILE ? t.argument : j.file;
                j.again |= o == O_AGAIN;
                j.no_config |= o == O_NO_CONFIG;
        }
        if (t.operands)
                talk_usage(&t, "the join string is not taken from the command line, which others can see; "
                               "give it on "
                               "standard input, or in a --file");
        else if (enrol_paths(&t, dir, &j.paths) && enrol_name(&t, name, j.name))
                run(&j);
        explicit_bzero(&j.string, sizeof(j.string));
        return talk_end(&t);
}
