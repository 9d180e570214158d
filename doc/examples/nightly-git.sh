#!/bin/sh
# nightly-git.sh REPOSITORY: the domain as text in a git repository, one commit a night when something changed. For cron,
# as somebody who may read all; secrets are left out: the hashes belong into a backup, not into a history.
set -eu
repository=$1
[ -d "$repository/.git" ] || git init -q "$repository"

for format in passwd group hosts networks services protocols rpc aliases netgroup; do
    ni export "$format" >"$repository/$format.new"
    mv "$repository/$format.new" "$repository/$format"
done

cd "$repository"
git add -A .
git diff --cached --quiet 2>/dev/null || git -c user.name=netinfo -c user.email=netinfo@localhost \
    commit -q -m "domain of $(date -u +%Y-%m-%d)"
