/* Paths and addresses as a user types them. */
#include "check.h"
#include "model/path.h"

/* A path that parses can be written in escaped form, and parses to the same steps again. */
static void check_path(struct bytes text)
{
        struct arena a;
        struct buf out;
        struct path p, q;
        const char *why = NULL;
        arena_init(&a, (size_t)64 << 20);
        buf_init(&out, 0);
        if (path_parse(text, &a, &p, &why)) {
                if (p.numeric)
                        CHECK(p.n == 0 && text.len >= 1);
                else
                        buf_putc(&out, '/');
                for (uint32_t i = 0; i < p.n; i++)
                        path_put_step(&out, p.step[i].key, p.step[i].value);
                if (!p.numeric && out.len <= 65535) {
                        CHECK(path_parse(buf_bytes(&out), &a, &q, &why) && q.n == p.n && !q.numeric);
                        for (uint32_t i = 0; i < p.n; i++)
                                CHECK(bytes_eq(p.step[i].key, q.step[i].key) &&
                                      bytes_eq(p.step[i].value, q.step[i].value));
                }
        } else
                CHECK(why && *why);
        buf_done(&out);
        arena_done(&a);
}

static void check_address(struct bytes text, bool need_tag)
{
        struct server_address s;
        const char *why = NULL;
        if (!address_parse(text, need_tag, &s, &why)) {
                CHECK(why && *why);
                return;
        }
        CHECK(s.host.len > 0 && s.host.len + s.tag.len <= text.len);
        CHECK(!need_tag || s.tag.len > 0);
        CHECK(bytes_find(s.host, '/') == s.host.len || text.data[0] == '[');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        const struct bytes text = bytes_of(data, size);
        check_path(text);
        check_address(text, true);
        check_address(text, false);
        tag_is_valid(text);
        return 0;
}
