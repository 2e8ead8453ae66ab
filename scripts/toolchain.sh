#!/usr/bin/env bash
# Says in one line each what a build needs and is not there, and what to type. With --rust only what no script of ours
# installs: `make test` installs a C compiler by itself.
set -euo pipefail
cd "$(dirname "$0")/.."

lacks=0
say() {
    echo "$1" >&2
    lacks=1
}
have() { command -v "$1" >/dev/null 2>&1; }

# How to install Debian's and Ubuntu's packages; elsewhere, what they are for.
packages() {
    local sudo=
    [ "$(id -u)" = 0 ] || sudo="sudo "
    if have apt-get; then echo "${sudo}apt-get install -y $*"; else echo "install $*"; fi
}
rustup="curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y"
have curl || rustup="$(packages curl ca-certificates) && $rustup"

wanted=$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' Cargo.toml)
if ! have cargo || ! have rustc; then
    say "cargo is missing, type: $rustup"
else
    found=$(rustc --version | cut -d ' ' -f 2)
    if [ "$(printf '%s\n' "$wanted" "${found%%-*}" | sort -V | head -n 1)" != "$wanted" ]; then
        if have rustup; then update="rustup update stable && rustup default stable"; else update=$rustup; fi
        say "Rust $found is too old, $wanted or later is needed, type: $update"
    fi
fi
if [ "${1:-}" != --rust ] && ! have cc; then
    say "a C compiler (cc) is missing, type: $(packages gcc libc6-dev)"
fi
exit "$lacks"
