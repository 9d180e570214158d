/* Runs a fuzz target without a fuzzer: every file of its corpus, then a bounded number of mutations of them,
 * the same ones each time. fuzz_NAME CORPUS-FOLDER MUTATIONS */
#include "check.h"

#include <dirent.h>
#include <string.h>

#define INPUT_MAX ((size_t)64 << 10) /* mutants grow no longer; files over it are an error */
#define FILES_MAX 512

struct input {
        uint8_t *data;
        size_t len;
};

static struct input inputs[FILES_MAX];
static unsigned input_count;
static uint64_t state = 0x6e6574696e666f31; /* any seed but 0 */

static uint32_t draw(uint32_t below)
{
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        return below ? (uint32_t)(state >> 32) % below : 0;
}

static void load(const char *folder, const char *name)
{
        char path[4096];
        snprintf(path, sizeof(path), "%s/%s", folder, name);
        FILE *f = fopen(path, "rb");
        struct input *in = &inputs[input_count];
        in->data = malloc(INPUT_MAX);
        CHECK(f && in->data);
        in->len = fread(in->data, 1, INPUT_MAX, f);
        CHECK(!ferror(f) && fgetc(f) == EOF);
        fclose(f);
        input_count++;
}

static void load_all(const char *folder)
{
        struct dirent **names;
        const int n = scandir(folder, &names, NULL, alphasort); /* in order: the same mutations everywhere */
        if (n < 0) {
                fprintf(stderr, "%s: cannot be read; give the corpus folder\n", folder);
                exit(2);
        }
        for (int i = 0; i < n; i++) {
                if (names[i]->d_name[0] != '.') {
                        CHECK(input_count < FILES_MAX);
                        load(folder, names[i]->d_name);
                }
                free(names[i]);
        }
        free(names);
}

static size_t insert(uint8_t *to, size_t len, const uint8_t *from, size_t n, size_t at)
{
        if (n > INPUT_MAX - len)
                return len;
        memmove(to + at + n, to + at, len - at);
        memcpy(to + at, from, n);
        return len + n;
}

/* One change: a bit, a byte, a word of XDR that hurts, a cut, a hole, a copy of something. */
static size_t mutate(uint8_t *p, size_t len)
{
        static const uint32_t words[] = {0,           1,          2,           3,           4,
                                         16,          255,        256,         0xffff,      65536u,
                                         1048576u,    1048577u,   0x7fffffffu, 0x80000000u, 0x80000001u,
                                         0xfffffffdu, 0xffffffffu};
        const struct input *other = &inputs[draw(input_count)];
        const size_t at = draw((uint32_t)len + 1), n = draw((uint32_t)(len - at) + 1);
        switch (draw(8)) {
        case 0:
                if (at < len)
                        p[at] ^= (uint8_t)(1u << draw(8));
                return len;
        case 1:
                if (at < len)
                        p[at] = (uint8_t)draw(256);
                return len;
        case 2:
        case 3:
                if (len - at >= 4) {
                        const size_t aligned = len % 4 <= at ? (at - len % 4) / 4 * 4 + len % 4 : at;
                        const uint32_t w = words[draw(sizeof(words) / sizeof(words[0]))];
                        for (unsigned i = 0; i < 4; i++)
                                p[aligned + i] = (uint8_t)(w >> (24 - 8 * i));
                }
                return len;
        case 4:
                return at;
        case 5:
                memmove(p + at, p + at + n, len - at - n);
                return len - n;
        case 6: {
                uint8_t copy[64];
                const size_t m = n < sizeof(copy) ? n : sizeof(copy);
                memcpy(copy, p + at, m);
                return insert(p, len, copy, m, draw((uint32_t)len + 1));
        }
        default: {
                const size_t from = draw((uint32_t)other->len + 1);
                return insert(p, len, other->data + from, draw((uint32_t)(other->len - from) + 1), at);
        }
        }
}

/* A copy of exactly len bytes, so that a read beyond the end is seen by the sanitizers. */
static void run(const uint8_t *data, size_t len)
{
        uint8_t *copy = malloc(len ? len : 1);
        CHECK(copy);
        memcpy(copy, data, len);
        LLVMFuzzerTestOneInput(copy, len);
        free(copy);
}

int main(int argc, char **argv)
{
        static uint8_t work[INPUT_MAX];
        if (argc != 3) {
                fprintf(stderr, "usage: %s CORPUS-FOLDER MUTATIONS\n", argv[0]);
                return 2;
        }
        load_all(argv[1]);
        CHECK(input_count > 0);
        for (unsigned i = 0; i < input_count; i++)
                run(inputs[i].data, inputs[i].len);
        run(work, 0);
        const unsigned long rounds = strtoul(argv[2], NULL, 10);
        for (unsigned long i = 0; i < rounds; i++) {
                const struct input *in = &inputs[i % input_count];
                size_t len = in->len;
                memcpy(work, in->data, len);
                for (unsigned k = 1 + draw(4); k; k--)
                        len = mutate(work, len);
                run(work, len);
        }
        printf("%u files, %lu mutations\n", input_count, rounds);
        for (unsigned i = 0; i < input_count; i++)
                free(inputs[i].data);
        return 0;
}
