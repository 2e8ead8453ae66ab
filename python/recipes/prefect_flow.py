"""Prefect: an export that is tried again after exit code 75 only, then verified."""

from prefect import flow, task

import lakexpress


def may_help(_task, _run, state) -> bool:
    try:
        state.result()
    except lakexpress.UnavailableError:
        return True
    except Exception:
        return False
    return False


@task(retries=3, retry_delay_seconds=900, retry_condition_fn=may_help)
def export():
    run = lakexpress.export()
    return run.location


@task
def verify(location):
    lakexpress.verify(location)


@flow
def shop_to_lake():
    verify(export())


if __name__ == "__main__":
    shop_to_lake()
