#include "base/text.h"

bool text_u64(struct bytes s, uint64_t max, uint64_t *ret)
{
        uint64_t v = 0;
        if (s.len == 0)
                return false;
        for (size_t i = 0; i < s.len; i++) {
                if (s.data[i] < '0' || s.data[i] > '9')
                        return false;
                const uint64_t d = (uint64_t)(s.data[i] - '0');
                if (v > (UINT64_MAX - d) / 10)
                        return false;
                v = v * 10 + d;
        }
        if (v > max)
                return false;
        *ret = v;
        return true;
}

bool text_u32(struct bytes s, uint32_t *ret)
{
        uint64_t v;
        if (!text_u64(s, UINT32_MAX, &v))
                return false;
        *ret = (uint32_t)v;
        return true;
}

bool text_i64(struct bytes s, int64_t *ret)
{
        uint64_t v;
        const bool minus = s.len && s.data[0] == '-';
        if (!text_u64(minus ? bytes_sub(s, 1, s.len) : s, (uint64_t)INT64_MAX, &v))
                return false;
        *ret = minus ? -(int64_t)v : (int64_t)v;
        return true;
}

bool text_bool(struct bytes s, bool otherwise)
{
        static const char *const yes[] = {"YES", "Yes", "yes", "Y", "y", "1"};
        static const char *const no[] = {"NO", "No", "no", "N", "n", "0"};
        for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
                if (bytes_eq_str(s, yes[i]))
                        return true;
                if (bytes_eq_str(s, no[i]))
                        return false;
        }
        return otherwise;
}

bool text_is_utf8(struct bytes s)
{
        for (size_t i = 0; i < s.len;) {
                const uint8_t c = s.data[i++];
                if (c == 0)
                        return false;
                if (c < 0x80)
                        continue;
                unsigned more, min;
                uint32_t v;
                if ((c & 0xe0) == 0xc0)
                        more = 1, min = 0x80, v = c & 0x1f;
                else if ((c & 0xf0) == 0xe0)
                        more = 2, min = 0x800, v = c & 0x0f;
                else if ((c & 0xf8) == 0xf0)
                        more = 3, min = 0x10000, v = c & 0x07;
                else
                        return false;
                for (; more; more--) {
                        if (i >= s.len || (s.data[i] & 0xc0) != 0x80)
                                return false;
                        v = v << 6 | (s.data[i++] & 0x3f);
                }
                if (v < min || v > 0x10ffff || (v >= 0xd800 && v <= 0xdfff))
                        return false;
        }
        return true;
}

unsigned text_distance(const char *a, const char *b)
{
        enum { MOST = 63 };
        const size_t n = strlen(a), m = strlen(b);
        unsigned row[3][MOST + 1];
        if (n > MOST || m > MOST)
                return MOST;
        for (unsigned j = 0; j <= m; j++)
                row[1][j] = j;
        for (unsigned i = 1; i <= n; i++) {
                unsigned *two = row[(i + 2) % 3], *now = row[(i + 1) % 3], *one = row[i % 3];
                now[0] = i;
                for (unsigned j = 1; j <= m; j++) {
                        const unsigned same = a[i - 1] == b[j - 1] ? 0 : 1;
                        unsigned best = one[j - 1] + same;
                        if (one[j] + 1 < best)
                                best = one[j] + 1;
                        if (now[j - 1] + 1 < best)
                                best = now[j - 1] + 1;
                        if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                            two[j - 2] + 1 < best)
                                best = two[j - 2] + 1;
                        now[j] = best;
                }
        }
        return row[(n + 1) % 3][m];
}

const char *text_suggest(const char *wrong, const char *const *words)
{
        const char *best = NULL;
        const size_t n = strlen(wrong);
        unsigned least = n < 5 ? 2 : 3; /* fewer edits than this */
        for (; *words; words++) {
                const size_t m = strlen(*words);
                if ((n > m ? n - m : m - n) >= least) /* at least that many */
                        continue;
                const unsigned d = text_distance(wrong, *words);
                if (d < least && d < n) {
                        least = d;
                        best = *words;
                }
        }
        return best;
}
