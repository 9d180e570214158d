# Starting and stopping the scratch service for `run` and `serve`. Sourced, after lib.sh.
# shellcheck shell=bash
scratch=
state_file=
pids=()
bin=$NETINFO_TOP/build/src/tools

make_scratch() { # WORD in its name
        scratch=$(mktemp -d "${TMPDIR:-/tmp}/netinfo-$1.XXXXXX")
        chmod 755 "$scratch"
        trap stop_service EXIT
        trap 'exit 130' INT
        trap 'exit 143' TERM HUP
}

stop_service() {
        local p status=$?
        trap '' INT TERM HUP
        for p in "${pids[@]}"; do kill -TERM "$p" 2>/dev/null; done
        for p in "${pids[@]}"; do wait "$p" 2>/dev/null; done
        pids=()
        if [ -n "$state_file" ]; then rm -f "$state_file"; fi
        if [ -n "$scratch" ]; then rm -rf "$scratch"; fi
        scratch=
        return "$status"
}

# start_program NAME COMMAND...: in the background; waits until its ready line (JSON) is in $scratch/NAME.ready.
start_program() {
        local name=$1 ready=$scratch/$1.ready i
        shift
        : >"$ready"
        "$@" --ready-fd 3 3>"$ready" 2>>"$scratch/$name.log" >/dev/null </dev/null &
        pids+=($!)
        for ((i = 0; i < 300; i++)); do
                [ -s "$ready" ] && return 0
                if ! kill -0 "${pids[-1]}" 2>/dev/null; then
                        tail -n 20 "$scratch/$name.log" >&2
                        die "$name did not start; its last words are above"
                fi
                sleep 0.05
        done
        tail -n 20 "$scratch/$name.log" >&2
        die "$name was not ready within 15 s; its last words are above"
}

ready_field() { # NAME KEY...: a field of the ready line
        local file=$scratch/$1.ready
        shift
        python3 -c 'import json, sys
v = json.load(open(sys.argv[1]))
for k in sys.argv[2:]:
    v = v[k]
print(v)' "$file" "$@"
}

# service_env SERVER: the variables under which every command and library reaches the service.
service_env() {
        export NETINFO_SOCKET=$scratch/netinfod.sock NETINFO_SNAPSHOTS=$scratch/snapshots NETINFO_SERVER=$1
        state_file=$NETINFO_TOP/build/service.env
        # shellcheck disable=SC2016
        {
                printf "export NETINFO_SOCKET='%s'\n" "$NETINFO_SOCKET"
                printf "export NETINFO_SNAPSHOTS='%s'\n" "$NETINFO_SNAPSHOTS"
                printf "export NETINFO_SERVER='%s'\n" "$NETINFO_SERVER"
                printf 'case ":$PATH:" in *:%s:*) ;; *) export PATH='"'%s'"':"$PATH" ;; esac\n' "$bin" "$bin"
        } >"$state_file"
        PATH=$bin:$PATH
}

# Sleeps until a signal, or until one of the programs ends, which is a failure.
wait_for_end() {
        local p
        while :; do
                for p in "${pids[@]}"; do
                        if ! kill -0 "$p" 2>/dev/null; then
                                tail -n 20 "$scratch"/*.log >&2
                                die "a program of the service ended by itself; its last words are above"
                        fi
                done
                sleep 1 &
                wait $! || true
        done
}
