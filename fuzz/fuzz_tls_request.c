/* A request to be signed comes from whoever has a token: what is accepted can be signed, and the certificate
 * is for the key of the request, with the name that the authority says and nothing that the request says. */
#include "check.h"

#include "sys/clock.h"
#include "tls/table.h"

static const struct tls_table *const tls = &netinfo_tls_table;

/* One for all inputs; valid now, since its time is looked at when it is read. */
static const struct tls_authority *authority(void)
{
        static struct tls_authority *a;
        struct buf key, certificate;
        struct tls_why why;
        if (a)
                return a;
        buf_init(&key, 0);
        buf_init(&certificate, 0);
        CHECK(tls->authority_make(clock_wall_us() / 1000000, &key, &certificate, &why));
        a = tls->authority_read(buf_bytes(&key), buf_bytes(&certificate), &why);
        CHECK(a);
        buf_done(&key);
        buf_done(&certificate);
        return a;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static struct tls_signed s;
        struct tls_certificate c;
        struct tls_why why = {""};
        uint8_t key[TLS_DIGEST_SIZE];
        const struct bytes der = bytes_of(data, size);
        const bool good = tls->request_check(der, key, &why);
        if (!good) {
                CHECK(strncmp(why.text, "the request ", 12) == 0);
                CHECK(!tls->authority_sign(authority(), der, "leaf", true, 1790000000, &s, &why));
                return 0;
        }
        CHECK(size <= TLS_REQUEST_MAX);
        CHECK(tls->authority_sign(authority(), der, "leaf", false, 1790000000, &s, &why));
        CHECK(tls->certificate_read(bytes_of(s.der, s.len), &c, &why));
        CHECK(strcmp(c.machine, "leaf") == 0 && c.may_call && !c.may_serve);
        CHECK(memcmp(c.key, key, sizeof(key)) == 0);
        CHECK(memcmp(c.serial, s.serial, sizeof(c.serial)) == 0 && c.until == s.until);
        return 0;
}
