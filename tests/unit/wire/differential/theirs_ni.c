/* The historical programs: from struct ni_args and friends to the structs that rpcgen made of doc/netinfo.x.
 */
#include "convert.h"

/* -- arguments */

static void args_id(const void *ours, void *theirs)
{
        const struct ni_args *o = ours;
        t_ni_id *t = theirs;
        *t = id_of(o->id);
}

static void args_create(const void *ours, void *theirs)
{
        const struct ni_args *o = ours;
        t_ni_create_args *t = theirs;
        t->id = id_of(o->id);
        t->props = proplist_of(o->props);
        t->where = o->where;
        if (o->has_target) {
                t->target_id = pool(sizeof(t_ni_id));
                *t->target_id = id_of(o->target);
        }
}

static void args_destroy(const void *ours, void *theirs)
{
        const struct ni_args *o = ours;
        t_ni_destroy_args *t = theirs;
        t->parent_id = id_of(o->id);
        t->self_id = id_of(o->child);
}

static void args_stuff(const void *ours, void *theirs)
{
        const struct ni_args *o = ours;
        t_ni_proplist_stuff *t = theirs;
        t->id = id_of(o->id);
        t->props = proplist_of(o->props);
}

static void args_lookup(const void *ours, void *theirs)
{
        const struct ni_args *o = ours;
        t_ni_lookup_args *t = theirs;
        t->id = id_of(o->id);
        t->key = string_of(o->key);
        t->value = string_of(o->value);
}

static void args_name(const void *ours, void *theirs)
{
        const struct ni_args *o = ours;
        t_ni_name_args *t = theirs;
        t->id = id_of(o->id);
        t->name = string_of(o->value);
}

static void args_createprop(const void *ours, void *theirs)
{
        const struct ni_args *o = ours;
        t_ni_createprop_args *t = theirs;
        t->id = id_of(o->id);
        t->prop.nip_name = string_of(o->prop.name);
        t->prop.nip_val = namelist_of(o->prop.values);
        t->where = o->where;
}

static void args_prop(const void *ours, void *theirs)
{
        const struct ni_args *o = ours;
        t_ni_prop_args *t = theirs;
        t->id = id_of(o->id);
        t->prop_index = o->prop_index;
}

static void args_writeprop(const void *ours, void *theirs)
{
        const struct ni_args *o = ours;
        t_ni_writeprop_args *t = theirs;
        t->id = id_of(o->id);
        t->prop_index = o->prop_index;
        t->values = namelist_of(o->values);
}

static void args_propname(const void *ours, void *theirs)
{
        const struct ni_args *o = ours;
        t_ni_propname_args *t = theirs;
        t->id = id_of(o->id);
        t->prop_index = o->prop_index;
        t->name = string_of(o->value);
}

static void args_createname(const void *ours, void *theirs)
{
        const struct ni_args *o = ours;
        t_ni_createname_args *t = theirs;
        t->id = id_of(o->id);
        t->prop_index = o->prop_index;
        t->name = string_of(o->value);
        t->where = o->where;
}

static void args_nameindex(const void *ours, void *theirs)
{
        const struct ni_args *o = ours;
        t_ni_nameindex_args *t = theirs;
        t->id = id_of(o->id);
        t->prop_index = o->prop_index;
        t->name_index = o->name_index;
}

static void args_writename(const void *ours, void *theirs)
{
        const struct ni_args *o = ours;
        t_ni_writename_args *t = theirs;
        t->id = id_of(o->id);
        t->prop_index = o->prop_index;
        t->name_index = o->name_index;
        t->name = string_of(o->value);
}

static void args_binding(const void *ours, void *theirs)
{
        const struct ni_args *o = ours;
        t_ni_binding *t = theirs;
        t->tag = string_of(o->value);
        t->addr = o->number;
}

static void args_checksum(const void *ours, void *theirs)
{
        const struct ni_args *o = ours;
        u_int *t = theirs;
        *t = o->number;
}

const struct row ni_args_rows[NI_PROC_COUNT] = {
        [0] = {NULL, NULL},
        [1] = {NULL, NULL},
        [2] = {NULL, NULL},
        [3] = {(xdrproc_t)xdr_t_ni_id, args_id},
        [4] = {(xdrproc_t)xdr_t_ni_id, args_id},
        [5] = {(xdrproc_t)xdr_t_ni_create_args, args_create},
        [6] = {(xdrproc_t)xdr_t_ni_destroy_args, args_destroy},
        [7] = {(xdrproc_t)xdr_t_ni_id, args_id},
        [8] = {(xdrproc_t)xdr_t_ni_proplist_stuff, args_stuff},
        [9] = {(xdrproc_t)xdr_t_ni_id, args_id},
        [10] = {(xdrproc_t)xdr_t_ni_lookup_args, args_lookup},
        [11] = {(xdrproc_t)xdr_t_ni_name_args, args_name},
        [12] = {(xdrproc_t)xdr_t_ni_createprop_args, args_createprop},
        [13] = {(xdrproc_t)xdr_t_ni_prop_args, args_prop},
        [14] = {(xdrproc_t)xdr_t_ni_prop_args, args_prop},
        [15] = {(xdrproc_t)xdr_t_ni_writeprop_args, args_writeprop},
        [16] = {(xdrproc_t)xdr_t_ni_propname_args, args_propname},
        [17] = {(xdrproc_t)xdr_t_ni_id, args_id},
        [18] = {(xdrproc_t)xdr_t_ni_createname_args, args_createname},
        [19] = {(xdrproc_t)xdr_t_ni_nameindex_args, args_nameindex},
        [20] = {(xdrproc_t)xdr_t_ni_nameindex_args, args_nameindex},
        [21] = {(xdrproc_t)xdr_t_ni_writename_args, args_writename},
        [22] = {NULL, NULL},
        [23] = {(xdrproc_t)xdr_t_ni_id, args_id},
        [24] = {(xdrproc_t)xdr_t_ni_binding, args_binding},
        [25] = {(xdrproc_t)xdr_u_int, args_checksum},
        [26] = {(xdrproc_t)xdr_u_int, args_checksum},
        [27] = {NULL, NULL},
        [28] = {(xdrproc_t)xdr_t_ni_lookup_args, args_lookup},
};

/* -- results */

static t_ni_idlist idlist_of(const uint32_t *v, uint32_t n)
{
        t_ni_idlist t = {n, pool(n * sizeof(t_ni_index))};
        for (uint32_t i = 0; i < n; i++)
                t.t_ni_idlist_val[i] = v[i];
        return t;
}

static t_ni_entrylist entries_of(const struct ni_result *o)
{
        t_ni_entrylist t = {o->entry_count, pool(o->entry_count * sizeof(t_ni_entry))};
        for (uint32_t i = 0; i < o->entry_count; i++) {
                t_ni_entry *e = &t.t_ni_entrylist_val[i];
                e->id = o->entries[i].object;
                if (o->entries[i].has_names) {
                        e->names = pool(sizeof(t_ni_namelist));
                        *e->names = namelist_of(o->entries[i].names);
                }
        }
        return t;
}

static t_ni_object_list all_of(const struct ni_result *o)
{
        t_ni_object_list first = NULL, *link = &first;
        for (uint32_t i = 0; i < o->all_count; i++) {
                t_ni_object_node *n = pool(sizeof(*n));
                n->object.nio_id = id_of(o->all[i].id);
                n->object.nio_props = proplist_of(o->all[i].props);
                n->object.nio_parent = o->all[i].parent;
                n->object.nio_children = idlist_of(o->all[i].children, o->all[i].child_count);
                *link = n;
                link = &n->next;
        }
        return first;
}

static void result_statistics(const void *ours, void *theirs)
{
        const struct ni_result *o = ours;
        t_ni_proplist *t = theirs;
        *t = proplist_of(o->props);
}

static void result_status(const void *ours, void *theirs)
{
        const struct ni_result *o = ours;
        t_ni_status *t = theirs;
        *t = (t_ni_status)o->status;
}

static void result_id(const void *ours, void *theirs)
{
        const struct ni_result *o = ours;
        t_ni_id_res *t = theirs;
        t->status = (t_ni_status)o->status;
        t->t_ni_id_res_u.id = id_of(o->id);
}

static void result_parent(const void *ours, void *theirs)
{
        const struct ni_result *o = ours;
        t_ni_parent_res *t = theirs;
        t->status = (t_ni_status)o->status;
        t_ni_parent_stuff *s = &t->t_ni_parent_res_u.stuff;
        s->object_id = o->parent;
        s->self_id = id_of(o->id);
}

static void result_children(const void *ours, void *theirs)
{
        const struct ni_result *o = ours;
        t_ni_children_res *t = theirs;
        t->status = (t_ni_status)o->status;
        t_ni_children_stuff *s = &t->t_ni_children_res_u.stuff;
        s->children = idlist_of(o->objects, o->object_count);
        s->self_id = id_of(o->id);
}

static void result_list(const void *ours, void *theirs)
{
        const struct ni_result *o = ours;
        t_ni_list_res *t = theirs;
        t->status = (t_ni_status)o->status;
        t_ni_list_stuff *s = &t->t_ni_list_res_u.stuff;
        s->entries = entries_of(o);
        s->self_id = id_of(o->id);
}

static void result_listall(const void *ours, void *theirs)
{
        const struct ni_result *o = ours;
        t_ni_listall_res *t = theirs;
        t->status = (t_ni_status)o->status;
        t_ni_listall_stuff *s = &t->t_ni_listall_res_u.stuff;
        s->self_id = id_of(o->id);
        s->entries.t_ni_proplist_list_len = o->list_count;
        s->entries.t_ni_proplist_list_val = pool(o->list_count * sizeof(t_ni_proplist));
        for (uint32_t i = 0; i < o->list_count; i++)
                s->entries.t_ni_proplist_list_val[i] = proplist_of(o->lists[i]);
}

static void result_proplist(const void *ours, void *theirs)
{
        const struct ni_result *o = ours;
        t_ni_proplist_res *t = theirs;
        t->status = (t_ni_status)o->status;
        t_ni_proplist_stuff *s = &t->t_ni_proplist_res_u.stuff;
        s->id = id_of(o->id);
        s->props = proplist_of(o->props);
}

static void result_create(const void *ours, void *theirs)
{
        const struct ni_result *o = ours;
        t_ni_create_res *t = theirs;
        t->status = (t_ni_status)o->status;
        t_ni_create_stuff *s = &t->t_ni_create_res_u.stuff;
        s->id = id_of(o->id);
        s->self_id = id_of(o->self);
}

static void result_lookup(const void *ours, void *theirs)
{
        const struct ni_result *o = ours;
        t_ni_lookup_res *t = theirs;
        t->status = (t_ni_status)o->status;
        t_ni_lookup_stuff *s = &t->t_ni_lookup_res_u.stuff;
        s->idlist = idlist_of(o->objects, o->object_count);
        s->self_id = id_of(o->id);
}

static void result_namelist(const void *ours, void *theirs)
{
        const struct ni_result *o = ours;
        t_ni_namelist_res *t = theirs;
        t->status = (t_ni_status)o->status;
        t_ni_namelist_stuff *s = &t->t_ni_namelist_res_u.stuff;
        s->values = namelist_of(o->values);
        s->self_id = id_of(o->id);
}

static void result_readname(const void *ours, void *theirs)
{
        const struct ni_result *o = ours;
        t_ni_readname_res *t = theirs;
        t->status = (t_ni_status)o->status;
        t_ni_readname_stuff *s = &t->t_ni_readname_res_u.stuff;
        s->id = id_of(o->id);
        s->name = string_of(o->value);
}

static void result_rparent(const void *ours, void *theirs)
{
        const struct ni_result *o = ours;
        t_ni_rparent_res *t = theirs;
        t->status = (t_ni_status)o->status;
        t->t_ni_rparent_res_u.binding.tag = string_of(o->value);
        t->t_ni_rparent_res_u.binding.addr = o->addr;
}

static void result_readall(const void *ours, void *theirs)
{
        const struct ni_result *o = ours;
        t_ni_readall_res *t = theirs;
        t->status = (t_ni_status)o->status;
        t_ni_readall_stuff *s = &t->t_ni_readall_res_u.stuff;
        s->checksum = o->checksum;
        s->highestid = o->highest;
        s->list = all_of(o);
}

const struct row ni_result_rows[NI_PROC_COUNT] = {
        [0] = {NULL, NULL},
        [1] = {(xdrproc_t)xdr_t_ni_proplist, result_statistics},
        [2] = {(xdrproc_t)xdr_t_ni_id_res, result_id},
        [3] = {(xdrproc_t)xdr_t_ni_id_res, result_id},
        [4] = {(xdrproc_t)xdr_t_ni_parent_res, result_parent},
        [5] = {(xdrproc_t)xdr_t_ni_create_res, result_create},
        [6] = {(xdrproc_t)xdr_t_ni_id_res, result_id},
        [7] = {(xdrproc_t)xdr_t_ni_proplist_res, result_proplist},
        [8] = {(xdrproc_t)xdr_t_ni_id_res, result_id},
        [9] = {(xdrproc_t)xdr_t_ni_children_res, result_children},
        [10] = {(xdrproc_t)xdr_t_ni_lookup_res, result_lookup},
        [11] = {(xdrproc_t)xdr_t_ni_list_res, result_list},
        [12] = {(xdrproc_t)xdr_t_ni_id_res, result_id},
        [13] = {(xdrproc_t)xdr_t_ni_id_res, result_id},
        [14] = {(xdrproc_t)xdr_t_ni_namelist_res, result_namelist},
        [15] = {(xdrproc_t)xdr_t_ni_id_res, result_id},
        [16] = {(xdrproc_t)xdr_t_ni_id_res, result_id},
        [17] = {(xdrproc_t)xdr_t_ni_namelist_res, result_namelist},
        [18] = {(xdrproc_t)xdr_t_ni_id_res, result_id},
        [19] = {(xdrproc_t)xdr_t_ni_id_res, result_id},
        [20] = {(xdrproc_t)xdr_t_ni_readname_res, result_readname},
        [21] = {(xdrproc_t)xdr_t_ni_id_res, result_id},
        [22] = {(xdrproc_t)xdr_t_ni_rparent_res, result_rparent},
        [23] = {(xdrproc_t)xdr_t_ni_listall_res, result_listall},
        [24] = {NULL, NULL},
        [25] = {(xdrproc_t)xdr_t_ni_readall_res, result_readall},
        [26] = {NULL, NULL},
        [27] = {(xdrproc_t)xdr_t_ni_status, result_status},
        [28] = {(xdrproc_t)xdr_t_ni_proplist_res, result_proplist},
};
