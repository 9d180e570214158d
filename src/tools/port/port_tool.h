/* What `ni port` and `ni ports` share: options, the tables, the answer in its forms. One answer is put
 * together in `out` and written once. */
#ifndef NETINFO_TOOLS_PORT_TOOL_H
#define NETINFO_TOOLS_PORT_TOOL_H

#include "base/buf.h"
#include "portdb/resolve.h"
#include "portdb/system.h"
#include "portdb/verdict.h"
#include "tools/command.h"

struct port_options {
        bool json, html, howto, history, list_sources, check, ghosts;
        bool no_live, no_registry, free, listening, connections, all_holders, all_namespaces, no_processes;
        bool dry_run, no_directory, verbose, watch;
        const char *server, *domain; /* of the directory; NULL: what is near, local */
        port_date as_of;             /* 0: today */
        const char *source;          /* key; NULL: all */
        const char *update;          /* file or folder to fold in */
        const char *as;              /* key of the source it becomes an edition of */
        port_date dated;             /* its date, when the user names it */
        const char *dir;             /* folder of the user's own editions */
        const char *table;           /* the shipped table, when named */
        const char *from;            /* output of another system's netstat or lsof */
        uint8_t transports;          /* PORT_ANY: all */
        const char *subject;         /* 987, 980-999, a name, /text */
};

struct port_tool {
        const char *command; /* "ni port" */
        struct port_options o;
        struct arena arena;
        struct port_db db;
        struct port_system system;
        struct buf out;
        char shipped[4096], own[4096]; /* paths of the tables */
        const char *site_silence;      /* why the site's claims may be missing; NULL when they are not */
        port_date today;
};

/* Set by main when a directory can be asked; NULL: no site claims. */
extern port_site_load *port_tool_site;

/* -- start and end
 * ------------------------------------------------------------------------------------------------- */
void port_tool_begin(struct port_tool *t, const char *command);
/* Reads the options of `ni ports`, or of `ni port`; optind then stands at the operands. 0: go on; otherwise
 * an exit status + 1, and `help` is in t->out or the mistake was said. */
int port_tool_options(struct port_tool *t, int argc, char **argv, bool ports, const char *help);
/* Finds and maps the tables. False: said why on stderr. A damaged own table is said and left out. */
bool port_tool_open(struct port_tool *t);
/* Asks port_tool_site about from..to, if there is one; `programs`: sockets will be judged. */
void port_tool_ask_site(struct port_tool *t, uint16_t from, uint16_t to, bool programs);
/* Writes what stands in out, frees everything, returns the exit status (EXIT_FAILED instead of 0 when stdout
 * could not be written). */
int port_tool_end(struct port_tool *t, int exit);
/* Joins what the port mapper says, where there is one. A machine's whole list shows whether something listens
 * on its port; for a single port it is asked when the port is held at all. */
void port_tool_ask_mapper(struct port_tool *t, struct port_live *l);
/* "ni port: THING: REASON" on stderr. */
__attribute__((format(printf, 2, 3))) void port_tool_error(struct port_tool *t, const char *format, ...);
/* The day the answer is about. */
port_date port_tool_day(const struct port_tool *t);
/* Folder and file of the user's own editions. */
const char *port_tool_folder(const struct port_tool *t);

/* -- text
 * ----------------------------------------------------------------------------------------------------------
 */
/* Text of strangers: control bytes become '?'. */
void port_put(struct buf *b, const char *text);
/* Length of the well-formed UTF-8 character at s, 0 when there is none (RFC 3629); n > 0. */
size_t port_utf8_here(const uint8_t *s, size_t n);
/* Bytes padded with blanks to a width. */
void port_pad(struct buf *b, size_t from, size_t width);
/* "2005-05 .. 2015", "since 2014", "2026"; for the claim's own interval. */
void port_put_interval(struct buf *b, port_date first, port_date last);
const char *port_user_name(uint32_t uid, char to[static 64]);

/* What an answer consists of; live may be NULL. */
struct port_report {
        const struct port_answer *answer;
        const struct port_live *live;
        const struct port_judged *judged; /* one for each socket of live */
        const char *const *warning;       /* --free: what may take the port later; warnings of them */
        size_t warnings;
};
void port_report_text(struct port_tool *t, const struct port_report *r);
void port_report_json(struct port_tool *t, const struct port_report *r);
void port_report_html(struct port_tool *t, const struct port_report *r);
/* One socket as the text report shows it, without line end. */
void port_put_socket(struct port_tool *t, const struct port_socket *s, const struct port_judged *j);
/* What the asker could not see, as lines; nothing when everything was visible. */
void port_put_hidden(struct port_tool *t, const struct port_live *l);
/* Why claims of the site may be missing; nothing when none are. */
void port_put_site_silence(struct port_tool *t);
/* What to conclude, as lines with a prefix. */
void port_put_conclusions(struct buf *b, const struct port_answer *a, const char *before, const char *after);
/* Sentences on how the sources disagree. */
void port_put_disagreements(struct buf *b, const struct port_answer *a, const char *before,
                            const char *after);
/* "Unassigned by IANA (...)": the headline of the states. */
void port_put_headline(struct buf *b, const struct port_answer *a);
void port_history_text(struct port_tool *t, const struct port_answer *a);
void port_howto_text(struct buf *b, uint16_t port);

/* One command to look at a port, for each system. */
struct port_howto {
        const char *system;
        char command[160];
};
enum { PORT_HOWTOS = 6 };
void port_howto(uint16_t port, struct port_howto ret[static PORT_HOWTOS]);

/* -- JSON
 * ----------------------------------------------------------------------------------------------------------
 */
/* A small writer: it puts the commas. Keys and strings are escaped; bytes that are no UTF-8 become U+FFFD. */
struct port_json {
        struct buf *out;
        bool more; /* something stands before in this object or array */
};
void json_open(struct port_json *j, const char *key, char bracket);
void json_close(struct port_json *j, char bracket);
void json_text(struct port_json *j, const char *key, const char *value);
void json_number(struct port_json *j, const char *key, uint64_t value);
void json_bool(struct port_json *j, const char *key, bool value);
/* Left out when 0. */
void json_date(struct port_json *j, const char *key, port_date d);
void port_json_socket(struct port_json *j, const struct port_socket *s, const struct port_judged *v);
void port_json_visibility(struct port_json *j, const struct port_live *l);
void port_json_states(struct port_json *j, const struct port_answer *a);
/* id: what a site silences it by; NULL: not told. */
void port_json_item(struct port_json *j, const char *key, const struct port_item *it, const char *id);

/* -- the other jobs
 * ------------------------------------------------------------------------------------------------ */
int port_answer_one(struct port_tool *t, uint16_t port);
int port_answer_range(struct port_tool *t, uint16_t from, uint16_t to);
int port_answer_name(struct port_tool *t, const char *name);
int port_answer_text(struct port_tool *t, const char *needle);
int port_answer_sources(struct port_tool *t);
int port_answer_update(struct port_tool *t);
int port_answer_check(struct port_tool *t);
int port_answer_ghosts(struct port_tool *t);
int port_answer_listing(struct port_tool *t);
/* Until a signal ends it, or its output has no reader. */
int port_answer_watch(struct port_tool *t, uint16_t from, uint16_t to);

/* One line about a port, for ranges, names and texts. */
void port_put_line(struct buf *b, const struct port_answer *a);

#endif
