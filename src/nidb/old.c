/* The old generations: an array of slots, each an XDR ni_object (protocol.md 7.6). */
#include "nidb/nidb-internal.h"

#include "base/text.h"

#include <stdio.h>

#define FREE UINT32_MAX

/* One object at `at` of the file. */
static bool object(struct decode *d, const struct nidb_file *f, uint64_t at, struct bytes text,
                   uint32_t number)
{
        struct xdr_in in = xdr_in(text);
        struct found o = {.file = f->name, .offset = at};
        arena_reset(&d->scratch);
        buf_clear(&d->text);
        o.d.id = xdr_id(&in);
        if (xdr_ok(&in) && o.d.id.object != number)
                return nidb_damage(d, f->name, at, "it says that it is directory %u, in the place of %u",
                                   o.d.id.object, number);
        const struct proplist l = xdr_proplist(&in, &d->scratch);
        o.d.parent = xdr_u32(&in);
        if (!nidb_children(d, &in, &o.d))
                xdr_fail(&in);
        if (d->scratch.failed)
                return nidb_no_memory(d);
        if (!xdr_ok(&in))
                return nidb_damage(d, f->name, at + (uint64_t)(in.at - text.data),
                                   "directory %u does not fit in its place", number);
        xdr_put_proplist(&d->text, l);
        if (d->text.failed || d->text.len > LIMIT_NODE)
                return nidb_damage(d, f->name, at, "the directory is larger than a directory may be");
        return nidb_take(d, o);
}

/* `extension_<number>`: an object that did not fit in its slot. */
static bool extension(const char *name, uint32_t *ret)
{
        const struct bytes b = bytes_str(name);
        const char prefix[] = "extension_";
        char again[32];
        if (!bytes_starts(b, prefix) || !text_u32(bytes_sub(b, sizeof(prefix) - 1, b.len), ret))
                return false;
        snprintf(again, sizeof(again), "%s%u", prefix, *ret);
        return strcmp(again, name) == 0;
}

bool nidb_read_collection(struct decode *d, const struct nidb_file *f, uint32_t slot_size)
{
        const size_t size = f->content.len;
        const uint32_t slots = (uint32_t)(size / slot_size);
        uint8_t *extended = arena_zalloc(&d->db->arena, (size_t)slots + 1, 1);
        if (!extended)
                return nidb_no_memory(d);
        if (size % slot_size)
                return nidb_damage(d, f->name, size - size % slot_size,
                                   "the file ends inside a slot of %u bytes", slot_size);
        for (uint32_t i = 0; i < d->file_count; i++) {
                const struct nidb_file *x = &d->files[i];
                uint32_t number;
                if (!extension(x->name, &number))
                        continue;
                if (number >= slots)
                        return nidb_damage(d, x->name, UINT64_MAX, "%s has no slot of this number, only %u",
                                           f->name, slots);
                extended[number] = 1;
                if (!object(d, x, 0, x->content, number))
                        return false;
        }
        for (uint32_t i = 0; i < slots; i++) {
                const size_t at = (size_t)i * slot_size;
                if (extended[i] || xdr_load(f->content.data + at) == FREE)
                        continue;
                if (!object(d, f, at, bytes_sub(f->content, at, slot_size), i))
                        return false;
        }
        return true;
}
