/* niload -r: a raw text into a directory (doc/tools.md 7.3). */
#include "tools/historical/niload.h"

#include "api/convert.h"
#include "flat/raw.h"

#include <stdlib.h>

/* Some children of one directory on their way; each level of the tree has its own. */
struct level {
        ni_id made[QUEUE_MOST];
        struct raw_cursor below[QUEUE_MOST];
        unsigned n;
        bool end; /* there are no others */
};

/* Has none of them anything below it? Then nobody needs their ids. */
static bool are_leaves(const struct raw_cursor *below, unsigned n, struct arena *a)
{
        for (unsigned k = 0; k < n; k++) {
                struct raw_cursor c = below[k], deeper;
                struct proplist props;
                bool end = false;
                if (!raw_next(&c, a, &end, &props, &deeper) || !end)
                        return false;
        }
        return true;
}

/* Reads the next children, as many as one call may carry, and makes them: by one EDIT where the server can do
 * that, else one by one. Leaves are sent ahead. */
static ni_status create_some(struct niload *l, const ni_id *parent, struct raw_cursor *c, struct level *v)
{
        ni_status s = NI_OK;
        arena_reset(&l->arena);
        l->waiting = calloc(QUEUE_MOST, sizeof(*l->waiting));
        if (!l->waiting)
                return NI_NOSPACE;
        for (l->queued_bytes = 0; l->queued < QUEUE_MOST && l->queued_bytes < QUEUE_BYTES; l->queued++) {
                struct proplist props;
                if (!raw_next(c, &l->arena, &v->end, &props, &v->below[l->queued]))
                        s = NI_NOSPACE;
                if (s != NI_OK || v->end)
                        break;
                l->waiting[l->queued] = (netinfo_change){NETINFO_CREATE, *parent, api_proplist(props)};
                l->queued_bytes += niload_size_of(&props);
        }
        v->n = l->queued;
        if (s == NI_OK && are_leaves(v->below, v->n, &l->arena)) {
                netinfo_change *all = l->waiting;
                const unsigned n = l->queued;
                l->waiting = NULL;
                l->queued = v->n = 0;
                return sender_send(&l->sender, all, n, l->queued_bytes);
        }
        if (s == NI_OK)
                s = sender_drain(&l->sender);
        if (s == NI_OK)
                s = sender_send_now(&l->sender, l->waiting, v->n);
        for (unsigned k = 0; k < v->n; k++)
                v->made[k] = l->waiting[k].id;
        niload_forget(l);
        return s;
}

/* What is below a directory, in order. */
static ni_status create_children(struct niload *l, const ni_id *parent, struct raw_cursor c)
{
        struct level *v = malloc(sizeof(*v));
        ni_status s = v ? NI_OK : NI_NOSPACE;
        if (v)
                v->end = false;
        while (s == NI_OK && !v->end) {
                s = create_some(l, parent, &c, v);
                for (unsigned k = 0; s == NI_OK && k < v->n; k++)
                        s = create_children(l, &v->made[k], v->below[k]);
        }
        free(v);
        return s;
}

static ni_status say(const struct niload *l, ni_status s, const char *words)
{
        if (s != NI_OK)
                tool_say(&l->t, "%s: %s", words, ni_error(s));
        return s;
}

/* The directory's own properties; without a `name` in the input the old one stays. */
static ni_status write_top(void *h, ni_id *id, struct proplist top)
{
        ni_proplist old, props = api_proplist(top);
        NI_INIT(&old);
        ni_status s = ni_read(h, id, &old);
        const ni_index name = ni_proplist_match(old, "name", NULL);
        if (s == NI_OK && name != NI_INDEX_NULL && ni_proplist_match(props, "name", NULL) == NI_INDEX_NULL)
                ni_proplist_insert(&props, old.nipl_val[name], 0);
        if (s == NI_OK)
                s = ni_write(h, id, props);
        ni_proplist_free(&old);
        ni_proplist_free(&props);
        return s;
}

static ni_status load(struct niload *l, void *h, struct spool *input)
{
        ni_id id = {0, 0};
        struct proplist top;
        struct raw_cursor children;
        ni_status s = ni_pathsearch(h, &id, l->what);
        if (s == NI_NODIR) {
                s = dir_make(h, FROM_ROOT, false, l->what, &id);
                if (s != NI_OK)
                        tool_say(&l->t, "Can't create directory %s: %s", l->what, ni_error(s));
        } else if (s != NI_OK) {
                tool_say(&l->t, "Can't access directory %s: %s", l->what, ni_error(s));
        }
        if (s != NI_OK)
                return s;
        if (!raw_top(input->text, spool_passed, input, &l->arena, &top, &children))
                s = NI_NOSPACE;
        s = say(l, s == NI_OK ? write_top(h, &id, top) : s, "Can't write directory");
        if (s == NI_OK)
                s = say(l, dir_clear(h, id.nii_object), "Can't destroy child directories");
        if (s == NI_OK)
                s = say(l, ni_self(h, &id), "Can't write directory");
        if (s != NI_OK)
                return s;
        sender_init(&l->sender, h, "niload", NULL);
        s = create_children(l, &id, children);
        if (s == NI_OK)
                s = sender_drain(&l->sender);
        sender_done(&l->sender);
        return say(l, s, "Can't write directory");
}

/* A text without any word would empty the directory: more likely the command before the pipe has failed. */
static bool is_empty(struct bytes text)
{
        for (size_t i = 0; i < text.len; i++)
                if (!strchr(" \t\r\n", text.data[i]))
                        return false;
        return true;
}

static bool is_sound(struct spool *input)
{
        struct flat_why why;
        if (is_empty(input->text)) {
                fputs("niload: standard input is empty: nothing was changed; { } is a directory with nothing "
                      "in it\n",
                      stderr);
                return false;
        }
        if (raw_check(input->text, spool_passed, input, &why))
                return true;
        fprintf(stderr, "%s at line %u\n", why.text, why.line);
        return false;
}

/* The input is read and checked before the domain is opened: a syntax error changes nothing. */
int niload_raw(struct niload *l)
{
        void *h;
        if (l->what[0] != '/') {
                tool_say(&l->t, "directory %s must begin with /", l->what);
                return 1;
        }
        if (strspn(l->what, "/") == strlen(l->what) && !l->force) {
                tool_say(&l->t, "this replaces the whole database, its `master` included; say --force if you "
                                "mean it");
                return 1;
        }
        int result = !niload_spool(l) || !is_sound(&l->input) ? 1 : 0;
        if (!result) {
                result = tool_exit(tool_open(&l->t, l->domain, &h, NULL));
                if (!result) {
                        ni_needwrite(h, 1);
                        result = tool_exit((int)load(l, h, &l->input));
                        ni_free(h);
                }
        }
        return result;
}
