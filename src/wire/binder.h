/* Arguments and results of the binder, program 200100001 version 1 (doc/protocol.md 2.9). */
#ifndef NETINFO_WIRE_BINDER_H
#define NETINFO_WIRE_BINDER_H

#include "netinfo/status.h"
#include "wire/procs.h"
#include "xdr/prop.h"

struct binder_args {
        struct bytes tag; /* REGISTER, UNREGISTER, GETREGISTER, CREATEMASTER, CREATECLONE, DESTROYDOMAIN;
                             BIND: server_tag */
        uint32_t udp_port, tcp_port;          /* REGISTER */
        struct bytes master_name, master_tag; /* CREATECLONE */
        uint32_t master_addr;
        uint32_t client_addr; /* BIND */
        struct bytes client_tag;
};

struct binder_registration {
        struct bytes tag;
        uint32_t udp_port, tcp_port;
};

struct binder_result {
        enum ni_status status;
        uint32_t udp_port, tcp_port;                  /* GETREGISTER */
        struct binder_registration regs[NI_REGS_MAX]; /* LISTREG */
        uint32_t reg_count;
};

bool binder_args_decode(enum nibind_proc proc, struct xdr_in *in, struct binder_args *ret);
void binder_args_encode(enum nibind_proc proc, const struct binder_args *args, struct buf *out);
bool binder_result_decode(enum nibind_proc proc, struct xdr_in *in, struct binder_result *ret);
void binder_result_encode(enum nibind_proc proc, const struct binder_result *result, struct buf *out);

#endif
