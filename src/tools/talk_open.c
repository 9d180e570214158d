/* Opening a domain that is named by its path (doc/protocol.md 4.6): /, .., ../x, /a/b, tag@host,
 * host:port/tag. */
#include "api/locate.h"
#include "model/path.h"
#include "model/status.h"
#include "tools/talk.h"

#include <stdio.h>

#define TRIES_MOST 8u /* servers of one domain: each may take a whole timeout */

/* Where a relative path begins: the server of --server. */
static bool begin_at(struct talk *t, struct located_server *ret)
{
        struct server_address a;
        const char *why;
        const char *text = t->server.server;
        *ret = (struct located_server){.tag = "local"};
        if (text[0] != '/' && address_parse(bytes_str(text), false, &a, &why) && a.tag.len) {
                if (!tag_is_valid(a.tag)) {
                        talk_usage(t, "--server %s: this tag cannot exist", text);
                        return false;
                }
                snprintf(ret->tag, sizeof(ret->tag), "%.*s", BYTES_FMT(a.tag));
                text = arena_str(&t->arena, bytes_of(text, strlen(text) - a.tag.len - 1));
        }
        if (!text || strlen(text) >= sizeof(ret->server)) {
                talk_usage(t, "--server: the address is too long");
                return false;
        }
        snprintf(ret->server, sizeof(ret->server), "%s", text);
        return true;
}

void talk_why(struct talk *t, int exit, const char *why)
{
        const char *semicolon = strrchr(why, ';');
        const size_t n = semicolon ? (size_t)(semicolon - why) : strlen(why);
        const char *reason = arena_str(&t->arena, bytes_of(why, n));
        talk_error(t, exit, NULL, reason ? reason : why, semicolon && semicolon[1] ? semicolon + 2 : NULL);
}

bool talk_locate(struct talk *t, const char *path, struct located *ret)
{
        struct located_server from;
        const unsigned seconds = t->server.timeout_ms / 1000;
        if (t->server.server && !begin_at(t, &from))
                return false;
        const enum ni_status s = locate(t->server.server ? &from : NULL, path, seconds, ret);
        if (ret->why[0])
                talk_why(t,
                         s == NI_UNRELATED       ? EXIT_FAILED
                         : s == NI_NETROOT       ? EXIT_NOT_FOUND
                         : s == NI_INVALIDDOMAIN ? EXIT_USAGE
                                                 : status_exit(s),
                         ret->why);
        return !ret->why[0];
}

/* Is this a clone, which takes no writes? A server that cannot say so is asked for the write itself. */
static bool is_clone(struct client *c)
{
        struct ext_status_result s;
        return client_status(c, &s) == NI_OK && s.status == NI_OK && s.role == 1;
}

enum ni_status talk_open_first(struct talk *t, const struct located *l, struct client_why *why)
{
        struct client *clone = NULL;
        enum ni_status status = NI_FAILED;
        for (unsigned i = 0; i < l->n && i < TRIES_MOST && !t->client; i++) {
                struct client_options o = t->server;
                struct client_why one;
                struct client *c;
                o.server = l->v[i].server[0] ? l->v[i].server : NULL;
                o.tag = l->v[i].tag;
                status = client_open(&o, &c, &one);
                if (status != NI_OK)
                        *why = one;
                else if (t->manual->writes && i + 1 < l->n && is_clone(c) && !clone)
                        clone = c;
                else
                        t->client = c;
        }
        if (!t->client) {
                t->client = clone;
                clone = NULL;
        }
        client_close(clone);
        return t->client ? NI_OK : status;
}

enum ni_status talk_open_path(struct talk *t, struct client_why *why)
{
        struct located *l = arena_zalloc(&t->arena, 1, sizeof(*l));
        if (!l) {
                snprintf(why->text, sizeof(why->text), "out of memory");
                return NI_FAILED;
        }
        if (!talk_locate(t, t->server.tag, l)) {
                why->text[0] = '\0';
                return NI_FAILED;
        }
        return talk_open_first(t, l, why);
}
