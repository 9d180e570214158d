#include "xdr/prop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static struct arena arena;
static struct buf out;

static int setup(void **state)
{
        (void)state;
        arena_init(&arena, 0);
        buf_init(&out, 0);
        return 0;
}

static int teardown(void **state)
{
        (void)state;
        arena_done(&arena);
        buf_done(&out);
        return 0;
}

/* name=ada,lovelace  uid=5001  empty (no values)  name=second */
static struct proplist ada(void)
{
        const struct bytes names[] = {BYTES_LIT("ada"), BYTES_LIT("lovelace")};
        struct proplist l = {NULL, 0};
        assert_true(proplist_add(&l, &arena, BYTES_LIT("name"), names, 2));
        assert_true(proplist_add_str(&l, &arena, "uid", "5001"));
        assert_true(proplist_add(&l, &arena, BYTES_LIT("empty"), NULL, 0));
        assert_true(proplist_add_str(&l, &arena, "name", "second"));
        return l;
}

static struct bytes encoded(struct proplist l)
{
        buf_clear(&out);
        xdr_put_proplist(&out, l);
        assert_false(out.failed);
        return buf_bytes(&out);
}

static void round_trip(void **state)
{
        (void)state;
        const struct proplist l = ada();
        struct xdr_in in = xdr_in(encoded(l));
        const struct proplist back = xdr_proplist(&in, &arena);
        assert_true(xdr_end(&in));
        assert_int_equal(back.n, 4);
        for (uint32_t i = 0; i < 4; i++) {
                assert_true(bytes_eq(back.v[i].name, l.v[i].name));
                assert_int_equal(back.v[i].values.n, l.v[i].values.n);
                for (uint32_t v = 0; v < l.v[i].values.n; v++)
                        assert_true(bytes_eq(back.v[i].values.v[v], l.v[i].values.v[v]));
        }
}

static void exact_bytes(void **state)
{
        (void)state;
        encoded(ada());
        const size_t n = out.len;
        xdr_put_u32(&out, 42); /* what follows is not part of it */
        struct xdr_in in = xdr_in(buf_bytes(&out));
        const struct bytes exact = xdr_proplist_exact(&in);
        assert_ptr_equal(exact.data, out.data);
        assert_int_equal(exact.len, n);
        assert_int_equal(xdr_u32(&in), 42);
}

static bool is_exact(struct bytes b)
{
        struct xdr_in in = xdr_in(b);
        const struct bytes exact = xdr_proplist_exact(&in);
        assert_int_equal(exact.len != 0, xdr_ok(&in));
        return xdr_ok(&in);
}

static void inexact_is_refused(void **state)
{
        struct proplist l = {NULL, 0};
        (void)state;
        assert_true(proplist_add_str(&l, &arena, "a", "bcdef"));
        assert_true(is_exact(encoded(l)));
        for (size_t i = 0; i < out.len; i++)
                assert_false(is_exact(bytes_sub(buf_bytes(&out), 0, i)));
        out.data[8 + 1] = 1; /* padding of the name */
        assert_false(is_exact(buf_bytes(&out)));
        out.data[8 + 1] = 0;
        out.data[out.len - 1] = 1; /* padding of the value */
        assert_false(is_exact(buf_bytes(&out)));
        out.data[out.len - 1] = 0;
        out.data[20 + 2] = 0; /* a NUL inside the value */
        assert_false(is_exact(buf_bytes(&out)));
}

static void empty_list(void **state)
{
        struct prop_walk w;
        (void)state;
        const struct bytes b = encoded((struct proplist){NULL, 0});
        assert_int_equal(b.len, 4);
        assert_true(is_exact(b));
        w = prop_walk(b);
        assert_false(prop_walk_next(&w));
        assert_false(w.in.bad);
}

static void walk(void **state)
{
        (void)state;
        const struct proplist l = ada();
        struct prop_walk w = prop_walk(encoded(l));
        for (uint32_t i = 0; i < l.n; i++) {
                assert_true(prop_walk_next(&w));
                assert_int_equal(w.index, i);
                assert_true(bytes_eq(w.name, l.v[i].name));
                assert_int_equal(w.count, l.v[i].values.n);
        }
        assert_false(prop_walk_next(&w));
        assert_false(w.in.bad);
}

static void walk_over_damage(void **state)
{
        (void)state;
        const struct bytes all = encoded(ada());
        for (size_t n = 0; n < all.len; n++) {
                struct prop_walk w = prop_walk(bytes_sub(all, 0, n));
                uint32_t steps = 0;
                while (prop_walk_next(&w))
                        steps++;
                assert_true(steps < 4);
                assert_true(w.in.bad);
        }
}

static void first_property_of_a_name_counts(void **state)
{
        struct prop_walk w;
        struct bytes v;
        (void)state;
        const struct bytes all = encoded(ada());
        assert_true(prop_find(all, BYTES_LIT("name"), &w));
        assert_int_equal(w.index, 0);
        assert_true(namelist_has(w.values, BYTES_LIT("lovelace")));
        assert_false(namelist_has(w.values, BYTES_LIT("second")));
        assert_false(namelist_has(w.values, BYTES_LIT("ad")));
        assert_true(namelist_at(w.values, 1, &v) && bytes_eq_str(v, "lovelace"));
        assert_false(namelist_at(w.values, 2, &v));
        assert_true(bytes_eq_str(v, "lovelace")); /* untouched */
        assert_false(prop_find(all, BYTES_LIT("Name"), &w));
        assert_true(prop_first(all, "uid", &v) && bytes_eq_str(v, "5001"));
        assert_false(prop_first(all, "empty", &v));
        assert_int_equal(v.len, 0);
        assert_false(prop_first(all, "none", &v));
}

static void decoded_lists(void **state)
{
        (void)state;
        struct proplist l = ada();
        assert_ptr_equal(proplist_get(&l, BYTES_LIT("name")), &l.v[0]);
        assert_null(proplist_get(&l, BYTES_LIT("none")));
        assert_true(bytes_eq_str(proplist_first(&l, "name"), "ada"));
        assert_int_equal(proplist_first(&l, "empty").len, 0);
        assert_null(proplist_first(&l, "none").data);
}

static void full_arena(void **state)
{
        struct arena small;
        (void)state;
        const struct bytes all = encoded(ada());
        for (size_t room = 1; room < 400; room += 16) {
                arena_init(&small, room);
                struct xdr_in in = xdr_in(all);
                const struct proplist l = xdr_proplist(&in, &small);
                if (small.failed)
                        assert_true(!xdr_ok(&in) && l.n == 0);
                else
                        assert_true(xdr_end(&in) && l.n == 4);
                arena_done(&small);
        }
        arena_init(&small, 8);
        struct proplist l = {NULL, 0};
        assert_false(proplist_add_str(&l, &small, "a", "b"));
        assert_int_equal(l.n, 0);
        arena_done(&small);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        const struct CMUnitTest tests[] = {
                T(round_trip),
                T(exact_bytes),
                T(inexact_is_refused),
                T(empty_list),
                T(walk),
                T(walk_over_damage),
                T(first_property_of_a_name_counts),
                T(decoded_lists),
                T(full_arena),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
