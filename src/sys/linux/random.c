#include "sys/random.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

void random_bytes(void *to, size_t n)
{
        uint8_t *p = to;
        while (n) {
                const ssize_t k = getrandom(p, n, 0);
                if (k < 0 && errno != EINTR)
                        abort();
                if (k > 0) {
                        p += k;
                        n -= (size_t)k;
                }
        }
}

uint32_t random_u32(void)
{
        uint32_t v;
        random_bytes(&v, sizeof(v));
        return v;
}

void random_uuid(uint8_t to[16])
{
        random_bytes(to, 16);
        to[6] = (uint8_t)((to[6] & 0x0f) | 0x40);
        to[8] = (uint8_t)((to[8] & 0x3f) | 0x80);
}
