"""A candidate on trial: window after window of one program, with real models, runs and files."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from teleprompt.attest.published import read_trust
from teleprompt.attest.stored import AttestationStore
from teleprompt.audit.attested_run import AttestedRun
from teleprompt.audit.verify_deep import verify_deep
from teleprompt.config.files import load_program_file
from teleprompt.config.fleet import FleetConfig
from teleprompt.config.program import ProgramConfig
from teleprompt.config.settings import Settings
from teleprompt.deltaone.report import Verdict
from teleprompt.errors import ConfigurationError, NothingBetterError, WindowDoesNotCountError
from teleprompt.gate.comparison import compared_answers, recompute
from teleprompt.gate.trial_ledger import abandon_trial, list_fleet, list_trials, pause_trial, resume_trial
from teleprompt.gate.trial_policies import number_of_next, relatives_of
from teleprompt.gate.trial_records import EndedBy, KnownTrial
from teleprompt.pipeline.pipeline import Pipeline
from teleprompt.pipeline.whole_run import Outcome, run_all_stages
from teleprompt.queries.backfill_preview import BackfillPreview, Role, preview_backfill
from teleprompt.queries.fleet import read_fleet
from teleprompt.queries.history import list_runs
from teleprompt.queries.trials import read_trials
from teleprompt.registry.audit_trail import AuditAction, read_trail
from teleprompt.tracking.connection import mlflow_client
from teleprompt.window import Window, format_utc
from tests.support import WEEK, log_shelf_calls, write_program

WEEKS = 20
"""Before the support's week, so that none lies in the future."""
CALLS = 34
"""Of a week; too few for a verdict in the first one."""


def week(number: int) -> Window:
    ahead = timedelta(days=7 * (number - WEEKS))
    return Window(start=WEEK.start + ahead, end=WEEK.end + ahead)


class Weeks:
    """A program with calls in each of some weeks."""

    def __init__(self, settings: Settings, folder: Path, *, calls: Sequence[int], yaml: str = "") -> None:
        self.settings = settings
        self.yaml = "name: Shelves\noptimization:\n  min_traces: 20\n"
        self.file = write_program(folder, yaml=self.yaml + yaml)
        self.stages: list[str] = []
        for k, count in enumerate(calls):
            log_shelf_calls(settings, count=count, window=week(k), first=1000 * k)

    def pipeline(self, number: int) -> Pipeline:
        return Pipeline.of_file(self.file, settings=self.settings, window=week(number))

    def run(self, number: int) -> Outcome:
        self.stages = []
        return run_all_stages(self.pipeline(number), on_stage=lambda name, _of: self.stages.append(name))

    @property
    def config(self) -> ProgramConfig:
        return load_program_file(self.file)

    def backfill(self, first: int, last: int) -> BackfillPreview:
        with mlflow_client(self.settings.tracking_uri) as client:
            return preview_backfill(client, self.config, start=week(first).start, end=week(last).start)

    def requests_of_the_gate(self, number: int) -> int:
        with mlflow_client(self.settings.tracking_uri) as client:
            runs = list_runs(client, program="Shelves")
        return next(run.spend["gate"].calls for run in runs if run.window_start == format_utc(week(number).start))

    def trials(self) -> list[KnownTrial]:
        with mlflow_client(self.settings.tracking_uri) as client:
            return list_trials(client, "Shelves")


def test_the_evidence_of_windows_adds_up_until_it_promotes(settings: Settings, tmp_path: Path) -> None:
    weeks = Weeks(settings, tmp_path / "programs", calls=[CALLS] * 5)
    first = weeks.run(0).comparison
    assert first is not None
    assert first.report.verdict is Verdict.INCONCLUSIVE
    assert "compile seed 0" in weeks.stages
    counts, second = [first.report.n], []
    for number in range(1, 5):
        outcome = weeks.run(number)
        assert weeks.stages[:3] == ["collect", "baseline", "gate"]  # nothing new is compiled
        assert outcome.comparison is not None
        assert outcome.comparison.optimized_state == first.optimized_state
        assert outcome.comparison.report == recompute(outcome.comparison)
        counts.append(outcome.comparison.report.n)
        second += [outcome.comparison] if number == 1 else []
        if outcome.version is not None:
            break
    assert counts == sorted(counts)
    assert outcome.attestation is not None
    with mlflow_client(settings.tracking_uri) as client:
        store = AttestationStore(client, read_trust(settings, client))
        attested = AttestedRun(store.client, store.find(outcome.attestation.attestation_id))
        assert [check.name for check in verify_deep(attested) if not check.holds] == []
        document = attested.attestation
        assert document.evidence is not None
        assert document.evidence.kind == "offline"
        assert document.evidence.trial is not None
        assert document.evidence.trial.windows == len(counts)
        assert document.data is not None
        assert document.data.snapshot_digest == attested.snapshot.digest  # that of the week that it was compiled from
        assert attested.snapshot.window == week(0)
        used = sum(person.used.gate for person in document.contributors if person.used)
        assert used == document.evidence.n == len(compared_answers(attested.comparison))
        parts = [entry.part for entry in attested.trail()]
        assert parts.count("gate") == used
        (summary,) = read_trials(client, load_program_file(weeks.file))
        assert (summary.state, summary.windows, summary.n) == ("promote", len(counts), counts[-1])
        assert [point.n for point in summary.path] == counts
        assert [weeks.run(k).comparison for k in (1, 0)] == [*second, first]  # done again, it changes nothing
        deeds = [entry.deed for entry in read_trail(client, "Shelves")]
        assert (deeds.count(AuditAction.OPEN_TRIAL), deeds.count(AuditAction.END_TRIAL)) == (1, 1)


def test_an_earlier_window_does_not_count_and_a_gap_is_waited_for(settings: Settings, tmp_path: Path) -> None:
    weeks = Weeks(settings, tmp_path / "programs", calls=(CALLS, CALLS, CALLS, 160))
    weeks.run(1)
    with pytest.raises(WindowDoesNotCountError, match="only those at or after that one count"):
        weeks.run(0)
    ahead = weeks.run(3)
    assert ahead.comparison is not None
    assert (ahead.comparison.report.verdict, ahead.version) == (Verdict.INCONCLUSIVE, None)
    assert f"promote by these figures, but not before the window {week(2)} is scored" in ahead.comparison.report.reason
    assert ahead.comparison.report == recompute(ahead.comparison)
    filled = weeks.run(2)
    assert filled.version is not None
    (trial,) = weeks.trials()
    assert [scored.window for scored in trial.windows] == [week(k) for k in (1, 2, 3)]


def test_another_champion_or_other_terms_end_it_and_a_new_one_begins(settings: Settings, tmp_path: Path) -> None:
    weeks = Weeks(settings, tmp_path / "programs", calls=[CALLS] * 2)
    first = weeks.run(0).comparison
    assert first is not None
    weeks.file.write_text(f"{weeks.yaml}  deltaone_threshold: 0.02\n")
    weeks.run(1)
    assert "compile seed 0" in weeks.stages
    old, new = weeks.trials()
    assert old.ending is not None
    assert (old.ending.how, old.ending.why) == (EndedBy.SUPERSEDED, "the policy changed since it was opened")
    assert (new.opening.number, new.is_open) == (2, True)
    assert new.opening.policy.level == pytest.approx(old.opening.policy.level / 3)
    with mlflow_client(settings.tracking_uri) as client:
        client.delete_run(weeks.trials()[1].run_id)  # a trial outlives the run that opened it
        ending = abandon_trial(client, "Shelves", who="ann", why="the prompt was wrong")
        assert (ending.how, ending.why) == (EndedBy.ABANDONED, "the prompt was wrong (ann)")
        assert read_trials(client, weeks.config)[0].explanation[-1] == f"It has ended: {ending.in_words}."
        with pytest.raises(ConfigurationError, match="A reason of 3,000 characters is too long"):
            abandon_trial(client, "Shelves", who="ann", why="x" * 3000)
        with pytest.raises(ConfigurationError, match="No trial of Shelves goes on"):
            abandon_trial(client, "Shelves", who="ann", why="again")
        experiment = client.get_experiment_by_name("teleprompt/Shelves").experiment_id
        client.rename_experiment(experiment, "put aside")
        client.delete_experiment(experiment)
        assert number_of_next(list_trials(client, "Shelves")) == 3  # nothing of that begins the count anew
        assert relatives_of("Renamed", new.opening.terms, list_fleet(client)) == 2
        assert relatives_of("Shelves", new.opening.terms, list_fleet(client)) == 0


def test_a_trial_explains_itself_and_scores_nothing_while_it_is_paused(settings: Settings, tmp_path: Path) -> None:
    weeks = Weeks(settings, tmp_path / "programs", calls=[CALLS] * 2)
    weeks.run(0)
    with mlflow_client(settings.tracking_uri) as client:
        explained = read_trials(client, weeks.config)[0].explanation
        assert explained[0].startswith(f"The candidate of {week(0)} is compared with version 1 (1.0.0) since ")
        assert explained[1].endswith("of its year: without a gain it is promoted with a probability of at most 1.2 %.")
        assert explained[-1].startswith("If the gain stays at +")
        pause_trial(client, "Shelves", who="ann", why="the labels are being corrected")
        with pytest.raises(ConfigurationError, match=r"paused already, by ann at .*: the labels are being corrected"):
            pause_trial(client, "Shelves", who="bob", why="again")
        with pytest.raises(
            WindowDoesNotCountError, match=r"its trial is paused by ann .*; after `teleprompt trial resume`"
        ):
            weeks.run(1)
        (trial,) = weeks.trials()
        assert (trial.is_open, len(trial.windows)) == (True, 1)
        sentences = read_trials(client, weeks.config)[0].explanation
        assert any(sentence.startswith("It is paused by ann") for sentence in sentences)
        assert [planned.role for planned in weeks.backfill(-1, 1).windows] == [Role.TOO_FEW, Role.DONE, Role.PAUSED]
        resume_trial(client, "Shelves", who="bob", why="they are")
        preview = weeks.backfill(0, 1)
        assert [planned.role for planned in preview.windows] == [Role.DONE, Role.ADDS]
        assert preview.windows[1].requests == weeks.requests_of_the_gate(0)
        assert (preview.windows_before, preview.window_after(2)) == (1, week(1))
        with pytest.raises(ConfigurationError, match="The trial of Shelves is not paused"):
            resume_trial(client, "Shelves", who="bob", why="again")
        outcome = weeks.run(1)
        assert outcome.comparison is not None
        (trial,) = weeks.trials()
        assert (trial.pause, len(trial.windows)) == (None, 2)
        deeds = [(entry.deed, entry.who) for entry in read_trail(client, "Shelves")]
        assert deeds.index((AuditAction.PAUSE_TRIAL, "ann")) < deeds.index((AuditAction.RESUME_TRIAL, "bob"))


def test_a_fleet_asks_for_more_evidence_than_one_program(settings: Settings, tmp_path: Path) -> None:
    fleet = FleetConfig(fdr=0.05, trials_a_year=10)
    weeks = Weeks(settings.model_copy(update={"fleet": fleet}), tmp_path / "programs", calls=[CALLS])
    weeks.run(0)
    (trial,) = weeks.trials()
    assert (trial.opening.policy.level, trial.opening.policy.first_look_share) == (0.005, 0)
    year = trial.opening.opened_at.year
    with mlflow_client(settings.tracking_uri) as client:
        found = read_fleet(client, year=year, fdr=0.05, family=10)
        (line,) = found.trials
        assert (line.program, line.state, line.level, line.holds) == ("Shelves", "open", 0.005, False)
        assert (found.promotions, found.false_at_most, found.family) == (0, 0.005, 10)
        assert read_fleet(client, year=year - 1, fdr=0.05, family=None).trials == ()
        abandon_trial(client, "Shelves", who="ann", why="another one")
    weeks.settings = settings.model_copy(update={"fleet": FleetConfig(fdr=0.05, trials_a_year=1)})
    log_shelf_calls(settings, count=CALLS, window=week(1), first=5000)
    with pytest.raises(WindowDoesNotCountError, match=r"1 trials were opened in .*, as many as `fleet.trials_a_year`"):
        weeks.run(1)
    assert weeks.stages == ["collect", "baseline"]  # nothing was compiled for it


def test_a_candidate_that_was_on_trial_opens_no_other(settings: Settings, tmp_path: Path) -> None:
    weeks = Weeks(settings, tmp_path / "programs", calls=[CALLS], yaml="trial:\n  horizon: 1\n")
    weeks.run(0)
    (trial,) = weeks.trials()
    assert trial.ending is not None
    assert trial.ending.how is EndedBy.EXPIRED
    file = write_program(tmp_path / "again", yaml=f"{weeks.yaml}  timeout_seconds: 3600\ntrial:\n  horizon: 1\n")
    with pytest.raises(NothingBetterError, match="was on trial before, expired"):
        run_all_stages(Pipeline.of_file(file, settings=settings, window=week(0)))


def test_of_two_runs_at_once_one_opens_the_trial(settings: Settings, tmp_path: Path) -> None:
    weeks = Weeks(settings, tmp_path / "programs", calls=[CALLS] * 2)

    def counts(number: int) -> bool:
        try:
            run_all_stages(weeks.pipeline(number))
        except WindowDoesNotCountError:
            return False
        return True

    with ThreadPoolExecutor(2) as pool:
        counted = sum(pool.map(counts, range(2)))
    (trial,) = weeks.trials()
    assert len(trial.windows) == counted


def test_a_better_candidate_takes_the_place_where_that_is_asked_for(settings: Settings, tmp_path: Path) -> None:
    asked = "  options: {{max_labeled_demos: {shown}, max_bootstrapped_demos: 0}}\ntrial:\n  challenge: every_run\n"
    weeks = Weeks(settings, tmp_path / "programs", calls=[CALLS, 200], yaml=asked.format(shown=1))
    weeks.run(0)
    weeks.file.write_text(weeks.yaml + asked.format(shown=16))
    weeks.run(1)
    assert "compile seed 0" in weeks.stages
    first, second = weeks.trials()
    assert first.ending is not None
    assert first.ending.how is EndedBy.SUPERSEDED
    assert first.ending.why.startswith("challenged by another: ")
    assert second.opening.optimized_state != first.opening.optimized_state
    assert [scored.window for scored in second.windows] == [week(1)]


def test_without_trials_each_window_is_compared_on_its_own(settings: Settings, tmp_path: Path) -> None:
    weeks = Weeks(settings, tmp_path / "programs", calls=[CALLS] * 2, yaml="trial: none\n")
    compared = [weeks.run(0).comparison, weeks.run(1).comparison]
    assert [comparison is not None and comparison.trial for comparison in compared] == [None, None]
    assert "compile seed 0" in weeks.stages
    assert weeks.trials() == []
