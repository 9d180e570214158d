/* Whether this process has ever been refused memory: for a program that calls no shortened answer a success.
 */
#ifndef NETINFO_BASE_MEMORY_H
#define NETINFO_BASE_MEMORY_H

#include <stdbool.h>

/* Arenas and buffers say so when the C library refuses them memory (not when a limit of their own does).
 * Thread-safe, and it stays so until the process ends. */
void memory_note_refusal(void);
bool memory_was_refused(void);

#endif
