#!/bin/sh
# old-machine.sh DISK: every domain of a historical server, on its disk mounted at DISK, checked and then imported, each
# into a domain of its own tag, which is made when it is not there. Repeating it is safe.
set -eu
for folder in "$1"/var/db/netinfo/*.nidb "$1"/etc/netinfo/*.nidb; do
    [ -d "$folder" ] || continue
    tag=$(basename "$folder" .nidb)
    ni domain list | cut -d' ' -f1 | grep -qFx "$tag" || ni domain create "$tag"
    ni import nidb -n -d "$tag" "$folder" >/dev/null
    ni import nidb -d "$tag" "$folder"
done
