/* Random writes, right and wrong ones, against a model of the specification that is as simple as it can be:
 * arrays of small numbers. Every answer must be the model's, and every so often everything that can be read.
 */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>

enum { NODES = 24, KIDS = 24, PROPS = 6, VALUES = 5 };

static const char *const names[] = {"a", "b", "name", "_writers", "_writers_a", "", "_locked"};
enum { N_A, N_B, N_NAME, N_WRITERS, N_WRITERS_A, N_EMPTY, N_LOCKED, NAMES };
static const char *const values[] = {"", "x", "y", "*", "ada", "bob"};
enum { V_EMPTY, V_X, V_Y, V_STAR, V_ADA, V_BOB, VALUES_KNOWN };
static const char *const callers[] = {"", "ada", "bob", NULL /* the superuser */};

struct mprop {
        int name, n, v[VALUES];
};
struct mnode {
        bool used, ever; /* ever: its number was in use before */
        uint32_t parent, instance, kid_count, kids[KIDS];
        int n;
        struct mprop p[PROPS];
};
struct model {
        struct mnode node[NODES];
        bool from_zero;
};

/* One call, in the model's numbers. */
struct mcall {
        enum ni_proc proc;
        int caller;
        uint32_t object, instance, kid, kid_instance, where, prop, value;
        int name, text;   /* a new property name; a new value */
        struct mprop one; /* values of WRITEPROP, property of CREATEPROP */
        struct mprop p[PROPS];
        int n; /* properties of CREATE, WRITE */
};
struct manswer {
        enum ni_status status;
        uint32_t object, instance, self, self_instance;
};

static uint64_t seed;

static uint32_t below(uint32_t n)
{
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        return (uint32_t)(seed >> 33) % n;
}

/* -- the model: what doc/protocol.md 2.6, 2.7 and 3.8 say -- */

static int first_of(const struct mnode *n, int name)
{
        for (int i = 0; i < n->n; i++)
                if (n->p[i].name == name)
                        return i;
        return -1;
}

static bool has(const struct mprop *p, int value)
{
        for (int i = 0; i < p->n; i++)
                if (p->v[i] == value)
                        return true;
        return false;
}

static bool listed(const struct mnode *n, int name, int caller)
{
        const int i = first_of(n, name);
        if (i < 0)
                return false;
        return has(&n->p[i], V_STAR) || (caller == 1 && has(&n->p[i], V_ADA)) ||
               (caller == 2 && has(&n->p[i], V_BOB));
}

static enum ni_status permission(const struct mnode *n, int caller, const int *prop_name)
{
        if (first_of(n, N_LOCKED) >= 0)
                return NI_RDONLY;
        if (caller == 3 || listed(n, N_WRITERS, caller))
                return NI_OK;
        if (prop_name && *prop_name == N_A && listed(n, N_WRITERS_A, caller))
                return NI_OK;
        return NI_PERM;
}

static void insert_kid(struct mnode *n, uint32_t kid, uint32_t where)
{
        if (where > n->kid_count)
                where = n->kid_count;
        for (uint32_t i = n->kid_count; i > where; i--)
                n->kids[i] = n->kids[i - 1];
        n->kids[where] = kid;
        n->kid_count++;
}

static void remove_kid(struct mnode *n, uint32_t kid)
{
        uint32_t to = 0;
        for (uint32_t i = 0; i < n->kid_count; i++)
                if (n->kids[i] != kid)
                        n->kids[to++] = n->kids[i];
        n->kid_count = to;
}

static enum ni_status current(const struct model *m, uint32_t object, uint32_t instance)
{
        if (object >= NODES || !m->node[object].used)
                return NI_NODIR;
        return m->node[object].instance == instance ? NI_OK : NI_STALE;
}

static enum ni_status m_create(struct model *m, const struct mcall *c, struct manswer *ret)
{
        uint32_t free_one = 0;
        struct mnode *parent = &m->node[c->object];
        enum ni_status s = permission(parent, c->caller, NULL);
        if (s != NI_OK)
                return s;
        while (m->node[free_one].used)
                free_one++;
        struct mnode *n = &m->node[free_one];
        const uint32_t instance = n->ever && !m->from_zero ? n->instance + 1 : 0;
        *n = (struct mnode){.used = true, .ever = true, .parent = c->object, .instance = instance, .n = c->n};
        memcpy(n->p, c->p, sizeof(n->p));
        insert_kid(parent, free_one, c->where);
        parent->instance++;
        *ret = (struct manswer){NI_OK, free_one, instance, c->object, parent->instance};
        return NI_OK;
}

static enum ni_status m_destroy(struct model *m, const struct mcall *c, struct manswer *ret)
{
        struct mnode *parent = &m->node[c->object];
        enum ni_status s = permission(parent, c->caller, NULL);
        if (s == NI_OK)
                s = current(m, c->kid, c->kid_instance);
        if (s != NI_OK)
                return s;
        struct mnode *kid = &m->node[c->kid];
        if (kid->kid_count)
                return NI_NOTEMPTY;
        if (c->kid == 0 || kid->parent != c->object)
                return NI_UNRELATED;
        kid->used = false;
        remove_kid(parent, c->kid);
        parent->instance++;
        *ret = (struct manswer){NI_OK, c->object, parent->instance, 0, 0};
        return NI_OK;
}

static void insert_prop(struct mnode *n, const struct mprop *p, uint32_t where)
{
        int at = where < (uint32_t)n->n ? (int)where : n->n;
        for (int i = n->n; i > at; i--)
                n->p[i] = n->p[i - 1];
        n->p[at] = *p;
        n->n++;
}

static void remove_prop(struct mnode *n, uint32_t at)
{
        for (int i = (int)at; i + 1 < n->n; i++)
                n->p[i] = n->p[i + 1];
        n->n--;
}

static void insert_value(struct mprop *p, int value, uint32_t where)
{
        int at = where < (uint32_t)p->n ? (int)where : p->n;
        for (int i = p->n; i > at; i--)
                p->v[i] = p->v[i - 1];
        p->v[at] = value;
        p->n++;
}

static void remove_value(struct mprop *p, uint32_t at)
{
        for (int i = (int)at; i + 1 < p->n; i++)
                p->v[i] = p->v[i + 1];
        p->n--;
}

static void change(struct mnode *n, const struct mcall *c)
{
        switch (c->proc) {
        case NI_PROC_write:
                n->n = c->n;
                memcpy(n->p, c->p, sizeof(n->p));
                break;
        case NI_PROC_createprop:
                insert_prop(n, &c->one, c->where);
                break;
        case NI_PROC_destroyprop:
                remove_prop(n, c->prop);
                break;
        case NI_PROC_renameprop:
                n->p[c->prop].name = c->name;
                break;
        case NI_PROC_writeprop:
                n->p[c->prop].n = c->one.n;
                memcpy(n->p[c->prop].v, c->one.v, sizeof(c->one.v));
                break;
        case NI_PROC_createname:
                insert_value(&n->p[c->prop], c->text, c->where);
                break;
        case NI_PROC_destroyname:
                remove_value(&n->p[c->prop], c->value);
                break;
        default: /* writename */
                n->p[c->prop].v[c->value] = c->text;
        }
}

static struct manswer m_call(struct model *m, const struct mcall *c)
{
        struct manswer r = {.status = current(m, c->object, c->instance)};
        if (r.status != NI_OK)
                return r;
        struct mnode *n = &m->node[c->object];
        if (c->proc == NI_PROC_create) {
                r.status = m_create(m, c, &r);
                return r;
        }
        if (c->proc == NI_PROC_destroy) {
                r.status = m_destroy(m, c, &r);
                return r;
        }
        const bool by_prop = c->proc != NI_PROC_write && c->proc != NI_PROC_createprop;
        const bool by_value = c->proc == NI_PROC_destroyname || c->proc == NI_PROC_writename;
        const bool needs_value = by_value || c->proc == NI_PROC_writeprop || c->proc == NI_PROC_createname;
        if (by_prop && c->prop >= (uint32_t)n->n)
                r.status = NI_NOPROP;
        else if (by_value && c->value >= (uint32_t)n->p[c->prop].n)
                r.status = NI_NONAME;
        else
                r.status = permission(n, c->caller, needs_value ? &n->p[c->prop].name : NULL);
        if (r.status != NI_OK)
                return r;
        change(n, c);
        n->instance++;
        return (struct manswer){NI_OK, c->object, n->instance, 0, 0};
}

/* -- the same call, made -- */

static struct namelist made_values(struct fixture *f, const struct mprop *p)
{
        struct namelist l = {arena_zalloc(&f->results, (size_t)p->n, sizeof(*l.v)), (uint32_t)p->n};
        for (int i = 0; i < p->n; i++)
                l.v[i] = bytes_str(values[p->v[i]]);
        return l;
}

static struct proplist made_props(struct fixture *f, const struct mprop *p, int n)
{
        struct proplist l = {arena_zalloc(&f->results, (size_t)n, sizeof(*l.v)), (uint32_t)n};
        for (int i = 0; i < n; i++)
                l.v[i] = (struct property){bytes_str(names[p[i].name]), made_values(f, &p[i])};
        return l;
}

static struct manswer real_call(struct fixture *f, const struct mcall *c)
{
        struct ni_result r;
        const char *who = callers[c->caller];
        const struct ni_args args = {
                .id = {c->object, c->instance},
                .child = {c->kid, c->kid_instance},
                .props = made_props(f, c->p, c->n),
                .prop = {bytes_str(names[c->one.name]), made_values(f, &c->one)},
                .values = made_values(f, &c->one),
                .where = c->where,
                .prop_index = c->prop,
                .name_index = c->value,
                .has_target = below(2), /* a master does not mind */
                .target = {below(NODES), 0},
                .value = bytes_str(c->proc == NI_PROC_renameprop ? names[c->name] : values[c->text]),
        };
        f->caller = who ? fx_caller(who) : (struct caller){.superuser = true};
        struct manswer a = {.status = fx_call(f, c->proc, &args, &r)};
        if (a.status == NI_OK) {
                a.object = r.id.object;
                a.instance = r.id.instance;
                a.self = c->proc == NI_PROC_create ? r.self.object : 0;
                a.self_instance = c->proc == NI_PROC_create ? r.self.instance : 0;
        }
        return a;
}

/* -- choosing calls: mostly right ones, now and then with something wrong -- */

/* The root is never locked: that lasts for ever, and little would happen after it. */
static struct mprop any_prop(bool may_lock)
{
        struct mprop p = {.name = (int)below(may_lock && below(40) == 0 ? NAMES : N_LOCKED),
                          .n = (int)below(4)};
        for (int i = 0; i < p.n; i++)
                p.v[i] = (int)below(VALUES_KNOWN);
        return p;
}

static uint32_t any_where(void)
{
        return below(3) ? below(5) : NI_INDEX_NULL;
}

static bool full(const struct model *m, const struct mcall *c)
{
        uint32_t used = 0;
        const struct mnode *n = &m->node[c->object < NODES ? c->object : 0];
        for (uint32_t i = 0; i < NODES; i++)
                used += m->node[i].used;
        if (c->proc == NI_PROC_create)
                return used >= NODES - 2;
        if (c->proc == NI_PROC_createprop)
                return n->n >= PROPS;
        return c->proc == NI_PROC_createname && c->prop < (uint32_t)n->n && n->p[c->prop].n >= VALUES;
}

static struct mcall any_call(const struct model *m)
{
        static const enum ni_proc procs[] = {NI_PROC_create,      NI_PROC_create,     NI_PROC_destroy,
                                             NI_PROC_write,       NI_PROC_createprop, NI_PROC_createprop,
                                             NI_PROC_destroyprop, NI_PROC_writeprop,  NI_PROC_renameprop,
                                             NI_PROC_createname,  NI_PROC_createname, NI_PROC_destroyname,
                                             NI_PROC_writename};
        struct mcall c = {.proc = procs[below(sizeof(procs) / sizeof(procs[0]))],
                          .caller = (int)(below(3) ? 3 : below(4)),
                          .object = below(NODES),
                          .kid = below(NODES),
                          .where = any_where(),
                          .prop = below(PROPS),
                          .value = below(VALUES),
                          .name = (int)below(N_LOCKED),
                          .text = (int)below(VALUES_KNOWN),
                          .n = (int)below(4)};
        if (below(10)) /* one that is there */
                while (!m->node[c.object].used)
                        c.object = below(NODES);
        c.one = any_prop(c.object != 0);
        for (int i = 0; i < c.n; i++)
                c.p[i] = any_prop(c.object != 0);
        const struct mnode *n = &m->node[c.object];
        if (n->n && below(10))
                c.prop = below((uint32_t)n->n);
        if (c.prop < (uint32_t)n->n && n->p[c.prop].n && below(10))
                c.value = below((uint32_t)n->p[c.prop].n);
        if (n->kid_count && below(3))
                c.kid = n->kids[below(n->kid_count)];
        c.instance = m->node[c.object].instance + (below(12) == 0);
        c.kid_instance = m->node[c.kid].instance + (below(12) == 0);
        return c;
}

/* -- reading everything -- */

static void check_lookups(struct fixture *f, const struct model *m, uint32_t object)
{
        const struct mnode *n = &m->node[object];
        for (int name = 0; name < NAMES; name++)
                for (int value = 0; value < VALUES_KNOWN; value++) {
                        struct ni_result r;
                        uint32_t hits[KIDS], count = 0;
                        const struct ni_args args = {.id = {object, 0},
                                                     .key = bytes_str(names[name]),
                                                     .value = bytes_str(values[value])};
                        for (uint32_t i = 0; i < n->kid_count; i++) {
                                const struct mnode *kid = &m->node[n->kids[i]];
                                const int at = first_of(kid, name);
                                if (at >= 0 && has(&kid->p[at], value))
                                        hits[count++] = n->kids[i];
                        }
                        const enum ni_status want = count ? NI_OK : NI_NODIR;
                        fx_expect(f, want, NI_PROC_lookup, &args, &r);
                        if (count) {
                                assert_int_equal(r.object_count, count);
                                assert_memory_equal(r.objects, hits, count * sizeof(*hits));
                                assert_int_equal(r.id.instance, n->instance);
                        }
                        fx_expect(f, want, NI_PROC_lookupread, &args, &r);
                        if (count) {
                                const struct mnode *hit = &m->node[hits[0]];
                                assert_int_equal(r.id.object, object);
                                assert_string_equal(fx_text(f, r.props),
                                                    fx_text(f, made_props(f, hit->p, hit->n)));
                        }
                }
}

static void check_lists(struct fixture *f, const struct model *m, uint32_t object)
{
        const struct mnode *n = &m->node[object];
        struct ni_result r;
        for (int name = 0; name < NAMES; name++) {
                fx_expect(f, NI_OK, NI_PROC_list,
                          &(struct ni_args){.id = {object, 0}, .value = bytes_str(names[name])}, &r);
                assert_int_equal(r.entry_count, n->kid_count);
                for (uint32_t i = 0; i < n->kid_count; i++) {
                        const struct mnode *kid = &m->node[n->kids[i]];
                        const int at = first_of(kid, name);
                        const bool shown = at >= 0 && kid->p[at].n > 0;
                        assert_int_equal(r.entries[i].object, n->kids[i]);
                        assert_int_equal(r.entries[i].has_names, shown);
                        if (shown)
                                assert_string_equal(fx_values_text(f, r.entries[i].names),
                                                    fx_values_text(f, made_values(f, &kid->p[at])));
                }
        }
        fx_expect(f, NI_OK, NI_PROC_listall, &(struct ni_args){.id = {object, 0}}, &r);
        assert_int_equal(r.list_count, n->kid_count);
        for (uint32_t i = 0; i < n->kid_count; i++) {
                const struct mnode *kid = &m->node[n->kids[i]];
                assert_string_equal(fx_text(f, r.lists[i]), fx_text(f, made_props(f, kid->p, kid->n)));
        }
}

static void check_by_index(struct fixture *f, const struct mnode *n, uint32_t object)
{
        struct ni_result r;
        fx_expect(f, NI_OK, NI_PROC_listprops, &(struct ni_args){.id = {object, 0}}, &r);
        assert_int_equal(r.values.n, n->n);
        for (uint32_t i = 0; i <= (uint32_t)n->n; i++) {
                struct ni_args args = {.id = {object, 0}, .prop_index = i};
                const bool there = i < (uint32_t)n->n;
                fx_expect(f, there ? NI_OK : NI_NOPROP, NI_PROC_readprop, &args, &r);
                if (there)
                        assert_string_equal(fx_values_text(f, r.values),
                                            fx_values_text(f, made_values(f, &n->p[i])));
                for (uint32_t k = 0; k <= (there ? (uint32_t)n->p[i].n : 0); k++) {
                        args.name_index = k;
                        const bool value = there && k < (uint32_t)n->p[i].n;
                        fx_expect(f,
                                  value   ? NI_OK
                                  : there ? NI_NONAME
                                          : NI_NOPROP,
                                  NI_PROC_readname, &args, &r);
                        if (value)
                                assert_true(bytes_eq_str(r.value, values[n->p[i].v[k]]));
                }
        }
}

static void check_all(struct fixture *f, const struct model *m)
{
        uint32_t checksum = 0, count = 0;
        for (uint32_t object = 0; object < NODES; object++) {
                const struct mnode *n = &m->node[object];
                const struct ni_args args = {.id = {object, 0}};
                struct ni_result r;
                if (!n->used) {
                        fx_expect(f, NI_NODIR, NI_PROC_read, &args, NULL);
                        continue;
                }
                checksum += (object + 1) * n->instance;
                count++;
                fx_expect(f, NI_OK, NI_PROC_read, &args, &r);
                assert_int_equal(r.id.instance, n->instance);
                assert_string_equal(fx_text(f, r.props), fx_text(f, made_props(f, n->p, n->n)));
                fx_expect(f, NI_OK, NI_PROC_children, &args, &r);
                assert_int_equal(r.object_count, n->kid_count);
                assert_memory_equal(r.objects, n->kids, n->kid_count * sizeof(n->kids[0]));
                fx_expect(f, NI_OK, NI_PROC_parent, &args, &r);
                assert_int_equal(r.parent, n->parent);
                check_lookups(f, m, object);
                check_lists(f, m, object);
                check_by_index(f, n, object);
                arena_reset(&f->results);
        }
        const struct store_info info = fx_info(f);
        assert_int_equal(info.checksum, checksum);
        assert_int_equal(info.directories, count);
        fx_check_store(f);
}

static void run(struct fixture *f, bool from_zero, uint32_t calls)
{
        const char *chosen = getenv("NETINFO_TEST_SEED");
        struct model m = {.from_zero = from_zero};
        uint32_t seen[32] = {0};
        seed = chosen ? strtoull(chosen, NULL, 0) : 0x4e657449u;
        print_message("seed %#llx\n", (unsigned long long)seed);
        m.node[0] = (struct mnode){.used = true, .ever = true, .instance = 1};
        for (uint32_t i = 0; i < calls; i++) {
                const struct mcall c = any_call(&m);
                if (full(&m, &c))
                        continue;
                const struct manswer got = real_call(f, &c), want = m_call(&m, &c);
                if (got.status != want.status || got.object != want.object || got.instance != want.instance ||
                    got.self != want.self || got.self_instance != want.self_instance)
                        fail_msg("call %u (procedure %d on {%u,%u}): status %d {%u,%u} where %d {%u,%u} is "
                                 "due",
                                 i, (int)c.proc, c.object, c.instance, (int)got.status, got.object,
                                 got.instance, (int)want.status, want.object, want.instance);
                seen[want.status]++;
                arena_reset(&f->results);
                if (i % 400 == 399)
                        check_all(f, &m);
        }
        check_all(f, &m);
        if (chosen)
                return;
        /* with the usual seed, every answer there is has been met */
        static const enum ni_status due[] = {NI_OK,     NI_STALE,    NI_PERM,      NI_NODIR, NI_NOPROP,
                                             NI_NONAME, NI_NOTEMPTY, NI_UNRELATED, NI_RDONLY};
        for (size_t i = 0; i < sizeof(due) / sizeof(due[0]); i++)
                if (!seen[due[i]])
                        fail_msg("no call was answered with %d", (int)due[i]);
}

static void test_random(void **state)
{
        run(*state, false, 20000);
}

static void test_random_from_zero(void **state)
{
        run(*state, true, 8000);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_random, fixture_empty, fixture_done),
                cmocka_unit_test_setup_teardown(test_random_from_zero, fixture_empty_from_zero, fixture_done),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
