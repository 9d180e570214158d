/* What is kept of a domain (doc/agent.md): as it was, through restarts; and nothing that is damaged. */
#include "records.h"

#include "agent/keep.h"
#include "sys/fs.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#define SEED 987u

static struct arena a;
static char folder[64];
static const struct keep_limits limits = {1000, 1 << 20, NULL};
static uint64_t state_of = SEED;

static uint32_t below(uint32_t n)
{
        state_of ^= state_of << 13;
        state_of ^= state_of >> 7;
        state_of ^= state_of << 17;
        return (uint32_t)(state_of >> 32) % n;
}

static void put(struct table *t, uint32_t object, uint32_t parent, const char *props)
{
        const struct ext_node n = {.id = {.object = object},
                                   .parent = parent,
                                   .ordinal = object,
                                   .born = 1,
                                   .props = encoded(&a, props)};
        assert_int_equal(table_put(t, &n), TABLE_OK);
}

static struct table *first_table(void)
{
        struct table *t = table_new(NULL);
        assert_non_null(t);
        put(t, 0, 0, "master=a/b");
        put(t, 1, 0, "name=users");
        put(t, 2, 0, "name=groups");
        for (uint32_t i = 10; i < 700; i++) /* more than one frame */
                put(t, i, 1, arena_printf(&a, "name=n%u|uid=%u|gid=7|shell=/bin/%u", i, i, i));
        table_settle(t);
        return t;
}

/* One change, as a reply of CHANGES; applied to t. */
static struct ext_changes_result change(struct table *t, uint64_t seq, uint32_t object, const char *shell)
{
        struct ext_record *r = arena_zalloc(&a, 1, sizeof(*r));
        struct ext_entry *e = arena_zalloc(&a, 1, sizeof(*e));
        unsigned ignored = 0;
        assert_non_null(r);
        assert_non_null(e);
        *r = (struct ext_record){.kind = EXT_CHANGED,
                                 .object = object,
                                 .born = 1,
                                 .parent = 1,
                                 .ordinal = object,
                                 .has_after = true,
                                 .after = encoded(&a, arena_printf(&a, "name=n%u|uid=%u|gid=7|shell=%s",
                                                                   object, object, shell))};
        *e = (struct ext_entry){.seq = seq, .records = r, .record_count = 1};
        assert_int_equal(table_apply(t, r, false, &ignored), TABLE_OK);
        return (struct ext_changes_result){.epoch = 3, .seq = seq, .entries = e, .entry_count = 1};
}

static const struct keep_head head = {
        .uuid = {1, 2, 3}, .epoch = 3, .seq = 40, .server = {"10.0.0.1:987", "network"}};

static void assert_same(struct keep *k, const struct table *t, uint64_t seq)
{
        struct keep_head h;
        struct table *read;
        assert_int_equal(keep_read(k, &limits, &h, &read), 0);
        assert_memory_equal(h.uuid, head.uuid, sizeof(h.uuid));
        assert_int_equal(h.epoch, 3);
        assert_int_equal(h.seq, seq);
        assert_string_equal(h.server.address, "10.0.0.1:987");
        assert_string_equal(h.server.tag, "network");
        assert_int_equal(table_count(read), table_count(t));
        assert_int_equal(table_bytes(read), table_bytes(t));
        assert_int_equal(table_differences(t, read), 0);
        table_free(read);
}

static void test_restarts(void **state)
{
        struct table *t = first_table();
        struct keep *k = keep_open(folder, 1);
        struct keep_head h;
        struct table *none;
        (void)state;
        assert_int_equal(keep_read(k, &limits, &h, &none), ENOENT);
        assert_true(keep_is_due(k));
        assert_int_equal(keep_write(k, &head, t), 0);
        for (uint64_t seq = 41; seq < 60; seq++) {
                const struct ext_changes_result r =
                        change(t, seq, 10 + below(600), seq % 2 ? "/bin/zsh" : "/bin/ksh");
                assert_int_equal(keep_append(k, &r), 0);
                if (seq % 3)
                        continue;
                keep_close(k);
                k = keep_open(folder, 1);
                assert_same(k, t, seq);
                assert_false(keep_is_due(k));
        }
        keep_remove(k);
        assert_int_equal(keep_read(k, &limits, &h, &none), ENOENT);
        keep_close(k);
        table_free(t);
}

/* So many changes that they are more than the table: then it is time to write it anew. */
static void test_grows_and_is_written_anew(void **state)
{
        struct table *t = first_table();
        struct keep *k = keep_open(folder, 2);
        uint64_t seq = 40;
        (void)state;
        assert_int_equal(keep_write(k, &head, t), 0);
        while (!keep_is_due(k)) {
                const struct ext_changes_result r = change(t, ++seq, 10 + below(600), "/bin/zsh");
                assert_int_equal(keep_append(k, &r), 0);
                assert_true(seq < 100000);
                if (seq % 1000 == 0)
                        arena_reset(&a);
        }
        const struct keep_head now = {.uuid = {1, 2, 3}, .epoch = 3, .seq = seq, .server = head.server};
        assert_same(k, t, seq);
        assert_int_equal(keep_write(k, &now, t), 0);
        assert_false(keep_is_due(k));
        assert_same(k, t, seq);
        keep_remove(k);
        keep_close(k);
        table_free(t);
}

/* Cut off anywhere: the changes up to there, or nothing. Any byte another one: the same. */
static void test_damage(void **state)
{
        struct table *t = first_table(), *read;
        struct keep *k = keep_open(folder, 3);
        struct keep_head h;
        struct buf file;
        size_t good;
        uint64_t sum;
        unsigned whole = 0, none = 0;
        (void)state;
        assert_int_equal(keep_write(k, &head, t), 0);
        buf_init(&file, 0);
        assert_int_equal(fs_read(arena_printf(&a, "%s/domain.3", folder), 1 << 20, &file), 0);
        const size_t base = file.len;
        for (uint64_t seq = 41; seq < 50; seq++) {
                const struct ext_changes_result r = change(t, seq, 10 + below(600), "/bin/zsh");
                assert_int_equal(keep_append(k, &r), 0);
        }
        buf_clear(&file);
        assert_int_equal(fs_read(arena_printf(&a, "%s/domain.3", folder), 1 << 20, &file), 0);
        for (unsigned i = 0; i < 600; i++) {
                const size_t n =
                        below(3) ? base + below((uint32_t)(file.len - base)) : below((uint32_t)file.len);
                const uint8_t kept = file.data[n];
                const bool cut = below(2);
                file.data[n] ^= (uint8_t)(1 + below(255));
                if (keep_parse(bytes_of(file.data, cut ? n : file.len), &limits, &h, &read, &good, &sum)) {
                        assert_true(n >= base && good <= n && h.seq >= 40 && h.seq < 49);
                        assert_int_equal(table_count(read), table_count(t));
                        table_free(read);
                        whole++;
                } else {
                        assert_true(n < base);
                        none++;
                }
                file.data[n] = kept;
        }
        assert_true(whole > 100 && none > 50);
        const struct keep_limits few = {100, 1 << 20, NULL}, small = {1000, 1000, NULL};
        assert_false(keep_parse(buf_bytes(&file), &few, &h, &read, &good, &sum));
        assert_false(keep_parse(buf_bytes(&file), &small, &h, &read, &good, &sum));
        buf_done(&file);
        keep_close(k);
        table_free(t);
}

/* A torn end is cut off, and what follows is appended behind what is sound. */
static void test_torn_end(void **state)
{
        struct table *t = first_table();
        struct keep *k = keep_open(folder, 4);
        const char *path = arena_printf(&a, "%s/domain.4", folder);
        struct stat st;
        (void)state;
        assert_int_equal(keep_write(k, &head, t), 0);
        const struct ext_changes_result r = change(t, 41, 20, "/bin/zsh");
        assert_int_equal(keep_append(k, &r), 0);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
        struct table *before = first_table();
        const struct ext_changes_result lost = change(t, 42, 21, "/bin/zsh");
        const struct ext_changes_result same = change(before, 41, 20, "/bin/zsh");
        (void)same;
        assert_int_equal(keep_append(k, &lost), 0);
        keep_close(k);
        assert_int_equal(truncate(path, st.st_size + 7), 0);
        k = keep_open(folder, 4);
        assert_same(k, before, 41);
        const struct ext_changes_result next = change(before, 42, 22, "/bin/ksh");
        assert_int_equal(keep_append(k, &next), 0);
        keep_close(k);
        k = keep_open(folder, 4);
        assert_same(k, before, 42);
        keep_close(k);
        table_free(t);
        table_free(before);
}

static void test_nowhere_to_write(void **state)
{
        struct table *t = first_table();
        struct keep *k = keep_open(arena_printf(&a, "%s/missing", folder), 0);
        (void)state;
        assert_int_equal(keep_write(k, &head, t), ENOENT);
        assert_true(keep_is_due(k));
        const struct ext_changes_result r = change(t, 41, 20, "/bin/zsh");
        assert_int_equal(keep_append(k, &r), 0); /* nothing to append to */
        keep_close(k);
        k = keep_open("", 0);
        assert_int_equal(keep_write(k, &head, t), 0);
        assert_false(keep_is_due(k));
        keep_close(k);
        table_free(t);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_restarts),         cmocka_unit_test(test_grows_and_is_written_anew),
                cmocka_unit_test(test_damage),           cmocka_unit_test(test_torn_end),
                cmocka_unit_test(test_nowhere_to_write),
        };
        arena_init(&a, 0);
        snprintf(folder, sizeof(folder), "/tmp/netinfo-keep.XXXXXX");
        if (!mkdtemp(folder))
                return 1;
        const int failed = cmocka_run_group_tests(tests, NULL, NULL);
        arena_done(&a);
        return fs_remove_tree(folder) ? 1 : failed;
}
