/* Images: who wins which key, what the reader answers, and what damage may do. */
#include "../../lib/images.h"

#include "snapshot/reader.h"
#include "snapshot/verify.h"

#include <errno.h>
#include <string.h>

/* -- building and opening
 * ------------------------------------------------------------------------------------------ */
/* The image of b at an aligned address of exactly its size, so that AddressSanitizer sees a read one byte
 * behind it. */
static uint8_t *image_of(struct snap_builder *b, size_t *ret_size)
{
        struct bytes image;
        assert_int_equal(snap_build(b, 7, &image), 0);
        uint8_t *copy = malloc(image.len);
        assert_non_null(copy);
        memcpy(copy, image.data, image.len);
        *ret_size = image.len;
        return copy;
}

static struct snap_image open_image(const uint8_t *base, size_t size, enum snap_kind kind)
{
        struct snap_image image;
        struct snap_findings f;
        assert_int_equal(snap_image_open(base, size, kind, &image), 0);
        if (snap_verify(base, size, kind, &f))
                fail_msg("%s", f.what);
        return image;
}

static enum snap_result user_named(const struct snap_image *image, const char *name, struct snap_user_view *v)
{
        return snap_user_by_name(image, name, strlen(name), v);
}

static void a_user_is_found_by_every_key(void **state)
{
        struct snap_builder *b = images_new(SNAP_PASSWD);
        struct snap_user_view v;
        size_t size;
        (void)state;
        assert_int_equal(images_user(b, "ada,countess,lovelace", 5001, 100, "Ada King"), 0);
        assert_int_equal(images_user(b, "bob", 5002, 101, ""), 0);
        uint8_t *base = image_of(b, &size);
        const struct snap_image image = open_image(base, size, SNAP_PASSWD);
        const char *const names[] = {"ada", "countess", "lovelace"};
        for (unsigned i = 0; i < 3; i++) {
                assert_int_equal(user_named(&image, names[i], &v), SNAP_FOUND);
                assert_string_equal(v.text, "ada");
                assert_string_equal(v.text + v.password, "x");
                assert_string_equal(v.text + v.gecos, "Ada King");
                assert_string_equal(v.text + v.dir, "/home/ada");
                assert_string_equal(v.text + v.shell, "/bin/sh");
                assert_int_equal(v.uid, 5001);
                assert_int_equal(v.gid, 100);
                assert_int_equal(v.text_len, sizeof("ada\0x\0Ada King\0/home/ada\0/bin/sh"));
        }
        assert_int_equal(snap_user_by_uid(&image, 5002, &v), SNAP_FOUND);
        assert_string_equal(v.text, "bob");
        assert_string_equal(v.text + v.password, "*");
        assert_int_equal(snap_user_by_uid(&image, 5003, &v), SNAP_ABSENT);
        const char *const absent[] = {"ad", "adaa", "x", "", "count", "countess,lovelace", "/home/ada"};
        for (unsigned i = 0; i < sizeof(absent) / sizeof(absent[0]); i++)
                assert_int_equal(user_named(&image, absent[i], &v), SNAP_ABSENT);
        free(base);
        snap_builder_free(b);
}

static void the_first_record_wins_each_key_separately(void **state)
{
        struct snap_builder *b = images_new(SNAP_PASSWD);
        struct snap_user_view v;
        size_t size;
        (void)state;
        assert_int_equal(images_user(b, "amelia", 501, 20, "near"), 0);
        assert_int_equal(images_user(b, "amelia,amy", 901, 20, "far"),
                         0); /* loses its name, keeps alias and uid */
        assert_int_equal(images_user(b, "basil", 501, 20, "loses uid"), 0); /* keeps its name */
        assert_int_equal(images_user(b, "amelia,amy", 501, 20, "none"), 0); /* loses everything */
        uint8_t *base = image_of(b, &size);
        const struct snap_image image = open_image(base, size, SNAP_PASSWD);
        const struct snap_counts counts = snap_builder_counts(b);
        assert_int_equal(counts.records, 3);
        assert_int_equal(counts.lost, 1);
        assert_int_equal(counts.shadowed, 2);
        assert_int_equal(counts.listed, 2);
        assert_int_equal(user_named(&image, "amelia", &v), SNAP_FOUND);
        assert_int_equal(v.uid, 501);
        assert_int_equal(user_named(&image, "amy", &v), SNAP_FOUND);
        assert_int_equal(v.uid, 901);
        assert_int_equal(snap_user_by_uid(&image, 901, &v), SNAP_FOUND);
        assert_string_equal(v.text + v.gecos, "far");
        assert_int_equal(snap_user_by_uid(&image, 501, &v), SNAP_FOUND);
        assert_string_equal(v.text + v.gecos, "near");
        assert_int_equal(snap_user_listed(&image, 0, &v), SNAP_FOUND);
        assert_string_equal(v.text, "amelia");
        assert_int_equal(snap_user_listed(&image, 1, &v), SNAP_FOUND);
        assert_string_equal(v.text, "basil");
        assert_int_equal(snap_user_listed(&image, 2, &v), SNAP_ABSENT);
        free(base);
        snap_builder_free(b);
}

static void assert_gids(const struct snap_image *image, const char *name, const uint32_t *gids, size_t n)
{
        struct snap_gids_view v;
        assert_int_equal(snap_gids_by_name(image, name, strlen(name), &v), SNAP_FOUND);
        assert_int_equal(v.count, n);
        for (uint32_t i = 0; i < n; i++)
                assert_int_equal(snap_word(v.gids + 4 * i), gids[i]);
}

static void memberships_count_even_of_groups_that_lost_their_keys(void **state)
{
        struct snap_builder *b = images_new(SNAP_GROUP);
        struct snap_group_view g;
        struct snap_gids_view v;
        size_t size;
        (void)state;
        assert_int_equal(images_group(b, "staff,crew", 20, "amelia,basil,amelia"), 0);
        assert_int_equal(images_group(b, "empty", 21, ""), 0);
        assert_int_equal(images_group(b, "staff", 30, "basil"), 0); /* loses its name */
        assert_int_equal(images_group(b, "crew", 20, "cordelia,basil"),
                         0); /* loses all: left out, memberships count */
        uint8_t *base = image_of(b, &size);
        const struct snap_image image = open_image(base, size, SNAP_GROUP);
        assert_int_equal(snap_builder_counts(b).records, 3);
        assert_int_equal(snap_group_by_name(&image, "crew", 4, &g), SNAP_FOUND);
        assert_string_equal(g.text, "staff");
        assert_int_equal(g.member_count, 3);
        assert_string_equal(g.text + snap_word(g.members + 4), "basil");
        assert_int_equal(snap_group_by_gid(&image, 21, &g), SNAP_FOUND);
        assert_int_equal(g.member_count, 0);
        assert_int_equal(snap_group_by_gid(&image, 30, &g), SNAP_FOUND);
        assert_string_equal(g.text, "staff");
        assert_gids(&image, "amelia", (const uint32_t[]){20}, 1);
        assert_gids(&image, "basil", (const uint32_t[]){20, 30}, 2);
        assert_gids(&image, "cordelia", (const uint32_t[]){20}, 1);
        assert_int_equal(snap_gids_by_name(&image, "nobody", 6, &v), SNAP_ABSENT);
        free(base);
        snap_builder_free(b);
}

static void shadow_records_keep_their_numbers(void **state)
{
        struct snap_builder *b = images_new(SNAP_SHADOW);
        struct snap_shadow_view v;
        size_t size;
        (void)state;
        assert_int_equal(images_shadow(b, "ada,countess", "$y$j9T$salt$hash", 19000), 0);
        assert_int_equal(images_shadow(b, "bob", "", -1), 0);
        uint8_t *base = image_of(b, &size);
        const struct snap_image image = open_image(base, size, SNAP_SHADOW);
        assert_int_equal(snap_shadow_by_name(&image, "countess", 8, &v), SNAP_FOUND);
        assert_string_equal(v.text, "ada");
        assert_string_equal(v.text + v.hash, "$y$j9T$salt$hash");
        assert_int_equal(v.last_change, 19000);
        assert_int_equal(v.min, 0);
        assert_int_equal(v.max, 99999);
        assert_int_equal(v.warn, 7);
        assert_int_equal(v.inactive, -1);
        assert_int_equal(v.expire, -1);
        assert_int_equal(v.flag, 5);
        assert_int_equal(snap_shadow_by_name(&image, "bob", 3, &v), SNAP_FOUND);
        assert_string_equal(v.text + v.hash, "");
        assert_int_equal(v.last_change, -1);
        free(base);
        snap_builder_free(b);
}

static void bad_records_are_refused_and_leave_the_builder_as_it_was(void **state)
{
        struct snap_builder *b = images_new(SNAP_PASSWD), *g = images_new(SNAP_GROUP);
        static char long_text[SNAP_TEXT_MAX + 10];
        struct bytes image;
        (void)state;
        memset(long_text, 'a', sizeof(long_text) - 1);
        assert_int_equal(images_user(b, "", 1, 1, "no name"), EINVAL);
        assert_int_equal(images_user(b, "a:b", 1, 1, ""), EINVAL);
        assert_int_equal(images_user(b, "ab", 1, 1, "two\nlines"), EINVAL);
        assert_int_equal(images_user(b, "ab,,c", 1, 1, "empty alias"), EINVAL);
        assert_int_equal(images_user(b, "ab", 1, 1, long_text), E2BIG);
        assert_int_equal(images_group(b, "wrong-kind", 1, ""), EINVAL);
        assert_int_equal(images_group(g, "g", 1, "a:b"), EINVAL);
        const struct bytes name = BYTES_LIT("g"), member = BYTES_LIT("a,b"), nul = BYTES_LIT("a\0b");
        assert_int_equal(snap_add_group(g, &(struct snap_group){.names = &name,
                                                                .name_count = 1,
                                                                .members = &member,
                                                                .member_count = 1}),
                         EINVAL);
        assert_int_equal(snap_add_user(b, &(struct snap_user){.names = &nul, .name_count = 1}), EINVAL);
        long_text[SNAP_TEXT_MAX - sizeof("ab\0x\0/home/ab\0/bin/sh") - 1] = '\0';
        assert_int_equal(images_user(b, "ab", 1, 1, long_text), 0); /* exactly the most */
        assert_int_equal(snap_build(b, 1, &image), 0);
        assert_int_equal(snap_builder_counts(b).records, 1);
        assert_int_equal(images_user(b, "late", 2, 1, ""), EINVAL);
        snap_builder_free(b);
        snap_builder_free(g);
}

/* -- against a simple model
 * ----------------------------------------------------------------------------------------- */
struct model {
        char name[3][8]; /* few letters, so that collisions are common */
        unsigned names;
        uint32_t uid;
        unsigned serial;
};

static const struct model *model_by_name(const struct model *m, unsigned n, const char *name)
{
        for (unsigned i = 0; i < n; i++)
                for (unsigned k = 0; k < m[i].names; k++)
                        if (strcmp(m[i].name[k], name) == 0)
                                return &m[i];
        return NULL;
}

static const struct model *model_by_uid(const struct model *m, unsigned n, uint32_t uid)
{
        for (unsigned i = 0; i < n; i++)
                if (m[i].uid == uid)
                        return &m[i];
        return NULL;
}

static void random_records_answer_like_a_linear_search(void **state)
{
        static struct model m[400];
        (void)state;
        srandom(20);
        for (unsigned round = 0; round < 20; round++) {
                struct snap_builder *b = images_new(SNAP_PASSWD);
                const unsigned n = 1 + (unsigned)random() % 400, spread = 1 + (unsigned)random() % 600;
                for (unsigned i = 0; i < n; i++) {
                        char names[32], mark[16];
                        m[i] = (struct model){.names = 1 + (unsigned)random() % 3,
                                              .uid = (uint32_t)random() % spread,
                                              .serial = i};
                        for (unsigned k = 0; k < m[i].names; k++)
                                snprintf(m[i].name[k], sizeof(m[i].name[k]), "n%u",
                                         (unsigned)random() % spread);
                        snprintf(names, sizeof(names), "%s%s%s%s%s", m[i].name[0], m[i].names > 1 ? "," : "",
                                 m[i].name[1], m[i].names > 2 ? "," : "", m[i].name[2]);
                        snprintf(mark, sizeof(mark), "%u", i);
                        assert_int_equal(images_user(b, names, m[i].uid, 1, mark), 0);
                }
                size_t size;
                uint8_t *base = image_of(b, &size);
                const struct snap_image image = open_image(base, size, SNAP_PASSWD);
                unsigned listed = 0;
                for (unsigned i = 0; i <= spread; i++) {
                        char name[16];
                        struct snap_user_view v;
                        snprintf(name, sizeof(name), "n%u", i);
                        const struct model *e = model_by_name(m, n, name);
                        assert_int_equal(user_named(&image, name, &v), e ? SNAP_FOUND : SNAP_ABSENT);
                        if (e)
                                assert_int_equal(atoi(v.text + v.gecos), e->serial);
                        e = model_by_uid(m, n, i);
                        assert_int_equal(snap_user_by_uid(&image, i, &v), e ? SNAP_FOUND : SNAP_ABSENT);
                        if (e)
                                assert_int_equal(atoi(v.text + v.gecos), e->serial);
                }
                for (unsigned i = 0; i < n; i++) {
                        struct snap_user_view v;
                        if (model_by_name(m, n, m[i].name[0]) != &m[i])
                                continue;
                        assert_int_equal(snap_user_listed(&image, listed++, &v), SNAP_FOUND);
                        assert_int_equal(atoi(v.text + v.gecos), i);
                }
                assert_int_equal(image.listed, listed);
                free(base);
                snap_builder_free(b);
        }
}

static void a_large_image_stands_up_to_verification(void **state)
{
        struct snap_builder *b = images_new(SNAP_GROUP);
        size_t size;
        (void)state;
        for (unsigned i = 0; i < 20000; i++) {
                char name[32], members[64];
                snprintf(name, sizeof(name), "group%u", i);
                snprintf(members, sizeof(members), "user%u,user%u,everybody", i, i / 2);
                assert_int_equal(images_group(b, name, i, members), 0);
        }
        uint8_t *base = image_of(b, &size);
        const struct snap_image image = open_image(base, size, SNAP_GROUP);
        struct snap_gids_view v;
        assert_int_equal(snap_gids_by_name(&image, "everybody", 9, &v), SNAP_FOUND);
        assert_int_equal(v.count, 20000);
        for (uint32_t i = 0; i < v.count; i++)
                assert_int_equal(snap_word(v.gids + 4 * (size_t)i), i);
        free(base);
        snap_builder_free(b);
}

/* -- damage
 * ---------------------------------------------------------------------------------------------------------
 */
static struct snap_builder *small(enum snap_kind kind)
{
        struct snap_builder *b = images_new(kind);
        for (unsigned i = 0; i < 5; i++) {
                char names[32];
                snprintf(names, sizeof(names), "n%u,alias%u", i, i);
                if (kind == SNAP_PASSWD)
                        assert_int_equal(images_user(b, names, i, 1, "gecos"), 0);
                else if (kind == SNAP_GROUP)
                        assert_int_equal(images_group(b, names, i, "n0,n1,n2"), 0);
                else
                        assert_int_equal(images_shadow(b, names, "*", 5), 0);
        }
        return b;
}

/* Reads every byte a view claims to have: AddressSanitizer complains if that leaves the image. */
static unsigned touch(const char *p, uint64_t n)
{
        unsigned sum = 0;
        for (uint64_t i = 0; i < n; i++)
                sum += (unsigned char)p[i];
        return sum;
}

static unsigned touch_user(enum snap_result r, const struct snap_user_view *v)
{
        if (r != SNAP_FOUND)
                return 0;
        assert_true(v->password < v->text_len && v->gecos < v->text_len && v->dir < v->text_len &&
                    v->shell < v->text_len);
        return touch(v->text, v->text_len) + touch(v->aliases, v->aliases_len);
}

static unsigned touch_group(enum snap_result r, const struct snap_group_view *v)
{
        if (r != SNAP_FOUND)
                return 0;
        assert_true(v->password < v->text_len);
        return touch(v->text, v->text_len) + touch(v->aliases, v->aliases_len) +
               touch((const char *)v->members, 4ull * v->member_count);
}

/* Every lookup there is, on whatever the bytes are now. */
static unsigned ask_everything(const uint8_t *base, size_t size, enum snap_kind kind)
{
        struct snap_image image;
        struct snap_user_view u;
        struct snap_group_view g;
        struct snap_shadow_view s;
        struct snap_gids_view l;
        unsigned sum = 0;
        if (snap_image_open(base, size, kind, &image))
                return 0;
        for (unsigned i = 0; i < 7; i++) {
                char names[2][16];
                snprintf(names[0], sizeof(names[0]), "n%u", i);
                snprintf(names[1], sizeof(names[1]), "alias%u", i);
                for (unsigned k = 0; k < 2; k++) {
                        const size_t len = strlen(names[k]);
                        if (kind == SNAP_PASSWD) {
                                sum += touch_user(snap_user_by_name(&image, names[k], len, &u), &u);
                        } else if (kind == SNAP_GROUP) {
                                sum += touch_group(snap_group_by_name(&image, names[k], len, &g), &g);
                                if (snap_gids_by_name(&image, names[k], len, &l) == SNAP_FOUND)
                                        sum += touch((const char *)l.gids, 4ull * l.count);
                        } else if (snap_shadow_by_name(&image, names[k], len, &s) == SNAP_FOUND) {
                                sum += touch(s.text, s.text_len) + touch(s.aliases, s.aliases_len);
                        }
                }
                if (kind == SNAP_PASSWD) {
                        sum += touch_user(snap_user_by_uid(&image, i, &u), &u);
                        sum += touch_user(snap_user_listed(&image, i, &u), &u);
                } else if (kind == SNAP_GROUP) {
                        sum += touch_group(snap_group_by_gid(&image, i, &g), &g);
                        sum += touch_group(snap_group_listed(&image, i, &g), &g);
                } else if (snap_shadow_listed(&image, i, &s) == SNAP_FOUND) {
                        sum += touch(s.text, s.text_len);
                }
        }
        return sum;
}

static void every_flipped_byte_is_harmless_and_noticed_by_verify(void **state)
{
        (void)state;
        for (unsigned kind = 0; kind < SNAP_ACCOUNTS; kind++) {
                struct snap_builder *b = small((enum snap_kind)kind);
                struct snap_findings f;
                size_t size;
                uint8_t *base = image_of(b, &size);
                assert_true(ask_everything(base, size, (enum snap_kind)kind) > 0);
                static const uint8_t flips[] = {0x01, 0x80, 0xff};
                for (size_t i = 0; i < size; i++)
                        for (unsigned k = 0; k < sizeof(flips); k++) {
                                base[i] ^= flips[k];
                                ask_everything(base, size, (enum snap_kind)kind);
                                assert_int_equal(snap_verify(base, size, (enum snap_kind)kind, &f), EBADMSG);
                                assert_true(f.what[0] != '\0');
                                base[i] ^= flips[k];
                        }
                free(base);
                snap_builder_free(b);
        }
}

/* With the sum put right again the structure itself is what verify has to judge: it must survive everything.
 */
static void resummed_damage_never_leads_outside(void **state)
{
        unsigned refused = 0, tried = 0;
        (void)state;
        srandom(5);
        for (unsigned kind = 0; kind < SNAP_ACCOUNTS; kind++) {
                struct snap_builder *b = small((enum snap_kind)kind);
                struct snap_findings f;
                size_t size;
                uint8_t *base = image_of(b, &size), *copy = malloc(size);
                assert_non_null(copy);
                for (size_t i = 0; i < size; i++) {
                        memcpy(copy, base, size);
                        copy[i] = (uint8_t)random();
                        if (random() % 2)
                                copy[random() % (long)size] = (uint8_t)random();
                        const uint64_t sum = snap_image_sum(copy, size);
                        memcpy(copy + offsetof(struct snap_header, sum), &sum, sizeof(sum));
                        ask_everything(copy, size, (enum snap_kind)kind);
                        tried++;
                        refused += snap_verify(copy, size, (enum snap_kind)kind, &f) == EBADMSG;
                }
                free(copy);
                free(base);
                snap_builder_free(b);
        }
        assert_true(refused >
                    tried / 4); /* the rest hit padding, numbers, or letters of a field that is no key */
}

static void every_truncation_is_refused(void **state)
{
        struct snap_builder *b = small(SNAP_GROUP);
        struct snap_image image;
        struct bytes whole;
        (void)state;
        assert_int_equal(snap_build(b, 3, &whole), 0);
        for (size_t n = 0; n < whole.len; n++) {
                uint8_t *part = malloc(n ? n : 1);
                assert_non_null(part);
                memcpy(part, whole.data, n);
                assert_int_equal(snap_image_open(part, n, SNAP_GROUP, &image), EBADMSG);
                free(part);
        }
        assert_int_equal(snap_image_open(whole.data, whole.len, SNAP_PASSWD, &image),
                         EBADMSG); /* of another kind */
        snap_builder_free(b);
}

static void a_table_without_an_end_is_damage_not_a_loop(void **state)
{
        struct snap_builder *b = small(SNAP_PASSWD);
        struct snap_header h;
        struct snap_image image;
        struct snap_user_view v;
        size_t size;
        (void)state;
        uint8_t *base = image_of(b, &size);
        memcpy(&h, base, sizeof(h));
        struct snap_bucket *buckets = (void *)(base + (size_t)h.names.at * SNAP_UNIT);
        for (unsigned i = 0; i < 1u << (h.names.bits - 2); i++)
                for (unsigned k = 0; k < SNAP_BUCKET; k++)
                        if (buckets[i].at[k] == 0)
                                buckets[i].at[k] = h.list;
        assert_int_equal(snap_image_open(base, size, SNAP_PASSWD, &image), 0);
        assert_int_equal(user_named(&image, "nobody-at-all", &v), SNAP_DAMAGED);
        free(base);
        snap_builder_free(b);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_user_is_found_by_every_key),
                cmocka_unit_test(the_first_record_wins_each_key_separately),
                cmocka_unit_test(memberships_count_even_of_groups_that_lost_their_keys),
                cmocka_unit_test(shadow_records_keep_their_numbers),
                cmocka_unit_test(bad_records_are_refused_and_leave_the_builder_as_it_was),
                cmocka_unit_test(random_records_answer_like_a_linear_search),
                cmocka_unit_test(a_large_image_stands_up_to_verification),
                cmocka_unit_test(every_flipped_byte_is_harmless_and_noticed_by_verify),
                cmocka_unit_test(resummed_damage_never_leads_outside),
                cmocka_unit_test(every_truncation_is_refused),
                cmocka_unit_test(a_table_without_an_end_is_damage_not_a_loop),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
