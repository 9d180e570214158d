/* Random bytes from the kernel (getrandom(2)); keys of hashes, uuids, xids. */
#ifndef NETINFO_SYS_RANDOM_H
#define NETINFO_SYS_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* Fills n bytes; never fails: ends the process when the kernel has no randomness to give. */
void random_bytes(void *to, size_t n);
uint32_t random_u32(void);
/* A random version 4 UUID (RFC 9562 5.4). */
void random_uuid(uint8_t to[16]);

#endif
