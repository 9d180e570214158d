#include "tools/talk_edit.h"

#include "model/path.h"
#include "model/status.h"

#include <stdio.h>

static const struct talk_option options[] = {
        {'p', "parents", NULL, "make missing parents too"},
        {'f', "file", "KEY=FILE", "a value from FILE (-: standard input): for secrets and long texts"},
        {0, NULL, NULL, NULL},
};
static const struct talk_manual manual = {
        .command = "add",
        .synopsis = "add [-p] PATH [KEY=VALUE...]",
        .about = "Makes a directory, with its properties, at the end of its parent's children. The last\n"
                 "element of PATH gives its first property, usually the name. A directory of that name\n"
                 "must not be there yet. All of it happens in one step, missing parents (-p) included.",
        .options = options,
        .examples = "  ni add /users/ada uid=5001 gid=100 home=/home/ada shell=/bin/bash\n"
                    "  ni add /groups/staff gid=50 users=ada users=grace\n"
                    "  ni add -p /locations/mars/dome name=dome-one",
        .talks = true,
        .writes = true,
};

/* Our own property list of a new directory: key=value of the path, then what was asked for; a key that is the
 * path's own gets the further values behind. */
static bool properties_of(struct talk *t, const struct path_step *step, const struct proplist *asked,
                          struct proplist *ret)
{
        *ret = (struct proplist){0};
        const struct property *own = proplist_get(asked, step->key);
        const uint32_t more = own ? own->values.n : 0;
        struct bytes *values = arena_zalloc(&t->arena, (size_t)more + 1, sizeof(*values));
        if (!values)
                return false;
        values[0] = step->value;
        for (uint32_t i = 0; i < more; i++)
                values[i + 1] = own->values.v[i];
        bool good = proplist_add(ret, &t->arena, step->key, values, more + 1);
        for (uint32_t i = 0; i < asked->n && good; i++)
                if (&asked->v[i] != own)
                        good = proplist_add(ret, &t->arena, asked->v[i].name, asked->v[i].values.v,
                                            asked->v[i].values.n);
        return good;
}

/* The deepest part of the path that exists: its id, and how many steps it took. */
static bool deepest(struct talk *t, const char *path, const struct path *p, struct ni_id *ret,
                    uint32_t *ret_steps)
{
        struct ni_args args = {0};
        struct ni_result r;
        uint32_t i = 0;
        for (; i + 1 < p->n; i++) {
                args.key = p->step[i].key;
                args.value = p->step[i].value;
                enum ni_status status = client_ni(t->client, NI_PROC_lookup, &args, &r);
                if (status == NI_OK)
                        status = r.status;
                if (status == NI_NODIR || (status == NI_OK && r.object_count == 0))
                        break;
                if (status != NI_OK) {
                        talk_status(t, status, path, NULL);
                        return false;
                }
                args.id.object = r.objects[0];
        }
        if (!talk_read(t, NI_PROC_self, &args, &r, path))
                return false;
        *ret = r.id;
        *ret_steps = i;
        return true;
}

/* ASSERT_NONE and CREATE below `parent`, then a CREATE below each one made. Gives the number of operations.
 */
static uint32_t plan(struct talk *t, const struct path *p, uint32_t from, struct ni_id parent,
                     const struct proplist *asked, struct ext_op *ops)
{
        static const struct proplist nothing;
        uint32_t n = 0;
        struct ext_ref ref = {.value = parent.object, .has_instance = true, .instance = parent.instance};
        ops[n++] = (struct ext_op){.kind = EXT_OP_ASSERT_NONE,
                                   .ref = ref,
                                   .name = p->step[from].key,
                                   .values = {&p->step[from].value, 1}};
        for (uint32_t i = from; i < p->n; i++) {
                ops[n] = (struct ext_op){.kind = EXT_OP_CREATE, .ref = ref, .where = NI_INDEX_NULL};
                if (!properties_of(t, &p->step[i], i + 1 == p->n ? asked : &nothing, &ops[n].props))
                        return 0;
                ref = (struct ext_ref){.by_op = true, .value = n++};
        }
        return n;
}

void edit_make(struct talk *t, const char *path, const struct path *p, const struct proplist *asked,
               bool parents)
{
        struct ext_op *ops = arena_zalloc(&t->arena, (size_t)p->n + 1, sizeof(*ops));
        struct ext_edit_result result;
        for (int round = 0;; round++) {
                struct ni_id parent;
                uint32_t from;
                if (!deepest(t, path, p, &parent, &from))
                        return;
                if (from + 1 < p->n && !parents) {
                        talk_no_directory(t, path, from);
                        talk_say(t, "  -p makes missing parents");
                        return;
                }
                const uint32_t n = ops ? plan(t, p, from, parent, asked, ops) : 0;
                if (n == 0) {
                        talk_error(t, EXIT_FAILED, NULL, "out of memory", NULL);
                        return;
                }
                if (!edit_send(t, "add", ops, n, &result))
                        return;
                if (!edit_again(result.status, round))
                        break;
        }
        if (result.status != NI_OK)
                edit_refused(t, result.status, path, "`ni set` changes it; `ni get` shows it");
}

int ni_add_run(int argc, char **argv)
{
        struct talk t;
        struct proplist l = {0};
        struct path p;
        const char *reason;
        bool parents = false;
        talk_begin(&t, &manual, argc, argv);
        for (int o; (o = talk_option(&t)) != TALK_END;) {
                if (o == TALK_STOP || (o == 'f' && !edit_file(&t, &l, t.argument)))
                        return talk_end(&t);
                parents |= o == 'p';
        }
        if (t.operands == 0)
                talk_usage(&t, "which directory? give a path, such as /users/ada");
        else if (!path_parse(bytes_str(t.operand[0]), &t.arena, &p, &reason))
                talk_usage(&t, "%s: %s", t.operand[0], reason);
        else if (p.numeric || p.n == 0)
                talk_usage(&t, "%s: a new directory needs a name: give the path it shall have", t.operand[0]);
        else if (p.n + 1 > LIMIT_EDIT_OPS)
                talk_usage(&t, "%s: more than %u levels", t.operand[0], LIMIT_EDIT_OPS - 1);
        else if (edit_words(&t, &l, 1) && talk_connect(&t))
                edit_make(&t, t.operand[0], &p, &l, parents);
        return talk_end(&t);
}
