/* The authority as files. */
#include "tls/folder.h"
#include "tls/table.h"
#include "tls/why.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define CERTIFICATE  "authority.crt"
#define KEY          "authority.key"
#define CLOSED_FILE  077u /* its modes may not have: it is for one user */
#define OPEN_TO_READ 022u

static bool folder_closed(const struct folder *f, struct tls_why *why)
{
        struct stat st;
        if (!folder_trusted(f, why))
                return false;
        if (fstat(f->fd, &st) == 0 && (st.st_mode & 077) == 0)
                return true;
        why_set(why, "%s is open to others: chmod 0700 %s", f->path, f->path);
        return false;
}

static bool is_new(const struct folder *f, const char *name, struct tls_why *why)
{
        if (faccessat(f->fd, name, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
                return true;
        why_set(why, "%s/%s is there already: an authority is not written over; move it away to make another",
                f->path, name);
        return false;
}

bool tls_authority_create(const char *folder, uint64_t now, struct tls_why *why)
{
        struct folder f;
        struct buf key, certificate;
        const struct tls_table *table = tls_table_get(why);
        const enum tls_found found = table ? folder_open(folder, &f, why) : TLS_UNUSABLE;
        if (found == TLS_NOT_THERE)
                why_set(why, "%s is not there", folder);
        if (found != TLS_FOUND)
                return false;
        bool memory = folder_buf_init(&key);
        memory = folder_buf_init(&certificate) && memory; /* both have to begin, to be ended */
        if (!memory)
                why_set(why, "%s: no memory", folder);
        const bool ok = memory && folder_closed(&f, why) && is_new(&f, KEY, why) &&
                        is_new(&f, CERTIFICATE, why) && table->authority_make(now, &key, &certificate, why) &&
                        folder_write(folder, KEY, buf_bytes(&key), 0600, (gid_t)-1, why) &&
                        folder_write(folder, CERTIFICATE, buf_bytes(&certificate), 0600, (gid_t)-1, why);
        folder_buf_done(&key);
        folder_buf_done(&certificate);
        folder_close(&f);
        return ok;
}

static enum tls_found read_files(const struct folder *f, struct buf *key, struct buf *certificate,
                                 struct tls_why *why)
{
        enum file_got got = folder_read(f, CERTIFICATE, OPEN_TO_READ, certificate, why);
        if (got == FILE_ABSENT)
                return TLS_NOT_THERE;
        if (got != FILE_GOT || !folder_closed(f, why))
                return TLS_UNUSABLE;
        got = folder_read(f, KEY, CLOSED_FILE, key, why);
        if (got == FILE_ABSENT)
                why_set(why,
                        "%s/" KEY " is not there, though its certificate is: "
                        "put it back from a copy",
                        f->path);
        return got == FILE_GOT ? TLS_FOUND : TLS_UNUSABLE;
}

enum tls_found tls_authority_load(const char *folder, struct tls_authority **ret, struct tls_why *why)
{
        struct folder f;
        struct buf key, certificate;
        struct tls_authority *a = NULL;
        enum tls_found found = folder_open(folder, &f, why);
        if (found != TLS_FOUND)
                return found;
        bool memory = folder_buf_init(&key);
        memory = folder_buf_init(&certificate) && memory;
        if (memory) {
                found = read_files(&f, &key, &certificate, why);
        } else {
                why_set(why, "%s: no memory", folder);
                found = TLS_UNUSABLE;
        }
        const struct tls_table *table = found == TLS_FOUND ? tls_table_get(why) : NULL;
        if (table) {
                a = table->authority_read(buf_bytes(&key), buf_bytes(&certificate), why);
                if (!a)
                        folder_name_file(folder, why);
        }
        folder_buf_done(&key);
        folder_buf_done(&certificate);
        folder_close(&f);
        if (found == TLS_FOUND && !a)
                return TLS_UNUSABLE;
        if (a)
                *ret = a;
        return found;
}

void tls_authority_free(struct tls_authority *a)
{
        if (a)
                tls_table_get(NULL)->authority_free(a);
}

struct bytes tls_authority_certificate(const struct tls_authority *a)
{
        return a->certificate;
}

const uint8_t *tls_authority_uuid(const struct tls_authority *a)
{
        return a->uuid;
}

const uint8_t *tls_authority_pin(const struct tls_authority *a)
{
        return a->pin;
}
