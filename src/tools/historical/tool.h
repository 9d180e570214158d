/* How the historical commands speak (doc/tools.md 1): their name, messages, passwords, domain argument, exit
 * status. Messages go to stderr as "TOOL: ..."; nothing here but tool_usage_end ends the process. */
#ifndef NETINFO_TOOLS_HISTORICAL_TOOL_H
#define NETINFO_TOOLS_HISTORICAL_TOOL_H

#include <netinfo/netinfo.h>
#include <stdbool.h>
#include <stddef.h>

/* Each command is one of these; main() of its front end calls it. */
typedef int historical_run(int argc, char **argv);
historical_run niutil_run, nicl_run, nidump_run, niload_run, nigrep_run, nifind_run, nireport_run,
        nidomain_run;

/* "--help", "--version" and nothing else, which no historical command knew. */
bool tool_is_help(int argc, char **argv);
/* The usage, or the version, on stdout. The exit status: 0, or 1 when it cannot be written. */
int tool_help(historical_run *run, char **argv);

/* Results of tool_open beyond the statuses (tools.md 1.3). */
enum { TOOL_NO_SERVER = 10000, TOOL_BAD_FORMAT = 10000 /* + parse code 1 to 5 */ };
#define TOOL_SECONDS 30 /* default of -T */

struct tool {
        const char *name;  /* last component of argv[0] */
        const char *usage; /* text for stderr */
        bool terminal;     /* stdout is one: no control bytes go there */
        int seconds;       /* -T */
        bool by_tag;       /* -t: the domain is host/tag */
        bool ask;          /* -p, or -u: prompt unless a password was given */
        char *user;        /* -u; owned */
        char *password;    /* -P, --password-file; owned */
};

void tool_init(struct tool *t, char **argv, const char *usage);
/* Flushes stdout; a write error there makes exit status 0 to 1. Forgets the password. */
int tool_done(struct tool *t, int exit);
void tool_say(const struct tool *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Prints the usage; gives 1. */
int tool_usage(const struct tool *t);
/* A value to stdout: raw, or on a terminal with control bytes as \xHH (tools.md 1.7). */
void tool_put(const struct tool *t, const char *value);
void tool_put_bytes(const struct tool *t, const void *data, size_t n);
/* "KEY:" and " VALUE" for each value, newline. */
void tool_put_property(const struct tool *t, const ni_property *p);

/* Copies an argument and overwrites the original, so that listings of processes do not show it. */
char *tool_take(char *argument);
/* -P: warns unless it is "-", which reads one line of standard input. False: said why. */
bool tool_take_password(struct tool *t, char *argument);
bool tool_password_file(struct tool *t, const char *file);
/* Seconds of -T: a whole number from 0 (0 = the library's default). False: said so. */
bool tool_take_seconds(struct tool *t, const char *argument);
/* What somebody types on the terminal; the caller frees it. NULL: said why. */
char *tool_ask_password(const struct tool *t);
/* The password as -p, -P and -u ask for it, prompted on the terminal if need be. */
bool tool_get_password(struct tool *t);

/* Opens and probes a domain (1.3), the user set. Gives NI_OK or a result whose message is said. `at` (may be
 * NULL) is the directory that a URL names, else the root. */
int tool_open(struct tool *t, const char *domain, void **handle, ni_id *at);
/* Exit status of a result: tools.md 1.6. */
int tool_exit(int result);

#endif
