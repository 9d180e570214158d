/* What the agent kept of a domain: the first byte says whether the rest is a file, or its frames without
 * sums. */
#include "check.h"

#include "agent/keep.h"

/* Puts the sums in, so that mutations reach what is behind them. */
static void put_sums(struct bytes rest, struct buf *out)
{
        uint64_t sum = KEEP_FIRST;
        buf_puts(out, KEEP_MAGIC);
        while (rest.len >= 8) {
                const uint32_t kind = xdr_load(rest.data), n = xdr_load(rest.data + 4);
                const struct bytes payload =
                        bytes_sub(rest, 8, n < rest.len ? n & ~3u : (rest.len - 8) & ~3u);
                sum = keep_frame(out, sum, kind % 5, payload);
                rest = bytes_sub(rest, 8 + payload.len, rest.len);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        const struct keep_limits limits = {64, 1 << 16, NULL};
        struct keep_head head;
        struct table *t = NULL;
        struct buf file;
        size_t good;
        uint64_t sum;
        if (size < 1)
                return 0;
        buf_init(&file, 0);
        if (data[0])
                buf_put(&file, bytes_of(data + 1, size - 1));
        else
                put_sums(bytes_of(data + 1, size - 1), &file);
        if (keep_parse(buf_bytes(&file), &limits, &head, &t, &good, &sum)) {
                struct keep_head again;
                struct table *same = NULL;
                size_t all;
                uint64_t end;
                CHECK(good <= file.len && table_count(t) <= 64);
                CHECK(strlen(head.server.address) < sizeof(head.server.address));
                CHECK(keep_parse(bytes_sub(buf_bytes(&file), 0, good), &limits, &again, &same, &all, &end));
                CHECK(all == good && end == sum && again.seq == head.seq);
                CHECK(table_count(same) == table_count(t) && table_differences(t, same) == 0);
                table_free(same);
                table_free(t);
        }
        buf_done(&file);
        return 0;
}
