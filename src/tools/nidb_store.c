#include "tools/nidb_store.h"

#include <stdlib.h>

#define BATCH       5000u /* directories per commit */
#define FIRST_PLACE ((uint64_t)1 << 62)
#define PLACE_STEP  ((uint64_t)1 << 32) /* room between siblings, as the store itself leaves it */

/* Every directory's place among its siblings, by index. */
static uint64_t *places(const struct nidb *db)
{
        uint64_t *v = calloc(db->count, sizeof(*v));
        for (uint32_t p = 0; v && p < db->count; p++)
                for (uint32_t k = 0; k < db->dir[p].child_count; k++)
                        v[nidb_find(db, db->dir[p].child[k]) - db->dir] = FIRST_PLACE + k * PLACE_STEP;
        return v;
}

enum ni_status nidb_store(struct store *s, const struct nidb *db)
{
        uint64_t *place = places(db);
        struct store_txn *t = NULL;
        enum ni_status st = place ? NI_OK : NI_NOSPACE;
        for (uint32_t i = 0; i < db->count && st == NI_OK; i++) {
                const struct nidb_dir *d = &db->dir[i];
                const struct store_node n = {.id = d->id,
                                             .parent = d->parent,
                                             .ordinal = place[i],
                                             .version = d->version,
                                             .props = d->props};
                if (!t)
                        st = store_write_begin(s, &t);
                if (st == NI_OK)
                        st = store_replay_node(t, &n);
                if (st != NI_OK || (i + 1) % BATCH)
                        continue;
                st = store_commit(t, NULL);
                t = NULL;
        }
        if (st == NI_OK && !t)
                st = store_write_begin(s, &t);
        if (st == NI_OK)
                st = store_replay_head(t, NULL, 0, db->highest_version);
        free(place);
        if (st == NI_OK)
                return store_commit(t, NULL);
        if (t)
                store_abort(t);
        return st;
}
