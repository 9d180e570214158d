/* JOIN and RENEW (doc/tls.md 3). Who has proved nothing hears one status for every reason; the log has the
 * reason. */
#include "server/authority-internal.h"

#include "server/call.h"
#include "server/secret.h"
#include "sys/clock.h"
#include "sys/log.h"
#include "tls/digest.h"
#include "tls/name.h"
#include "tls/request.h"

#include <stdio.h>

#define JOINS        UINT32_MAX /* stands for the uid where wrong proofs are counted: no user has it */
#define CERTIFICATES 64u        /* good ones of a machine at once: 14 days, in which one is renewed twice */

/* What strangers can make happen as often as they like. */
static struct log_limit join_refused_limit, renew_refused_limit, renewed_limit;

static bool proves(const struct authority_call *c, const struct ledger_entry *token)
{
        uint8_t proof[TLS_DIGEST_SIZE] = {0};
        const bool right = tls_join_proof(token->secret, c->exported, c->join.request, c->join.name, proof) &&
                           tls_equal(proof, c->join.proof, sizeof(proof));
        explicit_bzero(proof, sizeof(proof));
        return right;
}

/* A join whose answer was lost may be asked again: the same token, name and key. */
static bool is_repeated(const struct authority *a, const struct ledger_entry *token, const char *name,
                        const uint8_t key[LEDGER_KEY_SIZE])
{
        for (size_t i = a->ledger.n; i-- > 0;) {
                const struct ledger_entry *e = &a->ledger.v[i];
                if (e->kind == LEDGER_MACHINE && !e->withdrawn && strcmp(e->name, name) == 0)
                        return memcmp(e->key, key, LEDGER_KEY_SIZE) == 0 &&
                               memcmp(e->token, token->token, EXT_TOKEN_SIZE) == 0;
        }
        return false;
}

struct verdict {
        struct ledger_entry *token;
        char name[TLS_NAME_MAX + 1];
        bool repeated;
        bool wrong; /* somebody is guessing */
        const char *reason;
};

static uint32_t because(struct verdict *v, uint32_t status, const char *reason)
{
        v->reason = reason;
        return status;
}

/* Who has the token, and not only its number? */
static uint32_t judge_proof(const struct authority *a, const struct authority_call *c, struct verdict *v)
{
        v->token = ledger_find_token(&a->ledger, c->join.token);
        v->wrong = true;
        if (!v->token)
                return because(v, NI_AUTHERROR, "there is no such token");
        if (!v->token->has_secret)
                return because(v, NI_AUTHERROR, "the token has run out");
        if (!proves(c, v->token))
                return because(v, NI_AUTHERROR, "the secret is wrong");
        v->wrong = false;
        return NI_OK;
}

/* NI_OK: it may join, and all but `reason` of *v is set. */
static uint32_t judge(const struct authority *a, const struct authority_call *c, struct verdict *v)
{
        uint8_t key[LEDGER_KEY_SIZE];
        struct tls_why why;
        struct network n;
        const uint32_t status = judge_proof(a, c, v);
        const struct ledger_entry *t = v->token;
        if (status != NI_OK)
                return status;
        if (t->until <= authority_now())
                return because(v, EXT_JOIN_RUN_OUT, "the token has run out");
        if (!tls_name_valid(c->join.name))
                return because(v, NI_AUTHERROR, "that is no name for a machine");
        snprintf(v->name, sizeof(v->name), "%.*s", BYTES_FMT(c->join.name));
        if (t->name[0] && strcmp(t->name, v->name) != 0)
                return because(v, EXT_JOIN_OTHER_NAME, "the token is for another machine");
        if (t->from[0] && !(network_parse(bytes_str(t->from), &n) && network_has(&n, &c->address)))
                return because(v, EXT_JOIN_OTHER_NETWORK, "the token is for another network");
        if (!tls_request_check(c->join.request, key, &why))
                return because(v, NI_AUTHERROR, "the request is malformed");
        v->repeated = is_repeated(a, t, v->name, key);
        if (t->uses == 0 && !v->repeated)
                return because(v, EXT_JOIN_USED_UP, "the token is used up");
        const struct ledger_entry *old = v->repeated ? NULL : ledger_find_machine(&a->ledger, v->name, NULL);
        if (old && !t->again)
                return because(v, EXT_JOIN_ENROLLED, "a machine of that name is enrolled already");
        if (old && old->server && !t->server) /* a token for 40 desks must not take a server out */
                return because(
                        v, EXT_JOIN_SERVER,
                        "the machine of that name is a server, and the token is for none (--may-serve, "
                        "or ni machine rm first)");
        if (v->repeated && ledger_good(&a->ledger, v->name, authority_now()) >= CERTIFICATES)
                return because(v, EXT_JOIN_TOO_OFTEN, "it has been asked too often");
        return NI_OK;
}

static void answer_join(struct call *call, const struct tls_signed *s, const char *domains)
{
        const struct ext_join_result r = {
                .status = NI_OK, .certificate = bytes_of(s->der, s->len), .domains = bytes_str(domains)};
        call_reply_begin(call);
        ext_join_encode(&r, &call->reply);
        call_reply_end(call);
        if (call->reply.failed)
                call_refuse(call, NI_SYSTEMERR);
}

static void refuse_join(struct call *call, uint32_t status, const char *reason)
{
        /* Anybody may have sent the name: it must not look like words of ours. */
        const struct bytes said = call->args.authority.join.name;
        const struct bytes name = tls_name_valid(said) ? said : BYTES_LIT("?");
        log_limited(&join_refused_limit, LOG_LEVEL_WARNING, "join-refused",
                    "machine=\"%.*s\" from=\"%s\" reason=\"%s\"", BYTES_FMT(name), call->from, reason);
        call_refuse(call, status);
}

/* The certificate, the use and what it takes the place of: one ledger. */
static bool enter(struct authority *a, struct call *call, struct ledger_entry *token, const char *name,
                  bool repeated, struct tls_signed *ret)
{
        const struct authority_call *c = &call->args.authority;
        struct ledger_entry e = {.server = token->server};
        memcpy(e.token, token->token, sizeof(e.token));
        snprintf(e.name, sizeof(e.name), "%s", name);
        address_text(&c->address, e.from, sizeof(e.from));
        if (!repeated) {
                token->uses--; /* before the ledger grows, and the token lies elsewhere */
                ledger_withdraw(&a->ledger, name);
        }
        return authority_sign(a, c->join.request, &e, ret) && authority_keep(a);
}

void authority_join(struct authority *a, struct call *call)
{
        const struct authority_call *c = &call->args.authority;
        struct verdict v = {0};
        struct tls_signed *s = arena_alloc(&call->arena, sizeof(*s));
        if (!a->signer || a->broken || !s) {
                call_refuse(call, a->signer ? NI_SYSTEMERR : NI_RDONLY);
                return;
        }
        if (!secrets_allow(a->secrets, &c->address, JOINS, clock_mono_ms())) {
                refuse_join(call, NI_AUTHERROR, "too many wrong ones from there; not looked at");
                return;
        }
        const uint32_t status = judge(a, c, &v);
        if (v.wrong)
                secrets_result(a->secrets, &c->address, JOINS, false, clock_mono_ms());
        if (status != NI_OK) {
                refuse_join(call, status, v.reason);
                return;
        }
        const char *domains = v.token->domains ? arena_str(&call->arena, bytes_str(v.token->domains)) : "";
        if (!domains || !enter(a, call, v.token, v.name, v.repeated, s)) {
                authority_reload(a);
                call_refuse(call, NI_SYSTEMERR);
                return;
        }
        authority_tell_withdrawn(a);
        log_event(LOG_LEVEL_NOTICE, "join", "machine=\"%s\" from=\"%s\"%s", v.name, call->from,
                  v.repeated ? " note=\"again, with the same key\"" : "");
        answer_join(call, s, domains);
}

/* -- RENEW -- */

static void refuse_renewal(struct call *call, const char *reason)
{
        log_limited(&renew_refused_limit, LOG_LEVEL_WARNING, "renew-refused",
                    "machine=\"%s\" from=\"%s\" reason=\"%s\"", call->args.authority.peer.machine, call->from,
                    reason);
        call_refuse(call, NI_AUTHERROR);
}

static void answer_renewal(struct call *call, const struct tls_signed *s)
{
        const struct ext_renew_result r = {.status = NI_OK, .certificate = bytes_of(s->der, s->len)};
        call_reply_begin(call);
        ext_renew_encode(&r, &call->reply);
        call_reply_end(call);
        if (call->reply.failed)
                call_refuse(call, NI_SYSTEMERR);
}

void authority_renew(struct authority *a, struct call *call)
{
        const struct authority_call *c = &call->args.authority;
        struct tls_signed *s = arena_alloc(&call->arena, sizeof(*s));
        uint8_t key[LEDGER_KEY_SIZE];
        struct tls_why why;
        if (!a->signer || a->broken || !s) {
                call_refuse(call, a->signer ? NI_SYSTEMERR : NI_RDONLY);
                return;
        }
        if (!tls_request_check(c->renew.request, key, &why)) {
                refuse_renewal(call, "the request is malformed");
                return;
        }
        /* Over the UNIX socket, where there is no session, the superuser's key says which machine this is. */
        const struct ledger_entry *old =
                c->peer.certified ? ledger_find_machine(&a->ledger, c->peer.machine, c->peer.serial)
                                  : ledger_find_key(&a->ledger, key);
        if (!old) {
                refuse_renewal(call, "withdrawn, or not in the ledger");
                return;
        }
        if (ledger_good(&a->ledger, old->name, authority_now()) >= CERTIFICATES) {
                refuse_renewal(call, "renewed too often");
                return;
        }
        struct ledger_entry e = {.server = old->server};
        memcpy(e.token, old->token, sizeof(e.token));
        snprintf(e.name, sizeof(e.name), "%s", old->name);
        if (c->peer.certified)
                address_text(&c->address, e.from, sizeof(e.from));
        else
                snprintf(e.from, sizeof(e.from), "itself");
        if (!authority_sign(a, c->renew.request, &e, s) || !authority_keep(a)) {
                authority_reload(a);
                call_refuse(call, NI_SYSTEMERR);
                return;
        }
        log_limited(&renewed_limit, LOG_LEVEL_INFO, "renewed", "machine=\"%s\" from=\"%s\"", e.name,
                    call->from);
        answer_renewal(call, s);
}
