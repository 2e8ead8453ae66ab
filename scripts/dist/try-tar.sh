#!/usr/bin/env bash
# Tries the archive: unpacked in an empty directory, with no variable but HOME, where the run log is.
set -euo pipefail
# shellcheck source=scripts/dist/trying.sh
source "$(dirname "$0")/trying.sh"

name=lakexpress-$version-$platform
install() {
    (cd "$dist" && sha256sum --quiet --check --ignore-missing SHA256SUMS)
    tar -C "$work" -xzf "$dist/$name.tar.gz"
}
program() { env -i "HOME=$work" "$work/$name/lakexpress" "$@"; }

timed install install
for file in LICENSE README.md man/lakexpress.1 man/lakexpress-export.1 completions/lakexpress.bash; do
    [ -s "$work/$name/$file" ] || {
        echo "$name.tar.gz has no $file" >&2
        exit 1
    }
done
try_program archive "$work"
