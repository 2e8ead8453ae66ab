"""dbt: exports the sources, then runs dbt over exactly the committed files.

    python dbt_run.py --select +revenue

The files are handed to dbt as the variable `lake`; in a source of dbt-duckdb:
    meta: {external_location: "read_parquet({{ var('lake')['public.orders'] }})"}
"""

import json
import subprocess
import sys

import lakexpress


def main(arguments):
    try:
        run = lakexpress.export()
    except lakexpress.Error as error:
        print(error, file=sys.stderr)
        return error.exit_code or 70
    lake = {table.full_name: table.files for table in run.lake()}
    return subprocess.call(["dbt", "run", "--vars", json.dumps({"lake": lake}), *arguments])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
