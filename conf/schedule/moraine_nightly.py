"""Airflow: prepare the night's crawl, train for an hour, evaluate, export if better. Copy it to the DAGs' folder."""
from datetime import datetime, timedelta

from airflow import DAG
from airflow.operators.bash import BashOperator

STORE = "/store"
MORAINE = "/opt/moraine/moraine"

with DAG(
    dag_id="moraine_nightly",
    schedule="15 2 * * *",
    start_date=datetime(2026, 1, 1),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=5)},
) as dag:
    prepare = BashOperator(
        task_id="prepare",
        bash_command=f"{MORAINE} prepare --input /crawl/{{{{ ds }}}} --output {STORE}/data/{{{{ ds }}}} --index {STORE}/index"
        f" --tokenizer {STORE}/tokenizer/tokenizer.json",
    )
    train = BashOperator(
        task_id="train",
        bash_command=f"{MORAINE} train --data $(echo {STORE}/data/* | tr ' ' ,) --run {STORE}/run --ranks 2 --wall 60m",
        # 75: another process trains this run; the night is skipped, not failed.
        skip_on_exit_code=75,
        # SIGTERM ends training with a checkpoint; the retry goes on from it.
        execution_timeout=timedelta(hours=3),
    )
    evaluate = BashOperator(
        task_id="evaluate",
        bash_command=f"{MORAINE} evaluate --run {STORE}/run --data {STORE}/data/2026-01-01",
    )
    export = BashOperator(
        task_id="export",
        bash_command=f"{MORAINE} export --run {STORE}/run --output {STORE}/model --if-better-on {STORE}/data/2026-01-01",
    )
    prepare >> train >> evaluate >> export
