/* The reader of backups. First byte even: what follows are frames without hashes, which are put in, so that
 * the fuzzer gets behind them; odd: a whole file. Whatever is called sound can be written again, and is the
 * same. */
#include "check.h"
#include "tools/backup_file.h"

#include <string.h>

static const char magic[] = "NetInfoBackup 1\n";

static void put_hash(struct buf *file, const uint8_t before[16], struct bytes frame)
{
        struct buf b;
        uint8_t hash[16];
        buf_init(&b, 0);
        buf_put(&b, bytes_of(before, 16));
        buf_put(&b, frame);
        const struct hash128 h =
                siphash24_128(siphash_key_from((const uint8_t *)"NetInfo backup 1"), b.data, b.len);
        for (unsigned i = 0; i < 8; i++) {
                hash[i] = (uint8_t)(h.lo >> 8 * i);
                hash[8 + i] = (uint8_t)(h.hi >> 8 * i);
        }
        buf_put(file, frame);
        buf_put(file, bytes_of(hash, 16));
        buf_done(&b);
}

static void put_frames(struct buf *file, struct bytes frames)
{
        buf_put(file, bytes_of(magic, 16));
        while (frames.len >= 8) {
                uint8_t before[16];
                size_t n = 8 + (size_t)xdr_load(frames.data + 4);
                if (n > frames.len)
                        n = frames.len; /* the reader finds it cut short, or its hash wrong */
                memcpy(before, file->data + file->len - 16, 16);
                put_hash(file, before, bytes_sub(frames, 0, n));
                frames = bytes_sub(frames, n, frames.len);
        }
}

struct again {
        FILE *out;
        struct backup_writer w;
        uint64_t seq, entries, directories;
        uint32_t object;
        bool head;
};

static bool on_head(void *context, const struct backup_head *h)
{
        struct again *a = context;
        CHECK(!a->head && h->tag.len > 0 && h->tag.len <= LIMIT_TAG);
        a->head = true;
        backup_begin(&a->w, a->out, h);
        return true;
}

static bool on_entries(void *context, const struct ext_entry *e, uint32_t n)
{
        struct again *a = context;
        const struct ext_changes_result r = {.entries = (struct ext_entry *)(uintptr_t)e, .entry_count = n};
        CHECK(a->head && a->directories == 0);
        for (uint32_t i = 0; i < n; i++, a->entries++) {
                CHECK(e[i].seq > 0 && (a->entries == 0 || e[i].seq == a->seq + 1) && e[i].record_count > 0);
                a->seq = e[i].seq;
        }
        backup_put_entries(&a->w, &r);
        return true;
}

static bool on_nodes(void *context, const struct ext_node *nodes, uint32_t n)
{
        struct again *a = context;
        CHECK(a->head);
        for (uint32_t i = 0; i < n; i++, a->directories++) {
                CHECK(a->directories == 0 ? nodes[i].id.object == 0 : nodes[i].id.object > a->object);
                a->object = nodes[i].id.object;
        }
        backup_put_nodes(&a->w, (struct ext_node *)(uintptr_t)nodes, n);
        return true;
}

static enum backup_outcome read_it(struct bytes file, struct again *a, struct backup_end *end)
{
        const struct backup_sink sink = {.head = a ? on_head : NULL,
                                         .entries = a ? on_entries : NULL,
                                         .nodes = a ? on_nodes : NULL,
                                         .context = a};
        char why[200] = "";
        FILE *in = fmemopen((void *)(uintptr_t)file.data, file.len, "r");
        CHECK(in);
        const enum backup_outcome outcome = backup_read(in, &sink, end, why, sizeof(why));
        CHECK(outcome != BACKUP_BAD || why[0]);
        fclose(in);
        return outcome;
}

static void check_file(struct bytes file)
{
        struct backup_end end, end_again;
        char *text = NULL;
        size_t size = 0;
        struct again a = {.out = open_memstream(&text, &size)};
        CHECK(a.out);
        const enum backup_outcome outcome = read_it(file, &a, &end);
        if (outcome == BACKUP_SOUND) {
                CHECK(end.entries == a.entries && end.directories == a.directories && a.directories > 0);
                CHECK(end.state.highest == a.object && (a.entries == 0 || end.state.seq == a.seq));
                backup_put_end(&a.w, &end.state);
        }
        if (a.head)
                CHECK(backup_done(&a.w));
        fclose(a.out);
        if (outcome == BACKUP_SOUND) {
                CHECK(read_it(bytes_of(text, size), NULL, &end_again) == BACKUP_SOUND);
                CHECK(end_again.entries == end.entries && end_again.directories == end.directories);
                CHECK(memcmp(end_again.state.digest, end.state.digest, 16) == 0);
        }
        free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct buf file;
        if (size < 2)
                return 0;
        buf_init(&file, 0);
        if (data[0] % 2 == 0)
                put_frames(&file, bytes_of(data + 1, size - 1));
        else
                buf_put(&file, bytes_of(data + 1, size - 1));
        check_file(buf_bytes(&file));
        buf_done(&file);
        return 0;
}
