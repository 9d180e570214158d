#include "portdb/edition.h"

#include "base/limits.h"

#include <stdlib.h>
#include <strings.h>

void port_rows_init(struct port_rows *r)
{
        *r = (struct port_rows){.dated_by = "", .about.origin = ""};
        arena_init(&r->arena, LIMIT_PORT_FILE);
}

void port_rows_done(struct port_rows *r)
{
        free(r->at);
        arena_done(&r->arena);
        *r = (struct port_rows){0};
}

bool port_rows_add(struct port_rows *r, const struct port_claim *row)
{
        if (r->n >= LIMIT_PORT_ROWS)
                return false;
        if (r->n == r->cap) {
                const size_t cap = r->cap ? r->cap * 2 : 1024;
                struct port_claim *p = realloc(r->at, cap * sizeof(*p));
                if (!p)
                        return false;
                r->at = p;
                r->cap = cap;
        }
        r->at[r->n++] = *row;
        return true;
}

/* Rows that are one claim stand together; of several wordings the first in byte order stays, whatever order
 * the file had. */
static int by_row(const void *a, const void *b)
{
        const struct port_claim *x = a, *y = b;
        const int order = port_claim_compare(x, y);
        return order ? order : strcmp(x->description, y->description);
}

void port_rows_sort(struct port_rows *r)
{
        size_t kept = 0;
        if (r->n)
                qsort(r->at, r->n, sizeof(*r->at), by_row);
        for (size_t i = 0; i < r->n; i++) {
                if (kept == 0 || port_claim_compare(&r->at[kept - 1], &r->at[i]) != 0)
                        r->at[kept++] = r->at[i];
        }
        r->n = kept;
}

static bool has_word(struct bytes s, const char *word)
{
        const size_t n = strlen(word);
        for (size_t i = 0; i + n <= s.len; i++) {
                if (strncasecmp((const char *)s.data + i, word, n) == 0)
                        return true;
        }
        return false;
}

uint8_t port_status_of_words(struct bytes description)
{
        static const char *const gone[] = {"de-register",  "removed",     "deprecated",
                                           "decommission", "decomission", "de-commission"};
        if (description.len == 0 || has_word(description, "unassigned"))
                return PORT_UNASSIGNED;
        if (has_word(description, "reserved"))
                return PORT_RESERVED;
        for (size_t i = 0; i < sizeof(gone) / sizeof(gone[0]); i++) {
                if (has_word(description, gone[i]))
                        return PORT_REMOVED;
        }
        return PORT_ASSIGNED_UNNAMED;
}
