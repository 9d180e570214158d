/* Memory of one request: many small allocations, one reset. Not thread-safe; one arena per worker. */
#ifndef NETINFO_BASE_ARENA_H
#define NETINFO_BASE_ARENA_H

#include "base/bytes.h"

struct arena_block;
struct arena {
        struct arena_block *head; /* current block; older ones behind it */
        size_t used, limit;       /* bytes handed out since the last reset, and how many may be */
        bool failed;              /* sticky: an allocation was refused since the last reset */
};

/* limit: bytes this arena may hand out between resets (0 = no limit). No allocation happens here. */
void arena_init(struct arena *a, size_t limit);
/* Frees everything; the arena may be used again afterwards. */
void arena_done(struct arena *a);
/* Forgets all allocations and the sticky failure, and keeps one block for the next request. */
void arena_reset(struct arena *a);
/* What is handed out after a mark goes, and a failure after it is forgotten. A mark is good until the arena
 * is rewound to an older one, or reset. */
struct arena_mark {
        struct arena_block *head;
        size_t head_used, used;
        bool failed;
};
struct arena_mark arena_mark(const struct arena *a);
void arena_rewind(struct arena *a, struct arena_mark to);
/* n bytes, aligned for any type, not cleared; NULL when the limit or the memory is at its end (sticky, see
 * `failed`). n == 0 gives a valid pointer. */
void *arena_alloc(struct arena *a, size_t n);
/* count * size bytes, cleared; NULL also when the product overflows. */
void *arena_zalloc(struct arena *a, size_t count, size_t size);
/* A copy that lives in the arena, followed by one NUL that is not counted. {NULL,0} on failure (see
 * `failed`). */
struct bytes arena_bytes(struct arena *a, struct bytes b);
/* The same as a C string; bytes after an embedded NUL are there but invisible. NULL on failure. */
char *arena_str(struct arena *a, struct bytes b);
/* printf into the arena; NULL on failure. */
char *arena_printf(struct arena *a, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
