/* A disk that cannot be read below a mapped file (mapped.h): the process goes on, and everybody who has read
 * knows. A file that is made shorter is such a disk. Each story has a process of its own: what was lost stays
 * lost. */
#include "agent/keep.h"
#include "agent/mapped.h"
#include "agent/table.h"
#include "agent/pile.h"
#include "records.h"
#include "sys/fs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define RECORD ((size_t)1000)
#define MANY   5000u /* some pieces */
#define USERS  3000u

static char folder[64];

static int begin(void **state)
{
        (void)state;
        snprintf(folder, sizeof(folder), "/tmp/netinfo-mapped.XXXXXX");
        return mkdtemp(folder) ? 0 : -1;
}

static int end(void **state)
{
        (void)state;
        return fs_remove_tree(folder);
}

#define DEMAND(what)                                                               \
        do {                                                                       \
                if (!(what)) {                                                     \
                        fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #what); \
                        _exit(1);                                                  \
                }                                                                  \
        } while (0)

/* The wait status of a process that tells this story. */
static int told(void (*story)(void))
{
        int status = -1;
        const pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
                DEMAND(mapped_guard());
                story();
                _exit(0);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        return status;
}

/* Nothing of our files without names can be read any more. */
static void break_files(void)
{
        DIR *d = opendir("/proc/self/fd");
        DEMAND(d);
        for (const struct dirent *e; (e = readdir(d));) {
                struct stat st;
                const int fd = atoi(e->d_name);
                if (e->d_name[0] != '.' && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 0 &&
                    st.st_size > 0)
                        DEMAND(ftruncate(fd, 0) == 0);
        }
        closedir(d);
}

static struct pile *filled(uint32_t *at)
{
        struct pile *p = pile_new(folder);
        DEMAND(p);
        for (uint32_t i = 0; i < MANY; i++) {
                uint8_t *room = pile_add(p, RECORD, &at[i]);
                DEMAND(room);
                memset(room, (int)(i % 255 + 1), RECORD);
        }
        if (pile_write(p))
                pile_settle(p);
        return p;
}

/* How many records are what they were; the others are zeros. */
static unsigned sound(const struct pile *p, const uint32_t *at)
{
        static const uint8_t zeros[RECORD];
        unsigned n = 0;
        for (uint32_t i = 0; i < MANY; i++) {
                const uint8_t *data = pile_at(p, at[i]);
                if (memcmp(data, zeros, RECORD) == 0)
                        continue;
                for (size_t k = 0; k < RECORD; k++)
                        DEMAND(data[k] == i % 255 + 1);
                n++;
        }
        return n;
}

static uint32_t at[2][MANY];

static void zeros_and_a_word(void)
{
        struct pile *p = filled(at[0]), *other = filled(at[1]), *in_memory = pile_new(NULL);
        uint32_t place;
        DEMAND(sound(p, at[0]) == MANY && sound(other, at[1]) == MANY);
        DEMAND(!pile_is_lost(p) && mapped_losses() == 0);
        break_files();
        DEMAND(!pile_is_lost(p)); /* nobody has read yet */
        const unsigned left = sound(p, at[0]);
        DEMAND(left > 0 && left < MANY / 2); /* what is in memory */
        DEMAND(pile_is_lost(p));
        DEMAND(pile_is_lost(other) && !pile_is_lost(in_memory));
        DEMAND(mapped_losses() <= MANY * RECORD >> 20); /* once a piece, not once a page */
        pile_free(p);
        struct pile *next = filled(at[0]); /* stays in memory */
        break_files();
        DEMAND(sound(next, at[0]) == MANY && !pile_is_lost(next) && !pile_write(next) &&
               pile_error(next) == 0);
        DEMAND(pile_add(next, 1, &place));
        pile_free(next);
        pile_free(other);
        pile_free(in_memory);
}

static void *read_all(void *p)
{
        sound(p, at[0]);
        return NULL;
}

static void many_at_once(void)
{
        pthread_t thread[8];
        struct pile *p = filled(at[0]);
        break_files();
        for (unsigned i = 0; i < 8; i++)
                DEMAND(pthread_create(&thread[i], NULL, read_all, p) == 0);
        for (unsigned i = 0; i < 8; i++)
                DEMAND(pthread_join(thread[i], NULL) == 0);
        DEMAND(pile_is_lost(p));
        pile_free(p);
}

static void in_a_copy(void)
{
        int status;
        struct pile *p = filled(at[0]);
        break_files();
        const pid_t pid = fork();
        if (pid == 0) {
                sound(p, at[0]);
                _exit(pile_is_lost(p) ? 0 : 1);
        }
        DEMAND(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0);
        DEMAND(pile_is_lost(p)); /* we have not read */
        pile_free(p);
}

/* Piles that come and go do not use the places up, nor does one leave a place behind that is somebody else's
 * now. */
static void come_and_go(void)
{
        void *v[3000];
        for (unsigned round = 0; round < 3; round++) {
                for (unsigned i = 0; i < 3000; i++) {
                        v[i] = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
                        DEMAND(v[i] != MAP_FAILED && mapped_add(v[i], 4096));
                }
                for (unsigned i = 0; i < 3000; i++) {
                        mapped_remove(v[i]);
                        munmap(v[i], 4096);
                }
        }
        struct pile *p = filled(at[0]);
        break_files();
        sound(p, at[0]);
        DEMAND(pile_is_lost(p));
        pile_free(p);
}

static void somebody_elses_file(void)
{
        struct pile *p = filled(at[0]);
        int fd;
        DEMAND(p && fs_open_nameless(folder, &fd) == 0 && ftruncate(fd, 8192) == 0);
        const volatile char *map = mmap(NULL, 8192, PROT_READ, MAP_SHARED, fd, 0);
        DEMAND(map != MAP_FAILED && map[4096] == 0 && ftruncate(fd, 0) == 0);
        _exit(map[4096]);
}

static void sent_by_somebody(void)
{
        kill(getpid(), SIGBUS);
}

/* It is guarded no more. */
static void removed(void)
{
        int fd;
        DEMAND(fs_open_nameless(folder, &fd) == 0 && ftruncate(fd, 4096) == 0);
        void *map = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
        DEMAND(map != MAP_FAILED && mapped_add(map, 4096) && ftruncate(fd, 0) == 0);
        mapped_remove(map);
        _exit(*(const volatile char *)map);
}

static void goes_on(void **state)
{
        (void)state;
        assert_int_equal(told(zeros_and_a_word), 0);
        assert_int_equal(told(many_at_once), 0);
        assert_int_equal(told(in_a_copy), 0);
        assert_int_equal(told(come_and_go), 0);
}

static bool died_of_it(int status)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
        return !WIFEXITED(status) || WEXITSTATUS(status) != 0;
#else
        return WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS;
#endif
}

/* What is none of ours ends the process as ever. */
static void others_do_not(void **state)
{
        (void)state;
        assert_true(died_of_it(told(somebody_elses_file)));
        assert_true(died_of_it(told(sent_by_somebody)));
        assert_true(died_of_it(told(removed)));
}

/* -- the table upon it, and what is kept of it */

static struct arena a;

static struct table *users(void)
{
        struct table *t = table_new(folder);
        const struct ext_node root = {.props = encoded(&a, "name=/")};
        const struct ext_node top = {.id.object = 1, .ordinal = 1, .props = encoded(&a, "name=users")};
        DEMAND(table_put(t, &root) == TABLE_OK && table_put(t, &top) == TABLE_OK);
        for (uint32_t i = 2; i < USERS; i++) {
                const char *text = arena_printf(&a, "name=u%u|uid=%u|gid=1|realname=%0900u", i, i, i);
                const struct ext_node n = {
                        .id.object = i, .parent = 1, .ordinal = i, .born = i, .props = encoded(&a, text)};
                DEMAND(table_put(t, &n) == TABLE_OK);
        }
        table_settle(t);
        if (table_write_out(t))
                table_written_out(t);
        return t;
}

static void table_and_keep(void)
{
        const struct keep_limits limits = {USERS, 16u << 20, folder};
        struct keep_head head = {.epoch = 7, .seq = 9, .server = {"10.0.0.1", "network"}}, found;
        struct keep *k = keep_open(folder, 0);
        struct table *t = users(), *again = NULL;
        struct bytes *v, first = BYTES_NONE;
        size_t n;
        DEMAND(keep_write(k, &head, t) == 0 && !table_is_lost(t));
        break_files();
        head.seq = 10;
        DEMAND(keep_write(k, &head, t) == EIO); /* it reads all of it, and finds out at the end */
        DEMAND(table_is_lost(t));
        DEMAND(!table_pack(t, folder));
        DEMAND(keep_read(k, &limits, &found, &again) == 0); /* the file is the one before */
        DEMAND(found.seq == 9 && table_count(again) == USERS && !table_is_lost(again));
        DEMAND(table_children(again, TOP_USERS, &v, &n) && n == USERS - 2 &&
               prop_first(v[0], "name", &first));
        DEMAND(bytes_eq_str(first, "u2"));
        free(v);
        table_free(again);
        table_free(t);
        keep_close(k);
}

static void tables(void **state)
{
        (void)state;
        assert_int_equal(told(table_and_keep), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(goes_on, begin, end),
                                           cmocka_unit_test_setup_teardown(others_do_not, begin, end),
                                           cmocka_unit_test_setup_teardown(tables, begin, end)};
        arena_init(&a, 0);
        setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
        const int failed = cmocka_run_group_tests(tests, NULL, NULL);
        arena_done(&a);
        return failed;
}
