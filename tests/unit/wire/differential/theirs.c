#include "convert.h"

#include <stdlib.h>

static unsigned char *pool_at, *pool_end, *pool_start;

void *pool(size_t n)
{
        const size_t need = (n + 15) / 16 * 16;
        if ((size_t)(pool_end - pool_at) < need)
                abort(); /* the test makes messages that fit */
        void *p = memset(pool_at, 0, need);
        pool_at += need;
        return p;
}

static void pool_empty(void)
{
        const size_t size = (size_t)64 << 20;
        if (!pool_start) {
                pool_start = malloc(size);
                if (!pool_start)
                        abort();
                pool_end = pool_start + size;
        }
        pool_at = pool_start;
}

char *string_of(struct bytes b)
{
        char *s = pool(b.len + 1);
        if (b.len)
                memcpy(s, b.data, b.len);
        return s;
}

t_ni_id id_of(struct ni_id id)
{
        return (t_ni_id){id.object, id.instance};
}

t_ni_namelist namelist_of(struct namelist l)
{
        t_ni_namelist t = {l.n, pool(l.n * sizeof(t_ni_name))};
        for (uint32_t i = 0; i < l.n; i++)
                t.t_ni_namelist_val[i] = string_of(l.v[i]);
        return t;
}

t_ni_proplist proplist_of(struct proplist l)
{
        t_ni_proplist t = {l.n, pool(l.n * sizeof(t_ni_property))};
        for (uint32_t i = 0; i < l.n; i++) {
                t.t_ni_proplist_val[i].nip_name = string_of(l.v[i].name);
                t.t_ni_proplist_val[i].nip_val = namelist_of(l.v[i].values);
        }
        return t;
}

static const struct row *row_of(enum theirs_what what, unsigned proc)
{
        switch (what) {
        case THEIRS_NI_ARGS:
                return &ni_args_rows[proc];
        case THEIRS_NI_RESULT:
                return &ni_result_rows[proc];
        case THEIRS_BINDER_ARGS:
                return &binder_args_rows[proc];
        case THEIRS_BINDER_RESULT:
                return &binder_result_rows[proc];
        case THEIRS_EXT_ARGS:
                return &ext_args_rows[proc];
        case THEIRS_EXT_RESULT:
                return &ext_result_rows[proc];
        }
        abort();
}

/* Any message type of theirs. */
union message {
        void *align;
        u_quad_t wide;
        char room[1024];
};

static size_t encode(xdrproc_t xdr, union message *m, uint8_t *to, size_t room)
{
        XDR x;
        xdrmem_create(&x, (char *)to, (u_int)room, XDR_ENCODE);
        return xdr(&x, m) ? xdr_getpos(&x) : SIZE_MAX;
}

size_t theirs_encode(enum theirs_what what, unsigned proc, const void *value, uint8_t *to, size_t room)
{
        const struct row *row = row_of(what, proc);
        union message m = {0};
        if (!row->xdr)
                return 0;
        pool_empty();
        row->fill(value, &m);
        return encode(row->xdr, &m, to, room);
}

size_t theirs_recode(enum theirs_what what, unsigned proc, const uint8_t *from, size_t n, uint8_t *to,
                     size_t room)
{
        const struct row *row = row_of(what, proc);
        union message m = {0};
        XDR x;
        if (!row->xdr)
                return n == 0 ? 0 : SIZE_MAX;
        xdrmem_create(&x, (char *)(uintptr_t)from, (u_int)n, XDR_DECODE);
        size_t written = SIZE_MAX;
        if (row->xdr(&x, &m) && xdr_getpos(&x) == n)
                written = encode(row->xdr, &m, to, room);
        xdr_free(row->xdr, (char *)&m);
        return written;
}
