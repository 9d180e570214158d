#include "wire/binder.h"

bool binder_args_decode(enum nibind_proc proc, struct xdr_in *in, struct binder_args *ret)
{
        struct binder_args r = {0};
        switch (proc) {
        case NIBIND_PROC_ping:
        case NIBIND_PROC_listreg:
        case NIBIND_PROC_COUNT:
                break;
        case NIBIND_PROC_register:
                r.tag = xdr_name(in);
                r.udp_port = xdr_u32(in);
                r.tcp_port = xdr_u32(in);
                break;
        case NIBIND_PROC_unregister:
        case NIBIND_PROC_getregister:
        case NIBIND_PROC_createmaster:
        case NIBIND_PROC_destroydomain:
                r.tag = xdr_name(in);
                break;
        case NIBIND_PROC_createclone:
                r.tag = xdr_name(in);
                r.master_name = xdr_name(in);
                r.master_addr = xdr_u32(in);
                r.master_tag = xdr_name(in);
                break;
        case NIBIND_PROC_bind:
                r.client_addr = xdr_u32(in);
                r.client_tag = xdr_name(in);
                r.tag = xdr_name(in);
                break;
        }
        if (!xdr_ok(in))
                return false;
        *ret = r;
        return true;
}

void binder_args_encode(enum nibind_proc proc, const struct binder_args *args, struct buf *out)
{
        switch (proc) {
        case NIBIND_PROC_ping:
        case NIBIND_PROC_listreg:
        case NIBIND_PROC_COUNT:
                break;
        case NIBIND_PROC_register:
                xdr_put_opaque(out, args->tag);
                xdr_put_u32(out, args->udp_port);
                xdr_put_u32(out, args->tcp_port);
                break;
        case NIBIND_PROC_unregister:
        case NIBIND_PROC_getregister:
        case NIBIND_PROC_createmaster:
        case NIBIND_PROC_destroydomain:
                xdr_put_opaque(out, args->tag);
                break;
        case NIBIND_PROC_createclone:
                xdr_put_opaque(out, args->tag);
                xdr_put_opaque(out, args->master_name);
                xdr_put_u32(out, args->master_addr);
                xdr_put_opaque(out, args->master_tag);
                break;
        case NIBIND_PROC_bind:
                xdr_put_u32(out, args->client_addr);
                xdr_put_opaque(out, args->client_tag);
                xdr_put_opaque(out, args->tag);
                break;
        }
}

static bool has_result(enum nibind_proc proc)
{
        return proc != NIBIND_PROC_ping && proc != NIBIND_PROC_bind;
}

bool binder_result_decode(enum nibind_proc proc, struct xdr_in *in, struct binder_result *ret)
{
        struct binder_result r = {.status = NI_OK};
        if (has_result(proc))
                r.status = (enum ni_status)xdr_u32(in);
        if (proc == NIBIND_PROC_getregister && r.status == NI_OK) {
                r.udp_port = xdr_u32(in);
                r.tcp_port = xdr_u32(in);
        } else if (proc == NIBIND_PROC_listreg && r.status == NI_OK) {
                r.reg_count = xdr_count(in, NI_REGS_MAX, 12);
                for (uint32_t i = 0; i < r.reg_count; i++) {
                        r.regs[i].tag = xdr_name(in);
                        r.regs[i].udp_port = xdr_u32(in);
                        r.regs[i].tcp_port = xdr_u32(in);
                }
        }
        if (!xdr_ok(in))
                return false;
        *ret = r;
        return true;
}

void binder_result_encode(enum nibind_proc proc, const struct binder_result *result, struct buf *out)
{
        if (has_result(proc))
                xdr_put_u32(out, (uint32_t)result->status);
        if (proc == NIBIND_PROC_getregister && result->status == NI_OK) {
                xdr_put_u32(out, result->udp_port);
                xdr_put_u32(out, result->tcp_port);
        } else if (proc == NIBIND_PROC_listreg && result->status == NI_OK) {
                xdr_put_u32(out, result->reg_count);
                for (uint32_t i = 0; i < result->reg_count; i++) {
                        xdr_put_opaque(out, result->regs[i].tag);
                        xdr_put_u32(out, result->regs[i].udp_port);
                        xdr_put_u32(out, result->regs[i].tcp_port);
                }
        }
}
