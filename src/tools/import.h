/* `ni import` in three steps: plan (what differs from the domain), show (the diff), send (edits). */
#ifndef NETINFO_TOOLS_IMPORT_H
#define NETINFO_TOOLS_IMPORT_H

#include "flat/flat.h"
#include "tools/talk.h"

enum import_kind { IMPORT_CHANGE = 0, IMPORT_CREATE = 1, IMPORT_REMOVE = 2 };

struct import_step {
        enum import_kind kind;
        uint32_t entry;            /* CHANGE (its first one), CREATE: of the file */
        uint32_t object, instance; /* CHANGE, REMOVE */
        size_t old, now;           /* CHANGE, REMOVE: encoded property lists in plan.bytes */
};

struct import_match { /* of one entry of the file */
        uint32_t object;
        uint64_t ordinal;
        bool found, exact; /* exact: by its first name */
};

struct import_plan {
        const struct flat_format *format;
        struct flat_file file;
        bool replace;
        uint32_t done[3]; /* records that edits have brought, by import_kind, over all plans */
        /* -- filled by import_make */
        bool has_directory;
        struct ni_id directory;
        struct import_match *match; /* one per entry of the file */
        struct import_step *step;
        uint32_t step_count, step_room;
        struct buf bytes;
        uint32_t added, changed, removed, same, kept,
                missing;  /* missing: entries without the record they need */
        bool stale_match; /* while walking: an entry has found an earlier child than the one it was applied to
                           */
        bool second_walk;
        bool failed;
        struct talk *talk;
};

/* Compares the file with the domain. False: said why. */
bool import_make(struct talk *t, struct import_plan *p);
void import_forget(struct import_plan *p); /* what import_make made */
/* The property lists of a step (old: not for CREATE, now: not for REMOVE), in the arena. */
bool import_lists(const struct import_plan *p, const struct import_step *s, struct arena *a,
                  struct proplist *ret_old, struct proplist *ret_now);

/* Prints the steps as a diff to stdout. */
void import_show(struct talk *t, const struct import_plan *p);

enum import_outcome { IMPORT_DONE, IMPORT_AGAIN, IMPORT_FAILED };
/* Sends the steps in edits of at most LIMIT_EDIT_OPS operations, each all or nothing. AGAIN: somebody else
 * changed the records meanwhile; make a new plan. FAILED: said why, and how far it came. */
enum import_outcome import_send(struct talk *t, struct import_plan *p);

/* -- the parts of the command that other importers share (ni_import.c) */
/* The whole file, or pipe ("-": standard input), up to FLAT_TEXT_MAX bytes. 0 or errno. */
int import_slurp(const char *path, struct buf *to);
/* Checks a text strictly and puts it into p->file (format set before); it is called `shown` in messages.
 * False: said why. The text must outlive the plan. */
bool import_parse(struct talk *t, struct import_plan *p, struct bytes text, const char *shown);
/* From here on Ctrl-C ends a call that waits, instead of the process: so that an importer can say how far it
 * came. import_end in the place of talk_end. */
void import_interrupts(struct talk *t);
/* Was it Ctrl-C that ended a call? Then it was no fault of the server's, and the exit status says so. */
bool import_interrupted(struct talk *t);
int import_end(struct talk *t);
/* Plans and sends (or shows) until the domain says what the file says, and says the result. False: said why.
 */
bool import_bring(struct talk *t, struct import_plan *p, bool dry_run);

#endif
