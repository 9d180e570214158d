/* A machine's identity as files. */
#include "base/limits.h"
#include "tls/folder.h"
#include "tls/table.h"
#include "tls/why.h"

#include <errno.h>
#include <string.h>
#include <sys/file.h>

#define AUTHORITY   "authority.crt"
#define CERTIFICATE "machine.crt"
#define KEY         "machine.key"

#define CERTIFICATE_OPEN 022u /* what others may not do with a certificate */
#define KEY_OPEN         027u /* and with a key, which has a group of its own */

struct texts {
        struct buf authority, certificate, key;
};

static bool texts_init(struct texts *t)
{
        *t = (struct texts){0};
        return folder_buf_init(&t->authority) && folder_buf_init(&t->certificate) && folder_buf_init(&t->key);
}

static void texts_done(struct texts *t)
{
        folder_buf_done(&t->authority);
        folder_buf_done(&t->certificate);
        folder_buf_done(&t->key);
}

/* TLS_NOT_THERE: no authority.crt. */
static enum tls_found texts_read(const struct folder *f, struct texts *t, struct tls_why *why)
{
        enum file_got got;
        buf_clear(&t->authority);
        buf_clear(&t->certificate);
        buf_clear(&t->key);
        if ((got = folder_read(f, AUTHORITY, CERTIFICATE_OPEN, &t->authority, why)) != FILE_GOT)
                return got == FILE_ABSENT ? TLS_NOT_THERE : TLS_UNUSABLE;
        if (!folder_trusted(f, why))
                return TLS_UNUSABLE;
        if ((got = folder_read(f, KEY, KEY_OPEN, &t->key, why)) == FILE_BAD)
                return TLS_UNUSABLE;
        if ((got = folder_read(f, CERTIFICATE, CERTIFICATE_OPEN, &t->certificate, why)) != FILE_GOT)
                return got == FILE_ABSENT ? TLS_FOUND : TLS_UNUSABLE;
        return TLS_FOUND;
}

static struct tls_identity *make(const char *folder, const struct tls_identity_source *source,
                                 struct tls_why *why)
{
        const struct tls_table *table = tls_table_get(why);
        struct tls_identity *i = table ? table->identity_read(source, why) : NULL;
        if (table && !i)
                folder_name_file(folder, why);
        return i;
}

/* Who writes them anew meanwhile changes one after the other, so what does not fit is read again. */
#define TRIES 3u

enum tls_found tls_identity_load(const char *folder, struct tls_identity **ret, struct tls_why *why)
{
        struct folder f;
        struct texts t;
        struct tls_identity *i = NULL;
        enum tls_found found = folder_open(folder, &f, why);
        if (found != TLS_FOUND)
                return found;
        if (!texts_init(&t)) {
                why_set(why, "%s: no memory", folder);
                found = TLS_UNUSABLE;
        }
        for (unsigned n = 0; n < TRIES && found == TLS_FOUND && !i; n++) {
                found = texts_read(&f, &t, why);
                if (found == TLS_FOUND)
                        i = make(folder,
                                 &(struct tls_identity_source){buf_bytes(&t.authority),
                                                               buf_bytes(&t.certificate), buf_bytes(&t.key)},
                                 why);
        }
        texts_done(&t);
        folder_close(&f);
        if (found == TLS_FOUND && !i)
                return TLS_UNUSABLE;
        if (i)
                *ret = i;
        return found;
}

struct tls_identity *tls_identity_hold(struct tls_identity *i)
{
        atomic_fetch_add_explicit(&i->holders, 1, memory_order_relaxed);
        return i;
}

void tls_identity_release(struct tls_identity *i)
{
        if (i && atomic_fetch_sub_explicit(&i->holders, 1, memory_order_acq_rel) == 1)
                tls_table_get(NULL)->identity_free(i);
}

bool tls_identity_has_key(const struct tls_identity *i)
{
        return i->has_key;
}

const char *tls_identity_machine(const struct tls_identity *i)
{
        return i->certificate.machine;
}

uint64_t tls_identity_since(const struct tls_identity *i)
{
        return i->certificate.since;
}

uint64_t tls_identity_until(const struct tls_identity *i)
{
        return i->certificate.until;
}

bool tls_identity_may_serve(const struct tls_identity *i)
{
        return i->certificate.may_serve;
}

const uint8_t *tls_identity_authority(const struct tls_identity *i)
{
        return i->uuid;
}

struct bytes tls_identity_authority_der(const struct tls_identity *i)
{
        return i->authority;
}

/* The texts that the folder is to hold: what is given, else what is there. */
static bool texts_put(const struct folder *f, const struct tls_identity_files *files, struct texts *t,
                      struct tls_why *why)
{
        const enum tls_found found = texts_read(f, t, why);
        if (files->authority.len) { /* what was there may be as bad as it likes */
                buf_clear(&t->authority);
                tls_certificate_pem(files->authority, &t->authority);
        } else if (found != TLS_FOUND) {
                if (found == TLS_NOT_THERE)
                        why_set(why, "%s/" AUTHORITY " is not there: this machine has not joined", f->path);
                return false;
        }
        buf_clear(&t->certificate);
        tls_certificate_pem(files->certificate, &t->certificate);
        if (t->authority.failed || t->certificate.failed)
                why_set(why, "%s: no memory", f->path);
        return !t->authority.failed && !t->certificate.failed;
}

static bool belong_together(const char *folder, const struct texts *t, struct bytes key, struct tls_why *why)
{
        const struct tls_identity_source source = {buf_bytes(&t->authority), buf_bytes(&t->certificate), key};
        struct tls_identity *i = make(folder, &source, why);
        const bool ok = i && i->has_key;
        if (i && !ok)
                why_set(why, "%s/" KEY " is missing, or cannot be read", folder);
        tls_identity_release(i);
        return ok;
}

/* Both keys fit until the certificate is the new one: whoever reads in between finds the one that belongs to
 * what he finds. */
static bool write_key(const char *folder, struct buf *old, struct bytes key, bool both, gid_t group,
                      struct tls_why *why)
{
        const size_t before = old->len;
        if (both) {
                buf_putc(old, '\n');
                buf_put(old, key);
        }
        const bool ok =
                !old->failed && folder_write(folder, KEY, both ? buf_bytes(old) : key, 0640, group, why);
        buf_truncate(old, before);
        return ok;
}

static bool write_all(const char *folder, const struct tls_identity_files *files, struct texts *t,
                      struct tls_why *why)
{
        const bool both = files->key.len && t->key.len && t->key.len + files->key.len <= LIMIT_TLS_FILE / 2;
        if (files->key.len && !write_key(folder, &t->key, files->key, both, files->group, why))
                return false;
        if (!folder_write(folder, CERTIFICATE, buf_bytes(&t->certificate), 0644, (gid_t)-1, why))
                return false;
        if (files->authority.len &&
            !folder_write(folder, AUTHORITY, buf_bytes(&t->authority), 0644, (gid_t)-1, why))
                return false;
        return !both || write_key(folder, &t->key, files->key, false, files->group, why);
}

bool tls_identity_write(const char *folder, const struct tls_identity_files *files, struct tls_why *why)
{
        struct folder f;
        struct texts t;
        const enum tls_found found = folder_open(folder, &f, why);
        if (found == TLS_NOT_THERE)
                why_set(why, "%s is not there", folder);
        if (found != TLS_FOUND)
                return false;
        if (flock(f.fd, LOCK_EX) < 0) { /* one writer at a time; folder_close lets go */
                why_set(why, "%s cannot be locked: %s", folder, strerror(errno));
                folder_close(&f);
                return false;
        }
        bool ok = texts_init(&t);
        if (!ok)
                why_set(why, "%s: no memory", folder);
        ok = ok && folder_trusted(&f, why) && texts_put(&f, files, &t, why) &&
             belong_together(folder, &t, files->key.len ? files->key : buf_bytes(&t.key), why) &&
             write_all(folder, files, &t, why);
        texts_done(&t);
        folder_close(&f);
        return ok;
}
