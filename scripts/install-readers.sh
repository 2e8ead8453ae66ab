#!/usr/bin/env bash
# Puts the readers of `make verify-readers` that `make test` does without where it looks for them: a Python environment
# with Spark 4 and others, and hyparquet for Node. Does nothing, quickly, when all are there.
set -euo pipefail
cd "$(dirname "$0")/.."

venv=${LAKEXPRESS_READERS_VENV:-$HOME/.cache/lakexpress-readers-venv}
wanted=tests/python/readers.txt
if ! cmp -s "$wanted" "$venv/installed-requirements.txt"; then
    echo "installing more Python readers into $venv"
    rm -rf "$venv" && python3 -m venv "$venv"
    # pyspark is published as source only: what builds it comes first, by its hash too.
    for list in tests/python/build.txt "$wanted"; do
        "$venv/bin/pip" install --quiet --disable-pip-version-check --require-hashes --no-build-isolation -r "$list"
    done
    cp "$wanted" "$venv/installed-requirements.txt"
fi

hyparquet=${LAKEXPRESS_HYPARQUET:-$HOME/.cache/lakexpress-hyparquet}
lock=tests/node/hyparquet/package-lock.json
if ! cmp -s "$lock" "$hyparquet/installed-lock.json"; then
    echo "installing hyparquet into $hyparquet"
    rm -rf "$hyparquet" && mkdir -p "$hyparquet"
    cp tests/node/hyparquet/package.json "$lock" "$hyparquet"
    npm ci --prefix "$hyparquet" --silent --no-audit --no-fund --no-update-notifier --ignore-scripts
    cp "$lock" "$hyparquet/installed-lock.json"
fi
