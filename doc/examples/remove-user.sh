#!/bin/sh
# remove-user.sh USER: out of every group, then the user. What was there stays in `ni log /users/USER`.
set -eu
ni get "/users/$1" name >/dev/null
for group in $(ni find --depth 1 /groups users="$1" || true); do
    ni rm "$group" users="$1"
    echo "$1 has left ${group#/groups/}"
done
ni rm "/users/$1"
