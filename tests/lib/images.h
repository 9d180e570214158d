/* Small snapshot images for tests. */
#ifndef NETINFO_TESTS_IMAGES_H
#define NETINFO_TESTS_IMAGES_H

#include "snapshot/inspect.h"
#include "snapshot/writer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <sys/mman.h>

/* Splits "ada,countess" into names; at most max. */
static inline size_t images_words(const char *list, struct bytes *words, size_t max)
{
        size_t n = 0;
        while (*list && n < max) {
                const size_t len = strcspn(list, ",");
                words[n++] = bytes_of(list, len);
                list += len + (list[len] == ',');
        }
        return n;
}

/* names: "ada,countess". Returns what snap_add_user says. */
static inline int images_user(struct snap_builder *b, const char *names, uint32_t uid, uint32_t gid,
                              const char *gecos)
{
        struct bytes words[64];
        char dir[128];
        const size_t n = images_words(names, words, 64);
        snprintf(dir, sizeof(dir), "/home/%.*s", n ? (int)words[0].len : 0,
                 n ? (const char *)words[0].data : "");
        return snap_add_user(b, &(struct snap_user){.names = words,
                                                    .name_count = n,
                                                    .uid = uid,
                                                    .gid = gid,
                                                    .has_hash = uid % 2 != 0,
                                                    .enumerate = true,
                                                    .gecos = bytes_str(gecos),
                                                    .dir = bytes_str(dir),
                                                    .shell = BYTES_LIT("/bin/sh")});
}

static inline int images_group(struct snap_builder *b, const char *names, uint32_t gid, const char *members)
{
        struct bytes words[64], list[1024];
        return snap_add_group(b, &(struct snap_group){.names = words,
                                                      .name_count = images_words(names, words, 64),
                                                      .gid = gid,
                                                      .has_hash = gid % 2 != 0,
                                                      .enumerate = true,
                                                      .members = list,
                                                      .member_count = images_words(members, list, 1024)});
}

static inline int images_shadow(struct snap_builder *b, const char *names, const char *hash,
                                int64_t last_change)
{
        struct bytes words[64];
        return snap_add_shadow(b, &(struct snap_shadow){.names = words,
                                                        .name_count = images_words(names, words, 64),
                                                        .enumerate = true,
                                                        .hash = bytes_str(hash),
                                                        .last_change = last_change,
                                                        .min = 0,
                                                        .max = 99999,
                                                        .warn = 7,
                                                        .inactive = -1,
                                                        .expire = -1,
                                                        .flag = 5});
}

static inline struct snap_builder *images_new(enum snap_kind kind)
{
        struct snap_builder *b = NULL;
        assert_int_equal(snap_builder_new(kind, &b), 0);
        return b;
}

/* A folder of its own below /tmp; the caller removes it with images_remove. */
static inline void images_folder(char path[64])
{
        snprintf(path, 64, "/tmp/netinfo-images.XXXXXX");
        assert_non_null(mkdtemp(path));
}

/* Publishes `users` users named u0, u1 ... with gecos `mark`, and as many as needed groups; frees nothing of
 * the caller's. */
static inline uint64_t images_publish_marked(const char *folder, unsigned users, const char *mark)
{
        struct snap_publication p = {.folder = folder, .shadow_group = (gid_t)-1, .may_shrink = 7};
        struct snap_report r;
        p.map[SNAP_PASSWD] = images_new(SNAP_PASSWD);
        p.map[SNAP_GROUP] = images_new(SNAP_GROUP);
        for (unsigned i = 0; i < users; i++) {
                char name[32], group[32], members[96];
                snprintf(name, sizeof(name), "u%u,alias%u", i, i);
                snprintf(group, sizeof(group), "g%u", i);
                snprintf(members, sizeof(members), "u%u,u%u,%s", i, (i + 1) % users, mark);
                assert_int_equal(images_user(p.map[SNAP_PASSWD], name, 1000 + i, 100, mark), 0);
                assert_int_equal(images_group(p.map[SNAP_GROUP], group, 5000 + i, members), 0);
        }
        const int err = snap_publish(&p, &r);
        if (err)
                print_error("%s\n", r.what);
        assert_int_equal(err, 0);
        snap_builder_free(p.map[SNAP_PASSWD]);
        snap_builder_free(p.map[SNAP_GROUP]);
        return r.generation;
}

/* A delta upon the whole images that were published as `base` by images_publish_marked with as many users:
 * the first three users and groups say `mark`. */
static inline uint64_t images_publish_delta(const char *folder, uint64_t base, unsigned users,
                                            const char *mark)
{
        struct snap_publication p = {.folder = folder, .shadow_group = (gid_t)-1};
        struct snap_report r;
        const uint32_t gids[] = {5000, 5001, 5002};
        for (unsigned k = 0; k < 2; k++) {
                char path[128];
                void *at = NULL;
                size_t size;
                uint64_t now;
                assert_int_equal(snap_folder_generation(folder, &now), 0);
                snprintf(path, sizeof(path), "%s/%s.%llu%s", folder, snap_map_name((enum snap_kind)k),
                         (unsigned long long)now, now == base ? "" : ".base");
                assert_int_equal(snap_map_file(path, &at, &size), 0);
                const struct snap_header *h = at;
                p.map[k] = images_new((enum snap_kind)k);
                snap_builder_delta(p.map[k], h->generation, h->sum);
                munmap(at, size);
        }
        for (unsigned i = 0; i < 3; i++) {
                char name[32], group[32], members[96];
                snprintf(name, sizeof(name), "u%u,alias%u", i, i);
                snprintf(group, sizeof(group), "g%u", i);
                snprintf(members, sizeof(members), "u%u,u%u,%s", i, (i + 1) % users, mark);
                assert_int_equal(images_user(p.map[SNAP_PASSWD], name, 1000 + i, 100, mark), 0);
                assert_int_equal(images_group(p.map[SNAP_GROUP], group, 5000 + i, members), 0);
        }
        assert_int_equal(snap_add_gids(p.map[SNAP_GROUP], bytes_str(mark), gids, 3), 0);
        const int err = snap_publish(&p, &r);
        if (err)
                print_error("%s\n", r.what);
        assert_int_equal(err, 0);
        snap_builder_free(p.map[SNAP_PASSWD]);
        snap_builder_free(p.map[SNAP_GROUP]);
        return r.generation;
}

#endif
