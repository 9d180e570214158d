#include "agent/standing.h"

#include "base/text.h"
#include "sys/fs.h"

#include <limits.h>
#include <stdio.h>

#define INTERVAL_MS 1000u

void standing_init(struct standing *s)
{
        buf_init(&s->text, STANDING_MOST);
        buf_init(&s->written, STANDING_MOST);
        s->not_before = 0;
}

void standing_done(struct standing *s)
{
        buf_done(&s->text);
        buf_done(&s->written);
}

void standing_put_text(struct buf *out, const char *text)
{
        const bool utf8 = text_is_utf8(bytes_str(text));
        buf_putc(out, '"');
        for (; *text; text++) {
                const unsigned char c = (unsigned char)*text;
                if (c == '"' || c == '\\' || c < 0x20)
                        buf_printf(out, "\\u%04x", c);
                else
                        buf_putc(out, c >= 0x80 && !utf8 ? '?' : *text);
        }
        buf_putc(out, '"');
}

static void put_level(struct buf *out, const struct level *l)
{
        const char *state = l->away_since                  ? "away"
                            : track_is_too_large(l->track) ? "too-large"
                            : track_is_current(l->track)   ? "current"
                                                           : "reading";
        buf_puts(out, "{\"domain\": ");
        standing_put_text(out, l->name);
        buf_printf(out, ", \"state\": \"%s\"", state);
        if (l->away_since) {
                buf_printf(out, ", \"since\": %lld, \"why\": ", (long long)l->away_since);
                standing_put_text(out, l->away_why);
        }
        buf_puts(out, "}");
}

static void put_machine(struct buf *out, const struct renewer_standing *m)
{
        buf_puts(out, ",\n\"machine\": {\"name\": ");
        standing_put_text(out, m->machine);
        buf_printf(out, ", \"until\": %llu", (unsigned long long)m->until);
        if (m->why[0]) {
                buf_puts(out, ", \"why\": ");
                standing_put_text(out, m->why);
        }
        buf_puts(out, "}");
}

void standing_look(struct standing *s, struct level *const *levels, unsigned n,
                   const struct renewer_standing *machine)
{
        buf_clear(&s->text);
        buf_puts(&s->text, "{\"domains\": [");
        for (unsigned i = 0; i < n; i++) {
                buf_puts(&s->text, i ? ",\n " : "");
                put_level(&s->text, levels[i]);
        }
        buf_puts(&s->text, "]");
        if (machine->enrolled)
                put_machine(&s->text, machine);
        buf_puts(&s->text, "}\n");
}

uint32_t standing_write(struct standing *s, const char *folder, uint64_t now)
{
        char path[PATH_MAX];
        if (s->text.failed || bytes_eq(buf_bytes(&s->text), buf_bytes(&s->written)))
                return 0;
        if (now < s->not_before)
                return (uint32_t)(s->not_before - now);
        s->not_before = now + INTERVAL_MS;
        buf_clear(&s->written);
        buf_put(&s->written, buf_bytes(&s->text));
        if (snprintf(path, sizeof(path), "%s/" STANDING_FILE, folder) < (int)sizeof(path))
                fs_replace(path, buf_bytes(&s->text), 0444, (uid_t)-1, (gid_t)-1, NULL, NULL);
        return 0;
}
