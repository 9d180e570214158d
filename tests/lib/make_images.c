/* Publishes a small set of snapshot images into the folder named: two users, two groups, their shadow. For
 * tests that need images without an agent. */
#include "snapshot/writer.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int publish(const char *folder, struct snap_builder *b[SNAP_KINDS])
{
        const struct bytes ada[] = {BYTES_LIT("ada"), BYTES_LIT("lovelace")}, grace[] = {BYTES_LIT("grace")};
        const struct bytes staff[] = {BYTES_LIT("staff")}, crew[] = {BYTES_LIT("crew")};
        const struct bytes both[] = {BYTES_LIT("ada"), BYTES_LIT("grace")};
        const struct snap_user users[] = {{.names = ada,
                                           .name_count = 2,
                                           .uid = 5001,
                                           .gid = 100,
                                           .has_hash = true,
                                           .enumerate = true,
                                           .gecos = BYTES_LIT("Ada L"),
                                           .dir = BYTES_LIT("/home/ada"),
                                           .shell = BYTES_LIT("/bin/zsh")},
                                          {.names = grace,
                                           .name_count = 1,
                                           .uid = 5002,
                                           .gid = 100,
                                           .enumerate = true,
                                           .dir = BYTES_LIT("/home/grace"),
                                           .shell = BYTES_LIT("/bin/sh")}};
        const struct snap_group groups[] = {{.names = staff,
                                             .name_count = 1,
                                             .gid = 50,
                                             .enumerate = true,
                                             .members = both,
                                             .member_count = 2},
                                            {.names = crew,
                                             .name_count = 1,
                                             .gid = 60,
                                             .enumerate = true,
                                             .members = both,
                                             .member_count = 1}};
        const struct snap_shadow shadow = {.names = ada,
                                           .name_count = 1,
                                           .enumerate = true,
                                           .hash = BYTES_LIT("$6$a$b"),
                                           .last_change = 19000,
                                           .min = 0,
                                           .max = 99999,
                                           .warn = 7,
                                           .inactive = -1,
                                           .expire = -1,
                                           .flag = (uint64_t)-1};
        struct snap_report report;
        struct snap_publication p = {.folder = folder, .shadow_group = (gid_t)-1};
        int error = 0;
        for (size_t i = 0; i < 2 && !error; i++) {
                error = snap_add_user(b[SNAP_PASSWD], &users[i]);
                if (!error)
                        error = snap_add_group(b[SNAP_GROUP], &groups[i]);
        }
        if (!error)
                error = snap_add_shadow(b[SNAP_SHADOW], &shadow);
        for (int k = 0; k < SNAP_ACCOUNTS; k++)
                p.map[k] = b[k];
        if (error)
                return error;
        error = snap_publish(&p, &report);
        if (error)
                fprintf(stderr, "make_images: %s\n", report.what);
        return error;
}

int main(int argc, char **argv)
{
        struct snap_builder *b[SNAP_KINDS] = {NULL};
        int error = 0;
        if (argc != 2)
                return 2;
        for (int k = 0; k < SNAP_ACCOUNTS && !error; k++)
                error = snap_builder_new((enum snap_kind)k, &b[k]);
        if (!error)
                error = publish(argv[1], b);
        for (int k = 0; k < SNAP_ACCOUNTS; k++)
                snap_builder_free(b[k]);
        if (error)
                fprintf(stderr, "make_images: %s\n", strerror(error));
        return error ? 1 : 0;
}
