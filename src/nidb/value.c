/* Data types of the current generation as NetInfo values. */
#include "nidb/nidb-internal.h"

#include <inttypes.h>
#include <stdio.h>

enum {
        NIL = 0,
        RAW = 1,
        BOOLEAN = 2,
        SIGNED = 3,
        UNSIGNED = 4,
        FLOAT = 5,
        STRING_FIRST = 6,
        STRING_LAST = 9
};
enum { ARRAY_FIRST = 64, ARRAY_LAST = 71 };

/* A string counts and stores its NUL. */
static bool string(const struct datum *v, struct bytes *ret, const char **ret_why)
{
        if (!v->data.len || v->data.data[v->data.len - 1] != 0) {
                *ret_why = "a string does not end with a NUL";
                return false;
        }
        *ret = bytes_sub(v->data, 0, bytes_find(v->data, 0));
        if (ret->len > NI_NAME_MAX)
                *ret_why = "a name or value is longer than 65535 bytes";
        return ret->len <= NI_NAME_MAX;
}

bool nidb_key(const struct datum *k, struct bytes *ret, const char **ret_why)
{
        if (k->type >= STRING_FIRST && k->type <= STRING_LAST)
                return string(k, ret, ret_why);
        *ret_why = "the name of a property is no string";
        return false;
}

static bool integer(const struct datum *v, char number[24], struct bytes *ret, const char **ret_why)
{
        const size_t n = v->data.len;
        uint64_t u = 0;
        if (n != 1 && n != 2 && n != 4 && n != 8) {
                *ret_why = "an integer has 1, 2, 4 or 8 bytes";
                return false;
        }
        for (size_t i = 0; i < n; i++)
                u = u << 8 | v->data.data[i];
        if (v->type == SIGNED && n < 8 && (v->data.data[0] & 0x80))
                u |= UINT64_MAX << (8 * n);
        if (v->type == SIGNED)
                snprintf(number, 24, "%" PRId64, (int64_t)u);
        else
                snprintf(number, 24, "%" PRIu64, u);
        *ret = bytes_str(number);
        return true;
}

bool nidb_value(const struct datum *v, char number[24], struct bytes *ret, const char **ret_odd,
                const char **ret_why)
{
        *ret_odd = NULL;
        if (v->type >= STRING_FIRST && v->type <= STRING_LAST) {
                if (!string(v, ret, ret_why))
                        return false;
                if (ret->len + 1 != v->data.len)
                        *ret_odd = "ends at a NUL in its middle";
                return true;
        }
        if (v->type >= BOOLEAN && v->type <= UNSIGNED)
                return integer(v, number, ret, ret_why);
        if (v->type != NIL && v->type != RAW && v->type != FLOAT &&
            (v->type < ARRAY_FIRST || v->type > ARRAY_LAST)) {
                *ret_why = "a value has a type that values do not have";
                return false;
        }
        *ret = bytes_sub(v->data, 0, bytes_find(v->data, 0));
        *ret_odd = "is no text: its bytes up to the first NUL were taken";
        if (ret->len > NI_NAME_MAX)
                *ret_why = "a name or value is longer than 65535 bytes";
        return ret->len <= NI_NAME_MAX;
}
