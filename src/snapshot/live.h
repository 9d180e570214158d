/* The live images of this process: mapped once, renewed when the generation word moves
 * (doc/snapshot-format.md 10). A lookup is
 *
 *      struct snap_pin pin;
 *      for (unsigned turn = 0; turn < SNAP_TURNS; turn++) {
 *              if ((err = snap_pin(SNAP_PASSWD, SNAP_NEEDS_NAMES, &pin)))
 *                      ... no image
 *              ... read pin.image, or what snap_pin_pair gives when there is a delta; copy the answer out
 *              if (snap_stands(&pin))
 *                      ... the copy is good
 *      }
 *
 * For guests: no lock, no allocation, no descriptor kept, errno and cancellation untouched. Safe in threads
 * and after fork. */
#ifndef NETINFO_SNAPSHOT_LIVE_H
#define NETINFO_SNAPSHOT_LIVE_H

#include "snapshot/pair.h"

/* How often a lookup starts again because the image was replaced under it. One repeat is rare; a publisher
 * that replaces images without a pause, on a machine that hardly runs us, is the only way to need more. */
#define SNAP_TURNS 64u

/* A range of addresses for one file at a time. Lives as long as the process. */
struct snap_range {
        uint8_t *base;
        uint64_t range;  /* bytes reserved at base */
        uint64_t mapped; /* bytes from base on that may be read, for ever */
        uint64_t device, inode;
};

/* An image that is or was current, and the delta upon it, which lies in a range of its own. */
#define SNAP_IMAGE_WORDS 8u
struct snap_place {
        uint64_t sequence;   /* odd: being changed; atomic */
        uint64_t generation; /* atomic */
        /* struct snap_image each, stored and loaded word by word; atomic. delta[0] 0: no delta */
        uint64_t words[SNAP_IMAGE_WORDS], delta[SNAP_IMAGE_WORDS];
        struct snap_range range;
};
_Static_assert(sizeof(struct snap_image) == SNAP_IMAGE_WORDS * sizeof(uint64_t), "an image is eight words");

/* What every lookup looks at. */
struct snap_live {
        const struct snap_control *control;     /* atomic; NULL before the first lookup */
        struct snap_place *current[SNAP_KINDS]; /* atomic; NULL: nothing mapped */
} __attribute__((aligned(64)));
extern struct snap_live snap_live;

struct snap_pin {
        struct snap_image image;
        const struct snap_place *place; /* NULL: mappings of our own, which snap_stands gives back */
        uint64_t sequence;
        const uint8_t *delta; /* NULL: there is none, and `image` says all; else see snap_pin_pair */
        uint64_t delta_size;  /* of a mapping of our own */
};

/* A mapping of one's own, for enumerations; stays as it is until snap_own_close. */
struct snap_own {
        struct snap_pair pair; /* its base's base NULL: closed */
};

/* 0, or why there is no image: ENOENT (none published), EACCES (not for us), EBADMSG (damaged, or not to be
 * trusted), ENOMEM, EMFILE ... */
int snap_own_open(enum snap_kind kind, struct snap_own *ret_own);
/* Closed already is fine. */
void snap_own_close(struct snap_own *own);

/* The slow half of snap_pin: maps what is to be mapped. Same results. */
int snap_pin_slowly(enum snap_kind kind, struct snap_pin *ret_pin);

/* Which tables a lookup looks at. */
#define SNAP_NEEDS_NAMES   1u
#define SNAP_NEEDS_NUMBERS 2u
#define SNAP_NEEDS_MEMBERS 4u
_Static_assert(offsetof(struct snap_image, key) == 16 && offsetof(struct snap_image, names) == 32 &&
                       offsetof(struct snap_image, numbers) == 40 &&
                       offsetof(struct snap_image, members) == 48,
               "the words of snap_pin_current");

static inline struct snap_table snap_table_word(const uint64_t *word)
{
        const uint64_t loaded = __atomic_load_n(word, __ATOMIC_RELAXED);
        struct snap_table t;
        __builtin_memcpy(&t, &loaded, sizeof(t));
        return t;
}

static inline __attribute__((always_inline)) bool snap_pin_current(enum snap_kind kind, unsigned needs,
                                                                   struct snap_pin *ret_pin)
{
        const struct snap_place *place = __atomic_load_n(&snap_live.current[kind], __ATOMIC_ACQUIRE);
        if (!place)
                return false;
        const uint64_t sequence = __atomic_load_n(&place->sequence, __ATOMIC_ACQUIRE);
        ret_pin->image.base = (const uint8_t *)(uintptr_t)__atomic_load_n(&place->words[0], __ATOMIC_RELAXED);
        ret_pin->image.size = __atomic_load_n(&place->words[1], __ATOMIC_RELAXED);
        ret_pin->image.key[0] = __atomic_load_n(&place->words[2], __ATOMIC_RELAXED);
        ret_pin->image.key[1] = __atomic_load_n(&place->words[3], __ATOMIC_RELAXED);
        if (needs & SNAP_NEEDS_NAMES)
                ret_pin->image.names = snap_table_word(&place->words[4]);
        if (needs & SNAP_NEEDS_NUMBERS)
                ret_pin->image.numbers = snap_table_word(&place->words[5]);
        if (needs & SNAP_NEEDS_MEMBERS)
                ret_pin->image.members = snap_table_word(&place->words[6]);
        ret_pin->delta = (const uint8_t *)(uintptr_t)__atomic_load_n(&place->delta[0], __ATOMIC_RELAXED);
        ret_pin->delta_size = 0;
        ret_pin->place = place;
        ret_pin->sequence = sequence;
        /* The words belong together only if the sequence stood still while they were read. */
#ifndef __SANITIZE_THREAD__
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
#endif
        return !(sequence & 1) && __atomic_load_n(&place->sequence, __ATOMIC_RELAXED) == sequence;
}

/* 0 and an image to read, or an errno as snap_own_open. */
static inline __attribute__((always_inline)) int snap_pin(enum snap_kind kind, unsigned needs,
                                                          struct snap_pin *ret_pin)
{
        const struct snap_control *control = __atomic_load_n(&snap_live.control, __ATOMIC_ACQUIRE);
        if (__builtin_expect(control && snap_pin_current(kind, needs, ret_pin) &&
                                     __atomic_load_n(&ret_pin->place->generation, __ATOMIC_RELAXED) ==
                                             __atomic_load_n(&control->generation, __ATOMIC_ACQUIRE),
                             1))
                return 0;
        struct snap_pin pin; /* a variable of its own, so that *ret_pin can live in registers */
        const int err = snap_pin_slowly(kind, &pin);
        *ret_pin = pin;
        return err;
}

/* What a pin with a delta is made of, so that the pin itself need not leave the registers. */
struct snap_source {
        enum snap_kind kind;
        const struct snap_place *place;
        uint64_t sequence;
        const uint8_t *base, *delta;
        uint64_t size, delta_size;
};

static inline __attribute__((always_inline)) struct snap_source snap_source(enum snap_kind kind,
                                                                            const struct snap_pin *pin)
{
        return (struct snap_source){.kind = kind,
                                    .place = pin->place,
                                    .sequence = pin->sequence,
                                    .base = pin->image.base,
                                    .delta = pin->delta,
                                    .size = pin->image.size,
                                    .delta_size = pin->delta_size};
}

/* Both images of a pin whose `delta` is not NULL. False: they were replaced meanwhile, and snap_stands is
 * going to say so. */
bool snap_pin_pair(const struct snap_source *source, struct snap_pair *ret_pair);

/* What a lookup needs of the delta of a pin that has one, before it asks the pair: most deltas are small and
 * say nothing of most keys. False: they were replaced meanwhile, or are mappings of our own; ask the pair. */
static inline __attribute__((always_inline)) bool snap_pin_delta(const struct snap_pin *pin, unsigned needs,
                                                                 struct snap_image *ret_delta)
{
        const struct snap_place *place = pin->place;
        if (!place)
                return false;
        ret_delta->base = (const uint8_t *)(uintptr_t)__atomic_load_n(&place->delta[0], __ATOMIC_RELAXED);
        ret_delta->key[0] = __atomic_load_n(&place->delta[2], __ATOMIC_RELAXED);
        ret_delta->key[1] = __atomic_load_n(&place->delta[3], __ATOMIC_RELAXED);
        if (needs & SNAP_NEEDS_NAMES)
                ret_delta->names = snap_table_word(&place->delta[4]);
        if (needs & SNAP_NEEDS_NUMBERS)
                ret_delta->numbers = snap_table_word(&place->delta[5]);
        if (needs & SNAP_NEEDS_MEMBERS)
                ret_delta->members = snap_table_word(&place->delta[6]);
#ifndef __SANITIZE_THREAD__
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
#endif
        return __atomic_load_n(&place->sequence, __ATOMIC_RELAXED) == pin->sequence;
}

/* Ends the pin. True when the image was the same from snap_pin until now, so that what was read is true. */
static inline __attribute__((always_inline)) bool snap_stands(const struct snap_pin *pin)
{
        if (__builtin_expect(!pin->place, 0)) {
                struct snap_own own = {.pair.base = {.base = pin->image.base, .size = pin->image.size},
                                       .pair.delta = {.base = pin->delta, .size = pin->delta_size}};
                snap_own_close(&own);
                return true;
        }
#ifndef __SANITIZE_THREAD__
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
#endif
        return __atomic_load_n(&pin->place->sequence, __ATOMIC_RELAXED) == pin->sequence;
}

#endif
