#include "tools/talk.h"

#include "model/status.h"

#include <stdio.h>

static const struct talk_manual manual = {
        .command = "get",
        .synopsis = "get [--json] PATH [PROPERTY...]",
        .about = "Shows the properties of a directory: one line `property: value` for each value, in\n"
                 "order. With one PROPERTY only its values, one a line, for scripts; with several the\n"
                 "lines of those. A property without values is a line `property:`.",
        .examples = "  ni get /users/ada\n"
                    "  ni get /users/ada shell\n"
                    "  ni get /users/uid=5001 name uid gid\n"
                    "  ni get --json /users/ada",
        .talks = true,
        .json = true,
};

static void print_property(struct talk *t, const struct property *p, bool bare)
{
        for (uint32_t i = 0; i < p->values.n; i++) {
                if (!bare) {
                        talk_color(t, "36");
                        talk_value(t, p->name);
                        talk_color(t, "");
                        fputs(": ", stdout);
                }
                talk_value(t, p->values.v[i]);
                putchar('\n');
        }
        if (p->values.n == 0 && !bare) {
                talk_value(t, p->name);
                fputs(":\n", stdout);
        }
}

/* Says which names there are not; gives the ones wanted, in the order asked for. */
static bool choose(struct talk *t, const struct proplist *all, const char *path, struct proplist *ret)
{
        const uint32_t wanted = (uint32_t)(t->operands - 1);
        *ret = (struct proplist){arena_zalloc(&t->arena, wanted, sizeof(*ret->v)), 0};
        if (!ret->v)
                return false;
        for (uint32_t i = 0; i < wanted; i++) {
                const char *name = t->operand[i + 1];
                const struct property *p = proplist_get(all, bytes_str(name));
                if (p) {
                        ret->v[ret->n++] = *p;
                        continue;
                }
                const char *thing = arena_printf(&t->arena, "%s: %s", path, name);
                const char *way_out = arena_printf(&t->arena, "`ni get %s` shows what is there", path);
                talk_error(t, status_exit(NI_NOPROP), thing, status_text(NI_NOPROP), way_out);
        }
        return true;
}

static void print(struct talk *t, const struct ni_result *read, const char *path)
{
        struct proplist some = read->props;
        if (t->operands > 1 && !choose(t, &read->props, path, &some))
                return;
        if (t->json) {
                talk_json(t, json_pack("{s:s,s:o,s:I,s:I,s:o}", "domain", client_tag(t->client), "path",
                                       talk_json_bytes(bytes_str(path)), "id", (json_int_t)read->id.object,
                                       "instance", (json_int_t)read->id.instance, "properties",
                                       talk_json_props(&some)));
                return;
        }
        for (uint32_t i = 0; i < some.n; i++)
                print_property(t, &some.v[i], t->operands == 2);
}

int ni_get_run(int argc, char **argv)
{
        struct talk t;
        struct ni_args args = {0};
        struct ni_result read;
        talk_begin(&t, &manual, argc, argv);
        if (talk_option(&t) != TALK_END)
                return talk_end(&t);
        if (t.operands == 0)
                talk_usage(&t, "which directory? give a path, such as /users/ada");
        else if (talk_connect(&t) && talk_path(&t, t.operand[0], &args.id) &&
                 talk_read(&t, NI_PROC_read, &args, &read, t.operand[0]))
                print(&t, &read, t.operand[0]);
        return talk_end(&t);
}
