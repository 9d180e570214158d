#include "tools/talk.h"

#include <stdio.h>
#include <time.h>

static const struct talk_manual manual = {
        .command = "status",
        .synopsis = "status [--json]",
        .about = "Shows the server that answers and the state of the domain: role, parent, identity, newest\n"
                 "change, oldest change still in the journal, size, and who the server takes you for.",
        .examples = "  ni status\n"
                    "  ni status --domain network\n"
                    "  ni status --server 10.0.0.7/network --json",
        .talks = true,
        .json = true,
};

static void put_hex(char *to, const uint8_t *from, size_t n)
{
        for (size_t i = 0; i < n; i++)
                snprintf(to + 2 * i, 3, "%02x", from[i]);
}

static void put_uuid(char to[37], const uint8_t u[16])
{
        char hex[33];
        put_hex(hex, u, 16);
        snprintf(to, 37, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16, hex + 20);
}

static void put_time(char *to, size_t size, uint64_t us)
{
        char day[32];
        const time_t seconds = (time_t)(us / 1000000u);
        struct tm tm;
        gmtime_r(&seconds, &tm);
        strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &tm);
        snprintf(to, size, "%s.%06uZ", day, (unsigned)(us % 1000000u));
}

struct parent_words {
        char said[LIMIT_TAG + 32]; /* row `binding` of STATISTICS (protocol.md 2.8); empty: not told */
};

static void ask_parent(struct talk *t, struct parent_words *ret)
{
        const struct ni_args none = {0};
        struct ni_result r;
        ret->said[0] = '\0';
        if (client_ni(t->client, NI_PROC_statistics, &none, &r) == NI_OK)
                snprintf(ret->said, sizeof(ret->said), "%.*s",
                         BYTES_FMT(proplist_first(&r.props, "binding")));
}

/* `address/tag` is a parent; else it is a word for having none. */
static void print_parent(struct talk *t, const struct parent_words *p)
{
        static const char *const words[][2] = {
                {"root", "(none: this domain is the root)"},
                {"forcedRoot", "(none: this domain is made the root)"},
                {"notResponding", "(none answers, or it would make a loop; the server's log says which)"},
                {"unknown", "(not known yet)"},
        };
        printf("parent       ");
        for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
                if (strcmp(p->said, words[i][0]) == 0) {
                        printf("%s\n", words[i][1]);
                        return;
                }
        }
        talk_value(t, p->said[0] ? bytes_str(p->said) : BYTES_LIT("(not told)"));
        putchar('\n');
}

/* What REPLICA tells of the role (doc/replication.md); empty: not told. */
struct role_words {
        char state[LIMIT_WHO + 1], where[LIMIT_WHERE + 1], conflict[LIMIT_WHERE + 1];
};

static void ask_role(struct talk *t, struct role_words *ret)
{
        const struct ext_replica_args show = {.verb = EXT_REPLICA_SHOW};
        struct ext_replica_result r;
        memset(ret, 0, sizeof(*ret));
        if (client_replica(t->client, &show, &r) != NI_OK || r.status != NI_OK)
                return;
        snprintf(ret->state, sizeof(ret->state), "%.*s", BYTES_FMT(r.state));
        snprintf(ret->where, sizeof(ret->where), "%.*s", BYTES_FMT(r.where));
        snprintf(ret->conflict, sizeof(ret->conflict), "%.*s", BYTES_FMT(r.conflict));
}

/* "master", "clone of 10.0.0.1/network: following", and what contradicts. */
static void print_role(struct talk *t, const char *role, const struct role_words *r)
{
        printf("role         %s", role);
        if (r->where[0]) {
                printf(" of ");
                talk_value(t, bytes_str(r->where));
        }
        if (r->state[0] && strcmp(r->state, role) != 0) {
                printf(": ");
                talk_value(t, bytes_str(r->state));
        }
        putchar('\n');
        if (!r->conflict[0])
                return;
        printf("conflict     ");
        talk_value(t, bytes_str(r->conflict));
        putchar('\n');
}

static void print_status(struct talk *t, const struct ext_status_result *s, const struct parent_words *parent,
                         const struct role_words *told)
{
        char uuid[37], digest[33], now[64];
        put_uuid(uuid, s->uuid);
        static const uint8_t hidden[sizeof(s->digest)] = {0};
        const bool shown = memcmp(s->digest, hidden, sizeof(hidden)) != 0; /* doc/extension-program.md 4 */
        put_hex(digest, s->digest, sizeof(s->digest));
        put_time(now, sizeof(now), s->now);
        const char *role = s->role == 0 ? "master" : s->role == 1 ? "clone" : "unknown";
        if (t->json) {
                talk_json(
                        t,
                        json_pack("{s:s,s:s,s:o,s:s,s:o?,s:o?,s:o?,s:s,s:o,s:I,s:I,s:I,s:s?,s:I,s:I,s:s,s:o}",
                                  "domain", client_tag(t->client), "server", client_peer(t->client),
                                  "version", talk_json_bytes(s->server_version), "role", role, "state",
                                  told->state[0] ? talk_json_bytes(bytes_str(told->state)) : NULL, "conflict",
                                  told->conflict[0] ? talk_json_bytes(bytes_str(told->conflict)) : NULL,
                                  "parent", parent->said[0] ? talk_json_bytes(bytes_str(parent->said)) : NULL,
                                  "uuid", uuid, "epoch", talk_json_hex(s->epoch), "seq", (json_int_t)s->seq,
                                  "first_seq", (json_int_t)s->first_seq, "checksum", (json_int_t)s->checksum,
                                  "digest", shown ? digest : NULL, "directories", (json_int_t)s->directories,
                                  "highest", (json_int_t)s->highest, "now", now, "you",
                                  talk_json_bytes(s->you)));
                return;
        }
        printf("domain       %s\nserver       %s  ", client_tag(t->client), client_peer(t->client));
        talk_value(t, s->server_version);
        putchar('\n');
        print_role(t, role, told);
        print_parent(t, parent);
        printf("uuid         %s\nepoch        %016llx\n", uuid, (unsigned long long)s->epoch);
        printf("change       #%llu", (unsigned long long)s->seq);
        if (s->first_seq <= s->seq)
                printf(" (the journal reaches back to #%llu)", (unsigned long long)s->first_seq);
        printf("\nchecksum     %u\ndigest       %s\n", s->checksum,
               shown ? digest : "(not shown: it covers secrets)");
        printf("directories  %u (highest number %u)\nclock        %s\nyou          ", s->directories,
               s->highest, now);
        talk_value(t, s->you.len ? s->you : BYTES_LIT("(anonymous)"));
        putchar('\n');
}

/* A historical server has no STATUS: what STATISTICS says (protocol.md 2.8), without the counters of calls.
 */
static void print_statistics(struct talk *t)
{
        const struct ni_args none = {0};
        struct ni_result r;
        struct proplist shown;
        if (!talk_read(t, NI_PROC_statistics, &none, &r, NULL))
                return;
        shown = r.props;
        for (uint32_t i = 0; i < r.props.n; i++)
                if (bytes_eq_str(r.props.v[i].name, "ping"))
                        shown.n = i;
        if (t->json) {
                talk_json(t, json_pack("{s:s,s:s,s:o}", "domain", client_tag(t->client), "server",
                                       client_peer(t->client), "statistics", talk_json_props(&shown)));
                return;
        }
        printf("domain: %s\nserver: %s (historical)\n", client_tag(t->client), client_peer(t->client));
        for (uint32_t i = 0; i < shown.n; i++) {
                talk_value(t, shown.v[i].name);
                putchar(':');
                for (uint32_t v = 0; v < shown.v[i].values.n; v++) {
                        putchar(' ');
                        talk_value(t, shown.v[i].values.v[v]);
                }
                putchar('\n');
        }
}

int ni_status_run(int argc, char **argv)
{
        struct talk t;
        struct ext_status_result s;
        struct parent_words parent;
        struct role_words role;
        talk_begin(&t, &manual, argc, argv);
        if (talk_option(&t) != TALK_END)
                return talk_end(&t);
        if (t.operands) {
                talk_usage(&t, "no operands are wanted: name the domain with --domain TAG");
                return talk_end(&t);
        }
        if (!talk_connect(&t))
                return talk_end(&t);
        ask_role(&t, &role);
        ask_parent(&t, &parent); /* first: what STATUS gives stands until the next call only */
        enum ni_status status = client_status(t.client, &s);
        if (status == NI_BADOP) {
                print_statistics(&t);
                return talk_end(&t);
        }
        if (status == NI_OK)
                status = (enum ni_status)s.status;
        if (status == NI_OK)
                print_status(&t, &s, &parent, &role);
        else
                talk_status(&t, status, NULL, NULL);
        return talk_end(&t);
}
