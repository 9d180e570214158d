/* The folders of doc/tls.md 1: files that are believed, so somebody else may not have a hand in them. Private
 * to this room. */
#ifndef NETINFO_TLS_FOLDER_H
#define NETINFO_TLS_FOLDER_H

#include "tls/identity.h"

struct folder {
        const char *path; /* borrowed */
        int fd;
};

enum file_got {
        FILE_GOT,
        FILE_ABSENT,
        FILE_DENIED, /* this process may not read it */
        FILE_BAD,    /* why */
};

/* TLS_NOT_THERE: there is none of that name; then, and with TLS_UNUSABLE, there is nothing to close. */
enum tls_found folder_open(const char *path, struct folder *ret, struct tls_why *why);
void folder_close(struct folder *f);
/* Is it root's or this process' own, and may nobody else write in it? */
bool folder_trusted(const struct folder *f, struct tls_why *why);
/* A file's text, appended to `out`, which folder_buf_init has made. No links; root's or this process' own; no
 * bit of `forbidden` in its mode; LIMIT_TLS_FILE bytes at most. */
enum file_got folder_read(const struct folder *f, const char *name, mode_t forbidden, struct buf *out,
                          struct tls_why *why);

/* Memory for secrets: it does not move while a file is read into it, and is wiped. */
bool folder_buf_init(struct buf *b);
void folder_buf_done(struct buf *b);

/* Puts "FOLDER/" in front of a text that begins with the name of a file. */
void folder_name_file(const char *path, struct tls_why *why);
/* Writes a file aside, forces it, renames it. */
bool folder_write(const char *path, const char *name, struct bytes content, mode_t mode, gid_t group,
                  struct tls_why *why);

#endif
