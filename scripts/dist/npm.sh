#!/usr/bin/env bash
# Two npm packages: @lakexpress/PLATFORM with the program, and lakexpress, which starts the program of the platform that
# npm runs on. DIST_NPM_PLATFORMS lists the platforms of a release; without it there is this one.
set -euo pipefail
# shellcheck source=scripts/dist/common.sh
source "$(dirname "$0")/common.sh"

read -ra platforms <<<"${DIST_NPM_PLATFORMS:-$platform}"
description=$(sed -n 's/^description = "\(.*\)"$/\1/p' Cargo.toml)
packages=$staged/npm
rm -rf "$packages" && mkdir -p "$packages/platform/bin" "$packages/launcher/bin"

# What both packages say of themselves.
common=$(jq -n --arg version "$version" --arg description "$description" \
    '{version: $version, description: $description, license: "Apache-2.0"}')

cp "$staged/$program_name" "$packages/platform/bin/"
jq -n --argjson common "$common" --arg platform "$platform" '
    ($platform | split("-")) as [$os, $cpu]
    | {name: "@lakexpress/\($platform)"} + $common
    + {os: [$os], cpu: [$cpu], files: ["bin"], preferUnplugged: true}
    + if $os == "linux" then {libc: ["glibc"]} else {} end' >"$packages/platform/package.json"

cp scripts/dist/npm/launcher.js "$packages/launcher/bin/lakexpress.js"
cp README.md "$packages/launcher/"
jq -n --argjson common "$common" '
    {name: "lakexpress"} + $common
    + {bin: {lakexpress: "bin/lakexpress.js"}, files: ["bin"], engines: {node: ">=18"}}
    + {optionalDependencies: ([$ARGS.positional[] | {("@lakexpress/" + .): $common.version}] | add)}' \
    --args "${platforms[@]}" >"$packages/launcher/package.json"

for package in platform launcher; do
    cp LICENSE "$packages/$package/"
    chmod 755 "$packages/$package/bin/"*
    archive=$dist/$(cd "$packages/$package" && npm pack --silent --ignore-scripts --pack-destination "$dist")
    echo "npm      $(megabytes "$archive")  ${archive##*/}"
done
