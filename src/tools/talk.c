#include "tools/talk.h"

#include "api/locate.h"
#include "base/memory.h"
#include "base/text.h"
#include "model/path.h"
#include "model/status.h"
#include "snapshot/followed.h"
#include "snapshot/format.h"
#include "sys/fs.h"
#include "sys/terminal.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define OPTIONS_MOST  32u /* own and common ones of one command */
#define PASSWORD_MOST 255u

enum { O_HELP = 512, O_JSON, O_TIMEOUT, O_USER, O_PASSWORD_FILE };

static const struct talk_option always[] = {
        {'h', "help", NULL, "show this text"},
        {0, NULL, NULL, NULL},
};
static const struct talk_option json_option[] = {
        {O_JSON, "json", NULL, "print JSON (described in ni(1))"},
        {0, NULL, NULL, NULL},
};
static const struct talk_option talking[] = {
        {'d', "domain", "DOMAIN", "its tag, or its path: / . .. ../NAME /NAME/NAME TAG@HOST HOST[:PORT]/TAG"},
        {'s', "server", "ADDRESS", "host[:port][/tag], [v6]:port/tag, or the path of a socket"},
        {O_TIMEOUT, "timeout", "SECONDS", "for connecting and for each call; default 5, writes 60"},
        {O_USER, "user", "NAME", "act as this user of the domain; asks for the password"},
        {O_PASSWORD_FILE, "password-file", "FILE",
         "the password is the first line of FILE (-: standard input)"},
        {0, NULL, NULL, NULL},
};

/* The tables of options that hold for a command, in the order of the help. */
static unsigned tables_of(const struct talk_manual *m, const struct talk_option *ret[4])
{
        unsigned n = 0;
        if (m->options)
                ret[n++] = m->options;
        if (m->json)
                ret[n++] = json_option;
        if (m->talks)
                ret[n++] = talking;
        ret[n++] = always;
        return n;
}

/* For the JSON library, whose values of a failed allocation are simply not there in what is printed. */
static void *json_memory(size_t n)
{
        void *p = malloc(n);
        if (!p)
                memory_note_refusal();
        return p;
}

void talk_begin(struct talk *t, const struct talk_manual *m, int argc, char **argv)
{
        const char *term = getenv("TERM"), *no_color = getenv("NO_COLOR");
        *t = (struct talk){.manual = m, .argc = argc, .argv = argv};
        client_options_init(&t->server);
        arena_init(&t->arena, LIMIT_ARENA);
        json_set_alloc_funcs(json_memory, free);
        t->terminal = isatty(STDOUT_FILENO);
        t->color = t->terminal && !(no_color && *no_color) && term && strcmp(term, "dumb") != 0;
        optind = 0; /* glibc: begin anew */
        opterr = 0;
}

static void print_option(const struct talk_option *o)
{
        char words[64];
        int n = 0;
        if (o->letter < 256)
                n = snprintf(words, sizeof(words), "-%c%s", o->letter, o->name ? ", " : "");
        else
                n = snprintf(words, sizeof(words), "    ");
        if (o->name)
                n += snprintf(words + n, sizeof(words) - (size_t)n, "--%s", o->name);
        if (o->arg)
                snprintf(words + n, sizeof(words) - (size_t)n, " %s", o->arg);
        printf("  %-26s %s\n", words, o->help);
}

static void print_help(const struct talk_manual *m)
{
        const struct talk_option *tables[4];
        const unsigned n = tables_of(m, tables);
        const char *line = m->synopsis;
        for (const char *lead = "usage: ni "; *line; lead = "       ni ") {
                const size_t len = strcspn(line, "\n");
                printf("%s%.*s\n", lead, (int)len, line);
                line += len + (line[len] == '\n');
        }
        printf("\n%s\n\n", m->about);
        for (unsigned i = 0; i < n; i++)
                for (const struct talk_option *o = tables[i]; o->letter; o++)
                        print_option(o);
        if (m->examples)
                printf("\nExamples:\n%s\n", m->examples);
}

static void print_safe(FILE *to, const char *text)
{
        const bool terminal = isatty(fileno(to));
        for (const char *p = text; *p; p++) {
                const unsigned char c = (unsigned char)*p;
                if (terminal && (c < 0x20 || c == 0x7f) && c != '\n')
                        fprintf(to, "\\x%02X", c);
                else
                        putc(c, to);
        }
}

void talk_error(struct talk *t, int exit, const char *thing, const char *reason, const char *way_out)
{
        fflush(stdout);
        fprintf(stderr, "ni %s: ", t->manual->command);
        if (thing && *thing) {
                print_safe(stderr, thing);
                fputs(": ", stderr);
        }
        print_safe(stderr, reason);
        putc('\n', stderr);
        if (way_out) {
                fputs("  ", stderr);
                print_safe(stderr, way_out);
                putc('\n', stderr);
        }
        t->exit = exit;
}

/* What helps with a status, whatever the command was. */
static const char *way_out_of(enum ni_status status)
{
        switch (status) {
        case NI_PERM:
                return "become root, use --user NAME, or have your name put into `_writers` of the directory";
        case NI_AUTHERROR:
                return "check the password, and whether this server accepts passwords from here";
        case NI_RDONLY:
                return "write to the domain's master (`ni status`), or see whether the directory is "
                       "`_locked`";
        case NI_STALE:
                return "somebody else changed it at the same time: look again, and repeat";
        case NI_MASTERBUSY:
                return "repeat it in a moment";
        case NI_NOSPACE:
                return "the store is full, or a limit was met (doc/sizes.md): do it in smaller parts";
        case NI_SYSTEMERR:
                return "the server's log says more";
        default:
                return NULL;
        }
}

void talk_status(struct talk *t, enum ni_status status, const char *thing, const char *way_out)
{
        const char *reason = t->client ? client_reason(t->client) : "";
        talk_error(t, status_exit(status), thing, *reason ? reason : status_text(status),
                   way_out ? way_out : way_out_of(status));
}

void talk_usage(struct talk *t, const char *format, ...)
{
        char words[512], way_out[64];
        va_list ap;
        va_start(ap, format);
        vsnprintf(words, sizeof(words), format, ap);
        va_end(ap);
        snprintf(way_out, sizeof(way_out), "`ni %s --help` shows how", t->manual->command);
        talk_error(t, EXIT_USAGE, NULL, words, way_out);
}

void talk_say(struct talk *t, const char *format, ...)
{
        char words[1024];
        va_list ap;
        (void)t;
        va_start(ap, format);
        vsnprintf(words, sizeof(words), format, ap);
        va_end(ap);
        fflush(stdout);
        print_safe(stderr, words);
        putc('\n', stderr);
}

bool talk_confirm(struct talk *t, const char *format, ...)
{
        char words[512], answer[16] = "";
        va_list ap;
        if (t->yes)
                return true;
        va_start(ap, format);
        vsnprintf(words, sizeof(words), format, ap);
        va_end(ap);
        if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO)) {
                talk_usage(t, "%s There is no terminal to ask on: add --yes", words);
                return false;
        }
        print_safe(stderr, words);
        fputs(" [y/N] ", stderr);
        if (fgets(answer, sizeof(answer), stdin) && (answer[0] == 'y' || answer[0] == 'Y'))
                return true;
        talk_error(t, EXIT_FAILED, NULL, "nothing was changed", NULL);
        return false;
}

/* -- options ------------------------------------------------------------------------------------------- */

static void unknown_option(struct talk *t, const char *word)
{
        const struct talk_option *tables[4];
        const unsigned n = tables_of(t->manual, tables);
        const char *names[OPTIONS_MOST + 1];
        unsigned count = 0;
        char name[64];
        if (word[0] != '-' || word[1] != '-') {
                talk_usage(t, "there is no option -%c", optopt ? optopt : '?');
                return;
        }
        for (unsigned i = 0; i < n; i++)
                for (const struct talk_option *o = tables[i]; o->letter; o++)
                        if (o->name && count < OPTIONS_MOST)
                                names[count++] = o->name;
        names[count] = NULL;
        snprintf(name, sizeof(name), "%.*s", (int)strcspn(word + 2, "="), word + 2);
        const char *near = text_suggest(name, names);
        if (near)
                talk_usage(t, "there is no option --%s; did you mean --%s?", name, near);
        else
                talk_usage(t, "there is no option --%s", name);
}

static bool take_common(struct talk *t, int letter)
{
        uint32_t seconds;
        switch (letter) {
        case 'd':
                t->server.tag = optarg;
                return true;
        case 's':
                t->server.server = optarg;
                return true;
        case O_JSON:
                t->json = true;
                return true;
        case O_USER:
                t->server.user = optarg;
                return true;
        case O_PASSWORD_FILE:
                t->password_file = optarg;
                return true;
        case O_TIMEOUT:
                if (!text_u32(bytes_str(optarg), &seconds) || seconds == 0 || seconds > 86400) {
                        talk_usage(t, "--timeout %s: give whole seconds, 1 to 86400", optarg);
                        return false;
                }
                t->server.timeout_ms = seconds * 1000;
                return true;
        default:
                return false;
        }
}

static bool is_common(const struct talk_manual *m, int letter)
{
        return (m->json && letter == O_JSON) ||
               (m->talks && (letter == 'd' || letter == 's' || letter == O_TIMEOUT || letter == O_USER ||
                             letter == O_PASSWORD_FILE));
}

int talk_option(struct talk *t)
{
        struct option longs[OPTIONS_MOST + 1] = {0};
        char shorts[2 * OPTIONS_MOST + 2] = ":";
        const struct talk_option *tables[4];
        const unsigned n = tables_of(t->manual, tables);
        unsigned count = 0;
        size_t at = 1;
        for (unsigned i = 0; i < n; i++)
                for (const struct talk_option *o = tables[i]; o->letter && count < OPTIONS_MOST; o++) {
                        if (o->letter < 256) {
                                shorts[at++] = (char)o->letter;
                                if (o->arg)
                                        shorts[at++] = ':';
                        }
                        if (o->name)
                                longs[count++] = (struct option){
                                        o->name, o->arg ? required_argument : no_argument, NULL, o->letter};
                }
        for (;;) {
                optopt = 0;
                const int letter = getopt_long(t->argc, t->argv, shorts, longs, NULL);
                t->argument = optarg;
                if (letter == -1) {
                        t->operand = t->argv + optind;
                        t->operands = t->argc - optind;
                        return TALK_END;
                }
                if (letter == 'h') {
                        print_help(t->manual);
                        return TALK_STOP;
                }
                if (letter == '?' || letter == ':') {
                        const char *word = t->argv[optind - 1];
                        if (letter == ':')
                                talk_usage(t, "%s wants an argument", word);
                        else
                                unknown_option(t, word);
                        return TALK_STOP;
                }
                if (!is_common(t->manual, letter))
                        return letter;
                if (!take_common(t, letter))
                        return TALK_STOP;
        }
}

/* -- connecting ---------------------------------------------------------------------------------------- */

/* First line of a stream, into t->password. */
static bool read_password(struct talk *t, FILE *from)
{
        char line[PASSWORD_MOST + 2];
        const bool got = fgets(line, sizeof(line), from);
        if (got) {
                line[strcspn(line, "\r\n")] = '\0';
                t->password = strdup(line);
        }
        explicit_bzero(line, sizeof(line));
        return got && t->password;
}

static bool password_from_file(struct talk *t)
{
        const bool standard = strcmp(t->password_file, "-") == 0;
        FILE *f = standard ? stdin : fopen(t->password_file, "re");
        if (!f) {
                talk_error(t, EXIT_FAILED, t->password_file, strerror(errno),
                           "--password-file wants a file whose first line is the password");
                return false;
        }
        const bool good = read_password(t, f);
        if (!standard)
                fclose(f);
        if (!good)
                talk_error(t, EXIT_FAILED, t->password_file, "is empty",
                           "put the password into its first line");
        return good;
}

static bool password_from_terminal(struct talk *t)
{
        char line[PASSWORD_MOST + 1];
        const int e = terminal_ask_secret("Password: ", line, sizeof(line));
        if (e == ENODATA || e == EINTR)
                talk_error(t, EXIT_FAILED, NULL, "no password was given", NULL);
        else if (e == EMSGSIZE)
                talk_error(t, EXIT_FAILED, NULL, "the password is too long", NULL);
        else if (e)
                talk_usage(t,
                           "--user: there is no terminal to ask for the password: add --password-file FILE");
        else
                t->password = strdup(line);
        explicit_bzero(line, sizeof(line));
        return t->password;
}

/* What no server can be asked for. */
static bool good_place(struct talk *t, bool path)
{
        struct server_address a;
        const char *server = t->server.server, *reason = "it is empty";
        if (server && (!*server || (*server != '/' && !address_parse(bytes_str(server), false, &a, &reason))))
                talk_usage(t, "--server %s: %s; give host[:port][/tag] or the path of a socket", server,
                           reason);
        else if (t->server.tag && !path && !tag_is_valid(bytes_str(t->server.tag)))
                talk_usage(t, "--domain %s: a tag has 1 to 64 bytes, no '/', no leading '.' or '-'",
                           t->server.tag);
        else
                return true;
        return false;
}

bool talk_connect(struct talk *t)
{
        struct client_why why;
        if (t->password_file && !t->server.user) {
                talk_usage(t, "--password-file needs --user NAME");
                return false;
        }
        if (t->server.user && !(t->password_file ? password_from_file(t) : password_from_terminal(t)))
                return false;
        t->server.password = t->password;
        const bool path = t->server.tag && located_is_path(t->server.tag);
        if (!good_place(t, path))
                return false;
        const enum ni_status status =
                path ? talk_open_path(t, &why) : client_open(&t->server, &t->client, &why);
        if (status != NI_OK && why.text[0])
                talk_why(t, status_exit(status), why.text);
        return status == NI_OK;
}

/* Read your writes: who changed something and asks the C library next shall see it. At most a second, and
 * only while an agent on this machine follows this very domain. */
static void await_images(struct talk *t)
{
        struct ext_status_result now;
        const char *folder = secure_getenv(SNAP_VARIABLE);
        if (client_status(t->client, &now) == NI_OK && now.status == NI_OK)
                followed_wait(folder && *folder ? folder : SNAP_LIVE, now.epoch, t->written, 1000);
}

int talk_end(struct talk *t)
{
        if (t->client && t->written)
                await_images(t);
        if (t->exit == EXIT_ANSWERED && (t->arena.failed || memory_was_refused()))
                talk_error(t, EXIT_FAILED, NULL, "out of memory", "what is printed may be incomplete");
        client_close(t->client);
        arena_done(&t->arena);
        if (t->password) {
                explicit_bzero(t->password, strlen(t->password));
                free(t->password);
        }
        const char *why = fs_finish_stdout();
        if (why)
                talk_error(t, t->exit == EXIT_ANSWERED ? EXIT_FAILED : t->exit, "standard output", why, NULL);
        return t->exit;
}
