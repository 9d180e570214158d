# shellcheck shell=bash
# The first minute: this machine's own accounts, services and hosts in a NetInfo domain, served and looked up. Nothing of the system is changed.
# shellcheck source=tools/dev/lib.sh
. "$NETINFO_TOP/tools/dev/lib.sh"
# shellcheck source=tools/dev/service.sh
. "$NETINFO_TOP/tools/dev/service.sh"
ask=ask
for word in "$@"; do
        case "$word" in
        -h | --help)
                cat <<'TEXT'
usage: ./dev run [-y]
  Installs what building and running need (asks first on a terminal; -y does not; no daemon is among it), builds, imports this machine's
  /etc/passwd, group, shadow, services and hosts into a scratch domain, serves it - as root on port 987, else on 10987 - shows lookups, and
  goes on until Ctrl-C. All its files are in one scratch folder that goes away with it.
TEXT
                exit 0
                ;;
        -y | --yes) ask=no ;;
        *) die "there is no option $word; see ./dev run --help" ;;
        esac
done
# shellcheck disable=SC2086
need_packages $ask $packages_run
build_plain
make_scratch run
port=987
[ "$(id -u)" = 0 ] || port=10987

say "starting netinfod on 127.0.0.1:$port (and [::1]:$port) ..."
start_program netinfod build/src/server/netinfod --dir "$scratch" --listen "127.0.0.1:$port" --listen "[::1]:$port"
service_env "127.0.0.1:$port"
say "importing this machine's files into the domain 'local' ..."
for map in passwd group shadow services hosts; do
        if [ ! -e "/etc/$map" ]; then
                say "  /etc/$map: not on this machine"
        elif [ ! -r "/etc/$map" ]; then
                say "  /etc/$map: not readable for you; left out (root may read it)"
        else
                ni import "$map" 2>&1 | sed 's/^/             /' >&2
                [ "${PIPESTATUS[0]}" = 0 ] || die "importing /etc/$map failed"
        fi
done
say "starting netinfo-agent (publishes the images that lookups read) ..."
start_program netinfo-agent build/src/agent/netinfo-agent --dir "$scratch"
say "serving. Scratch files: $scratch"

show() { # a command as the user would type it, and its output
        printf '\n$ %s\n' "$*"
        "$@" || true
}
show ni status
show ni ls /
show ni get /users/root
show ni getent passwd root
show ni getent initgroups root
show ni port 987
show ni log -1
cat <<TEXT

In a second terminal:
  cd $NETINFO_TOP && eval "\$(./dev env)"
  lsof -i :$port; ss -tlnp sport = :$port; netstat -an | grep -w $port
  ni add /users/ada uid=5001 gid=100 home=/home/ada shell=/bin/bash
  ni getent passwd ada
  ni log -1
Logs: $scratch/netinfod.log, $scratch/netinfo-agent.log. Ctrl-C here ends it and removes the scratch folder.
TEXT
wait_for_end
