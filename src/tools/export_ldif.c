/* `ni export ldif`: the domain as entries of RFC 2307, for an LDAP server. */
#include "flat/ldif.h"
#include "model/path.h"
#include "model/status.h"
#include "tools/walk.h"

#include <stdio.h>
#include <stdlib.h>

#define TOPS_MOST 16u

enum { O_BASE = 256 };
static const struct talk_option options[] = {
        {O_BASE, "base", "DN", "what stands above, such as dc=example,dc=org; default: dc=TAG"},
        {0, NULL, NULL, NULL},
};
static const struct talk_manual manual = {
        .command = "export ldif",
        .synopsis = "export ldif [--base DN]",
        .about =
                "Prints users, groups, machines, networks, services, protocols, rpcs, aliases and netgroups\n"
                "as LDIF with the classes of RFC 2307, one organizational unit each; the base entry itself\n"
                "is not printed. Hashes never are. A record that lacks what its class demands is named on\n"
                "stderr and left out (exit 1).",
        .options = options,
        .examples = "  ni export ldif --base dc=example,dc=org > domain.ldif",
        .talks = true,
};

struct piece {
        unsigned top;
        uint64_t ordinal;
        size_t at, len;
};

struct job {
        struct talk *t;
        struct bytes base;
        struct ni_id directory[TOPS_MOST];
        bool has[TOPS_MOST];
        unsigned tops;
        struct buf text;
        struct piece *piece;
        uint32_t count, room;
        struct arena arena; /* of one record */
};

static void forget(void *context)
{
        struct job *j = context;
        buf_clear(&j->text);
        j->count = 0;
}

static bool out_of_memory(struct job *j)
{
        talk_error(j->t, EXIT_FAILED, NULL, "out of memory", NULL);
        return false;
}

static bool keep(struct job *j, struct piece p)
{
        if (j->count == j->room) {
                const uint32_t room = j->room ? j->room * 2 : 256;
                struct piece *v = realloc(j->piece, room * sizeof(*v));
                if (!v)
                        return false;
                j->piece = v;
                j->room = room;
        }
        j->piece[j->count++] = p;
        return true;
}

static void refuse(struct job *j, unsigned top, const struct proplist *l, const char *reason)
{
        struct buf path;
        buf_init(&path, 0);
        buf_puts(&path, ldif_directory(top));
        path_put_step(&path, BYTES_LIT("name"), proplist_first(l, "name"));
        talk_error(j->t, EXIT_FAILED, arena_str(&j->arena, buf_bytes(&path)), reason,
                   "left out; `ni get` shows it");
        buf_done(&path);
}

static bool each(void *context, const struct ext_node *n)
{
        struct job *j = context;
        struct xdr_in in = xdr_in(n->props);
        struct flat_why why;
        unsigned top = 0;
        while (top < j->tops && (!j->has[top] || n->parent != j->directory[top].object))
                top++;
        if (top == j->tops || n->id.object == 0)
                return true;
        arena_reset(&j->arena);
        const size_t before = j->text.len;
        const struct proplist l = xdr_proplist(&in, &j->arena);
        if (!xdr_ok(&in))
                return out_of_memory(j);
        if (!ldif_print(top, &l, j->base, &j->arena, &j->text, &why))
                refuse(j, top, &l, why.text);
        if (j->text.failed || !keep(j, (struct piece){top, n->ordinal, before, j->text.len - before}))
                return out_of_memory(j);
        return true;
}

static int by_place(const void *x, const void *y)
{
        const struct piece *a = x, *b = y;
        if (a->top != b->top)
                return a->top < b->top ? -1 : 1;
        return a->ordinal < b->ordinal ? -1 : a->ordinal > b->ordinal;
}

static void run(struct job *j)
{
        const struct walk_reader reader = {forget, each, j};
        struct client_why why;
        for (; j->tops < TOPS_MOST && ldif_directory(j->tops); j->tops++) {
                const char *path = ldif_directory(j->tops);
                const enum ni_status status =
                        client_path(j->t->client, path, &j->directory[j->tops], NULL, &why);
                j->has[j->tops] = status == NI_OK;
                if (status != NI_OK && status != NI_NODIR) {
                        talk_status(j->t, status, path, NULL);
                        return;
                }
        }
        if (!walk_all(j->t, &reader))
                return;
        struct buf top;
        buf_init(&top, 0);
        ldif_print_tops(j->base, &top);
        fwrite(top.data, 1, top.len, stdout);
        buf_done(&top);
        if (j->count)
                qsort(j->piece, j->count, sizeof(*j->piece), by_place);
        for (uint32_t i = 0; i < j->count; i++)
                if (j->piece[i].len)
                        fwrite(j->text.data + j->piece[i].at, 1, j->piece[i].len, stdout);
}

int export_ldif_run(int argc, char **argv)
{
        struct talk t;
        struct job j = {.t = &t};
        const char *base = NULL;
        talk_begin(&t, &manual, argc, argv);
        for (int o; (o = talk_option(&t)) != TALK_END;) {
                if (o == TALK_STOP)
                        return talk_end(&t);
                base = t.argument;
        }
        arena_init(&j.arena, LIMIT_ARENA);
        buf_init(&j.text, 0);
        if (t.operands) {
                talk_usage(&t, "give no operand: the whole domain is printed");
        } else if (base && !strchr(base, '=')) {
                talk_usage(&t, "--base %s is no distinguished name: write it as dc=example,dc=org", base);
        } else if (talk_connect(&t)) {
                j.base = bytes_str(base ? base : arena_printf(&t.arena, "dc=%s", client_tag(t.client)));
                run(&j);
        }
        free(j.piece);
        buf_done(&j.text);
        arena_done(&j.arena);
        return talk_end(&t);
}
