/* One dated edition of a port list, as an importer reads it. */
#ifndef NETINFO_PORTDB_EDITION_H
#define NETINFO_PORTDB_EDITION_H

#include "base/arena.h"
#include "portdb/claim.h"

/* Rows of one edition; each carries one transport or none. seen_first, seen_last and source of a row mean
 * nothing. */
struct port_rows {
        struct port_edition about;
        const char *dated_by; /* "its <updated> element"; static */
        struct port_claim *at;
        size_t n, cap;
        size_t names_only;  /* rows without a port, left out (DNS-SD names, doc/ports.md 1.4) */
        size_t skipped;     /* rows that say nothing usable: backward ranges */
        struct arena arena; /* texts of the rows */
};

void port_rows_init(struct port_rows *r);
void port_rows_done(struct port_rows *r);
/* Appends a row (texts must live in r->arena or for ever). False when LIMIT_PORT_ROWS is reached or memory
 * ends. */
bool port_rows_add(struct port_rows *r, const struct port_claim *row);
/* Sorts and drops rows that are equal in port, end, transport, status and name. */
void port_rows_sort(struct port_rows *r);

/* The status of a row without a name, from its words (doc/ports.md 1.4). */
uint8_t port_status_of_words(struct bytes description);

#endif
