#include "tools/domain_replica.h"

#include "base/text.h"
#include "model/path.h"
#include "model/status.h"
#include "sys/clock.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <netdb.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define LOOK_EVERY_MS 100u

/* -- one REPLICA call -- */

static bool replica(struct talk *t, const struct ext_replica_args *args, struct ext_replica_result *ret,
                    const char *thing)
{
        enum ni_status status = client_replica(t->client, args, ret);
        if (status == NI_BADOP) {
                talk_error(t, EXIT_FAILED, thing, "the server knows no clones that follow",
                           "a historical server becomes or leaves a clone by editing `master` (nidomain(8))");
                return false;
        }
        if (status != NI_OK) {
                talk_status(t, status, thing, NULL);
                return false;
        }
        status = (enum ni_status)ret->status;
        if (status == NI_PERM)
                talk_error(t, status_exit(status), thing, status_text(status),
                           "become root on the server's machine");
        else if (status == NI_NOTAG)
                talk_error(t, status_exit(status), thing, status_text(status),
                           "`ni domain list` shows what is served");
        else if (status == NI_BADOP)
                talk_error(t, EXIT_FAILED, thing,
                           args->verb == EXT_REPLICA_PROMOTE ? "this server is its master already"
                                                             : "`local` belongs to its machine alone",
                           NULL);
        else if (status != NI_OK)
                talk_status(t, status, thing, "see the server's log");
        return status == NI_OK;
}

/* "server/tag": with the tag of the clone when none was named. NULL: said why. */
static const char *place(struct talk *t, const char *where, const char *tag, const char *option)
{
        const char *slash = strrchr(where, '/');
        /* A path alone is a socket; a tag has no slash before it but the one that ends the server. */
        const bool socket_only = where[0] == '/' && slash && access(where, F_OK) == 0;
        const bool tagged = slash && slash != where && slash[1] && !socket_only;
        const char *text = tagged ? where : arena_printf(&t->arena, "%s/%s", where, tag);
        bool plain = where[0] != '\0';
        for (const char *c = where; *c; c++)
                plain &= (unsigned char)*c > ' ' && *c != 0x7f;
        if (text && strlen(text) <= LIMIT_WHERE && plain && tag_is_valid(bytes_str(strrchr(text, '/') + 1)))
                return text;
        talk_usage(t, "%s %s: give host[:port][/tag]", option, where);
        return NULL;
}

/* -- the entry in the master's /machines -- */

struct self {
        char name[256], address[46];
};

/* This machine's name, and the address that the master sees. */
static bool know_self(const char *peer, struct self *ret)
{
        char host[256], service[16] = "9"; /* any port: nothing is sent */
        struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_DGRAM}, *list = NULL;
        struct sockaddr_in me;
        socklen_t len = sizeof(me);
        memset(ret, 0, sizeof(*ret));
        if (gethostname(ret->name, sizeof(ret->name) - 1) < 0)
                return false;
        ret->name[strcspn(ret->name, ".")] = '\0';
        snprintf(host, sizeof(host), "%.*s", (int)strcspn(peer, ":"), peer);
        if (getaddrinfo(host, service, &hints, &list) != 0)
                return false;
        const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        const bool ok = fd >= 0 && connect(fd, list->ai_addr, list->ai_addrlen) == 0 &&
                        getsockname(fd, (struct sockaddr *)&me, &len) == 0 &&
                        inet_ntop(AF_INET, &me.sin_addr, ret->address, sizeof(ret->address));
        if (fd >= 0)
                close(fd);
        freeaddrinfo(list);
        return ok && ret->name[0];
}

static enum ni_status find_machines(struct client *c, uint32_t *ret_machines)
{
        const struct ni_args args = {.key = BYTES_LIT("name"), .value = BYTES_LIT("machines")};
        struct ni_result r;
        enum ni_status st = client_ni(c, NI_PROC_lookup, &args, &r);
        st = st == NI_OK ? r.status : st;
        if (st != NI_OK || r.object_count == 0)
                return st == NI_OK ? NI_NODIR : st;
        *ret_machines = r.objects[0];
        return NI_OK;
}

/* Whether the machine that the master finds by our address serves the domain already. */
static bool is_named(struct client *c, uint32_t machines, const struct self *s, const char *serves)
{
        const struct ni_args args = {
                .id.object = machines, .key = BYTES_LIT("ip_address"), .value = bytes_str(s->address)};
        struct ni_result r;
        if (client_ni(c, NI_PROC_lookupread, &args, &r) != NI_OK || r.status != NI_OK)
                return false;
        const struct property *p = proplist_get(&r.props, BYTES_LIT("serves"));
        for (uint32_t i = 0; p && i < p->values.n; i++)
                if (bytes_eq_str(p->values.v[i], serves))
                        return true;
        return false;
}

static enum ni_status list_in(struct client *c, uint32_t machines, const struct self *s, const char *serves)
{
        const struct ni_args args = {
                .id.object = machines, .key = BYTES_LIT("name"), .value = bytes_str(s->name)};
        struct ni_result r;
        struct ext_edit_result done;
        enum ni_status st = client_ni(c, NI_PROC_lookup, &args, &r);
        st = st == NI_OK ? r.status : st;
        struct bytes name = bytes_str(s->name), address = bytes_str(s->address), value = bytes_str(serves);
        struct property props[] = {{BYTES_LIT("name"), {&name, 1}},
                                   {BYTES_LIT("ip_address"), {&address, 1}},
                                   {BYTES_LIT("serves"), {&value, 1}}};
        struct ext_op ops[2];
        uint32_t n = 0;
        if (st == NI_OK && r.object_count) {
                for (unsigned i = 1; i < 3; i++)
                        ops[n++] = (struct ext_op){.kind = EXT_OP_ADD,
                                                   .ref = {.value = r.objects[0]},
                                                   .name = props[i].name,
                                                   .values = props[i].values};
        } else if (st == NI_NODIR || st == NI_OK) {
                ops[n++] = (struct ext_op){.kind = EXT_OP_CREATE,
                                           .ref = {.value = machines},
                                           .where = NI_INDEX_NULL,
                                           .props = {.v = props, .n = 3}};
        } else {
                return st;
        }
        const struct ext_edit_args edit = {.what = BYTES_LIT("clone"), .ops = ops, .op_count = n};
        st = client_edit(c, &edit, &done);
        return st == NI_OK ? (enum ni_status)done.status : st;
}

/* Names this server in the master's /machines, or says how the administrator does. */
static void list_self(struct talk *t, const char *where, const char *tag, const struct domain_replica *o)
{
        struct client_options co = t->server;
        struct client_why why = {""};
        struct client *c = NULL;
        struct self self;
        const char *slash = strrchr(where, '/');
        const char *server = arena_printf(&t->arena, "%.*s", (int)(slash - where), where);
        if (!server || server[0] == '/' || !know_self(server, &self))
                return; /* over a socket the superuser needs no entry */
        co.server = server;
        co.tag = slash + 1;
        co.no_domain = false;
        co.reserved_port = true;
        enum ni_status st = client_open(&co, &c, &why);
        uint32_t machines = 0;
        const char *serves = arena_printf(&t->arena, "./%s", tag);
        st = st == NI_OK && !serves ? NI_SYSTEMERR : st;
        st = st == NI_OK ? find_machines(c, &machines) : st;
        if (st == NI_OK && !is_named(c, machines, &self, serves))
                st = o->historical ? NI_PERM /* a list of properties by position: left to the administrator */
                                   : list_in(c, machines, &self, serves);
        if (st != NI_OK)
                talk_say(t,
                         "%s: not named there (%s). On the master: ni add -d %s /machines/%s "
                         "ip_address=%s serves=./%s",
                         where, c ? status_text(st) : why.text, slash + 1, self.name, self.address, tag);
        client_close(c);
}

/* -- commands -- */

static bool is_done(const struct ext_replica_result *r)
{
        return bytes_eq_str(r->state, "following") && (r->kind == 2 || r->seq >= r->head);
}

/* Until the first copy is there, or the time is over. */
static void await_copy(struct talk *t, const char *tag, unsigned seconds)
{
        const struct ext_replica_args show = {.tag = bytes_str(tag)};
        const uint64_t end = clock_mono_ms() + (uint64_t)seconds * 1000u;
        struct ext_replica_result r = {0};
        for (;;) {
                const struct timespec pause = {0, LOOK_EVERY_MS * 1000000L};
                if (!replica(t, &show, &r, tag))
                        return;
                if (is_done(&r) || clock_mono_ms() >= end)
                        break;
                nanosleep(&pause, NULL);
        }
        if (is_done(&r) || seconds == 0)
                return;
        const char *reason = r.reason.len ? arena_str(&t->arena, r.reason) : NULL;
        talk_error(t, EXIT_UNREACHABLE, tag, reason ? reason : "the copy is not complete yet",
                   "the clone is there and goes on trying; `ni domain replica` shows how it is");
}

void domain_clone(struct talk *t, const char *tag, const struct domain_replica *o)
{
        struct ext_replica_args args = {.tag = bytes_str(tag), .verb = EXT_REPLICA_CLONE};
        struct ext_replica_result r;
        if (!o->where) {
                talk_usage(t, "say whose clone: --from host[:port][/tag]");
                return;
        }
        const char *where = place(t, o->where, tag, "--from");
        if (!where || !talk_connect(t))
                return;
        args.where = bytes_str(where);
        args.flags = o->historical ? EXT_REPLICA_HISTORICAL : 0;
        if (!o->unlisted)
                list_self(t, where, tag, o);
        if (replica(t, &args, &r, tag))
                await_copy(t, tag, o->wait);
}

void domain_promote(struct talk *t, const char *tag)
{
        const struct ext_replica_args args = {.tag = bytes_str(tag), .verb = EXT_REPLICA_PROMOTE};
        struct ext_replica_result r;
        if (talk_confirm(t, "Make this server the master of %s? What the old master has not sent is lost.",
                         tag) &&
            talk_connect(t))
                replica(t, &args, &r, tag);
}

void domain_demote(struct talk *t, const char *tag, const struct domain_replica *o)
{
        struct ext_replica_args args = {.tag = bytes_str(tag), .verb = EXT_REPLICA_DEMOTE};
        struct ext_replica_result r;
        if (!o->where) {
                talk_usage(t, "say which server is the master: --to host[:port][/tag]");
                return;
        }
        const char *where = place(t, o->where, tag, "--to");
        if (!where)
                return;
        args.where = bytes_str(where);
        args.flags = o->historical ? EXT_REPLICA_HISTORICAL : 0;
        if (talk_confirm(t, "Make %s here a clone of %s? What that server does not have is set aside.", tag,
                         where) &&
            talk_connect(t) && replica(t, &args, &r, tag))
                await_copy(t, tag, o->wait);
}

/* -- showing -- */

static json_t *role_json(const char *tag, const struct ext_replica_result *r)
{
        static const char *const kinds[] = {"ask", "follow", "copy"};
        json_t *pushed = json_array();
        json_t *j =
                json_pack("{s:s,s:s,s:o,s:I,s:o,s:I,s:o,s:o}", "tag", tag, "role",
                          r->role ? "clone" : "master", "state", talk_json_bytes(r->state), "seq",
                          (json_int_t)r->seq, "epoch", talk_json_hex(r->epoch), "term", (json_int_t)r->term,
                          "conflict", talk_json_bytes(r->conflict), "reason", talk_json_bytes(r->reason));
        if (r->role) {
                json_object_set_new(j, "master", talk_json_bytes(r->where));
                json_object_set_new(j, "kind", json_string(kinds[r->kind < 3 ? r->kind : 0]));
                json_object_set_new(j, "head", json_integer((json_int_t)r->head));
        }
        for (uint32_t i = 0; i < r->pushed_count; i++)
                json_array_append_new(pushed,
                                      json_pack("{s:o,s:o,s:I}", "clone", talk_json_bytes(r->pushed[i].name),
                                                "state", talk_json_bytes(r->pushed[i].state), "behind",
                                                (json_int_t)r->pushed[i].behind));
        json_object_set_new(j, "pushed", pushed);
        return j;
}

static void say_line(struct talk *t, const char *label, struct bytes text)
{
        if (!text.len)
                return;
        printf("  %s: ", label);
        talk_value(t, text);
        putchar('\n');
}

static void role_text(struct talk *t, const char *tag, const struct ext_replica_result *r)
{
        printf("%s  %s", tag, r->role ? "clone" : "master");
        if (r->where.len) {
                printf(" of ");
                talk_value(t, r->where);
        }
        printf("  ");
        talk_value(t, r->state);
        printf("  seq=%" PRIu64, r->seq);
        if (r->role && r->head > r->seq)
                printf(" of %" PRIu64, r->head);
        if (r->term)
                printf("  term=%" PRIu64, r->term);
        putchar('\n');
        say_line(t, "reason", r->reason);
        say_line(t, "conflict", r->conflict);
        for (uint32_t i = 0; i < r->pushed_count; i++) {
                printf("  pushed to ");
                talk_value(t, r->pushed[i].name);
                printf("  ");
                talk_value(t, r->pushed[i].state);
                printf("  behind=%" PRIu64 "\n", r->pushed[i].behind);
        }
}

static void role(struct talk *t, const char *tag, json_t *all)
{
        const struct ext_replica_args show = {.tag = bytes_str(tag)};
        struct ext_replica_result r;
        if (!replica(t, &show, &r, tag))
                return;
        if (all)
                json_array_append_new(all, role_json(tag, &r));
        else
                role_text(t, tag, &r);
}

void domain_roles(struct talk *t, const char *tag)
{
        const struct binder_args none = {0};
        struct binder_result list;
        if (!talk_connect(t))
                return;
        json_t *all = t->json ? json_array() : NULL;
        if (tag) {
                role(t, tag, all);
        } else {
                const enum ni_status st = client_binder(t->client, NIBIND_PROC_listreg, &none, &list);
                if (st != NI_OK || list.status != NI_OK)
                        talk_status(t, st != NI_OK ? st : list.status, "domain", NULL);
                const char *tags[NI_REGS_MAX]; /* the reply goes with the next call */
                const uint32_t n = st == NI_OK && list.status == NI_OK ? list.reg_count : 0;
                for (uint32_t i = 0; i < n; i++)
                        tags[i] = arena_str(&t->arena, list.regs[i].tag);
                for (uint32_t i = 0; i < n; i++)
                        if (tags[i])
                                role(t, tags[i], all);
        }
        if (all)
                talk_json(t, all);
}
