#include "tools/enrol.h"

#include "model/status.h"
#include "sys/fs.h"
#include "sys/privilege.h"
#include "tools/spawned.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define USER        "netinfo" /* as which netinfod runs, where it is installed */
#define CONF_MOST   ((size_t)1 << 20)
#define PENDING_KEY "join.key" /* of a join that is under way */

static bool fail(struct talk *t, const char *thing, const char *reason, const char *way_out)
{
        talk_error(t, EXIT_FAILED, thing, reason, way_out);
        return false;
}

/* -- where -- */

bool enrol_paths(struct talk *t, const char *dir, struct enrol_paths *ret)
{
        bool fits = true;
        *ret = (struct enrol_paths){.below = dir != NULL};
        const struct {
                char *to;
                const char *name, *standard;
        } v[] = {{ret->machine, "machine", client_machine()},
                 {ret->server_conf, "netinfod.conf", "/etc/netinfo/netinfod.conf"},
                 {ret->agent_conf, "agent.conf", "/etc/netinfo/agent.conf"},
                 {ret->socket, "netinfod.sock", ""}};
        for (unsigned i = 0; i < sizeof(v) / sizeof(v[0]); i++)
                fits &= (dir ? snprintf(v[i].to, PATH_MAX, "%s/%s", dir, v[i].name)
                             : snprintf(v[i].to, PATH_MAX, "%s", v[i].standard)) < PATH_MAX;
        if (!fits) {
                talk_usage(t, "--dir: the path is too long");
                return false;
        }
        if (!ret->machine[0])
                return fail(t, "NETINFO_MACHINE", "is empty: this machine is nobody",
                            "name its folder, or unset it");
        if (dir && !t->server.server)
                t->server.server = ret->socket;
        t->server.no_domain = true;
        return true;
}

bool enrol_name(struct talk *t, const char *wish, char ret[TLS_NAME_MAX + 1])
{
        char host[256] = "";
        if (!wish) {
                if (gethostname(host, sizeof(host) - 1) < 0)
                        return fail(t, "the machine's name", strerror(errno), "--name gives one");
                host[strcspn(host, ".")] = '\0';
                wish = host;
        }
        if (tls_name_make(bytes_str(wish), ret))
                return true;
        talk_usage(t,
                   "`%s`: a machine's name has 1 to %u letters, digits, `-` or `.`, and neither of those at "
                   "its ends",
                   wish, TLS_NAME_MAX);
        return false;
}

/* -- the machine's files -- */

static bool in_folder(const struct enrol_paths *p, const char *name, char to[PATH_MAX + 16])
{
        return snprintf(to, PATH_MAX + 16, "%s/%s", p->machine, name) < PATH_MAX;
}

/* Whose group reads the key: netinfod's. Elsewhere it stays ours. */
static gid_t reader(const struct enrol_paths *p)
{
        uid_t uid;
        gid_t gid;
        return geteuid() == 0 && !p->below && privilege_find_user(USER, &uid, &gid) == 0 ? gid : (gid_t)-1;
}

static bool make_folder(struct talk *t, const struct enrol_paths *p)
{
        const bool fresh = mkdir(p->machine, 0750) == 0;
        if (!fresh && errno != EEXIST)
                return fail(t, p->machine, strerror(errno),
                            errno == EACCES ? "become root" : "make the folder above it");
        static const char *const names[] = {PENDING_KEY, "machine.key", "machine.crt", "authority.crt"};
        const gid_t gid = reader(p);
        if (!fresh)
                fs_tidy_replaced(p->machine, names, sizeof(names) / sizeof(names[0]));
        if (!fresh || (chmod(p->machine, 0750) == 0 && (gid == (gid_t)-1 || chown(p->machine, 0, gid) == 0)))
                return true;
        return fail(t, p->machine, strerror(errno), NULL);
}

static bool put(struct talk *t, const struct enrol_paths *p, const char *name, struct bytes text, mode_t mode)
{
        char path[PATH_MAX + 16];
        const bool ours = geteuid() == 0 && !p->below;
        const int err = in_folder(p, name, path)
                                ? fs_replace(path, text, mode, ours ? 0 : (uid_t)-1,
                                             mode == 0640 ? reader(p) : (gid_t)-1, NULL, NULL)
                                : ENAMETOOLONG;
        return !err || fail(t, path, strerror(err), "nothing is lost: run the same again");
}

/* The key of a run that did not come to its end; none: *ret is empty. */
static bool pending_key(struct talk *t, const struct enrol_paths *p, struct buf *ret)
{
        char path[PATH_MAX + 16];
        const int err = in_folder(p, PENDING_KEY, path) ? fs_read(path, TLS_KEY_MAX, ret) : ENAMETOOLONG;
        return !err || err == ENOENT || fail(t, path, strerror(err), "remove it, and run the same again");
}

bool enrol_request(struct talk *t, const struct enrol_paths *p, struct tls_request *ret)
{
        struct buf key;
        struct tls_why why = {""};
        if (!tls_usable(&why))
                return fail(t, "TLS", why.text, NULL);
        if (!make_folder(t, p))
                return false;
        buf_init(&key, 0);
        bool ok = pending_key(t, p, &key);
        const bool fresh = key.len == 0;
        if (ok && !tls_request_make(buf_bytes(&key), ret, &why))
                ok = fail(t, fresh ? "a new key" : p->machine, why.text,
                          fresh ? NULL : "remove " PENDING_KEY " there, and run the same again");
        if (ok && !fresh)
                snprintf(ret->key, sizeof(ret->key), "%.*s", BYTES_FMT(buf_bytes(&key)));
        if (ok && fresh)
                ok = put(t, p, PENDING_KEY, bytes_str(ret->key), 0600);
        if (key.data)
                explicit_bzero(key.data, key.cap);
        buf_done(&key);
        return ok;
}

bool enrol_save(struct talk *t, const struct enrol_paths *p, struct bytes authority, struct bytes certificate,
                const struct tls_request *r)
{
        const struct tls_identity_files files = {.authority = authority,
                                                 .certificate = certificate,
                                                 .key = r ? bytes_str(r->key) : BYTES_NONE,
                                                 .group = reader(p)};
        struct tls_why why = {""};
        return tls_identity_write(p->machine, &files, &why) ||
               fail(t, p->machine, why.text, "nothing is lost: run the same again");
}

bool enrol_pending(const struct enrol_paths *p)
{
        char path[PATH_MAX + 16];
        return in_folder(p, PENDING_KEY, path) && access(path, F_OK) == 0;
}

bool enrol_finish(struct talk *t, const struct enrol_paths *p)
{
        char path[PATH_MAX + 16];
        if (!in_folder(p, PENDING_KEY, path) || unlink(path) == 0 || errno == ENOENT)
                return true;
        return fail(t, path, strerror(errno), "remove it");
}

enum tls_found enrol_load(struct talk *t, const struct enrol_paths *p, bool say, struct tls_identity **ret)
{
        struct tls_why why = {""};
        const enum tls_found found = tls_identity_load(p->machine, ret, &why);
        if (found == TLS_UNUSABLE && say)
                talk_error(t, EXIT_FAILED, p->machine, why.text, NULL);
        return found;
}

/* -- configuration files -- */

static struct bytes trim(struct bytes b)
{
        while (b.len && strchr(" \t\r", b.data[0]))
                b = bytes_sub(b, 1, b.len);
        while (b.len && strchr(" \t\r", b.data[b.len - 1]))
                b.len--;
        return b;
}

/* Is this line `key = ...`? Then *ret is what stands behind. */
static bool is_key(struct bytes line, const char *key, struct bytes *ret)
{
        const size_t equals = bytes_find(line, '=');
        if (equals == line.len || !bytes_eq_str(trim(bytes_sub(line, 0, equals)), key))
                return false;
        *ret = trim(bytes_sub(line, equals + 1, line.len));
        return true;
}

const char *enrol_conf_get(struct talk *t, const char *file, const char *key)
{
        struct buf text;
        struct bytes value;
        const char *found = NULL;
        buf_init(&text, 0);
        if (fs_read(file, CONF_MOST, &text) == 0)
                for (struct bytes rest = buf_bytes(&text); rest.len;) {
                        const size_t end = bytes_find(rest, '\n');
                        if (is_key(bytes_sub(rest, 0, end), key, &value))
                                found = arena_str(&t->arena, value);
                        rest = bytes_sub(rest, end + 1, rest.len);
                }
        buf_done(&text);
        return found;
}

/* The text with the one line set; later ones of the same key go. */
static void set_line(struct bytes old, const char *key, const char *value, struct buf *out)
{
        bool done = false;
        struct bytes before;
        for (struct bytes rest = old; rest.len;) {
                const size_t end = bytes_find(rest, '\n');
                const struct bytes line = bytes_sub(rest, 0, end);
                const bool is = is_key(line, key, &before);
                if (!is) {
                        buf_put(out, line);
                        buf_putc(out, '\n');
                } else if (!done) {
                        buf_printf(out, "%s = %s\n", key, value);
                        done = true;
                }
                rest = bytes_sub(rest, end + 1, rest.len);
        }
        if (!done)
                buf_printf(out, "%s = %s\n", key, value);
}

bool enrol_conf_set(struct talk *t, const char *file, const char *key, const char *value)
{
        struct buf old, fresh;
        struct stat st;
        char *real = realpath(file, NULL); /* a link stays one */
        const char *path = real ? real : file;
        buf_init(&old, 0);
        buf_init(&fresh, 2 * CONF_MOST);
        int err = fs_read(path, CONF_MOST, &old);
        err = err == ENOENT ? 0 : err;
        set_line(buf_bytes(&old), key, value, &fresh);
        const bool there = stat(path, &st) == 0;
        if (!err && fresh.failed)
                err = ENOMEM;
        if (!err && !bytes_eq(buf_bytes(&old), buf_bytes(&fresh))) {
                err = fs_replace(path, buf_bytes(&fresh), there ? st.st_mode & 0777 : 0644,
                                 there ? st.st_uid : (uid_t)-1, there ? st.st_gid : (gid_t)-1, NULL, NULL);
                if (!err)
                        talk_say(t, "%s: %s = %s", file, key, value);
        }
        buf_done(&old);
        buf_done(&fresh);
        free(real);
        return !err ||
               fail(t, file, strerror(err), arena_printf(&t->arena, "write into it: %s = %s", key, value));
}

static bool is_reachable(const struct ifaddrs *i)
{
        if (!i->ifa_addr || !(i->ifa_flags & IFF_UP) || (i->ifa_flags & IFF_LOOPBACK))
                return false;
        if (i->ifa_addr->sa_family == AF_INET)
                return true;
        if (i->ifa_addr->sa_family != AF_INET6)
                return false;
        struct sockaddr_in6 in6;
        memcpy(&in6, i->ifa_addr, sizeof(in6));
        return !IN6_IS_ADDR_LINKLOCAL(&in6.sin6_addr);
}

const char **enrol_addresses(struct talk *t)
{
        enum { MOST = 16 };
        struct ifaddrs *all = NULL;
        unsigned n = 0;
        const char **v = arena_zalloc(&t->arena, MOST + 1, sizeof(*v));
        if (!v || getifaddrs(&all) < 0) {
                fail(t, "this machine's addresses", v ? strerror(errno) : "out of memory", NULL);
                return NULL;
        }
        for (const struct ifaddrs *i = all; i && n < MOST; i = i->ifa_next) {
                char host[INET6_ADDRSTRLEN] = "";
                if (!is_reachable(i))
                        continue;
                const bool v6 = i->ifa_addr->sa_family == AF_INET6;
                struct sockaddr_storage s = {0};
                memcpy(&s, i->ifa_addr, v6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in));
                const void *address =
                        v6 ? (const void *)&((const struct sockaddr_in6 *)(const void *)&s)->sin6_addr
                           : (const void *)&((const struct sockaddr_in *)(const void *)&s)->sin_addr;
                if (inet_ntop(i->ifa_addr->sa_family, address, host, sizeof(host)))
                        v[n++] = arena_printf(&t->arena, v6 ? "[%s]" : "%s", host);
        }
        freeifaddrs(all);
        return v;
}

/* -- telling the daemons -- */

/* Who opened the socket: the process to which signals go; 1 or 0: systemd, or nobody. */
static pid_t owner_of(const char *path)
{
        struct sockaddr_un to = {.sun_family = AF_UNIX};
        struct ucred who = {.pid = 0};
        socklen_t len = sizeof(who);
        if (strlen(path) >= sizeof(to.sun_path))
                return 0;
        memcpy(to.sun_path, path, strlen(path) + 1);
        const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0 || connect(fd, (const struct sockaddr *)&to, sizeof(to)) < 0 ||
            getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) < 0)
                who.pid = 0;
        if (fd >= 0)
                close(fd);
        return who.pid;
}

static bool by_systemd(const char *unit)
{
        const char *const active[] = {"systemctl", "is-active", "--quiet", unit, NULL};
        const char *const reload[] = {"systemctl", "reload", unit, NULL};
        return access("/run/systemd/system", F_OK) == 0 && spawned_wait(active) == 0 &&
               spawned_wait(reload) == 0;
}

void enrol_reload(struct talk *t, const struct enrol_paths *p, enum enrol_daemon which)
{
        const bool server = which == ENROL_NETINFOD;
        if (!p->below && by_systemd(server ? "netinfod.service" : "netinfo-agent.service"))
                return;
        const pid_t pid = server ? owner_of(p->socket[0] ? p->socket : "/run/netinfo/netinfod.sock") : 0;
        if (pid > 1 && kill(pid, SIGHUP) == 0)
                return;
        if (server)
                talk_say(t, "netinfod could not be asked to look at its files: reload or start it");
        else
                talk_say(t, "netinfo-agent: reload it (SIGHUP), or start it, so that it looks at its files");
}

/* -- the authority -- */

bool enrol_authority(struct talk *t, const struct ext_authority_args *args, struct ext_authority_result *ret,
                     const char *thing)
{
        enum ni_status status = client_authority(t->client, args, ret);
        if (status != NI_OK) {
                talk_status(t, status, thing, status == NI_BADOP ? "this server is older than TLS" : NULL);
                return false;
        }
        status = (enum ni_status)ret->status;
        if (status == NI_OK)
                return true;
        if (status == NI_PERM)
                talk_error(t, EXIT_DENIED, thing, status_text(status),
                           "become root on the authority's server");
        else if (status == NI_RDONLY)
                talk_error(t, EXIT_NOT_FOUND, thing, "this server has no authority",
                           "`ni init` makes one; else do this on the server where it is");
        else if (status == NI_NONAME)
                talk_error(t, EXIT_NOT_FOUND, thing, "is not in the ledger",
                           "`ni token list`, `ni machine list`");
        else if (status == NI_DUPTAG)
                talk_error(t, EXIT_CONFLICT, thing, "this server has an authority already", NULL);
        else if (status == NI_FAILED)
                talk_error(t, EXIT_FAILED, thing, "the server does not take these arguments", "see its log");
        else
                talk_error(t, status_exit(status), thing, status_text(status), "see the server's log");
        return false;
}

const char *enrol_date(struct talk *t, uint64_t seconds)
{
        struct tm tm;
        char text[32] = "?";
        const time_t when = (time_t)seconds;
        if (gmtime_r(&when, &tm))
                strftime(text, sizeof(text), "%Y-%m-%d %H:%M", &tm);
        const char *copy = arena_str(&t->arena, bytes_str(text));
        return copy ? copy : "?";
}
