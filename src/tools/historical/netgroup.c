#include "tools/historical/netgroup.h"

#include "tools/historical/edit.h"

#include <stdio.h>
#include <stdlib.h>

enum { HOST, USER, DOMAIN, KINDS };
static const char *const directories[KINDS] = {"/machines", "/users", "/netdomains"};

struct group {
        ni_name name;
        ni_namelist members[KINDS];
};

struct groups {
        struct group *v;
        unsigned n, room;
};

static struct group *group_of(struct groups *all, const char *name)
{
        for (unsigned i = 0; i < all->n; i++)
                if (strcmp(all->v[i].name, name) == 0)
                        return &all->v[i];
        if (all->n == all->room) {
                const unsigned room = all->room ? all->room * 2 : 16;
                struct group *v = realloc(all->v, room * sizeof(*v));
                if (!v)
                        return NULL;
                all->v = v;
                all->room = room;
        }
        struct group *g = &all->v[all->n++];
        NI_INIT(g);
        g->name = ni_name_dup(name);
        return g;
}

/* The groups named at the children of one directory, in child order. */
static ni_status collect(void *h, int kind, struct groups *all)
{
        ni_id id;
        ni_idlist children;
        ni_status s = dir_find(h, FROM_ROOT, false, directories[kind], &id);
        if (s != NI_OK)
                return s == NI_NODIR ? NI_OK : s;
        NI_INIT(&children);
        s = ni_children(h, &id, &children);
        for (unsigned i = 0; s == NI_OK && i < children.niil_len; i++) {
                ni_id child = {children.niil_val[i], 0};
                ni_proplist l;
                NI_INIT(&l);
                s = ni_read(h, &child, &l);
                const ni_index name = ni_proplist_match(l, "name", NULL),
                               at = ni_proplist_match(l, "netgroups", NULL);
                if (s == NI_OK && name != NI_INDEX_NULL && at != NI_INDEX_NULL &&
                    l.nipl_val[name].nip_val.ninl_len) {
                        const ni_namelist *names = &l.nipl_val[at].nip_val;
                        for (unsigned k = 0; s == NI_OK && k < names->ninl_len; k++) {
                                struct group *g = group_of(all, names->ninl_val[k]);
                                if (g)
                                        ni_namelist_insert(&g->members[kind],
                                                           l.nipl_val[name].nip_val.ninl_val[0],
                                                           NI_INDEX_NULL);
                                else
                                        s = NI_NOSPACE;
                        }
                }
                ni_proplist_free(&l);
        }
        ni_idlist_free(&children);
        return s;
}

ni_status netgroup_dump(const struct tool *t, void *h)
{
        static const char *const before[KINDS] = {" (", " (,", " (,,"}, *const after[KINDS] = {",,)", ",)",
                                                                                               ")"};
        struct groups all = {NULL, 0, 0};
        ni_status s = NI_OK;
        for (int kind = 0; s == NI_OK && kind < KINDS; kind++)
                s = collect(h, kind, &all);
        for (unsigned i = 0; i < all.n; i++) {
                struct group *g = &all.v[i];
                if (s == NI_OK)
                        tool_put(t, g->name);
                for (int kind = 0; kind < KINDS; kind++) {
                        for (unsigned k = 0; s == NI_OK && k < g->members[kind].ninl_len; k++) {
                                fputs(before[kind], stdout);
                                tool_put(t, g->members[kind].ninl_val[k]);
                                fputs(after[kind], stdout);
                        }
                        ni_namelist_free(&g->members[kind]);
                }
                if (s == NI_OK)
                        putchar('\n');
                ni_name_free(&g->name);
        }
        free(all.v);
        return s;
}

/* The directory of one member: the first child of that exact name. */
static ni_status member(const struct tool *t, void *h, int kind, const char *name, const char *group,
                        ni_id *ret)
{
        ni_id top;
        ni_idlist hits;
        NI_INIT(&hits);
        ni_status s = kind == DOMAIN ? dir_make(h, FROM_ROOT, false, directories[kind], &top)
                                     : dir_find(h, FROM_ROOT, false, directories[kind], &top);
        if (s == NI_OK)
                s = ni_lookup(h, &top, "name", name, &hits);
        if (s == NI_OK && hits.niil_len)
                *ret = (ni_id){hits.niil_val[0], 0};
        else if (s == NI_OK)
                s = NI_NODIR;
        ni_idlist_free(&hits);
        if (s == NI_NODIR && kind == DOMAIN) {
                char *value = ni_name_dup(name);
                ni_property p = {ni_name_dup("name"), {1, &value}};
                const ni_proplist l = {1, &p};
                s = ni_create(h, &top, l, ret, NI_INDEX_NULL);
                ni_name_free(&p.nip_name);
                ni_name_free(&value);
        } else if (s == NI_NODIR) {
                tool_say(t, "netgroup %s: no %s in %s - ignored", group, name, directories[kind]);
        }
        return s;
}

ni_status netgroup_enter(const struct tool *t, void *h, struct bytes name, struct namelist members)
{
        ni_status s = NI_OK;
        char *group = strndup(name.len ? (const char *)name.data : "", name.len);
        for (uint32_t i = 0; group && s == NI_OK && i < members.n; i++) {
                struct bytes rest = members.v[i];
                if (rest.len < 2 || rest.data[0] != '(' || rest.data[rest.len - 1] != ')')
                        continue; /* another netgroup */
                rest = bytes_sub(rest, 1, rest.len - 2);
                for (int kind = 0; s == NI_OK && kind < KINDS; kind++) {
                        const size_t comma = bytes_find(rest, ',');
                        struct bytes one = bytes_sub(rest, 0, comma);
                        rest = bytes_sub(rest, comma + 1, rest.len);
                        while (one.len && (one.data[0] == ' ' || one.data[0] == '\t'))
                                one = bytes_sub(one, 1, one.len);
                        while (one.len && (one.data[one.len - 1] == ' ' || one.data[one.len - 1] == '\t'))
                                one.len--;
                        if (one.len == 0 || bytes_eq_str(one, "-"))
                                continue;
                        ni_id id;
                        char *value = strndup((const char *)one.data, one.len);
                        s = value ? member(t, h, kind, value, group, &id) : NI_NOSPACE;
                        if (s == NI_OK)
                                s = prop_edit(h, &id, EDIT_MERGE, "netgroups", words_list(&group, 1),
                                              NI_INDEX_NULL);
                        else if (s == NI_NODIR)
                                s = NI_OK;
                        free(value);
                }
        }
        free(group);
        return s;
}
