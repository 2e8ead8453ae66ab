"""A night's export for cron, systemd or Kubernetes: to a directory of the day, finished once if the server went away.

The exit code is that of the program: 75 is worth another attempt, every other one but 0 waits for a person.
"""

import datetime
import logging
import sys

import lakexpress


def main():
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    day = datetime.datetime.now(datetime.timezone.utc).date().isoformat()
    try:
        try:
            run = lakexpress.export(sub_path=day)
        except lakexpress.Error as error:
            if error.result is None or not isinstance(error, (lakexpress.PartialError, lakexpress.UnavailableError)):
                raise
            run = lakexpress.resume(error.result.run_id)
        lakexpress.verify(run.location)
    except lakexpress.Error as error:
        print(f"error: {error}", file=sys.stderr)
        code = error.exit_code
        return code if code is not None and 0 < code < 256 else 70
    print(f"{run.run_id}: {run.totals.rows} rows of {run.totals.completed} tables in {run.location}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
