#!/bin/sh
# next-free-uid.sh [FROM [TO]]: the smallest uid from FROM (10000) to TO (60000) that no user of the domain has.
set -eu
from=${1:-10000} to=${2:-60000}

ni find --depth 1 /users uid -p uid |
    sed -n 's/.* uid=\([0-9][0-9]*\)$/\1/p' |
    sort -n |
    awk -v free="$from" -v to="$to" '
        $1 == free { free++ }
        END { if (free > to) exit 1; print free }' || {
    echo "next-free-uid: every uid from $from to $to is taken" >&2
    exit 1
}
