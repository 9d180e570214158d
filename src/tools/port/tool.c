#include "tools/port/port_tool.h"

#include "portdb/rpc.h"
#include "sys/clock.h"
#include "sys/fs.h"

#include <errno.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#ifndef NETINFO_DATADIR
#define NETINFO_DATADIR "/usr/share"
#endif
#define OWN_FOLDER "/var/lib/netinfo/ports"

#define MAPPER_MS 200u /* an answer about a port does not wait longer for the port mapper */

port_site_load *port_tool_site;

void port_tool_begin(struct port_tool *t, const char *command)
{
        *t = (struct port_tool){.command = command};
        arena_init(&t->arena, 1ul << 30);
        buf_init(&t->out, 1ul << 30);
        t->today = port_date_of_us(clock_wall_us());
}

void port_tool_error(struct port_tool *t, const char *format, ...)
{
        va_list ap;
        fprintf(stderr, "%s: ", t->command);
        va_start(ap, format);
        vfprintf(stderr, format, ap);
        va_end(ap);
        fputc('\n', stderr);
}

port_date port_tool_day(const struct port_tool *t)
{
        return t->o.as_of ? port_date_last(t->o.as_of) : t->today;
}

const char *port_tool_folder(const struct port_tool *t)
{
        const char *env = secure_getenv("NETINFO_PORTS_DIR");
        return t->o.dir ? t->o.dir : env && *env ? env : OWN_FOLDER;
}

/* Beside this program in a build tree (BUILD/src/tools/ni -> BUILD/src/portdb/ports.table), or in
 * BUILD/tests/... */
static bool beside(char *to, size_t size)
{
        char exe[3000];
        const ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
        exe[n > 0 ? n : 0] = 0;
        for (unsigned up = 0; up < 4; up++) {
                char *slash = strrchr(exe, '/');
                if (!slash || slash == exe)
                        break;
                *slash = 0;
                snprintf(to, size, "%s/src/portdb/ports.table", exe);
                if (up && access(to, R_OK) == 0)
                        return true;
        }
        return false;
}

static void find_shipped(struct port_tool *t)
{
        const char *env = secure_getenv("NETINFO_PORT_TABLE");
        if (t->o.table || (env && *env))
                snprintf(t->shipped, sizeof(t->shipped), "%s", t->o.table ? t->o.table : env);
        else if (!beside(t->shipped, sizeof(t->shipped)))
                snprintf(t->shipped, sizeof(t->shipped), "%s", NETINFO_DATADIR "/netinfo/ports.table");
}

bool port_tool_open(struct port_tool *t)
{
        const char *why;
        find_shipped(t);
        int err = port_table_open(t->shipped, &t->db.table[0], &why);
        if (err) {
                port_tool_error(t, "%s: %s; reinstall NetInfo, or name the port table in NETINFO_PORT_TABLE",
                                t->shipped, err == EBADMSG ? why : strerror(err));
                return false;
        }
        snprintf(t->own, sizeof(t->own), "%s/own.table", port_tool_folder(t));
        err = port_table_open(t->own, &t->db.table[1], &why);
        if (err && err != ENOENT && err != EACCES)
                port_tool_error(t, "%s: %s; your own editions are left out (import them again)", t->own,
                                err == EBADMSG ? why : strerror(err));
        port_system_read(&t->arena, &t->system);
        t->db.ephemeral_from = t->system.ephemeral_from;
        t->db.ephemeral_to = t->system.ephemeral_to;
        return true;
}

void port_tool_ask_site(struct port_tool *t, uint16_t from, uint16_t to, bool programs)
{
        const struct port_site_ask ask = {.from = from,
                                          .to = to,
                                          .programs = programs,
                                          .server = t->o.server,
                                          .tag = t->o.domain,
                                          .arena = &t->arena};
        const char *why = NULL;
        t->site_silence = NULL;
        t->db.site = NULL;
        if (!port_tool_site || t->o.no_directory)
                return;
        const enum port_site_end end = port_tool_site(&ask, &t->db.site, &why);
        if (end != PORT_SITE_NOBODY)
                t->site_silence = why;
        else if (t->o.verbose)
                port_tool_error(t, "no site's own claims: %s", why);
}

void port_tool_ask_mapper(struct port_tool *t, struct port_live *l)
{
        const struct port_rpc *rpc;
        size_t n;
        bool waits = false;
        for (size_t i = 0; i < l->n; i++)
                waits = waits || (l->socket[i].state <= PORT_SOCKET_OPEN && !l->socket[i].netns);
        if (waits && port_rpc_ask(MAPPER_MS, &t->arena, &rpc, &n))
                port_rpc_join(l, rpc, n);
}

int port_tool_end(struct port_tool *t, int exit)
{
        const bool damaged = t->db.table[0].damaged || t->db.table[1].damaged;
        if (t->out.failed || t->arena.failed) {
                port_tool_error(t, "out of memory");
                exit = EXIT_FAILED;
        } else if (t->out.len) {
                const int err = fs_write_all(STDOUT_FILENO, t->out.data, t->out.len);
                if (err && err != EPIPE)
                        port_tool_error(t, "standard output: %s", strerror(err));
                exit = err ? EXIT_FAILED : exit;
        }
        if (damaged) {
                port_tool_error(t, "%s: the table is damaged and the answer may be incomplete; reinstall it",
                                t->db.table[0].damaged ? t->shipped : t->own);
                exit = EXIT_FAILED;
        }
        for (unsigned i = 0; i < PORT_DB_TABLES; i++)
                port_table_close(&t->db.table[i]);
        arena_done(&t->arena);
        buf_done(&t->out);
        return exit;
}

void port_put(struct buf *b, const char *text)
{
        const size_t n = strlen(text);
        for (size_t i = 0; i < n; i++) {
                const uint8_t c = (uint8_t)text[i];
                /* U+0080 to U+009F are control characters too (C2 80 .. C2 9F). */
                if (c == 0xc2 && i + 1 < n && (uint8_t)text[i + 1] < 0xa0) {
                        buf_putc(b, '?');
                        i++;
                } else {
                        buf_putc(b, c < 0x20 || c == 0x7f ? '?' : (char)c);
                }
        }
}

size_t port_utf8_here(const uint8_t *s, size_t n)
{
        const size_t want = s[0] < 0x80                    ? 1
                            : s[0] >= 0xc2 && s[0] <= 0xdf ? 2
                            : s[0] >= 0xe0 && s[0] <= 0xef ? 3
                            : s[0] >= 0xf0 && s[0] <= 0xf4 ? 4
                                                           : 0;
        if (!want || want > n)
                return 0;
        for (size_t i = 1; i < want; i++) {
                if ((s[i] & 0xc0) != 0x80)
                        return 0;
        }
        if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) || (s[0] == 0xf0 && s[1] < 0x90) ||
            (s[0] == 0xf4 && s[1] > 0x8f))
                return 0;
        return want;
}

void port_pad(struct buf *b, size_t from, size_t width)
{
        while (b->len < from + width && !b->failed)
                buf_putc(b, ' ');
}

void port_put_interval(struct buf *b, port_date first, port_date last)
{
        char x[PORT_DATE_BYTES], y[PORT_DATE_BYTES];
        if (first && last && first != last)
                buf_printf(b, "%s .. %s", port_date_text(first, x), port_date_text(last, y));
        else if (first && !last)
                buf_printf(b, "since %s", port_date_text(first, x));
        else if (!first && last)
                buf_printf(b, "seen %s", port_date_text(last, y));
        else
                buf_puts(b, port_date_text(first, x));
}

const char *port_user_name(uint32_t uid, char to[static 64])
{
        struct passwd p, *found = NULL;
        char space[4096];
        if (getpwuid_r(uid, &p, space, sizeof(space), &found) == 0 && found)
                snprintf(to, 64, "%s", found->pw_name);
        else
                snprintf(to, 64, "%u", uid);
        return to;
}
