#!/usr/bin/env bash
# An archive of the program, its licence, manual pages and completions: a tar.gz, or a zip for Windows.
# The same files make the same bytes.
set -euo pipefail
# shellcheck source=scripts/dist/common.sh
source "$(dirname "$0")/common.sh"

name=lakexpress-$version-$platform
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/$name"
cp -r "$staged/$program_name" "$staged/man" "$staged/completions" LICENSE README.md "$work/$name/"
chmod -R u=rwX,go=rX "$work/$name"
if [[ $platform == win32-* ]]; then
    archive=$dist/$name.zip
    (cd "$work" && 7z a -bd -tzip "$archive" "$name" >/dev/null)
else
    archive=$dist/$name.tar.gz
    when=$(git log -1 --format=%ct 2>/dev/null || echo 0)
    # BSD's tar knows none of these.
    tidy=(--sort=name --owner=0 --group=0 --numeric-owner "--mtime=@$when")
    tar --version | grep -q GNU || tidy=()
    tar -C "$work" ${tidy[@]+"${tidy[@]}"} -cf - "$name" | gzip -9n >"$archive"
fi
echo "archive  $(megabytes "$archive")  ${archive##*/}"
