#include "portdb/table.h"

#include "base/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

const uint32_t port_table_record[TABLE_SECTIONS] = {28, 12, 4, 24, 24, 20, 4, 1};

static uint32_t le32(const uint8_t *p)
{
        return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static uint16_t le16(const uint8_t *p)
{
        return (uint16_t)(p[0] | p[1] << 8);
}

bool port_table_read(struct bytes image, struct port_table *ret, const char **ret_why)
{
        struct port_table t = {.base = image.data, .size = image.len};
        *ret_why = "too short";
        if (image.len < TABLE_HEADER_BYTES)
                return false;
        *ret_why = "not a port table";
        if (memcmp(image.data, PORT_TABLE_MAGIC, 8) != 0)
                return false;
        *ret_why = "a version this program does not know";
        if (le32(image.data + 8) != PORT_TABLE_VERSION)
                return false;
        *ret_why = "its size differs from the size it names";
        if (le32(image.data + 12) != image.len)
                return false;
        t.built = le32(image.data + 16);
        *ret_why = "a section lies outside the file";
        for (unsigned i = 0; i < TABLE_SECTIONS; i++) {
                const uint32_t at = le32(image.data + 24 + 8 * i), n = le32(image.data + 28 + 8 * i);
                if (at > t.size || n > (t.size - at) / port_table_record[i])
                        return false;
                t.section[i].at = at;
                t.section[i].n = n;
        }
        *ret_why = "its texts do not end";
        const uint32_t n = t.section[TABLE_STRINGS].n;
        if (n == 0 || image.data[t.section[TABLE_STRINGS].at + n - 1] != 0 || !port_date_valid(t.built))
                return false;
        *ret = t;
        return true;
}

int port_table_open(const char *path, struct port_table *ret, const char **ret_why)
{
        struct stat st;
        *ret_why = "";
        const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        if (fd < 0)
                return errno;
        if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size <= 0 ||
            st.st_size > (off_t)LIMIT_PORT_FILE) {
                close(fd);
                *ret_why = "no regular file of a sensible size";
                return EBADMSG;
        }
        void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        const int err = errno;
        close(fd);
        if (p == MAP_FAILED)
                return err;
        if (!port_table_read(bytes_of(p, (size_t)st.st_size), ret, ret_why)) {
                munmap(p, (size_t)st.st_size);
                return EBADMSG;
        }
        ret->mapped = true;
        return 0;
}

void port_table_close(struct port_table *t)
{
        if (t->mapped)
                munmap((void *)(uintptr_t)t->base, t->size);
        *t = (struct port_table){0};
}

static const uint8_t *record(struct port_table *t, enum port_table_section s, uint32_t i)
{
        if (i >= t->section[s].n) {
                t->damaged = true;
                return NULL;
        }
        return t->base + t->section[s].at + (size_t)i * port_table_record[s];
}

/* The string section ends with a NUL (checked at open), so every offset inside begins a C string. */
static const char *text(struct port_table *t, uint32_t off)
{
        const uint8_t *p = record(t, TABLE_STRINGS, off);
        return p ? (const char *)p : "";
}

uint32_t port_table_sources(const struct port_table *t)
{
        return t->base ? t->section[TABLE_SOURCES].n : 0;
}

bool port_table_source(struct port_table *t, uint32_t number, struct port_source *ret)
{
        const uint8_t *p = record(t, TABLE_SOURCES, number);
        if (!p || p[24] >= PORT_KIND_COUNT) {
                t->damaged = true;
                return false;
        }
        *ret = (struct port_source){
                .key = text(t, le32(p)),
                .title = text(t, le32(p + 4)),
                .licence = text(t, le32(p + 8)),
                .reference = text(t, le32(p + 12)),
                .kind = p[24],
        };
        return true;
}

uint32_t port_table_editions(struct port_table *t, uint32_t source)
{
        const uint8_t *p = record(t, TABLE_SOURCES, source);
        const uint32_t all = t->section[TABLE_EDITIONS].n;
        if (!p)
                return 0;
        const uint32_t first = le32(p + 16), n = le32(p + 20);
        if (first > all || n > all - first) {
                t->damaged = true;
                return 0;
        }
        return n;
}

bool port_table_edition(struct port_table *t, uint32_t source, uint32_t index, struct port_edition *ret)
{
        if (index >= port_table_editions(t, source))
                return false;
        const uint32_t first = le32(t->base + t->section[TABLE_SOURCES].at + (size_t)source * 28 + 16);
        const uint8_t *p = record(t, TABLE_EDITIONS, first + index);
        if (!p || !port_date_valid(le32(p)) || p[8] > PORT_LOSSES) {
                t->damaged = true;
                return false;
        }
        *ret = (struct port_edition){.date = le32(p), .origin = text(t, le32(p + 4)), .loses = p[8]};
        return true;
}

uint32_t port_table_claims(const struct port_table *t)
{
        return t->base ? t->section[TABLE_EXACT].n + t->section[TABLE_RANGES].n : 0;
}

static port_date date_at(struct port_table *t, uint32_t i)
{
        const uint8_t *p = record(t, TABLE_DATES, i);
        if (!p || !port_date_valid(le32(p))) {
                t->damaged = true;
                return 0;
        }
        return le32(p);
}

static void extras_of(struct port_table *t, uint32_t number, struct port_claim *ret)
{
        const uint8_t *p;
        if (number == 0 || !(p = record(t, TABLE_EXTRAS, number - 1)))
                return;
        ret->alias = text(t, le32(p));
        ret->reference = text(t, le32(p + 4));
        ret->note = text(t, le32(p + 8));
        ret->asserted_from = le32(p + 12);
        ret->asserted_until = le32(p + 16);
        if (!port_date_valid(ret->asserted_from) || !port_date_valid(ret->asserted_until)) {
                ret->asserted_from = ret->asserted_until = 0;
                t->damaged = true;
        }
}

bool port_table_claim(struct port_table *t, uint32_t number, struct port_claim *ret)
{
        const uint32_t exact = t->section[TABLE_EXACT].n;
        const uint8_t *p =
                number < exact ? record(t, TABLE_EXACT, number) : record(t, TABLE_RANGES, number - exact);
        if (!p)
                return false;
        struct port_claim c = {
                .port = le16(p),
                .end = le16(p + 2),
                .transport = p[4],
                .status = p[5],
                .confidence = p[6],
                .source = p[7],
                .alias = "",
                .reference = "",
                .note = "",
        };
        if (c.port > c.end || (number < exact && c.port != c.end) || c.transport > PORT_TRANSPORTS ||
            c.status >= PORT_STATUS_COUNT || c.confidence >= PORT_CONFIDENCE_COUNT ||
            c.source >= t->section[TABLE_SOURCES].n) {
                t->damaged = true;
                return false;
        }
        c.seen_first = date_at(t, le16(p + 8));
        c.seen_last = date_at(t, le16(p + 10));
        c.name = text(t, le32(p + 12));
        c.description = text(t, le32(p + 16));
        extras_of(t, le32(p + 20), &c);
        *ret = c;
        return true;
}

/* First exact claim whose port is >= wanted. */
static uint32_t lower_bound(const struct port_table *t, uint32_t wanted)
{
        uint32_t low = 0, high = t->section[TABLE_EXACT].n;
        while (low < high) {
                const uint32_t mid = low + (high - low) / 2;
                if (le16(t->base + t->section[TABLE_EXACT].at + (size_t)mid * 24) < wanted)
                        low = mid + 1;
                else
                        high = mid;
        }
        return low;
}

uint32_t port_table_exact(struct port_table *t, uint16_t from, uint16_t to, uint32_t *ret_first)
{
        if (!t->base)
                return *ret_first = 0;
        *ret_first = lower_bound(t, from);
        const uint32_t after = lower_bound(t, (uint32_t)to + 1);
        return after < *ret_first ? *ret_first : after;
}

int port_name_compare(struct bytes a, struct bytes b)
{
        const size_t n = a.len < b.len ? a.len : b.len;
        for (size_t i = 0; i < n; i++) {
                uint8_t x = a.data[i], y = b.data[i];
                x = (uint8_t)(x >= 'A' && x <= 'Z' ? x + 32 : x);
                y = (uint8_t)(y >= 'A' && y <= 'Z' ? y + 32 : y);
                if (x != y)
                        return x < y ? -1 : 1;
        }
        return a.len == b.len ? 0 : a.len < b.len ? -1 : 1;
}

uint32_t port_table_named(struct port_table *t, uint32_t position)
{
        const uint8_t *p = record(t, TABLE_NAMES, position);
        return p ? le32(p) : UINT32_MAX;
}

static int compare_at(struct port_table *t, uint32_t position, struct bytes name)
{
        struct port_claim c;
        if (!port_table_claim(t, port_table_named(t, position), &c))
                return 1;
        return port_name_compare(bytes_str(c.name), name);
}

uint32_t port_table_find_name(struct port_table *t, struct bytes name, uint32_t *ret_first)
{
        const uint32_t n = t->base ? t->section[TABLE_NAMES].n : 0;
        uint32_t low = 0, high = n;
        while (low < high) {
                const uint32_t mid = low + (high - low) / 2;
                if (compare_at(t, mid, name) < 0)
                        low = mid + 1;
                else
                        high = mid;
        }
        *ret_first = low;
        while (low < n && compare_at(t, low, name) == 0)
                low++;
        return low;
}

static bool sources_sound(struct port_table *t)
{
        for (uint32_t s = 0; s < t->section[TABLE_SOURCES].n; s++) {
                struct port_source about;
                struct port_edition e;
                port_date before = 0;
                if (!port_table_source(t, s, &about))
                        return false;
                for (uint32_t i = 0, n = port_table_editions(t, s); i < n; i++) {
                        if (!port_table_edition(t, s, i, &e) || e.date <= before)
                                return false;
                        before = e.date;
                }
        }
        return true;
}

static bool names_sound(struct port_table *t)
{
        struct port_claim a, b;
        for (uint32_t i = 0; i < t->section[TABLE_NAMES].n; i++) {
                if (!port_table_claim(t, port_table_named(t, i), &b))
                        return false;
                if (i && port_name_compare(bytes_str(a.name), bytes_str(b.name)) > 0)
                        return false;
                a = b;
        }
        return true;
}

bool port_table_verify(struct port_table *t, const char **ret_why)
{
        const uint32_t exact = t->section[TABLE_EXACT].n;
        struct port_claim c;
        uint16_t before = 0;
        t->damaged = false;
        *ret_why = "a source or edition is damaged";
        if (!sources_sound(t) || t->damaged)
                return false;
        *ret_why = "a claim is damaged or out of order";
        for (uint32_t i = 0, n = port_table_claims(t); i < n; i++) {
                if (i == exact)
                        before = 0;
                if (!port_table_claim(t, i, &c) || t->damaged || c.port < before)
                        return false;
                before = c.port;
        }
        *ret_why = "the index of names is damaged";
        return names_sound(t) && !t->damaged;
}
