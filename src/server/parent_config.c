#include "server/parent_config.h"

#include "base/text.h"
#include "model/path.h"

static bool refuse(const char **ret_why, const char *why)
{
        *ret_why = why;
        return false;
}

static void copy_tag(char to[LIMIT_TAG + 1], struct bytes tag)
{
        memset(to, 0, LIMIT_TAG + 1);
        memcpy(to, tag.data, tag.len);
}

bool parent_word_parse(struct bytes word, struct binding_candidate *ret, const char **ret_why)
{
        struct binding_candidate c = {0};
        const size_t slash = bytes_find(word, '/');
        const struct bytes tag =
                slash < word.len ? bytes_sub(word, slash + 1, word.len) : BYTES_LIT("network");
        struct bytes host = bytes_sub(word, 0, slash);
        const size_t colon = bytes_find(host, ':');
        uint64_t port = 0;
        if (!tag_is_valid(tag))
                return refuse(ret_why, "this tag cannot exist");
        if (bytes_eq_str(host, "broadcast")) {
                c.addr = BINDING_BROADCAST;
        } else {
                if (colon < host.len &&
                    (!text_u64(bytes_sub(host, colon + 1, host.len), 65535, &port) || port == 0))
                        return refuse(ret_why, "the port is no number from 1 to 65535");
                if (!ipv4_parse(bytes_sub(host, 0, colon), &c.addr))
                        return refuse(ret_why, "no IPv4 address");
        }
        c.port = (uint16_t)port;
        copy_tag(c.tag, tag);
        *ret = c;
        return true;
}

static struct bytes trim(struct bytes b)
{
        while (b.len && (b.data[0] == ' ' || b.data[0] == '\t'))
                b = bytes_sub(b, 1, b.len);
        while (b.len && (b.data[b.len - 1] == ' ' || b.data[b.len - 1] == '\t' || b.data[b.len - 1] == '\r'))
                b.len--;
        return b;
}

static bool take_addresses(struct bytes list, struct dhcp_values *v, const char **ret_why)
{
        while ((list = trim(list)).len) {
                const size_t end = bytes_find(list, ' ');
                if (v->n == LIMIT_PARENTS)
                        return refuse(ret_why, "too many addresses");
                if (!ipv4_parse(bytes_sub(list, 0, end), &v->address[v->n]))
                        return refuse(ret_why, "dhcp_parent_addresses: no IPv4 address");
                v->n++;
                list = bytes_sub(list, end, list.len);
        }
        return true;
}

static bool take_line(struct bytes line, struct dhcp_values *v, char tag[LIMIT_TAG + 1], const char **ret_why)
{
        const size_t equals = bytes_find(line, '=');
        const struct bytes key = trim(bytes_sub(line, 0, equals));
        const struct bytes value = trim(bytes_sub(line, equals + 1, line.len));
        if (line.len == 0 || line.data[0] == '#')
                return true;
        if (bytes_eq_str(key, "dhcp_parent_addresses"))
                return take_addresses(value, v, ret_why);
        if (!bytes_eq_str(key, "dhcp_parent_tag"))
                return refuse(ret_why, "a line that is neither dhcp_parent_addresses nor dhcp_parent_tag");
        if (!tag_is_valid(value))
                return refuse(ret_why, "dhcp_parent_tag: this tag cannot exist");
        copy_tag(tag, value);
        return true;
}

bool parent_dhcp_parse(struct bytes text, struct dhcp_values *ret, char tag[LIMIT_TAG + 1],
                       const char **ret_why)
{
        struct dhcp_values v = {0};
        copy_tag(tag, BYTES_LIT("network"));
        while (text.len) {
                const size_t end = bytes_find(text, '\n');
                if (!take_line(trim(bytes_sub(text, 0, end)), &v, tag, ret_why))
                        return false;
                text = bytes_sub(text, end + 1, text.len);
        }
        v.tag = tag;
        *ret = v;
        return true;
}
