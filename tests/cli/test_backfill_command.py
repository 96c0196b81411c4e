"""What somebody types before a backfill."""

from datetime import timedelta
from pathlib import Path

import pytest

from teleprompt.window import format_utc
from tests.support import WEEK

SPAN = ("--from", format_utc(WEEK.start - timedelta(days=7)), "--to", format_utc(WEEK.start))


@pytest.mark.usefixtures("promoted_store")
def test_windows_costs_and_the_command_of_airflow_are_shown(call) -> None:
    shown = call("backfill", "shelves", *SPAN)
    assert shown.status == 0, shown.err
    assert "is skipped: fewer calls than min_traces" in shown.out
    assert "is done; Airflow starts it again only if it is to reprocess" in shown.out
    assert "level     trial number 2 of its year: 0.00417 of 0.025" in shown.out
    assert "expected  a gain of 10 points shows not in this backfill" in shown.out
    found = call("backfill", "shelves", *SPAN, "--json").json
    assert [window["role"] for window in found["windows"]] == ["too_few", "done"]
    assert " ".join(found["command"]) in shown.out


@pytest.mark.usefixtures("promoted_store")
def test_it_starts_what_is_called_airflow(call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    airflow, asked = tmp_path / "airflow", tmp_path / "asked"
    airflow.write_text(f'#!/bin/sh\necho "$@" > {asked}\nexit 3\n')
    airflow.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert call("backfill", "shelves", *SPAN, "--start").status == 1  # as it ended
    assert asked.read_text().startswith("backfill create --dag-id teleprompt_shelves --from-date ")
    airflow.unlink()
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "`airflow` is not on the path" in call("backfill", "shelves", *SPAN, "--start").err
