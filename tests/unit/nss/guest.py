#!/usr/bin/env python3
"""The module as a guest of the C library: guest.py MODULE PUBLISH_FILES

What it exports and needs, and getent(1) with it against the files that its images were made of and against the C library's own `files`
(libnss_wrapper, when it is installed)."""
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile

module, publish = sys.argv[1:3]
failures = 0


def check(condition, text):
    global failures
    if not condition:
        failures += 1
        print("FAILED:", text)


def out(*command, **env):
    return subprocess.run(command, env={**os.environ, **env}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)


# -- what it exports and needs ---------------------------------------------------------------------------------------
symbols = [line.split() for line in out("nm", "-D", module).stdout.splitlines()]
exported = {s[-1].split("@")[0] for s in symbols if s[-2] in "TDBVWR"}
wanted = {"_nss_netinfo_" + f for f in
          "setpwent endpwent getpwent_r getpwnam_r getpwuid_r setgrent endgrent getgrent_r getgrnam_r getgrgid_r initgroups_dyn "
          "setspent endspent getspent_r getspnam_r setsgent endsgent getsgent_r getsgnam_r "
          "sethostent endhostent gethostent_r gethostbyname_r gethostbyname2_r gethostbyname3_r gethostbyname4_r gethostbyaddr_r gethostbyaddr2_r "
          "getcanonname_r setnetent endnetent getnetent_r getnetbyname_r getnetbyaddr_r setservent endservent getservent_r getservbyname_r "
          "getservbyport_r setprotoent endprotoent getprotoent_r getprotobyname_r getprotobynumber_r setrpcent endrpcent getrpcent_r getrpcbyname_r "
          "getrpcbynumber_r setetherent endetherent getetherent_r gethostton_r getntohost_r setnetgrent endnetgrent getnetgrent_r setaliasent "
          "endaliasent getaliasent_r getaliasbyname_r".split()}
check(exported == wanted, "exported symbols are %s" % sorted(exported ^ wanted))
# Nothing that allocates (realloc grows the caller's own list of groups), locks, logs, talks or starts anything.
allowed = set("__errno_location __stack_chk_fail close fstat fstat64 geteuid getpid memchr memcmp memcpy memset mmap mmap64 munmap open open64 "
              "pread pread64 pthread_getspecific pthread_key_create pthread_once pthread_setcancelstate pthread_setspecific realloc secure_getenv strlen strnlen "
              "syscall sysconf".split())
needed = {s[-1].split("@")[0] for s in symbols if s[-2] == "U"}
check(needed <= allowed, "needs %s" % sorted(needed - allowed))
dynamic = out("readelf", "-d", module).stdout
check(re.findall(r"NEEDED.*\[(.*)\]", dynamic) == ["libc.so.6"], "needs libraries: " + dynamic)
check("libnss_netinfo.so.2" in dynamic, "soname")
check("NODELETE" in dynamic and "NOW" in dynamic, "flags: " + dynamic)
check("TEXTREL" not in dynamic, "text relocations")

# -- the C library calls it -------------------------------------------------------------------------------------------
random.seed(987)
work = tempfile.mkdtemp(prefix="netinfo-guest.")
try:
    names = random.sample(["".join(random.choice("abcdefghijklmnopqrstuvwxyz-_0123456789") for _ in range(random.randint(1, 24)))
                           for _ in range(1500)], 600)
    names = sorted({"u" + n for n in names}, key=lambda n: random.random())
    users = ["%s:%s:%d:%d:%s:%s:%s" % (n, random.choice("x*"), 2000 + i * 7, random.randint(0, 70000), random.choice(["", "Full Name,,,", "é"]),
                                       random.choice(["/", "/home/" + n]), random.choice(["", "/bin/sh"])) for i, n in enumerate(names)]
    groups = ["%s:%s:%d:%s" % ("g" + n, random.choice("x*"), 90000 + i, ",".join(random.sample(names, random.choice([0, 1, 2, 40]))))
              for i, n in enumerate(names[:200])]
    passwd_file, group_file, images = (os.path.join(work, n) for n in ("passwd", "group", "images"))
    os.mkdir(images)
    for path, lines in ((passwd_file, users), (group_file, groups)):
        with open(path, "w", encoding="utf-8") as f:
            f.write("\n".join(lines) + "\n")
    made = out(publish, images, passwd_file, group_file)
    check(made.returncode == 0, made.stderr)
    ours = {"NETINFO_SNAPSHOTS": images, "LD_LIBRARY_PATH": os.path.dirname(module)}

    def getent(*words, source="netinfo", env=None):
        return out("getent", "-s", source, *words, **(ours if env is None else env)).stdout

    check(getent("passwd").splitlines() == users, "enumeration of passwd differs from the file")
    check(getent("group").splitlines() == groups, "enumeration of group differs from the file")
    for kind, lines in (("passwd", users), ("group", groups)):
        check(getent(kind, *[x.split(":")[0] for x in lines]).splitlines() == lines, kind + " by name")
        check(getent(kind, *[x.split(":")[2] for x in lines]).splitlines() == lines, kind + " by number")
    check(out("getent", "-s", "netinfo", "passwd", "nobody-here", **ours).returncode == 2, "a miss")
    check(out("getent", "-s", "netinfo", "shadow", "nobody-here", **ours).returncode == 2, "no shadow image")
    # Group lists, by hand.
    asked = getent("initgroups", *names).splitlines()
    member = {n: [] for n in names}
    for g in groups:
        for n in filter(None, g.split(":")[3].split(",")):
            member[n].append(g.split(":")[2])
    for line in asked:
        name, *gids = line.split()
        check(gids == member[name], "group list of %s: %s, not %s" % (name, gids, member[name]))
    check(len(asked) == len(names), "some users have no answer about their groups")
    # And against the C library's own reader of such files.
    wrapper = "libnss_wrapper.so"
    theirs = {"LD_PRELOAD": wrapper, "NSS_WRAPPER_PASSWD": passwd_file, "NSS_WRAPPER_GROUP": group_file}
    if "cannot be preloaded" not in out("true", LD_PRELOAD=wrapper).stderr:
        for kind, lines in (("passwd", users), ("group", groups)):
            keys = [x.split(":")[0] for x in lines]
            check(out("getent", kind, *keys, **theirs).stdout == getent(kind, *keys), kind + " differs from libnss_wrapper's")
    elif os.environ.get("CI"):
        check(False, "libnss-wrapper is not installed")
finally:
    shutil.rmtree(work)
sys.exit(failures != 0)
