/* The order of checks of every write (protocol.md 2.6, 2.7, 3.8): for each procedure every set of things that
 * are wrong is tried, and the first of them in the order must be the answer. */
#include "fixture.h"

enum wrong {
        CLONE,       /* the server is a clone */
        UNKNOWN,     /* no such directory */
        STALE,       /* an old instance */
        PROP,        /* property index out of range */
        NAME,        /* value index out of range */
        LOCKED,      /* the directory has `_locked` */
        STRANGER,    /* the caller may not */
        KID_UNKNOWN, /* DESTROY's second id: no such directory */
        KID_STALE,   /* an old instance */
        KID_FULL,    /* it has children */
        KID_OTHER,   /* it is somebody else's */
        WRONGS
};
static const enum ni_status answers[WRONGS] = {
        [CLONE] = NI_RDONLY,      [UNKNOWN] = NI_NODIR,       [STALE] = NI_STALE,
        [PROP] = NI_NOPROP,       [NAME] = NI_NONAME,         [LOCKED] = NI_RDONLY,
        [STRANGER] = NI_PERM,     [KID_UNKNOWN] = NI_NODIR,   [KID_STALE] = NI_STALE,
        [KID_FULL] = NI_NOTEMPTY, [KID_OTHER] = NI_UNRELATED,
};

#define BIT(w)  (1u << (w))
#define ALL     (BIT(CLONE) | BIT(UNKNOWN) | BIT(STALE) | BIT(LOCKED) | BIT(STRANGER))
#define BY_PROP (ALL | BIT(PROP))
#define BY_NAME (BY_PROP | BIT(NAME))
#define BY_KID  (ALL | BIT(KID_UNKNOWN) | BIT(KID_STALE) | BIT(KID_FULL) | BIT(KID_OTHER))

static const struct {
        enum ni_proc proc;
        unsigned can; /* which of these can be wrong with it */
} writes[] = {
        {NI_PROC_create, ALL},         {NI_PROC_destroy, BY_KID},      {NI_PROC_write, ALL},
        {NI_PROC_createprop, ALL},     {NI_PROC_destroyprop, BY_PROP}, {NI_PROC_writeprop, BY_PROP},
        {NI_PROC_renameprop, BY_PROP}, {NI_PROC_createname, BY_PROP},  {NI_PROC_destroyname, BY_NAME},
        {NI_PROC_writename, BY_NAME},
};

struct scene {
        uint32_t dir, locked, other;
        uint32_t kid[2][2][2]; /* below `dir`, `locked`; [1]: below other instead; [1]: with a child */
};

static struct scene build(struct fixture *f)
{
        struct scene s;
        s.dir = fx_add(f, 0, fx_props(f, "a", "x", "y", NULL, NULL)).object;
        s.locked = fx_add(f, 0, fx_props(f, "a", "x", "y", NULL, NULL)).object;
        s.other = fx_add(f, 0, fx_props(f, "name", "other", NULL, NULL)).object;
        for (int locked = 0; locked < 2; locked++)
                for (int other = 0; other < 2; other++)
                        for (int full = 0; full < 2; full++) {
                                const uint32_t below = other ? s.other : locked ? s.locked : s.dir;
                                const uint32_t kid = fx_add(f, below, fx_props(f, NULL)).object;
                                s.kid[locked][other][full] = kid;
                                if (full)
                                        fx_add(f, kid, fx_props(f, NULL));
                        }
        fx_expect(f, NI_OK, NI_PROC_createprop,
                  &(struct ni_args){.id = fx_id(f, s.locked),
                                    .prop = {BYTES_LIT("_locked"), {NULL, 0}},
                                    .where = NI_INDEX_NULL},
                  NULL);
        return s;
}

static enum ni_status call_with(struct fixture *f, const struct scene *s, enum ni_proc proc, unsigned wrong)
{
        const bool locked = wrong & BIT(LOCKED);
        const uint32_t kid = s->kid[locked][!!(wrong & BIT(KID_OTHER))][!!(wrong & BIT(KID_FULL))];
        struct ni_args args = {.id = fx_id(f, locked ? s->locked : s->dir),
                               .prop = {BYTES_LIT("b"), fx_values(f, "1", NULL)},
                               .props = fx_props(f, "b", "1", NULL, NULL),
                               .values = fx_values(f, "1", NULL),
                               .value = BYTES_LIT("v"),
                               .where = NI_INDEX_NULL,
                               .prop_index = wrong & BIT(PROP) ? 9 : 0,
                               .name_index = wrong & BIT(NAME) ? 9 : 1};
        args.child = fx_id(f, kid);
        if (wrong & BIT(UNKNOWN))
                args.id.object = 999;
        if (wrong & BIT(STALE))
                args.id.instance++;
        if (wrong & BIT(KID_UNKNOWN))
                args.child.object = 998;
        if (wrong & BIT(KID_STALE))
                args.child.instance++;
        f->policy.clone = wrong & BIT(CLONE);
        f->caller = wrong & BIT(STRANGER) ? (struct caller){0}
                                          : (struct caller){.superuser = true, .sees_secrets = true};
        const enum ni_status r = fx_call(f, proc, &args, NULL);
        f->policy.clone = false;
        f->caller = (struct caller){.superuser = true, .sees_secrets = true};
        return r;
}

static enum ni_status first(unsigned wrong)
{
        for (unsigned w = 0; w < WRONGS; w++)
                if (wrong & BIT(w))
                        return answers[w];
        return NI_OK;
}

static void test_order(void **state)
{
        struct fixture *f = *state;
        const struct scene s = build(f);
        for (size_t i = 0; i < sizeof(writes) / sizeof(writes[0]); i++) {
                const uint64_t before = fx_info(f).seq;
                for (unsigned wrong = 1; wrong < BIT(WRONGS); wrong++) {
                        if (wrong & ~writes[i].can)
                                continue;
                        const enum ni_status got = call_with(f, &s, writes[i].proc, wrong);
                        if (got != first(wrong))
                                fail_msg("procedure %d, wrong 0x%x: %d where %d is due", (int)writes[i].proc,
                                         wrong, (int)got, (int)first(wrong));
                }
                assert_int_equal(fx_info(f).seq, before); /* refusals leave nothing */
        }
        for (size_t i = 0; i < sizeof(writes) / sizeof(writes[0]); i++) {
                const struct scene fresh = build(f);
                assert_int_equal(call_with(f, &fresh, writes[i].proc, 0), NI_OK);
        }
        fx_check_store(f);
}

/* 3.8: what each caller may do to a directory with these properties. */
static void test_permissions(void **state)
{
        static const struct {
                const char *writers, *writers_a, *caller;
                bool dir, value;
        } rows[] = {
                {NULL, NULL, "ada", false, false},  {"ada", NULL, "ada", true, true},
                {"ada", NULL, "bob", false, false}, {"*", NULL, "", true, true},
                {"", NULL, "", false, false},       {NULL, "ada", "ada", false, true},
                {NULL, "*", "", false, true},       {NULL, "", "", false, false},
                {NULL, "bob", "ada", false, false}, {"bob", "ada", "ada", false, true},
        };
        struct fixture *f = *state;
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                for (size_t p = 0; p < sizeof(writes) / sizeof(writes[0]); p++) {
                        const enum ni_proc proc = writes[p].proc;
                        const bool value = proc == NI_PROC_writeprop || proc == NI_PROC_createname ||
                                           proc == NI_PROC_destroyname || proc == NI_PROC_writename;
                        struct proplist l = fx_props(f, "a", "x", "y", NULL, NULL);
                        if (rows[i].writers)
                                proplist_add_str(&l, &f->results, "_writers", rows[i].writers);
                        if (rows[i].writers_a)
                                proplist_add_str(&l, &f->results, "_writers_a", rows[i].writers_a);
                        const uint32_t d = fx_add(f, 0, l).object;
                        const uint32_t kid = fx_add(f, d, fx_props(f, NULL)).object;
                        const struct ni_args args = {
                                .id = fx_id(f, d), .child = fx_id(f, kid), .value = BYTES_LIT("v")};
                        f->caller = fx_caller(rows[i].caller);
                        const bool may = value ? rows[i].value : rows[i].dir;
                        const enum ni_status got = fx_call(f, proc, &args, NULL);
                        if (got != (may ? NI_OK : NI_PERM))
                                fail_msg("row %zu, procedure %d: %d", i, (int)proc, (int)got);
                }
        }
}

/* A clone obeys its master's channel, target id included; a master lets nobody choose ids. */
static void test_target(void **state)
{
        struct fixture *f = *state;
        struct ni_result r;
        struct ni_args args = {.id = {1, 1}, .where = NI_INDEX_NULL, .has_target = true, .target = {40, 0}};
        fx_expect(f, NI_OK, NI_PROC_create, &args, &r);
        assert_int_equal(r.id.object, 3);
        f->policy = (struct dir_policy){.clone = true, .honour_target = true};
        args.id.instance++;
        fx_expect(f, NI_OK, NI_PROC_create, &args, &r);
        assert_int_equal(r.id.object, 40);
        args.id.instance++;
        fx_expect(f, NI_ALIVE, NI_PROC_create, &args, NULL);
        args.has_target = false;
        fx_expect(f, NI_OK, NI_PROC_create, &args, &r);
        assert_int_equal(r.id.object, 4);
        f->policy.honour_target = false;
        args.id.instance++;
        fx_expect(f, NI_RDONLY, NI_PROC_create, &args, NULL);
        fx_check_store(f);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_domain, fixture_done)
int main(void)
{
        const struct CMUnitTest tests[] = {T(test_order), T(test_permissions), T(test_target)};
        return cmocka_run_group_tests(tests, NULL, NULL);
}
