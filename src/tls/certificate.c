#include "tls/certificate.h"

#include "base/base64.h"

#define LINE_BYTES 48u /* 64 digits (RFC 7468 2) */

void tls_certificate_pem(struct bytes der, struct buf *out)
{
        buf_puts(out, "-----BEGIN CERTIFICATE-----\n");
        for (size_t at = 0; at < der.len; at += LINE_BYTES) {
                base64_put(out, BASE64, bytes_sub(der, at, LINE_BYTES));
                buf_putc(out, '\n');
        }
        buf_puts(out, "-----END CERTIFICATE-----\n");
}
