/* SipHash against vectors of the reference implementation (key 00..0f, message of n bytes 00 01 02 ...);
 * those of 1-3 by OpenSSL's SIPHASH with c-rounds 1 and d-rounds 3. */
#include "base/siphash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static const struct {
        size_t n;
        uint8_t sip24[8], sip13[8], sip24_128[16];
} vectors[] = {
        {0,
         {0x31, 0x0e, 0x0e, 0xdd, 0x47, 0xdb, 0x6f, 0x72},
         {0xdc, 0xc4, 0x0f, 0x05, 0x58, 0x01, 0xac, 0xab},
         {0xa3, 0x81, 0x7f, 0x04, 0xba, 0x25, 0xa8, 0xe6, 0x6d, 0xf6, 0x72, 0x14, 0xc7, 0x55, 0x02, 0x93}},
        {1,
         {0xfd, 0x67, 0xdc, 0x93, 0xc5, 0x39, 0xf8, 0x74},
         {0x93, 0xca, 0x57, 0x7d, 0xf3, 0x9b, 0xf4, 0xc9},
         {0xda, 0x87, 0xc1, 0xd8, 0x6b, 0x99, 0xaf, 0x44, 0x34, 0x76, 0x59, 0x11, 0x9b, 0x22, 0xfc, 0x45}},
        {7,
         {0x37, 0xd1, 0x01, 0x8b, 0xf5, 0x00, 0x02, 0xab},
         {0x40, 0x11, 0xb1, 0x9b, 0x98, 0x7d, 0x92, 0xd3},
         {0xa1, 0xf1, 0xeb, 0xbe, 0xd8, 0xdb, 0xc1, 0x53, 0xc0, 0xb8, 0x4a, 0xa6, 0x1f, 0xf0, 0x82, 0x39}},
        {8,
         {0x62, 0x24, 0x93, 0x9a, 0x79, 0xf5, 0xf5, 0x93},
         {0x8e, 0x9a, 0x29, 0x8d, 0x11, 0x95, 0x90, 0x36},
         {0x3b, 0x62, 0xa9, 0xba, 0x62, 0x58, 0xf5, 0x61, 0x0f, 0x83, 0xe2, 0x64, 0xf3, 0x14, 0x97, 0xb4}},
        {15,
         {0xe5, 0x45, 0xbe, 0x49, 0x61, 0xca, 0x29, 0xa1},
         {0x56, 0x99, 0x51, 0x2a, 0x6d, 0xd8, 0x20, 0xd3},
         {0x54, 0x93, 0xe9, 0x99, 0x33, 0xb0, 0xa8, 0x11, 0x7e, 0x08, 0xec, 0x0f, 0x97, 0xcf, 0xc3, 0xd9}},
        {63,
         {0x72, 0x45, 0x06, 0xeb, 0x4c, 0x32, 0x8a, 0x95},
         {0xa8, 0xb3, 0xbb, 0xb7, 0x62, 0x90, 0x19, 0x9d},
         {0x51, 0x50, 0xd1, 0x77, 0x2f, 0x50, 0x83, 0x4a, 0x50, 0x3e, 0x06, 0x9a, 0x97, 0x3f, 0xbd, 0x7c}},
};

static void assert_le64(uint64_t v, const uint8_t want[8])
{
        for (unsigned i = 0; i < 8; i++)
                assert_int_equal((v >> (8 * i)) & 0xff, want[i]);
}

static void reference(void **state)
{
        uint8_t bytes[64];
        (void)state;
        for (unsigned i = 0; i < sizeof(bytes); i++)
                bytes[i] = (uint8_t)i;
        const struct siphash_key key = siphash_key_from(bytes);
        for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
                assert_le64(siphash24(key, bytes, vectors[i].n), vectors[i].sip24);
                assert_le64(siphash13(key, bytes, vectors[i].n), vectors[i].sip13);
                const struct hash128 h = siphash24_128(key, bytes, vectors[i].n);
                assert_le64(h.lo, vectors[i].sip24_128);
                assert_le64(h.hi, vectors[i].sip24_128 + 8);
        }
}

static void empty_message_may_be_null(void **state)
{
        static const uint8_t key[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
        (void)state;
        assert_le64(siphash24(siphash_key_from(key), NULL, 0), vectors[0].sip24);
}

/* Reads nothing beyond the message, wherever it begins. */
static void alignment_does_not_matter(void **state)
{
        uint8_t room[96];
        const struct siphash_key key = {1, 2};
        (void)state;
        for (size_t at = 0; at < 8; at++) {
                memset(room, (int)at, sizeof(room)); /* other surroundings each time */
                for (unsigned i = 0; i < 21; i++)
                        room[at + i] = (uint8_t)(i * 7);
                static uint64_t first;
                const uint64_t h = siphash13(key, room + at, 21);
                if (at == 0)
                        first = h;
                assert_true(h == first);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(reference),
                cmocka_unit_test(empty_message_may_be_null),
                cmocka_unit_test(alignment_does_not_matter),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
