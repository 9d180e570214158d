/* SNAPSHOT of the extension program: all directories by object number, page by page. A page is exact as of
 * its seq; the caller makes the whole exact by replaying CHANGES (decision 14). */
#include "directory/internal.h"

#include "base/limits.h"

#define NODE_OVERHEAD 64u /* XDR bytes of an ext_node besides its properties */

/* Appends to an array in the arena that doubles. False: arena full. */
static bool add_node(struct dir_request *rq, struct ext_snapshot_result *r, uint32_t *room,
                     const struct store_node *n, struct bytes props)
{
        if (r->node_count == *room) {
                const uint32_t more = *room ? *room * 2 : 64;
                struct ext_node *v = arena_zalloc(rq->arena, more, sizeof(*v));
                if (!v)
                        return false;
                if (r->node_count)
                        memcpy(v, r->nodes, r->node_count * sizeof(*v));
                r->nodes = v;
                *room = more;
        }
        r->nodes[r->node_count++] = (struct ext_node){.id = n->id,
                                                      .parent = n->parent,
                                                      .ordinal = n->ordinal,
                                                      .born = n->born,
                                                      .version = n->version,
                                                      .props = props};
        return true;
}

static enum ni_status fill_page(struct dir_request *rq, uint32_t from, size_t most,
                                struct ext_snapshot_result *r)
{
        struct store_walk w;
        struct store_node n;
        enum ni_status s = NI_OK;
        uint32_t room = 0;
        size_t bytes = 0;
        store_each(rq->txn, from, &w);
        while (s == NI_OK && store_each_next(&w, &n)) {
                bytes += n.props.len + NODE_OVERHEAD;
                if (r->node_count > 0 && bytes > most) { /* at least one, however large */
                        r->more = true;
                        r->next = n.id.object;
                        break;
                }
                const struct bytes props = dir_shown(rq, n.props);
                if (!props.data || !add_node(rq, r, &room, &n, props))
                        s = NI_SYSTEMERR;
        }
        store_end(&w);
        return s == NI_OK ? w.status : s;
}

void dir_snapshot(struct dir_request *rq, const struct ext_snapshot_args *args,
                  struct ext_snapshot_result *ret)
{
        struct store_info info;
        struct ext_snapshot_result r = {0};
        const size_t most = args->max_bytes && args->max_bytes < LIMIT_CALL ? args->max_bytes : LIMIT_CALL;
        r.status = store_get_info(rq->txn, &info);
        if (r.status == NI_OK && args->epoch && args->epoch != info.epoch)
                r.status = EXT_TAKE_SNAPSHOT; /* begin again */
        if (r.status == NI_OK) {
                r.epoch = info.epoch;
                r.seq = info.seq;
                r.status = fill_page(rq, args->from, most, &r);
        }
        *ret = r.status == NI_OK ? r : (struct ext_snapshot_result){.status = r.status};
}
