/* Readers of port lists: IANA's CSV, XML and old text, /etc/services, our own TSV; and folders of dated
 * editions. Each reads a whole file or refuses it with line and reason; nothing of a refused file is kept.
 * All input is hostile. */
#ifndef NETINFO_PORTDB_IMPORT_H
#define NETINFO_PORTDB_IMPORT_H

#include "portdb/set.h"

struct port_problem {
        size_t line; /* from 1; 0 when it is about the whole file */
        char reason[200];
};

enum port_list_kind {
        PORT_LIST_CSV,
        PORT_LIST_XML,
        PORT_LIST_NUMBERS, /* IANA's text before 2011 */
        PORT_LIST_SERVICES,
        PORT_LIST_EDITION,
        PORT_LIST_CLAIMS
};

/* What a file is, from its beginning. */
enum port_list_kind port_list_guess(struct bytes content);

/* One edition each. *ret must be fresh (port_rows_init); it holds the rows sorted, and the date if the
 * content names one (else 0). False: *why says where and why, ret is to be thrown away. */
bool port_read_csv(struct bytes content, struct port_rows *ret, struct port_problem *why);
bool port_read_xml(struct bytes content, struct port_rows *ret, struct port_problem *why);
bool port_read_numbers(struct bytes content, struct port_rows *ret, struct port_problem *why);
bool port_read_services(struct bytes content, struct port_rows *ret, struct port_problem *why);
bool port_read_edition(struct bytes content, struct port_rows *ret, struct port_problem *why);
/* By port_list_guess; also dates it: by `dated` when not 0, else by the content, else by the file's name,
 * else by `fallback` (the file's time). */
bool port_read_list(struct bytes content, const char *file_name, port_date dated, port_date fallback,
                    struct port_rows *ret, struct port_problem *why);

/* A file of claims (columns named in its first line, doc/port-table.md 4): by hand, each row naming its
 * source, or the runs of one family of editions, which then all belong to `source`. Sources must be in the
 * set already (a row naming another is refused). On failure the set is `failed` and must be thrown away. */
bool port_read_claims(struct bytes content, struct port_set *set, const char *source,
                      struct port_problem *why);
/* Sources: key, title, kind, licence, reference. Editions of one source: date, origin, loses. */
bool port_read_sources(struct bytes content, struct port_set *set, struct port_problem *why);
bool port_read_editions(struct bytes content, struct port_set *set, const char *source,
                        struct port_problem *why);

/* -- for the readers themselves
 * ----------------------------------------------------------------------------------- */

/* Fields of one row of the registry, as text. */
struct port_iana_row {
        struct bytes name, port, transport, description, registered, modified, reference, misuse, note;
};
/* Adds it to the rows by the rules of doc/ports.md 1.4. */
bool port_iana_add(struct port_rows *rows, const struct port_iana_row *f, size_t line,
                   struct port_problem *why);
/* Is it the text "PORT NUMBERS", by its first line? */
bool port_numbers_begin(struct bytes content);
/* A copy in the arena with every run of blanks and control bytes made one space, none at the ends. */
const char *port_tidy(struct arena *a, struct bytes s);
__attribute__((format(printf, 3, 4))) bool port_refuse(struct port_problem *why, size_t line,
                                                       const char *format, ...);

#endif
