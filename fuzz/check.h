/* What the fuzz targets share. A target checks properties, not only that nothing crashes. */
#ifndef NETINFO_FUZZ_CHECK_H
#define NETINFO_FUZZ_CHECK_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* One input; always 0. Called by libFuzzer or by replay.c. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A property that must hold for every input; aborts, so that the fuzzer keeps the input. */
#define CHECK(condition)                                                                \
        do {                                                                            \
                if (!(condition)) {                                                     \
                        fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
                        abort();                                                        \
                }                                                                       \
        } while (0)

#endif
