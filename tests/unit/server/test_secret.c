/* Passwords: what matches, what is remembered, and how guessing is slowed down; time is made here. */
#include "server/penalty.h"
#include "server/secret.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

static bool matches(const char *stored, const char *password)
{
        return secret_matches(bytes_str(stored), bytes_str(password));
}

static void hashes(void **state)
{
        (void)state;
        static const char *const stored[] = {
                "abNANd1rDfiNc",
                "$1$saltsalt$9xy1btjgzLYfb7hivXtC//",
                ("$6$saltsalt$TVLlQcbpFVof5W3Yz4DTP6gRstiNuHwwTt6GLc1E5n0U0aDehy0S5knV8wiOQSpT0Y77vwPZN.Pq."
                 "H91p5hVO1"),
                "$y$j9T$F5Jx5fExrKuPp53xLKQ..1$GmcwIgvdUC9qLWcKCi6gklUa1dM3ziD43YxYNURLKy0",
        };
        for (unsigned i = 0; i < 4; i++) {
                assert_true(matches(stored[i], "secret"));
                assert_false(matches(stored[i], "secreT"));
                assert_false(matches(stored[i], ""));
        }
        assert_true(matches(stored[0], "secret")); /* DES looks at eight bytes: "secret" has six */
        assert_false(matches(stored[0], "secrets"));
}

static void what_never_matches(void **state)
{
        (void)state;
        static const char *const stored[] = {
                "",    "*",      "!", "*0",     "*1",           "!abNANd1rDfiNc", "*abNANd1rDfiNc",
                "x",   "secret", "$", "$9$x$y", "abNANd1rDfiN", "abNANd1rDfiNcX", "NP",
                "*LK*"};
        static const char *const given[] = {"", "secret", "*", "*0", "*1", "!", "x"};
        for (unsigned i = 0; i < sizeof(stored) / sizeof(stored[0]); i++)
                for (unsigned k = 0; k < sizeof(given) / sizeof(given[0]); k++)
                        assert_false(matches(stored[i], given[k]));
        assert_false(secret_matches(BYTES_LIT("abNANd1rDfiNc"), BYTES_LIT("secret\0more")));
        char long_text[1000];
        memset(long_text, 'a', sizeof(long_text));
        assert_false(secret_matches(bytes_of(long_text, sizeof(long_text)), BYTES_LIT("secret")));
        assert_false(secret_matches(BYTES_LIT("abNANd1rDfiNc"), bytes_of(long_text, 256)));
}

/* What takes as long as a hash says the same as what does not. */
static void evenly(void **state)
{
        (void)state;
        const struct bytes secret = BYTES_LIT("secret");
        assert_true(secret_matches_evenly(BYTES_LIT("abNANd1rDfiNc"), secret));
        assert_false(secret_matches_evenly(BYTES_LIT("abNANd1rDfiNc"), BYTES_LIT("secreT")));
        assert_false(secret_matches_evenly(BYTES_NONE, secret));
        assert_false(secret_matches_evenly(BYTES_LIT("*"), BYTES_LIT("*")));
        assert_false(secret_matches_evenly(BYTES_LIT("!abNANd1rDfiNc"), secret));
        assert_false(secret_matches_evenly(BYTES_NONE, BYTES_LIT("nobody has this one"))); /* whose hash is
                                                                                             computed then */
}

static bool same_stamp(struct secrets *s, const char *tag, const struct dir_user *a, const struct dir_user *b)
{
        const struct hash128 x = secrets_stamp(s, tag, a), y = secrets_stamp(s, tag, b);
        return x.lo == y.lo && x.hi == y.hi;
}

static void stamps(void **state)
{
        (void)state;
        struct secrets *s = secrets_new();
        const struct dir_user u = {.object = 7, .instance = 3, .passwd = BYTES_LIT("abNANd1rDfiNc")};
        struct dir_user same = u, later = u, other = u, heir = u;
        later.instance++;
        other.object++;
        heir.passwd = BYTES_LIT("cdNANd1rDfiNc");
        same.admin = true; /* another record's business */
        assert_non_null(s);
        assert_true(same_stamp(s, "network", &u, &same));
        assert_false(same_stamp(s, "network", &u, &later));
        assert_false(same_stamp(s, "network", &u, &other));
        assert_false(same_stamp(s, "network", &u, &heir));
        secrets_free(s);
}

static void handshakes(void **state)
{
        (void)state;
        static struct turnstile t;
        const struct address a = address_from_ipv4(0x0a000001), b = address_from_ipv4(0x0a000002);
        const uint64_t now = 5000000;
        turnstile_init(&t, (struct siphash_key){1, 2});
        for (unsigned i = 0; i < LIMIT_HANDSHAKES; i++)
                assert_true(turnstile_pass(&t, &a, now));
        assert_false(turnstile_pass(&t, &a, now));
        assert_true(turnstile_pass(&t, &b, now));
        assert_false(turnstile_pass(&t, &a, now + LIMIT_HANDSHAKE_MS - 1));
        assert_true(turnstile_pass(&t, &a, now + LIMIT_HANDSHAKE_MS));
        assert_false(turnstile_pass(&t, &a, now + LIMIT_HANDSHAKE_MS));
        for (unsigned i = 0; i < LIMIT_HANDSHAKES; i++) /* and no more than these after a long silence */
                assert_true(turnstile_pass(&t, &a, 2 * now));
        assert_false(turnstile_pass(&t, &a, 2 * now));
}

static void remembered(void **state)
{
        (void)state;
        struct secrets *s = secrets_new();
        const struct dir_user u = {.object = 7, .instance = 3, .passwd = BYTES_LIT("abNANd1rDfiNc")};
        struct dir_user later = u, other = u, heir = u;
        later.instance++;
        other.object++;
        heir.passwd = BYTES_LIT("cdNANd1rDfiNc"); /* the number was given up and taken again */
        assert_non_null(s);
        const struct bytes password = BYTES_LIT("secret");
        assert_false(secrets_known(s, "network", &u, password, 1000));
        secrets_remember(s, "network", &u, password, 1000);
        assert_true(secrets_known(s, "network", &u, password, 1000));
        assert_true(secrets_known(s, "network", &u, password, 1000 + LIMIT_PASSWORD_MS - 1));
        assert_false(secrets_known(s, "network", &u, password, 1000 + LIMIT_PASSWORD_MS));
        assert_false(secrets_known(s, "network", &later, password, 1000));
        assert_false(secrets_known(s, "network", &other, password, 1000));
        assert_false(secrets_known(s, "network", &heir, password, 1000));
        assert_false(secrets_known(s, "local", &u, password, 1000));
        assert_false(secrets_known(s, "network", &u, BYTES_LIT("secre"), 1000));
        assert_false(secrets_known(s, "network", &u, BYTES_LIT("secret\0"), 1000));
        secrets_forget(s);
        assert_false(secrets_known(s, "network", &u, password, 1000));
        secrets_free(s);
}

static struct penalties *fresh(void)
{
        struct penalties *p = malloc(sizeof(*p));
        assert_non_null(p);
        penalties_init(p, (struct siphash_key){1, 2});
        return p;
}

static void a_pair(void **state)
{
        (void)state;
        struct penalties *p = fresh();
        const struct address a = address_from_ipv4(0x0a000001), b = address_from_ipv4(0x0a000002);
        uint64_t now = 5000000;
        for (unsigned i = 0; i < LIMIT_PENALTY_PAIR; i++) {
                assert_true(penalty_allows(p, &a, 100, now));
                penalty_failed(p, &a, 100, now);
        }
        assert_false(penalty_allows(p, &a, 100, now));
        assert_true(penalty_allows(p, &a, 101, now)); /* another user, another source */
        assert_true(penalty_allows(p, &b, 100, now));
        assert_false(penalty_allows(p, &a, 100, now + LIMIT_PENALTY_PAIR_MS - 1));
        now += LIMIT_PENALTY_PAIR_MS;
        assert_true(penalty_allows(p, &a, 100, now)); /* one is forgotten: one more guess */
        penalty_failed(p, &a, 100, now);
        assert_false(penalty_allows(p, &a, 100, now));
        now += LIMIT_PENALTY_PAIR * LIMIT_PENALTY_PAIR_MS;
        for (unsigned i = 0; i < LIMIT_PENALTY_PAIR; i++)
                penalty_failed(p, &a, 100, now);
        penalty_passed(p, &a, 100); /* the right one ends it */
        assert_true(penalty_allows(p, &a, 100, now));
        free(p);
}

static void a_source(void **state)
{
        (void)state;
        struct penalties *p = fresh();
        const struct address a = address_from_ipv4(0x0a000001);
        uint64_t now = 5000000;
        uint32_t uid = 0;
        for (; uid < LIMIT_PENALTY_SOURCE; uid++) {
                assert_true(penalty_allows(p, &a, uid, now));
                penalty_failed(p, &a, uid, now);
        }
        assert_false(penalty_allows(p, &a, uid + 1, now));
        penalty_passed(p, &a, 3);
        assert_false(
                penalty_allows(p, &a, uid + 1, now)); /* one right password does not whitewash the source */
        assert_true(penalty_allows(p, &a, uid + 1, now + LIMIT_PENALTY_SOURCE_MS));
        free(p);
}

static void ipv6_by_network(void **state)
{
        (void)state;
        struct penalties *p = fresh();
        struct address a = {{0x20, 0x01, 0x0d, 0xb8}}, b;
        for (unsigned i = 0; i < LIMIT_PENALTY_PAIR; i++) {
                a.b[15] = (uint8_t)i;
                penalty_failed(p, &a, 1, 1000);
        }
        a.b[9] = 77;
        assert_false(penalty_allows(p, &a, 1, 1000));
        b = a;
        b.b[7] = 1;
        assert_true(penalty_allows(p, &b, 1, 1000));
        free(p);
}

/* Local users do not share a penalty, although their sources look like one network. */
static void local_users_each(void **state)
{
        (void)state;
        static struct penalties p;
        const struct address ada = address_of_uid(1000), bob = address_of_uid(1001), root = address_of_uid(0);
        penalties_init(&p, (struct siphash_key){1, 2});
        for (unsigned i = 0; i < LIMIT_PENALTY_SOURCE; i++)
                penalty_failed(&p, &ada, i, 1000);
        assert_false(penalty_allows(&p, &ada, 77, 1000));
        assert_true(penalty_allows(&p, &bob, 77, 1000));
        assert_true(penalty_allows(&p, &root, 77, 1000));
        assert_true(address_is_uid(&ada));
        const struct address other = address_from_ipv4(0x0a000001), none = {{0}};
        assert_false(address_is_uid(&other));
        assert_false(address_is_uid(&none));
}

static void table_of_fixed_size(void **state)
{
        (void)state;
        struct penalties *p = fresh();
        for (uint32_t i = 0; i < 100000; i++) { /* more sources than slots: it can only become stricter */
                const struct address a = address_from_ipv4(i);
                penalty_failed(p, &a, i, 1000);
        }
        const struct address a = address_from_ipv4(0x0a000001);
        for (unsigned i = 0; i < LIMIT_PENALTY_PAIR; i++)
                penalty_failed(p, &a, 9, 1000);
        assert_false(penalty_allows(p, &a, 9, 1000));
        free(p);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(hashes),           cmocka_unit_test(what_never_matches),
                cmocka_unit_test(remembered),       cmocka_unit_test(a_pair),
                cmocka_unit_test(a_source),         cmocka_unit_test(ipv6_by_network),
                cmocka_unit_test(local_users_each), cmocka_unit_test(table_of_fixed_size),
                cmocka_unit_test(evenly),           cmocka_unit_test(stamps),
                cmocka_unit_test(handshakes),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
