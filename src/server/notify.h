/* Telling others that the server is ready. */
#ifndef NETINFO_SERVER_NOTIFY_H
#define NETINFO_SERVER_NOTIFY_H

struct server;

/* sd_notify(3) without its library: `text` to $NOTIFY_SOCKET, when that is set. */
void notify_manager(const char *text);
/* One line of JSON with the ports to the descriptor of --ready-fd, which is closed then. */
void notify_ready(struct server *s);

#endif
