/* Parents and children that contradict each other, repaired as the old servers did (protocol.md 7.7 step 5).
 * Every repair is reported. Costs O(n log n), no recursion: the depth is the file's choice. */
#include "nidb/nidb-internal.h"

#include <stdlib.h>

#define NONE UINT32_MAX

struct links {
        struct decode *d;
        struct nidb_dir *dir;
        uint32_t n;
        uint32_t *owner;  /* index of the directory each one belongs to */
        uint32_t *adopts; /* index of the first directory that lists it, or NONE */
        uint32_t *seen;   /* scratch: marks of one pass */
};

static uint32_t at(const struct links *l, uint32_t object)
{
        const struct nidb_dir *d = nidb_find(l->d->db, object);
        return d ? (uint32_t)(d - l->dir) : NONE;
}

static void find_adopters(struct links *l)
{
        for (uint32_t i = 0; i < l->n; i++)
                l->adopts[i] = NONE;
        for (uint32_t p = 0; p < l->n; p++)
                for (uint32_t k = 0; k < l->dir[p].child_count; k++) {
                        const uint32_t c = at(l, l->dir[p].child[k]);
                        if (c != NONE && c != p && l->adopts[c] == NONE)
                                l->adopts[c] = p;
                }
}

/* The child's own view wins; without one, whoever lists it; else the root. */
static void find_owners(struct links *l)
{
        if (l->dir[0].parent != 0)
                nidb_report(l->d, "the root named directory %u its parent", l->dir[0].parent);
        l->dir[0].parent = 0;
        l->owner[0] = 0;
        for (uint32_t i = 1; i < l->n; i++) {
                const uint32_t object = l->dir[i].id.object, parent = l->dir[i].parent;
                l->owner[i] = at(l, parent);
                if (l->owner[i] != NONE)
                        continue;
                l->owner[i] = l->adopts[i] != NONE ? l->adopts[i] : 0;
                nidb_report(l->d,
                            "directory %u: its parent %u does not exist; directory %u, which %s, adopts it",
                            object, parent, l->dir[l->owner[i]].id.object,
                            l->adopts[i] != NONE ? "lists it" : "is the root");
        }
}

/* Walks up from each directory until something known; meeting the own mark again is a ring. */
static void cut_cycles(struct links *l)
{
        memset(l->seen, 0, l->n * sizeof(*l->seen));
        l->seen[0] = NONE; /* reaches the root */
        for (uint32_t i = 1; i < l->n; i++) {
                const uint32_t mark = i;
                uint32_t k = i;
                for (; l->seen[k] == 0; k = l->owner[k])
                        l->seen[k] = mark;
                if (l->seen[k] == mark) {
                        /* Where a ring is cut must not depend on where the walk came in. */
                        uint32_t least = k;
                        for (uint32_t m = l->owner[k]; m != k; m = l->owner[m])
                                least = m < least ? m : least;
                        nidb_report(l->d, "directory %u is its own ancestor: attached to the root",
                                    l->dir[least].id.object);
                        l->owner[least] = 0;
                }
                for (k = i; l->seen[k] == mark; k = l->owner[k])
                        l->seen[k] = NONE;
        }
}

/* What stays in a list: directories that are there, are this one's, and stand there once. */
static void clean_list(struct links *l, uint32_t p)
{
        struct nidb_dir *d = &l->dir[p];
        uint32_t kept = 0;
        for (uint32_t k = 0; k < d->child_count; k++) {
                const uint32_t object = d->child[k], c = at(l, object);
                if (c == NONE)
                        nidb_report(l->d,
                                    "directory %u lists %u, which does not exist: dropped from the list",
                                    d->id.object, object);
                else if (c == 0 || l->owner[c] != p)
                        nidb_report(l->d, "directory %u lists %u, which belongs to %u: dropped from the list",
                                    d->id.object, object, l->dir[l->owner[c]].id.object);
                else if (l->seen[c])
                        nidb_report(l->d, "directory %u lists %u twice: once is kept", d->id.object, object);
                else
                        l->seen[c] = 1, d->child[kept++] = object;
        }
        d->child_count = kept;
}

/* Room for `more` children behind those of p. */
static bool widen(struct links *l, uint32_t p, uint32_t more)
{
        struct nidb_dir *d = &l->dir[p];
        if (d->child_count + more > NI_CHILDREN_MAX)
                return nidb_damage(l->d, "", UINT64_MAX, "directory %u has more than %u children",
                                   d->id.object, NI_CHILDREN_MAX);
        uint32_t *v = arena_zalloc(&l->d->db->arena, (size_t)d->child_count + more, sizeof(*v));
        if (!v)
                return nidb_no_memory(l->d);
        if (d->child_count)
                memcpy(v, d->child, d->child_count * sizeof(*v));
        d->child = v;
        return true;
}

/* Those that nobody lists go to the end of their parent's list, in order of their numbers. */
static bool append_missing(struct links *l)
{
        uint32_t *more = l->adopts; /* not needed any more */
        memset(more, 0, l->n * sizeof(*more));
        for (uint32_t i = 1; i < l->n; i++)
                more[l->owner[i]] += !l->seen[i];
        for (uint32_t p = 0; p < l->n; p++)
                if (more[p] && !widen(l, p, more[p]))
                        return false;
        for (uint32_t i = 1; i < l->n; i++) {
                struct nidb_dir *p = &l->dir[l->owner[i]];
                l->dir[i].parent = p->id.object;
                if (l->seen[i])
                        continue;
                nidb_report(l->d, "directory %u was missing in the list of its parent %u: appended",
                            l->dir[i].id.object, p->id.object);
                p->child[p->child_count++] = l->dir[i].id.object;
        }
        return true;
}

bool nidb_repair(struct decode *d)
{
        struct links l = {.d = d, .dir = d->db->dir, .n = d->db->count};
        uint32_t *v = calloc((size_t)l.n * 3, sizeof(*v));
        if (!v)
                return nidb_no_memory(d);
        l.owner = v;
        l.adopts = v + l.n;
        l.seen = v + 2 * (size_t)l.n;
        find_adopters(&l);
        find_owners(&l);
        cut_cycles(&l);
        memset(l.seen, 0, l.n * sizeof(*l.seen));
        for (uint32_t p = 0; p < l.n; p++)
                clean_list(&l, p);
        const bool ok = append_missing(&l);
        free(v);
        return ok;
}
