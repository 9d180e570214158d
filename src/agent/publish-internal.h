/* What the two files that publish share. */
#ifndef NETINFO_AGENT_PUBLISH_INTERNAL_H
#define NETINFO_AGENT_PUBLISH_INTERNAL_H

#include "agent/merge.h"
#include "agent/publish.h"
#include "base/limits.h"
#include "snapshot/reader.h"

#define UNITED_MOST 512u /* keys: of 256 groups that several domains have; beyond that there is no delta */

#define PUBLISH_UNKNOWN UINT64_MAX /* in `behind` */

/* A whole image that is live: what a delta needs to know of it. */
struct publish_base {
        void *map; /* its file; NULL: there is none, and the next image is a whole one */
        size_t size;
        struct snap_image image;
        bool marked; /* what was touched since is what the tables know since their mark */
        uint64_t generation, sum;
        uint64_t contested[SNAP_CONTESTED_MAX]; /* keys of more than one record; sorted */
        size_t contested_count;
        uint64_t united[UNITED_MOST]; /* keys of groups that are several records; sorted */
        size_t united_count;
        uint64_t behind[LIMIT_DEPTH]; /* groups: where the last one of each domain, or of those before it,
                                         lies */
        uint32_t left_out;
        char first_left_out[256];
};

/* What the process beside tells, in memory that both have. */
struct publish_told {
        bool done; /* last of all */
        int error;
        uint32_t users, groups;
        uint32_t left_out[SNAP_KINDS];
        char first_left_out[SNAP_KINDS][256];
        char trouble[200];
        struct publish_base base[SNAP_ACCOUNTS]; /* map: not NULL, but of that process */
};

struct publish_beside {
        bool busy;
        int pid;            /* 0: there is none */
        int fd;             /* its end closes the other end; -1 */
        unsigned images;    /* that it makes */
        bool needed;        /* accounts among them changed in a way that no delta can say: later changes of
                               accounts wait for them, so that each generation is one moment of the domains */
        bool stale;         /* publisher_forget since it began */
        unsigned overtaken; /* images that were published since it began */
        int64_t today;
        struct publish_told *told;
        char folder[2][4096]; /* where it puts them; the second "": none */
};

struct publisher {
        struct publish_base base[SNAP_ACCOUNTS];
        int64_t today;          /* of the shadow base */
        uint32_t users, groups; /* records of the domains when the bases were made */
        bool shown;             /* something was published */
        struct publish_beside beside;
};

struct job {
        struct snap_builder *map[SNAP_KINDS];
        unsigned whole, deltas; /* which of them are what */
        const char *folder;     /* where images are built (snap_builder_in_file); NULL: in memory */
        uint32_t left_out[SNAP_KINDS];
        char first_left_out[SNAP_KINDS][256];
        bool misfit[SNAP_KINDS]; /* the image could not hold a record */
        unsigned kind;           /* being made */
        int error;
        struct job_group {
                struct bytes name;
                uint32_t gid;
        } united[UNITED_MOST / 2], last[LIMIT_DEPTH]; /* records became one; the last one of each domain */
        size_t united_count;                          /* more than there is room for: nobody keeps count */
        const struct merge_domain *domains;
        struct arena arena; /* names of these groups */
};

void publish_left_out(struct job *j, const char *domain, const char *what, struct bytes name,
                      const char *reason);

/* A builder for this image of the job. 0 or errno. */
int publish_builder(struct job *j, unsigned kind);

/* Makes those of `images` that are map images, whole, into j->map; j->left_out tells what is not in them. 0
 * or errno. */
int publish_maps(const struct publish_domain *domains, size_t n, const struct merge_rules *r, unsigned images,
                 struct job *j);
/* Those of these map images that are made of so many children or more. */
unsigned publish_maps_large(const struct publish_domain *domains, size_t n, unsigned images, uint32_t from);

/* Makes the image of one kind as a delta upon p's base. False: it has to be made whole (not known what
 * changed, a contested key, too much, no memory); then j->map[kind] is NULL. like: as for merging, without
 * records. *ret_count: records of the domains. */
bool publish_delta(const struct publisher *p, const struct publish_domain *domains,
                   const struct merge_domain *like, size_t n, const struct merge_rules *r,
                   enum snap_kind kind, struct job *j, uint32_t *ret_count);

/* The images of j->whole from all that the tables have. *ret_users, *ret_groups: records of the domains, when
 * they were looked at. 0 or errno. */
int publish_from_tables(const struct publish_what *w, const struct merge_rules *r, struct job *j,
                        uint32_t *ret_users, uint32_t *ret_groups);
/* Takes the image file as base of what follows. Without success b->map is NULL, and nothing follows but
 * whole images. */
void publish_base_take(struct publish_base *b, const char *path, unsigned kind, const struct job *j);
bool publish_base_open(struct publish_base *b, const char *path, unsigned kind);
void publish_base_drop(struct publish_base *b);
void publish_job_done(struct job *j);
struct merge_rules publish_rules(const struct publish_what *w);
struct snap_publication publish_publication(const struct agent_config *c, struct publish_report *report);

/* Calls `each` for the tables of all domains, for what these images are counted by. */
void publish_count(const struct publish_what *w, unsigned images,
                   void (*each)(struct table *t, enum table_top top));

/* A table of these cannot be read: what was made of them up to now is worthless (mapped.h). */
bool publish_is_lost(const struct publish_what *w);

/* Begins to make these images in a process beside. False: that is not possible now. */
bool publish_beside_begin(struct publisher *p, const struct publish_what *w, const struct merge_rules *r,
                          unsigned images, struct publish_report *report);
/* Its end, which is near. 0 or errno; ret_report->trouble says more. The told stay until publisher_abort. */
int publish_beside_end(struct publisher *p, struct publish_report *ret_report);

#endif
