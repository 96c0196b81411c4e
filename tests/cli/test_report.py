"""`teleprompt report` over real runs."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from teleprompt.config.settings import Settings
from teleprompt.pipeline.pipeline import Pipeline
from teleprompt.pipeline.whole_run import run_all_stages
from tests.support import WEEK, local_signer, log_shelf_calls


@pytest.fixture
def promoted(call, settings: Settings, tmp_path: Path) -> None:
    """A run that promoted a version just now, of traces of long ago."""
    log_shelf_calls(settings, count=160)
    own = settings.model_copy(update={"signer": local_signer(), "programs_dir": tmp_path / "programs"})
    run_all_stages(Pipeline.of_file(tmp_path / "programs/shelves.yaml", settings=own, window=WEEK))


@pytest.mark.usefixtures("promoted")
def test_what_a_week_brought_as_text_page_and_json(call, tmp_path: Path) -> None:
    said = call("report", "--html", str(tmp_path / "r.html"))
    assert said.status == 0
    assert "1 of 1 program improved (shelves by +" in said.out.splitlines()[0]
    assert "Version 2 is better by" in said.out
    assert "Credited: " in said.out
    assert "is better by" in (tmp_path / "r.html").read_text()
    found = call("report", "shelves", "--since", "1d", "--json").json
    assert found["headline"].endswith(said.out.splitlines()[0].partition(": ")[2])
    (improved,) = found["programs"][0]["improvements"]
    assert improved["compared"] == "agreement"
    assert sum(improved["credits_e6"].values()) == 1_000_000
    assert found["programs"][0]["traces"] > 100
    before = (datetime.now(UTC) - timedelta(days=1)).isoformat()
    assert "nothing was found to be better" in call("report", "--since", "4w", "--until", before).out


def test_wrong_periods_are_one_sentence(call) -> None:
    for arguments, problem in (
        (("--since", "0d"), "--since '0d' is not an ISO 8601 time"),
        (("--since", "2999-01-01"), "--since 2999-01-01 must be before now."),
        (("--since", "2026-01-02", "--until", "2026-01-01"), "must be before --until 2026-01-01"),
    ):
        refused = call("report", *arguments)
        assert refused.status == 2
        assert problem in refused.err


def test_a_file_that_cannot_be_used_is_named_and_the_others_are_reported(call, tmp_path: Path) -> None:
    (tmp_path / "programs/broken.yaml").write_text("name: B\nnope: 1\n")
    said = call("report")
    assert "1 program file cannot be used" in said.out.splitlines()[0]
    assert "broken: left out" in said.out
