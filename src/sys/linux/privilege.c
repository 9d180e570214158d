#include "sys/privilege.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define RECORD (64u << 10) /* bytes of one user's record: groups are not in it */

int privilege_find_user(const char *name, uid_t *ret_uid, gid_t *ret_gid)
{
        struct passwd entry, *found = NULL;
        char *room = malloc(RECORD);
        int err = room ? getpwnam_r(name, &entry, room, RECORD, &found) : ENOMEM;
        if (!err && !found)
                err = ENOENT;
        if (!err) {
                *ret_uid = entry.pw_uid;
                *ret_gid = entry.pw_gid;
        }
        free(room);
        return err;
}

static int no_new_rights(void)
{
        return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? errno : 0;
}

/* Both halves of the three sets. */
static int set_capabilities(const struct __user_cap_data_struct data[2])
{
        struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
        return syscall(SYS_capset, &header, data) < 0 ? errno : 0;
}

/* In all three of both numbers; a service manager has also set the groups then. */
static bool is_already(uid_t uid, gid_t gid)
{
        uid_t real, effective, saved;
        gid_t real_gid, effective_gid, saved_gid;
        return getresuid(&real, &effective, &saved) == 0 && real == uid && effective == uid && saved == uid &&
               getresgid(&real_gid, &effective_gid, &saved_gid) == 0 && real_gid == gid &&
               effective_gid == gid && saved_gid == gid;
}

int privilege_become(const char *name, uid_t uid, gid_t gid)
{
        const struct __user_cap_data_struct none[2] = {{0}};
        if (uid == 0)
                return EINVAL;
        if (!is_already(uid, gid) &&
            (initgroups(name, gid) < 0 || setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0))
                return errno;
        prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); /* kernels before 4.3 have no such set */
        int err = set_capabilities(none);                         /* the inheritable ones outlive setresuid */
        if (!err)
                err = no_new_rights();
        if (!err && (setresuid(0, 0, 0) == 0 || geteuid() != uid || getegid() != gid))
                err = EPERM;
        return err;
}

bool privilege_low_ports(void)
{
        struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
        struct __user_cap_data_struct have[2] = {{0}};
        return syscall(SYS_capget, &header, have) == 0 && have[0].effective & 1u << CAP_NET_BIND_SERVICE;
}

int privilege_keep(const unsigned *capabilities, unsigned n)
{
        struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
        struct __user_cap_data_struct have[2] = {{0}}, keep[2] = {{0}};
        if (syscall(SYS_capget, &header, have) < 0)
                return errno;
        for (unsigned i = 0; i < n; i++)
                keep[capabilities[i] / 32].permitted |= 1u << capabilities[i] % 32;
        for (unsigned i = 0; i < 2; i++) {
                keep[i].permitted &= have[i].permitted;
                keep[i].effective = keep[i].permitted;
        }
        for (unsigned c = 0; c < 64;
             c++) /* EINVAL behind the last one; EPERM without CAP_SETPCAP: nothing to lose */
                if (!(keep[c / 32].permitted & 1u << c % 32))
                        prctl(PR_CAPBSET_DROP, c, 0, 0, 0);
        prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
        const int err = set_capabilities(keep);
        return err ? err : no_new_rights();
}
