#include "tools/talk.h"

#include "base/text.h"

#include <stdio.h>

static bool is_control(struct bytes b, size_t i)
{
        const uint8_t c = b.data[i];
        /* U+0080 to U+009F are controls too: 9B begins an escape sequence on some terminals. */
        return c < 0x20 || c == 0x7f || (c == 0xc2 && i + 1 < b.len && b.data[i + 1] < 0xa0);
}

void talk_value(struct talk *t, struct bytes b)
{
        if (!t->terminal) {
                if (b.len)
                        fwrite(b.data, 1, b.len, stdout);
                return;
        }
        for (size_t i = 0; i < b.len; i++) {
                if (!is_control(b, i)) {
                        putchar(b.data[i]);
                        continue;
                }
                printf("\\x%02X", b.data[i]);
                if (b.data[i] == 0xc2)
                        printf("\\x%02X", b.data[++i]);
        }
}

void talk_text(struct talk *t, struct bytes b)
{
        while (b.len) {
                size_t n = 0;
                while (n < b.len && b.data[n] != '\n' && b.data[n] != '\t')
                        n++;
                talk_value(t, bytes_sub(b, 0, n));
                if (n < b.len)
                        putchar(b.data[n++]);
                b = bytes_sub(b, n, b.len);
        }
}

static bool is_plain(struct bytes b)
{
        static const char safe[] = "%+,-./:=@_";
        for (size_t i = 0; i < b.len; i++) {
                const uint8_t c = b.data[i];
                const bool word = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
                if (!word && c < 0x80 && !memchr(safe, c, sizeof(safe) - 1))
                        return false;
        }
        return text_is_utf8(b);
}

static void put_shell(struct talk *t, struct bytes b)
{
        if (is_plain(b)) {
                talk_value(t, b);
                return;
        }
        putchar('\'');
        for (size_t i = 0; i < b.len;) {
                const size_t quote = bytes_find(bytes_sub(b, i, b.len), '\'');
                talk_value(t, bytes_sub(b, i, quote));
                i += quote;
                if (i < b.len) {
                        fputs("'\\''", stdout);
                        i++;
                }
        }
        putchar('\'');
}

void talk_quoted(struct talk *t, struct bytes key, struct bytes value)
{
        put_shell(t, key);
        putchar('=');
        put_shell(t, value);
}

void talk_color(struct talk *t, const char *sgr)
{
        if (t->color)
                printf("\033[%sm", sgr);
}

json_t *talk_json_bytes(struct bytes b)
{
        static const char digits[] = "0123456789abcdef";
        if (text_is_utf8(b))
                return json_stringn((const char *)(b.len ? b.data : (const uint8_t *)""), b.len);
        struct buf hex;
        buf_init(&hex, 0);
        for (size_t i = 0; i < b.len; i++) {
                buf_putc(&hex, digits[b.data[i] >> 4]);
                buf_putc(&hex, digits[b.data[i] & 15]);
        }
        json_t *j = json_pack("{s:s%}", "hex", (const char *)hex.data, hex.len);
        buf_done(&hex);
        return j;
}

json_t *talk_json_hex(uint64_t v)
{
        return json_sprintf("%016llx", (unsigned long long)v);
}

json_t *talk_json_props(const struct proplist *l)
{
        json_t *all = json_array();
        for (uint32_t i = 0; i < l->n; i++) {
                json_t *values = json_array();
                for (uint32_t v = 0; v < l->v[i].values.n; v++)
                        json_array_append_new(values, talk_json_bytes(l->v[i].values.v[v]));
                json_array_append_new(
                        all, json_pack("{s:o,s:o}", "name", talk_json_bytes(l->v[i].name), "values", values));
        }
        return all;
}

void talk_json(struct talk *t, json_t *j)
{
        if (!j || json_dumpf(j, stdout, JSON_INDENT(2)) != 0)
                talk_error(t, EXIT_FAILED, NULL, "the answer could not be written as JSON (out of memory?)",
                           NULL);
        else
                putchar('\n');
        json_decref(j);
}
