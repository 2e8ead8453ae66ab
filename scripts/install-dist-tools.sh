#!/usr/bin/env bash
# Puts what makes packages (`make dist`) into a separate directory and prints the directory: maturin, zig and
# shellcheck in an environment by their hashes (scripts/dist/requirements.txt), and cargo-deb. Does nothing, quickly,
# when all is there.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo_deb=3.8.0
place=${LAKEXPRESS_DIST_TOOLS:-$HOME/.cache/lakexpress-dist}
wanted=scripts/dist/requirements.txt

if ! cmp -s "$wanted" "$place/venv/installed-requirements.txt"; then
    echo "installing maturin and zig into $place/venv" >&2
    rm -rf "$place/venv"
    python3 -m venv "$place/venv"
    "$place/venv/bin/pip" install --quiet --disable-pip-version-check --require-hashes -r "$wanted" >&2
    cp "$wanted" "$place/venv/installed-requirements.txt"
fi

if [[ $("$place/bin/cargo-deb" --version 2>/dev/null) != "$cargo_deb" ]]; then
    echo "installing cargo-deb $cargo_deb into $place" >&2
    cargo install --quiet --locked --root "$place" --target-dir "$place/build" "cargo-deb@$cargo_deb" >&2
    rm -rf "$place/build"
fi
echo "$place"
