#!/usr/bin/env bash
# SHA256SUMS of all packages, the last step of `make dist`.
set -euo pipefail
# shellcheck source=scripts/dist/common.sh
source "$(dirname "$0")/common.sh"

cd "$dist"
find . -maxdepth 1 -type f ! -name 'SHA256SUMS*' -printf '%P\n' | LC_ALL=C sort | xargs sha256sum >SHA256SUMS.new
mv SHA256SUMS.new SHA256SUMS
echo "sums     $(wc -l <SHA256SUMS) files in dist/SHA256SUMS"
