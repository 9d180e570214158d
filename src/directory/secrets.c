/* Secret values: what a caller sees of them, and what happens when "*" comes back
 * (doc/decisions/0002-secrets-written-back.md). */
#include "directory/internal.h"

bool dir_hides(const struct dir_request *rq)
{
        return rq->policy->redact && !rq->caller->sees_secrets;
}

bool dir_hides_prop(const struct dir_request *rq, struct bytes prop)
{
        return dir_hides(rq) && access_secret(prop);
}

static bool holds_secret(struct bytes props)
{
        struct prop_walk w = prop_walk(props);
        while (prop_walk_next(&w))
                if (access_secret(w.name))
                        return true;
        return false;
}

struct bytes dir_shown(struct dir_request *rq, struct bytes props)
{
        if (!dir_hides(rq) || !holds_secret(props))
                return props;
        struct buf b;
        buf_init(&b, 0);
        access_redact(props, &b);
        const struct bytes shown = b.failed ? BYTES_NONE : arena_bytes(rq->arena, buf_bytes(&b));
        buf_done(&b);
        return shown;
}

bool dir_keep_values(struct dir_request *rq, struct bytes prop, struct namelist old, struct namelist *values)
{
        if (!dir_hides_prop(rq, prop))
                return true;
        struct bytes *v = arena_zalloc(rq->arena, values->n, sizeof(*v));
        if (!v)
                return false;
        for (uint32_t i = 0; i < values->n; i++)
                v[i] = i < old.n && bytes_eq_str(values->v[i], "*") ? old.v[i] : values->v[i];
        values->v = v;
        return true;
}

/* Secret properties of one list that are looked after; an honest directory has one or two, and finding the
 * old values of each costs a walk over the list. "*" in later ones is stored as it stands. */
#define SECRETS_KEPT 64u

/* The property called `name` that has `rank` others of that name before it. */
static const struct property *nth(const struct proplist *l, struct bytes name, uint32_t rank)
{
        for (uint32_t i = 0; i < l->n; i++)
                if (bytes_eq(l->v[i].name, name) && rank-- == 0)
                        return &l->v[i];
        return NULL;
}

static uint32_t rank_of(const struct proplist *l, uint32_t at)
{
        uint32_t rank = 0;
        for (uint32_t i = 0; i < at; i++)
                rank += bytes_eq(l->v[i].name, l->v[at].name);
        return rank;
}

bool dir_keep_secrets(struct dir_request *rq, const struct proplist *old, struct proplist *l)
{
        if (!dir_hides(rq) || l->n == 0)
                return true;
        struct property *v = arena_zalloc(rq->arena, l->n, sizeof(*v));
        if (!v)
                return false;
        memcpy(v, l->v, l->n * sizeof(*v));
        for (uint32_t i = 0, kept = 0; i < l->n && kept < SECRETS_KEPT; i++) {
                if (!access_secret(v[i].name))
                        continue;
                kept++;
                const struct property *was = nth(old, v[i].name, rank_of(l, i));
                if (was && !dir_keep_values(rq, v[i].name, was->values, &v[i].values))
                        return false;
        }
        l->v = v;
        return true;
}
