/* doc/protocol.md section 7: databases built byte by byte, of all generations, sound and damaged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "nidb/nidb.h"

#include <stdio.h>

#define PLACE_NONE UINT64_MAX

/* -- what a test says about a database */
static struct nidb db;
static struct nidb_why why;
static struct buf reports;
static struct buf shown;

static void note(void *context, const char *text)
{
        (void)context;
        buf_printf(&reports, "%s\n", text);
}

static bool decode(const struct nidb_file *files, uint32_t n)
{
        const struct nidb_reporter r = {note, NULL};
        nidb_done(&db);
        buf_clear(&reports);
        return nidb_decode(files, n, &r, &db, &why);
}

/* "OBJECT.INSTANCE<PARENT[CHILD,...]{name=value,...;...}" of all directories, blank between two. */
static const char *show(void)
{
        buf_clear(&shown);
        for (uint32_t i = 0; i < db.count; i++) {
                const struct nidb_dir *d = &db.dir[i];
                struct arena a;
                arena_init(&a, 0);
                struct xdr_in in = xdr_in(d->props);
                const struct proplist l = xdr_proplist(&in, &a);
                assert_true(xdr_end(&in));
                struct xdr_in exact = xdr_in(d->props);
                xdr_proplist_exact(&exact);
                assert_true(xdr_end(&exact));
                buf_printf(&shown, "%s%u.%u<%u[", i ? " " : "", d->id.object, d->id.instance, d->parent);
                for (uint32_t k = 0; k < d->child_count; k++)
                        buf_printf(&shown, "%s%u", k ? "," : "", d->child[k]);
                buf_puts(&shown, "]{");
                for (uint32_t k = 0; k < l.n; k++) {
                        buf_printf(&shown, "%s%.*s", k ? ";" : "", BYTES_FMT(l.v[k].name));
                        for (uint32_t m = 0; m < l.v[k].values.n; m++)
                                buf_printf(&shown, "%c%.*s", m ? ',' : '=', BYTES_FMT(l.v[k].values.v[m]));
                }
                buf_putc(&shown, '}');
                arena_done(&a);
        }
        buf_putc(&shown, 0);
        return (const char *)shown.data;
}

static const char *said(void)
{
        buf_putc(&reports, 0);
        reports.len--;
        return (const char *)reports.data;
}

#define CONFIG                                  \
        (struct nidb_file)                      \
        {                                       \
                "Config", BYTES_LIT("\0\0\0\1") \
        }

/* -- builders of the current generation */
static void datum(struct buf *b, uint32_t type, struct bytes data)
{
        xdr_put_u32(b, type);
        xdr_put_u32(b, (uint32_t)data.len);
        buf_put(b, data);
}

static void string(struct buf *b, const char *s)
{
        datum(b, 6, bytes_of(s, strlen(s) + 1));
}

/* A record's data without its attributes: children as a string of small numbers. */
static void fields(struct buf *b, uint32_t object, uint32_t instance, uint32_t version, uint32_t parent,
                   const char *children)
{
        xdr_put_u32(b, object);
        xdr_put_u32(b, instance);
        xdr_put_u32(b, version);
        xdr_put_u32(b, parent);
        xdr_put_u32(b, (uint32_t)strlen(children));
        for (; *children; children++)
                xdr_put_u32(b, (uint32_t)(*children - '0'));
}

static void attribute(struct buf *b, const char *key, const char *value)
{
        string(b, key);
        xdr_put_u32(b, 1);
        string(b, value);
}

/* A record of one name, as a slot of 96 bytes. */
static void slot(struct buf *out, uint32_t object, uint32_t instance, uint32_t version, uint32_t parent,
                 const char *children, const char *name)
{
        struct buf b;
        buf_init(&b, 0);
        fields(&b, object, instance, version, parent, children);
        xdr_put_u32(&b, 1);
        attribute(&b, "name", name);
        xdr_put_u32(&b, 0);
        assert_true(b.len > 56 && b.len <= 88);
        xdr_put_u32(out, 256);
        xdr_put_u32(out, (uint32_t)b.len);
        buf_put(out, buf_bytes(&b));
        memset(buf_add(out, 88 - b.len), 0, 88 - b.len);
        buf_done(&b);
}

/* One record with these data beside a root, in the store file it belongs into. */
static bool decode_record(const struct buf *data)
{
        static char name[32];
        struct buf root, b;
        const size_t size = (8 + data->len + 31) / 32 * 32;
        buf_init(&root, 0);
        buf_init(&b, 0);
        slot(&root, 0, 1, 1, 0, "1", "the root of it");
        xdr_put_u32(&b, 256);
        xdr_put_u32(&b, (uint32_t)data->len);
        buf_put(&b, buf_bytes(data));
        memset(buf_add(&b, size - b.len), 0, size - 8 - data->len);
        snprintf(name, sizeof(name), "Store.%zu", size);
        if (size == 96)
                buf_put(&root, buf_bytes(&b));
        const struct nidb_file files[] = {CONFIG, {"Store.96", buf_bytes(&root)}, {name, buf_bytes(&b)}};
        const bool ok = decode(files, size == 96 ? 2 : 3);
        buf_done(&root);
        buf_done(&b);
        return ok;
}

static struct bytes hex(const char *text, uint8_t *to)
{
        size_t n = 0;
        for (unsigned v; *text; text += 2) {
                while (*text == ' ')
                        text++;
                if (!*text || sscanf(text, "%2x", &v) != 1)
                        break;
                to[n++] = (uint8_t)v;
        }
        return bytes_of(to, n);
}

/* -- vectors of doc/protocol.md section 10 */
static const char vector16[] = "00000100 00000042 00000001 00000001 00000004 00000000 00000001 00000002 "
                               "00000001 00000006 00000005 6e616d65 00000000 01000000 06000000 096d6163 "
                               "68696e65 73000000 00000000 00000000 00000000 00000000 00000000 00000000";
static const char vector17[] = "00000100 000000bf 00000009 00000002 00000011 00000007 00000000 00000002 "
                               "00000006 00000005 6e616d65 00000000 01000000 06000000 046a6f65 00000000 "
                               "06000000 04756964 00000000 01000000 06000000 04353031 00000000 02000000 "
                               "06000000 0f777269 74657273 5f706173 73776400 00000001 00000006 00000004 "
                               "6a6f6500 00000006 00000013 6e695f61 74747269 62757465 5f6f7264 65720000 "
                               "00000300 00000300 00000400 00000000 00000300 00000400 00000200 00000300 "
                               "00000400 00000100 00000000 00000000 00000000 00000000 00000000 00000000";
static const char vector18[] = "00000001 00000001 00000001 00000004 6e616d65 00000001 00000008 6d616368 "
                               "696e6573 00000000 00000001 00000002";

static void test_vectors_current(void **state)
{
        (void)state;
        uint8_t a[96], b[224];
        struct buf small;
        buf_init(&small, 0);
        buf_put(&small, hex(vector16, a));
        memset(buf_add(&small, 96), 0, 96); /* a free slot */
        slot(&small, 0, 3, 5, 0, "17", "root");
        slot(&small, 2, 0, 3, 1, "", "alpha");
        slot(&small, 7, 1, 16, 0, "9", "users");
        const struct nidb_file files[] = {CONFIG,
                                          {"Index", BYTES_LIT("anything")},
                                          {"Store.224", hex(vector17, b)},
                                          {"Store.96", buf_bytes(&small)},
                                          {"Collection", BYTES_LIT("left behind by a conversion")}};
        assert_true(decode(files, 5));
        assert_string_equal(show(), "0.3<0[1,7]{name=root} 1.1<0[2]{name=machines} 2.0<1[]{name=alpha} "
                                    "7.1<0[9]{name=users} 9.2<7[]{name=joe;_writers_passwd=joe;uid=501}");
        assert_string_equal(said(), "");
        assert_int_equal(db.generation, NIDB_CURRENT);
        assert_int_equal(db.highest_version, 17);
        assert_int_equal(db.checksum, 1 * 3 + 2 * 1 + 0 + 8 * 1 + 10 * 2);
        assert_ptr_equal(nidb_find(&db, 9), &db.dir[4]);
        assert_null(nidb_find(&db, 8));
        buf_done(&small);
}

/* The same database in slots of 512 (256) bytes, object 2 in an extension, slot 3 free. */
static void old(const char *name, size_t slot_size, enum nidb_generation generation)
{
        uint8_t a[64];
        struct buf b, extension;
        buf_init(&b, 0);
        buf_init(&extension, 0);
        for (uint32_t word = 0; word < 7; word++) { /* root: instance 3, no properties, two children */
                static const uint32_t root[] = {0, 3, 0, 0, 2, 1, 4};
                xdr_put_u32(&b, root[word]);
        }
        memset(buf_add(&b, slot_size - b.len), 0xA5, slot_size - 28); /* the rest is undefined */
        buf_put(&b, hex(vector18, a));
        memset(buf_add(&b, 2 * slot_size - b.len), 0xA5, slot_size - 48);
        memset(buf_add(&b, slot_size), 0x5A, slot_size); /* ignored: there is extension_2 */
        memset(buf_add(&b, slot_size), 0xFF, slot_size);
        xdr_put_u32(&b, 4);
        xdr_put_u32(&b, 9);
        xdr_put_u32(&b, 2);
        xdr_put_opaque(&b, BYTES_LIT("_writers"));
        xdr_put_u32(&b, 0);
        xdr_put_opaque(&b, BYTES_LIT("name"));
        xdr_put_u32(&b, 2);
        xdr_put_opaque(&b, BYTES_LIT("users"));
        xdr_put_opaque(&b, BYTES_LIT(""));
        xdr_put_u32(&b, 0);
        xdr_put_u32(&b, 0);
        memset(buf_add(&b, 5 * slot_size - b.len), 0, 5 * slot_size - b.len);
        xdr_put_u32(&extension, 2);
        xdr_put_u32(&extension, 0);
        xdr_put_u32(&extension, 1);
        xdr_put_opaque(&extension, BYTES_LIT("name"));
        xdr_put_u32(&extension, 1);
        xdr_put_opaque(&extension, BYTES_LIT("alpha"));
        xdr_put_u32(&extension, 1);
        xdr_put_u32(&extension, 0);
        const struct nidb_file files[] = {{name, buf_bytes(&b)},
                                          {"extension_2", buf_bytes(&extension)},
                                          {"extension_old", BYTES_LIT("unknown names mean nothing")}};
        assert_true(decode(files, 3));
        assert_int_equal(db.generation, generation);
        assert_string_equal(show(), "0.3<0[1,4]{} 1.1<0[2]{name=machines} 2.0<1[]{name=alpha} "
                                    "4.9<0[]{_writers;name=users,}");
        assert_string_equal(said(), "");
        /* One byte less, an object in the wrong place, a count that does not fit. */
        const struct nidb_file cut = {name, bytes_sub(buf_bytes(&b), 0, b.len - 1)};
        assert_false(decode(&cut, 1));
        assert_int_equal(why.offset, 4 * slot_size);
        b.data[slot_size + 3] = 7;
        assert_false(decode(files, 3));
        assert_int_equal(why.offset, slot_size);
        assert_non_null(strstr(why.text, "directory 7, in the place of 1"));
        b.data[slot_size + 3] = 1;
        b.data[slot_size + 8] = 1;
        assert_false(decode(files, 3));
        assert_int_equal(why.offset, slot_size + 12);
        b.data[slot_size + 8] = 0;
        extension.len -= 4;
        const struct nidb_file short_one[] = {files[0], {"extension_2", buf_bytes(&extension)}};
        assert_false(decode(short_one, 2));
        assert_string_equal(why.file, "extension_2");
        const struct nidb_file far[] = {files[0], {"extension_5", buf_bytes(&extension)}};
        assert_false(decode(far, 2));
        assert_non_null(strstr(why.text, "no slot of this number"));
        buf_done(&b);
        buf_done(&extension);
}

static void test_old(void **state)
{
        (void)state;
        old("Collection", 512, NIDB_OLD);
        old("collection", 256, NIDB_OLDEST);
}

static void test_empty(void **state)
{
        (void)state;
        const struct nidb_file files[] = {CONFIG, {"Store.64", BYTES_NONE}};
        assert_true(decode(files, 1));
        assert_string_equal(show(), "0.1<0[]{}");
        assert_true(decode(files, 2));
        assert_string_equal(show(), "0.1<0[]{}");
        assert_false(decode(files + 1, 1));
        assert_non_null(strstr(why.text, "no NetInfo database"));
        const struct nidb_file two = {"Config", BYTES_LIT("\0\0\0\2")}, cut = {"Config", BYTES_LIT("\0\0\1")};
        assert_false(decode(&two, 1));
        assert_string_equal(why.file, "Config");
        assert_false(decode(&cut, 1));
}

/* Types that other editors wrote. */
static void test_values(void **state)
{
        (void)state;
        struct buf b;
        buf_init(&b, 0);
        fields(&b, 1, 1, 1, 0, "");
        xdr_put_u32(&b, 1);
        string(&b, "v");
        xdr_put_u32(&b, 14);
        datum(&b, 7, BYTES_LIT("\xc3\xa9\0"));
        datum(&b, 8, BYTES_LIT("C\0"));
        datum(&b, 9, BYTES_LIT("\0"));
        datum(&b, 3, BYTES_LIT("\xff"));
        datum(&b, 3, BYTES_LIT("\xff\xfe"));
        datum(&b, 3, BYTES_LIT("\x80\0\0\0\0\0\0\0"));
        datum(&b, 4, BYTES_LIT("\xff\xff\xff\xff\xff\xff\xff\xff"));
        datum(&b, 4, BYTES_LIT("\0\0\1\0"));
        datum(&b, 2, BYTES_LIT("\1"));
        datum(&b, 0, BYTES_NONE);
        datum(&b, 1, BYTES_LIT("raw\0more"));
        datum(&b, 5, BYTES_LIT("abcd"));
        datum(&b, 64, BYTES_LIT("xy"));
        datum(&b, 6, BYTES_LIT("in\0side\0"));
        xdr_put_u32(&b, 0);
        assert_true(decode_record(&b));
        assert_non_null(strstr(show(),
                               "{v=\xc3\xa9,C,,-1,-2,-9223372036854775808,18446744073709551615,256,1,,raw,"
                               "abcd,xy,in}"));
        assert_int_equal(db.reports, 5); /* nil, bytes, float, array, embedded NUL */
        assert_non_null(strstr(said(), "directory 1: a value of property v (type 1) is no text"));
        buf_done(&b);
}

/* One bad datum at a known place. */
static void bad_value(uint32_t type, struct bytes data, const char *reason)
{
        struct buf b;
        buf_init(&b, 0);
        fields(&b, 1, 1, 1, 0, "");
        xdr_put_u32(&b, 1);
        string(&b, "v");
        xdr_put_u32(&b, 1);
        const size_t at = 8 + b.len;
        datum(&b, type, data);
        xdr_put_u32(&b, 0);
        assert_false(decode_record(&b));
        assert_non_null(strstr(why.text, reason));
        assert_int_equal(why.offset, at);
        assert_null(db.dir);
        buf_done(&b);
}

static void test_bad_values(void **state)
{
        (void)state;
        uint8_t *long_one = calloc(1, 70000);
        assert_non_null(long_one);
        memset(long_one, 'x', 65537);
        bad_value(6, BYTES_LIT("no end"), "does not end with a NUL");
        bad_value(6, BYTES_NONE, "does not end with a NUL");
        bad_value(3, BYTES_LIT("123"), "1, 2, 4 or 8 bytes");
        bad_value(256, BYTES_NONE, "type that values do not have");
        bad_value(10, BYTES_NONE, "type that values do not have");
        bad_value(72, BYTES_NONE, "type that values do not have");
        bad_value(6, bytes_of(long_one, 65538), "longer than 65535");
        bad_value(1, bytes_of(long_one, 65537), "longer than 65535");
        free(long_one);
}

/* Any byte of the vectors' counts and lengths made huge is refused, with the place. */
static void test_damaged_records(void **state)
{
        (void)state;
        static const struct {
                size_t at;
                uint8_t value;
                uint64_t place;
                const char *reason;
        } cases[] = {
                {0, 1, 0, "slot type"},
                {2, 2, 0, "slot type"},
                {5, 1, 4, "does not belong into a slot"},
                {7, 1, 4, "does not belong into a slot"},
                {7, 0x59, 4, "does not belong into a slot"},
                {7, 0x41, 70, "number of properties does not fit"},
                {7, 0x43, 74, "left over"},
                {24, 0xff, 24, "list of children does not fit"},
                {27, 0xff, 24, "list of children does not fit"},
                {35, 0xff, 32, "number of properties does not fit"},
                {39, 1, 36, "is no string"},
                {43, 0xff, 44, "does not fit in its record"},
                {48, 'x', 36, "does not end with a NUL"},
                {49, 1, 49, "number of values does not fit"},
        };
        uint8_t a[96];
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                const struct nidb_file files[] = {CONFIG, {"Store.96", hex(vector16, a)}};
                a[cases[i].at] = cases[i].value;
                assert_false(decode(files, 2));
                assert_string_equal(why.file, "Store.96");
                if (!strstr(why.text, cases[i].reason) || why.offset != cases[i].place)
                        fail_msg("case %zu: byte %zu: %s", i, (size_t)why.offset, why.text);
        }
        struct nidb_file files[] = {CONFIG, {"Store.96", hex(vector16, a)}};
        a[95] = 1; /* rubbish in the padding harms nobody, and the root is missing */
        assert_false(decode(files, 2));
        assert_non_null(strstr(said(), "padding is not zero"));
        assert_non_null(strstr(why.text, "no root"));
        files[1].content.len = 95;
        assert_false(decode(files, 2));
        assert_int_equal(why.offset, 0);
        files[1].name = "Store.33";
        assert_false(decode(files, 2));
        assert_int_equal(why.offset, PLACE_NONE);
        files[1].name = "Store.0";
        assert_false(decode(files, 2));
}

/* The stored order of properties: used when it is a permutation, else reported. */
static void order(uint32_t first, uint32_t second, uint32_t count, const char *props, unsigned reported)
{
        struct buf b;
        uint8_t word[4];
        buf_init(&b, 0);
        fields(&b, 1, 1, 1, 0, "");
        xdr_put_u32(&b, 1);
        attribute(&b, "plain", "p");
        xdr_put_u32(&b, 2);
        attribute(&b, "meta", "m");
        string(&b, "ni_attribute_order");
        xdr_put_u32(&b, count);
        for (uint32_t i = 0; i < count; i++) {
                xdr_store(word, i ? second : first);
                datum(&b, 3, bytes_of(word, 4));
        }
        assert_true(decode_record(&b));
        assert_non_null(strstr(show(), props));
        assert_int_equal(db.reports, reported);
        buf_done(&b);
}

static void test_order(void **state)
{
        (void)state;
        order(1, 0, 2, "{_meta=m;plain=p}", 0);
        order(0, 1, 2, "{plain=p;_meta=m}", 0);
        order(1, 1, 2, "{plain=p;_meta=m}", 1);
        order(2, 0, 2, "{plain=p;_meta=m}", 1);
        order(1, 0, 1, "{plain=p;_meta=m}", 1);
        order(1, 0, 3, "{plain=p;_meta=m}", 1);
}

/* -- links: slots of one file, in words */
struct dir {
        uint32_t object, parent;
        const char *children;
};

static const char *repaired(const struct dir *dirs, size_t n)
{
        struct buf b;
        buf_init(&b, 0);
        for (size_t i = 0; i < n; i++)
                slot(&b, dirs[i].object, 1, 1, dirs[i].parent, dirs[i].children, "padding padding");
        const struct nidb_file files[] = {CONFIG, {"Store.96", buf_bytes(&b)}};
        assert_true(decode(files, 2));
        buf_clear(&shown);
        for (uint32_t i = 0; i < db.count; i++) {
                buf_printf(&shown, "%s%u<%u[", i ? " " : "", db.dir[i].id.object, db.dir[i].parent);
                for (uint32_t k = 0; k < db.dir[i].child_count; k++)
                        buf_printf(&shown, "%s%u", k ? "," : "", db.dir[i].child[k]);
                buf_putc(&shown, ']');
        }
        buf_putc(&shown, 0);
        buf_done(&b);
        return (const char *)shown.data;
}

#define REPAIRED(...)                               \
        repaired((const struct dir[]){__VA_ARGS__}, \
                 sizeof((const struct dir[]){__VA_ARGS__}) / sizeof(struct dir))

static void test_links(void **state)
{
        (void)state;
        /* Sound. */
        assert_string_equal(REPAIRED({0, 0, "21"}, {1, 0, ""}, {2, 0, "3"}, {3, 2, ""}),
                            "0<0[2,1] 1<0[] 2<0[3] 3<2[]");
        assert_string_equal(said(), "");
        /* The child's own view wins, wherever it is listed. */
        assert_string_equal(REPAIRED({0, 0, "312"}, {1, 0, "3"}, {2, 0, ""}, {3, 2, ""}),
                            "0<0[1,2] 1<0[] 2<0[3] 3<2[]");
        assert_int_equal(db.reports, 3);
        /* Its parent does not exist: the first that lists it adopts it. */
        assert_string_equal(REPAIRED({0, 0, "12"}, {1, 0, "3"}, {2, 0, "3"}, {3, 8, ""}),
                            "0<0[1,2] 1<0[3] 2<0[] 3<1[]");
        assert_non_null(
                strstr(said(), "directory 3: its parent 8 does not exist; directory 1, which lists it"));
        /* Nobody lists it: to its parent's end, or to the root. */
        assert_string_equal(REPAIRED({0, 0, "2"}, {1, 2, ""}, {2, 0, "3"}, {3, 2, ""}, {4, 9, ""}),
                            "0<0[2,4] 1<2[] 2<0[3,1] 3<2[] 4<0[]");
        /* Listed without record, listed twice, the root as a child. */
        assert_string_equal(REPAIRED({0, 0, "171"}, {1, 0, "0"}), "0<0[1] 1<0[]");
        assert_int_equal(db.reports, 3);
        /* Rings, also of one; what hangs below comes along. */
        assert_string_equal(
                REPAIRED({0, 0, "1"}, {1, 0, ""}, {2, 3, "4"}, {3, 4, "2"}, {4, 2, "3"}, {5, 4, ""}),
                "0<0[1,2] 1<0[] 2<0[4] 3<4[] 4<2[3,5] 5<4[]");
        assert_non_null(strstr(said(), "directory 2 is its own ancestor"));
        assert_string_equal(REPAIRED({0, 0, ""}, {1, 1, "1"}), "0<0[1] 1<0[]");
        /* A root that names a parent. */
        assert_string_equal(REPAIRED({0, 1, "1"}, {1, 0, ""}), "0<0[1] 1<0[]");
        assert_int_equal(db.reports, 1);
}

/* -- what an interrupted write leaves */
static void test_versions(void **state)
{
        (void)state;
        struct buf b;
        buf_init(&b, 0);
        slot(&b, 0, 1, 1, 0, "1", "root of the tree");
        slot(&b, 1, 2, 7, 0, "", "newer record");
        slot(&b, 1, 1, 6, 0, "", "older record");
        const struct nidb_file files[] = {CONFIG, {"Store.96", buf_bytes(&b)}};
        assert_true(decode(files, 2));
        assert_non_null(strstr(show(), "1.2<0[]{name=newer record}"));
        assert_string_equal(said(),
                            "directory 1: an older record (Store.96, byte 192, version 6) was passed over\n");
        buf_done(&b);
}

static void test_create_and_delete(void **state)
{
        (void)state;
        struct buf b, c;
        buf_init(&b, 0);
        buf_init(&c, 0);
        slot(&b, 0, 1, 1, 0, "12", "root of the tree");
        slot(&b, 1, 1, 2, 0, "", "one one one one");
        slot(&b, 2, 1, 3, 0, "", "two two two two");
        slot(&c, 3, 0, 4, 1, "", "three");
        struct nidb_file files[] = {CONFIG,
                                    {"Store.96", buf_bytes(&b)},
                                    {"Create", bytes_sub(buf_bytes(&c), 0, 8 + xdr_load(c.data + 4))},
                                    {"Delete", BYTES_LIT("\2\0\0\0")}};
        assert_true(decode(files, 4)); /* a new directory; the removal of 2 in the other order of bytes */
        assert_string_equal(show(), "0.1<0[1]{name=root of the tree} 1.1<0[3]{name=one one one one} "
                                    "3.0<1[]{name=three}");
        files[3].content = BYTES_LIT("\0\0\0\2");
        assert_true(decode(files, 4));
        assert_null(nidb_find(&db, 2));
        files[3].content = BYTES_LIT("\0\0\0\3"); /* an interrupted update leaves both */
        assert_true(decode(files, 4));
        assert_non_null(nidb_find(&db, 3));
        assert_non_null(nidb_find(&db, 2));
        files[3].content = BYTES_LIT("\0\0\0\0");
        assert_true(decode(files, 4));
        assert_int_equal(db.count, 4);
        assert_non_null(strstr(said(), "names the root: ignored"));
        files[3].content = BYTES_LIT("\2\0\0");
        assert_false(decode(files, 4));
        assert_string_equal(why.file, "Delete");
        /* Create supersedes the stored copy of the same number, whatever its version. */
        buf_clear(&c);
        slot(&c, 2, 9, 1, 0, "", "other");
        files[2].content = bytes_sub(buf_bytes(&c), 0, 8 + xdr_load(c.data + 4));
        assert_true(decode(files, 3));
        assert_non_null(strstr(show(), "2.9<0[]{name=other}"));
        files[2].content.len--;
        assert_false(decode(files, 3));
        assert_string_equal(why.file, "Create");
        files[2].content = BYTES_LIT("\0\0\0\0\0\0\0\0");
        assert_false(decode(files, 3));
        buf_done(&b);
        buf_done(&c);
}

static void test_clean(void **state)
{
        (void)state;
        struct buf b;
        buf_init(&b, 0);
        slot(&b, 0, 0x102, 1, 0, "", "root of the tree");
        struct nidb_file files[] = {CONFIG, {"Store.96", buf_bytes(&b)}, {"Clean", BYTES_LIT("\0\0\1\2")}};
        assert_true(decode(files, 3));
        assert_int_equal(db.reports, 0);
        files[2].content = BYTES_LIT("\2\1\0\0");
        assert_true(decode(files, 3));
        assert_int_equal(db.reports, 0);
        files[2].content = BYTES_LIT("\2\1\0\1");
        assert_true(decode(files, 3));
        assert_string_equal(
                said(),
                "the checksum 258 is not the one of file Clean: the files are of different moments\n");
        buf_done(&b);
}

/* Sums wrap as the protocol's do. */
static void test_checksum_wraps(void **state)
{
        (void)state;
        struct buf b;
        buf_init(&b, 0);
        slot(&b, 0, 0xFFFFFFFF, 1, 0, "1", "root of the tree");
        slot(&b, 1, 0x80000000, 1, 0, "", "one one one one");
        const struct nidb_file files[] = {CONFIG, {"Store.96", buf_bytes(&b)}};
        assert_true(decode(files, 2));
        assert_int_equal(db.checksum, 0xFFFFFFFF);
        b.data[96 + 8] = 0xFF; /* a number that no directory can have */
        b.data[96 + 9] = b.data[96 + 10] = b.data[96 + 11] = 0xFF;
        assert_false(decode(files, 2));
        assert_non_null(strstr(why.text, "no number of a directory"));
        assert_int_equal(why.offset, 96);
        buf_done(&b);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_vectors_current), cmocka_unit_test(test_old),
                cmocka_unit_test(test_empty),           cmocka_unit_test(test_values),
                cmocka_unit_test(test_bad_values),      cmocka_unit_test(test_damaged_records),
                cmocka_unit_test(test_order),           cmocka_unit_test(test_links),
                cmocka_unit_test(test_versions),        cmocka_unit_test(test_create_and_delete),
                cmocka_unit_test(test_clean),           cmocka_unit_test(test_checksum_wraps),
        };
        const int failed = cmocka_run_group_tests(tests, NULL, NULL);
        nidb_done(&db);
        buf_done(&reports);
        buf_done(&shown);
        return failed;
}
