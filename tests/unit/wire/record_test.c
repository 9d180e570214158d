/* Record marking (RFC 5531 section 11): arrival in any pieces, fragments, pipelining, limits. */
#include "base/limits.h"
#include "wire/record.h"
#include "xdr/cursor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static struct buf in;
static struct record_reader reader;
static struct bytes record;
static size_t used;

static int setup(void **state)
{
        (void)state;
        buf_init(&in, 0);
        record_reader_init(&reader, LIMIT_CALL);
        return 0;
}

static int teardown(void **state)
{
        (void)state;
        buf_done(&in);
        return 0;
}

static void put_mark(struct buf *b, bool last, uint32_t n)
{
        xdr_put_u32(b, (last ? 0x80000000u : 0) | n);
}

static void put_fragment(struct buf *b, bool last, const char *text)
{
        put_mark(b, last, (uint32_t)strlen(text));
        buf_puts(b, text);
}

static void assert_record(size_t at, const char *text, size_t bytes)
{
        assert_int_equal(record_next(&reader, &in, at, &record, &used), RECORD_WHOLE);
        assert_true(bytes_eq_str(record, text));
        assert_int_equal(used, bytes);
}

static void assert_more(size_t at)
{
        assert_int_equal(record_next(&reader, &in, at, &record, &used), RECORD_MORE);
}

static void whole_record_is_borrowed_in_place(void **state)
{
        (void)state;
        put_fragment(&in, true, "hello");
        assert_record(0, "hello", 9);
        assert_ptr_equal(record.data, in.data + 4);
}

static void nothing_yet(void **state)
{
        (void)state;
        assert_more(0);
        buf_putc(&in, (char)0x80);
        assert_more(0);
}

/* Three fragments, one of them empty, one byte after the other: whole with the last byte and not before. */
static void one_byte_at_a_time(void **state)
{
        struct buf all;
        (void)state;
        buf_init(&all, 0);
        put_fragment(&all, false, "ab");
        put_fragment(&all, false, "");
        put_fragment(&all, true, "cde");
        for (size_t i = 0; i < all.len; i++) {
                assert_more(0);
                buf_putc(&in, (char)all.data[i]);
        }
        assert_record(0, "abcde", all.len);
        buf_done(&all);
}

static void empty_records(void **state)
{
        (void)state;
        put_fragment(&in, true, "");
        put_fragment(&in, false, "");
        put_fragment(&in, true, "");
        assert_record(0, "", 4);
        assert_record(4, "", 8);
        assert_more(12);
}

static void last_fragment_may_be_empty(void **state)
{
        (void)state;
        put_fragment(&in, false, "abc");
        assert_more(0);
        put_fragment(&in, true, "");
        assert_record(0, "abc", 11);
}

static void pipelined_records(void **state)
{
        (void)state;
        put_fragment(&in, true, "one");
        put_fragment(&in, false, "t");
        put_fragment(&in, true, "wo");
        put_fragment(&in, true, "three");
        assert_record(0, "one", 7);
        assert_record(7, "two", 11);
        assert_record(18, "three", 9);
        assert_more(27);
}

/* A half-joined record survives that the caller moves the rest of the buffer to its front. */
static void consumed_in_the_middle(void **state)
{
        (void)state;
        put_fragment(&in, true, "one");
        put_fragment(&in, false, "tw");
        assert_record(0, "one", 7);
        assert_more(7);
        buf_consume(&in, 7);
        put_fragment(&in, true, "o");
        assert_record(0, "two", 11);
}

static void limit_is_the_last_length_that_passes(void **state)
{
        (void)state;
        record_reader_init(&reader, 4);
        put_fragment(&in, true, "four");
        assert_record(0, "four", 8);
        buf_clear(&in);
        put_mark(&in, true, 5);
        assert_int_equal(record_next(&reader, &in, 0, &record, &used), RECORD_REFUSED);
}

static void limit_counts_all_fragments(void **state)
{
        (void)state;
        record_reader_init(&reader, 4);
        put_fragment(&in, false, "abc");
        assert_more(0);
        put_mark(&in, true, 2); /* refused by its mark, before any byte of it has come */
        assert_int_equal(record_next(&reader, &in, 0, &record, &used), RECORD_REFUSED);
}

/* 2^31 - 1, the longest that a mark can say. */
static void longest_fragment_is_refused(void **state)
{
        (void)state;
        put_mark(&in, true, 0x7fffffff);
        assert_int_equal(record_next(&reader, &in, 0, &record, &used), RECORD_REFUSED);
        buf_clear(&in);
        record_reader_init(&reader, LIMIT_REPLY);
        put_mark(&in, false, 0x7fffffff);
        assert_int_equal(record_next(&reader, &in, 0, &record, &used), RECORD_REFUSED);
}

static void endless_empty_fragments_are_refused(void **state)
{
        (void)state;
        for (unsigned i = 0; i < LIMIT_FRAGMENTS; i++)
                put_mark(&in, false, 0);
        assert_more(0);
        put_mark(&in, true, 0);
        assert_int_equal(record_next(&reader, &in, 0, &record, &used), RECORD_REFUSED);
}

/* A historical server's reply of 3 MiB: pieces of 1020 bytes, three times LIMIT_FRAGMENTS of them. */
static void long_record_in_historical_pieces(void **state)
{
        const uint32_t pieces = 3 * LIMIT_FRAGMENTS, size = 1020;
        (void)state;
        record_reader_init(&reader, LIMIT_REPLY);
        for (uint32_t i = 0; i < pieces; i++) {
                put_mark(&in, i == pieces - 1, size);
                memset(buf_add(&in, size), (int)(i & 0xff), size);
        }
        assert_int_equal(record_next(&reader, &in, 0, &record, &used), RECORD_WHOLE);
        assert_int_equal(record.len, (size_t)pieces * size);
        assert_int_equal(used, in.len);
        for (uint32_t i = 0; i < pieces; i++)
                assert_true(record.data[(size_t)i * size] == (i & 0xff) &&
                            record.data[(size_t)i * size + size - 1] == (i & 0xff));
}

static void next_record_after_a_long_one(void **state)
{
        (void)state;
        for (unsigned i = 0; i < 700; i++)
                put_fragment(&in, false, "x");
        put_fragment(&in, true, "");
        assert_int_equal(record_next(&reader, &in, 0, &record, &used), RECORD_WHOLE);
        const size_t at = used;
        for (unsigned i = 0; i < 700; i++) /* the count of fragments began again */
                put_fragment(&in, false, "y");
        put_fragment(&in, true, "");
        assert_int_equal(record_next(&reader, &in, at, &record, &used), RECORD_WHOLE);
        assert_int_equal(record.len, 700);
}

static void written_records(void **state)
{
        (void)state;
        buf_puts(&in, "before");
        const size_t mark = record_open(&in);
        buf_puts(&in, "text");
        record_close(&in, mark);
        assert_int_equal(in.len, 14);
        assert_memory_equal(in.data + 6, "\x80\0\0\4text", 8);
        const size_t empty = record_open(&in);
        record_close(&in, empty);
        assert_memory_equal(in.data + 14, "\x80\0\0\0", 4);
}

static void failed_buffer_stays_failed(void **state)
{
        (void)state;
        struct buf small;
        buf_init(&small, 6);
        const size_t mark = record_open(&small);
        buf_puts(&small, "too long");
        record_close(&small, mark);
        assert_true(small.failed);
        buf_done(&small);
        buf_init(&small, 2);
        record_close(&small, record_open(&small));
        assert_true(small.failed);
        buf_done(&small);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        const struct CMUnitTest tests[] = {
                T(whole_record_is_borrowed_in_place),
                T(nothing_yet),
                T(one_byte_at_a_time),
                T(empty_records),
                T(last_fragment_may_be_empty),
                T(pipelined_records),
                T(consumed_in_the_middle),
                T(limit_is_the_last_length_that_passes),
                T(limit_counts_all_fragments),
                T(longest_fragment_is_refused),
                T(endless_empty_fragments_are_refused),
                T(long_record_in_historical_pieces),
                T(next_record_after_a_long_one),
                T(written_records),
                T(failed_buffer_stays_failed),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
