/* From a whole record to its reply, or to the place where it is worked on. */
#ifndef NETINFO_SERVER_DISPATCH_H
#define NETINFO_SERVER_DISPATCH_H

#include "server/conn.h"
#include "server/rpc_check.h"

enum served {
        SERVED_REPLY,  /* the reply (behind its record mark) is complete in out */
        SERVED_AWAY,   /* a reply will come, or none is due */
        SERVED_LATER,  /* not now: show me the same record again when something came home */
        SERVED_CLOSE,  /* this connection can go on no longer */
        SERVED_LAST,   /* as SERVED_REPLY, and nothing else is served on this connection */
        SERVED_PROBED, /* as SERVED_REPLY, and TLS begins behind it (server/conn_tls.h) */
};

/* Appends at most one record to out. */
enum served dispatch_record(struct conn *c, struct bytes record, struct buf *out);

/* The programs; `in` stands at the arguments. They append a reply header and a result. */
enum served program_ni(struct conn *c, const struct rpc_call *rpc, struct xdr_in *in, struct buf *out);
enum served program_binder(struct conn *c, const struct rpc_call *rpc, struct xdr_in *in, struct buf *out);
enum served program_ext(struct conn *c, const struct rpc_call *rpc, struct xdr_in *in, struct buf *out);

/* JOIN, RENEW and AUTHORITY of it (server/authority.h). */
enum served authority_serve(struct conn *c, const struct rpc_call *rpc, struct xdr_in *in, struct buf *out);

/* A read of the extension program whose caller is known now: true when its reply is complete, false when it
 * waits for changes or has left for the pool of long reads. */
bool ext_read(struct conn *c, struct call *call);
/* A CHANGES that waits, once more: true when its reply is complete. over: with or without news. */
bool ext_changes_again(struct call *call, bool over);

/* Where a datagram came from, for an answer that takes time. */
struct datagram_origin {
        int fd;
        const struct msghdr *header; /* as it was received: name, and control that names our own address */
        bool callit;                 /* answered as by a port mapper, and only when it succeeds */
};

/* Datagrams, in the main loop: appends a whole reply, or nothing. d: of a tag's own port, else NULL. */
void dispatch_datagram(struct server *s, struct domain *d, const struct peer *p, struct bytes datagram,
                       const struct datagram_origin *origin, struct arena *a, struct buf *out);
/* Is anything from there looked at? This machine, and the networks that were named. */
bool datagram_is_heard(const struct server *s, const struct peer *p);
/* The binder's procedures that anybody may call, and BIND: for both transports. */
void binder_answer(struct server *s, unsigned slot, const struct rpc_call *rpc,
                   const struct binder_args *args, const struct peer *from, struct arena *a, struct buf *out);
/* In the main loop: REGISTER ... DESTROYDOMAIN; fills the call's reply and sends it home. */
void binder_change(struct note *note, void *server);

/* STATISTICS (protocol.md 2.8) into rq->out: the property list, or only `checksum`. The digest is `*` for who
 * does not see secrets. */
enum ni_status statistics_put(struct worker *w, struct domain *d, const struct dir_request *rq,
                              bool checksum_only);

/* READ and READALL away from the loop (server/long_read.c). False: too much waits. */
bool long_read_submit(struct server *s, struct call *c);

/* -- identity of one call (server/authorize.c) -- */
/* What this connection may see when it reads this domain: superuser and agent see secrets. */
struct caller conn_reader(struct conn *c, struct domain *d);
/* Is the peer a listed replica of this domain, as far as address and port say, or its certificate
 * (doc/replication.md 1)? Inside a read transaction on it. */
bool conn_is_replica(const struct conn *c, struct dir_request *rq);
/* May it use this domain? `trusted_networks` narrows what the configuration allows (protocol.md 3.9). */
bool conn_trusted(struct conn *c, struct domain *d);
/* Only the second half of it. */
bool conn_address_trusted(struct conn *c, struct domain *d);

enum authorized {
        AUTHORIZED,         /* call->caller is set */
        AUTHORIZED_LATER,   /* asks for the name of a uid first: SERVED_LATER */
        AUTHORIZED_AWAY,    /* the password is being checked; goes on in authorize_finish */
        AUTHORIZED_REFUSED, /* *ret_status says why */
};
enum authorized authorize(struct conn *c, struct call *call, const struct rpc_call *rpc,
                          enum ni_status *ret_status);
/* Would authorize() look at a password? Such a write waits until it is alone on its connection. */
bool authorize_needs_password(const struct conn *c, const struct rpc_call *rpc);
/* The password was checked: NI_OK and the caller, or NI_AUTHERROR. */
enum ni_status authorize_finish(struct conn *c, struct call *call);
/* The machine's name for the uid of the socket; false: not known yet, SERVED_LATER. */
bool conn_name_known(struct conn *c);

#endif
