# shellcheck shell=bash
# Installs what building needs and builds into build/.
# shellcheck source=tools/dev/lib.sh
. "$NETINFO_TOP/tools/dev/lib.sh"
case "${1:-}" in -h | --help)
        echo "usage: ./dev build    installs what building needs (asks on a terminal) and builds into build/"
        exit 0
        ;;
esac
# shellcheck disable=SC2086
need_packages ask $packages_build
build_plain
say "programs: build/src/server/netinfod build/src/agent/netinfo-agent build/src/tools/ni; module: build/src/nss/libnss_netinfo.so.2"
