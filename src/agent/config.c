#include "agent/config.h"

#include "base/limits.h"
#include "base/text.h"
#include "client/client.h"
#include "model/path.h"
#include "snapshot/format.h"
#include "sys/fs.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>

#define STATE_FOLDER "/var/lib/netinfo/agent"
#define MACHINE      "/var/lib/netinfo/machine"
#define FILE_MAX     ((size_t)1 << 20) /* bytes of the file; a thousand names in `allow` are 10 KiB */

enum kind { TEXT, PATH, TAG, NUMBER, YES_NO, WORDS, CHAIN, NETWORKS };

static const struct key {
        const char *name;
        enum kind kind;
        size_t at;
        bool may_be_none; /* the word `none` is the empty text */
        uint32_t least, most;
} keys[] = {
        {"server", TEXT, offsetof(struct agent_config, server), false, 0, 0},
        {"domain", TAG, offsetof(struct agent_config, domain), false, 0, 0},
        {"domains", CHAIN, 0, false, 0, 0},
        {"max_domains", NUMBER, offsetof(struct agent_config, max_domains), false, 1, LIMIT_DEPTH},
        {"max_directories", NUMBER, offsetof(struct agent_config, max_directories), false, 1, 100000000},
        {"max_megabytes", NUMBER, offsetof(struct agent_config, max_megabytes), false, 1, 1048576},
        {"poll_interval", NUMBER, offsetof(struct agent_config, poll_interval), false, 1, 300},
        {"parent_port", NUMBER, offsetof(struct agent_config, parent_port), false, 0, 65535},
        {"min_id", NUMBER, offsetof(struct agent_config, min_id), false, 1, 4294967294u},
        {"allow", WORDS, 0, false, 0, 0},
        {"publish_hashes", YES_NO, offsetof(struct agent_config, publish_hashes), false, 0, 0},
        {"allow_empty_passwords", YES_NO, offsetof(struct agent_config, allow_empty_passwords), false, 0, 0},
        {"publish_interval", NUMBER, offsetof(struct agent_config, publish_interval), false, 1, 60000},
        {"beside", NUMBER, offsetof(struct agent_config, beside), false, 0, 100000000},
        {"snapshots", PATH, offsetof(struct agent_config, snapshots), false, 0, 0},
        {"durable", PATH, offsetof(struct agent_config, durable), true, 0, 0},
        {"state", PATH, offsetof(struct agent_config, state), true, 0, 0},
        {"shadow_group", TEXT, offsetof(struct agent_config, shadow_group), true, 0, 0},
        {"own_files", PATH, offsetof(struct agent_config, own_files), true, 0, 0},
        {"machine", PATH, offsetof(struct agent_config, machine), true, 0, 0},
        {"plain_networks", NETWORKS, offsetof(struct agent_config, plain_networks), true, 0, 0},
        {"quarantine", NUMBER, offsetof(struct agent_config, quarantine), false, 1, 86400},
};
#define KEYS (sizeof(keys) / sizeof(keys[0]))

bool agent_config_defaults(struct agent_config *c, const char *below)
{
        *c = (struct agent_config){
                .domain = "local",
                .climb = true,
                .max_domains = 8,
                .poll_interval = 15,
                .max_directories = 4000000,
                .max_megabytes = 1024,
                .min_id = 1000,
                .publish_interval = 5,
                .beside = 20000,
                .quarantine = 60,
                .snapshots = SNAP_LIVE,
                .durable = SNAP_DURABLE,
                .state = STATE_FOLDER,
                .shadow_group = "shadow",
                .own_files = "/etc",
                .machine = MACHINE,
                .plain_networks = "",
        };
        arena_init(&c->arena, LIMIT_ARENA);
        if (!below)
                return true;
        c->server = arena_printf(&c->arena, "%s/netinfod.sock", below);
        c->snapshots = arena_printf(&c->arena, "%s/snapshots", below);
        c->state = arena_printf(&c->arena, "%s/agent", below);
        c->own_files = arena_printf(&c->arena, "%s/etc", below);
        c->machine = arena_printf(&c->arena, "%s/machine", below);
        c->durable = "";
        return !c->arena.failed;
}

void agent_config_done(struct agent_config *c)
{
        arena_done(&c->arena);
}

static struct bytes trim(struct bytes b)
{
        while (b.len && strchr(" \t", b.data[0]))
                b = bytes_sub(b, 1, b.len);
        while (b.len && strchr(" \t\r", b.data[b.len - 1]))
                b.len--;
        return b;
}

static const char *set_words(struct agent_config *c, struct bytes value)
{
        c->allow = arena_zalloc(&c->arena, value.len / 2 + 1, sizeof(*c->allow));
        c->allow_count = 0;
        for (struct bytes rest = value; c->allow && rest.len;) {
                const size_t end = bytes_find(rest, ' ');
                if (end)
                        c->allow[c->allow_count++] = arena_bytes(&c->arena, bytes_sub(rest, 0, end));
                rest = trim(bytes_sub(rest, end + 1, rest.len));
        }
        return NULL;
}

/* One server: host[:port]/tag. */
static const char *add_server(struct bytes text, struct servers *l)
{
        struct server_address a;
        const char *reason;
        struct server s;
        if (!address_parse(text, false, &a, &reason))
                return reason;
        if (!tag_is_valid(a.tag) || text.len - a.tag.len >= sizeof(s.address))
                return "needs servers as host/tag or host:port/tag";
        if (l->n == SERVERS_MOST)
                return "names more than 32 servers of one domain";
        snprintf(s.address, sizeof(s.address), "%.*s",
                 BYTES_FMT(bytes_sub(text, 0, text.len - a.tag.len - 1)));
        snprintf(s.tag, sizeof(s.tag), "%.*s", BYTES_FMT(a.tag));
        servers_add(l, &s);
        return NULL;
}

/* The servers of one domain above, separated by blanks. */
static const char *add_above(struct agent_config *c, struct bytes words)
{
        const char *why = NULL;
        struct servers *l = arena_zalloc(&c->arena, 1, sizeof(*l));
        if (!l)
                return "out of memory";
        if (c->above_count == AGENT_CONFIG_DOMAINS_MOST - 1)
                return "names more than 31 domains";
        for (struct bytes rest = words; !why && rest.len;) {
                const size_t end = bytes_find(rest, ' ');
                why = add_server(bytes_sub(rest, 0, end), l);
                rest = trim(bytes_sub(rest, end + 1, rest.len));
        }
        c->above[c->above_count++] = l;
        return why;
}

/* `chain`; or `local`, and then, each behind a comma, the domains above it. */
static const char *set_domains(struct agent_config *c, struct bytes value)
{
        const char *why = NULL;
        size_t end = bytes_find(value, ',');
        c->above_count = 0;
        c->climb = bytes_eq_str(value, "chain");
        if (c->climb)
                return NULL;
        if (!bytes_eq_str(trim(bytes_sub(value, 0, end)), "local"))
                return "must be `chain`, or begin with `local`";
        for (struct bytes rest = bytes_sub(value, end + 1, value.len); !why && rest.len;) {
                end = bytes_find(rest, ',');
                const struct bytes words = trim(bytes_sub(rest, 0, end));
                why = words.len ? add_above(c, words) : "has a comma too many";
                rest = bytes_sub(rest, end + 1, rest.len);
        }
        return why;
}

/* Stores one value; the reason when it is not fit. */
static const char *set_value(struct agent_config *c, const struct key *k, struct bytes value)
{
        uint8_t *to = (uint8_t *)c + k->at;
        uint64_t number;
        char wrong[64];
        const bool yes = text_bool(value, false);
        char *text = arena_str(&c->arena, value);
        if (!text)
                return "out of memory";
        if (k->may_be_none && bytes_eq_str(value, "none"))
                *text = 0;
        switch (k->kind) {
        case NUMBER:
                if (!text_u64(value, k->most, &number) || number < k->least)
                        return "must be a number within the limits of netinfo-agent(8)";
                *(uint32_t *)(void *)to = (uint32_t)number;
                return NULL;
        case YES_NO:
                if (yes != text_bool(value, true))
                        return "must be yes or no";
                *(bool *)to = yes;
                return NULL;
        case WORDS:
                return set_words(c, value);
        case CHAIN:
                return set_domains(c, value);
        case TAG:
                if (!tag_is_valid(value))
                        return "is no tag of a domain";
                break;
        case NETWORKS:
                if (client_plain_has(text, NULL, wrong, sizeof(wrong)) == CLIENT_PLAIN_WRONG)
                        return "must be networks, as 10.0.0.0/8, or addresses, with blanks between";
                break;
        case PATH:
                if (*text && *text != '/')
                        return "must be a path that begins with /";
                break;
        default:
                if (value.len == 0)
                        return "needs a value";
        }
        *(const char **)(void *)to = text;
        return NULL;
}

static const char *unknown(struct agent_config *c, struct bytes key)
{
        const char *names[KEYS + 1] = {NULL};
        for (unsigned i = 0; i < KEYS; i++)
                names[i] = keys[i].name;
        const char *wrong = arena_str(&c->arena, key), *near = wrong ? text_suggest(wrong, names) : NULL;
        if (near)
                return arena_printf(&c->arena, "is no key; did you mean %s?", near);
        return "is no key; netinfo-agent(8) lists them";
}

static const char *set_line(struct agent_config *c, struct bytes line, struct bytes *ret_key)
{
        const size_t equals = bytes_find(line, '=');
        *ret_key = trim(bytes_sub(line, 0, equals));
        if (equals == line.len)
                return "is no `key = value`";
        for (unsigned i = 0; i < KEYS; i++)
                if (bytes_eq_str(*ret_key, keys[i].name))
                        return set_value(c, &keys[i], trim(bytes_sub(line, equals + 1, line.len)));
        return unknown(c, *ret_key);
}

bool agent_config_parse(struct agent_config *c, const char *name, struct bytes text,
                        struct agent_config_why *ret_why)
{
        unsigned number = 0;
        for (struct bytes rest = text; rest.len;) {
                const size_t end = bytes_find(rest, '\n');
                const struct bytes line = trim(bytes_sub(rest, 0, end));
                struct bytes key;
                number++;
                rest = bytes_sub(rest, end + 1, rest.len);
                if (line.len == 0 || line.data[0] == '#')
                        continue;
                const char *why = set_line(c, line, &key);
                if (!why && bytes_find(line, 0) != line.len)
                        why = "holds a NUL byte";
                if (!why)
                        continue;
                snprintf(ret_why->text, sizeof(ret_why->text), "%s:%u: `%.*s` %s", name, number,
                         BYTES_FMT(bytes_sub(key, 0, 60)), why);
                return false;
        }
        return true;
}

bool agent_config_read(struct agent_config *c, const char *file, bool must_exist,
                       struct agent_config_why *ret_why)
{
        struct buf text;
        buf_init(&text, 0);
        const int err = fs_read(file, FILE_MAX, &text);
        bool ok = err == 0 || (err == ENOENT && !must_exist);
        if (!ok)
                snprintf(ret_why->text, sizeof(ret_why->text), "%s: %s", file, strerror(err));
        else
                ok = agent_config_parse(c, file, buf_bytes(&text), ret_why);
        buf_done(&text);
        return ok;
}
