#!/bin/sh
# weekly-backup.sh FOLDER [KEEP]: a backup with everything in it, read back before the oldest is removed; KEEP (8) stay.
set -eu
folder=$1 keep=${2:-8}
umask 077 # it holds the hashes
file=$folder/netinfo-$(date -u +%Y%m%dT%H%M%SZ)

ni backup "$file"
ni backup --verify "$file"
ls -1 "$folder"/netinfo-* | sort -r | tail -n +$((keep + 1)) | while IFS= read -r old; do
    rm -f "$old"
done
