#include "tools/talk_edit.h"

#include <stdio.h>

static const struct talk_option options[] = {
        {'f', "file", "KEY=FILE", "a value from FILE (-: standard input): for secrets and long texts"},
        {0, NULL, NULL, NULL},
};
static const struct talk_manual manual = {
        .command = "set",
        .synopsis = "set PATH KEY=VALUE...",
        .about = "Sets properties of a directory, all or none: KEY gets exactly the values given, other\n"
                 "properties stay. For several values repeat the key; KEY= sets one empty value; KEY\n"
                 "alone sets a property without values. `=` and `\\` within a key are written \\= and \\\\;\n"
                 "values are taken as they are.",
        .options = options,
        .examples = "  ni set /users/ada shell=/bin/zsh realname=\"Ada L\"\n"
                    "  ni set /groups/staff users=ada users=grace\n"
                    "  mkpasswd | ni set /users/ada --file passwd=-",
        .talks = true,
        .writes = true,
};

/* One SET per property, bound to the directory as the path named it just now: when somebody changes it in
 * between, the path is walked again. Repeating is safe, since SET states what shall be. */
static void set(struct talk *t, const struct proplist *l)
{
        const char *path = t->operand[0];
        struct ext_op *ops = arena_zalloc(&t->arena, l->n, sizeof(*ops));
        struct ext_edit_result result;
        for (int round = 0; ops; round++) {
                struct ni_id id;
                if (!talk_path(t, path, &id))
                        return;
                for (uint32_t i = 0; i < l->n; i++)
                        ops[i] = (struct ext_op){
                                .kind = EXT_OP_SET,
                                .ref = {.value = id.object, .has_instance = i == 0, .instance = id.instance},
                                .name = l->v[i].name,
                                .values = l->v[i].values};
                if (!edit_send(t, "set", ops, l->n, &result))
                        return;
                if (!edit_again(result.status, round))
                        break;
        }
        if (!ops)
                talk_error(t, EXIT_FAILED, NULL, "out of memory", NULL);
        else if (result.status != NI_OK)
                edit_refused(t, result.status, path, NULL);
}

int ni_set_run(int argc, char **argv)
{
        struct talk t;
        struct proplist l = {0};
        talk_begin(&t, &manual, argc, argv);
        for (int o; (o = talk_option(&t)) != TALK_END;)
                if (o == TALK_STOP || !edit_file(&t, &l, t.argument))
                        return talk_end(&t);
        if (t.operands == 0)
                talk_usage(&t, "which directory? give a path, such as /users/ada");
        else if (!edit_words(&t, &l, 1))
                return talk_end(&t);
        else if (l.n == 0)
                talk_usage(&t, "set what? give key=value");
        else if (l.n > LIMIT_EDIT_OPS)
                talk_usage(&t, "more than %u properties at once", LIMIT_EDIT_OPS);
        else if (talk_connect(&t))
                set(&t, &l);
        return talk_end(&t);
}
