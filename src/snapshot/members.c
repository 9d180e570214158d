/* The membership index: from "group has members" to "member is in groups". */
#include "snapshot/builder-internal.h"

#include "sys/random.h"

#include <errno.h>
#include <stdlib.h>

struct user {
        const char *name;     /* into the builder's records */
        uint32_t first, last; /* pairs + 1; 0: none */
        uint32_t pairs;
};

struct pair {         /* one membership of one user, in rank order */
        uint32_t gid; /* index in gids */
        uint32_t next;
};

struct index {
        uint64_t key[2];                           /* for this work only; the image gets one of its own */
        struct snap_filling user_table, gid_table; /* what stands at `at` is an index + 1 */
        struct user *users;
        struct pair *pairs;
        uint32_t *gids, *stamps; /* stamps: the last user + 1 that was given this gid */
        uint32_t user_count, pair_count, gid_count;
};

static void index_done(struct index *x)
{
        snap_filling_done(&x->user_table);
        snap_filling_done(&x->gid_table);
        free(x->users);
        free(x->pairs);
        free(x->gids);
        free(x->stamps);
}

static int index_init(struct index *x, uint64_t groups, uint64_t members)
{
        *x = (struct index){0};
        random_bytes(x->key, sizeof(x->key));
        if (snap_filling_init(&x->user_table, members) || snap_filling_init(&x->gid_table, groups))
                return ENOMEM;
        x->users = calloc(members + 1, sizeof(*x->users));
        x->pairs = calloc(members + 1, sizeof(*x->pairs));
        x->gids = calloc(groups + 1, sizeof(*x->gids));
        x->stamps = calloc(groups + 1, sizeof(*x->stamps));
        return x->users && x->pairs && x->gids && x->stamps ? 0 : ENOMEM;
}

static uint32_t gid_index(struct index *x, uint32_t gid)
{
        const struct snap_filling *t = &x->gid_table;
        uint32_t i = snap_filling_home(t, snap_hash_number(x->key, gid));
        for (; *snap_filling_at(t, i); i = snap_filling_next(t, i))
                if (*snap_filling_hash(t, i) == gid)
                        return *snap_filling_at(t, i) - 1;
        x->gids[x->gid_count] = gid;
        snap_filling_set(t, i, gid, ++x->gid_count);
        return x->gid_count - 1;
}

static struct user *user_named(struct index *x, const char *name)
{
        const struct snap_filling *t = &x->user_table;
        const uint64_t hash = snap_hash_name(x->key, name, strlen(name));
        uint32_t i = snap_filling_home(t, hash);
        for (; *snap_filling_at(t, i); i = snap_filling_next(t, i)) {
                struct user *u = &x->users[*snap_filling_at(t, i) - 1];
                if (*snap_filling_hash(t, i) == (uint32_t)hash && strcmp(u->name, name) == 0)
                        return u;
        }
        struct user *u = &x->users[x->user_count];
        u->name = name;
        snap_filling_set(t, i, (uint32_t)hash, ++x->user_count);
        return u;
}

static void add_pair(struct index *x, struct user *u, uint32_t gid)
{
        x->pairs[x->pair_count] = (struct pair){gid, 0};
        x->pair_count++;
        if (u->last)
                x->pairs[u->last - 1].next = x->pair_count;
        else
                u->first = x->pair_count;
        u->last = x->pair_count;
        u->pairs++;
}

static void add_group(struct index *x, const uint8_t *at)
{
        struct snap_group_bytes g;
        memcpy(&g, at, sizeof(g));
        const uint8_t *words = at + sizeof(g);
        const char *text = (const char *)words + (size_t)g.members * sizeof(uint32_t);
        const uint32_t gid = gid_index(x, g.gid);
        for (uint32_t i = 0; i < g.members; i++) {
                uint32_t position;
                memcpy(&position, words + (size_t)i * sizeof(position), sizeof(position));
                add_pair(x, user_named(x, text + position), gid);
        }
}

bool snap_put_member(struct buf *out, struct bytes name, const uint32_t *gids, size_t n)
{
        const struct snap_member_bytes m = {(uint32_t)n, (uint32_t)name.len};
        const size_t size = sizeof(m) + n * sizeof(*gids) + name.len;
        const size_t whole = (size_t)snap_round(size + 1, SNAP_UNIT);
        uint8_t *p = buf_add(out, whole);
        if (!p)
                return false;
        memset(p + size, 0, whole - size);
        memcpy(p, &m, sizeof(m));
        if (n)
                memcpy(p + sizeof(m), gids, n * sizeof(*gids));
        memcpy(p + size - name.len, name.data, name.len);
        return true;
}

/* One member record: header, gids without repetition, name. */
static bool emit(struct index *x, uint32_t which, struct buf *out)
{
        const struct user *u = &x->users[which];
        const size_t begin = out->len, name_len = strlen(u->name);
        struct snap_member_bytes m = {0, (uint32_t)name_len};
        uint8_t *p = buf_add(out, sizeof(m) + (size_t)u->pairs * sizeof(uint32_t));
        if (!p)
                return false;
        uint8_t *to = p + sizeof(m);
        for (uint32_t i = u->first; i; i = x->pairs[i - 1].next) {
                const uint32_t g = x->pairs[i - 1].gid;
                if (x->stamps[g] == which + 1)
                        continue;
                x->stamps[g] = which + 1;
                memcpy(to, &x->gids[g], sizeof(x->gids[g]));
                to += sizeof(x->gids[g]);
                m.gids++;
        }
        memcpy(p, &m, sizeof(m));
        buf_truncate(out, (size_t)(to - out->data));
        buf_put(out, bytes_of(u->name, name_len + 1));
        const size_t gap = (size_t)snap_round(out->len - begin, SNAP_UNIT) - (out->len - begin);
        uint8_t *zeros = buf_add(out, gap);
        if (zeros && gap)
                memset(zeros, 0, gap);
        return !out->failed;
}

int snap_index_members(const struct snap_builder *b, struct buf *ret_entries, uint32_t *ret_users)
{
        struct index x;
        int err =
                b->member_count >= UINT32_MAX / 2 ? ENOMEM : index_init(&x, b->record_count, b->member_count);
        if (b->member_count >= UINT32_MAX / 2)
                return err;
        uint64_t size;
        for (uint64_t at = sizeof(struct snap_header); !err && at < b->image.len; at += size) {
                size = snap_raw_at(SNAP_GROUP, b->image.data + at).size;
                add_group(&x, b->image.data + at);
        }
        for (uint32_t i = 0; !err && i < x.user_count; i++)
                if (!emit(&x, i, ret_entries))
                        err = ENOMEM;
        if (!err)
                *ret_users = x.user_count;
        index_done(&x);
        return err;
}
