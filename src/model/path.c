#include "model/path.h"

#include "base/limits.h"
#include "base/text.h"

static bool refuse(const char **ret_why, const char *why)
{
        *ret_why = why;
        return false;
}

/* One element, unescaped: splits at the first unescaped '='. Gives the position after the element, or 0 on a
 * lone backslash. */
static size_t parse_step(struct bytes text, size_t at, uint8_t *to, struct path_step *ret)
{
        uint8_t *out = to, *key_end = NULL;
        for (; at < text.len && text.data[at] != '/'; at++) {
                uint8_t c = text.data[at];
                if (c == '\\') {
                        if (++at == text.len)
                                return 0;
                        c = text.data[at];
                } else if (c == '=' && !key_end) {
                        key_end = out;
                        continue;
                }
                *out++ = c;
        }
        ret->key = key_end ? bytes_of(to, (size_t)(key_end - to)) : BYTES_LIT("name");
        ret->value = key_end ? bytes_of(key_end, (size_t)(out - key_end)) : bytes_of(to, (size_t)(out - to));
        return at;
}

bool path_parse(struct bytes text, struct arena *a, struct path *ret, const char **ret_why)
{
        struct path p = {0};
        if (text.len == 0)
                return refuse(ret_why, "the path is empty; the root directory is /");
        if (text.len > LIMIT_PATH)
                return refuse(ret_why, "the path is longer than 65535 bytes");
        if (text.data[0] >= '0' && text.data[0] <= '9') {
                size_t i = 0;
                while (i < text.len && text.data[i] >= '0' && text.data[i] <= '9')
                        i++;
                if (i == text.len) {
                        p.numeric = true;
                        if (!text_u32(text, &p.object))
                                return refuse(ret_why, "the object number does not fit 32 bits");
                        *ret = p;
                        return true;
                }
        }
        size_t most = 1;
        for (size_t i = 0; i < text.len; i++)
                most += text.data[i] == '/';
        p.step = arena_zalloc(a, most, sizeof(*p.step));
        uint8_t *copy = arena_alloc(a, text.len);
        if (!p.step || !copy)
                return refuse(ret_why, "out of memory");
        for (size_t at = 0; at < text.len;) {
                if (text.data[at] == '/') {
                        at++;
                        continue;
                }
                const size_t next = parse_step(text, at, copy + at, &p.step[p.n]);
                if (next == 0)
                        return refuse(ret_why, "the path ends in a lone backslash");
                p.n++;
                at = next;
        }
        *ret = p;
        return true;
}

static void put_escaped(struct buf *out, struct bytes b)
{
        for (size_t i = 0; i < b.len; i++) {
                if (b.data[i] == '/' || b.data[i] == '\\' || b.data[i] == '=')
                        buf_putc(out, '\\');
                buf_putc(out, (char)b.data[i]);
        }
}

void path_put_step(struct buf *out, struct bytes key, struct bytes value)
{
        buf_putc(out, '/');
        if (!bytes_eq_str(key, "name") || value.len == 0) { /* an empty element would vanish */
                put_escaped(out, key);
                buf_putc(out, '=');
        }
        put_escaped(out, value);
}

bool address_parse(struct bytes text, bool need_tag, struct server_address *ret, const char **ret_why)
{
        struct server_address s = {0};
        struct bytes host = text;
        const size_t bracket = text.len && text.data[0] == '[' ? bytes_find(text, ']') : 0;
        if (bracket == text.len && text.len)
                return refuse(ret_why, "Bad format");
        const struct bytes tail = bytes_sub(text, bracket, text.len);
        const size_t slash = bytes_find(tail, '/');
        if (slash == tail.len && need_tag)
                return refuse(ret_why, "Bad format");
        host = bytes_sub(text, 0, bracket + slash);
        s.tag = bytes_sub(tail, slash + 1, tail.len);
        const size_t colon = bracket ? bytes_find(bytes_sub(host, bracket, host.len), ':') + bracket
                                     : bytes_find(host, ':');
        if (colon < host.len) {
                uint64_t port;
                if (!text_u64(bytes_sub(host, colon + 1, host.len), 65535, &port) || port == 0)
                        return refuse(ret_why, "Bad port");
                s.port = (uint16_t)port;
                host = bytes_sub(host, 0, colon);
        }
        if (bracket) {
                if (host.len != bracket + 1)
                        return refuse(ret_why, "Bad format");
                host = bytes_sub(host, 1, bracket - 1);
        }
        if (host.len == 0)
                return refuse(ret_why, "No host");
        if (need_tag && s.tag.len == 0)
                return refuse(ret_why, "No tag");
        s.host = host;
        *ret = s;
        return true;
}

bool tag_is_valid(struct bytes tag)
{
        if (tag.len == 0 || tag.len > LIMIT_TAG || tag.data[0] == '.' || tag.data[0] == '-')
                return false;
        for (size_t i = 0; i < tag.len; i++)
                if (tag.data[i] < 0x20 || tag.data[i] == 0x7f || tag.data[i] == '/')
                        return false;
        return true;
}
