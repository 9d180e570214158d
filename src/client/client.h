/* Talking to a NetInfo server: find it (decision 3), connect, call with a deadline. Blocking, one connection,
 * one thread at a time; the historical ni_* calls and all programs stand on it. No function here prints. */
#ifndef NETINFO_CLIENT_CLIENT_H
#define NETINFO_CLIENT_CLIENT_H

#include "wire/binder.h"
#include "wire/ext_replica.h"
#include "wire/ext_search.h"
#include "wire/ext_trust.h"
#include "wire/ni.h"

#include <sys/socket.h>

struct client;
struct tls_session;

struct client_why {
        char text[1024]; /* names the thing, the reason and the way out */
};

struct client_options {
        const char *server;  /* "host[:port][/tag]", "[v6]...", a path of a UNIX socket (starts with '/'), or
                                NULL: decision 3's order */
        const char *tag;     /* domain; NULL: the one in `server`, else "local" */
        unsigned timeout_ms; /* for connecting (under 300: for all places together) and for each call; 0 = 5 s
                                for reads, 60 s for writes (protocol.md 3.7) */
        const char *user;    /* NULL: no credentials (AUTH_NONE). Else the uid is looked up in /users of the
                                domain and sent with the password; inside TLS both are sent once, by LOGIN */
        const char *password; /* with user; NULL = "" */
        int interrupt_fd;     /* when it becomes readable, a waiting call ends with NI_FAILED; -1 = none */
        bool reserved_port;   /* call from a port below 1024 where the system allows it, as servers do among
                                 themselves (protocol.md 3.5) */
        /* Where such a port is somebody else's to give: a stream socket of this family, not blocking, bound
         * to one; -1: none. NULL: this process itself. */
        int (*low_socket)(void *context, int family);
        void *low_context;
        bool no_domain; /* only binder and extension calls will be made: any server with a binder does, and
                           the domain need not exist. Credentials then carry uid 0 (protocol.md 2.9) */
        /* Only RENEW will be called, which a machine may whose certificate has run out: nothing else is
         * called when opening, and any server does. */
        bool certificate_only;
        /* SHA-256 of an authority's key (TLS_PIN_SIZE bytes): TLS, whoever this machine is and wherever the
         * server may be, with a server of that authority, and without a certificate of our own (`ni join`).
         * The domain is not looked at, and no call is made when opening. */
        const uint8_t *pin;
};
enum client_plain { CLIENT_PLAIN_NO, CLIENT_PLAIN_YES, CLIENT_PLAIN_WRONG };
/* Is this address among these networks: "10.0.0.0/8 192.0.2.7 2001:db8::/32", with blanks or commas between?
 * Looks at all of them (to NULL: does nothing else); CLIENT_PLAIN_WRONG: the word in ret_wrong is none. */
enum client_plain client_plain_has(const char *networks, const struct sockaddr *to, char *ret_wrong,
                                   size_t size);
/* Who this machine is (doc/tls.md 1, 2.5), for all connections that this process makes from now on: the
 * folder
 * ("": nobody, all is clear text), and what is spoken to in clear text nevertheless. Without this call, or
 * with NULL, NETINFO_MACHINE and NETINFO_PLAIN_NETWORKS say it, which set-user-id programs do not look at, or
 * else it is the usual folder, and no networks. From one thread; the strings are copied. False: no memory,
 * all is as it was. */
bool client_set_machine(const char *folder, const char *plain_networks);
const char *client_machine(void); /* the folder that counts now */
/* Would a connection to this address not be in clear text? */
bool client_avoids_clear(const struct sockaddr *to);

/* All zero, interrupt_fd -1. */
void client_options_init(struct client_options *o);

/* The strings in *o are copied; interrupt_fd is borrowed. Places are tried in the order of decision 3; when
 * NETINFO_SOCKET or NETINFO_SERVER name one for the host in question, the standard places are not tried: a
 * write must not reach another service because the one meant is gone; nor are they after a UNIX socket that
 * takes the connection and says nothing of use (a server that starts or ends), since callers are trusted
 * there that are not over TCP. Port numbers that answer, but not as NetInfo does, are passed over. NI_FAILED:
 * nobody there or no answer (why says where was looked), or the options are malformed; NI_CANTFINDADDRESS:
 * the host's name does not resolve; NI_AUTHERROR: the server speaks only to enrolled machines, or did not
 * accept user and password inside TLS; NI_NOTAG: a server, but not of this domain; NI_NOUSER: no such user in
 * the domain. */
enum ni_status client_open(const struct client_options *o, struct client **ret, struct client_why *why);
void client_close(struct client *c);

const char *client_tag(const struct client *c);
/* "unix:/run/netinfo/netinfod.sock", "127.0.0.1:987". Borrowed. */
const char *client_peer(const struct client *c);
/* Our own TCP port of the connection that version 2 calls use; 0 for a UNIX socket, or without a connection.
 */
uint16_t client_local_port(const struct client *c);
/* The TLS session of the connection, borrowed until the next call; NULL: clear text, or no connection. */
struct tls_session *client_session(const struct client *c);
/* Why the last call failed. Borrowed until the next call. */
const char *client_reason(const struct client *c);

/* Milliseconds for each call from now on; 0 = the default. */
void client_set_timeout(struct client *c, unsigned read_ms, unsigned write_ms);
/* AUTH_SYS credentials with this uid and password (protocol.md 3.8) from now on; NULL: none. */
void client_set_credentials(struct client *c, uint32_t uid, const char *password);

/* Calls. The return value is NI_OK when a result was decoded; its own status is in ret->status. Otherwise
 * client_reason() has the words: NI_FAILED for transport trouble (after a deadline or an interrupt the
 * connection stays usable), NI_AUTHERROR when the credentials were denied, NI_BADOP when the server does not
 * know the program or procedure (a historical server and the extension program), NI_NOSPACE when the call
 * would pass LIMIT_CALL. What ret points to lives until the next call on this client.
 * A call repeated after a broken connection: reads once, writes never (protocol.md 4.9), unless the server
 * cannot have seen the whole call; none when TCP heard nothing of the server's machine any more: the way
 * there would be the same. A write that got no answer may have been executed: read again. Version 2 calls
 * reach the domain by SELECT of the extension program, sent when the connection opens; where a server does
 * not know it (a historical one), by the tag's own port from GETREGISTER. A forked child makes a connection
 * of its own at its first call. */
enum ni_status client_ni(struct client *c, enum ni_proc proc, const struct ni_args *args,
                         struct ni_result *ret);
/* READALL (protocol.md 5.5) without decoding all of it: *ret has status, checksum and highest, *ret_objects
 * stands at the list (ni_readall_next). */
enum ni_status client_readall(struct client *c, uint32_t checksum, struct ni_result *ret,
                              struct xdr_in *ret_objects);
enum ni_status client_binder(struct client *c, enum nibind_proc proc, const struct binder_args *args,
                             struct binder_result *ret);
enum ni_status client_status(struct client *c, struct ext_status_result *ret);
enum ni_status client_changes(struct client *c, const struct ext_changes_args *args,
                              struct ext_changes_result *ret); /* deadline: wait_ms + timeout */
enum ni_status client_snapshot(struct client *c, const struct ext_snapshot_args *args,
                               struct ext_snapshot_result *ret);
enum ni_status client_edit(struct client *c, const struct ext_edit_args *args, struct ext_edit_result *ret);
/* Edits sent ahead: the server takes them in the order in which they were sent, and makes many durable at
 * once. client_edit_ahead sends one without waiting for its answer; NI_OK: *ret_ticket is its name.
 * client_edit_answer waits for the answer to any of them and says which. At most CLIENT_AHEAD may be on their
 * way (NI_NOSPACE), and no other call may be made until all are answered (NI_NODIR: none is). Neither repeats
 * anything; after one that failed, whatever is on its way may or may not have been made, and the client
 * forgets it. */
#define CLIENT_AHEAD 64u /* LIMIT_AWAY: what a server takes */
enum ni_status client_edit_ahead(struct client *c, const struct ext_edit_args *args, uint32_t *ret_ticket);
enum ni_status client_edit_answer(struct client *c, uint32_t *ret_ticket, struct ext_edit_result *ret);
enum ni_status client_search(struct client *c, const struct ext_search_args *args,
                             struct ext_search_result *ret);
enum ni_status client_history(struct client *c, const struct ext_history_args *args,
                              struct ext_history_result *ret);
/* A change (any verb but SHOW) is not repeated when the connection breaks. */
enum ni_status client_replica(struct client *c, const struct ext_replica_args *args,
                              struct ext_replica_result *ret);
/* Of a machine (doc/tls.md 3). A join is not repeated: its proof belongs to this connection. */
enum ni_status client_join(struct client *c, const struct ext_join_args *args, struct ext_join_result *ret);
enum ni_status client_renew(struct client *c, const struct ext_renew_args *args,
                            struct ext_renew_result *ret);
/* Of the authority (doc/tls.md 6), over its server's UNIX socket. Not repeated, but for SHOW. The reply has a
 * secret in it after TOKEN: it is in the client's memory until the next call, or the close. */
enum ni_status client_authority(struct client *c, const struct ext_authority_args *args,
                                struct ext_authority_result *ret);
/* In the ext calls the argument's tag may be empty: then it is client_tag(c). */

/* Walks a directory path (model/path.h) by LOOKUP and SELF, to the id with its current instance. NI_NODIR
 * when a step has no hit, and *ret_step (may be NULL) says which (counted from 0); NI_BADID: the text is no
 * path; else as the calls above. */
enum ni_status client_path(struct client *c, const char *path, struct ni_id *ret, uint32_t *ret_step,
                           struct client_why *why);

#endif
