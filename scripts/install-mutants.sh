#!/usr/bin/env bash
# Puts cargo-mutants, which lists the mutants of `make verify-mutants`, into a directory of its own; prints the program.
# Does nothing, quickly, when it is there.
set -euo pipefail

version=27.1.0
place=${LAKEXPRESS_MUTANTS:-$HOME/.cache/lakexpress-mutants}
program=$place/bin/cargo-mutants
if [[ $("$program" mutants --version 2>/dev/null) != *" $version" ]]; then
    echo "installing cargo-mutants $version into $place" >&2
    cargo install --quiet --locked --root "$place" --target-dir "$place/build" "cargo-mutants@$version" >&2
    rm -rf "$place/build"
fi
echo "$program"
