#include "tools/historical/edit.h"

#include "base/limits.h"
#include "model/path.h"

#include <stdlib.h>

#define EDIT_MOST  1000u /* directories in one step: as many as one call may change */
#define EDIT_FEW   64u   /* and where so many have too much below them */
#define DEPTH_MOST 1024u /* levels walked down: a server that invents more must not use up the stack */

static bool is_dots(const struct path_step *s, bool dots, const char *which)
{
        return dots && bytes_eq_str(s->key, "name") && bytes_eq_str(s->value, which);
}

/* One step down or, for "..", up. NI_NODIR: no hit. */
static ni_status step(void *h, ni_id *at, const struct path_step *s, const char *key, const char *value,
                      bool dots)
{
        ni_idlist hits;
        if (is_dots(s, dots, "."))
                return NI_OK;
        if (is_dots(s, dots, "..")) {
                ni_index parent = 0;
                const ni_status up = ni_parent(h, at, &parent);
                if (up == NI_OK)
                        *at = (ni_id){parent, 0};
                return up;
        }
        NI_INIT(&hits);
        ni_status status = ni_lookup(h, at, key, value, &hits);
        if (status == NI_OK && hits.niil_len == 0)
                status = NI_NODIR;
        if (status == NI_OK)
                *at = (ni_id){hits.niil_val[0], 0};
        ni_idlist_free(&hits);
        return status;
}

static ni_status add(void *h, ni_id *at, const char *key, const char *value)
{
        ni_property p;
        ni_proplist l;
        ni_id child;
        NI_INIT(&p);
        NI_INIT(&l);
        p.nip_name = ni_name_dup(key);
        ni_namelist_insert(&p.nip_val, value, NI_INDEX_NULL);
        ni_proplist_insert(&l, p, NI_INDEX_NULL);
        ni_status s = ni_self(h, at); /* creating wants the current instance */
        if (s == NI_OK)
                s = ni_create(h, at, l, &child, NI_INDEX_NULL);
        if (s == NI_OK)
                *at = child;
        ni_prop_free(&p);
        ni_proplist_free(&l);
        return s;
}

static ni_status walk(void *h, ni_index from, bool dots, const char *path, bool make, ni_id *ret)
{
        struct arena arena;
        struct path p;
        const char *why;
        ni_id at = {path[0] == '/' ? 0 : from, 0};
        ni_status s = NI_OK;
        arena_init(&arena, LIMIT_ARENA);
        if (!path_parse(bytes_str(path), &arena, &p, &why)) {
                arena_done(&arena);
                return NI_BADID;
        }
        if (p.numeric)
                at.nii_object = p.object;
        for (uint32_t i = 0; s == NI_OK && !p.numeric && i < p.n; i++) {
                char *key = arena_str(&arena, p.step[i].key), *value = arena_str(&arena, p.step[i].value);
                if (!key || !value)
                        s = NI_FAILED;
                else
                        s = step(h, &at, &p.step[i], key, value, dots);
                if (s == NI_NODIR && make)
                        s = add(h, &at, key, value);
        }
        if (s == NI_OK)
                s = ni_self(h, &at);
        if (s == NI_NODIR && p.numeric && make)
                s = NI_BADID; /* a number cannot be made to exist (tools.md 2.3) */
        arena_done(&arena);
        if (s == NI_OK)
                *ret = at;
        return s;
}

ni_status dir_find(void *h, ni_index from, bool dots, const char *path, ni_id *ret)
{
        return walk(h, from, dots, path, false, ret);
}

ni_status dir_make(void *h, ni_index from, bool dots, const char *path, ni_id *ret)
{
        return walk(h, from, dots, path, true, ret);
}

static ni_status destroy_below(void *h, ni_id *parent, unsigned depth);

static ni_status destroy_child(void *h, ni_id *parent, ni_index object, unsigned depth)
{
        ni_id child = {object, 0};
        ni_status s = destroy_below(h, &child, depth + 1);
        if (s == NI_OK)
                s = ni_self(h, &child);
        if (s == NI_OK)
                s = ni_self(h, parent);
        return s == NI_OK ? ni_destroy(h, parent, child) : s;
}

/* The children of a directory go by the hundred, with all below them, where the server can do that; else
 * each by itself. */
static ni_status destroy_below(void *h, ni_id *parent, unsigned depth)
{
        ni_idlist children;
        NI_INIT(&children);
        if (depth == DEPTH_MOST)
                return NI_FAILED;
        ni_status s = ni_children(h, parent, &children);
        const unsigned all = s == NI_OK ? children.niil_len : 0;
        netinfo_change *some = all ? calloc(all < EDIT_MOST ? all : EDIT_MOST, sizeof(*some)) : NULL;
        if (all && !some)
                s = NI_NOSPACE;
        for (unsigned i = 0, n, most = EDIT_MOST; s == NI_OK && i < all; i += n) {
                n = all - i < most ? all - i : most;
                for (unsigned k = 0; k < n; k++)
                        some[k] = (netinfo_change){.kind = NETINFO_DESTROY,
                                                   .id = {children.niil_val[i + k], 0}};
                s = netinfo_edit(h, "destroy", some, n, NULL);
                if (s == NI_OK || s == NI_FAILED)
                        continue;
                s = NI_OK; /* refused as a whole, or a historical server */
                if (n > EDIT_FEW) {
                        most = EDIT_FEW;
                        n = 0;
                        continue;
                }
                for (unsigned k = 0; s == NI_OK && k < n; k++)
                        s = destroy_child(h, parent, children.niil_val[i + k], depth);
        }
        free(some);
        ni_idlist_free(&children);
        return s;
}

ni_status dir_clear(void *h, ni_index object)
{
        ni_id id = {object, 0};
        const ni_status s = ni_self(h, &id);
        return s == NI_OK ? destroy_below(h, &id, 0) : s;
}

ni_status dir_destroy(void *h, ni_index object)
{
        ni_id id = {object, 0}, parent = {0, 0};
        if (object == 0)
                return NI_PERM;
        ni_status s = ni_parent(h, &id, &parent.nii_object);
        if (s == NI_OK)
                s = destroy_below(h, &id, 0);
        if (s == NI_OK)
                s = ni_self(h, &id);
        if (s == NI_OK)
                s = ni_self(h, &parent);
        return s == NI_OK ? ni_destroy(h, &parent, id) : s;
}

static ni_status copy_below(void *h, ni_index object, ni_id *parent, ni_id *ret_copy, unsigned depth)
{
        ni_id id = {object, 0};
        ni_proplist props;
        ni_idlist children;
        NI_INIT(&props);
        NI_INIT(&children);
        if (depth == DEPTH_MOST)
                return NI_FAILED;
        ni_status s = ni_read(h, &id, &props);
        if (s == NI_OK)
                s = ni_children(h, &id, &children);
        if (s == NI_OK)
                s = ni_create(h, parent, props, ret_copy, NI_INDEX_NULL);
        for (unsigned i = 0; s == NI_OK && i < children.niil_len; i++) {
                ni_id copy;
                s = copy_below(h, children.niil_val[i], ret_copy, &copy, depth + 1);
        }
        ni_proplist_free(&props);
        ni_idlist_free(&children);
        return s;
}

ni_status dir_copy(void *h, ni_index object, ni_index parent, ni_index *ret_copy)
{
        ni_id to = {parent, 0}, copy;
        ni_index above = parent;
        ni_status s = ni_self(h, &to);
        for (unsigned i = 0; s == NI_OK; i++) {
                ni_id at = {above, 0};
                if (above == object || i == DEPTH_MOST)
                        return NI_UNRELATED;
                if (above == 0)
                        break;
                s = ni_parent(h, &at, &above);
        }
        if (s == NI_OK)
                s = copy_below(h, object, &to, &copy, 0);
        if (s == NI_OK)
                *ret_copy = copy.nii_object;
        return s;
}

static void take(ni_namelist *l, const char *value, bool all)
{
        ni_index at;
        while ((at = ni_namelist_match(*l, value)) != NI_INDEX_NULL) {
                ni_namelist_delete(l, at);
                if (!all)
                        return;
        }
}

static void apply(ni_namelist *l, enum edit edit, ni_namelist values, ni_index where)
{
        for (unsigned i = 0; i < values.ninl_len; i++) {
                const char *v = values.ninl_val[i];
                if (edit == EDIT_TAKE_ALL || edit == EDIT_TAKE_FIRST)
                        take(l, v, edit == EDIT_TAKE_ALL);
                else if (edit != EDIT_MERGE || ni_namelist_match(*l, v) == NI_INDEX_NULL)
                        ni_namelist_insert(l, v, edit == EDIT_INSERT ? where : NI_INDEX_NULL);
        }
}

ni_status prop_edit(void *h, ni_id *id, enum edit edit, const char *key, ni_namelist values, ni_index where)
{
        ni_namelist names;
        ni_property p;
        NI_INIT(&names);
        NI_INIT(&p);
        ni_status s = ni_listprops(h, id, &names);
        const ni_index at = s == NI_OK ? ni_namelist_match(names, key) : NI_INDEX_NULL;
        const bool takes = edit == EDIT_TAKE_ALL || edit == EDIT_TAKE_FIRST;
        ni_namelist_free(&names);
        if (s != NI_OK || (at == NI_INDEX_NULL && takes))
                return s == NI_OK && edit == EDIT_TAKE_FIRST ? NI_NOPROP : s;
        p.nip_name = ni_name_dup(key);
        if (at != NI_INDEX_NULL && edit != EDIT_SET)
                s = ni_readprop(h, id, at, &p.nip_val);
        if (s == NI_OK) {
                const unsigned before = p.nip_val.ninl_len;
                apply(&p.nip_val, edit, values, where);
                if (at == NI_INDEX_NULL)
                        s = ni_createprop(h, id, p, NI_INDEX_NULL);
                else if (edit == EDIT_SET || p.nip_val.ninl_len != before)
                        s = ni_writeprop(h, id, at, p.nip_val);
        }
        ni_prop_free(&p);
        return s;
}

ni_status prop_destroy(void *h, ni_id *id, const char *key)
{
        for (;;) {
                ni_namelist names;
                NI_INIT(&names);
                ni_status s = ni_listprops(h, id, &names);
                const ni_index at = s == NI_OK ? ni_namelist_match(names, key) : NI_INDEX_NULL;
                ni_namelist_free(&names);
                if (at == NI_INDEX_NULL)
                        return s;
                s = ni_destroyprop(h, id, at);
                if (s != NI_OK)
                        return s;
        }
}

ni_status prop_rename(void *h, ni_id *id, const char *key, const char *name)
{
        ni_namelist names;
        NI_INIT(&names);
        const ni_status s = ni_listprops(h, id, &names);
        const ni_index at = s == NI_OK ? ni_namelist_match(names, key) : NI_INDEX_NULL;
        ni_namelist_free(&names);
        if (s != NI_OK)
                return s;
        return at == NI_INDEX_NULL ? NI_NOPROP : ni_renameprop(h, id, at, name);
}

ni_namelist words_list(char **word, int n)
{
        ni_namelist l;
        NI_INIT(&l);
        l.ninl_len = n > 0 ? (unsigned)n : 0;
        l.ninl_val = n > 0 ? word : NULL;
        return l;
}
