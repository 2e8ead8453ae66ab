#!/usr/bin/env bash
# Builds the optimised program (profile `dist`) and its wheel, with maturin. All other packages take this program.
# On Linux, zig links it for glibc DIST_GLIBC (2.17), `host` takes the compiler and the glibc of this machine.
set -euo pipefail
# shellcheck source=scripts/dist/common.sh
source "$(dirname "$0")/common.sh"

most_megabytes=25
glibc=${DIST_GLIBC:-2.17}

scripts/install-dist-tools.sh >/dev/null
# Only here: a plain build does not compile again for every commit.
LAKEXPRESS_COMMIT=$(git rev-parse --short=12 HEAD 2>/dev/null || true)
[ -z "$LAKEXPRESS_COMMIT" ] || git diff --quiet HEAD -- || LAKEXPRESS_COMMIT+=" with changes"
LAKEXPRESS_RUSTC=$(rustc --version | cut -d ' ' -f 2-)
export LAKEXPRESS_COMMIT LAKEXPRESS_RUSTC
export CARGO_TARGET_DIR=$target_dir

platform_flags=()
if [[ $target == *-linux-* ]]; then
    if [ "$glibc" = host ]; then
        platform_flags=(--auditwheel check)
    else
        platform_flags=(--zig --compatibility "manylinux_${glibc/./_}")
    fi
fi
rm -rf "$dist" && mkdir -p "$staged"
PATH=$tools/venv/bin:$PATH "$tools/venv/bin/maturin" build --quiet --locked --profile dist --target "$target" \
    --out "$dist" --compression-level 9 "${platform_flags[@]}"

cp "$target_dir/$target/dist/$program_name" "$staged/"
wheel=$(only "$dist/*.whl")
echo "wheel    $(megabytes "$wheel")  ${wheel##*/}"
echo "program  $(megabytes "$staged/$program_name")  $platform"
[[ $target != *-linux-* ]] || echo "glibc    $(glibc_of "$staged/$program_name") or later"

if (($(wc -c <"$wheel") > most_megabytes * 1000000)); then
    echo "the wheel is larger than $most_megabytes MB: see [profile.dist] in Cargo.toml and docs/dev/release.md" >&2
    exit 1
fi
