/* Directory calls (doc/protocol.md 8.3): each is one call of version 2, with the id going in and coming back
 * current. */
#include "api/api-internal.h"

#include <stdlib.h>

/* What every call needs: the locked handle, an arena for the arguments' arrays, arguments and result. */
struct call {
        struct api_handle *h;
        struct arena arena;
        struct ni_args args;
        struct ni_result result;
        enum ni_status status;
};

static struct call begin(void *handle, const ni_id *id)
{
        struct call c = {.h = handle};
        arena_init(&c.arena, LIMIT_ARENA);
        pthread_mutex_lock(&c.h->lock);
        if (id) {
                c.args.id.object = id->nii_object;
                c.args.id.instance = id->nii_instance;
        }
        return c;
}

static bool run(struct call *c, enum ni_proc proc)
{
        c->status = c->arena.failed ? NI_NOSPACE : handle_call(c->h, proc, &c->args, &c->result);
        return c->status == NI_OK;
}

/* Ends the call; on success the directory's new id goes back to the caller. */
static ni_status end(struct call *c, ni_id *id, struct ni_id now)
{
        if (c->status == NI_OK && id)
                *id = (ni_id){now.object, now.instance};
        pthread_mutex_unlock(&c->h->lock);
        arena_done(&c->arena);
        return c->status;
}

static ni_status finish(struct call *c, ni_id *id)
{
        return end(c, id, c->result.id);
}

static ni_idlist idlist_of(const struct ni_result *r)
{
        ni_idlist l = {r->object_count, NULL};
        if (l.ni_idlist_len) {
                l.ni_idlist_val = api_alloc(l.ni_idlist_len, sizeof(ni_index));
                memcpy(l.ni_idlist_val, r->objects, l.ni_idlist_len * sizeof(ni_index));
        }
        return l;
}

NI_API ni_status ni_statistics(void *handle, ni_proplist *statistics)
{
        struct call c = begin(handle, NULL);
        if (run(&c, NI_PROC_statistics))
                *statistics = api_proplist(c.result.props);
        return end(&c, NULL, c.result.id);
}

NI_API ni_status ni_root(void *handle, ni_id *id)
{
        struct call c = begin(handle, NULL);
        run(&c, NI_PROC_root);
        return finish(&c, id);
}

NI_API ni_status ni_self(void *handle, ni_id *id)
{
        struct call c = begin(handle, id);
        run(&c, NI_PROC_self);
        return finish(&c, id);
}

NI_API ni_status ni_parent(void *handle, ni_id *id, ni_index *parent)
{
        struct call c = begin(handle, id);
        if (run(&c, NI_PROC_parent))
                *parent = c.result.parent;
        return finish(&c, id);
}

NI_API ni_status ni_children(void *handle, ni_id *id, ni_idlist *children)
{
        struct call c = begin(handle, id);
        if (run(&c, NI_PROC_children))
                *children = idlist_of(&c.result);
        return finish(&c, id);
}

NI_API ni_status ni_create(void *handle, ni_id *parent, ni_proplist properties, ni_id *child, ni_index where)
{
        struct call c = begin(handle, parent);
        c.args.props = wire_proplist(&c.arena, properties);
        c.args.where = where;
        if (run(&c, NI_PROC_create))
                *child = (ni_id){c.result.id.object, c.result.id.instance};
        return end(&c, parent, c.result.self);
}

NI_API ni_status ni_destroy(void *handle, ni_id *parent, ni_id child)
{
        struct call c = begin(handle, parent);
        c.args.child.object = child.nii_object;
        c.args.child.instance = child.nii_instance;
        run(&c, NI_PROC_destroy);
        return finish(&c, parent);
}

NI_API ni_status ni_read(void *handle, ni_id *id, ni_proplist *properties)
{
        struct call c = begin(handle, id);
        if (run(&c, NI_PROC_read))
                *properties = api_proplist(c.result.props);
        return finish(&c, id);
}

NI_API ni_status ni_write(void *handle, ni_id *id, ni_proplist properties)
{
        struct call c = begin(handle, id);
        c.args.props = wire_proplist(&c.arena, properties);
        run(&c, NI_PROC_write);
        return finish(&c, id);
}

NI_API ni_status ni_lookup(void *handle, ni_id *id, ni_name_const key, ni_name_const value, ni_idlist *hits)
{
        struct call c = begin(handle, id);
        c.args.key = wire_name(&c.arena, key);
        c.args.value = wire_name(&c.arena, value);
        if (run(&c, NI_PROC_lookup))
                *hits = idlist_of(&c.result);
        return finish(&c, id);
}

NI_API ni_status ni_lookupread(void *handle, ni_id *id, ni_name_const key, ni_name_const value,
                               ni_proplist *properties)
{
        struct call c = begin(handle, id);
        c.args.key = wire_name(&c.arena, key);
        c.args.value = wire_name(&c.arena, value);
        if (run(&c, NI_PROC_lookupread))
                *properties = api_proplist(c.result.props);
        return finish(&c, id);
}

NI_API ni_status ni_list(void *handle, ni_id *id, ni_name_const property, ni_entrylist *entries)
{
        struct call c = begin(handle, id);
        c.args.value = wire_name(&c.arena, property);
        if (run(&c, NI_PROC_list)) {
                const uint32_t n = c.result.entry_count;
                entries->ni_entrylist_len = n;
                entries->ni_entrylist_val = n ? api_alloc(n, sizeof(ni_entry)) : NULL;
                for (uint32_t i = 0; i < n; i++) {
                        const struct ni_entry *e = &c.result.entries[i];
                        entries->ni_entrylist_val[i].id = e->object;
                        if (!e->has_names || e->names.n == 0) /* both mean: nothing there (protocol.md 2.7) */
                                continue;
                        entries->ni_entrylist_val[i].names = api_alloc(1, sizeof(ni_namelist));
                        *entries->ni_entrylist_val[i].names = api_namelist(e->names);
                }
        }
        return finish(&c, id);
}

NI_API ni_status ni_listall(void *handle, ni_id *id, ni_proplist_list *lists)
{
        struct call c = begin(handle, id);
        if (run(&c, NI_PROC_listall)) {
                const uint32_t n = c.result.list_count;
                lists->ni_proplist_list_len = n;
                lists->ni_proplist_list_val = n ? api_alloc(n, sizeof(ni_proplist)) : NULL;
                for (uint32_t i = 0; i < n; i++)
                        lists->ni_proplist_list_val[i] = api_proplist(c.result.lists[i]);
        }
        return finish(&c, id);
}

NI_API ni_status ni_listprops(void *handle, ni_id *id, ni_namelist *names)
{
        struct call c = begin(handle, id);
        if (run(&c, NI_PROC_listprops))
                *names = api_namelist(c.result.values);
        return finish(&c, id);
}

NI_API ni_status ni_createprop(void *handle, ni_id *id, ni_property property, ni_index where)
{
        struct call c = begin(handle, id);
        c.args.prop.name = wire_name(&c.arena, property.nip_name);
        c.args.prop.values = wire_namelist(&c.arena, property.nip_val);
        c.args.where = where;
        run(&c, NI_PROC_createprop);
        return finish(&c, id);
}

NI_API ni_status ni_destroyprop(void *handle, ni_id *id, ni_index property)
{
        struct call c = begin(handle, id);
        c.args.prop_index = property;
        run(&c, NI_PROC_destroyprop);
        return finish(&c, id);
}

NI_API ni_status ni_readprop(void *handle, ni_id *id, ni_index property, ni_namelist *values)
{
        struct call c = begin(handle, id);
        c.args.prop_index = property;
        if (run(&c, NI_PROC_readprop))
                *values = api_namelist(c.result.values);
        return finish(&c, id);
}

NI_API ni_status ni_writeprop(void *handle, ni_id *id, ni_index property, ni_namelist values)
{
        struct call c = begin(handle, id);
        c.args.prop_index = property;
        c.args.values = wire_namelist(&c.arena, values);
        run(&c, NI_PROC_writeprop);
        return finish(&c, id);
}

NI_API ni_status ni_renameprop(void *handle, ni_id *id, ni_index property, ni_name_const name)
{
        struct call c = begin(handle, id);
        c.args.prop_index = property;
        c.args.value = wire_name(&c.arena, name);
        run(&c, NI_PROC_renameprop);
        return finish(&c, id);
}

NI_API ni_status ni_createname(void *handle, ni_id *id, ni_index property, ni_name_const value,
                               ni_index where)
{
        struct call c = begin(handle, id);
        c.args.prop_index = property;
        c.args.value = wire_name(&c.arena, value);
        c.args.where = where;
        run(&c, NI_PROC_createname);
        return finish(&c, id);
}

NI_API ni_status ni_destroyname(void *handle, ni_id *id, ni_index property, ni_index value)
{
        struct call c = begin(handle, id);
        c.args.prop_index = property;
        c.args.name_index = value;
        run(&c, NI_PROC_destroyname);
        return finish(&c, id);
}

NI_API ni_status ni_readname(void *handle, ni_id *id, ni_index property, ni_index value, ni_name *name)
{
        struct call c = begin(handle, id);
        c.args.prop_index = property;
        c.args.name_index = value;
        if (run(&c, NI_PROC_readname))
                *name = api_name(c.result.value);
        return finish(&c, id);
}

NI_API ni_status ni_writename(void *handle, ni_id *id, ni_index property, ni_index value, ni_name_const name)
{
        struct call c = begin(handle, id);
        c.args.prop_index = property;
        c.args.name_index = value;
        c.args.value = wire_name(&c.arena, name);
        run(&c, NI_PROC_writename);
        return finish(&c, id);
}

NI_API ni_status ni_resync(void *handle)
{
        struct call c = begin(handle, NULL);
        run(&c, NI_PROC_resync);
        return end(&c, NULL, c.result.id);
}

bool edit_args_of(struct arena *arena, const char *what, const netinfo_change *changes, unsigned n,
                  struct ext_edit_args *ret)
{
        static const uint32_t kinds[] = {EXT_OP_WRITE, EXT_OP_CREATE, EXT_OP_DESTROY};
        struct ext_op *ops = n <= LIMIT_EDIT_OPS ? arena_zalloc(arena, n, sizeof(*ops)) : NULL;
        for (unsigned i = 0; ops && i < n; i++) {
                struct ext_op *op = &ops[i];
                op->kind = kinds[changes[i].kind % 3u];
                op->flags = op->kind == EXT_OP_DESTROY ? EXT_OP_RECURSIVE : 0;
                op->ref.value = changes[i].id.nii_object;
                op->ref.has_instance = changes[i].kind == NETINFO_WRITE;
                op->ref.instance = changes[i].id.nii_instance;
                op->where = NI_INDEX_NULL;
                op->props = wire_proplist(arena, changes[i].properties);
        }
        if (!ops || arena->failed)
                return false;
        *ret = (struct ext_edit_args){.what = bytes_str(what), .ops = ops, .op_count = n};
        return true;
}

NI_API ni_status netinfo_edit(void *handle, const char *what, netinfo_change *changes, unsigned int n,
                              unsigned int *failed)
{
        struct api_handle *h = handle;
        struct arena arena;
        struct ext_edit_result r = {.failed_op = n};
        struct ext_edit_args args;
        if (n == 0)
                return NI_OK;
        arena_init(&arena, LIMIT_ARENA);
        ni_status s = NI_NOSPACE;
        pthread_mutex_lock(&h->lock);
        if (edit_args_of(&arena, what, changes, n, &args))
                s = handle_edit(h, &args, &r);
        for (unsigned int i = 0; s == NI_OK && i < n && i < r.id_count; i++)
                if (changes[i].kind != NETINFO_DESTROY)
                        changes[i].id = (ni_id){r.ids[i].object, r.ids[i].instance};
        pthread_mutex_unlock(&h->lock);
        arena_done(&arena);
        if (s != NI_OK && failed)
                *failed = r.failed_op < n ? r.failed_op : n;
        return s;
}
