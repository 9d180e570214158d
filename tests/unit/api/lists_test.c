/* The list utilities of the client library (doc/protocol.md 8.4). */
#include <netinfo/nibind_prot.h>
#include <netinfo/netinfo.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

/* The words of a list, joined; static storage. */
static const char *joined(ni_namelist l)
{
        static char text[256];
        text[0] = '\0';
        for (unsigned i = 0; i < l.ninl_len; i++) {
                strcat(text, i ? "," : "");
                strcat(text, l.ninl_val[i]);
        }
        return text;
}

static void names(void **state)
{
        (void)state;
        const char text[] = "quill";
        ni_name copy = ni_name_dup(text);
        assert_ptr_not_equal(text, copy);
        assert_string_equal("quill", copy);
        assert_true(ni_name_match(copy, text));
        assert_false(ni_name_match(copy, "Quill"));
        assert_false(ni_name_match("quil", text));
        ni_name_free(&copy);
        assert_null(copy);
        copy = ni_name_dup(NULL);
        assert_string_equal("", copy);
        ni_name_free(&copy);
        ni_name_free(&copy); /* a freed name may be freed */
}

static void namelists(void **state)
{
        ni_namelist l, copy;
        char word[] = "b";
        (void)state;
        NI_INIT(&l);
        ni_namelist_free(&l); /* a zeroed list is an empty one */
        ni_namelist_insert(&l, word, NI_INDEX_NULL);
        word[0] = 'X'; /* the list has a copy */
        ni_namelist_insert(&l, "d", 99);
        ni_namelist_insert(&l, "a", 0);
        ni_namelist_insert(&l, "c", 2);
        assert_string_equal("a,b,c,d", joined(l));
        ni_namelist_insert(&l, l.ninl_val[3], 0); /* of its own */
        assert_string_equal("d,a,b,c,d", joined(l));
        assert_int_equal(0, ni_namelist_match(l, "d"));
        assert_int_equal(3, ni_namelist_match(l, "c"));
        assert_true(ni_namelist_match(l, "x") == NI_INDEX_NULL);
        copy = ni_namelist_dup(l);
        ni_namelist_delete(&l, 0);
        ni_namelist_delete(&l, 1);
        ni_namelist_delete(&l, 2);
        ni_namelist_delete(&l, 2); /* behind the end: nothing */
        assert_string_equal("a,c", joined(l));
        assert_string_equal("d,a,b,c,d", joined(copy));
        ni_namelist_delete(&l, 1);
        ni_namelist_delete(&l, 0);
        assert_int_equal(0, l.ninl_len);
        assert_null(l.ninl_val);
        ni_namelist_free(&copy);
        assert_int_equal(0, copy.ninl_len);
        assert_null(copy.ninl_val);
}

static ni_property property(const char *name, const char *value)
{
        ni_property p;
        NI_INIT(&p);
        p.nip_name = ni_name_dup(name);
        if (value)
                ni_namelist_insert(&p.nip_val, value, NI_INDEX_NULL);
        return p;
}

static void add(ni_proplist *l, const char *name, const char *value, ni_index where)
{
        ni_property p = property(name, value);
        ni_proplist_insert(l, p, where);
        ni_prop_free(&p);
        assert_null(p.nip_name);
        assert_int_equal(0, p.nip_val.ninl_len);
}

static void proplists(void **state)
{
        ni_proplist l, copy;
        ni_proplist_list lists = {0, NULL};
        (void)state;
        NI_INIT(&l);
        add(&l, "name", "quill", NI_INDEX_NULL);
        add(&l, "serves", "./network", NI_INDEX_NULL);
        add(&l, "first", NULL, 0);
        add(&l, "serves", "hidden", NI_INDEX_NULL);
        assert_int_equal(4, l.nipl_len);
        assert_string_equal("first", l.nipl_val[0].nip_name);
        assert_int_equal(0, ni_proplist_match(l, "first", NULL));
        assert_int_equal(2, ni_proplist_match(l, "serves", NULL));
        assert_int_equal(2, ni_proplist_match(l, "serves", "./network"));
        assert_true(ni_proplist_match(l, "serves", "hidden") ==
                    NI_INDEX_NULL); /* only the first property counts */
        assert_true(ni_proplist_match(l, "first", "x") == NI_INDEX_NULL);
        assert_true(ni_proplist_match(l, "nope", NULL) == NI_INDEX_NULL);
        copy = ni_proplist_dup(l);
        ni_proplist_delete(&l, 2);
        ni_proplist_delete(&l, 7);
        assert_int_equal(3, l.nipl_len);
        assert_int_equal(2, ni_proplist_match(l, "serves", "hidden"));
        assert_int_equal(2, ni_proplist_match(copy, "serves", "./network"));
        assert_ptr_not_equal(copy.nipl_val[1].nip_val.ninl_val[0], l.nipl_val[1].nip_val.ninl_val[0]);
        lists.nipll_len = 2;
        lists.nipll_val = calloc(2, sizeof(ni_proplist));
        lists.nipll_val[0] = l;
        lists.nipll_val[1] = copy;
        ni_proplist_list_free(&lists);
        assert_int_equal(0, lists.nipll_len);
        assert_null(lists.nipll_val);
        ni_proplist_list_free(&lists);
}

static void idlists(void **state)
{
        ni_idlist l, copy;
        (void)state;
        NI_INIT(&l);
        assert_int_equal(0, ni_idlist_delete(&l, 5));
        ni_idlist_insert(&l, 5, NI_INDEX_NULL);
        ni_idlist_insert(&l, 7, 50);
        ni_idlist_insert(&l, 3, 0);
        ni_idlist_insert(&l, 5, 2);
        copy = ni_idlist_dup(l);
        const ni_index want[] = {3, 5, 5, 7};
        assert_int_equal(4, copy.niil_len);
        assert_memory_equal(want, copy.niil_val, sizeof(want));
        assert_int_equal(1, ni_idlist_delete(&l, 5)); /* by value, the first */
        assert_int_equal(0, ni_idlist_delete(&l, 6));
        const ni_index left[] = {3, 5, 7};
        assert_int_equal(3, l.niil_len);
        assert_memory_equal(left, l.niil_val, sizeof(left));
        ni_idlist_free(&l);
        ni_idlist_free(&copy);
        assert_null(copy.niil_val);
        copy = ni_idlist_dup(l);
        assert_int_equal(0, copy.niil_len);
}

static void entrylists(void **state)
{
        ni_entrylist l;
        ni_namelist some;
        (void)state;
        NI_INIT(&l);
        NI_INIT(&some);
        ni_namelist_insert(&some, "a", NI_INDEX_NULL);
        ni_entrylist_insert(&l, (ni_entry){4, &some});
        ni_entrylist_insert(&l, (ni_entry){9, NULL});
        ni_namelist_free(&some); /* the list has a copy */
        assert_int_equal(2, l.niel_len);
        assert_int_equal(4, l.niel_val[0].id);
        assert_string_equal("a", joined(*l.niel_val[0].names));
        assert_null(l.niel_val[1].names);
        ni_entrylist_delete(&l, 5);
        ni_entrylist_delete(&l, 0);
        assert_int_equal(1, l.niel_len);
        assert_int_equal(9, l.niel_val[0].id);
        ni_entrylist_free(&l);
        assert_null(l.niel_val);
}

static void words(void **state)
{
        (void)state;
        assert_string_equal("Operation succeeded", ni_error(NI_OK));
        assert_string_equal("No such directory", ni_error(NI_NODIR));
        assert_string_equal("Communication failure", ni_error(NI_FAILED));
        assert_string_equal("(unknown error)", ni_error((ni_status)4711));
        assert_int_equal(200100000, NI_PROG);
        assert_int_equal(200100001, NIBIND_PROG);
        assert_int_equal(4, sizeof(ni_index));
        assert_true(NI_INDEX_NULL == UINT32_MAX);
}

/* Handles that name no server: refused without any connection. */
static void refused(void **state)
{
        void *h = NULL;
        ni_id id;
        char other[] = "http://quill/", bad[] = "";
        (void)state;
        assert_int_equal(NI_FAILED, ni_open(NULL, "", &h));
        assert_int_equal(NI_FAILED, ni_open(NULL, "harbor", &h));
        assert_int_equal(NI_FAILED, ni_open(NULL, "tag@", &h));
        assert_int_equal(NI_FAILED, ni_open(NULL, "@host", &h));
        assert_null(ni_new(NULL, "harbor"));
        assert_int_equal(NI_CANTFINDADDRESS, ni_url(other, &h, &id));
        assert_int_equal(NI_CANTFINDADDRESS, ni_url(bad, &h, &id));
        assert_int_equal(NI_INVALIDDOMAIN, netinfo_connect("127.0.0.1", "a/b", &h));
        assert_int_equal(NI_INVALIDDOMAIN, netinfo_connect("127.0.0.1:0x", "tag", &h));
        assert_int_equal(NI_CANTFINDADDRESS, netinfo_connect("nohost.invalid", "tag", &h));
        assert_null(h);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(names),   cmocka_unit_test(namelists),  cmocka_unit_test(proplists),
                cmocka_unit_test(idlists), cmocka_unit_test(entrylists), cmocka_unit_test(words),
                cmocka_unit_test(refused),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
