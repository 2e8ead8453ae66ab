#!/usr/bin/env bash
# The Debian package, by cargo-deb: [package.metadata.deb] in Cargo.toml. It takes the program that wheel.sh has built;
# dpkg-shlibdeps says which libc6 the program's symbols need.
set -euo pipefail
# shellcheck source=scripts/dist/common.sh
source "$(dirname "$0")/common.sh"

command -v dpkg-shlibdeps >/dev/null || {
    echo "dpkg-shlibdeps is missing: apt-get install -y dpkg-dev" >&2
    exit 1
}
scripts/install-dist-tools.sh >/dev/null
export CARGO_TARGET_DIR=$target_dir
deb=$dist/lakexpress_${version}_$(dpkg --print-architecture).deb
"$tools/bin/cargo-deb" --quiet --no-build --no-strip --locked --profile dist --target "$target" --output "$deb"

depends=$(dpkg-deb --field "$deb" Depends)
[[ $depends == *"libc6 (>= "* ]] || {
    echo "${deb##*/}: no libc6 with a version in Depends: $depends" >&2
    exit 1
}
echo "deb      $(megabytes "$deb")  ${deb##*/}  Depends: $depends"
