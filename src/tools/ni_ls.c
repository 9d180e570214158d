#include "tools/past.h"

#include <stdio.h>

enum { O_AT = 256 };
static const struct talk_option options[] = {
        {'l', "long", NULL, "properties too, as `ni set` would take them"},
        {O_AT, "at", "WHEN", "as of then: a change's number, a time, or how long ago (2h, 3d)"},
        {0, NULL, NULL, NULL},
};
static const struct talk_manual manual = {
        .command = "ls",
        .synopsis = "ls [-l] [--at WHEN] [--json] [PATH]",
        .about = "Lists the children of a directory (default: the root, /), in their order: the number\n"
                 "of each, and its names. A child without a name shows only its number.",
        .options = options,
        .examples = "  ni ls /users\n"
                    "  ni ls -l /groups\n"
                    "  ni ls --at 2h /users\n"
                    "  ni ls --server 10.0.0.7/network /machines",
        .talks = true,
        .json = true,
};

#define CONSISTENT_TRIES 5 /* LIST and LISTALL are two calls: the directory may change between them */

static int digits_of(uint32_t n)
{
        return snprintf(NULL, 0, "%u", n);
}

static int width_of(const struct ni_result *list)
{
        int width = 1;
        for (uint32_t i = 0; i < list->entry_count; i++) {
                const int n = digits_of(list->entries[i].object);
                if (n > width)
                        width = n;
        }
        return width;
}

static void print_entry(struct talk *t, const struct ni_entry *e, int width)
{
        printf("%*u", width, e->object);
        for (uint32_t i = 0; i < e->names.n; i++) {
                fputs(i == 0 ? "  " : " ", stdout);
                talk_color(t, i == 0 ? "1" : "");
                talk_value(t, e->names.v[i]);
                talk_color(t, "");
        }
}

static json_t *json_entry(const struct ni_entry *e)
{
        json_t *names = json_array();
        for (uint32_t i = 0; i < e->names.n; i++)
                json_array_append_new(names, talk_json_bytes(e->names.v[i]));
        return json_pack("{s:I,s:o}", "id", (json_int_t)e->object, "names", names);
}

static void print_short(struct talk *t, const struct ni_result *list)
{
        const int width = width_of(list);
        for (uint32_t i = 0; i < list->entry_count; i++) {
                print_entry(t, &list->entries[i], width);
                putchar('\n');
        }
}

/* All properties but the names, which stand in front already. */
static void print_props(struct talk *t, const struct proplist *l)
{
        bool named = false;
        const char *gap = "  ";
        for (uint32_t i = 0; i < l->n; i++) {
                const struct property *p = &l->v[i];
                if (!named && bytes_eq_str(p->name, "name")) {
                        named = true;
                        continue;
                }
                for (uint32_t v = 0; v < p->values.n; v++) {
                        fputs(gap, stdout);
                        talk_quoted(t, p->name, p->values.v[v]);
                        gap = " ";
                }
                if (p->values.n == 0) {
                        fputs(gap, stdout);
                        talk_value(t, p->name);
                        gap = " ";
                }
        }
}

/* LIST knows the numbers, LISTALL the properties. They belong together when the directory's instance is the
 * same in both; its children's may differ, as in any list. *ret_whole is false when all properties are more
 * than one answer can hold: then they must be read one by one. */
static bool read_both(struct talk *t, const struct ni_args *args, struct ni_result *ret_list,
                      struct ni_result *ret_all, bool *ret_whole, const char *path)
{
        for (int i = 0; i < CONSISTENT_TRIES; i++) {
                if (!talk_read(t, NI_PROC_list, args, ret_list, path))
                        return false;
                /* The list's names live until the next call: keep only the numbers. */
                struct ni_entry *keep = arena_zalloc(&t->arena, ret_list->entry_count, sizeof(*keep));
                if (!keep) {
                        talk_error(t, EXIT_FAILED, path, "too many children for the memory at hand", NULL);
                        return false;
                }
                for (uint32_t e = 0; e < ret_list->entry_count; e++)
                        keep[e].object = ret_list->entries[e].object;
                ret_list->entries = keep;
                enum ni_status status = client_ni(t->client, NI_PROC_listall, args, ret_all);
                if (status == NI_OK)
                        status = ret_all->status;
                *ret_whole = status == NI_OK;
                if (status == NI_SYSTEMERR)
                        return true;
                if (status != NI_OK) {
                        talk_status(t, status, path, NULL);
                        return false;
                }
                if (ret_all->id.instance == ret_list->id.instance &&
                    ret_all->list_count == ret_list->entry_count)
                        return true;
        }
        talk_error(t, EXIT_CONFLICT, path, "its children change faster than they can be listed", "repeat it");
        return false;
}

/* False: the child is gone by now, or (t->exit) an error was said. */
static bool read_child(struct talk *t, uint32_t object, struct proplist *ret)
{
        const struct ni_args args = {.id.object = object};
        struct ni_result r;
        const enum ni_status status = client_ni(t->client, NI_PROC_read, &args, &r);
        if (status != NI_OK || (r.status != NI_OK && r.status != NI_NODIR)) {
                talk_status(t, status != NI_OK ? status : r.status, NULL, NULL);
                return false;
        }
        *ret = r.props;
        return r.status == NI_OK;
}

static void long_entry(struct talk *t, uint32_t object, const struct proplist *props, int width,
                       json_t *children)
{
        struct ni_entry e = {.object = object};
        const struct property *name = proplist_get(props, BYTES_LIT("name"));
        if (name)
                e.names = name->values;
        if (children) {
                json_t *j = json_entry(&e);
                json_object_set_new(j, "properties", talk_json_props(props));
                json_array_append_new(children, j);
                return;
        }
        print_entry(t, &e, width);
        print_props(t, props);
        putchar('\n');
}

static void long_list(struct talk *t, const struct ni_args *args, const char *path)
{
        struct ni_result list, all;
        bool whole;
        if (!read_both(t, args, &list, &all, &whole, path))
                return;
        json_t *children = t->json ? json_array() : NULL;
        const int width = width_of(&list);
        for (uint32_t i = 0; i < list.entry_count && t->exit == EXIT_ANSWERED; i++) {
                struct proplist props;
                if (whole)
                        props = all.lists[i];
                else if (!read_child(t, list.entries[i].object, &props))
                        continue;
                long_entry(t, list.entries[i].object, &props, width, children);
        }
        if (children && t->exit == EXIT_ANSWERED)
                talk_json(t, json_pack("{s:s,s:I,s:I,s:o}", "domain", client_tag(t->client), "id",
                                       (json_int_t)list.id.object, "instance", (json_int_t)list.id.instance,
                                       "children", children));
        else
                json_decref(children);
}

static void short_list(struct talk *t, const struct ni_args *args, const char *path)
{
        struct ni_result list;
        if (!talk_read(t, NI_PROC_list, args, &list, path))
                return;
        if (!t->json) {
                print_short(t, &list);
                return;
        }
        json_t *children = json_array();
        for (uint32_t i = 0; i < list.entry_count; i++)
                json_array_append_new(children, json_entry(&list.entries[i]));
        talk_json(t, json_pack("{s:s,s:I,s:I,s:o}", "domain", client_tag(t->client), "id",
                               (json_int_t)list.id.object, "instance", (json_int_t)list.id.instance,
                               "children", children));
}

/* -- as of a time ---------------------------------------------------------------------------------------- */

static void print_past(struct talk *t, struct past *p, uint32_t parent, const struct past_child *v,
                       uint32_t n, bool detailed)
{
        json_t *children = t->json ? json_array() : NULL;
        struct arena a; /* of one child */
        int width = 1;
        arena_init(&a, LIMIT_ARENA);
        for (uint32_t i = 0; i < n; i++)
                width = digits_of(v[i].object) > width ? digits_of(v[i].object) : width;
        for (uint32_t i = 0; i < n && t->exit == EXIT_ANSWERED; i++) {
                struct proplist props;
                arena_reset(&a);
                if (!past_decode(p, v[i].encoded, &a, &props))
                        break;
                if (detailed) {
                        long_entry(t, v[i].object, &props, width, children);
                        continue;
                }
                struct ni_entry e = {.object = v[i].object};
                const struct property *name = proplist_get(&props, BYTES_LIT("name"));
                if (name)
                        e.names = name->values;
                if (children) {
                        json_array_append_new(children, json_entry(&e));
                } else {
                        print_entry(t, &e, width);
                        putchar('\n');
                }
        }
        arena_done(&a);
        if (children && t->exit == EXIT_ANSWERED)
                talk_json(t, json_pack("{s:s,s:I,s:n,s:I,s:o}", "domain", client_tag(t->client), "id",
                                       (json_int_t)parent, "instance", "at", (json_int_t)past_seq(p),
                                       "children", children));
        else
                json_decref(children);
}

static void list_at(struct talk *t, const char *path, const char *when, bool detailed)
{
        struct past *p = past_open(t, when);
        struct past_child *v;
        uint32_t object, n;
        if (p && past_path(p, path, &object) && past_children(p, object, &v, &n))
                print_past(t, p, object, v, n, detailed);
        past_close(p);
}

int ni_ls_run(int argc, char **argv)
{
        struct talk t;
        bool detailed = false;
        const char *when = NULL;
        talk_begin(&t, &manual, argc, argv);
        for (int o; (o = talk_option(&t)) != TALK_END;) {
                if (o == TALK_STOP)
                        return talk_end(&t);
                if (o == O_AT)
                        when = t.argument;
                else
                        detailed = true;
        }
        const char *path = t.operands ? t.operand[0] : "/";
        struct ni_args args = {.value = BYTES_LIT("name")};
        if (t.operands > 1)
                talk_usage(&t, "one path at a time, not %d", t.operands);
        else if (talk_connect(&t)) {
                if (when)
                        list_at(&t, path, when, detailed);
                else if (talk_path(&t, path, &args.id))
                        (detailed ? long_list : short_list)(&t, &args, path);
        }
        return talk_end(&t);
}
