#include "tools/historical/seen.h"

#include <stdlib.h>

#define PAGE_BITS 4096u

struct seen {
        uint64_t *
                page[(UINT64_C(1) << 32) / PAGE_BITS]; /* of the pointers, too, only those used take memory */
};

struct seen *seen_new(void)
{
        return calloc(1, sizeof(struct seen));
}

void seen_free(struct seen *s)
{
        for (size_t i = 0; s && i < sizeof(s->page) / sizeof(s->page[0]); i++)
                free(s->page[i]);
        free(s);
}

bool seen_add(struct seen *s, uint32_t object)
{
        uint64_t **page = &s->page[object / PAGE_BITS];
        if (!*page)
                *page = calloc(PAGE_BITS / 64, sizeof(**page));
        if (!*page)
                return false;
        (*page)[object % PAGE_BITS / 64] |= UINT64_C(1) << object % 64;
        return true;
}

bool seen_has(const struct seen *s, uint32_t object)
{
        const uint64_t *page = s->page[object / PAGE_BITS];
        return page && page[object % PAGE_BITS / 64] >> object % 64 & 1;
}
