# shellcheck shell=bash disable=SC2034
# How every package is tried; the scripts try-*.sh source it. Each defines `program`, a command that runs the installed
# program in its clean root, and calls `try_program` after it has installed the package.
set -euo pipefail
# shellcheck source=scripts/dist/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

[ -x "$venv/bin/python" ] || {
    echo "the readers of the tests are missing: make test-deps" >&2
    exit 1
}
# A PostgreSQL server, unless try.sh has started one for all of them.
[ -n "${DIST_SOURCE:-}" ] || exec "$venv/bin/python" scripts/dist/server.py "$PWD/scripts/dist/${0##*/}" "$@"

export LC_ALL=C.UTF-8
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# Nothing of this machine's but the system: no Rust, no variables.
clean=(env -i "HOME=$work" PATH=/usr/bin:/bin LANG=C.UTF-8)
[ -z "$(PATH=/usr/bin:/bin command -v cargo)" ] || echo "note: there is a cargo in /usr/bin" >&2

seconds=()
total=0
# Runs a step; its seconds go into the last line.
timed() {
    local step=$1 begin=$EPOCHREALTIME took
    shift
    "$@" >"$work/output" 2>&1 || {
        cat "$work/output" >&2
        echo "$step failed" >&2
        return 1
    }
    took=$(awk -v from="$begin" -v to="$EPOCHREALTIME" 'BEGIN { printf "%.1f", to - from }')
    total=$(awk -v a="$total" -v b="$took" 'BEGIN { printf "%.1f", a + b }')
    seconds+=("$step $took s")
}

# try_program PACKAGE PLACE [INSIDE]: the demo and an export below the directory PLACE, which the program sees as
# INSIDE.
try_program() {
    local package=$1 place=$2 inside=${3:-$2} said expected
    said=$(program --version)
    [ "$(head -n 1 <<<"$said")" = "lakexpress $version" ] || {
        echo "$package: --version says $said" >&2
        exit 1
    }
    timed demo program demo --dir "$inside/demo"
    grep -q '^completed: 8 of 8 tables' "$work/output"
    timed export program export --source "$DIST_SOURCE" --output-dir "$inside/lake"
    read -ra expected <<<"$DIST_EXPECTED"
    "$venv/bin/python" scripts/dist/count.py "$place/lake" "${expected[@]}"
    printf '%-8s %s, in all %s s\n' "$package" "$(printf '%s, ' "${seconds[@]}" | sed 's/, $//')" "$total"
    [ -z "${DIST_SECONDS:-}" ] || echo "$package $total" >>"$DIST_SECONDS"
}
