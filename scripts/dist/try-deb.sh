#!/usr/bin/env bash
# Tries the Debian package in a fresh Debian 12 (DIST_SUITE for another) that has nothing but what every Debian has.
set -euo pipefail
# shellcheck source=scripts/dist/trying.sh
source "$(dirname "$0")/trying.sh"

deb=$(only "$dist/*.deb")
root=$work/root
cp -a --one-file-system "$(scripts/dist/root.sh "${DIST_SUITE:-bookworm}")" "$root"
cp "$deb" "$root/tmp/"
mkdir -p "$root/work"

# A command in the root, which sees no other process and mounts nothing outside.
inside() {
    # shellcheck disable=SC2016
    unshare --mount --pid --fork bash -c 'mount -t proc proc "$0/proc" && exec chroot "$0" "$@"' "$root" \
        /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root DEBIAN_FRONTEND=noninteractive "$@"
}
install() { inside apt-get install -y -qq -o Dpkg::Use-Pty=0 --no-install-recommends "/tmp/${deb##*/}"; }
program() { inside lakexpress "$@"; }

timed install install
for file in man/man1/lakexpress.1.gz man/man1/lakexpress-export.1.gz doc/lakexpress/copyright \
    bash-completion/completions/lakexpress zsh/vendor-completions/_lakexpress fish/vendor_completions.d/lakexpress.fish; do
    [ -s "$root/usr/share/$file" ] || {
        echo "${deb##*/} has no /usr/share/$file" >&2
        exit 1
    }
done
try_program deb "$root/work" /work
inside apt-get remove -y -qq -o Dpkg::Use-Pty=0 lakexpress >/dev/null
[ ! -e "$root/usr/bin/lakexpress" ]
