import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from teleprompt.config.files import ProgramFileError, find_program_file, load_program_file, program_name_of
from teleprompt.config.program import ProgramConfig
from teleprompt.config.settings import LMConfig
from teleprompt.errors import ConfigurationError


def write(folder: Path, text: str, name: str = "draft.yaml") -> Path:
    file = folder / name
    file.write_text(text)
    return file


def test_defaults_are_those_of_the_documents(tmp_path: Path) -> None:
    config = load_program_file(write(tmp_path, "name: Draft\n"))
    optimization = config.optimization
    assert (config.slug, config.entry_point, config.schedule) == ("draft", "draft:build", "weekly")
    assert (optimization.min_traces, optimization.max_traces) == (1000, 100_000)
    assert (optimization.min_quality_score, optimization.deltaone_threshold) == (0.7, 0.01)
    assert (optimization.timeout_seconds, optimization.optimization_rounds) == (7200, 3)


@pytest.mark.parametrize(
    ("text", "key", "line", "problem"),
    [
        ("name: D\nscedule: daily\n", "scedule", 2, "did you mean `schedule`"),
        ("name: D\noptimization:\n  min_trace: 5\n", "optimization.min_trace", 3, "did you mean `min_traces`"),
        ("name: D\noptimization:\n  min_traces: many\n", "optimization.min_traces", 3, "got 'many'"),
        ("name: D\nschedule: sometimes\n", "schedule", 2, "not daily, weekly"),
        ("name: D\nsplit:\n  train: 0.9\n", "split", 2, "not to 1"),
        ("name: D\ngate:\n  metric: sharpness\n", "gate.metric", 3, "neither"),
        ("name: D\noutcome: {minimum: 1, maximum: 1}\n", "outcome", 2, "is empty"),
        ("schedule: daily\n", "name", None, "is missing"),
        ("name: D\nname: E\n", "name", 2, "stands twice"),
        ("name: D\ngate:\n  alpha: 0.1\n  alpha: 0.2\n", "alpha", 4, "stands twice"),
        ("name: D\nslug: other\n", "slug", 2, "the file's name"),
        ("name: D\nmin_traces: 5\n", "min_traces", 2, "belongs under `optimization:`"),
    ],
)
def test_a_mistake_is_named_with_file_line_and_key(
    tmp_path: Path, text: str, key: str, line: int | None, problem: str
) -> None:
    with pytest.raises(ProgramFileError) as caught:
        load_program_file(write(tmp_path, text))
    error = caught.value
    assert (error.key, error.line) == (key, line)
    assert problem in str(error)
    assert str(error).startswith("draft.yaml")
    assert "\n" not in str(error)


@pytest.mark.parametrize("text", ["", "- a\n", "name: [\n", "just text\n", "\x00", "start_date: 2025-13-45\n"])
def test_what_is_no_mapping_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ProgramFileError, match=r"draft\.yaml"):
        load_program_file(write(tmp_path, text))


def test_a_file_name_that_cannot_be_a_dag_id_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ProgramFileError, match="rename it"):
        load_program_file(write(tmp_path, "name: D\n", "My Draft.yaml"))


def test_environment_and_overrides_are_laid_over_the_file(tmp_path: Path) -> None:
    file = write(tmp_path, "name: D\noptimization:\n  min_traces: 5\n  max_traces: 10\n")
    environ = {"TELEPROMPT_PROGRAM__OPTIMIZATION__MAX_TRACES": "20", "TELEPROMPT_PROGRAM__SCHEDULE": "none"}
    config = load_program_file(file, environ=environ, overrides={"optimization": {"min_traces": 7}})
    assert (config.optimization.min_traces, config.optimization.max_traces, config.cron) == (7, 20, None)


def test_a_mistyped_override_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ProgramFileError, match="did you mean"):
        load_program_file(write(tmp_path, "name: D\n"), environ={"TELEPROMPT_PROGRAM__SHEDULE": "none"})


@pytest.mark.parametrize(
    ("schedule", "cron"),
    [
        ("daily", "0 0 * * *"),
        ("weekly", "0 0 * * 1"),
        ("monthly", "0 0 1 * *"),
        ("5 4 * * *", "5 4 * * *"),
        ("none", None),
    ],
)
def test_schedules(schedule: str, cron: str | None) -> None:
    assert ProgramConfig(name="D", slug="d", schedule=schedule).cron == cron


def test_only_what_changes_results_changes_the_fingerprint() -> None:
    base = ProgramConfig(name="D", slug="d")
    same = ProgramConfig(name="D", slug="d", schedule="daily", description="x", num_threads=4, new_traces=9000)
    other = ProgramConfig.model_validate({"name": "D", "slug": "d", "optimization": {"min_quality_score": 0.8}})

    def fingerprint(config: ProgramConfig, code: str = "0" * 64, **lm: object) -> str:
        return config.fingerprint(code_digests=[code], lm=LMConfig.model_validate(lm))

    assert fingerprint(same) == fingerprint(base) == fingerprint(base, timeout_seconds=5)
    others = [fingerprint(other), fingerprint(base, code="1" * 64), fingerprint(base, temperature=0.5)]
    assert len({fingerprint(base), *others}) == 4


@pytest.mark.parametrize("name", ["O'Brien", "email.draft", "a/b", "a:b", "50% off", 'q"x', " a", "a\u200bb", ""])
def test_a_name_that_mlflow_cannot_register_is_refused(name: str) -> None:
    with pytest.raises(ValidationError):
        ProgramConfig(name=name, slug="d")


@pytest.mark.parametrize("schedule", ["* * * * * *", "R R * * *", "0 0 31 2 *", "@daily", "61 * * * *"])
def test_what_airflow_could_not_schedule_is_refused(schedule: str) -> None:
    with pytest.raises(ValidationError, match="cron expression"):
        ProgramConfig(name="D", slug="d", schedule=schedule)


def test_new_traces_that_could_never_start_a_run_are_refused() -> None:
    with pytest.raises(ValidationError, match="never have enough"):
        ProgramConfig(name="D", slug="d", new_traces=200)


def test_a_bad_override_names_where_it_came_from(tmp_path: Path) -> None:
    file = write(tmp_path, "name: D\n")
    with pytest.raises(ProgramFileError, match="set by this run's form"):
        load_program_file(file, overrides={"optimization": {"min_traces": 0}})


def test_a_program_is_found_by_file_or_by_name(tmp_path: Path) -> None:
    file = write(tmp_path, "name: Draft Writer\n")
    write(tmp_path, "nonsense: 1\n", "broken.yaml")
    assert find_program_file(tmp_path, "draft") == find_program_file(tmp_path, "Draft Writer") == file
    with pytest.raises(ConfigurationError, match="known: broken, draft"):
        find_program_file(tmp_path, "other")


@pytest.mark.parametrize(
    ("yaml", "problem"),
    [
        ("rollout: {share: 0.1}\nwatch: {enabled: false}\n", "a rollout is decided by the watch"),
        ("rollout: {share: 0.1, claim_days: 20, minimum_days: 15}\n", "the 3 whole weeks of minimum_days do not fit"),
        ("approval: {}\noptimization: {enable_deltaone_check: false}\n", "follow the DeltaOne check"),
        ("gate: {guardrails: [{metric: tokens, direction: higher}]}\n", "tokens is better when it is lower"),
        ("gate: {guardrails: [{metric: a}, {metric: a}]}\n", "each guardrail may be named once"),
        ("gate: {guardrails: [{metric: a, tolerance: much}]}\n", "tolerance"),
        ("watch: {schedule: sometimes}\n", "watch.schedule 'sometimes' is not daily"),
    ],
)
def test_what_could_never_work_is_refused(tmp_path: Path, yaml: str, problem: str) -> None:
    with pytest.raises(ProgramFileError, match=re.escape(problem)):
        load_program_file(write(tmp_path, f"name: P\n{yaml}"))


@pytest.mark.parametrize(
    ("schedule", "looks"), [("daily", 365), ("weekly", 52), ("monthly", 12), ("none", 52), ("0 0 1 1 *", 1)]
)
def test_alpha_is_shared_out_among_the_runs_of_a_year(tmp_path: Path, schedule: str, looks: int) -> None:
    config = load_program_file(write(tmp_path, f'name: P\nschedule: "{schedule}"\n'))
    assert config.looks_a_year == looks


def test_all_that_is_wrong_is_named_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = "name: P\noutcome: {metric: r, matric: x}\ngate: {alpha: 7}\nscheduel: daily\n"
    (tmp_path / "p.yaml").write_text(text)
    with pytest.raises(ProgramFileError) as error:
        load_program_file(tmp_path / "p.yaml", environ={})
    name = program_name_of(tmp_path / "p.yaml")
    assert error.value.each == (
        f"{name}:2: `outcome.matric`: unknown key; did you mean `metric`?",
        f"{name}:3: `gate.alpha`: Input should be less than 0.5 (got 7); correct the value.",
        f"{name}:4: `scheduel`: unknown key; did you mean `schedule`?",
    )
    assert str(error.value) == f"{error.value.each[0]} Wrong, too: `gate.alpha`, `scheduel`."


EXPLORES = "name: D\npromote_on: outcome\nexplore: {epsilon: 0.1}\ntrial: none\ncuration: []\n"


def test_explored_calls_may_promote_on_the_outcome(tmp_path: Path) -> None:
    config = load_program_file(write(tmp_path, EXPLORES))
    assert (config.is_off_policy, config.compares, config.promotes_on) == (True, "outcome", "outcome")
    plain = load_program_file(write(tmp_path, EXPLORES.replace("promote_on: outcome\n", "")))
    assert (plain.is_off_policy, plain.compares) == (False, "agreement")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (("curation: []", "curation: [{step: duplicates}]"), "curation leaves some out"),
        (("trial: none\n", ""), "write `trial: none`"),
        (("epsilon: 0.1", "epsilon: 0.9"), "less than or equal to 0.5"),
        (("{epsilon: 0.1}", "{epsilon: 0.1, answers: [a, a]}"), "two different answers or more"),
        (("trial: none", "trial: none\nrollout: {share: 0.1}"), "explore beside a rollout"),
        (("trial: none", "trial: none\ngate: {guardrails: [{metric: tokens}]}"), "no guardrails yet"),
        (("trial: none", "trial: none\ntraces: {labels: expectation}"), "needs the logged answers"),
    ],
)
def test_what_cannot_be_estimated_from_explored_calls_is_refused(
    tmp_path: Path, change: tuple[str, str], why: str
) -> None:
    with pytest.raises(ProgramFileError, match=why):
        load_program_file(write(tmp_path, EXPLORES.replace(*change)))


@pytest.mark.parametrize(
    ("rollout", "why"),
    [
        ("{shadow: true}", "of a rollout with a share; name it"),
        ("{guardrails: [{metric: failure_rate}]}", "of a rollout with a share; name it"),
        ("{share: 0.1, guardrails: [{metric: tokens}]}", "watch latency_seconds and failure_rate, not tokens"),
        (
            "{share: 0.1, shadow: true, minimum_days: 28}",
            "the 5 whole weeks of minimum_days and of the shadow do not fit",
        ),
    ],
)
def test_a_rollout_that_cannot_be_is_refused(tmp_path: Path, rollout: str, why: str) -> None:
    with pytest.raises(ProgramFileError, match=why):
        load_program_file(write(tmp_path, f"name: D\nrollout: {rollout}\n"))


@pytest.mark.parametrize("names", ["[D]", "[A, A]"])
def test_a_program_learns_from_others_each_once(tmp_path: Path, names: str) -> None:
    with pytest.raises(ProgramFileError, match="learn_from names other programs, each once"):
        load_program_file(write(tmp_path, f"name: D\nlearn_from: {names}\n"))
