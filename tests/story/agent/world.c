#include "world.h"

static struct bytes encode(struct world *w, const char *text)
{
        struct proplist l = {NULL, 0};
        struct buf b;
        char *rest = arena_str(&w->arena, bytes_str(text));
        for (char *part; (part = strsep(&rest, "|"));) {
                char *value = strchr(part, '=');
                *value++ = 0;
                assert_true(proplist_add_str(&l, &w->arena, part, value));
        }
        buf_init(&b, 0);
        xdr_put_proplist(&b, l);
        const struct bytes kept = arena_bytes(&w->arena, buf_bytes(&b));
        buf_done(&b);
        return kept;
}

void world_tell(struct world *w, const char *format, ...)
{
        char words[256];
        va_list ap;
        if (w->quiet)
                return;
        va_start(ap, format);
        vsnprintf(words, sizeof(words), format, ap);
        va_end(ap);
        buf_printf(&w->trace, "[%5llu] %s\n", (unsigned long long)w->now, words);
}

/* -- what a domain says: names and shells below its first child of that name */
static void put_child(struct buf *b, struct bytes props)
{
        static const char *const keys[] = {"name", "uid", "shell"};
        for (unsigned i = 0; i < 3; i++) {
                struct bytes v = BYTES_NONE;
                prop_first(props, keys[i], &v);
                buf_printf(b, "%.*s ", BYTES_FMT(v));
        }
        buf_putc(b, '\n');
}

static uint32_t next_child(const struct world *w, uint32_t parent, uint64_t after)
{
        uint32_t best = 0;
        for (uint32_t i = 1; i < WORLD_OBJECTS; i++)
                if (w->node[i].used && w->node[i].parent == parent && w->node[i].ordinal > after &&
                    (!best || w->node[i].ordinal < w->node[best].ordinal))
                        best = i;
        return best;
}

static const char *domain_says(struct world *w, const char *name)
{
        struct buf b;
        struct bytes v;
        uint32_t top = next_child(w, 0, 0);
        while (top && !(prop_first(w->node[top].props, "name", &v) && bytes_eq_str(v, name)))
                top = next_child(w, 0, w->node[top].ordinal);
        buf_init(&b, 0);
        for (uint32_t c = top ? next_child(w, top, 0) : 0; c; c = next_child(w, top, w->node[c].ordinal))
                put_child(&b, w->node[c].props);
        const char *s = arena_str(&w->arena, buf_bytes(&b));
        buf_done(&b);
        return s;
}

static const char *table_says(struct world *w, const char *name)
{
        struct bytes *v;
        size_t n;
        struct buf b;
        buf_init(&b, 0);
        assert_true(table_children(core_table(w->core), strcmp(name, "groups") == 0 ? TOP_GROUPS : TOP_USERS,
                                   &v, &n));
        for (size_t i = 0; i < n; i++)
                put_child(&b, v[i]);
        free(v);
        const char *s = arena_str(&w->arena, buf_bytes(&b));
        buf_done(&b);
        return s;
}

static void remember(struct world *w)
{
        struct world_said *s = arena_zalloc(&w->arena, 1, sizeof(*s));
        assert_non_null(s);
        *s = (struct world_said){w->said, w->epoch, w->seq, domain_says(w, "users"),
                                 domain_says(w, "groups")};
        w->said = s;
}

const struct world_said *world_said(const struct world *w)
{
        const struct world_said *s = w->said;
        while (s && (s->epoch != core_epoch(w->core) || s->seq != core_seq(w->core)))
                s = s->before;
        assert_non_null(s);
        return s;
}

/* -- changes */
static void commit(struct world *w, uint32_t kind, uint32_t object)
{
        const struct world_node *n = &w->node[object];
        struct ext_record *r = arena_zalloc(&w->arena, 1, sizeof(*r));
        assert_non_null(r);
        assert_true(w->seq + 1 < WORLD_CHANGES);
        *r = (struct ext_record){.kind = kind,
                                 .object = object,
                                 .born = n->born,
                                 .parent = n->parent,
                                 .ordinal = n->ordinal,
                                 .has_after = kind == EXT_CREATED || kind == EXT_CHANGED,
                                 .after = n->props};
        w->seq++;
        w->journal[w->seq] = (struct ext_entry){.seq = w->seq, .records = r, .record_count = 1};
        remember(w);
}

void world_create(struct world *w, uint32_t object, uint32_t parent, const char *props)
{
        assert_false(w->node[object].used);
        w->node[object] = (struct world_node){true, parent, (w->seq + 1) * 10, w->seq + 1, encode(w, props)};
        commit(w, EXT_CREATED, object);
}

void world_change(struct world *w, uint32_t object, const char *props)
{
        assert_true(w->node[object].used);
        w->node[object].props = encode(w, props);
        commit(w, EXT_CHANGED, object);
}

void world_destroy(struct world *w, uint32_t object)
{
        assert_true(w->node[object].used);
        w->node[object].used = false;
        commit(w, EXT_DESTROYED, object);
}

void world_move(struct world *w, uint32_t object, uint32_t parent)
{
        assert_true(w->node[object].used);
        w->node[object].parent = parent;
        w->node[object].ordinal = (w->seq + 1) * 10;
        commit(w, EXT_MOVED, object);
}

void world_new_epoch(struct world *w, uint64_t seq)
{
        w->epoch++;
        w->seq = seq;
        w->first_seq = seq + 1;
        remember(w);
}

/* -- answers */
static void pass(struct world *w, uint64_t ms)
{
        for (; ms; ms--) {
                w->now++;
                if (w->meanwhile)
                        w->meanwhile(w);
        }
}

static bool answers(struct world *w)
{
        w->calls++;
        pass(w, 1);
        if (w->fail_next) {
                w->fail_next--;
                return false;
        }
        return w->up;
}

static void answer_status(struct world *w, struct core_event *e, struct ext_status_result *r)
{
        *r = (struct ext_status_result){.epoch = w->epoch, .seq = w->seq, .first_seq = w->first_seq};
        e->kind = CORE_CONNECTED;
        e->status = r;
        world_tell(w, "connect: seq %llu", (unsigned long long)w->seq);
}

static void answer_page(struct world *w, struct core_event *e, struct ext_snapshot_result *r)
{
        static struct ext_node nodes[WORLD_OBJECTS];
        *r = (struct ext_snapshot_result){.epoch = w->epoch, .seq = w->seq, .nodes = nodes};
        e->kind = CORE_PAGE;
        e->page = r;
        if (w->next.epoch && w->next.epoch != w->epoch) {
                r->status = EXT_TAKE_SNAPSHOT;
                world_tell(w, "page from %u: another epoch", w->next.from);
                return;
        }
        for (uint32_t i = w->next.from; i < WORLD_OBJECTS; i++) {
                if (i && !w->node[i].used)
                        continue;
                if (r->node_count == w->page_nodes) {
                        r->more = true;
                        r->next = i;
                        break;
                }
                nodes[r->node_count++] = (struct ext_node){.id = {i, 1},
                                                           .parent = w->node[i].parent,
                                                           .ordinal = w->node[i].ordinal,
                                                           .born = w->node[i].born,
                                                           .props = w->node[i].props};
        }
        world_tell(w, "page from %u: %u directories at %llu%s", w->next.from, r->node_count,
                   (unsigned long long)w->seq, r->more ? "" : ", the last");
}

static void answer_changes(struct world *w, struct core_event *e, struct ext_changes_result *r)
{
        static struct ext_entry entries[WORLD_CHANGES];
        uint64_t from = w->next.seq + 1;
        *r = (struct ext_changes_result){.epoch = w->epoch, .seq = w->seq, .entries = entries};
        e->kind = CORE_ENTRIES;
        e->changes = r;
        if (w->next.epoch != w->epoch || from < w->first_seq || w->next.seq > w->seq) {
                r->status = EXT_TAKE_SNAPSHOT;
                world_tell(w, "changes after %llu: take a snapshot", (unsigned long long)w->next.seq);
                return;
        }
        if (w->repeat && from > w->first_seq)
                from--;
        for (uint64_t s = from; s <= w->seq && r->entry_count < w->entries_most; s++)
                if (w->lose_seq != (int)s)
                        entries[r->entry_count++] = w->journal[s];
                else
                        w->lose_seq = -1;
        if (r->entry_count)
                world_tell(w, "changes after %llu: %llu to %llu of %llu", (unsigned long long)w->next.seq,
                           (unsigned long long)entries[0].seq,
                           (unsigned long long)entries[r->entry_count - 1].seq, (unsigned long long)w->seq);
}

/* What goes out must be the domain as it was at the seq the core claims. */
static void publish(struct world *w, struct core_event *e)
{
        const uint64_t seq = core_seq(w->core);
        e->kind = CORE_PUBLISHED;
        e->ok = !w->publish_fails;
        e->took_ms = w->publish_ms;
        e->grown = w->next.whole ? 0 : w->grown;
        world_tell(w, "publish%s%s%s%s at %llu%s", w->next.images & TABLE_PASSWD ? " passwd" : "",
                   w->next.images & TABLE_GROUP ? " group" : "",
                   w->next.images & TABLE_SHADOW ? " shadow" : "", w->next.whole ? " whole" : "",
                   (unsigned long long)seq, e->ok ? "" : ": failed");
        assert_string_equal(table_says(w, "users"), world_said(w)->users);
        assert_string_equal(table_says(w, "groups"), world_said(w)->groups);
        pass(w, w->publish_ms);
        w->publications += e->ok;
}

static bool has_news(const struct world *w)
{
        return w->next.epoch != w->epoch || w->next.seq != w->seq || !w->up || w->fail_next;
}

/* One action. False: it waits beyond `until`. */
static bool act(struct world *w, uint64_t until, struct core_event *e)
{
        static struct ext_status_result status;
        static struct ext_snapshot_result page;
        static struct ext_changes_result changes;
        const bool call = w->next.kind == CORE_CHANGES;
        *e = (struct core_event){.kind = CORE_FAILED};
        while ((w->next.kind == CORE_WAIT || (call && !has_news(w))) && w->now < w->asked + w->next.wait_ms) {
                if (w->now >= until)
                        return false;
                pass(w, 1);
        }
        if (w->next.kind == CORE_WAIT) {
                e->kind = CORE_WOKE;
        } else if (w->next.kind == CORE_PUBLISH) {
                publish(w, e);
        } else if (!answers(w)) {
                world_tell(w, w->next.kind == CORE_CONNECT ? "connect: nobody" : "connection lost");
        } else if (w->next.kind == CORE_CONNECT) {
                answer_status(w, e, &status);
        } else if (w->next.kind == CORE_SNAPSHOT) {
                answer_page(w, e, &page);
        } else {
                answer_changes(w, e, &changes);
        }
        return true;
}

static void step(struct world *w, struct core_event *e)
{
        e->now = w->now;
        e->today = w->today;
        core_step(w->core, e, &w->next);
        w->asked = w->now;
        assert_int_not_equal(w->next.kind, CORE_GIVE_UP);
}

void world_run(struct world *w, uint64_t until)
{
        struct core_event e;
        while (w->now < until && act(w, until, &e))
                step(w, &e);
}

void world_reload(struct world *w)
{
        struct core_event e = {.kind = CORE_RELOAD};
        world_tell(w, "reload");
        step(w, &e);
}

void world_begin(struct world *w)
{
        struct core_event e = {.kind = CORE_STARTED};
        memset(w, 0, sizeof(*w));
        arena_init(&w->arena, 0);
        buf_init(&w->trace, 0);
        w->up = true;
        w->epoch = 7;
        w->first_seq = 1;
        w->page_nodes = WORLD_OBJECTS;
        w->entries_most = WORLD_CHANGES;
        w->lose_seq = -1;
        w->publish_ms = 2;
        w->today = 20000;
        w->node[0] = (struct world_node){true, 0, 0, 0, encode(w, "master=a/b")};
        remember(w);
        world_create(w, 1, 0, "name=users");
        world_create(w, 2, 0, "name=groups");
        world_create(w, 3, 1, "name=ada|uid=1");
        w->core = core_new(5);
        assert_non_null(w->core);
        step(w, &e);
}

void world_end(struct world *w)
{
        core_free(w->core);
        w->core = NULL;
        buf_done(&w->trace);
        arena_done(&w->arena);
}
