/* Slots and records of the current generation (protocol.md 7.3 - 7.5). */
#include "nidb/nidb-internal.h"

#define SLOT_FREE   0u
#define SLOT_RECORD 256u
#define SLOT_HEAD   8u
#define SLOT_UNIT   32u
#define ORDER_KEY   "ni_attribute_order"
#define LEAST_KEY   12u /* bytes of an attribute at least: an empty key's head, and a count */
#define LEAST_DATUM 8u

struct reader {
        struct decode *d;
        const char *file;
        struct bytes all; /* of the file */
        struct xdr_in in;
        uint32_t object;
        size_t *start; /* of each property in d->text; count of them */
        uint32_t count;
        uint32_t *order; /* the place in the list of each stored property, or NULL */
};

static bool damage(struct reader *r, const char *reason)
{
        return nidb_damage(r->d, r->file, (uint64_t)(r->in.at - r->all.data), "%s", reason);
}

static bool datum(struct reader *r, struct datum *ret)
{
        ret->type = xdr_u32(&r->in);
        const uint32_t len = xdr_u32(&r->in);
        if (!xdr_ok(&r->in) || len > xdr_left(&r->in))
                return damage(r, "a name or value does not fit in its record");
        ret->data = bytes_of(r->in.at, len);
        r->in.at += len;
        return true;
}

static bool value(struct reader *r, struct bytes key)
{
        const char *odd, *why;
        char number[24];
        struct bytes text;
        struct datum v;
        const uint8_t *at = r->in.at;
        if (!datum(r, &v))
                return false;
        if (!nidb_value(&v, number, &text, &odd, &why)) {
                r->in.at = at;
                return damage(r, why);
        }
        if (odd)
                nidb_report(r->d, "directory %u: a value of property %.*s (type %u) %s", r->object,
                            BYTES_FMT(bytes_sub(key, 0, 60)), v.type, odd);
        xdr_put_opaque(&r->d->text, text);
        return true;
}

/* One attribute as an encoded ni_property behind the others. */
static bool attribute(struct reader *r, bool meta, struct bytes key, uint32_t values)
{
        uint8_t *name;
        r->start[r->count++] = r->d->text.len;
        if (meta && key.len == NI_NAME_MAX)
                return damage(r, "a name or value is longer than 65535 bytes");
        xdr_put_u32(&r->d->text, (uint32_t)key.len + meta);
        name = buf_add(&r->d->text, xdr_padded(key.len + meta));
        if (!name)
                return damage(r, "the directory is larger than a directory may be");
        memset(name, 0, xdr_padded(key.len + meta));
        if (meta)
                name[0] = '_';
        if (key.len)
                memcpy(name + meta, key.data, key.len);
        xdr_put_u32(&r->d->text, values);
        for (uint32_t i = 0; i < values; i++)
                if (!value(r, key))
                        return false;
        return !r->d->text.failed || damage(r, "the directory is larger than a directory may be");
}

/* The values of the last meta attribute: positions in the list. They are no permutation: reported, and the
 * stored order stands. */
static bool attribute_order(struct reader *r, uint32_t values)
{
        bool *taken = arena_zalloc(&r->d->scratch, (size_t)r->count + 1, sizeof(*taken));
        uint32_t *order = arena_zalloc(&r->d->scratch, (size_t)r->count + 1, sizeof(*order));
        bool fits = values == r->count;
        if (!taken || !order)
                return nidb_no_memory(r->d);
        for (uint32_t i = 0; i < values; i++) {
                struct datum v;
                if (!datum(r, &v))
                        return false;
                const uint32_t place = v.data.len == 4 ? xdr_load(v.data.data) : UINT32_MAX;
                fits = fits && (v.type == 3 || v.type == 4) && place < r->count && !taken[place];
                if (!fits)
                        continue;
                taken[place] = true;
                order[i] = place;
        }
        if (fits)
                r->order = order;
        else
                nidb_report(r->d,
                            "directory %u: the stored order of its properties fits another list; their order "
                            "on disk was taken",
                            r->object);
        return true;
}

/* Plain or meta attributes. */
static bool attributes(struct reader *r, bool meta)
{
        const uint8_t *at = r->in.at;
        const uint32_t n = xdr_count(&r->in, NI_PROPS_MAX + meta, LEAST_KEY);
        if (!xdr_ok(&r->in)) {
                r->in.at = at;
                return damage(r, "the number of properties does not fit in the record");
        }
        for (uint32_t i = 0; i < n; i++) {
                const char *why;
                struct datum k;
                struct bytes key;
                at = r->in.at;
                if (!datum(r, &k))
                        return false;
                if (!nidb_key(&k, &key, &why)) {
                        r->in.at = at;
                        return damage(r, why);
                }
                at = r->in.at;
                const uint32_t values = xdr_count(&r->in, NI_VALUES_MAX, LEAST_DATUM);
                if (!xdr_ok(&r->in)) {
                        r->in.at = at;
                        return damage(r, "the number of values does not fit in the record");
                }
                if (meta && i + 1 == n && bytes_eq_str(key, ORDER_KEY)) {
                        if (!attribute_order(r, values))
                                return false;
                } else if (r->count == NI_PROPS_MAX) {
                        return damage(r, "more properties than a directory may have");
                } else if (!attribute(r, meta, key, values)) {
                        return false;
                }
        }
        return true;
}

/* The encoded list in d->text, its properties where attribute_order put them. */
static bool arrange(struct reader *r)
{
        struct buf *text = &r->d->text;
        const size_t size = text->len;
        const struct bytes stored = arena_bytes(&r->d->scratch, buf_bytes(text));
        uint32_t *from = arena_zalloc(&r->d->scratch, (size_t)r->count + 1, sizeof(*from));
        if (!stored.data || !from)
                return nidb_no_memory(r->d);
        for (uint32_t k = 0; k < r->count; k++)
                from[r->order ? r->order[k] : k] = k;
        r->start[r->count] = size;
        buf_clear(text);
        xdr_put_u32(text, r->count);
        for (uint32_t i = 0; i < r->count; i++)
                buf_put(text,
                        bytes_sub(stored, r->start[from[i]], r->start[from[i] + 1] - r->start[from[i]]));
        if (text->failed || text->len > LIMIT_NODE)
                return damage(r, "the directory is larger than a directory may be");
        return true;
}

/* The fields of one record; `at` is where its slot begins. */
static bool record(struct reader *r, uint64_t at)
{
        struct found f = {.file = r->file, .offset = at};
        arena_reset(&r->d->scratch);
        buf_clear(&r->d->text);
        f.d.id = xdr_id(&r->in);
        f.d.version = xdr_u32(&r->in);
        f.d.parent = xdr_u32(&r->in);
        r->object = f.d.id.object;
        r->count = 0;
        r->order = NULL;
        /* Each property takes LEAST_KEY bytes, so a record bounds their number. */
        r->start = arena_zalloc(&r->d->scratch, xdr_left(&r->in) / LEAST_KEY + 2, sizeof(*r->start));
        if (!r->start)
                return nidb_no_memory(r->d);
        if (!xdr_ok(&r->in))
                return damage(r, "the record ends inside its first fields");
        if (!nidb_children(r->d, &r->in, &f.d))
                return damage(r, "the list of children does not fit in the record");
        if (!attributes(r, false) || !attributes(r, true))
                return false;
        if (xdr_left(&r->in))
                return damage(r, "bytes are left over behind the record's last field");
        return arrange(r) && nidb_take(r->d, f);
}

static bool is_zero(struct bytes b)
{
        for (size_t i = 0; i < b.len; i++)
                if (b.data[i])
                        return false;
        return true;
}

bool nidb_read_store(struct decode *d, const struct nidb_file *f, uint32_t slot_size)
{
        const size_t size = f->content.len;
        if (slot_size < SLOT_UNIT || slot_size % SLOT_UNIT)
                return nidb_damage(d, f->name, UINT64_MAX, "slots are a multiple of %u bytes", SLOT_UNIT);
        for (size_t at = 0; at < size; at += slot_size) {
                const struct bytes slot = bytes_sub(f->content, at, slot_size);
                if (slot.len < slot_size)
                        return nidb_damage(d, f->name, at, "the file ends inside a slot of %u bytes",
                                           slot_size);
                const uint32_t type = xdr_load(slot.data), length = xdr_load(slot.data + 4);
                if (type == SLOT_FREE)
                        continue;
                if (type != SLOT_RECORD)
                        return nidb_damage(d, f->name, at,
                                           "slot type %u is neither free (0) nor a record (256)", type);
                if (length > slot_size - SLOT_HEAD || slot_size - SLOT_HEAD - length >= SLOT_UNIT)
                        return nidb_damage(d, f->name, at + 4,
                                           "a record of %u bytes does not belong into a slot of %u", length,
                                           slot_size);
                struct reader r = {.d = d, .file = f->name, .all = f->content};
                r.in = xdr_in(bytes_sub(slot, SLOT_HEAD, length));
                if (!record(&r, at))
                        return false;
                if (!is_zero(bytes_sub(slot, SLOT_HEAD + length, slot.len)))
                        nidb_report(d, "%s, byte %zu: the slot's padding is not zero", f->name, at);
        }
        return true;
}

bool nidb_read_create(struct decode *d, const struct nidb_file *f)
{
        const struct bytes all = f->content;
        if (all.len < SLOT_HEAD || xdr_load(all.data) != SLOT_RECORD)
                return nidb_damage(d, f->name, 0, "this is no record");
        const uint32_t length = xdr_load(all.data + 4);
        if (length > all.len - SLOT_HEAD)
                return nidb_damage(d, f->name, 4, "a record of %u bytes is cut short", length);
        struct reader r = {.d = d, .file = f->name, .all = all};
        r.in = xdr_in(bytes_sub(all, SLOT_HEAD, length));
        return record(&r, 0);
}
