/* The small maps: whatever a record of a domain says, what is made of it is an image that passes
 * verification, and what a domain that is not local may not do it does not (doc/agent.md "Maps"). */
#include "check.h"

#include "agent/maps.h"
#include "snapshot/verify.h"

#include <string.h>

struct work {
        enum snap_kind kind;
        struct snap_builder *builder;
};

static void check_name(struct bytes b, enum snap_kind kind)
{
        CHECK(b.len > 0 && b.len <= LIMIT_MAP_NAME);
        if (kind == SNAP_GSHADOW) /* a group's: what the map group takes */
                return;
        for (size_t i = 0; i < b.len; i++)
                CHECK(b.data[i] > ' ' && b.data[i] != 0x7f);
}

/* Of a domain that is not local: nothing that a mail system runs, writes or reads. */
static void check_member(struct bytes b)
{
        CHECK(b.len > 0 && !strchr("|/:\"\\-~.", b.data[0]));
        for (size_t i = 0; i < b.len; i++)
                CHECK(!strchr("|:\"\\<>(),; \t\r\n", b.data[i]));
}

static void check_address(const struct snap_map_record *r)
{
        static const uint8_t loopback[16] = {[15] = 1};
        for (size_t i = 0; i < r->addresses4_count; i++)
                CHECK(r->addresses4[i * 4] != 127);
        for (size_t i = 0; i < r->addresses16_count; i++)
                CHECK(memcmp(r->addresses16 + i * 16, loopback, 16) != 0);
}

static bool record(void *context, const struct snap_map_record *r)
{
        const struct work *w = context;
        check_name(r->name, w->kind);
        CHECK(r->key_count > 0);
        for (size_t i = 0; i < r->key_count; i++)
                CHECK(r->keys[i].len >= 2 && r->keys[i].len <= SNAP_KEY_MAX);
        if (w->kind == SNAP_NETGROUP)
                CHECK(r->first_count % 3 == 0);
        CHECK(snap_add_map(w->builder, r) == 0);
        return true;
}

static bool foreign_record(void *context, const struct snap_map_record *r)
{
        const struct work *w = context;
        if (w->kind == SNAP_HOSTS) {
                check_address(r);
                for (size_t i = 0; i < r->key_count; i++)
                        CHECK(!bytes_eq_str(r->keys[i], "nlocalhost"));
        }
        for (size_t i = 0; w->kind == SNAP_ALIASES && i < r->first_count; i++)
                check_member(r->first[i]);
        if (w->kind == SNAP_GSHADOW)
                CHECK(bytes_eq_str(r->extra, "*"));
        return record(context, r);
}

static void left_out(void *context, const struct maps_domain *d, const char *what, struct bytes name,
                     const char *reason)
{
        (void)context;
        (void)name;
        CHECK(d->name && what[0] && reason[0]);
}

static void make(const struct maps_domain *d, enum snap_kind kind)
{
        const struct merge_rules rules = {.min_id = 100};
        struct work w = {.kind = kind};
        const struct maps_sink sink = {d->local ? record : foreign_record, left_out, &w};
        struct snap_findings f;
        struct bytes image;
        CHECK(snap_builder_new(kind, &w.builder) == 0);
        CHECK(maps_make(kind, d, 1, &rules, &sink));
        CHECK(snap_build(w.builder, 1, &image) == 0);
        CHECK(snap_verify(image.data, image.len, kind, &f) == 0);
        snap_builder_free(w.builder);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct xdr_in in = xdr_in(bytes_of(data, size));
        const struct bytes props = xdr_proplist_exact(&in);
        struct maps_domain d = {.name = "local", .local = true};
        if (!xdr_end(&in))
                return 0;
        for (unsigned top = 0; top < TABLE_TOPS; top++)
                d.top[top] = (struct maps_children){&props, 1};
        for (unsigned k = SNAP_ACCOUNTS; k < SNAP_KINDS; k++)
                make(&d, (enum snap_kind)k);
        d.name = "/";
        d.local = false;
        for (unsigned k = SNAP_ACCOUNTS; k < SNAP_KINDS; k++)
                make(&d, (enum snap_kind)k);
        return 0;
}
