/* Old databases: the input is a row of files, each `name`, NUL, four bytes of length (big-endian), content.
 * What is accepted is one tree: every directory but the root stands once, in the list of the parent it names.
 */
#include "check.h"
#include "nidb/nidb.h"

#include <stdlib.h>

#define FILES 16u

/* Splits the input; the names stay in it, the contents are copied so that a byte too far is seen. */
static uint32_t split(const uint8_t *data, size_t size, struct nidb_file *files, uint8_t **copies)
{
        struct bytes in = bytes_of(data, size);
        uint32_t n = 0;
        while (n < FILES) {
                const size_t name = bytes_find(in, 0);
                if (name == in.len || in.len - name < 5)
                        break;
                const struct bytes content = bytes_sub(in, name + 5, xdr_load(in.data + name + 1));
                copies[n] = malloc(content.len + 1);
                CHECK(copies[n]);
                if (content.len)
                        memcpy(copies[n], content.data, content.len);
                files[n] = (struct nidb_file){(const char *)in.data, bytes_of(copies[n], content.len)};
                in = bytes_sub(in, name + 5 + content.len, in.len);
                n++;
        }
        return n;
}

static void check(const struct nidb *db)
{
        uint32_t listed = 0;
        CHECK(db->count && db->dir[0].id.object == 0 && db->dir[0].parent == 0);
        for (uint32_t i = 0; i < db->count; i++) {
                const struct nidb_dir *d = &db->dir[i];
                struct xdr_in in = xdr_in(d->props);
                xdr_proplist_exact(&in);
                CHECK(xdr_end(&in) && d->props.len <= LIMIT_NODE);
                listed += d->child_count;
                for (uint32_t k = 0; k < d->child_count; k++) {
                        const struct nidb_dir *c = nidb_find(db, d->child[k]);
                        CHECK(c && c->id.object != 0 && c->parent == d->id.object);
                }
                uint32_t steps = 0;
                for (const struct nidb_dir *up = d; up->id.object; up = nidb_find(db, up->parent))
                        CHECK(++steps <= db->count);
        }
        CHECK(listed == db->count - 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct nidb_file files[FILES];
        uint8_t *copies[FILES] = {NULL};
        struct nidb_why why;
        struct nidb db;
        const uint32_t n = split(data, size, files, copies);
        if (nidb_decode(files, n, NULL, &db, &why))
                check(&db);
        else
                CHECK(why.text[0] && !db.dir);
        nidb_done(&db);
        for (uint32_t i = 0; i < n; i++)
                free(copies[i]);
        return 0;
}
