/* SHA-256 (FIPS 180-4) for the digests of doc/ports.md 2; tests only. */
#ifndef NETINFO_TESTS_SHA256_H
#define NETINFO_TESTS_SHA256_H

#include "base/bytes.h"

/* The first 16 hex digits and a NUL. */
void sha256_hex16(struct bytes message, char to[17]);

#endif
