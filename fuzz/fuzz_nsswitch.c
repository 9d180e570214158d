/* /etc/nsswitch.conf as `ni doctor` and `ni explain` read it. */
#include "check.h"
#include "tools/nsswitch.h"

static bool is_word(const char *s)
{
        for (; *s; s++)
                if (*s == ' ' || *s == '\t' || *s == '\n' || *s == '#' || *s == '[')
                        return false;
        return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct arena a;
        struct nsswitch *s;
        arena_init(&a, (size_t)16 << 20);
        s = arena_zalloc(&a, 1, sizeof(*s));
        if (s && nsswitch_parse(bytes_of(data, size), &a, s)) {
                CHECK(s->n <= NSSWITCH_LINES_MOST);
                for (unsigned i = 0; i < s->n; i++) {
                        const struct nsswitch_line *l = &s->v[i];
                        CHECK(l->n <= NSSWITCH_SOURCES_MOST && l->number >= 1 && l->number <= size + 1);
                        CHECK(*l->database && nsswitch_find(s, l->database)->number <= l->number);
                        for (unsigned k = 0; k < l->n; k++) {
                                CHECK(*l->v[k].name && is_word(l->v[k].name));
                                CHECK(nsswitch_position(l, l->v[k].name) <= (int)k);
                                nsswitch_acts(&l->v[k], "NOTFOUND", "return");
                        }
                }
        }
        arena_done(&a);
        return 0;
}
