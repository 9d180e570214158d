# shellcheck shell=bash
# shellcheck disable=SC2154 # what fresh.sh has set
# The second half of `./dev fresh units`, sourced: the root of fresh.sh gets systemd and what the packages depend on, and becomes the base of
# the machines of tests/machine.
scratch=$(mktemp -d "${TMPDIR:-/tmp}/netinfo-units.XXXXXX")
was=$(ls -d build-package 2>/dev/null)
nspawn=$(ls -d /run/systemd/nspawn 2>/dev/null) # with locks and folders of its machines
units_cleanup() {
        rm -rf "$scratch"
        [ -n "$was" ] || rm -rf build-package
        [ -n "$nspawn" ] || rm -rf /run/systemd/nspawn
        cleanup
}
trap units_cleanup EXIT
bash tools/dev/package.sh || die "no packages"
mkdir "$scratch/packages" "$scratch/newer" && cp build-package/*.deb "$scratch/packages/"
version=$(sed -n '1s/.*(\(.*\)).*/\1/p' debian/changelog)
for deb in "$scratch"/packages/*.deb; do # the same with a higher version
        dpkg-deb -R "$deb" "$scratch/open" && sed -i "s/^Version: .*/&+1/; s/(= $version)/(= $version+1)/g" "$scratch/open/DEBIAN/control" &&
                dpkg-deb --root-owner-group -b "$scratch/open" "$scratch/newer" >/dev/null && rm -rf "$scratch/open" || die "$deb cannot be put together again"
done
depends() { # of the packages, on others
        local p
        for p in "$scratch"/packages/*.deb; do dpkg-deb -f "$p" Depends Pre-Depends; done | sed 's/^[A-Za-z-]*: //' | tr ',' '\n' |
                sed 's/|.*//; s/(.*//; s/[[:space:]]//g' | sort -u | grep -vE '^$|netinfo'
}
say "a root with systemd ..."
printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d" && chmod 755 "$root/usr/sbin/policy-rc.d"
# shellcheck disable=SC2046
if ! { inside apt-get update -q && inside env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends \
        systemd systemd-sysv dbus libpam-systemd libnss-systemd cron openssh-server rsyslog procps iproute2 python3-minimal libpython3-stdlib $(depends); } >"$scratch/log" 2>&1 </dev/null; then
        tail -n 20 "$scratch/log" >&2
        die "apt-get could not install them; its last words are above"
fi
rm -f "$root/usr/sbin/policy-rc.d"
umount -l "$root/proc" "$root/sys" "$root/dev/pts" "$root/dev/shm" "$root/dev" 2>/dev/null
say "machines ..."
python3 tests/machine/units.py base="$root" packages="$scratch/packages" newer="$scratch/newer" -v "${words[@]}" || status=1
