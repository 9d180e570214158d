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
        1000u /* operations in one atomic EDIT (decision 18): one LMDB transaction stays short */
/* One EDIT keeps the writer to itself, so it may not read and rewrite more bytes of properties than this
 * (1,000 changes of a group of 4,000), visit more children for its unindexed assertions than the largest
 * directory has, or remove more directories: what they held is one journal entry. */
#define LIMIT_EDIT_BYTES   (64u << 20)
#define LIMIT_EDIT_SCAN    NI_CHILDREN_MAX
#define LIMIT_EDIT_DESTROY 65536u
#define LIMIT_CHANGES      4096u /* entries in one CHANGES reply; LIMIT_CALL bytes usually end it before */
/* One page of SEARCH or HISTORY ends after so much work, hits or none, and says where to go on. */
#define LIMIT_SEARCH_VISIT      65536u      /* directories */
#define LIMIT_SEARCH_BYTES      (64u << 20) /* bytes of properties, once for each condition */
#define LIMIT_SEARCH_CONDITIONS 16u
#define LIMIT_SEARCH_DEPTH      256u   /* levels below the directory searched: the length of a cursor */
#define LIMIT_HISTORY_VISIT     16384u /* journal entries */
#define LIMIT_ENTRY                                                                                        \
        (48u << 20) /* journal bytes of one change: the largest node before and after; fits in LIMIT_REPLY \
                     */
#define LIMIT_ENTRY_RECORDS \
        262144u /* directories one change may touch: decoded, they fit in LIMIT_ARENA beside the rest */
#define LIMIT_WHO 255u /* bytes of an actor's name in the journal */
#define LIMIT_BACKUP_FRAME \
        (64u << 20) /* one frame of a backup: a reply of CHANGES or SNAPSHOT as it came (LIMIT_REPLY) */

/* -- who a machine or a user is (doc/tls.md) -- */
#define LIMIT_MACHINE_NAME 63u     /* bytes of an enrolled machine's name: one label of a host name */
#define LIMIT_REQUEST      8192u   /* bytes of a certificate or a request for one: of a P-256 key, 0.5 KiB */
#define LIMIT_PASSWORD     512u    /* bytes of a password; libcrypt takes as many */
#define LIMIT_LEDGER       100000u /* lines of the authority's ledger: written anew, 30 MB, by each join */
#define LIMIT_LEDGER_LINES 1000u   /* of it, in one reply: about 256 KiB */
#define LIMIT_LEDGER_LINE  2048u   /* bytes of one: its longest part is `domains`, LIMIT_WHERE */

/* -- replication (doc/replication.md) -- */
#define LIMIT_OWN_FILE (64u << 20) /* bytes of a machine's own passwd or group file: a million accounts */
#define LIMIT_MAP_NAME \
        500u /* bytes of a name in hosts, services ...: DNS allows 255, a key in an image 1,024 */
#define LIMIT_PROTOCOL 100u /* bytes of a protocol's name, which stands in such a key, too */
#define LIMIT_TRIPLE                                                                           \
        1000u /* bytes of "(host,user,domain)": innetgr has 1,024, and stops at what is longer \
               */
/* What one record multiplies in a map (names x protocols, names x netgroups), and what a map holds in all: a
 * site has some thousand hosts with a few names each. */
#define LIMIT_MAP_NAMES   1000u
#define LIMIT_MAP_VALUES  64u
#define LIMIT_MAP_KEYS    8000000u /* of one image: 0.5 GB */
#define LIMIT_MAP_MEMBERS 2000000u /* of all netgroups that are united of their members */
#define LIMIT_WHERE       1023u /* bytes of a place: two host names of 255, port, tag, and room for words */
#define LIMIT_PUSHED      64u   /* historical clones that a master pushes to: each has a thread */
#define LIMIT_PUSH        (64u << 20) /* bytes of calls queued for them: a busy day; who lacks more reads all */
#define LIMIT_OLD_REPLY   LIMIT_REPLY /* bytes of a historical master's READALL: half a million users */

/* -- databases of old servers, read whole into memory (src/nidb) -- */
#define LIMIT_NIDB_BYTES (1u << 30) /* bytes of all files: some three million users */
#define LIMIT_NIDB_FILES 65536u     /* one for each directory that did not fit in its slot, and a few */

/* -- ports: lists that an administrator imports, and the table made of them
 * ---------------------------------------- */
#define LIMIT_PORT_FILE  (64u << 20) /* bytes of one list: IANA's XML of 2026 has 6 MB */
#define LIMIT_PORT_ROWS  500000u     /* rows of one edition: IANA's of 2026 has 14,533 */
#define LIMIT_PORT_FIELD 65535u      /* bytes of one field: IANA's longest note has 1.5 KB */
#define LIMIT_PORT_FILES 4096u       /* files of a folder of editions: 522 are known */
/* Claims, sources and services with programs of one site that an answer takes in: every port once. */
#define LIMIT_PORT_SITE  65536u
#define LIMIT_PORT_RPC   4096u /* registrations with the port mapper of a machine: NFS makes some 30 */
#define LIMIT_PORT_DEPTH 32u   /* nested elements of an XML list: IANA's has 4 */

/* -- server: what the connections of strangers may cost (doc/server.md) -- */
#define LIMIT_CONNECTIONS 4096u /* default of `connections`; less when the descriptors do not reach */
#define LIMIT_PER_SOURCE  1024u /* default of `connections_per_source`: a host with many users behind it */
/* Connections from elsewhere that have not shown yet who they are (doc/tls.md 2.4): of all, and of one
 * source; less where few connections are allowed. A class room that comes back at once finishes within a
 * second. */
#define LIMIT_STRANGERS        256u
#define LIMIT_STRANGERS_SOURCE 32u
#define LIMIT_STRANGER_CALL    4096u       /* bytes of what they say in clear text, to be told "too weak" */
#define LIMIT_NOBODY_CALL      (16u << 10) /* of one call of who is inside TLS as nobody: JOIN has the longest */
#define LIMIT_HANDSHAKE_TIME   10u         /* seconds from the beginning to the end of a handshake */
#define LIMIT_NOBODY_TIME      60u         /* seconds inside TLS as nobody: somebody types a password */
/* Handshakes that a source may begin at once, and milliseconds for one more: each costs 0.5 ms, so that a
 * source has at most some hundredth of a processor. Who has none left waits. */
#define LIMIT_HANDSHAKES   64u
#define LIMIT_HANDSHAKE_MS 50u
#define LIMIT_LOGIN_MS     300u /* a refused LOGIN is answered after a multiple of this */
#define LIMIT_DESCRIPTORS                                                                                   \
        128u                   /* descriptors kept free for stores, spools, configuration and a last socket \
                                */
#define LIMIT_IDLE        900u /* seconds without a call, then closed; historical peers reconnect (9 #18) */
#define LIMIT_STALL       35u  /* seconds without progress in half a record or an unread reply (3.4) */
#define LIMIT_RECORD_TIME 300u /* seconds for one whole record: 4 MiB at 14 KB/s */
#define LIMIT_READ        (64u << 10)  /* bytes taken from a connection at once */
#define LIMIT_SLICE_CALLS 64u          /* calls of one connection, then the others of the same worker */
#define LIMIT_SLICE_US    250u         /* or so long */
#define LIMIT_UNREAD      (256u << 10) /* bytes of replies somebody may leave unread and still be served */
#define LIMIT_BUFFERED    (512u << 20) /* bytes in all connections' buffers: then the largest one is closed */
#define LIMIT_AWAY        64u          /* calls of one connection at the writer or a pool */
#define LIMIT_AWAY_BYTES                                                                                     \
        (16u << 20)                    /* and their bytes: four of the largest; ni import sends 12 MiB ahead \
                                        */
#define LIMIT_QUEUED      (256u << 20) /* bytes waiting for the writers of all domains: then MASTERBUSY */
#define LIMIT_BATCH       512u         /* requests in one commit, so that the first does not wait for ever */
#define LIMIT_BATCH_BYTES (16u << 20)  /* bytes of arguments in one commit */
#define LIMIT_LONG_READ   1024u       /* children: a longer list is put together outside the workers' loops */
#define LIMIT_POOL        256u        /* tasks waiting for a pool of threads */
#define LIMIT_POOL_BYTES  (64u << 20) /* and their arguments: sixteen of the largest calls */
/* Full transfers in files at once: of all callers; kept for replicas and the superuser; of one other source.
 */
#define LIMIT_SPOOLS        16u
#define LIMIT_SPOOLS_KEPT   8u
#define LIMIT_SPOOLS_SOURCE 4u
/* One has to be taken at this speed on the average, after a while at the start: who trickles holds no place.
 */
#define LIMIT_SPOOL_GRACE       30u         /* seconds */
#define LIMIT_SPOOL_SPEED       (64u << 10) /* bytes a second: an old machine's Ethernet, with room */
#define LIMIT_READ_MS           5000u       /* one read transaction, at the very most (decision 14) */
#define LIMIT_SPOOL_TIME        600u        /* seconds for sending one: 1,000,000 users at 1 MB/s */
#define LIMIT_WAIT_MS           30000u      /* a CHANGES may wait so long (decision 2) */
#define LIMIT_FOREIGN           64u         /* tags of other servers registered with our binder */
#define LIMIT_CONFIG            (1u << 20)  /* bytes of a configuration file */
#define LIMIT_INHERITED         64u /* sockets from a service manager: a few addresses, and some tags' ports */
#define LIMIT_DATAGRAMS         64u    /* taken from one UDP socket at once */
#define LIMIT_PASSWORD_CACHE    1024u  /* remembered right passwords */
#define LIMIT_PASSWORD_MS       60000u /* for so long (decision 5) */
#define LIMIT_PENALTY_SLOTS     4096u  /* sources and uids with a memory of wrong passwords; a power of two */
#define LIMIT_PENALTY_PAIR      10u    /* failures of a uid from a source at once: more than a typing human */
#define LIMIT_PENALTY_SOURCE    50u    /* of a source over all uids: a class room behind one address */
#define LIMIT_PENALTY_PAIR_MS   10000u /* after which one failure is forgotten: 8,640 guesses a day */
#define LIMIT_PENALTY_SOURCE_MS 2000u  /* the same for a source */

/* -- TLS (doc/tls.md) -- */
#define LIMIT_TLS_FILE      (64u << 10) /* bytes of a file with a key or certificate: ours have under 1 KB */
#define LIMIT_TLS_KEYS      8u /* keys in machine.key: two while it is renewed, one more for each crash */
#define LIMIT_TLS_HANDSHAKE (64u << 10) /* bytes received before a handshake is done: ours take 2 KB */
#define LIMIT_TLS_CHAIN     (16u << 10) /* of certificates among them: two of 500 bytes */
#define LIMIT_TLS_NAMES     16u         /* names in a stranger's certificate: ours have two */
#define LIMIT_TLS_CONTROL   32u /* records in a row that hold no data: new keys, seldom, one at a time */

/* -- binding (doc/binding.md): what a database, a DHCP server or a machine's interfaces may make us ask -- */
#define LIMIT_PARENTS           32u  /* candidates for a domain's parent */
#define LIMIT_PARENT_INTERFACES 16u  /* interfaces looked at */
#define LIMIT_PARENT_TARGETS    128u /* pairs of both: datagrams of one round */
#define LIMIT_PARENT_SERVERS    64u  /* servers of the own domain, which are no parents */
#define LIMIT_FORWARDS                                                                                      \
        64u                /* questions of strangers that wait for another server of this machine, 2 s each \
                            */
#define LIMIT_CONTROL 128u /* bytes that say at which of our addresses a datagram came */
#define LIMIT_PARENT_PROBES \
        16u /* questions to candidates inside TLS at once: a domain asks one each 0.5 s, for 2 s */
#define LIMIT_PARENT_REFUSED 16u /* servers remembered because they would make a loop */

#endif
