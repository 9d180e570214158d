#include "flat/flat.h"
#include "tools/walk.h"

#include "base/text.h"
#include "model/path.h"
#include "model/status.h"

#include <stdio.h>
#include <stdlib.h>

static const struct talk_manual manual = {
        .command = "export",
        .synopsis = "export [--json] FORMAT",
        .about = "Prints a directory of the domain as a flat file: passwd, group, shadow, hosts, services\n"
                 "and more (`ni import list` names all). passwd and group are the lines of a Linux machine,\n"
                 "with `x` for the password; passwd.10 has the BSD form of ten fields. A record that\n"
                 "could not be read back from its line is named on stderr and left out (exit 1).",
        .examples = "  ni export passwd > passwd.new\n"
                    "  ni export hosts --server quill/network\n"
                    "  ni export --json group",
        .talks = true,
        .json = true,
};

/* One record's text, and where it stands among its siblings. */
struct piece {
        uint64_t ordinal;
        size_t at, len;
};

struct export
{
        struct talk *t;
        const struct flat_format *format;
        struct buf text;
        struct piece *piece;
        uint32_t count, room;
        struct arena arena; /* of one record */
        uint32_t refused;
};

static void forget(void *context)
{
        struct export *e = context;
        buf_clear(&e->text);
        e->count = 0;
        e->refused = 0;
}

static void refuse(struct export *e, const struct proplist *l, const char *reason)
{
        struct buf path;
        buf_init(&path, 0);
        buf_puts(&path, flat_directory(e->format));
        path_put_step(&path, BYTES_LIT("name"), proplist_first(l, "name"));
        talk_error(e->t, EXIT_FAILED, arena_str(&e->arena, buf_bytes(&path)), reason,
                   "left out; `ni get` shows it");
        e->refused++;
        buf_done(&path);
}

static void put_json(struct export *e, const struct ext_node *n, const struct proplist *l)
{
        json_t *j = json_pack("{s:I,s:I,s:o}", "id", (json_int_t)n->id.object, "instance",
                              (json_int_t)n->id.instance, "properties", talk_json_props(l));
        char *text = j ? json_dumps(j, JSON_COMPACT) : NULL;
        if (text)
                buf_puts(&e->text, text);
        else
                e->text.failed = true;
        free(text);
        json_decref(j);
}

static bool out_of_memory(struct export *e)
{
        talk_error(e->t, EXIT_FAILED, NULL, "out of memory", NULL);
        return false;
}

static bool each(void *context, const struct ext_node *n)
{
        struct export *e = context;
        struct xdr_in in = xdr_in(n->props);
        struct flat_why why;
        const size_t before = e->text.len;
        arena_reset(&e->arena);
        const struct proplist l = xdr_proplist(&in, &e->arena);
        if (!xdr_ok(&in))
                return out_of_memory(e);
        if (e->t->json)
                put_json(e, n, &l);
        else if (!flat_print(e->format, &l, true, &e->arena, &e->text, &why))
                refuse(e, &l, why.text);
        if (e->text.failed)
                return out_of_memory(e);
        if (e->text.len == before)
                return true;
        if (e->count == e->room) {
                const uint32_t room = e->room ? e->room * 2 : 256;
                struct piece *v = realloc(e->piece, room * sizeof(*v));
                if (!v)
                        return out_of_memory(e);
                e->piece = v;
                e->room = room;
        }
        e->piece[e->count++] = (struct piece){n->ordinal, before, e->text.len - before};
        return true;
}

static int by_ordinal(const void *x, const void *y)
{
        const struct piece *a = x, *b = y;
        return a->ordinal < b->ordinal ? -1 : a->ordinal > b->ordinal;
}

static void print(struct export *e)
{
        if (e->count)
                qsort(e->piece, e->count, sizeof(*e->piece), by_ordinal);
        if (e->t->json)
                printf("[");
        else if (e->count)
                fputs(flat_header(e->format), stdout);
        for (uint32_t i = 0; i < e->count; i++) {
                const uint8_t *p = e->text.data + e->piece[i].at;
                if (e->t->json)
                        fputs(i ? ",\n " : "\n ", stdout);
                talk_text(e->t, bytes_of(p, e->piece[i].len));
        }
        if (e->t->json)
                puts(e->count ? "\n]" : "]");
}

static void export(struct talk *t, const struct flat_format *f)
{
        struct export e = {.t = t, .format = f};
        const struct walk_reader reader = {forget, each, &e};
        struct client_why why;
        struct ni_id id;
        const enum ni_status status = client_path(t->client, flat_directory(f), &id, NULL, &why);
        arena_init(&e.arena, LIMIT_ARENA);
        buf_init(&e.text, 0);
        if (status == NI_NODIR) /* an empty file is the truth (doc/tools.md 4) */
                print(&e);
        else if (status != NI_OK)
                talk_status(t, status, flat_directory(f), NULL);
        else if (walk_children(t, id.object, &reader))
                print(&e);
        free(e.piece);
        buf_done(&e.text);
        arena_done(&e.arena);
}

/* What stands in /etc of a Linux machine, where the historical form differs. */
static const struct flat_format *choose(struct talk *t, const char *name)
{
        char form[64];
        const char *names[64];
        const struct flat_format *f;
        unsigned n = 0;
        if (strcmp(name, "passwd.10") == 0)
                return flat_format("passwd");
        snprintf(form, sizeof(form), "%s.linux", name);
        f = flat_format(form);
        if (!f)
                f = flat_format(name);
        if (f)
                return f;
        for (unsigned i = 0; (f = flat_format_at(i)) && n < 63; i++)
                names[n++] = flat_name(f);
        names[n] = NULL;
        const char *near = text_suggest(name, names);
        talk_usage(t, "`%s` is no format%s%s%s", name,
                   near ? "; did you mean " : ": `ni import list` names all", near ? near : "",
                   near ? "?" : "");
        return NULL;
}

int ni_export_run(int argc, char **argv)
{
        struct talk t;
        const struct flat_format *f;
        if (argc > 1 && strcmp(argv[1], "ldif") == 0)
                return export_ldif_run(argc - 1, argv + 1);
        if (argc > 1 && strcmp(argv[1], "cups") == 0)
                return export_cups_run(argc - 1, argv + 1);
        talk_begin(&t, &manual, argc, argv);
        if (talk_option(&t) != TALK_END)
                return talk_end(&t);
        if (t.operands != 1)
                talk_usage(&t, "give one format, such as passwd");
        else if ((f = choose(&t, t.operand[0])) && talk_connect(&t))
                export(&t, f);
        return talk_end(&t);
}
