/* SEARCH and HISTORY of the extension program (doc/extension-program.md 13, 14). Everything decoded borrows
 * from the message and the arena. */
#ifndef NETINFO_WIRE_EXT_SEARCH_H
#define NETINFO_WIRE_EXT_SEARCH_H

#include "base/limits.h"
#include "wire/ext.h"

/* -- SEARCH: directories below one that meet all conditions, page by page -- */
enum ext_condition_kind {
        EXT_COND_PRESENT = 1,   /* has the property */
        EXT_COND_EQUAL = 2,     /* one of its values is `value` */
        EXT_COND_PREFIX = 3,    /* one begins with it */
        EXT_COND_SUBSTRING = 4, /* one contains it */
};
#define EXT_COND_NOT 1u
struct ext_condition {
        uint32_t kind, flags;
        struct bytes name, value; /* byte for byte; the first property `name` counts */
};

/* One step of a cursor: the child of the step before that was visited last. Ordinals and numbers are used
 * again, (object, born) is not. */
struct ext_place {
        uint64_t ordinal, born;
        uint32_t object;
};

#define EXT_SEARCH_NO_PROPS 1u /* flag: hits without properties */
struct ext_search_args {
        struct bytes tag;
        uint64_t epoch;  /* 0: whatever it is now; another one than the domain's is EXT_TAKE_SNAPSHOT */
        uint32_t object; /* what lies below this directory is searched, not itself */
        uint32_t depth;  /* 1: its children only; 0: all below */
        uint32_t flags;
        struct ext_condition *conditions; /* at most LIMIT_SEARCH_CONDITIONS; none: every directory */
        uint32_t condition_count;
        struct namelist wanted;   /* names of the properties that hits carry; none: all */
        uint32_t max_entries;     /* 0: as many as the server likes */
        struct ext_place *cursor; /* empty at first, then the one of the reply before */
        uint32_t cursor_count;    /* at most LIMIT_SEARCH_DEPTH */
};
struct ext_hit {
        struct ni_id id;
        uint32_t parent;
        uint64_t born;
        struct bytes path;  /* as a user types it: doc/protocol.md 4.7; an object number when it has no other
                               name */
        struct bytes props; /* encoded ni_proplist */
};
struct ext_search_result {
        uint32_t status;
        uint64_t epoch, seq; /* the page is exact as of seq */
        struct ext_hit *hits;
        uint32_t hit_count;
        bool more;
        struct ext_place *cursor; /* where to go on, when more */
        uint32_t cursor_count;
};

/* -- HISTORY: what happened to one directory, newest first; or what it was -- */
enum ext_history_kind {
        EXT_HISTORY_LIST = 1, /* entries that changed it, from `at` backwards */
        EXT_HISTORY_AT = 2,   /* its properties as of `at` */
};
#define EXT_HISTORY_TIME   1u /* flag: `at` is microseconds since 1970, not a seq */
#define EXT_HISTORY_BEFORE 2u /* flag, LIST: send the properties before each change too */
struct ext_history_args {
        struct bytes tag;
        uint64_t epoch; /* 0: whatever it is now */
        uint32_t kind, flags;
        uint32_t object;
        uint64_t born; /* 0: LIST: any directory of that number; AT: the one that had the number then */
        uint64_t at;   /* LIST: 0 means the head */
        uint64_t from; /* AT: 0 at first, then `next` of the reply before */
        uint32_t max_entries; /* LIST: 0: as many as the server likes */
};
struct ext_history_result {
        uint32_t status, kind;
        uint64_t epoch, seq; /* head */
        bool more; /* not done: LIST: ask again with at = next; AT: with from = next and the reply's at */
        uint64_t next;
        /* LIST: each with the records of the directory only */
        struct ext_entry *entries;
        uint32_t entry_count;
        /* AT, unless more */
        uint64_t at;     /* the seq that was meant */
        uint64_t born;   /* as far as it is known */
        uint64_t until;  /* seq of the first change after `at`; 0: it is still so */
        struct ni_id id; /* instance 0 when until is not 0: the journal does not tell it */
        struct bytes props;
};

bool ext_search_args_decode(struct xdr_in *in, struct arena *a, struct ext_search_args *ret);
void ext_search_args_encode(const struct ext_search_args *args, struct buf *out);
bool ext_search_decode(struct xdr_in *in, struct arena *a, struct ext_search_result *ret);
void ext_search_encode(const struct ext_search_result *r, struct buf *out);
bool ext_history_args_decode(struct xdr_in *in, struct ext_history_args *ret);
void ext_history_args_encode(const struct ext_history_args *args, struct buf *out);
bool ext_history_decode(struct xdr_in *in, struct arena *a, struct ext_history_result *ret);
void ext_history_encode(const struct ext_history_result *r, struct buf *out);

#endif
