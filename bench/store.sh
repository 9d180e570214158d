#!/usr/bin/env bash
# What does a durable change cost beside a bare LMDB transaction, and an import? Called by `./dev bench store`; STORE_USERS="1000 100000" changes the sizes.
set -euo pipefail
build=${NETINFO_BUILD:?run me through ./dev bench store}
# shellcheck disable=SC2086 # a list of sizes
exec "$build/bench/bench-store" ${STORE_USERS:-${BENCH_SIZES:-1000 100000 1000000}}
