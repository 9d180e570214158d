#include "tools/past.h"

#include "model/status.h"

#include <stdio.h>

enum { O_AT = 256 };
static const struct talk_option options[] = {
        {O_AT, "at", "WHEN", "as of then: a change's number, a time, or how long ago (2h, 3d)"},
        {0, NULL, NULL, NULL},
};
static const struct talk_manual manual = {
        .command = "get",
        .synopsis = "get [--at WHEN] [--json] PATH [PROPERTY...]",
        .about = "Shows the properties of a directory: one line `property: value` for each value, in\n"
                 "order. With one PROPERTY only its values, one a line, for scripts; with several the\n"
                 "lines of those. A property without values is a line `property:`.",
        .options = options,
        .examples = "  ni get /users/ada\n"
                    "  ni get /users/ada shell\n"
                    "  ni get /users/uid=5001 name uid gid\n"
                    "  ni get --json /users/ada\n"
                    "  ni get --at '2026-11-24 09:30' /users/ada",
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

/* at: NULL, or the past that it is of: that knows no instance. */
static void print(struct talk *t, struct ni_id id, const struct proplist *all, const char *path,
                  const struct past *at)
{
        struct proplist some = *all;
        if (t->operands > 1 && !choose(t, all, path, &some))
                return;
        if (t->json) {
                json_t *j = json_pack("{s:s,s:o,s:I,s:o,s:o}", "domain", client_tag(t->client), "path",
                                      talk_json_bytes(bytes_str(path)), "id", (json_int_t)id.object,
                                      "instance", at ? json_null() : json_integer((json_int_t)id.instance),
                                      "properties", talk_json_props(&some));
                if (j && at)
                        json_object_set_new(j, "at", json_integer((json_int_t)past_seq(at)));
                talk_json(t, j);
                return;
        }
        for (uint32_t i = 0; i < some.n; i++)
                print_property(t, &some.v[i], t->operands == 2);
}

static void get(struct talk *t)
{
        struct ni_args args = {0};
        struct ni_result read;
        if (talk_path(t, t->operand[0], &args.id) && talk_read(t, NI_PROC_read, &args, &read, t->operand[0]))
                print(t, read.id, &read.props, t->operand[0], NULL);
}

static void get_at(struct talk *t, const char *when)
{
        struct past *p = past_open(t, when);
        struct ni_id id = {0};
        struct proplist props;
        if (p && past_path(p, t->operand[0], &id.object) && past_props(p, id.object, &props))
                print(t, id, &props, t->operand[0], p);
        past_close(p);
}

int ni_get_run(int argc, char **argv)
{
        struct talk t;
        const char *when = NULL;
        talk_begin(&t, &manual, argc, argv);
        for (int o; (o = talk_option(&t)) != TALK_END;) {
                if (o == TALK_STOP)
                        return talk_end(&t);
                when = t.argument;
        }
        if (t.operands == 0)
                talk_usage(&t, "which directory? give a path, such as /users/ada");
        else if (talk_connect(&t)) {
                if (when)
                        get_at(&t, when);
                else
                        get(&t);
        }
        return talk_end(&t);
}
