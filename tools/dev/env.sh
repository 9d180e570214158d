# shellcheck shell=bash
# Prints the variables of the service that `./dev run` or `./dev serve` has up, for eval.
# shellcheck source=tools/dev/lib.sh
. "$NETINFO_TOP/tools/dev/lib.sh"
case "${1:-}" in -h | --help)
        # shellcheck disable=SC2016
        echo 'usage: eval "$(./dev env)"    in a second terminal, while ./dev run or ./dev serve is up'
        exit 0
        ;;
esac
[ -f build/service.env ] || die "no service is up; start one with ./dev run"
cat build/service.env
