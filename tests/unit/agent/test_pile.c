/* The pile of records: what was added is found, in memory and in its file, also when that cannot be written.
 */
#include "agent/pile.h"
#include "agent/table.h"
#include "records.h"
#include "sys/fs.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define RECORDS 30000u
#define LONGEST 3000u
#define HUGE    ((size_t)3 << 20) /* longer than a piece */

static char folder[64];

static int begin(void **state)
{
        (void)state;
        snprintf(folder, sizeof(folder), "/tmp/netinfo-pile.XXXXXX");
        return mkdtemp(folder) ? 0 : -1;
}

static int end(void **state)
{
        (void)state;
        return fs_remove_tree(folder);
}

static size_t length_of(uint32_t i)
{
        return i % 5000 == 4999 ? HUGE : 1 + (i * 2654435761u >> 8) % LONGEST;
}

static uint8_t byte_of(uint32_t i, size_t k)
{
        return (uint8_t)(i * 31 + k * 7);
}

static void add(struct pile *p, uint32_t i, uint32_t *ret_at)
{
        uint8_t *room = pile_add(p, length_of(i), ret_at);
        assert_non_null(room);
        assert_int_equal((uintptr_t)room % 8, 0);
        for (size_t k = 0; k < length_of(i); k++)
                room[k] = byte_of(i, k);
}

static void check(const struct pile *p, uint32_t i, uint32_t at)
{
        const uint8_t *data = pile_at(p, at);
        for (size_t k = 0; k < length_of(i); k += k < 100 ? 1 : 97)
                assert_int_equal(data[k], byte_of(i, k));
        assert_int_equal(data[length_of(i) - 1], byte_of(i, length_of(i) - 1));
}

static uint32_t at[RECORDS];

static void check_all(const struct pile *p, uint32_t n)
{
        for (uint32_t i = 0; i < n; i++)
                check(p, i, at[i]);
}

static void fill(struct pile *p, uint32_t from, uint32_t to, bool write)
{
        for (uint32_t i = from; i < to; i++) {
                add(p, i, &at[i]);
                if (write && i % 100 == 0 && pile_write(p)) {
                        check(p, i, at[i]); /* readers may go on until it is settled */
                        pile_settle(p);
                }
        }
}

static void in_memory(void **state)
{
        (void)state;
        struct pile *p = pile_new(NULL);
        fill(p, 0, RECORDS, true);
        check_all(p, RECORDS);
        assert_int_equal(pile_error(p), 0);
        pile_free(p);
}

static void in_a_file(void **state)
{
        (void)state;
        struct pile *p = pile_new(folder);
        fill(p, 0, RECORDS / 2, true);
        check_all(p, RECORDS / 2);
        fill(p, RECORDS / 2, RECORDS, false); /* many pieces at once */
        check_all(p, RECORDS);
        assert_true(pile_write(p));
        assert_false(pile_write(p));
        check_all(p, RECORDS);
        pile_settle(p);
        check_all(p, RECORDS);
        assert_int_equal(pile_error(p), 0);
        assert_int_equal(rmdir(folder), 0); /* it has no name */
        assert_int_equal(mkdir(folder, 0700), 0);
        check_all(p, RECORDS);
        pile_free(p);
}

static void no_folder(void **state)
{
        (void)state;
        struct pile *p = pile_new("/no/such/folder");
        fill(p, 0, 5000, true);
        assert_int_equal(pile_error(p), ENOENT);
        check_all(p, 5000);
        pile_free(p);
}

/* The disk is full for a while: what cannot be written stays, and is written later. */
static void full_disk(void **state)
{
        (void)state;
        struct rlimit before;
        struct pile *p = pile_new(folder);
        signal(SIGXFSZ, SIG_IGN);
        assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
        fill(p, 0, 2000, true);
        assert_int_equal(pile_error(p), 0);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &(struct rlimit){(5u << 20) + 1234, before.rlim_max}), 0);
        fill(p, 2000, 12000, true);
        assert_int_equal(pile_error(p), EFBIG);
        assert_false(pile_write(p));
        check_all(p, 12000);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
        assert_true(pile_write(p));
        pile_settle(p);
        assert_int_equal(pile_error(p), 0);
        check_all(p, 12000);
        pile_free(p);
}

/* -- the table upon it */
#define USERS 4000u

static struct arena a;

static struct bytes user(uint32_t i, uint32_t turn)
{
        return encoded(&a, arena_printf(&a, "name=u%u|uid=%u|gid=%u|realname=%0900u", i, i, turn, turn));
}

static void put_users(struct table *t)
{
        const struct ext_node root = {.props = encoded(&a, "name=/")};
        const struct ext_node users = {.id.object = 1, .ordinal = 1, .props = encoded(&a, "name=users")};
        assert_int_equal(table_put(t, &root), TABLE_OK);
        assert_int_equal(table_put(t, &users), TABLE_OK);
        for (uint32_t i = 2; i < USERS; i++) {
                const struct ext_node n = {
                        .id.object = i, .parent = 1, .ordinal = i, .born = i, .props = user(i, 0)};
                assert_int_equal(table_put(t, &n), TABLE_OK);
        }
        table_settle(t);
}

static void check_users(const struct table *t, uint32_t turn)
{
        struct bytes *v;
        size_t n;
        assert_true(table_children(t, TOP_USERS, &v, &n));
        assert_int_equal(n, USERS - 2);
        for (uint32_t i = 0; i < n; i++)
                assert_true(bytes_eq(v[i], user(i + 2, turn)));
        free(v);
        arena_reset(&a);
}

/* Changes without end do not make it grow without end, and what was is not lost by packing. */
static void packed(void **state)
{
        (void)state;
        struct table *t = table_new(folder);
        unsigned ignored = 0, times = 0;
        put_users(t);
        for (uint32_t turn = 1; turn <= 20; turn++) {
                for (uint32_t i = 2; i < USERS; i++) {
                        const struct ext_record r = {.kind = EXT_CHANGED,
                                                     .object = i,
                                                     .born = i,
                                                     .parent = 1,
                                                     .ordinal = i,
                                                     .has_after = true,
                                                     .after = user(i, turn)};
                        assert_int_equal(table_apply(t, &r, false, &ignored), TABLE_OK);
                }
                if (table_write_out(t))
                        table_written_out(t);
                check_users(t, turn);
                if (!table_is_wasteful(t))
                        continue;
                struct table_packed *p = table_pack(t, folder);
                assert_non_null(p);
                check_users(t, turn);
                table_take_packed(t, p);
                assert_false(table_is_wasteful(t));
                check_users(t, turn);
                times++;
        }
        assert_in_range(times, 2, 10);
        table_free(t);
}

int main(void)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(in_memory, begin, end),
                                           cmocka_unit_test_setup_teardown(in_a_file, begin, end),
                                           cmocka_unit_test_setup_teardown(no_folder, begin, end),
                                           cmocka_unit_test_setup_teardown(full_disk, begin, end),
                                           cmocka_unit_test_setup_teardown(packed, begin, end)};
        arena_init(&a, 0);
        const int failed = cmocka_run_group_tests(tests, NULL, NULL);
        arena_done(&a);
        return failed;
}
