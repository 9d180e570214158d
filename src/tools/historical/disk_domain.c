#include "tools/historical/disk_domain.h"

#include "tools/historical/disk_internal.h"
#include "tools/nidb_store.h"

#include "sys/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static void why_text(struct store_why *why, const char *folder, const char *reason)
{
        snprintf(why->text, sizeof(why->text), "%.120s: %s", folder, reason);
}

static bool holds(const char *folder, const char *name)
{
        char path[PATH_MAX];
        return snprintf(path, sizeof(path), "%s/%s", folder, name) < (int)sizeof(path) &&
               access(path, F_OK) == 0;
}

static bool is_historical(const char *folder)
{
        return holds(folder, "Config") || holds(folder, "Collection") || holds(folder, "collection");
}

/* Does another process have the store open for writing? */
static bool is_served(const char *folder)
{
        const int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        const bool served = fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK;
        if (fd >= 0)
                close(fd);
        return served;
}

static enum nicl_status status_of(enum ni_status st, bool write)
{
        if (st == NI_OK)
                return NICL_OK;
        if (st == NI_NODIR)
                return NICL_DATASTORE;
        return write ? NICL_WRITE_FAILED : NICL_READ_FAILED;
}

/* The database as a store in a folder that is gone before anybody else could look: it is only read. */
static enum nicl_status open_historical(struct disk_domain *d, const char *folder,
                                        const struct nidb_reporter *r, struct store_why *why)
{
        const struct store_options options = {.no_sync = true};
        const char *place = secure_getenv("TMPDIR");
        char aside[PATH_MAX], store[PATH_MAX];
        struct nidb db;
        struct nidb_why damage;
        if (!nidb_read(folder, r, &db, &damage)) {
                snprintf(why->text, sizeof(why->text), "%.60s%s%.60s: %.120s", folder,
                         damage.file[0] ? "/" : "", damage.file, damage.text);
                return NICL_READ_FAILED;
        }
        snprintf(aside, sizeof(aside), "%.*s/nicl-XXXXXX", PATH_MAX - 40,
                 place && place[0] == '/' ? place : "/var/tmp");
        enum ni_status st = NI_NOSPACE;
        if (mkdtemp(aside)) {
                snprintf(store, sizeof(store), "%.*s/store", PATH_MAX - 10, aside);
                st = store_create(store, STORE_MASTER, &options, &d->store, why);
                if (st == NI_OK)
                        st = nidb_store(d->store, &db);
                fs_remove_tree(aside);
        } else {
                why_text(why, aside, strerror(errno));
        }
        nidb_done(&db);
        if (st != NI_OK && !why->text[0])
                why_text(why, folder, "it could not be copied aside to be read");
        return status_of(st, true);
}

static enum nicl_status open_store(struct disk_domain *d, const char *folder, const struct disk_options *o,
                                   struct store_why *why)
{
        const struct store_options options = {.read_only = o->read_only};
        struct stat st;
        if (stat(folder, &st) < 0) {
                why_text(why, folder, strerror(errno));
                return errno == ENOENT || errno == ENOTDIR ? NICL_NO_FILE : NICL_READ_FAILED;
        }
        if (!S_ISDIR(st.st_mode) && !o->read_only) {
                why_text(why, folder, "it is no folder; a copy of data.mdb can be opened with -ro");
                return NICL_DATASTORE;
        }
        if (!o->read_only && is_served(folder)) {
                why_text(why, folder, "a server has it open: ask the server, stop it, or only read with -ro");
                return NICL_LOCKED;
        }
        return status_of(store_open(folder, &options, &d->store, why), false);
}

static enum nicl_status open_database(struct disk_domain *d, const char *folder, const struct disk_options *o,
                                      struct store_why *why)
{
        if (o->create) {
                enum nicl_status s =
                        status_of(store_create(folder, STORE_MASTER, NULL, &d->store, why), true);
                const int e = s == NICL_OK ? fs_give_to_owner(folder) : 0;
                if (e)
                        why_text(why, folder, strerror(e));
                return e ? NICL_WRITE_FAILED : s;
        }
        if (is_historical(folder)) {
                d->read_only = true;
                return open_historical(d, folder, &o->reporter, why);
        }
        d->read_only = o->read_only;
        return open_store(d, folder, o, why);
}

static enum nicl_status look_at_it(struct disk_domain *d, const char *folder, struct store_why *why)
{
        struct store_info info;
        struct store_node root;
        enum ni_status st = store_reader_new(d->store, &d->reader);
        if (st == NI_OK)
                st = store_read_begin(d->reader);
        if (st != NI_OK)
                return NICL_READ_FAILED;
        st = store_get_info(d->reader, &info);
        if (st == NI_OK)
                st = store_get(d->reader, 0, &root);
        store_read_end(d->reader);
        d->policy.clone = st == NI_OK && info.role == STORE_CLONE;
        if (st == NI_NODIR)
                why_text(why, folder, "it has no root directory");
        return st == NI_OK ? NICL_OK : st == NI_NODIR ? NICL_NO_ROOT : NICL_READ_FAILED;
}

enum nicl_status disk_open(const char *folder, const struct disk_options *o, struct disk_domain **ret,
                           struct store_why *ret_why)
{
        struct disk_domain *d = calloc(1, sizeof(*d));
        *ret_why = (struct store_why){{0}};
        if (!d)
                return NICL_FAILED;
        buf_init(&d->reply, LIMIT_REPLY);
        arena_init(&d->arena, LIMIT_ARENA);
        d->caller = (struct caller){.superuser = true, .sees_secrets = true};
        d->local = (struct api_local){disk_call, disk_edit, d};
        enum nicl_status s = open_database(d, folder, o, ret_why);
        if (s == NICL_OK)
                s = look_at_it(d, folder, ret_why);
        if (s != NICL_OK) {
                if (!ret_why->text[0])
                        why_text(ret_why, folder, nicl_text(s));
                disk_close(d);
                return s;
        }
        *ret = d;
        return NICL_OK;
}

void disk_close(struct disk_domain *d)
{
        if (!d)
                return;
        if (d->reader)
                store_reader_free(d->reader);
        store_close(d->store);
        free(d->versions);
        buf_done(&d->reply);
        arena_done(&d->arena);
        free(d);
}

void *disk_handle(struct disk_domain *d)
{
        return handle_local(&d->local);
}

enum nicl_status disk_read_only(const struct disk_domain *d)
{
        return d->read_only ? NICL_WRITE_ACCESS : d->policy.clone ? NICL_CLONE : NICL_WRITE_FAILED;
}
