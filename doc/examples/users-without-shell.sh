#!/bin/sh
# users-without-shell.sh: who could not log in: no shell, or one that this machine does not have.
set -eu
ni find --depth 1 /users '!shell' | sed 's|^/users/||; s/$/: no shell/'
ni find --depth 1 /users shell -p shell | sed -n 's|^/users/\(.*\) shell=\(/.*\)$|\1 \2|p' |
    while read -r name shell; do
        [ -x "$shell" ] || echo "$name: there is no $shell here"
    done
