#!/usr/bin/env bash
# Installs what the tests need and is not there: Debian or Ubuntu packages, and a Python environment with the
# independent readers. Does nothing, quickly, when all is there.
set -euo pipefail
cd "$(dirname "$0")/.."

venv=${LAKEXPRESS_VENV:-$HOME/.cache/lakexpress-venv}

have() { command -v "$1" >/dev/null 2>&1; }
have_server_program() { compgen -G "/usr/lib/postgresql/*/bin/$1" >/dev/null || have "$1"; }

packages=()
{ have_server_program initdb && have_server_program psql && have_server_program pgbench; } ||
    packages+=(postgresql postgresql-contrib)
have strace || packages+=(strace)
have unshare || packages+=(util-linux mount)
have cc || packages+=(gcc libc6-dev)
have openssl || packages+=(openssl)
if [ ! -x "$venv/bin/python" ]; then
    python3 -c 'import ensurepip, venv' >/dev/null 2>&1 || packages+=(python3 python3-venv)
fi

if [ ${#packages[@]} -gt 0 ]; then
    if ! have apt-get; then
        echo "install by hand (no apt-get here): ${packages[*]}" >&2
        exit 1
    fi
    sudo=()
    [ "$(id -u)" = 0 ] || sudo=(sudo)
    export DEBIAN_FRONTEND=noninteractive
    echo "installing ${packages[*]}"
    "${sudo[@]}" apt-get update -qq
    if [[ " ${packages[*]} " == *" postgresql "* ]] && [ ! -e /etc/postgresql-common/createcluster.conf ]; then
        # The tests start servers of their own: no cluster of the system's, and nothing on port 5432.
        "${sudo[@]}" mkdir -p /etc/postgresql-common
        echo 'create_main_cluster = false' | "${sudo[@]}" tee /etc/postgresql-common/createcluster.conf >/dev/null
    fi
    "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
        -o Dpkg::Options::=--force-confold "${packages[@]}"
fi

wanted=tests/python/requirements.txt
if ! cmp -s "$wanted" "$venv/installed-requirements.txt"; then
    echo "installing the Python readers into $venv"
    [ -x "$venv/bin/python" ] || python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$wanted"
    cp "$wanted" "$venv/installed-requirements.txt"
fi
