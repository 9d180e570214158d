/* Everything that the images of accounts and hosts in a folder answer, as text to be compared. */
#ifndef NETINFO_TEST_ANSWERS_H
#define NETINFO_TEST_ANSWERS_H

#include "records.h"

#include "snapshot/live.h"

#define ANSWERS_MOST 90u /* numbers of records are below this */

static struct arena a;
static bool answers_say_days = true; /* of the last change of a password */

static struct snap_pair open_map(const char *folder, enum snap_kind kind, struct snap_own *own)
{
        assert_int_equal(setenv(SNAP_VARIABLE, folder, 1), 0);
        assert_int_equal(snap_own_open(kind, own), 0);
        return own->pair;
}

static void user_line(struct buf *out, enum snap_result r, const struct snap_user_view *v)
{
        assert_true(r != SNAP_DAMAGED);
        if (r == SNAP_FOUND)
                buf_printf(out, "%s:%s:%u:%u:%s:%s:%s %u\n", v->text, v->text + v->password, v->uid, v->gid,
                           v->text + v->gecos, v->text + v->dir, v->text + v->shell, v->aliases_len);
        else
                buf_puts(out, "-\n");
}

static void group_line(struct buf *out, enum snap_result r, const struct snap_group_view *v)
{
        assert_true(r != SNAP_DAMAGED);
        buf_printf(out, "%s:%u", r == SNAP_FOUND ? v->text : "-", r == SNAP_FOUND ? v->gid : 0);
        for (uint32_t i = 0; r == SNAP_FOUND && i < v->member_count; i++)
                buf_printf(out, ",%s", v->text + snap_word(v->members + (size_t)i * 4));
        buf_putc(out, '\n');
}

static void shadow_line(struct buf *out, enum snap_result r, const struct snap_shadow_view *v)
{
        assert_true(r != SNAP_DAMAGED);
        buf_printf(out, "%s:%s:%lld\n", r == SNAP_FOUND ? v->text : "-",
                   r == SNAP_FOUND ? v->text + v->hash : "",
                   r == SNAP_FOUND && answers_say_days ? (long long)v->last_change : 0);
}

static void by_name(struct buf *out, const struct snap_pair p[SNAP_ACCOUNTS], const char *name)
{
        struct snap_user_view u;
        struct snap_group_view g;
        struct snap_shadow_view s;
        struct snap_gids_view l;
        const size_t n = strlen(name);
        user_line(out, snap_pair_user_by_name(&p[SNAP_PASSWD], name, n, &u), &u);
        group_line(out, snap_pair_group_by_name(&p[SNAP_GROUP], name, n, &g), &g);
        shadow_line(out, snap_pair_shadow_by_name(&p[SNAP_SHADOW], name, n, &s), &s);
        const enum snap_result r = snap_pair_gids_by_name(&p[SNAP_GROUP], name, n, &l);
        assert_true(r != SNAP_DAMAGED);
        for (uint32_t i = 0; r == SNAP_FOUND && i < l.count; i++)
                buf_printf(out, " %u", snap_word(l.gids + (size_t)i * 4));
        buf_putc(out, '\n');
}

static int by_text(const void *x, const void *y)
{
        return strcmp(*(const char *const *)x, *(const char *const *)y);
}

/* The lines of `list` in alphabetical order: a renamed record stands elsewhere in a delta. */
static void put_sorted(struct buf *out, struct buf *list)
{
        const char *line[ANSWERS_MOST * 2];
        size_t n = 0;
        buf_putc(list, '\0');
        for (char *rest = (char *)list->data, *l; (l = strsep(&rest, "\n"));)
                line[n++] = l;
        qsort(line, n, sizeof(*line), by_text);
        for (size_t i = 0; i < n; i++)
                buf_printf(out, "%s\n", line[i]);
        buf_clear(list);
}

static void answers(const char *folder, struct buf *out)
{
        struct snap_own own[SNAP_ACCOUNTS];
        struct snap_pair p[SNAP_ACCOUNTS];
        struct snap_user_view u;
        struct snap_group_view g;
        struct snap_shadow_view w;
        struct buf list;
        buf_init(&list, 0);
        for (unsigned k = 0; k < SNAP_ACCOUNTS; k++)
                p[k] = open_map(folder, (enum snap_kind)k, &own[k]);
        for (uint32_t i = 0; i < ANSWERS_MOST + 110; i++) {
                by_name(out, p, arena_printf(&a, "n%u", i));
                by_name(out, p, arena_printf(&a, "a%u", i));
                user_line(out, snap_pair_user_by_uid(&p[SNAP_PASSWD], i, &u), &u);
                group_line(out, snap_pair_group_by_gid(&p[SNAP_GROUP], i, &g), &g);
        }
        for (uint64_t at = 0; snap_pair_user_listed(&p[SNAP_PASSWD], &at, &u) == SNAP_FOUND; at++)
                user_line(&list, SNAP_FOUND, &u);
        put_sorted(out, &list);
        for (uint64_t at = 0; snap_pair_group_listed(&p[SNAP_GROUP], &at, &g) == SNAP_FOUND; at++)
                group_line(&list, SNAP_FOUND, &g);
        put_sorted(out, &list);
        for (uint64_t at = 0; snap_pair_shadow_listed(&p[SNAP_SHADOW], &at, &w) == SNAP_FOUND; at++)
                shadow_line(&list, SNAP_FOUND, &w);
        put_sorted(out, &list);
        for (unsigned k = 0; k < SNAP_ACCOUNTS; k++)
                snap_own_close(&own[k]);
        buf_done(&list);
}

static void same(struct buf *x, struct buf *y, unsigned step)
{
        const char *p = (const char *)x->data, *q = (const char *)y->data;
        size_t n = 0;
        while (p[n] && p[n] == q[n])
                n++;
        if (p[n] != q[n])
                fail_msg("step %u: '%.200s' but whole '%.200s'", step, p + (n > 60 ? n - 60 : 0),
                         q + (n > 60 ? n - 60 : 0));
}

static void answers_of(const char *folder, struct buf *out)
{
        buf_clear(out);
        answers(folder, out);
        buf_putc(out, '\0');
}

#endif
