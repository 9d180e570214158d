#include "tools/historical/tool.h"

#include "base/buf.h"
#include "base/text.h"
#include "model/path.h"
#include "sys/fs.h"
#include "sys/terminal.h"

#include <errno.h>
#include <netdb.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define PASSWORD_LINE 4096u /* bytes of a password line: more than a credential can carry */

void tool_init(struct tool *t, char **argv, const char *usage)
{
        const char *slash = argv[0] ? strrchr(argv[0], '/') : NULL;
        *t = (struct tool){.name = slash     ? slash + 1
                                   : argv[0] ? argv[0]
                                             : "netinfo",
                           .usage = usage,
                           .terminal = isatty(STDOUT_FILENO) == 1,
                           .seconds = TOOL_SECONDS};
}

static void forget(char **secret)
{
        if (*secret)
                explicit_bzero(*secret, strlen(*secret));
        free(*secret);
        *secret = NULL;
}

bool tool_is_help(int argc, char **argv)
{
        return argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "--version") == 0);
}

int tool_help(historical_run *run, char **argv)
{
        static const char *const examples[][2] = {{"niutil", "niutil -read . /users/ada"},
                                                  {"nicl", "nicl . -list /users"},
                                                  {"nidump", "nidump passwd ."},
                                                  {"niload", "niload -m group . < /etc/group"},
                                                  {"nigrep", "nigrep '^ada$' ."},
                                                  {"nifind", "nifind -p /users/ada"},
                                                  {"nireport", "nireport . /users name uid shell"},
                                                  {"nidomain", "nidomain -l"}};
        struct tool t;
        tool_init(&t, argv, "");
        if (strcmp(argv[1], "--version") == 0) {
                printf("%s (NetInfo " NETINFO_VERSION ")\n", t.name);
        } else if (dup2(STDOUT_FILENO, STDERR_FILENO) < 0) {
                return 1;
        } else { /* without operands each command prints its usage, as a complaint */
                argv[1] = NULL;
                run(1, argv);
                for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++)
                        if (strcmp(examples[i][0], t.name) == 0)
                                printf("\nExample: %s\nman %s says more.\n", examples[i][1], t.name);
        }
        return tool_done(&t, 0);
}

int tool_done(struct tool *t, int exit)
{
        forget(&t->password);
        forget(&t->user);
        const char *why = fs_finish_stdout();
        if (!why)
                return exit;
        tool_say(t, "standard output: %s", why);
        return exit ? exit : 1;
}

void tool_say(const struct tool *t, const char *format, ...)
{
        va_list args;
        fflush(stdout); /* results before the complaint that follows them */
        fprintf(stderr, "%s: ", t->name);
        va_start(args, format);
        vfprintf(stderr, format, args);
        va_end(args);
        fputc('\n', stderr);
}

int tool_usage(const struct tool *t)
{
        fputs(t->usage, stderr);
        return 1;
}

void tool_put_bytes(const struct tool *t, const void *data, size_t n)
{
        const unsigned char *p = data;
        if (!t->terminal) {
                if (n)
                        fwrite(p, 1, n, stdout);
                return;
        }
        for (size_t i = 0; i < n; i++)
                if ((p[i] < 0x20 && p[i] != '\n' && p[i] != '\t') || p[i] == 0x7f)
                        printf("\\x%02X", p[i]);
                else
                        putchar(p[i]);
}

void tool_put(const struct tool *t, const char *value)
{
        tool_put_bytes(t, value, strlen(value));
}

void tool_put_property(const struct tool *t, const ni_property *p)
{
        tool_put(t, p->nip_name);
        putchar(':');
        for (unsigned i = 0; i < p->nip_val.ninl_len; i++) {
                putchar(' ');
                tool_put(t, p->nip_val.ninl_val[i]);
        }
        putchar('\n');
}

char *tool_take(char *argument)
{
        char *copy = ni_name_dup(argument);
        memset(argument, '\0', strlen(argument));
        return copy;
}

static bool password_line(struct tool *t, FILE *f, const char *name)
{
        char line[PASSWORD_LINE];
        const bool read = fgets(line, sizeof(line), f) != NULL;
        const size_t n = read ? strcspn(line, "\r\n") : 0;
        if (!read || (line[n] == '\0' && n + 1 == sizeof(line))) {
                tool_say(t, "%s: %s", name, read ? "the password's line is too long" : "no password there");
                return false;
        }
        line[n] = '\0';
        forget(&t->password);
        t->password = ni_name_dup(line);
        explicit_bzero(line, sizeof(line));
        return true;
}

bool tool_take_password(struct tool *t, char *argument)
{
        if (strcmp(argument, "-") == 0)
                return password_line(t, stdin, "standard input");
        forget(&t->password);
        t->password = tool_take(argument);
        tool_say(t, "warning: a password on the command line is seen by other users; use -p, -P - or "
                    "--password-file FILE");
        return true;
}

bool tool_password_file(struct tool *t, const char *file)
{
        FILE *f = fopen(file, "re");
        if (!f) {
                tool_say(t, "%s: %s", file, strerror(errno));
                return false;
        }
        const bool read = password_line(t, f, file);
        fclose(f);
        return read;
}

bool tool_take_seconds(struct tool *t, const char *argument)
{
        uint64_t n;
        if (!text_u64(bytes_str(argument), 1000000, &n)) {
                tool_say(t, "-T takes a number of seconds, found %s", argument);
                return false;
        }
        t->seconds = (int)n;
        return true;
}

char *tool_ask_password(const struct tool *t)
{
        char line[PASSWORD_LINE];
        const int e = terminal_ask_secret("Password: ", line, sizeof(line));
        char *typed = e ? NULL : ni_name_dup(line);
        explicit_bzero(line, sizeof(line));
        if (e == ENODATA || e == EINTR)
                tool_say(t, "no password was given");
        else if (e)
                tool_say(t, "cannot ask for a password: %s; use -P - or --password-file FILE", strerror(e));
        return typed;
}

bool tool_get_password(struct tool *t)
{
        if (!t->password && t->ask)
                t->password = tool_ask_password(t);
        return t->password || !t->ask;
}

static void bad_format(const struct tool *t, const char *domain, const char *reason)
{
        tool_say(t, "incorrect format for domain %s (%s)", domain, reason);
        fputs("use the form -t <host>/<tag>\n"
              "where <host> is a host name or an address, with :port if it is not the usual one\n",
              stderr);
}

static bool resolves(struct bytes host)
{
        char name[256];
        const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
        struct addrinfo *found;
        if (host.len >= sizeof(name))
                return false;
        snprintf(name, sizeof(name), "%.*s", BYTES_FMT(host));
        if (getaddrinfo(name, NULL, &hints, &found) == 0) {
                freeaddrinfo(found);
                return true;
        }
        fprintf(stderr, "Can't find address for %s\n", name);
        return false;
}

/* host/tag, split at the first slash; `[v6]` and `host:port` are taken too. */
static int open_tag(struct tool *t, const char *domain, void **handle)
{
        static const char *const reasons[] = {"",       "Bad format",  "No host",
                                              "No tag", "Bad address", "Host not found"};
        const char *slash = strchr(domain, '/'), *why;
        struct server_address a;
        int code = 0;
        if (!slash)
                code = 1;
        else if (slash == domain)
                code = 2;
        else if (!slash[1])
                code = 3;
        else if (!address_parse(bytes_of(domain, (size_t)(slash - domain)), false, &a, &why))
                code = 4;
        else if (!resolves(a.host))
                code = 5;
        if (code) {
                bad_format(t, domain, reasons[code]);
                return TOOL_BAD_FORMAT + code;
        }
        char *host = strndup(domain, (size_t)(slash - domain));
        const ni_status s = host ? netinfo_connect(host, slash + 1, handle) : NI_FAILED;
        free(host);
        if (s == NI_OK)
                return NI_OK;
        tool_say(t, "can't connect to server %s", domain);
        return TOOL_NO_SERVER;
}

static int open_named(struct tool *t, const char *domain, void **handle, ni_id *at)
{
        ni_fancyopenargs args = {.rtimeout = t->seconds, .wtimeout = t->seconds, .abort = 1};
        ni_status s;
        if (strncmp(domain, "netinfo://", 10) == 0)
                s = netinfo_url(domain, handle, at, &args);
        else
                s = netinfo_open(NULL, domain, handle, &args);
        if (s == NI_OK)
                return NI_OK;
        tool_say(t, "can't connect to server for domain %s", domain);
        return s == NI_NORESPONSE ? NI_NORESPONSE : NI_FAILED;
}

static ni_status set_user(struct tool *t, void *handle, const char *domain)
{
        const char *user = t->user ? t->user : "root";
        if (!t->user && !t->password)
                return NI_OK;
        const ni_status s = ni_setuser(handle, user);
        if (s != NI_OK) {
                tool_say(t, "no such user %s in domain %s", user, domain);
                return NI_NOUSER;
        }
        return ni_setpassword(handle, t->password ? t->password : "");
}

int tool_open(struct tool *t, const char *domain, void **handle, ni_id *at)
{
        ni_id root = {0, 0}, start = {0, 0};
        void *h = NULL;
        if (!tool_get_password(t))
                return NI_AUTHERROR;
        const int result = t->by_tag ? open_tag(t, domain, &h) : open_named(t, domain, &h, &start);
        if (result != NI_OK)
                return result;
        ni_setabort(h, 1);
        ni_setreadtimeout(h, t->seconds);
        ni_setwritetimeout(h, t->seconds);
        ni_status s = ni_root(h, &root); /* first: a server that is gone has no users either */
        if (s != NI_OK)
                tool_say(t, "can't connect to server %s%s: %s", t->by_tag ? "" : "for domain ", domain,
                         ni_error(s));
        else
                s = set_user(t, h, domain);
        if (s != NI_OK) {
                ni_free(h);
                return (int)s;
        }
        *handle = h;
        if (at)
                *at = start.nii_object ? start : root;
        return NI_OK;
}

int tool_exit(int result)
{
        if (result == NI_OK)
                return 0;
        if (result == NI_FAILED)
                return 199;
        if (result >= TOOL_NO_SERVER)
                return 200 + result - TOOL_NO_SERVER;
        return result < 99 ? 100 + result : 1;
}
