/* The other side of the differential test: stubs made by rpcgen from doc/netinfo.x and doc/netinfo-ext.x,
 * running on libtirpc. They live in a library of their own, because libtirpc and our codec share names
 * (xdr_bool, xdr_opaque). Types of ours come in and bytes go out. */
#ifndef NETINFO_TESTS_THEIRS_H
#define NETINFO_TESTS_THEIRS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define THEIRS __attribute__((visibility("default")))

/* A message type of theirs: one per procedure and direction. */
enum theirs_what {
        THEIRS_NI_ARGS,       /* value: struct ni_args */
        THEIRS_NI_RESULT,     /* struct ni_result */
        THEIRS_BINDER_ARGS,   /* struct binder_args */
        THEIRS_BINDER_RESULT, /* struct binder_result */
        THEIRS_EXT_ARGS,      /* struct bytes (tag), ext_changes_args, ext_snapshot_args, ext_edit_args */
        THEIRS_EXT_RESULT,    /* uint32_t (SELECT), ext_status_result, ext_changes_result, ... */
};

/* Copies our value field by field into their struct and lets them encode it. Bytes written, or SIZE_MAX when
 * they refuse. */
THEIRS size_t theirs_encode(enum theirs_what what, unsigned proc, const void *value, uint8_t *to,
                            size_t room);
/* Lets them decode n bytes and encode what they found. Bytes written, or SIZE_MAX when they do not decode or
 * do not read all of it. */
THEIRS size_t theirs_recode(enum theirs_what what, unsigned proc, const uint8_t *from, size_t n, uint8_t *to,
                            size_t room);

/* Call and reply headers, by xdr_callmsg, xdr_authunix_parms and xdr_replymsg. */
struct theirs_call {
        uint32_t xid, program, version, procedure;
        bool sys; /* AUTH_SYS with what follows, else AUTH_NONE */
        uint32_t stamp, uid, gid, gids[16], gid_count;
        char machine[256];
};
struct theirs_reply {
        uint32_t xid, denied, stat, auth_stat, low, high;
};
THEIRS size_t theirs_call_encode(const struct theirs_call *c, uint8_t *to, size_t room);
THEIRS bool theirs_call_decode(const uint8_t *from, size_t n, struct theirs_call *ret);
THEIRS size_t theirs_reply_encode(const struct theirs_reply *r, uint8_t *to, size_t room);
THEIRS bool theirs_reply_decode(const uint8_t *from, size_t n, struct theirs_reply *ret);

#endif
