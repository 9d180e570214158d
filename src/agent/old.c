#include "agent/old.h"

#include "base/text.h"

#include <stdlib.h>

#define TRIES 5u /* readings of a domain that changes meanwhile */

enum ni_status old_checksum(struct client *c, uint32_t *ret)
{
        struct ni_result r;
        const enum ni_status status = client_ni(c, NI_PROC_statistics, &(struct ni_args){.number = 0}, &r);
        if (status != NI_OK)
                return status;
        return text_u32(proplist_first(&r.props, "checksum"), ret) ? NI_OK : NI_FAILED;
}

struct reading {
        struct client *client;
        const struct keep_limits *limits;
        struct table *table;
        struct arena arena; /* numbers of children */
};

static enum ni_status put(struct reading *r, uint32_t object, uint32_t parent, uint64_t ordinal,
                          const struct proplist *props)
{
        struct buf b;
        buf_init(&b, LIMIT_NODE);
        xdr_put_proplist(&b, *props);
        const struct ext_node n = {
                .id.object = object, .parent = parent, .ordinal = ordinal, .props = buf_bytes(&b)};
        const bool ok = !b.failed && table_put(r->table, &n) == TABLE_OK;
        buf_done(&b);
        if (table_write_out(r->table)) /* nobody else has it yet */
                table_written_out(r->table);
        if (!ok || table_count(r->table) > r->limits->directories || table_bytes(r->table) > r->limits->bytes)
                return NI_NOSPACE;
        return NI_OK;
}

static enum ni_status call(struct reading *r, enum ni_proc proc, uint32_t object, struct ni_result *ret)
{
        const struct ni_args args = {.id.object = object};
        const enum ni_status status = client_ni(r->client, proc, &args, ret);
        return status == NI_OK ? ret->status : status;
}

/* The numbers of a directory's children, in the arena. */
static enum ni_status children_of(struct reading *r, uint32_t object, uint32_t **ret, uint32_t *ret_count)
{
        struct ni_result result;
        const enum ni_status status = call(r, NI_PROC_children, object, &result);
        if (status != NI_OK)
                return status;
        if (result.object_count > r->limits->directories)
                return NI_NOSPACE;
        uint32_t *copy = arena_zalloc(&r->arena, result.object_count + 1, sizeof(*copy));
        if (!copy)
                return NI_NOSPACE;
        if (result.object_count)
                memcpy(copy, result.objects, result.object_count * sizeof(*copy));
        *ret = copy;
        *ret_count = result.object_count;
        return NI_OK;
}

/* One reply for all children; a server that does not know LISTALL, or whose answer is not of the same
 * children, is asked for each of them. */
static enum ni_status read_children(struct reading *r, uint32_t parent)
{
        struct ni_result result;
        uint32_t *child, n;
        enum ni_status status = children_of(r, parent, &child, &n);
        if (status != NI_OK)
                return status;
        status = call(r, NI_PROC_listall, parent, &result);
        if (status == NI_OK && result.list_count == n) {
                for (uint32_t i = 0; status == NI_OK && i < n; i++)
                        status = put(r, child[i], parent, i + 1, &result.lists[i]);
                return status;
        }
        status = NI_OK;
        for (uint32_t i = 0; status == NI_OK && i < n; i++) {
                status = call(r, NI_PROC_read, child[i], &result);
                if (status == NI_OK)
                        status = put(r, child[i], parent, i + 1, &result.props);
                else if (status == NI_NODIR || status == NI_BADID || status == NI_PERM)
                        status = NI_OK; /* gone, or not for us */
        }
        return status;
}

static enum ni_status read_top(struct reading *r, uint32_t object, uint64_t ordinal)
{
        struct ni_result result;
        enum ni_status status = call(r, NI_PROC_read, object, &result);
        if (status == NI_NODIR || status == NI_BADID || status == NI_PERM)
                return NI_OK;
        if (status != NI_OK)
                return status;
        const bool matters = table_is_top(proplist_first(&result.props, "name"));
        status = put(r, object, 0, ordinal, &result.props);
        return status == NI_OK && matters ? read_children(r, object) : status;
}

static enum ni_status read_domain(struct reading *r)
{
        struct ni_result result;
        uint32_t *child, n;
        enum ni_status status = call(r, NI_PROC_read, 0, &result);
        if (status == NI_OK)
                status = put(r, 0, 0, 0, &result.props);
        if (status == NI_OK)
                status = children_of(r, 0, &child, &n);
        for (uint32_t i = 0; status == NI_OK && i < n; i++)
                status = read_top(r, child[i], i + 1);
        return status;
}

/* One reading; *ret_same: the domain was the same before and after. */
static enum ni_status read_once(struct client *c, const struct keep_limits *l, struct table **ret_table,
                                uint32_t *ret_checksum, bool *ret_same)
{
        struct reading r = {.client = c, .limits = l, .table = table_new(l->folder)};
        uint32_t before, after;
        if (!r.table)
                return NI_NOSPACE;
        arena_init(&r.arena, LIMIT_ARENA);
        enum ni_status status = old_checksum(c, &before);
        if (status == NI_OK)
                status = read_domain(&r);
        if (status == NI_OK)
                status = old_checksum(c, &after);
        arena_done(&r.arena);
        *ret_same = status == NI_OK && before == after;
        if (!*ret_same) {
                table_free(r.table);
                return status;
        }
        *ret_table = r.table;
        *ret_checksum = after;
        return NI_OK;
}

enum ni_status old_read(struct client *c, const struct keep_limits *l, struct table **ret_table,
                        uint32_t *ret_checksum)
{
        bool same = false;
        for (unsigned i = 0; i < TRIES && !same; i++) {
                const enum ni_status status = read_once(c, l, ret_table, ret_checksum, &same);
                if (status != NI_OK)
                        return status;
        }
        return same ? NI_OK : NI_MASTERBUSY;
}
