/* ROOT, SELF, PARENT. */
#include "directory/internal.h"

#define BY_VERSION UINT32_MAX /* pseudo object numbers of protocol.md 2.7 */
#define VERSION_OF (UINT32_MAX - 1)

enum ni_status dir_do_root(struct dir_request *rq, const struct ni_args *args)
{
        (void)args;
        struct store_node node;
        const enum ni_status s = store_get(rq->txn, 0, &node);
        if (s == NI_OK)
                dir_answer_id(rq, node.id);
        return s;
}

/* Versions are sequence numbers; the wire carries their low 32 bits, so a version means the newest sequence
 * number that ends in them. UINT32_MAX means the highest version there is. */
static enum ni_status self_by_version(struct dir_request *rq, uint32_t version)
{
        struct store_info info;
        uint32_t object;
        enum ni_status s = store_get_info(rq->txn, &info);
        if (s != NI_OK)
                return s;
        uint64_t seq = (info.seq & ~(uint64_t)UINT32_MAX) | version;
        if (version == UINT32_MAX)
                seq = info.seq;
        else if (seq > info.seq && seq > UINT32_MAX)
                seq -= (uint64_t)1 << 32;
        s = store_by_version(rq->txn, seq, &object);
        if (s == NI_OK)
                dir_answer_id(rq, (struct ni_id){object, (uint32_t)seq});
        return s;
}

static enum ni_status self_version_of(struct dir_request *rq, uint32_t object)
{
        struct store_node node;
        const enum ni_status s = store_get(rq->txn, object, &node);
        if (s != NI_OK && s != NI_NODIR)
                return s;
        /* protocol.md 2.7: an unknown object has version 0xFFFFFFFF, and the status is still NI_OK */
        dir_answer_id(rq, (struct ni_id){object, s == NI_OK ? (uint32_t)node.version : UINT32_MAX});
        return NI_OK;
}

enum ni_status dir_do_self(struct dir_request *rq, const struct ni_args *args)
{
        struct store_node node;
        if (args->id.object == BY_VERSION)
                return self_by_version(rq, args->id.instance);
        if (args->id.object == VERSION_OF)
                return self_version_of(rq, args->id.instance);
        const enum ni_status s = store_get(rq->txn, args->id.object, &node);
        if (s == NI_OK)
                dir_answer_id(rq, node.id);
        return s;
}

enum ni_status dir_do_parent(struct dir_request *rq, const struct ni_args *args)
{
        struct store_node node;
        const enum ni_status s = store_get(rq->txn, args->id.object, &node);
        if (s != NI_OK)
                return s;
        xdr_put_u32(rq->out, NI_OK);
        xdr_put_u32(rq->out, node.parent);
        xdr_put_id(rq->out, node.id);
        return NI_OK;
}
