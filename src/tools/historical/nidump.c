/* nidump: part of a domain as a flat file or in raw format (doc/tools.md 4, 6, 7.1). */
#include "tools/historical/edit.h"
#include "tools/historical/netgroup.h"
#include "tools/historical/tool.h"

#include "api/convert.h"
#include "base/limits.h"
#include "flat/raw.h"

#include <stdio.h>
#include <stdlib.h>

struct nidump {
        struct tool t;
        bool raw;
        const char *what, *domain; /* format or directory */
        const char *boot_directory, *boot_file;
        struct buf text; /* of one record */
        struct arena arena;
};

static int usage(const struct nidump *d)
{
        fprintf(stderr,
                "usage: %s [-T SECONDS] FORMAT [-t] DOMAIN\n"
                "       %s [-T SECONDS] -r DIRECTORY [-t] DOMAIN\n"
                "       -t  the word behind it is the domain, as HOST/TAG\n"
                "       --bootdir DIR, --bootfile FILE  the head of bootptab\n"
                "formats:",
                d->t.name, d->t.name);
        const struct flat_format *f;
        for (unsigned i = 0; (f = flat_format_at(i)); i++)
                fprintf(stderr, " %s", flat_name(f));
        fputc('\n', stderr);
        return 1;
}

static void flush_text(struct nidump *d)
{
        tool_put_bytes(&d->t, d->text.data, d->text.len);
        buf_clear(&d->text);
}

static ni_status failed(const struct nidump *d, ni_status s, const char *action, const char *directory)
{
        if (s != NI_OK)
                tool_say(&d->t, "can't %s directory %s: %s", action, directory, ni_error(s));
        return s;
}

static void put_header(struct nidump *d, const struct flat_format *f)
{
        if (*flat_header(f) && (d->boot_directory || d->boot_file))
                buf_printf(&d->text, "%s:/\n%s\n%%%%\n",
                           d->boot_directory ? d->boot_directory : "/private/tftpboot",
                           d->boot_file ? d->boot_file : "mach");
        else
                buf_puts(&d->text, flat_header(f));
        flush_text(d);
}

static ni_status put_record(struct nidump *d, const struct flat_format *f, ni_proplist l)
{
        struct flat_why why;
        arena_reset(&d->arena);
        const struct proplist props = wire_proplist(&d->arena, l);
        /* /locations holds more than the resolver's record. */
        if (strcmp(flat_name(f), "resolv.conf") != 0 ||
            bytes_eq_str(flat_identity_of(f, &props).name, "resolver"))
                flat_print(f, &props, false, &d->arena, &d->text, &why);
        const bool full = d->arena.failed || d->text.failed;
        flush_text(d);
        return full ? NI_NOSPACE : NI_OK;
}

static ni_status flat(struct nidump *d, void *h, const struct flat_format *f)
{
        const char *directory = flat_directory(f);
        void *walk = NULL;
        int more = 1;
        ni_id id;
        put_header(d, f);
        ni_status s = dir_find(h, FROM_ROOT, false, directory, &id);
        if (s == NI_NODIR && strcmp(flat_name(f), "netgroup") == 0)
                return failed(d, netgroup_dump(&d->t, h), "read", "/users");
        if (s != NI_OK)
                return s == NI_NODIR ? NI_OK : failed(d, s, "open", directory);
        s = netinfo_walk_begin(h, id.nii_object, &walk);
        while (s == NI_OK && more) {
                ni_proplist l;
                NI_INIT(&l);
                s = netinfo_walk_next(walk, &more, &id, &l);
                if (s == NI_OK && more)
                        s = put_record(d, f, l);
                ni_proplist_free(&l);
        }
        netinfo_walk_end(walk);
        return failed(d, s, "read", directory);
}

/* A directory on its way to the output. */
struct branch {
        ni_id id;
        ni_proplist props;
};

/* Has it no children? CHILDREN answers faster than the first page of a walk. */
static ni_status is_leaf(void *h, ni_id id, bool *ret)
{
        ni_idlist l;
        NI_INIT(&l);
        const ni_status s = ni_children(h, &id, &l);
        *ret = s == NI_OK && l.niil_len == 0;
        ni_idlist_free(&l);
        return s;
}

static ni_status put_tree(struct nidump *d, void *h, const struct branch *b, unsigned indent, bool last,
                          unsigned depth, bool *leaf);

/* The children that are left of a walk, the first of them at hand. Which is the last one is known when the
 * next one is asked for. */
static ni_status put_children(struct nidump *d, void *h, void *walk, struct branch first, unsigned indent,
                              unsigned depth)
{
        struct branch at = first;
        ni_status s = NI_OK;
        bool leaf = false;
        for (int more = 1; s == NI_OK && more;) {
                struct branch next;
                NI_INIT(&next);
                s = netinfo_walk_next(walk, &more, &next.id, &next.props);
                if (s == NI_OK)
                        s = put_tree(d, h, &at, indent, !more, depth, &leaf);
                ni_proplist_free(&at.props);
                at = next;
        }
        ni_proplist_free(&at.props);
        return s;
}

/* A directory's own lines, up to its children's. */
static ni_status put_head(struct nidump *d, const struct branch *b, unsigned indent, bool any)
{
        arena_reset(&d->arena);
        const struct proplist props = wire_proplist(&d->arena, b->props);
        raw_open(&d->text, indent);
        raw_props(&d->text, indent, &props);
        if (any)
                raw_children_open(&d->text, indent);
        const bool full = d->text.failed || d->arena.failed;
        flush_text(d);
        return full ? NI_NOSPACE : NI_OK;
}

/* *leaf: the directory before had no children, so this one has none either, perhaps; afterwards: it had none.
 */
static ni_status put_tree(struct nidump *d, void *h, const struct branch *b, unsigned indent, bool last,
                          unsigned depth, bool *leaf)
{
        struct branch first;
        void *walk = NULL;
        int any = 0;
        NI_INIT(&first);
        ni_status s = depth == RAW_DEPTH_MAX ? NI_FAILED : *leaf ? is_leaf(h, b->id, leaf) : NI_OK;
        if (s == NI_OK && !*leaf)
                s = netinfo_walk_begin(h, b->id.nii_object, &walk);
        if (s == NI_OK && walk)
                s = netinfo_walk_next(walk, &any, &first.id, &first.props);
        if (s == NI_NODIR || s == NI_BADID) /* removed since its parent was read: nothing is below it */
                s = NI_OK;
        *leaf = !any;
        if (s == NI_OK)
                s = put_head(d, b, indent, any);
        if (s == NI_OK && any)
                s = put_children(d, h, walk, first, indent + 4, depth + 1);
        if (s == NI_OK) {
                if (any)
                        raw_children_close(&d->text, indent);
                raw_close(&d->text, indent, !last);
                flush_text(d);
        }
        netinfo_walk_end(walk);
        return s;
}

static ni_status raw(struct nidump *d, void *h)
{
        struct branch top;
        bool leaf = false;
        NI_INIT(&top);
        ni_status s = ni_pathsearch(h, &top.id, d->what); /* a path only: digits are a name here */
        if (s != NI_OK)
                return failed(d, s, "open", d->what);
        s = ni_read(h, &top.id, &top.props);
        if (s == NI_OK)
                s = put_tree(d, h, &top, 0, true, 0, &leaf);
        ni_proplist_free(&top.props);
        return failed(d, s, "read", d->what);
}

/* 0: go on, else the exit status. */
static int options(struct nidump *d, int argc, char **argv)
{
        const char *operand[2] = {NULL, NULL};
        int n = 0;
        for (int i = 1; i < argc; i++) {
                const char *w = argv[i], *after = i + 1 < argc ? argv[i + 1] : NULL;
                if (strcmp(w, "-r") == 0) {
                        d->raw = true;
                } else if (strcmp(w, "-t") == 0) {
                        d->t.by_tag = true;
                        if (after && after[0] != '-') {
                                d->domain = after;
                                i++;
                        }
                } else if (strcmp(w, "-T") == 0 && after) {
                        if (!tool_take_seconds(&d->t, after))
                                return usage(d);
                        i++;
                } else if (strcmp(w, "--bootdir") == 0 && after) {
                        d->boot_directory = argv[++i];
                } else if (strcmp(w, "--bootfile") == 0 && after) {
                        d->boot_file = argv[++i];
                } else if (w[0] == '-' || n == 2) {
                        return usage(d);
                } else {
                        operand[n++] = w;
                }
        }
        d->what = operand[0];
        if (!d->domain)
                d->domain = operand[1];
        else if (n == 2)
                return usage(d);
        return d->what && *d->what && d->domain ? 0 : usage(d);
}

int nidump_run(int argc, char **argv)
{
        struct nidump d = {.raw = false};
        const struct flat_format *f = NULL;
        void *h;
        tool_init(&d.t, argv, "");
        int e = options(&d, argc, argv);
        if (!e && !d.raw && !(f = flat_format(d.what))) {
                tool_say(&d.t, "unknown format: %s", d.what);
                e = usage(&d);
        }
        if (!e && tool_open(&d.t, d.domain, &h, NULL) != NI_OK)
                e = usage(&d);
        if (e)
                return tool_done(&d.t, e);
        buf_init(&d.text, 0);
        arena_init(&d.arena, 0);
        const ni_status s = d.raw ? raw(&d, h) : flat(&d, h, f);
        ni_free(h);
        buf_done(&d.text);
        arena_done(&d.arena);
        return tool_done(&d.t, tool_exit((int)s));
}
