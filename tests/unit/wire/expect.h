/* What the tests of vectors do with each message: write it from values and compare every byte, then read it
 * and compare every value. */
#ifndef NETINFO_TESTS_EXPECT_H
#define NETINFO_TESTS_EXPECT_H

#include "vectors.h"
#include "wire/call.h"
#include "xdr/prop.h"

/* Message `want` is a call header for these numbers and, when sys is not NULL, this credential. Decodes it
 * and checks that; leaves *ret_args at the arguments. The header alone is encoded and compared, too. */
void expect_call(struct bytes want, uint32_t xid, uint32_t program, uint32_t version, uint32_t procedure,
                 const struct auth_sys *sys, struct bytes *ret_args);
/* Message `want` is an accepted, successful reply; likewise, *ret_result is the result. */
void expect_success(struct bytes want, uint32_t xid, struct bytes *ret_result);
/* The bytes in `out` are exactly `want`; empties out. */
void expect_bytes(struct buf *out, struct bytes want);
/* The property has this name and these values (NULL-terminated). */
void expect_prop(const struct property *p, const char *name, const char *const *values);

#define VALUES(...) ((const char *const[]){__VA_ARGS__, NULL})

#endif
