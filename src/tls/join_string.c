#include "tls/join_string.h"

#include "base/base64.h"
#include "base/text.h"
#include "model/path.h"
#include "tls/why.h"

#define BEGINNING "ni1"
#define SECRETS   43u /* digits of 32 bytes */

/* why_set, with what it is about in front. */
#define BAD(why, ...) (why_set(why, "this is no join string: " __VA_ARGS__))

static bool host_char(uint8_t c)
{
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               (c && strchr("-._:%", c));
}

/* A name, or an address that goes back to the same text: with colons only between brackets. */
static bool host_valid(struct bytes host)
{
        for (size_t i = 0; i < host.len; i++)
                if (!host_char(host.data[i]))
                        return false;
        return host.len > 0 && host.len <= JOIN_HOST_MAX;
}

static bool read_server(struct bytes text, unsigned number, struct join_server *ret, struct tls_why *why)
{
        struct server_address s;
        const char *reason;
        if (!address_parse(text, false, &s, &reason))
                return BAD(why, "server %u: %s; host[:port] or [v6]:port belongs there", number, reason);
        if (s.tag.len || bytes_find(text, '/') < text.len || !host_valid(s.host))
                return BAD(why, "server %u is no host name or address", number);
        if ((text.data[0] == '[') != (bytes_find(s.host, ':') < s.host.len))
                return BAD(why, "server %u: brackets are for IPv6 addresses", number);
        memcpy(ret->host, s.host.data, s.host.len);
        ret->host[s.host.len] = '\0';
        ret->port = s.port;
        return true;
}

static bool read_servers(struct bytes text, struct join_string *j, struct tls_why *why)
{
        for (;;) {
                const size_t n = bytes_find(text, ',');
                if (j->n == JOIN_SERVERS_MAX)
                        return BAD(why, "it names more than %u servers", JOIN_SERVERS_MAX);
                if (!read_server(bytes_sub(text, 0, n), j->n + 1, &j->servers[j->n], why))
                        return false;
                j->n++;
                if (n == text.len)
                        return true;
                text = bytes_sub(text, n + 1, text.len);
        }
}

static int hex_of(uint8_t c)
{
        return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool read_token(struct bytes text, uint8_t ret[JOIN_TOKEN_SIZE])
{
        if (text.len != 2 * (size_t)JOIN_TOKEN_SIZE)
                return false;
        for (size_t i = 0; i < JOIN_TOKEN_SIZE; i++) {
                const int high = hex_of(text.data[2 * i]), low = hex_of(text.data[2 * i + 1]);
                if (high < 0 || low < 0)
                        return false;
                ret[i] = (uint8_t)(high << 4 | low);
        }
        return true;
}

static bool read_secret(struct bytes text, uint8_t ret[TLS_SECRET_SIZE])
{
        size_t n;
        return text.len == SECRETS && base64_read(text, BASE64_URL, ret, TLS_SECRET_SIZE, &n);
}

static struct bytes trimmed(struct bytes t)
{
        while (t.len && t.data[t.len - 1] && strchr(" \t\r\n", t.data[t.len - 1]))
                t.len--;
        while (t.len && t.data[0] && strchr(" \t\r\n", t.data[0]))
                t = bytes_sub(t, 1, t.len);
        return t;
}

/* The parts between the semicolons: exactly n of them. */
static bool split(struct bytes text, struct bytes *parts, unsigned n)
{
        for (unsigned i = 0; i < n; i++) {
                const size_t len = bytes_find(text, ';');
                if ((len == text.len) != (i + 1 == n))
                        return false;
                parts[i] = bytes_sub(text, 0, len);
                text = bytes_sub(text, len + 1, text.len);
        }
        return true;
}

static bool read_parts(const struct bytes *parts, struct join_string *j, struct tls_why *why)
{
        if (!read_servers(parts[1], j, why))
                return false;
        if (!tag_is_valid(parts[2]))
                return BAD(why, "the domain's tag, its third part, cannot be one");
        memcpy(j->tag, parts[2].data, parts[2].len);
        if (!read_token(parts[3], j->token))
                return BAD(why, "the token, its fourth part, is not 16 hexadecimal digits");
        if (!read_secret(parts[4], j->secret))
                return BAD(why, "the secret, its fifth part, is damaged (%u characters belong there)",
                           SECRETS);
        if (!read_secret(parts[5], j->pin))
                return BAD(why, "the pin, its last part, is damaged (%u characters belong there)", SECRETS);
        return true;
}

bool join_string_parse(struct bytes text, struct join_string *ret, struct tls_why *why)
{
        struct join_string j = {0};
        struct bytes parts[6];
        text = trimmed(text);
        if (text.len == 0)
                return BAD(why, "it is empty; ni token create prints one");
        if (!bytes_starts(text, BEGINNING ";"))
                return BAD(why, "it does not begin with %s;", BEGINNING);
        if (text.len > JOIN_STRING_MAX)
                return BAD(why, "it has more than %u bytes", JOIN_STRING_MAX);
        if (!split(text, parts, 6))
                return BAD(why, "six parts with ; between them belong there; was it copied whole?");
        const bool ok = read_parts(parts, &j, why);
        if (ok)
                *ret = j;
        explicit_bzero(&j, sizeof(j));
        return ok;
}

static bool put_servers(const struct join_string *j, struct buf *out)
{
        for (unsigned i = 0; i < j->n; i++) {
                const struct join_server *s = &j->servers[i];
                const bool v6 = strchr(s->host, ':');
                if (!memchr(s->host, 0, sizeof(s->host)) || !host_valid(bytes_str(s->host)))
                        return false;
                buf_printf(out, v6 ? "%s[%s]" : "%s%s", i ? "," : "", s->host);
                if (s->port)
                        buf_printf(out, ":%u", s->port);
        }
        return true;
}

bool join_string_format(const struct join_string *j, char ret[JOIN_STRING_MAX + 1])
{
        struct buf out;
        const struct bytes tag = bytes_of(j->tag, strnlen(j->tag, sizeof(j->tag)));
        buf_init(&out, JOIN_STRING_MAX);
        buf_add(&out, JOIN_STRING_MAX); /* in one piece: nothing of the secret stays behind elsewhere */
        buf_truncate(&out, 0);
        buf_puts(&out, BEGINNING ";");
        bool ok = j->n > 0 && j->n <= JOIN_SERVERS_MAX && tag_is_valid(tag) &&
                  bytes_find(tag, ';') == tag.len && put_servers(j, &out);
        buf_printf(&out, ";%.*s;", BYTES_FMT(tag));
        for (size_t i = 0; i < JOIN_TOKEN_SIZE; i++)
                buf_printf(&out, "%02x", j->token[i]);
        buf_putc(&out, ';');
        base64_put(&out, BASE64_URL, bytes_of(j->secret, sizeof(j->secret)));
        buf_putc(&out, ';');
        base64_put(&out, BASE64_URL, bytes_of(j->pin, sizeof(j->pin)));
        ok = ok && !out.failed;
        if (ok) {
                memcpy(ret, out.data, out.len);
                ret[out.len] = '\0';
        }
        if (out.data)
                explicit_bzero(out.data, out.cap);
        buf_done(&out);
        return ok;
}
