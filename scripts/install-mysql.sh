#!/usr/bin/env bash
# Unpacks servers that `make verify-mysql` runs on, each with the libraries it needs in a folder of its own; nothing is
# installed: `mysql`, the MySQL of Debian unstable, and `mariadb-11.8`, the MariaDB of Debian 13 (trixie). Both move, so no
# version is pinned: the one that came is printed. With the name of one server it unpacks that one alone. One that cannot
# be had is named and left out; the exit code is 1 then.
set -euo pipefail

# The server's own user must reach it, which is another one when this runs as root.
if [ "$(id -u)" = 0 ]; then default=/usr/local/lib/lakexpress-mysql; else default=$HOME/.cache/lakexpress-mysql; fi
place=${LAKEXPRESS_MYSQL:-$default}

# The mirror that apt uses here, without its suites.
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep '/debian/$' | sort -u | head -n 1)

# unpack FOLDER SUITE PACKAGE PROGRAM
unpack() {
    local root=$place/$1 suite=$2 package=$3 program=$4 apt key loader libraries
    [ ! -x "$root/usr/sbin/$program" ] || [ ! -e "$root/version.txt" ] || { cat "$root/version.txt"; return 0; }
    [ -n "$mirror" ] || { echo "apt knows no Debian mirror" >&2; return 1; }
    apt=$(mktemp -d)
    # shellcheck disable=SC2064
    trap "rm -rf '$apt'" EXIT
    mkdir -p "$apt"/{lists/partial,cache/archives/partial,etc,state}
    touch "$apt/state/status"
    key=/usr/share/keyrings/debian-archive-keyring.gpg
    echo "deb [signed-by=$key] $mirror $suite main" >"$apt/etc/sources.list"
    local options=(-qq -o "Dir::Etc::SourceList=$apt/etc/sources.list" -o "Dir::Etc::SourceParts=/dev/null"
        -o "Dir::State::Lists=$apt/lists" -o "Dir::State::Status=$apt/state/status" -o "Dir::Cache=$apt/cache"
        -o "Debug::NoLocking=1" -o "APT::Sandbox::User=root" -o "APT::Install-Recommends=false")
    apt-get "${options[@]}" update || return 1
    apt-get "${options[@]}" --download-only --yes install "$package" || return 1
    rm -rf "$root" && mkdir -p "$root"
    for file in "$apt"/cache/archives/*.deb; do
        dpkg-deb --extract "$file" "$root" || return 1
    done
    rm -rf "$apt"
    chmod -R go+rX "$place"
    loader=$(find "$root" -name 'ld-linux-*.so.*' | head -n 1)
    libraries=$(find "$root" -name libc.so.6 -printf '%h\n' | head -n 1)
    "$loader" --library-path "$libraries" "$root/usr/sbin/$program" --no-defaults --version | tee "$root/version.txt.new" &&
        mv "$root/version.txt.new" "$root/version.txt"
}

missing=0
for server in "${@:-mysql mariadb-11.8}"; do
    for name in $server; do
        case $name in
            mysql) wanted=(unstable mysql-server-core mysqld) ;;
            mariadb-11.8) wanted=(trixie mariadb-server-core mariadbd) ;;
            *) echo "unknown server: $name (mysql, mariadb-11.8)" >&2 && exit 2 ;;
        esac
        # In a process of its own, so that one that cannot be had stops no other.
        (unpack "$name" "${wanted[@]}") || { echo "$name: cannot be had" >&2 && missing=1; }
    done
done
exit "$missing"
