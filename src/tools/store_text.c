#include "tools/store_text.h"

#include "base/text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>

#define LINE_MAX_BYTES (4 * (size_t)LIMIT_NODE + 4096) /* every byte escaped */
#define LOAD_BATCH     5000u                           /* directories per commit */

static const char head_line[] = "netinfo-store 1";

/* -- dump
 * ----------------------------------------------------------------------------------------------------- */

/* One word: printable ASCII as it is, the rest as \xHH, nothing as \e. */
static void put_word(FILE *out, struct bytes b)
{
        if (b.len == 0)
                fputs("\\e", out);
        for (size_t i = 0; i < b.len; i++)
                if (b.data[i] > ' ' && b.data[i] < 0x7f && b.data[i] != '\\')
                        putc(b.data[i], out);
                else
                        fprintf(out, "\\x%02x", b.data[i]);
}

static void put_hex(FILE *out, const uint8_t *p, size_t n)
{
        for (size_t i = 0; i < n; i++)
                fprintf(out, "%02x", p[i]);
}

static enum ni_status dump_node(const struct store_node *n, FILE *out)
{
        struct prop_walk w = prop_walk(n->props);
        fprintf(out,
                "\ndir %" PRIu32 " instance %" PRIu32 " parent %" PRIu32 " ordinal %" PRIu64 " born %" PRIu64
                " version %" PRIu64 "\n",
                n->id.object, n->id.instance, n->parent, n->ordinal, n->born, n->version);
        while (prop_walk_next(&w)) {
                struct xdr_in in = xdr_in(w.values);
                putc(' ', out);
                put_word(out, w.name);
                for (uint32_t i = xdr_u32(&in); i; i--) {
                        putc(' ', out);
                        put_word(out, xdr_opaque(&in, NI_NAME_MAX));
                }
                putc('\n', out);
        }
        return xdr_end(&w.in) ? NI_OK : NI_SYSTEMERR;
}

enum ni_status store_text_dump(struct store_txn *r, FILE *out, store_text_progress *progress, void *context)
{
        struct store_info info;
        struct store_walk w;
        struct store_node n;
        enum ni_status st = store_get_info(r, &info);
        if (st != NI_OK)
                return st;
        fprintf(out, "%s\nuuid ", head_line);
        put_hex(out, info.uuid, 16);
        fprintf(out, "\nepoch %" PRIu64 "\nseq %" PRIu64 "\nrole %s\n", info.epoch, info.seq,
                info.role == STORE_CLONE ? "clone" : "master");
        store_each(r, 0, &w);
        while (st == NI_OK && store_each_next(&w, &n)) {
                st = dump_node(&n, out);
                if (progress && w.visited % 1000 == 0)
                        progress(context, w.visited);
        }
        store_end(&w);
        st = st == NI_OK ? w.status : st;
        if (st == NI_OK) {
                fprintf(out, "\nend %" PRIu64 " digest ", w.visited);
                put_hex(out, info.digest, 16);
                putc('\n', out);
        }
        return st;
}

/* -- load
 * ----------------------------------------------------------------------------------------------------- */

struct load {
        FILE *in;
        struct store *s;
        struct store_txn *t;
        struct buf line, word;
        struct bytes rest; /* of the line */
        uint64_t number;   /* of the line */
        struct store_node node;
        bool open; /* node and props hold a directory that is not written yet */
        struct buf props;
        uint32_t props_n;
        uint64_t loaded;
        uint32_t in_batch;
        uint8_t uuid[16];
        uint64_t seq;
        enum store_role role;
        struct store_text_why *why;
};

__attribute__((format(printf, 2, 3))) static enum ni_status bad(struct load *l, const char *format, ...)
{
        va_list ap;
        va_start(ap, format);
        l->why->line = l->number;
        vsnprintf(l->why->reason, sizeof(l->why->reason), format, ap);
        va_end(ap);
        return NI_SERIAL;
}

static enum ni_status store_trouble(struct load *l, enum ni_status st, const char *what)
{
        l->why->line = 0;
        snprintf(l->why->reason, sizeof(l->why->reason), "%s", what);
        return st;
}

/* The next line without its end, into l->rest. NI_NODIR: no more. */
static enum ni_status next_line(struct load *l)
{
        int c;
        buf_clear(&l->line);
        l->number++;
        while ((c = getc(l->in)) != EOF && c != '\n')
                buf_putc(&l->line, (char)c);
        if (l->line.failed)
                return bad(l, "the line is longer than any directory's");
        if (c == EOF && (ferror(l->in) || l->line.len))
                return bad(l, "%s",
                           ferror(l->in) ? "cannot be read"
                                         : "the last line has no end: the dump is cut short");
        l->rest = buf_bytes(&l->line);
        return c == EOF ? NI_NODIR : NI_OK;
}

/* The next word of the line, still escaped; empty at its end. */
static struct bytes next_word(struct load *l)
{
        while (l->rest.len && l->rest.data[0] == ' ')
                l->rest = bytes_sub(l->rest, 1, l->rest.len);
        const struct bytes w = bytes_sub(l->rest, 0, bytes_find(l->rest, ' '));
        l->rest = bytes_sub(l->rest, w.len, l->rest.len);
        return w;
}

static int hex_digit(uint8_t c)
{
        if (c >= '0' && c <= '9')
                return c - '0';
        return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* A word as its bytes, in l->word. */
static bool unescape(struct load *l, struct bytes w)
{
        buf_clear(&l->word);
        if (bytes_eq_str(w, "\\e"))
                return true;
        for (size_t i = 0; i < w.len; i++) {
                if (w.data[i] <= ' ' || w.data[i] >= 0x7f)
                        return false;
                if (w.data[i] != '\\') {
                        buf_putc(&l->word, (char)w.data[i]);
                        continue;
                }
                if (w.len - i < 4 || w.data[i + 1] != 'x')
                        return false;
                const int hi = hex_digit(w.data[i + 2]), lo = hex_digit(w.data[i + 3]);
                if (hi < 0 || lo < 0)
                        return false;
                buf_putc(&l->word, (char)(hi << 4 | lo));
                i += 3;
        }
        return w.len > 0 && !l->word.failed && l->word.len <= NI_NAME_MAX;
}

static bool read_hex(struct bytes w, uint8_t *to, size_t n)
{
        if (w.len != 2 * n)
                return false;
        for (size_t i = 0; i < n; i++) {
                const int hi = hex_digit(w.data[2 * i]), lo = hex_digit(w.data[2 * i + 1]);
                if (hi < 0 || lo < 0)
                        return false;
                to[i] = (uint8_t)(hi << 4 | lo);
        }
        return true;
}

/* "NAME NUMBER" as the next two words. */
static bool read_number(struct load *l, const char *name, uint64_t max, uint64_t *ret)
{
        return bytes_eq_str(next_word(l), name) && text_u64(next_word(l), max, ret);
}

static enum ni_status load_head(struct load *l)
{
        enum ni_status st = next_line(l);
        uint64_t epoch;
        if (st != NI_OK || !bytes_eq_str(l->rest, head_line))
                return bad(l, "not a dump of a store (it does not begin with `%s`)", head_line);
        st = next_line(l);
        if (st != NI_OK || !bytes_eq_str(next_word(l), "uuid") || !read_hex(next_word(l), l->uuid, 16))
                return bad(l, "expected `uuid` and 32 hexadecimal digits");
        st = next_line(l);
        if (st != NI_OK || !read_number(l, "epoch", UINT64_MAX, &epoch))
                return bad(l, "expected `epoch` and a number");
        st = next_line(l);
        if (st != NI_OK || !read_number(l, "seq", UINT64_MAX / 2, &l->seq))
                return bad(l, "expected `seq` and a number");
        st = next_line(l);
        const bool role = st == NI_OK && bytes_eq_str(next_word(l), "role");
        const struct bytes which = next_word(l);
        if (!role || (!bytes_eq_str(which, "master") && !bytes_eq_str(which, "clone")))
                return bad(l, "expected `role master` or `role clone`");
        l->role = bytes_eq_str(which, "clone") ? STORE_CLONE : STORE_MASTER;
        return NI_OK;
}

/* Writes the directory at hand. */
static enum ni_status finish_dir(struct load *l)
{
        enum ni_status st = NI_OK;
        if (!l->open)
                return NI_OK;
        l->open = false;
        xdr_store(l->props.data, l->props_n);
        l->node.props = buf_bytes(&l->props);
        if (l->props.failed || l->props.len > LIMIT_NODE)
                return bad(l, "directory %" PRIu32 " has more than %u bytes of properties", l->node.id.object,
                           LIMIT_NODE);
        if (!l->t)
                st = store_write_begin(l->s, &l->t);
        if (st != NI_OK)
                return store_trouble(l, st, "cannot write");
        st = store_replay_node(l->t, &l->node);
        if (st == NI_ALIVE)
                return bad(l, "directory %" PRIu32 " stands at another one's place", l->node.id.object);
        if (st != NI_OK)
                return bad(l, "directory %" PRIu32 " cannot be taken: %s", l->node.id.object,
                           st == NI_NOSPACE ? "no space" : "its numbers or properties are impossible");
        l->loaded++;
        if (++l->in_batch < LOAD_BATCH)
                return NI_OK;
        l->in_batch = 0;
        st = store_commit(l->t, NULL);
        l->t = NULL;
        return st == NI_OK ? NI_OK : store_trouble(l, st, "the commit failed");
}

static enum ni_status begin_dir(struct load *l)
{
        uint64_t object, instance, parent, ordinal, born, version;
        const bool first = l->loaded == 0 && l->in_batch == 0;
        if (!text_u64(next_word(l), STORE_OBJECT_MAX, &object) ||
            !read_number(l, "instance", UINT32_MAX, &instance) ||
            !read_number(l, "parent", STORE_OBJECT_MAX, &parent) ||
            !read_number(l, "ordinal", UINT64_MAX, &ordinal) ||
            !read_number(l, "born", UINT64_MAX / 2, &born) ||
            !read_number(l, "version", UINT64_MAX / 2, &version) || l->rest.len)
                return bad(l, "expected `dir N instance N parent N ordinal N born N version N`");
        if (first ? object != 0 : object <= l->node.id.object)
                return bad(l, "directories come in ascending order, the root (0) first");
        l->node = (struct store_node){.id = {(uint32_t)object, (uint32_t)instance},
                                      .parent = (uint32_t)parent,
                                      .ordinal = ordinal,
                                      .born = born,
                                      .version = version};
        buf_clear(&l->props);
        xdr_put_u32(&l->props, 0);
        l->props_n = 0;
        l->open = true;
        return NI_OK;
}

static enum ni_status load_prop(struct load *l)
{
        uint32_t values = 0;
        if (!l->open || l->props_n == NI_PROPS_MAX)
                return bad(l, "%s", l->open ? "too many properties" : "a property without directory");
        if (!unescape(l, next_word(l)))
                return bad(l, "the property's name is malformed (bytes outside of ! .. ~, and \\, are "
                              "written \\xHH)");
        xdr_put_opaque(&l->props, buf_bytes(&l->word));
        const size_t at = l->props.len;
        xdr_put_u32(&l->props, 0);
        for (struct bytes w = next_word(l); w.len; w = next_word(l), values++) {
                if (values == NI_VALUES_MAX || !unescape(l, w))
                        return bad(l, "value %" PRIu32 " is malformed, or one too many", values + 1);
                xdr_put_opaque(&l->props, buf_bytes(&l->word));
        }
        if (l->props.failed)
                return bad(l, "the directory has more than %u bytes of properties", LIMIT_NODE);
        xdr_store(l->props.data + at, values);
        l->props_n++;
        return NI_OK;
}

/* "end COUNT [digest HEX]": what a text edited by hand may leave out. */
static enum ni_status load_end(struct load *l)
{
        uint64_t count;
        uint8_t digest[16];
        struct store_info info;
        if (!text_u64(next_word(l), UINT64_MAX, &count) || count != l->loaded)
                return bad(l, "the dump says how many directories it has, and it has %" PRIu64, l->loaded);
        if (!l->loaded)
                return bad(l, "there is no root directory");
        const struct bytes what = next_word(l);
        const bool sums = bytes_eq_str(what, "digest") && read_hex(next_word(l), digest, 16);
        if ((what.len && !sums) || l->rest.len)
                return bad(l, "expected `end N digest` and 32 hexadecimal digits");
        enum ni_status st = l->t ? NI_OK : store_write_begin(l->s, &l->t);
        if (st == NI_OK)
                st = store_get_info(l->t, &info);
        if (st == NI_OK && sums && memcmp(digest, info.digest, 16) != 0)
                return bad(l, "the digest differs: the text was changed (leave `digest ...` away to load it "
                              "nevertheless)");
        if (st == NI_OK)
                st = store_replay_head(l->t, l->uuid, 0, l->seq);
        if (st == NI_OK)
                st = store_set_role(l->t, l->role);
        if (st != NI_OK)
                return store_trouble(l, st, "cannot write");
        st = store_commit(l->t, NULL);
        l->t = NULL;
        return st == NI_OK ? NI_OK : store_trouble(l, st, "the commit failed");
}

static enum ni_status load_line(struct load *l, bool *ret_end)
{
        if (l->rest.len && l->rest.data[0] == ' ')
                return load_prop(l);
        const struct bytes word = next_word(l);
        if (word.len == 0)
                return NI_OK;
        enum ni_status st = finish_dir(l);
        if (st != NI_OK)
                return st;
        if (bytes_eq_str(word, "dir"))
                return begin_dir(l);
        if (!bytes_eq_str(word, "end"))
                return bad(l, "expected `dir`, `end` or a property (indented)");
        *ret_end = true;
        return load_end(l);
}

enum ni_status store_text_load(FILE *in, struct store *s, store_text_progress *progress, void *context,
                               struct store_text_why *why)
{
        struct load l = {.in = in, .s = s, .why = why};
        bool end = false;
        buf_init(&l.line, LINE_MAX_BYTES);
        buf_init(&l.word, NI_NAME_MAX + 1);
        buf_init(&l.props, (size_t)LIMIT_NODE + 1024);
        enum ni_status st = load_head(&l);
        for (uint64_t n = 0; st == NI_OK && !end; n++) {
                st = next_line(&l);
                if (st == NI_NODIR)
                        st = bad(&l, "no `end` line: the dump is cut short");
                else if (st == NI_OK)
                        st = load_line(&l, &end);
                if (progress && n % 8192 == 0)
                        progress(context, l.loaded);
        }
        if (l.t)
                store_abort(l.t);
        buf_done(&l.line);
        buf_done(&l.word);
        buf_done(&l.props);
        return st;
}
