# shellcheck shell=bash disable=SC2034
# What the scripts of this directory share; they source it. Those that run on macOS too keep to its Bash 3.2.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

# Where the packages go, and what they are made of.
dist=$PWD/dist
staged=$dist/build

version=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -n 1)
target_dir=${CARGO_TARGET_DIR:-$HOME/.cache/lakexpress-target}
venv=${LAKEXPRESS_VENV:-$HOME/.cache/lakexpress-venv}
tools=${LAKEXPRESS_DIST_TOOLS:-$HOME/.cache/lakexpress-dist}
target=${DIST_TARGET:-$(rustc -vV 2>/dev/null | sed -n 's/^host: //p')}

# One platform by its names: Rust's, npm's and, in file names, ours.
case $target in
    x86_64-unknown-linux-gnu) platform=linux-x64 ;;
    aarch64-unknown-linux-gnu) platform=linux-arm64 ;;
    x86_64-apple-darwin) platform=darwin-x64 ;;
    aarch64-apple-darwin) platform=darwin-arm64 ;;
    x86_64-pc-windows-msvc) platform=win32-x64 ;;
    *) platform=$target ;;
esac
program_name=lakexpress
[[ $target != *windows* ]] || program_name=lakexpress.exe

# The one file that a pattern names.
only() {
    local found
    found=$(compgen -G "$1" || true)
    if [ -z "$found" ] || [[ $found == *$'\n'* ]]; then
        echo "$1: expected one file, found: ${found:-none}" >&2
        return 1
    fi
    echo "$found"
}

# The size of a file in MB, as package indexes count it.
megabytes() {
    awk -v bytes="$(wc -c <"$1")" 'BEGIN { printf "%.1f MB", bytes / 1e6 }'
}

# The newest symbol version of glibc that a program asks for.
glibc_of() {
    objdump -T "$1" | grep -oE 'GLIBC_[0-9.]+' | sed 's/GLIBC_//' | sort -uV | tail -n 1
}
