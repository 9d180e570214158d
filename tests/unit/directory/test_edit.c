/* EDIT (doc/extension-program.md): each operation, references, permissions, and all or nothing. */
#include "fixture.h"

static struct ext_ref at(uint32_t object)
{
        return (struct ext_ref){.value = object};
}

static struct ext_ref made_by(uint32_t op)
{
        return (struct ext_ref){.by_op = true, .value = op};
}

static struct ext_ref exactly(struct ni_id id)
{
        return (struct ext_ref){.value = id.object, .has_instance = true, .instance = id.instance};
}

static const char *read_text(struct fixture *f, uint32_t object)
{
        struct ni_result r;
        fx_expect(f, NI_OK, NI_PROC_read, &(struct ni_args){.id = {object, 0}}, &r);
        return fx_text(f, r.props);
}

static const char *children_of(struct fixture *f, uint32_t object)
{
        struct ni_result r;
        struct buf b;
        buf_init(&b, 0);
        fx_expect(f, NI_OK, NI_PROC_children, &(struct ni_args){.id = {object, 0}}, &r);
        for (uint32_t i = 0; i < r.object_count; i++)
                buf_printf(&b, i ? " %u" : "%u", r.objects[i]);
        const char *text = arena_str(&f->results, buf_bytes(&b));
        buf_done(&b);
        return text;
}

/* One operation on one directory: what it held, what is done, what it holds then. */
static void test_property_operations(void **state)
{
        struct fixture *f = *state;
        const struct {
                struct proplist before;
                struct ext_op op;
                enum ni_status status;
                const char *after;
                bool written;
        } rows[] = {
#define P(...)      fx_props(f, __VA_ARGS__, NULL)
#define V(...)      fx_values(f, __VA_ARGS__, NULL)
#define OP(k, n, v) {.kind = EXT_OP_##k, .name = BYTES_LIT(n), .values = v}
                {P("a", "1", NULL), OP(SET, "a", V("2", "3")), NI_OK, "a=2,3", true},
                {P("a", "1", NULL), OP(SET, "b", V("2")), NI_OK, "a=1|b=2", true},
                {P("a", "1", NULL), OP(SET, "a", V("1")), NI_OK, "a=1", false},
                {P("a", "1", NULL), OP(SET, "a", {0}), NI_OK, "a=", true},
                {P("a", "1", NULL, "a", "2", NULL), OP(SET, "a", V("3")), NI_OK, "a=3|a=2", true},
                {P("a", "1", "1", NULL), OP(ADD, "a", V("2", "1", "2")), NI_OK, "a=1,1,2", true},
                {P("a", "1", NULL), OP(ADD, "a", V("1")), NI_OK, "a=1", false},
                {P("b", "1", NULL), OP(ADD, "a", V("1")), NI_OK, "b=1|a=1", true},
                {P("b", "1", NULL), OP(ADD, "a", {0}), NI_OK, "b=1|a=", true},
                {P("a", "1", "2", "1", "3", NULL, "a", "1", NULL), OP(REMOVE, "a", V("1", "3", "9")), NI_OK,
                 "a=2|a=", true},
                {P("a", "1", NULL), OP(REMOVE, "a", V("2")), NI_OK, "a=1", false},
                {P("a", "1", NULL), OP(REMOVE, "b", V("1")), NI_OK, "a=1", false},
                {P("a", "1", NULL, "b", "2", NULL, "a", NULL), OP(REMOVE, "a", {0}), NI_OK, "b=2", true},
                {P("a", "1", NULL), OP(REMOVE, "b", {0}), NI_OK, "a=1", false},
                {P("a", "1", NULL, "a", "2", NULL), OP(RENAME, "a", V("c")), NI_OK, "c=1|a=2", true},
                {P("a", "1", NULL), OP(RENAME, "b", V("c")), NI_NOPROP, "a=1", false},
                {P("a", "1", NULL), OP(RENAME, "a", V("a")), NI_OK, "a=1", false},
                {P("a", "1", NULL), {.kind = EXT_OP_WRITE, .props = P("x", "y", NULL)}, NI_OK, "x=y", true},
                {P("a", "1", NULL), {.kind = EXT_OP_WRITE, .props = P("a", "1", NULL)}, NI_OK, "a=1", false},
#undef P
#undef V
#undef OP
        };
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                struct ext_edit_result r;
                const struct ni_id d = fx_add(f, 0, rows[i].before);
                const uint64_t seq = fx_info(f).seq;
                struct ext_op op = rows[i].op;
                op.ref = exactly(d);
                assert_int_equal(fx_edit(f, &op, 1, &r), rows[i].status);
                assert_string_equal(read_text(f, d.object), rows[i].after);
                assert_int_equal(fx_info(f).seq, seq + rows[i].written);
                assert_int_equal(fx_id(f, d.object).instance, d.instance + rows[i].written);
                if (rows[i].status == NI_OK) {
                        assert_int_equal(r.id_count, 1);
                        assert_int_equal(r.ids[0].object, d.object);
                        assert_int_equal(r.ids[0].instance, d.instance + rows[i].written);
                        assert_int_equal(r.seq, seq + rows[i].written);
                }
        }
        fx_check_store(f);
}

/* A tree made in one edit, every later operation naming what an earlier one made; one journal entry. */
static void test_references(void **state)
{
        struct fixture *f = *state;
        struct ext_edit_result r;
        struct ext_changes_result c;
        const uint64_t seq = fx_info(f).seq;
        const struct ext_op ops[] = {
                {.kind = EXT_OP_CREATE,
                 .ref = at(0),
                 .where = 0,
                 .props = fx_props(f, "name", "users", NULL, NULL)},
                {.kind = EXT_OP_CREATE,
                 .ref = made_by(0),
                 .where = NI_INDEX_NULL,
                 .props = fx_props(f, "name", "ada", NULL, NULL)},
                {.kind = EXT_OP_CREATE,
                 .ref = made_by(0),
                 .where = 0,
                 .props = fx_props(f, "name", "bob", NULL, NULL)},
                {.kind = EXT_OP_SET,
                 .ref = made_by(1),
                 .name = BYTES_LIT("uid"),
                 .values = fx_values(f, "5001", NULL)},
                {.kind = EXT_OP_MOVE, .ref = made_by(2), .target = made_by(1), .where = NI_INDEX_NULL},
                {.kind = EXT_OP_ASSERT_NONE,
                 .ref = made_by(0),
                 .name = BYTES_LIT("name"),
                 .values = fx_values(f, "bob", NULL)},
        };
        assert_int_equal(fx_edit(f, ops, 6, &r), NI_OK);
        assert_int_equal(r.seq, seq + 1);
        assert_int_equal(r.id_count, 6);
        const uint32_t top = r.ids[0].object, one = r.ids[1].object, two = r.ids[2].object;
        assert_string_equal(children_of(f, 0), "3 1");
        assert_int_equal(top, 3);
        assert_string_equal(children_of(f, top), "4");
        assert_string_equal(children_of(f, one), "5");
        assert_string_equal(read_text(f, one), "name=ada|uid=5001");
        assert_string_equal(read_text(f, two), "name=bob");
        for (uint32_t i = 0; i < 6; i++) { /* each id is current at the end of the edit */
                static const int which[] = {0, 1, 2, 1, 2, 0};
                const uint32_t object = r.ids[which[i]].object;
                assert_int_equal(r.ids[i].object, object);
                assert_int_equal(r.ids[i].instance, fx_id(f, object).instance);
        }
        fx_changes(f, &(struct ext_changes_args){.seq = seq}, &c);
        assert_int_equal(c.entry_count, 1);
        fx_check_store(f);
}

static void test_bad_references(void **state)
{
        struct fixture *f = *state;
        struct ext_edit_result r;
        const struct ext_op create = {.kind = EXT_OP_CREATE, .ref = at(0), .where = NI_INDEX_NULL};
        const struct ext_op set = {.kind = EXT_OP_SET, .name = BYTES_LIT("a")};
        const struct ext_ref refs[] = {at(99), made_by(1), made_by(2), made_by(UINT32_MAX), made_by(0)};
        for (uint32_t i = 0; i < 5; i++) {
                struct ext_op ops[2] = {i == 4 ? set : create, set}; /* the last: op 0 is no CREATE */
                ops[0].ref = at(0);
                ops[1].ref = refs[i];
                assert_int_equal(fx_edit(f, ops, 2, &r), NI_NODIR);
                assert_int_equal(r.failed_op, 1);
        }
        /* made, and destroyed again */
        struct ext_op ops[3] = {create, {.kind = EXT_OP_DESTROY, .ref = made_by(0)}, set};
        ops[2].ref = made_by(0);
        assert_int_equal(fx_edit(f, ops, 3, &r), NI_NODIR);
        assert_int_equal(r.failed_op, 2);
}

/* Whatever fails, at whatever place: nothing of the edit stands. */
static void test_all_or_nothing(void **state)
{
        struct fixture *f = *state;
        struct ext_edit_result r;
        const struct ni_id d = fx_add(f, 0, fx_props(f, "name", "d", NULL, NULL));
        const struct store_info before = fx_info(f);
        for (uint32_t n = 0; n < 6; n++) {
                struct ext_op ops[6] = {
                        {.kind = EXT_OP_CREATE, .ref = at(d.object), .where = NI_INDEX_NULL},
                        {.kind = EXT_OP_SET, .ref = made_by(0), .name = BYTES_LIT("a")},
                        {.kind = EXT_OP_DESTROY, .ref = at(2)},
                        {.kind = EXT_OP_MOVE, .ref = at(1), .target = at(d.object), .where = NI_INDEX_NULL},
                        {.kind = EXT_OP_SET, .ref = at(0), .name = BYTES_LIT("a")},
                        {.kind = EXT_OP_CREATE, .ref = at(0), .where = 0},
                };
                ops[n] = (struct ext_op){.kind = EXT_OP_ASSERT_SAME, .ref = exactly((struct ni_id){0, 77})};
                if (n == 0)
                        ops[1].ref = at(0);
                assert_int_equal(fx_edit(f, ops, 6, &r), NI_STALE);
                assert_int_equal(r.failed_op, n);
                const struct store_info after = fx_info(f);
                assert_int_equal(after.seq, before.seq);
                assert_int_equal(after.checksum, before.checksum);
                assert_memory_equal(after.digest, before.digest, sizeof(before.digest));
                assert_string_equal(children_of(f, 0), "1 3");
                assert_string_equal(children_of(f, d.object), "");
        }
        fx_check_store(f);
}

static void test_instances(void **state)
{
        struct fixture *f = *state;
        struct ext_edit_result r;
        const struct ni_id d = fx_add(f, 0, fx_props(f, NULL));
        struct ext_op ops[2] = {
                {.kind = EXT_OP_SET,
                 .ref = exactly(d),
                 .name = BYTES_LIT("a"),
                 .values = fx_values(f, "1", NULL)},
                {.kind = EXT_OP_SET,
                 .ref = exactly(d),
                 .name = BYTES_LIT("a"),
                 .values = fx_values(f, "2", NULL)},
        };
        assert_int_equal(fx_edit(f, ops, 2, &r), NI_STALE); /* the first has changed it */
        assert_int_equal(r.failed_op, 1);
        ops[1].ref.instance++;
        assert_int_equal(fx_edit(f, ops, 2, &r), NI_OK);
        assert_int_equal(r.ids[0].instance, 2);
        /* the target of a move is held to its instance, too */
        const struct ni_id e = fx_add(f, 0, fx_props(f, NULL));
        struct ext_op move = {
                .kind = EXT_OP_MOVE, .ref = at(d.object), .target = exactly((struct ni_id){e.object, 9})};
        assert_int_equal(fx_edit(f, &move, 1, &r), NI_STALE);
}

static void test_destroy(void **state)
{
        struct fixture *f = *state;
        struct ext_edit_result r;
        const uint32_t d = fx_add(f, 0, fx_props(f, NULL)).object;
        uint32_t below = d;
        for (int depth = 0; depth < 100; depth++) {
                fx_add(f, below, fx_props(f, "name", "leaf", NULL, NULL));
                below = fx_add(f, below, fx_props(f, "name", "inner", NULL, NULL)).object;
        }
        struct ext_op op = {.kind = EXT_OP_DESTROY, .ref = at(d)};
        assert_int_equal(fx_edit(f, &op, 1, &r), NI_NOTEMPTY);
        op.flags = EXT_OP_RECURSIVE;
        assert_int_equal(fx_edit(f, &op, 1, &r), NI_OK);
        assert_int_equal(r.ids[0].object, 0); /* the parent has changed */
        assert_int_equal(r.ids[0].instance, fx_id(f, 0).instance);
        assert_int_equal(fx_info(f).directories, 3);
        assert_string_equal(children_of(f, 0), "1");
        op.ref = at(0);
        assert_int_equal(fx_edit(f, &op, 1, &r), NI_UNRELATED);
        op = (struct ext_op){.kind = EXT_OP_DESTROY, .ref = at(2)};
        assert_int_equal(fx_edit(f, &op, 1, &r), NI_OK);
        assert_int_equal(r.ids[0].object, 1);
        fx_check_store(f);
}

static void test_move(void **state)
{
        struct fixture *f = *state;
        struct ext_edit_result r;
        const uint32_t d = fx_add(f, 0, fx_props(f, NULL)).object;
        const struct ni_id host = fx_id(f, 2), machines = fx_id(f, 1), to = fx_id(f, d);
        struct ext_op op = {.kind = EXT_OP_MOVE, .ref = at(2), .target = at(d), .where = NI_INDEX_NULL};
        assert_int_equal(fx_edit(f, &op, 1, &r), NI_OK);
        assert_int_equal(r.ids[0].object, 2);
        assert_int_equal(r.ids[0].instance, host.instance); /* it stays what it was */
        assert_int_equal(fx_id(f, 1).instance, machines.instance + 1);
        assert_int_equal(fx_id(f, d).instance, to.instance + 1);
        assert_string_equal(children_of(f, d), "2");
        assert_string_equal(children_of(f, 1), "");
        op = (struct ext_op){.kind = EXT_OP_MOVE, .ref = at(d), .target = at(2)};
        assert_int_equal(fx_edit(f, &op, 1, &r), NI_UNRELATED); /* below itself */
        op.ref = at(0);
        assert_int_equal(fx_edit(f, &op, 1, &r), NI_UNRELATED); /* the root */
        fx_check_store(f);
}

/* By index and by scan, for many values at once. */
static void test_assert_none(void **state)
{
        static const char *const keys[] = {"uid", "shade"}; /* the first is indexed, decision 12 */
        struct fixture *f = *state;
        struct ext_edit_result r;
        for (int k = 0; k < 2; k++) {
                const uint32_t d = fx_add(f, 0, fx_props(f, NULL)).object;
                fx_add(f, d, fx_props(f, keys[k], "1", "2", NULL, keys[k], "3", NULL, NULL));
                fx_add(f, d, fx_props(f, "x", "7", NULL, NULL));
                struct ext_op op = {.kind = EXT_OP_ASSERT_NONE, .ref = at(d), .name = bytes_str(keys[k])};
                assert_int_equal(fx_edit(f, &op, 1, &r), NI_OK);
                op.values = fx_values(f, "3", "7", "", NULL); /* 3 is in a second property */
                assert_int_equal(fx_edit(f, &op, 1, &r), NI_OK);
                assert_int_equal(r.ids[0].object, d);
                op.values = fx_values(f, "9", "2", NULL);
                assert_int_equal(fx_edit(f, &op, 1, &r), EXT_ASSERTION);
                assert_int_equal(r.failed_op, 0);
                op.ref = at(99);
                assert_int_equal(fx_edit(f, &op, 1, &r), NI_NODIR);
        }
}

/* The same rights as the version 2 procedures (protocol.md 3.8), `_locked` included. */
static void test_permissions(void **state)
{
        struct fixture *f = *state;
        struct ext_edit_result r;
        const uint32_t mine = fx_add(f, 0, fx_props(f, "_writers", "ada", NULL, "a", "1", NULL, NULL)).object;
        const uint32_t value =
                fx_add(f, 0, fx_props(f, "_writers_a", "ada", NULL, "a", "1", NULL, NULL)).object;
        const uint32_t other = fx_add(f, 0, fx_props(f, "a", "1", NULL, NULL)).object;
        const uint32_t kid = fx_add(f, mine, fx_props(f, NULL)).object;
        const uint32_t deep = fx_add(f, kid, fx_props(f, NULL)).object;
        const uint32_t locked = fx_add(f, 0, fx_props(f, "a", "1", NULL, NULL)).object;
        const uint32_t in_locked = fx_add(f, locked, fx_props(f, NULL)).object;
        fx_expect(f, NI_OK, NI_PROC_createprop,
                  &(struct ni_args){.id = fx_id(f, locked), .prop = {BYTES_LIT("_locked"), {NULL, 0}}}, NULL);
        const struct {
                struct ext_op op;
                enum ni_status ada, root;
        } rows[] = {
                {{.kind = EXT_OP_CREATE, .ref = at(mine)}, NI_OK, NI_OK},
                {{.kind = EXT_OP_CREATE, .ref = at(value)}, NI_PERM, NI_OK},
                {{.kind = EXT_OP_CREATE, .ref = at(locked)}, NI_RDONLY, NI_RDONLY},
                {{.kind = EXT_OP_WRITE, .ref = at(value)}, NI_PERM, NI_OK},
                {{.kind = EXT_OP_WRITE, .ref = at(locked)}, NI_RDONLY, NI_RDONLY},
                {{.kind = EXT_OP_SET, .ref = at(value), .name = BYTES_LIT("a")}, NI_OK, NI_OK},
                {{.kind = EXT_OP_SET, .ref = at(value), .name = BYTES_LIT("b")}, NI_PERM, NI_OK},
                {{.kind = EXT_OP_SET, .ref = at(other), .name = BYTES_LIT("a")}, NI_PERM, NI_OK},
                {{.kind = EXT_OP_SET, .ref = at(locked), .name = BYTES_LIT("a")}, NI_RDONLY, NI_RDONLY},
                {{.kind = EXT_OP_ADD, .ref = at(value), .name = BYTES_LIT("a")}, NI_OK, NI_OK},
                {{.kind = EXT_OP_ADD, .ref = at(value), .name = BYTES_LIT("b")}, NI_PERM, NI_OK},
                {{.kind = EXT_OP_ADD, .ref = at(locked), .name = BYTES_LIT("a")}, NI_RDONLY, NI_RDONLY},
                {{.kind = EXT_OP_REMOVE,
                  .ref = at(value),
                  .name = BYTES_LIT("a"),
                  .values = fx_values(f, "1", NULL)},
                 NI_OK,
                 NI_OK},
                {{.kind = EXT_OP_REMOVE, .ref = at(value), .name = BYTES_LIT("a")}, NI_PERM, NI_OK},
                {{.kind = EXT_OP_REMOVE, .ref = at(locked), .name = BYTES_LIT("a")}, NI_RDONLY, NI_RDONLY},
                {{.kind = EXT_OP_RENAME,
                  .ref = at(value),
                  .name = BYTES_LIT("a"),
                  .values = fx_values(f, "b", NULL)},
                 NI_PERM,
                 NI_OK},
                {{.kind = EXT_OP_MOVE, .ref = at(kid), .target = at(mine)}, NI_OK, NI_OK},
                {{.kind = EXT_OP_MOVE, .ref = at(kid), .target = at(other)}, NI_PERM, NI_OK},
                {{.kind = EXT_OP_MOVE, .ref = at(other), .target = at(mine)}, NI_PERM, NI_OK},
                {{.kind = EXT_OP_MOVE, .ref = at(in_locked), .target = at(mine)}, NI_RDONLY, NI_RDONLY},
                {{.kind = EXT_OP_MOVE, .ref = at(kid), .target = at(locked)}, NI_RDONLY, NI_RDONLY},
                {{.kind = EXT_OP_DESTROY, .ref = at(in_locked)}, NI_RDONLY, NI_RDONLY},
                {{.kind = EXT_OP_DESTROY, .ref = at(locked), .flags = EXT_OP_RECURSIVE}, NI_PERM, NI_RDONLY},
                {{.kind = EXT_OP_DESTROY, .ref = at(deep)}, NI_PERM, NI_OK},
                /* kid may go, but what loses `deep` is kid */
                {{.kind = EXT_OP_DESTROY, .ref = at(kid), .flags = EXT_OP_RECURSIVE}, NI_PERM, NI_OK},
                {{.kind = EXT_OP_ASSERT_NONE, .ref = at(locked), .name = BYTES_LIT("a")}, NI_OK, NI_OK},
        };
        for (size_t i = 0; i < 2 * sizeof(rows) / sizeof(rows[0]); i++) {
                const bool root = i % 2;
                /* an operation that always fails comes second: the first one's answer shows, nothing stays */
                const struct ext_op ops[2] = {
                        rows[i / 2].op, {.kind = EXT_OP_ASSERT_SAME, .ref = exactly((struct ni_id){0, 777})}};
                const enum ni_status want = root ? rows[i / 2].root : rows[i / 2].ada;
                f->caller = fx_caller("ada");
                f->caller.superuser = root;
                const enum ni_status got = fx_edit(f, ops, 2, &r);
                if (got != (want == NI_OK ? NI_STALE : want) || r.failed_op != (want == NI_OK))
                        fail_msg("row %zu (%s): %d at %u", i / 2, root ? "root" : "ada", (int)got,
                                 r.failed_op);
        }
        f->policy.clone = true;
        assert_int_equal(fx_edit(f, &rows[0].op, 1, &r), NI_RDONLY);
        assert_int_equal(r.failed_op, 1); /* none in particular */
}

/* Long lists: each operation's cost is the sum of the lengths, and the limits answer NI_NOSPACE. */
static void test_limits(void **state)
{
        struct fixture *f = *state;
        struct ext_edit_result r;
        const uint32_t d = fx_add(f, 0, fx_props(f, NULL)).object;
        struct namelist all = {arena_zalloc(&f->results, NI_VALUES_MAX, sizeof(*all.v)), NI_VALUES_MAX};
        for (uint32_t i = 0; i < all.n; i++)
                all.v[i] = bytes_str(arena_printf(&f->results, "%u", i));
        struct ext_op ops[3] = {
                {.kind = EXT_OP_ADD, .ref = at(d), .name = BYTES_LIT("users"), .values = all},
                {.kind = EXT_OP_ADD, .ref = at(d), .name = BYTES_LIT("users"), .values = all},
                {.kind = EXT_OP_REMOVE,
                 .ref = at(d),
                 .name = BYTES_LIT("users"),
                 .values = {all.v, all.n - 1}},
        };
        assert_int_equal(fx_edit(f, ops, 3, &r), NI_OK);
        assert_string_equal(read_text(f, d), "users=65534");
        ops[1].values = fx_values(f, "one more", NULL);
        assert_int_equal(fx_edit(f, ops, 2, &r), NI_NOSPACE);
        assert_int_equal(r.failed_op, 1);
        /* a big directory read again and again: LIMIT_EDIT_BYTES */
        struct bytes *v = arena_zalloc(&f->results, 50, sizeof(*v));
        uint8_t *x = arena_alloc(&f->results, NI_NAME_MAX);
        memset(x, 'x', NI_NAME_MAX);
        for (int i = 0; i < 50; i++)
                v[i] = bytes_of(x, NI_NAME_MAX);
        const struct ni_id next = {d, fx_id(f, d).instance + 1};
        struct ext_op *many = arena_zalloc(&f->results, 100, sizeof(*many));
        many[0] = (struct ext_op){
                .kind = EXT_OP_SET, .ref = at(d), .name = BYTES_LIT("big"), .values = {v, 50}};
        for (int i = 1; i < 100; i++)
                many[i] = (struct ext_op){.kind = EXT_OP_ASSERT_SAME, .ref = exactly(next)};
        assert_int_equal(fx_edit(f, many, 100, &r), NI_NOSPACE); /* 100 times 3.1 MiB */
        assert_in_range(r.failed_op, 15, 25);
        assert_int_equal(fx_edit(f, many, 15, &r), NI_OK);
        fx_check_store(f);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_domain, fixture_done)
int main(void)
{
        const struct CMUnitTest tests[] = {
                T(test_property_operations),
                T(test_references),
                T(test_bad_references),
                T(test_all_or_nothing),
                T(test_instances),
                T(test_destroy),
                T(test_move),
                T(test_assert_none),
                T(test_permissions),
                T(test_limits),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
