/* `ni restore`: a domain out of a backup (doc/backup-format.md, Restoring). Nothing that stands is touched
 * until what replaces it is built, checked and on the disk. */
#include "tools/backup_file.h"
#include "tools/talk.h"

#include "directory/directory.h"

#include "model/path.h"
#include "store/store.h"
#include "sys/clock.h"
#include "sys/fs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define DOMAINS      "/var/lib/netinfo/domains"
#define COMMIT_ITEMS 5000u              /* directories and changes in one transaction */
#define COMMIT_BYTES ((size_t)16 << 20) /* or so many bytes of them */

enum { O_DIR = 256, O_REPLACE };
static const struct talk_option options[] = {
        {O_DIR, "dir", "D", "the folder given to netinfod --dir; default: " DOMAINS},
        {'d', "domain", "TAG", "make this domain; default: the one that was saved"},
        {O_REPLACE, "replace", NULL, "in place of the domain that is there, which is kept for seven days"},
        {0, NULL, NULL, NULL},
};
static const struct talk_manual manual = {
        .command = "restore",
        .synopsis = "restore [--dir D] [-d TAG] [--replace] FILE",
        .about = "Makes a domain out of FILE, which `ni backup` wrote: directories, journal, identity. It\n"
                 "is built aside, checked, and put in its place in one step; interrupted, it changes\n"
                 "nothing. The server must not run meanwhile. The domain gets a new epoch: replicas,\n"
                 "agents and `ni watch` see that this is another history and read it anew.",
        .options = options,
        .examples = "  ni restore --dir /srv/netinfo network-monday\n"
                    "  ni restore -d network --replace /backup/network-monday",
};

struct restore {
        struct talk *t;
        const char *file, *tag;
        bool replace;
        char domains[PATH_MAX], aside[PATH_MAX], folder[PATH_MAX];
        int lock;
        struct store *s;
        struct store_txn *w;
        uint8_t uuid[16];
        bool has_head; /* the store knows where its journal begins */
        uint32_t items;
        size_t bytes;
        const char *trouble; /* why a sink said no */
        char words[LIMIT_TAG + 1];
};

static bool fail(struct restore *r, int exit, const char *thing, const char *reason, const char *way_out)
{
        talk_error(r->t, exit, thing, reason, way_out ? way_out : "nothing was changed");
        return false;
}

/* -- building -------------------------------------------------------------------------------------------- */

static bool trouble(struct restore *r, enum ni_status st, const char *what)
{
        r->trouble = st == NI_NOSPACE ? "no space is left for the new store" : what;
        return false;
}

/* One more thing is in; commits when it is enough. */
static bool step(struct restore *r, size_t bytes)
{
        r->items++;
        r->bytes += bytes;
        if (r->items < COMMIT_ITEMS && r->bytes < COMMIT_BYTES)
                return true;
        r->items = 0;
        r->bytes = 0;
        const enum ni_status st = store_commit(r->w, NULL);
        r->w = NULL;
        return st == NI_OK || trouble(r, st, "the new store cannot be written");
}

static bool writing(struct restore *r)
{
        const enum ni_status st = r->w ? NI_OK : store_write_begin(r->s, &r->w);
        return st == NI_OK || trouble(r, st, "the new store cannot be written");
}

static bool begin_journal(struct restore *r, uint64_t before)
{
        r->has_head = true;
        const enum ni_status st = store_replay_head(r->w, r->uuid, 0, before);
        return st == NI_OK || trouble(r, st, "the new store cannot be written");
}

static bool put_entry(struct restore *r, const struct ext_entry *e)
{
        struct store_entry to = {
                .seq = e->seq, .when = e->when, .who = e->who, .from = e->from, .what = e->what};
        size_t bytes = 0;
        to.records = calloc(e->record_count, sizeof(*to.records));
        if (!to.records)
                return trouble(r, NI_SYSTEMERR, "out of memory");
        to.record_count = e->record_count;
        for (uint32_t i = 0; i < e->record_count; i++) {
                const struct ext_record *from = &e->records[i];
                bytes += from->before.len + from->after.len;
                to.records[i] = dir_store_record(from);
        }
        const enum ni_status st = store_replay_past(r->w, &to);
        free(to.records);
        return st == NI_OK ? step(r, bytes) : trouble(r, st, "a change of the journal cannot be taken");
}

static bool on_head(void *context, const struct backup_head *h)
{
        struct restore *r = context;
        memcpy(r->uuid, h->uuid, 16);
        return true;
}

static bool on_entries(void *context, const struct ext_entry *e, uint32_t n)
{
        struct restore *r = context;
        for (uint32_t i = 0; i < n; i++)
                if (!writing(r) || (!r->has_head && !begin_journal(r, e[i].seq - 1)) || !put_entry(r, &e[i]))
                        return false;
        return true;
}

static bool on_nodes(void *context, const struct ext_node *nodes, uint32_t n)
{
        struct restore *r = context;
        for (uint32_t i = 0; i < n; i++) {
                const struct store_node node = {.id = nodes[i].id,
                                                .parent = nodes[i].parent,
                                                .ordinal = nodes[i].ordinal,
                                                .born = nodes[i].born,
                                                .version = nodes[i].version,
                                                .props = nodes[i].props};
                if (!writing(r))
                        return false;
                const enum ni_status st = store_replay_node(r->w, &node);
                if (st != NI_OK)
                        return trouble(r, st, "a directory cannot be taken: its place is another one's");
                if (!step(r, node.props.len))
                        return false;
        }
        return true;
}

/* What the file says at its end must be what the new store says of itself. */
static bool finish(struct restore *r, const struct backup_end *end)
{
        const struct ext_status_result *want = &end->state;
        struct store_info have;
        if (!writing(r) || (!r->has_head && !begin_journal(r, want->seq)))
                return false;
        enum ni_status st = store_set_role(r->w, want->role ? STORE_CLONE : STORE_MASTER);
        if (st == NI_OK)
                st = store_get_info(r->w, &have);
        if (st != NI_OK)
                return trouble(r, st, "the new store cannot be written");
        if (have.seq != want->seq || have.first_seq != want->first_seq || have.checksum != want->checksum ||
            memcmp(have.digest, want->digest, 16) != 0)
                return trouble(r, NI_SYSTEMERR, "the new store differs from what was saved");
        st = store_commit(r->w, NULL);
        r->w = NULL;
        return st == NI_OK || trouble(r, st, "the new store cannot be written");
}

static void on_problem(void *context, const char *problem)
{
        struct restore *r = context;
        talk_say(r->t, "  %s", problem);
}

static bool check(struct restore *r)
{
        struct store_check_report report = {.problems = 1};
        struct store_txn *reader = NULL;
        enum ni_status st = store_reader_new(r->s, &reader);
        if (st == NI_OK)
                st = store_read_begin(reader);
        if (st == NI_OK) {
                st = store_check(reader, &report, on_problem, r);
                store_read_end(reader);
        }
        store_reader_free(reader);
        if (st != NI_OK)
                return trouble(r, st, "the new store cannot be checked");
        return report.problems == 0 ||
               trouble(r, NI_SYSTEMERR, "what was saved does not make a sound store; see above");
}

static bool build(struct restore *r, FILE *in, struct backup_end *ret)
{
        const struct store_options o = {.no_sync = true};
        const struct backup_sink sink = {
                .head = on_head, .entries = on_entries, .nodes = on_nodes, .context = r};
        struct store_why why = {{0}};
        char words[256];
        if (store_create(r->aside, STORE_MASTER, &o, &r->s, &why) != NI_OK)
                return fail(r, EXIT_FAILED, r->aside, why.text, NULL);
        const enum backup_outcome outcome = backup_read(in, &sink, ret, words, sizeof(words));
        if (outcome == BACKUP_BAD)
                return fail(r, EXIT_FAILED, r->file, words, "nothing was changed; take another backup");
        if (outcome == BACKUP_STOPPED || !finish(r, ret) || !check(r))
                return fail(r, EXIT_FAILED, r->file, r->trouble ? r->trouble : "cannot be restored", NULL);
        return store_sync(r->s) == NI_OK ||
               fail(r, EXIT_FAILED, r->aside, "could not be forced to the disk", NULL);
}

/* -- placing --------------------------------------------------------------------------------------------- */

/* The server's own user gets what we made as root: it is the one that owns the folder of domains. */
static bool give_to_owner(struct restore *r)
{
        static const char *const names[] = {"", "/data.mdb", "/lock.mdb"};
        struct stat owner;
        char path[PATH_MAX + 16];
        if (geteuid() != 0)
                return true;
        if (stat(r->domains, &owner) < 0)
                return fail(r, EXIT_FAILED, r->domains, strerror(errno), NULL);
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
                snprintf(path, sizeof(path), "%s%s", r->aside, names[i]);
                if (lchown(path, owner.st_uid, owner.st_gid) < 0 && errno != ENOENT)
                        return fail(r, EXIT_FAILED, path, strerror(errno), NULL);
        }
        return true;
}

/* A name beside the destroyed domains, taken by renaming the new store to it. */
static int take_kept_name(struct restore *r, char kept[PATH_MAX])
{
        const uint64_t now = clock_wall_us() / 1000000u;
        for (unsigned n = 0; n < 1000; n++) { /* several within a second: the next second's name */
                if (snprintf(kept, PATH_MAX, "%s/.destroyed/%s.%" PRIu64, r->domains, r->tag, now + n) >=
                    PATH_MAX)
                        return ENAMETOOLONG;
                if (renameat2(AT_FDCWD, r->aside, AT_FDCWD, kept, RENAME_NOREPLACE) == 0)
                        return 0;
                if (errno != EEXIST)
                        return errno;
        }
        return EEXIST;
}

static bool put_in_place(struct restore *r)
{
        int err = fs_sync_folder(r->aside);
        if (!err && renameat2(AT_FDCWD, r->aside, AT_FDCWD, r->folder, RENAME_NOREPLACE) < 0)
                err = errno;
        if (!err)
                err = fs_sync_folder(r->domains);
        if (err)
                return fail(r, err == EEXIST ? EXIT_CONFLICT : EXIT_FAILED, r->folder, strerror(err), NULL);
        talk_say(r->t, "%s: restored", r->folder);
        return true;
}

static bool exchange(struct restore *r)
{
        char destroyed[PATH_MAX + 16], kept[PATH_MAX];
        snprintf(destroyed, sizeof(destroyed), "%s/.destroyed", r->domains);
        int err = fs_sync_folder(r->aside);
        if (!err)
                err = fs_make_folders(destroyed, 0700);
        if (!err)
                err = take_kept_name(r, kept);
        if (err)
                return fail(r, EXIT_FAILED, destroyed, strerror(err), NULL);
        if (renameat2(AT_FDCWD, kept, AT_FDCWD, r->folder, RENAME_EXCHANGE) < 0) {
                err = errno;
                fs_remove_tree(kept);
                return fail(r, EXIT_FAILED, r->folder, strerror(err),
                            err == EINVAL || err == ENOSYS
                                    ? "this file system cannot exchange folders: move the old one away, and "
                                      "restore without --replace"
                                    : NULL);
        }
        err = fs_sync_folder(r->domains);
        if (!err)
                err = fs_sync_folder(destroyed);
        if (err)
                return fail(r, EXIT_FAILED, r->folder, strerror(err),
                            "the new domain is in its place, but a power cut may bring the old one back");
        talk_say(r->t, "%s: restored; the domain that was there is now %s", r->folder, kept);
        return true;
}

/* -- preparing ------------------------------------------------------------------------------------------- */

/* The tag in the head, read and nothing else. */
static bool stop_at_head(void *context, const struct backup_head *h)
{
        struct restore *r = context;
        snprintf(r->words, sizeof(r->words), "%.*s", BYTES_FMT(h->tag));
        return false;
}

static bool find_tag(struct restore *r, FILE *in)
{
        const struct backup_sink sink = {.head = stop_at_head, .context = r};
        struct backup_end end;
        char why[256];
        if (backup_read(in, &sink, &end, why, sizeof(why)) != BACKUP_STOPPED)
                return fail(r, EXIT_FAILED, r->file, why, NULL);
        rewind(in);
        if (!r->tag)
                r->tag = r->words;
        if (tag_is_valid(bytes_str(r->tag)))
                return true;
        talk_usage(r->t, "%s: cannot be a domain's tag", r->tag);
        return false;
}

static bool lock_domains(struct restore *r)
{
        char path[PATH_MAX + 8];
        struct stat st;
        const bool fresh = stat(r->domains, &st) < 0;
        int err = fs_make_folders(r->domains, 0755);
        if (!err && fresh && chmod(r->domains, 0700) < 0)
                err = errno;
        snprintf(path, sizeof(path), "%s/.lock", r->domains);
        r->lock = err ? -1 : open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (r->lock < 0)
                return fail(r, EXIT_FAILED, r->domains, strerror(err ? err : errno), NULL);
        if (flock(r->lock, LOCK_EX | LOCK_NB) == 0)
                return true;
        return fail(r, EXIT_CONFLICT, r->domains, "netinfod runs here, or another restore",
                    "stop it first (systemctl stop netinfod), and start it again afterwards");
}

/* What a restore of this domain that was killed left behind. The lock says that none runs. */
static void tidy(struct restore *r)
{
        char path[PATH_MAX + 300], begin[LIMIT_TAG + 8];
        snprintf(begin, sizeof(begin), ".new.%s.", r->tag);
        DIR *d = opendir(r->domains);
        for (const struct dirent *e; d && (e = readdir(d));)
                if (strncmp(e->d_name, begin, strlen(begin)) == 0 &&
                    (size_t)snprintf(path, sizeof(path), "%s/%s", r->domains, e->d_name) < sizeof(path))
                        fs_remove_tree(path);
        if (d)
                closedir(d);
}

static bool prepare(struct restore *r, FILE *in)
{
        struct stat st;
        if (!find_tag(r, in))
                return false;
        const int n = snprintf(r->folder, sizeof(r->folder), "%s/%s", r->domains, r->tag);
        const int m = snprintf(r->aside, sizeof(r->aside), "%s/.new.%s.XXXXXX", r->domains, r->tag);
        if (n >= (int)sizeof(r->folder) || m >= (int)sizeof(r->aside))
                return fail(r, EXIT_FAILED, r->domains, "the path is too long", NULL);
        if (!lock_domains(r))
                return false;
        if (lstat(r->folder, &st) == 0 && !r->replace)
                return fail(r, EXIT_CONFLICT, r->folder, "a domain is there",
                            "--replace puts the backup in its place and keeps it for seven days; or choose "
                            "another name with -d");
        tidy(r);
        return mkdtemp(r->aside) || fail(r, EXIT_FAILED, r->domains, strerror(errno), NULL);
}

static void restore(struct restore *r)
{
        struct backup_end end;
        struct stat st;
        FILE *in = fopen(r->file, "re");
        if (!in) {
                fail(r, errno == ENOENT ? EXIT_NOT_FOUND : EXIT_FAILED, r->file, strerror(errno), NULL);
                return;
        }
        bool ok = prepare(r, in);
        const bool made = ok;
        ok = ok && build(r, in, &end);
        if (r->w)
                store_abort(r->w);
        store_close(r->s);
        if (ok && give_to_owner(r)) {
                if (lstat(r->folder, &st) == 0)
                        exchange(r);
                else
                        put_in_place(r);
        }
        if (made)
                fs_remove_tree(r->aside); /* gone when it was renamed */
        if (r->lock >= 0)
                close(r->lock);
        fclose(in);
}

int ni_restore_run(int argc, char **argv)
{
        struct talk t;
        static struct restore r;
        const char *dir = NULL;
        talk_begin(&t, &manual, argc, argv);
        r = (struct restore){.t = &t, .lock = -1};
        for (int o; (o = talk_option(&t)) != TALK_END;) {
                if (o == TALK_STOP)
                        return talk_end(&t);
                if (o == O_DIR)
                        dir = t.argument;
                else if (o == 'd')
                        r.tag = t.argument;
                else
                        r.replace = true;
        }
        if (t.operands != 1) {
                talk_usage(&t, "give one file, not %d", t.operands);
        } else if (snprintf(r.domains, sizeof(r.domains), "%s%s", dir ? dir : DOMAINS,
                            dir ? "/domains" : "") >= (int)sizeof(r.domains)) {
                talk_usage(&t, "--dir: the path is too long");
        } else {
                r.file = t.operand[0];
                restore(&r);
        }
        return talk_end(&t);
}
