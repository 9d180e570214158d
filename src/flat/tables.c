/* services, protocols, rpc, fstab, exports, netgroup, resolv.conf (doc/tools.md 6.9-6.11, 6.16, 6.17). */
#include "base/text.h"
#include "flat/flat-internal.h"

static enum flat_outcome too_few(struct flat_in *in, struct bytes name, const char *missing)
{
        return flat_bad(in, "'%.*s' has no %s behind it", BYTES_FMT(bytes_sub(name, 0, 60)), missing);
}

enum flat_outcome parse_services(struct flat_in *in, struct bytes line)
{
        const struct namelist w = flat_words(in, line, true);
        uint64_t number;
        if (w.n == 0)
                return FLAT_NOTHING;
        if (w.n < 2)
                return too_few(in, w.v[0], "PORT/PROTOCOL");
        const size_t slash = bytes_find(w.v[1], '/');
        const struct bytes port = bytes_sub(w.v[1], 0, slash);
        const struct bytes protocol = bytes_sub(w.v[1], slash + 1, w.v[1].len);
        if (port.len == 0 || protocol.len == 0)
                return flat_bad(in, "'%.*s' is not PORT/PROTOCOL, such as 25/tcp",
                                BYTES_FMT(bytes_sub(w.v[1], 0, 60)));
        if (in->strict && !text_u64(port, 65535, &number))
                return flat_bad(in, "the port '%.*s' is no number from 0 to 65535",
                                BYTES_FMT(bytes_sub(port, 0, 60)));
        w.v[1] = w.v[0];
        flat_add_list(in, "name", w.v + 1, w.n - 1);
        flat_add(in, "port", port);
        flat_add(in, "protocol", protocol);
        return FLAT_ITEM;
}

void print_services(struct flat_out *o)
{
        const struct namelist names = flat_values(o, "name"), protocols = flat_values(o, "protocol");
        if (names.n == 0)
                return;
        for (uint32_t i = 0; i < protocols.n; i++) {
                flat_put_word(o, names.v[0], "");
                flat_putc(o, '\t');
                flat_put_word(o, flat_first(o, "port"), "/");
                flat_putc(o, '/');
                flat_put_word(o, protocols.v[i], "");
                flat_putc(o, '\t');
                flat_put_list(o, (struct namelist){names.v + 1, names.n - 1}, '\t', "");
                flat_putc(o, '\n');
        }
}

enum flat_outcome parse_numbered(struct flat_in *in, struct bytes line)
{
        const struct namelist w = flat_words(in, line, true);
        uint32_t number;
        if (w.n == 0)
                return FLAT_NOTHING;
        if (w.n < 2)
                return too_few(in, w.v[0], "number");
        const struct bytes text = w.v[1];
        if (in->strict && !text_u32(text, &number))
                return flat_bad(in, "the number of '%.*s' is '%.*s': it must be decimal",
                                BYTES_FMT(bytes_sub(w.v[0], 0, 60)), BYTES_FMT(bytes_sub(text, 0, 60)));
        w.v[1] = w.v[0];
        flat_add_list(in, "name", w.v + 1, w.n - 1);
        flat_add(in, "number", text);
        return FLAT_ITEM;
}

void print_numbered(struct flat_out *o)
{
        const struct namelist names = flat_values(o, "name");
        if (names.n == 0)
                return;
        flat_put_word(o, names.v[0], "");
        flat_putc(o, '\t');
        flat_put_word(o, flat_first(o, "number"), "");
        flat_putc(o, '\t');
        flat_put_list(o, (struct namelist){names.v + 1, names.n - 1}, '\t', "");
        flat_putc(o, '\n');
}

enum flat_outcome parse_fstab(struct flat_in *in, struct bytes line)
{
        const struct namelist w = flat_words(in, line, false);
        uint32_t number;
        if (w.n && w.v[0].data[0] == '#')
                return FLAT_NOTHING;
        if (w.n < 4)
                return flat_bad(in, "%u words: a line of fstab has at least 4 (device, place, type, options)",
                                w.n);
        for (uint32_t i = 4; in->strict && i < w.n && i < 6; i++)
                if (!text_u32(w.v[i], &number))
                        return flat_bad(in, "'%.*s' is no number", BYTES_FMT(bytes_sub(w.v[i], 0, 60)));
        flat_add(in, "name", w.v[0]);
        flat_add(in, "dir", w.v[1]);
        flat_add(in, "vfstype", w.v[2]);
        const struct namelist opts = flat_members(in, w.v[3]);
        if (opts.n)
                flat_add_list(in, "opts", opts.v, opts.n);
        else
                flat_add(in, "opts", BYTES_LIT("rw"));
        flat_add(in, "freq", w.n > 4 ? w.v[4] : BYTES_LIT("0"));
        flat_add(in, "passno", w.n > 5 ? w.v[5] : BYTES_LIT("0"));
        return FLAT_ITEM;
}

static struct bytes first_or(const struct flat_out *o, const char *key, const char *otherwise)
{
        const struct bytes v = flat_first(o, key);
        return v.len ? v : bytes_str(otherwise);
}

void print_fstab(struct flat_out *o)
{
        const struct bytes name = flat_first(o, "name");
        const struct namelist opts = flat_values(o, "opts");
        if (name.len == 0)
                return;
        flat_put_word(o, name, "");
        flat_putc(o, ' ');
        flat_put_word(o, flat_first(o, "dir"), "");
        flat_putc(o, ' ');
        flat_put_word(o, first_or(o, "vfstype", "nfs"), "");
        flat_putc(o, ' ');
        if (opts.n == 0)
                buf_puts(o->out, "rw");
        for (uint32_t i = 0; i < opts.n; i++) {
                if (i)
                        flat_putc(o, ',');
                flat_put_word(o, opts.v[i], ",");
        }
        flat_putc(o, ' ');
        flat_put_word(o, flat_first(o, "freq").len ? flat_first(o, "freq") : first_or(o, "dump_freq", "0"),
                      "");
        flat_putc(o, ' ');
        flat_put_word(o, first_or(o, "passno", "0"), "");
        flat_putc(o, '\n');
}

enum flat_outcome parse_exports(struct flat_in *in, struct bytes line)
{
        const struct namelist w = flat_words(in, line, false);
        struct bytes *opts = arena_zalloc(in->a, w.n, sizeof(*opts));
        struct bytes *clients = arena_zalloc(in->a, w.n, sizeof(*clients));
        uint32_t names = 0, opt_count = 0, client_count = 0;
        if (!opts || !clients)
                return FLAT_BAD;
        for (uint32_t i = 0; i < w.n; i++) {
                if (w.v[i].data[0] == '-' && client_count == 0)
                        opts[opt_count++] = bytes_sub(w.v[i], 1, w.v[i].len);
                else if (opt_count)
                        clients[client_count++] = w.v[i];
                else
                        names++;
        }
        if (names == 0)
                return flat_bad(in, "the line begins with an option: the path comes first");
        flat_add_list(in, "name", w.v, names);
        if (opt_count)
                flat_add_list(in, "opts", opts, opt_count);
        if (client_count)
                flat_add_list(in, "clients", clients, client_count);
        return FLAT_ITEM;
}

void print_exports(struct flat_out *o)
{
        const struct namelist names = flat_values(o, "name"), opts = flat_values(o, "opts");
        const struct namelist clients = flat_values(o, "clients");
        if (names.n == 0 || names.v[0].len == 0)
                return;
        if (clients.n && opts.n == 0)
                flat_refuse(o, "clients without options cannot be told from further names here");
        for (uint32_t i = 0; i < names.n; i++) {
                if (i)
                        flat_putc(o, ' ');
                if (names.v[i].len && names.v[i].data[0] == '-')
                        flat_refuse(o, "a name begins with '-', which makes it an option");
                flat_put_word(o, names.v[i], "");
        }
        for (uint32_t i = 0; i < opts.n; i++) {
                buf_puts(o->out, " -");
                if (opts.v[i].len)
                        flat_put_word(o, opts.v[i], "");
        }
        for (uint32_t i = 0; i < clients.n; i++) {
                flat_putc(o, ' ');
                if (i == 0 && clients.v[i].len && clients.v[i].data[0] == '-')
                        flat_refuse(o, "a client begins with '-', which makes it an option");
                flat_put_word(o, clients.v[i], "");
        }
        flat_putc(o, '\n');
}

/* "( h , u , d )" -> "(h,u,d)"; false when there are not three parts. */
static bool triple(struct flat_in *in, struct bytes inside, struct bytes *ret)
{
        const struct namelist part = flat_split(in, inside, ',');
        if (part.n != 3)
                return false;
        for (unsigned i = 0; i < 3; i++)
                if (bytes_find(part.v[i], ' ') != part.v[i].len ||
                    bytes_find(part.v[i], '\t') != part.v[i].len ||
                    bytes_find(part.v[i], '(') != part.v[i].len)
                        return false;
        const char *s = arena_printf(in->a, "(%.*s,%.*s,%.*s)", BYTES_FMT(part.v[0]), BYTES_FMT(part.v[1]),
                                     BYTES_FMT(part.v[2]));
        if (s)
                *ret = bytes_str(s);
        return s != NULL;
}

enum flat_outcome parse_netgroup(struct flat_in *in, struct bytes line)
{
        struct bytes rest = flat_trim(line), name = BYTES_NONE;
        uint32_t n = 0;
        if (rest.len && rest.data[0] == '#')
                return FLAT_NOTHING;
        struct bytes *members = arena_zalloc(in->a, rest.len / 2 + 1, sizeof(*members));
        if (!members)
                return FLAT_BAD;
        while (rest.len && rest.data[0] != '#') {
                size_t end = 0;
                struct bytes word;
                if (rest.data[0] == '(') {
                        end = bytes_find(rest, ')');
                        if (end == rest.len)
                                return flat_bad(in, "a '(' without its ')'");
                        if (!triple(in, bytes_sub(rest, 1, end - 1), &word))
                                return flat_bad(in, "'%.*s)' is not (HOST,USER,DOMAIN)",
                                                BYTES_FMT(bytes_sub(rest, 0, end < 60 ? end : 60)));
                        end++;
                } else {
                        while (end < rest.len && !strchr(" \t(", rest.data[end]))
                                end++;
                        word = bytes_sub(rest, 0, end);
                        if (bytes_find(word, ')') != word.len)
                                return flat_bad(in, "a ')' without its '('");
                }
                if (in->strict && word.len && word.data[word.len - 1] == '\\')
                        return flat_bad(in, FLAT_STRAY_BACKSLASH);
                if (name.len == 0)
                        name = word;
                else
                        members[n++] = word;
                rest = flat_trim(bytes_sub(rest, end, rest.len));
        }
        if (name.len == 0 || name.data[0] == '(')
                return flat_bad(in, "the netgroup's name is missing");
        flat_add(in, "name", name);
        flat_add_list(in, "members", members, n);
        return FLAT_ITEM;
}

/* Does the text come back as one member? */
static bool is_netgroup_member(struct bytes b)
{
        unsigned commas = 0;
        if (b.len == 0 || b.data[0] == '#')
                return false;
        for (size_t i = 0; i < b.len; i++) {
                const bool edge = i == 0 || i + 1 == b.len;
                if (strchr(" \t\n\r", b.data[i]) || (!edge && strchr("()", b.data[i])))
                        return false;
                commas += b.data[i] == ',';
        }
        if (b.data[0] == '(')
                return commas == 2 && b.data[b.len - 1] == ')' && b.len > 1;
        return b.data[b.len - 1] != '(' && b.data[b.len - 1] != ')';
}

void print_netgroup(struct flat_out *o)
{
        const struct bytes name = flat_first(o, "name");
        const struct namelist l = flat_values(o, "members");
        if (name.len == 0)
                return;
        if (!is_netgroup_member(name) || name.data[0] == '(')
                flat_refuse(o, "the name is no word");
        buf_put(o->out, name);
        for (uint32_t i = 0; i < l.n; i++) {
                if (!is_netgroup_member(l.v[i]))
                        flat_refuse(o, "'%.*s' is neither (host,user,domain) nor a name",
                                    BYTES_FMT(bytes_sub(l.v[i], 0, 60)));
                flat_putc(o, ' ');
                buf_put(o->out, l.v[i]);
        }
        flat_check_end(o);
        flat_putc(o, '\n');
}

/* Every line adds to the one record /locations/resolver; unknown words are the resolver's own business. */
enum flat_outcome parse_resolv(struct flat_in *in, struct bytes line)
{
        const struct namelist w = flat_words(in, line, false);
        static const char *const keys[] = {"domain", "search", "nameserver", "sortlist", "options"};
        if (w.n == 0 || w.v[0].data[0] == '#' || w.v[0].data[0] == ';')
                return FLAT_NOTHING;
        for (unsigned i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
                if (!bytes_eq_str(w.v[0], keys[i]))
                        continue;
                if (w.n < 2)
                        return too_few(in, w.v[0], "value");
                flat_add(in, "name", BYTES_LIT("resolver"));
                flat_add_list(in, keys[i], w.v + 1, w.n - 1);
                return FLAT_ITEM;
        }
        return flat_bad(in, "'%.*s' is unknown here: domain, search, nameserver, sortlist or options",
                        BYTES_FMT(bytes_sub(w.v[0], 0, 60)));
}

void print_resolv(struct flat_out *o)
{
        static const char *const lists[] = {"search", "sortlist", "options"};
        const struct bytes domain = flat_first(o, "domain");
        const struct namelist servers = flat_values(o, "nameserver");
        if (domain.len == 0 || servers.n == 0) /* doc/tools.md 6.16 */
                return;
        buf_puts(o->out, "domain ");
        flat_put_word(o, domain, "");
        flat_putc(o, '\n');
        for (unsigned i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
                const struct namelist l = flat_values(o, lists[i]);
                if (l.n == 0)
                        continue;
                buf_puts(o->out, lists[i]);
                flat_putc(o, ' ');
                flat_put_list(o, l, ' ', "");
                flat_putc(o, '\n');
        }
        for (uint32_t i = 0; i < servers.n; i++) {
                buf_puts(o->out, "nameserver ");
                flat_put_word(o, servers.v[i], "");
                flat_putc(o, '\n');
        }
}
