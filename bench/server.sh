#!/usr/bin/env bash
# What does a read cost the server beside an echo of the same sizes, and how many durable edits does it do? Called by `./dev bench server`; SERVER_USERS changes
# the sizes of the domain.
set -euo pipefail
build=${NETINFO_BUILD:?run me through ./dev bench server}
for n in ${SERVER_USERS:-${BENCH_SIZES:-1000 10000 100000}}; do
        [ "$n" -le 100000 ] || continue # it would take minutes to fill; store.sh has edits among a million
        "$build/bench/bench-server" "$build/src/server/netinfod" "$n"
done
