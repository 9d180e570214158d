/* Makes snapshot images and publishes them, all maps of one generation at once (doc/snapshot-format.md). Not
 * thread-safe: one builder, and one publication per folder, at a time (a lock on the control file keeps a
 * second process out).
 *
 *      snap_builder_new(SNAP_PASSWD, &users);
 *      snap_add_user(users, &ada);                        ... in rank order
 *      struct snap_publication p = {.folder = SNAP_LIVE, .durable = SNAP_DURABLE, .map[SNAP_PASSWD] = users,
 * ...}; err = snap_publish(&p, &report); snap_builder_free(users);
 */
#ifndef NETINFO_SNAPSHOT_WRITER_H
#define NETINFO_SNAPSHOT_WRITER_H

#include "base/bytes.h"
#include "snapshot/format.h"

#include <sys/types.h>

/* -- records
 * ------------------------------------------------------------------------------------------------------- All
 * byte strings are borrowed for the call only. No string may hold a NUL, ':' or a newline; a name is not
 * empty; a member holds no ','. The rules of doc/resolution.md 10.1 (merging groups) and 10.2 (which records
 * may be published at all) are the caller's. */
struct snap_user {
        const struct bytes *names; /* the first is pw_name, the others are found by name only */
        size_t name_count;         /* >= 1 */
        uint32_t uid, gid;
        bool has_hash;  /* pw_passwd: "x", or "*" when no hash exists */
        bool enumerate; /* false: found by name and number, never listed */
        bool gone;      /* only in a delta: see snap_builder_delta; gecos, dir and shell may be empty */
        struct bytes gecos, dir, shell;
};

struct snap_group {
        const struct bytes *names;
        size_t name_count;
        uint32_t gid;
        bool has_hash;
        bool enumerate;
        bool gone;
        const struct bytes *members; /* gr_mem, in this order; the membership index is made from it */
        size_t member_count;
};

struct snap_shadow {
        const struct bytes *names;
        size_t name_count;
        bool enumerate;
        bool gone;
        struct bytes hash; /* sp_pwdp as it shall be answered: a hash, "*", "!" ... */
        int64_t last_change, min, max, warn, inactive, expire; /* days; -1: none */
        uint64_t flag;
};

/* A record of a map image: what each map keeps where, and its keys, say doc/snapshot-format.md 12. No string
 * holds a NUL or a newline; the name is not empty. */
struct snap_map_record {
        struct bytes name, extra;
        const struct bytes *first, *second; /* the two lists */
        size_t first_count, second_count;
        uint32_t number;
        const uint8_t *addresses4, *addresses16; /* 4 and 16 bytes each; at most 65,535 of both */
        size_t addresses4_count, addresses16_count;
        const struct bytes *keys; /* with the byte of their space; keys[0] is the one by which it is listed */
        size_t key_count;         /* >= 1 */
};

/* -- builder
 * ------------------------------------------------------------------------------------------------------- */
struct snap_builder;

/* What became of the records (for logs and `ni doctor`). */
struct snap_counts {
        uint32_t records; /* in the image: each wins at least one of its keys */
        uint32_t listed;  /* of these, in the enumeration */
        uint32_t lost; /* left out: earlier records have all their keys (their memberships count nevertheless)
                        */
        uint32_t shadowed; /* in the image, but at least one key belongs to an earlier record */
        uint32_t gone;     /* of `records`; they count neither as lost nor as shadowed */
};

/* 0 or ENOMEM. The caller frees *ret_builder. */
int snap_builder_new(enum snap_kind kind, struct snap_builder **ret_builder);
/* NULL is fine. */
void snap_builder_free(struct snap_builder *b);

/* Lets this new builder make its image in a file without a name in the folder: what it takes is not the
 * process' own memory. When the file cannot grow, it goes on in memory. 0 or errno: then it is in memory from
 * the start.
 */
int snap_builder_in_file(struct snap_builder *b, const char *folder);

/* Makes a delta of this new builder: an image that lies upon another one, whose header has this generation
 * and sum (doc/snapshot-format.md 11). Records are those that changed or came, and then, marked `gone`, those
 * of the base that changed or went: keys that no record before them has lead nowhere. Group lists are not
 * made from the members of the groups that are here: snap_add_gids says those that change. */
void snap_builder_delta(struct snap_builder *b, uint64_t base_generation, uint64_t base_sum);
/* A user's group list in a delta of groups: `n` distinct gids in rank order; n 0: in no group any more. Each
 * name once. 0, EINVAL (no delta of groups, or a bad name) or ENOMEM. */
int snap_add_gids(struct snap_builder *b, struct bytes name, const uint32_t *gids, size_t n);

/* A name or number that more than one record of the finished image has, as its hash with the image's
 * key (snapshot/hash.h). Who changes a record with such a key has to build anew. */
#define SNAP_CONTESTED_MAX 4096u /* beyond that nobody keeps count: *ret_all is false */
const uint64_t *snap_builder_contested(const struct snap_builder *b, size_t *ret_count, bool *ret_all);

/* Records are added in rank order (doc/resolution.md 10.1): the first that has a name, an alias or a number
 * wins that key; a record that lost its first name is not listed. 0; EINVAL: the record breaks a rule above,
 * or the builder is of another kind, or already built; E2BIG: its text is longer than SNAP_TEXT_MAX (groups:
 * and maps: SNAP_GROUP_MAX), or a key than SNAP_KEY_MAX, or the image than SNAP_SIZE_MAX; ENOMEM. After
 * EINVAL and E2BIG the builder is as it was, and may go on. */
int snap_add_user(struct snap_builder *b, const struct snap_user *user);
int snap_add_group(struct snap_builder *b, const struct snap_group *group);
int snap_add_shadow(struct snap_builder *b, const struct snap_shadow *shadow);
int snap_add_map(struct snap_builder *b, const struct snap_map_record *record);

/* Finishes the image; snap_publish does this itself. The bytes are borrowed until snap_builder_free. May be
 * called again with another generation. 0, ENOMEM, or E2BIG. */
int snap_build(struct snap_builder *b, uint64_t generation, struct bytes *ret_image);
/* Zeros before the image was built. */
struct snap_counts snap_builder_counts(const struct snap_builder *b);

/* -- publishing
 * ----------------------------------------------------------------------------------------------------- */
struct snap_publication {
        const char *folder;  /* exists, belongs to this process' user; the caller makes it (0755) */
        const char *durable; /* second copy, written with fsync; NULL: none. Its failure does not undo the
                                first: see the report */
        struct snap_builder *map[SNAP_KINDS]; /* NULL: this map is unchanged (its present files are linked),
                                                 or absent when there was none. A delta: its base is the
                                                 whole image of the map that is live now */
        unsigned ready;      /* bits 1 << kind: the image that snap_prepare has put aside is the new one, or,
                                when map[] is a delta, the base of that */
        unsigned may_shrink; /* bits 1 << kind: an image without records, or with less than a tenth of 20 or
                                more, is meant so */
        gid_t shadow_group;  /* group of the images of shadow and gshadow, mode 0640; (gid_t)-1: mode 0600,
                                group untouched */
        unsigned quarantine_s; /* superseded images are kept so long: a reader may be about to open one. 0:
                                  SNAP_QUARANTINE_S */
};
#define SNAP_QUARANTINE_S 60u

struct snap_report {
        uint64_t generation;    /* that was published; 0: nothing was */
        int kind;               /* enum snap_kind that was at fault, or -1 */
        uint32_t before, after; /* records of that map now live and proposed, when the error is ENODATA */
        unsigned missing;       /* bits 1 << kind: maps that the live folder has no image of */
        int durable_error; /* 0, or an errno: the live images stand, the durable copy is the one of before */
        char what[160];    /* one sentence: what failed, with the file's name; "" on full success */
};

/* Publishes one generation: writes each image aside, opens it with the reader and looks every name and number
 * up, renames, then moves the generation word, and removes what is older than the quarantine. The new
 * generation is one above the highest of both folders. A failure leaves what was published before
 * (doc/snapshot-format.md "What a crash may leave"). 0, or an errno: ENODATA: refused because a map would
 * shrink to nothing; EBADMSG: the written image did not pass the reader; EBUSY: another process is publishing
 * here; ENOSPC, EACCES ... as the system said. ret_report is always filled. */
int snap_publish(const struct snap_publication *p, struct snap_report *ret_report);

/* The long part of publishing whole images, which another process may do while this one goes on publishing:
 * builds each map[], writes it aside in both folders, forces it to the disk, and looks all its keys up with
 * the reader. `ready` of a later snap_publish gives it its name; `generation` in its header is the one
 * that would be next now. 0 or an errno as above; the durable copy may fail alone, and is then made by
 * snap_publish. */
int snap_prepare(const struct snap_publication *p, struct snap_report *ret_report);
/* Where that image lies; false: the path is too long. */
bool snap_aside_path(char *out, size_t size, const char *folder, enum snap_kind kind);
/* Removes all that lies aside in a folder, also what a process has left that died while it was writing. */
void snap_discard(const char *folder);
/* Removes superseded images that are older than the quarantine (0: SNAP_QUARANTINE_S), as each publication
 * does: before much is written, so that where they fill the folder there is room again. */
void snap_sweep(const char *folder, unsigned quarantine_s);

#endif
