/* `ni port --update`: editions that the user has are folded into a table of the user's own, which is asked
 * beside the shipped one. All files are read first; one damaged file refuses all, and the table on disk
 * changes in one step or not at all. */
#include "tools/port/port_tool.h"

#include "base/limits.h"
#include "portdb/import.h"
#include "sys/fs.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

struct update {
        struct port_tool *t;
        struct port_set set;
        struct port_changes changes; /* of all files together when there are several */
        size_t folded, known;
        bool first_edition; /* nothing to compare with: the rows are only counted */
};

static struct port_source source_for(const char *key)
{
        struct port_source s = {.key = key,
                                .title = key,
                                .kind = PORT_KIND_LIST,
                                .licence = "not known here",
                                .reference = "imported here"};
        if (strcmp(key, "iana") == 0) {
                s.title = "IANA registry";
                s.kind = PORT_KIND_REGISTRY;
                s.licence = "CC0 1.0";
                s.reference = "https://www.iana.org/assignments/service-names-port-numbers";
        } else if (strcmp(key, "etc-services") == 0) {
                s.title = "/etc/services of this machine";
        }
        return s;
}

static bool refuse(struct update *u, const char *file, const struct port_problem *why)
{
        if (why->line)
                port_tool_error(u->t, "%s:%zu: %s; nothing was imported", file, why->line, why->reason);
        else
                port_tool_error(u->t, "%s: %s; nothing was imported", file, why->reason);
        return false;
}

static const char *key_for(const struct update *u, enum port_list_kind kind)
{
        return u->t->o.as ? u->t->o.as : kind == PORT_LIST_SERVICES ? "etc-services" : "iana";
}

/* A whole family of editions at once, already folded. */
static bool take_claims(struct update *u, const char *file, struct bytes content)
{
        struct port_problem why = {.reason = ""};
        const struct port_source about = source_for(key_for(u, PORT_LIST_CLAIMS));
        const int source = port_set_source(&u->set, &about);
        if (source >= 0 && u->set.source[source].claims.n) {
                snprintf(why.reason, sizeof(why.reason),
                         "%s has editions already; import it into an empty --dir", about.key);
                return refuse(u, file, &why);
        }
        if (source < 0 || !port_read_claims(content, &u->set, about.key, &why))
                return refuse(u, file, &why);
        u->folded += u->set.source[source].editions;
        u->first_edition = true;
        return true;
}

static void say_folded(struct update *u, const char *file, const char *key, const struct port_rows *rows)
{
        struct buf *b = &u->t->out;
        char day[PORT_DATE_BYTES];
        port_put(b, file);
        buf_printf(b, ": edition of %s (dated by %s), %zu rows with a port",
                   port_date_text(rows->about.date, day), rows->dated_by, rows->n);
        if (rows->names_only)
                buf_printf(b, ", %zu names without one", rows->names_only);
        if (rows->skipped)
                buf_printf(b, ", %zu backward ranges left out", rows->skipped);
        buf_printf(b, ", of ");
        port_put(b, key);
        buf_putc(b, '\n');
}

static bool take_edition(struct update *u, const char *file, struct bytes content, port_date file_time)
{
        const enum port_list_kind kind = port_list_guess(content);
        const char *slash = strrchr(file, '/');
        struct port_problem why = {.reason = "out of memory"};
        struct port_rows rows;
        port_rows_init(&rows);
        bool ok = port_read_list(content, slash ? slash + 1 : file, u->t->o.dated, file_time, &rows, &why);
        const struct port_source about = source_for(key_for(u, kind));
        const int source = ok ? port_set_source(&u->set, &about) : -1;
        ok = source >= 0;
        if (ok) {
                if (!u->set.source[source].editions)
                        u->first_edition = true;
                switch (port_set_fold(&u->set, source, &rows, &u->changes)) {
                case PORT_FOLDED:
                        u->folded++;
                        say_folded(u, file, about.key, &rows);
                        break;
                case PORT_FOLD_KNOWN:
                        u->known++;
                        break;
                case PORT_FOLD_CONFLICT: {
                        char day[PORT_DATE_BYTES];
                        snprintf(why.reason, sizeof(why.reason),
                                 "another edition of %s is here with other rows; name its day with --date",
                                 port_date_text(rows.about.date, day));
                        ok = false;
                        break;
                }
                case PORT_FOLD_FAILED:
                        ok = false;
                        break;
                }
        }
        port_rows_done(&rows);
        return ok || refuse(u, file, &why);
}

static bool take_file(struct update *u, const char *file)
{
        struct port_problem why = {.reason = ""};
        struct buf content;
        struct stat st;
        buf_init(&content, LIMIT_PORT_FILE + (1u << 20));
        const int err = fs_read(file, LIMIT_PORT_FILE, &content);
        bool ok;
        if (err || stat(file, &st) < 0) {
                snprintf(why.reason, sizeof(why.reason), "%s", strerror(err ? err : errno));
                ok = refuse(u, file, &why);
        } else if (port_list_guess(buf_bytes(&content)) == PORT_LIST_CLAIMS) {
                ok = take_claims(u, file, buf_bytes(&content));
        } else {
                const port_date written = port_date_of_us((uint64_t)st.st_mtim.tv_sec * 1000000u);
                ok = take_edition(u, file, buf_bytes(&content),
                                  port_list_guess(buf_bytes(&content)) == PORT_LIST_SERVICES ? written : 0);
        }
        buf_done(&content);
        return ok;
}

static bool take_folder(struct update *u, const char *folder)
{
        struct dirent **entry;
        const int n = scandir(folder, &entry, NULL, alphasort);
        bool ok = n >= 0;
        size_t files = 0;
        if (!ok)
                port_tool_error(u->t, "%s: %s", folder, strerror(errno));
        for (int i = 0; i < n; i++) {
                char path[4096];
                struct stat st;
                const bool fits = (size_t)snprintf(path, sizeof(path), "%s/%s", folder, entry[i]->d_name) <
                                  sizeof(path);
                if (ok && fits && entry[i]->d_name[0] != '.' && stat(path, &st) == 0 && S_ISREG(st.st_mode)) {
                        if (++files > LIMIT_PORT_FILES) {
                                port_tool_error(u->t, "%s: more than %u files; nothing was imported", folder,
                                                LIMIT_PORT_FILES);
                                ok = false;
                        } else {
                                ok = take_file(u, path);
                        }
                }
                free(entry[i]);
        }
        if (n >= 0)
                free(entry);
        if (ok && files == 0) {
                port_tool_error(u->t, "%s: no files in it", folder);
                ok = false;
        }
        return ok;
}

static void say_changes(struct update *u)
{
        struct buf *b = &u->t->out;
        size_t opened = 0, closed = 0;
        for (size_t i = 0; i < u->changes.n; i++) {
                const struct port_claim *c = &u->changes.at[i].claim;
                opened += u->changes.at[i].sign == '+';
                closed += u->changes.at[i].sign == '-';
                if (u->first_edition || u->folded > 1)
                        continue;
                buf_printf(b, "%c %u", u->changes.at[i].sign, c->port);
                if (port_claim_is_range(c))
                        buf_printf(b, "-%u", c->end);
                if (c->transport)
                        buf_printf(b, "/%s", port_transport_word(c->transport));
                buf_printf(b, " %s ", port_status_word(c->status));
                port_put(b, c->name);
                buf_putc(b, '\n');
        }
        if (!u->folded)
                buf_puts(b, "nothing new: every edition is here already\n");
        else if (u->first_edition)
                buf_printf(b, "%zu edition%s, the first of its source\n", u->folded,
                           u->folded == 1 ? "" : "s");
        else
                buf_printf(b, "%zu edition%s: %zu claims opened, %zu closed, %zu unchanged\n", u->folded,
                           u->folded == 1 ? "" : "s", opened, closed, u->changes.same);
}

static bool table_is_sound(const char *path, void *context)
{
        struct port_table t;
        const char *why;
        (void)context;
        if (port_table_open(path, &t, &why) != 0)
                return false;
        const bool sound = port_table_verify(&t, &why);
        port_table_close(&t);
        return sound;
}

static bool write_table(struct update *u)
{
        const char *folder = port_tool_folder(u->t);
        struct buf image;
        buf_init(&image, LIMIT_PORT_FILE);
        bool ok = port_set_image(&u->set, &image);
        if (!ok) {
                port_tool_error(u->t,
                                "the claims do not fit a table (%u bytes at most); nothing was imported",
                                LIMIT_PORT_FILE);
        } else {
                int err = fs_make_folders(folder, 0755);
                if (!err)
                        err = fs_replace(u->t->own, buf_bytes(&image), 0644, (uid_t)-1, (gid_t)-1,
                                         table_is_sound, NULL);
                ok = err == 0;
                if (err)
                        port_tool_error(u->t, "%s: %s; nothing was imported (write elsewhere with --dir)",
                                        u->t->own, strerror(err));
        }
        buf_done(&image);
        return ok;
}

int port_answer_update(struct port_tool *t)
{
        struct update u = {.t = t};
        struct stat st;
        port_set_init(&u.set);
        bool ok = true;
        if (t->db.table[1].base && !port_set_load(&u.set, &t->db.table[1])) {
                port_tool_error(t, "%s: damaged; remove it and import your editions again", t->own);
                t->db.table[1].damaged = false; /* said */
                ok = false;
        }
        if (ok && stat(t->o.update, &st) < 0) {
                port_tool_error(t, "%s: %s", t->o.update, strerror(errno));
                ok = false;
        }
        ok = ok && (S_ISDIR(st.st_mode) ? take_folder(&u, t->o.update) : take_file(&u, t->o.update));
        if (ok && u.set.failed) {
                port_tool_error(t, "out of memory; nothing was imported");
                ok = false;
        }
        if (ok)
                say_changes(&u);
        if (ok && t->o.dry_run)
                buf_puts(&t->out, "dry run: nothing was written\n");
        else if (ok && u.folded)
                ok = write_table(&u);
        if (!ok)
                buf_clear(&t->out);
        port_changes_done(&u.changes);
        port_set_done(&u.set);
        return ok ? EXIT_ANSWERED : EXIT_FAILED;
}
