/* Passwords: is this the right one, was it right a moment ago, and may it be looked at (decision 5). */
#ifndef NETINFO_SERVER_SECRET_H
#define NETINFO_SERVER_SECRET_H

#include "directory/directory.h"
#include "model/network.h"

/* Does crypt(password, stored) give stored? Everything that libcrypt verifies, traditional DES to yescrypt;
 * what cannot be a hash ("*", "!...", "", other text) never matches. Slow on purpose: for a pool's thread. */
bool secret_matches(struct bytes stored, struct bytes password);
/* The same, and takes as long as a usual hash where there is none that could match. */
bool secret_matches_evenly(struct bytes stored, struct bytes password);

struct secrets; /* thread-safe */

struct secrets *secrets_new(void);
void secrets_free(struct secrets *s); /* NULL is fine */

/* A right password is remembered for LIMIT_PASSWORD_MS, as a keyed hash, together with the user's object,
 * instance and stored passwd: any change of the record forgets it, and so does another user who gets the same
 * number and, where historical clones are listed (decision 10), the same instance. */
bool secrets_known(struct secrets *s, const char *tag, const struct dir_user *u, struct bytes password,
                   uint64_t now_ms);
void secrets_remember(struct secrets *s, const char *tag, const struct dir_user *u, struct bytes password,
                      uint64_t now_ms);
/* A number for what this user's record is now: another one after any change of it. */
struct hash128 secrets_stamp(struct secrets *s, const char *tag, const struct dir_user *u);
/* When a domain goes: another one may come under its tag. */
void secrets_forget(struct secrets *s);

/* server/penalty.h, behind a mutex. */
bool secrets_allow(struct secrets *s, const struct address *source, uint32_t uid, uint64_t now_ms);
void secrets_result(struct secrets *s, const struct address *source, uint32_t uid, bool right,
                    uint64_t now_ms);

#endif
