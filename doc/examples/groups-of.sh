#!/bin/sh
# groups-of.sh USER: the groups the user is in, also the one that only its gid says.
set -eu
gid=$(ni get "/users/$1" gid)
{
    ni find --depth 1 /groups users="$1" || true
    ni find --depth 1 /groups gid="$gid" || true
} | sed 's|^/groups/||' | sort -u
