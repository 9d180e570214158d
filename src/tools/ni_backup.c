/* `ni backup`: one domain of a running server into one file (doc/backup-format.md). */
#include "tools/backup_copy.h"
#include "tools/backup_file.h"
#include "tools/talk.h"

#include "model/status.h"
#include "sys/clock.h"
#include "sys/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define TRIES 5 /* a domain that is replaced, or trimmed, again and again under us */

enum { O_VERIFY = 256 };
static const struct talk_option options[] = {
        {O_VERIFY, "verify", NULL, "check FILE, and say what is in it; asks no server"},
        {0, NULL, NULL, NULL},
};
static const struct talk_manual manual = {
        .command = "backup",
        .synopsis = "backup [-d TAG] FILE\n"
                    "backup --verify [--json] FILE",
        .about = "Writes a domain of a running server into FILE: every directory, as of one moment, and\n"
                 "the journal. The server goes on serving. Needs the superuser, since secrets belong to a\n"
                 "backup; FILE gets mode 0600. A FILE that is there is replaced when the new one is whole\n"
                 "and checked, not before. `ni restore` makes a domain of it again.",
        .options = options,
        .examples = "  ni backup -d network /backup/network-monday\n"
                    "  ni backup --verify /backup/network-monday",
        .talks = true,
        .json = true,
};

struct backup {
        struct talk *t;
        const char *file;
        char folder[PATH_MAX];
        char aside[PATH_MAX];
        FILE *out;
        struct backup_writer w;
        struct backup_copy *copy;
        struct ext_status_result state; /* the last one asked for; its texts are gone */
        uint64_t after;                 /* the journal begins behind this one */
        uint64_t at;                    /* newest change in the file */
        uint64_t snapshot;              /* seq of the first page; 0: no page yet */
        bool has_page, again;           /* again: what was gathered fits no more */
        uint64_t progress_ms;
};

static bool fail(struct backup *b, const char *thing, const char *reason)
{
        talk_error(b->t, EXIT_FAILED, thing, reason, "nothing was written");
        return false;
}

static bool fail_write(struct backup *b)
{
        return fail(b, b->file, errno ? strerror(errno) : "out of memory");
}

static void say_progress(struct backup *b, const char *what, uint64_t n)
{
        const uint64_t now = clock_mono_ms();
        if (now - b->progress_ms < 2000 || !isatty(STDERR_FILENO))
                return;
        b->progress_ms = now;
        talk_say(b->t, "%" PRIu64 " %s", n, what);
}

/* -- gathering ------------------------------------------------------------------------------------------- */

static bool ask_state(struct backup *b)
{
        struct talk *t = b->t;
        enum ni_status status = client_status(t->client, &b->state);
        if (status == NI_OK)
                status = (enum ni_status)b->state.status;
        if (status != NI_OK) {
                talk_status(t, status, client_tag(t->client),
                            status == NI_BADOP ? "`nidump` reads historical servers" : NULL);
                return false;
        }
        if (bytes_eq_str(b->state.you, "superuser"))
                return true;
        talk_error(t, EXIT_DENIED, client_tag(t->client),
                   "the server does not take you for the superuser, and would leave the secrets out",
                   "become root on the server's own machine, and use its socket");
        return false;
}

/* What was gathered cannot be continued. The journal begins later next time: behind what is not there any
 * more, or is too large for a reply. */
static bool begin_again(struct backup *b, uint64_t lost)
{
        const uint64_t epoch = b->state.epoch;
        if (!ask_state(b))
                return false;
        b->after = b->state.first_seq - 1;
        if (b->state.epoch == epoch && lost > b->after && lost <= b->state.seq)
                b->after = lost;
        b->again = true;
        return false;
}

/* The journal behind b->at up to b->state.seq into the file; what is newer than the pages onto them. */
static bool take_journal(struct backup *b)
{
        struct ext_changes_args args = {.epoch = b->state.epoch, .flags = EXT_CHANGES_BEFORE};
        struct ext_changes_result r;
        const uint64_t until = b->state.seq;
        while (b->at < until) {
                args.seq = b->at;
                const enum ni_status status = client_changes(b->t->client, &args, &r);
                if (status != NI_OK || (r.status != NI_OK && r.status != EXT_TAKE_SNAPSHOT)) {
                        talk_status(b->t, status != NI_OK ? status : (enum ni_status)r.status, NULL, NULL);
                        return false;
                }
                if (r.status == EXT_TAKE_SNAPSHOT)
                        return begin_again(b, b->at + 1);
                while (r.entry_count && r.entries[r.entry_count - 1].seq > until)
                        r.entry_count--;
                if (r.entry_count == 0 || r.entries[0].seq != b->at + 1)
                        return fail(b, client_peer(b->t->client), "the server leaves changes out");
                backup_put_entries(&b->w, &r);
                for (uint32_t i = 0; b->has_page && i < r.entry_count; i++)
                        if (r.entries[i].seq > b->snapshot && !backup_copy_entry(b->copy, &r.entries[i]))
                                return fail_write(b);
                b->at = r.entries[r.entry_count - 1].seq;
                say_progress(b, "changes", b->w.entries);
        }
        return true;
}

static bool take_pages(struct backup *b)
{
        struct ext_snapshot_args args = {.epoch = b->state.epoch};
        struct ext_snapshot_result page;
        do {
                const enum ni_status status = client_snapshot(b->t->client, &args, &page);
                if (status != NI_OK || (page.status != NI_OK && page.status != EXT_TAKE_SNAPSHOT)) {
                        talk_status(b->t, status != NI_OK ? status : (enum ni_status)page.status, NULL, NULL);
                        return false;
                }
                if (page.status == EXT_TAKE_SNAPSHOT)
                        return begin_again(b, 0);
                if (!b->has_page)
                        b->snapshot = page.seq;
                b->has_page = true;
                if (!backup_copy_page(b->copy, &page))
                        return fail_write(b);
                if (page.more && page.next <= args.from)
                        return fail(b, client_peer(b->t->client), "the server sends the same page again");
                args.from = page.next;
                say_progress(b, "object numbers", page.next);
        } while (page.more);
        return true;
}

struct sums {
        struct backup *b;
        struct buf scratch;
        struct hash128 sum;
};

static bool put_nodes(void *context, struct ext_node *nodes, uint32_t n)
{
        struct sums *s = context;
        backup_put_nodes(&s->b->w, nodes, n);
        for (uint32_t i = 0; i < n; i++)
                backup_sum(&nodes[i], &s->scratch, &s->sum);
        return true;
}

static bool put_directories(struct backup *b)
{
        struct sums s = {.b = b};
        uint8_t digest[16];
        buf_init(&s.scratch, 0);
        const bool ok = backup_copy_each(b->copy, put_nodes, &s);
        buf_done(&s.scratch);
        backup_digest(s.sum, digest);
        if (!ok)
                return fail_write(b);
        if (memcmp(digest, b->state.digest, 16) != 0)
                return fail(
                        b, client_peer(b->t->client),
                        "what the server sent does not add up to the digest that it tells: its store may be "
                        "damaged (`ni store check`)");
        b->state.first_seq = b->after + 1;
        backup_put_end(&b->w, &b->state);
        return true;
}

/* One try. False: said, or b->again. */
static bool gather(struct backup *b)
{
        struct backup_head head = {.tag = bytes_str(client_tag(b->t->client)),
                                   .begun = clock_wall_us(),
                                   .version = BYTES_LIT(NETINFO_VERSION)};
        memcpy(head.uuid, b->state.uuid, 16);
        b->again = b->has_page = false;
        b->at = b->after;
        errno = 0;
        rewind(b->out);
        if (ftruncate(fileno(b->out), 0) < 0)
                return fail_write(b);
        b->copy = backup_copy_new(b->folder);
        if (!b->copy)
                return fail(b, b->folder, strerror(errno));
        backup_begin(&b->w, b->out, &head);
        bool ok = take_journal(b) && take_pages(b);
        const uint64_t epoch = b->state.epoch;
        ok = ok && ask_state(b);
        if (ok && b->state.epoch != epoch)
                ok = begin_again(b, 0);
        ok = ok && take_journal(b) && put_directories(b);
        if (!backup_done(&b->w) && ok)
                ok = fail_write(b);
        backup_copy_free(b->copy);
        b->copy = NULL;
        return ok;
}

/* -- the file -------------------------------------------------------------------------------------------- */

/* A file without a name yet, so that nothing stays behind when we are killed; with one where the file system
 * cannot do that. */
static bool open_aside(struct backup *b)
{
        struct stat st;
        const char *slash = strrchr(b->file, '/');
        const size_t n = slash ? (size_t)(slash - b->file) : 0;
        if (stat(b->file, &st) == 0 && !S_ISREG(st.st_mode))
                return fail(b, b->file, "it is there, and no regular file");
        if (strlen(b->file) > PATH_MAX - 32)
                return fail(b, b->file, "the path is too long");
        snprintf(b->folder, sizeof(b->folder), "%.*s", slash ? (int)(n ? n : 1) : 1, slash ? b->file : ".");
        snprintf(b->aside, sizeof(b->aside), "%s.XXXXXX", b->file);
        int fd = open(b->folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
        if (fd >= 0)
                b->aside[0] = '\0';
        else if (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL)
                fd = mkostemp(b->aside, O_CLOEXEC);
        b->out = fd < 0 ? NULL : fdopen(fd, "w+");
        if (!b->out)
                fail(b, b->folder, strerror(errno));
        return b->out;
}

static bool give_name(struct backup *b)
{
        char from[64];
        if (fsync(fileno(b->out)) < 0)
                return fail_write(b);
        if (!b->aside[0]) {
                snprintf(from, sizeof(from), "/proc/self/fd/%d", fileno(b->out));
                snprintf(b->aside, sizeof(b->aside), "%s.%ld-%" PRIx64, b->file, (long)getpid(),
                         clock_mono_us());
                if (linkat(AT_FDCWD, from, AT_FDCWD, b->aside, AT_SYMLINK_FOLLOW) < 0) {
                        b->aside[0] = '\0';
                        return fail_write(b);
                }
        }
        if (rename(b->aside, b->file) < 0)
                return fail_write(b);
        b->aside[0] = '\0';
        if (fs_sync_folder(b->folder) == 0)
                return true;
        talk_error(b->t, EXIT_FAILED, b->folder, strerror(errno),
                   "the backup is there, but a power cut may take it");
        return false;
}

static bool check_written(struct backup *b, struct backup_end *ret)
{
        const struct backup_sink nothing = {0};
        char why[256];
        rewind(b->out);
        if (backup_read(b->out, &nothing, ret, why, sizeof(why)) == BACKUP_SOUND)
                return true;
        return fail(b, b->file, why);
}

static void say_done(struct backup *b, const struct backup_end *end)
{
        const struct ext_status_result *s = &end->state;
        if (end->entries)
                talk_say(b->t,
                         "%s: domain %s as of change #%" PRIu64 ": %" PRIu64 " directories, changes #%" PRIu64
                         " to #%" PRIu64,
                         b->file, client_tag(b->t->client), s->seq, end->directories, s->first_seq, s->seq);
        else
                talk_say(b->t, "%s: domain %s as of change #%" PRIu64 ": %" PRIu64 " directories, no journal",
                         b->file, client_tag(b->t->client), s->seq, end->directories);
}

static void backup(struct backup *b)
{
        struct backup_end end;
        bool ok = open_aside(b) && ask_state(b);
        b->after = ok ? b->state.first_seq - 1 : 0;
        for (int tries = 1; ok; tries++) {
                ok = gather(b);
                if (ok || !b->again)
                        break;
                if (tries == TRIES)
                        fail(b, client_tag(b->t->client),
                             "the domain is replaced again and again while it is read");
                ok = tries < TRIES;
        }
        if (ok && check_written(b, &end) && give_name(b))
                say_done(b, &end);
        if (b->aside[0])
                unlink(b->aside);
        if (b->out)
                fclose(b->out);
}

/* -- verify ---------------------------------------------------------------------------------------------- */

struct seen {
        char tag[LIMIT_TAG + 1], version[LIMIT_WHO + 1];
        uint64_t begun;
};

static bool see_head(void *context, const struct backup_head *h)
{
        struct seen *s = context;
        snprintf(s->tag, sizeof(s->tag), "%.*s", BYTES_FMT(h->tag));
        snprintf(s->version, sizeof(s->version), "%.*s", BYTES_FMT(h->version));
        s->begun = h->begun;
        return true;
}

static void hex(char *to, const uint8_t *from)
{
        for (size_t i = 0; i < 16; i++)
                snprintf(to + 2 * i, 3, "%02x", from[i]);
}

static void print_verified(struct talk *t, const char *file, const struct seen *seen,
                           const struct backup_end *end)
{
        const struct ext_status_result *s = &end->state;
        char uuid[33], digest[33], when[40] = "-";
        const time_t seconds = (time_t)(seen->begun / 1000000u);
        struct tm tm;
        hex(uuid, s->uuid);
        hex(digest, s->digest);
        if (gmtime_r(&seconds, &tm))
                strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &tm);
        if (t->json) {
                talk_json(t, json_pack("{s:o,s:b,s:o,s:o,s:s,s:s,s:s,s:o,s:I,s:I,s:I,s:I,s:s,s:I}", "file",
                                       talk_json_bytes(bytes_str(file)), "sound", 1, "tag",
                                       talk_json_bytes(bytes_str(seen->tag)), "version",
                                       talk_json_bytes(bytes_str(seen->version)), "begun", when, "role",
                                       s->role ? "clone" : "master", "uuid", uuid, "epoch",
                                       talk_json_hex(s->epoch), "seq", (json_int_t)s->seq, "first_seq",
                                       (json_int_t)s->first_seq, "entries", (json_int_t)end->entries,
                                       "directories", (json_int_t)end->directories, "digest", digest,
                                       "checksum", (json_int_t)s->checksum));
                return;
        }
        printf("backup       %s, of %s, by NetInfo %s: sound\n", file, when, seen->version);
        printf("domain       %s (%s)\nuuid         %s\nepoch        %016" PRIx64 "\nchange       #%" PRIu64
               "\n",
               seen->tag, s->role ? "clone" : "master", uuid, s->epoch, s->seq);
        if (end->entries)
                printf("journal      from #%" PRIu64 "\n", s->first_seq);
        else
                printf("journal      empty\n");
        printf("directories  %" PRIu64 "\nchecksum     %" PRIu32 "\ndigest       %s\n", end->directories,
               s->checksum, digest);
}

static void verify(struct talk *t, const char *file)
{
        struct seen seen = {0};
        const struct backup_sink sink = {.head = see_head, .context = &seen};
        struct backup_end end;
        char why[256];
        FILE *in = fopen(file, "re");
        if (!in)
                talk_error(t, errno == ENOENT ? EXIT_NOT_FOUND : EXIT_FAILED, file, strerror(errno), NULL);
        else if (backup_read(in, &sink, &end, why, sizeof(why)) != BACKUP_SOUND)
                talk_error(t, EXIT_FAILED, file, why, "take another backup; this one cannot be restored");
        else
                print_verified(t, file, &seen, &end);
        if (in)
                fclose(in);
}

int ni_backup_run(int argc, char **argv)
{
        struct talk t;
        static struct backup b;
        bool only_verify = false;
        talk_begin(&t, &manual, argc, argv);
        for (int o; (o = talk_option(&t)) != TALK_END;) {
                if (o == TALK_STOP)
                        return talk_end(&t);
                only_verify = true;
        }
        b = (struct backup){.t = &t};
        if (t.operands != 1)
                talk_usage(&t, "give one file, not %d", t.operands);
        else if (strcmp(t.operand[0], "-") == 0)
                talk_usage(&t,
                           "a backup is checked and renamed when it is whole: give a file, not standard %s",
                           only_verify ? "input" : "output");
        else if (only_verify)
                verify(&t, t.operand[0]);
        else if (t.json)
                talk_usage(&t, "--json goes with --verify");
        else if (talk_connect(&t)) {
                b.file = t.operand[0];
                backup(&b);
        }
        return talk_end(&t);
}
