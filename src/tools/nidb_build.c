/* A store made of a historical database: numbers, instances and order kept (doc/protocol.md 7.7 step 7). */
#include "tools/import_nidb.h"

#include "model/path.h"
#include "store/store.h"
#include "tools/nidb_store.h"
#include "sys/fs.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

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
        enum ni_status st = store_create(aside, STORE_MASTER, &options, &s, &why);
        if (st != NI_OK)
                snprintf(reason, sizeof(reason), "%s", why.text);
        if (st == NI_OK)
                st = nidb_store(s, db);
        if (st == NI_OK)
                st = examine(s, db, reason);
        if (st == NI_OK)
                st = store_sync(s);
        store_close(s);
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
                err = fs_give_to_owner(aside);
                if (!err)
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
