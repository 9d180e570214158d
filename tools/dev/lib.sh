# Shared by the commands in this folder. Sourced, not run.
# shellcheck shell=bash
: "${NETINFO_TOP:?run me through ./dev}"
cd "$NETINFO_TOP" || exit 1
started=$(date +%s%N)

# What Debian 12 packages each purpose needs. None of them starts a service, except where it says so.
packages_build="gcc libc6-dev meson ninja-build pkg-config python3 liblmdb-dev libevent-dev libjansson-dev libmnl-dev libssl-dev libcrypt-dev libedit-dev"
packages_run="$packages_build netbase lsof iproute2 net-tools procps"
packages_test="$packages_run clang-14 llvm-14 libclang-rt-14-dev libcmocka-dev libtirpc-dev rpcsvc-proto libnss-wrapper mandoc strace util-linux git tmux binutils rpcbind postfix cups-daemon cups-client autofs dnsmasq-base isc-dhcp-client"
packages_fuzz="$packages_build clang-14 llvm-14 libclang-rt-14-dev"
packages_bench="strace util-linux debootstrap libnghttp2-dev"
packages_package="$packages_build dpkg-dev debhelper lintian"
packages_units="$packages_package debootstrap git systemd-container iproute2"
packages_lint="$packages_test clang-format clang-tidy cppcheck codespell shellcheck"

seconds() { # since the command began, one decimal
        local ms=$((($(date +%s%N) - started) / 1000000))
        printf '%d.%d' $((ms / 1000)) $((ms % 1000 / 100))
}

say() { printf '[%7ss] %s\n' "$(seconds)" "$*" >&2; }

die() {
        printf 'dev: %s\n' "$*" >&2
        exit 1
}

as_root() {
        if [ "$(id -u)" = 0 ]; then
                "$@"
        elif command -v sudo >/dev/null 2>&1; then
                sudo "$@"
        else
                die "installing packages needs root: run this once as root, or install sudo. Wanted: $*"
        fi
}

missing_packages() { # of the names given; prints those that are not installed
        local p
        for p in "$@"; do
                [ "$(dpkg-query -W -f='${db:Status-Status}' "$p" 2>/dev/null)" = installed ] || printf '%s ' "$p"
        done
}

# No package may start a daemon while we install it (decision 26); the file is ours only for that moment.
policy_file=/usr/sbin/policy-rc.d
deny_services() {
        [ -e "$policy_file" ] && return 0
        as_root sh -c "printf '#!/bin/sh\nexit 101\n' > $policy_file && chmod 755 $policy_file"
        denied=yes
}
allow_services() {
        [ "${denied:-}" = yes ] && as_root rm -f "$policy_file"
        denied=
}

# need_packages ASK NAME...: installs what is missing. ASK=ask asks on a terminal first.
need_packages() {
        local ask=$1 wanted log
        shift
        wanted=$(missing_packages "$@")
        [ -z "$wanted" ] && return 0
        say "these Debian packages are needed and missing: $wanted"
        if [ "$ask" = ask ] && [ -t 0 ] && [ -t 2 ]; then
                read -r -p "Install them now? [Y/n] " answer
                case "$answer" in '' | y | Y | yes) ;; *) die "nothing installed; the packages above are needed" ;; esac
        fi
        log=$(mktemp)
        trap allow_services EXIT
        deny_services
        say "installing (apt-get; no service is started) ..."
        if ! { as_root apt-get update -q && as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $wanted; } >"$log" 2>&1 </dev/null; then
                tail -n 20 "$log" >&2
                rm -f "$log"
                die "apt-get could not install them; its last words are above"
        fi
        allow_services
        trap - EXIT
        rm -f "$log"
        say "installed"
}

# configure FOLDER OPTION...: meson setup, or nothing when it is configured with the same words.
configure() {
        local folder=$1 log
        shift
        local words="${CC:-cc} $*"
        if [ -f "$folder/build.ninja" ] && [ "$(cat "$folder/.configured" 2>/dev/null)" = "$words" ]; then
                return 0
        fi
        rm -rf "$folder"
        log=$(mktemp)
        if ! meson setup "$folder" "$@" >"$log" 2>&1; then
                tail -n 25 "$log" >&2
                rm -f "$log"
                die "meson could not configure $folder"
        fi
        rm -f "$log"
        printf '%s' "$words" >"$folder/.configured"
}

compile() { # FOLDER [TARGET...]
        local folder=$1 log begin
        shift
        log=$(mktemp)
        begin=$(date +%s)
        if ! ninja -C "$folder" "$@" >"$log" 2>&1; then
                grep -E 'error|FAILED|undefined|warning' "$log" | head -n 40 >&2
                tail -n 5 "$log" >&2
                rm -f "$log"
                die "the build in $folder failed"
        fi
        rm -f "$log"
        say "built $folder ($(($(date +%s) - begin)) s)"
}

build_plain() { # the folder that run, serve and people use
        say "building (gcc, folder build/) ..."
        configure build -Dtests=false
        compile build
}
