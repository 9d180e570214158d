# shellcheck shell=bash
# Proves the two README commands on a fresh Debian 12: debootstrap into a scratch folder, clone this repository into it, run them there, by the
# clock. And the units and packages, on machines that boot such a root with systemd.
# shellcheck source=tools/dev/lib.sh
. "$NETINFO_TOP/tools/dev/lib.sh"
case " $* " in *" -h "* | *" --help "*)
        cat <<'TEXT'
usage: ./dev fresh [run|test|both] [BASE [WORD...]]    (root)
       ./dev fresh units [BASE [TEST...]]
  Makes a fresh Debian 12 (minbase) with debootstrap, or copies the one in BASE, clones the committed state into it, and runs
  ./dev run (for as long as its lookups take) and ./dev test there; the words are options and suites of ./dev test.
  units: builds the Debian packages, and installs, uses, upgrades and purges them on machines that boot systemd (systemd-nspawn, each in a
  network of its own), with what their units promise: tests/machine. Some minutes; it runs nowhere else. Without systemd-nspawn or
  namespaces it says why and does nothing.
examples: ./dev fresh test /var/tmp/debian --quick house system
          ./dev fresh units /var/tmp/debian Boot
TEXT
        exit 0
        ;;
esac
what=${1:-both}
base=${2:-}
words=("${@:3}")
[ "$(id -u)" = 0 ] || die "chroot needs root"
if [ "$what" = units ]; then
        # shellcheck disable=SC2086
        need_packages no $packages_units
else
        need_packages no debootstrap git
fi
root=$(mktemp -d "${TMPDIR:-/tmp}/netinfo-fresh.XXXXXX")
cleanup() {
        umount -l "$root"/run/netns/* "$root/run/netns" 2>/dev/null
        umount -l "$root/proc" "$root/sys" "$root/dev/pts" "$root/dev/shm" "$root/dev" "$root" 2>/dev/null
        rm -rf --one-file-system "$root"
}
trap cleanup EXIT
trap 'exit 130' INT TERM
if [ -n "$base" ]; then
        say "copying $base ..."
        cp -a "$base/." "$root/"
else
        say "debootstrap (Debian 12, minbase) ..."
        debootstrap --variant=minbase bookworm "$root" >"$root.log" 2>&1 || die "debootstrap failed; see $root.log"
        rm -f "$root.log"
fi
chmod 755 "$root"
# The same package sources and settings as this machine has.
cp -r /etc/apt/sources.list.d/. "$root/etc/apt/sources.list.d/" 2>/dev/null
[ -s /etc/apt/sources.list ] && cp /etc/apt/sources.list "$root/etc/apt/sources.list"
[ -n "$(ls -A "$root/etc/apt/sources.list.d" 2>/dev/null)" ] && [ ! -s /etc/apt/sources.list ] && : >"$root/etc/apt/sources.list"
cp /etc/apt/apt.conf.d/* "$root/etc/apt/apt.conf.d/" 2>/dev/null
cp /etc/resolv.conf /etc/hosts "$root/etc/" 2>/dev/null
mount --bind "$root" "$root" # "/" of the chroot must be a mount, or network namespaces cannot be entered there
mount -t proc proc "$root/proc" && mount --rbind /sys "$root/sys" && mount --bind /dev "$root/dev" && mkdir -p "$root/dev/pts" "$root/dev/shm" &&
        mount --bind /dev/pts "$root/dev/pts" && mount -t tmpfs tmpfs "$root/dev/shm"
enter=(chroot "$root" /usr/bin/env -i HOME=/root LANG=C.UTF-8 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin)
inside() { "${enter[@]}" "$@"; }
status=0
if [ "$what" = units ]; then
        # shellcheck source=tools/dev/units.sh
        . "$NETINFO_TOP/tools/dev/units.sh"
        say "done"
        exit $status
fi
# Not in /root: some tests become somebody else, who must reach the programs.
git clone -q "$NETINFO_TOP" "$root/srv/netinfo"
if [ "$what" != test ]; then
        say "./dev run in the fresh root"
        (
                "${enter[@]}" bash -c 'cd /srv/netinfo && exec ./dev run -y' </dev/null & # no function: the signal below is for ./dev itself
                p=$!
                for ((i = 0; i < 900; i++)); do
                        sleep 1
                        [ -f "$root/srv/netinfo/build/service.env" ] && break
                        kill -0 $p 2>/dev/null || break
                done
                sleep 8
                inside bash -c 'cd /srv/netinfo && eval "$(./dev env)" && set -x && lsof -i :987 && ss -tlnp sport = :987 && netstat -an | grep -w 987 && ni add /users/ada uid=5001 gid=100 home=/home/ada shell=/bin/bash && ni getent passwd ada && ni log -1'
                second=$?
                kill -TERM $p # a background job cannot get the SIGINT of Ctrl-C; TERM takes the same way out
                wait $p
                exit $second
        ) || status=1
        [ -z "$(inside lsof -i :987)" ] && say "after the end nothing listens on 987" || { say "something still listens on 987"; status=1; }
        [ -z "$(ls -d "$root"/tmp/netinfo-* 2>/dev/null)" ] && say "no scratch folder is left" || { say "scratch folders are left"; status=1; }
fi
if [ "$what" != run ]; then
        say "./dev test in the fresh root"
        if [ ${#words[@]} -gt 0 ]; then
                inside env CI=true bash -c 'cd /srv/netinfo && exec ./dev test "$@"' test "${words[@]}" </dev/null || status=1
        else
                inside env CI=true bash -c 'cd /srv/netinfo && exec bash .ci/run' </dev/null || status=1
        fi
        if [ $status != 0 ]; then # the root goes away, the reasons stay
                logs=$(mktemp -d "${TMPDIR:-/tmp}/netinfo-fresh-logs.XXXXXX")
                for folder in "$root"/srv/netinfo/build-*/meson-logs; do
                        [ -d "$folder" ] && cp -r "$folder" "$logs/$(basename "$(dirname "$folder")")"
                done
                say "the tests' logs: $logs"
        fi
fi
say "done"
exit $status
