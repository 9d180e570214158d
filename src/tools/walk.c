#include "tools/walk.h"

#include "model/status.h"

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

/* parent == NULL: all directories. */
static bool walk(struct talk *t, const uint32_t *parent, const struct walk_reader *r)
{
        struct ext_snapshot_args args = {0};
        struct ext_snapshot_result page;
        r->begin(r->context);
        for (int tries = 0; tries < WALK_TRIES;) {
                enum ni_status status = client_snapshot(t->client, &args, &page);
                if (status == NI_OK && page.status == EXT_TAKE_SNAPSHOT) {
                        args = (struct ext_snapshot_args){0};
                        r->begin(r->context);
                        tries++;
                        continue;
                }
                if (status == NI_OK)
                        status = (enum ni_status)page.status;
                if (status != NI_OK) {
                        talk_status(t, status, client_tag(t->client), NULL);
                        return false;
                }
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
