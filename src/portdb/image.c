/* From a set of claims to the bytes of a table (doc/port-table.md). */
#include "portdb/set.h"

#include "base/limits.h"
#include "base/siphash.h"
#include "sys/random.h"

#include <stdlib.h>

struct image {
        struct port_claim *claim; /* all of them, merged by transport */
        uint32_t n, exact;
        struct buf section[TABLE_SECTIONS];
        /* texts seen so far: open addressing, offset + 1 */
        uint32_t *slot;
        size_t slots, used;
        struct siphash_key key;
        port_date *date;
        uint32_t dates;
        bool failed;
};

static void put32(struct buf *b, uint32_t v)
{
        const uint8_t le[4] = {(uint8_t)v, (uint8_t)(v >> 8), (uint8_t)(v >> 16), (uint8_t)(v >> 24)};
        buf_put(b, bytes_of(le, 4));
}

static void put16(struct buf *b, uint16_t v)
{
        const uint8_t le[2] = {(uint8_t)v, (uint8_t)(v >> 8)};
        buf_put(b, bytes_of(le, 2));
}

static bool grow_slots(struct image *m)
{
        const size_t slots = m->slots ? m->slots * 2 : 4096;
        uint32_t *fresh = calloc(slots, sizeof(*fresh));
        if (!fresh)
                return false;
        for (size_t i = 0; i < m->slots; i++) {
                if (!m->slot[i])
                        continue;
                const char *s = (const char *)m->section[TABLE_STRINGS].data + m->slot[i] - 1;
                size_t at = siphash13(m->key, s, strlen(s)) & (slots - 1);
                while (fresh[at])
                        at = (at + 1) & (slots - 1);
                fresh[at] = m->slot[i];
        }
        free(m->slot);
        m->slot = fresh;
        m->slots = slots;
        return true;
}

/* Offset of a text, which is stored once. */
static uint32_t text_at(struct image *m, const char *s)
{
        struct buf *b = &m->section[TABLE_STRINGS];
        if (m->used * 2 >= m->slots && !grow_slots(m)) {
                m->failed = true;
                return 0;
        }
        size_t at = siphash13(m->key, s, strlen(s)) & (m->slots - 1);
        for (; m->slot[at]; at = (at + 1) & (m->slots - 1)) {
                if (strcmp((const char *)b->data + m->slot[at] - 1, s) == 0)
                        return m->slot[at] - 1;
        }
        const uint32_t off = (uint32_t)b->len;
        buf_put(b, bytes_of(s, strlen(s) + 1));
        if (b->failed)
                m->failed = true;
        else
                m->slot[at] = off + 1;
        m->used++;
        return off;
}

static int by_value(const void *a, const void *b)
{
        const port_date x = *(const port_date *)a, y = *(const port_date *)b;
        return x == y ? 0 : x < y ? -1 : 1;
}

static uint16_t date_at(struct image *m, port_date d)
{
        const port_date *p = bsearch(&d, m->date, m->dates, sizeof(d), by_value);
        return (uint16_t)(p - m->date);
}

/* The dates that claims were seen on, each once. */
static void collect_dates(struct image *m)
{
        m->date = malloc((2 * (size_t)m->n + 1) * sizeof(*m->date));
        if (!m->date) {
                m->failed = true;
                return;
        }
        size_t n = 0, kept = 0;
        for (uint32_t i = 0; i < m->n; i++) {
                m->date[n++] = m->claim[i].seen_first;
                m->date[n++] = m->claim[i].seen_last;
        }
        qsort(m->date, n, sizeof(*m->date), by_value);
        for (size_t i = 0; i < n; i++) {
                if (kept == 0 || m->date[kept - 1] != m->date[i])
                        m->date[kept++] = m->date[i];
        }
        m->failed = m->failed || kept > 65536;
        m->dates = (uint32_t)kept;
        for (size_t i = 0; i < kept; i++)
                put32(&m->section[TABLE_DATES], m->date[i]);
}

/* All but the transport. */
static int by_content(const struct port_claim *x, const struct port_claim *y)
{
        const uint32_t a[] = {x->source,     x->port,      x->end,           x->status,        x->confidence,
                              x->seen_first, x->seen_last, x->asserted_from, x->asserted_until};
        const uint32_t b[] = {y->source,     y->port,      y->end,           y->status,        y->confidence,
                              y->seen_first, y->seen_last, y->asserted_from, y->asserted_until};
        for (size_t i = 0; i < sizeof(a) / sizeof(a[0]); i++) {
                if (a[i] != b[i])
                        return a[i] < b[i] ? -1 : 1;
        }
        int order = strcmp(x->name, y->name);
        if (!order)
                order = strcmp(x->alias, y->alias);
        if (!order)
                order = strcmp(x->description, y->description);
        if (!order)
                order = strcmp(x->reference, y->reference);
        return order ? order : strcmp(x->note, y->note);
}

static int by_content_and_transport(const void *a, const void *b)
{
        const struct port_claim *x = a, *y = b;
        const int order = by_content(x, y);
        return order ? order : (int)x->transport - (int)y->transport;
}

static int by_place(const void *a, const void *b)
{
        const struct port_claim *x = a, *y = b;
        const bool wide_x = port_claim_is_range(x), wide_y = port_claim_is_range(y);
        if (wide_x != wide_y)
                return wide_x ? 1 : -1;
        if (x->port != y->port)
                return x->port < y->port ? -1 : 1;
        if (x->end != y->end)
                return x->end < y->end ? -1 : 1;
        return by_content_and_transport(a, b);
}

/* Claims that differ in nothing but the transport become one. */
static void merge_transports(struct image *m)
{
        uint32_t kept = 0;
        qsort(m->claim, m->n, sizeof(*m->claim), by_content_and_transport);
        for (uint32_t i = 0; i < m->n; i++) {
                struct port_claim *last = kept ? &m->claim[kept - 1] : NULL;
                const struct port_claim *c = &m->claim[i];
                if (last && last->transport && c->transport && by_content(last, c) == 0)
                        last->transport |= c->transport;
                else
                        m->claim[kept++] = *c;
        }
        m->n = kept;
        qsort(m->claim, m->n, sizeof(*m->claim), by_place);
        while (m->exact < m->n && !port_claim_is_range(&m->claim[m->exact]))
                m->exact++;
}

static void collect_claims(struct image *m, const struct port_set *s)
{
        size_t n = 0;
        for (size_t i = 0; i < s->n; i++)
                n += s->source[i].claims.n;
        m->claim = n < UINT32_MAX / 64 ? malloc((n + 1) * sizeof(*m->claim)) : NULL;
        if (!m->claim) {
                m->failed = true;
                return;
        }
        for (size_t i = 0; i < s->n; i++) {
                for (size_t k = 0; k < s->source[i].claims.n; k++) {
                        m->claim[m->n] = s->source[i].claims.at[k];
                        m->claim[m->n++].source = (uint8_t)i;
                }
        }
        merge_transports(m);
        collect_dates(m);
}

static void put_sources(struct image *m, const struct port_set *s)
{
        uint32_t editions = 0;
        for (size_t i = 0; i < s->n; i++) {
                const struct port_set_source *o = &s->source[i];
                struct buf *b = &m->section[TABLE_SOURCES];
                put32(b, text_at(m, o->about.key));
                put32(b, text_at(m, o->about.title));
                put32(b, text_at(m, o->about.licence));
                put32(b, text_at(m, o->about.reference));
                put32(b, editions);
                put32(b, (uint32_t)o->editions);
                put32(b, o->about.kind);
                for (size_t k = 0; k < o->editions; k++) {
                        struct buf *e = &m->section[TABLE_EDITIONS];
                        put32(e, o->edition[k].date);
                        put32(e, text_at(m, o->edition[k].origin));
                        put32(e, o->edition[k].loses);
                }
                editions += (uint32_t)o->editions;
        }
}

static void put_claim(struct image *m, const struct port_claim *c, struct buf *b)
{
        const uint8_t small[4] = {c->transport, c->status, c->confidence, c->source};
        uint32_t extra = 0;
        if (*c->alias || *c->reference || *c->note || c->asserted_from || c->asserted_until) {
                struct buf *x = &m->section[TABLE_EXTRAS];
                put32(x, text_at(m, c->alias));
                put32(x, text_at(m, c->reference));
                put32(x, text_at(m, c->note));
                put32(x, c->asserted_from);
                put32(x, c->asserted_until);
                extra = (uint32_t)(x->len / port_table_record[TABLE_EXTRAS]);
        }
        put16(b, c->port);
        put16(b, c->end);
        buf_put(b, bytes_of(small, 4));
        put16(b, date_at(m, c->seen_first));
        put16(b, date_at(m, c->seen_last));
        put32(b, text_at(m, c->name));
        put32(b, text_at(m, c->description));
        put32(b, extra);
}

static int by_name(const void *a, const void *b, void *context)
{
        const struct image *m = context;
        const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
        const int order = port_name_compare(bytes_str(m->claim[x].name), bytes_str(m->claim[y].name));
        return order ? order : x == y ? 0 : x < y ? -1 : 1;
}

static void put_names(struct image *m)
{
        uint32_t *order = malloc(((size_t)m->n + 1) * sizeof(*order)), n = 0;
        if (!order) {
                m->failed = true;
                return;
        }
        for (uint32_t i = 0; i < m->n; i++) {
                if (*m->claim[i].name)
                        order[n++] = i;
        }
        qsort_r(order, n, sizeof(*order), by_name, m);
        for (uint32_t i = 0; i < n; i++)
                put32(&m->section[TABLE_NAMES], order[i]);
        free(order);
}

static void put_file(struct image *m, port_date built, struct buf *out)
{
        size_t at = TABLE_HEADER_BYTES;
        for (unsigned i = 0; i < TABLE_SECTIONS; i++) {
                m->failed = m->failed || m->section[i].failed;
                at += m->section[i].len;
        }
        if (m->failed || at > LIMIT_PORT_FILE) {
                m->failed = true;
                return;
        }
        buf_puts(out, PORT_TABLE_MAGIC);
        put32(out, PORT_TABLE_VERSION);
        put32(out, (uint32_t)at);
        put32(out, built);
        put32(out, 0);
        at = TABLE_HEADER_BYTES;
        for (unsigned i = 0; i < TABLE_SECTIONS; i++) {
                put32(out, (uint32_t)at);
                put32(out, (uint32_t)(m->section[i].len / port_table_record[i]));
                at += m->section[i].len;
        }
        for (unsigned i = 0; i < TABLE_SECTIONS; i++)
                buf_put(out, buf_bytes(&m->section[i]));
}

static port_date newest(const struct port_set *s)
{
        port_date d = 0;
        for (size_t i = 0; i < s->n; i++) {
                const struct port_set_source *o = &s->source[i];
                if (o->editions && o->edition[o->editions - 1].date > d)
                        d = o->edition[o->editions - 1].date;
        }
        return d;
}

bool port_set_image(struct port_set *s, struct buf *out)
{
        struct image m = {0};
        uint8_t random[16];
        random_bytes(random, sizeof(random));
        m.key = siphash_key_from(random);
        for (unsigned i = 0; i < TABLE_SECTIONS; i++)
                buf_init(&m.section[i], LIMIT_PORT_FILE);
        text_at(&m, ""); /* offset 0 is the empty text */
        collect_claims(&m, s);
        if (!m.failed) {
                put_sources(&m, s);
                for (uint32_t i = 0; i < m.n; i++)
                        put_claim(&m, &m.claim[i], &m.section[i < m.exact ? TABLE_EXACT : TABLE_RANGES]);
                put_names(&m);
                put_file(&m, newest(s), out);
        }
        for (unsigned i = 0; i < TABLE_SECTIONS; i++)
                buf_done(&m.section[i]);
        free(m.slot);
        free(m.claim);
        free(m.date);
        return !m.failed && !s->failed && !out->failed;
}
