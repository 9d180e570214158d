/* nicl's commands that change things (doc/tools.md 3.4). */
#include "tools/historical/nicl.h"

#include "tools/historical/disk_domain.h"

#include "base/limits.h"
#include "base/text.h"

#include <stdlib.h>
#include <unistd.h>

static ni_namelist values_from(int argc, char **argv, int first)
{
        return words_list(argv + first, argc - first);
}

enum nicl_status nicl_create(struct nicl *n, int argc, char **argv)
{
        ni_id id;
        char *const meant = nicl_typed_path(n, argv[1]);
        ni_status s = meant ? dir_make(n->handle, n->current, true, meant, &id) : NI_FAILED;
        free(meant);
        if (s == NI_OK && argc > 2)
                s = prop_edit(n->handle, &id, EDIT_SET, argv[2], values_from(argc, argv, 3), NI_INDEX_NULL);
        return nicl_failed(n, s, argv[0]);
}

static enum nicl_status change(struct nicl *n, char **argv, enum edit edit, ni_namelist values,
                               ni_index where)
{
        ni_id id;
        const enum nicl_status found = nicl_find(n, argv[0], argv[1], &id);
        if (found != NICL_OK)
                return found;
        return nicl_failed(n, prop_edit(n->handle, &id, edit, argv[2], values, where), argv[0]);
}

enum nicl_status nicl_append(struct nicl *n, int argc, char **argv)
{
        return change(n, argv, EDIT_APPEND, values_from(argc, argv, 3), NI_INDEX_NULL);
}

enum nicl_status nicl_merge(struct nicl *n, int argc, char **argv)
{
        return change(n, argv, EDIT_MERGE, values_from(argc, argv, 3), NI_INDEX_NULL);
}

enum nicl_status nicl_insert(struct nicl *n, int argc, char **argv)
{
        int64_t where;
        (void)argc;
        if (!text_i64(bytes_str(argv[4]), &where)) {
                fprintf(stderr, "%s: the index must be an integer, found %s\n", argv[0], argv[4]);
                return NICL_USAGE;
        }
        return change(n, argv, EDIT_INSERT, words_list(argv + 3, 1),
                      where < 0 || where > INT32_MAX ? NI_INDEX_NULL : (ni_index)where);
}

static enum nicl_status no_key(const char *key)
{
        fprintf(stderr, "No such key: %s\n", key);
        return NICL_KEY;
}

/* A property stays in its group: a new name loses its `_`, and a meta property keeps its own. */
enum nicl_status nicl_rename(struct nicl *n, int argc, char **argv)
{
        ni_id id;
        (void)argc;
        const enum nicl_status found = nicl_find(n, argv[0], argv[1], &id);
        if (found != NICL_OK)
                return found;
        const char *plain = argv[3] + (argv[3][0] == '_');
        const size_t room = strlen(plain) + 2;
        char *name = malloc(room);
        if (!name)
                return nicl_failed(n, NI_FAILED, argv[0]);
        snprintf(name, room, "%s%s", argv[2][0] == '_' ? "_" : "", plain);
        const ni_status s = prop_rename(n->handle, &id, argv[2], name);
        free(name);
        return s == NI_NOPROP ? no_key(argv[2]) : nicl_failed(n, s, argv[0]);
}

/* Is `object` the current directory or above it? */
static bool holds_current(struct nicl *n, ni_index object)
{
        ni_index at = n->current;
        for (unsigned i = 0; i < LIMIT_SEARCH_DEPTH * 16; i++) {
                ni_id id = {at, 0};
                if (at == object)
                        return true;
                if (at == 0 || ni_parent(n->handle, &id, &at) != NI_OK)
                        return false;
        }
        return false;
}

static enum nicl_status delete_directory(struct nicl *n, char **argv, ni_index object)
{
        ni_id id = {object, 0};
        ni_index parent = 0;
        if (object == 0) {
                fputs("Can't delete root!\n", stderr);
                return NICL_RECORD_ID;
        }
        const bool here = holds_current(n, object);
        ni_status s = ni_parent(n->handle, &id, &parent);
        if (s == NI_OK)
                s = dir_destroy(n->handle, object);
        if (s == NI_OK && here)
                n->current = parent;
        return nicl_failed(n, s, argv[0]);
}

enum nicl_status nicl_delete(struct nicl *n, int argc, char **argv)
{
        ni_id id;
        const enum nicl_status found = nicl_find(n, argv[0], argv[1], &id);
        if (found != NICL_OK)
                return found;
        if (argc == 2)
                return delete_directory(n, argv, id.nii_object);
        if (argc == 3)
                return nicl_failed(n, prop_destroy(n->handle, &id, argv[2]), argv[0]);
        const ni_status s = prop_edit(n->handle, &id, EDIT_TAKE_FIRST, argv[2], values_from(argc, argv, 3),
                                      NI_INDEX_NULL);
        return s == NI_NOPROP ? no_key(argv[2]) : nicl_failed(n, s, argv[0]);
}

static enum nicl_status copy_failed(const struct nicl *n, ni_status s, const char *what)
{
        const enum nicl_status folded = s == NI_UNRELATED ? NICL_CONSTRAINT : nicl_fold(n, s);
        if (folded != NICL_OK)
                fprintf(stderr, "%s failed: %s\n", what, nicl_text(folded));
        return folded;
}

static enum nicl_status copy(struct nicl *n, char **argv, bool move)
{
        ni_id id, to;
        ni_index new_one, parent = 0;
        enum nicl_status found = nicl_find(n, argv[0], argv[1], &id);
        if (found == NICL_OK)
                found = nicl_find(n, argv[0], argv[2], &to);
        if (found != NICL_OK)
                return found;
        if (!move)
                return copy_failed(n, dir_copy(n->handle, id.nii_object, to.nii_object, &new_one), "Copy");
        ni_status s = ni_parent(n->handle, &id, &parent);
        if (s == NI_OK && id.nii_object != 0 && parent == to.nii_object)
                return NICL_OK; /* it is there */
        if (s == NI_OK && n->raw)
                return copy_failed(n, disk_move(n->raw, id.nii_object, to.nii_object), "Move");
        const bool here = id.nii_object != 0 && n->current == id.nii_object;
        if (s == NI_OK)
                s = dir_copy(n->handle, id.nii_object, to.nii_object, &new_one);
        if (s == NI_OK)
                s = dir_destroy(n->handle, id.nii_object);
        if (s == NI_OK && here)
                n->current = new_one;
        return copy_failed(n, s, "Move");
}

enum nicl_status nicl_copy(struct nicl *n, int argc, char **argv)
{
        (void)argc;
        return copy(n, argv, false);
}

enum nicl_status nicl_move(struct nicl *n, int argc, char **argv)
{
        (void)argc;
        return copy(n, argv, true);
}

/* -- load DELIM KEY VAL... --------------------------------------------------------------------------------
 */

static const char *unescaped(const char *word, char delimiter)
{
        return word[0] == '\\' && word[1] == delimiter ? word + 1 : word;
}

/* A new property begins at words[*i]; NULL: its key is missing. The caller frees it. */
static char *load_key(int argc, char **argv, int *i, char delimiter)
{
        const char *key = argv[*i][1] ? argv[*i] + 1 : NULL;
        (*i)++;
        if (!key && *i < argc)
                key = argv[(*i)++];
        if (!key || strcmp(key, "-m") != 0)
                return key ? strdup(unescaped(key, delimiter)) : NULL;
        if (*i == argc)
                return NULL;
        const char *name = unescaped(argv[(*i)++], delimiter);
        const size_t room = strlen(name) + 2;
        char *meta = malloc(room);
        if (meta)
                snprintf(meta, room, "_%s", name);
        return meta;
}

enum nicl_status nicl_load(struct nicl *n, int argc, char **argv)
{
        const char delimiter = argv[1][0];
        ni_id at = {n->current, 0}, child;
        ni_proplist l;
        NI_INIT(&l);
        if (!delimiter) {
                fprintf(stderr, "%s: the first word must begin with the delimiter\n", argv[0]);
                return NICL_USAGE;
        }
        for (int i = 1; i < argc;) {
                char *key = load_key(argc, argv, &i, delimiter);
                ni_property p;
                NI_INIT(&p);
                if (!key) {
                        ni_proplist_free(&l);
                        fprintf(stderr, "%s: a key is missing at the end\n", argv[0]);
                        return NICL_USAGE;
                }
                p.nip_name = key;
                for (; i < argc && argv[i][0] != delimiter; i++)
                        ni_namelist_insert(&p.nip_val, unescaped(argv[i], delimiter), NI_INDEX_NULL);
                const ni_index old = ni_proplist_match(l, key, NULL); /* the last one wins */
                if (old != NI_INDEX_NULL)
                        ni_proplist_delete(&l, old);
                ni_proplist_insert(&l, p, old);
                ni_prop_free(&p);
        }
        ni_status s = ni_self(n->handle, &at);
        if (s == NI_OK)
                s = ni_create(n->handle, &at, l, &child, NI_INDEX_NULL);
        ni_proplist_free(&l);
        return nicl_failed(n, s, argv[0]);
}

/* -- the rest ---------------------------------------------------------------------------------------------
 */

enum nicl_status nicl_resync(struct nicl *n, int argc, char **argv)
{
        (void)argc;
        if (n->raw)
                return nicl_not_raw("resync");
        if (n->t.by_tag)
                ni_needwrite(n->handle, 0);
        return nicl_failed(n, ni_resync(n->handle), argv[0]);
}

enum nicl_status nicl_auth(struct nicl *n, int argc, char **argv)
{
        if (n->raw)
                return nicl_not_raw("authenticate");
        const char *user = argc > 1 ? argv[1] : "root";
        char *asked = argc > 2 ? NULL : tool_ask_password(&n->t);
        char *typed = argc > 2 ? argv[2] : asked;
        ni_status s = typed ? ni_setuser(n->handle, user) : NI_AUTHERROR;
        if (s == NI_OK)
                s = ni_setpassword(n->handle, typed);
        if (typed) /* also out of the command line */
                explicit_bzero(typed, strlen(typed));
        free(asked);
        return nicl_failed(n, s, argv[0]);
}

enum nicl_status nicl_setrdn(struct nicl *n, int argc, char **argv)
{
        ni_id id;
        (void)argc;
        const enum nicl_status found = nicl_find(n, argv[0], argv[1], &id);
        if (found != NICL_OK)
                return found;
        if (strcmp(argv[2], "name") == 0) /* the default */
                return nicl_failed(n, prop_destroy(n->handle, &id, "_rdn"), argv[0]);
        return nicl_failed(
                n, prop_edit(n->handle, &id, EDIT_SET, "_rdn", words_list(argv + 2, 1), NI_INDEX_NULL),
                argv[0]);
}
