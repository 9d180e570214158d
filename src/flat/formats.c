/* The table of formats (doc/tools.md 6.1): one row each, and what follows from a row alone. */
#include "flat/flat-internal.h"

#define KEYS(...) ((const char *const[]){__VA_ARGS__, NULL})

#define PASSWD_KEYS                                                                            \
        KEYS("passwd", "uid", "gid", "class", "change", "expire", "realname", "home", "shell", \
             "_writers_passwd")
#define GROUP_KEYS  KEYS("passwd", "gid", "users")
#define HEADER_BOOT "/private/tftpboot:/\nmach\n%%\n"

/* passwd.linux and group.linux are what stands in /etc of a Linux machine: hashes live elsewhere. */
static const struct flat_format formats[] = {
        {.name = "passwd",
         .directory = "/users",
         .file = "/etc/passwd",
         .owned = PASSWD_KEYS,
         .parse = parse_passwd,
         .print = print_passwd10},
        {.name = "passwd.43",
         .directory = "/users",
         .file = "/etc/passwd",
         .owned = PASSWD_KEYS,
         .parse = parse_passwd7,
         .print = print_passwd7},
        {.name = "passwd.linux",
         .directory = "/users",
         .file = "/etc/passwd",
         .owned = PASSWD_KEYS,
         .parse = parse_passwd7,
         .print = print_passwd_linux},
        {.name = "group",
         .directory = "/groups",
         .file = "/etc/group",
         .owned = GROUP_KEYS,
         .parse = parse_group,
         .print = print_group},
        {.name = "group.linux",
         .directory = "/groups",
         .file = "/etc/group",
         .owned = GROUP_KEYS,
         .parse = parse_group,
         .print = print_group_linux},
        {.name = "shadow",
         .directory = "/users",
         .file = "/etc/shadow",
         .owned = KEYS("passwd", "shadow_lastchange", "shadow_min", "shadow_max", "shadow_warning",
                       "shadow_inactive", "shadow_flag", "expire"),
         .shared = true,
         .needs_record = true,
         .parse = parse_shadow,
         .print = print_shadow},
        {.name = "gshadow",
         .directory = "/groups",
         .file = "/etc/gshadow",
         .owned = KEYS("passwd", "admins", "users"),
         .shared = true,
         .needs_record = true,
         .parse = parse_gshadow,
         .print = print_gshadow},
        {.name = "hosts",
         .comments = true,
         .directory = "/machines",
         .file = "/etc/hosts",
         .owned = KEYS("ip_address", "ipv6_address"),
         .shared = true,
         .parse = parse_hosts,
         .print = print_hosts},
        {.name = "ethers",
         .comments = true,
         .directory = "/machines",
         .file = "/etc/ethers",
         .owned = KEYS("en_address"),
         .shared = true,
         .parse = parse_ethers,
         .print = print_ethers},
        {.name = "bootptab",
         .directory = "/machines",
         .file = "/etc/bootptab",
         .header = HEADER_BOOT,
         .owned = KEYS("htype", "en_address", "ip_address", "bootfile"),
         .shared = true,
         .after_percent = true,
         .parse = parse_bootptab,
         .print = print_bootptab},
        {.name = "bootparams",
         .directory = "/machines",
         .file = "/etc/bootparams",
         .owned = KEYS("bootparams"),
         .shared = true,
         .join = JOIN_BACKSLASH,
         .parse = parse_bootparams,
         .print = print_bootparams},
        {.name = "networks",
         .comments = true,
         .directory = "/networks",
         .file = "/etc/networks",
         .owned = KEYS("address"),
         .parse = parse_networks,
         .print = print_networks},
        {.name = "services",
         .comments = true,
         .directory = "/services",
         .file = "/etc/services",
         .owned = KEYS("port", "protocol"),
         .by_port = true,
         .parse = parse_services,
         .print = print_services},
        {.name = "protocols",
         .comments = true,
         .directory = "/protocols",
         .file = "/etc/protocols",
         .owned = KEYS("number"),
         .parse = parse_numbered,
         .print = print_numbered},
        {.name = "rpc",
         .comments = true,
         .directory = "/rpcs",
         .file = "/etc/rpc",
         .owned = KEYS("number"),
         .parse = parse_numbered,
         .print = print_numbered},
        {.name = "fstab",
         .directory = "/mounts",
         .file = "/etc/fstab",
         .owned = KEYS("dir", "vfstype", "opts", "freq", "dump_freq", "passno"),
         .parse = parse_fstab,
         .print = print_fstab},
        {.name = "printcap",
         .directory = "/printers",
         .file = "/etc/printcap",
         .join = JOIN_BACKSLASH,
         .parse = parse_printcap,
         .print = print_printcap},
        {.name = "aliases",
         .directory = "/aliases",
         .file = "/etc/aliases",
         .owned = KEYS("members"),
         .join = JOIN_BLANK,
         .parse = parse_aliases,
         .print = print_aliases},
        {.name = "exports",
         .directory = "/exports",
         .file = "/etc/exports",
         .owned = KEYS("opts", "clients"),
         .parse = parse_exports,
         .print = print_exports},
        {.name = "netgroup",
         .directory = "/netgroups",
         .file = "/etc/netgroup",
         .owned = KEYS("members"),
         .join = JOIN_BACKSLASH,
         .parse = parse_netgroup,
         .print = print_netgroup},
        {.name = "resolv.conf",
         .directory = "/locations",
         .file = "/etc/resolv.conf",
         .owned = KEYS("domain", "search", "nameserver", "sortlist", "options"),
         .shared = true,
         .parse = parse_resolv,
         .print = print_resolv},
};

const struct flat_format *flat_format_at(unsigned i)
{
        return i < sizeof(formats) / sizeof(formats[0]) ? &formats[i] : NULL;
}

const struct flat_format *flat_format(const char *name)
{
        for (unsigned i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
                if (strcmp(formats[i].name, name) == 0)
                        return &formats[i];
        return NULL;
}

const char *flat_name(const struct flat_format *f)
{
        return f->name;
}

const char *flat_directory(const struct flat_format *f)
{
        return f->directory;
}

const char *flat_file_default(const struct flat_format *f)
{
        return f->file;
}

bool flat_is_shared(const struct flat_format *f)
{
        return f->shared;
}

bool flat_needs_record(const struct flat_format *f)
{
        return f->needs_record;
}

bool flat_by_port(const struct flat_format *f)
{
        return f->by_port;
}

const char *flat_header(const struct flat_format *f)
{
        return f->header ? f->header : "";
}

bool flat_owns(const struct flat_format *f, struct bytes key)
{
        if (!f->owned || bytes_eq_str(key, "name"))
                return true;
        for (const char *const *k = f->owned; *k; k++)
                if (bytes_eq_str(key, *k))
                        return true;
        return false;
}

bool flat_is_list(struct bytes key)
{
        static const char *const lists[] = {"name",    "users",    "admins",     "ip_address", "ipv6_address",
                                            "members", "protocol", "nameserver", "search",     "clients"};
        for (unsigned i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
                if (bytes_eq_str(key, lists[i]))
                        return true;
        return false;
}

struct flat_identity flat_identity_of(const struct flat_format *f, const struct proplist *props)
{
        return (struct flat_identity){proplist_first(props, "name"),
                                      f->by_port ? proplist_first(props, "port") : BYTES_NONE};
}

bool flat_print(const struct flat_format *f, const struct proplist *props, bool faithful, struct arena *a,
                struct buf *out, struct flat_why *ret_why)
{
        struct flat_why why = {.line = 0};
        struct flat_out o = {.a = a,
                             .faithful = faithful,
                             .comments = f->comments,
                             .props = props,
                             .out = out,
                             .why = &why};
        const size_t before = out->len;
        f->print(&o);
        if (faithful && !o.bad && out->len > before && !out->failed)
                o.bad = !flat_comes_back(f, bytes_sub(buf_bytes(out), before, out->len), &why);
        if (!o.bad)
                return true;
        buf_truncate(out, before);
        *ret_why = why;
        return false;
}
