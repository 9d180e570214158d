/* services, protocols, rpc, aliases: doc/resolution.md 2.2, 3, 10.1, 17.3. */
#include "agent/maps-internal.h"

#include "base/text.h"

#define PORT_MOST 65535u

static bool first_number(const struct maps_work *w, const char *key, uint32_t *ret)
{
        struct bytes text;
        return prop_first(w->props, key, &text) && text_u32(text, ret);
}

static bool emit_service(struct maps_work *w, uint32_t port, struct bytes protocol)
{
        if (!maps_afford(w, "service", 2 * w->name_count + 2))
                return true;
        if (!maps_keys(w, 2 * w->name_count + 2))
                return false;
        for (size_t i = 0; i < w->name_count; i++) {
                const struct bytes name = w->names[i];
                uint8_t *text = arena_alloc(w->arena, name.len + 1 + protocol.len);
                if (!text)
                        return false;
                memcpy(text, name.data, name.len);
                text[name.len] = '\0';
                memcpy(text + name.len + 1, protocol.data, protocol.len);
                maps_add_key(w, SNAP_KEY_NAME, bytes_of(text, name.len + 1 + protocol.len));
                maps_add_key(w, SNAP_KEY_NAME, bytes_of(text, name.len + 1));
        }
        maps_add_number(w, port, protocol);
        maps_add_number(w, port, BYTES_NONE);
        return !w->arena->failed &&
               w->sink->record(w->sink->context, &(struct snap_map_record){.name = w->names[0],
                                                                           .extra = protocol,
                                                                           .first = w->names + 1,
                                                                           .first_count = w->name_count - 1,
                                                                           .number = port,
                                                                           .keys = w->keys,
                                                                           .key_count = w->key_count});
}

/* One entry for each protocol (doc/resolution.md 10.1, rule 8). */
bool maps_service(struct maps_work *w)
{
        uint32_t port;
        if (!maps_read_names(w, "service", maps_is_word))
                return true;
        const struct namelist protocols = maps_few(w, "protocol", "protocols of service");
        if (!first_number(w, "port", &port) || port > PORT_MOST)
                maps_left_out(w, "service", "port is missing or no number up to 65535");
        else if (protocols.n == 0)
                maps_left_out(w, "service", "no protocol");
        else
                for (uint32_t i = 0; i < protocols.n; i++) {
                        if (!maps_is_word(protocols.v[i]) || protocols.v[i].len > LIMIT_PROTOCOL)
                                maps_left_out(w, "a protocol of service", "its name is not usable");
                        else if (!emit_service(w, port, protocols.v[i]))
                                return false;
                }
        return true;
}

static bool numbered(struct maps_work *w, const char *what)
{
        uint32_t number;
        if (!maps_read_names(w, what, maps_is_word))
                return true;
        if (!first_number(w, "number", &number)) {
                maps_left_out(w, what, "number is missing or no decimal number");
                return true;
        }
        if (!maps_afford(w, what, w->name_count + 1))
                return true;
        if (!maps_keys(w, w->name_count + 1))
                return false;
        for (size_t i = 0; i < w->name_count; i++)
                maps_add_key(w, SNAP_KEY_NAME, w->names[i]);
        maps_add_number(w, number, BYTES_NONE);
        return !w->arena->failed &&
               w->sink->record(w->sink->context, &(struct snap_map_record){.name = w->names[0],
                                                                           .first = w->names + 1,
                                                                           .first_count = w->name_count - 1,
                                                                           .number = number,
                                                                           .keys = w->keys,
                                                                           .key_count = w->key_count});
}

bool maps_protocol(struct maps_work *w)
{
        return numbered(w, "protocol");
}

bool maps_rpc(struct maps_work *w)
{
        return numbered(w, "rpc program");
}

/* -- aliases */
static bool is_line(struct bytes b)
{
        for (size_t i = 0; i < b.len; i++)
                if (b.data[i] < 0x20 || b.data[i] == 0x7f)
                        return false;
        return b.len > 0;
}

/* From another domain only what is a plain address whoever reads it, and however it is quoted: no pipe, no
 * file, no :include:, no list in one member (doc/decisions.md 25). */
static bool is_plain_address(struct bytes b)
{
        static const char harmless[] = "!$&'*+-./=?@[]^_`{}~%";
        for (size_t i = 0; i < b.len; i++) {
                const uint8_t c = b.data[i];
                const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                                    (c >= '0' && c <= '9') || c >= 0x80;
                if (!letter && !(c && strchr(harmless, c)))
                        return false;
        }
        return b.len > 0 && b.data[0] != '/' && b.data[0] != '-' && b.data[0] != '~' && b.data[0] != '.';
}

bool maps_alias(struct maps_work *w)
{
        struct bytes local = BYTES_NONE;
        size_t kept = 0;
        if (!maps_read_names(w, "alias", maps_is_word))
                return true;
        const struct namelist members = maps_values(w, "members");
        for (uint32_t i = 0; i < members.n; i++) {
                if (!is_line(members.v[i]))
                        maps_left_out(w, "a member of alias", "it is empty or holds control characters");
                else if (!w->domain->local && !is_plain_address(members.v[i]))
                        maps_left_out(w, "a member of alias",
                                      "another domain may name addresses only, not pipes, files and lists");
                else
                        members.v[kept++] = members.v[i];
        }
        if (members.n && !kept)
                return true;
        if (!maps_afford(w, "alias", w->name_count))
                return true;
        if (!maps_keys(w, w->name_count))
                return false;
        for (size_t i = 0; i < w->name_count; i++)
                maps_add_folded(w, w->names[i]);
        prop_first(w->props, "alias_local", &local);
        return !w->arena->failed &&
               w->sink->record(w->sink->context, &(struct snap_map_record){.name = w->names[0],
                                                                           .first = members.v,
                                                                           .first_count = kept,
                                                                           .number = text_bool(local, false),
                                                                           .keys = w->keys,
                                                                           .key_count = w->key_count});
}
