#!/bin/sh
# new-staff.sh FILE: a user for each line `name,Real Name` of FILE. Repeating it adds only who is missing.
set -eu
here=$(dirname "$0")

while IFS=, read -r name realname; do
    case $name in '' | '#'*) continue ;; esac
    if ni get "/users/$name" name >/dev/null 2>&1 </dev/null; then
        echo "$name is there"
    else
        "$here/add-user.sh" "$name" "$realname" </dev/null
    fi
done <"$1"
