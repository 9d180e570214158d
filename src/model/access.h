/* Who may write, as protocol.md 3.8 has it, and what is secret (decision 6). Pure: it looks at encoded
 * properties only. */
#ifndef NETINFO_MODEL_ACCESS_H
#define NETINFO_MODEL_ACCESS_H

#include "xdr/prop.h"

/* Who asks. `name` is empty for an anonymous caller, who only ever matches "*". */
struct caller {
        bool superuser;    /* may do everything; never derived from a user's name */
        bool sees_secrets; /* superuser, listed replica, local agent: secret values are not redacted */
        struct bytes name; /* of the user record that authenticated; borrowed */
};

/* The rule that lets somebody write, or that none does: for those who want to know why. */
enum access_reason {
        ACCESS_NONE,
        ACCESS_SUPERUSER,
        ACCESS_DIR_ALL,    /* `_writers` lists "*" */
        ACCESS_DIR_NAME,   /* `_writers` lists the caller's name */
        ACCESS_VALUE_ALL,  /* `_writers_<prop>` lists "*" */
        ACCESS_VALUE_NAME, /* `_writers_<prop>` lists the caller's name */
};
/* The first rule that holds, in this order. prop.data NULL: the directory as a whole, which the VALUE rules
 * do not open. */
enum access_reason access_why(const struct caller *c, struct bytes encoded_proplist, struct bytes prop);

/* dir_ok of 3.8: superuser, or the first property `_writers` lists "*" or the caller's name. */
bool access_dir(const struct caller *c, struct bytes encoded_proplist);
/* value_ok of 3.8: dir_ok, or `_writers_<prop>` lists "*" or the caller's name. */
bool access_value(const struct caller *c, struct bytes encoded_proplist, struct bytes prop);
/* `_locked` [10.4]: read-only for everybody, the superuser included. */
bool access_locked(struct bytes encoded_proplist);

/* Does a right password make this user the superuser: is promote_admins of the root directory not "no", and
 * does /groups/admin list the name? (3.8 item 6) Either list may be {NULL, 0}: there is no such directory. */
bool access_is_admin(struct bytes root_props, struct bytes admin_props, struct bytes name);
/* Does authentication_authority of a user name something else than `basic`, so that no password here counts?
 */
bool access_other_authority(struct bytes user_props);

/* Is this property secret (passwd, gshadow's and whatever the table in access.c marks)? */
bool access_secret(struct bytes prop);
/* Copies an encoded property list to out with every value of a secret property replaced by "*", counts and
 * order unchanged. The input must be exact (xdr_proplist_exact). */
void access_redact(struct bytes encoded_proplist, struct buf *out);

#endif
