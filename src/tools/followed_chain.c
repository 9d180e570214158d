#include "tools/followed_chain.h"

#include <stdio.h>
#include <stdlib.h>

/* Where the agent begins, unless --server or --domain say otherwise. */
static bool first_domain(struct talk *t, const struct agent_config *config, struct located_server *ret)
{
        const bool path = t->server.tag && located_is_path(t->server.tag);
        *ret = (struct located_server){.tag = ""};
        if (t->server.server || path) {
                struct located *l = arena_zalloc(&t->arena, 1, sizeof(*l));
                if (!l || !talk_locate(t, path ? t->server.tag : ".", l))
                        return false;
                *ret = l->v[0];
                if (t->server.tag && !path)
                        snprintf(ret->tag, sizeof(ret->tag), "%s", t->server.tag);
                return true;
        }
        snprintf(ret->tag, sizeof(ret->tag), "%s", t->server.tag ? t->server.tag : config->domain);
        if (config->server)
                snprintf(ret->server, sizeof(ret->server), "%s", config->server);
        return true;
}

/* `domains = local, host/tag, ...` */
static bool listed(const struct agent_config *config, const struct located_server *first,
                   struct located_chain *ret)
{
        ret->v = calloc(config->above_count + 1, sizeof(*ret->v));
        if (!ret->v)
                return false;
        ret->n = config->above_count + 1;
        ret->v[0].servers.v[0] = *first;
        ret->v[0].servers.n = 1;
        snprintf(ret->v[0].path, sizeof(ret->v[0].path), ".");
        for (unsigned i = 0; i < config->above_count; i++) {
                struct located_level *l = &ret->v[i + 1];
                for (unsigned k = 0; k < config->above[i]->n && k < LOCATED_MOST; k++) {
                        const struct server *s = &config->above[i]->v[k];
                        struct located_server *to = &l->servers.v[l->servers.n++];
                        snprintf(to->server, sizeof(to->server), "%.*s", (int)sizeof(to->server) - 1,
                                 s->address);
                        snprintf(to->tag, sizeof(to->tag), "%s", s->tag);
                }
                snprintf(l->path, sizeof(l->path), "%.60s@%.60s", l->servers.v[0].tag,
                         l->servers.v[0].server);
        }
        return true;
}

enum ni_status followed_chain(struct talk *t, const struct agent_config *config, struct located_chain *ret,
                              bool *ret_said)
{
        struct located_server first;
        const bool asked = t->server.server || t->server.tag;
        *ret = (struct located_chain){NULL, 0, ""};
        *ret_said = !first_domain(t, config, &first);
        if (*ret_said)
                return NI_FAILED;
        if (!config->climb && !asked)
                return listed(config, &first, ret) ? NI_OK : NI_FAILED;
        return locate_chain(&first, (uint16_t)config->parent_port, t->server.timeout_ms / 1000, ret);
}

const char *followed_name(struct talk *t, const struct located_chain *c, unsigned level)
{
        const struct located_level *l = &c->v[level];
        const char *name =
                level == 0 ? "local" : arena_printf(&t->arena, "%s", l->name[0] ? l->name : l->path);
        return name ? name : "?";
}
