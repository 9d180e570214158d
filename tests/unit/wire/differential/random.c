#include "random.h"

#include <stdlib.h>

uint32_t dice_below(struct dice *d, uint32_t n)
{
        d->state ^= d->state << 13;
        d->state ^= d->state >> 7;
        d->state ^= d->state << 17;
        return (uint32_t)((d->state >> 32) * n >> 32);
}

static uint32_t word(struct dice *d)
{
        return dice_below(d, UINT32_MAX) ^ dice_below(d, 2);
}

uint32_t dice_u32(struct dice *d)
{
        static const uint32_t edges[] = {0,         1, 2, 255, 65535, 0x7fffffff, 0x80000000, UINT32_MAX - 1,
                                         UINT32_MAX};
        switch (dice_below(d, 3)) {
        case 0:
                return edges[dice_below(d, sizeof(edges) / sizeof(edges[0]))];
        case 1:
                return dice_below(d, 1000);
        default:
                return word(d);
        }
}

static uint64_t dice_u64(struct dice *d)
{
        const uint64_t high = dice_u32(d);
        return high << 32 | dice_u32(d);
}

static bool dice_bool(struct dice *d)
{
        return dice_below(d, 2);
}

static void *room(struct dice *d, uint32_t n, size_t size)
{
        void *p = arena_zalloc(d->arena, n, size);
        if (!p)
                abort();
        return p;
}

/* Mostly short lists, now and then a long one. */
static uint32_t dice_count(struct dice *d, uint32_t most)
{
        const uint32_t n = dice_below(d, 200) ? dice_below(d, 4) : dice_below(d, 120);
        return n < most ? n : most;
}

struct bytes dice_name(struct dice *d, uint32_t max)
{
        uint32_t n = dice_below(d, 100) ? dice_below(d, 12) : dice_below(d, 2000);
        if (dice_below(d, 20000) == 0)
                n = max;
        if (n > max)
                n = max;
        uint8_t *p = room(d, n, 1);
        for (uint32_t i = 0; i < n; i++)
                p[i] = (uint8_t)(1 + dice_below(d, 255));
        return bytes_of(p, n);
}

static struct ni_id dice_id(struct dice *d)
{
        const uint32_t object = dice_u32(d);
        return (struct ni_id){object, dice_u32(d)};
}

static struct namelist dice_values(struct dice *d)
{
        struct namelist l = {NULL, dice_count(d, NI_VALUES_MAX)};
        l.v = room(d, l.n, sizeof(*l.v));
        for (uint32_t i = 0; i < l.n; i++)
                l.v[i] = dice_name(d, NI_NAME_MAX);
        return l;
}

static struct property dice_prop(struct dice *d)
{
        const struct bytes name = dice_name(d, NI_NAME_MAX);
        return (struct property){name, dice_values(d)};
}

struct proplist dice_props(struct dice *d)
{
        struct proplist l = {NULL, dice_count(d, NI_PROPS_MAX)};
        l.v = room(d, l.n, sizeof(*l.v));
        for (uint32_t i = 0; i < l.n; i++)
                l.v[i] = dice_prop(d);
        return l;
}

/* An encoded property list, in the arena. */
static struct bytes dice_encoded(struct dice *d)
{
        struct buf b;
        buf_init(&b, 0);
        xdr_put_proplist(&b, dice_props(d));
        const struct bytes copy = arena_bytes(d->arena, buf_bytes(&b));
        buf_done(&b);
        return copy;
}

static uint32_t *dice_objects(struct dice *d, uint32_t *ret_count)
{
        const uint32_t n = dice_count(d, NI_CHILDREN_MAX);
        uint32_t *v = room(d, n, sizeof(*v));
        for (uint32_t i = 0; i < n; i++)
                v[i] = dice_u32(d);
        *ret_count = n;
        return v;
}

/* NI_OK half of the time. */
static enum ni_status dice_status(struct dice *d)
{
        static const enum ni_status some[] = {NI_BADID, NI_STALE,      NI_NODIR,
                                              NI_NOTAG, NI_MASTERBUSY, NI_FAILED};
        return dice_bool(d) ? NI_OK : some[dice_below(d, sizeof(some) / sizeof(some[0]))];
}

void dice_ni_args(struct dice *d, struct ni_args *ret)
{
        *ret = (struct ni_args){
                .id = dice_id(d),
                .child = dice_id(d),
                .props = dice_props(d),
                .prop = dice_prop(d),
                .values = dice_values(d),
                .where = dice_u32(d),
                .prop_index = dice_u32(d),
                .name_index = dice_u32(d),
                .has_target = dice_bool(d),
                .target = dice_id(d),
                .key = dice_name(d, NI_NAME_MAX),
                .value = dice_name(d, NI_NAME_MAX),
                .number = dice_u32(d),
        };
}

static void dice_lists(struct dice *d, struct ni_result *r)
{
        r->entry_count = dice_count(d, NI_CHILDREN_MAX);
        r->entries = room(d, r->entry_count, sizeof(*r->entries));
        for (uint32_t i = 0; i < r->entry_count; i++)
                r->entries[i] = (struct ni_entry){dice_u32(d), dice_bool(d), dice_values(d)};
        r->list_count = dice_below(d, 4);
        r->lists = room(d, r->list_count, sizeof(*r->lists));
        for (uint32_t i = 0; i < r->list_count; i++)
                r->lists[i] = dice_props(d);
        r->all_count = dice_below(d, 4);
        r->all = room(d, r->all_count, sizeof(*r->all));
        for (uint32_t i = 0; i < r->all_count; i++) {
                struct ni_object *o = &r->all[i];
                *o = (struct ni_object){.id = dice_id(d), .props = dice_props(d), .parent = dice_u32(d)};
                o->children = dice_objects(d, &o->child_count);
        }
}

void dice_ni_result(struct dice *d, enum ni_proc proc, struct ni_result *ret)
{
        /* these carry no status word */
        const bool bare = proc == NI_PROC_ping || proc == NI_PROC_statistics || proc == NI_PROC_bind ||
                          proc == NI_PROC_crashed;
        struct ni_result r = {
                .status = bare ? NI_OK : dice_status(d),
                .id = dice_id(d),
                .self = dice_id(d),
                .parent = dice_u32(d),
                .props = dice_props(d),
                .values = dice_values(d),
                .value = dice_name(d, NI_NAME_MAX),
                .addr = dice_u32(d),
                .checksum = dice_u32(d),
                .highest = dice_u32(d),
        };
        r.objects = dice_objects(d, &r.object_count);
        dice_lists(d, &r);
        *ret = r;
}

void dice_binder_args(struct dice *d, struct binder_args *ret)
{
        *ret = (struct binder_args){
                .tag = dice_name(d, NI_NAME_MAX),
                .udp_port = dice_u32(d),
                .tcp_port = dice_u32(d),
                .master_name = dice_name(d, NI_NAME_MAX),
                .master_tag = dice_name(d, NI_NAME_MAX),
                .master_addr = dice_u32(d),
                .client_addr = dice_u32(d),
                .client_tag = dice_name(d, NI_NAME_MAX),
        };
}

void dice_binder_result(struct dice *d, enum nibind_proc proc, struct binder_result *ret)
{
        const bool bare = proc == NIBIND_PROC_ping || proc == NIBIND_PROC_bind;
        struct binder_result r = {.status = bare ? NI_OK : dice_status(d),
                                  .udp_port = dice_u32(d),
                                  .tcp_port = dice_u32(d),
                                  .reg_count = dice_below(d, NI_REGS_MAX + 1)};
        for (uint32_t i = 0; i < r.reg_count; i++)
                r.regs[i] = (struct binder_registration){dice_name(d, 64), dice_u32(d), dice_u32(d)};
        *ret = r;
}

void dice_ext_changes_args(struct dice *d, struct ext_changes_args *ret)
{
        *ret = (struct ext_changes_args){
                .tag = dice_name(d, LIMIT_TAG),
                .epoch = dice_u64(d),
                .seq = dice_u64(d),
                .max_entries = dice_u32(d),
                .wait_ms = dice_u32(d),
                .flags = dice_below(d, 4),
        };
}

void dice_ext_snapshot_args(struct dice *d, struct ext_snapshot_args *ret)
{
        *ret = (struct ext_snapshot_args){.tag = dice_name(d, LIMIT_TAG),
                                          .epoch = dice_u64(d),
                                          .from = dice_u32(d),
                                          .max_bytes = dice_u32(d)};
}

static struct ext_ref dice_ref(struct dice *d, bool need_instance)
{
        return (struct ext_ref){dice_bool(d), dice_u32(d), need_instance || dice_bool(d), dice_u32(d)};
}

static struct ext_op dice_op(struct dice *d)
{
        struct ext_op op = {
                .kind = 1 + dice_below(d, EXT_OP_ASSERT_SAME),
                .flags = dice_below(d, 2),
                .target = dice_ref(d, false),
                .where = dice_u32(d),
                .props = dice_props(d),
                .name = dice_name(d, NI_NAME_MAX),
                .values = dice_values(d),
        };
        op.ref = dice_ref(d, op.kind == EXT_OP_ASSERT_SAME);
        if (op.kind == EXT_OP_RENAME) {
                op.values.v = room(d, 1, sizeof(*op.values.v));
                op.values.n = 1;
                op.values.v[0] = dice_name(d, NI_NAME_MAX);
        }
        return op;
}

void dice_ext_edit_args(struct dice *d, struct ext_edit_args *ret)
{
        struct ext_edit_args r = {.tag = dice_name(d, LIMIT_TAG), .what = dice_name(d, LIMIT_WHO)};
        r.op_count = dice_count(d, LIMIT_EDIT_OPS);
        r.ops = room(d, r.op_count, sizeof(*r.ops));
        for (uint32_t i = 0; i < r.op_count; i++)
                r.ops[i] = dice_op(d);
        *ret = r;
}

static uint32_t dice_ext_word(struct dice *d)
{
        return dice_below(d, 4) ? NI_OK : EXT_TAKE_SNAPSHOT + dice_below(d, 3);
}

void dice_ext_status(struct dice *d, struct ext_status_result *ret)
{
        struct ext_status_result r = {
                .status = dice_ext_word(d),
                .epoch = dice_u64(d),
                .role = dice_below(d, 2),
                .seq = dice_u64(d),
                .first_seq = dice_u64(d),
                .checksum = dice_u32(d),
                .directories = dice_u32(d),
                .highest = dice_u32(d),
                .now = dice_u64(d),
                .server_version = dice_name(d, LIMIT_WHO),
                .you = dice_name(d, LIMIT_WHO),
        };
        for (unsigned i = 0; i < 16; i++) {
                r.uuid[i] = (uint8_t)dice_below(d, 256);
                r.digest[i] = (uint8_t)dice_below(d, 256);
        }
        *ret = r;
}

static struct ext_record dice_record(struct dice *d)
{
        return (struct ext_record){
                .kind = 1 + dice_below(d, EXT_MOVED),
                .object = dice_u32(d),
                .born = dice_u64(d),
                .instance = dice_u32(d),
                .parent = dice_u32(d),
                .ordinal = dice_u64(d),
                .has_before = dice_bool(d),
                .has_after = dice_bool(d),
                .before = dice_encoded(d),
                .after = dice_encoded(d),
        };
}

static struct ext_entry dice_entry(struct dice *d)
{
        struct ext_entry e = {
                .seq = dice_u64(d),
                .when = dice_u64(d),
                .who = dice_name(d, LIMIT_WHO),
                .from = dice_name(d, LIMIT_WHO),
                .what = dice_name(d, LIMIT_WHO),
                .record_count = dice_below(d, 4),
        };
        e.records = room(d, e.record_count, sizeof(*e.records));
        for (uint32_t i = 0; i < e.record_count; i++)
                e.records[i] = dice_record(d);
        return e;
}

void dice_ext_changes(struct dice *d, struct ext_changes_result *ret)
{
        struct ext_changes_result r = {.status = dice_ext_word(d), .epoch = dice_u64(d), .seq = dice_u64(d)};
        r.entry_count = dice_below(d, 4);
        r.entries = room(d, r.entry_count, sizeof(*r.entries));
        for (uint32_t i = 0; i < r.entry_count; i++)
                r.entries[i] = dice_entry(d);
        *ret = r;
}

void dice_ext_snapshot(struct dice *d, struct ext_snapshot_result *ret)
{
        struct ext_snapshot_result r = {.status = dice_ext_word(d), .epoch = dice_u64(d), .seq = dice_u64(d)};
        r.more = dice_bool(d);
        r.next = dice_u32(d);
        r.node_count = dice_below(d, 5);
        r.nodes = room(d, r.node_count, sizeof(*r.nodes));
        for (uint32_t i = 0; i < r.node_count; i++)
                r.nodes[i] = (struct ext_node){dice_id(d),  dice_u32(d), dice_u64(d),
                                               dice_u64(d), dice_u64(d), dice_encoded(d)};
        *ret = r;
}

void dice_ext_edit(struct dice *d, struct ext_edit_result *ret)
{
        struct ext_edit_result r = {.status = dice_ext_word(d), .failed_op = dice_u32(d), .seq = dice_u64(d)};
        r.id_count = dice_count(d, LIMIT_EDIT_OPS);
        r.ids = room(d, r.id_count, sizeof(*r.ids));
        for (uint32_t i = 0; i < r.id_count; i++)
                r.ids[i] = dice_id(d);
        *ret = r;
}

static struct ext_place *dice_cursor(struct dice *d, uint32_t *ret_count)
{
        const uint32_t n = dice_count(d, LIMIT_SEARCH_DEPTH);
        struct ext_place *v = room(d, n, sizeof(*v));
        for (uint32_t i = 0; i < n; i++)
                v[i] = (struct ext_place){.ordinal = dice_u64(d), .born = dice_u64(d), .object = dice_u32(d)};
        *ret_count = n;
        return v;
}

void dice_ext_search_args(struct dice *d, struct ext_search_args *ret)
{
        struct ext_search_args r = {
                .tag = dice_name(d, LIMIT_TAG),
                .epoch = dice_u64(d),
                .object = dice_u32(d),
                .depth = dice_u32(d),
                .flags = dice_below(d, 2),
                .condition_count = dice_below(d, LIMIT_SEARCH_CONDITIONS + 1),
                .wanted = dice_values(d),
                .max_entries = dice_u32(d),
        };
        r.conditions = room(d, r.condition_count, sizeof(*r.conditions));
        for (uint32_t i = 0; i < r.condition_count; i++)
                r.conditions[i] = (struct ext_condition){.kind = 1 + dice_below(d, EXT_COND_SUBSTRING),
                                                         .flags = dice_below(d, 2),
                                                         .name = dice_name(d, NI_NAME_MAX),
                                                         .value = dice_name(d, NI_NAME_MAX)};
        r.cursor = dice_cursor(d, &r.cursor_count);
        *ret = r;
}

void dice_ext_search(struct dice *d, struct ext_search_result *ret)
{
        struct ext_search_result r = {.status = dice_ext_word(d), .epoch = dice_u64(d), .seq = dice_u64(d)};
        r.hit_count = dice_below(d, 4);
        r.hits = room(d, r.hit_count, sizeof(*r.hits));
        for (uint32_t i = 0; i < r.hit_count; i++)
                r.hits[i] = (struct ext_hit){.id = dice_id(d),
                                             .parent = dice_u32(d),
                                             .born = dice_u64(d),
                                             .path = dice_name(d, LIMIT_PATH),
                                             .props = dice_encoded(d)};
        r.more = dice_bool(d);
        r.cursor = dice_cursor(d, &r.cursor_count);
        *ret = r;
}

void dice_ext_history_args(struct dice *d, struct ext_history_args *ret)
{
        *ret = (struct ext_history_args){
                .tag = dice_name(d, LIMIT_TAG),
                .epoch = dice_u64(d),
                .kind = 1 + dice_below(d, EXT_HISTORY_AT),
                .flags = dice_below(d, 4),
                .object = dice_u32(d),
                .born = dice_u64(d),
                .at = dice_u64(d),
                .from = dice_u64(d),
                .max_entries = dice_u32(d),
        };
}

void dice_ext_history(struct dice *d, struct ext_history_result *ret)
{
        struct ext_history_result r = {
                .status = dice_ext_word(d),
                .kind = 1 + dice_below(d, EXT_HISTORY_AT),
                .epoch = dice_u64(d),
                .seq = dice_u64(d),
                .more = dice_bool(d),
                .next = dice_u64(d),
                .entry_count = dice_below(d, 4),
                .at = dice_u64(d),
                .born = dice_u64(d),
                .until = dice_u64(d),
                .id = dice_id(d),
                .props = dice_encoded(d),
        };
        r.entries = room(d, r.entry_count, sizeof(*r.entries));
        for (uint32_t i = 0; i < r.entry_count; i++)
                r.entries[i] = dice_entry(d);
        *ret = r;
}

void dice_ext_replica_args(struct dice *d, struct ext_replica_args *ret)
{
        *ret = (struct ext_replica_args){.tag = dice_name(d, LIMIT_TAG),
                                         .verb = dice_below(d, EXT_REPLICA_DEMOTE + 1),
                                         .flags = dice_below(d, 2),
                                         .where = dice_name(d, LIMIT_WHERE)};
}

void dice_ext_replica(struct dice *d, struct ext_replica_result *ret)
{
        struct ext_replica_result r = {
                .status = dice_ext_word(d),
                .epoch = dice_u64(d),
                .seq = dice_u64(d),
                .role = dice_u32(d),
                .kind = dice_u32(d),
                .term = dice_u64(d),
                .where = dice_name(d, LIMIT_WHERE),
                .state = dice_name(d, LIMIT_WHO),
                .reason = dice_name(d, LIMIT_WHERE),
                .head = dice_u64(d),
                .conflict = dice_name(d, LIMIT_WHERE),
                .pushed_count = dice_below(d, LIMIT_PUSHED + 1),
        };
        for (unsigned i = 0; i < sizeof(r.uuid); i++)
                r.uuid[i] = (uint8_t)dice_u32(d);
        r.pushed = room(d, r.pushed_count, sizeof(*r.pushed));
        for (uint32_t i = 0; i < r.pushed_count; i++)
                r.pushed[i] = (struct ext_pushed){.name = dice_name(d, LIMIT_WHERE),
                                                  .state = dice_name(d, LIMIT_WHO),
                                                  .behind = dice_u64(d)};
        *ret = r;
}

/* Bytes of any value, of any length up to max. */
static struct bytes dice_opaque(struct dice *d, uint32_t max)
{
        const uint32_t n = dice_below(d, max + 1);
        uint8_t *p = room(d, n ? n : 1, 1);
        for (uint32_t i = 0; i < n; i++)
                p[i] = (uint8_t)dice_u32(d);
        return bytes_of(p, n);
}

static void dice_fixed(struct dice *d, uint8_t *to, size_t n)
{
        for (size_t i = 0; i < n; i++)
                to[i] = (uint8_t)dice_u32(d);
}

void dice_ext_login_args(struct dice *d, struct ext_login_args *ret)
{
        *ret = (struct ext_login_args){.tag = dice_name(d, LIMIT_TAG),
                                       .user = dice_name(d, LIMIT_WHO),
                                       .password = dice_opaque(d, LIMIT_PASSWORD)};
}

void dice_ext_join_args(struct dice *d, struct ext_join_args *ret)
{
        *ret = (struct ext_join_args){.name = dice_name(d, LIMIT_MACHINE_NAME),
                                      .request = dice_opaque(d, 700)};
        dice_fixed(d, ret->token, sizeof(ret->token));
        dice_fixed(d, ret->proof, sizeof(ret->proof));
}

void dice_ext_join(struct dice *d, struct ext_join_result *ret)
{
        *ret = (struct ext_join_result){.status = dice_ext_word(d),
                                        .certificate = dice_opaque(d, 700),
                                        .domains = dice_name(d, LIMIT_WHERE)};
}

void dice_ext_renew_args(struct dice *d, struct ext_renew_args *ret)
{
        *ret = (struct ext_renew_args){.request = dice_opaque(d, 700)};
}

void dice_ext_renew(struct dice *d, struct ext_renew_result *ret)
{
        *ret = (struct ext_renew_result){.status = dice_ext_word(d), .certificate = dice_opaque(d, 700)};
}

void dice_ext_authority_args(struct dice *d, struct ext_authority_args *ret)
{
        *ret = (struct ext_authority_args){.verb = dice_below(d, EXT_AUTHORITY_WITHDRAW + 1),
                                           .flags = dice_below(d, 8),
                                           .subject = dice_name(d, LIMIT_MACHINE_NAME),
                                           .from = dice_name(d, LIMIT_MACHINE_NAME),
                                           .count = dice_u32(d),
                                           .seconds = dice_u64(d),
                                           .domains = dice_name(d, LIMIT_WHERE),
                                           .request = dice_opaque(d, 700),
                                           .after = dice_u64(d)};
}

void dice_ext_authority(struct dice *d, struct ext_authority_result *ret)
{
        struct ext_authority_result r = {
                .status = dice_ext_word(d),
                .authority = dice_opaque(d, 700),
                .certificate = dice_opaque(d, 700),
                .secret = dice_opaque(d, EXT_SECRET_SIZE),
                .line_count = dice_below(d, 5),
                .more = dice_bool(d),
                .next = dice_u64(d),
        };
        dice_fixed(d, r.uuid, sizeof(r.uuid));
        dice_fixed(d, r.pin, sizeof(r.pin));
        dice_fixed(d, r.token, sizeof(r.token));
        r.lines = room(d, r.line_count, sizeof(*r.lines));
        for (uint32_t i = 0; i < r.line_count; i++)
                r.lines[i] = dice_name(d, LIMIT_LEDGER_LINE);
        *ret = r;
}
