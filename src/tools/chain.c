#include "tools/chain.h"

#include "api/locate.h"
#include "model/status.h"
#include "sys/fs.h"

#include <stdio.h>
#include <stdlib.h>

static bool copy_bytes(struct arena *a, struct bytes *b)
{
        *b = arena_bytes(a, *b);
        return !a->failed;
}

/* The reply that a list borrows from goes with the next call. */
static bool copy_list(struct arena *a, const struct proplist *from, struct proplist *ret)
{
        struct proplist l = {arena_zalloc(a, from->n, sizeof(*l.v)), from->n};
        for (uint32_t i = 0; l.v && i < l.n; i++) {
                const struct namelist old = from->v[i].values;
                struct namelist values = {arena_zalloc(a, old.n, sizeof(*values.v)), old.n};
                l.v[i].name = from->v[i].name;
                copy_bytes(a, &l.v[i].name);
                for (uint32_t k = 0; values.v && k < old.n; k++) {
                        values.v[k] = old.v[k];
                        copy_bytes(a, &values.v[k]);
                }
                l.v[i].values = values;
        }
        *ret = l;
        return !a->failed;
}

static bool add(struct chain *c, const struct proplist *props, const char *domain, bool trusted)
{
        if (c->n == c->room) {
                const uint32_t room = c->room ? c->room * 2 : 64;
                struct chain_record *v = realloc(c->v, room * sizeof(*v));
                if (!v)
                        return false;
                c->v = v;
                c->room = room;
        }
        struct chain_record *r = &c->v[c->n];
        *r = (struct chain_record){.domain = arena_str(&c->arena, bytes_str(domain)), .trusted = trusted};
        if (!r->domain || !copy_list(&c->arena, props, &r->props))
                return false;
        c->n++;
        return true;
}

/* What the connected domain has: one call, which historical servers know, too. */
static bool read_domain(struct talk *t, const char *directory, const char *domain, bool trusted,
                        struct chain *c)
{
        struct ni_args args = {.number = 0};
        struct ni_result all;
        struct client_why why;
        enum ni_status s = client_path(t->client, directory, &args.id, NULL, &why);
        if (s == NI_NODIR)
                return true;
        if (s == NI_OK)
                s = client_ni(t->client, NI_PROC_listall, &args, &all);
        if (s == NI_OK)
                s = all.status;
        if (s != NI_OK) {
                talk_status(t, s, domain, NULL);
                return false;
        }
        for (uint32_t i = 0; i < all.list_count; i++)
                if (!add(c, &all.lists[i], domain, trusted)) {
                        talk_error(t, EXIT_FAILED, domain, "out of memory", NULL);
                        return false;
                }
        return true;
}

static bool one_domain(struct talk *t, const char *directory, struct chain *c)
{
        const char *tag = t->server.tag;
        const bool here = !t->server.server && (strcmp(tag, ".") == 0 || strcmp(tag, "local") == 0);
        c->complete = talk_connect(t) && read_domain(t, directory, tag, here, c);
        return c->complete;
}

static bool read_level(struct talk *t, const char *directory, const struct located_level *level, bool trusted,
                       struct chain *c)
{
        const char *domain = level->name[0] ? level->name : level->path;
        struct client_why why = {{0}};
        client_close(t->client);
        t->client = NULL;
        const enum ni_status s = talk_open_first(t, &level->servers, &why);
        if (s != NI_OK) {
                talk_error(t, EXIT_UNREACHABLE, domain, why.text[0] ? why.text : "no server answers", NULL);
                return false;
        }
        return read_domain(t, directory, domain, trusted, c);
}

static bool all_domains(struct talk *t, const char *directory, struct chain *c)
{
        struct located *local = arena_zalloc(&t->arena, 1, sizeof(*local));
        struct located_chain chain;
        if (!local || !talk_locate(t, ".", local) || local->n == 0)
                return false;
        const enum ni_status s = locate_chain(&local->v[0], 0, t->server.timeout_ms / 1000, &chain);
        unsigned read = 0;
        while (read < chain.n && read_level(t, directory, &chain.v[read], read == 0, c))
                read++;
        c->complete = s == NI_OK && read == chain.n;
        if (s != NI_OK && read == chain.n)
                talk_why(t, status_exit(s), chain.why);
        located_chain_done(&chain);
        return read > 0;
}

bool chain_read(struct talk *t, const char *directory, struct chain *ret)
{
        *ret = (struct chain){.v = NULL};
        arena_init(&ret->arena, 0);
        return t->server.tag ? one_domain(t, directory, ret) : all_domains(t, directory, ret);
}

void chain_done(struct chain *c)
{
        free(c->v);
        arena_done(&c->arena);
}

bool chain_put(struct talk *t, const char *path, struct bytes text)
{
        struct buf old;
        if (!path) {
                talk_text(t, text);
                return true;
        }
        buf_init(&old, 0);
        const bool same = fs_read(path, text.len + 1, &old) == 0 && bytes_eq(buf_bytes(&old), text);
        buf_done(&old);
        const int e = same ? 0 : fs_replace(path, text, 0644, (uid_t)-1, (gid_t)-1, NULL, NULL);
        if (e)
                talk_error(t, EXIT_FAILED, path, strerror(e), "the file is as it was");
        return e == 0;
}
