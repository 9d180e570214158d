#include "tools/talk.h"

#include "base/text.h"
#include "snapshot/inspect.h"
#include "snapshot/verify.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>

static const struct talk_manual manual = {
        .command = "snapshot",
        .synopsis = "snapshot show [FOLDER|FILE]\n"
                    "snapshot verify [FOLDER|FILE]",
        .about = "show: the generation that this machine's lookups use, and what its images hold.\n"
                 "verify: reads the images to the last byte: the sum, every record, every key.\n"
                 "Exit status 1 when one is damaged. Without operand: the folder that lookups use\n"
                 "(NETINFO_SNAPSHOTS, else /run/netinfo/snapshots, else /var/lib/netinfo/snapshots).",
        .examples = "  ni snapshot show\n"
                    "  ni snapshot verify --json\n"
                    "  ni snapshot verify /var/lib/netinfo/snapshots",
        .json = true,
};

/* One image file, looked at. */
struct seen {
        char path[PATH_MAX];
        int error; /* why it could not be read; then only path and kind mean something */
        const char *map;
        uint64_t bytes;
        time_t written;
        mode_t mode;
        struct snap_header header;
        bool verified;
        int verdict; /* of snap_verify */
        struct snap_findings findings;
};

/* Verifies a delta together with the base beside it. */
static int verify_pair(const struct seen *s, const void *delta, size_t size, struct snap_findings *ret)
{
        char path[PATH_MAX];
        void *whole;
        size_t whole_size;
        const int n = snprintf(path, sizeof(path), "%s%s", s->path, SNAP_BASE);
        const int err =
                n < 0 || (size_t)n >= sizeof(path) ? ENAMETOOLONG : snap_map_file(path, &whole, &whole_size);
        if (err)
                return err;
        const int verdict =
                snap_verify_delta(delta, size, whole, whole_size, (enum snap_kind)s->header.kind, ret);
        munmap(whole, whole_size);
        return verdict;
}

static void look_at(struct seen *s, bool verify)
{
        struct stat st;
        void *base;
        size_t size;
        s->error = snap_map_file(s->path, &base, &size);
        if (s->error)
                return;
        const struct snap_header *h = snap_header_of(base, size);
        if (!h || stat(s->path, &st) < 0) {
                s->error = EBADMSG;
        } else {
                s->header = *h;
                s->map = snap_map_name((enum snap_kind)h->kind);
                s->bytes = size;
                s->written = st.st_mtime;
                s->mode = st.st_mode & 07777;
                s->verified = verify;
                if (verify && snap_is_delta(base, size))
                        s->verdict = verify_pair(s, base, size, &s->findings);
                else if (verify)
                        s->verdict = snap_verify(base, size, (enum snap_kind)h->kind, &s->findings);
        }
        munmap(base, size);
}

static const char *fault_of(const struct seen *s)
{
        if (s->error == EBADMSG)
                return "not an image that this version can read";
        if (s->error)
                return strerror(s->error);
        if (s->verified && s->verdict)
                return s->verdict == EBADMSG ? s->findings.what : strerror(s->verdict);
        return NULL;
}

/* -- output
 * -------------------------------------------------------------------------------------------------------- */
static json_t *seen_json(const struct seen *s)
{
        const char *fault = fault_of(s);
        json_t *j = json_pack("{s:s,s:o}", "map", s->map ? s->map : "", "file",
                              talk_json_bytes(bytes_str(s->path)));
        if (!s->error) {
                json_object_set_new(j, "generation", json_integer((json_int_t)s->header.generation));
                if (s->header.flags & SNAP_DELTA)
                        json_object_set_new(j, "base_generation",
                                            json_integer((json_int_t)s->header.base_generation));
                json_object_set_new(j, "bytes", json_integer((json_int_t)s->bytes));
                json_object_set_new(j, "records", json_integer(s->header.records));
                json_object_set_new(j, "listed", json_integer(s->header.listed));
                if (s->header.kind == SNAP_GROUP)
                        json_object_set_new(j, "members", json_integer(s->header.users));
                json_object_set_new(j, "written", json_integer((json_int_t)s->written));
        }
        if (s->verified && !s->verdict)
                json_object_set_new(j, "keys", json_integer((json_int_t)s->findings.keys));
        if (s->verified || s->error)
                json_object_set_new(j, "sound", json_boolean(!fault));
        if (fault)
                json_object_set_new(j, "fault", json_string(fault));
        return j;
}

static void seen_print(struct talk *t, const struct seen *s)
{
        const char *fault = fault_of(s);
        if (fault) {
                printf("%-10s%s: ", s->map ? s->map : "?", s->path);
                talk_color(t, "1;31");
                printf("%s", fault);
                talk_color(t, "");
                putchar('\n');
                return;
        }
        char when[32] = "?";
        struct tm tm;
        if (localtime_r(&s->written, &tm))
                strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S", &tm);
        printf("%-10s%u records, %u listed", s->map, s->header.records, s->header.listed);
        if (s->header.flags & SNAP_DELTA)
                printf(", a delta upon that of generation %llu",
                       (unsigned long long)s->header.base_generation);
        if (s->header.kind == SNAP_GROUP)
                printf(", group lists of %u users", s->header.users);
        printf("; %llu bytes, written %s for generation %llu, mode %04o\n", (unsigned long long)s->bytes,
               when, (unsigned long long)s->header.generation, (unsigned)s->mode);
        if (s->verified)
                printf("          sound: %llu keys looked up\n", (unsigned long long)s->findings.keys);
}

/* -- folders and files
 * --------------------------------------------------------------------------------------------- */
static void one_file(struct talk *t, const char *path, bool verify)
{
        struct seen s = {.error = 0};
        snprintf(s.path, sizeof(s.path), "%s", path);
        look_at(&s, verify);
        if (fault_of(&s))
                t->exit = EXIT_FAILED;
        if (t->json)
                talk_json(t, seen_json(&s));
        else
                seen_print(t, &s);
}

static void one_folder(struct talk *t, const char *folder, bool verify)
{
        uint64_t generation;
        const int err = snap_folder_generation(folder, &generation);
        if (err) {
                talk_error(t, err == ENOENT ? EXIT_NOT_FOUND : EXIT_FAILED, folder,
                           err == EBADMSG ? "its control file is damaged" : strerror(err),
                           "netinfo-agent publishes images there; is it running?");
                return;
        }
        json_t *maps = json_array();
        unsigned found = 0;
        if (!t->json)
                printf("%s: generation %llu\n", folder, (unsigned long long)generation);
        for (unsigned i = 0; i < 2 * SNAP_KINDS; i++) { /* a delta is followed by its base */
                struct seen s = {.map = snap_map_name((enum snap_kind)(i / 2))};
                const int n = snprintf(s.path, sizeof(s.path), "%s/%s.%llu%s", folder, s.map,
                                       (unsigned long long)generation, i % 2 ? SNAP_BASE : "");
                if (n < 0 || (size_t)n >= sizeof(s.path))
                        continue;
                look_at(&s, verify);
                if (s.error == ENOENT)
                        continue; /* this map is not published */
                found++;
                if (fault_of(&s))
                        t->exit = s.error == EACCES && t->exit == EXIT_ANSWERED ? EXIT_DENIED : EXIT_FAILED;
                if (t->json)
                        json_array_append_new(maps, seen_json(&s));
                else
                        seen_print(t, &s);
        }
        if (!found)
                talk_error(t, EXIT_FAILED, folder, "no image of the current generation is there", NULL);
        if (t->json)
                talk_json(t, json_pack("{s:o,s:I,s:o}", "folder", talk_json_bytes(bytes_str(folder)),
                                       "generation", (json_int_t)generation, "maps", maps));
        else
                json_decref(maps);
}

/* The first folder of the readers' order that has a control file; else the first. */
static const char *usual_folder(void)
{
        const char *folder;
        uint64_t unused;
        for (unsigned i = 0; (folder = snap_folder_choice(i)); i++)
                if (snap_folder_generation(folder, &unused) == 0)
                        return folder;
        return snap_folder_choice(0);
}

int ni_snapshot_run(int argc, char **argv)
{
        static const char *const verbs[] = {"show", "verify", NULL};
        struct talk t;
        struct stat st;
        talk_begin(&t, &manual, argc, argv);
        for (int o; (o = talk_option(&t)) != TALK_END;)
                if (o == TALK_STOP)
                        return talk_end(&t);
        if (t.operands < 1 || t.operands > 2) {
                talk_usage(&t, "give `show` or `verify`, and at most one folder or file");
                return talk_end(&t);
        }
        const bool verify = strcmp(t.operand[0], "verify") == 0;
        if (!verify && strcmp(t.operand[0], "show") != 0) {
                const char *near = text_suggest(t.operand[0], verbs);
                talk_usage(&t, "there is no `snapshot %s`%s%s%s", t.operand[0],
                           near ? "; did you mean `" : "", near ? near : "", near ? "`?" : "");
                return talk_end(&t);
        }
        const char *what = t.operands == 2 ? t.operand[1] : usual_folder();
        if (stat(what, &st) == 0 && !S_ISDIR(st.st_mode))
                one_file(&t, what, verify);
        else
                one_folder(&t, what, verify);
        return talk_end(&t);
}
