#include "api/ahead.h"

#include "api/api-internal.h"

ni_status ahead_edit(void *handle, const char *what, const netinfo_change *changes, unsigned n,
                     uint32_t *ret_ticket)
{
        struct api_handle *h = handle;
        struct ext_edit_args args;
        struct arena arena;
        if (h->local)
                return NI_BADOP;
        arena_init(&arena, LIMIT_ARENA);
        ni_status s = NI_NOSPACE;
        pthread_mutex_lock(&h->lock);
        if (edit_args_of(&arena, what, changes, n, &args))
                s = handle_edit_ahead(h, &args, ret_ticket);
        pthread_mutex_unlock(&h->lock);
        arena_done(&arena);
        return s;
}

ni_status ahead_answer(void *handle, uint32_t *ret_ticket, ni_status *ret_status, ni_id *ret_ids,
                       unsigned room)
{
        struct api_handle *h = handle;
        struct ext_edit_result r;
        ni_status s = NI_NODIR;
        pthread_mutex_lock(&h->lock);
        if (h->client)
                s = client_edit_answer(h->client, ret_ticket, &r);
        for (unsigned i = 0; s == NI_OK && r.status == NI_OK && i < room && i < r.id_count; i++)
                ret_ids[i] = (ni_id){r.ids[i].object, r.ids[i].instance};
        if (s == NI_OK)
                *ret_status = edit_status(r.status);
        pthread_mutex_unlock(&h->lock);
        return s;
}
