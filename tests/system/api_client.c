/* A program as somebody would write it who has only netinfo(3), ni_open(3), ni_read(3) and ni_lists(3). It
 * works on the domain that its argument names and says what went wrong. */
#include <netinfo/netinfo.h>
#include <netinfo/ni.h>
#include <netinfo/ni_util.h>

#include <arpa/inet.h>
#include <pthread.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define WANT(x)                                                         \
        do {                                                            \
                if (!(x)) {                                             \
                        fprintf(stderr, "line %d: %s\n", __LINE__, #x); \
                        exit(1);                                        \
                }                                                       \
        } while (0)
#define OK(x)                                                                                  \
        do {                                                                                   \
                const ni_status status_ = (x);                                                 \
                if (status_ != NI_OK) {                                                        \
                        fprintf(stderr, "line %d: %s: %s\n", __LINE__, #x, ni_error(status_)); \
                        exit(1);                                                               \
                }                                                                              \
        } while (0)

static ni_proplist named(const char *name)
{
        ni_proplist l;
        ni_property p;
        NI_INIT(&l);
        NI_INIT(&p);
        p.nip_name = ni_name_dup("name");
        ni_namelist_insert(&p.nip_val, name, NI_INDEX_NULL);
        ni_proplist_insert(&l, p, NI_INDEX_NULL);
        ni_prop_free(&p);
        return l;
}

/* A directory of our own below the root. */
static ni_id make_directory(void *h, const char *name)
{
        ni_id root, id;
        ni_proplist l = named(name);
        OK(ni_root(h, &root));
        OK(ni_create(h, &root, l, &id, NI_INDEX_NULL));
        ni_proplist_free(&l);
        return id;
}

static void properties_and_values(void *h)
{
        ni_id id = make_directory(h, "values"), old = id;
        ni_property p;
        ni_namelist l;
        ni_name one;
        ni_proplist all;
        NI_INIT(&p);
        p.nip_name = ni_name_dup("k");
        ni_namelist_insert(&p.nip_val, "b", NI_INDEX_NULL);
        OK(ni_createprop(h, &id, p, 0));
        WANT(id.nii_object == old.nii_object && id.nii_instance != old.nii_instance); /* current again */
        WANT(ni_createprop(h, &old, p, 0) == NI_STALE);
        OK(ni_createname(h, &id, 0, "a", 0));
        OK(ni_createname(h, &id, 0, "c", NI_INDEX_NULL));
        OK(ni_writename(h, &id, 0, 2, "d"));
        OK(ni_readname(h, &id, 0, 2, &one));
        WANT(ni_name_match(one, "d"));
        ni_name_free(&one);
        OK(ni_destroyname(h, &id, 0, 1));
        OK(ni_renameprop(h, &id, 0, "letters"));
        OK(ni_lookupprop(h, &id, "letters", &l));
        WANT(l.ninl_len == 2 && ni_namelist_match(l, "a") == 0 && ni_namelist_match(l, "d") == 1);
        OK(ni_writeprop(h, &id, 0, p.nip_val));
        ni_namelist_free(&l);
        OK(ni_readprop(h, &id, 0, &l));
        WANT(l.ninl_len == 1 && ni_name_match(l.ninl_val[0], "b"));
        ni_namelist_free(&l);
        WANT(ni_lookupprop(h, &id, "nope", &l) == NI_NOPROP);
        OK(ni_listprops(h, &id, &l));
        WANT(l.ninl_len == 2 && ni_namelist_match(l, "name") == 1);
        ni_namelist_free(&l);
        OK(ni_read(h, &id, &all));
        WANT(all.nipl_len == 2 && ni_proplist_match(all, "letters", "b") == 0);
        ni_proplist_delete(&all, 0);
        OK(ni_write(h, &id, all));
        ni_proplist_free(&all);
        OK(ni_listprops(h, &id, &l));
        WANT(l.ninl_len == 1);
        ni_namelist_free(&l);
        OK(ni_createprop(h, &id, p, NI_INDEX_NULL));
        OK(ni_destroyprop(h, &id, 1));
        ni_prop_free(&p);
}

static void directories(void *h)
{
        ni_id top = make_directory(h, "tree"), id, child[3];
        ni_index parent;
        ni_idlist ids;
        ni_entrylist entries;
        ni_proplist_list lists;
        ni_proplist props;
        static const char *const names[] = {"ada", "bob", "adam"};
        for (int i = 0; i < 3; i++) {
                ni_proplist l = named(names[i]);
                OK(ni_create(h, &top, l, &child[i], i == 2 ? 0 : NI_INDEX_NULL));
                ni_proplist_free(&l);
        }
        OK(ni_children(h, &top, &ids));
        WANT(ids.niil_len == 3 && ids.niil_val[0] == child[2].nii_object &&
             ids.niil_val[2] == child[1].nii_object);
        ni_idlist_free(&ids);
        OK(ni_parent(h, &child[0], &parent));
        WANT(parent == top.nii_object);
        OK(ni_lookup(h, &top, "name", "bob", &ids));
        WANT(ids.niil_len == 1 && ids.niil_val[0] == child[1].nii_object);
        ni_idlist_free(&ids);
        WANT(ni_lookup(h, &top, "name", "eve", &ids) == NI_NODIR);
        OK(ni_lookupread(h, &top, "name", "bob", &props));
        WANT(props.nipl_len == 1);
        ni_proplist_free(&props);
        OK(ni_list(h, &top, "name", &entries));
        WANT(entries.niel_len == 3 && ni_namelist_match(*entries.niel_val[1].names, "ada") == 0);
        ni_entrylist_free(&entries);
        OK(ni_list(h, &top, "uid", &entries));
        WANT(entries.niel_len == 3 && entries.niel_val[0].names == NULL);
        ni_entrylist_free(&entries);
        OK(ni_listall(h, &top, &lists));
        WANT(lists.nipll_len == 3 && ni_proplist_match(lists.nipll_val[2], "name", "bob") == 0);
        ni_proplist_list_free(&lists);
        char key[] = "name", expression[] = "^ada", bad[] = "[";
        NI_INIT(&entries);
        OK(ni_search(h, &top, key, expression, REG_EXTENDED, &entries));
        WANT(entries.niel_len == 2);
        ni_entrylist_free(&entries);
        WANT(ni_search(h, &top, key, bad, REG_EXTENDED, &entries) == NI_FAILED);
        OK(ni_root(h, &id));
        OK(ni_pathsearch(h, &id, "/tree/name=bob"));
        WANT(id.nii_object == child[1].nii_object);
        id = top;
        OK(ni_pathsearch(h, &id, "adam"));
        WANT(id.nii_object == child[2].nii_object);
        WANT(ni_pathsearch(h, &id, "/tree/eve") == NI_NODIR && id.nii_object == child[2].nii_object);
        OK(ni_self(h, &child[1]));
        OK(ni_destroy(h, &top, child[1]));
        WANT(ni_read(h, &child[1], &props) != NI_OK);
        OK(ni_root(h, &id));
        OK(ni_self(h, &child[0]));
        WANT(ni_destroy(h, &id, child[0]) == NI_UNRELATED);
}

/* Several changes in one step, or none. */
static void together(void *h)
{
        ni_id top = make_directory(h, "together");
        netinfo_change c[3];
        ni_idlist ids;
        ni_proplist l;
        unsigned failed = 77;
        memset(c, 0, sizeof(c));
        c[0] = (netinfo_change){NETINFO_CREATE, top, named("one")};
        c[1] = (netinfo_change){NETINFO_CREATE, top, named("two")};
        OK(netinfo_edit(h, "test", c, 2, &failed));
        WANT(failed == 77); /* untouched on success */
        OK(ni_children(h, &top, &ids));
        WANT(ids.niil_len == 2 && ids.niil_val[0] == c[0].id.nii_object &&
             ids.niil_val[1] == c[1].id.nii_object);
        ni_idlist_free(&ids);
        /* The second change is stale: the first does not happen either. */
        c[0].id = top;
        c[1].kind = NETINFO_WRITE;
        c[1].id.nii_instance += 5;
        WANT(netinfo_edit(h, "test", c, 2, &failed) == NI_STALE && failed == 1);
        OK(ni_children(h, &top, &ids));
        WANT(ids.niil_len == 2);
        c[1].id.nii_instance -= 5;
        ni_proplist_free(&c[1].properties);
        c[1].properties = named("changed");
        OK(netinfo_edit(h, "test", &c[1], 1, NULL));
        OK(ni_read(h, &c[1].id, &l));
        WANT(ni_proplist_match(l, "name", "changed") == 0);
        c[2] = (netinfo_change){.kind = NETINFO_DESTROY, .id = {top.nii_object, 0}}; /* with all below */
        OK(netinfo_edit(h, "test", &c[2], 1, NULL));
        WANT(ni_self(h, &top) != NI_OK && ni_self(h, &c[1].id) != NI_OK);
        WANT(netinfo_edit(h, "test", c, NETINFO_CHANGES_MOST + 1, &failed) == NI_NOSPACE);
        ni_proplist_free(&l);
        ni_idlist_free(&ids);
        ni_proplist_free(&c[0].properties);
        ni_proplist_free(&c[1].properties);
}

/* More children than one call gives, in their order; other calls on the handle between them. */
static void walking(void *h)
{
        enum { MANY = 1300 };
        static netinfo_change c[MANY];
        ni_id top = make_directory(h, "walked"), id = {0, 0};
        ni_proplist l;
        void *walk;
        int more = 1, n = 0;
        char name[16];
        for (int i = 0; i < MANY; i++) {
                snprintf(name, sizeof(name), "n%d", i);
                c[i] = (netinfo_change){NETINFO_CREATE, {top.nii_object, 0}, named(name)};
        }
        OK(netinfo_edit(h, "test", c, MANY / 2, NULL));
        OK(netinfo_edit(h, "test", c + MANY / 2, MANY - MANY / 2, NULL));
        OK(netinfo_walk_begin(h, top.nii_object, &walk));
        for (; netinfo_walk_next(walk, &more, &id, &l) == NI_OK && more; n++) {
                WANT(n < MANY && id.nii_object == c[n].id.nii_object &&
                     id.nii_instance == c[n].id.nii_instance);
                snprintf(name, sizeof(name), "n%d", n);
                WANT(ni_proplist_match(l, "name", name) == 0);
                ni_proplist_free(&l);
                if (n % 100 == 0)
                        OK(ni_self(h, &id));
        }
        WANT(n == MANY && !more);
        OK(netinfo_walk_next(walk, &more, &id, &l)); /* the end stays the end */
        WANT(!more);
        netinfo_walk_end(walk);
        OK(netinfo_walk_begin(h, id.nii_object, &walk)); /* a child has none */
        OK(netinfo_walk_next(walk, &more, &id, &l));
        WANT(!more);
        netinfo_walk_end(walk);
        OK(netinfo_walk_begin(h, 0x7ffffff0, &walk));
        more = 77;
        WANT(netinfo_walk_next(walk, &more, &id, &l) == NI_NODIR && more == 77);
        netinfo_walk_end(walk);
        netinfo_walk_end(NULL);
        for (int i = 0; i < MANY; i++)
                ni_proplist_free(&c[i].properties);
        c[0] = (netinfo_change){.kind = NETINFO_DESTROY, .id = {top.nii_object, 0}};
        OK(netinfo_edit(h, "test", c, 1, NULL));
}

static void domain_itself(void *h)
{
        ni_proplist l;
        ni_name text;
        struct sockaddr_in a;
        OK(ni_statistics(h, &l));
        WANT(ni_proplist_match(l, "checksum", NULL) == 0);
        ni_proplist_free(&l);
        OK(ni_pwdomain(h, &text));
        WANT(ni_name_match(text, "/"));
        ni_name_free(&text);
        OK(ni_addrtag(h, &a, &text));
        WANT(a.sin_family == AF_INET && ntohl(a.sin_addr.s_addr) == INADDR_LOOPBACK &&
             ni_name_match(text, "local"));
        ni_name_free(&text);
        WANT(netinfo_rparent(h, &a, &text) == NI_NETROOT);
        OK(ni_resync(h));
        WANT(ni_setuser(h, "nobody here") == NI_NOUSER);
        OK(ni_setpassword(h, "checksum"));
        OK(ni_statistics(h, &l));
        ni_proplist_free(&l);
        OK(ni_setuser(h, NULL));
}

static void openings(void)
{
        void *h = NULL, *same = NULL;
        ni_id id;
        struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
        ni_fancyopenargs args = {.rtimeout = 20, .wtimeout = 20, .abort = 1, .needwrite = 1};
        char url[] = "netinfo://127.0.0.1/local:/tree/ada", path[] = "/tree/ada", missing[] = "/no/such";
        h = ni_connect(&a, "local");
        WANT(h);
        OK(ni_root(h, &id));
        OK(ni_fancyopen(h, ".", &same, &args));
        OK(ni_root(same, &id));
        WANT(id.nii_object == 0);
        ni_free(same);
        same = ni_new(h, ".");
        WANT(same);
        OK(ni_root(same, &id));
        ni_free(same);
        ni_free(h);
        OK(ni_open(NULL, "/", &h));
        OK(ni_root(h, &id));
        WANT(ni_open(h, "..", &same) == NI_FAILED);
        ni_free(h);
        OK(ni_url(url, &h, &id));
        WANT(id.nii_object != 0);
        ni_free(h);
        OK(ni_find(&h, &id, path, 10));
        WANT(id.nii_object != 0);
        ni_free(h);
        WANT(ni_find(&h, &id, missing, 10) == NI_NODIR);
        OK(netinfo_open(NULL, "local@localhost", &h, &args));
        OK(ni_root(h, &id));
        ni_free(h);
}

#define THREADS 8
#define ROUNDS  200

static void *work(void *handle)
{
        for (int i = 0; i < ROUNDS; i++) {
                ni_id id = {0, 0};
                ni_proplist l;
                OK(ni_pathsearch(handle, &id, "/tree/ada"));
                OK(ni_read(handle, &id, &l));
                WANT(ni_proplist_match(l, "name", "ada") == 0);
                ni_proplist_free(&l);
                ni_setreadtimeout(handle, 5 + i % 7);
        }
        return NULL;
}

/* One handle, many threads; and a child process that goes on with it. */
static void shared(void *h)
{
        pthread_t t[THREADS];
        int status = 0;
        for (int i = 0; i < THREADS; i++)
                WANT(pthread_create(&t[i], NULL, work, h) == 0);
        for (int i = 0; i < THREADS; i++)
                WANT(pthread_join(t[i], NULL) == 0);
        const pid_t child = fork();
        if (child == 0) {
                work(h);
                _exit(0);
        }
        work(h);
        WANT(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int main(int argc, char **argv)
{
        void *h;
        OK(ni_open(NULL, argc > 1 ? argv[1] : ".", &h));
        ni_setabort(h, 1);
        ni_setwritetimeout(h, 30);
        properties_and_values(h);
        directories(h);
        together(h);
        walking(h);
        domain_itself(h);
        openings();
        shared(h);
        ni_free(h);
        puts("ok");
        return 0;
}
