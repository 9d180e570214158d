#include "agent/publish.h"

#include "agent/merge.h"
#include "sys/random.h"

#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <unistd.h>
#include <stdlib.h>

struct job {
        struct snap_builder *map[SNAP_KINDS];
        struct publish_report *report;
        int error;
};

static void left_out(void *context, const struct merge_domain *d, const char *what, struct bytes name,
                     const char *reason)
{
        struct job *j = context;
        if (j->report->left_out++ == 0)
                snprintf(j->report->first_left_out, sizeof(j->report->first_left_out), "%s %.*s of %s: %s",
                         what, BYTES_FMT(bytes_sub(name, 0, 100)), d->name, reason);
}

/* A record that the image cannot hold is left out; any other trouble ends the job. */
static bool took(struct job *j, const char *what, struct bytes name, int err)
{
        static const struct merge_domain local = {.name = "local"};
        if (err == E2BIG || err == EINVAL)
                left_out(j, &local, what, name,
                         err == E2BIG ? "too long for an image" : "not fit for an image");
        else if (err)
                j->error = err;
        return j->error == 0;
}

static bool add_user(void *context, const struct snap_user *u)
{
        struct job *j = context;
        return took(j, "user", u->names[0], snap_add_user(j->map[SNAP_PASSWD], u));
}

static bool add_group(void *context, const struct snap_group *g)
{
        struct job *j = context;
        return took(j, "group", g->names[0], snap_add_group(j->map[SNAP_GROUP], g));
}

static bool add_shadow(void *context, const struct snap_shadow *s)
{
        struct job *j = context;
        return took(j, "shadow of", s->names[0], snap_add_shadow(j->map[SNAP_SHADOW], s));
}

static int merge(struct job *j, const struct merge_domain *d, const struct merge_rules *r, unsigned images)
{
        const struct merge_sink sink = {add_user, add_group, add_shadow, left_out, j};
        for (unsigned k = 0; k < SNAP_KINDS && !j->error; k++)
                if (images & 1u << k)
                        j->error = snap_builder_new((enum snap_kind)k, &j->map[k]);
        bool ok = !j->error;
        if (ok && images & TABLE_PASSWD)
                ok = merge_users(d, 1, r, &sink);
        if (ok && images & TABLE_GROUP)
                ok = merge_groups(d, 1, r, &sink);
        if (ok && images & TABLE_SHADOW)
                ok = merge_shadow(d, 1, r, &sink);
        return ok || j->error ? j->error : ENOMEM;
}

/* A file may be given to a group by root and by who is in it. */
static bool may_give_to(gid_t gid)
{
        gid_t groups[256];
        const int n = getgroups(256, groups);
        bool member = geteuid() == 0 || getegid() == gid;
        for (int i = 0; i < n && !member; i++)
                member = groups[i] == gid;
        return member;
}

static gid_t group_of(const char *name, struct publish_report *report)
{
        const struct group *g = *name ? getgrnam(name) : NULL;
        if (g && may_give_to(g->gr_gid))
                return g->gr_gid;
        if (*name)
                snprintf(report->trouble, sizeof(report->trouble),
                         g ? "group %s is not ours to give to: only the owner may read the shadow image"
                           : "there is no group %s here: only the owner may read the shadow image",
                         name);
        return (gid_t)-1;
}

static int publish(const struct agent_config *c, struct job *j)
{
        struct snap_report report;
        struct snap_publication p = {
                .folder = c->snapshots,
                .durable = *c->durable ? c->durable : NULL,
                /* The table is exact: what the domain does not have is not published. */
                .may_shrink = TABLE_ALL,
                .shadow_group = group_of(c->shadow_group, j->report),
                .quarantine_s = c->quarantine,
        };
        memcpy(p.map, j->map, sizeof(p.map));
        const int err = snap_publish(&p, &report);
        j->report->generation = report.generation;
        if (report.what[0])
                snprintf(j->report->trouble, sizeof(j->report->trouble), "%s", report.what);
        return err;
}

int publish_images(const struct agent_config *c, const struct table *t, unsigned images, int64_t today,
                   struct publish_report *ret_report)
{
        struct bytes *users = NULL, *groups = NULL;
        struct merge_domain d = {.name = c->domain, .local = strcmp(c->domain, "local") == 0};
        struct merge_rules r = {
                .min_id = c->min_id,
                .allow = c->allow,
                .allow_count = c->allow_count,
                .publish_hashes = c->publish_hashes,
                .allow_empty_passwords = c->allow_empty_passwords,
                .today = today,
        };
        struct job j = {.report = ret_report};
        *ret_report = (struct publish_report){.generation = 0};
        random_bytes(&r.key, sizeof(r.key));
        int err = ENOMEM;
        if (table_children(t, false, &users, &d.user_count) &&
            table_children(t, true, &groups, &d.group_count)) {
                d.users = users;
                d.groups = groups;
                ret_report->users = (uint32_t)d.user_count;
                ret_report->groups = (uint32_t)d.group_count;
                err = merge(&j, &d, &r, images);
        }
        if (!err)
                err = publish(c, &j);
        else
                snprintf(ret_report->trouble, sizeof(ret_report->trouble), "%s", strerror(err));
        for (unsigned k = 0; k < SNAP_KINDS; k++)
                snap_builder_free(j.map[k]);
        free(users);
        free(groups);
        return err;
}
