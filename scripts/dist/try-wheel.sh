#!/usr/bin/env bash
# Tries the wheel: pip in an empty virtual environment.
set -euo pipefail
# shellcheck source=scripts/dist/trying.sh
source "$(dirname "$0")/trying.sh"

wheel=$(only "$dist/*.whl")
python=$(python3 -c 'import sys; print(sys.executable)')
install() {
    "${clean[@]}" "$python" -m venv "$work/venv"
    "${clean[@]}" "$work/venv/bin/pip" install --quiet --disable-pip-version-check --no-index "$wheel"
}
program() { "${clean[@]}" "$work/venv/bin/lakexpress" "$@"; }

timed install install
try_program wheel "$work"
"${clean[@]}" "$work/venv/bin/pip" uninstall --quiet --disable-pip-version-check --yes lakexpress
[ ! -e "$work/venv/bin/lakexpress" ]
