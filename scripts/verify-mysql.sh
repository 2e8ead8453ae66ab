#!/usr/bin/env bash
# `make verify-mysql`: the tests of the MySQL source on each server: the system's MariaDB, and those that
# scripts/install-mysql.sh unpacks. A server that cannot be had is named and counted as skipped; a test that fails is a
# failure. The first argument says how often the bank is exported; the others, which of the servers are tried: system,
# mariadb-11.8, mysql. All without them.
set -euo pipefail
cd "$(dirname "$0")/.."

runs=${1:-20}
shift || true
servers=("$@")
[ $# -gt 0 ] || servers=(system mariadb-11.8 mysql)
tests=(cargo test --release --locked --test it -- --nocapture)
done_on=() skipped=() failed=()

# on NAME FILTERS...: one run of the tests over a server; no name is the system's own.
on() {
    local name=$1
    shift
    echo "== the MySQL source on ${name:-the MariaDB of the system}"
    if LAKEXPRESS_MYSQL_SERVER=$name LAKEXPRESS_CONSISTENCY_RUNS=$runs LAKEXPRESS_TPCH_SCALE=${SCALE:-1} "${tests[@]}" "$@"; then
        done_on+=("${name:-mariadb of the system}")
    else
        failed+=("${name:-mariadb of the system}")
    fi
}

filters=(mysql:: contract::mariadb contract::whatever_breaks_the_contract_of_mysql)
# The run log has its own server, and is not the source.
for name in "${servers[@]}"; do
    if [ "$name" = system ]; then
        on "" "${filters[@]}" --include-ignored --skip runlog::
    elif scripts/install-mysql.sh "$name"; then
        on "$name" "${filters[@]}" --include-ignored --skip runlog::
        if [ "$name" = mysql ]; then
            "${tests[@]}" --ignored runlog::mysql || failed+=("run log in mysql")
        fi
    else
        skipped+=("$name")
    fi
done
echo "the MySQL source was tried on ${#done_on[@]} servers (${done_on[*]-}), ${#skipped[@]} skipped (${skipped[*]-}), ${#failed[@]} failed (${failed[*]-})"
[ ${#failed[@]} = 0 ]
