#include "wire/ni.h"

/* -- arguments: which fields of struct ni_args a procedure carries, in wire order (protocol.md 2.1, 2.4) --
 */
enum arg {
        A_END,
        A_ID,
        A_CHILD,
        A_PROPS,
        A_PROP,
        A_VALUES,
        A_WHERE,
        A_PROP_INDEX,
        A_NAME_INDEX,
        A_TARGET,
        A_KEY,
        A_VALUE,
        A_NUMBER,
};

#define ARGS_none       A_END
#define ARGS_id         A_ID
#define ARGS_create     A_ID, A_PROPS, A_WHERE, A_TARGET
#define ARGS_destroy    A_ID, A_CHILD
#define ARGS_stuff      A_ID, A_PROPS
#define ARGS_lookup     A_ID, A_KEY, A_VALUE
#define ARGS_name       A_ID, A_VALUE
#define ARGS_createprop A_ID, A_PROP, A_WHERE
#define ARGS_prop       A_ID, A_PROP_INDEX
#define ARGS_writeprop  A_ID, A_PROP_INDEX, A_VALUES
#define ARGS_propname   A_ID, A_PROP_INDEX, A_VALUE
#define ARGS_createname A_ID, A_PROP_INDEX, A_VALUE, A_WHERE
#define ARGS_nameindex  A_ID, A_PROP_INDEX, A_NAME_INDEX
#define ARGS_writename  A_ID, A_PROP_INDEX, A_NAME_INDEX, A_VALUE
#define ARGS_binding    A_VALUE, A_NUMBER
#define ARGS_checksum   A_NUMBER

#define FIELDS_MAX 5 /* of one procedure, with the A_END or R_END behind them */
static const uint8_t arg_fields[NI_PROC_COUNT][FIELDS_MAX] = {
#define X(n, name, args, result, kind, udp) [n] = {ARGS_##args},
        NI_PROCS(X)
#undef X
};

static void arg_decode(enum arg field, struct xdr_in *in, struct arena *a, struct ni_args *r)
{
        switch (field) {
        case A_END:
                break;
        case A_ID:
                r->id = xdr_id(in);
                break;
        case A_CHILD:
                r->child = xdr_id(in);
                break;
        case A_PROPS:
                r->props = xdr_proplist(in, a);
                break;
        case A_PROP:
                r->prop = xdr_property(in, a);
                break;
        case A_VALUES:
                r->values = xdr_namelist(in, a);
                break;
        case A_WHERE:
                r->where = xdr_u32(in);
                break;
        case A_PROP_INDEX:
                r->prop_index = xdr_u32(in);
                break;
        case A_NAME_INDEX:
                r->name_index = xdr_u32(in);
                break;
        case A_TARGET:
                r->has_target = xdr_loose_bool(in);
                if (r->has_target)
                        r->target = xdr_id(in);
                break;
        case A_KEY:
                r->key = xdr_name(in);
                break;
        case A_VALUE:
                r->value = xdr_name(in);
                break;
        case A_NUMBER:
                r->number = xdr_u32(in);
                break;
        }
}

static void arg_encode(enum arg field, const struct ni_args *r, struct buf *out)
{
        switch (field) {
        case A_END:
                break;
        case A_ID:
                xdr_put_id(out, r->id);
                break;
        case A_CHILD:
                xdr_put_id(out, r->child);
                break;
        case A_PROPS:
                xdr_put_proplist(out, r->props);
                break;
        case A_PROP:
                xdr_put_property(out, r->prop);
                break;
        case A_VALUES:
                xdr_put_namelist(out, r->values);
                break;
        case A_WHERE:
                xdr_put_u32(out, r->where);
                break;
        case A_PROP_INDEX:
                xdr_put_u32(out, r->prop_index);
                break;
        case A_NAME_INDEX:
                xdr_put_u32(out, r->name_index);
                break;
        case A_TARGET:
                xdr_put_bool(out, r->has_target);
                if (r->has_target)
                        xdr_put_id(out, r->target);
                break;
        case A_KEY:
                xdr_put_opaque(out, r->key);
                break;
        case A_VALUE:
                xdr_put_opaque(out, r->value);
                break;
        case A_NUMBER:
                xdr_put_u32(out, r->number);
                break;
        }
}

bool ni_args_decode(enum ni_proc proc, struct xdr_in *in, struct arena *a, struct ni_args *ret)
{
        struct ni_args r = {0};
        for (const uint8_t *f = arg_fields[proc]; *f; f++)
                arg_decode((enum arg) * f, in, a, &r);
        if (!xdr_ok(in))
                return false;
        *ret = r;
        return true;
}

void ni_args_encode(enum ni_proc proc, const struct ni_args *args, struct buf *out)
{
        for (const uint8_t *f = arg_fields[proc]; *f; f++)
                arg_encode((enum arg) * f, args, out);
}

/* -- results: likewise for struct ni_result; after a status that is not NI_OK nothing follows -- */
enum field {
        R_END,
        R_STATUS,
        R_ID,
        R_SELF,
        R_PARENT,
        R_OBJECTS,
        R_ENTRIES,
        R_LISTS,
        R_PROPS,
        R_VALUES,
        R_VALUE,
        R_ADDR,
        R_CHECKSUM,
        R_HIGHEST,
        R_ALL,
};

#define RESULT_none       R_END
#define RESULT_status     R_STATUS
#define RESULT_statistics R_PROPS
#define RESULT_id         R_STATUS, R_ID
#define RESULT_parent     R_STATUS, R_PARENT, R_ID
#define RESULT_children   R_STATUS, R_OBJECTS, R_ID
#define RESULT_list       R_STATUS, R_ENTRIES, R_ID
#define RESULT_listall    R_STATUS, R_ID, R_LISTS
#define RESULT_proplist   R_STATUS, R_ID, R_PROPS
#define RESULT_create     R_STATUS, R_ID, R_SELF
#define RESULT_lookup     R_STATUS, R_OBJECTS, R_ID
#define RESULT_namelist   R_STATUS, R_VALUES, R_ID
#define RESULT_readname   R_STATUS, R_ID, R_VALUE
#define RESULT_rparent    R_STATUS, R_VALUE, R_ADDR
#define RESULT_readall    R_STATUS, R_CHECKSUM, R_HIGHEST, R_ALL

static const uint8_t result_fields[NI_PROC_COUNT][FIELDS_MAX] = {
#define X(n, name, args, result, kind, udp) [n] = {RESULT_##result},
        NI_PROCS(X)
#undef X
};

static void *array(struct xdr_in *in, struct arena *a, uint32_t n, size_t size)
{
        void *p = in->bad ? NULL : arena_zalloc(a, n, size);
        if (!p)
                xdr_fail(in);
        return p;
}

static uint32_t *idlist_decode(struct xdr_in *in, struct arena *a, uint32_t *ret_count)
{
        const uint32_t n = xdr_count(in, NI_CHILDREN_MAX, 4);
        uint32_t *v = array(in, a, n, sizeof(*v));
        for (uint32_t i = 0; i < n && !in->bad; i++)
                v[i] = xdr_u32(in);
        *ret_count = n;
        return v;
}

static void idlist_encode(const uint32_t *v, uint32_t n, struct buf *out)
{
        xdr_put_u32(out, n);
        for (uint32_t i = 0; i < n; i++)
                xdr_put_u32(out, v[i]);
}

static void entries_decode(struct xdr_in *in, struct arena *a, struct ni_result *r)
{
        r->entry_count = xdr_count(in, NI_CHILDREN_MAX, 8);
        r->entries = array(in, a, r->entry_count, sizeof(*r->entries));
        for (uint32_t i = 0; i < r->entry_count && !in->bad; i++) {
                struct ni_entry *e = &r->entries[i];
                e->object = xdr_u32(in);
                e->has_names = xdr_loose_bool(in);
                if (e->has_names)
                        e->names = xdr_namelist(in, a);
        }
}

static void entries_encode(const struct ni_result *r, struct buf *out)
{
        xdr_put_u32(out, r->entry_count);
        for (uint32_t i = 0; i < r->entry_count; i++) {
                const struct ni_entry *e = &r->entries[i];
                xdr_put_u32(out, e->object);
                xdr_put_bool(out, e->has_names);
                if (e->has_names)
                        xdr_put_namelist(out, e->names);
        }
}

static void lists_decode(struct xdr_in *in, struct arena *a, struct ni_result *r)
{
        r->list_count = xdr_count(in, NI_CHILDREN_MAX, 4);
        r->lists = array(in, a, r->list_count, sizeof(*r->lists));
        for (uint32_t i = 0; i < r->list_count && !in->bad; i++)
                r->lists[i] = xdr_proplist(in, a);
}

static void lists_encode(const struct ni_result *r, struct buf *out)
{
        xdr_put_u32(out, r->list_count);
        for (uint32_t i = 0; i < r->list_count; i++)
                xdr_put_proplist(out, r->lists[i]);
}

/* Steps over one ni_object without allocating. */
static void object_skip(struct xdr_in *in)
{
        xdr_id(in);
        for (uint32_t n = xdr_count(in, NI_PROPS_MAX, 8); n && !in->bad; n--) {
                xdr_opaque(in, NI_NAME_MAX);
                for (uint32_t v = xdr_count(in, NI_VALUES_MAX, 4); v && !in->bad; v--)
                        xdr_opaque(in, NI_NAME_MAX);
        }
        xdr_u32(in);
        xdr_fixed(in, (size_t)xdr_count(in, NI_CHILDREN_MAX, 4) * 4);
}

/* The linked list of READALL does not say how long it is: counted first, then read. */
static void object_decode(struct xdr_in *in, struct arena *a, struct ni_object *o)
{
        o->id = xdr_id(in);
        o->props = xdr_proplist(in, a);
        o->parent = xdr_u32(in);
        o->children = idlist_decode(in, a, &o->child_count);
}

bool ni_readall_head(struct xdr_in *in, struct ni_result *ret)
{
        struct ni_result r = {.status = (enum ni_status)xdr_u32(in)};
        if (r.status == NI_OK) {
                r.checksum = xdr_u32(in);
                r.highest = xdr_u32(in);
        }
        if (!xdr_ok(in))
                return false;
        *ret = r;
        return true;
}

bool ni_readall_next(struct xdr_in *in, struct arena *a, struct ni_object *ret)
{
        if (!xdr_loose_bool(in) || !xdr_ok(in))
                return false;
        object_decode(in, a, ret);
        return xdr_ok(in);
}

static void all_decode(struct xdr_in *in, struct arena *a, struct ni_result *r)
{
        struct xdr_in ahead = *in;
        uint32_t n = 0;
        for (; xdr_loose_bool(&ahead); n++) /* ends also when the input does: 4 bytes and more each */
                object_skip(&ahead);
        if (ahead.bad) {
                xdr_fail(in);
                return;
        }
        r->all_count = n;
        r->all = array(in, a, n, sizeof(*r->all));
        for (uint32_t i = 0; i < n && !in->bad; i++) {
                xdr_u32(in);
                object_decode(in, a, &r->all[i]);
        }
        xdr_u32(in);
}

static void all_encode(const struct ni_result *r, struct buf *out)
{
        for (uint32_t i = 0; i < r->all_count; i++) {
                const struct ni_object *o = &r->all[i];
                xdr_put_bool(out, true);
                xdr_put_id(out, o->id);
                xdr_put_proplist(out, o->props);
                xdr_put_u32(out, o->parent);
                idlist_encode(o->children, o->child_count, out);
        }
        xdr_put_bool(out, false);
}

static void field_decode(enum field field, struct xdr_in *in, struct arena *a, struct ni_result *r)
{
        switch (field) {
        case R_END:
                break;
        case R_STATUS:
                r->status = (enum ni_status)xdr_u32(in);
                break;
        case R_ID:
                r->id = xdr_id(in);
                break;
        case R_SELF:
                r->self = xdr_id(in);
                break;
        case R_PARENT:
                r->parent = xdr_u32(in);
                break;
        case R_OBJECTS:
                r->objects = idlist_decode(in, a, &r->object_count);
                break;
        case R_ENTRIES:
                entries_decode(in, a, r);
                break;
        case R_LISTS:
                lists_decode(in, a, r);
                break;
        case R_PROPS:
                r->props = xdr_proplist(in, a);
                break;
        case R_VALUES:
                r->values = xdr_namelist(in, a);
                break;
        case R_VALUE:
                r->value = xdr_name(in);
                break;
        case R_ADDR:
                r->addr = xdr_u32(in);
                break;
        case R_CHECKSUM:
                r->checksum = xdr_u32(in);
                break;
        case R_HIGHEST:
                r->highest = xdr_u32(in);
                break;
        case R_ALL:
                all_decode(in, a, r);
                break;
        }
}

static void field_encode(enum field field, const struct ni_result *r, struct buf *out)
{
        switch (field) {
        case R_END:
                break;
        case R_STATUS:
                xdr_put_u32(out, (uint32_t)r->status);
                break;
        case R_ID:
                xdr_put_id(out, r->id);
                break;
        case R_SELF:
                xdr_put_id(out, r->self);
                break;
        case R_PARENT:
                xdr_put_u32(out, r->parent);
                break;
        case R_OBJECTS:
                idlist_encode(r->objects, r->object_count, out);
                break;
        case R_ENTRIES:
                entries_encode(r, out);
                break;
        case R_LISTS:
                lists_encode(r, out);
                break;
        case R_PROPS:
                xdr_put_proplist(out, r->props);
                break;
        case R_VALUES:
                xdr_put_namelist(out, r->values);
                break;
        case R_VALUE:
                xdr_put_opaque(out, r->value);
                break;
        case R_ADDR:
                xdr_put_u32(out, r->addr);
                break;
        case R_CHECKSUM:
                xdr_put_u32(out, r->checksum);
                break;
        case R_HIGHEST:
                xdr_put_u32(out, r->highest);
                break;
        case R_ALL:
                all_encode(r, out);
                break;
        }
}

bool ni_result_decode(enum ni_proc proc, struct xdr_in *in, struct arena *a, struct ni_result *ret)
{
        struct ni_result r = {.status = NI_OK};
        for (const uint8_t *f = result_fields[proc]; *f && r.status == NI_OK; f++)
                field_decode((enum field) * f, in, a, &r);
        if (!xdr_ok(in))
                return false;
        *ret = r;
        return true;
}

void ni_result_encode(enum ni_proc proc, const struct ni_result *result, struct buf *out)
{
        for (const uint8_t *f = result_fields[proc]; *f; f++) {
                field_encode((enum field) * f, result, out);
                if (result->status != NI_OK)
                        break;
        }
}
