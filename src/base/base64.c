#include "base/base64.h"

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
static const char last_two[][3] = {[BASE64] = "+/", [BASE64_URL] = "-_"};

static char digit_of(enum base64_kind kind, uint32_t value)
{
        return value < 62 ? digits[value] : last_two[kind][value - 62];
}

static int value_of(enum base64_kind kind, uint8_t c)
{
        if (c >= 'A' && c <= 'Z')
                return c - 'A';
        if (c >= 'a' && c <= 'z')
                return c - 'a' + 26;
        if (c >= '0' && c <= '9')
                return c - '0' + 52;
        return c == (uint8_t)last_two[kind][0] ? 62 : c == (uint8_t)last_two[kind][1] ? 63 : -1;
}

void base64_put(struct buf *out, enum base64_kind kind, struct bytes data)
{
        for (size_t i = 0; i < data.len; i += 3) {
                uint32_t word = (uint32_t)data.data[i] << 16;
                word |= i + 1 < data.len ? (uint32_t)data.data[i + 1] << 8 : 0;
                word |= i + 2 < data.len ? data.data[i + 2] : 0;
                for (unsigned k = 0; k < 4; k++) {
                        if (i + k <= data.len)
                                buf_putc(out, digit_of(kind, word >> (18 - 6 * k) & 63));
                        else if (kind == BASE64)
                                buf_putc(out, '=');
                }
        }
}

/* Two to four digits without padding. */
static bool read_group(struct bytes group, enum base64_kind kind, uint8_t *to, size_t cap, size_t *n)
{
        const size_t more = group.len - 1; /* bytes in it */
        uint32_t word = 0;
        for (size_t k = 0; k < 4; k++) {
                const int v = k < group.len ? value_of(kind, group.data[k]) : 0;
                if (v < 0)
                        return false;
                word = word << 6 | (uint32_t)v;
        }
        if (group.len < 2 || more > cap - *n || (word & (0xffffffu >> (8 * more))) != 0)
                return false;
        for (size_t k = 0; k < more; k++)
                to[(*n)++] = (uint8_t)(word >> (16 - 8 * k));
        return true;
}

bool base64_read(struct bytes text, enum base64_kind kind, uint8_t *to, size_t cap, size_t *ret_n)
{
        size_t n = 0;
        if (kind == BASE64) {
                if (text.len % 4)
                        return false;
                for (unsigned k = 0; k < 2 && text.len && text.data[text.len - 1] == '='; k++)
                        text.len--;
        }
        for (size_t i = 0; i < text.len; i += 4)
                if (!read_group(bytes_sub(text, i, 4), kind, to, cap, &n))
                        return false;
        *ret_n = n;
        return true;
}
