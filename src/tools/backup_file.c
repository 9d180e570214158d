#include "tools/backup_file.h"

#include "model/path.h"
#include "store/record.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>

#define LINK        16u /* bytes of the hash that stands before and behind a frame */
#define FRAME_HEAD  8u
#define NODES_BYTES (1u << 20) /* of properties in one frame of directories */
#define PIECE       (1u << 20) /* read at once: a false length costs no more memory than the file has */

enum frame_kind { FRAME_HEAD_KIND = 1, FRAME_JOURNAL, FRAME_NODES, FRAME_END };

static const uint8_t magic[LINK + 1] = "NetInfoBackup 1\n";
static const uint8_t hash_key[LINK + 1] = "NetInfo backup 1";

/* What stands behind the frame: `frame` begins with what stands before it. */
static void hash_frame(struct bytes frame, uint8_t to[LINK])
{
        const struct hash128 h = siphash24_128(siphash_key_from(hash_key), frame.data, frame.len);
        for (unsigned i = 0; i < 8; i++) {
                to[i] = (uint8_t)(h.lo >> 8 * i);
                to[8 + i] = (uint8_t)(h.hi >> 8 * i);
        }
}

void backup_sum(const struct ext_node *n, struct buf *scratch, struct hash128 *sum)
{
        const struct store_node node = {.id = n->id,
                                        .parent = n->parent,
                                        .ordinal = n->ordinal,
                                        .born = n->born,
                                        .version = n->version,
                                        .props = n->props};
        buf_clear(scratch);
        store_node_encode(&node, scratch);
        if (scratch->failed)
                return; /* the sum comes out wrong, and that is noticed */
        const struct hash128 term = store_node_sum(buf_bytes(scratch));
        sum->lo += term.lo;
        sum->hi += term.hi + (sum->lo < term.lo);
}

void backup_digest(struct hash128 sum, uint8_t to[16])
{
        put64(to, sum.hi);
        put64(to + 8, sum.lo);
}

/* -- writing --------------------------------------------------------------------------------------------- */

static void open_frame(struct backup_writer *w, uint32_t kind)
{
        buf_truncate(&w->frame, LINK); /* what the last frame left there */
        xdr_put_u32(&w->frame, kind);
        xdr_put_u32(&w->frame, 0);
}

static void close_frame(struct backup_writer *w)
{
        uint8_t link[LINK];
        const size_t payload = w->frame.failed ? 0 : w->frame.len - LINK - FRAME_HEAD;
        if (w->frame.failed || payload > LIMIT_BACKUP_FRAME) {
                w->failed = true;
                return;
        }
        xdr_store(w->frame.data + LINK + 4, (uint32_t)payload);
        hash_frame(buf_bytes(&w->frame), link);
        w->failed |= fwrite(w->frame.data + LINK, 1, w->frame.len - LINK, w->out) != w->frame.len - LINK ||
                     fwrite(link, 1, LINK, w->out) != LINK;
        memcpy(w->frame.data, link, LINK);
}

void backup_begin(struct backup_writer *w, FILE *out, const struct backup_head *h)
{
        *w = (struct backup_writer){.out = out};
        buf_init(&w->frame, (size_t)LIMIT_BACKUP_FRAME + LINK + FRAME_HEAD);
        buf_put(&w->frame, bytes_of(magic, LINK));
        w->failed = fwrite(magic, 1, LINK, out) != LINK;
        open_frame(w, FRAME_HEAD_KIND);
        xdr_put_fixed(&w->frame, bytes_of(h->uuid, 16));
        xdr_put_opaque(&w->frame, h->tag);
        xdr_put_u64(&w->frame, h->begun);
        xdr_put_opaque(&w->frame, h->version);
        close_frame(w);
}

void backup_put_entries(struct backup_writer *w, const struct ext_changes_result *r)
{
        if (r->entry_count == 0)
                return;
        open_frame(w, FRAME_JOURNAL);
        ext_changes_encode(r, &w->frame);
        close_frame(w);
        w->entries += r->entry_count;
}

void backup_put_nodes(struct backup_writer *w, struct ext_node *nodes, uint32_t n)
{
        for (uint32_t i = 0; i < n;) {
                const uint32_t first = i;
                for (size_t size = 0; i < n && (i == first || size < NODES_BYTES); i++)
                        size += nodes[i].props.len + 40;
                const struct ext_snapshot_result page = {.nodes = nodes + first, .node_count = i - first};
                open_frame(w, FRAME_NODES);
                ext_snapshot_encode(&page, &w->frame);
                close_frame(w);
        }
        w->directories += n;
}

void backup_put_end(struct backup_writer *w, const struct ext_status_result *state)
{
        struct ext_status_result plain = *state;
        plain.server_version = plain.you = BYTES_NONE;
        open_frame(w, FRAME_END);
        xdr_put_u64(&w->frame, w->entries);
        xdr_put_u64(&w->frame, w->directories);
        ext_status_encode(&plain, &w->frame);
        close_frame(w);
}

bool backup_done(struct backup_writer *w)
{
        buf_done(&w->frame);
        return fflush(w->out) == 0 && !w->failed && !ferror(w->out);
}

/* -- reading --------------------------------------------------------------------------------------------- */

struct reading {
        FILE *in;
        const struct backup_sink *sink;
        struct buf frame;
        struct bytes payload;
        uint8_t link[LINK]; /* what stands behind the frame, and before the next one */
        uint32_t kind, last_kind;
        uint64_t number;    /* of the frame, from 1 */
        struct arena arena; /* of the frame */
        struct buf scratch;
        uint64_t entries, directories;
        uint64_t first_seq, seq, when; /* of the entries */
        uint32_t object;               /* highest so far */
        uint32_t checksum;
        struct hash128 sum;
        struct backup_end end;
        char *why;
        size_t why_size;
};

__attribute__((format(printf, 2, 3))) static enum backup_outcome bad(struct reading *r, const char *format,
                                                                     ...)
{
        va_list ap;
        int n = snprintf(r->why, r->why_size, "frame %" PRIu64 ": ", r->number);
        if (n < 0 || (size_t)n >= r->why_size)
                return BACKUP_BAD;
        va_start(ap, format);
        vsnprintf(r->why + n, r->why_size - (size_t)n, format, ap);
        va_end(ap);
        return BACKUP_BAD;
}

/* Appends exactly n bytes of the file to the frame. */
static bool read_more(struct reading *r, size_t n)
{
        while (n) {
                const size_t piece = n < PIECE ? n : PIECE;
                uint8_t *to = buf_add(&r->frame, piece);
                if (!to || fread(to, 1, piece, r->in) != piece)
                        return false;
                n -= piece;
        }
        return true;
}

/* The next frame, checked against its hash. */
static enum backup_outcome next_frame(struct reading *r)
{
        uint8_t want[LINK];
        r->number++;
        buf_truncate(&r->frame, LINK);
        memcpy(r->frame.data, r->link, LINK);
        if (!read_more(r, FRAME_HEAD))
                return bad(r, "the file is cut short");
        const uint32_t n = xdr_load(r->frame.data + LINK + 4);
        r->kind = xdr_load(r->frame.data + LINK);
        if (n % 4 || n > LIMIT_BACKUP_FRAME)
                return bad(r, "its length is impossible: the file is damaged");
        if (!read_more(r, n) || fread(r->link, 1, LINK, r->in) != LINK)
                return bad(r, "the file is cut short");
        hash_frame(buf_bytes(&r->frame), want);
        if (memcmp(r->link, want, LINK) != 0)
                return bad(r, "its checksum is wrong: the file is damaged");
        r->payload = bytes_sub(buf_bytes(&r->frame), LINK + FRAME_HEAD, n);
        arena_reset(&r->arena);
        return BACKUP_SOUND;
}

static enum backup_outcome take_head(struct reading *r)
{
        struct xdr_in in = xdr_in(r->payload);
        struct backup_head h;
        const struct bytes uuid = xdr_fixed(&in, 16);
        h.tag = xdr_opaque(&in, LIMIT_TAG);
        h.begun = xdr_u64(&in);
        h.version = xdr_opaque(&in, LIMIT_WHO);
        if (!xdr_end(&in) || !tag_is_valid(h.tag))
                return bad(r, "the head does not decode");
        memcpy(h.uuid, uuid.data, 16);
        return !r->sink->head || r->sink->head(r->sink->context, &h) ? BACKUP_SOUND : BACKUP_STOPPED;
}

static bool exact(struct bytes props)
{
        struct xdr_in in = xdr_in(props);
        xdr_proplist_exact(&in);
        return xdr_end(&in) && props.len <= LIMIT_NODE;
}

static bool entry_fits(struct reading *r, const struct ext_entry *e)
{
        if (r->entries == 0 ? e->seq == 0 : e->seq != r->seq + 1)
                return false;
        if (e->seq > UINT64_MAX / 2 || e->when < r->when || e->record_count == 0)
                return false;
        for (uint32_t i = 0; i < e->record_count; i++) {
                const struct ext_record *c = &e->records[i];
                if (c->kind < EXT_CREATED || c->kind > EXT_MOVED || c->object > STORE_OBJECT_MAX ||
                    (c->has_before && !exact(c->before)) || (c->has_after && !exact(c->after)))
                        return false;
        }
        if (r->entries++ == 0)
                r->first_seq = e->seq;
        r->seq = e->seq;
        r->when = e->when;
        return true;
}

static enum backup_outcome take_journal(struct reading *r)
{
        struct xdr_in in = xdr_in(r->payload);
        struct ext_changes_result page;
        if (!ext_changes_decode(&in, &r->arena, &page) || !xdr_end(&in) || page.status != NI_OK)
                return bad(r, "its changes do not decode");
        for (uint32_t i = 0; i < page.entry_count; i++)
                if (!entry_fits(r, &page.entries[i]))
                        return bad(r, "change #%" PRIu64 " does not follow #%" PRIu64 ", or is impossible",
                                   page.entries[i].seq, r->seq);
        return !r->sink->entries || r->sink->entries(r->sink->context, page.entries, page.entry_count)
                       ? BACKUP_SOUND
                       : BACKUP_STOPPED;
}

static bool node_fits(struct reading *r, const struct ext_node *n)
{
        const uint32_t object = n->id.object;
        if (r->directories == 0 ? object != 0 : object <= r->object)
                return false;
        if (object > STORE_OBJECT_MAX || n->parent > STORE_OBJECT_MAX || !exact(n->props))
                return false;
        r->directories++;
        r->object = object;
        r->checksum += (object + 1) * n->id.instance;
        backup_sum(n, &r->scratch, &r->sum);
        return true;
}

static enum backup_outcome take_nodes(struct reading *r)
{
        struct xdr_in in = xdr_in(r->payload);
        struct ext_snapshot_result page;
        if (!ext_snapshot_decode(&in, &r->arena, &page) || !xdr_end(&in) || page.status != NI_OK || page.more)
                return bad(r, "its directories do not decode");
        for (uint32_t i = 0; i < page.node_count; i++)
                if (!node_fits(r, &page.nodes[i]))
                        return bad(r, "directory %" PRIu32 " is out of order, or impossible",
                                   page.nodes[i].id.object);
        return !r->sink->nodes || r->sink->nodes(r->sink->context, page.nodes, page.node_count)
                       ? BACKUP_SOUND
                       : BACKUP_STOPPED;
}

static enum backup_outcome take_end(struct reading *r)
{
        struct xdr_in in = xdr_in(r->payload);
        struct ext_status_result *s = &r->end.state;
        uint8_t digest[16];
        r->end.entries = xdr_u64(&in);
        r->end.directories = xdr_u64(&in);
        if (!ext_status_decode(&in, s) || !xdr_end(&in) || s->status != NI_OK || s->server_version.len ||
            s->you.len || s->role > 1 || s->epoch == 0 || s->seq > UINT64_MAX / 2)
                return bad(r, "the end does not decode");
        if (r->end.entries != r->entries || r->end.directories != r->directories ||
            s->directories != r->directories || s->highest != r->object)
                return bad(r, "the file says how much is in it, and it is another number");
        if (r->entries ? s->seq != r->seq || s->first_seq != r->first_seq : s->first_seq != s->seq + 1)
                return bad(r, "the changes end at #%" PRIu64 ", and the directories are as of #%" PRIu64,
                           r->seq, s->seq);
        backup_digest(r->sum, digest);
        if (memcmp(digest, s->digest, 16) != 0 || r->checksum != s->checksum)
                return bad(r, "the directories are not those that were meant: their digest differs");
        if (getc(r->in) != EOF)
                return bad(r, "something follows the end");
        return BACKUP_SOUND;
}

static enum backup_outcome take_frame(struct reading *r)
{
        static const struct {
                enum backup_outcome (*take)(struct reading *r);
                uint32_t after; /* kinds it may follow: bits */
        } kinds[] = {
                [FRAME_HEAD_KIND] = {take_head, 1u << 0},
                [FRAME_JOURNAL] = {take_journal, 1u << FRAME_HEAD_KIND | 1u << FRAME_JOURNAL},
                [FRAME_NODES] = {take_nodes, 1u << FRAME_HEAD_KIND | 1u << FRAME_JOURNAL | 1u << FRAME_NODES},
                [FRAME_END] = {take_end, 1u << FRAME_NODES}};
        if (r->kind < FRAME_HEAD_KIND || r->kind > FRAME_END || !(kinds[r->kind].after & 1u << r->last_kind))
                return bad(r, "a frame of kind %" PRIu32 " does not belong there", r->kind);
        r->last_kind = r->kind;
        return kinds[r->kind].take(r);
}

enum backup_outcome backup_read(FILE *in, const struct backup_sink *sink, struct backup_end *ret_end,
                                char *why, size_t size)
{
        struct reading r = {.in = in, .sink = sink, .why = why, .why_size = size};
        enum backup_outcome outcome = BACKUP_SOUND;
        buf_init(&r.frame, (size_t)LIMIT_BACKUP_FRAME + LINK + FRAME_HEAD);
        buf_init(&r.scratch, 0);
        arena_init(&r.arena, 0); /* the frame bounds it */
        if (!read_more(&r, LINK) || memcmp(r.frame.data, magic, LINK) != 0)
                outcome = bad(&r, "this is no backup, or one of another version");
        memcpy(r.link, magic, LINK);
        while (outcome == BACKUP_SOUND && r.last_kind != FRAME_END) {
                outcome = next_frame(&r);
                if (outcome == BACKUP_SOUND)
                        outcome = take_frame(&r);
        }
        if (outcome == BACKUP_SOUND)
                *ret_end = r.end;
        buf_done(&r.frame);
        buf_done(&r.scratch);
        arena_done(&r.arena);
        return outcome;
}
