/* The agent's table against a plain model: random changes, in order, give the same children and never miss an
 * image that changed. */
#include "records.h"

#include "agent/maps.h"

#define SEED    4711u
#define OBJECTS 40u
#define STEPS   20000u

static uint64_t state_of = SEED;

static uint32_t below(uint32_t n)
{
        state_of ^= state_of << 13;
        state_of ^= state_of >> 7;
        state_of ^= state_of << 17;
        return (uint32_t)(state_of >> 32) % n;
}

static struct arena a;

struct row {
        bool used;
        uint32_t parent;
        uint64_t ordinal, born;
        struct bytes props;
};
static struct row model[OBJECTS];

static bool wide; /* records of every map, not only of accounts */

static struct bytes random_wide_props(void)
{
        static const char *const names[] = {"users",     "groups", "machines", "networks",  "services",
                                            "protocols", "rpcs",   "aliases",  "netgroups", "netdomains",
                                            "ada",       "bob",    "eve"};
        static const char *const more[] = {"",
                                           "|netgroups=trusted",
                                           "|ip_address=10.0.0.1",
                                           "|ipv6_address=::5|netgroups=near",
                                           "|en_address=1:2:3:4:5:6",
                                           "|en_address=1:2:3:4:5:7|ip_address=10.0.0.2",
                                           "|port=7|protocol=tcp",
                                           "|port=7|protocol=udp",
                                           "|number=5|address=10",
                                           "|number=6|address=11",
                                           "|members=ada",
                                           "|members=(,ada,)|alias_local=1",
                                           "|passwd=hash",
                                           "|admins=ada|users=bob"};
        return encoded(&a,
                       arena_printf(&a, "name=%s %s|uid=%u|gid=1|picture=%u%s%s", names[below(13)],
                                    names[below(13)], below(3), below(100), more[below(14)], more[below(3)]));
}

static struct bytes random_props(void)
{
        if (wide)
                return random_wide_props();
        static const char *const names[] = {"users", "groups", "ada", "bob", "users groups"};
        return encoded(&a, arena_printf(&a, "name=%s|uid=%u|shell=/%u|picture=%u|users=a%u", names[below(5)],
                                        below(3), below(2), below(100), below(2)));
}

static int by_ordinal(const void *x, const void *y)
{
        const uint64_t p = model[*(const uint32_t *)x].ordinal, q = model[*(const uint32_t *)y].ordinal;
        return p < q ? -1 : p > q;
}

static uint32_t children(uint32_t parent, uint32_t *ret)
{
        uint32_t n = 0;
        for (uint32_t i = 1; i < OBJECTS; i++)
                if (model[i].used && model[i].parent == parent)
                        ret[n++] = i;
        qsort(ret, n, sizeof(*ret), by_ordinal);
        return n;
}

/* What a user's or a group's record says in an image. */
static void put_child(struct buf *b, const char *directory, struct bytes props)
{
        const bool user = strcmp(directory, "users") == 0;
        const char *const keys[] = {"name", user ? "uid" : "users", user ? "shell" : "name"};
        for (unsigned i = 0; i < 3; i++) {
                struct bytes v = BYTES_NONE;
                prop_first(props, keys[i], &v);
                buf_printf(b, "%.*s ", BYTES_FMT(v));
        }
        buf_putc(b, '\n');
}

/* What the domain says of /users or /groups: needed properties of the children, in order. */
static const char *told(const char *name)
{
        uint32_t top[OBJECTS], kids[OBJECTS], n = children(0, top);
        struct buf b;
        buf_init(&b, 0);
        for (uint32_t i = 0; i < n; i++) {
                struct prop_walk w;
                if (!prop_find(model[top[i]].props, BYTES_LIT("name"), &w) ||
                    !namelist_has(w.values, bytes_str(name)))
                        continue;
                n = children(top[i], kids);
                for (uint32_t k = 0; k < n; k++) {
                        put_child(&b, name, model[kids[k]].props);
                }
                break;
        }
        const char *s = arena_str(&a, buf_bytes(&b));
        buf_done(&b);
        return s;
}

static const char *table_told(const struct table *t, const char *name)
{
        struct bytes *v;
        size_t n;
        struct buf b;
        buf_init(&b, 0);
        assert_true(table_children(t, strcmp(name, "groups") == 0 ? TOP_GROUPS : TOP_USERS, &v, &n));
        for (size_t i = 0; i < n; i++) {
                struct bytes value;
                assert_false(prop_first(v[i], "picture", &value)); /* nobody needs it */
                put_child(&b, name, v[i]);
        }
        free(v);
        const char *s = arena_str(&a, buf_bytes(&b));
        buf_done(&b);
        return s;
}

static bool has_children(uint32_t object)
{
        uint32_t kids[OBJECTS];
        return children(object, kids) > 0;
}

/* A random change that is possible now. */
static struct ext_record random_record(uint64_t seq)
{
        const uint32_t object = 1 + below(OBJECTS - 1);
        struct row *m = &model[object];
        struct ext_record r = {.object = object};
        if (!m->used) {
                uint32_t parent = below(OBJECTS);
                if (parent && (!model[parent].used || model[parent].parent))
                        parent = 0; /* two levels are enough */
                *m = (struct row){true, parent, seq * 8 + below(8), seq, random_props()};
                r.kind = EXT_CREATED;
        } else if (below(4) == 0 && !has_children(object)) {
                m->used = false;
                r.kind = EXT_DESTROYED;
        } else if (below(4) == 0 && !has_children(object)) {
                const uint32_t parent = 1 + below(OBJECTS - 1);
                m->parent = model[parent].used && model[parent].parent == 0 && parent != object ? parent : 0;
                m->ordinal = seq * 8;
                r.kind = EXT_MOVED;
        } else if (below(4) == 0) {
                r.kind = EXT_TOUCHED;
        } else {
                m->props = random_props();
                r.kind = EXT_CHANGED;
        }
        r.parent = m->parent;
        r.ordinal = m->ordinal;
        r.born = m->born;
        r.has_after = r.kind == EXT_CREATED || r.kind == EXT_CHANGED;
        r.after = m->props;
        return r;
}

static struct table *copy_of_model(void)
{
        struct table *t = table_new(NULL);
        assert_non_null(t);
        for (uint32_t i = 0; i < OBJECTS; i++)
                if (i == 0 || model[i].used) {
                        const struct ext_node n = {.id = {i, 1},
                                                   .parent = model[i].parent,
                                                   .ordinal = model[i].ordinal,
                                                   .born = model[i].born,
                                                   .props = i ? model[i].props : encoded(&a, "master=a/b")};
                        assert_int_equal(table_put(t, &n), TABLE_OK);
                }
        table_settle(t);
        return t;
}

static void test_random_changes(void **state)
{
        (void)state;
        struct table *t = copy_of_model();
        const char *users = told("users"), *groups = told("groups");
        unsigned relevant = 0;
        print_message("seed %u\n", SEED);
        for (uint64_t seq = 1; seq <= STEPS; seq++) {
                const struct ext_record r = random_record(seq);
                unsigned dirty = 0;
                assert_int_equal(table_apply(t, &r, false, &dirty), TABLE_OK);
                const char *now_users = told("users"), *now_groups = told("groups");
                assert_string_equal(table_told(t, "users"), now_users);
                assert_string_equal(table_told(t, "groups"), now_groups);
                if (strcmp(users, now_users) != 0)
                        assert_true(dirty & TABLE_PASSWD);
                if (strcmp(groups, now_groups) != 0)
                        assert_true(dirty & TABLE_GROUP);
                relevant += dirty != 0;
                users = now_users;
                groups = now_groups;
                if (seq % 500 == 0) {
                        struct table *again = copy_of_model();
                        assert_int_equal(table_differences(t, again), 0);
                        table_free(again);
                        arena_reset(&a);
                        /* The model's texts lived in the arena: begin with new ones. */
                        for (uint32_t i = 1; i < OBJECTS; i++)
                                model[i] = (struct row){.used = false};
                        table_free(t);
                        t = copy_of_model();
                        users = told("users");
                        groups = told("groups");
                }
        }
        assert_true(relevant > STEPS / 50 && relevant < STEPS);
        table_free(t);
}

/* -- what the other maps say of a table, by the functions that make them */
static bool say_record(void *context, const struct snap_map_record *r)
{
        struct buf *b = context;
        buf_printf(b, "%.*s %.*s %u %zu %zu\n", BYTES_FMT(r->name), BYTES_FMT(r->extra), r->number,
                   r->addresses4_count, r->addresses16_count);
        for (size_t i = 0; i < r->first_count; i++)
                buf_put(b, r->first[i]);
        for (size_t i = 0; i < r->second_count; i++)
                buf_put(b, r->second[i]);
        for (size_t i = 0; i < r->key_count; i++)
                buf_put(b, r->keys[i]);
        return true;
}

static void ignore(void *context, const struct maps_domain *d, const char *what, struct bytes name,
                   const char *reason)
{
        (void)context;
        (void)d;
        (void)what;
        (void)name;
        (void)reason;
}

static void map_says(const struct table *t, enum snap_kind kind, struct buf *out)
{
        const struct merge_rules rules = {.min_id = 1};
        const struct maps_sink sink = {say_record, ignore, out};
        struct maps_domain d = {.name = "local", .local = true};
        struct bytes *v[TABLE_TOPS] = {NULL};
        buf_clear(out);
        for (unsigned top = 0; top < TABLE_TOPS; top++) {
                assert_true(table_children(t, (enum table_top)top, &v[top], &d.top[top].n));
                d.top[top].v = v[top];
        }
        assert_true(maps_make(kind, &d, 1, &rules, &sink));
        for (unsigned top = 0; top < TABLE_TOPS; top++)
                free(v[top]);
}

/* No change of what a map says goes without its image being made anew. */
static void test_every_map_notices(void **state)
{
        struct buf before[SNAP_KINDS], now;
        unsigned changes[SNAP_KINDS] = {0};
        (void)state;
        wide = true;
        for (uint32_t i = 1; i < OBJECTS; i++)
                model[i] = (struct row){.used = false};
        struct table *t = copy_of_model();
        buf_init(&now, 0);
        for (unsigned k = SNAP_ACCOUNTS; k < SNAP_KINDS; k++) {
                buf_init(&before[k], 0);
                map_says(t, (enum snap_kind)k, &before[k]);
        }
        for (uint64_t seq = 1; seq <= STEPS / 5; seq++) {
                const struct ext_record r = random_record(seq);
                unsigned dirty = 0;
                assert_int_equal(table_apply(t, &r, false, &dirty), TABLE_OK);
                for (unsigned k = SNAP_ACCOUNTS; k < SNAP_KINDS; k++) {
                        map_says(t, (enum snap_kind)k, &now);
                        if (bytes_eq(buf_bytes(&now), buf_bytes(&before[k])))
                                continue;
                        assert_true(dirty & 1u << k);
                        changes[k]++;
                        buf_clear(&before[k]);
                        buf_put(&before[k], buf_bytes(&now));
                }
        }
        for (unsigned k = SNAP_ACCOUNTS; k < SNAP_KINDS; k++) {
                assert_true(changes[k] > STEPS / 2000);
                buf_done(&before[k]);
        }
        buf_done(&now);
        table_free(t);
        wide = false;
}

static void put(struct table *t, uint32_t object, uint32_t parent, const char *props)
{
        const struct ext_node n = {.id = {object, 1},
                                   .parent = parent,
                                   .ordinal = object,
                                   .born = object,
                                   .props = encoded(&a, props)};
        assert_int_equal(table_put(t, &n), TABLE_OK);
}

static unsigned changed(struct table *t, uint32_t object, uint32_t parent, const char *props)
{
        unsigned dirty = 0;
        const struct ext_record r = {.kind = EXT_CHANGED,
                                     .object = object,
                                     .born = object,
                                     .parent = parent,
                                     .ordinal = object,
                                     .has_after = true,
                                     .after = encoded(&a, props)};
        assert_int_equal(table_apply(t, &r, false, &dirty), TABLE_OK);
        return dirty;
}

/* Only what alters an image's text makes it anew. */
static void test_relevance(void **state)
{
        (void)state;
        struct table *t = table_new(NULL);
        put(t, 0, 0, "master=a/b");
        put(t, 1, 0, "name=users");
        put(t, 2, 0, "name=groups");
        put(t, 3, 0, "name=machines");
        put(t, 4, 1, "name=ada|uid=1|gid=1|picture=a");
        put(t, 5, 2, "name=crew|gid=1");
        put(t, 6, 3, "name=quill");
        table_settle(t);
        assert_int_equal(changed(t, 4, 1, "name=ada|uid=1|gid=1|picture=b"), 0);
        assert_int_equal(changed(t, 4, 1, "name=ada|uid=1|gid=1|home=/h"), TABLE_PASSWD);
        assert_int_equal(changed(t, 4, 1, "name=ada|uid=1|gid=1|home=/h|expire=5"), TABLE_SHADOW);
        assert_int_equal(changed(t, 4, 1, "name=ada|uid=1|gid=1|home=/h|expire=5|passwd=x"),
                         TABLE_PASSWD | TABLE_SHADOW);
        assert_int_equal(changed(t, 5, 2, "name=crew|gid=1|realname=The_crew"), 0);
        assert_int_equal(changed(t, 5, 2, "name=crew|gid=1|users=ada"), TABLE_GROUP);
        assert_int_equal(changed(t, 6, 3, "name=quill|uid=5|users=a"), 0);
        assert_int_equal(changed(t, 3, 0, "name=machines users"), 0); /* /users comes first */
        assert_int_equal(changed(t, 6, 3, "name=quill|ip_address=10.0.0.1"), 1u << SNAP_HOSTS);
        assert_int_equal(changed(t, 6, 3, "name=quill|ip_address=10.0.0.1|en_address=2:0:0:0:0:1"),
                         1u << SNAP_ETHERS);
        assert_int_equal(changed(t, 6, 3, "name=quill|ip_address=10.0.0.1|netgroups=trusted"),
                         1u << SNAP_ETHERS | TABLE_NETGROUP);
        /* Most users are in no netgroup, and most groups have nothing that gshadow would show. */
        assert_int_equal(changed(t, 4, 1, "name=eve|uid=1|gid=1|home=/h|expire=5|passwd=x"),
                         TABLE_PASSWD | TABLE_SHADOW);
        assert_int_equal(changed(t, 4, 1, "name=eve|uid=1|gid=1|home=/h|expire=5|passwd=x|netgroups=a"),
                         TABLE_NETGROUP);
        assert_int_equal(changed(t, 4, 1, "name=ada|uid=1|gid=1|home=/h|expire=5|passwd=x|netgroups=a"),
                         TABLE_PASSWD | TABLE_SHADOW | TABLE_NETGROUP);
        assert_int_equal(changed(t, 5, 2, "name=crew|gid=1|users=ada|admins=eve"), TABLE_GSHADOW);
        assert_int_equal(changed(t, 5, 2, "name=crew|gid=1|admins=eve"), TABLE_GROUP | TABLE_GSHADOW);
        assert_int_equal(changed(t, 1, 0, "name=people"), TABLE_PASSWD | TABLE_SHADOW | TABLE_NETGROUP);
        unsigned dirty = 0;
        const struct ext_record stranger = {.kind = EXT_CHANGED, .object = 99, .has_after = true};
        assert_int_equal(table_apply(t, &stranger, false, &dirty), TABLE_GAP);
        assert_int_equal(table_apply(t, &stranger, true, &dirty), TABLE_OK);
        const struct ext_record reborn = {.kind = EXT_DESTROYED, .object = 4, .born = 77};
        assert_int_equal(table_apply(t, &reborn, false, &dirty), TABLE_GAP);
        assert_int_equal(table_apply(t, &reborn, true, &dirty), TABLE_OK);
        assert_int_equal(table_count(t), 7);
        table_free(t);
}

/* Numbers that fall together under multiplication by 2654435761, and a /users that comes and goes all the
 * time: with a table that a server can foresee, or a scan for each of its changes, this takes hours. */
static void test_hostile_server(void **state)
{
        (void)state;
        const uint32_t inverse = 244002641u; /* of 2654435761, modulo 2^32 */
        const struct bytes user = encoded(&a, "name=ada|uid=1"), top = encoded(&a, "name=users");
        struct table *t = table_new(NULL);
        unsigned dirty = 0;
        put(t, 0, 0, "master=a/b");
        for (uint32_t i = 1; i <= 600000; i++) {
                const struct ext_node n = {.id = {.object = ((i % 4096) << 20 | i / 4096) * inverse},
                                           .parent = 1,
                                           .props = user};
                assert_int_equal(table_put(t, &n), TABLE_OK);
        }
        assert_int_equal(table_count(t), 600001);
        table_settle(t);
        struct ext_record r = {.object = 3, .born = 1, .ordinal = 3, .has_after = true, .after = top};
        const uint32_t rounds = 100000; /* even: it is gone at the end */
        for (uint32_t i = 0; i < rounds; i++) {
                r.kind = i % 2 ? EXT_DESTROYED : EXT_CREATED;
                assert_int_equal(table_apply(t, &r, false, &dirty), TABLE_OK);
        }
        assert_int_equal(dirty, TABLE_ALL);
        r.kind = EXT_CREATED;
        assert_int_equal(table_apply(t, &r, false, &dirty), TABLE_OK);
        put(t, 4, 3, "name=eve|uid=2");
        table_listed(t);
        struct bytes *users;
        size_t n;
        assert_true(table_children(t, TOP_USERS, &users, &n));
        assert_int_equal(n, 1);
        free(users);
        /* From then on changes tell again what they touch. */
        assert_int_equal(changed(t, 4, 3, "name=eve|uid=2|home=/h"), TABLE_PASSWD);
        table_free(t);
}

/* A server that gives all siblings one place: in whatever order they come, they are read in one order. */
static void test_one_place(void **state)
{
        (void)state;
        static const struct {
                uint32_t object, parent;
                const char *props;
        } rows[] = {{2, 0, "name=users"},     {3, 0, "name=users"},      {4, 2, "name=ada|uid=1"},
                    {5, 2, "name=eve|uid=2"}, {6, 2, "name=bob|uid=3"},  {7, 3, "name=joe|uid=4"},
                    {8, 0, "name=groups"},    {9, 8, "name=crew|gid=1"}, {10, 8, "name=lab|gid=2"}};
        const size_t n = sizeof(rows) / sizeof(rows[0]);
        struct bytes *v, *w;
        size_t in_one, in_other;
        for (unsigned round = 0; round < 200; round++) {
                struct table *one = table_new(NULL), *other = table_new(NULL);
                size_t order[sizeof(rows) / sizeof(rows[0])];
                for (size_t i = 0; i < n; i++) { /* inside out: every order is as likely */
                        const size_t k = below((uint32_t)i + 1);
                        order[i] = order[k];
                        order[k] = i;
                }
                for (size_t i = 0; i < n; i++)
                        for (unsigned t = 0; t < 2; t++) {
                                const size_t at = t ? order[i] : i;
                                const struct ext_node node = {.id = {.object = rows[at].object},
                                                              .parent = rows[at].parent,
                                                              .ordinal = 7,
                                                              .props = encoded(&a, rows[at].props)};
                                assert_int_equal(table_put(t ? other : one, &node), TABLE_OK);
                        }
                table_settle(one);
                table_settle(other);
                assert_int_equal(table_differences(one, other), 0);
                assert_true(table_children(one, TOP_USERS, &v, &in_one));
                assert_true(table_children(other, TOP_USERS, &w, &in_other));
                assert_int_equal(in_one, 3);
                assert_int_equal(in_other, 3);
                for (size_t i = 0; i < 3; i++)
                        assert_true(bytes_eq(v[i], w[i]));
                free(v);
                free(w);
                table_free(one);
                table_free(other);
        }
}

static int begin(void **state)
{
        (void)state;
        arena_init(&a, 0);
        return 0;
}

static int end(void **state)
{
        (void)state;
        arena_done(&a);
        return 0;
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_random_changes, begin, end),
                cmocka_unit_test_setup_teardown(test_every_map_notices, begin, end),
                cmocka_unit_test_setup_teardown(test_relevance, begin, end),
                cmocka_unit_test_setup_teardown(test_hostile_server, begin, end),
                cmocka_unit_test_setup_teardown(test_one_place, begin, end),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
