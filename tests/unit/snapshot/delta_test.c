/* Deltas: what they say counts, damage in them is never taken for silence, and publishing keeps base and
 * delta together. */
#include "../../lib/images.h"

#include "snapshot/inspect.h"
#include "snapshot/live.h"
#include "snapshot/verify.h"
#include "sys/fs.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Bytes of a built image at an address of their own, of exactly their size. */
struct file {
        uint8_t *at;
        size_t size;
};

static struct file file_of(struct snap_builder *b, uint64_t generation)
{
        struct bytes image;
        assert_int_equal(snap_build(b, generation, &image), 0);
        struct file f = {malloc(image.len), image.len};
        assert_non_null(f.at);
        memcpy(f.at, image.data, image.len);
        return f;
}

static struct snap_builder *base_of(enum snap_kind kind)
{
        struct snap_builder *b = images_new(kind);
        for (unsigned i = 0; i < 6; i++) {
                char names[32];
                snprintf(names, sizeof(names), "n%u,alias%u", i, i);
                if (kind == SNAP_PASSWD)
                        assert_int_equal(images_user(b, names, 100 + i, 1, "old"), 0);
                else if (kind == SNAP_GROUP)
                        assert_int_equal(images_group(b, names, 100 + i, "ada,bob"), 0);
                else
                        assert_int_equal(images_shadow(b, names, "old", 5), 0);
        }
        return b;
}

static int take_away(struct snap_builder *b, enum snap_kind kind, const char *names, uint32_t number)
{
        struct bytes words[8];
        const size_t n = images_words(names, words, 8);
        if (kind == SNAP_PASSWD)
                return snap_add_user(
                        b, &(struct snap_user){.names = words, .name_count = n, .uid = number, .gone = true});
        if (kind == SNAP_GROUP)
                return snap_add_group(
                        b,
                        &(struct snap_group){.names = words, .name_count = n, .gid = number, .gone = true});
        return snap_add_shadow(b, &(struct snap_shadow){.names = words, .name_count = n, .gone = true});
}

/* n1 changed in place; n2 is called new2 and has another number; n3 went; came is new. */
static struct snap_builder *delta_of(enum snap_kind kind, const struct snap_header *base)
{
        struct snap_builder *b = images_new(kind);
        static const struct {
                const char *names;
                uint32_t number;
        } now[] = {{"n1,alias1", 101}, {"new2,alias2", 202}, {"came", 300}};
        snap_builder_delta(b, base->generation, base->sum);
        for (unsigned i = 0; i < 3; i++)
                if (kind == SNAP_PASSWD)
                        assert_int_equal(images_user(b, now[i].names, now[i].number, 1, "new"), 0);
                else if (kind == SNAP_GROUP)
                        assert_int_equal(images_group(b, now[i].names, now[i].number, "ada,eve"), 0);
                else
                        assert_int_equal(images_shadow(b, now[i].names, "new", 5), 0);
        assert_int_equal(take_away(b, kind, "n1,alias1", 101), 0);
        assert_int_equal(take_away(b, kind, "n2,alias2", 102), 0);
        assert_int_equal(take_away(b, kind, "n3,alias3", 103), 0);
        if (kind == SNAP_GROUP) {
                const uint32_t ada[] = {100, 101, 202, 104, 105, 300}, eve[] = {101, 202, 300};
                assert_int_equal(snap_add_gids(b, BYTES_LIT("ada"), ada, 6), 0);
                assert_int_equal(snap_add_gids(b, BYTES_LIT("eve"), eve, 3), 0);
                assert_int_equal(snap_add_gids(b, BYTES_LIT("bob"), NULL, 0), 0);
        }
        return b;
}

struct two {
        struct file base, delta;
        struct snap_pair pair;
};

static struct two make(enum snap_kind kind)
{
        struct snap_builder *b = base_of(kind);
        struct two t = {.base = file_of(b, 7)};
        struct snap_builder *d = delta_of(kind, (const struct snap_header *)(const void *)t.base.at);
        struct snap_findings f;
        t.delta = file_of(d, 8);
        assert_int_equal(snap_image_open(t.base.at, t.base.size, kind, &t.pair.base), 0);
        assert_int_equal(snap_delta_open(t.delta.at, t.delta.size, kind, t.base.at, &t.pair.delta), 0);
        if (snap_verify_delta(t.delta.at, t.delta.size, t.base.at, t.base.size, kind, &f))
                fail_msg("%s", f.what);
        snap_builder_free(b);
        snap_builder_free(d);
        return t;
}

static void done(struct two *t)
{
        free(t->base.at);
        free(t->delta.at);
}

static void assert_name(const struct snap_pair *p, enum snap_kind kind, const char *name, const char *want)
{
        struct snap_user_view u;
        struct snap_group_view g;
        struct snap_shadow_view s;
        const size_t n = strlen(name);
        enum snap_result r;
        const char *got;
        if (kind == SNAP_PASSWD) {
                r = snap_pair_user_by_name(p, name, n, &u);
                got = r == SNAP_FOUND ? u.text + u.gecos : "";
        } else if (kind == SNAP_GROUP) {
                r = snap_pair_group_by_name(p, name, n, &g);
                got = r == SNAP_FOUND ? strcmp(g.text + snap_word(g.members + 4), "eve") ? "old" : "new" : "";
        } else {
                r = snap_pair_shadow_by_name(p, name, n, &s);
                got = r == SNAP_FOUND ? s.text + s.hash : "";
        }
        assert_int_equal(r, *want ? SNAP_FOUND : SNAP_ABSENT);
        assert_string_equal(got, want);
}

static void the_delta_counts_and_else_the_base(void **state)
{
        (void)state;
        for (unsigned k = 0; k < SNAP_ACCOUNTS; k++) {
                struct two t = make((enum snap_kind)k);
                static const char *const want[][2] = {{"n0", "old"},     {"alias0", "old"}, {"n1", "new"},
                                                      {"alias1", "new"}, {"n2", ""},        {"alias2", "new"},
                                                      {"new2", "new"},   {"n3", ""},        {"alias3", ""},
                                                      {"n4", "old"},     {"came", "new"},   {"nobody", ""}};
                for (unsigned i = 0; i < sizeof(want) / sizeof(want[0]); i++)
                        assert_name(&t.pair, (enum snap_kind)k, want[i][0], want[i][1]);
                done(&t);
        }
}

static void numbers_and_group_lists_follow(void **state)
{
        struct two t = make(SNAP_PASSWD), g = make(SNAP_GROUP);
        static const uint32_t there[] = {100, 101, 202, 104, 105, 300}, gone[] = {102, 103, 99};
        struct snap_user_view u;
        struct snap_group_view v;
        struct snap_gids_view l;
        (void)state;
        for (unsigned i = 0; i < 6; i++) {
                assert_int_equal(snap_pair_user_by_uid(&t.pair, there[i], &u), SNAP_FOUND);
                assert_int_equal(u.uid, there[i]);
                assert_int_equal(snap_pair_group_by_gid(&g.pair, there[i], &v), SNAP_FOUND);
                assert_int_equal(v.gid, there[i]);
        }
        for (unsigned i = 0; i < 3; i++) {
                assert_int_equal(snap_pair_user_by_uid(&t.pair, gone[i], &u), SNAP_ABSENT);
                assert_int_equal(snap_pair_group_by_gid(&g.pair, gone[i], &v), SNAP_ABSENT);
        }
        assert_int_equal(snap_pair_gids_by_name(&g.pair, "ada", 3, &l), SNAP_FOUND);
        assert_int_equal(l.count, 6);
        assert_int_equal(snap_word(l.gids + 4 * 2), 202);
        assert_int_equal(snap_pair_gids_by_name(&g.pair, "eve", 3, &l), SNAP_FOUND);
        assert_int_equal(l.count, 3);
        assert_int_equal(snap_pair_gids_by_name(&g.pair, "bob", 3, &l), SNAP_ABSENT);
        done(&t);
        done(&g);
}

static void enumeration_has_each_record_once(void **state)
{
        static const char *const want[] = {"n0", "n1", "n4", "n5", "new2", "came"};
        (void)state;
        struct two p = make(SNAP_PASSWD), g = make(SNAP_GROUP), s = make(SNAP_SHADOW);
        struct snap_user_view u;
        struct snap_group_view v;
        struct snap_shadow_view w;
        uint64_t at[3] = {0};
        for (unsigned i = 0; i < 6; i++) {
                assert_int_equal(snap_pair_user_listed(&p.pair, &at[0], &u), SNAP_FOUND);
                assert_string_equal(u.text, want[i]);
                assert_int_equal(snap_pair_group_listed(&g.pair, &at[1], &v), SNAP_FOUND);
                assert_string_equal(v.text, want[i]);
                assert_int_equal(snap_pair_shadow_listed(&s.pair, &at[2], &w), SNAP_FOUND);
                assert_string_equal(w.text, want[i]);
                for (unsigned k = 0; k < 3; k++)
                        at[k]++;
        }
        assert_int_equal(snap_pair_user_listed(&p.pair, &at[0], &u), SNAP_ABSENT);
        assert_int_equal(snap_pair_group_listed(&g.pair, &at[1], &v), SNAP_ABSENT);
        assert_int_equal(snap_pair_shadow_listed(&s.pair, &at[2], &w), SNAP_ABSENT);
        done(&p);
        done(&g);
        done(&s);
}

/* -- damage */
static void ask(const struct two *t, enum snap_kind kind)
{
        static const char *const names[] = {"n0", "n1", "alias2", "n3", "came", "ada", "bob", "nobody"};
        struct snap_pair p;
        struct snap_user_view u;
        struct snap_group_view g;
        struct snap_shadow_view s;
        struct snap_gids_view l;
        if (snap_image_open(t->base.at, t->base.size, kind, &p.base) ||
            snap_delta_open(t->delta.at, t->delta.size, kind, t->base.at, &p.delta))
                return;
        for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
                const size_t n = strlen(names[i]);
                if (kind == SNAP_PASSWD) {
                        snap_pair_user_by_name(&p, names[i], n, &u);
                        snap_pair_user_by_uid(&p, 100 + i, &u);
                } else if (kind == SNAP_GROUP) {
                        snap_pair_group_by_name(&p, names[i], n, &g);
                        snap_pair_group_by_gid(&p, 100 + i, &g);
                        snap_pair_gids_by_name(&p, names[i], n, &l);
                } else {
                        snap_pair_shadow_by_name(&p, names[i], n, &s);
                }
        }
        for (uint64_t at = 0; kind == SNAP_PASSWD && snap_pair_user_listed(&p, &at, &u) == SNAP_FOUND; at++)
                assert_true(u.shell < u.text_len);
        for (uint64_t at = 0; kind == SNAP_GROUP && snap_pair_group_listed(&p, &at, &g) == SNAP_FOUND; at++)
                assert_true(g.password < g.text_len);
        for (uint64_t at = 0; kind == SNAP_SHADOW && snap_pair_shadow_listed(&p, &at, &s) == SNAP_FOUND; at++)
                assert_true(s.hash < s.text_len);
}

static void every_flipped_byte_of_a_delta_is_refused(void **state)
{
        static const uint8_t flips[] = {0x01, 0x80, 0xff};
        (void)state;
        for (unsigned kind = 0; kind < SNAP_ACCOUNTS; kind++) {
                struct two t = make((enum snap_kind)kind);
                struct snap_image image;
                struct snap_findings f;
                for (size_t i = 0; i < t.delta.size; i++)
                        for (unsigned k = 0; k < sizeof(flips); k++) {
                                t.delta.at[i] ^= flips[k];
                                assert_int_equal(snap_delta_open(t.delta.at, t.delta.size,
                                                                 (enum snap_kind)kind, t.base.at, &image),
                                                 EBADMSG);
                                assert_int_equal(snap_verify_delta(t.delta.at, t.delta.size, t.base.at,
                                                                   t.base.size, (enum snap_kind)kind, &f),
                                                 EBADMSG);
                                assert_true(f.what[0] != '\0');
                                t.delta.at[i] ^= flips[k];
                        }
                assert_int_equal(snap_image_open(t.delta.at, t.delta.size, (enum snap_kind)kind, &image),
                                 EBADMSG); /* a delta is no whole image, and the other way round */
                assert_int_equal(
                        snap_delta_open(t.base.at, t.base.size, (enum snap_kind)kind, t.base.at, &image),
                        EBADMSG);
                done(&t);
        }
}

static void every_flipped_byte_of_the_base_is_harmless(void **state)
{
        (void)state;
        for (unsigned kind = 0; kind < SNAP_ACCOUNTS; kind++) {
                struct two t = make((enum snap_kind)kind);
                for (size_t i = 0; i < t.base.size; i++) {
                        t.base.at[i] ^= 0xff;
                        ask(&t, (enum snap_kind)kind);
                        t.base.at[i] ^= 0xff;
                }
                done(&t);
        }
}

static void resummed_damage_never_leads_outside(void **state)
{
        unsigned refused = 0, tried = 0;
        (void)state;
        srandom(6);
        for (unsigned kind = 0; kind < SNAP_ACCOUNTS; kind++) {
                struct two t = make((enum snap_kind)kind);
                uint8_t *kept = malloc(t.delta.size);
                assert_non_null(kept);
                memcpy(kept, t.delta.at, t.delta.size);
                for (size_t i = 0; i < t.delta.size; i++) {
                        struct snap_findings f;
                        memcpy(t.delta.at, kept, t.delta.size);
                        t.delta.at[i] = (uint8_t)random();
                        if (random() % 2)
                                t.delta.at[random() % (long)t.delta.size] = (uint8_t)random();
                        const uint64_t sum = snap_image_sum(t.delta.at, t.delta.size);
                        memcpy(t.delta.at + offsetof(struct snap_header, sum), &sum, sizeof(sum));
                        ask(&t, (enum snap_kind)kind);
                        tried++;
                        refused += snap_verify_delta(t.delta.at, t.delta.size, t.base.at, t.base.size,
                                                     (enum snap_kind)kind, &f) == EBADMSG;
                }
                free(kept);
                done(&t);
        }
        assert_true(refused > tried / 4);
}

static void a_delta_lies_upon_its_own_base_only(void **state)
{
        (void)state;
        struct two t = make(SNAP_PASSWD);
        struct snap_builder *b = base_of(SNAP_PASSWD);
        struct file same_generation = file_of(b, 7); /* the same records with another hash key */
        struct snap_image image;
        assert_int_equal(snap_delta_open(t.delta.at, t.delta.size, SNAP_PASSWD, same_generation.at, &image),
                         EBADMSG);
        snap_builder_free(b);
        free(same_generation.at);
        done(&t);
}

/* -- publishing */
static bool exists(const char *folder, const char *name)
{
        char path[128];
        snprintf(path, sizeof(path), "%s/%s", folder, name);
        return access(path, F_OK) == 0;
}

static ino_t inode_of(const char *folder, const char *name)
{
        char path[128];
        struct stat st;
        snprintf(path, sizeof(path), "%s/%s", folder, name);
        assert_int_equal(stat(path, &st), 0);
        return st.st_ino;
}

static int publish(const char *live, const char *durable, struct snap_builder *b, struct snap_report *r)
{
        const struct snap_publication p = {
                .folder = live, .durable = durable, .map = {b, NULL, NULL}, .shadow_group = (gid_t)-1};
        const int err = snap_publish(&p, r);
        snap_builder_free(b);
        return err;
}

static struct snap_header header_of(const char *folder, const char *name)
{
        char path[128];
        void *at;
        size_t size;
        snprintf(path, sizeof(path), "%s/%s", folder, name);
        assert_int_equal(snap_map_file(path, &at, &size), 0);
        assert_true(size >= sizeof(struct snap_header));
        struct snap_header h;
        memcpy(&h, at, sizeof(h));
        munmap(at, size);
        return h;
}

static void check(const char *folder, const char *name, const char *want)
{
        struct snap_own own;
        assert_int_equal(setenv(SNAP_VARIABLE, folder, 1), 0);
        assert_int_equal(snap_own_open(SNAP_PASSWD, &own), 0);
        assert_name(&own.pair, SNAP_PASSWD, name, want);
        snap_own_close(&own);
}

static void base_and_delta_stay_together(void **state)
{
        char live[64], durable[64];
        struct snap_report r;
        (void)state;
        images_folder(live);
        images_folder(durable);
        assert_int_equal(publish(live, durable, base_of(SNAP_PASSWD), &r), 0);
        const struct snap_header h = header_of(live, "passwd.1");
        const ino_t base = inode_of(live, "passwd.1"), safe = inode_of(durable, "passwd.1");
        assert_int_equal(publish(live, durable, delta_of(SNAP_PASSWD, &h), &r), 0);
        assert_int_equal(r.durable_error, 0);
        assert_true(inode_of(live, "passwd.2.base") == base && inode_of(durable, "passwd.2.base") == safe);
        check(live, "came", "new");
        check(durable, "came", "new");
        /* Another delta upon the same base, and then a map that did not change. */
        assert_int_equal(publish(live, durable, delta_of(SNAP_PASSWD, &h), &r), 0);
        assert_int_equal(publish(live, durable, NULL, &r), 0);
        assert_int_equal(r.durable_error, 0);
        assert_true(inode_of(live, "passwd.4.base") == base && inode_of(durable, "passwd.4.base") == safe);
        assert_false(exists(live, "passwd.3.base")); /* the same file lives on */
        check(live, "n3", "");
        check(durable, "n3", "");
        /* A delta of something else is refused, and leaves what there is. */
        struct snap_header other = h;
        other.sum ^= 1;
        assert_int_equal(publish(live, durable, delta_of(SNAP_PASSWD, &other), &r), EBADMSG);
        assert_int_equal(r.generation, 0);
        assert_false(exists(live, "passwd.5.base"));
        check(live, "came", "new");
        /* A durable folder that was lost gets base and delta again. */
        assert_int_equal(fs_remove_tree(durable), 0);
        assert_int_equal(mkdir(durable, 0755), 0);
        assert_int_equal(publish(live, durable, delta_of(SNAP_PASSWD, &h), &r), 0);
        assert_int_equal(r.durable_error, 0);
        check(durable, "came", "new");
        /* A whole image ends it. */
        assert_int_equal(publish(live, durable, base_of(SNAP_PASSWD), &r), 0);
        check(live, "came", "");
        check(durable, "n3", "old");
        assert_int_equal(fs_remove_tree(live), 0);
        assert_int_equal(fs_remove_tree(durable), 0);
}

static void without_a_base_there_is_no_delta(void **state)
{
        char live[64];
        struct snap_report r;
        const struct snap_header h = {.generation = 1, .sum = 2};
        (void)state;
        images_folder(live);
        assert_int_equal(publish(live, NULL, delta_of(SNAP_PASSWD, &h), &r), ENOENT);
        assert_non_null(strstr(r.what, "no image of passwd"));
        struct snap_builder *b = images_new(SNAP_PASSWD);
        assert_int_equal(take_away(b, SNAP_PASSWD, "ada", 1), EINVAL); /* in a whole image nobody is gone */
        snap_builder_free(b);
        assert_int_equal(fs_remove_tree(live), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_delta_counts_and_else_the_base),
                cmocka_unit_test(numbers_and_group_lists_follow),
                cmocka_unit_test(enumeration_has_each_record_once),
                cmocka_unit_test(every_flipped_byte_of_a_delta_is_refused),
                cmocka_unit_test(every_flipped_byte_of_the_base_is_harmless),
                cmocka_unit_test(resummed_damage_never_leads_outside),
                cmocka_unit_test(a_delta_lies_upon_its_own_base_only),
                cmocka_unit_test(base_and_delta_stay_together),
                cmocka_unit_test(without_a_base_there_is_no_delta),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
