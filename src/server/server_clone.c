/* Making a clone: by REPLICA of the extension program, or CREATECLONE of the binder (doc/replication.md 1,
 * doc/protocol.md 2.9, 5.2). In the main loop. */
#include "server/replica.h"
#include "server/server.h"
#include "sys/log.h"

#include <stdio.h>

/* Of "10.0.0.1:987", "alpha", "[::1]:987", "/run/netinfo/netinfod.sock": name and IPv4 address for the first
 * directories, which the first copy replaces. */
static void host_of(const char *where, char host[256], char address[16])
{
        uint32_t v4;
        snprintf(host, 256, "%.*s", (int)strcspn(where, where[0] == '[' ? "/" : ":/"), where);
        snprintf(address, 16, "%s", "0.0.0.0"); /* asking the network for it would make the main loop wait */
        if (ipv4_parse(bytes_str(host), &v4))
                snprintf(address, 16, "%.15s", host);
        if (!host[0])
                snprintf(host, 256, "localhost");
}

enum ni_status server_create_clone(struct server *s, struct bytes tag, const struct store_origin *origin,
                                   const char *host, const char *address)
{
        char its_host[256], its_address[16];
        const char *slash = strrchr(origin->where, '/');
        if (bytes_eq_str(tag, "local")) /* always a master (protocol.md 5.1) */
                return NI_BADOP;
        host_of(origin->where, its_host, its_address);
        const struct domain_first first = {.origin = origin,
                                           .host = host[0] ? host : its_host,
                                           .address = address[0] ? address : its_address,
                                           .tag = slash ? slash + 1 : ""};
        return server_create_with(s, tag, &first);
}

void server_make_clone(struct note *note, void *server)
{
        struct call *call = (struct call *)((char *)note - offsetof(struct call, note));
        const struct ext_replica_args *a = &call->args.replica;
        struct store_origin o = {.kind = a->flags & EXT_REPLICA_HISTORICAL ? STORE_ORIGIN_COPY
                                                                           : STORE_ORIGIN_ASK};
        struct server *s = server;
        snprintf(o.where, sizeof(o.where), "%.*s", BYTES_FMT(a->where));
        const enum ni_status st = server_create_clone(s, a->tag, &o, "", "");
        log_event(LOG_LEVEL_NOTICE, "replica-created", "tag=%.*s master=%s from=\"%s\" status=%d",
                  BYTES_FMT(a->tag), o.where, call->from, (int)st);
        if (st == NI_OK)
                call->domain = registry_find(&s->registry, a->tag);
        struct ext_replica_result r;
        struct store_txn *t = call->domain ? domain_read_begin(call->domain, SLOT_MAIN) : NULL;
        if (t) {
                replica_show(call->domain, t, true, &call->arena, &r);
                domain_read_end(call->domain, SLOT_MAIN);
                call_reply_begin(call);
                ext_replica_encode(&r, &call->reply);
                call_reply_end(call);
        } else {
                call_refuse(call, st == NI_OK ? NI_SYSTEMERR : st);
        }
        call_send_home(call);
}
