#include "tools/import.h"

#include "base/text.h"
#include "sys/random.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define IMPORT_TRIES 8 /* plans against others who change the same records */

enum { O_YES = 256, O_MERGE, O_REPLACE };
static const struct talk_option options[] = {
        {'n', "dry-run", NULL, "change nothing: print what would change as a diff"},
        {O_MERGE, "merge", NULL, "add and update, remove nothing (the default)"},
        {O_REPLACE, "replace", NULL, "remove what the file does not have; asks first"},
        {O_YES, "yes", NULL, "do not ask"},
        {0, NULL, NULL, NULL},
};
static const struct talk_manual manual = {
        .command = "import",
        .synopsis = "import [--dry-run] [--merge | --replace [--yes]] FORMAT [FILE | -]",
        .about = "Brings a flat file into the domain: passwd, group, shadow, hosts, services and more\n"
                 "(`ni import list` names all). FILE is /etc/FORMAT by default. The whole file is checked\n"
                 "first: a malformed line imports nothing. Repeating an import is safe and changes\n"
                 "nothing the second time. shadow adds to users that are there: import passwd first.",
        .options = options,
        .examples = "  ni import --dry-run passwd\n"
                    "  ni import passwd && ni import shadow\n"
                    "  ni import hosts /srv/old/hosts\n"
                    "  ypcat -k passwd | cut -d' ' -f2- | ni import passwd -",
        .talks = true,
        .writes = true,
};

/* `passwd.linux` and its like are forms of printing. */
static bool is_offered(const struct flat_format *f)
{
        return !strchr(flat_name(f), '.') || strcmp(flat_name(f), "resolv.conf") == 0;
}

static const struct flat_format *choose(struct talk *t, const char *name)
{
        const struct flat_format *f = flat_format(name);
        const char *names[64], *near;
        unsigned n = 0;
        if (f && is_offered(f))
                return f;
        for (unsigned i = 0; (f = flat_format_at(i)) && n < 63; i++)
                if (is_offered(f))
                        names[n++] = flat_name(f);
        names[n] = NULL;
        near = text_suggest(name, names);
        talk_usage(t, "`%s` is no format%s%s%s", name,
                   near ? "; did you mean " : ": `ni import list` names all", near ? near : "",
                   near ? "?" : "");
        return NULL;
}

static void list_formats(void)
{
        const struct flat_format *f;
        for (unsigned i = 0; (f = flat_format_at(i)); i++)
                if (is_offered(f))
                        printf("%-12s %-12s %s\n", flat_name(f), flat_directory(f), flat_file_default(f));
}

int import_slurp(const char *path, struct buf *to)
{
        const bool input = strcmp(path, "-") == 0;
        const int fd = input ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
        int err = fd < 0 ? errno : 0;
        while (!err) {
                const size_t before = to->len;
                uint8_t *space = buf_add(to, (size_t)1 << 18);
                const ssize_t n = space ? read(fd, space, (size_t)1 << 18) : -1;
                if (!space)
                        err = ENOMEM;
                else if (n < 0 && errno != EINTR)
                        err = errno;
                buf_truncate(to, before + (n > 0 ? (size_t)n : 0));
                if (to->len > FLAT_TEXT_MAX)
                        err = EFBIG;
                if (n == 0)
                        break;
        }
        if (!input && fd >= 0)
                close(fd);
        return err;
}

static bool read_file(struct talk *t, struct import_plan *p, const char *path, struct buf *text)
{
        const char *shown = strcmp(path, "-") == 0 ? "standard input" : path;
        const int err = import_slurp(path, text);
        if (err) {
                talk_error(t, EXIT_FAILED, shown, strerror(err),
                           err == EACCES ? "become root: this file is not for everybody" : NULL);
                return false;
        }
        return import_parse(t, p, buf_bytes(text), shown);
}

bool import_parse(struct talk *t, struct import_plan *p, struct bytes text, const char *shown)
{
        struct flat_options o = {.strict = true};
        struct flat_why why;
        const char *place = shown;
        random_bytes(&o.key, sizeof(o.key));
        if (flat_file_read(&p->file, p->format, text, &o, &why))
                return true;
        if (why.line)
                place = arena_printf(&t->arena, "%s:%u", shown, why.line);
        talk_error(t, EXIT_FAILED, place, why.text, "nothing was imported: correct the file and repeat");
        return false;
}

static void say_result(struct talk *t, const struct import_plan *p, bool dry_run)
{
        const uint32_t *done = p->done;
        const uint32_t planned[] = {p->changed, p->added, p->removed};
        const uint32_t *n = dry_run ? planned : done;
        /* What earlier plans brought is as it should be for this one. */
        const uint32_t before =
                dry_run ? 0 : done[IMPORT_CHANGE] + done[IMPORT_CREATE] - p->changed - p->added;
        talk_say(t, "%s: %u added, %u changed, %u removed, %u as they were", flat_name(p->format),
                 n[IMPORT_CREATE], n[IMPORT_CHANGE], n[IMPORT_REMOVE],
                 p->same > before ? p->same - before : 0);
        if (p->kept)
                talk_say(t, "%u records that the file does not have hold properties of other formats: kept",
                         p->kept);
        for (uint32_t i = 0, shown = 0; p->missing && i < p->file.entry_count && shown < 5; i++) {
                struct flat_item item;
                if (p->match[i].found || !flat_file_item(&p->file, i, &t->arena, &item))
                        continue;
                shown++;
                talk_say(t, "line %u: there is no %s/%.*s", p->file.line[p->file.entry[i].first].number,
                         flat_directory(p->format), BYTES_FMT(proplist_first(&item.props, "name")));
        }
        if (p->missing)
                talk_error(
                        t, EXIT_NOT_FOUND, flat_name(p->format),
                        arena_printf(&t->arena, "%u records of the file have no directory to be added to",
                                     p->missing),
                        arena_printf(&t->arena, "`ni import %s` makes them",
                                     strcmp(flat_directory(p->format), "/users") == 0 ? "passwd" : "group"));
}

static enum import_outcome once(struct talk *t, struct import_plan *p, bool dry_run)
{
        enum import_outcome outcome = IMPORT_FAILED;
        if (!import_make(t, p))
                return IMPORT_FAILED;
        if (dry_run)
                import_show(t, p);
        if (dry_run)
                outcome = IMPORT_DONE;
        else if (!p->removed || talk_confirm(t, "Remove %u records of %s that the file does not have?",
                                             p->removed, flat_directory(p->format)))
                outcome = import_send(t, p);
        if (outcome == IMPORT_DONE)
                say_result(t, p, dry_run);
        return outcome;
}

bool import_interrupted(struct talk *t)
{
        struct signalfd_siginfo info;
        if (t->server.interrupt_fd < 0 || read(t->server.interrupt_fd, &info, sizeof(info)) != sizeof(info))
                return false;
        t->exit = EXIT_FAILED;
        return true;
}

bool import_bring(struct talk *t, struct import_plan *p, bool dry_run)
{
        enum import_outcome outcome = IMPORT_AGAIN;
        for (int i = 0; i < IMPORT_TRIES && outcome == IMPORT_AGAIN; i++) {
                outcome = once(t, p, dry_run);
                import_forget(p);
        }
        if (outcome == IMPORT_FAILED)
                import_interrupted(t);
        if (outcome == IMPORT_AGAIN)
                talk_error(t, EXIT_CONFLICT, flat_directory(p->format),
                           "others change the same records again and again", "repeat the command later");
        return outcome == IMPORT_DONE;
}

void import_interrupts(struct talk *t)
{
        sigset_t set;
        sigemptyset(&set);
        sigaddset(&set, SIGINT);
        sigaddset(&set, SIGTERM);
        sigprocmask(SIG_BLOCK, &set, NULL);
        t->server.interrupt_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

int import_end(struct talk *t)
{
        const int exit = talk_end(t); /* makes calls of its own, which can be interrupted too */
        if (t->server.interrupt_fd >= 0)
                close(t->server.interrupt_fd);
        return exit;
}

int ni_import_run(int argc, char **argv)
{
        struct talk t;
        struct import_plan p = {0};
        struct buf text;
        bool dry_run = false, merge = false;
        if (argc > 1 && strcmp(argv[1], "nidb") == 0)
                return import_nidb_run(argc - 1, argv + 1);
        if (argc > 1 && strcmp(argv[1], "nis") == 0)
                return import_nis_run(argc - 1, argv + 1);
        if (argc > 1 && strcmp(argv[1], "ldif") == 0)
                return import_ldif_run(argc - 1, argv + 1);
        talk_begin(&t, &manual, argc, argv);
        buf_init(&text, FLAT_TEXT_MAX + ((size_t)1 << 20));
        for (int o; (o = talk_option(&t)) != TALK_END;) {
                if (o == TALK_STOP)
                        return talk_end(&t);
                dry_run |= o == 'n';
                merge |= o == O_MERGE;
                p.replace |= o == O_REPLACE;
                t.yes |= o == O_YES;
        }
        if (t.operands < 1 || t.operands > 2) {
                talk_usage(&t, "give a format, such as passwd, and perhaps a file");
        } else if (merge && p.replace) {
                talk_usage(&t, "--merge and --replace exclude each other");
        } else if (strcmp(t.operand[0], "list") == 0) {
                list_formats();
        } else if ((p.format = choose(&t, t.operand[0]))) {
                const char *path = t.operands > 1 ? t.operand[1] : flat_file_default(p.format);
                if (read_file(&t, &p, path, &text)) {
                        import_interrupts(&t);
                        if (talk_connect(&t))
                                import_bring(&t, &p, dry_run);
                }
                flat_file_done(&p.file);
        }
        buf_done(&text);
        return import_end(&t);
}
