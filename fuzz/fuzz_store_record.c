/* Bytes of the store's tables: what decodes encodes to the same bytes, and what a journal says (also another
 * store's, from a master that lies) leaves a store in which counts and lists agree. The first byte chooses.
 */
#include "check.h"
#include "store/record.h"
#include "sys/fs.h"

#define RECORDS 64u

static void node(struct bytes raw)
{
        struct store_node n;
        struct buf out;
        if (raw.len < 32 || !store_node_decode(raw, xdr_load(raw.data + 28), &n))
                return;
        CHECK(!store_node_decode(raw, n.id.object + 1, &n));
        buf_init(&out, 0);
        store_node_encode(&n, &out);
        CHECK(bytes_eq(buf_bytes(&out), raw));
        store_node_sum(raw);
        buf_done(&out);
}

static void state(struct bytes raw)
{
        struct store_state st;
        uint8_t again[STATE_SIZE];
        if (!store_state_decode(raw, &st))
                return;
        CHECK(st.first_seq <= st.seq + 1 && st.directories <= st.ceiling && st.epoch);
        store_state_encode(&st, again);
        CHECK(bytes_eq(bytes_of(again, sizeof(again)), raw));
}

static void freed(struct bytes raw)
{
        struct store_freed f;
        uint8_t again[8];
        if (raw.len < 4 || !store_freed_decode(bytes_sub(raw, 4, raw.len), xdr_load(raw.data), &f))
                return;
        CHECK(!f.never || f.last >= xdr_load(raw.data));
        const struct bytes b = store_freed_encode(&f, again);
        CHECK(b.len == raw.len - 4 && memcmp(b.data, raw.data + 4, 4) == 0);
}

static void meta(struct bytes raw)
{
        static struct store_row rows[INDEX_ROWS];
        uint32_t n = 0;
        if (store_format_decode(raw, &n))
                CHECK(raw.len == FORMAT_SIZE);
        if (store_rows_decode(raw, rows, &n))
                CHECK(n <= INDEX_ROWS && raw.len >= 20);
}

/* A journal entry as its parts hold it, in one piece. */
static uint32_t entry(struct bytes raw, struct store_entry_head *head, struct store_record *records)
{
        struct xdr_in in = xdr_in(raw);
        struct buf out;
        uint32_t n = 0;
        if (!store_head_decode(&in, head))
                return 0;
        CHECK(head->who.len <= LIMIT_WHO && head->record_count <= LIMIT_ENTRY_RECORDS);
        buf_init(&out, 0);
        while (n < RECORDS && xdr_left(&in)) {
                const size_t before = xdr_left(&in);
                if (!store_record_decode(&in, &records[n]))
                        break;
                buf_clear(&out);
                store_record_encode(&records[n], &out); /* the same but for what stands in padding */
                CHECK(out.len == before - xdr_left(&in));
                n++;
        }
        buf_done(&out);
        return n;
}

static struct store *scratch;
static char folder[] = "/tmp/ni-fuzz-store-XXXXXX";

static void scratch_done(void)
{
        store_close(scratch);
        fs_remove_tree(folder);
}

/* A store with a few directories, made once; nothing is ever committed to it. */
static void scratch_make(void)
{
        static const uint8_t name[] = {0, 0, 0, 1, 0, 0, 0, 4, 'n', 'a', 'm', 'e',
                                       0, 0, 0, 1, 0, 0, 0, 1, 'x', 0,   0,   0};
        const struct store_options o = {.no_sync = true};
        const struct store_actor nobody = {BYTES_NONE, BYTES_NONE, BYTES_NONE};
        struct store_why why;
        struct store_txn *t;
        CHECK(mkdtemp(folder) && store_create(folder, STORE_MASTER, &o, &scratch, &why) == NI_OK);
        atexit(scratch_done);
        CHECK(store_write_begin(scratch, &t) == NI_OK && store_change_begin(t, &nobody) == NI_OK);
        for (uint32_t i = 0; i < 6; i++)
                CHECK(store_add_child(t, i / 3, bytes_of(name, sizeof(name)), i, NI_INDEX_NULL, NULL, NULL) ==
                      NI_OK);
        CHECK(store_change_end(t, NULL) == NI_OK && store_commit(t, NULL) == NI_OK);
}

static void counts_agree(struct store_txn *t)
{
        struct store_walk all, children;
        struct store_node n, child;
        struct store_info info;
        uint32_t directories = 0;
        store_each(t, 0, &all);
        while (store_each_next(&all, &n)) {
                directories++;
                store_children(t, n.id.object, STORE_FROM_START, &children);
                while (store_next(&children))
                        CHECK(store_get(t, children.child, &child) == NI_OK && child.parent == n.id.object &&
                              child.ordinal == children.ordinal);
                CHECK(children.status == NI_OK && children.visited == n.child_count);
                store_end(&children);
        }
        store_end(&all);
        CHECK(store_get_info(t, &info) == NI_OK && info.directories == directories);
}

static void replay(struct bytes raw)
{
        static struct store_record records[RECORDS];
        struct store_entry_head h;
        struct store_txn *t;
        const uint32_t n = entry(raw, &h, records);
        /* later than what the store has, or all would be refused for that; 0 is refused */
        const uint64_t when = h.when ? h.when | (uint64_t)1 << 63 : 0;
        struct store_entry e = {2, when, h.who, h.from, h.what, records, n};
        if (n == 0)
                return;
        if (!scratch)
                scratch_make();
        CHECK(store_write_begin(scratch, &t) == NI_OK);
        if (store_replay_entry(t, &e) == NI_OK)
                counts_agree(t);
        store_abort(t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static void (*const kinds[])(struct bytes) = {node, state, freed, meta, replay};
        if (size)
                kinds[data[0] % 5](bytes_of(data + 1, size - 1));
        return 0;
}
