"""Challengers, watches and rollbacks on real traces and a real registry."""

import json
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dspy
import pytest

from teleprompt import choose_version, load_program
from teleprompt.attest.bundle import check_bundle
from teleprompt.attest.stored import AttestationStore
from teleprompt.attest.verify import verify_attestation
from teleprompt.audit.attested_run import AttestedRun
from teleprompt.audit.verify_deep import verify_deep
from teleprompt.config.files import load_program_file
from teleprompt.deltaone.online_doubts import Doubt
from teleprompt.errors import TelepromptError
from teleprompt.lm.build import build_lm
from teleprompt.production.challenger import level_of_challenger
from teleprompt.production.look import Production
from teleprompt.production.report import ProductionReport, WatchOutcome
from teleprompt.queries.history import list_runs
from teleprompt.registry.aliases import SHARE, aliases_of
from teleprompt.registry.change_log import Action, Change, ChangeState, list_changes
from teleprompt.registry.changes import rollback
from teleprompt.registry.listing import list_versions
from teleprompt.registry.scoreboard import ScoreLine, scoreboard_of
from teleprompt.serving.choose import forget_versions
from teleprompt.storage.blobs import get_blob
from teleprompt.tracking.connection import mlflow_client
from tests.conftest import PromotedStore
from tests.support import local_signer, log_run, write_program

ROLLOUT = "name: Shelves\noptimization: {min_traces: 20}\nrollout: {share: 0.3}\noutcome: {maturity_days: 1}\n"
DIRECT = "name: Shelves\noptimization: {min_traces: 20}\nwatch: {on_regression: rollback}\n"


class World:
    """A store with a promoted version, and its serving side."""

    def __init__(self, store: PromotedStore, folder: Path, yaml: str) -> None:
        self.settings = store.settings.model_copy(update={"signer": local_signer()})
        self.file = write_program(folder, yaml=yaml)
        self.outcome = store.outcome
        self.promoted = self.outcome.version.version_id
        self.now = store.at

    def look(self, *, days: float = 0) -> ProductionReport:
        config = load_program_file(self.file)
        return Production(config, self.settings, "test").look(now=self.now + timedelta(days=days))

    def serve(
        self,
        version: str,
        *,
        good: int,
        bad: int,
        missing: int = 0,
        days: float = 0,
        start: float = 0,
        keyed: bool = True,
    ) -> None:
        """Calls of `version`, each of a key of its own, within `days` from now (or the other way)."""
        with mlflow_client(self.settings.tracking_uri) as client:
            experiment = client.get_experiment_by_name("shop").experiment_id
            scores = [1.0] * good + [0.0] * bad + [None] * missing
            for i, score in enumerate(random.Random(0).sample(scores, len(scores))):
                at = self.now + timedelta(days=start) + timedelta(days=days) * (i + 1) / (good + bad + missing + 1)
                run = log_run(
                    client,
                    experiment,
                    program="Shelves",
                    at=at,
                    inputs={"thing": f"late {version} {i}"},
                    outputs={"shelf": "left"},
                    metrics={} if score is None else {"outcome_score": score},
                )
                client.set_tag(run, "dspy_program_version", version)
                if keyed:
                    client.set_tag(run, "group", f"customer {version} {i} {start}")

    def aliases(self) -> dict[str, int]:
        with mlflow_client(self.settings.tracking_uri) as client:
            return aliases_of(client, "Shelves")


@pytest.fixture(scope="module")
def _rollout(tmp_path_factory: pytest.TempPathFactory, _empty_store: Path) -> PromotedStore:
    return PromotedStore.make(tmp_path_factory.mktemp("rollout"), _empty_store, yaml=ROLLOUT)


@pytest.fixture
def rollout(_rollout: PromotedStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    _rollout.place.rewind()
    return serving(World(_rollout, tmp_path / "programs", ROLLOUT), monkeypatch)


@pytest.fixture
def direct(promoted_store: PromotedStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    return serving(World(promoted_store, tmp_path / "programs", DIRECT), monkeypatch)


def serving(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setenv("TELEPROMPT_TRACKING_URI", world.settings.tracking_uri.get_secret_value())
    forget_versions()
    return world


def test_a_challenger_answers_its_share_and_the_same_keys_each_time(rollout: World) -> None:
    assert rollout.aliases() == {"champion": 1, "challenger": 2}
    assert rollout.outcome.attestation is None
    chosen = {str(key): choose_version("Shelves", str(key)) for key in range(1000)}
    share = sum(version.alias == "challenger" for version in chosen.values()) / 1000
    assert 0.25 < share < 0.35
    assert {version.challenger_share for version in chosen.values()} == {0.3}  # whoever answers
    forget_versions()
    assert all(choose_version("Shelves", key) == version for key, version in chosen.items())
    assert {version.version_id for version in chosen.values()} == {"1.0.0", rollout.promoted}


def test_serving_goes_on_while_the_registry_is_away(direct: World, monkeypatch: pytest.MonkeyPatch) -> None:
    now = choose_version("Shelves", "anna")
    monkeypatch.setattr("teleprompt.serving.choose.FRESH_SECONDS", 0)
    database = Path(direct.settings.tracking_uri.get_secret_value().removeprefix("sqlite:///"))
    database.rename(database.with_suffix(".away"))
    database.mkdir()
    assert choose_version("Shelves", "anna") == now
    database.rmdir()
    database.with_suffix(".away").rename(database)


def test_a_challenger_that_proves_itself_is_promoted_and_attested_with_online_evidence(rollout: World) -> None:
    rollout.serve("1.0.0", good=60, bad=140, days=14)
    rollout.serve(rollout.promoted, good=70, bad=10, days=14)
    assert rollout.look().outcome is WatchOutcome.UNDECIDED  # nothing is mature yet
    report = rollout.look(days=16)
    assert (report.outcome, report.decision.report.test) == (WatchOutcome.PROMOTED, "delta_method")
    assert rollout.aliases() == {"champion": 2, "previous": 1}
    data = get_blob(report.attestation.blob)
    assert verify_attestation(data, require_signature=True).valid
    assert b'"kind": "online"' in data
    assert b'"n_optimized": 80' in data
    with mlflow_client(rollout.settings.tracking_uri) as client:
        (kept,) = AttestationStore(client).list()
        assert kept.attestation_id == report.attestation.attestation_id
        attested = AttestedRun(client, AttestationStore(client).find(kept.attestation_id))
        bundle = json.dumps(attested.bundle()).encode()
        assert check_bundle(attested.attestation, bundle).in_words == (
            "promote, and each figure of the evidence, from 280 calls of 280 keys"
        )
        assert b"customer" not in bundle
        assert all(check.holds for check in verify_deep(attested))
        assert [c.action for c in list_changes(client, "Shelves")] == [
            Action.PROMOTE,
            Action.CHALLENGE,
            Action.BASELINE,
        ]
    (line,) = score_of(rollout)
    assert (line.online.outcome, line.online.beside, line.misled) == ("promoted", "champion", False)
    assert rollout.look(days=17).outcome is WatchOutcome.UNDECIDED  # as champion it has no calls yet


def test_calls_without_their_key_decide_nothing(rollout: World) -> None:
    rollout.serve("1.0.0", good=60, bad=140, days=14)
    rollout.serve(rollout.promoted, good=70, bad=10, days=14, keyed=False)
    report = rollout.look(days=16)
    assert (report.outcome, report.decision.report.blocked[:15]) == (WatchOutcome.UNDECIDED, Doubt.KEYS_NOT_LOGGED)
    assert "log the key of `choose_version` as `group`" in report.why


def test_a_challenger_with_more_than_its_share_is_not_compared(rollout: World) -> None:
    rollout.serve("1.0.0", good=60, bad=140, days=14)
    rollout.serve(rollout.promoted, good=180, bad=20, days=14)
    report = rollout.look(days=16)
    assert (report.outcome, report.decision.report.blocked[:12]) == (WatchOutcome.UNDECIDED, Doubt.SAMPLE_RATIO)


RAMP = ROLLOUT.replace("share: 0.3", "share: [0.3, 0.5, 0.8]")


def share_of(world: World) -> float:
    with mlflow_client(world.settings.tracking_uri) as client:
        return float(client.get_model_version("Shelves", "2").tags[SHARE])


def test_a_share_rises_each_week_without_a_sign_of_harm_and_is_taken_back_where_there_is_one(rollout: World) -> None:
    write_program(rollout.file.parent, yaml=RAMP)
    rollout.serve("1.0.0", good=70, bad=70, days=7)
    rollout.serve(rollout.promoted, good=33, bad=27, days=7)
    assert rollout.look(days=6).outcome is WatchOutcome.UNDECIDED
    assert share_of(rollout) == 0.3  # the week is not over
    report = rollout.look(days=8.5)
    assert (report.outcome, share_of(rollout)) == (WatchOutcome.UNDECIDED, 0.5)
    assert report.why.startswith("share 0.3 -> 0.5, with no sign of harm: +5.00 points")
    rollout.look(days=9)
    assert share_of(rollout) == 0.5  # once a week
    rollout.serve("1.0.0", good=60, bad=40, start=8.5, days=6)
    rollout.serve(rollout.promoted, good=40, bad=60, start=8.5, days=6)
    report = rollout.look(days=16)
    assert (share_of(rollout), "with a sign of harm" in report.why) == (0.3, True)
    with mlflow_client(rollout.settings.tracking_uri) as client:
        assert [change.action for change in list_changes(client, "Shelves")[:2]] == [Action.RAMP, Action.RAMP]


GUARDED = RAMP.replace("}", ", guardrails: [{metric: failure_rate, tolerance: 0.05}]}", 2).replace(
    "min_traces: 20, guardrails: [{metric: failure_rate, tolerance: 0.05}]", "min_traces: 20"
)


def fail_calls(world: World, *, since: float) -> None:
    """Every second call of the challenger since then has failed."""
    with mlflow_client(world.settings.tracking_uri) as client:
        experiment = client.get_experiment_by_name("shop").experiment_id
        condition = f"tags.dspy_program_version = '{world.promoted}'"
        late = (world.now + timedelta(days=since)).timestamp() * 1000
        runs = client.search_runs([experiment], condition, max_results=1000)
        for run in [run for run in runs if run.info.start_time >= late][::2]:
            client.set_terminated(run.info.run_id, "FAILED", end_time=run.info.start_time + 1)


def test_a_guardrail_that_breaks_takes_the_share_back_at_once_and_from_the_first_step_the_challenger(
    rollout: World,
) -> None:
    write_program(rollout.file.parent, yaml=GUARDED)
    rollout.serve("1.0.0", good=70, bad=70, days=7)
    rollout.serve(rollout.promoted, good=33, bad=27, days=7)
    report = rollout.look(days=8.5)
    assert (share_of(rollout), [one.holds for one in report.guardrails]) == (0.5, [True])
    rollout.serve("1.0.0", good=20, bad=20, start=8.6, days=1)
    rollout.serve(rollout.promoted, good=20, bad=20, start=8.6, days=1)
    fail_calls(rollout, since=8.6)
    report = rollout.look(days=10)
    assert (report.outcome, share_of(rollout)) == (WatchOutcome.UNDECIDED, 0.3)
    assert report.why.startswith("share 0.5 -> 0.3, with a guardrail broken: failure_rate 0 -> 0.5, at most 0.05")
    rollout.serve("1.0.0", good=20, bad=20, start=10.1, days=1)
    rollout.serve(rollout.promoted, good=20, bad=20, start=10.1, days=1)
    fail_calls(rollout, since=10.1)
    report = rollout.look(days=12)
    assert report.outcome is WatchOutcome.WITHDRAWN
    assert report.why.startswith("a guardrail of production does not hold: failure_rate")
    assert rollout.aliases() == {"champion": 1}
    with mlflow_client(rollout.settings.tracking_uri) as client:
        (watched,) = [line.watched for line in list_versions(client, "Shelves") if line.watched]
    assert watched.startswith("does not hold: failure_rate 0 -> 0.5")


def test_a_challenger_leaves_the_shadow_after_a_whole_week(rollout: World) -> None:
    write_program(rollout.file.parent, yaml=RAMP.replace("rollout: {", "rollout: {shadow: true, "))
    with mlflow_client(rollout.settings.tracking_uri) as client:
        client.set_model_version_tag("Shelves", "2", SHARE, "0.0")
    rollout.serve("1.0.0", good=40, bad=40, days=7)
    rollout.look(days=6)
    assert share_of(rollout) == 0
    report = rollout.look(days=8.5)
    assert (report.outcome, share_of(rollout)) == (WatchOutcome.UNDECIDED, 0.3)


def test_a_challenger_that_does_worse_is_withdrawn(rollout: World) -> None:
    rollout.serve("1.0.0", good=140, bad=60, days=14)
    rollout.serve(rollout.promoted, good=20, bad=60, days=14)
    assert rollout.look(days=16).outcome is WatchOutcome.WITHDRAWN
    assert rollout.aliases() == {"champion": 1}
    assert rollout.look(days=17).outcome is WatchOutcome.NOTHING


def test_a_challenger_nobody_calls_is_withdrawn_in_the_end(rollout: World) -> None:
    assert rollout.look(days=28.5).outcome is WatchOutcome.UNDECIDED  # its last outcomes are a day late
    late = rollout.look(days=30)
    assert (late.outcome, late.decision.report.optimized.calls) == (WatchOutcome.WITHDRAWN, 0)


def test_a_promotion_without_its_attestation_is_finished_by_the_next_look(
    rollout: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    rollout.serve("1.0.0", good=60, bad=140, days=14)
    rollout.serve(rollout.promoted, good=70, bad=10, days=14)
    with monkeypatch.context() as patched:
        patched.setattr("teleprompt.pipeline.online_attestation.issue_attestation", lambda *_a, **_k: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            rollout.look(days=16)
    assert rollout.aliases()["champion"] == 2
    rollout.look(days=17)
    with mlflow_client(rollout.settings.tracking_uri) as client:
        assert len(AttestationStore(client).list()) == 1


def test_the_record_without_its_document_is_finished_too(rollout: World, monkeypatch: pytest.MonkeyPatch) -> None:
    rollout.serve("1.0.0", good=60, bad=140, days=14)
    rollout.serve(rollout.promoted, good=70, bad=10, days=14)
    with monkeypatch.context() as patched:
        patched.setattr("teleprompt.pipeline.online_attestation.keep_attestation", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            rollout.look(days=16)
    rollout.look(days=17)
    with mlflow_client(rollout.settings.tracking_uri) as client:
        assert len(AttestationStore(client).list()) == 1


def test_only_new_outcomes_make_a_new_look_at_a_champion(direct: World) -> None:
    def alphas() -> list[float]:
        with mlflow_client(direct.settings.tracking_uri) as client:
            tags = client.get_model_version("Shelves", "2").tags
        (looks,) = [json.loads(value) for tag, value in tags.items() if tag.startswith("online_looks.")] or [{}]
        return looks.get("spent", [])

    direct.look()
    assert alphas() == []  # nothing was there to see
    direct.serve("1.0.0", good=10, bad=10, start=-3, days=2)
    direct.serve(direct.promoted, good=10, bad=10, days=2)
    for _ in range(3):
        direct.look(days=4)
    assert len(alphas()) == 1
    direct.serve(direct.promoted, good=5, bad=5, days=1, start=3)
    direct.look(days=6)
    assert len(alphas()) == 2


def test_a_challenger_is_judged_after_two_whole_weeks(rollout: World) -> None:
    rollout.serve("1.0.0", good=60, bad=140, days=14)
    rollout.serve(rollout.promoted, good=70, bad=10, days=14)
    early = rollout.look(days=14)  # of which the last day is not mature
    assert (early.outcome, early.decision.report.blocked[:9]) == (WatchOutcome.UNDECIDED, Doubt.TOO_SHORT)
    assert rollout.look(days=15.1).outcome is WatchOutcome.PROMOTED


def test_a_gain_that_is_ruled_out_withdraws(rollout: World) -> None:
    rollout.file.write_text(ROLLOUT.replace("{min_traces: 20}", "{min_traces: 20, deltaone_threshold: 0.5}"))
    rollout.serve("1.0.0", good=100, bad=100, days=14)
    rollout.serve(rollout.promoted, good=44, bad=36, days=14)
    report = rollout.look(days=16)
    assert report.outcome is WatchOutcome.WITHDRAWN
    assert "ruled out" in report.why


def test_calls_say_by_which_key_and_share_they_were_answered(rollout: World) -> None:
    """Those of a process that did not know of the challenger yet were made at a share of 0, and are not compared."""
    rollout.serve("1.0.0", good=60, bad=140, days=14)
    rollout.serve(rollout.promoted, good=70, bad=10, days=14)
    with mlflow_client(rollout.settings.tracking_uri) as client:
        experiment = client.get_experiment_by_name("shop").experiment_id
        runs = client.search_runs([experiment], "tags.dspy_program_version = '1.0.0'", max_results=1000)
        late = [run for run in runs if run.info.start_time >= rollout.now.timestamp() * 1000]
        for i, run in enumerate(late):
            client.set_tag(run.info.run_id, "teleprompt.assignment_key", f"by key {i // 2}")
            client.set_tag(run.info.run_id, "teleprompt.assignment_share", "0.0" if i < 20 else "0.3")
    arm = rollout.look(days=16).decision.report.baseline
    assert (arm.calls, arm.keys) == (180, 90)


def test_an_outcome_that_was_redefined_cannot_be_compared_and_is_said(rollout: World) -> None:
    rollout.file.write_text(ROLLOUT.replace("outcome: {", "outcome: {metric: thumbs_up, "))
    with pytest.raises(TelepromptError, match="was outcome_score when its version was made and is thumbs_up now"):
        rollout.look(days=4)


def test_the_watch_survives_a_deleted_pipeline_run_once_it_needs_none(direct: World) -> None:
    with mlflow_client(direct.settings.tracking_uri) as client:
        (run,) = list_runs(client)
        client.delete_run(run.run_id)
    assert direct.look(days=100).outcome is WatchOutcome.NOTHING
    with pytest.raises(TelepromptError, match="is not in MLflow any more"):
        direct.look(days=3)


def test_a_challenger_that_nobody_wrote_down_is_withdrawn(rollout: World) -> None:
    with mlflow_client(rollout.settings.tracking_uri) as client:
        client.delete_registered_model_alias("Shelves", "challenger")
        client.set_registered_model_alias("Shelves", "challenger", "1")
    assert rollout.look(days=3).outcome is WatchOutcome.WITHDRAWN


def test_late_outcomes_join_their_calls(rollout: World) -> None:
    rollout.serve("1.0.0", good=60, bad=140, days=14)
    rollout.serve(rollout.promoted, good=0, bad=0, missing=80, days=14)
    early = rollout.look(days=15.5)
    assert (early.outcome, early.decision.report.optimized.missing) == (WatchOutcome.UNDECIDED, 80)
    with mlflow_client(rollout.settings.tracking_uri) as client:
        experiment = client.get_experiment_by_name("shop").experiment_id
        condition = f"tags.dspy_program_version = '{rollout.promoted}'"
        for i, run in enumerate(client.search_runs([experiment], condition, max_results=1000)):
            client.log_metric(run.info.run_id, "outcome_score", float(i % 8 > 0))
    late = rollout.look(days=16)
    assert (late.outcome, late.decision.report.optimized.missing) == (WatchOutcome.PROMOTED, 0)


def test_a_regression_rolls_back_once_and_leaves_an_entry(direct: World) -> None:
    assert direct.aliases() == {"champion": 2, "previous": 1}
    direct.serve("1.0.0", good=150, bad=50, start=-41, days=40)
    direct.serve(direct.promoted, good=30, bad=70, days=3)
    report = direct.look(days=5)
    assert report.outcome is WatchOutcome.ROLLED_BACK
    assert "Beside it: in 8 periods before the promotion, with nothing changed, outcomes wandered by" in report.why
    assert direct.aliases() == {"champion": 1, "previous": 2}
    assert direct.look(days=6).outcome is WatchOutcome.NOTHING
    with mlflow_client(direct.settings.tracking_uri) as client:
        newest = list_changes(client, "Shelves")[0]
    assert (newest.action, newest.who) == (Action.ROLLBACK, "test")
    assert newest.why.startswith("regression in production: -41.11 points")

    (line,) = score_of(direct)
    assert (line.online.outcome, line.online.beside, line.online.delta_e6) == ("rolled_back", "before", -411_111)
    assert line.misled
    assert line.in_words.startswith(
        f"version {direct.promoted} had +58.62 points on sealed examples, and in production -41.11 ["
    )


def test_without_placebo_periods_a_regression_is_told_and_not_rolled_back(direct: World) -> None:
    direct.serve("1.0.0", good=150, bad=50, start=-6, days=5)
    direct.serve(direct.promoted, good=30, bad=70, days=3)
    report = direct.look(days=5)
    assert report.outcome is WatchOutcome.REGRESSED
    assert report.why.endswith("would tell how far they wander by themselves. So it is not rolled back.")
    assert direct.aliases() == {"champion": 2, "previous": 1}


def test_a_loss_no_larger_than_outcomes_wander_by_themselves_is_no_regression(direct: World) -> None:
    for period, good in enumerate((10, 30) * 4):  # of forty, every five days
        direct.serve("1.0.0", good=good, bad=40 - good, start=-40 + 5 * period, days=5)
    direct.serve(direct.promoted, good=25, bad=75, days=5)
    report = direct.look(days=5)
    assert report.decision.report.ci_high_e6 < 0
    assert report.outcome is WatchOutcome.STEADY
    assert "with nothing changed, outcomes wandered by" in report.why


def score_of(world: World) -> list[ScoreLine]:
    with mlflow_client(world.settings.tracking_uri) as client:
        return scoreboard_of(list_versions(client, "Shelves"))


def test_a_champion_that_does_well_stays(direct: World) -> None:
    direct.serve("1.0.0", good=100, bad=100, start=-6, days=5)
    assert direct.look(days=1).outcome is WatchOutcome.UNDECIDED
    direct.serve(direct.promoted, good=50, bad=45, days=3)
    assert direct.look(days=5).outcome is WatchOutcome.STEADY
    assert direct.look(days=40).outcome is WatchOutcome.NOTHING  # not watched any more


def test_back_and_forward_again_serve_the_right_version_each_time(direct: World) -> None:
    dspy_lm = build_lm(direct.settings.lm)

    def answer() -> str:
        with dspy.context(lm=dspy_lm):
            return load_program("Shelves")(thing="metal thing number 999").shelf

    with mlflow_client(direct.settings.tracking_uri) as client:
        learnt = answer()
        assert learnt == "right"  # what the demonstrations say
        by = {"who": "test", "why": "try"}
        rollback(client, "Shelves", **by)
        assert len(load_program("Shelves").demos) == 0
        rollback(client, "Shelves", to=2, **by)
    assert answer() == learnt
    assert len(load_program("Shelves").demos) > 0
    assert len(load_program("Shelves", version=1).demos) == 0
    assert len(load_program("Shelves", alias="previous").demos) == 0


def test_a_challenger_whose_run_was_deleted_is_withdrawn(rollout: World) -> None:
    with mlflow_client(rollout.settings.tracking_uri) as client:
        (run,) = list_runs(client)
        client.delete_run(run.run_id)
    assert rollout.look(days=3).outcome is WatchOutcome.WITHDRAWN
    assert rollout.aliases() == {"champion": 1}


def test_when_the_error_of_all_looks_is_used_up_no_regression_is_found(direct: World) -> None:
    """With `days: 1` one or two looks are planned; somebody looks by hand as well, each time at new outcomes."""
    write_program(direct.file.parent, yaml=DIRECT.replace("{on_regression", "{days: 1, on_regression"))
    direct.serve("1.0.0", good=100, bad=100, start=-0.9, days=0.8)
    for look in range(5):
        direct.serve(direct.promoted, good=2, bad=2, start=0.1 * look, days=0.1)
        assert direct.look(days=0.1 + 0.1 * look).outcome is WatchOutcome.STEADY
    direct.serve(direct.promoted, good=0, bad=200, start=0.6, days=0.1)
    assert direct.look(days=0.8).outcome is WatchOutcome.STEADY


def test_challengers_of_a_year_share_its_error() -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    changes = [
        Change(
            change_id=str(i), model="Shelves", action=Action.CHALLENGE, state=ChangeState.DONE, before={}, after={},
            who="test", why="", at=start + timedelta(days=28 * i),
        )
        for i in range(40)
    ]  # fmt: skip
    levels = [level_of_challenger(changes[::-1], one, alpha=0.05, claim_days=28) for one in changes]
    assert levels[0] == pytest.approx(0.05 * (1 / 14 + 1 / 2) / 4, abs=1e-6)
    assert all(sum(levels[i : i + 14]) <= 0.025 + 1e-9 for i in range(27))
    assert all(level > 0 for level in levels)
