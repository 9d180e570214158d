#include "tools/nsswitch.h"

#include <string.h>
#include <strings.h>

static bool is_blank(uint8_t c)
{
        return c == ' ' || c == '\t' || c == '\r';
}

static struct bytes trim(struct bytes b)
{
        while (b.len && is_blank(b.data[0]))
                b = bytes_sub(b, 1, b.len);
        while (b.len && is_blank(b.data[b.len - 1]))
                b.len--;
        return b;
}

/* Cuts a word, or a whole [...], off the front. */
static struct bytes next_word(struct bytes *rest)
{
        size_t end = 0;
        *rest = trim(*rest);
        if (rest->len && rest->data[0] == '[') {
                end = bytes_find(*rest, ']');
                end += end < rest->len;
        } else {
                while (end < rest->len && !is_blank(rest->data[end]) && rest->data[end] != '[')
                        end++;
        }
        const struct bytes word = bytes_sub(*rest, 0, end);
        *rest = bytes_sub(*rest, end, rest->len);
        return word;
}

static void add_word(struct nsswitch_line *line, struct bytes word, struct arena *a)
{
        if (word.data[0] != '[') {
                if (line->n < NSSWITCH_SOURCES_MOST)
                        line->v[line->n++] = (struct nsswitch_source){arena_str(a, word), ""};
                return;
        }
        const bool closed = word.data[word.len - 1] == ']';
        const struct bytes inside = trim(bytes_sub(word, 1, word.len - 1 - closed));
        struct nsswitch_source *s = line->n ? &line->v[line->n - 1] : NULL;
        if (s) /* several lists add up */
                s->actions =
                        arena_printf(a, "%s%s%.*s", s->actions, *s->actions ? " " : "", BYTES_FMT(inside));
}

static void add_line(struct nsswitch *s, struct bytes text, unsigned number, struct arena *a)
{
        const size_t colon = bytes_find(text, ':');
        struct bytes database = trim(bytes_sub(text, 0, colon)),
                     rest = trim(bytes_sub(text, colon + 1, text.len));
        if (colon == text.len || database.len == 0 || s->n == NSSWITCH_LINES_MOST ||
            bytes_find(text, 0) < text.len)
                return;
        struct nsswitch_line *line = &s->v[s->n];
        *line = (struct nsswitch_line){
                .database = arena_str(a, database), .text = arena_str(a, rest), .number = number};
        if (!line->database || !line->text)
                return;
        s->n++;
        while ((rest = trim(rest)).len && !a->failed)
                add_word(line, next_word(&rest), a);
}

bool nsswitch_parse(struct bytes text, struct arena *a, struct nsswitch *ret)
{
        ret->n = 0;
        for (unsigned number = 1; text.len && !a->failed; number++) {
                const size_t end = bytes_find(text, '\n');
                const struct bytes line = bytes_sub(text, 0, end);
                add_line(ret, bytes_sub(line, 0, bytes_find(line, '#')), number, a);
                text = bytes_sub(text, end + 1, text.len);
        }
        return !a->failed;
}

const struct nsswitch_line *nsswitch_find(const struct nsswitch *s, const char *database)
{
        for (unsigned i = 0; i < s->n; i++)
                if (strcmp(s->v[i].database, database) == 0)
                        return &s->v[i];
        return NULL;
}

int nsswitch_position(const struct nsswitch_line *line, const char *source)
{
        for (unsigned i = 0; line && i < line->n; i++)
                if (strcmp(line->v[i].name, source) == 0)
                        return (int)i;
        return -1;
}

bool nsswitch_acts(const struct nsswitch_source *s, const char *condition, const char *action)
{
        const size_t n = strlen(condition), m = strlen(action);
        for (const char *p = s->actions; *p;) {
                const size_t blanks = strspn(p, " \t"), word = strcspn(p + blanks, " \t");
                p += blanks;
                if (word == n + 1 + m && strncasecmp(p, condition, n) == 0 && p[n] == '=' &&
                    strncasecmp(p + n + 1, action, m) == 0)
                        return true;
                p += word;
        }
        return false;
}
