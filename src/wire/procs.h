/* The procedures of NetInfo's three RPC programs (doc/protocol.md 2.4, 2.9; doc/extension-program.md). One
 * line per procedure; enums, dispatch rows, counters and tests come from these tables. */
#ifndef NETINFO_WIRE_PROCS_H
#define NETINFO_WIRE_PROCS_H

#define NI_PROGRAM      200100000u /* 0x0BED48A0 */
#define NI_VERSION      2u
#define NIBIND_PROGRAM  200100001u /* 0x0BED48A1 */
#define NIBIND_VERSION  1u
#define NIEXT_PROGRAM   0x20000987u /* of RFC 5531's range for local definitions */
#define NIEXT_VERSION   1u
#define NI_DEFAULT_PORT 987u
#define NI_LOCAL_PORT   1033u

/* number, name, shape of the arguments, shape of the result, kind (READ, WRITE, CONTROL), answered on UDP too
 */
#define NI_PROCS(X)                                    \
        X(0, ping, none, none, CONTROL, 1)             \
        X(1, statistics, none, statistics, CONTROL, 0) \
        X(2, root, none, id, READ, 0)                  \
        X(3, self, id, id, READ, 0)                    \
        X(4, parent, id, parent, READ, 0)              \
        X(5, create, create, create, WRITE, 0)         \
        X(6, destroy, destroy, id, WRITE, 0)           \
        X(7, read, id, proplist, READ, 0)              \
        X(8, write, stuff, id, WRITE, 0)               \
        X(9, children, id, children, READ, 0)          \
        X(10, lookup, lookup, lookup, READ, 0)         \
        X(11, list, name, list, READ, 0)               \
        X(12, createprop, createprop, id, WRITE, 0)    \
        X(13, destroyprop, prop, id, WRITE, 0)         \
        X(14, readprop, prop, namelist, READ, 0)       \
        X(15, writeprop, writeprop, id, WRITE, 0)      \
        X(16, renameprop, propname, id, WRITE, 0)      \
        X(17, listprops, id, namelist, READ, 0)        \
        X(18, createname, createname, id, WRITE, 0)    \
        X(19, destroyname, nameindex, id, WRITE, 0)    \
        X(20, readname, nameindex, readname, READ, 0)  \
        X(21, writename, writename, id, WRITE, 0)      \
        X(22, rparent, none, rparent, CONTROL, 0)      \
        X(23, listall, id, listall, READ, 0)           \
        X(24, bind, binding, none, CONTROL, 1)         \
        X(25, readall, checksum, readall, CONTROL, 0)  \
        X(26, crashed, checksum, none, CONTROL, 0)     \
        X(27, resync, none, status, CONTROL, 0)        \
        X(28, lookupread, lookup, proplist, READ, 0)

#define NIBIND_PROCS(X)                         \
        X(0, ping, none, none, 1)               \
        X(1, register, registration, status, 0) \
        X(2, unregister, tag, status, 0)        \
        X(3, getregister, tag, addrinfo, 1)     \
        X(4, listreg, none, registrations, 1)   \
        X(5, createmaster, tag, status, 0)      \
        X(6, createclone, clone, status, 0)     \
        X(7, destroydomain, tag, status, 0)     \
        X(8, bind, bind, none, 1)

#define NIEXT_PROCS(X) \
        X(0, null)     \
        X(1, status)   \
        X(2, changes)  \
        X(3, snapshot) \
        X(4, edit)     \
        X(5, search)   \
        X(6, history)  \
        X(7, select)   \
        X(8, replica)  \
        X(16, login)   \
        X(17, join)    \
        X(18, renew)   \
        X(19, authority)

enum ni_proc {
#define X(n, name, args, result, kind, udp) NI_PROC_##name = n,
        NI_PROCS(X)
#undef X
                NI_PROC_COUNT = 29
};

enum nibind_proc {
#define X(n, name, args, result, udp) NIBIND_PROC_##name = n,
        NIBIND_PROCS(X)
#undef X
                NIBIND_PROC_COUNT = 9
};

enum niext_proc {
#define X(n, name) NIEXT_PROC_##name = n,
        NIEXT_PROCS(X)
#undef X
                NIEXT_PROC_COUNT = 20 /* 9 to 15 are free */
};

#endif
