/* Base64 (RFC 4648): with padding (4), and for file names and words without (5). */
#ifndef NETINFO_BASE_BASE64_H
#define NETINFO_BASE_BASE64_H

#include "base/buf.h"

enum base64_kind {
        BASE64,     /* section 4: + and /, padded with = */
        BASE64_URL, /* section 5: - and _, not padded */
};

void base64_put(struct buf *out, enum base64_kind kind, struct bytes data);
/* Exactly what base64_put makes of some data: no blanks, no bits that are left over (section 3.5). At most
 * cap bytes. False otherwise; *ret_n is untouched then, `to` may be written to. */
bool base64_read(struct bytes text, enum base64_kind kind, uint8_t *to, size_t cap, size_t *ret_n);

#endif
