"""Airflow: the nightly pattern, conf/schedule/nightly, as one task. Copy this file to the DAGs' folder."""
from datetime import datetime, timedelta

from airflow import DAG
from airflow.operators.bash import BashOperator

with DAG(
    dag_id="moraine_nightly",
    schedule="15 2 * * *",
    start_date=datetime(2026, 11, 25),
    catchup=False,
    max_active_runs=1,
) as dag:
    BashOperator(
        task_id="nightly",
        # Every command of it goes on where it was; a retry of training has the whole of WALL, an hour, before it again.
        bash_command="/opt/moraine/conf/schedule/nightly /crawl/{{ ds }} /store --ranks 2",
        retries=2,
        retry_delay=timedelta(minutes=5),
        # 75: another process prepares, trains or exports there; what is left of the night is skipped, not failed.
        skip_on_exit_code=75,
        # SIGTERM ends training with a checkpoint.
        execution_timeout=timedelta(hours=6),
    )
