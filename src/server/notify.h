/* Telling others that the server is ready. */
#ifndef NETINFO_SERVER_NOTIFY_H
#define NETINFO_SERVER_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct server;

/* sd_notify(3) without its library: `text` to $NOTIFY_SOCKET, when that is set. */
void notify_manager(const char *text);
/* "READY=1" after it: the configuration is read again (Type=notify-reload wants to know since when). */
void notify_reloading(void);
/* How often the manager wants to hear WATCHDOG=1, milliseconds; 0: not at all, or not from this process.
 * `main`: the process that the manager started, when that is another one than this. */
uint64_t notify_watchdog_ms(pid_t main);
/* One line of JSON with the ports to the descriptor of --ready-fd, which is closed then. False without memory
 * for it. */
bool notify_ready(struct server *s);

#endif
