#!/usr/bin/env bash
# What does a read cost the server beside an echo of the same sizes, and how many durable edits does it do? Called by `./dev bench server`; SERVER_USERS changes
# the sizes of the domain.
set -euo pipefail
build=${NETINFO_BUILD:?run me through ./dev bench server}
for n in ${SERVER_USERS:-10000 100000}; do
        "$build/bench/bench-server" "$build/src/server/netinfod" "$n"
done
