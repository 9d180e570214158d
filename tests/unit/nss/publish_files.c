/* publish_files FOLDER PASSWD GROUP: publishes images of a passwd and a group file, read by the C library's
 * own parser. For tests that compare our answers with the C library's. */
#include "snapshot/writer.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>

#define MEMBERS 4096

static int add_users(struct snap_builder *b, const char *path)
{
        FILE *f = fopen(path, "re");
        int err = f ? 0 : errno;
        for (const struct passwd *p; !err && (p = fgetpwent(f));) {
                const struct bytes name = bytes_str(p->pw_name);
                err = snap_add_user(b, &(struct snap_user){.names = &name,
                                                           .name_count = 1,
                                                           .uid = p->pw_uid,
                                                           .gid = p->pw_gid,
                                                           .has_hash = p->pw_passwd[0] == 'x',
                                                           .enumerate = true,
                                                           .gecos = bytes_str(p->pw_gecos),
                                                           .dir = bytes_str(p->pw_dir),
                                                           .shell = bytes_str(p->pw_shell)});
        }
        if (f)
                fclose(f);
        return err;
}

static int add_groups(struct snap_builder *b, const char *path)
{
        static struct bytes members[MEMBERS];
        FILE *f = fopen(path, "re");
        int err = f ? 0 : errno;
        for (const struct group *g; !err && (g = fgetgrent(f));) {
                const struct bytes name = bytes_str(g->gr_name);
                size_t n = 0;
                while (n < MEMBERS && g->gr_mem[n]) {
                        members[n] = bytes_str(g->gr_mem[n]);
                        n++;
                }
                err = snap_add_group(b, &(struct snap_group){.names = &name,
                                                             .name_count = 1,
                                                             .gid = g->gr_gid,
                                                             .has_hash = g->gr_passwd[0] == 'x',
                                                             .enumerate = true,
                                                             .members = members,
                                                             .member_count = n});
        }
        if (f)
                fclose(f);
        return err;
}

int main(int argc, char **argv)
{
        struct snap_publication p = {.shadow_group = (gid_t)-1};
        struct snap_report r;
        if (argc != 4)
                return 2;
        p.folder = argv[1];
        int err = snap_builder_new(SNAP_PASSWD, &p.map[SNAP_PASSWD]);
        if (!err)
                err = snap_builder_new(SNAP_GROUP, &p.map[SNAP_GROUP]);
        if (!err)
                err = add_users(p.map[SNAP_PASSWD], argv[2]);
        if (!err)
                err = add_groups(p.map[SNAP_GROUP], argv[3]);
        if (err)
                fprintf(stderr, "publish_files: %s\n", strerror(err));
        else if ((err = snap_publish(&p, &r)))
                fprintf(stderr, "publish_files: %s\n", r.what);
        snap_builder_free(p.map[SNAP_PASSWD]);
        snap_builder_free(p.map[SNAP_GROUP]);
        return err != 0;
}
