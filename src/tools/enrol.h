/* What `ni init`, `ni join`, `ni token`, `ni machine` and `ni renew` share (doc/tls.md): where a machine's
 * files are, writing them so that a crash at any point leaves something from which a second run goes on, and
 * the configuration files beside them. */
#ifndef NETINFO_TOOLS_ENROL_H
#define NETINFO_TOOLS_ENROL_H

#include "tls/authority.h"
#include "tls/request.h"
#include "tools/talk.h"

#include <limits.h>

struct enrol_paths {
        char machine[PATH_MAX];                           /* folder */
        char server_conf[PATH_MAX], agent_conf[PATH_MAX]; /* files */
        char socket[PATH_MAX];                            /* netinfod's; "": found as every client finds it */
        bool below;                                       /* --dir was given: nothing is systemd's */
};

/* dir: of --dir, NULL: the machine's own. Points t->server there, unless --server did. False: said why. */
bool enrol_paths(struct talk *t, const char *dir, struct enrol_paths *ret);

/* The name of this machine: `wish`, or else the system's up to its first dot. False: said why. */
bool enrol_name(struct talk *t, const char *wish, char ret[TLS_NAME_MAX + 1]);

/* A request for the key that a run before this one left, or for a new one, which is kept (0600) until
 * enrol_finish has put it in its place: who asks twice is known by it. False: said why. */
bool enrol_request(struct talk *t, const struct enrol_paths *p, struct tls_request *ret);
/* The three files of the folder, authority.crt last. r: whose key; NULL: the one there is. */
bool enrol_save(struct talk *t, const struct enrol_paths *p, struct bytes authority, struct bytes certificate,
                const struct tls_request *r);
/* Did a run begin that has not come to its end? */
bool enrol_pending(const struct enrol_paths *p);
/* The end: the key that a second run would have needed goes. False: said why. */
bool enrol_finish(struct talk *t, const struct enrol_paths *p);
/* TLS_UNUSABLE is said, with `talk_error`, when `say`. */
enum tls_found enrol_load(struct talk *t, const struct enrol_paths *p, bool say, struct tls_identity **ret);

/* The value of a key in a file of `key = value` lines; NULL: none, or no file. Arena. */
const char *enrol_conf_get(struct talk *t, const char *file, const char *key);
/* Sets it: in place of the line that there is, else at the end. Says what it writes. False: said why. */
bool enrol_conf_set(struct talk *t, const char *file, const char *key, const char *value);
/* This machine's addresses that others can reach, in text, NULL behind the last; arena. NULL: said why. */
const char **enrol_addresses(struct talk *t);

/* Asks a daemon to look at its files again, or says how to. */
enum enrol_daemon { ENROL_NETINFOD, ENROL_AGENT };
void enrol_reload(struct talk *t, const struct enrol_paths *p, enum enrol_daemon which);

/* One call to the authority with its errors said. t->client is connected. */
bool enrol_authority(struct talk *t, const struct ext_authority_args *args, struct ext_authority_result *ret,
                     const char *thing);
/* "2026-11-24 19:03" UTC; arena. */
const char *enrol_date(struct talk *t, uint64_t seconds);

#endif
