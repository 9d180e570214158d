/* `ni store`: a look into the folder of a domain, and the ways out of it and back in. */
#include "tools/store_text.h"
#include "tools/talk.h"

#include "sys/clock.h"
#include "sys/fs.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define DOMAINS  "/var/lib/netinfo/domains/"
#define SHOWN    1000u /* problems that are printed; the rest is counted */
#define DUMP_BUF ((size_t)1 << 20)

static const struct talk_manual manual = {
        .command = "store",
        .synopsis = "store stat STORE\n"
                    "store check STORE\n"
                    "store dump STORE\n"
                    "store load FILE FOLDER\n"
                    "store copy STORE FOLDER",
        .about = "stat: identity, sums, sizes of the tables, readers.\n"
                 "check: compares every table with every other; prints problems, exit status 1 when\n"
                 "there is one.\n"
                 "dump: the content as text, one block a directory. load: makes FOLDER from such a\n"
                 "text (`-`: standard input); refuses to overwrite. The domain keeps its uuid and gets\n"
                 "a new epoch; history does not come along.\n"
                 "copy: one consistent moment of a store, compact, also of a running one.\n"
                 "STORE is a domain's folder, its data.mdb, a copy, or a tag below\n"
                 "/var/lib/netinfo/domains. A running server does not mind, but while dump, check and\n"
                 "copy read, its file grows with what is written.",
        .examples = "  ni store stat /var/lib/netinfo/domains/network\n"
                    "  ni store check network --json\n"
                    "  ni store copy network /backup/network-monday\n"
                    "  ni store dump /backup/network-monday > network.txt\n"
                    "  ni store load network.txt /var/lib/netinfo/domains/network",
        .json = true,
};

/* What the sub-commands share: the store that was named, and a reader of it. */
struct opened {
        char path[PATH_MAX];
        struct store *s;
        struct store_txn *r;
};

static int exit_of(enum ni_status st)
{
        return st == NI_NODIR ? EXIT_NOT_FOUND : st == NI_ALIVE ? EXIT_CONFLICT : EXIT_FAILED;
}

/* A path, or, when there is no such file, the tag of a domain of this machine. */
static void resolve(const char *what, char path[PATH_MAX])
{
        const bool tag = !strchr(what, '/') && what[0] != '.' && access(what, F_OK) < 0;
        snprintf(path, PATH_MAX, "%s%s", tag && access(DOMAINS, F_OK) == 0 ? DOMAINS : "", what);
}

static bool open_store(struct talk *t, const char *what, struct opened *o)
{
        const struct store_options options = {.read_only = true};
        struct store_why why = {{0}};
        resolve(what, o->path);
        enum ni_status st = store_open(o->path, &options, &o->s, &why);
        if (st != NI_OK) {
                const bool named = strncmp(why.text, o->path, strlen(o->path)) == 0;
                talk_error(t, exit_of(st), named ? NULL : what, why.text,
                           st == NI_NODIR || st == NI_NOTAG
                                   ? "give the tag of a domain of this machine, or the folder of a store"
                                   : NULL);
                return false;
        }
        st = store_reader_new(o->s, &o->r);
        if (st == NI_OK)
                st = store_read_begin(o->r);
        if (st != NI_OK)
                talk_error(t, EXIT_FAILED, what, "cannot be read",
                           "too many readers? `ni store stat` counts them");
        return st == NI_OK;
}

static void close_store(struct opened *o)
{
        if (o->r) {
                store_read_end(o->r);
                store_reader_free(o->r);
        }
        store_close(o->s);
}

/* -- stat
 * ----------------------------------------------------------------------------------------------------- */

static void hex(char *to, const uint8_t *from, size_t n)
{
        for (size_t i = 0; i < n; i++)
                snprintf(to + 2 * i, 3, "%02x", from[i]);
}

static void time_text(char *to, size_t size, uint64_t us)
{
        const time_t seconds = (time_t)(us / 1000000u);
        struct tm tm;
        if (us == 0 || !gmtime_r(&seconds, &tm) || !strftime(to, size, "%Y-%m-%dT%H:%M:%SZ", &tm))
                snprintf(to, size, "-");
}

static void print_stat(struct talk *t, const char *path, const struct store_info *i,
                       const struct store_usage *u)
{
        char uuid[33], digest[33], when[40];
        hex(uuid, i->uuid, 16);
        hex(digest, i->digest, 16);
        time_text(when, sizeof(when), i->last_when);
        const char *role = i->role == STORE_CLONE ? "clone" : "master";
        if (t->json) {
                talk_json(t, json_pack("{s:o,s:s,s:s,s:o,s:I,s:I,s:s,s:I,s:s,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,"
                                       "s:I,s:I,s:I}",
                                       "store", talk_json_bytes(bytes_str(path)), "role", role, "uuid", uuid,
                                       "epoch", talk_json_hex(i->epoch), "seq", (json_int_t)i->seq,
                                       "first_seq", (json_int_t)i->first_seq, "last_change", when, "checksum",
                                       (json_int_t)i->checksum, "digest", digest, "directories",
                                       (json_int_t)i->directories, "highest", (json_int_t)i->highest,
                                       "file_bytes", (json_int_t)u->file_bytes, "used_bytes",
                                       (json_int_t)u->used_bytes, "map_bytes", (json_int_t)u->map_bytes,
                                       "children", (json_int_t)u->children, "index", (json_int_t)u->index,
                                       "freed", (json_int_t)u->freed, "journal", (json_int_t)u->journal,
                                       "readers", (json_int_t)u->readers, "readers_max",
                                       (json_int_t)u->readers_max));
                return;
        }
        printf("store        %s\nrole         %s\nuuid         %s\nepoch        %016" PRIx64 "\n", path, role,
               uuid, i->epoch);
        printf("change       #%" PRIu64 " of %s\n", i->seq, when);
        if (i->first_seq <= i->seq)
                printf("journal      from #%" PRIu64 ", %" PRIu64 " parts\n", i->first_seq, u->journal);
        else
                printf("journal      empty\n");
        printf("checksum     %" PRIu32 "\ndigest       %s\n", i->checksum, digest);
        printf("directories  %" PRIu32 " (highest number %" PRIu32 ")\n", i->directories, i->highest);
        printf("index        %" PRIu64 " entries\nfreed        %" PRIu64 " entries\n", u->index, u->freed);
        printf("file         %" PRIu64 " bytes, %" PRIu64 " in use, room for %" PRIu64 "\n", u->file_bytes,
               u->used_bytes, u->map_bytes);
        printf("readers      %" PRIu32 " slots used of %" PRIu32 "\n", u->readers, u->readers_max);
}

static void run_stat(struct talk *t)
{
        struct opened o = {.s = NULL};
        struct store_info info;
        struct store_usage usage;
        if (open_store(t, t->operand[1], &o)) {
                if (store_get_info(o.r, &info) == NI_OK && store_get_usage(o.r, &usage) == NI_OK)
                        print_stat(t, o.path, &info, &usage);
                else
                        talk_error(t, EXIT_FAILED, t->operand[1], "damaged", "`ni store check` says more");
        }
        close_store(&o);
}

/* -- check
 * ---------------------------------------------------------------------------------------------------- */

struct problems {
        struct talk *t;
        json_t *list;
        uint64_t n;
};

static void on_problem(void *context, const char *text)
{
        struct problems *p = context;
        if (p->n++ >= SHOWN)
                return;
        if (p->t->json)
                json_array_append_new(p->list, json_string(text));
        else
                printf("%s\n", text);
}

static void print_check(struct talk *t, const char *path, const struct store_check_report *r,
                        struct problems *p)
{
        if (t->json) {
                talk_json(t,
                          json_pack("{s:o,s:b,s:I,s:I,s:I,s:I,s:o}", "store",
                                    talk_json_bytes(bytes_str(path)), "sound", r->problems == 0, "problems",
                                    (json_int_t)r->problems, "directories", (json_int_t)r->directories,
                                    "index", (json_int_t)r->index_entries, "journal",
                                    (json_int_t)r->journal_entries, "said", json_incref(p->list)));
                return;
        }
        if (p->n > SHOWN)
                printf("... and %" PRIu64 " more\n", p->n - SHOWN);
        printf("%s: %" PRIu64 " directories, %" PRIu64 " index entries, %" PRIu64 " changes in the journal: ",
               path, r->directories, r->index_entries, r->journal_entries);
        if (r->problems)
                printf("%" PRIu64 " problem%s\n", r->problems, r->problems == 1 ? "" : "s");
        else
                printf("sound\n");
}

static void check_here(struct talk *t)
{
        struct opened o = {.s = NULL};
        struct store_check_report report;
        struct problems p = {.t = t, .list = json_array()};
        if (open_store(t, t->operand[1], &o)) {
                if (store_check(o.r, &report, on_problem, &p) == NI_OK) {
                        print_check(t, o.path, &report, &p);
                        t->exit = report.problems ? EXIT_FAILED : EXIT_ANSWERED;
                } else {
                        talk_error(t, EXIT_FAILED, t->operand[1],
                                   "the check could not be finished: out of memory", NULL);
                }
        }
        json_decref(p.list);
        close_store(&o);
}

/* In a process of its own: a page that is damaged, or a file that was cut short, may kill whoever reads it
 * (store-format.md, What a crash may leave). */
static int run_check(struct talk *t)
{
        int status = 0;
        fflush(NULL);
        const pid_t pid = fork();
        if (pid == 0) {
                prctl(PR_SET_PDEATHSIG, SIGKILL); /* interrupted together */
                check_here(t);
                const int code = talk_end(t);
                fflush(NULL);
                _exit(code);
        }
        while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
                ;
        if (pid < 0)
                talk_error(t, EXIT_FAILED, t->operand[1], strerror(errno), NULL);
        else if (WIFSIGNALED(status) && t->json)
                talk_json(t, json_pack("{s:o,s:b,s:i,s:[s]}", "store",
                                       talk_json_bytes(bytes_str(t->operand[1])), "sound", 0, "problems", 1,
                                       "said", "damaged so that reading it kills the reader"));
        if (pid > 0 && WIFSIGNALED(status))
                talk_error(t, EXIT_FAILED, t->operand[1], "damaged so that reading it kills the reader",
                           "restore a copy, or load a dump");
        const int code = talk_end(t);
        return pid > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : code;
}

/* -- dump, load, copy
 * ----------------------------------------------------------------------------------------- */

struct progress {
        struct talk *t;
        const char *doing;
        uint64_t last; /* ms */
};

static void on_progress(void *context, uint64_t done)
{
        struct progress *p = context;
        const uint64_t now = clock_mono_ms();
        if (now - p->last < 2000 || !isatty(STDERR_FILENO))
                return;
        p->last = now;
        talk_say(p->t, "%s: %" PRIu64 " directories", p->doing, done);
}

static void run_dump(struct talk *t)
{
        struct opened o = {.s = NULL};
        struct progress p = {t, "dumped", clock_mono_ms()};
        if (open_store(t, t->operand[1], &o)) {
                setvbuf(stdout, NULL, _IOFBF, DUMP_BUF);
                if (store_text_dump(o.r, stdout, on_progress, &p) != NI_OK)
                        talk_error(t, EXIT_FAILED, t->operand[1], "damaged: the dump is not complete",
                                   "`ni store check` says more");
        }
        close_store(&o);
}

/* Everything but the renaming: 0 or an exit status, said. */
static bool load_aside(struct talk *t, FILE *in, const char *name, const char *aside)
{
        const struct store_options options = {.no_sync = true};
        struct store_why why = {{0}};
        struct store_text_why what = {.line = 0};
        struct store *s = NULL;
        struct store_check_report report = {.problems = 1};
        struct progress p = {t, "loaded", clock_mono_ms()};
        struct store_txn *r = NULL;
        char reason[256] = "";
        enum ni_status st = store_create(aside, STORE_MASTER, &options, &s, &why);
        if (st != NI_OK)
                snprintf(reason, sizeof(reason), "%s", why.text);
        else
                st = store_text_load(in, s, on_progress, &p, &what);
        if (st != NI_OK && what.line)
                snprintf(reason, sizeof(reason), "line %" PRIu64 ": %s", what.line, what.reason);
        else if (st != NI_OK && !reason[0])
                snprintf(reason, sizeof(reason), "%s", what.reason);
        if (st == NI_OK)
                st = store_reader_new(s, &r);
        if (st == NI_OK)
                st = store_read_begin(r);
        if (st == NI_OK)
                st = store_check(r, &report, NULL, NULL);
        if (st == NI_OK && report.problems) {
                st = NI_SERIAL;
                snprintf(reason, sizeof(reason),
                         "its directories do not make a tree: parents are missing, or form a ring");
        }
        if (r) {
                store_read_end(r);
                store_reader_free(r);
        }
        if (st == NI_OK)
                st = store_sync(s);
        store_close(s);
        if (st != NI_OK)
                talk_error(t, EXIT_FAILED, name, reason[0] ? reason : "the store could not be written",
                           "nothing was changed");
        return st == NI_OK;
}

static int rename_in_place(const char *aside, const char *folder)
{
        char parent[PATH_MAX + 4];
        snprintf(parent, sizeof(parent), "%s/..", folder);
        if (fs_sync_folder(aside) != 0 || rename(aside, folder) < 0)
                return errno;
        return fs_sync_folder(parent);
}

static void run_load(struct talk *t)
{
        const char *name = t->operand[1], *folder = t->operand[2];
        char aside[PATH_MAX];
        struct stat st;
        if (lstat(folder, &st) == 0) {
                talk_error(t, EXIT_CONFLICT, folder, "it exists already",
                           "move it away first, or load beside it");
                return;
        }
        if (snprintf(aside, sizeof(aside), "%s.loading-XXXXXX", folder) >= (int)sizeof(aside)) {
                talk_error(t, EXIT_FAILED, folder, "the path is too long", NULL);
                return;
        }
        FILE *in = strcmp(name, "-") == 0 ? stdin : fopen(name, "re");
        if (!in || !mkdtemp(aside)) {
                talk_error(t, EXIT_FAILED, in ? folder : name, strerror(errno), NULL);
        } else if (load_aside(t, in, name, aside)) {
                const int err = rename_in_place(aside, folder);
                if (err)
                        talk_error(t, err == EEXIST || err == ENOTEMPTY ? EXIT_CONFLICT : EXIT_FAILED, folder,
                                   strerror(err), NULL);
        }
        if (in) {
                fs_remove_tree(aside); /* gone when it was renamed */
                if (in != stdin)
                        fclose(in);
        }
}

static void run_copy(struct talk *t)
{
        struct opened o = {.s = NULL};
        struct store_why why = {{0}};
        if (open_store(t, t->operand[1], &o)) {
                const enum ni_status st = store_copy(o.s, t->operand[2], &why);
                if (st != NI_OK)
                        talk_error(t, exit_of(st), t->operand[2], why.text, NULL);
        }
        close_store(&o);
}

/* -- the command
 * ---------------------------------------------------------------------------------------------- */

int ni_store_run(int argc, char **argv)
{
        static const struct {
                const char *name;
                int operands;
                void (*run)(struct talk *);
                bool json;
        } actions[] = {{"stat", 1, run_stat, true},
                       {"check", 1, NULL, true},
                       {"dump", 1, run_dump, false},
                       {"load", 2, run_load, false},
                       {"copy", 2, run_copy, false}};
        struct talk t;
        talk_begin(&t, &manual, argc, argv);
        if (talk_option(&t) == TALK_STOP)
                return talk_end(&t);
        for (size_t i = 0; t.operands && i < sizeof(actions) / sizeof(actions[0]); i++) {
                if (strcmp(actions[i].name, t.operand[0]) != 0)
                        continue;
                if (t.operands != actions[i].operands + 1)
                        talk_usage(&t, "`store %s` takes %d operand%s", actions[i].name, actions[i].operands,
                                   actions[i].operands == 1 ? "" : "s");
                else if (t.json && !actions[i].json)
                        talk_usage(&t, "`store %s` knows no --json", actions[i].name);
                else if (actions[i].run)
                        actions[i].run(&t);
                else
                        return run_check(&t);
                return talk_end(&t);
        }
        talk_usage(&t, "which action? stat, check, dump, load or copy");
        return talk_end(&t);
}
