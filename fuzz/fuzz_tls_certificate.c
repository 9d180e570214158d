/* Certificates come from whoever connects: what is taken for a machine's has a valid name, and says the same
 * when it is written down and read again; any certificate has a pin, or is refused with a reason. */
#include "check.h"

#include "tls/table.h"

static const struct tls_table *const tls = &netinfo_tls_table;

/* Read from PEM, as a file; it is no authority, so this must not end in one. */
static void as_file(struct bytes der)
{
        struct buf pem;
        struct tls_why why = {""};
        buf_init(&pem, 0);
        tls_certificate_pem(der, &pem);
        const struct tls_identity_source source = {.authority = buf_bytes(&pem)};
        struct tls_identity *i = tls->identity_read(&source, &why);
        CHECK(!i && strncmp(why.text, "authority.crt ", 14) == 0);
        buf_done(&pem);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct tls_certificate c;
        struct tls_why why = {""};
        uint8_t pin[TLS_PIN_SIZE];
        const struct bytes der = bytes_of(data, size);
        const bool machine = tls->certificate_read(der, &c, &why), any = tls->certificate_pin(der, pin, &why);
        CHECK(any || strncmp(why.text, "the certificate ", 16) == 0);
        if (!machine)
                return 0;
        CHECK(any && memcmp(pin, c.key, sizeof(pin)) == 0);
        CHECK(tls_name_valid(bytes_str(c.machine)));
        as_file(der);
        return 0;
}
