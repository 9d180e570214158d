#include "tools/talk_edit.h"

#include "model/path.h"
#include "model/status.h"

#include <stdio.h>

static const struct talk_manual manual = {
        .command = "mv",
        .synopsis = "mv PATH NEWPARENT\n"
                    "mv PATH NEWPATH",
        .about = "Moves a directory, with all that is below it, under another one; or gives it another\n"
                 "name. When the second path is there, the directory becomes its last child. When only\n"
                 "its last element is missing, that is the new name (the first value of `name`; further\n"
                 "names stay). Object number and history stay: it is the same directory. One step: others\n"
                 "see it here or there, never twice and never not at all.",
        .examples = "  ni mv /users/ada /former\n"
                    "  ni mv /machines/alpha /machines/beta\n"
                    "  ni mv /users/ada /former/lovelace",
        .talks = true,
        .writes = true,
};

struct plan {
        struct ni_id what, parent, to; /* the directory, where it is, where it goes */
        struct bytes name;             /* the new one; len 0: it stays as it is */
        struct namelist names;         /* values of `name` afterwards */
};

/* Where the second path leads. True and plan->to, plan->name; false: said. */
static bool find_target(struct talk *t, struct plan *plan)
{
        const char *text = t->operand[1];
        struct client_why why;
        struct path p;
        const char *reason;
        uint32_t step = 0;
        enum ni_status status = client_path(t->client, text, &plan->to, &step, &why);
        if (status == NI_OK)
                return true;
        if (!path_parse(bytes_str(text), &t->arena, &p, &reason) || p.numeric || p.n == 0 ||
            status != NI_NODIR || step + 1 != p.n || !bytes_eq_str(p.step[step].key, "name"))
                return talk_path(t, text, &plan->to); /* says what is wrong */
        struct buf parent;
        buf_init(&parent, 0);
        for (uint32_t i = 0; i < step; i++)
                path_put_step(&parent, p.step[i].key, p.step[i].value);
        if (step == 0)
                buf_putc(&parent, '/');
        const char *path = parent.failed ? NULL : arena_str(&t->arena, buf_bytes(&parent));
        buf_done(&parent);
        plan->name = p.step[step].value;
        return path && talk_path(t, path, &plan->to);
}

/* The new name in front, the other names behind it; the old first one goes. */
static bool new_names(struct talk *t, const struct property *old, struct plan *plan)
{
        const uint32_t n = old ? old->values.n : 0;
        struct bytes *v = arena_zalloc(&t->arena, (size_t)n + 1, sizeof(*v));
        uint32_t used = 0;
        if (!v)
                return false;
        if (!plan->name.len) {
                plan->names = (struct namelist){v, 0};
                if (n)
                        v[plan->names.n++] = arena_bytes(&t->arena, old->values.v[0]);
                return !t->arena.failed;
        }
        v[used++] = plan->name;
        for (uint32_t i = 1; i < n; i++)
                if (!bytes_eq(old->values.v[i], plan->name))
                        v[used++] = arena_bytes(&t->arena, old->values.v[i]);
        plan->names = (struct namelist){v, used};
        return !t->arena.failed;
}

static bool make_plan(struct talk *t, struct plan *plan)
{
        struct ni_result r;
        *plan = (struct plan){0};
        if (!talk_path(t, t->operand[0], &plan->what))
                return false;
        if (plan->what.object == 0) {
                talk_usage(t, "the root directory can be neither moved nor renamed");
                return false;
        }
        if (!find_target(t, plan))
                return false;
        const struct ni_args args = {.id = plan->what};
        if (!talk_read(t, NI_PROC_parent, &args, &r, t->operand[0]))
                return false;
        plan->parent = (struct ni_id){.object = r.parent};
        if (plan->to.object == plan->what.object && plan->name.len) {
                talk_error(t, EXIT_CONFLICT, t->operand[1], "a directory cannot be moved below itself",
                           "move what is in it: `ni ls` shows its children");
                return false;
        }
        if (plan->to.object == plan->what.object || (plan->to.object == r.parent && !plan->name.len)) {
                talk_error(t, EXIT_CONFLICT, t->operand[1], "that is where it is already",
                           "a new name must not be one of those it has: `ni get` shows them");
                return false;
        }
        if (!talk_read(t, NI_PROC_read, &args, &r, t->operand[0]))
                return false;
        plan->what = r.id;
        if (new_names(t, proplist_get(&r.props, BYTES_LIT("name")), plan))
                return true;
        talk_error(t, EXIT_FAILED, NULL, "out of memory", NULL);
        return false;
}

static uint32_t make_ops(struct plan *plan, struct ext_op ops[3])
{
        const struct ext_ref what = {
                .value = plan->what.object, .has_instance = true, .instance = plan->what.instance};
        uint32_t n = 0;
        if (plan->names.n) /* nobody there has the name that it comes with */
                ops[n++] = (struct ext_op){.kind = EXT_OP_ASSERT_NONE,
                                           .ref.value = plan->to.object,
                                           .name = BYTES_LIT("name"),
                                           .values = {plan->names.v, 1}};
        if (plan->to.object != plan->parent.object)
                ops[n++] = (struct ext_op){.kind = EXT_OP_MOVE,
                                           .ref = what,
                                           .target.value = plan->to.object,
                                           .where = NI_INDEX_NULL};
        if (plan->name.len)
                ops[n++] = (struct ext_op){
                        .kind = EXT_OP_SET, .ref = what, .name = BYTES_LIT("name"), .values = plan->names};
        return n;
}

static void mv(struct talk *t)
{
        struct ext_edit_result result;
        struct plan plan;
        struct ext_op ops[3];
        for (int round = 0;; round++) {
                if (!make_plan(t, &plan))
                        return;
                const uint32_t n = make_ops(&plan, ops);
                if (!edit_send(t, "move", ops, n, &result))
                        return;
                if (!edit_again(result.status, round))
                        break;
        }
        if (result.status == NI_UNRELATED)
                talk_error(t, EXIT_CONFLICT, t->operand[1],
                           arena_printf(&t->arena, "it lies below %s itself", t->operand[0]), NULL);
        else if (result.status != NI_OK)
                edit_refused(t, result.status, t->operand[1],
                             "a child of that name is there: give another name as the last element");
}

int ni_mv_run(int argc, char **argv)
{
        struct talk t;
        talk_begin(&t, &manual, argc, argv);
        if (talk_option(&t) != TALK_END)
                return talk_end(&t);
        if (t.operands != 2)
                talk_usage(&t, "give two paths: what is moved, and where to");
        else if (talk_connect(&t))
                mv(&t);
        return talk_end(&t);
}
