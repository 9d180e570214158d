#include "server/secret.h"

#include "base/buf.h"
#include "server/penalty.h"
#include "sys/random.h"

#include <crypt.h>
#include <pthread.h>
#include <stdlib.h>

#define HASH_MAX 384u /* CRYPT_OUTPUT_SIZE: longer text is no hash */

/* Looks at every byte, so that the time says nothing about how much of it was right. */
static bool equal_in_constant_time(const char *a, const char *b)
{
        const size_t n = strlen(a);
        unsigned differ = 0;
        if (n != strlen(b))
                return false;
        for (size_t i = 0; i < n; i++)
                differ |= (unsigned)(unsigned char)a[i] ^ (unsigned)(unsigned char)b[i];
        return differ == 0;
}

enum match { MATCHES, DIFFERS, NO_HASH /* nothing was computed */ };

static enum match match(struct bytes stored, struct bytes password)
{
        char hash[HASH_MAX + 1], given[LIMIT_PASSWORD + 1];
        if (stored.len == 0 || stored.len > HASH_MAX || stored.data[0] == '*' || stored.data[0] == '!' ||
            password.len > LIMIT_PASSWORD || bytes_find(password, 0) < password.len)
                return NO_HASH;
        memcpy(hash, stored.data, stored.len);
        hash[stored.len] = '\0';
        if (password.len)
                memcpy(given, password.data, password.len);
        given[password.len] = '\0';
        struct crypt_data *work = calloc(1, sizeof(*work));
        const char *got = work ? crypt_r(given, hash, work) : NULL;
        enum match m = NO_HASH;
        if (got && got[0] != '*')
                m = equal_in_constant_time(got, hash) ? MATCHES : DIFFERS;
        if (work)
                explicit_bzero(work, sizeof(*work));
        free(work);
        explicit_bzero(given, sizeof(given));
        return m;
}

bool secret_matches(struct bytes stored, struct bytes password)
{
        return match(stored, password) == MATCHES;
}

/* Of the kind and cost that passwd(1) of this system makes; whose password it is does not matter. */
#define NOBODYS_HASH "$y$j9T$SGVyZUlzTm9ib2R5$iDf33f0VDwCNGk1pR/FQRKmC4YkCRgDuI/eISrfvSZ2"

bool secret_matches_evenly(struct bytes stored, struct bytes password)
{
        const enum match m = match(stored, password);
        if (m == NO_HASH)
                match(BYTES_LIT(NOBODYS_HASH), password);
        return m == MATCHES;
}

struct known {
        struct hash128 what;
        uint64_t until; /* milliseconds; 0: free */
};

struct secrets {
        pthread_mutex_t mutex;
        struct siphash_key key;
        struct known known[LIMIT_PASSWORD_CACHE];
        struct penalties penalties;
};

struct secrets *secrets_new(void)
{
        uint8_t bytes[32];
        struct secrets *s = calloc(1, sizeof(*s));
        if (!s)
                return NULL;
        random_bytes(bytes, sizeof(bytes));
        s->key = siphash_key_from(bytes);
        penalties_init(&s->penalties, siphash_key_from(bytes + 16));
        pthread_mutex_init(&s->mutex, NULL);
        return s;
}

void secrets_free(struct secrets *s)
{
        if (!s)
                return;
        pthread_mutex_destroy(&s->mutex);
        explicit_bzero(s, sizeof(*s));
        free(s);
}

static struct hash128 what_of(const struct secrets *s, const char *tag, const struct dir_user *u,
                              struct bytes password)
{
        struct {
                char tag[LIMIT_TAG + 1];
                uint8_t password[LIMIT_MACHINE];
                uint8_t length;
                uint32_t object, instance;
                struct hash128 stored;
        } all;
        memset(&all, 0, sizeof(all));
        all.stored = siphash24_128(s->key, u->passwd.data, u->passwd.len);
        memcpy(all.tag, tag, strnlen(tag, LIMIT_TAG));
        all.length = (uint8_t)(password.len < LIMIT_MACHINE ? password.len : LIMIT_MACHINE);
        if (password.len)
                memcpy(all.password, password.data, all.length);
        all.object = u->object;
        all.instance = u->instance;
        const struct hash128 h = siphash24_128(s->key, &all, sizeof(all));
        explicit_bzero(&all, sizeof(all));
        return h;
}

struct hash128 secrets_stamp(struct secrets *s, const char *tag, const struct dir_user *u)
{
        return what_of(s, tag, u, BYTES_NONE);
}

bool secrets_known(struct secrets *s, const char *tag, const struct dir_user *u, struct bytes password,
                   uint64_t now_ms)
{
        const struct hash128 h = what_of(s, tag, u, password);
        pthread_mutex_lock(&s->mutex);
        const struct known *k = &s->known[h.lo % LIMIT_PASSWORD_CACHE];
        const bool is = k->until > now_ms && k->what.lo == h.lo && k->what.hi == h.hi;
        pthread_mutex_unlock(&s->mutex);
        return is;
}

void secrets_remember(struct secrets *s, const char *tag, const struct dir_user *u, struct bytes password,
                      uint64_t now_ms)
{
        const struct hash128 h = what_of(s, tag, u, password);
        pthread_mutex_lock(&s->mutex);
        s->known[h.lo % LIMIT_PASSWORD_CACHE] = (struct known){h, now_ms + LIMIT_PASSWORD_MS};
        pthread_mutex_unlock(&s->mutex);
}

void secrets_forget(struct secrets *s)
{
        pthread_mutex_lock(&s->mutex);
        memset(s->known, 0, sizeof(s->known));
        pthread_mutex_unlock(&s->mutex);
}

bool secrets_allow(struct secrets *s, const struct address *source, uint32_t uid, uint64_t now_ms)
{
        pthread_mutex_lock(&s->mutex);
        const bool may = penalty_allows(&s->penalties, source, uid, now_ms);
        pthread_mutex_unlock(&s->mutex);
        return may;
}

void secrets_result(struct secrets *s, const struct address *source, uint32_t uid, bool right,
                    uint64_t now_ms)
{
        pthread_mutex_lock(&s->mutex);
        if (right)
                penalty_passed(&s->penalties, source, uid);
        else
                penalty_failed(&s->penalties, source, uid, now_ms);
        pthread_mutex_unlock(&s->mutex);
}
