#include "server/config.h"

#include "base/buf.h"
#include "base/limits.h"
#include "base/text.h"
#include "client/client.h"
#include "model/path.h"
#include "server/parent_config.h"
#include "sys/fs.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

/* -- the table of keys: name, how its value is read, where it goes -- */
enum kind {
        KIND_YES_NO,
        KIND_PER_TAG,
        KIND_NUMBER,
        KIND_TEXT,
        KIND_TAG,
        KIND_PATH,
        KIND_ENDPOINTS,
        KIND_HOSTS,
        KIND_NETWORKS,
        KIND_IPV4S,
        KIND_PORTS,
        KIND_LEVEL,
        KIND_AUTO,
        KIND_PARENTS,
        KIND_DHCP,
        KIND_CONFINEMENT,
        KIND_PLAIN,
};

#define KEYS(X)                                                             \
        X(listen, ENDPOINTS, listen, 0, 0)                                  \
        X(wait_for_ports, AUTO, wait_for_ports, 0, 0)                       \
        X(tag_listen, HOSTS, tag_listen, 0, 0)                              \
        X(tag_ports, PORTS, tag_ports, 1, 65535)                            \
        X(socket, PATH, socket, 0, 0)                                       \
        X(machine, PATH, machine, 0, 0)                                     \
        X(plain_networks, PLAIN, plain_networks, 0, 0)                      \
        X(default_domain, TAG, default_domain, 0, 0)                        \
        X(legacy_read_networks, NETWORKS, read_networks, 0, 0)              \
        X(legacy_write_networks, NETWORKS, write_networks, 0, 0)            \
        X(redact, PER_TAG, redact, 0, 0)                                    \
        X(parent_servers, PARENTS, parents, 0, 0)                           \
        X(force_root, PER_TAG, force_root, 0, 0)                            \
        X(dhcp_parent_addresses, DHCP, dhcp, 0, 0)                          \
        X(dhcp_parent_tag, TAG, dhcp.tag, 0, 0)                             \
        X(dhcp_file, PATH, dhcp_file, 0, 0)                                 \
        X(wait_for_parent, YES_NO, wait_for_parent, 0, 0)                   \
        X(answer_portmapper, AUTO, answer_portmapper, 0, 0)                 \
        X(historical, YES_NO, historical, 0, 0)                             \
        X(low_ports, YES_NO, low_ports, 0, 0)                               \
        X(historical_clones, PER_TAG, historical_clones, 0, 0)              \
        X(allow_empty_passwords, YES_NO, allow_empty_passwords, 0, 0)       \
        X(user, TEXT, user, 0, 0)                                           \
        X(agent_user, TEXT, agent_user, 0, 0)                               \
        X(host, TEXT, host, 0, 0)                                           \
        X(addresses, IPV4S, addresses, 0, 0)                                \
        X(connections, NUMBER, connections, 16, 65536)                      \
        X(connections_per_source, NUMBER, connections_per_source, 4, 65536) \
        X(idle_timeout, NUMBER, idle_timeout, 1, 604800)                    \
        X(stall_timeout, NUMBER, stall_timeout, 1, 3600)                    \
        X(workers, NUMBER, workers, 0, 8)                                   \
        X(map_size, NUMBER, map_size, 0, 16777216)                          \
        X(journal_days, NUMBER, journal_days, 1, 36500)                     \
        X(journal_entries, NUMBER, journal_entries, 1, 4000000000)          \
        X(sandbox, CONFINEMENT, sandbox, 0, 0)                              \
        X(log_level, LEVEL, log_level, 0, 0)

static const struct key {
        const char *name;
        enum kind kind;
        size_t at;
        uint64_t least, most;
} keys[] = {
#define X(name, kind, field, least, most) {#name, KIND_##kind, offsetof(struct config, field), least, most},
        KEYS(X)
#undef X
};
#define KEY_COUNT (sizeof(keys) / sizeof(keys[0]))

const char *const config_keys[] = {
#define X(name, kind, field, least, most) #name,
        KEYS(X)
#undef X
                NULL,
};

struct reader {
        struct config *config;
        struct config_why *why;
        const char *name;           /* of the file, or "command line" */
        unsigned line;              /* 0 on the command line */
        unsigned pass;              /* 1 file, 2 command line */
        unsigned set_in[KEY_COUNT]; /* by which pass */
        uint16_t default_port;
};

static bool wrong(struct reader *r, const char *format, ...) __attribute__((format(printf, 2, 3)));
static bool wrong(struct reader *r, const char *format, ...)
{
        char what[384];
        va_list ap;
        va_start(ap, format);
        vsnprintf(what, sizeof(what), format, ap);
        va_end(ap);
        if (r->line)
                snprintf(r->why->text, sizeof(r->why->text), "%.100s:%u: %s", r->name, r->line, what);
        else
                snprintf(r->why->text, sizeof(r->why->text), "%.100s: %s", r->name, what);
        return false;
}

static bool is_blank(uint8_t c)
{
        return c == ' ' || c == '\t' || c == '\r';
}

static struct bytes trim(struct bytes b)
{
        while (b.len && is_blank(b.data[0]))
                b = bytes_sub(b, 1, b.len);
        while (b.len && is_blank(b.data[b.len - 1]))
                b.len--;
        return b;
}

/* The next word of a list: separated by blanks and commas. False at the end. */
static bool next_word(struct bytes *list, struct bytes *ret)
{
        size_t n = 0;
        while (list->len && (is_blank(list->data[0]) || list->data[0] == ','))
                *list = bytes_sub(*list, 1, list->len);
        while (n < list->len && !is_blank(list->data[n]) && list->data[n] != ',')
                n++;
        *ret = bytes_sub(*list, 0, n);
        *list = bytes_sub(*list, n, list->len);
        return n > 0;
}

/* Room for one more element of `size` bytes behind n; doubles by powers of two. NULL: out of memory. */
static void *grow(struct arena *a, void *old, unsigned n, size_t size)
{
        if (n && (n & (n - 1)))
                return old;
        char *p = arena_zalloc(a, n ? 2 * (size_t)n : 1, size);
        if (p && n)
                memcpy(p, old, n * size);
        return p;
}

static unsigned colons(struct bytes word)
{
        unsigned n = 0;
        for (size_t i = 0; i < word.len; i++)
                n += word.data[i] == ':';
        return n;
}

/* "127.0.0.1:987", "[::1]:987", "127.0.0.1", "::1"; the port only where with_port. */
static bool parse_endpoint(struct reader *r, struct bytes word, bool with_port, struct endpoint *ret)
{
        char host[64] = "";
        struct endpoint e = {.at.in6 = {.sin6_family = AF_INET6}};
        uint64_t port = with_port ? r->default_port : 0;
        struct bytes left = word;
        size_t colon = word.len;
        if (word.len && word.data[0] == '[') {
                const size_t end = bytes_find(word, ']');
                left = bytes_sub(word, 1, end - 1);
                colon = end + 1;
                if (end == word.len || (colon < word.len && word.data[colon] != ':'))
                        return wrong(r, "\"%.*s\" is no address; write [v6] or [v6]:port", BYTES_FMT(word));
        } else if (colons(word) < 2) { /* more of them: a bare IPv6 address */
                colon = bytes_find(word, ':');
                left = bytes_sub(word, 0, colon);
        }
        if (colon < word.len && (!with_port || !text_u64(bytes_sub(word, colon + 1, word.len), 65535, &port)))
                return wrong(r, "\"%.*s\": %s", BYTES_FMT(word),
                             with_port ? "the port is no number up to 65535" : "no port is taken here");
        snprintf(host, sizeof(host), "%.*s", BYTES_FMT(left));
        if (inet_pton(AF_INET, host, &e.at.in.sin_addr) == 1 && left.len < sizeof(host)) {
                const struct in_addr v4 = e.at.in.sin_addr;
                e.at.in = (struct sockaddr_in){
                        .sin_family = AF_INET, .sin_addr = v4, .sin_port = htons((uint16_t)port)};
        } else if (inet_pton(AF_INET6, host, &e.at.in6.sin6_addr) == 1 && left.len < sizeof(host)) {
                e.at.in6.sin6_port = htons((uint16_t)port);
        } else {
                return wrong(r, "\"%.*s\" is no numeric address; write 192.0.2.1%s or [2001:db8::1]%s",
                             BYTES_FMT(word), with_port ? ":987" : "", with_port ? ":987" : "");
        }
        *ret = e;
        return true;
}

static bool add_endpoint(struct reader *r, struct endpoints *l, struct endpoint e)
{
        l->v = grow(&r->config->arena, l->v, l->n, sizeof(*l->v));
        if (!l->v)
                return wrong(r, "out of memory");
        l->v[l->n++] = e;
        return true;
}

static bool set_endpoints(struct reader *r, struct endpoints *l, struct bytes value, bool with_port)
{
        struct endpoint e;
        for (struct bytes word; next_word(&value, &word);) {
                if (bytes_eq_str(word, "none"))
                        continue;
                if (!parse_endpoint(r, word, with_port, &e) || !add_endpoint(r, l, e))
                        return false;
        }
        return true;
}

static bool set_networks(struct reader *r, struct networks *l, struct bytes value)
{
        for (struct bytes word; next_word(&value, &word);) {
                struct network n;
                if (bytes_eq_str(word, "none"))
                        continue;
                if (!network_parse(word, &n))
                        return wrong(
                                r,
                                "\"%.*s\" is no network; write 192.0.2.0/24 (host bits zero) or one address",
                                BYTES_FMT(word));
                l->v = grow(&r->config->arena, l->v, l->n, sizeof(*l->v));
                if (!l->v)
                        return wrong(r, "out of memory");
                l->v[l->n++] = n;
        }
        return true;
}

static bool set_ipv4s(struct reader *r, struct bytes value)
{
        struct config *c = r->config;
        for (struct bytes word; next_word(&value, &word);) {
                uint32_t v4;
                if (!ipv4_parse(word, &v4))
                        return wrong(r, "\"%.*s\" is no IPv4 address", BYTES_FMT(word));
                c->addresses = grow(&c->arena, c->addresses, c->address_count, sizeof(*c->addresses));
                const char *text = c->addresses ? arena_str(&c->arena, word) : NULL;
                if (!text)
                        return wrong(r, "out of memory");
                c->addresses[c->address_count++] = text;
        }
        return true;
}

static bool set_ports(struct reader *r, const struct key *k, struct ports *l, struct bytes value)
{
        for (struct bytes word; next_word(&value, &word);) {
                uint64_t n;
                if (bytes_eq_str(word, "none"))
                        continue;
                if (!text_u64(word, k->most, &n) || n < k->least)
                        return wrong(r, "\"%.*s\" is no port from %llu to %llu", BYTES_FMT(word),
                                     (unsigned long long)k->least, (unsigned long long)k->most);
                l->v = grow(&r->config->arena, l->v, l->n, sizeof(*l->v));
                if (!l->v)
                        return wrong(r, "out of memory");
                l->v[l->n++] = (uint16_t)n;
        }
        return true;
}

static bool parse_yes_no(struct reader *r, struct bytes value, bool *ret)
{
        const bool yes = text_bool(value, false), no = !text_bool(value, true);
        if (!yes && !no)
                return wrong(r, "\"%.*s\" is neither yes nor no", BYTES_FMT(value));
        *ret = yes;
        return true;
}

static bool set_per_tag(struct reader *r, struct per_tag *s, struct bytes tag, struct bytes value)
{
        bool on;
        if (!parse_yes_no(r, value, &on))
                return false;
        if (tag.len == 0) {
                s->otherwise = on;
                return true;
        }
        if (!tag_is_valid(tag))
                return wrong(r, "\"%.*s\" can be no domain's tag", BYTES_FMT(tag));
        tag = arena_bytes(&r->config->arena, tag);
        s->v = grow(&r->config->arena, s->v, s->n, sizeof(*s->v));
        if (!s->v || !tag.len)
                return wrong(r, "out of memory");
        s->v[s->n++] = (struct tag_switch){.tag = tag, .on = on};
        return true;
}

static bool set_auto(struct reader *r, enum config_auto *to, struct bytes value)
{
        bool yes = false;
        const bool decide = bytes_eq_str(value, "auto");
        if (!decide && !parse_yes_no(r, value, &yes))
                return wrong(r, "\"%.*s\" is none of auto, yes and no", BYTES_FMT(value));
        *to = decide ? CONFIG_AUTO : yes ? CONFIG_YES : CONFIG_NO;
        return true;
}

static bool set_parents(struct reader *r, struct bytes tag, struct bytes value)
{
        struct config *c = r->config;
        const char *why;
        if (tag.len == 0)
                tag = BYTES_LIT("local");
        if (!tag_is_valid(tag))
                return wrong(r, "\"%.*s\" can be no domain's tag", BYTES_FMT(tag));
        struct parent_list *l = (struct parent_list *)(uintptr_t)config_parents(c, tag);
        if (!l) {
                c->parents = grow(&c->arena, c->parents, c->parent_lists, sizeof(*c->parents));
                if (!c->parents)
                        return wrong(r, "out of memory");
                l = &c->parents[c->parent_lists++];
                *l = (struct parent_list){.tag = arena_bytes(&c->arena, tag)};
        }
        for (struct bytes word; next_word(&value, &word);) {
                if (bytes_eq_str(word, "none"))
                        continue;
                if (l->n == LIMIT_PARENTS)
                        return wrong(r, "parent_servers: more than %u servers", LIMIT_PARENTS);
                l->v = grow(&c->arena, l->v, l->n, sizeof(*l->v));
                if (!l->v)
                        return wrong(r, "out of memory");
                if (!parent_word_parse(word, &l->v[l->n], &why))
                        return wrong(r, "\"%.*s\": %s; write 192.0.2.1/network or broadcast/network",
                                     BYTES_FMT(word), why);
                l->n++;
        }
        return true;
}

static bool set_dhcp(struct reader *r, struct dhcp_values *to, struct bytes value)
{
        for (struct bytes word; next_word(&value, &word);) {
                if (bytes_eq_str(word, "none"))
                        continue;
                if (to->n == LIMIT_PARENTS)
                        return wrong(r, "dhcp_parent_addresses: more than %u", LIMIT_PARENTS);
                if (!ipv4_parse(word, &to->address[to->n]))
                        return wrong(r, "\"%.*s\" is no IPv4 address", BYTES_FMT(word));
                to->n++;
        }
        return true;
}

static bool set_level(struct reader *r, enum log_level *to, struct bytes value)
{
        static const char *const words[] = {"error", "warning", "notice", "info", "debug"};
        for (unsigned i = 0; i < 5; i++) {
                if (bytes_eq_str(value, words[i])) {
                        *to = (enum log_level)(LOG_LEVEL_ERROR + (int)i);
                        return true;
                }
        }
        return wrong(r, "\"%.*s\" is no level; take error, warning, notice, info or debug", BYTES_FMT(value));
}

static bool set_confinement(struct reader *r, enum confinement *to, struct bytes value)
{
        static const char *const words[] = {
                [CONFINE_NO] = "no", [CONFINE_YES] = "yes", [CONFINE_STRICT] = "strict"};
        for (unsigned i = 0; i < 3; i++) {
                if (bytes_eq_str(value, words[i])) {
                        *to = (enum confinement)i;
                        return true;
                }
        }
        return wrong(r, "sandbox: \"%.*s\" is none of yes, no and strict", BYTES_FMT(value));
}

static bool set_text(struct reader *r, const struct key *k, const char **to, struct bytes value)
{
        char word[64];
        if (k->kind == KIND_TAG && !tag_is_valid(value))
                return wrong(r, "\"%.*s\" can be no domain's tag", BYTES_FMT(value));
        if (k->kind == KIND_PATH && bytes_eq_str(value, "none"))
                value.len = 0;
        else if (k->kind == KIND_PATH && (value.len == 0 || value.data[0] != '/'))
                return wrong(r, "%s: \"%.*s\" is no absolute path (or \"none\")", k->name, BYTES_FMT(value));
        *to = arena_str(&r->config->arena, value);
        if (*to && k->kind == KIND_PLAIN &&
            client_plain_has(*to, NULL, word, sizeof(word)) == CLIENT_PLAIN_WRONG)
                return wrong(r, "plain_networks: \"%s\" is no network or address", word);
        return *to || wrong(r, "out of memory");
}

static bool set_number(struct reader *r, const struct key *k, uint32_t *to, struct bytes value)
{
        uint64_t n;
        if (!text_u64(value, k->most, &n) || n < k->least)
                return wrong(r, "%s: \"%.*s\" is no number from %llu to %llu", k->name, BYTES_FMT(value),
                             (unsigned long long)k->least, (unsigned long long)k->most);
        *to = (uint32_t)n;
        return true;
}

static bool is_list(enum kind kind)
{
        return kind == KIND_ENDPOINTS || kind == KIND_HOSTS || kind == KIND_NETWORKS || kind == KIND_IPV4S ||
               kind == KIND_PORTS || kind == KIND_DHCP;
}

static void empty_list(struct config *c, const struct key *k)
{
        void *field = (char *)c + k->at;
        if (k->kind == KIND_ENDPOINTS || k->kind == KIND_HOSTS)
                ((struct endpoints *)field)->n = 0;
        else if (k->kind == KIND_NETWORKS)
                ((struct networks *)field)->n = 0;
        else if (k->kind == KIND_PORTS)
                ((struct ports *)field)->n = 0;
        else if (k->kind == KIND_IPV4S)
                c->address_count = 0;
        else if (k->kind == KIND_PARENTS)
                c->parent_lists = 0;
        else if (k->kind == KIND_DHCP)
                c->dhcp.n = 0;
}

static bool set_value(struct reader *r, const struct key *k, struct bytes tag, struct bytes value)
{
        void *field = (char *)r->config + k->at;
        switch (k->kind) {
        case KIND_YES_NO:
                return parse_yes_no(r, value, field);
        case KIND_PER_TAG:
                return set_per_tag(r, field, tag, value);
        case KIND_NUMBER:
                return set_number(r, k, field, value);
        case KIND_TEXT:
        case KIND_TAG:
        case KIND_PATH:
        case KIND_PLAIN:
                return set_text(r, k, field, value);
        case KIND_ENDPOINTS:
        case KIND_HOSTS:
                return set_endpoints(r, field, value, k->kind == KIND_ENDPOINTS);
        case KIND_NETWORKS:
                return set_networks(r, field, value);
        case KIND_IPV4S:
                return set_ipv4s(r, value);
        case KIND_PORTS:
                return set_ports(r, k, field, value);
        case KIND_CONFINEMENT:
                return set_confinement(r, field, value);
        case KIND_LEVEL:
                return set_level(r, field, value);
        case KIND_AUTO:
                return set_auto(r, field, value);
        case KIND_PARENTS:
                return set_parents(r, tag, value);
        case KIND_DHCP:
                return set_dhcp(r, field, value);
        }
        return false;
}

static bool set_key(struct reader *r, struct bytes name, struct bytes value)
{
        char word[64];
        const size_t dot = bytes_find(name, '.');
        const struct bytes base = bytes_sub(name, 0, dot), tag = bytes_sub(name, dot + 1, name.len);
        size_t i = 0;
        while (i < KEY_COUNT && !bytes_eq_str(base, keys[i].name))
                i++;
        if (i == KEY_COUNT) {
                snprintf(word, sizeof(word), "%.*s", BYTES_FMT(base));
                const char *near = text_suggest(word, config_keys);
                return wrong(r, "unknown key \"%s\"%s%s%s", word, near ? "; did you mean \"" : "",
                             near ? near : "; netinfod.conf(5) lists them", near ? "\"?" : "");
        }
        const bool per_tag = keys[i].kind == KIND_PER_TAG || keys[i].kind == KIND_PARENTS;
        if (dot < name.len && !per_tag)
                return wrong(r, "\"%s\" is not set per domain; leave out \".%.*s\"", keys[i].name,
                             BYTES_FMT(tag));
        if (r->set_in[i] == r->pass && !is_list(keys[i].kind) && !per_tag)
                return wrong(r, "\"%s\" is set twice; keep one of the two lines", keys[i].name);
        if (r->set_in[i] != r->pass)
                empty_list(r->config, &keys[i]);
        r->config->listen_given |= keys[i].at == offsetof(struct config, listen);
        r->set_in[i] = r->pass;
        return set_value(r, &keys[i], tag, value);
}

static bool set_line(struct reader *r, struct bytes line)
{
        const size_t equals = bytes_find(line, '=');
        const struct bytes name = trim(bytes_sub(line, 0, equals));
        if (equals == line.len || name.len == 0)
                return wrong(r, "\"%.*s\" is not of the form key = value", BYTES_FMT(line));
        return set_key(r, name, trim(bytes_sub(line, equals + 1, line.len)));
}

static bool read_text(struct reader *r, struct bytes text)
{
        while (text.len) {
                const size_t end = bytes_find(text, '\n');
                const struct bytes line = trim(bytes_sub(text, 0, end));
                r->line++;
                if (bytes_find(line, 0) < line.len)
                        return wrong(r, "a NUL byte; this is no text file");
                if (line.len && line.data[0] != '#' && !set_line(r, line))
                        return false;
                text = bytes_sub(text, end + 1, text.len);
        }
        return true;
}

static bool set_defaults(struct reader *r, const char *socket)
{
        struct config *c = r->config;
        struct endpoint v4 = {.at.in = {.sin_family = AF_INET, .sin_port = htons(r->default_port)}}, v6;
        v4.at.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        v6 = (struct endpoint){.optional = true,
                               .at.in6 = {.sin6_family = AF_INET6,
                                          .sin6_port = htons(r->default_port),
                                          .sin6_addr = in6addr_loopback}};
        if (!add_endpoint(r, &c->listen, v4) || !add_endpoint(r, &c->listen, v6))
                return false;
        v4.at.in.sin_port = 0;
        if (!add_endpoint(r, &c->tag_listen, v4))
                return false;
        c->socket = arena_str(&c->arena, bytes_str(socket));
        c->default_domain = c->user = c->agent_user = c->host = "";
        c->dhcp.tag = "network";
        c->redact.otherwise = true;
        c->connections = LIMIT_CONNECTIONS;
        c->connections_per_source = LIMIT_PER_SOURCE;
        c->idle_timeout = LIMIT_IDLE;
        c->stall_timeout = LIMIT_STALL;
        c->journal_days = 90;
        c->journal_entries = 100000;
        c->log_level = LOG_LEVEL_INFO;
        c->sandbox = CONFINE_YES;
        return c->socket || wrong(r, "out of memory");
}

struct config *config_parse(struct bytes text, const char *name, struct config_overrides o,
                            uint16_t default_port, const char *default_socket, struct config_why *why)
{
        struct config *c = calloc(1, sizeof(*c));
        struct reader r = {.config = c, .why = why, .name = name, .default_port = default_port};
        if (!c) {
                wrong(&r, "out of memory");
                return NULL;
        }
        c->holders = 1;
        arena_init(&c->arena, 0);
        bool ok = set_defaults(&r, default_socket);
        r.pass = 1;
        ok = ok && read_text(&r, text);
        r.pass = 2;
        r.line = 0;
        r.name = ok ? "command line" : name;
        for (unsigned i = 0; ok && i < o.n; i++)
                ok = set_line(&r, bytes_str(o.v[i]));
        if (ok)
                return c;
        config_release(c);
        return NULL;
}

struct config *config_read(const char *file, bool must_exist, struct config_overrides o,
                           uint16_t default_port, const char *default_socket, struct config_why *why)
{
        struct buf text;
        struct config *c = NULL;
        buf_init(&text, 0);
        const int err = file ? fs_read(file, LIMIT_CONFIG, &text) : ENOENT;
        if (err && (must_exist || err != ENOENT))
                snprintf(why->text, sizeof(why->text), "%.200s: cannot be read: %s",
                         file ? file : "configuration", strerror(err));
        else
                c = config_parse(buf_bytes(&text), file ? file : "configuration", o, default_port,
                                 default_socket, why);
        buf_done(&text);
        return c;
}

struct config *config_load(const struct config_source *source, struct config_why *why)
{
        return config_read(source->file, source->must_exist, source->overrides, source->default_port,
                           source->default_socket, why);
}

struct config *config_load_text(const struct config_source *source, struct bytes text, struct config_why *why)
{
        return config_parse(text, source->file ? source->file : "configuration", source->overrides,
                            source->default_port, source->default_socket, why);
}

struct config *config_hold(struct config *c)
{
        atomic_fetch_add_explicit(&c->holders, 1, memory_order_relaxed);
        return c;
}

void config_release(struct config *c)
{
        if (!c || atomic_fetch_sub_explicit(&c->holders, 1, memory_order_acq_rel) != 1)
                return;
        arena_done(&c->arena);
        free(c);
}

bool config_switch(const struct per_tag *s, struct bytes tag)
{
        for (unsigned i = s->n; i > 0; i--) /* what was said last stands: the command line's */
                if (bytes_eq(s->v[i - 1].tag, tag))
                        return s->v[i - 1].on;
        return s->otherwise;
}

const struct parent_list *config_parents(const struct config *c, struct bytes tag)
{
        for (unsigned i = 0; i < c->parent_lists; i++)
                if (bytes_eq(c->parents[i].tag, tag))
                        return &c->parents[i];
        return NULL;
}

bool config_udp(const struct config *c)
{
        return c->historical || c->read_networks.n > 0 || c->write_networks.n > 0;
}
