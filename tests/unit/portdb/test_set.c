/* Folding editions into runs and out again, and the table made of them. */
#include "sha256.h"
#include "test.h"

#include "portdb/import.h"

static const struct port_source registry = {
        .key = "iana", .title = "t", .licence = "l", .reference = "r", .kind = PORT_KIND_REGISTRY};

static enum port_fold fold(struct port_set *s, const char *date, const char *names,
                           struct port_changes *changes)
{
        struct port_rows rows;
        port_rows_init(&rows);
        assert_true(port_date_parse(bytes_str(date), &rows.about.date));
        for (const char *p = names; *p; p++) { /* one letter, one row: port is the letter */
                struct port_claim c = {.alias = "",
                                       .description = "",
                                       .reference = "",
                                       .note = "",
                                       .status = PORT_ASSIGNED,
                                       .transport = PORT_TCP};
                c.port = c.end = (uint16_t)*p;
                c.name = arena_str(&rows.arena, bytes_of(p, 1));
                assert_true(port_rows_add(&rows, &c));
        }
        port_rows_sort(&rows);
        const enum port_fold f = port_set_fold(s, 0, &rows, changes);
        port_rows_done(&rows);
        return f;
}

static const struct port_claim *run(const struct port_set *s, size_t i)
{
        assert_in_range(i, 0, s->source[0].claims.n - 1);
        return &s->source[0].claims.at[i];
}

static void runs_grow_close_and_reopen(void **state)
{
        (void)state;
        struct port_set s;
        struct port_changes changes = {0};
        port_set_init(&s);
        assert_int_equal(port_set_source(&s, &registry), 0);
        assert_int_equal(fold(&s, "2020-01-01", "ab", NULL), PORT_FOLDED);
        assert_int_equal(fold(&s, "2021-01-01", "bc", &changes), PORT_FOLDED);
        assert_int_equal(changes.n, 2);
        assert_int_equal(changes.same, 1);
        assert_int_equal(changes.beside, 20200101);
        assert_int_equal(changes.at[0].sign, '-');
        assert_string_equal(changes.at[0].claim.name, "a");
        assert_int_equal(changes.at[1].sign, '+');
        assert_string_equal(changes.at[1].claim.name, "c"); /* the set's own text: the rows are gone */
        assert_int_equal(fold(&s, "2022-01-01", "abc", NULL), PORT_FOLDED);
        assert_int_equal(s.source[0].claims.n, 4); /* a twice */
        assert_int_equal(run(&s, 0)->seen_last, 20200101);
        assert_int_equal(run(&s, 1)->seen_first, 20220101);
        assert_int_equal(run(&s, 2)->seen_first, 20200101);
        assert_int_equal(run(&s, 2)->seen_last, 20220101);
        assert_int_equal(fold(&s, "2021-01-01", "bc", NULL), PORT_FOLD_KNOWN);
        assert_int_equal(fold(&s, "2021-01-01", "b", NULL), PORT_FOLD_CONFLICT);
        port_changes_done(&changes);
        port_set_done(&s);
}

/* Every order of four editions gives the same runs. */
static void order_does_not_matter(void **state)
{
        (void)state;
        static const char *const date[] = {"2020-01-01", "2020-01-02", "2020-01-03", "2020-01-04"};
        static const char *const rows[] = {"abd", "acd", "ab", "abcd"};
        char first[17] = "";
        for (unsigned order = 0; order < 256; order++) {
                const unsigned p[4] = {order & 3, order >> 2 & 3, order >> 4 & 3, order >> 6 & 3};
                struct port_set s;
                struct buf image;
                char digest[17];
                if (p[0] == p[1] || p[0] == p[2] || p[0] == p[3] || p[1] == p[2] || p[1] == p[3] ||
                    p[2] == p[3])
                        continue;
                port_set_init(&s);
                port_set_source(&s, &registry);
                for (unsigned i = 0; i < 4; i++)
                        assert_int_equal(fold(&s, date[p[i]], rows[p[i]], NULL), PORT_FOLDED);
                buf_init(&image, 0);
                assert_true(port_set_image(&s, &image));
                sha256_hex16(buf_bytes(&image), digest);
                if (*first)
                        assert_string_equal(digest, first);
                strcpy(first, digest);
                buf_done(&image);
                port_set_done(&s);
        }
        assert_int_equal(strlen(first), 16);
}

static void read_into(const char *path, struct buf *b)
{
        buf_init(b, 1u << 26);
        const int err = fs_read(path, 1u << 26, b);
        if (err)
                fail_msg("%s: %s", path, strerror(err));
}

/* Each edition named in `editions` (columns date and digest) must come out of the set as it went in. Returns
 * how many. */
static size_t check_digests(const struct port_set *s, int source, const char *path, const char *family,
                            unsigned family_at, unsigned date_at, unsigned digest_at)
{
        struct buf list, rows;
        size_t n = 0;
        read_into(path, &list);
        buf_init(&rows, 0);
        buf_putc(&list, 0);
        char *save;
        for (char *line = strtok_r((char *)list.data, "\n", &save); line;
             line = strtok_r(NULL, "\n", &save)) {
                char *field[20] = {0}, digest[17];
                unsigned k = 0;
                port_date d;
                for (char *p = line; p && k < 20; k++) {
                        field[k] = strsep(&p, "\t");
                        if (!p) {
                                k++;
                                break;
                        }
                }
                if (*line == '#' || k <= digest_at || (family && strcmp(field[family_at], family) != 0) ||
                    !port_date_parse(bytes_str(field[date_at]), &d))
                        continue;
                buf_clear(&rows);
                assert_true(port_set_rebuild(s, source, d, &rows));
                sha256_hex16(buf_bytes(&rows), digest);
                if (strcmp(digest, field[digest_at]) != 0)
                        fail_msg("edition %s: %s instead of %s", field[date_at], digest, field[digest_at]);
                n++;
        }
        buf_done(&list);
        buf_done(&rows);
        return n;
}

/* From the table that ships, not from the text it was made of. */
static void shipped_editions_rebuild(void **state)
{
        (void)state;
        struct port_table t;
        struct port_set s;
        const char *why;
        assert_int_equal(port_table_open(getenv("NETINFO_PORT_TABLE"), &t, &why), 0);
        port_set_init(&s);
        assert_true(port_set_load(&s, &t));
        char path[4096];
        snprintf(path, sizeof(path), "%s/iana-npm-editions.tsv", getenv("NETINFO_PORT_DATA"));
        assert_int_equal(check_digests(&s, port_set_find(&s, BYTES_LIT("iana-npm")), path, NULL, 0, 0, 4),
                         42);
        port_set_done(&s);
        port_table_close(&t);
}

/* With the full history at hand (NETINFO_PORT_CHECK): claims -> set -> table -> set -> every edition. */
static void all_editions_rebuild(void **state)
{
        (void)state;
        static const struct {
                const char *file, *family;
                size_t editions;
        } family[] = {{"iana-claims.tsv", "iana-full", 464},
                      {"debian-netbase-claims.tsv", "debian-netbase", 16}};
        const char *folder = getenv("NETINFO_PORT_CHECK");
        if (!folder)
                skip();
        for (unsigned i = 0; i < 2; i++) {
                struct port_set s, again;
                struct port_problem why = {.reason = ""};
                struct port_table t;
                struct buf text, image;
                const char *reason;
                char path[4096];
                snprintf(path, sizeof(path), "%s/%s", folder, family[i].file);
                read_into(path, &text);
                port_set_init(&s);
                port_set_source(&s, &registry);
                if (!port_read_claims(buf_bytes(&text), &s, "iana", &why))
                        fail_msg("%s:%zu: %s", path, why.line, why.reason);
                buf_init(&image, 0);
                assert_true(port_set_image(&s, &image));
                assert_true(port_table_read(buf_bytes(&image), &t, &reason));
                assert_true(port_table_verify(&t, &reason));
                port_set_init(&again);
                assert_true(port_set_load(&again, &t));
                snprintf(path, sizeof(path), "%s/snapshots.tsv", folder);
                assert_int_equal(check_digests(&again, 0, path, family[i].family, 1, 2, 14),
                                 family[i].editions);
                port_set_done(&s);
                port_set_done(&again);
                buf_done(&text);
                buf_done(&image);
        }
}

static int by_claim(const void *a, const void *b)
{
        return port_claim_compare(a, b);
}

/* With the full history: editions are rebuilt, read again one by one in a shuffled order, and fold into the
 * same claims. */
static void folding_gives_the_same_runs(void **state)
{
        (void)state;
        const char *folder = getenv("NETINFO_PORT_CHECK");
        if (!folder)
                skip();
        struct port_set s, folded;
        struct port_problem why = {.reason = ""};
        struct buf text, rows;
        char path[4096];
        snprintf(path, sizeof(path), "%s/iana-claims.tsv", folder);
        read_into(path, &text);
        buf_init(&rows, 0);
        port_set_init(&s);
        port_set_init(&folded);
        port_set_source(&s, &registry);
        port_set_source(&folded, &registry);
        assert_true(port_read_claims(buf_bytes(&text), &s, "iana", &why));
        const size_t n = s.source[0].editions;
        for (size_t i = 0; i < n; i++) {
                const port_date d =
                        s.source[0].edition[i * 97 % n].date; /* 97 is prime to n unless n is a multiple */
                struct port_rows edition;
                assert_int_not_equal(n % 97, 0);
                buf_clear(&rows);
                buf_puts(&rows, "port\tend\ttransport\tstatus\tname\n");
                assert_true(port_set_rebuild(&s, 0, d, &rows));
                port_rows_init(&edition);
                if (!port_read_edition(buf_bytes(&rows), &edition, &why))
                        fail_msg("%u:%zu: %s", d, why.line, why.reason);
                edition.about.date = d;
                assert_int_equal(port_set_fold(&folded, 0, &edition, NULL), PORT_FOLDED);
                port_rows_done(&edition);
        }
        assert_int_equal(folded.source[0].claims.n, s.source[0].claims.n);
        qsort(s.source[0].claims.at, s.source[0].claims.n, sizeof(struct port_claim), by_claim);
        for (size_t i = 0; i < n; i++) {
                struct buf x, y;
                buf_init(&x, 0);
                buf_init(&y, 0);
                assert_true(port_set_rebuild(&s, 0, s.source[0].edition[i].date, &x));
                assert_true(port_set_rebuild(&folded, 0, s.source[0].edition[i].date, &y));
                assert_true(bytes_eq(buf_bytes(&x), buf_bytes(&y)));
                buf_done(&x);
                buf_done(&y);
        }
        port_set_done(&s);
        port_set_done(&folded);
        buf_done(&text);
        buf_done(&rows);
}

/* A damaged table is refused or read around, never run out of; every truncation and every flipped byte of a
 * small one. */
static void hostile_tables(void **state)
{
        (void)state;
        struct port_set s;
        struct buf image;
        const char *why;
        size_t sound = 0;
        port_set_init(&s);
        port_set_source(&s, &registry);
        fold(&s, "2020-01-01", "abc", NULL);
        fold(&s, "2021-01-01", "bcd", NULL);
        buf_init(&image, 0);
        assert_true(port_set_image(&s, &image));
        for (size_t n = 0; n < image.len; n++) {
                struct port_table t;
                uint8_t *copy = malloc(n + 1); /* exactly n bytes, so that a sanitizer sees one too many */
                memcpy(copy, image.data, n);
                assert_false(port_table_read(bytes_of(copy, n), &t, &why));
                free(copy);
        }
        for (size_t at = 0; at < image.len; at++) {
                for (unsigned v = 0; v < 256; v += 5) {
                        struct port_table t;
                        uint8_t *copy = malloc(image.len);
                        memcpy(copy, image.data, image.len);
                        copy[at] = (uint8_t)v;
                        if (port_table_read(bytes_of(copy, image.len), &t, &why) &&
                            port_table_verify(&t, &why)) {
                                struct port_claim c;
                                for (uint32_t i = 0; i < port_table_claims(&t); i++)
                                        assert_true(port_table_claim(&t, i, &c));
                                sound++;
                        }
                        free(copy);
                }
        }
        assert_in_range(sound, 1, image.len * 52);
        buf_done(&image);
        port_set_done(&s);
}

static void names_are_found(void **state)
{
        (void)state;
        struct port_table t;
        const char *why;
        uint32_t first;
        struct port_claim c;
        assert_int_equal(port_table_open(getenv("NETINFO_PORT_TABLE"), &t, &why), 0);
        assert_true(port_table_verify(&t, &why));
        const uint32_t after = port_table_find_name(&t, BYTES_LIT("NetInfo-LOCAL"), &first);
        assert_true(after > first);
        for (uint32_t i = first; i < after; i++) {
                assert_true(port_table_claim(&t, port_table_named(&t, i), &c));
                assert_string_equal(c.name, "netinfo-local");
                assert_int_equal(c.port, 1033);
        }
        const uint32_t none = port_table_find_name(&t, BYTES_LIT("no such name"), &first);
        assert_int_equal(none, first);
        port_table_close(&t);
}

static void sha256_is_sha256(void **state)
{
        (void)state;
        char hex[17];
        sha256_hex16(BYTES_LIT("abc"), hex);
        assert_string_equal(hex, "ba7816bf8f01cfea");
        sha256_hex16(BYTES_LIT("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"), hex);
        assert_string_equal(hex, "248d6a61d20638b8");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(sha256_is_sha256),      cmocka_unit_test(runs_grow_close_and_reopen),
                cmocka_unit_test(order_does_not_matter), cmocka_unit_test(shipped_editions_rebuild),
                cmocka_unit_test(all_editions_rebuild),  cmocka_unit_test(folding_gives_the_same_runs),
                cmocka_unit_test(hostile_tables),        cmocka_unit_test(names_are_found),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
