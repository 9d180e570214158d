#!/bin/sh
# lock-user.sh USER: puts a ! before the hash, so that no password fits; lock-user.sh -u USER takes it away. The hash
# goes through a pipe: a command line is there for every user of this machine to read.
set -eu
if [ "$1" = -u ]; then
    ni get "/users/$2" passwd | sed 's/^!//' | ni set "/users/$2" --file passwd=-
else
    ni get "/users/$1" passwd | sed 's/^[^!]/!&/' | ni set "/users/$1" --file passwd=-
fi
