#include "fixture.h"

#include "sys/fs.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

const struct store_actor nobody = {{(const uint8_t *)"test", 4}, {NULL, 0}, {(const uint8_t *)"step", 4}};

int fixture_setup(void **state)
{
        struct fixture *f = calloc(1, sizeof(*f));
        struct store_why why;
        assert_non_null(f);
        strcpy(f->folder, "/tmp/ni-store-XXXXXX");
        assert_non_null(mkdtemp(f->folder));
        snprintf(f->path, sizeof(f->path), "%s/s", f->folder);
        f->options.no_sync = true;
        buf_init(&f->props, 0);
        assert_int_equal(store_create(f->path, STORE_MASTER, &f->options, &f->s, &why), NI_OK);
        *state = f;
        return 0;
}

int fixture_teardown(void **state)
{
        struct fixture *f = *state;
        if (f->w)
                store_abort(f->w);
        if (f->r) {
                store_read_end(f->r);
                store_reader_free(f->r);
        }
        store_close(f->s);
        fs_remove_tree(f->folder);
        buf_done(&f->props);
        free(f);
        return 0;
}

void fixture_reopen(struct fixture *f)
{
        struct store_why why = {{0}};
        store_close(f->s);
        f->s = NULL;
        if (store_open(f->path, &f->options, &f->s, &why) != NI_OK)
                fail_msg("%s", why.text);
}

struct bytes props_of(struct fixture *f, const char *text)
{
        struct buf *b = &f->props;
        uint32_t n = 0;
        buf_clear(b);
        xdr_put_u32(b, 0);
        while (*text) {
                const size_t len = strcspn(text, " ");
                const struct bytes word = bytes_of(text, len);
                const size_t eq = bytes_find(word, '=');
                struct bytes rest = bytes_sub(word, eq + 1, len);
                xdr_put_opaque(b, bytes_sub(word, 0, eq));
                const size_t at = b->len;
                uint32_t values = 0;
                xdr_put_u32(b, 0);
                for (bool more = rest.len > 0; more; values++) {
                        const size_t comma = bytes_find(rest, ',');
                        xdr_put_opaque(b, bytes_sub(rest, 0, comma));
                        more = comma < rest.len;
                        rest = bytes_sub(rest, comma + 1, rest.len);
                }
                xdr_store(b->data + at, values);
                n++;
                text += len;
                text += strspn(text, " ");
        }
        xdr_store(b->data, n);
        assert_false(b->failed);
        return buf_bytes(b);
}

void begin(struct fixture *f)
{
        assert_int_equal(store_write_begin(f->s, &f->w), NI_OK);
        assert_int_equal(store_change_begin(f->w, &nobody), NI_OK);
}

uint64_t commit(struct fixture *f)
{
        uint64_t seq = 0;
        assert_int_equal(store_change_end(f->w, &seq), NI_OK);
        assert_int_equal(store_commit(f->w, NULL), NI_OK);
        f->w = NULL;
        return seq;
}

void reading(struct fixture *f)
{
        assert_int_equal(store_reader_new(f->s, &f->r), NI_OK);
        assert_int_equal(store_read_begin(f->r), NI_OK);
}

void read_done(struct fixture *f)
{
        store_read_end(f->r);
        store_reader_free(f->r);
        f->r = NULL;
}

uint32_t add(struct fixture *f, uint32_t parent, const char *props)
{
        struct ni_id id, up;
        assert_int_equal(
                store_add_child(f->w, parent, props_of(f, props), NI_INDEX_NULL, NI_INDEX_NULL, &id, &up),
                NI_OK);
        return id.object;
}

static const char *list_of(struct store_walk *w)
{
        static char text[65536];
        size_t n = 0;
        text[0] = '\0';
        while (store_next(w) && n < sizeof(text) - 16)
                n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%" PRIu32, n ? " " : "", w->child);
        store_end(w);
        assert_int_equal(w->status, NI_OK);
        return text;
}

const char *children_of(struct store_txn *t, uint32_t parent)
{
        struct store_walk w;
        store_children(t, parent, STORE_FROM_START, &w);
        return list_of(&w);
}

const char *hits_of(struct store_txn *t, uint32_t parent, const char *key, const char *value)
{
        struct store_walk w;
        store_lookup(t, parent, bytes_str(key), bytes_str(value), STORE_FROM_START, &w);
        return list_of(&w);
}

uint32_t expect_hits(struct store_txn *t, uint32_t parent, const char *name)
{
        struct store_walk hits, all;
        struct store_node n;
        struct prop_walk p;
        uint32_t count = 0;
        store_lookup(t, parent, BYTES_LIT("name"), bytes_str(name), STORE_FROM_START, &hits);
        store_children(t, parent, STORE_FROM_START, &all);
        for (; store_next(&all); count++) {
                assert_int_equal(store_get(t, all.child, &n), NI_OK);
                if (!prop_find(n.props, BYTES_LIT("name"), &p) || !namelist_has(p.values, bytes_str(name)))
                        continue;
                assert_true(store_next(&hits));
                assert_int_equal(hits.child, all.child);
        }
        assert_false(store_next(&hits));
        assert_int_equal(hits.status, NI_OK);
        store_end(&hits);
        store_end(&all);
        return count;
}

static void print_problem(void *context, const char *text)
{
        (void)context;
        print_message("problem: %s\n", text);
}

static uint64_t count_problems(struct fixture *f, void (*say)(void *, const char *))
{
        struct store_txn *r;
        struct store_check_report report;
        assert_int_equal(store_reader_new(f->s, &r), NI_OK);
        assert_int_equal(store_read_begin(r), NI_OK);
        assert_int_equal(store_check(r, &report, say, NULL), NI_OK);
        store_read_end(r);
        store_reader_free(r);
        return report.problems;
}

void check_clean(struct fixture *f)
{
        assert_int_equal(count_problems(f, print_problem), 0);
}

uint64_t problems_of(struct fixture *f)
{
        return count_problems(f, NULL);
}
