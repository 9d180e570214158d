
#include "base/text.h"
#include "snapshot/builder-internal.h"
#include "snapshot/inspect.h"
#include "snapshot/verify.h"
#include "sys/clock.h"
#include "sys/fs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEEP                                                                                                \
        2u /* superseded generations that stay within the quarantine: a burst of publications must not fill \
              the memory */

struct folder {
        const char *path;
        int fd;
        struct snap_control *control; /* mapped; NULL: none that we can use */
        uint64_t current;             /* its word; 0: nothing */
        uint64_t highest;             /* of the word and of all file names */
};

static int fail(struct snap_report *r, int err, const char *format, ...)
        __attribute__((format(printf, 3, 4)));
static int fail(struct snap_report *r, int err, const char *format, ...)
{
        va_list ap;
        va_start(ap, format);
        vsnprintf(r->what, sizeof(r->what), format, ap);
        va_end(ap);
        return err;
}

/* -- the folder
 * ---------------------------------------------------------------------------------------------------- */
/* Behind the digits of a name stands nothing, ".base", or six letters more: fs_replace's temporary name. */
static bool parse_end(const char *end, bool *ret_temporary)
{
        const size_t n = strlen(SNAP_BASE);
        if (strncmp(end, SNAP_BASE, n) == 0 && (end[n] == '\0' || end[n] == '.'))
                end += n;
        *ret_temporary = *end != '\0';
        return *end == '\0' || (*end == '.' && strlen(end) == 7);
}

/* "passwd.12", "passwd.12.base" and the like: true with kind and generation. */
static bool parse_name(const char *name, unsigned *ret_kind, uint64_t *ret_generation, bool *ret_temporary)
{
        for (unsigned k = 0; k < SNAP_KINDS; k++) {
                const size_t n = strlen(snap_map_name((enum snap_kind)k));
                if (strncmp(name, snap_map_name((enum snap_kind)k), n) != 0 || name[n] != '.')
                        continue;
                const char *dot = strchr(name + n + 1, '.');
                const size_t digits = dot ? (size_t)(dot - name) - n - 1 : strlen(name + n + 1);
                uint64_t g;
                if (!text_u64(bytes_of(name + n + 1, digits), UINT64_MAX - 1, &g) || g == 0 ||
                    !parse_end(dot ? dot : "", ret_temporary))
                        return false;
                *ret_kind = k;
                *ret_generation = g;
                return true;
        }
        return false;
}

static bool is_control_temporary(const char *name)
{
        return strncmp(name, SNAP_CONTROL ".", sizeof(SNAP_CONTROL)) == 0 &&
               strlen(name) == sizeof(SNAP_CONTROL) + 6;
}

/* Calls f for every name in the folder. */
static int each_name(const struct folder *f, void (*each)(const struct folder *, const char *, void *),
                     void *context)
{
        const int fd = openat(f->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        DIR *d = fd < 0 ? NULL : fdopendir(fd);
        if (!d) {
                const int err = errno;
                if (fd >= 0)
                        close(fd);
                return err;
        }
        for (struct dirent *e; (e = readdir(d));)
                each(f, e->d_name, context);
        closedir(d);
        return 0;
}

/* Removes what a dead publisher left, and finds the highest generation that any name uses. */
static void survey(const struct folder *f, const char *name, void *context)
{
        uint64_t *highest = context, g;
        unsigned kind;
        bool temporary;
        if (is_control_temporary(name)) {
                unlinkat(f->fd, name, 0);
        } else if (parse_name(name, &kind, &g, &temporary)) {
                if (temporary)
                        unlinkat(f->fd, name, 0);
                else if (g > *highest)
                        *highest = g;
        }
}

static struct snap_control *map_control(int folder)
{
        const int fd = openat(folder, SNAP_CONTROL, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        struct stat st;
        if (fd < 0)
                return NULL;
        struct snap_control *c = MAP_FAILED;
        if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size == (off_t)sizeof(*c))
                c = mmap(NULL, sizeof(*c), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        close(fd);
        if (c == MAP_FAILED)
                return NULL;
        if (memcmp(c->magic, SNAP_CONTROL_MAGIC, sizeof(c->magic)) == 0 && c->version == SNAP_VERSION &&
            c->byte_order == SNAP_BYTE_ORDER && c->generation != SNAP_GENERATION_MOVED)
                return c;
        munmap(c, sizeof(*c));
        return NULL;
}

static void folder_close(struct folder *f)
{
        if (f->control)
                munmap(f->control, sizeof(*f->control));
        if (f->fd >= 0)
                close(f->fd);
        *f = (struct folder){.fd = -1};
}

static int folder_open(struct folder *f, const char *path, struct snap_report *r)
{
        *f = (struct folder){.path = path};
        f->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (f->fd < 0) {
                const int err = errno;
                return fail(r, err, "cannot open the folder %.90s: %s", path, strerror(err));
        }
        if (flock(f->fd, LOCK_EX | LOCK_NB) < 0) {
                folder_close(f);
                return fail(r, EBUSY, "another process is publishing in %.100s", path);
        }
        f->control = map_control(f->fd);
        if (f->control)
                f->current = f->highest = f->control->generation;
        const int err = each_name(f, survey, &f->highest);
        if (err) {
                folder_close(f);
                return fail(r, err, "cannot read the folder %.90s: %s", path, strerror(err));
        }
        return 0;
}

/* end: "" or SNAP_BASE. */
static int image_path(char out[PATH_MAX], const struct folder *f, unsigned kind, uint64_t generation,
                      const char *end)
{
        const int n = snprintf(out, PATH_MAX, "%s/%s.%llu%s", f->path, snap_map_name((enum snap_kind)kind),
                               (unsigned long long)generation, end);
        return n < 0 || n >= PATH_MAX ? ENAMETOOLONG : 0;
}

/* -- one image
 * ------------------------------------------------------------------------------------------------------ */
/* The live image of the map without its delta: its path. */
static int whole_path(char out[PATH_MAX], const struct folder *f, unsigned kind)
{
        const int err = image_path(out, f, kind, f->current, SNAP_BASE);
        return err || access(out, F_OK) == 0 ? err : image_path(out, f, kind, f->current, "");
}

/* Records of the image that is live now, whatever its delta says; 0 when there is none that can be read. */
static uint32_t records_now(const struct folder *f, unsigned kind)
{
        char path[PATH_MAX];
        struct snap_image image;
        void *base;
        size_t size;
        uint32_t records = 0;
        if (!f->current || whole_path(path, f, kind) || snap_map_file(path, &base, &size))
                return 0;
        if (snap_image_open(base, size, (enum snap_kind)kind, &image) == 0)
                records = ((const struct snap_header *)base)->records;
        munmap(base, size);
        return records;
}

struct verifying {
        enum snap_kind kind;
        const char *below; /* where the base is, if this is a delta */
        struct snap_findings findings;
};

static bool verify_mapped(struct verifying *v, const void *base, size_t size)
{
        void *whole;
        size_t whole_size;
        if (!snap_is_delta(base, size))
                return snap_verify(base, size, v->kind, &v->findings) == 0;
        const int err = snap_map_file(v->below, &whole, &whole_size);
        if (err) {
                snprintf(v->findings.what, sizeof(v->findings.what), "cannot read its base: %s",
                         strerror(err));
                return false;
        }
        const int verdict = snap_verify_delta(base, size, whole, whole_size, v->kind, &v->findings);
        munmap(whole, whole_size);
        return verdict == 0;
}

static bool verify_file(const char *temporary, void *context)
{
        struct verifying *v = context;
        void *base;
        size_t size;
        const int err = snap_map_file(temporary, &base, &size);
        if (err) {
                snprintf(v->findings.what, sizeof(v->findings.what), "cannot read it back: %s",
                         strerror(err));
                return false;
        }
        const bool good = verify_mapped(v, base, size);
        munmap(base, size);
        return good;
}

/* below: where its base is, of a delta. */
static int write_file(const struct snap_publication *p, const struct folder *f, unsigned kind,
                      const char *path, const char *below, struct bytes image, struct snap_report *r)
{
        struct verifying v = {.kind = (enum snap_kind)kind, .below = below};
        const bool shadow = kind == SNAP_SHADOW || kind == SNAP_GSHADOW;
        const mode_t mode = !shadow ? 0444 : p->shadow_group == (gid_t)-1 ? 0600 : 0640;
        const int err = fs_replace(path, image, mode, (uid_t)-1, shadow ? p->shadow_group : (gid_t)-1,
                                   verify_file, &v);
        if (!err)
                return 0;
        r->kind = (int)kind;
        return fail(r, err, "cannot publish %s in %.60s: %.60s", snap_map_name((enum snap_kind)kind), f->path,
                    v.findings.what[0] ? v.findings.what : strerror(err));
}

static int write_image(const struct snap_publication *p, const struct folder *f, unsigned kind,
                       uint64_t generation, const char *end, struct bytes image, struct snap_report *r)
{
        char path[PATH_MAX], below[PATH_MAX];
        int err = image_path(path, f, kind, generation, end);
        if (!err)
                err = image_path(below, f, kind, generation, SNAP_BASE);
        return err ? fail(r, err, "the path of the folder %.90s is too long", f->path)
                   : write_file(p, f, kind, path, below, image, r);
}

/* Two names of the same bytes? Hash key and sum stand in the header. */
static bool same_image(const char *one, const char *other)
{
        void *a, *b;
        size_t n, m;
        if (snap_map_file(one, &a, &n))
                return false;
        bool same = false;
        if (snap_map_file(other, &b, &m) == 0) {
                same = n == m && n >= sizeof(struct snap_header) &&
                       memcmp(a, b, sizeof(struct snap_header)) == 0;
                munmap(b, m);
        }
        munmap(a, n);
        return same;
}

/* An image's own name, and that of a base, which only accounts can have. */
static unsigned names_of(unsigned kind)
{
        return kind < SNAP_ACCOUNTS ? 2 : 1;
}

/* Gives the file `old` the name of the new generation in f: a link to a name it has here already, or to `old`
 * itself; a copy when that lies in another file system. ENOENT: there is no such file. */
static int carry(const struct snap_publication *p, const struct folder *f, const char *old, unsigned kind,
                 uint64_t generation, const char *end, struct snap_report *r)
{
        static const char *const ends[] = {"", SNAP_BASE};
        char own[PATH_MAX], new[PATH_MAX];
        void *base;
        size_t size;
        int err = image_path(new, f, kind, generation, end);
        for (unsigned i = 0; !err && f->current && i < names_of(kind); i++)
                if (image_path(own, f, kind, f->current, ends[i]) == 0 && strcmp(own, old) != 0 &&
                    same_image(own, old) && link(own, new) == 0)
                        return 0;
        if (err || link(old, new) == 0)
                return err;
        if (errno == ENOENT)
                return ENOENT;
        err = snap_map_file(old, &base, &size);
        if (err)
                return fail(r, err, "cannot read %.100s: %s", old, strerror(err));
        err = write_image(p, f, kind, generation, end, bytes_of(base, size), r);
        munmap(base, size);
        return err;
}

/* Keeps a map as it is; `from` is the folder that has it. A map that has no file stays without. */
static int keep_image(const struct snap_publication *p, const struct folder *f, const struct folder *from,
                      unsigned kind, uint64_t generation, struct snap_report *r)
{
        static const char *const ends[] = {SNAP_BASE, ""}; /* a copied delta is verified upon its base */
        bool kept = false;
        int err = 0;
        for (unsigned i = 2 - names_of(kind); !err && from->current && i < 2; i++) {
                char old[PATH_MAX];
                err = image_path(old, from, kind, from->current, ends[i]);
                if (!err)
                        err = carry(p, f, old, kind, generation, ends[i], r);
                kept |= !err;
                if (err == ENOENT)
                        err = 0;
        }
        if (f == from && !kept)
                r->missing |= 1u << kind;
        return err;
}

/* The base of a delta that is about to be written. */
static int keep_base(const struct snap_publication *p, const struct folder *f, const struct folder *from,
                     unsigned kind, uint64_t generation, struct snap_report *r)
{
        char old[PATH_MAX];
        int err = from->current ? whole_path(old, from, kind) : ENOENT;
        if (!err)
                err = carry(p, f, old, kind, generation, SNAP_BASE, r);
        return err ? fail(r, err, "there is no image of %s that the delta could lie upon",
                          snap_map_name((enum snap_kind)kind))
                   : 0;
}

/* -- one generation in one folder
 * ----------------------------------------------------------------------------------- */
static void unlink_generation(const struct folder *f, uint64_t generation)
{
        char path[PATH_MAX];
        for (unsigned k = 0; k < SNAP_KINDS; k++) {
                if (image_path(path, f, k, generation, "") == 0)
                        unlink(path);
                if (names_of(k) > 1 && image_path(path, f, k, generation, SNAP_BASE) == 0)
                        unlink(path);
        }
}

/* -- images that were made beforehand */
#define ASIDE "aside."

bool snap_aside_path(char *out, size_t size, const char *folder, enum snap_kind kind)
{
        const int n = snprintf(out, size, "%s/" ASIDE "%s", folder, snap_map_name(kind));
        return n > 0 && (size_t)n < size;
}

/* The image that snap_prepare has put aside gets its name. If it is not here, which only the durable folder
 * may lack, it is copied from `from`, which has it under the new name already. */
static int place_ready(const struct snap_publication *p, const struct folder *f, const struct folder *from,
                       unsigned kind, uint64_t generation, struct snap_report *r)
{
        char aside[PATH_MAX], path[PATH_MAX];
        const char *end = p->map[kind] ? SNAP_BASE : "";
        int err = image_path(path, f, kind, generation, end);
        if (!err && !snap_aside_path(aside, sizeof(aside), f->path, (enum snap_kind)kind))
                err = ENAMETOOLONG;
        if (!err && rename(aside, path) < 0)
                err = errno;
        if (err == ENOENT && f != from && !image_path(aside, from, kind, generation, end))
                err = carry(p, f, aside, kind, generation, end, r);
        return err ? fail(r, err, "the image of %s that was made beforehand is not there: %s",
                          snap_map_name((enum snap_kind)kind), strerror(err))
                   : 0;
}

static int prepare_in(const struct snap_publication *p, const char *folder, unsigned kind, struct bytes image,
                      struct snap_report *r)
{
        char path[PATH_MAX];
        const struct folder f = {.path = folder, .fd = -1};
        if (!snap_aside_path(path, sizeof(path), folder, (enum snap_kind)kind))
                return fail(r, ENAMETOOLONG, "the path of the folder %.90s is too long", folder);
        return write_file(p, &f, kind, path, "", image, r);
}

int snap_prepare(const struct snap_publication *p, struct snap_report *ret_report)
{
        *ret_report = (struct snap_report){.kind = -1};
        uint64_t live = 0;
        int err = 0;
        snap_folder_generation(p->folder, &live); /* none yet: 0 */
        for (unsigned k = 0; !err && k < SNAP_KINDS; k++) {
                struct bytes image;
                if (!p->map[k])
                        continue;
                err = snap_build(p->map[k], live + 1, &image);
                if (err)
                        return fail(ret_report, err, "cannot build the image of %s: %s",
                                    snap_map_name((enum snap_kind)k), strerror(err));
                err = prepare_in(p, p->folder, k, image, ret_report);
                if (!err && p->durable)
                        ret_report->durable_error = prepare_in(p, p->durable, k, image, ret_report);
        }
        if (!err)
                ret_report->generation = live + 1;
        return err;
}

static void discard_one(const struct folder *f, const char *name, void *context)
{
        (void)context;
        if (strncmp(name, ASIDE, strlen(ASIDE)) == 0)
                unlinkat(f->fd, name, 0);
}

void snap_discard(const char *folder)
{
        struct folder f = {.path = folder, .fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
        if (f.fd >= 0)
                each_name(&f, discard_one, NULL);
        folder_close(&f);
}

/* unchanged_from: where the files of unchanged maps are. */
static int write_generation(const struct snap_publication *p, const struct folder *f,
                            const struct folder *unchanged_from, uint64_t generation, struct snap_report *r)
{
        int err = 0;
        for (unsigned k = 0; !err && k < SNAP_KINDS;
             k++) { /* no file has a name of this generation: folder_open */
                struct bytes image;
                const bool ready = p->ready & 1u << k;
                if (ready)
                        err = place_ready(p, f, unchanged_from, k, generation, r);
                if (err || !p->map[k]) {
                        err = err || ready ? err : keep_image(p, f, unchanged_from, k, generation, r);
                        continue;
                }
                err = snap_build(p->map[k], generation, &image);
                if (err)
                        return fail(r, err, "cannot build the image of %s: %s",
                                    snap_map_name((enum snap_kind)k), strerror(err));
                if (!ready && snap_is_delta(image.data, image.len))
                        err = keep_base(p, f, unchanged_from, k, generation, r);
                if (!err)
                        err = write_image(p, f, k, generation, "", image, r);
        }
        if (err)
                unlink_generation(f, generation);
        return err;
}

/* A control file with this generation, in place of what is there. *ret_visible: readers see it, though its
 * lasting may have failed; then its images must stay. */
static int replace_control(const struct folder *f, uint64_t generation, bool *ret_visible,
                           struct snap_report *r)
{
        char path[PATH_MAX];
        const struct snap_control c = {.magic = {'N', 'I', 'C', 'T', 'R', 'L', '\r', '\n'},
                                       .version = SNAP_VERSION,
                                       .byte_order = SNAP_BYTE_ORDER,
                                       .generation = generation};
        uint64_t seen = SNAP_GENERATION_NONE;
        const int n = snprintf(path, sizeof(path), "%s/%s", f->path, SNAP_CONTROL);
        const int err = n < 0 || n >= PATH_MAX ? ENAMETOOLONG
                                               : fs_replace(path, bytes_of(&c, sizeof(c)), 0644, (uid_t)-1,
                                                            (gid_t)-1, NULL, NULL);
        *ret_visible = !err || (snap_folder_generation(f->path, &seen) == 0 && seen == generation);
        return err ? fail(r, err, "cannot write %.100s: %s", path, strerror(err)) : 0;
}

static void store_word(struct snap_control *c, uint64_t generation)
{
        __atomic_store_n(&c->generation, generation, __ATOMIC_RELEASE);
}

struct sweep {
        uint64_t current, previous; /* previous: just superseded */
        time_t older_than;
        uint64_t kept[KEEP]; /* the highest superseded generations */
};

static void note_superseded(const struct folder *f, const char *name, void *context)
{
        struct sweep *s = context;
        unsigned kind;
        uint64_t g;
        bool temporary;
        (void)f;
        if (!parse_name(name, &kind, &g, &temporary) || temporary || g >= s->current)
                return;
        for (unsigned i = 0; i < KEEP; i++) {
                if (g == s->kept[i])
                        return;
                if (g > s->kept[i]) {
                        memmove(&s->kept[i + 1], &s->kept[i], (KEEP - 1 - i) * sizeof(s->kept[0]));
                        s->kept[i] = g;
                        return;
                }
        }
}

static void sweep_one(const struct folder *f, const char *name, void *context)
{
        const struct sweep *s = context;
        struct stat st;
        unsigned kind;
        uint64_t g;
        bool temporary;
        if (!parse_name(name, &kind, &g, &temporary) || temporary || g >= s->current ||
            fstatat(f->fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return;
        bool keep = false;
        for (unsigned i = 0; i < KEEP; i++)
                keep |= g == s->kept[i];
        if (g == s->previous && st.st_nlink == 1) { /* from now on its age counts */
                const struct timespec now[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_nsec = UTIME_NOW}};
                utimensat(f->fd, name, now, AT_SYMLINK_NOFOLLOW);
        } else if (!keep || st.st_nlink > 1 || st.st_mtime < s->older_than) {
                unlinkat(f->fd, name, 0);
        }
}

/* Removes superseded images: see doc/snapshot-format.md 8. Failures leave files behind for the next time. */
static void sweep_old(const struct folder *f, uint64_t generation, uint64_t previous, unsigned quarantine_s)
{
        struct sweep s = {.current = generation,
                          .previous = previous,
                          .older_than = (time_t)(clock_wall_us() / 1000000) -
                                        (time_t)(quarantine_s ? quarantine_s : SNAP_QUARANTINE_S)};
        if (each_name(f, note_superseded, &s) == 0)
                each_name(f, sweep_one, &s);
}

/* -- the doors
 * ------------------------------------------------------------------------------------------------------ */
static int refuse_shrinking(const struct snap_publication *p, const struct folder *f, uint64_t generation,
                            struct snap_report *r)
{
        for (unsigned k = 0; k < SNAP_KINDS; k++) {
                struct bytes unused;
                if (!p->map[k] || (p->may_shrink & 1u << k) || p->map[k]->base_generation)
                        continue; /* a delta is small, and what it takes away is meant */
                const int err = snap_build(p->map[k], generation, &unused);
                if (err)
                        return fail(r, err, "cannot build the image of %s: %s",
                                    snap_map_name((enum snap_kind)k), strerror(err));
                const uint32_t before = records_now(f, k), after = snap_builder_counts(p->map[k]).records;
                if (after != 0 && (before < 20 || after >= before / 10))
                        continue;
                r->kind = (int)k;
                r->before = before;
                r->after = after;
                return fail(r, ENODATA, "refused: %s would shrink from %u records to %u",
                            snap_map_name((enum snap_kind)k), before, after);
        }
        return 0;
}

static int publish_live(const struct snap_publication *p, struct folder *f, uint64_t generation,
                        struct snap_report *r)
{
        int err = write_generation(p, f, f, generation, r);
        if (!err && !f->control) {
                bool visible;
                err = replace_control(f, generation, &visible, r);
                if (!visible)
                        unlink_generation(f, generation);
                else
                        err = 0; /* published; nothing here has to outlast a crash of the machine */
        } else if (!err) {
                store_word(f->control, generation);
        }
        if (err)
                return err;
        sweep_old(f, generation, f->current, p->quarantine_s);
        f->current = generation;
        return 0;
}

static int publish_durable(const struct snap_publication *p, struct folder *f, const struct folder *live,
                           uint64_t generation, struct snap_report *r)
{
        int err = write_generation(p, f, live, generation, r);
        bool visible = false;
        if (!err)
                err = replace_control(f, generation, &visible, r);
        if (!visible)
                unlink_generation(f, generation);
        else if (f->control) /* who began with the durable copy now looks for the live folder */
                store_word(f->control, SNAP_GENERATION_MOVED);
        if (err) /* a power cut may bring the old control file back: its images stay */
                return err;
        sweep_old(f, generation, f->current, p->quarantine_s);
        return 0;
}

void snap_sweep(const char *folder, unsigned quarantine_s)
{
        struct snap_report unused;
        struct folder f;
        if (folder_open(&f, folder, &unused))
                return; /* whoever is publishing there does it */
        sweep_old(&f, f.current, 0, quarantine_s);
        folder_close(&f);
}

int snap_publish(const struct snap_publication *p, struct snap_report *ret_report)
{
        struct folder live = {.fd = -1}, durable = {.fd = -1};
        *ret_report = (struct snap_report){.kind = -1};
        int err = folder_open(&live, p->folder, ret_report);
        if (!err && p->durable)
                ret_report->durable_error = folder_open(&durable, p->durable, ret_report);
        const uint64_t generation = (live.highest > durable.highest ? live.highest : durable.highest) + 1;
        if (!err)
                err = refuse_shrinking(p, &live, generation, ret_report);
        if (!err)
                err = publish_live(p, &live, generation, ret_report);
        if (!err)
                ret_report->generation = generation;
        else if (live.fd >= 0) /* the next try has more room */
                sweep_old(&live, live.current, 0, p->quarantine_s);
        if (!err && durable.fd >= 0)
                ret_report->durable_error = publish_durable(p, &durable, &live, generation, ret_report);
        folder_close(&durable);
        folder_close(&live);
        return err;
}
