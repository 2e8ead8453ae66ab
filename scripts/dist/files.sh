#!/usr/bin/env bash
# The files that come with the program: a manual page for each command and completions, which the program itself prints.
set -euo pipefail
# shellcheck source=scripts/dist/common.sh
source "$(dirname "$0")/common.sh"

program=$staged/$program_name
rm -rf "$staged/man" "$staged/completions" && mkdir -p "$staged/man" "$staged/completions"
"$program" man >"$staged/man/lakexpress.1"
pages=1
# shellcheck disable=SC2013 # names of commands are single words
for command in $(grep -oE 'lakexpress\\-[a-z-]+\(1\)' "$staged/man/lakexpress.1" |
    sed -E 's/^lakexpress\\-(.*)\(1\)$/\1/' | grep -vx help | sort -u); do
    "$program" man "$command" >"$staged/man/lakexpress-$command.1"
    pages=$((pages + 1))
done
"$program" completions bash >"$staged/completions/lakexpress.bash"
"$program" completions zsh >"$staged/completions/_lakexpress"
"$program" completions fish >"$staged/completions/lakexpress.fish"
echo "pages    $pages manual pages, completions for bash, zsh and fish"
