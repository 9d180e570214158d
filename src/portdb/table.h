/* The table of claims as it ships: one file, mapped, never parsed (doc/port-table.md). Every step from one
 * record to the next is checked, for the file is hostile input like any other; what does not fit inside is
 * left out and remembered in `damaged`. Not thread-safe (that flag), no allocation. */
#ifndef NETINFO_PORTDB_TABLE_H
#define NETINFO_PORTDB_TABLE_H

#include "portdb/claim.h"

#define PORT_TABLE_MAGIC   "NIPORTS\n"
#define PORT_TABLE_VERSION 1u

/* Sections, in the order of the header (doc/port-table.md 2). */
enum port_table_section {
        TABLE_SOURCES,
        TABLE_EDITIONS,
        TABLE_DATES,
        TABLE_EXACT,
        TABLE_RANGES,
        TABLE_EXTRAS,
        TABLE_NAMES,
        TABLE_STRINGS,
        TABLE_SECTIONS,
};
enum { TABLE_HEADER_BYTES = 24 + 8 * TABLE_SECTIONS };
/* Bytes of one record of each section. */
extern const uint32_t port_table_record[TABLE_SECTIONS];

struct port_table {
        const uint8_t *base; /* the whole file; NULL when nothing is open */
        size_t size;
        struct {
                uint32_t at, n; /* offset from base, number of records */
        } section[TABLE_SECTIONS];
        port_date built; /* newest edition in it */
        bool mapped;     /* close must unmap */
        bool damaged;    /* sticky: a record or string lay outside */
};

/* Maps the file. 0; ENOENT and other errnos of open; EBADMSG when it is no table, with the reason (static) in
 * *ret_why. */
int port_table_open(const char *path, struct port_table *ret, const char **ret_why);
/* The same over bytes that stay alive as long as the table. */
bool port_table_read(struct bytes image, struct port_table *ret, const char **ret_why);
/* Fine on a zeroed one. */
void port_table_close(struct port_table *t);

/* All getters: false when there is no such record or it is damaged; texts are borrowed from the mapping,
 * NUL-terminated. */
bool port_table_source(struct port_table *t, uint32_t number, struct port_source *ret);
uint32_t port_table_sources(const struct port_table *t);
/* Editions of a source, oldest first; index counts from 0. */
uint32_t port_table_editions(struct port_table *t, uint32_t source);
bool port_table_edition(struct port_table *t, uint32_t source, uint32_t index, struct port_edition *ret);

/* Claims are numbered through: exact ones first, sorted by port, then ranges, sorted by start. */
uint32_t port_table_claims(const struct port_table *t);
bool port_table_claim(struct port_table *t, uint32_t number, struct port_claim *ret);
/* Numbers of the exact claims on ports from..to: [*ret_first, return value). Binary search. */
uint32_t port_table_exact(struct port_table *t, uint16_t from, uint16_t to, uint32_t *ret_first);
/* Claims whose name equals `name` without regard to letter case: positions [*ret_first, return value) for
 * port_table_named. */
uint32_t port_table_find_name(struct port_table *t, struct bytes name, uint32_t *ret_first);
/* Claim number at a position of the name index; UINT32_MAX when damaged. */
uint32_t port_table_named(struct port_table *t, uint32_t position);

/* Reads every record once: is the whole file sound and sorted? For a new file before it is put in place, and
 * `ni port --check`. */
bool port_table_verify(struct port_table *t, const char **ret_why);

/* ASCII order without regard to letter case; the order of the name index. */
int port_name_compare(struct bytes a, struct bytes b);

#endif
