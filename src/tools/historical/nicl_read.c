/* nicl's commands that read (doc/tools.md 3.4, 3.5). */
#include "tools/historical/nicl.h"

#include "tools/historical/disk_domain.h"

#include "base/buf.h"
#include "base/limits.h"
#include "base/text.h"
#include "model/path.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>

#define SOURCES_MOST 16u /* files that name each other */

static bool is_meta(const char *key)
{
        return key[0] == '_';
}

static bool put_group(const struct nicl *n, const ni_proplist *l, bool meta, const char *heading,
                      const char *indent)
{
        bool any = false;
        for (unsigned i = 0; i < l->nipl_len; i++) {
                if (is_meta(l->nipl_val[i].nip_name) != meta)
                        continue;
                if (!any && heading)
                        puts(heading);
                any = true;
                fputs(indent, stdout);
                tool_put_property(&n->t, &l->nipl_val[i]);
        }
        return any;
}

/* A record in the format of `read`. */
static ni_status put_record(struct nicl *n, ni_id *id)
{
        ni_proplist l;
        ni_idlist children;
        ni_index parent = 0;
        NI_INIT(&l);
        NI_INIT(&children);
        ni_status s = ni_read(n->handle, id, &l);
        if (s == NI_OK && n->verbose)
                s = ni_parent(n->handle, id, &parent);
        if (s == NI_OK && n->verbose)
                s = ni_children(n->handle, id, &children);
        if (s == NI_OK && n->verbose) {
                nicl_put_version(n, *id);
                printf("Parent: %u\n", parent);
                if (children.niil_len)
                        printf("Children (%u):", children.niil_len);
                for (unsigned i = 0; i < children.niil_len; i++)
                        printf(" %u", children.niil_val[i]);
                if (children.niil_len)
                        putchar('\n');
        }
        if (s == NI_OK) {
                put_group(n, &l, false, n->verbose ? "Attributes:" : NULL, n->verbose ? "    " : "");
                put_group(n, &l, true, n->verbose ? "Meta-attributes:" : NULL, n->verbose ? "    " : "");
        }
        ni_proplist_free(&l);
        ni_idlist_free(&children);
        return s;
}

static const char *path_word(int argc, char **argv)
{
        return argc > 1 ? argv[1] : ".";
}

enum nicl_status nicl_read(struct nicl *n, int argc, char **argv)
{
        ni_id id;
        ni_proplist l;
        const enum nicl_status found = nicl_find(n, argv[0], path_word(argc, argv), &id);
        if (found != NICL_OK)
                return found;
        if (argc <= 2)
                return nicl_failed(n, put_record(n, &id), argv[0]);
        NI_INIT(&l);
        const ni_status s = ni_read(n->handle, &id, &l);
        for (int i = 2; s == NI_OK && i < argc; i++) {
                const ni_index at = ni_proplist_match(l, argv[i], NULL);
                if (at != NI_INDEX_NULL) {
                        tool_put_property(&n->t, &l.nipl_val[at]);
                        continue;
                }
                fflush(stdout);
                fprintf(stderr, "No such key: %s\n", argv[i]);
        }
        ni_proplist_free(&l);
        return nicl_failed(n, s, argv[0]);
}

enum nicl_status nicl_list(struct nicl *n, int argc, char **argv)
{
        ni_id id;
        ni_entrylist l;
        const enum nicl_status found = nicl_find(n, argv[0], path_word(argc, argv), &id);
        if (found != NICL_OK)
                return found;
        NI_INIT(&l);
        const ni_status s = ni_list(n->handle, &id, argc > 2 ? argv[2] : "name", &l);
        for (unsigned i = 0; s == NI_OK && i < l.niel_len; i++) {
                const ni_namelist *names = l.niel_val[i].names;
                if (!names)
                        continue;
                printf("%-10u", l.niel_val[i].id);
                for (unsigned k = 0; k < names->ninl_len; k++) {
                        putchar(' ');
                        tool_put(&n->t, names->ninl_val[k]);
                }
                putchar('\n');
        }
        ni_entrylist_free(&l);
        return nicl_failed(n, s, argv[0]);
}

/* -- search -----------------------------------------------------------------------------------------------
 */

struct search {
        struct nicl *n;
        uint32_t least, most;
        char **pair; /* KEY VAL KEY VAL ...; the last VAL may be missing: the key must be there */
        int words;
        ni_idlist hits;
};

static bool fits(const struct search *s, ni_proplist l)
{
        for (int i = 0; i < s->words; i += 2)
                if (ni_proplist_match(l, s->pair[i], i + 1 < s->words ? s->pair[i + 1] : NULL) ==
                    NI_INDEX_NULL)
                        return false;
        return true;
}

static ni_status visit(struct search *s, ni_index object, uint32_t depth)
{
        ni_id id = {object, 0};
        ni_proplist l;
        ni_idlist children;
        ni_status status = NI_OK;
        NI_INIT(&l);
        NI_INIT(&children);
        if (depth >= s->least) {
                status = ni_read(s->n->handle, &id, &l);
                if (status == NI_OK && fits(s, l))
                        ni_idlist_insert(&s->hits, object, NI_INDEX_NULL);
                ni_proplist_free(&l);
        }
        if (status != NI_OK || depth == s->most)
                return status;
        if (depth == LIMIT_SEARCH_DEPTH * 16)
                return NI_FAILED; /* deeper than any honest tree */
        status = ni_children(s->n->handle, &id, &children);
        for (unsigned i = 0; status == NI_OK && i < children.niil_len; i++)
                status = visit(s, children.niil_val[i], depth + 1);
        ni_idlist_free(&children);
        return status;
}

/* -1 is the largest depth. */
static bool is_scope(const char *text, uint32_t *ret)
{
        int64_t v;
        if (!text_i64(bytes_str(text), &v) || v < -1 || v > UINT32_MAX)
                return false;
        *ret = (uint32_t)v;
        return true;
}

enum nicl_status nicl_search(struct nicl *n, int argc, char **argv)
{
        struct search s = {.n = n, .pair = argv + 4, .words = argc - 4};
        ni_id id;
        const enum nicl_status found = nicl_find(n, argv[0], argv[1], &id);
        if (found != NICL_OK)
                return found;
        if (!is_scope(argv[2], &s.least) || !is_scope(argv[3], &s.most)) {
                fprintf(stderr, "%s: a scope is a number, or -1 for all, found %s\n", argv[0],
                        is_scope(argv[2], &s.least) ? argv[3] : argv[2]);
                return NICL_USAGE;
        }
        ni_status status = NI_OK;
        if (s.least > s.most)
                fprintf(stderr, "Scope minimum (%u) > maximum (%u) precludes search\n", s.least, s.most);
        else
                status = visit(&s, id.nii_object, 0);
        if (status == NI_OK)
                printf("Search found %u match%s\n", s.hits.niil_len, s.hits.niil_len == 1 ? "" : "es");
        for (unsigned i = 0; status == NI_OK && i < s.hits.niil_len; i++) {
                ni_id hit = {s.hits.niil_val[i], 0};
                putchar('\n');
                status = put_record(n, &hit);
        }
        ni_idlist_free(&s.hits);
        return nicl_failed(n, status, argv[0]);
}

/* -- where things are ---------------------------------------------------------------------------------------
 */

enum nicl_status nicl_path(struct nicl *n, int argc, char **argv)
{
        ni_id id;
        const enum nicl_status found = nicl_find(n, argv[0], path_word(argc, argv), &id);
        if (found != NICL_OK)
                return found;
        for (unsigned i = 0;; i++) {
                ni_index parent = 0;
                ni_status s = i < LIMIT_SEARCH_DEPTH * 16 ? put_record(n, &id) : NI_FAILED;
                if (s == NI_OK && id.nii_object == 0)
                        return NICL_OK;
                if (s == NI_OK)
                        s = ni_parent(n->handle, &id, &parent);
                if (s != NI_OK)
                        return nicl_failed(n, s, argv[0]);
                id = (ni_id){parent, 0};
                putchar('\n');
        }
}

ni_name nicl_path_of(struct nicl *n, ni_index object)
{
        struct buf path, longer;
        if (n->x500)
                return nicl_dn_of(n, object);
        buf_init(&path, 0);
        for (unsigned i = 0; object != 0 && i < LIMIT_SEARCH_DEPTH * 16; i++) {
                ni_id id = {object, 0};
                ni_namelist names;
                NI_INIT(&names);
                buf_init(&longer, 0);
                if (ni_lookupprop(n->handle, &id, "name", &names) == NI_OK && names.ninl_len) {
                        buf_putc(&longer, '/');
                        for (const char *p = names.ninl_val[0]; *p; p++) {
                                if (*p == '/' || *p == '\\')
                                        buf_putc(&longer, '\\');
                                buf_putc(&longer, *p);
                        }
                } else {
                        buf_printf(&longer, "/dir:%u", object);
                }
                buf_put(&longer, buf_bytes(&path));
                buf_done(&path);
                path = longer;
                ni_namelist_free(&names);
                if (ni_parent(n->handle, &id, &object) != NI_OK)
                        break;
        }
        if (path.len == 0)
                buf_putc(&path, '/');
        buf_putc(&path, '\0');
        ni_name text = ni_name_dup(path.failed ? "?" : (const char *)path.data);
        buf_done(&path);
        return text;
}

enum nicl_status nicl_pwd(struct nicl *n, int argc, char **argv)
{
        (void)argc;
        (void)argv;
        ni_name path = nicl_path_of(n, n->current);
        tool_put(&n->t, path);
        putchar('\n');
        ni_name_free(&path);
        return NICL_OK;
}

enum nicl_status nicl_cd(struct nicl *n, int argc, char **argv)
{
        ni_id id;
        (void)argc;
        const enum nicl_status s = nicl_find(n, argv[0], argv[1], &id);
        if (s == NICL_OK)
                n->current = id.nii_object;
        return s;
}

/* -- the server -------------------------------------------------------------------------------------------
 */

enum nicl_status nicl_statistics(struct nicl *n, int argc, char **argv)
{
        ni_proplist l;
        (void)argc;
        if (n->raw)
                return nicl_raw_statistics(n, argv[0]);
        NI_INIT(&l);
        const ni_status s = ni_statistics(n->handle, &l);
        for (unsigned i = 0; s == NI_OK && i < l.nipl_len; i++)
                tool_put_property(&n->t, &l.nipl_val[i]);
        ni_proplist_free(&l);
        return nicl_failed(n, s, argv[0]);
}

enum nicl_status nicl_domainname(struct nicl *n, int argc, char **argv)
{
        ni_name name;
        (void)argc;
        if (n->raw)
                return nicl_not_raw("get domain name");
        const ni_status s = ni_pwdomain(n->handle, &name);
        if (s != NI_OK)
                return nicl_failed(n, s, argv[0]);
        tool_put(&n->t, name);
        putchar('\n');
        ni_name_free(&name);
        return NICL_OK;
}

enum nicl_status nicl_rparent(struct nicl *n, int argc, char **argv)
{
        struct sockaddr_in a;
        ni_name tag;
        char host[INET_ADDRSTRLEN];
        (void)argc;
        if (n->raw)
                return nicl_not_raw("get rparent");
        const ni_status s = netinfo_rparent(n->handle, &a, &tag);
        if (s == NI_NETROOT) {
                fprintf(stderr, "%s\n", ni_error(s));
                return NICL_FAILED;
        }
        if (s != NI_OK)
                return nicl_failed(n, s, argv[0]);
        printf("%s/", inet_ntop(AF_INET, &a.sin_addr, host, sizeof(host)));
        tool_put(&n->t, tag);
        putchar('\n');
        ni_name_free(&tag);
        return NICL_OK;
}

/* -- the shell --------------------------------------------------------------------------------------------
 */

enum nicl_status nicl_flush(struct nicl *n, int argc, char **argv)
{
        (void)n; /* nothing is kept here that could be old */
        (void)argc;
        (void)argv;
        return NICL_OK;
}

enum nicl_status nicl_echo(struct nicl *n, int argc, char **argv)
{
        for (int i = 1; i < argc; i++) {
                if (i > 1)
                        putchar(' ');
                tool_put(&n->t, argv[i]);
        }
        putchar('\n');
        return NICL_OK;
}

enum nicl_status nicl_source(struct nicl *n, int argc, char **argv)
{
        (void)argc;
        FILE *f = n->sources < SOURCES_MOST ? fopen(argv[1], "re") : NULL;
        if (!f) {
                fprintf(stderr, "%s: %s\n", argv[1], strerror(n->sources < SOURCES_MOST ? errno : ELOOP));
                return NICL_FAILED;
        }
        const bool interactive = n->interactive;
        n->sources++;
        n->interactive = true;
        nicl_read_lines(n, f);
        n->interactive = interactive;
        n->sources--;
        const bool read = !ferror(f); /* a folder can be opened, too */
        if (!read)
                fprintf(stderr, "%s: %s\n", argv[1], strerror(errno));
        fclose(f);
        return read ? NICL_OK : NICL_FAILED;
}
