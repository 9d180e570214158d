/* The bytes of a backup (doc/backup-format.md): frames, one hash chain over all of them. What is read may
 * have been written by anybody: everything is bounded and checked. */
#ifndef NETINFO_TOOLS_BACKUP_FILE_H
#define NETINFO_TOOLS_BACKUP_FILE_H

#include "base/siphash.h"
#include "wire/ext.h"

#include <stdio.h>

struct backup_head {
        uint8_t uuid[16];
        struct bytes tag;     /* valid by tag_is_valid */
        uint64_t begun;       /* microseconds since 1970 */
        struct bytes version; /* of the program that wrote it */
};
struct backup_end {
        uint64_t entries, directories;  /* in the file */
        struct ext_status_result state; /* what the backup is exact as of */
};

/* -- writing: sticky, ask backup_ok once at the end -- */
struct backup_writer {
        FILE *out;        /* borrowed */
        struct buf frame; /* the hash before it, head, payload */
        bool failed;
        uint64_t entries, directories;
};
/* Begins the file at the stream's position; also begins it anew after the caller has truncated it. */
void backup_begin(struct backup_writer *w, FILE *out, const struct backup_head *h);
/* Entries go on where the last ones ended. */
void backup_put_entries(struct backup_writer *w, const struct ext_changes_result *r);
/* In ascending order of object numbers. */
void backup_put_nodes(struct backup_writer *w, struct ext_node *nodes, uint32_t n);
/* state: its texts are left out of the file. */
void backup_put_end(struct backup_writer *w, const struct ext_status_result *state);
/* Flushes; false when anything could not be written (errno). The writer's memory is freed. */
bool backup_done(struct backup_writer *w);

/* -- reading -- */
struct backup_sink { /* any may be NULL; false stops the reading. What is given lives until the next call */
        bool (*head)(void *context, const struct backup_head *h);
        bool (*entries)(void *context, const struct ext_entry *e, uint32_t n);
        bool (*nodes)(void *context, const struct ext_node *nodes, uint32_t n);
        void *context;
};
enum backup_outcome { BACKUP_SOUND, BACKUP_BAD, BACKUP_STOPPED };
/* Reads and checks all of it. Only BACKUP_SOUND means that what the sink was given is what was written.
 * *ret_end has no texts. BACKUP_BAD: the reason for the user, with the place, in `why`. */
enum backup_outcome backup_read(FILE *in, const struct backup_sink *sink, struct backup_end *ret_end,
                                char *why, size_t size);

/* Adds the directory's term of the digest (doc/store-format.md, Digest). */
void backup_sum(const struct ext_node *n, struct buf *scratch, struct hash128 *sum);
/* The sum as STATUS gives it. */
void backup_digest(struct hash128 sum, uint8_t to[16]);

#endif
