#include "tools/historical/sender.h"

#include "base/limits.h"

#include <stdio.h>
#include <stdlib.h>

#define FLYING_MOST ((size_t)4 << 20) /* bytes: what is held twice, here and in the socket */

void sender_init(struct sender *s, void *handle, const char *what, struct seen *seen)
{
        *s = (struct sender){.handle = handle, .what = what, .seen = seen, .parent = {UINT32_MAX, 0}};
}

static void drop(struct sender_batch *b)
{
        for (unsigned i = 0; i < b->n; i++)
                ni_proplist_free(&b->v[i].properties);
        free(b->v);
        *b = (struct sender_batch){NULL, 0, 0, 0};
}

void sender_done(struct sender *s)
{
        for (unsigned i = 0; i < s->flights; i++)
                drop(&s->flight[i]);
        for (unsigned i = 0; i < s->refusals; i++)
                drop(&s->refused[i]);
        s->flights = s->refusals = 0;
}

static const netinfo_change *oldest(const struct sender *s, const netinfo_change *otherwise)
{
        return s->refusals ? s->refused[0].v : s->flights ? s->flight[0].v : otherwise;
}

static const char *name_of(const netinfo_change *c)
{
        const ni_index at = c ? ni_proplist_match(c->properties, "name", NULL) : NI_INDEX_NULL;
        return at == NI_INDEX_NULL || !c->properties.nipl_val[at].nip_val.ninl_len
                       ? ""
                       : c->properties.nipl_val[at].nip_val.ninl_val[0];
}

const char *sender_oldest(const struct sender *s, const netinfo_change *otherwise)
{
        return name_of(oldest(s, otherwise));
}

static ni_status fail(struct sender *s, ni_status status, const netinfo_change *c)
{
        snprintf(s->failed, sizeof(s->failed), "%s", name_of(c));
        return status;
}

static ni_status note(struct sender *s, ni_index object, const netinfo_change *c)
{
        return s->seen && !seen_add(s->seen, object) ? fail(s, NI_NOSPACE, c) : NI_OK;
}

/* After these nobody knows what became of an EDIT: made again, its directories might be there twice. */
static bool is_end(ni_status status)
{
        return status == NI_FAILED || status == NI_SYSTEMERR;
}

/* The parent's id comes back from each creation, so that it need not be asked for before the next. */
static ni_status create_alone(struct sender *s, netinfo_change *c)
{
        const ni_index object = c->id.nii_object;
        ni_status status = NI_OK;
        for (unsigned tries = 0; tries < 2; tries++) { /* somebody else may have added an entry meanwhile */
                if (tries || s->parent.nii_object != object) {
                        s->parent = (ni_id){object, 0};
                        status = ni_self(s->handle, &s->parent);
                }
                if (status == NI_OK)
                        status = ni_create(s->handle, &s->parent, c->properties, &c->id, NI_INDEX_NULL);
                if (status != NI_STALE)
                        break;
        }
        if (status != NI_OK)
                s->parent.nii_object = UINT32_MAX;
        return status;
}

static ni_status send_alone(struct sender *s, netinfo_change *changes, unsigned n)
{
        ni_status status = NI_OK;
        for (unsigned i = 0; status == NI_OK && i < n; i++) {
                netinfo_change *c = &changes[i];
                if (c->kind == NETINFO_WRITE)
                        status = ni_write(s->handle, &c->id, c->properties);
                else
                        status = create_alone(s, c);
                status = status == NI_OK ? note(s, c->id.nii_object, c) : fail(s, status, c);
        }
        return status;
}

ni_status sender_send_now(struct sender *s, netinfo_change *changes, unsigned n)
{
        if (n == 0)
                return NI_OK;
        ni_status status =
                s->way == SENDER_ALONE ? NI_BADOP : netinfo_edit(s->handle, s->what, changes, n, NULL);
        if (status == NI_OK)
                s->way = SENDER_TOGETHER;
        else if (status == NI_BADOP)
                s->way = SENDER_ALONE;
        if (is_end(status))
                return fail(s, status, changes);
        if (status != NI_OK) /* refused as a whole, or a historical server */
                return send_alone(s, changes, n);
        for (unsigned i = 0; status == NI_OK && i < n; i++)
                status = note(s, changes[i].id.nii_object, &changes[i]);
        return status;
}

/* One answer. A batch that is refused waits until all others have landed. */
static ni_status land(struct sender *s)
{
        ni_id ids[LIMIT_EDIT_OPS] = {{0, 0}};
        ni_status answer = NI_OK;
        uint32_t ticket;
        unsigned i = 0;
        ni_status status = ahead_answer(s->handle, &ticket, &answer, ids, LIMIT_EDIT_OPS);
        if (status != NI_OK)
                return fail(s, status, oldest(s, NULL));
        while (i + 1 < s->flights && s->flight[i].ticket != ticket)
                i++;
        struct sender_batch b = s->flight[i];
        s->flights--;
        memmove(&s->flight[i], &s->flight[i + 1], (s->flights - i) * sizeof(b));
        s->flying -= b.bytes;
        if (is_end(answer)) {
                status = fail(s, answer, s->refusals ? s->refused[0].v : b.v);
                drop(&b);
                return status;
        }
        if (answer != NI_OK) {
                s->refused[s->refusals++] = b;
                return NI_OK;
        }
        for (unsigned k = 0; status == NI_OK && k < b.n; k++)
                status = note(s, b.v[k].kind == NETINFO_WRITE ? b.v[k].id.nii_object : ids[k].nii_object,
                              &b.v[k]);
        drop(&b);
        return status;
}

ni_status sender_drain(struct sender *s)
{
        ni_status status = NI_OK;
        while (status == NI_OK && s->flights)
                status = land(s);
        for (unsigned i = 0; i < s->refusals; i++) {
                if (status == NI_OK)
                        status = send_alone(s, s->refused[i].v, s->refused[i].n);
                drop(&s->refused[i]);
        }
        s->refusals = 0;
        return status;
}

static ni_status send_ahead(struct sender *s, struct sender_batch *b)
{
        ni_status status = NI_OK;
        while (status == NI_OK && s->flights && !s->refusals &&
               (s->flights == AHEAD_MOST || s->flying + b->bytes > FLYING_MOST))
                status = land(s);
        if (status == NI_OK && s->refusals)
                status = sender_drain(s);
        if (status != NI_OK)
                return status;
        status = ahead_edit(s->handle, s->what, b->v, b->n, &b->ticket);
        if (status == NI_OK) {
                s->flight[s->flights++] = *b;
                s->flying += b->bytes;
                *b = (struct sender_batch){NULL, 0, 0, 0};
                return NI_OK;
        }
        if (status == NI_FAILED)
                return fail(s, status, oldest(s, b->v));
        status = sender_drain(s); /* too large for one call */
        return status == NI_OK ? send_alone(s, b->v, b->n) : status;
}

ni_status sender_send(struct sender *s, netinfo_change *changes, unsigned n, size_t bytes)
{
        struct sender_batch b = {changes, n, bytes, 0};
        const ni_status status = n == 0                      ? NI_OK
                                 : s->way == SENDER_TOGETHER ? send_ahead(s, &b)
                                                             : sender_send_now(s, changes, n);
        drop(&b);
        return status;
}
