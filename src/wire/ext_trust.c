#include "wire/ext_trust.h"

#include "wire/ext-internal.h"

enum { LINE_LEAST = 4 };

static void fixed_decode(struct xdr_in *in, uint8_t *to, size_t n)
{
        const struct bytes b = xdr_fixed(in, n);
        if (!in->bad)
                memcpy(to, b.data, n);
}

/* -- LOGIN -- */

bool ext_login_args_decode(struct xdr_in *in, struct ext_login_args *ret)
{
        struct ext_login_args r;
        r.tag = name_decode(in, LIMIT_TAG);
        r.user = name_decode(in, LIMIT_WHO);
        r.password = xdr_opaque(in, LIMIT_PASSWORD);
        if (!xdr_ok(in))
                return false;
        *ret = r;
        return true;
}

void ext_login_args_encode(const struct ext_login_args *a, struct buf *out)
{
        xdr_put_opaque(out, a->tag);
        xdr_put_opaque(out, a->user);
        xdr_put_opaque(out, a->password);
}

/* -- JOIN -- */

bool ext_join_args_decode(struct xdr_in *in, struct ext_join_args *ret)
{
        struct ext_join_args r = {.name = BYTES_NONE};
        fixed_decode(in, r.token, sizeof(r.token));
        r.name = name_decode(in, LIMIT_MACHINE_NAME);
        r.request = xdr_opaque(in, LIMIT_REQUEST);
        fixed_decode(in, r.proof, sizeof(r.proof));
        if (!xdr_ok(in))
                return false;
        *ret = r;
        return true;
}

void ext_join_args_encode(const struct ext_join_args *a, struct buf *out)
{
        xdr_put_fixed(out, bytes_of(a->token, sizeof(a->token)));
        xdr_put_opaque(out, a->name);
        xdr_put_opaque(out, a->request);
        xdr_put_fixed(out, bytes_of(a->proof, sizeof(a->proof)));
}

bool ext_join_decode(struct xdr_in *in, struct ext_join_result *ret)
{
        struct ext_join_result r = {.status = xdr_u32(in)};
        if (r.status == NI_OK) {
                r.certificate = xdr_opaque(in, LIMIT_REQUEST);
                r.domains = name_decode(in, LIMIT_WHERE);
        }
        if (!xdr_ok(in))
                return false;
        *ret = r;
        return true;
}

void ext_join_encode(const struct ext_join_result *r, struct buf *out)
{
        xdr_put_u32(out, r->status);
        if (r->status != NI_OK)
                return;
        xdr_put_opaque(out, r->certificate);
        xdr_put_opaque(out, r->domains);
}

/* -- RENEW -- */

bool ext_renew_args_decode(struct xdr_in *in, struct ext_renew_args *ret)
{
        const struct ext_renew_args r = {.request = xdr_opaque(in, LIMIT_REQUEST)};
        if (!xdr_ok(in))
                return false;
        *ret = r;
        return true;
}

void ext_renew_args_encode(const struct ext_renew_args *a, struct buf *out)
{
        xdr_put_opaque(out, a->request);
}

bool ext_renew_decode(struct xdr_in *in, struct ext_renew_result *ret)
{
        struct ext_renew_result r = {.status = xdr_u32(in)};
        if (r.status == NI_OK)
                r.certificate = xdr_opaque(in, LIMIT_REQUEST);
        if (!xdr_ok(in))
                return false;
        *ret = r;
        return true;
}

void ext_renew_encode(const struct ext_renew_result *r, struct buf *out)
{
        xdr_put_u32(out, r->status);
        if (r->status == NI_OK)
                xdr_put_opaque(out, r->certificate);
}

/* -- AUTHORITY -- */

bool ext_authority_args_decode(struct xdr_in *in, struct ext_authority_args *ret)
{
        struct ext_authority_args r = {.verb = xdr_u32(in)};
        if (r.verb > EXT_AUTHORITY_WITHDRAW)
                xdr_fail(in);
        r.flags = xdr_u32(in);
        flags_check(in, r.flags, EXT_AUTHORITY_SERVER | EXT_AUTHORITY_AGAIN | EXT_AUTHORITY_ANEW);
        r.subject = name_decode(in, LIMIT_MACHINE_NAME);
        r.from = name_decode(in, LIMIT_MACHINE_NAME);
        r.count = xdr_u32(in);
        r.seconds = xdr_u64(in);
        r.domains = name_decode(in, LIMIT_WHERE);
        r.request = xdr_opaque(in, LIMIT_REQUEST);
        r.after = xdr_u64(in);
        if (!xdr_ok(in))
                return false;
        *ret = r;
        return true;
}

void ext_authority_args_encode(const struct ext_authority_args *a, struct buf *out)
{
        xdr_put_u32(out, a->verb);
        xdr_put_u32(out, a->flags);
        xdr_put_opaque(out, a->subject);
        xdr_put_opaque(out, a->from);
        xdr_put_u32(out, a->count);
        xdr_put_u64(out, a->seconds);
        xdr_put_opaque(out, a->domains);
        xdr_put_opaque(out, a->request);
        xdr_put_u64(out, a->after);
}

static void authority_ok_decode(struct xdr_in *in, struct arena *a, struct ext_authority_result *r)
{
        fixed_decode(in, r->uuid, sizeof(r->uuid));
        fixed_decode(in, r->pin, sizeof(r->pin));
        r->authority = xdr_opaque(in, LIMIT_REQUEST);
        r->certificate = xdr_opaque(in, LIMIT_REQUEST);
        fixed_decode(in, r->token, sizeof(r->token));
        r->secret = xdr_opaque(in, EXT_SECRET_SIZE);
        r->line_count = xdr_count(in, LIMIT_LEDGER_LINES, LINE_LEAST);
        r->lines = array(in, a, r->line_count, sizeof(*r->lines));
        for (uint32_t i = 0; i < r->line_count && !in->bad; i++)
                r->lines[i] = name_decode(in, LIMIT_LEDGER_LINE);
        r->more = xdr_bool(in);
        r->next = xdr_u64(in);
}

bool ext_authority_decode(struct xdr_in *in, struct arena *a, struct ext_authority_result *ret)
{
        struct ext_authority_result r = {.status = xdr_u32(in)};
        if (r.status == NI_OK)
                authority_ok_decode(in, a, &r);
        if (!xdr_ok(in))
                return false;
        *ret = r;
        return true;
}

void ext_authority_encode(const struct ext_authority_result *r, struct buf *out)
{
        xdr_put_u32(out, r->status);
        if (r->status != NI_OK)
                return;
        xdr_put_fixed(out, bytes_of(r->uuid, sizeof(r->uuid)));
        xdr_put_fixed(out, bytes_of(r->pin, sizeof(r->pin)));
        xdr_put_opaque(out, r->authority);
        xdr_put_opaque(out, r->certificate);
        xdr_put_fixed(out, bytes_of(r->token, sizeof(r->token)));
        xdr_put_opaque(out, r->secret);
        xdr_put_u32(out, r->line_count);
        for (uint32_t i = 0; i < r->line_count; i++)
                xdr_put_opaque(out, r->lines[i]);
        xdr_put_bool(out, r->more);
        xdr_put_u64(out, r->next);
}
