/* A growing pile of bytes that are written once and read now and then: the records of a domain. Full pieces
 * of it go into a file without a name and are mapped for reading, so that the system, and not this process,
 * keeps them in memory, as long as it has room (doc/sizes.md "The agent"). Where the file cannot be written
 * they stay in memory. */
#ifndef NETINFO_AGENT_PILE_H
#define NETINFO_AGENT_PILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pile;

/* folder: of the file, borrowed for the pile's life; NULL or "": everything stays in memory. NULL: no memory.
 */
struct pile *pile_new(const char *folder);
void pile_free(struct pile *p);
/* Room for n bytes, at a place that pile_at finds as long as the pile lives, aligned to 8. To be filled
 * before the next call of any function here. NULL: no memory, or 32 GiB are full. */
uint8_t *pile_add(struct pile *p, size_t n, uint32_t *ret_at);
/* Valid until pile_settle or pile_free. */
const uint8_t *pile_at(const struct pile *p, uint32_t at);
/* Bytes that were added. */
uint64_t pile_size(const struct pile *p);

/* In two steps, because writing may take long and others may be reading: pile_write puts full pieces into the
 * file, and changes nothing for readers; only who adds may call it. True: then pile_settle, while nobody
 * reads, gives their memory back. */
bool pile_write(struct pile *p);
void pile_settle(struct pile *p);
/* Why the last piece that should have been written stays in memory (errno); 0: it does not. */
int pile_error(const struct pile *p);
/* Its file, or another pile's, could not be read: pile_at may have given zeros from some moment on, and what
 * was made of them is worthless. Piles that begin after that stay in memory. May be asked beside pile_write.
 */
bool pile_is_lost(const struct pile *p);

#endif
