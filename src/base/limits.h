/* Every limit that a stranger can push against, with its reason. doc/sizes.md explains them to
 * administrators. */
#ifndef NETINFO_BASE_LIMITS_H
#define NETINFO_BASE_LIMITS_H

/* -- the protocol's own (doc/protocol.md 2.2): a peer may rely on them
 * ------------------------------------------- */
#define NI_NAME_MAX     65535u   /* bytes of one name or value */
#define NI_VALUES_MAX   65535u   /* values of one property */
#define NI_PROPS_MAX    65535u   /* properties of one directory */
#define NI_CHILDREN_MAX 1048576u /* children of one directory, entries of one list */
#define NI_REGS_MAX     32u      /* registrations in one LISTREG reply */
#define NI_UDP_MAX      8800u    /* bytes of one datagram */

/* -- ours: chosen so that the largest honest use fits with room
 * ---------------------------------------------------- */
#define LIMIT_NODE (16u << 20) /* encoded properties of one directory: a group of 1,000,000 members fits */
#define LIMIT_CALL \
        (4u << 20) /* one call we accept (protocol.md 2.2 suggests it): an edit of 1,000 users is 0.4 MiB */
#define LIMIT_REPLY (64u << 20) /* one reply we parse or send in memory: LIST of a million children */
/* A record may have LIMIT_FRAGMENTS fragments and one more for every LIMIT_FRAGMENT_MEAN bytes: historical
 * peers send pieces of 1020 bytes however long the record is, and a stranger's empty fragments must not go on
 * for ever. */
#define LIMIT_FRAGMENTS     1024u
#define LIMIT_FRAGMENT_MEAN 512u
#define LIMIT_CRED          400u /* bytes of a credential or verifier body (RFC 5531 section 8.2) */
#define LIMIT_GROUPS \
        17u /* gids of AUTH_SYS: 16 by RFC 5531, historical servers accept 17 (protocol.md 2.10) */
#define LIMIT_MACHINE 255u        /* bytes of AUTH_SYS' machine name */
#define LIMIT_ARENA   (64u << 20) /* memory one request may take while it is worked on */
#define LIMIT_TAG     64u         /* bytes of a domain's tag (protocol.md 2.9) */
#define LIMIT_DOMAINS 64u         /* domains in one server: each holds an LMDB environment and two sockets */
#define LIMIT_DEPTH   32u         /* levels from local to root (protocol.md 4.6) */
#define LIMIT_PATH    65535u      /* bytes of a directory path that a user types */
#define LIMIT_EDIT_OPS \
        1000u          /* operations in one atomic EDIT (decision 18): one LMDB transaction stays short */
#define LIMIT_WHO 255u /* bytes of an actor's name in the journal */

/* -- ports: lists that an administrator imports, and the table made of them
 * ---------------------------------------- */
#define LIMIT_PORT_FILE  (64u << 20) /* bytes of one list: IANA's XML of 2026 has 6 MB */
#define LIMIT_PORT_ROWS  500000u     /* rows of one edition: IANA's of 2026 has 14,533 */
#define LIMIT_PORT_FIELD 65535u      /* bytes of one field: IANA's longest note has 1.5 KB */
#define LIMIT_PORT_FILES 4096u       /* files of a folder of editions: 522 are known */
#define LIMIT_PORT_DEPTH 32u         /* nested elements of an XML list: IANA's has 4 */

#endif
