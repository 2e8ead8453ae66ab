#!/usr/bin/env bash
# Tries the npm packages: both archives in an empty prefix, without a registry.
set -euo pipefail
# shellcheck source=scripts/dist/trying.sh
source "$(dirname "$0")/trying.sh"

node=$(dirname "$(command -v node)")
clean=(env -i "HOME=$work" "PATH=$node:/usr/bin:/bin")
mkdir "$work/prefix"
install() {
    "${clean[@]}" npm install --prefix "$work/prefix" --offline --ignore-scripts --no-audit --no-fund --silent \
        "$dist/lakexpress-$platform-$version.tgz" "$dist/lakexpress-$version.tgz"
}
program() { "${clean[@]}" "$work/prefix/node_modules/.bin/lakexpress" "$@"; }

timed install install
try_program npm "$work"

# The launcher ends as the program ends.
status=0
program no-such-command >/dev/null 2>&1 || status=$?
[ "$status" = 2 ] || {
    echo "npm: the launcher ended with $status, the program ends with 2" >&2
    exit 1
}
