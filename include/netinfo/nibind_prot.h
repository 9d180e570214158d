/* Numbers of the NetInfo binder (doc/protocol.md 2.9). */
#ifndef NETINFO_NIBIND_PROT_H
#define NETINFO_NIBIND_PROT_H

#include <netinfo/ni_prot.h>

#define NIBIND_PROG 200100001
#define NIBIND_VERS 1

#ifdef __cplusplus
extern "C" {
#endif

typedef struct nibind_addrinfo {
        unsigned int udp_port;
        unsigned int tcp_port;
} nibind_addrinfo;

typedef struct nibind_registration {
        ni_name tag;
        nibind_addrinfo addrs;
} nibind_registration;

#ifdef __cplusplus
}
#endif

#endif
