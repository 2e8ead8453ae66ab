"""Airflow: each day is exported to another directory. Tried again only when that helps."""

from datetime import timedelta

import pendulum
from airflow.exceptions import AirflowFailException
from airflow.sdk import dag, task

import lakexpress


@task(retries=3, retry_delay=timedelta(minutes=15))
def export(ds=None):
    try:
        run = lakexpress.export(sub_path=ds)
    except (lakexpress.UnavailableError, lakexpress.PartialError):
        raise
    except lakexpress.Error as error:
        raise AirflowFailException(str(error)) from error
    return {"run_id": run.run_id, "rows": run.totals.rows, "location": run.location}


@task
def check(run):
    lakexpress.verify(run["location"])


@dag(schedule="0 1 * * *", start_date=pendulum.datetime(2026, 1, 1, tz="UTC"), catchup=False)
def shop_to_lake():
    check(export())


shop_to_lake()
