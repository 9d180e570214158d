/* `ni init`: the first server of a fleet makes the authority (doc/tls.md). */
#include "tools/enrol.h"

#include "model/path.h"
#include "model/status.h"
#include "sys/clock.h"

#include <stdio.h>
#include <time.h>

enum { O_DIR = 256, O_NAME, O_TAG, O_LISTEN, O_NO_CONFIG, O_ANEW, O_YES };
static const struct talk_option options[] = {
        {O_NAME, "name", "NAME", "of this machine; default: the system's, up to its first dot"},
        {O_TAG, "tag", "TAG", "the domain that everybody shares; default network"},
        {O_LISTEN, "listen", "ADDRESS...", "doors for netinfod.conf; default: all addresses"},
        {O_NO_CONFIG, "no-config", NULL, "leave netinfod.conf alone"},
        {O_ANEW, "new-authority", NULL, "in place of the one there is: all machines join again"},
        {O_YES, "yes", NULL, "--new-authority without asking"},
        {O_DIR, "dir", "DIR", "what was started with --dir DIR"},
        {0, NULL, NULL, NULL},
};
static const struct talk_manual manual = {
        .command = "init",
        .synopsis = "init [--name NAME] [--tag TAG] [--listen ADDRESS...] [--no-config]\n"
                    "init --new-authority [--yes]",
        .about = "Makes this server the first one of a fleet whose machines know each other: the key that\n"
                 "signs, this machine's own certificate, and the domain that everybody shares, unless\n"
                 "they are there. netinfod listens on all addresses then; clear text is refused there,\n"
                 "but to networks that netinfod.conf names. What was done already stays as it is, so a\n"
                 "run that was broken off is simply repeated. For root, on the machine of the server.",
        .options = options,
        .examples = "  ni init\n"
                    "  ni init --listen '10.9.0.1:987'\n"
                    "  ni token create --count 40 > lab.join",
        .talks = true,
};

struct init {
        struct talk *t;
        struct enrol_paths paths;
        char name[TLS_NAME_MAX + 1];
        const char *tag, *listen;
        bool no_config, anew;
        uint8_t uuid[TLS_UUID_SIZE];
        struct bytes authority; /* DER, in the arena */
};

/* The authority, made or found. */
static bool find_authority(struct init *i)
{
        struct talk *t = i->t;
        struct ext_authority_result r;
        struct ext_authority_args args = {.verb = EXT_AUTHORITY_INIT,
                                          .flags = i->anew ? EXT_AUTHORITY_ANEW : 0};
        const enum ni_status st = client_authority(t->client, &args, &r);
        if (st == NI_OK && r.status == NI_DUPTAG) {
                args = (struct ext_authority_args){.verb = EXT_AUTHORITY_SHOW, .after = UINT32_MAX};
                if (!enrol_authority(t, &args, &r, "authority"))
                        return false;
                talk_say(t, "authority: it is there already");
        } else if (st != NI_OK || r.status != NI_OK) {
                const enum ni_status why = st != NI_OK ? st : (enum ni_status)r.status;
                talk_error(t, status_exit(why), "authority",
                           st != NI_OK ? client_reason(t->client) : status_text(why),
                           why == NI_PERM ? "become root on the server's machine" : "see the server's log");
                return false;
        }
        memcpy(i->uuid, r.uuid, sizeof(i->uuid));
        i->authority = arena_bytes(&t->arena, r.authority);
        return i->authority.len > 0;
}

/* Is this machine of this authority, and may serve, for some time yet? */
static bool is_enrolled(struct init *i)
{
        struct tls_identity *id;
        const uint64_t now = clock_wall_us() / 1000000u;
        if (enrol_load(i->t, &i->paths, false, &id) != TLS_FOUND)
                return false;
        const bool is = tls_identity_has_key(id) && tls_identity_may_serve(id) &&
                        memcmp(tls_identity_authority(id), i->uuid, sizeof(i->uuid)) == 0 &&
                        tls_identity_until(id) > now + TLS_CERTIFICATE_LIFE / 3;
        if (is)
                talk_say(i->t, "%s: this machine is %s already", i->paths.machine, tls_identity_machine(id));
        tls_identity_release(id);
        return is;
}

static bool enrol_self(struct init *i)
{
        struct talk *t = i->t;
        struct ext_authority_result r;
        struct tls_request *request = arena_zalloc(&t->arena, 1, sizeof(*request));
        if (is_enrolled(i))
                return true;
        if (!request || !enrol_request(t, &i->paths, request))
                return false;
        const struct ext_authority_args args = {.verb = EXT_AUTHORITY_SIGN,
                                                .subject = bytes_str(i->name),
                                                .request = bytes_of(request->der, request->len)};
        const bool ok = enrol_authority(t, &args, &r, i->name) &&
                        enrol_save(t, &i->paths, i->authority, r.certificate, request) &&
                        enrol_finish(t, &i->paths);
        tls_request_wipe(request);
        if (ok)
                talk_say(t, "%s: this machine is %s", i->paths.machine, i->name);
        return ok;
}

static bool await_domain(struct init *i)
{
        const struct binder_args args = {.tag = bytes_str(i->tag)};
        const struct timespec pause = {0, 20000000};
        struct binder_result r;
        for (unsigned tries = 0; tries < 500; tries++) {
                const enum ni_status st = client_binder(i->t->client, NIBIND_PROC_getregister, &args, &r);
                if (st == NI_OK && r.status == NI_OK)
                        return true;
                nanosleep(&pause, NULL);
        }
        talk_error(i->t, EXIT_FAILED, i->tag, "the domain was made, but nobody serves it yet",
                   "see the server's log");
        return false;
}

static bool make_domain(struct init *i)
{
        const struct binder_args args = {.tag = bytes_str(i->tag)};
        struct binder_result r;
        enum ni_status st = client_binder(i->t->client, NIBIND_PROC_createmaster, &args, &r);
        st = st == NI_OK ? (enum ni_status)r.status : st;
        if (st == NI_DUPTAG)
                return true;
        if (st != NI_OK) {
                talk_status(i->t, st, i->tag, "see the server's log");
                return false;
        }
        talk_say(i->t, "%s: the domain is made", i->tag);
        return await_domain(i);
}

/* Does the configuration open a door to others already? */
static bool has_doors(const char *listen)
{
        char word[300];
        int used;
        for (const char *p = listen; p && sscanf(p, " %299[^ ,\t]%n", word, &used) == 1;
             p += used, p += strspn(p, " ,\t"))
                if (strncmp(word, "127.", 4) != 0 && strncmp(word, "[::1]", 5) != 0 &&
                    strcmp(word, "none") != 0)
                        return true;
        return false;
}

static bool open_doors(struct init *i)
{
        struct talk *t = i->t;
        const char *now = enrol_conf_get(t, i->paths.server_conf, "listen"), *text = i->listen;
        if (i->no_config || (!text && has_doors(now)))
                return true;
        if (!text) {
                const char **v = enrol_addresses(t);
                text = now ? now : "127.0.0.1:987 [::1]:987";
                for (; v && *v && text; v++)
                        text = arena_printf(&t->arena, "%s %s:987", text, *v);
                if (!v || !text)
                        return false;
        }
        return enrol_conf_set(t, i->paths.server_conf, "listen", text);
}

static void run(struct init *i)
{
        struct talk *t = i->t;
        if (i->anew &&
            !talk_confirm(t, "Make a new authority? Every machine of the fleet has to join again."))
                return;
        if (!talk_connect(t))
                return;
        if (strncmp(client_peer(t->client), "unix:", 5) != 0) {
                talk_error(t, EXIT_DENIED, client_peer(t->client),
                           "an authority is made over the server's UNIX socket only",
                           "run this on the server's machine, as root");
                return;
        }
        if (!find_authority(i) || !enrol_self(i) || !make_domain(i) || !open_doors(i))
                return;
        enrol_reload(t, &i->paths, ENROL_NETINFOD);
        talk_say(t, "next: `ni token create`, and `ni join` on each machine with what it prints");
        talk_say(t, "back up the folder `authority` (/var/lib/netinfo/authority): who has it can be every "
                    "machine");
}

int ni_init_run(int argc, char **argv)
{
        struct talk t;
        static struct init i;
        const char *dir = NULL, *name = NULL;
        talk_begin(&t, &manual, argc, argv);
        i = (struct init){.t = &t, .tag = "network"};
        for (int o; (o = talk_option(&t)) != TALK_END;) {
                if (o == TALK_STOP)
                        return talk_end(&t);
                dir = o == O_DIR ? t.argument : dir;
                name = o == O_NAME ? t.argument : name;
                i.tag = o == O_TAG ? t.argument : i.tag;
                i.listen = o == O_LISTEN ? t.argument : i.listen;
                i.no_config |= o == O_NO_CONFIG;
                i.anew |= o == O_ANEW;
                t.yes |= o == O_YES;
        }
        if (t.operands)
                talk_usage(&t, "`%s` is one operand too many", t.operand[0]);
        else if (!tag_is_valid(bytes_str(i.tag)))
                talk_usage(&t, "--tag %s: cannot be a domain's tag", i.tag);
        else if (enrol_paths(&t, dir, &i.paths) && enrol_name(&t, name, i.name))
                run(&i);
        return talk_end(&t);
}
