#!/usr/bin/env bash
# A Debian 12 root that holds every peer, so that no package, file or service of this machine changes. Called by `./dev bench`:
#
#       root.sh ROOT
#
# Made once (some 300 MB are fetched, a minute or two), then left as it is. Programs of the peers run in it by inside.sh. A package that
# cannot be had is named in ROOT/missing; its rows say so. Needs root and debootstrap.
set -euo pipefail
root=${1:?usage: root.sh ROOT}
[ -f "$root/complete" ] && exit 0
# What this project's own programs need there, what the scripts need, then the peers.
ours="liblmdb0 libevent-core-2.1-7 libevent-pthreads-2.1-7 libjansson4 libmnl0 libedit2 libnghttp2-14 libsystemd0 netbase iproute2 procps strace"
peers="nscd sssd-common sssd-ldap libnss-sss nslcd libnss-ldapd libnss-db libnss-cache slapd ldap-utils etcd-server etcd-client ypserv rpcbind"
# shellcheck disable=SC2016 # apt's own variables
archive() { # CODENAME: where this machine's own apt fetches it from
        apt-get indextargets --format '$(REPO_URI) $(CODENAME)' 'Created-By: Packages' 2>/dev/null | awk -v name="$1" '$2 == name { print $1; exit }'
}
mirror=$(archive bookworm)
security=$(archive bookworm-security)
[ -n "$mirror" ] || { echo "bench: apt knows no archive of Debian 12; run apt-get update first" >&2; exit 1; }
mkdir -p "$root"
[ -x "$root/usr/bin/apt-get" ] || debootstrap --variant=minbase bookworm "$root" "$mirror" >"$root/debootstrap.log" 2>&1 ||
        { tail -n 5 "$root/debootstrap.log" >&2; exit 1; }
printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d" # no service starts while it is installed
chmod 755 "$root/usr/sbin/policy-rc.d"
{
        printf 'deb %s bookworm main\n' "$mirror"
        [ -z "$security" ] || printf 'deb %s bookworm-security main\n' "$security"
} >"$root/etc/apt/sources.list"
cp -L /etc/resolv.conf "$root/etc/resolv.conf"
for f in /etc/apt/apt.conf.d/*; do
        ! grep -qiE 'proxy|Acquire' "$f" || cp "$f" "$root/etc/apt/apt.conf.d/"
done
# In a mount namespace of its own, so that nothing stays mounted whatever happens.
# shellcheck disable=SC2016 # the inner shell expands it
unshare -m --propagation private chroot "$root" bash -c '
        set -e
        export DEBIAN_FRONTEND=noninteractive LC_ALL=C
        mount -t proc proc /proc
        apt-get update -q
        apt-get install -q -y --no-install-recommends $1
        : >/missing
        # All together; if that fails, one by one, so that one package that is gone does not take the others with it.
        apt-get install -q -y --no-install-recommends $2 ||
                for p in $2; do apt-get install -q -y --no-install-recommends "$p" || echo "$p" >>/missing; done
        apt-get clean
        dpkg-query -W -f "\${Package} \${Version}\n" $2 >/versions 2>/dev/null || true' \
        root.sh "$ours" "$peers" >"$root/install.log" 2>&1 </dev/null ||
        { tail -n 5 "$root/install.log" >&2; echo "bench: the peers could not be installed; see $root/install.log" >&2; exit 1; }
touch "$root/complete"
