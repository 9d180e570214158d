#include "server/ledger.h"

#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define TOKEN_KEPT (30u * 86400u) /* seconds after its end that a token is still shown */
#define RENEWED_LATE \
        (366u * 86400u) /* seconds after its end that a certificate is still renewed (doc/tls.md 2.4) */
#define NEWEST_KEPT 2u  /* one that was signed, but never arrived, and the one before */

/* -- memory -- */

void ledger_init(struct ledger *l)
{
        *l = (struct ledger){NULL, 0, 0};
}

static void entry_done(struct ledger_entry *e)
{
        free(e->domains);
        explicit_bzero(e, sizeof(*e));
}

void ledger_done(struct ledger *l)
{
        for (size_t i = 0; i < l->n; i++)
                entry_done(&l->v[i]);
        free(l->v);
        ledger_init(l);
}

static bool grow(struct ledger *l)
{
        if (l->n < l->cap)
                return true;
        const size_t cap = l->cap ? 2 * l->cap : 16;
        struct ledger_entry *v = calloc(cap, sizeof(*v));
        if (!v)
                return false;
        if (l->n)
                memcpy(v, l->v, l->n * sizeof(*v));
        if (l->v)
                explicit_bzero(l->v, l->n * sizeof(*v)); /* secrets do not stay behind */
        free(l->v);
        l->v = v;
        l->cap = cap;
        return true;
}

bool ledger_add(struct ledger *l, const struct ledger_entry *e)
{
        struct buf line;
        buf_init(&line, LIMIT_LEDGER_LINE);
        ledger_print_entry(e, true, &line);
        const bool fits = !line.failed;
        if (line.data)
                explicit_bzero(line.data, line.cap);
        buf_done(&line);
        if (!fits || l->n >= LIMIT_LEDGER || !grow(l))
                return false;
        struct ledger_entry copy = *e;
        if (e->domains && !(copy.domains = strdup(e->domains)))
                return false;
        l->v[l->n++] = copy;
        explicit_bzero(&copy, sizeof(copy));
        return true;
}

void ledger_remove(struct ledger *l, size_t index)
{
        entry_done(&l->v[index]);
        memmove(&l->v[index], &l->v[index + 1], (l->n - index - 1) * sizeof(*l->v));
        explicit_bzero(&l->v[--l->n], sizeof(*l->v));
}

/* -- text: `key=value` words, a value's odd bytes as %HH -- */

static void put_escaped(struct buf *out, const char *value)
{
        for (const char *p = value; *p; p++)
                if (*p > ' ' && *p < 0x7f && *p != '%')
                        buf_putc(out, *p);
                else
                        buf_printf(out, "%%%02x", (unsigned char)*p);
}

static void put_text(struct buf *out, const char *key, const char *value)
{
        buf_printf(out, " %s=", key);
        put_escaped(out, value);
}

static void put_hex(struct buf *out, const char *key, const uint8_t *v, size_t n)
{
        buf_printf(out, " %s=", key);
        for (size_t i = 0; i < n; i++)
                buf_printf(out, "%02x", v[i]);
}

static void put_number(struct buf *out, const char *key, uint64_t v)
{
        buf_printf(out, " %s=%llu", key, (unsigned long long)v);
}

static void put_bool(struct buf *out, const char *key, bool v)
{
        buf_printf(out, " %s=%s", key, v ? "yes" : "no");
}

static void print_token(const struct ledger_entry *e, bool secret, struct buf *out)
{
        buf_puts(out, "token=");
        for (size_t i = 0; i < sizeof(e->token); i++)
                buf_printf(out, "%02x", e->token[i]);
        if (secret && e->has_secret)
                put_hex(out, "secret", e->secret, sizeof(e->secret));
        put_text(out, "name", e->name[0] ? e->name : "*");
        put_number(out, "uses", e->uses);
        put_text(out, "from", e->from[0] ? e->from : "*");
        put_number(out, "until", e->until);
        put_bool(out, "server", e->server);
        put_bool(out, "again", e->again);
        put_text(out, "by", e->by);
        put_number(out, "when", e->when);
        put_text(out, "domains", e->domains ? e->domains : "");
}

static void print_machine(const struct ledger_entry *e, struct buf *out)
{
        buf_puts(out, "machine=");
        put_escaped(out, e->name);
        put_hex(out, "serial", e->serial, sizeof(e->serial));
        put_hex(out, "key", e->key, sizeof(e->key));
        put_number(out, "until", e->until);
        put_bool(out, "server", e->server);
        put_text(out, "state", e->withdrawn ? "withdrawn" : "enrolled");
        put_number(out, "when", e->when);
        put_hex(out, "token", e->token, sizeof(e->token));
        put_text(out, "from", e->from);
}

void ledger_print_entry(const struct ledger_entry *e, bool secret, struct buf *out)
{
        if (e->kind == LEDGER_TOKEN)
                print_token(e, secret, out);
        else
                print_machine(e, out);
}

void ledger_print(const struct ledger *l, struct buf *out)
{
        for (size_t i = 0; i < l->n; i++) {
                ledger_print_entry(&l->v[i], true, out);
                buf_putc(out, '\n');
        }
}

static bool hex_digit(uint8_t c, unsigned *ret)
{
        if (c >= '0' && c <= '9')
                *ret = c - '0';
        else if (c >= 'a' && c <= 'f')
                *ret = c - 'a' + 10u;
        else
                return false;
        return true;
}

static bool take_hex(struct bytes text, uint8_t *to, size_t n)
{
        unsigned high, low;
        if (text.len != 2 * n)
                return false;
        for (size_t i = 0; i < n; i++) {
                if (!hex_digit(text.data[2 * i], &high) || !hex_digit(text.data[2 * i + 1], &low))
                        return false;
                to[i] = (uint8_t)(high << 4 | low);
        }
        return true;
}

/* The value without its escapes, at most cap - 1 bytes, none of them NUL. "*" is the empty text where `any`.
 */
static bool take_text(struct bytes text, bool any, char *to, size_t cap)
{
        size_t n = 0;
        if (any && bytes_eq_str(text, "*"))
                text = BYTES_NONE;
        for (size_t i = 0; i < text.len; i++) {
                uint8_t c = text.data[i];
                if (c == '%') {
                        if (text.len - i < 3 || !take_hex(bytes_sub(text, i + 1, 2), &c, 1))
                                return false;
                        i += 2;
                } else if (c <= ' ' || c >= 0x7f) {
                        return false;
                }
                if (c == 0 || n + 1 >= cap)
                        return false;
                to[n++] = (char)c;
        }
        to[n] = 0;
        return true;
}

static bool take_bool(struct bytes text, bool *ret)
{
        *ret = bytes_eq_str(text, "yes");
        return *ret || bytes_eq_str(text, "no");
}

static bool take_domains(struct bytes text, struct ledger_entry *e)
{
        char room[LIMIT_WHERE + 1];
        if (!take_text(text, false, room, sizeof(room)))
                return false;
        free(e->domains);
        e->domains = room[0] ? strdup(room) : NULL;
        return e->domains || !room[0];
}

enum field {
        F_TOKEN = 1 << 0,
        F_SECRET = 1 << 1,
        F_NAME = 1 << 2,
        F_USES = 1 << 3,
        F_FROM = 1 << 4,
        F_UNTIL = 1 << 5,
        F_SERVER = 1 << 6,
        F_AGAIN = 1 << 7,
        F_BY = 1 << 8,
        F_WHEN = 1 << 9,
        F_DOMAINS = 1 << 10,
        F_MACHINE = 1 << 11,
        F_SERIAL = 1 << 12,
        F_KEY = 1 << 13,
        F_STATE = 1 << 14,
};
#define TOKEN_FIELDS \
        (F_TOKEN | F_NAME | F_USES | F_FROM | F_UNTIL | F_SERVER | F_AGAIN | F_BY | F_WHEN | F_DOMAINS)
#define MACHINE_FIELDS \
        (F_MACHINE | F_SERIAL | F_KEY | F_UNTIL | F_SERVER | F_STATE | F_WHEN | F_TOKEN | F_FROM)

static const char *const field_names[] = {"token",   "secret",  "name",   "uses", "from",
                                          "until",   "server",  "again",  "by",   "when",
                                          "domains", "machine", "serial", "key",  "state"};
#define FIELDS (sizeof(field_names) / sizeof(field_names[0]))

static bool take_field(struct ledger_entry *e, unsigned field, struct bytes v)
{
        switch (field) {
        case F_TOKEN:
                return take_hex(v, e->token, sizeof(e->token));
        case F_SECRET:
                e->has_secret = true;
                return take_hex(v, e->secret, sizeof(e->secret));
        case F_NAME:
        case F_MACHINE:
                return take_text(v, field == F_NAME, e->name, sizeof(e->name));
        case F_USES:
                return text_u32(v, &e->uses);
        case F_FROM:
                return take_text(v, true, e->from, sizeof(e->from));
        case F_UNTIL:
                return text_u64(v, INT64_MAX, &e->until);
        case F_WHEN:
                return text_u64(v, INT64_MAX, &e->when);
        case F_SERVER:
                return take_bool(v, &e->server);
        case F_AGAIN:
                return take_bool(v, &e->again);
        case F_BY:
                return take_text(v, false, e->by, sizeof(e->by));
        case F_DOMAINS:
                return take_domains(v, e);
        case F_SERIAL:
                return take_hex(v, e->serial, sizeof(e->serial));
        case F_KEY:
                return take_hex(v, e->key, sizeof(e->key));
        case F_STATE:
                e->withdrawn = bytes_eq_str(v, "withdrawn");
                return e->withdrawn || bytes_eq_str(v, "enrolled");
        default:
                return false;
        }
}

/* One line into *e, which is zeroed: NULL, or what is wrong with it. */
static const char *parse_line(struct bytes line, struct ledger_entry *e)
{
        unsigned seen = 0;
        if (line.len > LIMIT_LEDGER_LINE)
                return "is too long";
        e->kind = bytes_starts(line, "machine=") ? LEDGER_MACHINE : LEDGER_TOKEN;
        for (struct bytes rest = line; rest.len;) {
                const size_t end = bytes_find(rest, ' ');
                const struct bytes word = bytes_sub(rest, 0, end);
                const size_t equals = bytes_find(word, '=');
                unsigned i = 0;
                while (i < FIELDS && !bytes_eq_str(bytes_sub(word, 0, equals), field_names[i]))
                        i++;
                const unsigned field = 1u << i;
                if (i == FIELDS || equals == word.len)
                        return "has a word that is none of a ledger";
                if (seen & field)
                        return "says something twice";
                if (!take_field(e, field, bytes_sub(word, equals + 1, word.len)))
                        return "has a value that does not fit its word";
                seen |= field;
                rest = bytes_sub(rest, end + 1, rest.len);
        }
        if (e->kind == LEDGER_TOKEN ? (seen & ~(unsigned)F_SECRET) != TOKEN_FIELDS : seen != MACHINE_FIELDS)
                return "lacks a word, or has one of the other kind of line";
        if (e->kind == LEDGER_MACHINE && !e->name[0])
                return "names no machine";
        return NULL;
}

bool ledger_parse(struct bytes text, struct ledger *ret, struct ledger_why *why)
{
        struct ledger l;
        size_t number = 0;
        const char *wrong = NULL;
        ledger_init(&l);
        for (struct bytes rest = text; rest.len && !wrong;) {
                const size_t end = bytes_find(rest, '\n');
                struct ledger_entry e = {.kind = LEDGER_TOKEN};
                number++;
                wrong = end == rest.len ? "has no end" : parse_line(bytes_sub(rest, 0, end), &e);
                if (!wrong && !ledger_add(&l, &e))
                        wrong = "does not fit: too many lines, or no memory";
                entry_done(&e);
                rest = bytes_sub(rest, end + 1, rest.len);
        }
        if (!wrong) {
                *ret = l;
                return true;
        }
        ledger_done(&l);
        snprintf(why->text, sizeof(why->text), "line %zu %s", number, wrong);
        return false;
}

/* -- rules -- */

struct ledger_entry *ledger_find_token(const struct ledger *l, const uint8_t token[EXT_TOKEN_SIZE])
{
        for (size_t i = 0; i < l->n; i++)
                if (l->v[i].kind == LEDGER_TOKEN && memcmp(l->v[i].token, token, EXT_TOKEN_SIZE) == 0)
                        return &l->v[i];
        return NULL;
}

static bool is_certificate_of(const struct ledger_entry *e, const char *name)
{
        return e->kind == LEDGER_MACHINE && strcmp(e->name, name) == 0;
}

struct ledger_entry *ledger_find_machine(const struct ledger *l, const char *name,
                                         const uint8_t serial[LEDGER_SERIAL_SIZE])
{
        for (size_t i = l->n; i-- > 0;) {
                struct ledger_entry *e = &l->v[i];
                if (is_certificate_of(e, name) && !e->withdrawn &&
                    (!serial || memcmp(e->serial, serial, LEDGER_SERIAL_SIZE) == 0))
                        return e;
        }
        return NULL;
}

struct ledger_entry *ledger_find_key(const struct ledger *l, const uint8_t key[LEDGER_KEY_SIZE])
{
        for (size_t i = l->n; i-- > 0;)
                if (l->v[i].kind == LEDGER_MACHINE && !l->v[i].withdrawn &&
                    memcmp(l->v[i].key, key, LEDGER_KEY_SIZE) == 0)
                        return &l->v[i];
        return NULL;
}

unsigned ledger_good(const struct ledger *l, const char *name, uint64_t now)
{
        unsigned n = 0;
        for (size_t i = 0; i < l->n; i++)
                n += is_certificate_of(&l->v[i], name) && !l->v[i].withdrawn && l->v[i].until > now;
        return n;
}

unsigned ledger_withdraw(struct ledger *l, const char *name)
{
        unsigned n = 0;
        for (size_t i = 0; i < l->n; i++)
                if (is_certificate_of(&l->v[i], name) && !l->v[i].withdrawn) {
                        l->v[i].withdrawn = true;
                        n++;
                }
        return n;
}

static int by_name_newest_first(const void *a, const void *b)
{
        const struct ledger_entry *const *x = a, *const *y = b;
        const int order = strcmp((*x)->name, (*y)->name);
        return order ? order : (*x < *y) - (*x > *y);
}

/* For each line: is it a certificate behind which there are NEWEST_KEPT of the same machine, none of them
 * withdrawn? To be freed; NULL: no memory. Sorted, since every join waits for it: looked for one by one,
 * 50,000 lines took 13 s. */
static bool *find_superseded(const struct ledger *l)
{
        const struct ledger_entry **v = calloc(l->n + 1, sizeof(*v));
        bool *is = v ? calloc(l->n + 1, sizeof(*is)) : NULL;
        size_t n = 0;
        for (size_t i = 0; is && i < l->n; i++)
                if (l->v[i].kind == LEDGER_MACHINE && !l->v[i].withdrawn)
                        v[n++] = &l->v[i];
        if (n)
                qsort(v, n, sizeof(*v), by_name_newest_first);
        for (size_t i = 0, newer = 0; i < n; i++) {
                newer = i && strcmp(v[i]->name, v[i - 1]->name) == 0 ? newer + 1 : 0;
                is[v[i] - l->v] = newer >= NEWEST_KEPT;
        }
        free(v);
        return is;
}

/* Is it of use to nobody? */
static bool is_over(const struct ledger_entry *e, bool superseded, uint64_t now)
{
        if (e->until > now)
                return false;
        if (e->kind == LEDGER_TOKEN)
                return now - e->until > TOKEN_KEPT;
        return e->withdrawn || superseded || now - e->until > RENEWED_LATE;
}

void ledger_tidy(struct ledger *l, uint64_t now)
{
        size_t kept = 0;
        bool *superseded = find_superseded(l); /* without memory they stay until the next time */
        for (size_t i = 0; i < l->n; i++) {
                struct ledger_entry *e = &l->v[i];
                if (is_over(e, superseded && superseded[i], now)) {
                        entry_done(e);
                        continue;
                }
                if (e->kind == LEDGER_TOKEN && e->has_secret && e->until <= now) {
                        explicit_bzero(e->secret, sizeof(e->secret));
                        e->has_secret = false;
                }
                if (kept != i) {
                        l->v[kept] = *e;
                        explicit_bzero(e, sizeof(*e));
                }
                kept++;
        }
        free(superseded);
        l->n = kept;
}
