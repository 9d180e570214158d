#include "server/authority-internal.h"

#include "server/call.h"
#include "server/pool.h"
#include "server/withdrawn.h"
#include "server/worker.h"
#include "sys/clock.h"
#include "sys/fs.h"
#include "sys/log.h"
#include "sys/random.h"
#include "tls/name.h"
#include "tls/request.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define LEDGER_BYTES ((size_t)LIMIT_LEDGER * 512u) /* of the file */
#define TTL_LEAST    60u                           /* seconds that a token lives: somebody has to carry it */
#define TTL_MOST     (366u * 86400u)

_Static_assert(EXT_UUID_SIZE == TLS_UUID_SIZE && EXT_PIN_SIZE == TLS_PIN_SIZE, "one size");
_Static_assert(EXT_SECRET_SIZE == TLS_SECRET_SIZE && EXT_PROOF_SIZE == TLS_DIGEST_SIZE, "one size");
_Static_assert(LIMIT_REQUEST == TLS_REQUEST_MAX && LIMIT_REQUEST == TLS_CERTIFICATE_MAX, "one size");
_Static_assert(LIMIT_MACHINE_NAME == TLS_NAME_MAX && LEDGER_SERIAL_SIZE == TLS_SERIAL_SIZE, "one size");
_Static_assert(LEDGER_KEY_SIZE == TLS_PIN_SIZE, "one size");

uint64_t authority_now(void)
{
        return clock_wall_us() / 1000000u;
}

/* -- files -- */

static bool path_of(const struct authority *a, const char *name, char to[PATH_MAX + 32])
{
        return snprintf(to, PATH_MAX + 32, "%s/%s", a->folder, name) < PATH_MAX;
}

/* The serials that the server refuses: of what is withdrawn, and has not run out by itself. */
void authority_tell_withdrawn(struct authority *a)
{
        const uint64_t now = authority_now();
        unsigned n = 0;
        struct withdrawn_serial *v = calloc(a->ledger.n + 1, sizeof(*v));
        for (size_t i = 0; v && i < a->ledger.n; i++) {
                const struct ledger_entry *e = &a->ledger.v[i];
                if (e->kind == LEDGER_MACHINE && e->withdrawn && e->until > now)
                        memcpy(v[n++].b, e->serial, sizeof(v[0].b));
        }
        if (!v || !withdrawn_set(a->withdrawn, v, n))
                log_event(LOG_LEVEL_ERROR, "withdrawn",
                          "reason=\"no memory: what was withdrawn before stays so\"");
        free(v);
}

/* The ledger as the disk has it; a missing file is an empty one. */
bool authority_reload(struct authority *a)
{
        char path[PATH_MAX + 32];
        struct buf text;
        struct ledger fresh;
        struct ledger_why why = {""};
        ledger_init(&fresh);
        buf_init(&text, 0);
        const int err = path_of(a, "ledger", path) ? fs_read(path, LEDGER_BYTES, &text) : ENAMETOOLONG;
        bool ok = !err || err == ENOENT;
        if (!ok)
                snprintf(why.text, sizeof(why.text), "%s", strerror(err));
        else
                ok = ledger_parse(buf_bytes(&text), &fresh, &why);
        if (text.data)
                explicit_bzero(text.data, text.cap);
        buf_done(&text);
        if (!ok) {
                log_event(LOG_LEVEL_ERROR, "authority-broken",
                          "file=\"%s\" reason=\"%s\" note=\"nobody is enrolled or renewed; put a good copy "
                          "there and "
                          "start again\"",
                          path, why.text);
                a->broken = true;
                return false;
        }
        ledger_done(&a->ledger);
        a->ledger = fresh;
        a->broken = false;
        authority_tell_withdrawn(a);
        return true;
}

bool authority_keep(struct authority *a)
{
        char path[PATH_MAX + 32];
        struct buf text;
        ledger_tidy(&a->ledger, authority_now());
        buf_init(&text, LEDGER_BYTES);
        ledger_print(&a->ledger, &text);
        int err = text.failed ? EFBIG : path_of(a, "ledger", path) ? 0 : ENAMETOOLONG;
        if (!err)
                err = fs_replace(path, buf_bytes(&text), 0600, (uid_t)-1, (gid_t)-1, NULL, NULL);
        if (text.data)
                explicit_bzero(text.data, text.cap);
        buf_done(&text);
        if (!err)
                return true;
        log_event(LOG_LEVEL_ERROR, "ledger-failed", "folder=\"%s\" reason=\"%s\"", a->folder, strerror(err));
        authority_reload(a);
        return false;
}

static enum tls_found load(struct authority *a)
{
        struct tls_why why = {""};
        struct tls_authority *signer = NULL;
        const enum tls_found found = tls_authority_load(a->folder, &signer, &why);
        if (found == TLS_UNUSABLE)
                log_event(LOG_LEVEL_ERROR, "authority-unusable", "reason=\"%s\"", why.text);
        if (found != TLS_FOUND)
                return found;
        static const char *const names[] = {"ledger"};
        fs_tidy_replaced(a->folder, names, 1);
        a->signer = signer;
        if (authority_reload(a))
                log_event(LOG_LEVEL_NOTICE, "authority", "folder=\"%s\" lines=%zu", a->folder, a->ledger.n);
        return found;
}

bool authority_sign(struct authority *a, struct bytes request, const struct ledger_entry *as,
                    struct tls_signed *ret)
{
        struct tls_why why = {""};
        struct ledger_entry e = *as;
        const uint64_t now = authority_now();
        if (!tls_request_check(request, e.key, &why) ||
            !tls_authority_sign(a->signer, request, e.name, e.server, now, ret, &why)) {
                log_event(LOG_LEVEL_ERROR, "sign-failed", "machine=\"%s\" reason=\"%s\"", e.name, why.text);
                return false;
        }
        e.kind = LEDGER_MACHINE;
        e.when = now;
        e.until = ret->until;
        memcpy(e.serial, ret->serial, sizeof(e.serial));
        if (ledger_add(&a->ledger, &e))
                return true;
        log_event(LOG_LEVEL_ERROR, "sign-failed", "machine=\"%s\" reason=\"the ledger is full\"", e.name);
        return false;
}

/* -- verbs -- */

static bool move_aside(struct authority *a, const char *name)
{
        char from[PATH_MAX + 32], to[PATH_MAX + 40];
        if (!path_of(a, name, from))
                return false;
        snprintf(to, sizeof(to), "%s.old", from);
        return rename(from, to) == 0 || errno == ENOENT;
}

/* The certificate goes first: without it there is no authority, and the next INIT goes on from here. */
static bool retire(struct authority *a)
{
        tls_authority_free(a->signer);
        a->signer = NULL;
        return move_aside(a, "authority.crt") && move_aside(a, "authority.key") && move_aside(a, "ledger") &&
               fs_sync_folder(a->folder) == 0;
}

static enum ni_status init(struct authority *a, const struct ext_authority_args *args)
{
        struct tls_why why = {""};
        const bool anew = args->flags & EXT_AUTHORITY_ANEW;
        /* One that could not be read at the start may be good by now. Still not: somebody has to mend it, or
         * to say that it is worth nothing; the whole fleet believes in it. */
        const enum tls_found found = a->signer || anew ? TLS_NOT_THERE : load(a);
        if (a->signer && !anew)
                return NI_DUPTAG;
        if (found == TLS_UNUSABLE)
                return NI_SYSTEMERR;
        if (mkdir(a->folder, 0700) < 0 && errno != EEXIST) {
                log_event(LOG_LEVEL_ERROR, "authority-failed",
                          "folder=\"%s\" reason=\"cannot be made: %s\" note=\"make it for the server's user: "
                          "install -d "
                          "-o USER -m 0700 FOLDER\"",
                          a->folder, strerror(errno));
                return NI_NOSPACE;
        }
        /* A key without its certificate is what a crash left. What is there is kept aside. */
        if (!retire(a) || !tls_authority_create(a->folder, authority_now(), &why)) {
                log_event(LOG_LEVEL_ERROR, "authority-failed", "folder=\"%s\" reason=\"%s\"", a->folder,
                          why.text[0] ? why.text : strerror(errno));
                return NI_NOSPACE;
        }
        load(a);
        if (!a->signer || a->broken)
                return NI_SYSTEMERR;
        log_event(LOG_LEVEL_NOTICE, "authority-made", "folder=\"%s\"", a->folder);
        return NI_OK;
}

static bool copy_text(struct bytes from, char *to, size_t cap)
{
        if (from.len >= cap)
                return false;
        snprintf(to, cap, "%.*s", BYTES_FMT(from));
        return true;
}

static bool is_plain(struct bytes text)
{
        for (size_t i = 0; i < text.len; i++)
                if (text.data[i] < ' ' || text.data[i] > '~')
                        return false;
        return true;
}

/* NI_FAILED: something is not fit. */
static enum ni_status take_token(const struct ext_authority_args *args, const char *by,
                                 struct ledger_entry *e)
{
        struct network n;
        if ((args->subject.len && !tls_name_valid(args->subject)) ||
            (args->from.len && !network_parse(args->from, &n)))
                return NI_FAILED;
        if (args->count == 0 || args->count > LIMIT_LEDGER || (args->subject.len && args->count != 1))
                return NI_FAILED;
        if (args->seconds < TTL_LEAST || args->seconds > TTL_MOST || !is_plain(args->domains))
                return NI_FAILED;
        e->kind = LEDGER_TOKEN;
        e->server = args->flags & EXT_AUTHORITY_SERVER;
        e->again = args->flags & EXT_AUTHORITY_AGAIN;
        e->uses = args->count;
        e->when = authority_now();
        e->until = e->when + args->seconds;
        e->has_secret = true;
        random_bytes(e->token, sizeof(e->token));
        random_bytes(e->secret, sizeof(e->secret));
        snprintf(e->by, sizeof(e->by), "%s", by);
        return copy_text(args->subject, e->name, sizeof(e->name)) &&
                               copy_text(args->from, e->from, sizeof(e->from))
                       ? NI_OK
                       : NI_FAILED;
}

static void hex_of(const uint8_t *v, size_t n, char *to)
{
        for (size_t i = 0; i < n; i++)
                snprintf(to + 2 * i, 3, "%02x", v[i]);
}

static enum ni_status make_token(struct authority *a, struct call *call, struct ext_authority_result *r)
{
        const struct ext_authority_args *args = &call->args.authority.authority;
        struct ledger_entry e = {.domains = arena_str(&call->arena, args->domains)};
        char id[2 * EXT_TOKEN_SIZE + 1];
        uint8_t *secret = arena_alloc(&call->arena, EXT_SECRET_SIZE);
        enum ni_status st = e.domains && secret ? take_token(args, call->from, &e) : NI_SYSTEMERR;
        if (st == NI_OK && (!ledger_add(&a->ledger, &e) || !authority_keep(a)))
                st = NI_NOSPACE;
        if (st == NI_OK) {
                hex_of(e.token, sizeof(e.token), id);
                log_event(LOG_LEVEL_NOTICE, "token-made",
                          "token=%s machine=\"%s\" uses=%u from=\"%s\" until=%llu server=%s by=\"%s\"", id,
                          e.name[0] ? e.name : "*", e.uses, e.from[0] ? e.from : "*",
                          (unsigned long long)e.until, e.server ? "yes" : "no", e.by);
                memcpy(r->token, e.token, sizeof(r->token));
                memcpy(secret, e.secret, EXT_SECRET_SIZE);
                r->secret = bytes_of(secret, EXT_SECRET_SIZE);
        }
        explicit_bzero(&e, sizeof(e));
        return st;
}

static bool token_id(struct bytes text, uint8_t ret[EXT_TOKEN_SIZE])
{
        if (text.len != 2 * EXT_TOKEN_SIZE)
                return false;
        for (size_t i = 0; i < EXT_TOKEN_SIZE; i++) {
                unsigned v;
                char pair[3] = {(char)text.data[2 * i], (char)text.data[2 * i + 1], 0};
                if (strspn(pair, "0123456789abcdefABCDEF") != 2 || sscanf(pair, "%2x", &v) != 1)
                        return false;
                ret[i] = (uint8_t)v;
        }
        return true;
}

static enum ni_status forget_token(struct authority *a, struct call *call)
{
        uint8_t id[EXT_TOKEN_SIZE];
        const struct bytes text = call->args.authority.authority.subject;
        struct ledger_entry *e = token_id(text, id) ? ledger_find_token(&a->ledger, id) : NULL;
        if (!e)
                return NI_NONAME;
        ledger_remove(&a->ledger, (size_t)(e - a->ledger.v));
        if (!authority_keep(a))
                return NI_NOSPACE;
        log_event(LOG_LEVEL_NOTICE, "token-removed", "token=%.*s by=\"%s\"", BYTES_FMT(text), call->from);
        return NI_OK;
}

static enum ni_status sign_own(struct authority *a, struct call *call, struct ext_authority_result *r)
{
        const struct ext_authority_args *args = &call->args.authority.authority;
        struct ledger_entry e = {.server = true};
        struct tls_signed *s = arena_alloc(&call->arena, sizeof(*s));
        if (!s)
                return NI_SYSTEMERR;
        if (!tls_name_valid(args->subject) || !copy_text(args->subject, e.name, sizeof(e.name)))
                return NI_FAILED;
        snprintf(e.from, sizeof(e.from), "itself");
        if (!authority_sign(a, args->request, &e, s))
                return NI_FAILED; /* nothing was entered */
        if (!authority_keep(a))
                return NI_NOSPACE;
        log_event(LOG_LEVEL_NOTICE, "signed", "machine=\"%s\" by=\"%s\"", e.name, call->from);
        r->certificate = bytes_of(s->der, s->len);
        return NI_OK;
}

static enum ni_status withdraw(struct authority *a, struct call *call)
{
        char name[LIMIT_MACHINE_NAME + 1];
        const struct bytes subject = call->args.authority.authority.subject;
        if (!copy_text(subject, name, sizeof(name)) || !ledger_find_machine(&a->ledger, name, NULL))
                return NI_NONAME;
        const unsigned n = ledger_withdraw(&a->ledger, name);
        if (!authority_keep(a))
                return NI_NOSPACE;
        authority_tell_withdrawn(a);
        log_event(LOG_LEVEL_NOTICE, "withdrawn", "machine=\"%s\" certificates=%u by=\"%s\"", name, n,
                  call->from);
        return NI_OK;
}

static enum ni_status show(struct authority *a, struct call *call, struct ext_authority_result *r)
{
        const uint64_t after = call->args.authority.authority.after;
        r->lines = arena_zalloc(&call->arena, LIMIT_LEDGER_LINES, sizeof(*r->lines));
        if (!r->lines)
                return NI_SYSTEMERR;
        size_t i = after < a->ledger.n ? (size_t)after : a->ledger.n;
        for (; i < a->ledger.n && r->line_count < LIMIT_LEDGER_LINES; i++) {
                struct buf line;
                buf_init(&line, LIMIT_LEDGER_LINE);
                ledger_print_entry(&a->ledger.v[i], false, &line);
                r->lines[r->line_count++] = arena_bytes(&call->arena, buf_bytes(&line));
                buf_done(&line);
        }
        r->more = i < a->ledger.n;
        r->next = i;
        return call->arena.failed ? NI_SYSTEMERR : NI_OK;
}

static enum ni_status verb(struct authority *a, struct call *call, struct ext_authority_result *r)
{
        const struct ext_authority_args *args = &call->args.authority.authority;
        if (args->verb == EXT_AUTHORITY_INIT)
                return init(a, args);
        if (!a->signer)
                return NI_RDONLY;
        if (a->broken)
                return NI_SYSTEMERR;
        switch (args->verb) {
        case EXT_AUTHORITY_TOKEN:
                return make_token(a, call, r);
        case EXT_AUTHORITY_FORGET:
                return forget_token(a, call);
        case EXT_AUTHORITY_SIGN:
                return sign_own(a, call, r);
        case EXT_AUTHORITY_WITHDRAW:
                return withdraw(a, call);
        default:
                return show(a, call, r);
        }
}

static void run_verb(struct authority *a, struct call *call)
{
        struct ext_authority_result r = {0};
        r.status = verb(a, call, &r);
        if (r.status == NI_OK) {
                memcpy(r.uuid, tls_authority_uuid(a->signer), sizeof(r.uuid));
                memcpy(r.pin, tls_authority_pin(a->signer), sizeof(r.pin));
                r.authority = tls_authority_certificate(a->signer);
        }
        call_reply_begin(call);
        ext_authority_encode(&r, &call->reply);
        call_reply_end(call);
        if (r.secret.len)
                explicit_bzero((void *)(uintptr_t)r.secret.data, r.secret.len);
        if (call->reply.failed)
                call_refuse(call, NI_SYSTEMERR);
}

/* -- life -- */

static void run(struct task *task, unsigned thread, void *context)
{
        struct call *call = (struct call *)((char *)task - offsetof(struct call, task));
        (void)thread;
        switch (call->proc) {
        case NIEXT_PROC_join:
                authority_join(context, call);
                break;
        case NIEXT_PROC_renew:
                authority_renew(context, call);
                break;
        default:
                run_verb(context, call);
                break;
        }
        call_send_home(call);
}

struct authority *authority_start(const char *folder, struct secrets *secrets, struct withdrawn *withdrawn)
{
        struct authority *a = calloc(1, sizeof(*a));
        if (!a)
                return NULL;
        snprintf(a->folder, sizeof(a->folder), "%s", folder);
        a->secrets = secrets;
        a->withdrawn = withdrawn;
        ledger_init(&a->ledger);
        load(a);
        a->pool = pool_start(1, LIMIT_POOL, a);
        if (a->pool)
                return a;
        authority_stop(a);
        return NULL;
}

void authority_stop(struct authority *a)
{
        if (!a)
                return;
        pool_stop(a->pool);
        tls_authority_free(a->signer);
        ledger_done(&a->ledger);
        free(a);
}

bool authority_submit(struct authority *a, struct call *call)
{
        call->task.run = run;
        return pool_submit(a->pool, &call->task);
}
