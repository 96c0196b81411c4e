"""Choosing the best candidate, on examples that no optimizer saw."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from teleprompt.config.optimization import OptimizationConfig
from teleprompt.errors import TelepromptError
from teleprompt.evaluate.examples import good_rows, to_examples
from teleprompt.evaluate.objective import Objective
from teleprompt.evaluate.score import ScoreCache, Scores, TooManyFailuresError, score_program
from teleprompt.lm.meter import CallsStopped, Meter, Spend
from teleprompt.optimize.candidate import Candidate
from teleprompt.optimize.racing import Race, Rung, race
from teleprompt.program.state import load_state
from teleprompt.program.typed_fields import TypedFields
from teleprompt.records import Digest, Record
from teleprompt.storage.blobs import Blob, get_blob
from teleprompt.traces.snapshot import SnapshotPart, read_rows

log = logging.getLogger(__name__)


class CandidateScore(Record):
    """A candidate's mean score on the select examples that it was scored on."""

    seed: int
    score_e6: int | None
    """None where there was nothing to score."""
    n: int
    failures: dict[str, int]
    invalid: str | None
    """Why it could not be chosen."""


class Selection(Record):
    """The chosen candidate, and how all of them did."""

    winner: Candidate
    state: Blob
    """The chosen program."""
    scores: tuple[CandidateScore, ...]
    rungs: tuple[Rung, ...]
    """How the race went, by seed."""
    n_select: int
    cut_short: tuple[str, ...]
    """Limits that ended the compiling of a candidate, or the race, before their end."""
    spend: Spend
    """Of all compiles and of this comparison."""
    spend_select: Spend | None = None
    """Of this comparison alone; None from a version of the package before 0.3."""
    seconds: float
    """Time of all compiles, added up."""


def select_candidate(
    program: Any,
    candidates: Sequence[Candidate],
    select: SnapshotPart,
    *,
    config: OptimizationConfig,
    typed: TypedFields,
    objective: Objective,
    lm: Any,
    meter: Meter,
    num_threads: int,
    cache_of: Callable[[Digest], ScoreCache] = lambda _state: ScoreCache(),
    on_rung: Callable[[int, int], None] = lambda _programs, _examples: None,
) -> Selection:
    """The candidate that wins the race on the good rows of `select`; of equals, the lowest seed.

    `cache_of` gives the known scores of a program. `on_rung` is told how many programs go on to how many examples.

    Raises:
        TelepromptError: `select` holds no good row, or no candidate can be chosen.
    """
    rows = good_rows(read_rows(select), min_quality_score=config.min_quality_score)
    if not rows:
        raise TelepromptError(
            "No trace to select on reaches the quality score; collect more traces or raise `split.select`."
        )
    examples = to_examples(rows, typed)
    ground = _Ground(program, examples, objective, lm, num_threads, cache_of, config.max_error_rate)
    try:
        finish = _race_of_the_valid(candidates, ground, config, on_rung)
    finally:
        ground.close()
    scores = tuple(_score_of(candidate, finish, ground) for candidate in candidates)
    for score in scores:
        log.info("%s", _in_words(score))
    winner = finish.compiled[finish.race.winner]
    assert winner.state is not None  # noqa: S101 - what is compared has one
    limits = {c.cut_short for c in candidates} | {finish.race.cut_short}
    return Selection(
        winner=winner,
        state=winner.state,
        scores=scores,
        rungs=tuple(_by_seed(rung, finish.compiled) for rung in finish.race.rungs),
        n_select=len(examples),
        cut_short=tuple(sorted(limit for limit in limits if limit)),
        spend=sum((c.spend for c in candidates), meter.spend),
        spend_select=meter.spend,
        seconds=round(sum(c.seconds for c in candidates), 3),
    )


@dataclass(frozen=True)
class _Finish:
    compiled: list[Candidate]
    race: Race
    out: dict[int, tuple[str, dict[str, int]]]
    """By seed, of those that were not in it at its end: why, and their failures."""


def _race_of_the_valid(
    candidates: Sequence[Candidate],
    ground: "_Ground",
    config: OptimizationConfig,
    on_rung: Callable[[int, int], None],
) -> _Finish:
    """The race of those that can win; one that fails too often is taken out, and the others race again.

    Nothing is asked for twice: the scores are known by then.
    """
    compiled = [candidate for candidate in candidates if candidate.state is not None]
    out = {c.seed: (c.error or c.invalid or c.cut_short or "", c.failures) for c in candidates if c.state is None}
    while compiled:
        try:
            return _Finish(compiled, _race(compiled, ground, config, on_rung), out)
        except _InvalidCandidate as bad:
            seed = bad.candidate.seed
            log.warning("seed %d is out: %s", seed, bad.reason)
            out[seed] = (bad.reason, ground.known[seed].failures)
            compiled.remove(bad.candidate)
        except CallsStopped as stopped:
            raise TelepromptError(
                f"{stopped.reason} before the candidates could be compared; raise `optimization.budget`."
            ) from None
    raise TelepromptError(f"No candidate can be chosen: {'; '.join(sorted({reason for reason, _ in out.values()}))}")


def _score_of(candidate: Candidate, finish: _Finish, ground: "_Ground") -> CandidateScore:
    if candidate.seed in finish.out:
        reason, failures = finish.out[candidate.seed]
        return CandidateScore(seed=candidate.seed, score_e6=None, n=0, failures=failures, invalid=reason)
    number = finish.compiled.index(candidate)
    return CandidateScore(
        seed=candidate.seed,
        score_e6=finish.race.means_e6[number],
        n=finish.race.n[number],
        failures=ground.known[candidate.seed].failures,
        invalid=None,
    )


def _in_words(score: CandidateScore) -> str:
    if score.score_e6 is None:
        return f"seed {score.seed}: out ({score.invalid})"
    return f"seed {score.seed}: {score.score_e6 / 1e6:.4f} on {score.n} examples"


class _InvalidCandidate(Exception):  # noqa: N818 - control flow of this file
    def __init__(self, candidate: Candidate, reason: str) -> None:
        super().__init__(reason)
        self.candidate = candidate
        self.reason = reason


class _Ground:
    """Scores candidates on some of the examples, each answer once."""

    def __init__(
        self,
        program: Any,
        examples: Sequence[Any],
        objective: Objective,
        lm: Any,
        num_threads: int,
        cache_of: Callable[[Digest], ScoreCache],
        max_error_rate: float,
    ) -> None:
        self._program = program
        self.examples = examples
        self._objective = objective
        self._lm = lm
        self._num_threads = num_threads
        self._book_of = cache_of
        self._max_error_rate = max_error_rate
        self._caches: dict[Digest, ScoreCache] = {}
        self.known: dict[int, Scores] = {}

    def close(self) -> None:
        """Keep what is not kept yet of the scores."""
        for cache in self._caches.values():
            cache.close()

    def score(self, candidate: Candidate, indices: Sequence[int]) -> tuple[int, ...]:
        """Scores in millionths.

        Raises:
            _InvalidCandidate: too many of all its answers so far failed.
        """
        assert candidate.state is not None  # noqa: S101 - what is compared has one
        digest = candidate.state.digest
        if digest not in self._caches:
            self._caches[digest] = self._book_of(digest)
        scores = score_program(
            load_state(self._program, get_blob(candidate.state)),
            [self.examples[i] for i in indices],
            self._objective,
            lm=self._lm,
            num_threads=self._num_threads,
            cache=self._caches[digest],
        )
        before = self.known.get(candidate.seed, Scores(answers=()))
        self.known[candidate.seed] = Scores(answers=before.answers + scores.answers)
        try:
            self.known[candidate.seed].check(self._max_error_rate)
        except TooManyFailuresError as error:
            raise _InvalidCandidate(candidate, str(error)) from error
        return scores.values_e6


def _race(
    compiled: Sequence[Candidate],
    ground: _Ground,
    config: OptimizationConfig,
    on_rung: Callable[[int, int], None],
) -> Race:
    ground.known.clear()
    total = len(ground.examples)
    return race(
        len(compiled),
        total,
        lambda number, indices: ground.score(compiled[number], indices),
        first_rung=config.selection.first_rung if config.selection.racing else total,
        keep_above=config.selection.keep_above,
        on_rung=on_rung,
    )


def _by_seed(rung: Rung, compiled: Sequence[Candidate]) -> Rung:
    return Rung(
        examples=rung.examples,
        scored=tuple(compiled[i].seed for i in rung.scored),
        kept=tuple(compiled[i].seed for i in rung.kept),
    )
