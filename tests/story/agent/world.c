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

static uint32_t next_child(const struct site *s, uint32_t parent, uint64_t after)
{
        uint32_t best = 0;
        for (uint32_t i = 1; i < WORLD_OBJECTS; i++)
                if (s->node[i].used && s->node[i].parent == parent && s->node[i].ordinal > after &&
                    (!best || s->node[i].ordinal < s->node[best].ordinal))
                        best = i;
        return best;
}

static const char *domain_says(struct site *s, const char *name)
{
        struct buf b;
        struct bytes v;
        uint32_t top = next_child(s, 0, 0);
        while (top && !(prop_first(s->node[top].props, "name", &v) && bytes_eq_str(v, name)))
                top = next_child(s, 0, s->node[top].ordinal);
        buf_init(&b, 0);
        for (uint32_t c = top ? next_child(s, top, 0) : 0; c; c = next_child(s, top, s->node[c].ordinal))
                put_child(&b, s->node[c].props);
        const char *text = arena_str(&s->w->arena, buf_bytes(&b));
        buf_done(&b);
        return text;
}

static const char *table_says(struct world *w, const struct track *t, const char *name)
{
        struct bytes *v;
        size_t n;
        struct buf b;
        buf_init(&b, 0);
        assert_true(
                table_children(track_table(t), strcmp(name, "groups") == 0 ? TOP_GROUPS : TOP_USERS, &v, &n));
        for (size_t i = 0; i < n; i++)
                put_child(&b, v[i]);
        free(v);
        const char *s = arena_str(&w->arena, buf_bytes(&b));
        buf_done(&b);
        return s;
}

static void remember(struct site *s)
{
        struct world_said *n = arena_zalloc(&s->w->arena, 1, sizeof(*n));
        assert_non_null(n);
        *n = (struct world_said){s->said, s->epoch, s->seq, domain_says(s, "users"),
                                 domain_says(s, "groups")};
        s->said = n;
}

const struct world_said *world_said(const struct world *w, const struct track *t)
{
        unsigned old = 0; /* there is one at most */
        while (old + 1 < WORLD_SITES && !w->site[old].old)
                old++;
        const struct site *site = track_epoch(t) ? &w->site[track_uuid(t)[0] - 1] : &w->site[old];
        const struct world_said *s = site->said;
        while (s && ((s->epoch != track_epoch(t) && track_epoch(t)) || s->seq != track_seq(t)))
                s = s->before;
        assert_non_null(s);
        return s;
}

/* -- changes */
static void commit(struct site *s, uint32_t kind, uint32_t object)
{
        const struct world_node *n = &s->node[object];
        struct ext_record *r = arena_zalloc(&s->w->arena, 1, sizeof(*r));
        assert_non_null(r);
        assert_true(s->seq + 1 < WORLD_CHANGES);
        *r = (struct ext_record){.kind = kind,
                                 .object = object,
                                 .born = n->born,
                                 .parent = n->parent,
                                 .ordinal = n->ordinal,
                                 .has_after = kind == EXT_CREATED || kind == EXT_CHANGED,
                                 .after = n->props};
        s->seq++;
        s->journal[s->seq] = (struct ext_entry){.seq = s->seq, .records = r, .record_count = 1};
        remember(s);
}

void world_create(struct site *s, uint32_t object, uint32_t parent, const char *props)
{
        assert_false(s->node[object].used);
        s->node[object] =
                (struct world_node){true, parent, (s->seq + 1) * 10, s->seq + 1, encode(s->w, props)};
        commit(s, EXT_CREATED, object);
}

void world_change(struct site *s, uint32_t object, const char *props)
{
        assert_true(s->node[object].used);
        s->node[object].props = encode(s->w, props);
        commit(s, EXT_CHANGED, object);
}

void world_destroy(struct site *s, uint32_t object)
{
        assert_true(s->node[object].used);
        s->node[object].used = false;
        commit(s, EXT_DESTROYED, object);
}

void world_move(struct site *s, uint32_t object, uint32_t parent)
{
        assert_true(s->node[object].used);
        s->node[object].parent = parent;
        s->node[object].ordinal = (s->seq + 1) * 10;
        commit(s, EXT_MOVED, object);
}

void world_new_epoch(struct site *s, uint64_t seq)
{
        s->epoch++;
        s->seq = seq;
        s->first_seq = seq + 1;
        remember(s);
}

void world_bind(struct world *w, unsigned i, unsigned above)
{
        w->site[i].above = TRACK_PARENT;
        w->site[i].above_site = above;
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

/* Site i's server k is at 10.0.i.(k+1), tag "t<i>"; site 0 is this machine's own, too. */
static struct server server_of(unsigned site, unsigned k)
{
        struct server s;
        char tag[8];
        snprintf(tag, sizeof(tag), "t%u", site);
        assert_true(server_at(0x0a000000u + site * 256u + k + 1, 0, bytes_str(tag), &s));
        return s;
}

static bool find_site(struct world *w, const struct server *to, struct site **ret, unsigned *ret_server)
{
        for (unsigned i = 0; i < WORLD_SITES; i++)
                for (unsigned k = 0; k < WORLD_SERVERS; k++) {
                        const struct server s = server_of(i, k);
                        if (strcmp(s.tag, to->tag) || (strcmp(s.address, to->address) && to->address[0]))
                                continue;
                        *ret = &w->site[i];
                        *ret_server = k;
                        return true;
                }
        return false;
}

static uint64_t head_of(const struct post *p)
{
        const uint64_t seq = p->to->seq;
        return p->server && p->to->late < seq ? seq - p->to->late : seq;
}

static bool answers(struct world *w, struct post *p)
{
        w->calls++;
        if (p->to->fail_next) {
                p->to->fail_next--;
                return false;
        }
        return p->to->up[p->server];
}

/* The trace tells of domains by number only when there are several. */
static const char *at(const struct world *w, const struct site *s)
{
        static const char *const names[WORLD_SITES] = {"0 ", "1 ", "2 ", "3 "};
        return w->o.ask_ms ? names[s->index] : "";
}

static void answer_status(struct world *w, struct post *p, struct track_event *e, struct ext_status_result *r)
{
        *r = (struct ext_status_result){
                .epoch = p->to->epoch, .seq = head_of(p), .first_seq = p->to->first_seq};
        r->uuid[0] = (uint8_t)(p->to->index + 1);
        e->kind = TRACK_CONNECTED;
        e->status = r;
        world_tell(w, "%sconnect%s: seq %llu", at(w, p->to), p->server ? " the clone" : "",
                   (unsigned long long)r->seq);
}

/* All of a historical server's domain. */
static void answer_read(struct world *w, struct post *p, struct track_event *e)
{
        const struct site *s = p->to;
        e->kind = TRACK_READ;
        e->checksum = (uint32_t)s->seq;
        assert_non_null(e->table = table_new(NULL));
        for (uint32_t i = 0; i < WORLD_OBJECTS; i++) {
                const struct ext_node n = {.id = {i, 1},
                                           .parent = s->node[i].parent,
                                           .ordinal = s->node[i].ordinal,
                                           .props = s->node[i].props};
                if (s->node[i].used)
                        assert_int_equal(table_put(e->table, &n), TABLE_OK);
        }
        world_tell(w, "%sread at %llu", at(w, s), (unsigned long long)s->seq);
}

static void answer_page(struct world *w, struct post *p, struct track_event *e, struct ext_snapshot_result *r)
{
        static struct ext_node nodes[WORLD_OBJECTS];
        const struct site *s = p->to;
        *r = (struct ext_snapshot_result){.epoch = s->epoch, .seq = s->seq, .nodes = nodes};
        e->kind = TRACK_PAGE;
        e->page = r;
        if (p->next.epoch && p->next.epoch != s->epoch) {
                r->status = EXT_TAKE_SNAPSHOT;
                world_tell(w, "%spage from %u: another epoch", at(w, s), p->next.from);
                return;
        }
        for (uint32_t i = p->next.from; i < WORLD_OBJECTS; i++) {
                if (i && !s->node[i].used)
                        continue;
                if (r->node_count == s->page_nodes) {
                        r->more = true;
                        r->next = i;
                        break;
                }
                nodes[r->node_count++] = (struct ext_node){.id = {i, 1},
                                                           .parent = s->node[i].parent,
                                                           .ordinal = s->node[i].ordinal,
                                                           .born = s->node[i].born,
                                                           .props = s->node[i].props};
        }
        world_tell(w, "%spage from %u: %u directories at %llu%s", at(w, s), p->next.from, r->node_count,
                   (unsigned long long)s->seq, r->more ? "" : ", the last");
}

static void answer_changes(struct world *w, struct post *p, struct track_event *e,
                           struct ext_changes_result *r)
{
        static struct ext_entry entries[WORLD_CHANGES];
        struct site *s = p->to;
        const uint64_t head = head_of(p);
        uint64_t from = p->next.seq + 1;
        *r = (struct ext_changes_result){.epoch = s->epoch, .seq = head, .entries = entries};
        e->kind = TRACK_ENTRIES;
        e->changes = r;
        if (p->next.epoch != s->epoch || from < s->first_seq || p->next.seq > head) {
                r->status = EXT_TAKE_SNAPSHOT;
                world_tell(w, "%schanges after %llu: take a snapshot", at(w, s),
                           (unsigned long long)p->next.seq);
                return;
        }
        if (s->repeat && from > s->first_seq)
                from--;
        for (uint64_t n = from; n <= head && r->entry_count < s->entries_most; n++)
                if (s->lose_seq != (int)n)
                        entries[r->entry_count++] = s->journal[n];
                else
                        s->lose_seq = -1;
        if (r->entry_count)
                world_tell(w, "%schanges after %llu: %llu to %llu of %llu", at(w, s),
                           (unsigned long long)p->next.seq, (unsigned long long)entries[0].seq,
                           (unsigned long long)entries[r->entry_count - 1].seq, (unsigned long long)head);
}

static void answer_parent(struct world *w, struct post *p, struct track_event *e, struct track_parent *r)
{
        unsigned k = 0;
        *r = (struct track_parent){.answer = p->to->above};
        if (r->answer == TRACK_PARENT) {
                while (k + 1 < WORLD_SERVERS && !w->site[p->to->above_site].up[k])
                        k++; /* whoever is bound names one that lives */
                r->server = server_of(p->to->above_site, k);
        }
        e->kind = TRACK_PARENTED;
        e->parent = r;
}

/* -- the agent */
static bool has_news(const struct post *p)
{
        const struct site *s = p->to;
        return p->next.epoch != s->epoch || p->next.seq != head_of(p) || !s->up[p->server] || s->fail_next;
}

static void step(struct world *w, struct post *p, struct track_event *e)
{
        e->now = w->now;
        e->turn = p->next.turn;
        track_step(p->track, e, &p->next);
        schedule_mark(&w->schedule, track_take_dirty(p->track), w->now);
        p->asked = w->now;
        p->heard = p->next.kind != TRACK_WAIT && p->next.kind != TRACK_POLL &&
                                   (p->next.kind != TRACK_CHANGES || has_news(p))
                           ? w->now + 1
                           : 0;
        assert_int_not_equal(p->next.kind, TRACK_GIVE_UP);
}

static void add_post(struct world *w, const struct server *first)
{
        struct post *p = &w->post[w->posts++];
        struct track_event e = {.kind = TRACK_STARTED};
        struct track_options o = w->o;
        o.listed = w->posts > 1;
        if (w->posts == w->max_domains)
                o.ask_ms = 0;
        *p = (struct post){.track = track_new(&o, &(struct servers){.v = {*first}, .n = 1})};
        assert_non_null(p->track);
        step(w, p, &e);
}

static void cut(struct world *w, unsigned n)
{
        while (w->posts > n) {
                track_free(w->post[--w->posts].track);
                schedule_mark(&w->schedule, TABLE_ALL, w->now);
        }
        unsigned left = 0;
        for (unsigned i = 0; i < w->posts; i++)
                left += track_table(w->post[i].track) != NULL;
        w->shown = w->shown < left ? w->shown : left; /* only whoever says "root" takes something away */
}

static void follow_chain(struct world *w)
{
        struct track *tracks[WORLD_SITES];
        for (unsigned i = 0; i < w->posts && i + 1 < w->max_domains; i++) {
                struct server to;
                for (unsigned k = 0; k < w->posts; k++)
                        tracks[k] = w->post[k].track;
                const enum chain_verdict v = chain_judge(tracks, w->posts, i, &to);
                if (v == CHAIN_END)
                        cut(w, i + 1);
                else if (v == CHAIN_CLIMB && i + 1 == w->posts)
                        add_post(w, &to);
                else if (v == CHAIN_CLIMB && track_redirect(w->post[i + 1].track, &to))
                        step(w, &w->post[i + 1], &(struct track_event){.kind = TRACK_INTERRUPTED});
        }
}

/* What goes out must be each domain as it was at the seq the track claims. */
static void publish(struct world *w, const struct schedule_action *a)
{
        unsigned shown = 0;
        for (unsigned i = 0; i < w->posts; i++) {
                const struct track *t = w->post[i].track;
                if (!track_table(t))
                        continue;
                shown++;
                assert_string_equal(table_says(w, t, "users"), world_said(w, t)->users);
                assert_string_equal(table_says(w, t, "groups"), world_said(w, t)->groups);
        }
        if (shown < w->shown)
                fail_msg("%u domains are shown after %u", shown, w->shown);
        w->shown = shown;
        world_tell(w, "publish%s%s%s%s%s at %llu%s", a->images & TABLE_PASSWD ? " passwd" : "",
                   a->images & TABLE_GROUP ? " group" : "", a->images & TABLE_SHADOW ? " shadow" : "",
                   a->whole ? " whole" : "", w->o.ask_ms ? arena_printf(&w->arena, " of %u", shown) : "",
                   (unsigned long long)track_seq(w->post[0].track), w->publish_fails ? ": failed" : "");
        const bool fails = w->publish_fails;
        pass(w, w->publish_ms);
        schedule_published(&w->schedule, !fails, w->publish_ms, a->whole ? 0 : w->grown, w->now);
        w->publications += !fails;
}

/* True: something was published. */
static bool look(struct world *w)
{
        bool lags = false, holds = !track_table(w->post[0].track);
        follow_chain(w);
        for (unsigned i = 0; i < w->posts; i++) {
                lags |= track_lags(w->post[i].track);
                holds |= track_holds(w->post[i].track, w->now) > 0;
        }
        schedule_today(&w->schedule, w->today, track_table(w->post[0].track) != NULL, w->now);
        const struct schedule_action a = schedule_next(&w->schedule, lags, holds, w->now);
        if (a.images)
                publish(w, &a);
        return a.images != 0;
}

static bool is_due(struct world *w, struct post *p)
{
        const bool late = w->now >= p->asked + p->next.wait_ms;
        if (p->next.kind == TRACK_WAIT)
                return late;
        if (!p->heard && (late || (p->next.kind == TRACK_CHANGES && has_news(p))))
                p->heard = w->now + 1;
        return p->heard && w->now >= p->heard;
}

static void act(struct world *w, struct post *p)
{
        static struct ext_status_result status;
        static struct ext_snapshot_result page;
        static struct ext_changes_result changes;
        static struct track_parent parent;
        struct track_event e = {.kind = TRACK_FAILED};
        if (p->next.kind == TRACK_WAIT)
                e.kind = TRACK_WOKE;
        else if (p->next.kind == TRACK_CONNECT && !find_site(w, &p->next.server, &p->to, &p->server))
                fail_msg("nobody is at %s", p->next.server.address);
        else if (!answers(w, p))
                world_tell(w, p->next.kind == TRACK_CONNECT ? "%sconnect%s: nobody" : "%sconnection lost",
                           at(w, p->to), p->server ? " the clone" : "");
        else if (p->next.kind == TRACK_CONNECT && p->to->old)
                e.kind = TRACK_OLD;
        else if (p->next.kind == TRACK_POLL)
                e = (struct track_event){.kind = TRACK_SUM, .checksum = (uint32_t)p->to->seq};
        else if (p->next.kind == TRACK_READ_ALL)
                answer_read(w, p, &e);
        else if (p->next.kind == TRACK_CONNECT)
                answer_status(w, p, &e, &status);
        else if (p->next.kind == TRACK_SNAPSHOT)
                answer_page(w, p, &e, &page);
        else if (p->next.kind == TRACK_ASK)
                answer_parent(w, p, &e, &parent);
        else
                answer_changes(w, p, &e, &changes);
        step(w, p, &e);
}

void world_run(struct world *w, uint64_t until)
{
        while (w->now < until) {
                for (unsigned i = 0; i < w->posts; i++)
                        if (is_due(w, &w->post[i]))
                                act(w, &w->post[i]);
                if (!look(w))
                        pass(w, 1);
        }
}

void world_reload(struct world *w)
{
        world_tell(w, "reload");
        for (unsigned i = 0; i < w->posts; i++)
                step(w, &w->post[i], &(struct track_event){.kind = TRACK_RELOAD});
}

static void begin_site(struct world *w, unsigned i)
{
        struct site *s = &w->site[i];
        *s = (struct site){.w = w,
                           .index = i,
                           .up = {true, true},
                           .above = TRACK_ROOT,
                           .epoch = 7,
                           .first_seq = 1,
                           .page_nodes = WORLD_OBJECTS,
                           .entries_most = WORLD_CHANGES,
                           .lose_seq = -1};
        s->node[0] = (struct world_node){true, 0, 0, 0, encode(w, "master=a/b")};
        remember(s);
        world_create(s, 1, 0, "name=users");
        world_create(s, 2, 0, "name=groups");
        world_create(s, 3, 1, "name=ada|uid=1");
        if (!w->o.ask_ms)
                return;
        world_create(s, 40, 0, "name=machines"); /* who serves the domain */
        for (unsigned k = 0; k < WORLD_SERVERS; k++)
                world_create(s, 41 + k, 40,
                             arena_printf(&w->arena, "name=m%u|ip_address=10.0.%u.%u|serves=./t%u", k, i,
                                          k + 1, i));
}

void world_begin(struct world *w, uint32_t ask_ms)
{
        struct server own = server_of(0, 0);
        memset(w, 0, sizeof(*w));
        own.address[0] = '\0';
        arena_init(&w->arena, 0);
        buf_init(&w->trace, 0);
        w->publish_ms = 2;
        w->today = 20000;
        w->max_domains = ask_ms ? WORLD_SITES : 1;
        w->o = (struct track_options){
                .ask_ms = ask_ms, .poll_ms = 15000, .directories = 1000, .bytes = 1000000};
        for (unsigned i = 0; i < (ask_ms ? WORLD_SITES : 1); i++)
                begin_site(w, i);
        schedule_init(&w->schedule, 5);
        add_post(w, &own);
}

void world_end(struct world *w)
{
        for (unsigned i = 0; i < w->posts; i++)
                track_free(w->post[i].track);
        w->posts = 0;
        buf_done(&w->trace);
        arena_done(&w->arena);
}
