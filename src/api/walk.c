/* netinfo_walk_*: a directory's children by pages of SEARCH (doc/extension-program.md 13), or, at a
 * historical server, by CHILDREN and READ. */
#include "api/api-internal.h"

#include <stdlib.h>

#define PAGE_MOST 512u /* children in one page: a few hundred KiB of accounts */

struct entry {
        ni_id id;
        size_t at, len; /* its properties, encoded, in `page` */
};

struct walk {
        struct api_handle *h;
        ni_index directory;
        bool old;       /* the server knows no SEARCH */
        ni_idlist left; /* old: all children; `at` of them are done */
        uint64_t epoch;
        struct ext_place cursor; /* of the child that was read last */
        bool begun, more;
        struct buf page; /* what one reply said; the next call on the handle overwrites the reply */
        struct entry entry[PAGE_MOST];
        unsigned n, at;
};

NI_API ni_status netinfo_walk_begin(void *handle, ni_index directory, void **ret)
{
        struct walk *w = api_alloc(1, sizeof(*w));
        w->h = handle;
        w->directory = directory;
        w->more = true;
        buf_init(&w->page, LIMIT_REPLY);
        *ret = w;
        return NI_OK;
}

NI_API void netinfo_walk_end(void *walk)
{
        struct walk *w = walk;
        if (!w)
                return;
        ni_idlist_free(&w->left);
        buf_done(&w->page);
        free(w);
}

static ni_status take_page(struct walk *w, const struct ext_search_result *r)
{
        const bool moved = r->cursor_count == 1 && (r->cursor[0].object != w->cursor.object || !w->begun);
        if (r->more && !moved) /* it would be the same page for ever */
                return NI_SYSTEMERR;
        buf_clear(&w->page);
        w->n = w->at = 0;
        for (uint32_t i = 0; i < r->hit_count; i++) {
                if (w->n == PAGE_MOST)
                        return NI_SYSTEMERR; /* more than was asked for */
                const struct ext_hit *hit = &r->hits[i];
                w->entry[w->n++] =
                        (struct entry){{hit->id.object, hit->id.instance}, w->page.len, hit->props.len};
                buf_put(&w->page, hit->props);
        }
        w->epoch = r->epoch;
        w->more = r->more;
        w->begun = true;
        if (r->more)
                w->cursor = r->cursor[0];
        return w->page.failed ? NI_NOSPACE : NI_OK;
}

static ni_status read_page(struct walk *w)
{
        struct ext_search_result r;
        const struct ext_search_args args = {.epoch = w->epoch,
                                             .object = w->directory,
                                             .depth = 1,
                                             .max_entries = PAGE_MOST,
                                             .cursor = &w->cursor,
                                             .cursor_count = w->begun};
        pthread_mutex_lock(&w->h->lock);
        ni_status s = handle_search(w->h, &args, &r);
        if (s == NI_OK)
                s = take_page(w, &r);
        pthread_mutex_unlock(&w->h->lock);
        return s;
}

/* At a historical server. A child that was removed meanwhile is none. */
static ni_status next_old(struct walk *w, int *more, ni_id *id, ni_proplist *properties)
{
        for (; w->at < w->left.ni_idlist_len; w->at++) {
                ni_id child = {w->left.ni_idlist_val[w->at], 0};
                const ni_status s = ni_read(w->h, &child, properties);
                if (s == NI_NODIR || s == NI_BADID)
                        continue;
                if (s == NI_OK) {
                        w->at++;
                        *more = 1;
                        *id = child;
                }
                return s;
        }
        *more = 0;
        return NI_OK;
}

static ni_status begin_old(struct walk *w)
{
        ni_id directory = {w->directory, 0};
        w->old = true;
        w->at = 0;
        return ni_children(w->h, &directory, &w->left);
}

/* Goes to a page that has a child, or to the end. */
static ni_status turn(struct walk *w)
{
        while (w->at == w->n && w->more) {
                const ni_status s = read_page(w);
                if (s == NI_BADOP && !w->begun)
                        return begin_old(w);
                if (s != NI_OK)
                        return s;
        }
        return NI_OK;
}

NI_API ni_status netinfo_walk_next(void *walk, int *more, ni_id *id, ni_proplist *properties)
{
        struct walk *w = walk;
        struct arena arena;
        const ni_status s = w->old ? NI_OK : turn(w);
        if (s != NI_OK)
                return s;
        if (w->old)
                return next_old(w, more, id, properties);
        if (w->at == w->n) {
                *more = 0;
                return NI_OK;
        }
        const struct entry *e = &w->entry[w->at];
        struct xdr_in in = xdr_in(bytes_sub(buf_bytes(&w->page), e->at, e->len));
        arena_init(&arena, LIMIT_ARENA);
        const struct proplist l = xdr_proplist(&in, &arena);
        const bool ok = xdr_ok(&in);
        if (ok) {
                *properties = api_proplist(l);
                *id = e->id;
                *more = 1;
                w->at++;
        }
        arena_done(&arena);
        return ok ? NI_OK : NI_NOSPACE;
}
