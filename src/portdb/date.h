/* Dates as port lists give them: a year, a month or a day (doc/ports.md 1.4 "dates"). The precision is kept;
 * no day is ever invented. */
#ifndef NETINFO_PORTDB_DATE_H
#define NETINFO_PORTDB_DATE_H

#include "base/bytes.h"

typedef uint32_t
        port_date; /* decimal yyyymmdd; mm and dd are 00 where the source names none; 0 = no date at all */

#define PORT_DATE_MAX   99991231u
#define PORT_DATE_BYTES 11 /* "yyyy-mm-dd" and its NUL */

/* "2017", "2017-06", "2017-06-08": a day that the calendar has, years 1900-9999. False otherwise, *ret
 * untouched. */
bool port_date_parse(struct bytes text, port_date *ret);
/* The first such date that stands in a text ("Removed on 2007-09-06", "iana-2013-02-18.csv"), day precision
 * only. */
bool port_date_find(struct bytes text, port_date *ret);
/* Is it a packed date of the kinds above, or 0? For values read from a file. */
bool port_date_valid(port_date d);
/* First and last day the date may mean: 201706 00 -> 20170601, 20170630. 0 stays 0. */
port_date port_date_first(port_date d);
port_date port_date_last(port_date d);
/* Text in the precision it has, "" for 0; written to `to`, which is returned. */
const char *port_date_text(port_date d, char to[static PORT_DATE_BYTES]);
/* The day (UTC) of a wall clock reading in microseconds since 1970. */
port_date port_date_of_us(uint64_t wall_us);

#endif
