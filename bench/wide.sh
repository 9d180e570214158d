#!/usr/bin/env bash
# Do writes and lookups stay flat as a directory grows to 200,000 children? Called by `./dev bench wide`; WIDE_CHILDREN and WIDE_CALLS change
# the sizes.
set -euo pipefail
build=${NETINFO_BUILD:?run me through ./dev bench wide}
# shellcheck disable=SC2086
python3 "$(dirname "$0")/wide.py" "$build/src/server/netinfod" "$build/src/tools/ni" "${WIDE_CALLS:-1000}" ${WIDE_CHILDREN:-200 200000}
