"""Dagster: the tables of a database as one asset, with the figures of the run."""

from dagster import Backoff, Definitions, Failure, MaterializeResult, RetryPolicy, asset

import lakexpress


@asset(retry_policy=RetryPolicy(max_retries=3, delay=900, backoff=Backoff.LINEAR))
def shop() -> MaterializeResult:
    try:
        run = lakexpress.export()
    except lakexpress.UnavailableError:
        raise
    except lakexpress.Error as error:
        raise Failure(str(error), allow_retries=isinstance(error, lakexpress.PartialError)) from error
    figures = {table.full_name: table.rows for table in run.tables}
    return MaterializeResult(
        metadata={"run_id": run.run_id, "location": run.location, "seconds": run.seconds, "rows": figures}
    )


defs = Definitions(assets=[shop])
