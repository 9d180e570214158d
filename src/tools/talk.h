/* How a sub-command of `ni` speaks: its options and help, its errors, its output. A command fills a
 * talk_manual, walks its options with talk_option, and ends with talk_end:
 *
 *     struct talk t;
 *     talk_begin(&t, &manual, argc, argv);
 *     for (int o; (o = talk_option(&t)) != TALK_END;)
 *             switch (o) {
 *             case 'l': ...
 *             case TALK_STOP: return talk_end(&t);     (--help, or a usage error, already said)
 *             }
 *     if (talk_connect(&t)) ... t.client, t.operand[0 .. t.operands - 1] ...
 *     return talk_end(&t);
 *
 * Functions that print an error also set t->exit; nothing here ends the process. */
#ifndef NETINFO_TOOLS_TALK_H
#define NETINFO_TOOLS_TALK_H

#include "client/client.h"
#include "tools/command.h"

#include <jansson.h>

enum { TALK_END = -1, TALK_STOP = -2 };

struct talk_option {
        int letter;       /* 'l'; 256 and above: no short form; 0 ends the table */
        const char *name; /* "long"; NULL: no long form */
        const char *arg;  /* "FILE", or NULL for a flag */
        const char *help;
};

struct talk_manual {
        const char *command;               /* "ls" */
        const char *synopsis;              /* without "ni ": "ls [-l] [PATH]"; several lines are fine */
        const char *about;                 /* what it does, lines of at most 78 bytes */
        const struct talk_option *options; /* its own; may be NULL */
        const char *examples;              /* lines, indented by two */
        bool talks;                        /* takes the options that say which server and domain */
        bool writes;                       /* of a domain with several servers it wants the master */
        bool json;                         /* takes --json */
};

struct talk {
        const struct talk_manual *manual;
        int argc;
        char **argv;
        char **operand; /* what is no option; valid after TALK_END */
        int operands;
        const char *argument;         /* of the option that talk_option returned; borrowed from argv */
        struct client_options server; /* from the options; talk_connect uses it */
        struct client *client;        /* after talk_connect */
        bool json, yes;
        bool terminal, color; /* stdout is a terminal; colours are welcome there (NO_COLOR, TERM=dumb) */
        int exit;
        uint64_t written; /* newest change we made; 0: none. talk_end waits until lookups show it */
        char *password;   /* of --password-file or the prompt */
        const char *password_file;
        struct arena arena; /* for the command's own use */
};

void talk_begin(struct talk *t, const struct talk_manual *m, int argc, char **argv);
/* The letter of the next own option (its argument in t->argument), TALK_END or TALK_STOP. The common ones
 * (--help, --json, --domain, --server, --timeout, --user, --password-file) are handled inside. */
int talk_option(struct talk *t);
/* Opens t->client. False: said why. */
bool talk_connect(struct talk *t);
/* The servers of the domain that a path names, as seen from --server or from this host. False: said why. */
struct located;
bool talk_locate(struct talk *t, const char *path, struct located *ret);
/* Opens t->client at the first of these servers that answers; for a command that writes, at the first one
 * that is no clone, if one is. */
enum ni_status talk_open_first(struct talk *t, const struct located *l, struct client_why *why);
/* An error whose reason and way out are one text, with "; " between (api/locate.h). */
void talk_why(struct talk *t, int exit, const char *why);
/* For talk_connect, when --domain is a path. An empty *why: said why. */
enum ni_status talk_open_path(struct talk *t, struct client_why *why);
/* Closes everything, notices a stdout that could not be written (exit 1), and gives the exit status. */
int talk_end(struct talk *t);

/* -- errors: "ni ls: THING: REASON" and, indented below, the way out (NULL: none) ---------------------- */
void talk_error(struct talk *t, int exit, const char *thing, const char *reason, const char *way_out);
/* reason and exit from the status; for a call that failed (t->client): its own words. */
void talk_status(struct talk *t, enum ni_status status, const char *thing, const char *way_out);
/* A usage error (exit 2): one line, and where the help is. */
void talk_usage(struct talk *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Talk about progress and outcome: stderr. */
void talk_say(struct talk *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Asks "QUESTION [y/N]" on a terminal; true at once with t->yes (the command's own --yes). Without a
 * terminal: a usage error that names --yes. */
bool talk_confirm(struct talk *t, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* -- output --------------------------------------------------------------------------------------------- */
/* Bytes of a name or value to stdout: as they are, or, on a terminal, with control bytes as \xHH. */
void talk_value(struct talk *t, struct bytes b);
/* The same for whole lines: LF and TAB stay as they are. */
void talk_text(struct talk *t, struct bytes b);
/* "key=value" as a shell reads it back: quoted when it must be. */
void talk_quoted(struct talk *t, struct bytes key, struct bytes value);
/* SGR such as "1;31" when colours are welcome; "" as sgr switches it off. */
void talk_color(struct talk *t, const char *sgr);
/* A JSON string; bytes that are no UTF-8 become {"hex": "..."} (ni.1, "JSON"). New reference. */
json_t *talk_json_bytes(struct bytes b);
/* Sixteen hexadecimal digits, as the text outputs print epochs: JSON has no integer of that size. New
 * reference. */
json_t *talk_json_hex(uint64_t v);
/* [{"name": ..., "values": [...]}, ...]: ordered, and names may repeat. New reference. */
json_t *talk_json_props(const struct proplist *l);
/* Prints and releases it. */
void talk_json(struct talk *t, json_t *j);

/* -- directories ---------------------------------------------------------------------------------------- */
/* client_path with its errors said: a missing step names what it could have meant. */
bool talk_path(struct talk *t, const char *path, struct ni_id *ret);
/* Says NI_NODIR for the step of `path` that client_path named. */
void talk_no_directory(struct talk *t, const char *path, uint32_t step);
/* One version 2 read with its errors said (`thing` names what was asked for). */
bool talk_read(struct talk *t, enum ni_proc proc, const struct ni_args *args, struct ni_result *ret,
               const char *thing);

#endif
