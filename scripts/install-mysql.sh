#!/usr/bin/env bash
# Unpacks the MySQL server of Debian unstable, with the libraries it needs, where `make verify-mysql` looks for it;
# nothing is installed. It moves, so no version is pinned: the one that came is printed.
set -euo pipefail

# The server's own user must reach it, which is another one when this runs as root.
if [ "$(id -u)" = 0 ]; then default=/usr/local/lib/lakexpress-mysql; else default=$HOME/.cache/lakexpress-mysql; fi
place=${LAKEXPRESS_MYSQL:-$default}
[ ! -x "$place/usr/sbin/mysqld" ] || [ ! -e "$place/version.txt" ] || { cat "$place/version.txt"; exit 0; }

# The mirror that apt uses here, without its suites.
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep '/debian/$' | sort -u | head -n 1)
[ -n "$mirror" ] || { echo "apt knows no Debian mirror" >&2; exit 1; }
apt=$(mktemp -d)
trap 'rm -rf "$apt"' EXIT
mkdir -p "$apt"/{lists/partial,cache/archives/partial,etc,state}
touch "$apt/state/status"
key=/usr/share/keyrings/debian-archive-keyring.gpg
echo "deb [signed-by=$key] $mirror unstable main" >"$apt/etc/sources.list"
options=(-qq -o "Dir::Etc::SourceList=$apt/etc/sources.list" -o "Dir::Etc::SourceParts=/dev/null"
    -o "Dir::State::Lists=$apt/lists" -o "Dir::State::Status=$apt/state/status" -o "Dir::Cache=$apt/cache"
    -o "Debug::NoLocking=1" -o "APT::Sandbox::User=root" -o "APT::Install-Recommends=false")
apt-get "${options[@]}" update
apt-get "${options[@]}" --download-only --yes install mysql-server-core
rm -rf "$place" && mkdir -p "$place"
for package in "$apt"/cache/archives/*.deb; do
    dpkg-deb --extract "$package" "$place"
done
chmod -R go+rX "$place"
loader=$(find "$place" -name 'ld-linux-*.so.*' | head -n 1)
libraries=$(find "$place" -name libc.so.6 -printf '%h\n' | head -n 1)
"$loader" --library-path "$libraries" "$place/usr/sbin/mysqld" --no-defaults --version | tee "$place/version.txt"
