/* niload: flat files (doc/tools.md 5.1, doc/flat-files.md "Streams"). */
#include "tools/historical/netgroup.h"
#include "tools/historical/niload.h"
#include "tools/historical/seen.h"

#include "api/convert.h"
#include "sys/random.h"

#include <errno.h>
#include <stdlib.h>

static void skipped(void *context, const struct flat_why *why)
{
        struct niload *l = context;
        l->lost |= why->limit;
        if (why->limit) /* what is no mistake of the file must not be lost in silence */
                tool_say(&l->t, "line %u: %s: not loaded", why->line, why->text);
        else if (l->verbose)
                tool_say(&l->t, "line %u: ignored", why->line);
}

static size_t read_some(void *context, uint8_t *to, size_t n)
{
        return fread(to, 1, n, context);
}

/* The whole of f into memory. False: said why. */
static bool read_shadow(struct niload *l, FILE *f)
{
        size_t n;
        uint8_t piece[1 << 16];
        while ((n = fread(piece, 1, sizeof(piece), f)) > 0)
                buf_put(&l->shadow_text, bytes_of(piece, n));
        if (!ferror(f) && !l->shadow_text.failed)
                return true;
        tool_say(&l->t, "%s: %s", l->shadow_file, ferror(f) ? strerror(errno) : "larger than 1 GiB");
        return false;
}

static bool shadow_file(struct niload *l, struct flat_options o)
{
        struct flat_why why;
        FILE *f = fopen(l->shadow_file, "re");
        if (!f) {
                tool_say(&l->t, "%s: %s", l->shadow_file, strerror(errno));
                return false;
        }
        const bool read = read_shadow(l, f);
        fclose(f);
        o.skipped = NULL;
        if (!read)
                return false;
        if (flat_file_read(&l->shadow, flat_format("shadow"), buf_bytes(&l->shadow_text), &o, &why))
                return true;
        tool_say(&l->t, "%s: line %u: %s", l->shadow_file, why.line, why.text);
        return false;
}

static void refused(const struct niload *l, const struct flat_why *why)
{
        if (why->line)
                tool_say(&l->t, "line %u: %s", why->line, why->text);
        else
                tool_say(&l->t, "%s", why->text);
}

/* The next part of the input that has any item, into l->file; false at its end, or *ret_bad: said why. A
 * strict input is one part: its lines are compared with each other before any of them is loaded. */
static bool next_part(struct niload *l, struct flat_pieces *p, bool *ret_bad)
{
        struct flat_why why = {.line = 0};
        bool more;
        do {
                if (l->file.format)
                        flat_file_done(&l->file);
                l->file.format = NULL;
                if (!l->strict) {
                        more = flat_pieces_next(p, &l->file, &why);
                } else {
                        more = !p->ended && niload_spool(l);
                        *ret_bad |= !p->ended && !more;
                        p->ended = true;
                        more = more && flat_file_read(&l->file, l->format, l->input.text, &p->options, &why);
                }
        } while (more && l->file.entry_count == 0);
        if (!more && why.text[0])
                refused(l, &why);
        if (!more && (why.text[0] || ferror(stdin)))
                *ret_bad = true;
        return more;
}

/* A password of "x" is not one: it comes from the shadow file, where there is one that names the user. */
static void fill_password(struct niload *l, struct flat_item *item)
{
        uint32_t at;
        struct flat_item line;
        if (!l->shadow_file ||
            !flat_file_find(&l->shadow,
                            (struct flat_identity){proplist_first(&item->props, "name"), BYTES_NONE}, &at) ||
            !flat_file_item(&l->shadow, at, &l->arena, &line))
                return;
        const struct property *hash = proplist_get(&line.props, BYTES_LIT("passwd"));
        const struct property *mine = proplist_get(&item->props, BYTES_LIT("passwd"));
        if (!hash || (mine && mine->values.n && !bytes_eq_str(mine->values.v[0], "x")))
                return;
        struct proplist wider = {arena_zalloc(&l->arena, item->props.n + 1, sizeof(struct property)), 0};
        bool put = false;
        for (uint32_t i = 0; wider.v && i < item->props.n; i++) { /* keys stay ascending */
                const struct property *p = &item->props.v[i];
                if (p == mine)
                        continue;
                if (!put && strcmp(arena_str(&l->arena, p->name), "passwd") > 0) {
                        wider.v[wider.n++] = *hash;
                        put = true;
                }
                wider.v[wider.n++] = *p;
        }
        if (wider.v && !put)
                wider.v[wider.n++] = *hash;
        if (wider.v)
                item->props = wider;
}

/* The entry an item means: the first child with its name, and its port where the format needs it. */
static ni_status find_entry(struct niload *l, void *h, ni_id *dir, struct flat_identity id, ni_id *ret,
                            ni_proplist *ret_old)
{
        ni_idlist hits;
        char *name = arena_str(&l->arena, id.name), *port = arena_str(&l->arena, id.port);
        NI_INIT(&hits);
        if (!name || !port)
                return NI_NOSPACE;
        ni_status s = ni_lookup(h, dir, "name", name, &hits);
        if (s == NI_OK && hits.niil_len == 0)
                s = NI_NODIR;
        for (unsigned i = 0; s == NI_OK; i++) {
                if (i == hits.niil_len) {
                        s = NI_NODIR;
                        break;
                }
                *ret = (ni_id){hits.niil_val[i], 0};
                s = ni_read(h, ret, ret_old);
                if (s != NI_OK || !flat_by_port(l->format) ||
                    ni_proplist_match(*ret_old, "port", port) != NI_INDEX_NULL)
                        break;
                ni_proplist_free(ret_old);
        }
        ni_idlist_free(&hits);
        return s;
}

static void show(const struct niload *l, const struct proplist *p, const char *action, struct bytes name)
{
        if (!l->verbose)
                return;
        fprintf(stderr, "\n%s:\n", flat_name(l->format));
        for (uint32_t i = 0; i < p->n; i++) {
                fprintf(stderr, "%.*s:", BYTES_FMT(p->v[i].name));
                for (uint32_t k = 0; k < p->v[i].values.n; k++)
                        fprintf(stderr, " %.*s", BYTES_FMT(p->v[i].values.v[k]));
                fputc('\n', stderr);
        }
        fprintf(stderr, "\n%s directory %s/%.*s\n", action, flat_directory(l->format), BYTES_FMT(name));
}

static enum flat_mode mode_of(const struct niload *l)
{
        if (l->merge)
                return FLAT_MERGE_VALUES;
        /* Where other formats or the domain itself keep properties in the same entries, these stay. */
        const bool shared = flat_is_shared(l->format) || strcmp(flat_directory(l->format), "/users") == 0;
        return l->replace_all || !shared ? FLAT_REPLACE_ALL : FLAT_OWNED;
}

static ni_status complain(const struct niload *l, ni_status s, const char *name)
{
        if (s != NI_OK)
                tool_say(&l->t, "can't update NetInfo %s/%s: %s%s", flat_directory(l->format), name,
                         ni_error(s),
                         s == NI_NOSPACE ? " (one record may have 4 MiB; or the store, or memory, is full)"
                                         : "");
        return s;
}

/* What came up with this entry. Without a server, the one that has waited longest is not stored either. */
static ni_status cannot(const struct niload *l, ni_status s, const char *name)
{
        const char *first = s == NI_FAILED ? sender_oldest(&l->sender, l->queued ? l->waiting : NULL) : "";
        return complain(l, s, *first ? first : name);
}

/* What the sender could not store. */
static ni_status sent(const struct niload *l, ni_status s)
{
        return complain(l, s, l->sender.failed);
}

/* Sends what waits, and does not wait for the answer. */
static ni_status flush(struct niload *l)
{
        netinfo_change *changes = l->waiting;
        const unsigned n = l->queued;
        l->waiting = NULL;
        l->queued = 0;
        const ni_status s = sent(l, sender_send(&l->sender, changes, n, l->queued_bytes));
        l->queued_bytes = 0;
        return s;
}

/* All that was read so far is stored afterwards. */
static ni_status settle(struct niload *l)
{
        ni_status s = flush(l);
        if (s == NI_OK)
                s = sent(l, sender_drain(&l->sender));
        names_clear(&l->names);
        return s;
}

static bool keep_names(struct names *names, const ni_proplist *props)
{
        const ni_index at = ni_proplist_match(*props, "name", NULL);
        bool good = true;
        for (unsigned k = 0; good && at != NI_INDEX_NULL && k < props->nipl_val[at].nip_val.ninl_len; k++)
                good = names_add(names, bytes_str(props->nipl_val[at].nip_val.ninl_val[k]));
        return good;
}

/* Takes the list over. Until it has landed nobody may look for a name that it has, nor for one that the entry
 * had: under that the entry would be found as it was. */
static ni_status enqueue(struct niload *l, bool create, ni_id id, const ni_proplist *old, ni_proplist props,
                         size_t bytes)
{
        if ((!l->waiting && !(l->waiting = calloc(QUEUE_MOST, sizeof(*l->waiting)))) ||
            !keep_names(&l->names, old) || !keep_names(&l->names, &props)) {
                ni_proplist_free(&props);
                return complain(l, NI_NOSPACE, "");
        }
        l->waiting[l->queued++] = (netinfo_change){
                .kind = create ? NETINFO_CREATE : NETINFO_WRITE, .id = id, .properties = props};
        l->queued_bytes += bytes;
        if (l->names.n >= NAMES_MOST || l->names.bytes >= NAMES_BYTES)
                return settle(l);
        return l->queued == QUEUE_MOST || l->queued_bytes >= QUEUE_BYTES ? flush(l) : NI_OK;
}

/* How the item meets the entry that was found: the entry may have come from an earlier part of the input, and
 * then this is one more line of the same record. */
static enum flat_mode meeting(const struct niload *l, ni_id id, const struct proplist *before,
                              const struct flat_item *item)
{
        const struct flat_identity a = flat_identity_of(l->format, before),
                                   b = flat_identity_of(l->format, &item->props);
        const bool further =
                seen_has(l->seen, id.nii_object) && bytes_eq(a.name, b.name) && bytes_eq(a.port, b.port);
        return further ? FLAT_UNITE : mode_of(l);
}

/* What an item makes of its entry is put into the queue; a failure is said. */
static ni_status store(struct niload *l, void *h, ni_id *dir, const struct flat_item *item, struct bytes name)
{
        ni_id id;
        ni_proplist old;
        struct proplist now;
        char *text = arena_str(&l->arena, name);
        ni_status s = NI_OK;
        NI_INIT(&old);
        if (names_has(&l->names,
                      name)) /* under another entry's alias, perhaps: it must be there to be found */
                s = settle(l);
        if (s != NI_OK)
                return s;
        s = find_entry(l, h, dir, flat_identity_of(l->format, &item->props), &id, &old);
        const bool there = s == NI_OK;
        if (s == NI_NODIR && flat_needs_record(l->format)) {
                tool_say(&l->t, "no entry %s in %s - ignored", text, flat_directory(l->format));
                return NI_OK;
        }
        if (s != NI_OK && s != NI_NODIR)
                return cannot(l, s, text);
        const struct proplist before = wire_proplist(&l->arena, old);
        if (!flat_apply(l->format, there ? meeting(l, id, &before, item) : mode_of(l), there ? &before : NULL,
                        item, &l->arena, &now) ||
            l->arena.failed) {
                s = complain(l, NI_NOSPACE, text ? text : "");
        } else {
                show(l, &item->props, !there ? "writing new" : l->merge ? "merging" : "writing", name);
                const bool same = there && flat_same(&before, &now);
                if (same && !seen_add(l->seen, id.nii_object))
                        s = complain(l, NI_NOSPACE, text);
                else if (same)
                        s = NI_OK;
                else
                        s = enqueue(l, !there, there ? id : *dir, &old, api_proplist(now),
                                    niload_size_of(&now));
        }
        ni_proplist_free(&old);
        return s;
}

static ni_status load_item(struct niload *l, void *h, ni_id *dir, uint32_t i)
{
        struct flat_item item;
        arena_reset(&l->arena);
        if (!flat_file_item(&l->file, i, &l->arena, &item))
                return complain(l, NI_NOSPACE, "");
        fill_password(l, &item);
        const struct bytes name = proplist_first(&item.props, "name");
        if (name.len == 0) {
                fputs("input item has no name - ignored\n", stderr);
                return NI_OK;
        }
        ni_status s = store(l, h, dir, &item, name);
        if (s == NI_OK && strcmp(flat_name(l->format), "netgroup") == 0) {
                const struct property *members = proplist_get(&item.props, BYTES_LIT("members"));
                if (members)
                        s = cannot(l, netgroup_enter(&l->t, h, name, members->values),
                                   arena_str(&l->arena, name));
        }
        return s;
}

/* -d, then the target directory. */
static ni_status prepare(struct niload *l, void *h, ni_id *dir)
{
        const char *directory = flat_directory(l->format);
        ni_status s = dir_find(h, FROM_ROOT, false, directory, dir);
        /* The resolver's record is one of several in /locations, and is replaced as a whole anyway. */
        const bool destroy = l->destroy && strcmp(flat_name(l->format), "resolv.conf") != 0;
        if (s == NI_OK && destroy) {
                if (l->verbose)
                        tool_say(&l->t, "deleting the entries of %s", directory);
                s = dir_clear(h, dir->nii_object);
                if (s == NI_OK)
                        s = ni_self(h, dir);
                if (s != NI_OK)
                        tool_say(&l->t, "can't delete NetInfo directory %s: %s", directory, ni_error(s));
        } else if (s == NI_NODIR) {
                if (l->verbose)
                        tool_say(&l->t, "creating directory %s", directory);
                s = dir_make(h, FROM_ROOT, false, directory, dir);
                if (s != NI_OK)
                        tool_say(&l->t, "can't create NetInfo directory %s: %s", directory, ni_error(s));
        } else if (s != NI_OK) {
                tool_say(&l->t, "can't access NetInfo directory %s: %s", directory, ni_error(s));
        }
        if (s == NI_OK && l->verbose) {
                ni_idlist children;
                NI_INIT(&children);
                s = ni_children(h, dir, &children);
                if (s == NI_OK)
                        tool_say(&l->t, "%u entries in %s", children.niil_len, directory);
                else
                        tool_say(&l->t, "can't list NetInfo %s: %s", directory, ni_error(s));
                ni_idlist_free(&children);
        }
        return s;
}

static ni_status load_part(struct niload *l, void *h, ni_id *dir, uint32_t *items)
{
        ni_status s = NI_OK;
        for (uint32_t i = 0; s == NI_OK && i < l->file.entry_count; i++, ++*items)
                s = load_item(l, h, dir, i);
        return s;
}

/* From the first part that has any item on. Exit status. */
static int load_parts(struct niload *l, struct flat_pieces *p)
{
        void *h, *writer;
        ni_id dir;
        uint32_t items = 0;
        bool bad = false;
        int result = tool_open(&l->t, l->domain, &h, NULL);
        if (result == NI_OK && (result = tool_open(&l->t, l->domain, &writer, NULL)) != NI_OK)
                ni_free(h);
        if (result != NI_OK)
                return tool_exit(result);
        ni_needwrite(h, 1);
        ni_needwrite(writer, 1);
        sender_init(&l->sender, writer, "niload", l->seen);
        ni_status s = prepare(l, h, &dir);
        if (s == NI_OK) {
                do
                        s = load_part(l, h, &dir, &items);
                while (s == NI_OK && next_part(l, p, &bad));
        }
        if (s != NI_FAILED) { /* also what came before an entry that was refused */
                const ni_status last = settle(l);
                s = s == NI_OK ? last : s;
        }
        niload_forget(l);
        sender_done(&l->sender);
        if (l->verbose)
                tool_say(&l->t, "%u items read from input", items);
        ni_free(writer);
        ni_free(h);
        return s == NI_OK && !bad && !l->lost ? 0 : 1;
}

int niload_flat(struct niload *l)
{
        struct flat_options o = {.strict = l->strict, .skipped = skipped, .context = l};
        struct flat_pieces p;
        bool bad = false;
        int e = 0;
        random_bytes(&o.key, sizeof(o.key));
        if (l->shadow_file && !shadow_file(l, o))
                return 1;
        flat_pieces_init(&p, l->format, &o, read_some, stdin);
        if (next_part(l, &p, &bad))
                e = load_parts(l, &p);
        else if (!bad && l->verbose)
                tool_say(&l->t, "0 items read from input");
        if (ferror(stdin))
                tool_say(&l->t, "standard input: %s", strerror(errno));
        flat_pieces_done(&p);
        return bad || l->lost ? 1 : e;
}
