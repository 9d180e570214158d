/* Status codes of NetInfo (doc/protocol.md 2.3) and their words (doc/tools.md 1.6). */
#ifndef NETINFO_STATUS_H
#define NETINFO_STATUS_H

#ifdef __cplusplus
extern "C" {
#endif

#define NI_STATUSES(X)                                                      \
        X(NI_OK, 0, "Operation succeeded")                                  \
        X(NI_BADID, 1, "ID is invalid")                                     \
        X(NI_STALE, 2, "Write attempted on stale version of object")        \
        X(NI_NOSPACE, 3, "No space available for write operation")          \
        X(NI_PERM, 4, "Permission denied")                                  \
        X(NI_NODIR, 5, "No such directory")                                 \
        X(NI_NOPROP, 6, "No such property")                                 \
        X(NI_NONAME, 7, "No such name")                                     \
        X(NI_NOTEMPTY, 8, "Cannot delete name object with children")        \
        X(NI_UNRELATED, 9, "Object is not child of parent: cannot destroy") \
        X(NI_SERIAL, 10, "Serialization error")                             \
        X(NI_NETROOT, 11, "Hit network root domain")                        \
        X(NI_NORESPONSE, 12, "No response from remote parent")              \
        X(NI_RDONLY, 13, "No writes allowed: all objects are read-only")    \
        X(NI_SYSTEMERR, 14, "Remote system error")                          \
        X(NI_ALIVE, 15, "Can't regenerate: already in use")                 \
        X(NI_NOTMASTER, 16, "Operation makes no sense on clone")            \
        X(NI_CANTFINDADDRESS, 17, "Can't find address of server")           \
        X(NI_DUPTAG, 18, "Duplicate domain tag: can't serve it")            \
        X(NI_NOTAG, 19, "No such tag")                                      \
        X(NI_AUTHERROR, 20, "Authentication error")                         \
        X(NI_NOUSER, 21, "No such user")                                    \
        X(NI_MASTERBUSY, 22, "Master server is busy")                       \
        X(NI_INVALIDDOMAIN, 23, "Invalid domain")                           \
        X(NI_BADOP, 24, "Invalid operation on master")                      \
        X(NI_FAILED, 9999, "Communication failure")

typedef enum ni_status {
#define X(name, number, text) name = number,
        NI_STATUSES(X)
#undef X
} ni_status;

#ifdef __cplusplus
}
#endif

#endif
