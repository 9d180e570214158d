#!/bin/sh
# add-user.sh NAME [REALNAME]: a user with the next free uid, a home and a shell; without password nobody logs in yet.
# `ni add` makes the user or refuses, so two administrators cannot make the same name; the same uid they could, and the
# later one gives way.
set -eu
here=$(dirname "$0")
name=$1 realname=${2:-$1}

uid=$("$here/next-free-uid.sh")
ni add "/users/$name" uid="$uid" gid="${GID:-100}" realname="$realname" home="/home/$name" shell=/bin/sh passwd='*' \
    _writers_passwd="$name"
while [ "$(ni find --depth 1 /users uid="$uid" | sed 1q)" != "/users/$name" ]; do
    uid=$("$here/next-free-uid.sh" $((uid + 1)))
    ni set "/users/$name" uid="$uid"
done
echo "$name has uid $uid"
