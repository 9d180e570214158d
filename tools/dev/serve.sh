# shellcheck shell=bash
# The scratch service for experiments: one line of JSON on stdout when ready, until interrupted.
# shellcheck source=tools/dev/lib.sh
. "$NETINFO_TOP/tools/dev/lib.sh"
# shellcheck source=tools/dev/service.sh
. "$NETINFO_TOP/tools/dev/service.sh"
case "${1:-}" in
-h | --help)
        cat <<'TEXT'
usage: ./dev serve
  netinfod and netinfo-agent from the build tree on loopback, on free ports, with fresh domains `local` and `network` as after CREATEMASTER, historical
  reads and writes allowed from 127.0.0.0/8, secrets not redacted. When ready it prints one line of JSON:

  tcp, udp                the version 2 ports of the domain `network`
  binder_tcp, binder_udp  binder, extension program and, for version 2, `network`
  domains                 tag -> {tcp, udp}
  socket, nss, snapshots  UNIX socket; folder of libnss_netinfo.so.2; folder of the images
  bin                     folder of the commands
  env                     variables under which every command and library reaches this service
  user, password_file     a test account; it lives in the domain `accounts`, since the others are fresh
  pids                    of netinfod and netinfo-agent

  It runs until interrupted (SIGINT, SIGTERM) and leaves nothing behind.
TEXT
        exit 0
        ;;
'') ;;
*) die "there is no option $1; see ./dev serve --help" ;;
esac
# shellcheck disable=SC2086
need_packages ask $packages_run
build_plain >&2
make_scratch serve
for tag in network accounts; do
        build/src/server/netinfod --dir "$scratch" --create "$tag" --log-level warning 2>>"$scratch/netinfod.log" || die "cannot create the domain $tag: $(tail -n 1 "$scratch/netinfod.log")"
done
start_program netinfod build/src/server/netinfod --dir "$scratch" --listen 127.0.0.1:0 -o default_domain=network \
        -o legacy_read_networks=127.0.0.0/8 -o legacy_write_networks=127.0.0.0/8 -o redact=no
binder=$(ready_field netinfod binder_tcp)
service_env "127.0.0.1:$binder"
start_program netinfo-agent build/src/agent/netinfo-agent --dir "$scratch"
user=tester
password_file=$scratch/password
(
        umask 077
        head -c 12 /dev/urandom | od -An -tx1 | tr -d ' \n' >"$password_file"
)
hash_file=$scratch/hash
(
        umask 077
        python3 -W ignore -c 'import crypt, sys; sys.stdout.write(crypt.crypt(open(sys.argv[1]).read(), crypt.mksalt(crypt.METHOD_SHA512)))' \
                "$password_file" >"$hash_file"
)
ni add -d accounts -p "/users/$user" uid=5987 gid=5987 home=/nonexistent shell=/usr/sbin/nologin --file "passwd=$hash_file" "_writers_passwd=$user" >&2 ||
        die "cannot make the test account"
rm -f "$hash_file"
python3 - "$scratch/netinfod.ready" "$scratch" "$bin" "$user" "$password_file" "${pids[@]}" <<'PYTHON'
import json, os, sys
ready, scratch, bin_folder, user, password_file = sys.argv[1:6]
r = json.load(open(ready))
domains = {tag: {"tcp": d["tcp"], "udp": d["udp"]} for tag, d in r["domains"].items()}
names = ("NETINFO_SOCKET", "NETINFO_SERVER", "NETINFO_SNAPSHOTS")
print(json.dumps({
    "tcp": domains["network"]["tcp"], "udp": domains["network"]["udp"],
    "binder_tcp": r["binder_tcp"], "binder_udp": r["binder_udp"],
    "domains": domains, "socket": r["socket"],
    "nss": os.path.join(os.path.dirname(os.path.dirname(bin_folder)), "src", "nss"),
    "snapshots": os.path.join(scratch, "snapshots"), "bin": bin_folder,
    "env": {n: os.environ[n] for n in names},
    "user": user, "password_file": password_file, "user_domain": "accounts",
    "pids": [int(p) for p in sys.argv[6:]]}), flush=True)
PYTHON
wait_for_end
