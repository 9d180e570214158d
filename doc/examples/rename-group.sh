#!/bin/sh
# rename-group.sh OLD NEW: one atomic change; gid and members stay, and whoever reads sees the one name or the other.
set -eu
if ni get "/groups/$2" name >/dev/null 2>&1; then
    echo "rename-group: there is a group $2 already" >&2
    exit 1
fi
ni mv "/groups/$1" "/groups/$2"
