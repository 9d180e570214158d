/* Map images: who gets which key, what is listed, and damage (doc/snapshot-format.md 12). */
#include "../../lib/map_records.h"

#include "snapshot/reader.h"
#include "snapshot/verify.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A copy that ends where the image ends, so that AddressSanitizer sees every step outside. */
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

static const char *found(const struct snap_image *image, const char *space_and_name)
{
        struct snap_map_view v;
        const enum snap_result r = snap_map_by_key(image, space_and_name, strlen(space_and_name), &v);
        assert_true(r != SNAP_DAMAGED);
        return r == SNAP_FOUND ? v.text : "none";
}

static void the_first_record_has_the_key(void **state)
{
        struct snap_builder *b = images_new(SNAP_HOSTS);
        struct snap_image image;
        struct snap_findings f;
        struct snap_map_view v;
        size_t size;
        (void)state;
        assert_int_equal(images_host(b, "relay,r", "10.1.1.9,2001:db8::9"), 0);
        assert_int_equal(images_host(b, "relay,other", "10.9.9.9"), 0); /* loses its first name */
        assert_int_equal(images_host(b, "quill,r,r", "10.1.1.10"), 0);  /* loses a further one */
        assert_int_equal(images_host(b, "relay,r", "10.1.1.9"), 0);     /* loses all */
        uint8_t *base = image_of(b, &size);
        assert_int_equal(snap_verify(base, size, SNAP_HOSTS, &f), 0);
        assert_int_equal(snap_image_open(base, size, SNAP_HOSTS, &image), 0);
        assert_string_equal(found(&image, "nrelay"), "relay");
        assert_string_equal(found(&image, "nr"), "relay");
        assert_string_equal(found(&image, "nother"), "relay"); /* the second one */
        assert_string_equal(found(&image, "nquill"), "quill");
        assert_string_equal(found(&image, "arelay"), "none"); /* another space */
        assert_string_equal(found(&image, "nrela"), "none");
        assert_string_equal(found(&image, "a\x0a\x09\x09\x09"), "relay");
        assert_string_equal(found(&image, "a\x0a\x01\x01\x0a"), "quill");
        assert_int_equal(snap_map_by_key(&image, "nrelay", 6, &v), SNAP_FOUND);
        assert_int_equal(v.addresses4, 1);
        assert_int_equal(v.addresses16, 1);
        assert_memory_equal(v.addresses, "\x0a\x01\x01\x09\x20\x01\x0d\xb8", 8);
        assert_int_equal(v.first, 1);
        assert_int_equal(v.text_len, sizeof("relay\0\0r"));
        assert_memory_equal(v.text, "relay\0\0r", v.text_len);
        const struct snap_counts counts = snap_builder_counts(b);
        assert_int_equal(counts.records, 3);
        assert_int_equal(counts.listed, 2);
        assert_int_equal(counts.lost, 1);
        assert_int_equal(counts.shadowed, 2);
        assert_int_equal(snap_map_listed(&image, 0, &v), SNAP_FOUND);
        assert_string_equal(v.text, "relay");
        assert_int_equal(snap_map_listed(&image, 1, &v), SNAP_FOUND);
        assert_string_equal(v.text, "quill");
        assert_int_equal(snap_map_listed(&image, 2, &v), SNAP_ABSENT);
        free(base);
        snap_builder_free(b);
}

static void what_breaks_the_rules_is_refused(void **state)
{
        struct snap_builder *b = images_new(SNAP_ALIASES), *users = images_new(SNAP_PASSWD);
        struct map_record m;
        struct bytes image;
        static char huge[SNAP_KEY_MAX + 1];
        (void)state;
        assert_int_equal(images_lists(b, "", "", "a", ""), EINVAL);
        assert_int_equal(images_lists(b, "a", "x\ny", "a", ""), EINVAL);
        assert_int_equal(images_lists(users, "a", "", "a", ""), EINVAL);
        map_record(&m, "a", "");
        m.r.key_count = 0;
        assert_int_equal(snap_add_map(b, &m.r), EINVAL);
        memset(huge, 'n', sizeof(huge));
        m.keys[0] = bytes_of(huge, sizeof(huge));
        m.r.key_count = 1;
        assert_int_equal(snap_add_map(b, &m.r), E2BIG);
        m.keys[0] = bytes_of(huge, sizeof(huge) - 1);
        assert_int_equal(snap_add_map(b, &m.r), 0);
        assert_int_equal(snap_build(b, 1, &image), 0);
        assert_int_equal(images_lists(b, "late", "", "a", ""), EINVAL);
        assert_int_equal(snap_builder_counts(b).records, 1);
        snap_builder_free(b);
        snap_builder_free(users);
}

#define MANY 3000u

/* Random keys against a plain table. */
static void many_records_against_a_model(void **state)
{
        static uint32_t owner[MANY]; /* of name i: record + 1 */
        static bool lists[MANY];
        struct snap_builder *b = images_new(SNAP_PROTOCOLS);
        struct snap_image image;
        struct snap_findings f;
        struct snap_map_view v;
        uint32_t listed = 0, records = 0;
        size_t size;
        (void)state;
        srandom(987);
        memset(owner, 0, sizeof(owner));
        for (uint32_t i = 0; i < MANY; i++) {
                const uint32_t names[] = {(uint32_t)random() % MANY, (uint32_t)random() % MANY};
                char text[64];
                snprintf(text, sizeof(text), "p%u,p%u", names[0], names[1]);
                assert_int_equal(images_numbered(b, text, 100000 + i, ""), 0); /* its number is its own */
                lists[i] = !owner[names[0]];
                for (unsigned k = 0; k < 2; k++)
                        if (!owner[names[k]])
                                owner[names[k]] = i + 1;
                listed += lists[i];
                records++;
        }
        uint8_t *base = image_of(b, &size);
        assert_int_equal(snap_verify(base, size, SNAP_PROTOCOLS, &f), 0);
        assert_int_equal(f.records, records);
        assert_int_equal(f.listed, listed);
        assert_int_equal(snap_image_open(base, size, SNAP_PROTOCOLS, &image), 0);
        for (uint32_t i = 0; i < MANY; i++) {
                char key[32];
                const int n = snprintf(key, sizeof(key), "np%u", i);
                const enum snap_result r = snap_map_by_key(&image, key, (size_t)n, &v);
                assert_int_equal(r, owner[i] ? SNAP_FOUND : SNAP_ABSENT);
                if (owner[i])
                        assert_int_equal(v.number, 100000 + owner[i] - 1);
        }
        uint32_t at = 0;
        for (uint32_t i = 0; i < MANY; i++) {
                if (!lists[i])
                        continue;
                assert_int_equal(snap_map_listed(&image, at++, &v), SNAP_FOUND);
                assert_int_equal(v.number, 100000 + i);
        }
        free(base);
        snap_builder_free(b);
}

/* -- damage */
static struct snap_builder *small(void)
{
        struct snap_builder *b = images_new(SNAP_HOSTS);
        for (unsigned i = 0; i < 6; i++) {
                char names[32], addresses[64];
                snprintf(names, sizeof(names), "n%u,alias%u", i, i);
                snprintf(addresses, sizeof(addresses), "10.0.0.%u,2001:db8::%u", i, i);
                assert_int_equal(images_host(b, names, addresses), 0);
        }
        return b;
}

/* Reads every byte a view claims to have. */
static unsigned touch(enum snap_result r, const struct snap_map_view *v)
{
        unsigned sum = 0;
        if (r != SNAP_FOUND)
                return 0;
        assert_true(v->first + 2ull + v->second <= v->text_len);
        for (uint64_t i = 0; i < v->addresses4 * 4ull + v->addresses16 * 16ull; i++)
                sum += v->addresses[i];
        for (uint64_t i = 0; i < v->text_len; i++)
                sum += (unsigned char)v->text[i];
        return sum;
}

static unsigned ask_everything(const uint8_t *base, size_t size)
{
        struct snap_image image;
        struct snap_map_view v;
        unsigned sum = 0;
        if (snap_image_open(base, size, SNAP_HOSTS, &image))
                return 0;
        for (unsigned i = 0; i < 7; i++) {
                char key[32];
                const uint8_t address[] = {SNAP_KEY_ADDRESS, 10, 0, 0, (uint8_t)i};
                int n = snprintf(key, sizeof(key), "nn%u", i);
                sum += touch(snap_map_by_key(&image, key, (size_t)n, &v), &v);
                n = snprintf(key, sizeof(key), "nalias%u", i);
                sum += touch(snap_map_by_key(&image, key, (size_t)n, &v), &v);
                sum += touch(snap_map_by_key(&image, address, sizeof(address), &v), &v);
                sum += touch(snap_map_listed(&image, i, &v), &v);
        }
        return sum;
}

static void every_flipped_byte_is_harmless_and_noticed_by_verify(void **state)
{
        static const uint8_t flips[] = {0x01, 0x80, 0xff};
        struct snap_builder *b = small();
        struct snap_findings f;
        size_t size;
        uint8_t *base = image_of(b, &size);
        (void)state;
        assert_true(ask_everything(base, size) > 0);
        for (size_t i = 0; i < size; i++)
                for (unsigned k = 0; k < sizeof(flips); k++) {
                        base[i] ^= flips[k];
                        ask_everything(base, size);
                        assert_int_equal(snap_verify(base, size, SNAP_HOSTS, &f), EBADMSG);
                        assert_true(f.what[0] != '\0');
                        base[i] ^= flips[k];
                }
        assert_int_equal(snap_verify(base, size, SNAP_HOSTS, &f), 0);
        free(base);
        snap_builder_free(b);
}

static void resummed_damage_never_leads_outside(void **state)
{
        struct snap_builder *b = small();
        struct snap_findings f;
        size_t size;
        uint8_t *base = image_of(b, &size), *copy = malloc(size);
        unsigned refused = 0, tried = 0;
        (void)state;
        assert_non_null(copy);
        srandom(6);
        for (size_t round = 0; round < 6 * size; round++) {
                memcpy(copy, base, size);
                copy[round % size] = (uint8_t)random();
                if (random() % 2)
                        copy[random() % (long)size] = (uint8_t)random();
                const uint64_t sum = snap_image_sum(copy, size);
                memcpy(copy + offsetof(struct snap_header, sum), &sum, sizeof(sum));
                ask_everything(copy, size);
                tried++;
                refused += snap_verify(copy, size, SNAP_HOSTS, &f) == EBADMSG;
        }
        assert_true(refused > tried / 4);
        free(copy);
        free(base);
        snap_builder_free(b);
}

static void truncated_or_of_another_kind_is_refused(void **state)
{
        struct snap_builder *b = small();
        struct snap_findings f;
        struct snap_image image;
        size_t size;
        uint8_t *base = image_of(b, &size);
        (void)state;
        for (size_t n = 0; n < size; n++) {
                uint8_t *part = malloc(n ? n : 1);
                assert_non_null(part);
                memcpy(part, base, n);
                assert_int_equal(snap_image_open(part, n, SNAP_HOSTS, &image), EBADMSG);
                free(part);
        }
        for (unsigned k = 0; k < SNAP_KINDS; k++)
                assert_int_equal(snap_image_open(base, size, (enum snap_kind)k, &image),
                                 k == SNAP_HOSTS ? 0 : EBADMSG);
        /* There are no deltas of map images. */
        ((struct snap_header *)(void *)base)->flags = SNAP_DELTA;
        assert_int_equal(snap_image_open(base, size, SNAP_HOSTS, &image), EBADMSG);
        assert_int_equal(snap_delta_open(base, size, SNAP_HOSTS, base, &image), EBADMSG);
        assert_int_equal(snap_verify_delta(base, size, base, size, SNAP_HOSTS, &f), EBADMSG);
        free(base);
        snap_builder_free(b);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_first_record_has_the_key),
                cmocka_unit_test(what_breaks_the_rules_is_refused),
                cmocka_unit_test(many_records_against_a_model),
                cmocka_unit_test(every_flipped_byte_is_harmless_and_noticed_by_verify),
                cmocka_unit_test(resummed_damage_never_leads_outside),
                cmocka_unit_test(truncated_or_of_another_kind_is_refused),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
