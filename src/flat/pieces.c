/* A text that is too long for memory, cut into pieces where no record is cut. */
#include "flat/flat-internal.h"

#include <stdio.h>

void flat_pieces_init(struct flat_pieces *p, const struct flat_format *f, const struct flat_options *o,
                      size_t (*read)(void *context, uint8_t *to, size_t n), void *context)
{
        *p = (struct flat_pieces){
                .format = f, .options = *o, .read = read, .context = context, .piece = FLAT_PIECE};
        buf_init(&p->text, FLAT_LINE_MAX + 2 * FLAT_PIECE);
}

void flat_pieces_done(struct flat_pieces *p)
{
        buf_done(&p->text);
}

/* Does a line that begins at `at` surely not belong to the one before it? Careful: also where a comment ends
 * with a backslash, or a blank line stands before a line that begins with a blank. */
static bool may_cut(const struct flat_pieces *p, size_t at)
{
        const uint8_t *d = p->text.data;
        size_t end = at - 1; /* of the line before, its LF */
        if (p->format->join == JOIN_BLANK)
                return at < p->text.len && d[at] != ' ' && d[at] != '\t';
        if (p->format->join == JOIN_NOT)
                return true;
        if (end > 0 && d[end - 1] == '\r')
                end--;
        return end == 0 || d[end - 1] != '\\';
}

/* The last place for a cut; 0: there is none. */
static size_t last_cut(const struct flat_pieces *p)
{
        for (size_t at = p->text.len; at > 0; at--)
                if (p->text.data[at - 1] == '\n' && may_cut(p, at))
                        return at;
        return 0;
}

static bool fill(struct flat_pieces *p)
{
        const size_t before = p->text.len;
        uint8_t *to = buf_add(&p->text, p->piece);
        if (!to)
                return false;
        const size_t n = p->read(p->context, to, p->piece);
        buf_truncate(&p->text, before + n);
        p->ended = n == 0;
        return true;
}

bool flat_pieces_next(struct flat_pieces *p, struct flat_file *ret, struct flat_why *ret_why)
{
        size_t cut = 0;
        *ret_why = (struct flat_why){.line = 0};
        buf_consume(&p->text, p->taken);
        p->taken = 0;
        while (!p->ended && cut == 0) {
                if (!fill(p)) {
                        *ret_why = (struct flat_why){.line = p->options.lines_before + 1};
                        snprintf(ret_why->text, sizeof(ret_why->text),
                                 "the lines of one record are longer than %u MiB, or there is no memory for "
                                 "them",
                                 FLAT_LINE_MAX >> 20);
                        return false;
                }
                if (p->text.len >= p->piece || p->ended)
                        cut = last_cut(p);
        }
        if (p->ended)
                cut = p->text.len;
        if (cut == 0)
                return false;
        p->taken = cut;
        if (!flat_file_read(ret, p->format, bytes_of(p->text.data, cut), &p->options, ret_why))
                return false;
        p->options.lines_before = ret->lines;
        p->options.header_seen = ret->header_seen;
        return true;
}
