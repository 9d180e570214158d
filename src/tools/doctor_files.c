/* What `ni doctor` finds in files: nsswitch.conf, the module, the images, permissions; and port 987. */
#include "agent/standing.h"
#include "base/text.h"
#include "portdb/live.h"
#include "snapshot/followed.h"
#include "snapshot/inspect.h"
#include "snapshot/reader.h"
#include "sys/fs.h"
#include "tools/doctor.h"
#include "tools/libc_ask.h"
#include "tools/module.h"
#include "tools/nsswitch.h"

#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define FILE_MOST ((size_t)1 << 20)

/* -- nsswitch.conf -----------------------------------------------------------------------------------------
 */

struct want {
        const char *database;
        enum doctor_severity missing;
        const char *line; /* what we recommend (doc/resolution.md 11.2) */
};
static const struct want wants[] = {
        {"passwd", DOCTOR_ERROR, "passwd: files netinfo systemd"},
        {"group", DOCTOR_ERROR, "group: files [SUCCESS=merge] netinfo [SUCCESS=merge] systemd"},
        {"shadow", DOCTOR_NOTE, "shadow: files netinfo"},
        {"hosts", DOCTOR_NOTE, "hosts: files netinfo dns"},
        {"services", DOCTOR_NOTE, "services: files netinfo"},
        {"netgroup", DOCTOR_NOTE, "netgroup: netinfo"},
};

static const char *place(struct doctor *d, const struct nsswitch_line *line)
{
        return doctor_text(d, "%s:%u: %s", doctor_path(d, NSSWITCH_FILE), line->number, line->database);
}

static void line_order(struct doctor *d, const struct nsswitch_line *line, const struct want *w)
{
        const int netinfo = nsswitch_position(line, "netinfo"), systemd = nsswitch_position(line, "systemd");
        const int files = nsswitch_position(line, "files"), dns = nsswitch_position(line, "dns");
        const char *way_out = doctor_text(d, "write `%s`", w->line);
        if (systemd >= 0 && systemd < netinfo)
                doctor_add(d, DOCTOR_WARNING, "nsswitch", place(d, line),
                           "netinfo stands behind systemd, which asks userdb for every name first", way_out);
        if (files > netinfo && strcmp(line->database, "services") != 0)
                doctor_add(d, DOCTOR_WARNING, "nsswitch", place(d, line),
                           "netinfo stands before files: a domain's record hides the machine's own", way_out);
        if (dns >= 0 && dns < netinfo)
                doctor_add(d, DOCTOR_WARNING, "nsswitch", place(d, line),
                           "netinfo stands behind dns: names that only NetInfo knows wait for name servers "
                           "first",
                           way_out);
        for (int i = 0; i < netinfo; i++)
                if (nsswitch_acts(&line->v[i], "NOTFOUND", "return") &&
                    strncmp(line->v[i].name, "mdns", 4) != 0)
                        doctor_add(d, DOCTOR_ERROR, "nsswitch", place(d, line),
                                   doctor_text(d,
                                               "[NOTFOUND=return] behind %s ends every search before netinfo "
                                               "is asked",
                                               line->v[i].name),
                                   way_out);
        for (unsigned i = (unsigned)netinfo + 1; i < line->n; i++)
                if (strcmp(line->v[i].name, "netinfo") == 0)
                        doctor_add(d, DOCTOR_WARNING, "nsswitch", place(d, line),
                                   "netinfo stands there twice", way_out);
}

static void one_line(struct doctor *d, const struct nsswitch *s, const struct want *w)
{
        const struct nsswitch_line *line = nsswitch_find(s, w->database);
        const int netinfo = nsswitch_position(line, "netinfo");
        if (netinfo < 0) {
                doctor_add(d, w->missing, "nsswitch",
                           doctor_text(d, "%s: %s", doctor_path(d, NSSWITCH_FILE), w->database),
                           "netinfo is not on the line: lookups never ask it",
                           doctor_text(d, "write `%s`", w->line));
                return;
        }
        line_order(d, line, w);
        const int files = nsswitch_position(line, "files");
        if (strcmp(w->database, "group") == 0 && files >= 0 && files < netinfo &&
            !nsswitch_acts(&line->v[files], "SUCCESS", "merge"))
                doctor_add(d, DOCTOR_NOTE, "nsswitch", place(d, line),
                           "without [SUCCESS=merge] a group that is in /etc/group, too, keeps only its "
                           "members there",
                           doctor_text(d, "write `%s`", w->line));
}

static void initgroups_line(struct doctor *d, const struct nsswitch *s)
{
        const struct nsswitch_line *line = nsswitch_find(s, "initgroups");
        const char *way_out =
                "take the line out: without it all sources of the group line are united; or write "
                "`initgroups: files [SUCCESS=continue] netinfo`";
        if (!line)
                return;
        const int netinfo = nsswitch_position(line, "netinfo");
        if (netinfo < 0)
                doctor_add(d, DOCTOR_ERROR, "nsswitch", place(d, line),
                           "it does not name netinfo: people who log in get no groups from NetInfo", way_out);
        for (int i = 0; i < netinfo; i++)
                if (!nsswitch_acts(&line->v[i], "SUCCESS", "continue")) {
                        doctor_add(d, DOCTOR_WARNING, "nsswitch", place(d, line),
                                   doctor_text(d, "whoever has a group in %s gets none from NetInfo",
                                               line->v[i].name),
                                   way_out);
                        return;
                }
}

void doctor_nsswitch(struct doctor *d)
{
        struct nsswitch *s = arena_zalloc(&d->t->arena, 1, sizeof(*s));
        const char *path = doctor_path(d, NSSWITCH_FILE);
        struct buf file;
        d->checks++;
        buf_init(&file, FILE_MOST);
        const int err = fs_read(path, FILE_MOST, &file);
        if (err || !s || !nsswitch_parse(buf_bytes(&file), &d->t->arena, s))
                doctor_add(d, DOCTOR_ERROR, "nsswitch", path, err ? strerror(err) : "it cannot be read",
                           "nsswitch.conf(5) says what stands in it; doc/resolution.md 11.2 has ours");
        for (size_t i = 0; !err && s && i < sizeof(wants) / sizeof(wants[0]); i++)
                one_line(d, s, &wants[i]);
        if (!err && s)
                initgroups_line(d, s);
        buf_done(&file);
}

/* -- the module --------------------------------------------------------------------------------------------
 */

/* Class and machine of an ELF file; false: it is none. */
static bool elf_of(const char *path, uint8_t *ret_class, uint16_t *ret_machine)
{
        Elf64_Ehdr h; /* the first fields are alike in both classes */
        const int fd = open(path, O_RDONLY | O_CLOEXEC);
        const bool whole = fd >= 0 && read(fd, &h, sizeof(h)) == (ssize_t)sizeof(h);
        if (fd >= 0)
                close(fd);
        if (!whole || memcmp(h.e_ident, ELFMAG, SELFMAG) != 0)
                return false;
        *ret_class = h.e_ident[EI_CLASS];
        *ret_machine = h.e_machine;
        return true;
}

static void installed(struct doctor *d, unsigned *ret_right, const char **ret_wrong)
{
        static const char *const patterns[] = {
                "/usr/lib/*/" MODULE_FILE,       "/usr/lib/" MODULE_FILE,      "/usr/lib64/" MODULE_FILE,
                "/lib/*/" MODULE_FILE,           "/lib/" MODULE_FILE,          "/lib64/" MODULE_FILE,
                "/usr/local/lib/*/" MODULE_FILE, "/usr/local/lib/" MODULE_FILE};
        uint8_t own_class = 0, class;
        uint16_t own_machine = 0, machine;
        elf_of("/proc/self/exe", &own_class, &own_machine);
        for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
                glob_t found;
                if (glob(doctor_path(d, patterns[i]), 0, NULL, &found) != 0)
                        continue;
                for (size_t k = 0; k < found.gl_pathc; k++)
                        if (elf_of(found.gl_pathv[k], &class, &machine) && class == own_class &&
                            machine == own_machine)
                                (*ret_right)++;
                        else
                                *ret_wrong = doctor_text(d, "%s", found.gl_pathv[k]);
                globfree(&found);
        }
}

void doctor_module(struct doctor *d)
{
        unsigned right = 0;
        const char *wrong = NULL, *trouble = d->from[0] ? NULL : libc_module_trouble(&d->t->arena);
        d->checks++;
        installed(d, &right, &wrong);
        if (!d->from[0] && !trouble)
                return; /* whatever lies where: the loader found one that works */
        if (trouble && right)
                doctor_add(d, DOCTOR_ERROR, "module", MODULE_FILE, trouble,
                           "install the package again, or run ldconfig");
        else if (!right && wrong)
                doctor_add(d, DOCTOR_ERROR, "module", wrong,
                           "it is built for another architecture than this machine's programs",
                           "install the module of this machine's architecture");
        else if (!right)
                doctor_add(d, DOCTOR_ERROR, "module", MODULE_FILE,
                           "it is not installed: the C library cannot ask NetInfo",
                           "install the package libnss-netinfo, or `ninja install`");
}

/* -- images
 * -------------------------------------------------------------------------------------------------- */

/* Not to be read, or readable by too many: what readers of the images look at (doc/snapshot-format.md 7). */
static void image_mode(struct doctor *d, const char *path, enum snap_kind kind, const struct stat *st)
{
        const bool secret = kind == SNAP_SHADOW || kind == SNAP_GSHADOW;
        if (st->st_mode & (S_IWGRP | S_IWOTH))
                doctor_add(d, DOCTOR_ERROR, "images", path,
                           "others than its owner may write it: no lookup believes it",
                           doctor_text(d, "chmod go-w %s, and see who wrote there", path));
        else if (secret && (st->st_mode & S_IROTH))
                doctor_add(d, DOCTOR_ERROR, "images", path, "everybody may read the hashes in it",
                           doctor_text(d, "chmod o-r %s; restart netinfo-agent", path));
        else if (!secret && !(st->st_mode & S_IROTH))
                doctor_add(d, DOCTOR_ERROR, "images", path,
                           "not everybody may read it: lookups of other users fail",
                           "restart netinfo-agent with a umask of 022");
}

static void one_image(struct doctor *d, const char *folder, enum snap_kind kind, uint64_t generation)
{
        const char *path =
                doctor_text(d, "%s/%s.%llu", folder, snap_map_name(kind), (unsigned long long)generation);
        struct snap_image image;
        struct stat st;
        void *base;
        size_t size;
        if (stat(path, &st) < 0) {
                if (kind < SNAP_ACCOUNTS && kind != SNAP_SHADOW)
                        doctor_add(d, DOCTOR_ERROR, "images", path, strerror(errno),
                                   "restart netinfo-agent: it makes new ones");
                return;
        }
        image_mode(d, path, kind, &st);
        const int err = snap_map_file(path, &base, &size);
        if (err == EACCES)
                return; /* shadow, and we are nobody special */
        const bool sound =
                err == 0 && (snap_is_delta(base, size) || snap_image_open(base, size, kind, &image) == 0);
        if (err == 0)
                munmap(base, size);
        if (!sound)
                doctor_add(
                        d, DOCTOR_ERROR, "images", path, "it is damaged: lookups find no answer there",
                        "restart netinfo-agent: it makes new ones; `ni snapshot verify` says what is wrong");
}

void doctor_images(struct doctor *d)
{
        uint64_t generation = 0;
        struct stat st;
        const int err = snap_folder_generation(d->snapshots, &generation);
        d->checks++;
        if (err || generation == SNAP_GENERATION_NONE) {
                doctor_add(d, DOCTOR_ERROR, "images", d->snapshots,
                           err == ENOENT || !err ? "no images were published: NetInfo's module has no answers"
                                                 : strerror(err),
                           "start netinfo-agent (systemctl start netinfo-agent)");
                return;
        }
        if (stat(d->snapshots, &st) == 0 && (st.st_mode & (S_IWGRP | S_IWOTH)))
                doctor_add(d, DOCTOR_ERROR, "images", d->snapshots,
                           "others than its owner may put images there",
                           doctor_text(d, "chmod go-w %s", d->snapshots));
        for (unsigned kind = 0; generation != SNAP_GENERATION_MOVED && kind < SNAP_KINDS; kind++)
                one_image(d, d->snapshots, (enum snap_kind)kind, generation);
        const char *durable = d->agent.durable[0] && !d->chosen ? doctor_path(d, d->agent.durable) : "";
        if (durable[0] && strcmp(durable, d->snapshots) != 0 &&
            snap_folder_generation(durable, &generation) != 0)
                doctor_add(
                        d, DOCTOR_WARNING, "images", durable,
                        "there is no copy that outlives a restart of the machine: early boot has no answers",
                        "see what netinfo-agent logs about it (disk full? rights?)");
}

/* "3 min", "2 h 5 min", "4 days 2 h" */
static const char *duration(struct doctor *d, int64_t seconds)
{
        const long long s = seconds, m = s / 60, h = m / 60;
        if (s < 60)
                return doctor_text(d, "%lld s", s);
        if (m < 60)
                return doctor_text(d, "%lld min", m);
        if (h < 48)
                return doctor_text(d, "%lld h %lld min", h, m % 60);
        return doctor_text(d, "%lld days %lld h", h / 24, h % 24);
}

static const char *when(struct doctor *d, time_t t)
{
        char text[64];
        struct tm tm;
        if (!gmtime_r(&t, &tm) || !strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm))
                return "?";
        return doctor_text(d, "%s", text);
}

/* When the images were published last, in words. */
static const char *age_of(struct doctor *d)
{
        struct stat st;
        if (stat(doctor_text(d, "%s/" SNAP_CONTROL, d->snapshots), &st) < 0)
                return "";
        return doctor_text(d, ", of %s", when(d, st.st_mtim.tv_sec));
}

static void one_standing(struct doctor *d, const json_t *level)
{
        const char *name = json_string_value(json_object_get(level, "domain"));
        const char *state = json_string_value(json_object_get(level, "state"));
        const char *why = json_string_value(json_object_get(level, "why"));
        const int64_t since = json_integer_value(json_object_get(level, "since"));
        const int64_t now = time(NULL);
        if (!name || !state)
                return;
        const char *thing = doctor_text(d, "domain %.300s", name);
        if (strcmp(state, "away") == 0)
                doctor_add(d, DOCTOR_WARNING, "away", thing,
                           doctor_text(d,
                                       "netinfo-agent has reached no server of it for %s, since %s (%.250s); "
                                       "lookups keep what it said last",
                                       duration(d, now > since ? now - since : 0), when(d, since),
                                       why ? why : "?"),
                           "is netinfod running there, and the network between up? Nothing needs to be done "
                           "here: the agent goes on trying, and catches up");
        else if (strcmp(state, "too-large") == 0)
                doctor_add(d, DOCTOR_WARNING, "too-large", thing,
                           "it is over max_directories or max_megabytes: lookups keep what was known of it "
                           "before",
                           "raise them in agent.conf when that is to be, and restart netinfo-agent");
}

/* This machine's certificate (doc/tls.md 5). */
static void machine_standing(struct doctor *d, const json_t *machine)
{
        const char *name = json_string_value(json_object_get(machine, "name"));
        const char *why = json_string_value(json_object_get(machine, "why"));
        const int64_t until = json_integer_value(json_object_get(machine, "until"));
        if (!name || (!why && until > time(NULL)))
                return;
        const char *thing = *name ? doctor_text(d, "machine %.63s", name) : "this machine";
        const char *reason = why ? why : "it was not renewed";
        if (until == 0)
                doctor_add(d, DOCTOR_ERROR, "machine", thing, doctor_text(d, "%.400s", reason),
                           "set right what it says; `ni join` enrols the machine again");
        else if (until <= time(NULL))
                doctor_add(d, DOCTOR_ERROR, "machine", thing,
                           doctor_text(d,
                                       "its certificate ran out on %s: servers elsewhere take no call from "
                                       "here (%.400s)",
                                       when(d, until), reason),
                           "netinfo-agent goes on asking for a new one; `ni renew` asks now");
        else
                doctor_add(d, DOCTOR_WARNING, "machine", thing,
                           doctor_text(d, "its certificate is good until %s, and was not renewed (%.400s)",
                                       when(d, until), reason),
                           "the server that has the authority must be among those of the domains that are "
                           "followed; `ni renew -s SERVER` asks it now");
}

/* How the agent stands with each domain, and this machine (src/agent/standing.h). */
static void standing(struct doctor *d)
{
        struct buf text;
        size_t i;
        json_t *level;
        buf_init(&text, 0);
        json_t *all = fs_read(doctor_text(d, "%s/" STANDING_FILE, d->snapshots), STANDING_MOST, &text) == 0
                              ? json_loadb((const char *)text.data, text.len, 0, NULL)
                              : NULL;
        json_array_foreach(json_object_get(all, "domains"), i, level)
        {
                one_standing(d, level);
        }
        machine_standing(d, json_object_get(all, "machine"));
        json_decref(all);
        buf_done(&text);
}

void doctor_agent(struct doctor *d)
{
        struct followed_state f;
        d->checks++;
        if (!followed_look(d->snapshots, &f) || !f.held) {
                doctor_add(d, DOCTOR_ERROR, "agent", "netinfo-agent",
                           doctor_text(d, "it is not running: lookups keep the answers of the last images%s",
                                       age_of(d)),
                           "systemctl start netinfo-agent; its log says why it ended");
                return;
        }
        standing(d);
        if (!d->has_local || f.epoch == 0)
                return;
        if (f.epoch != d->epoch)
                doctor_add(d, DOCTOR_WARNING, "agent", "netinfo-agent",
                           "it follows another domain, or one that was restored meanwhile, than the local "
                           "one that answers here",
                           "see `server` and `domain` in agent.conf; restart netinfo-agent");
        else if (f.seq < d->seq)
                doctor_add(d, DOCTOR_WARNING, "agent", "netinfo-agent",
                           doctor_text(d, "the images show change #%llu, the domain is at #%llu",
                                       (unsigned long long)f.seq, (unsigned long long)d->seq),
                           "run `ni doctor` again in a moment; if it stays, see the agent's log");
}

/* -- permissions
 * ----------------------------------------------------------------------------------------------- */

static void no_writers(struct doctor *d, const char *path)
{
        struct stat st;
        if (stat(path, &st) == 0 && (st.st_mode & (S_IWGRP | S_IWOTH)))
                doctor_add(d, DOCTOR_ERROR, "permissions", path, "others than its owner may change it",
                           doctor_text(d, "chmod go-w %s", path));
}

void doctor_permissions(struct doctor *d)
{
        static const char *const files[] = {
                "/etc/netinfo", "/etc/netinfo/netinfod.conf", "/etc/netinfo/agent.conf",
                NSSWITCH_FILE,  "/var/lib/netinfo",           "/run/netinfo"};
        const char *domains = doctor_path(d, "/var/lib/netinfo/domains");
        struct stat st;
        d->checks++;
        for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
                no_writers(d, doctor_path(d, files[i]));
        if (stat(domains, &st) == 0 && (st.st_mode & 077))
                doctor_add(d, DOCTOR_ERROR, "permissions", domains,
                           "others than netinfod may look into the domains, hashes included",
                           doctor_text(d, "chmod 700 %s", domains));
}

/* -- port 987
 * -------------------------------------------------------------------------------------------------- */

/* "tcp 127.0.0.1:987": a door that netinfod says somebody else has (doc/server.md 2). */
static void held_door(struct doctor *d, struct bytes door)
{
        char holder[200];
        uint64_t port = 0;
        size_t colon = door.len;
        while (colon > 0 && door.data[colon - 1] != ':')
                colon--;
        if (!text_u64(bytes_sub(door, colon, door.len), 65535, &port) ||
            !port_holder_text((uint16_t)port, door.data[0] == 'u', holder, sizeof(holder)))
                snprintf(holder, sizeof(holder), "somebody whom this user does not see");
        doctor_add(
                d, DOCTOR_ERROR, "port", doctor_text(d, "%.*s", BYTES_FMT(bytes_sub(door, 0, 100))),
                doctor_text(d, "it is held by %s: netinfod is not reached there, and serves its other doors",
                            holder),
                "stop that, or have it use another port: netinfod takes this one as soon as it is free; or "
                "set `listen` in netinfod.conf");
}

/* False: there is none, as far as this machine's server says. */
static bool held_doors(struct doctor *d)
{
        const struct ni_args none = {.id = {0, 0}};
        struct client_options o;
        struct client_why why;
        struct ni_result r;
        struct client *c;
        const struct property *doors = NULL;
        client_options_init(&o);
        o.timeout_ms = 1000;
        if (client_open(&o, &c, &why) != NI_OK)
                return false;
        if (strncmp(client_peer(c), "unix:", 5) == 0 &&
            client_ni(c, NI_PROC_statistics, &none, &r) == NI_OK && r.status == NI_OK)
                doors = proplist_get(&r.props, BYTES_LIT("doors_held"));
        const bool some = doors && doors->values.n > 0;
        for (uint32_t i = 0; some && i < doors->values.n; i++)
                held_door(d, doors->values.v[i]);
        client_close(c);
        return some;
}

void doctor_port(struct doctor *d)
{
        struct client_options o;
        struct client_why why;
        struct client *c;
        d->checks++;
        if (held_doors(d))
                return;
        client_options_init(&o);
        o.server = "127.0.0.1:987";
        o.no_domain = true;
        o.timeout_ms = 1000;
        if (client_open(&o, &c, &why) == NI_OK)
                client_close(c);
        else if (strstr(why.text, "not as NetInfo does") || strstr(why.text, "closes the connection"))
                doctor_add(
                        d, DOCTOR_ERROR, "port", "127.0.0.1:987",
                        "somebody else than netinfod holds NetInfo's port",
                        "`ni port 987` says who; set `listen` in netinfod.conf, or move the other service");
}
