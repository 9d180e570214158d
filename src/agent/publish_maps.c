/* From the tables of several domains to map images (doc/agent.md "Maps"). They are made whole: they are
 * small, and change seldom. */
#include "agent/maps.h"
#include "agent/publish-internal.h"

#include <errno.h>
#include <stdlib.h>

static void left_out(void *context, const struct maps_domain *d, const char *what, struct bytes name,
                     const char *reason)
{
        publish_left_out(context, d->name, what, name, reason);
}

static bool record(void *context, const struct snap_map_record *r)
{
        struct job *j = context;
        const int err = snap_add_map(j->map[j->kind], r);
        if (err == E2BIG || err == EINVAL) {
                publish_left_out(j, "all domains", "record", r->name,
                                 err == E2BIG ? "too long for an image" : "not fit for an image");
                return true;
        }
        j->error = err;
        return err == 0;
}

static int make(const struct maps_domain *d, size_t n, const struct merge_rules *r, struct job *j)
{
        const struct maps_sink sink = {record, left_out, j};
        j->left_out[j->kind] = 0;
        j->error = publish_builder(j, j->kind);
        if (!j->error && !maps_make((enum snap_kind)j->kind, d, n, r, &sink) && !j->error)
                j->error = ENOMEM;
        return j->error;
}

static void done(struct maps_domain *d, size_t n)
{
        for (size_t i = 0; i < n; i++)
                for (unsigned top = 0; top < TABLE_TOPS; top++)
                        free((void *)(uintptr_t)d[i].top[top].v);
        free(d);
}

/* The children that these images are made of, in all domains. NULL: no memory. */
static struct maps_domain *collect(const struct publish_domain *sources, size_t n, unsigned images)
{
        struct maps_domain *d = calloc(n + 1, sizeof(*d));
        unsigned tops = 0;
        for (unsigned k = SNAP_ACCOUNTS; k < SNAP_KINDS; k++)
                if (images & 1u << k)
                        tops |= maps_tops((enum snap_kind)k);
        for (size_t i = 0; d && i < n; i++) {
                d[i].name = sources[i].name;
                d[i].local = sources[i].local;
                for (unsigned top = 0; top < TABLE_TOPS; top++) {
                        struct bytes *v = NULL;
                        if (!(tops & 1u << top))
                                continue;
                        if (!table_children(sources[i].table, (enum table_top)top, &v, &d[i].top[top].n)) {
                                done(d, n);
                                return NULL;
                        }
                        d[i].top[top].v = v;
                }
        }
        return d;
}

unsigned publish_maps_large(const struct publish_domain *domains, size_t n, unsigned images, uint32_t from)
{
        uint64_t sizes[TABLE_TOPS] = {0}, all = 0;
        unsigned large = 0;
        for (size_t i = 0; i < n; i++)
                all += table_count(domains[i].table);
        if (!(images & TABLE_MAPS) || all < from)
                return 0;
        for (size_t i = 0; i < n; i++) {
                uint32_t of_this[TABLE_TOPS];
                table_sizes(domains[i].table, of_this);
                for (unsigned top = 0; top < TABLE_TOPS; top++)
                        sizes[top] += of_this[top];
        }
        for (unsigned k = SNAP_ACCOUNTS; k < SNAP_KINDS; k++) {
                uint64_t children = 0;
                for (unsigned top = 0; top < TABLE_TOPS; top++)
                        if (maps_tops((enum snap_kind)k) & 1u << top)
                                children += sizes[top];
                if (images & 1u << k && children >= from)
                        large |= 1u << k;
        }
        return large;
}

int publish_maps(const struct publish_domain *sources, size_t n, const struct merge_rules *r, unsigned images,
                 struct job *j)
{
        if (!(images & TABLE_MAPS))
                return 0;
        struct maps_domain *d = collect(sources, n, images);
        int err = d ? 0 : ENOMEM;
        for (unsigned k = SNAP_ACCOUNTS; !err && k < SNAP_KINDS; k++)
                if (images & 1u << k) {
                        j->kind = k;
                        err = make(d, n, r, j);
                }
        if (d)
                done(d, n);
        return err;
}
