#include "tools/talk_edit.h"

#include "model/status.h"

#include <stdio.h>

enum { O_YES = 256 };
static const struct talk_option options[] = {
        {'r', "recursive", NULL, "remove what is below it too; asks first"},
        {O_YES, "yes", NULL, "do not ask"},
        {0, NULL, NULL, NULL},
};
static const struct talk_manual manual = {
        .command = "rm",
        .synopsis = "rm [-r [--yes]] PATH\n"
                    "rm PATH PROPERTY[=VALUE]...",
        .about = "Removes a directory, or properties or single values of one. A directory with children\n"
                 "goes only with -r, in one step with all that is below it. What is named must be there.",
        .options = options,
        .examples = "  ni rm /users/ada\n"
                    "  ni rm /users/ada realname\n"
                    "  ni rm /groups/staff users=ada\n"
                    "  ni rm -r --yes /locations",
        .talks = true,
        .writes = true,
};

/* Is there what the word names? Says it when not. `*ret_op` becomes the operation. */
static bool plan_word(struct talk *t, const struct ni_result *read, const char *word, struct ext_op *ret_op)
{
        struct proplist one = {0};
        struct bytes value = BYTES_NONE;
        const char *thing = arena_printf(&t->arena, "%s: %s", t->operand[0], word);
        /* A secret may be named by its place only, never by its value: edit_word refuses that. */
        if (!edit_word(t, &one, word))
                return false;
        if (one.v[0].values.n)
                value = one.v[0].values.v[0];
        const struct property *p = proplist_get(&read->props, one.v[0].name);
        bool found = one.v[0].values.n == 0;
        for (uint32_t i = 0; p && i < p->values.n; i++)
                found |= bytes_eq(p->values.v[i], value);
        if (!p || !found) {
                const enum ni_status status = p ? NI_NONAME : NI_NOPROP;
                talk_error(t, status_exit(status), thing, status_text(status),
                           arena_printf(&t->arena, "`ni get %s` shows what is there", t->operand[0]));
                return false;
        }
        ret_op->kind = EXT_OP_REMOVE;
        ret_op->name = one.v[0].name;
        ret_op->values = one.v[0].values;
        return true;
}

static bool plan_words(struct talk *t, struct ni_id id, struct ext_op *ops)
{
        const struct ni_args args = {.id = id};
        struct ni_result read;
        if (!talk_read(t, NI_PROC_read, &args, &read, t->operand[0]))
                return false;
        for (int i = 1; i < t->operands; i++) {
                ops[i - 1] = (struct ext_op){
                        .ref = {.value = id.object, .has_instance = i == 1, .instance = read.id.instance}};
                if (!plan_word(t, &read, t->operand[i], &ops[i - 1]))
                        return false;
        }
        return true;
}

/* A change by others between reading and removing gives NI_STALE: then we look again, so that only what was
 * seen is removed. */
static void rm(struct talk *t, bool recursive)
{
        const uint32_t n = t->operands > 1 ? (uint32_t)t->operands - 1 : 1;
        struct ext_op *ops = arena_zalloc(&t->arena, n, sizeof(*ops));
        struct ext_edit_result result;
        for (int round = 0; ops; round++) {
                struct ni_id id;
                if (!talk_path(t, t->operand[0], &id))
                        return;
                if (t->operands > 1) {
                        if (!plan_words(t, id, ops))
                                return;
                } else if (id.object == 0) {
                        talk_usage(
                                t,
                                "the root directory cannot be removed; `ni domain destroy` takes a domain");
                        return;
                } else {
                        ops[0] = (struct ext_op){
                                .kind = EXT_OP_DESTROY,
                                .flags = recursive ? EXT_OP_RECURSIVE : 0,
                                .ref = {.value = id.object, .has_instance = true, .instance = id.instance}};
                }
                if (!edit_send(t, "remove", ops, n, &result))
                        return;
                if (!edit_again(result.status, round))
                        break;
        }
        if (!ops)
                talk_error(t, EXIT_FAILED, NULL, "out of memory", NULL);
        else if (result.status != NI_OK)
                edit_refused(t, result.status, t->operand[0], NULL);
}

int ni_rm_run(int argc, char **argv)
{
        struct talk t;
        bool recursive = false;
        talk_begin(&t, &manual, argc, argv);
        for (int o; (o = talk_option(&t)) != TALK_END;) {
                if (o == TALK_STOP)
                        return talk_end(&t);
                recursive |= o == 'r';
                t.yes |= o == O_YES;
        }
        if (t.operands == 0)
                talk_usage(&t, "which directory? give a path, such as /users/ada");
        else if (recursive && t.operands > 1)
                talk_usage(&t, "-r removes directories; to remove properties leave it out");
        else if ((unsigned)t.operands > LIMIT_EDIT_OPS)
                talk_usage(&t, "more than %u properties at once", LIMIT_EDIT_OPS - 1);
        else if ((!recursive || talk_confirm(&t, "Remove %s and all below it?", t.operand[0])) &&
                 talk_connect(&t))
                rm(&t, recursive);
        return talk_end(&t);
}
