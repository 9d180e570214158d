#include "tools/walk.h"

#include "model/status.h"

#include <stdlib.h>

#define WALK_TRIES                                                                               \
        5 /* epochs that may change under one walk: somebody restores the domain again and again \
           */

static bool each_of(const struct ext_snapshot_result *page, const uint32_t *parent,
                    const struct walk_reader *r)
{
        for (uint32_t i = 0; i < page->node_count; i++) {
                const struct ext_node *n = &page->nodes[i];
                /* The root is its own parent, and no child. */
                if (parent && (n->parent != *parent || n->id.object == 0))
                        continue;
                if (!r->each(r->context, n))
                        return false;
        }
        return true;
}

/* -- at a historical server: one call for each list of children, and one for each directory */

static bool refused(struct talk *t, enum ni_status status)
{
        talk_status(t, status, client_tag(t->client), NULL);
        return false;
}

/* One directory; one that was removed meanwhile is none. */
static bool old_directory(struct talk *t, const struct walk_reader *r, struct ext_node *n)
{
        const struct ni_args args = {.id = n->id};
        struct ni_result read;
        struct buf props;
        enum ni_status status = client_ni(t->client, NI_PROC_read, &args, &read);
        if (status == NI_OK)
                status = read.status;
        if (status == NI_NODIR || status == NI_BADID)
                return true;
        if (status != NI_OK)
                return refused(t, status);
        buf_init(&props, LIMIT_NODE);
        xdr_put_proplist(&props, read.props);
        n->id = read.id;
        n->props = buf_bytes(&props);
        const bool ok = !props.failed && r->each(r->context, n);
        if (props.failed)
                refused(t, NI_NOSPACE);
        buf_done(&props);
        return ok;
}

/* What is below a directory, `levels` deep. */
static bool old_children(struct talk *t, uint32_t parent, unsigned levels, const struct walk_reader *r)
{
        const struct ni_args args = {.id = {parent, 0}};
        struct ni_result list;
        enum ni_status status = client_ni(t->client, NI_PROC_children, &args, &list);
        if (status == NI_OK)
                status = list.status;
        if (status == NI_NODIR || status == NI_BADID)
                return true;
        if (status != NI_OK)
                return refused(t, status);
        const uint32_t count = list.object_count;
        uint32_t *object = calloc((size_t)count + 1, sizeof(*object)); /* the reply goes with the next call */
        bool ok = object != NULL;
        if (!ok)
                refused(t, NI_NOSPACE);
        for (uint32_t i = 0; ok && i < count; i++)
                object[i] = list.objects[i];
        for (uint32_t i = 0; ok && i < count; i++) {
                struct ext_node n = {.id = {object[i], 0}, .parent = parent, .ordinal = i};
                ok = old_directory(t, r, &n) && (levels < 2 || old_children(t, object[i], levels - 1, r));
        }
        free(object);
        return ok;
}

static bool old_walk(struct talk *t, const uint32_t *parent, const struct walk_reader *r)
{
        struct ext_node root = {.id = {0, 0}};
        r->begin(r->context);
        if (parent)
                return old_children(t, *parent, 1, r);
        return old_directory(t, r, &root) && old_children(t, 0, LIMIT_SEARCH_DEPTH, r);
}

/* parent == NULL: all directories. */
static bool walk(struct talk *t, const uint32_t *parent, const struct walk_reader *r)
{
        struct ext_snapshot_args args = {0};
        struct ext_snapshot_result page;
        r->begin(r->context);
        for (int tries = 0; tries < WALK_TRIES;) {
                enum ni_status status = client_snapshot(t->client, &args, &page);
                if (status == NI_BADOP && args.from == 0)
                        return old_walk(t, parent, r);
                if (status == NI_OK && page.status == EXT_TAKE_SNAPSHOT) {
                        args = (struct ext_snapshot_args){0};
                        r->begin(r->context);
                        tries++;
                        continue;
                }
                if (status == NI_OK)
                        status = (enum ni_status)page.status;
                if (status != NI_OK)
                        return refused(t, status);
                if (!each_of(&page, parent, r))
                        return false;
                if (!page.more)
                        return true;
                if (page.next <= args.from) {
                        talk_error(t, EXIT_FAILED, client_peer(t->client),
                                   "the server sends the same page of the domain again",
                                   "it may be damaged or of another version: `ni status` shows it");
                        return false;
                }
                args.epoch = page.epoch;
                args.from = page.next;
        }
        talk_error(t, EXIT_FAILED, client_tag(t->client),
                   "the domain is replaced again and again while it is read",
                   "repeat the command when that has ended");
        return false;
}

bool walk_children(struct talk *t, uint32_t parent, const struct walk_reader *r)
{
        return walk(t, &parent, r);
}

bool walk_all(struct talk *t, const struct walk_reader *r)
{
        return walk(t, NULL, r);
}
