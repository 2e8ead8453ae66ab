#!/usr/bin/env bash
# Tries all packages of dist/: each is installed in a clean place, shows the demo, and exports a PostgreSQL database
# whose rows pyarrow then counts. Fails when wheel and deb take more than 60 seconds in all.
set -euo pipefail
# shellcheck source=scripts/dist/trying.sh
source "$(dirname "$0")/trying.sh"

most_seconds=60
export DIST_SECONDS=$work/seconds
for package in wheel deb tar npm; do
    scripts/dist/try-$package.sh
done
awk -v most="$most_seconds" '
    $1 == "wheel" || $1 == "deb" { sum += $2 }
    END {
        printf "wheel and deb took %.1f s; at most %d s are allowed\n", sum, most
        exit sum > most
    }' "$DIST_SECONDS"
