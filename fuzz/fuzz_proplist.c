/* Encoded property lists: the three ways of reading one (exact, walking, decoding) must agree. */
#include "check.h"
#include "xdr/prop.h"

static void check_values(struct bytes encoded, struct namelist values, uint32_t count)
{
        struct bytes v;
        CHECK(count == values.n);
        for (uint32_t i = 0; i < count; i++) {
                CHECK(namelist_at(encoded, i, &v) && bytes_eq(v, values.v[i]));
                if (i < 4)
                        CHECK(namelist_has(encoded, v));
        }
        CHECK(!namelist_at(encoded, count, &v));
}

/* An exact list: walking and decoding find the same, and encoding gives the same bytes. */
static void check_exact(struct bytes exact)
{
        struct arena a;
        struct buf out;
        struct xdr_in in = xdr_in(exact);
        arena_init(&a, (size_t)64 << 20);
        buf_init(&out, 0);
        const struct proplist l = xdr_proplist(&in, &a);
        CHECK(xdr_end(&in));
        struct prop_walk w = prop_walk(exact), found;
        for (uint32_t i = 0; i < l.n; i++) {
                CHECK(prop_walk_next(&w) && w.index == i && bytes_eq(w.name, l.v[i].name));
                if (i < 16 && w.count < 16) { /* quadratic otherwise */
                        check_values(w.values, l.v[i].values, w.count);
                        CHECK(prop_find(exact, w.name, &found) && found.index <= i);
                        CHECK(proplist_get(&l, w.name) == &l.v[found.index]);
                }
        }
        CHECK(!prop_walk_next(&w) && !w.in.bad);
        xdr_put_proplist(&out, l);
        CHECK(bytes_eq(buf_bytes(&out), exact));
        buf_done(&out);
        arena_done(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        const struct bytes all = bytes_of(data, size);
        struct xdr_in in = xdr_in(all);
        struct bytes first;
        const struct bytes exact = xdr_proplist_exact(&in);
        if (xdr_ok(&in))
                check_exact(exact);
        struct prop_walk w = prop_walk(all); /* damaged lists end early, whatever they hold */
        size_t steps = 0;
        while (prop_walk_next(&w))
                steps++;
        CHECK(steps <= size / 8);
        prop_first(all, "name", &first);
        return 0;
}
