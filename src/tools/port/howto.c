/* The incantation for each system, so that nobody has to remember it. */
#include "tools/port/port_tool.h"

#include <stdio.h>

void port_howto(uint16_t port, struct port_howto ret[static PORT_HOWTOS])
{
        static const struct {
                const char *system, *format;
        } rows[PORT_HOWTOS] = {
                {"any, with NetInfo", "ni port %u --no-registry"},
                {"Linux", "ss -lntup '( sport = :%u )'"},
                {"Linux, macOS", "lsof -nP -i :%u"},
                {"macOS", "netstat -anv | grep '[.]%u '"},
                {"Windows", "netstat -ano | findstr :%u"},
                {"FreeBSD", "sockstat -46l -p %u"},
        };
        for (unsigned i = 0; i < PORT_HOWTOS; i++) {
                ret[i].system = rows[i].system;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
                snprintf(ret[i].command, sizeof(ret[i].command), rows[i].format, port);
#pragma GCC diagnostic pop
        }
}

void port_howto_text(struct buf *b, uint16_t port)
{
        struct port_howto h[PORT_HOWTOS];
        port_howto(port, h);
        for (unsigned i = 0; i < PORT_HOWTOS; i++)
                buf_printf(b, "%s %-18s %s\n", i ? "    " : "look", h[i].system, h[i].command);
        buf_puts(
                b,
                "     As an ordinary user lsof stays silent about other users' processes; ni port does not.\n"
                "     For another machine: save its output and read it with `ni ports --from FILE'.\n");
}
