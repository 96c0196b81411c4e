"""What curation, stratified choice and weights do to what is learned, on traffic whose truth is known.

Each setting teaches `bootstrap_fewshot` on the same traffic. Its program answers sealed inputs of the traffic, none of
them planted; their score is the outcome that the hidden truth gives the answers, beside the agreement that the gate
sees. Figures are in points, against the same traffic with duplicates removed and nothing else; of a sample by outcome,
against the sample in time.
"""

import argparse
import random
import statistics
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import groupby
from tempfile import TemporaryDirectory
from typing import Any

from bench.preprocessing_worlds import Call, World, worlds
from teleprompt.config.optimization import OptimizationConfig
from teleprompt.config.settings import LMConfig
from teleprompt.environment import configure_third_party
from teleprompt.evaluate.examples import good_rows, to_examples
from teleprompt.evaluate.metrics import agreement_scores, mean_of_fields
from teleprompt.evaluate.objective import Objective
from teleprompt.evaluate.score import score_program
from teleprompt.lm.build import build_lm
from teleprompt.lm.meter import Meter
from teleprompt.lm.metered import metered
from teleprompt.optimize._compile import Models, compile_candidate
from teleprompt.program.state import load_state
from teleprompt.storage.blobs import Blob, get_blob
from teleprompt.traces.row import TraceRow
from teleprompt.traces.snapshot import Snapshot
from teleprompt.traces.split import Part
from tests.support import WEEK, raw_trace, rows_of, write_snapshot_of

HOUR_MS = 3_600_000
SEALED = 100
"""Sealed inputs at most that a program answers."""
DRAWS = 4
"""Of the outcome of an answer."""


@dataclass(frozen=True)
class Setting:
    """What a program file would say."""

    name: str
    steps: tuple[dict[str, Any], ...] = ()
    optimization: tuple[tuple[str, Any], ...] = ()
    against: str = "nothing"

    def config(self, answer: str, sample: int) -> dict[str, Any]:
        """For a program with that output, of whose calls so many are a half."""
        places = {"ANSWER": f"output.{answer}", "SAMPLE": sample}
        chosen = {key: places.get(value, value) for key, value in self.optimization}
        steps = [{key: places.get(value, value) for key, value in step.items()} for step in self.steps]
        return {
            "curation": [{"step": "duplicates"}, *steps],
            "optimization": {"min_traces": 1, "sample_weight": "none", **chosen},
        }


OUTLIERS = {"step": "outliers"}
BURSTS = {"step": "contributor_bursts"}
WEIGHT = (("sample_weight", "outcome"),)
HALF = ("max_traces", "SAMPLE")
SETTINGS = (
    Setting("nothing"),
    Setting("outliers", (OUTLIERS,)),
    Setting("contributor_bursts", (BURSTS,)),
    Setting("balance contributor 0.2", ({"step": "balance", "by": "contributor", "share": 0.2},)),
    Setting("balance answer 0.2", ({"step": "balance", "by": "ANSWER", "share": 0.2},)),
    Setting("stratify_by contributor", (), (("stratify_by", "contributor"),)),
    Setting("stratify_by answer", (), (("stratify_by", "ANSWER"),)),
    Setting("sample_weight", (), WEIGHT),
    Setting("outliers, bursts, weight", (OUTLIERS, BURSTS), WEIGHT),
    Setting("bursts, weight", (BURSTS,), WEIGHT),
    Setting("half in time", (), (HALF,)),
    Setting("half by outcome", (), (HALF, ("stratify_by", "outcome")), "half in time"),
)


@dataclass(frozen=True)
class Found:
    """One setting on the traffic of one seed."""

    world: str
    setting: str
    outcome: float
    agreement: float
    dropped: int
    planted_dropped: int
    planted: int


def main() -> None:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=16)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help="two seeds")
    parser.add_argument("--only", nargs="*", default=[world.name for world in worlds()])
    arguments = parser.parse_args()
    seeds = 2 if arguments.quick else arguments.seeds
    names = [(name, seed) for name in arguments.only for seed in range(seeds)]
    with ProcessPoolExecutor(arguments.processes) as pool:
        print(f"\nOutcome of what is learned, {seeds} seeds, points +- standard error\n")
        found: list[Found] = []
        for name, results in groupby(pool.map(_measure_all, *zip(*names, strict=True)), lambda one: one[0].world):
            here = [one for result in results for one in result]
            _print_world(name, here)
            found += here
    _print_all(found)


def _measure_all(name: str, seed: int) -> list[Found]:
    """All settings on the traffic of a seed."""
    configure_third_party()
    world = next(world for world in worlds() if world.name == name)
    calls = world.calls(seed)
    with TemporaryDirectory() as folder:
        taught = _Classroom(world, calls, seed, folder)
        return [taught.measure(setting) for setting in SETTINGS]


class _Classroom:
    """A world's traffic of one seed, its program, and the sealed inputs that all settings answer."""

    def __init__(self, world: World, calls: Sequence[Call], seed: int, folder: str) -> None:
        built = world.source.build()
        self.world, self.seed, self.folder, self.program = world, seed, folder, built.module
        self.fields = built.signature.declared.known()
        self.typed = built.typed(self.fields)
        self.objective = Objective(mean_of_fields(agreement_scores(self.typed)))
        self.planted = {_id(i) for i, call in enumerate(calls) if call.planted}
        self.raw = raw_of(calls, seed=seed)
        gate = [row for row in rows_of(self.snapshot(SETTINGS[0]).parts[Part.GATE]) if row.trace_id not in self.planted]
        self.asked = gate[:SEALED]
        self.good = good_rows(gate, min_quality_score=0.7)[:SEALED]
        self._known: dict[str, tuple[float, float]] = {}

    def snapshot(self, setting: Setting) -> Snapshot:
        """The traffic as the setting curates it."""
        config = setting.config(self.fields.outputs[0].name, len(self.raw) // 2)
        return write_snapshot_of(self.raw, self.folder, fields=self.fields, split={"seed": self.seed}, **config)[0]

    def measure(self, setting: Setting) -> Found:
        """Teach, and answer the sealed inputs."""
        snapshot = self.snapshot(setting)
        options = self.world.config.optimization.options.model_dump()
        values = setting.config(self.fields.outputs[0].name, len(self.raw) // 2)["optimization"]
        shown = {"max_bootstrapped_demos": 4, "max_labeled_demos": options["max_labeled_demos"]}
        config = OptimizationConfig(strategy="bootstrap_fewshot", options=shown, **values)
        meter = Meter(config.budget, timeout_seconds=config.timeout_seconds)
        lm = metered(build_lm(LMConfig()), meter, retries=0)
        candidate = compile_candidate(
            self.program,
            snapshot.parts[Part.TRAIN],
            seed=self.seed,
            config=config,
            typed=self.typed,
            objective=self.objective,
            models=Models(task=lm, prompt=lm, meter=meter),
            num_threads=1,
            storage_uri=self.folder,
        )
        assert candidate.state is not None, candidate.invalid
        outcome, agreement = self._scores(candidate.state)
        kept = {row.trace_id for part in Part for row in rows_of(snapshot.parts[part])}
        dropped = {trace["trace_id"] for trace in self.raw} - kept
        return Found(
            world=self.world.name,
            setting=setting.name,
            outcome=outcome,
            agreement=agreement,
            dropped=len(dropped),
            planted_dropped=len(dropped & self.planted),
            planted=len(self.planted),
        )

    def _scores(self, state: Blob) -> tuple[float, float]:
        """Outcome and agreement of a state, in points; asked for once, for many settings often agree."""
        if state.digest not in self._known:
            program = load_state(self.program, get_blob(state))
            outcome = self._score(program, self.asked, Objective(self._became))
            self._known[state.digest] = 100 * outcome, 100 * self._score(program, self.good, self.objective)
        return self._known[state.digest]

    def _score(self, program: Any, rows: Sequence[TraceRow], objective: Objective) -> float:
        examples = to_examples(rows, self.typed)
        lm = metered(build_lm(LMConfig()), Meter(), retries=0)
        return score_program(program, examples, objective, lm=lm, num_threads=1).mean_e6 / 1e6

    def _became(self, example: Any, prediction: Any) -> float:
        """What the hidden truth makes of an answer, by lots that are the same for each setting."""
        inputs = dict(example.inputs().items())
        outputs = {field.name: prediction[field.name] for field in self.fields.outputs}
        lots = [random.Random(f"{self.seed}|{inputs}|{i}") for i in range(DRAWS)]
        return statistics.mean(self.world.scenario.outcome(lot, inputs, outputs) for lot in lots)


def raw_of(calls: Sequence[Call], *, seed: int) -> list[dict[str, Any]]:
    """Calls as raw traces, with latencies of that seed."""
    return [_raw(i, call, random.Random(f"{seed}|{i}")) for i, call in enumerate(calls)]


def _id(i: int) -> str:
    return f"t{i:05}"


def _raw(i: int, call: Call, rng: random.Random) -> dict[str, Any]:
    return raw_trace(
        trace_id=_id(i),
        started_at_ms=WEEK.start_ms + round(call.hour * HOUR_MS),
        latency_ms=round(rng.lognormvariate(6.5, 0.5)),
        inputs=dict(call.inputs),
        outputs=dict(call.outputs),
        outcomes={"outcome_score": call.outcome},
        contributor_id=call.contributor.contributor_id,
        contributor_address=None,
    )


def _print_world(name: str, found: Sequence[Found]) -> None:
    print(f"{name:<32}{'outcome':>9}{'change':>18}{'agreement':>18}{'dropped':>9}{'planted':>12}")
    for setting in SETTINGS:
        mine = [one for one in found if one.setting == setting.name]
        dropped = statistics.mean(one.dropped for one in mine)
        planted = f"{sum(one.planted_dropped for one in mine)} of {sum(one.planted for one in mine)}"
        print(
            f"  {setting.name:<30}{statistics.mean(one.outcome for one in mine):>9.1f}"
            f"{_change(found, setting, lambda one: one.outcome):>18}"
            f"{_change(found, setting, lambda one: one.agreement):>18}{dropped:>9.1f}{planted:>12}",
            flush=True,
        )
    print()


def _print_all(found: Sequence[Found]) -> None:
    groups: dict[str, Callable[[str], bool]] = {
        "as it is": lambda name: not name.endswith(("garbage", "burst", "liar")),
        "with garbage": lambda name: name.endswith("garbage"),
        "with a burst": lambda name: name.endswith("burst"),
        "with a liar": lambda name: name.endswith("liar"),
    }
    print(f"{'mean change of the outcome':<32}" + "".join(f"{name:>18}" for name in groups))
    for setting in SETTINGS:
        cells = [
            _change([one for one in found if wanted(one.world)], setting, lambda one: one.outcome)
            for wanted in groups.values()
        ]
        print(f"  {setting.name:<30}" + "".join(f"{cell:>18}" for cell in cells))


def _change(found: Iterable[Found], setting: Setting, score: Callable[[Found], float]) -> str:
    """The mean paired difference with its standard error; seeds of several worlds are stratified by world."""
    by_world: dict[str, list[float]] = {}
    rows = list(found)
    for world in dict.fromkeys(one.world for one in rows):
        mine, others = (
            [score(one) for one in rows if one.world == world and one.setting == name]
            for name in (setting.name, setting.against)
        )
        by_world[world] = [a - b for a, b in zip(mine, others, strict=True)]
    if not by_world or setting.name == setting.against:
        return ""
    mean = statistics.mean(statistics.mean(values) for values in by_world.values())
    errors = [statistics.stdev(values) ** 2 / len(values) for values in by_world.values()]
    return f"{mean:+.1f} +- {sum(errors) ** 0.5 / len(errors):.1f}"


if __name__ == "__main__":
    main()
