import pytest

from dev.online_week import look_after_a_week
from dev.rollout import ROLLOUT
from teleprompt.config.files import load_program_file
from teleprompt.config.settings import Settings
from teleprompt.pipeline.pipeline import Pipeline
from teleprompt.pipeline.whole_run import run_all_stages
from teleprompt.production.report import WatchOutcome
from teleprompt.serving.choose import forget_versions
from teleprompt.window import Window
from tests import REPOSITORY
from tests.support import local_signer

FILE = REPOSITORY / "include/programs/email_draft.yaml"


def test_the_improved_example_is_promoted_by_the_outcomes_of_its_week(
    email_store: Settings, email_week: Window, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in ROLLOUT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("TELEPROMPT_TRACKING_URI", email_store.tracking_uri.get_secret_value())
    forget_versions()
    settings = email_store.model_copy(update={"signer": local_signer()})
    assert look_after_a_week(load_program_file(FILE), settings) is None  # no challenger yet
    run_all_stages(Pipeline.of_file(FILE, settings=settings, window=email_week))
    report = look_after_a_week(load_program_file(FILE), settings, calls=250)
    assert report is not None
    assert report.outcome is WatchOutcome.PROMOTED, report.why
    assert report.attestation is not None
    assert report.decision is not None
    assert report.decision.report.baseline.calls + report.decision.report.optimized.calls == 250
