"""`python -m dev.real [STRATEGY …]`: each strategy from logged calls to a verdict, with what the model said.

Takes about twenty minutes on two cores; after `LONGEST_SECONDS` no further strategy is begun, and that is said.
"""

import json
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from dev.real.model import REAL, TEXTS, TEXTS_VERSION, fetch, served_model
from dev.real.texts import Tweet, as_calls, read_tweets
from teleprompt.config.files import load_program_file
from teleprompt.config.settings import LMConfig, Settings
from teleprompt.environment import configure_third_party
from teleprompt.errors import TelepromptError
from teleprompt.window import Window

CALLS, SHOWN = 180, 4
LONGEST_SECONDS = 1800
OPTIONS = {
    "labeled_fewshot": "{max_labeled_demos: 16}",
    "bootstrap_fewshot": "{max_bootstrapped_demos: 4, max_labeled_demos: 16}",
    "bootstrap_fewshot_random": "{max_bootstrapped_demos: 4, max_labeled_demos: 16}",
    "knn_fewshot": "{k: 8, max_bootstrapped_demos: 0, max_labeled_demos: 100}",
    "ensemble": "{size: 3, max_bootstrapped_demos: 4, max_labeled_demos: 16}",
    "mipro": "{num_candidates: 3, num_trials: 4, max_bootstrapped_demos: 2, max_labeled_demos: 8, max_validation: 12}",
    "simba": "{bsize: 8, num_candidates: 2, max_steps: 2, max_demos: 4}",
    "copro": "{breadth: 3, max_examples: 12}",
    "gepa": "{max_metric_calls: 60, max_validation: 12}",
}
"""Each of a size that two cores can bear."""

YAML = """\
name: TweetFeeling {strategy}
entry_point: tweet_feeling:build
schedule: none
traces: {{source: traces}}
outcome: {{metric: confirmed, normalisation: boolean}}
split: {{train: 60, select: 14, gate: 60}}
trial: none                     # one window, compared on its own
optimization:
  strategy: {strategy}
  options: {options}
  optimization_rounds: 1
  num_candidates: 1
  min_traces: 100
  max_error_rate: 0.99          # what the model says without examples is mostly unreadable
  timeout_seconds: 420
"""


@dataclass(frozen=True)
class Result:
    """What became of a strategy; scores and changes in percentage points."""

    strategy: str
    verdict: str
    before: float | None = None
    after: float | None = None
    low: float | None = None
    high: float | None = None
    n: int | None = None
    calls: int | None = None
    seconds: float = 0.0
    note: str = ""


def main() -> int:
    """The exit status: 0 when each strategy that was begun came to a verdict."""
    configure_third_party()
    wanted = sys.argv[1:] or list(OPTIONS)
    unknown = sorted(set(wanted) - OPTIONS.keys())
    if unknown:
        print(f"Error: there is no strategy {unknown[0]!r} (known: {', '.join(OPTIONS)}).", file=sys.stderr)
        return 2
    REAL.mkdir(parents=True, exist_ok=True)
    texts = fetch()
    tweets = read_tweets(texts)
    source = REAL / f"{TEXTS}-{TEXTS_VERSION}"
    print(
        f"Tweets of {TEXTS} {TEXTS_VERSION} (MIT): {CALLS} of {len(tweets)}. "
        "Answers by Gemma 3 270M (Gemma terms), 4 bits, on this machine."
    )
    end = datetime.now(UTC).replace(microsecond=0)
    window = Window(start=end - timedelta(days=7), end=end)
    with served_model() as address:
        settings = _settings(address)
        calls = as_calls(tweets[:CALLS], window, source=source)
        right = sum(bool(call["outcomes"]["confirmed"]) for call in calls)  # type: ignore[index]
        print(f"The older system (VADER's lexicon) was right in {right} of {CALLS} calls", flush=True)
        results = list(_results(wanted, settings, window, calls, unseen=tweets[CALLS:]))
    _print_table(results)
    (REAL / "summary.json").write_text(json.dumps([asdict(result) for result in results], indent=2))
    return 1 if any(result.verdict == "failed" for result in results) else 0


def _settings(address: str) -> Settings:
    for name in ("programs", "storage", "mlflow"):
        shutil.rmtree(REAL / name, ignore_errors=True)
    (REAL / "programs").mkdir()
    (REAL / "mlflow").mkdir()
    shutil.copy(Path(__file__).with_name("tweet_feeling.py"), REAL / "programs")
    lm = LMConfig.model_validate(
        {"model": "openai/gemma-3-270m", "api_base": address, "api_key": "none", "max_tokens": 40, "temperature": 0.0}
    )
    return Settings.model_validate(
        {
            "tracking_uri": f"sqlite:///{REAL}/mlflow/mlflow.db",
            "storage_uri": str(REAL / "storage"),
            "programs_dir": REAL / "programs",
            "lm": lm,
        }
    )


def _results(
    wanted: Sequence[str],
    settings: Settings,
    window: Window,
    calls: Sequence[dict[str, Any]],
    *,
    unseen: Sequence[Tweet],
) -> Iterator[Result]:
    began = time.monotonic()
    for strategy in wanted:
        if time.monotonic() - began > LONGEST_SECONDS:
            yield Result(strategy, "not begun", note=f"{LONGEST_SECONDS / 60:.0f} minutes had passed")
            continue
        print(f"\n{strategy}", flush=True)
        result, states = _one(strategy, settings, window, calls)
        yield result
        if states is not None:
            _say(settings.lm, states, unseen)


def _one(
    strategy: str, settings: Settings, window: Window, calls: Sequence[dict[str, Any]]
) -> tuple[Result, tuple[bytes, bytes] | None]:
    from teleprompt.pipeline.pipeline import Pipeline
    from teleprompt.pipeline.whole_run import run_all_stages
    from teleprompt.storage.blobs import get_blob

    file = settings.programs_dir / f"tweet_{strategy}.yaml"
    file.write_text(YAML.format(strategy=strategy, options=OPTIONS[strategy]))
    _log(file, settings, calls)
    began = time.monotonic()
    pipeline = Pipeline.of_file(file, settings=settings, window=window)
    try:
        run_all_stages(pipeline, on_stage=lambda name, _of: print(f"  {name}", flush=True))
    except TelepromptError as error:
        return Result(strategy, "no candidate", seconds=round(time.monotonic() - began), note=str(error)), None
    compared = pipeline.comparing.compared()
    if compared is None:
        return Result(strategy, "no candidate", seconds=round(time.monotonic() - began)), None
    report = compared.comparison.report
    percent = [value / 1e4 for value in (report.baseline_e6, report.optimized_e6, report.ci_low_e6, report.ci_high_e6)]
    before, after, low, high = percent
    spent = compared.selection.spend.calls
    result = Result(
        strategy, report.verdict.value, before, after, low, high, report.n, spent, round(time.monotonic() - began)
    )
    print(f"  {report.verdict.value}: {report.reason}", flush=True)
    return result, (get_blob(compared.comparison.baseline_state), get_blob(compared.comparison.optimized_state))


def _log(file: Path, settings: Settings, calls: Sequence[dict[str, Any]]) -> None:
    """Hand the calls in, as `teleprompt traces submit` does."""
    from teleprompt.traces.submission.spool import Spool
    from teleprompt.traces.submission.submit import accept, drain
    from teleprompt.tracking.connection import mlflow_client

    config = load_program_file(file)
    spool = Spool(REAL / "spool" / file.stem)
    accept(spool, config, calls)
    with mlflow_client(settings.tracking_uri) as client:
        drain(spool, client, lambda _slug: config)


def _say(config: LMConfig, states: tuple[bytes, bytes], unseen: Sequence[Tweet]) -> None:
    """What the model said about tweets that no stage has seen, asked as before and as the candidate asks."""
    import dspy
    from dspy.utils.exceptions import AdapterParseError

    from dev.real.tweet_feeling import build
    from teleprompt.lm.build import build_lm
    from teleprompt.program.state import load_state

    lm, adapter = build_lm(config), dspy.ChatAdapter(use_json_adapter_fallback=False)
    for tweet in unseen[:SHOWN]:
        said = []
        for state in states:
            # What cannot be read is what it said, too.
            with suppress(AdapterParseError), dspy.context(lm=lm, adapter=adapter):
                load_state(build(), state)(tweet=tweet.text)
            said.append(" ".join(str(lm.history[-1]["outputs"][0]).split()))
        print(f"  {tweet.text[:70]!r} ({tweet.feeling} to twenty people)")
        print(f"    before: {said[0][:90]!r}\n    after:  {said[1][:90]!r}", flush=True)


def _print_table(results: Sequence[Result]) -> None:
    head = f"{'strategy':<26}{'before':>8}{'after':>8}{'change':>9}  {'interval':<18}{'n':>4}{'calls':>7}{'s':>6}"
    print(f"\n{head}  verdict")
    for each in results:
        if each.before is None or each.after is None:
            print(f"{each.strategy:<26}{'':>60}{each.seconds:>6.0f}  {each.verdict}: {each.note}")
            continue
        interval = f"[{each.low:+.1f}, {each.high:+.1f}]"
        change = each.after - each.before
        print(
            f"{each.strategy:<26}{each.before:>8.1f}{each.after:>8.1f}{change:>+9.1f}  {interval:<18}{each.n:>4}"
            f"{each.calls:>7}{each.seconds:>6.0f}  {each.verdict}"
        )


if __name__ == "__main__":
    sys.exit(main())
