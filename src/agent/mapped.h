/* Files that are mapped for reading, and a disk that cannot be read: the system ends a process that touches
 * such a page (SIGBUS). Here zeros take the place of what cannot be read, and whoever has read asks
 * afterwards whether that happened. What is read must be parsed as if it came from a stranger. */
#ifndef NETINFO_AGENT_MAPPED_H
#define NETINFO_AGENT_MAPPED_H

#include <stdbool.h>
#include <stddef.h>

/* Before the first thread, once. False: no memory; a page that cannot be read ends the process then. Any
 * other SIGBUS still does. */
bool mapped_guard(void);
/* From here on reading these pages, a private or shared mapping of whole pages, is guarded; until
 * mapped_remove, before they are unmapped. False: no memory. From any thread. */
bool mapped_add(void *start, size_t size);
void mapped_remove(void *start);
/* How often it happened that a mapping could not be read: in this process, in those that it was copied from
 * and to by fork, and on every disk. It never goes back. */
unsigned mapped_losses(void);

#endif
