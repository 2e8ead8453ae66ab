#!/usr/bin/env bash
# What README's two commands do on a fresh Debian 12 that has only git and make: each says in one line what is missing
# and what to type. With --build that is there too (this machine's Rust), and `cargo run --release -- demo` builds and
# runs: 15 minutes and more.
set -euo pipefail
# shellcheck source=scripts/dist/common.sh
source "$(dirname "$0")/common.sh"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root
# The home directory in it.
home=/home/fresh

# A root with these packages and the checkout in /src.
fresh() {
    rm -rf "$root"
    cp -a --one-file-system "$(scripts/dist/root.sh "${DIST_SUITE:-bookworm}" "$@")" "$root"
    mkdir -p "$root/src" "$root/stand-in" "$root$home/.cargo" "$root$home/.rustup"
    cp /etc/resolv.conf "$root/etc/"
    git ls-files -z --cached --others --exclude-standard | tar --null --files-from - -cf - | tar -C "$root/src" -xf -
}
# inside PATH COMMAND: a line of shell in /src of the root.
inside() {
    # shellcheck disable=SC2016
    unshare --mount --pid --fork bash -c '
        mount -t proc proc "$0/proc"
        if [ -n "$RUST_HOMES" ]; then
            mount --bind "${CARGO_HOME:-$HOME/.cargo}" "$0$3/.cargo"
            mount --bind "${RUSTUP_HOME:-$HOME/.rustup}" "$0$3/.rustup"
        fi
        exec chroot "$0" /usr/bin/env -i "PATH=$1" "HOME=$3" sh -c "cd /src && $2"' "$root" "$1" "$2" "$home"
}
system=/usr/sbin:/usr/bin:/sbin:/bin
export RUST_HOMES=

# says COMMAND PATTERN [PATH]: the command fails, and a line of what it says is like the pattern.
says() {
    local said
    if said=$(inside "${3:-$system}" "$1" 2>&1); then
        echo "$1 did not fail: $said" >&2
        exit 1
    fi
    printf '$ %s\n%s\n\n' "$1" "$said"
    grep -qE "$2" <<<"$said" || {
        echo "nothing there is like: $2" >&2
        exit 1
    }
}
# Programs that only say their version.
stand_in() {
    printf '#!/bin/sh\necho "%s"\n' "$2" >"$root/stand-in/$1"
    chmod +x "$root/stand-in/$1"
}

fresh git make ca-certificates
echo "--- git and make only"
says "cargo run --release -- demo" 'cargo: not found'
says "make test" '^cargo is missing, type: apt-get install -y curl ca-certificates && curl .*rustup'
says "make build" '^a C compiler \(cc\) is missing, type: apt-get install -y gcc libc6-dev$'
echo "--- with Rust 1.63, which Debian 12 packages"
stand_in cargo "cargo 1.63.0"
stand_in rustc "rustc 1.63.0 (4b91a6ea7 2022-08-08)"
says "make test" '^Rust 1.63.0 is too old, 1\.[0-9]+ or later is needed, type: ' "/stand-in:$system"
echo "--- with Rust of today, without a C compiler"
stand_in rustc "rustc 9.9.0 (0123456 2030-01-01)"
says "make build" '^a C compiler \(cc\) is missing' "/stand-in:$system"

if [ "${1:-}" = --build ]; then
    echo "--- with what the lines above say"
    fresh git make ca-certificates curl gcc libc6-dev
    export RUST_HOMES=1
    begin=$SECONDS
    inside "$home/.cargo/bin:$system" "cargo run --release --locked -- demo"
    echo "built and run in $((SECONDS - begin)) s"
fi
