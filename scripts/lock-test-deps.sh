#!/usr/bin/env bash
# Writes the hashes of all that the tests and benchmarks download from package registries, after a version was changed
# in a requirements.in or package.json: requirements.txt and package-lock.json. Nothing is installed but pip-tools, into
# a directory that goes away.
set -euo pipefail
cd "$(dirname "$0")/.."

tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT
python3 -m venv "$tools"
"$tools/bin/pip" install --quiet --disable-pip-version-check pip-tools==7.6.2

# The hashes of one file, for all systems and with all that it needs.
lock() {
    (cd "$1" && "$tools/bin/pip-compile" --quiet --generate-hashes --allow-unsafe --strip-extras --no-header \
        --no-annotate --no-emit-index-url --no-emit-options --output-file "$3" "$2")
    sed -i "1i # Made from $2 by scripts/lock-test-deps.sh" "$1/$3"
}
lock tests/python build.in build.txt
lock tests/python requirements.in requirements.txt
lock tests/python readers.in readers.txt
lock tests/python server.in server.txt
lock benches requirements.in requirements.txt
lock scripts/dist requirements.in requirements.txt

for place in tests/node/*/; do
    (cd "$place" && npm install --package-lock-only --omit-lockfile-registry-resolved --ignore-scripts --silent \
        --no-audit --no-fund --no-update-notifier)
done
