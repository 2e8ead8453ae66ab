#!/usr/bin/env bash
# root.sh SUITE PACKAGE...: an empty Debian with some packages, made once and kept; prints its directory. Needs root.
set -euo pipefail

suite=$1
shift
name=$(IFS=+ && echo "$suite${*:+-$*}")
place=${LAKEXPRESS_DIST_TOOLS:-$HOME/.cache/lakexpress-dist}/roots/$name
if [ ! -e "$place" ]; then
    command -v debootstrap >/dev/null || {
        echo "debootstrap is missing: apt-get install -y debootstrap" >&2
        exit 1
    }
    [ "$(id -u)" = 0 ] || {
        echo "a clean Debian root can only be made by root: sudo --preserve-env=HOME,PATH make dist-try" >&2
        exit 1
    }
    echo "making a Debian $name in $place" >&2
    rm -rf "$place.new" && mkdir -p "$place.new"
    include=()
    [ $# = 0 ] || include=(--include "$(IFS=, && echo "$*")")
    # Its mounts end with it.
    unshare --mount debootstrap --variant=minbase "${include[@]}" "$suite" "$place.new" ${DIST_MIRROR:+"$DIST_MIRROR"} \
        >"$place.log" 2>&1 || {
        tail -n 20 "$place.log" >&2
        exit 1
    }
    mv "$place.new" "$place"
fi
echo "$place"
