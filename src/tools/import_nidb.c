/* `ni import nidb`: the command. */
#include "tools/import_nidb.h"

#include "model/path.h"
#include "tools/import.h"

#include <inttypes.h>
#include <stdio.h>

#define SHOWN 200u /* repairs that are printed; the rest is counted */

enum { O_OVERWRITE = 256, O_DIR };
static const struct talk_option options[] = {
        {'n', "dry-run", NULL, "change nothing: check the database, print what would change"},
        {O_OVERWRITE, "overwrite", NULL, "properties that say something else take the database's values"},
        {O_DIR, "dir", "DIR", "no server: make the new domain -d TAG below DIR, as netinfod --dir"},
        {0, NULL, NULL, NULL},
};
static const struct talk_manual manual = {
        .command = "import nidb",
        .synopsis = "import nidb [--dry-run] [--overwrite] FOLDER\n"
                    "import nidb [--dry-run] --dir DIR -d TAG FOLDER",
        .about = "Brings the database of a historical server, a folder TAG.nidb, into a domain. All three\n"
                 "generations are read: Store.N files, Collection, collection. The folder is checked whole\n"
                 "first; damage is named with file, byte and reason, and nothing is imported. Links that a\n"
                 "crash left wrong are repaired as the old server did, and each repair is said.\n"
                 "Without --dir: into a running server, by edits; what is there stays, missing directories\n"
                 "and properties are added, the root's own properties are left alone, and object numbers\n"
                 "are new. Repeating is safe. With --dir: a new domain, numbers and instances kept, for\n"
                 "clones that are to follow it; start the server afterwards.",
        .options = options,
        .examples = "  ni import nidb --dry-run /mnt/old/var/db/netinfo/local.nidb\n"
                    "  ni import nidb /mnt/old/var/db/netinfo/local.nidb -d local\n"
                    "  ni import nidb --dir /var/lib/netinfo -d network /mnt/network.nidb",
        .talks = true,
        .writes = true,
};

struct reports {
        struct talk *t;
        uint32_t n;
};

static void on_report(void *context, const char *text)
{
        struct reports *r = context;
        if (r->n++ < SHOWN)
                talk_say(r->t, "%s", text);
}

static bool read_database(struct talk *t, const char *folder, struct nidb *db)
{
        static const char *const words[] = {"current generation", "old generation", "oldest generation"};
        struct reports r = {t, 0};
        const struct nidb_reporter reporter = {on_report, &r};
        struct nidb_why why;
        const bool ok = nidb_read(folder, &reporter, db, &why);
        if (r.n > SHOWN)
                talk_say(t, "... and %u more of this kind", r.n - SHOWN);
        if (ok) {
                talk_say(t, "%s: %u directories, %s%s", folder, db->count, words[db->generation],
                         r.n ? "" : ", sound");
                return true;
        }
        const char *place = why.file[0] ? arena_printf(&t->arena, "%s/%s", folder, why.file) : folder;
        if (place && why.offset != UINT64_MAX)
                place = arena_printf(&t->arena, "%s, byte %" PRIu64, place, why.offset);
        talk_error(t, EXIT_FAILED, place, why.text,
                   "nothing was imported: take another copy, or another backup, of the folder");
        return false;
}

static void run(struct talk *t, const char *dir, const struct nidb_merge *how)
{
        struct nidb_merge m = *how;
        struct nidb db;
        if (!read_database(t, t->operand[0], &db))
                return;
        m.db = &db;
        if (!dir) {
                import_interrupts(t);
                if (talk_connect(t))
                        nidb_merge(t, &m);
        } else if (!m.dry_run) {
                nidb_build(t, &db, dir, t->server.tag);
        }
        nidb_done(&db);
}

int import_nidb_run(int argc, char **argv)
{
        struct talk t;
        struct nidb_merge m = {0};
        const char *dir = NULL;
        talk_begin(&t, &manual, argc, argv);
        for (int o; (o = talk_option(&t)) != TALK_END;) {
                if (o == TALK_STOP)
                        return talk_end(&t);
                m.dry_run |= o == 'n';
                m.overwrite |= o == O_OVERWRITE;
                if (o == O_DIR)
                        dir = t.argument;
        }
        if (t.operands != 1)
                talk_usage(&t, "give one folder, such as /mnt/old/var/db/netinfo/local.nidb");
        else if (dir && (!t.server.tag || !tag_is_valid(bytes_str(t.server.tag))))
                talk_usage(&t, "--dir makes a new domain: name its tag with -d, such as -d network");
        else if (dir && (t.server.server || m.overwrite))
                talk_usage(
                        &t,
                        "--dir asks no server and overwrites nothing: leave --server and --overwrite away");
        else
                run(&t, dir, &m);
        return import_end(&t);
}
