/* What the agent knows of a domain, on disk, so that a restart forgets nothing while no server answers: a
 * file for each level, a whole table and the changes since (doc/agent.md "What is kept"). */
#ifndef NETINFO_AGENT_KEEP_H
#define NETINFO_AGENT_KEEP_H

#include "agent/servers.h"
#include "agent/table.h"

struct keep_head {
        uint8_t uuid[16];
        uint64_t epoch, seq;  /* of the table */
        struct server server; /* that told of it */
};

struct keep_limits {
        uint32_t directories;
        uint64_t bytes;
        const char *folder; /* where the table keeps properties (table.h); NULL: in memory */
};

/* Reads the bytes of a file, which may be anybody's. False: they are no whole table, or one over the limits.
 * *ret_table: the table with all changes that follow it soundly, settled; *ret_head.seq is that of the last
 * one. *ret_good: so many bytes hold them; *ret_sum: for appending to these. */
bool keep_parse(struct bytes file, const struct keep_limits *l, struct keep_head *ret_head,
                struct table **ret_table, size_t *ret_good, uint64_t *ret_sum);
/* Appends a frame of `kind` with this payload (a multiple of 4 bytes) behind one whose sum is `before` (of
 * the first one: KEEP_FIRST); gives its sum. */
uint64_t keep_frame(struct buf *out, uint64_t before, uint32_t kind, struct bytes payload);
#define KEEP_MAGIC "NIKEEP1\n"
#define KEEP_FIRST 0x4e494b4545503101u
enum keep_kind { KEEP_HEAD = 1, KEEP_NODES, KEEP_END, KEEP_CHANGES };

struct keep;

/* The file of a level in a folder that exists; "" or NULL: nothing is kept. NULL: no memory. */
struct keep *keep_open(const char *folder, unsigned level);
void keep_close(struct keep *k);
/* What the file holds, if anything; afterwards changes can be appended. 0; ENOENT; EBADMSG (damaged, or over
 * the limits); another errno. */
int keep_read(struct keep *k, const struct keep_limits *l, struct keep_head *ret_head,
              struct table **ret_table);
/* Replaces the file by this table: written aside, forced to the disk, renamed. 0 or errno; the old file stays
 * then, without what follows. */
int keep_write(struct keep *k, const struct keep_head *head, const struct table *t);
/* Changes that the table has taken over since. When that fails the file ends with what it had, and nothing is
 * appended until the next keep_write. 0 or errno. */
int keep_append(struct keep *k, const struct ext_changes_result *r);
/* Is it time to write the table anew: nothing can be appended, or what was appended is more than the table?
 */
bool keep_is_due(const struct keep *k);
/* The domain is followed no more. */
void keep_remove(struct keep *k);

#endif
