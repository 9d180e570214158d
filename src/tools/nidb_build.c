/* A store made of a historical database: numbers, instances and order kept (doc/protocol.md 7.7 step 7). */
#include "tools/import_nidb.h"

#include "model/path.h"
#include "store/store.h"
#include "sys/fs.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define BATCH       5000u /* directories per commit */
#define FIRST_PLACE ((uint64_t)1 << 62)
#define PLACE_STEP  ((uint64_t)1 << 32) /* room between siblings, as the store itself leaves it */

/* Every directory's place among its siblings, by index. */
static uint64_t *places(const struct nidb *db)
{
        uint64_t *v = calloc(db->count, sizeof(*v));
        for (uint32_t p = 0; v && p < db->count; p++)
                for (uint32_t k = 0; k < db->dir[p].child_count; k++)
                        v[nidb_find(db, db->dir[p].child[k]) - db->dir] = FIRST_PLACE + k * PLACE_STEP;
        return v;
}

static enum ni_status put_all(struct store *s, const struct nidb *db, const uint64_t *place)
{
        struct store_txn *t = NULL;
        enum ni_status st = NI_OK;
        for (uint32_t i = 0; i < db->count && st == NI_OK; i++) {
                const struct nidb_dir *d = &db->dir[i];
                const struct store_node n = {.id = d->id,
                                             .parent = d->parent,
                                             .ordinal = place[i],
                                             .version = d->version,
                                             .props = d->props};
                if (!t)
                        st = store_write_begin(s, &t);
                if (st == NI_OK)
                        st = store_replay_node(t, &n);
                if (st != NI_OK || (i + 1) % BATCH)
                        continue;
                st = store_commit(t, NULL);
                t = NULL;
        }
        if (st == NI_OK && !t)
                st = store_write_begin(s, &t);
        if (st == NI_OK)
                st = store_replay_head(t, NULL, 0, db->highest_version);
        if (st == NI_OK)
                return store_commit(t, NULL);
        if (t)
                store_abort(t);
        return st;
}

static void keep_first(void *context, const char *problem)
{
        char *text = context;
        if (!*text)
                snprintf(text, 256, "the new store is not sound: %s", problem);
}

/* The store says the same as the database? */
static enum ni_status examine(struct store *s, const struct nidb *db, char reason[256])
{
        struct store_check_report report = {0};
        struct store_info info = {0};
        struct store_txn *r = NULL;
        enum ni_status st = store_reader_new(s, &r);
        if (st != NI_OK)
                return st;
        st = store_read_begin(r);
        if (st == NI_OK)
                st = store_check(r, &report, keep_first, reason);
        if (st == NI_OK)
                st = store_get_info(r, &info);
        store_read_end(r);
        store_reader_free(r);
        if (st == NI_OK &&
            (report.problems || info.checksum != db->checksum || info.directories != db->count)) {
                if (!*reason)
                        snprintf(reason, 256, "the new store differs from the database");
                st = NI_SYSTEMERR;
        }
        return st;
}

static bool build_aside(struct talk *t, const struct nidb *db, const char *aside)
{
        const struct store_options options = {.no_sync = true};
        struct store_why why = {{0}};
        struct store *s = NULL;
        char reason[256] = "";
        uint64_t *place = places(db);
        enum ni_status st = place ? store_create(aside, STORE_MASTER, &options, &s, &why) : NI_NOSPACE;
        if (st != NI_OK)
                snprintf(reason, sizeof(reason), "%s", place ? why.text : "out of memory");
        if (st == NI_OK)
                st = put_all(s, db, place);
        if (st == NI_OK)
                st = examine(s, db, reason);
        if (st == NI_OK)
                st = store_sync(s);
        store_close(s);
        free(place);
        if (st != NI_OK)
                talk_error(t, EXIT_FAILED, aside, reason[0] ? reason : "the store could not be written",
                           "nothing was changed");
        return st == NI_OK;
}

/* What the root says about its server belongs to the old machine. */
static void say_master(struct talk *t, const struct nidb *db, const char *tag)
{
        struct bytes master;
        if (strcmp(tag, "local") == 0)
                return;
        if (prop_first(db->dir[0].props, "master", &master))
                talk_say(t,
                         "the domain's master is %.*s; when this machine is to be it: "
                         "`ni set / master=HOST/%s`, and its entry in /machines",
                         BYTES_FMT(master), tag);
        else
                talk_say(t,
                         "the root has no property `master`: `ni set / master=HOST/%s`, and an entry in "
                         "/machines",
                         tag);
}

void nidb_build(struct talk *t, const struct nidb *db, const char *dir, const char *tag)
{
        char domains[PATH_MAX], folder[PATH_MAX], aside[PATH_MAX];
        struct stat st;
        int err;
        if (snprintf(domains, sizeof(domains), "%s/domains", dir) >=
            (int)sizeof(domains) - (int)LIMIT_TAG - 32) {
                talk_error(t, EXIT_FAILED, dir, "the path is too long", NULL);
                return;
        }
        snprintf(folder, sizeof(folder), "%.*s/%s", PATH_MAX - 100, domains, tag);
        snprintf(aside, sizeof(aside), "%.*s/.%s.loading-XXXXXX", PATH_MAX - 100, domains, tag);
        if (lstat(folder, &st) == 0) {
                talk_error(t, EXIT_CONFLICT, folder, "there is a domain of this tag",
                           "choose another with -d, or stop the server and move the folder away");
                return;
        }
        err = fs_make_folders(domains, 0700);
        if (!err && !mkdtemp(aside))
                err = errno;
        if (err) {
                talk_error(t, EXIT_FAILED, domains, strerror(err), NULL);
                return;
        }
        if (build_aside(t, db, aside)) {
                err = fs_sync_folder(aside);
                if (!err && rename(aside, folder) < 0)
                        err = errno;
                if (!err)
                        err = fs_sync_folder(domains);
                if (err)
                        talk_error(t, err == EEXIST || err == ENOTEMPTY ? EXIT_CONFLICT : EXIT_FAILED, folder,
                                   strerror(err), NULL);
                else
                        talk_say(t,
                                 "%s: %u directories, checksum %u; a server started with --dir %s serves it",
                                 folder, db->count, db->checksum, dir);
                if (!err)
                        say_master(t, db, tag);
        }
        fs_remove_tree(aside); /* gone when it was renamed */
}
