/* What the doors of the small maps share (doc/snapshot-format.md 12): ask for a key or for the next record,
 * and make the caller's copy of an answer. */
#ifndef NETINFO_NSS_MAP_H
#define NETINFO_NSS_MAP_H

#include "nss/guest.h"

/* A key under construction. Names that are too long for any key are found nowhere. */
struct nss_key {
        uint8_t bytes[SNAP_KEY_MAX];
        size_t len; /* 0: too long */
};

struct nss_key nss_key_name(const char *name);
/* Host names, networks and mail aliases: A-Z as a-z; of a host's name a dot at the end goes. */
struct nss_key nss_key_folded(const char *name, bool host);
struct nss_key nss_key_number(uint32_t number);
struct nss_key nss_key_address(const void *address, size_t len);
/* Appends to a key: the protocol of a service. */
void nss_key_add(struct nss_key *k, const char *text, size_t len);

/* What is left of the caller's buffer. */
struct nss_room {
        char *at;
        size_t left;
};

/* n bytes aligned as `align` (a power of two) says, or NULL: too small. */
void *nss_take(struct nss_room *room, uint64_t n, size_t align);

/* The copy of a record's strings in the caller's buffer; the lists end with NULL. */
struct nss_strings {
        char *name, *extra;
        char **first, **second;
};

/* SUCCESS, TRYAGAIN with ERANGE, or UNAVAIL with EBADMSG: the text does not hold the strings it should. */
enum nss_status nss_copy(struct nss_room *room, const struct snap_map_view *v, struct nss_strings *ret,
                         int *errnop);

/* Makes an answer of a record; SUCCESS, or a failure with its errno. `question` is the caller's. */
typedef enum nss_status nss_answer(const struct snap_map_view *v, void *question, int *errnop);

/* Looks the key up in the live image. What `answer` made while the image was replaced is made again. */
enum nss_status nss_ask(enum snap_kind kind, const struct nss_key *key, nss_answer *answer, void *question,
                        int *errnop);
/* The next record of the thread's enumeration; a failure leaves it where it is. `answer` may say NOTFOUND:
 * then the record is left out. */
enum nss_status nss_next(enum snap_kind kind, nss_answer *answer, void *question, int *errnop);

/* set*ent and end*ent of a map. */
#define NSS_WALK_DOORS(kind, set, end)                     \
        NSS_DOOR enum nss_status _nss_netinfo_##set(int);  \
        NSS_DOOR enum nss_status _nss_netinfo_##end(void); \
        enum nss_status _nss_netinfo_##set(int stayopen)   \
        {                                                  \
                (void)stayopen;                            \
                return nss_walk_begin(kind);               \
        }                                                  \
        enum nss_status _nss_netinfo_##end(void)           \
        {                                                  \
                nss_walk_end(kind);                        \
                return NSS_STATUS_SUCCESS;                 \
        }

#endif
