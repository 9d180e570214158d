/* The log of fault.c: what reached a data.mdb, in order. */
#ifndef NETINFO_TESTS_FAULT_H
#define NETINFO_TESTS_FAULT_H

#include <stdint.h>

#define FAULT_WRITE      'W' /* bytes at an offset, not yet on the medium */
#define FAULT_WRITE_SYNC 'D' /* bytes at an offset through an O_DSYNC descriptor: these are on the medium */
#define FAULT_SYNC       'S' /* everything before it is on the medium */
#define FAULT_TRUNCATE   'T' /* offset: the new size */
#define FAULT_NOTE       'A' /* offset: a number of the program's own, such as an acknowledgement */

struct fault_record {
        uint64_t offset, len;
        char kind;
        char unused[7];
};

#endif
