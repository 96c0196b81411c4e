"""The schema of a program file, `include/programs/<name>.yaml`."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Self

from pydantic import Field, field_validator, model_validator

from teleprompt.config._section import Section
from teleprompt.config.alerts import AlertsConfig
from teleprompt.config.attribution import AttributionConfig
from teleprompt.config.chain import ChainConfig
from teleprompt.config.cron import PRESETS, fires_within, is_cron
from teleprompt.config.curation import ON_TRAIN_ONLY, CurationStep, DuplicatesStep, RedactStep
from teleprompt.config.fields import Declaration, Inputs, Outputs
from teleprompt.config.gate import JUDGE, METRIC_VERSION, GateConfig
from teleprompt.config.optimization import OptimizationConfig
from teleprompt.config.outcome import OutcomeConfig
from teleprompt.config.production import ApprovalConfig, ExploreConfig, RolloutConfig, WatchConfig
from teleprompt.config.promotion import PromoteOn
from teleprompt.config.scheduling import SchedulingConfig
from teleprompt.config.settings import LMConfig
from teleprompt.config.split import SplitConfig
from teleprompt.config.traces import Labels, TracesConfig
from teleprompt.config.trial import TrialConfig
from teleprompt.encoding.canonical_json import digest_of, is_plain
from teleprompt.records import MAX_IDENTIFIER

LOOKS_WITHOUT_SCHEDULE = 52

TRACES_NOT_DECISIVE = {"lookback_days", "access", "incremental", "settled_days"}
"""Keys of `traces` that do not change what a window holds."""

FORBIDDEN_IN_NAMES = """/ : . % " ' ` \\"""
"""MLflow's registry, its filter language or a URI cannot take these."""


def is_program_name(text: str) -> bool:
    """Whether MLflow can hold a program of this name."""
    return bool(text) and is_plain(text) and not any(c in FORBIDDEN_IN_NAMES.split() for c in text)


class ProgramConfig(Section):
    """One DSPy program and how it is improved."""

    name: str = Field(min_length=1, max_length=MAX_IDENTIFIER)
    """The program's name in its traces (tag `dspy_program_name`) and in the model registry."""
    slug: str = Field(pattern=r"^[a-z][a-z0-9_]{0,99}$")
    """Name of the file, of the DAG and on the command line; set from the file's name."""
    description: str = ""
    """One line for the DAG list."""
    entry_point: str = Field("", pattern=r"^([A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*)?$")
    """`module:callable` beside this file; called without arguments it gives the DSPy module. The module may be dotted.
    Default: the callable `build` of the Python file of the same name; in a program's own folder that may also be
    `program.py` or `__init__.py`."""
    schedule: str = "weekly"
    """`daily` | `weekly` | `monthly` | a cron expression | `none`."""
    start_date: date = date(2025, 1, 6)
    """First day that a schedule or a backfill may cover (UTC)."""
    new_traces: int | None = Field(None, ge=1)
    """Start a run as soon as so many new calls were logged, beside the schedule."""
    max_wait_days: float = Field(7, gt=0, le=3660)
    """Start it after so long even with fewer new calls, if they are at least `min_traces`."""
    scheduling: SchedulingConfig = SchedulingConfig()
    baseline_version: str = Field("1.0.0", pattern=r"^\d+\.\d+\.\d+$")
    """Version of the program as written, before any optimisation."""
    lm_conn_id: str = "teleprompt_lm"
    """Airflow connection of the language model."""
    prompt_lm_conn_id: str | None = None
    """Airflow connection of the model that writes and criticises instructions (COPRO, MIPRO, GEPA, SIMBA).
    Default: the program's own model."""
    num_threads: int = Field(1, ge=1, le=64)
    """Language-model calls at a time while evaluating."""
    inputs: Inputs = Field(default_factory=dict)
    """What a call takes, by name: a type, or nothing where the code says it. Default: the parameters of `forward`."""
    outputs: Outputs = Field(default_factory=dict)
    """What answers are compared in, by name. Default: what `forward` returns."""
    traces: TracesConfig = TracesConfig()
    outcome: OutcomeConfig = OutcomeConfig()
    curation: tuple[CurationStep, ...] = (DuplicatesStep(),)
    """What is done to the traces, in this order; `quality` and `balance` come last, after the split."""
    split: SplitConfig = SplitConfig()
    optimization: OptimizationConfig = OptimizationConfig()
    learn_from: tuple[str, ...] = ()
    """Names of other programs whose champions' instructions and demonstrations are further candidates, where the
    predictors and their fields are alike; whoever brought a demonstration is credited."""
    gate: GateConfig = GateConfig()
    trial: TrialConfig | None = TrialConfig()
    """How evidence adds up over windows; `none`: each window is compared on its own."""
    approval: ApprovalConfig | None = None
    """Ask a person before a promotion."""
    promote_on: PromoteOn | None = None
    """What may make a version champion: `agreement` (with logged answers that turned out well), `reference` (with what
    people expect), or `outcome` (of a rollout's calls, or estimated from explored ones). A file that would promote on
    something else is refused; None takes what the rest of the file says."""
    rollout: RolloutConfig = RolloutConfig()
    explore: ExploreConfig | None = None
    """Leave a part of the answers to chance. With `promote_on: outcome` and no rollout, sealed calls with logged
    propensities are what the gate compares by."""
    watch: WatchConfig = WatchConfig()
    attribution: AttributionConfig = AttributionConfig()
    alerts: AlertsConfig = AlertsConfig()
    chain: ChainConfig | None = None
    """Submit attestations to a contract; none of them leaves the house without it."""

    @property
    def promotes_on(self) -> PromoteOn:
        """What a version becomes champion by."""
        return self.compares if self.rollout.share is None else PromoteOn.OUTCOME

    @property
    def is_off_policy(self) -> bool:
        """Whether the gate estimates the outcome of new answers from calls in which chance chose the answer."""
        return self.explore is not None and self.promote_on is PromoteOn.OUTCOME and self.rollout.share is None

    @property
    def least_gate_score(self) -> float:
        """Of a sealed example that is compared on: agreement is with good answers, an outcome is of all."""
        return 0.0 if self.is_off_policy else self.optimization.min_quality_score

    @property
    def compares(self) -> PromoteOn:
        """What sealed examples compare; the outcome, which nobody knows of new answers, only where it is estimated."""
        if self.is_off_policy:
            return PromoteOn.OUTCOME
        return PromoteOn.REFERENCE if self.traces.labels is Labels.EXPECTATION else PromoteOn.AGREEMENT

    @model_validator(mode="after")
    def _promotes_on_what_is_asked_for(self) -> Self:
        if self.promote_on is None or self.promote_on is self.promotes_on:
            return self
        needs = {
            PromoteOn.OUTCOME: "needs a `rollout` with a share, or `explore`",
            PromoteOn.REFERENCE: "needs `traces.labels: expectation`, and no `rollout`",
            PromoteOn.AGREEMENT: "needs `traces.labels: outcome`, and no `rollout`",
        }
        raise ValueError(
            f"promote_on: {self.promote_on} {needs[self.promote_on]}; as it is, versions are promoted on "
            f"{self.promotes_on}"
        )

    @model_validator(mode="after")
    def _what_is_explored_can_be_compared(self) -> Self:
        if self.explore is not None and self.rollout.share is not None:
            raise ValueError("explore beside a rollout would change what both versions answer; choose one of them")
        if not self.is_off_policy:
            return self
        dropping = [step.step for step in self.curation if not isinstance(step, (RedactStep, *ON_TRAIN_ONLY))]
        if dropping:
            raise ValueError(
                f"promote_on: outcome by explored calls needs all of them, and curation leaves some out "
                f"({', '.join(dropping)}); write `curation: []`, or redact alone"
            )
        if self.trial is not None:
            raise ValueError(
                "promote_on: outcome by explored calls is decided by each window on its own; write `trial: none`"
            )
        if self.traces.labels is not Labels.OUTCOME:
            raise ValueError(
                "promote_on: outcome by explored calls needs the logged answers (`traces.labels: outcome`)"
            )
        if self.gate.guardrails:
            raise ValueError(
                "promote_on: outcome by explored calls knows no guardrails yet; leave `gate.guardrails` out"
            )
        return self

    @model_validator(mode="after")
    def _learns_from_others(self) -> Self:
        if self.name in self.learn_from or len(set(self.learn_from)) < len(self.learn_from):
            raise ValueError("learn_from names other programs, each once")
        return self

    @model_validator(mode="after")
    def _watch_can_be_scheduled(self) -> Self:
        if self.watch.schedule not in PRESETS and not is_cron(self.watch.schedule):
            raise ValueError(
                f"watch.schedule {self.watch.schedule!r} is not daily, weekly, monthly or a cron expression"
            )
        return self

    @model_validator(mode="after")
    def _what_follows_the_gate_has_one(self) -> Self:
        if not self.optimization.enable_deltaone_check and (
            self.approval is not None or self.rollout.share is not None
        ):
            raise ValueError("approval and rollout follow the DeltaOne check, which is switched off")
        if self.rollout.share is not None and not self.watch.enabled:
            raise ValueError("a rollout is decided by the watch, which is switched off")
        return self

    @field_validator("schedule")
    @classmethod
    def _schedule_is_known(cls, value: str) -> str:
        if value == "none" or value in PRESETS:
            return value
        if not is_cron(value):
            raise ValueError(f"{value!r} is not daily, weekly, monthly, none or a cron expression of five fields")
        return value

    @field_validator("name")
    @classmethod
    def _name_can_be_registered(cls, value: str) -> str:
        if not is_program_name(value):
            raise ValueError(f"a name holds plain characters and none of {FORBIDDEN_IN_NAMES}")
        return value

    @model_validator(mode="after")
    def _a_run_can_follow_new_traces(self) -> Self:
        if self.new_traces is not None and self.new_traces < self.optimization.min_traces:
            raise ValueError(
                f"new_traces {self.new_traces} is below min_traces {self.optimization.min_traces}: "
                "such a run would never have enough"
            )
        return self

    @model_validator(mode="after")
    def _does_not_wait_for_itself(self) -> Self:
        if self.slug in self.scheduling.depends_on:
            raise ValueError("scheduling.depends_on names the program itself")
        if self.cron is None and self.new_traces is not None and len(self.scheduling.depends_on) > 1:
            raise ValueError(
                "new_traces beside several programs in scheduling.depends_on needs a schedule: without one, "
                "a run that new traces start takes away what is known of the programs that have ended"
            )
        return self

    @field_validator("curation")
    @classmethod
    def _steps_fit_their_places(cls, steps: tuple[CurationStep, ...]) -> tuple[CurationStep, ...]:
        late = [isinstance(step, ON_TRAIN_ONLY) for step in steps]
        if late != sorted(late):
            raise ValueError("quality and balance work on the train part and come last")
        if any(isinstance(step, RedactStep) for step in steps[1:]):
            raise ValueError("redact comes first, so that nothing is kept unredacted")
        return steps

    @model_validator(mode="after")
    def _a_trial_knows_its_examples_again(self) -> Self:
        if self.trial is not None and (self.split.by_count or self.split.time_order):
            how = "in the order of time" if self.split.time_order else "by numbers"
            raise ValueError(
                f"a trial needs a split by shares, for one {how} moves what a call belongs to between "
                "parts from window to window; give shares, or `trial: none` to compare each window on its own"
            )
        return self

    @field_validator("chain", "trial", mode="before")
    @classmethod
    def _none_is_nothing(cls, value: object) -> object:
        return None if value == "none" else value

    @model_validator(mode="before")
    @classmethod
    def _entry_point_defaults_to_the_file(cls, data: object) -> object:
        if isinstance(data, dict) and data.get("slug") and not data.get("entry_point"):
            return {**data, "entry_point": f"{data['slug']}:build"}
        return data

    @property
    def cron(self) -> str | None:
        """The schedule as a cron expression, in UTC; None for `none`."""
        return None if self.schedule == "none" else PRESETS.get(self.schedule, self.schedule)

    @property
    def looks_a_year(self) -> int:
        """Comparisons that are planned for a year: as the file says, or as many as the schedule has runs."""
        if self.gate.looks_a_year is not None:
            return self.gate.looks_a_year
        return LOOKS_WITHOUT_SCHEDULE if self.cron is None else fires_within(self.cron, days=365)

    @property
    def declaration(self) -> Declaration:
        """What this says of the program's fields."""
        return Declaration(self.inputs, self.outputs, self.gate.tolerance)

    @property
    def lookback(self) -> timedelta:
        """Length of the window of a run that names none."""
        return timedelta(days=self.traces.lookback_days)

    @property
    def anonymous(self) -> str | None:
        """Who is credited with calls that name no contributor; None: nobody, and they are not used."""
        if self.attribution.anonymous is None and self.chain is None:
            return "anonymous"
        return self.attribution.anonymous

    def fingerprint(
        self,
        *,
        code_digests: Sequence[str],
        lm: LMConfig,
        prompt_lm: LMConfig | None = None,
        judge_lm: LMConfig | None = None,
    ) -> str:
        """SHA-256 over all that can change a result: this file, the code of program and metric, the language models.

        When the pipeline runs (schedule, scheduling, waiting, threads), and what is done with what it found (approval,
        rollout, watch), does not change what it finds.
        """
        decisive = self.model_dump(
            mode="json",
            exclude={
                "slug": True,
                "description": True,
                "schedule": True,
                "start_date": True,
                "new_traces": True,
                "max_wait_days": True,
                "scheduling": True,
                "lm_conn_id": True,
                "prompt_lm_conn_id": True,
                "num_threads": True,
                "traces": TRACES_NOT_DECISIVE,
                "optimization": {"batch_size", "max_failed_candidates"},
                "gate": {"on_low_power": True, "judge": {"lm_conn_id"}},
                "approval": True,
                "rollout": True,
                "explore": True,
                "learn_from": True,
                "promote_on": True,
                "watch": True,
                "alerts": True,
                "attribution": True,
                "chain": True,
            },
        )
        if self.optimization.reuse_bootstraps:
            del decisive["optimization"]["reuse_bootstraps"]  # runs of before it have their keys
        others = {"prompt_lm": prompt_lm, "judge_lm": judge_lm if self.gate.metric == JUDGE else None}
        models = {name: model.identity for name, model in {"lm": lm, **others}.items() if model is not None}
        measure: dict[str, object] = {"metric_version": METRIC_VERSION}
        if self.is_off_policy:
            measure["off_policy"] = True
        if self.learn_from:
            measure["learn_from"] = list(self.learn_from)
        nameless = {"anonymous": self.anonymous, "from_user": self.attribution.from_user}
        return digest_of({"config": decisive, "code": list(code_digests), "nameless": nameless, **measure, **models})
