#!/usr/bin/env bash
# How long does a clone take for its first copy, for one change, and for what it missed? Called by `./dev bench replica`; REPLICA_USERS,
# REPLICA_CHANGES and REPLICA_MISSED change the sizes. Needs root: two hosts of namespaces.
set -euo pipefail
build=${NETINFO_BUILD:?run me through ./dev bench replica}
[ "$(id -u)" = 0 ] || { echo "replica.sh: needs root, for two hosts of namespaces" >&2; exit 77; }
for n in ${REPLICA_USERS:-1000 100000}; do
        python3 "$(dirname "$0")/replica.py" "$build/src/server/netinfod" "$build/src/tools/ni" "$n" "${REPLICA_CHANGES:-1000}" "${REPLICA_MISSED:-20000}"
done
