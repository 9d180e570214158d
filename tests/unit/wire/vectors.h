/* The messages of a document: hex dumps under headings `== N`, each below a label that ends in `(L bytes)`
 * (doc/protocol.md section 10, doc/extension-program.md section 12). */
#ifndef NETINFO_TESTS_VECTORS_H
#define NETINFO_TESTS_VECTORS_H

#include "base/buf.h"

/* Reads doc/NAME of the source tree. The program fails when it cannot, or when a dump has another length than
 * its label says. */
void vectors_load(const char *name);
void vectors_free(void);
/* The dump of heading `number` whose label begins with `label`. The test fails when there is none. */
struct bytes vector(unsigned number, const char *label);
/* The same without its record mark, which must be right. */
struct bytes vector_tcp(unsigned number, const char *label);
unsigned vectors_count(void);

#endif
