#!/bin/sh
# duplicate-ids.sh: uids and gids that several users or groups share. Exit status 1 when there are any.
set -eu
found=0
for kind in users:uid groups:gid; do
    key=${kind#*:}
    for id in $(ni find --depth 1 "/${kind%:*}" "$key" -p "$key" | sed -n "s/.* $key=\([0-9-]*\)\$/\1/p" | sort | uniq -d); do
        echo "$key $id:" $(ni find --depth 1 "/${kind%:*}" "$key=$id" | sed 's|.*/||')
        found=1
    done
done
exit $found
