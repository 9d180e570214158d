#!/usr/bin/env bash
# A chain of three domains: how soon the root's changes show, what dead parents do to lookups, what many agents cost. Called by
# `./dev bench chain`, as root (namespaces). CHAIN_USERS, CHAIN_AGENTS, CHAIN_CHANGES change the sizes.
set -euo pipefail
build=${NETINFO_BUILD:?run me through ./dev bench chain}
[ "$(id -u)" = 0 ] || { echo "chain.sh: needs root, for hosts of namespaces" >&2; exit 77; }
exec python3 -u "$(dirname "$0")/chain.py" "netinfod=$build/src/server/netinfod" "ni=$build/src/tools/ni" "agent=$build/src/agent/netinfo-agent" \
        "nss=$build/src/nss/libnss_netinfo.so.2"
