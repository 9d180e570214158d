/* Only in libFuzzer programs. For every nested transaction LMDB takes 1 MiB and 2 MiB for its lists of pages
 * and gives them back at the end; AddressSanitizer maps and unmaps such blocks each time, which was most of
 * the time of a target that writes. Here blocks of that size are kept and used again; all others go to
 * AddressSanitizer as ever. */
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

#define BIG  ((size_t)1 << 20) /* bytes, at least */
#define MOST ((size_t)1 << 22) /* and below this */
#define KEPT 16u

void *__interceptor_malloc(size_t size);
void __interceptor_free(void *p);
void *malloc(size_t size);
void free(void *p);

static struct {
        void *block;
        bool taken;
} kept[KEPT]; /* libFuzzer runs a target in one thread; its others allocate nothing so big */

__attribute__((no_sanitize("address"), visibility("default"))) void *malloc(size_t size)
{
        if (size < BIG || size >= MOST)
                return __interceptor_malloc(size);
        for (unsigned i = 0; i < KEPT; i++)
                if (!kept[i].taken) {
                        if (!kept[i].block)
                                kept[i].block = __interceptor_malloc(MOST);
                        kept[i].taken = kept[i].block != NULL;
                        return kept[i].block;
                }
        return __interceptor_malloc(size);
}

__attribute__((no_sanitize("address"), visibility("default"))) void free(void *p)
{
        for (unsigned i = 0; p && i < KEPT; i++)
                if (kept[i].block == p) {
                        kept[i].taken = false;
                        return;
                }
        __interceptor_free(p);
}
