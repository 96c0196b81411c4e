import re
from collections import Counter
from datetime import timedelta

import pytest

from teleprompt.config.program import ProgramConfig
from teleprompt.config.settings import Settings
from teleprompt.errors import InsufficientTracesError
from teleprompt.program.fields import DeclaredFields
from teleprompt.traces.collect import collect_snapshot
from teleprompt.traces.found_instead import LoggedOutcomes, calls_instead
from teleprompt.tracking.connection import mlflow_client
from tests.support import FIELDS, MONDAY, WEEK, log_run


def said(settings: Settings, program: str = "P", **config) -> str | None:
    with mlflow_client(settings.tracking_uri) as client:
        return calls_instead(client, ProgramConfig.model_validate({"name": program, "slug": "p", **config}), WEEK)


def test_a_metric_of_another_name_is_named(settings: Settings) -> None:
    with mlflow_client(settings.tracking_uri) as client:
        prod = client.create_experiment("prod")
        for i in range(5):
            log_run(client, prod, at=MONDAY + timedelta(hours=i), metrics={"latency_ms": 1.0, "agent_agreed": 1.0})
        config = ProgramConfig.model_validate(
            {"name": "P", "slug": "p", "outcome": {"metric": "agent_agree"}, "optimization": {"min_traces": 5}}
        )
        expected = re.escape(
            "(missing_outcome 5): 0 of 5 calls hold the outcome `agent_agree`, they hold `agent_agreed` (5) and "
            "`latency_ms` (5); correct `outcome.metric`, or log it under that name."
        )
        with pytest.raises(InsufficientTracesError, match=expected):
            collect_snapshot(
                client,
                config=config,
                declared=DeclaredFields.exactly(FIELDS),
                window=WEEK,
                storage_uri=str(settings.storage_uri),
            )


def test_a_program_of_another_name_is_named_the_likest_first(settings: Settings) -> None:
    with mlflow_client(settings.tracking_uri) as client:
        prod = client.create_experiment("prod")
        for name, number in (("Other", 3), ("Email-Draft", 2)):
            for i in range(number):
                log_run(client, prod, program=name, at=MONDAY + timedelta(hours=i))
    assert said(settings, "EmailDraft") == (
        "calls there name `Email-Draft` (2) and `Other` (3), none names `EmailDraft`; correct the program file's "
        "`name`, or the tag `dspy_program_name` of the calls."
    )


def test_calls_at_another_time_are_named(settings: Settings) -> None:
    with mlflow_client(settings.tracking_uri) as client:
        log_run(client, client.create_experiment("prod"), at=WEEK.start - timedelta(days=3))
    assert said(settings) == "the newest call of `P` is of 2026-11-06T00:00:00Z; choose a window that holds it."


def test_calls_in_another_experiment_are_named(settings: Settings) -> None:
    with mlflow_client(settings.tracking_uri) as client:
        client.create_experiment("staging")
        log_run(client, client.create_experiment("prod"))
    assert said(settings, traces={"experiments": ["staging"]}) == (
        "`P` has no call in staging, but in other experiments; correct `traces.experiments`."
    )


def test_calls_without_a_name_are_told_of(settings: Settings) -> None:
    with mlflow_client(settings.tracking_uri) as client:
        run = client.create_run(client.create_experiment("prod"), start_time=WEEK.start_ms)
        client.set_terminated(run.info.run_id)
    assert said(settings) == "calls there (1 were looked at) name no program; give them the tag `dspy_program_name`."


def test_a_rare_outcome_has_the_right_name() -> None:
    config = ProgramConfig.model_validate({"name": "P", "slug": "p", "outcome": {"metric": "ok"}})
    some = LoggedOutcomes(calls=100, names=Counter({"ok": 5, "latency_ms": 100}))
    assert some.instead_of(config) is None
    assert LoggedOutcomes(calls=100).instead_of(config) is None


def test_a_hint_that_cannot_be_given_ends_nothing(settings: Settings) -> None:
    assert said(settings, traces={"experiments": ["nowhere"]}) is None


def test_of_an_empty_store_it_is_said_which_one_it_is(settings: Settings) -> None:
    assert said(settings) == (
        f"the MLflow at {settings.tracking_uri.get_secret_value()} holds no call of `P` at all, and none of another "
        "program in that window; name the MLflow that your programs log to, by TELEPROMPT_TRACKING_URI or in Airflow "
        "by the connection mlflow_default."
    )
