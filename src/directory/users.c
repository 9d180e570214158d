/* The domain's users as those who authenticate (protocol.md 3.8). What is returned is a copy: passwords are
 * checked after the read transaction has ended. */
#include "directory/internal.h"

#include "base/text.h"

#include <stdio.h>

/* Is the name among the members of /groups/admin, and does that count here? */
static enum ni_status is_admin(struct dir_request *rq, struct bytes name, bool *ret)
{
        struct store_node root, groups, admin;
        *ret = false;
        enum ni_status s = store_get(rq->txn, 0, &root);
        if (s == NI_OK)
                s = dir_top(rq->txn, "groups", &groups);
        if (s == NI_OK)
                s = dir_child(rq->txn, groups.id.object, "name", BYTES_LIT("admin"), &admin);
        if (s == NI_OK)
                *ret = access_is_admin(root.props, admin.props, name);
        return s == NI_NODIR ? NI_OK : s;
}

static enum ni_status describe(struct dir_request *rq, const struct store_node *n, struct dir_user *ret)
{
        struct dir_user u = {.object = n->id.object, .instance = n->id.instance};
        struct prop_walk w;
        struct bytes v;
        if (prop_first(n->props, "name", &v))
                u.name = arena_bytes(rq->arena, v);
        u.has_passwd = prop_find(n->props, BYTES_LIT("passwd"), &w);
        if (prop_first(n->props, "passwd", &v))
                u.passwd = arena_bytes(rq->arena, v);
        u.empty_passwd = u.has_passwd && u.passwd.len == 0;
        u.authority_other = access_other_authority(n->props);
        if (rq->arena->failed)
                return NI_SYSTEMERR;
        const enum ni_status s = is_admin(rq, u.name, &u.admin);
        if (s == NI_OK)
                *ret = u;
        return s;
}

/* More users of one uid than this are not asked: each costs a password check. */
#define USERS_OF_ONE_UID 16u

enum ni_status dir_users_by_uid(struct dir_request *rq, int32_t uid, struct dir_user **ret,
                                uint32_t *ret_count)
{
        struct store_node users, n;
        struct store_walk w;
        char number[16];
        uint32_t count = 0;
        enum ni_status s = dir_top(rq->txn, "users", &users);
        if (s != NI_OK)
                return s == NI_NODIR ? NI_NOUSER : s;
        struct dir_user *list = arena_zalloc(rq->arena, USERS_OF_ONE_UID, sizeof(*list));
        if (!list)
                return NI_SYSTEMERR;
        snprintf(number, sizeof(number), "%d", (int)uid); /* signed: -2 for nobody */
        store_lookup(rq->txn, users.id.object, BYTES_LIT("uid"), bytes_str(number), STORE_FROM_START, &w);
        while (s == NI_OK && count < USERS_OF_ONE_UID && store_next(&w)) {
                s = store_get(rq->txn, w.child, &n);
                if (s == NI_OK)
                        s = describe(rq, &n, &list[count++]);
        }
        store_end(&w);
        if (s == NI_OK)
                s = w.status;
        if (s == NI_OK && count == 0)
                s = NI_NOUSER;
        if (s != NI_OK)
                return s;
        *ret = list;
        *ret_count = count;
        return NI_OK;
}

enum ni_status dir_user_by_name(struct dir_request *rq, struct bytes name, struct dir_user *ret,
                                int64_t *ret_uid)
{
        struct store_node users, n;
        struct store_walk w;
        struct bytes first, number;
        int64_t uid;
        bool found = false;
        enum ni_status s = dir_top(rq->txn, "users", &users);
        if (s != NI_OK)
                return s == NI_NODIR ? NI_NOUSER : s;
        store_lookup(rq->txn, users.id.object, BYTES_LIT("name"), name, STORE_FROM_START, &w);
        while (s == NI_OK && !found && store_next(&w)) { /* an alias of somebody is not his name */
                s = store_get(rq->txn, w.child, &n);
                found = s == NI_OK && prop_first(n.props, "name", &first) && bytes_eq(first, name);
        }
        store_end(&w);
        if (s == NI_OK)
                s = w.status;
        if (s == NI_OK && (!found || !prop_first(n.props, "uid", &number) || !text_i64(number, &uid)))
                s = NI_NOUSER;
        if (s == NI_OK)
                s = describe(rq, &n, ret);
        if (s == NI_OK)
                *ret_uid = uid;
        return s;
}
