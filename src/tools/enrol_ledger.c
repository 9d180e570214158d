#include "tools/enrol_ledger.h"

#include "base/text.h"
#include "tools/enrol.h"

#include <stdio.h>
#include <stdlib.h>

/* The word that begins at `at`: its end. */
static const char *word_end(const char *at)
{
        return at + strcspn(at, " ");
}

static bool hex(char c, unsigned *ret)
{
        static const char digits[] = "0123456789abcdef";
        const char *p = c ? strchr(digits, c) : NULL;
        *ret = p ? (unsigned)(p - digits) : 0;
        return p != NULL;
}

static const char *unescaped(struct talk *t, const char *from, const char *end)
{
        char *to = arena_alloc(&t->arena, (size_t)(end - from) + 1);
        size_t n = 0;
        unsigned high, low;
        for (; to && from < end; from++)
                if (*from == '%' && end - from > 2 && hex(from[1], &high) && hex(from[2], &low)) {
                        to[n++] = (char)(high << 4 | low);
                        from += 2;
                } else {
                        to[n++] = *from;
                }
        if (to)
                to[n] = '\0';
        return to ? to : "";
}

const char *ledger_word(struct talk *t, const char *line, const char *key)
{
        const size_t n = strlen(key);
        for (const char *p = line; *p;) {
                const char *end = word_end(p);
                if (strncmp(p, key, n) == 0 && p[n] == '=')
                        return unescaped(t, p + n + 1, end);
                p = *end ? end + 1 : end;
        }
        return "";
}

const char **ledger_lines(struct talk *t, const char *kind)
{
        const char **v = NULL;
        size_t n = 0, room = 0;
        struct ext_authority_args args = {.verb = EXT_AUTHORITY_SHOW};
        struct ext_authority_result r;
        do {
                if (!enrol_authority(t, &args, &r, "ledger"))
                        return NULL;
                if (n + r.line_count + 1 > room) {
                        const size_t more = 2 * room + r.line_count + 1;
                        const char **w = arena_zalloc(&t->arena, more, sizeof(*w));
                        if (w && n)
                                memcpy(w, v, n * sizeof(*w));
                        v = w;
                        room = more;
                }
                for (uint32_t i = 0; v && i < r.line_count; i++)
                        if (bytes_starts(r.lines[i], kind))
                                v[n++] = arena_str(&t->arena, r.lines[i]);
                args.after = r.next;
        } while (v && r.more && r.line_count);
        if (!v || t->arena.failed) {
                talk_error(t, EXIT_FAILED, "ledger", "out of memory", NULL);
                return NULL;
        }
        return v;
}

json_t *ledger_json(struct talk *t, const char *line)
{
        json_t *j = json_object();
        for (const char *p = line; *p;) {
                const char *end = word_end(p), *equals = p + strcspn(p, "=");
                if (equals < end) {
                        const char *key = arena_str(&t->arena, bytes_of(p, (size_t)(equals - p)));
                        const char *value = unescaped(t, equals + 1, end);
                        const bool number = key && (strcmp(key, "uses") == 0 || strcmp(key, "until") == 0 ||
                                                    strcmp(key, "when") == 0);
                        const bool yes = strcmp(value, "yes") == 0, no = strcmp(value, "no") == 0;
                        const bool flag = key && (strcmp(key, "server") == 0 || strcmp(key, "again") == 0);
                        if (key)
                                json_object_set_new(j, key,
                                                    number ? json_integer(atoll(value))
                                                    : flag && (yes || no)
                                                            ? json_boolean(yes)
                                                            : talk_json_bytes(bytes_str(value)));
                }
                p = *end ? end + 1 : end;
        }
        return j;
}
