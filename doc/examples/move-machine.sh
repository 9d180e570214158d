#!/bin/sh
# move-machine.sh NAME ADDRESS: the machine has a new IPv4 address. Refuses one that another machine has.
set -eu
other=$(ni find --depth 1 /machines ip_address="$2" | grep -vFx "/machines/$1" || true)
if [ -n "$other" ]; then
    echo "move-machine: $2 is the address of $other" >&2
    exit 1
fi
old=$(ni get "/machines/$1" ip_address)
ni set "/machines/$1" ip_address="$2"
echo "$1: $(echo $old) -> $2"
