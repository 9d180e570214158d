/* The plan of an import as edits: at most LIMIT_EDIT_OPS operations each, all or nothing (decision 18). */
#include "tools/import.h"

#include "model/status.h"
#include "sys/clock.h"
#include "tools/talk_edit.h"

#include <stdio.h>
#include <unistd.h>

#define EDIT_BYTES  (LIMIT_CALL / 4)      /* of properties in one edit: well below what a server takes */
#define ONE_MOST    (LIMIT_CALL - 65536u) /* of one record, with the rest of the call around it */
#define PROGRESS_MS 2000u                 /* silence before the first word, and between two */
#define AHEAD_BYTES                                                                            \
        (LIMIT_AWAY_BYTES - LIMIT_CALL) /* on their way at once: what a server takes, less one \
                                         */

/* An edit whose answer is to come. It only creates: what it says if it is refused needs none of its steps. */
struct flight {
        uint32_t ticket, steps;
        size_t bytes;
};

struct sender {
        struct talk *t;
        struct import_plan *plan;
        uint32_t parent;
        struct ext_op *ops; /* LIMIT_EDIT_OPS of them */
        uint32_t op_count;
        uint32_t *step_of;   /* which step an operation belongs to; UINT32_MAX: the assertion */
        struct bytes *names; /* of the records to be created, for the assertion */
        uint32_t name_count;
        size_t bytes;
        uint32_t waiting, done; /* steps in the edit at hand; steps that stand */
        uint32_t left;          /* steps that others were faster with: for another plan */
        struct arena arena;     /* of the edit at hand */
        uint64_t told;          /* when progress was last shown, ms */
        bool creates;           /* the edit at hand does nothing else */
        struct flight flight[CLIENT_AHEAD];
        uint32_t flights;
        size_t flying;    /* bytes */
        uint32_t refusal; /* of one of them: what the server says, not said yet */
};

static size_t size_of(const struct namelist *l)
{
        size_t n = 0;
        for (uint32_t i = 0; i < l->n; i++)
                n += 8 + l->v[i].len;
        return n;
}

static void add_op(struct sender *s, uint32_t step, struct ext_op op)
{
        for (uint32_t i = 0; i < op.props.n; i++)
                s->bytes += 8 + op.props.v[i].name.len + size_of(&op.props.v[i].values);
        s->bytes += 64 + size_of(&op.values);
        s->step_of[s->op_count] = step;
        s->ops[s->op_count++] = op;
}

static bool is_prefix(const struct namelist *a, const struct namelist *b)
{
        for (uint32_t i = 0; i < a->n && i < b->n; i++)
                if (!bytes_eq(a->v[i], b->v[i]))
                        return false;
        return a->n <= b->n;
}

/* The operation that makes one property of `old` (NULL: it has none) become p. A long list that only grows is
 * not sent again. */
static struct ext_op change_op(const struct property *old, const struct property *p)
{
        struct ext_op op = {.kind = EXT_OP_SET, .name = p->name, .values = p->values};
        if (old && old->values.n && is_prefix(&old->values, &p->values)) {
                op.kind = EXT_OP_ADD;
                op.values = (struct namelist){p->values.v + old->values.n, p->values.n - old->values.n};
        }
        return op;
}

static bool is_unchanged(const struct property *old, const struct property *p)
{
        return old && old->values.n == p->values.n && is_prefix(&old->values, &p->values);
}

/* The first operation of a record names the instance that was read: it fails when others were faster. */
static uint32_t change_ops(struct sender *s, uint32_t step, const struct proplist *old,
                           const struct proplist *now, bool count_only)
{
        const struct import_step *at = &s->plan->step[step];
        uint32_t n = 0;
        for (uint32_t i = 0; i < old->n + now->n; i++) {
                const bool gone = i < old->n;
                const struct property *p = gone ? &old->v[i] : &now->v[i - old->n];
                const struct proplist *own = gone ? old : now, *other = gone ? now : old;
                const struct property *q = proplist_get(other, p->name);
                if (proplist_get(own, p->name) != p || (gone ? q != NULL : is_unchanged(q, p)))
                        continue;
                struct ext_op op = {.kind = EXT_OP_REMOVE, .name = p->name};
                if (!gone)
                        op = change_op(q, p);
                op.ref = (struct ext_ref){
                        .value = at->object, .has_instance = n == 0, .instance = at->instance};
                if (!count_only)
                        add_op(s, step, op);
                n++;
        }
        return n;
}

static void show_progress(struct sender *s)
{
        const uint64_t now = clock_mono_ms();
        if (now - s->told < PROGRESS_MS)
                return;
        s->told = now;
        talk_say(s->t, "ni import: %u of %u records", s->done, s->plan->step_count);
}

static void say_how_far(struct sender *s)
{
        talk_say(s->t, "%u of %u records are as the file says; repeat the command to go on", s->done,
                 s->plan->step_count);
}

static enum import_outcome no_memory(struct sender *s)
{
        talk_error(s->t, EXIT_FAILED, NULL, "out of memory", NULL);
        say_how_far(s);
        return IMPORT_FAILED;
}

/* The record an operation was about, for messages. */
static const char *thing_of(struct sender *s, uint32_t op)
{
        struct proplist old, now;
        if (op >= s->op_count || s->step_of[op] == UINT32_MAX)
                return flat_directory(s->plan->format);
        if (!import_lists(s->plan, &s->plan->step[s->step_of[op]], &s->arena, &old, &now))
                return NULL;
        return arena_printf(&s->arena, "%s/%.*s", flat_directory(s->plan->format),
                            BYTES_FMT(proplist_first(now.n ? &now : &old, "name")));
}

static void begin_edit(struct sender *s)
{
        arena_reset(&s->arena);
        s->op_count = s->name_count = s->waiting = 0;
        s->creates = true;
        s->bytes = 0;
        /* Room for the assertion that none of the new names is there yet. Services are told apart by their
         * port too, which no assertion can say. */
        if (!flat_by_port(s->plan->format))
                add_op(s, UINT32_MAX, (struct ext_op){0});
}

/* Every step of an edit that stands, by kind. */
static void count_steps(struct sender *s)
{
        uint32_t last = UINT32_MAX;
        for (uint32_t i = 0; i < s->op_count; i++) {
                if (s->step_of[i] == UINT32_MAX || s->step_of[i] == last)
                        continue;
                last = s->step_of[i];
                s->plan->done[s->plan->step[last].kind]++;
        }
        s->done += s->waiting;
}

/* Takes the step that the refused operation belongs to out of the edit. False: it belongs to none. */
static bool leave_out(struct sender *s, uint32_t op)
{
        uint32_t n = 0;
        if (op >= s->op_count || s->step_of[op] == UINT32_MAX)
                return false;
        const uint32_t step = s->step_of[op];
        if (s->plan->step[step].kind == IMPORT_CREATE)
                return false; /* its parent is what is not there any more */
        for (uint32_t i = 0; i < s->op_count; i++)
                if (s->step_of[i] != step) {
                        s->step_of[n] = s->step_of[i];
                        s->ops[n++] = s->ops[i];
                }
        s->op_count = n;
        s->waiting--;
        s->left++;
        return true;
}

static enum import_outcome refused(struct sender *s, const struct ext_edit_result *r, uint32_t op)
{
        edit_refused(s->t, r->status, thing_of(s, op), NULL);
        say_how_far(s);
        return IMPORT_FAILED;
}

/* One answer to what is on its way. */
static enum import_outcome land(struct sender *s)
{
        struct ext_edit_result result;
        uint32_t ticket, i = 0;
        if (!edit_answer(s->t, &ticket, &result)) {
                s->flights = 0;
                say_how_far(s);
                return IMPORT_FAILED;
        }
        while (i + 1 < s->flights && s->flight[i].ticket != ticket)
                i++;
        const struct flight f = s->flight[i];
        s->flight[i] = s->flight[--s->flights];
        s->flying -= f.bytes;
        if (result.status == NI_OK) {
                s->plan->done[IMPORT_CREATE] += f.steps;
                s->done += f.steps;
                show_progress(s);
                return IMPORT_DONE;
        }
        /* A name is there already, or the directory is gone. */
        if (result.status == EXT_ASSERTION || result.status == NI_STALE || result.status == NI_NODIR)
                return IMPORT_AGAIN;
        s->refusal = result.status;
        return IMPORT_FAILED;
}

/* All answers; the first that is no success counts. */
static enum import_outcome land_all(struct sender *s, enum import_outcome outcome)
{
        while (s->flights) {
                const enum import_outcome next = land(s);
                outcome = outcome == IMPORT_DONE ? next : outcome;
        }
        if (s->refusal) { /* said now, when all that stands is counted */
                const struct ext_edit_result r = {.status = s->refusal};
                s->refusal = 0;
                return refused(s, &r, UINT32_MAX);
        }
        return outcome;
}

/* The assertion of the edit at hand, if it has one; how many operations of the array are left out. */
static uint32_t put_assertion(struct sender *s)
{
        if (s->name_count)
                s->ops[0] = (struct ext_op){.kind = EXT_OP_ASSERT_NONE,
                                            .ref = {.value = s->parent},
                                            .name = BYTES_LIT("name"),
                                            .values = {s->names, s->name_count}};
        return s->step_of[0] == UINT32_MAX && !s->name_count;
}

/* Nobody waits for each answer: the server makes as many edits durable at once as have come. */
static enum import_outcome send_ahead(struct sender *s, const char *what)
{
        struct flight f = {.steps = s->waiting, .bytes = s->bytes};
        enum import_outcome outcome = IMPORT_DONE;
        while (outcome == IMPORT_DONE && s->flights &&
               (s->flights == CLIENT_AHEAD || s->flying + s->bytes > AHEAD_BYTES))
                outcome = land(s);
        if (outcome != IMPORT_DONE)
                return land_all(s, outcome);
        const uint32_t skip = put_assertion(s);
        if (!edit_ahead(s->t, what, s->ops + skip, s->op_count - skip, &f.ticket)) {
                s->flights = 0;
                say_how_far(s);
                return IMPORT_FAILED;
        }
        s->flight[s->flights++] = f;
        s->flying += f.bytes;
        begin_edit(s);
        return IMPORT_DONE;
}

/* A record that somebody else has changed meanwhile is left for another plan; the others go. */
static enum import_outcome send_edit(struct sender *s)
{
        struct ext_edit_result result;
        char what[64];
        snprintf(what, sizeof(what), "import %s", flat_name(s->plan->format));
        if (s->waiting && s->creates)
                return send_ahead(s, what);
        const enum import_outcome landed = land_all(s, IMPORT_DONE);
        if (landed != IMPORT_DONE)
                return landed;
        while (s->waiting) {
                const uint32_t skip = put_assertion(s);
                if (!edit_send(s->t, what, s->ops + skip, s->op_count - skip, &result)) {
                        say_how_far(s);
                        return IMPORT_FAILED;
                }
                if (result.status == NI_OK)
                        break;
                if (result.status == EXT_ASSERTION)
                        return IMPORT_AGAIN;
                if (result.status != NI_STALE && result.status != NI_NODIR)
                        return refused(s, &result, result.failed_op + skip);
                if (!leave_out(s, result.failed_op + skip))
                        return IMPORT_AGAIN;
        }
        count_steps(s);
        show_progress(s);
        begin_edit(s);
        return IMPORT_DONE;
}

/* What no call can carry. Records that come before it are stored. */
static enum import_outcome too_large(struct sender *s, uint32_t step, size_t bytes)
{
        const uint32_t last = s->op_count - 1;
        const char *name = thing_of(s, last);
        while (s->op_count && s->step_of[s->op_count - 1] == step)
                s->op_count--;
        s->name_count -= s->plan->step[step].kind == IMPORT_CREATE && !flat_by_port(s->plan->format);
        s->waiting--;
        const char *reason = arena_printf(&s->t->arena,
                                          "the record is %zu KiB, and one call carries at most %u KiB: "
                                          "nothing behind it was imported",
                                          bytes >> 10, ONE_MOST >> 10);
        name = name ? arena_printf(&s->t->arena, "%s", name) : NULL;
        if (send_edit(s) == IMPORT_DONE)
                land_all(s, IMPORT_DONE);
        talk_error(s->t, EXIT_FAILED, name, reason, "spread its values over several records");
        say_how_far(s);
        return IMPORT_FAILED;
}

/* Adds one step to the edit at hand, which is sent first when it would be too long. */
static enum import_outcome add_step(struct sender *s, uint32_t i)
{
        const struct import_step *step = &s->plan->step[i];
        struct proplist old, now;
        struct arena probe;
        enum import_outcome outcome = IMPORT_DONE;
        uint32_t need = 1;
        arena_init(&probe, LIMIT_ARENA);
        const bool known = step->kind != IMPORT_CHANGE || import_lists(s->plan, step, &probe, &old, &now);
        if (known && step->kind == IMPORT_CHANGE)
                need = change_ops(s, i, &old, &now, true);
        arena_done(&probe);
        if (!known) /* nor whether the operations have room */
                return no_memory(s);
        if (s->waiting && (s->op_count + need > LIMIT_EDIT_OPS || s->bytes > EDIT_BYTES))
                outcome = send_edit(s);
        if (outcome != IMPORT_DONE)
                return outcome;
        if (!import_lists(s->plan, step, &s->arena, &old, &now) || s->op_count + need > LIMIT_EDIT_OPS) {
                talk_error(s->t, EXIT_FAILED, thing_of(s, UINT32_MAX),
                           "a record has too many properties for one edit", NULL);
                say_how_far(s);
                return IMPORT_FAILED;
        }
        const size_t before = s->bytes;
        if (step->kind == IMPORT_CHANGE)
                change_ops(s, i, &old, &now, false);
        if (step->kind == IMPORT_REMOVE)
                add_op(s, i,
                       (struct ext_op){.kind = EXT_OP_DESTROY,
                                       .flags = EXT_OP_RECURSIVE,
                                       .ref = {false, step->object, true, step->instance}});
        if (step->kind == IMPORT_CREATE) {
                add_op(s, i,
                       (struct ext_op){.kind = EXT_OP_CREATE,
                                       .ref = {.value = s->parent},
                                       .where = NI_INDEX_NULL,
                                       .props = now});
                if (!flat_by_port(s->plan->format))
                        s->names[s->name_count++] = proplist_first(&now, "name");
        }
        s->creates &= step->kind == IMPORT_CREATE;
        s->waiting++;
        return s->bytes - before > ONE_MOST ? too_large(s, i, s->bytes - before) : IMPORT_DONE;
}

/* The directory itself: one edit, so that everybody sees it at once with its name. */
static enum import_outcome make_directory(struct sender *s)
{
        const struct import_plan *p = s->plan;
        struct proplist props = {NULL, 0};
        struct bytes name = bytes_str(flat_directory(p->format) + 1);
        struct ext_edit_result result;
        if (p->has_directory) {
                s->parent = p->directory.object;
                return IMPORT_DONE;
        }
        if (!proplist_add(&props, &s->arena, BYTES_LIT("name"), &name, 1))
                return no_memory(s);
        struct ext_op ops[2] = {
                {.kind = EXT_OP_ASSERT_NONE, .name = BYTES_LIT("name"), .values = {&name, 1}},
                {.kind = EXT_OP_CREATE, .where = NI_INDEX_NULL, .props = props},
        };
        if (!edit_send(s->t, "import", ops, 2, &result))
                return IMPORT_FAILED;
        if (result.status == EXT_ASSERTION)
                return IMPORT_AGAIN;
        if (result.status != NI_OK || result.id_count != 2) {
                edit_refused(s->t, result.status, flat_directory(p->format), NULL);
                return IMPORT_FAILED;
        }
        s->parent = result.ids[1].object;
        return IMPORT_DONE;
}

enum import_outcome import_send(struct talk *t, struct import_plan *p)
{
        struct sender s = {.t = t, .plan = p, .told = clock_mono_ms()};
        arena_init(&s.arena, 0);
        s.ops = arena_zalloc(&t->arena, LIMIT_EDIT_OPS, sizeof(*s.ops));
        s.step_of = arena_zalloc(&t->arena, LIMIT_EDIT_OPS, sizeof(*s.step_of));
        s.names = arena_zalloc(&t->arena, LIMIT_EDIT_OPS, sizeof(*s.names));
        enum import_outcome outcome = IMPORT_FAILED;
        if (!s.ops || !s.step_of || !s.names)
                talk_error(t, EXIT_FAILED, NULL, "out of memory", NULL);
        else if (p->step_count == 0)
                outcome = IMPORT_DONE;
        else
                outcome = make_directory(&s);
        if (outcome == IMPORT_DONE && p->step_count) {
                begin_edit(&s);
                for (uint32_t i = 0; i < p->step_count && outcome == IMPORT_DONE; i++)
                        outcome = add_step(&s, i);
                if (outcome == IMPORT_DONE)
                        outcome = send_edit(&s);
                outcome = land_all(&s, outcome);
                if (outcome == IMPORT_DONE && s.left)
                        outcome = IMPORT_AGAIN;
        }
        arena_done(&s.arena);
        return outcome;
}
