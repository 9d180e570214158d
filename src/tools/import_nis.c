/* `ni import nis`: a folder of map sources or of what `ypcat -k` printed; all of it is checked before
 * anything is imported. */
#include "tools/import_nis.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define PASSED 20u /* files without format that are named; the rest is counted */

enum { O_ACCEPT = 256 };
static const struct talk_option options[] = {
        {'n', "dry-run", NULL, "change nothing: print collisions, and what would change as a diff"},
        {O_ACCEPT, "accept", NULL, "import although users or groups collide"},
        {0, NULL, NULL, NULL},
};
static const struct talk_manual manual = {
        .command = "import nis",
        .synopsis = "import nis [--dry-run] [--accept] FOLDER",
        .about = "Brings the maps of a NIS site into the domain. FOLDER holds the maps' sources, as\n"
                 "/var/yp/src or /etc of the master, or files that `ypcat -k MAP > MAP` made:\n"
                 "passwd[.byname] group shadow gshadow hosts ethers bootparams networks services\n"
                 "protocols rpc netgroup aliases (mail.aliases). Other files are passed over, and named.\n"
                 "Every file is checked first; a malformed line imports nothing. Then names and numbers\n"
                 "are compared, within the files and with the domain: two users of one uid, one user of\n"
                 "two. Such collisions of users and groups import nothing (exit 4) without --accept;\n"
                 "others are only said. Records are added and updated, none is removed. Repeating is safe.",
        .options = options,
        .examples = "  ni import nis --dry-run /var/yp/src\n"
                    "  for m in passwd group hosts netgroup mail.aliases; do ypcat -k $m > site/$m; done\n"
                    "  ni import nis site",
        .talks = true,
        .writes = true,
};

/* In this order: shadow adds to the users that passwd brings. */
static const char *const maps[] = {"passwd", "group",      "shadow",   "gshadow",  "hosts",
                                   "ethers", "bootparams", "networks", "services", "protocols",
                                   "rpc",    "netgroup",   "aliases"};
#define MAPS (sizeof(maps) / sizeof(maps[0]))

struct site {
        struct talk *t;
        const char *folder;
        char *file[MAPS]; /* the best one of each map */
        unsigned quality[MAPS];
        struct buf text[MAPS];
        struct import_plan plan[MAPS];
        unsigned plans;
        uint32_t passed;
};

static void pass_over(struct site *s, const char *file, const char *reason)
{
        if (s->passed++ < PASSED)
                talk_say(s->t, "%s/%s: passed over: %s", s->folder, file, reason);
}

static bool is_file(const struct site *s, const char *name)
{
        struct stat st;
        char path[4096];
        return snprintf(path, sizeof(path), "%s/%s", s->folder, name) < (int)sizeof(path) &&
               stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

static void consider(struct site *s, const char *name)
{
        struct nis_name n;
        size_t i = 0;
        if (name[0] == '.' || !is_file(s, name))
                return;
        if (!nis_name(name, &n)) {
                pass_over(s, name, "there is no format for it");
                return;
        }
        while (i < MAPS - 1 && strcmp(maps[i], n.map) != 0)
                i++;
        if (s->file[i] && s->quality[i] <= n.quality) {
                pass_over(s, name, arena_printf(&s->t->arena, "%s has the same records", s->file[i]));
                return;
        }
        if (s->file[i])
                pass_over(s, s->file[i], arena_printf(&s->t->arena, "%s has the same records", name));
        s->file[i] = arena_str(&s->t->arena, bytes_str(name));
        s->quality[i] = n.quality;
}

static bool look(struct site *s)
{
        struct dirent **list;
        const int n = scandir(s->folder, &list, NULL, alphasort);
        bool any = false;
        if (n < 0) {
                talk_error(s->t, EXIT_FAILED, s->folder, strerror(errno), NULL);
                return false;
        }
        for (int i = 0; i < n; i++) {
                consider(s, list[i]->d_name);
                free(list[i]);
        }
        free(list);
        if (s->passed > PASSED)
                talk_say(s->t, "... and %u files more", s->passed - PASSED);
        for (size_t i = 0; i < MAPS; i++)
                any |= s->file[i] != NULL;
        if (!any)
                talk_error(s->t, EXIT_FAILED, s->folder, "none of its files has the name of a map",
                           "name them passwd, group, hosts, ... (`ni import nis --help`)");
        return any;
}

/* One file into a plan. */
static bool read_map(struct site *s, size_t i)
{
        struct import_plan *p = &s->plan[s->plans];
        struct buf *text = &s->text[s->plans];
        struct buf raw;
        const char *path = arena_printf(&s->t->arena, "%s/%s", s->folder, s->file[i]);
        if (!path)
                return false;
        buf_init(&raw, FLAT_TEXT_MAX + ((size_t)1 << 20));
        buf_init(text, 0);
        const int err = import_slurp(path, &raw);
        if (err)
                talk_error(s->t, EXIT_FAILED, path, strerror(err), "nothing was imported");
        p->format = flat_format(maps[i]);
        if (!err)
                nis_source(maps[i], buf_bytes(&raw), text);
        buf_done(&raw);
        if (text->failed)
                talk_error(s->t, EXIT_FAILED, path, "out of memory", NULL);
        s->plans++;
        return !err && !text->failed && import_parse(s->t, p, buf_bytes(text), path);
}

/* All files are read and checked, so that every mistake is said at once. */
static bool read_maps(struct site *s)
{
        bool ok = true;
        for (size_t i = 0; i < MAPS; i++)
                if (s->file[i])
                        ok = read_map(s, i) && ok;
        return ok;
}

/* In a dry run nobody has made the users yet to whom shadow would add. */
static bool waits_for_base(const struct site *s, const struct import_plan *p)
{
        for (unsigned i = 0; flat_needs_record(p->format) && i < s->plans; i++)
                if (s->plan[i].format != p->format && !flat_needs_record(s->plan[i].format) &&
                    strcmp(flat_directory(s->plan[i].format), flat_directory(p->format)) == 0)
                        return true;
        return false;
}

static void bring(struct site *s, bool dry_run, bool accept)
{
        bool ok;
        const bool grave = nis_collide(s->t, s->plan, s->plans, &ok);
        if (!ok)
                return;
        if (grave && !accept && !dry_run) {
                talk_error(s->t, EXIT_CONFLICT, s->folder, "users or groups collide: nothing was imported",
                           "correct the files, or repeat with --accept");
                return;
        }
        for (unsigned i = 0; i < s->plans; i++) {
                struct import_plan *p = &s->plan[i];
                if (dry_run && waits_for_base(s, p))
                        talk_say(s->t,
                                 "%s: read; a dry run cannot compare it before its users or groups are there",
                                 flat_name(p->format));
                else if (!import_bring(s->t, p, dry_run))
                        return;
        }
        if (grave && dry_run)
                talk_error(s->t, EXIT_CONFLICT, s->folder, "users or groups collide",
                           "--accept would import them");
}

int import_nis_run(int argc, char **argv)
{
        struct talk t;
        struct site s = {.t = &t};
        bool dry_run = false, accept = false;
        talk_begin(&t, &manual, argc, argv);
        for (int o; (o = talk_option(&t)) != TALK_END;) {
                if (o == TALK_STOP)
                        return talk_end(&t);
                dry_run |= o == 'n';
                accept |= o == O_ACCEPT;
        }
        s.folder = t.operands == 1 ? t.operand[0] : NULL;
        if (!s.folder) {
                talk_usage(&t, "give one folder, such as /var/yp/src");
        } else if (look(&s) && read_maps(&s)) {
                import_interrupts(&t);
                if (talk_connect(&t))
                        bring(&s, dry_run, accept);
        }
        for (unsigned i = 0; i < s.plans; i++) {
                flat_file_done(&s.plan[i].file);
                buf_done(&s.text[i]);
        }
        return import_end(&t);
}
