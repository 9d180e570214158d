/* Answers of the shipped table, on both sides of known changes; with NETINFO_PORT_CHECK, of the full history.
 */
#include "test.h"

#include "portdb/import.h"
#include "portdb/resolve.h"

struct asked {
        struct port_db db;
        struct arena arena;
        struct port_answer a;
        struct buf image; /* of a table made here */
};

static void ask(struct asked *q, unsigned port, port_date day)
{
        arena_reset(&q->arena);
        assert_true(port_resolve(&q->db, (uint16_t)port, PORT_ANY, day, &q->arena, &q->a));
        assert_false(q->db.table[0].damaged);
}

static int setup(void **state)
{
        static struct asked q;
        const char *why;
        memset(&q, 0, sizeof(q));
        arena_init(&q.arena, 1u << 24);
        *state = &q;
        return port_table_open(getenv("NETINFO_PORT_TABLE"), &q.db.table[0], &why);
}

static int teardown(void **state)
{
        struct asked *q = *state;
        for (unsigned i = 0; i < PORT_DB_TABLES; i++)
                port_table_close(&q->db.table[i]);
        arena_done(&q->arena);
        buf_done(&q->image);
        return 0;
}

/* The state of one transport in one line: "assigned compressnet", "unassigned ~ assigned ollama" (changed in
 * between). */
static void state_is(const struct asked *q, unsigned transport, const char *expected)
{
        char text[256];
        const struct port_state *st = &q->a.state[transport];
        const char *name = st->by ? st->by->claim.name : "",
                   *next = st->next_by ? st->next_by->claim.name : "";
        int n = snprintf(text, sizeof(text), "%s%s%s", port_state_word(st->status), *name ? " " : "", name);
        if (st->between)
                n += snprintf(text + n, sizeof(text) - (size_t)n, " ~ %s%s%s",
                              port_state_word(st->next_status), *next ? " " : "", next);
        if (st->decided)
                snprintf(text + n, sizeof(text) - (size_t)n, " @%u", st->decided);
        assert_string_equal(text, expected);
}

static void as_of(struct asked *q, unsigned port, port_date day, const char *tcp, const char *udp)
{
        ask(q, port, day);
        state_is(q, 0, tcp);
        state_is(q, 1, udp);
}

static void both_sides_of_a_change(void **state)
{
        struct asked *q = *state;
        /* 2 and 3: the copy's editions are two years apart, the registry's own date decides */
        for (unsigned port = 2; port <= 3; port++) {
                as_of(q, port, 20230101, "assigned compressnet", "assigned compressnet");
                as_of(q, port, 20250212, "assigned compressnet @20250213", "assigned compressnet @20250213");
                as_of(q, port, 20250213, "reserved @20250213", "reserved @20250213");
                as_of(q, port, 20260101, "reserved", "reserved");
        }
        /* 11434: nothing dates the change within the gap */
        as_of(q, 11434, 20130401, "unassigned", "unassigned");
        as_of(q, 11434, 20250716, "unassigned ~ assigned ollama", "unassigned ~ reserved");
        as_of(q, 11434, 20260204, "unassigned ~ assigned ollama", "unassigned ~ reserved");
        as_of(q, 11434, 20260205, "assigned ollama", "reserved");
        /* 953, June 2017 */
        as_of(q, 953, 20170519, "unassigned", "unassigned");
        as_of(q, 953, 20170609, "unassigned ~ assigned rndc", "unassigned ~ reserved");
        as_of(q, 953, 20170610, "assigned rndc", "reserved");
        /* 81: known by hand only */
        as_of(q, 81, 20070905, "assigned hosts2-ns", "assigned hosts2-ns");
        as_of(q, 81, 20070906, "unassigned @20070906", "unassigned @20070906");
        /* given to somebody else; three days of 2023 between two editions */
        as_of(q, 7680, 20200920, "assigned pando-pub ~ assigned ms-do",
              "assigned pando-pub ~ assigned ms-do");
        as_of(q, 7680, 20230512, "assigned ms-do", "assigned ms-do");
        /* a range that later editions cannot show is still the last word */
        as_of(q, 6001, 20260101, "assigned x11", "assigned x11");
        as_of(q, 5, 20000101, "unknown", "unknown");
        as_of(q, 5, 20130317, "assigned rje", "assigned rje");
}

static uint8_t words(struct asked *q, unsigned port, unsigned transport)
{
        ask(q, port, 20261124);
        return q->a.state[transport].words & (uint8_t)~PORT_WORD_DYNAMIC;
}

static void derived_words(void **state)
{
        struct asked *q = *state;
        assert_int_equal(words(q, 2, 0), PORT_WORD_GHOST);
        assert_int_equal(words(q, 81, 0), PORT_WORD_GHOST);
        assert_int_equal(words(q, 585, 1), PORT_WORD_GHOST);
        assert_int_equal(words(q, 993, 0), 0);
        assert_int_equal(words(q, 993, 1), PORT_WORD_GHOST);
        assert_int_equal(words(q, 1033, 0), PORT_WORD_RETIRED);
        assert_int_equal(words(q, 178, 0), PORT_WORD_RETIRED);
        assert_int_equal(words(q, 987, 0), PORT_WORD_SQUATTED | PORT_WORD_NEVER_ASSIGNED);
        assert_int_equal(words(q, 987, 1), PORT_WORD_SQUATTED | PORT_WORD_NEVER_ASSIGNED);
        assert_int_equal(words(q, 986, 0), 0); /* a range claim makes nobody a squatter */
        assert_int_equal(words(q, 961, 0), 0); /* nor does a false one */
        assert_int_equal(words(q, 625, 0), PORT_WORD_CONTESTED);
        assert_int_equal(words(q, 5009, 0), PORT_WORD_CONTESTED);
        assert_int_equal(words(q, 997, 0), PORT_WORD_CONTESTED);
        assert_int_equal(words(q, 997, 1), 0);
        assert_int_equal(words(q, 22, 0), 0);
        /* before its end 1033 was an ordinary assignment, before its loss 2 was nobody's ghost */
        ask(q, 1033, 20071025);
        assert_int_equal(q->a.words, 0);
        ask(q, 2, 20250212);
        assert_int_equal(q->a.words, 0);
        ask(q, 987, 20060101);
        assert_int_equal(q->a.words, 0); /* SharePoint and PlayStation came later */
        q->db.ephemeral_from = 32768;
        q->db.ephemeral_to = 60999;
        ask(q, 40000, 20261124);
        assert_true(q->a.words & PORT_WORD_DYNAMIC);
        ask(q, 32767, 20261124);
        assert_false(q->a.words & PORT_WORD_DYNAMIC);
        q->db.ephemeral_from = q->db.ephemeral_to = 0;
        ask(q, 50000, 20261124);
        assert_true(q->a.words & PORT_WORD_DYNAMIC);
}

static uint8_t disagreements(struct asked *q, unsigned port)
{
        ask(q, port, 20261124);
        return q->a.disagreements;
}

static void kinds_of_disagreement(void **state)
{
        struct asked *q = *state;
        assert_int_equal(disagreements(q, 987), PORT_BY_SCOPE | PORT_BY_TRANSPORT | PORT_BY_ARTEFACT);
        assert_int_equal(disagreements(q, 961), PORT_BY_SCOPE | PORT_BY_ARTEFACT | PORT_BY_FALSEHOOD);
        assert_int_equal(disagreements(q, 609) & PORT_BY_FALSEHOOD, PORT_BY_FALSEHOOD);
        assert_int_equal(disagreements(q, 877) & PORT_BY_SCOPE, PORT_BY_SCOPE);
        assert_int_equal(disagreements(q, 2), PORT_BY_TIME);
        assert_int_equal(disagreements(q, 7680), PORT_BY_TIME);
        assert_int_equal(disagreements(q, 80),
                         PORT_BY_ARTEFACT); /* http and www-http: a copy's choice, no renaming */
        assert_int_equal(disagreements(q, 998), PORT_BY_SCOPE | PORT_BY_TRANSPORT);
        assert_int_equal(disagreements(q, 22), 0);
}

static void faults_lie_where_they_should(void **state)
{
        struct asked *q = *state;
        bool point = false, apple = false;
        ask(q, 987, 20261124);
        for (size_t i = 0; i < q->a.n; i++) {
                const struct port_item *it = &q->a.item[i];
                if (strcmp(it->source.key, "connected-app") == 0) {
                        assert_int_equal(it->faults, PORT_FAULT_RANGE_MADE_POINT);
                        point = true;
                }
                if (strcmp(it->source.key, "apple-article") == 0) {
                        assert_int_equal(it->faults, 0);
                        assert_true(port_claim_is_range(&it->claim));
                        apple = true;
                }
        }
        assert_true(point && apple);
}

static void transports_filter(void **state)
{
        struct asked *q = *state;
        arena_reset(&q->arena);
        assert_true(port_resolve(&q->db, 987, PORT_UDP, 20261124, &q->arena, &q->a));
        for (size_t i = 0; i < q->a.n; i++)
                assert_true(q->a.item[i].claim.transport == PORT_ANY ||
                            (q->a.item[i].claim.transport & PORT_UDP));
}

static void site_comes_first(void **state)
{
        struct asked *q = *state;
        const struct port_site_claim claim = {
                .claim = {.port = 987,
                          .end = 987,
                          .transport = PORT_TCP,
                          .status = PORT_SITE_USE,
                          .name = "netinfo",
                          .alias = "",
                          .description = "",
                          .reference = "",
                          .note = ""},
                .domain = "/",
                .owner = "",
        };
        const struct port_site site = {.claim = &claim, .claims = 1};
        q->db.site = &site;
        ask(q, 987, 20261124);
        q->db.site = NULL;
        assert_string_equal(q->a.item[0].claim.name, "netinfo");
        assert_string_equal(q->a.item[0].domain, "/");
        state_is(q, 0, "unassigned"); /* a site's use gives nobody the port */
}

/* The registry's own editions beside the copy: names come from it, newer news from either. */
static void two_tables(void **state)
{
        struct asked *q = *state;
        struct port_set set;
        struct port_rows rows;
        struct port_problem why;
        const char *reason;
        const struct port_source iana = {
                .key = "iana", .title = "IANA", .licence = "", .reference = "", .kind = PORT_KIND_REGISTRY};
        port_set_init(&set);
        port_set_source(&set, &iana);
        port_rows_init(&rows);
        assert_true(port_read_edition(BYTES_LIT("port\tend\ttransport\tstatus\tname\n80\t\ttcp\tassigned\thtt"
                                                "p\n80\t\ttcp\tassigned\twww\n"
                                                "987\t\ttcp\tassigned\tnovel\n6001\t6005\t\tunassigned\t\n"),
                                      &rows, &why));
        rows.about.date = 20261001;
        assert_int_equal(port_set_fold(&set, 0, &rows, NULL), PORT_FOLDED);
        port_rows_done(&rows);
        buf_init(&q->image, 0);
        assert_true(port_set_image(&set, &q->image));
        port_set_done(&set);
        assert_true(port_table_read(buf_bytes(&q->image), &q->db.table[1], &reason));
        ask(q, 80, 20261124);
        state_is(q, 0, "assigned http");
        as_of(q, 987, 20261124, "assigned novel", "unassigned");
        assert_true(q->a.state[0].words & PORT_WORD_CONTESTED);
        as_of(q, 6001, 20261124, "unassigned",
              "unassigned"); /* the full edition says so now; the copy's x11 was stale */
        as_of(q, 80, 20260930, "assigned www-http", "assigned www-http");
}

static void ranges_and_words(void **state)
{
        (void)state;
        assert_string_equal(port_range_name(0), "System Port");
        assert_string_equal(port_range_name(1023), "System Port");
        assert_string_equal(port_range_name(1024), "User Port");
        assert_string_equal(port_range_name(49151), "User Port");
        assert_string_equal(port_range_name(49152), "Dynamic Port");
}

/* Full history: the days of doc/ports.md 5.5 to the edition. */
static void full_history(void **state)
{
        struct asked *q = *state;
        const char *folder = getenv("NETINFO_PORT_CHECK"), *reason;
        const struct port_source iana = {
                .key = "iana", .title = "IANA", .licence = "", .reference = "", .kind = PORT_KIND_REGISTRY};
        struct port_set set;
        struct port_problem why;
        struct buf text;
        char path[4096];
        if (!folder)
                skip();
        snprintf(path, sizeof(path), "%s/iana-claims.tsv", folder);
        buf_init(&text, 1u << 26);
        assert_int_equal(fs_read(path, 1u << 26, &text), 0);
        port_set_init(&set);
        port_set_source(&set, &iana);
        assert_true(port_read_claims(buf_bytes(&text), &set, "iana", &why));
        buf_init(&q->image, 0);
        assert_true(port_set_image(&set, &q->image));
        port_set_done(&set);
        buf_done(&text);
        port_table_close(&q->db.table[0]); /* the full history alone */
        assert_true(port_table_read(buf_bytes(&q->image), &q->db.table[0], &reason));
        as_of(q, 2, 20250123, "assigned compressnet ~ reserved", "assigned compressnet ~ reserved");
        as_of(q, 2, 20250213, "reserved", "reserved");
        as_of(q, 11434, 20260123, "unassigned ~ assigned ollama", "unassigned ~ reserved");
        as_of(q, 11434, 20260202, "assigned ollama", "reserved");
        as_of(q, 81, 20061113, "assigned hosts2-ns ~ unassigned", "assigned hosts2-ns ~ unassigned");
        as_of(q, 81, 20080229, "unassigned", "unassigned");
        as_of(q, 953, 20170605, "unassigned ~ assigned rndc", "unassigned ~ reserved");
        as_of(q, 953, 20170608, "assigned rndc", "reserved");
        as_of(q, 7775, 20260817, "assigned inetfs", "reserved"); /* under an unassigned range */
        as_of(q, 987, 19941001, "unlisted ~ unassigned", "unlisted ~ unassigned");
        as_of(q, 987, 20071026, "unassigned", "unassigned");
        as_of(q, 987, 19940930, "unknown", "unknown");
        /* 282 of the 1,024 system ports are unassigned today, 46 reserved, 2 removed, 694 assigned (tcp or
         * udp) */
        unsigned count[PORT_UNKNOWN + 1] = {0};
        for (unsigned p = 0; p < 1024; p++) {
                ask(q, p, 20260817);
                const uint8_t tcp = q->a.state[0].status, udp = q->a.state[1].status;
                count[tcp <= PORT_ASSIGNED_UNNAMED || udp > PORT_ASSIGNED_UNNAMED ? tcp : udp]++;
        }
        assert_int_equal(count[PORT_ASSIGNED] + count[PORT_ASSIGNED_UNNAMED], 694);
        assert_int_equal(count[PORT_RESERVED], 46);
        assert_int_equal(count[PORT_REMOVED], 2);
        assert_int_equal(count[PORT_UNASSIGNED], 282);
}

int main(void)
{
#define WITH_TABLE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        const struct CMUnitTest tests[] = {
                WITH_TABLE(both_sides_of_a_change),
                WITH_TABLE(derived_words),
                WITH_TABLE(kinds_of_disagreement),
                WITH_TABLE(faults_lie_where_they_should),
                WITH_TABLE(transports_filter),
                WITH_TABLE(site_comes_first),
                WITH_TABLE(two_tables),
                WITH_TABLE(full_history),
                cmocka_unit_test(ranges_and_words),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
