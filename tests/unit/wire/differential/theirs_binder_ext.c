/* The binder and the extension program: from our structs to those that rpcgen made of doc/netinfo.x and
 * doc/netinfo-ext.x. */
#include "convert.h"

/* -- binder */

static void args_registration(const void *ours, void *theirs)
{
        const struct binder_args *o = ours;
        t_nibind_registration *t = theirs;
        t->tag = string_of(o->tag);
        t->addrs.udp_port = o->udp_port;
        t->addrs.tcp_port = o->tcp_port;
}

static void args_tag(const void *ours, void *theirs)
{
        const struct binder_args *o = ours;
        t_ni_name *t = theirs;
        *t = string_of(o->tag);
}

static void args_clone(const void *ours, void *theirs)
{
        const struct binder_args *o = ours;
        t_nibind_clone_args *t = theirs;
        t->tag = string_of(o->tag);
        t->master_name = string_of(o->master_name);
        t->master_addr = o->master_addr;
        t->master_tag = string_of(o->master_tag);
}

static void args_bind(const void *ours, void *theirs)
{
        const struct binder_args *o = ours;
        t_nibind_bind_args *t = theirs;
        t->client_addr = o->client_addr;
        t->client_tag = string_of(o->client_tag);
        t->server_tag = string_of(o->tag);
}

const struct row binder_args_rows[NIBIND_PROC_COUNT] = {
        [0] = {NULL, NULL},
        [1] = {(xdrproc_t)xdr_t_nibind_registration, args_registration},
        [2] = {(xdrproc_t)xdr_t_ni_name, args_tag},
        [3] = {(xdrproc_t)xdr_t_ni_name, args_tag},
        [4] = {NULL, NULL},
        [5] = {(xdrproc_t)xdr_t_ni_name, args_tag},
        [6] = {(xdrproc_t)xdr_t_nibind_clone_args, args_clone},
        [7] = {(xdrproc_t)xdr_t_ni_name, args_tag},
        [8] = {(xdrproc_t)xdr_t_nibind_bind_args, args_bind},
};

static void result_status(const void *ours, void *theirs)
{
        const struct binder_result *o = ours;
        t_ni_status *t = theirs;
        *t = (t_ni_status)o->status;
}

static void result_addrinfo(const void *ours, void *theirs)
{
        const struct binder_result *o = ours;
        t_nibind_getregister_res *t = theirs;
        t->status = (t_ni_status)o->status;
        t->t_nibind_getregister_res_u.addrs.udp_port = o->udp_port;
        t->t_nibind_getregister_res_u.addrs.tcp_port = o->tcp_port;
}

static void result_registrations(const void *ours, void *theirs)
{
        const struct binder_result *o = ours;
        t_nibind_listreg_res *t = theirs;
        t->status = (t_ni_status)o->status;
        t->t_nibind_listreg_res_u.regs.regs_len = o->reg_count;
        t_nibind_registration *v = pool(o->reg_count * sizeof(*v));
        t->t_nibind_listreg_res_u.regs.regs_val = v;
        for (uint32_t i = 0; i < o->reg_count; i++) {
                v[i].tag = string_of(o->regs[i].tag);
                v[i].addrs.udp_port = o->regs[i].udp_port;
                v[i].addrs.tcp_port = o->regs[i].tcp_port;
        }
}

const struct row binder_result_rows[NIBIND_PROC_COUNT] = {
        [0] = {NULL, NULL},
        [1] = {(xdrproc_t)xdr_t_ni_status, result_status},
        [2] = {(xdrproc_t)xdr_t_ni_status, result_status},
        [3] = {(xdrproc_t)xdr_t_nibind_getregister_res, result_addrinfo},
        [4] = {(xdrproc_t)xdr_t_nibind_listreg_res, result_registrations},
        [5] = {(xdrproc_t)xdr_t_ni_status, result_status},
        [6] = {(xdrproc_t)xdr_t_ni_status, result_status},
        [7] = {(xdrproc_t)xdr_t_ni_status, result_status},
        [8] = {NULL, NULL},
};

/* -- extension: arguments */

static void args_ext_tag(const void *ours, void *theirs)
{
        *(t_ext_tag *)theirs = string_of(*(const struct bytes *)ours);
}

static void args_ext_changes(const void *ours, void *theirs)
{
        const struct ext_changes_args *o = ours;
        t_ext_changes_args *t = theirs;
        t->tag = string_of(o->tag);
        t->epoch = o->epoch;
        t->seq = o->seq;
        t->max_entries = o->max_entries;
        t->wait_ms = o->wait_ms;
        t->flags = o->flags;
}

static void args_ext_snapshot(const void *ours, void *theirs)
{
        const struct ext_snapshot_args *o = ours;
        t_ext_snapshot_args *t = theirs;
        t->tag = string_of(o->tag);
        t->epoch = o->epoch;
        t->from = o->from;
        t->max_bytes = o->max_bytes;
}

static t_ext_ref ref_of(const struct ext_ref *r)
{
        t_ext_ref t = {r->by_op, r->value, NULL};
        if (r->has_instance) {
                t.instance = pool(sizeof(u_int));
                *t.instance = r->instance;
        }
        return t;
}

static void fill_op(const struct ext_op *o, t_ext_op *t)
{
        t->kind = (t_ext_op_kind)o->kind;
        switch (o->kind) {
        case EXT_OP_CREATE:
                t->t_ext_op_u.create = (t_ext_create_op){ref_of(&o->ref), proplist_of(o->props), o->where};
                break;
        case EXT_OP_DESTROY:
                t->t_ext_op_u.destroy = (t_ext_destroy_op){ref_of(&o->ref), o->flags};
                break;
        case EXT_OP_WRITE:
                t->t_ext_op_u.write = (t_ext_write_op){ref_of(&o->ref), proplist_of(o->props)};
                break;
        case EXT_OP_RENAME:
                t->t_ext_op_u.rename =
                        (t_ext_rename_op){ref_of(&o->ref), string_of(o->name), string_of(o->values.v[0])};
                break;
        case EXT_OP_MOVE:
                t->t_ext_op_u.move = (t_ext_move_op){ref_of(&o->ref), ref_of(&o->target), o->where};
                break;
        case EXT_OP_ASSERT_SAME:
                t->t_ext_op_u.same = ref_of(&o->ref);
                break;
        default: /* SET, ADD, REMOVE, ASSERT_NONE */
                t->t_ext_op_u.values =
                        (t_ext_values_op){ref_of(&o->ref), string_of(o->name), namelist_of(o->values)};
                break;
        }
}

static void args_ext_edit(const void *ours, void *theirs)
{
        const struct ext_edit_args *o = ours;
        t_ext_edit_args *t = theirs;
        t->tag = string_of(o->tag);
        t->what = string_of(o->what);
        t->ops.ops_len = o->op_count;
        t->ops.ops_val = pool(o->op_count * sizeof(t_ext_op));
        for (uint32_t i = 0; i < o->op_count; i++)
                fill_op(&o->ops[i], &t->ops.ops_val[i]);
}

static t_ext_place *cursor_of(const struct ext_place *v, uint32_t n)
{
        t_ext_place *t = pool(n * sizeof(*t));
        for (uint32_t i = 0; i < n; i++)
                t[i] = (t_ext_place){v[i].ordinal, v[i].object, v[i].born};
        return t;
}

static void args_ext_search(const void *ours, void *theirs)
{
        const struct ext_search_args *o = ours;
        t_ext_search_args *t = theirs;
        t->tag = string_of(o->tag);
        t->epoch = o->epoch;
        t->object = o->object;
        t->depth = o->depth;
        t->flags = o->flags;
        t->conditions.conditions_len = o->condition_count;
        t->conditions.conditions_val = pool(o->condition_count * sizeof(t_ext_condition));
        for (uint32_t i = 0; i < o->condition_count; i++) {
                const struct ext_condition *c = &o->conditions[i];
                t->conditions.conditions_val[i] = (t_ext_condition){(t_ext_condition_kind)c->kind, c->flags,
                                                                    string_of(c->name), string_of(c->value)};
        }
        t->wanted = namelist_of(o->wanted);
        t->max_entries = o->max_entries;
        t->cursor.cursor_len = o->cursor_count;
        t->cursor.cursor_val = cursor_of(o->cursor, o->cursor_count);
}

static void args_ext_history(const void *ours, void *theirs)
{
        const struct ext_history_args *o = ours;
        t_ext_history_args *t = theirs;
        t->tag = string_of(o->tag);
        t->epoch = o->epoch;
        t->kind = (t_ext_history_kind)o->kind;
        t->flags = o->flags;
        t->object = o->object;
        t->born = o->born;
        t->at = o->at;
        t->from = o->from;
        t->max_entries = o->max_entries;
}

static void args_ext_replica(const void *ours, void *theirs)
{
        const struct ext_replica_args *o = ours;
        t_ext_replica_args *t = theirs;
        t->tag = string_of(o->tag);
        t->verb = (t_ext_replica_verb)o->verb;
        t->flags = o->flags;
        t->where = string_of(o->where);
}

static void args_ext_login(const void *ours, void *theirs)
{
        const struct ext_login_args *o = ours;
        t_ext_login_args *t = theirs;
        t->tag = string_of(o->tag);
        t->user = string_of(o->user);
        t->password.password_len = (unsigned)o->password.len;
        t->password.password_val = string_of(o->password);
}

static t_ext_der der_of(struct bytes b)
{
        return (t_ext_der){(unsigned)b.len, string_of(b)};
}

static void args_ext_join(const void *ours, void *theirs)
{
        const struct ext_join_args *o = ours;
        t_ext_join_args *t = theirs;
        memcpy(t->token, o->token, sizeof(t->token));
        t->name = string_of(o->name);
        t->request = der_of(o->request);
        memcpy(t->proof, o->proof, sizeof(t->proof));
}

static void args_ext_renew(const void *ours, void *theirs)
{
        const struct ext_renew_args *o = ours;
        t_ext_renew_args *t = theirs;
        t->request = der_of(o->request);
}

static void args_ext_authority(const void *ours, void *theirs)
{
        const struct ext_authority_args *o = ours;
        t_ext_authority_args *t = theirs;
        t->verb = (t_ext_authority_verb)o->verb;
        t->flags = o->flags;
        t->subject = string_of(o->subject);
        t->from = string_of(o->from);
        t->count = o->count;
        t->seconds = o->seconds;
        t->domains = string_of(o->domains);
        t->request = der_of(o->request);
        t->after = o->after;
}

const struct row ext_args_rows[NIEXT_PROC_COUNT] = {
        [NIEXT_PROC_status] = {(xdrproc_t)xdr_t_ext_tag, args_ext_tag},
        [NIEXT_PROC_changes] = {(xdrproc_t)xdr_t_ext_changes_args, args_ext_changes},
        [NIEXT_PROC_snapshot] = {(xdrproc_t)xdr_t_ext_snapshot_args, args_ext_snapshot},
        [NIEXT_PROC_edit] = {(xdrproc_t)xdr_t_ext_edit_args, args_ext_edit},
        [NIEXT_PROC_search] = {(xdrproc_t)xdr_t_ext_search_args, args_ext_search},
        [NIEXT_PROC_history] = {(xdrproc_t)xdr_t_ext_history_args, args_ext_history},
        [NIEXT_PROC_select] = {(xdrproc_t)xdr_t_ext_tag, args_ext_tag},
        [NIEXT_PROC_replica] = {(xdrproc_t)xdr_t_ext_replica_args, args_ext_replica},
        [NIEXT_PROC_login] = {(xdrproc_t)xdr_t_ext_login_args, args_ext_login},
        [NIEXT_PROC_join] = {(xdrproc_t)xdr_t_ext_join_args, args_ext_join},
        [NIEXT_PROC_renew] = {(xdrproc_t)xdr_t_ext_renew_args, args_ext_renew},
        [NIEXT_PROC_authority] = {(xdrproc_t)xdr_t_ext_authority_args, args_ext_authority},
};

/* -- extension: results */

static void result_word(const void *ours, void *theirs)
{
        *(u_int *)theirs = *(const uint32_t *)ours;
}

/* A name of an encoded list that the dice made, thus good. Only inline functions of ours can be had here. */
static char *next_name(struct xdr_in *in)
{
        const uint32_t n = xdr_u32(in);
        char *s = string_of(bytes_of(in->at, n));
        in->at += xdr_padded(n);
        return s;
}

/* Property lists are kept encoded on our side, not on theirs. NULL when absent. */
static t_ni_proplist *encoded_of(bool present, struct bytes encoded)
{
        if (!present)
                return NULL;
        t_ni_proplist *l = pool(sizeof(*l));
        struct xdr_in in = xdr_in(encoded);
        l->t_ni_proplist_len = xdr_u32(&in);
        l->t_ni_proplist_val = pool(l->t_ni_proplist_len * sizeof(t_ni_property));
        for (uint32_t i = 0; i < l->t_ni_proplist_len; i++) {
                t_ni_property *p = &l->t_ni_proplist_val[i];
                p->nip_name = next_name(&in);
                p->nip_val.t_ni_namelist_len = xdr_u32(&in);
                p->nip_val.t_ni_namelist_val = pool(p->nip_val.t_ni_namelist_len * sizeof(t_ni_name));
                for (uint32_t v = 0; v < p->nip_val.t_ni_namelist_len; v++)
                        p->nip_val.t_ni_namelist_val[v] = next_name(&in);
        }
        return l;
}

static void result_ext_status(const void *ours, void *theirs)
{
        const struct ext_status_result *o = ours;
        t_ext_status_res *t = theirs;
        t->status = o->status;
        t_ext_status_ok *s = &t->t_ext_status_res_u.ok;
        memcpy(s->uuid, o->uuid, sizeof(s->uuid));
        s->epoch = o->epoch;
        s->role = o->role;
        s->seq = o->seq;
        s->first_seq = o->first_seq;
        s->checksum = o->checksum;
        memcpy(s->digest, o->digest, sizeof(s->digest));
        s->directories = o->directories;
        s->highest = o->highest;
        s->now = o->now;
        s->server_version = string_of(o->server_version);
        s->you = string_of(o->you);
}

static void fill_entry(const struct ext_entry *o, t_ext_entry *t)
{
        t->seq = o->seq;
        t->when = o->when;
        t->who = string_of(o->who);
        t->from = string_of(o->from);
        t->what = string_of(o->what);
        t->records.records_len = o->record_count;
        t->records.records_val = pool(o->record_count * sizeof(t_ext_record));
        for (uint32_t i = 0; i < o->record_count; i++) {
                const struct ext_record *r = &o->records[i];
                t->records.records_val[i] = (t_ext_record){
                        .kind = (t_ext_record_kind)r->kind,
                        .object = r->object,
                        .born = r->born,
                        .instance = r->instance,
                        .parent = r->parent,
                        .ordinal = r->ordinal,
                        .before = encoded_of(r->has_before, r->before),
                        .after = encoded_of(r->has_after, r->after),
                };
        }
}

static void result_ext_changes(const void *ours, void *theirs)
{
        const struct ext_changes_result *o = ours;
        t_ext_changes_res *t = theirs;
        t->status = o->status;
        t_ext_changes_ok *s = &t->t_ext_changes_res_u.ok;
        s->epoch = o->epoch;
        s->seq = o->seq;
        s->entries.entries_len = o->entry_count;
        s->entries.entries_val = pool(o->entry_count * sizeof(t_ext_entry));
        for (uint32_t i = 0; i < o->entry_count; i++)
                fill_entry(&o->entries[i], &s->entries.entries_val[i]);
}

static void result_ext_snapshot(const void *ours, void *theirs)
{
        const struct ext_snapshot_result *o = ours;
        t_ext_snapshot_res *t = theirs;
        t->status = o->status;
        t_ext_snapshot_ok *s = &t->t_ext_snapshot_res_u.ok;
        s->epoch = o->epoch;
        s->seq = o->seq;
        s->more = o->more;
        s->next = o->next;
        s->nodes.nodes_len = o->node_count;
        s->nodes.nodes_val = pool(o->node_count * sizeof(t_ext_node));
        for (uint32_t i = 0; i < o->node_count; i++) {
                const struct ext_node *n = &o->nodes[i];
                s->nodes.nodes_val[i] = (t_ext_node){id_of(n->id), n->parent,  n->ordinal,
                                                     n->born,      n->version, *encoded_of(true, n->props)};
        }
}

static void result_ext_edit(const void *ours, void *theirs)
{
        const struct ext_edit_result *o = ours;
        t_ext_edit_res *t = theirs;
        t->status = o->status;
        if (o->status != NI_OK) {
                t->t_ext_edit_res_u.failed_op = o->failed_op;
                return;
        }
        t_ext_edit_ok *s = &t->t_ext_edit_res_u.ok;
        s->seq = o->seq;
        s->ids.ids_len = o->id_count;
        s->ids.ids_val = pool(o->id_count * sizeof(t_ni_id));
        for (uint32_t i = 0; i < o->id_count; i++)
                s->ids.ids_val[i] = id_of(o->ids[i]);
}

static void result_ext_search(const void *ours, void *theirs)
{
        const struct ext_search_result *o = ours;
        t_ext_search_res *t = theirs;
        t->status = o->status;
        t_ext_search_ok *s = &t->t_ext_search_res_u.ok;
        s->epoch = o->epoch;
        s->seq = o->seq;
        s->more = o->more;
        s->hits.hits_len = o->hit_count;
        s->hits.hits_val = pool(o->hit_count * sizeof(t_ext_hit));
        for (uint32_t i = 0; i < o->hit_count; i++) {
                const struct ext_hit *h = &o->hits[i];
                s->hits.hits_val[i] = (t_ext_hit){id_of(h->id), h->parent, h->born, string_of(h->path),
                                                  *encoded_of(true, h->props)};
        }
        s->cursor.cursor_len = o->cursor_count;
        s->cursor.cursor_val = cursor_of(o->cursor, o->cursor_count);
}

static void result_ext_history(const void *ours, void *theirs)
{
        const struct ext_history_result *o = ours;
        t_ext_history_res *t = theirs;
        t->status = o->status;
        if (o->status != NI_OK)
                return;
        t_ext_history_ok *s = &t->t_ext_history_res_u.ok;
        s->epoch = o->epoch;
        s->seq = o->seq;
        s->more = o->more;
        s->next = o->next;
        s->what.kind = (t_ext_history_kind)o->kind;
        if (o->kind == EXT_HISTORY_AT) {
                s->what.t_ext_history_what_u.was = (t_ext_history_at){o->at, o->born, o->until, id_of(o->id),
                                                                      *encoded_of(true, o->props)};
                return;
        }
        t_ext_entry *v = pool(o->entry_count * sizeof(*v));
        for (uint32_t i = 0; i < o->entry_count; i++)
                fill_entry(&o->entries[i], &v[i]);
        s->what.t_ext_history_what_u.entries.entries_len = o->entry_count;
        s->what.t_ext_history_what_u.entries.entries_val = v;
}

static void result_ext_replica(const void *ours, void *theirs)
{
        const struct ext_replica_result *o = ours;
        t_ext_replica_res *t = theirs;
        t->status = o->status;
        t_ext_replica_ok *s = &t->t_ext_replica_res_u.ok;
        memcpy(s->uuid, o->uuid, sizeof(s->uuid));
        s->epoch = o->epoch;
        s->seq = o->seq;
        s->role = o->role;
        s->kind = o->kind;
        s->term = o->term;
        s->where = string_of(o->where);
        s->state = string_of(o->state);
        s->reason = string_of(o->reason);
        s->head = o->head;
        s->conflict = string_of(o->conflict);
        s->pushed.pushed_len = o->pushed_count;
        s->pushed.pushed_val = pool(o->pushed_count * sizeof(t_ext_pushed));
        for (uint32_t i = 0; i < o->pushed_count; i++) {
                const struct ext_pushed *p = &o->pushed[i];
                s->pushed.pushed_val[i] = (t_ext_pushed){string_of(p->name), string_of(p->state), p->behind};
        }
}

static void result_ext_join(const void *ours, void *theirs)
{
        const struct ext_join_result *o = ours;
        t_ext_join_res *t = theirs;
        t->status = o->status;
        t->t_ext_join_res_u.ok = (t_ext_join_ok){der_of(o->certificate), string_of(o->domains)};
}

static void result_ext_renew(const void *ours, void *theirs)
{
        const struct ext_renew_result *o = ours;
        t_ext_renew_res *t = theirs;
        t->status = o->status;
        t->t_ext_renew_res_u.certificate = der_of(o->certificate);
}

static void result_ext_authority(const void *ours, void *theirs)
{
        const struct ext_authority_result *o = ours;
        t_ext_authority_res *t = theirs;
        t->status = o->status;
        t_ext_authority_ok *s = &t->t_ext_authority_res_u.ok;
        memcpy(s->uuid, o->uuid, sizeof(s->uuid));
        memcpy(s->pin, o->pin, sizeof(s->pin));
        s->authority = der_of(o->authority);
        s->certificate = der_of(o->certificate);
        memcpy(s->token, o->token, sizeof(s->token));
        s->secret.secret_len = (unsigned)o->secret.len;
        s->secret.secret_val = string_of(o->secret);
        s->lines.lines_len = o->line_count;
        s->lines.lines_val = pool(o->line_count * sizeof(t_ext_line));
        for (uint32_t i = 0; i < o->line_count; i++)
                s->lines.lines_val[i] = string_of(o->lines[i]);
        s->more = o->more;
        s->next = o->next;
}

const struct row ext_result_rows[NIEXT_PROC_COUNT] = {
        [NIEXT_PROC_status] = {(xdrproc_t)xdr_t_ext_status_res, result_ext_status},
        [NIEXT_PROC_changes] = {(xdrproc_t)xdr_t_ext_changes_res, result_ext_changes},
        [NIEXT_PROC_snapshot] = {(xdrproc_t)xdr_t_ext_snapshot_res, result_ext_snapshot},
        [NIEXT_PROC_edit] = {(xdrproc_t)xdr_t_ext_edit_res, result_ext_edit},
        [NIEXT_PROC_search] = {(xdrproc_t)xdr_t_ext_search_res, result_ext_search},
        [NIEXT_PROC_history] = {(xdrproc_t)xdr_t_ext_history_res, result_ext_history},
        [NIEXT_PROC_select] = {(xdrproc_t)xdr_u_int, result_word},
        [NIEXT_PROC_replica] = {(xdrproc_t)xdr_t_ext_replica_res, result_ext_replica},
        [NIEXT_PROC_login] = {(xdrproc_t)xdr_u_int, result_word},
        [NIEXT_PROC_join] = {(xdrproc_t)xdr_t_ext_join_res, result_ext_join},
        [NIEXT_PROC_renew] = {(xdrproc_t)xdr_t_ext_renew_res, result_ext_renew},
        [NIEXT_PROC_authority] = {(xdrproc_t)xdr_t_ext_authority_res, result_ext_authority},
};
