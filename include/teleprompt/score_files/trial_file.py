"""A trial over many calls of the command: the file that keeps each window's scores, and the report made from it."""

import os
import secrets
from enum import StrEnum
from functools import cached_property, reduce
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError

from teleprompt.deltaone.trial import Trial
from teleprompt.deltaone.trial_policy import TrialPolicy
from teleprompt.errors import ConfigurationError, TelepromptError
from teleprompt.records import MILLION, Record
from teleprompt.score_files.pairing import Pairs

ScoreE6 = Annotated[int, Field(ge=0, le=MILLION)]


class UnitOf(StrEnum):
    """What one observation is: an example that comes again in a later window counts once."""

    ID = "id"
    GROUP = "group"


class KeptWindow(Record):
    """One window's scores, in millionths; the three are of one length."""

    name: str
    units: tuple[str, ...]
    """What each example belongs to: its group, or its own id."""
    baseline_e6: tuple[ScoreE6, ...]
    candidate_e6: tuple[ScoreE6, ...]


class TrialFile(Record):
    """All that a trial's report depends on."""

    policy: TrialPolicy
    unit_of: UnitOf
    windows: tuple[KeptWindow, ...] = ()
    """In the order in which they came."""

    @cached_property
    def trial(self) -> Trial:
        """The trial of these windows.

        Raises:
            TelepromptError: a window's name is none, or its scores do not fit together.
        """
        return reduce(_with, self.windows, Trial(self.policy))

    def knows(self, window: str) -> bool:
        """Whether that window is there, under this or another name for the same times."""
        empty = KeptWindow(name=window, units=("0",), baseline_e6=(0,), candidate_e6=(0,))
        return _with(self.trial, empty) is self.trial

    def add(self, pairs: Pairs, *, window: str) -> "TrialFile":
        """The file with one more window; the same one if it has that window.

        Raises:
            ConfigurationError: the window's name is none, or its examples have groups and earlier ones have not.
        """
        if self.windows and unit_of(pairs) is not self.unit_of:
            raise ConfigurationError(
                f"The windows of this trial have one observation per {self.unit_of}, and {window} has one per "
                f"{unit_of(pairs)}; give all windows a column of groups, or none."
            )
        kept = KeptWindow(
            name=window,
            units=tuple(pairs.ids if pairs.groups is None else pairs.groups),
            baseline_e6=tuple(pairs.baseline_e6),
            candidate_e6=tuple(pairs.candidate_e6),
        )
        try:
            is_known = self.knows(window)
        except TelepromptError as error:
            raise ConfigurationError(f"--window {window!r} cannot be used: {error}") from error
        if is_known:
            return self
        return TrialFile(policy=self.policy, unit_of=self.unit_of, windows=(*self.windows, kept))


def unit_of(pairs: Pairs) -> UnitOf:
    """What one observation is among these examples."""
    return UnitOf.ID if pairs.groups is None else UnitOf.GROUP


def _with(trial: Trial, window: KeptWindow) -> Trial:
    return trial.add(window.baseline_e6, window.candidate_e6, window.units, window=window.name)


def read_trial(path: Path) -> TrialFile | None:
    """The trial that a file keeps; None if there is no file yet.

    Raises:
        ConfigurationError: it cannot be read, is no trial, or of a later version of the package.
    """
    try:
        file = TrialFile.from_stored(path.read_bytes())
        _ = file.trial
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigurationError(
            f"{path} cannot be read ({error.strerror}); check its name and permissions."
        ) from error
    except (ValueError, TelepromptError) as error:
        why = "a key is missing or wrong" if isinstance(error, ValidationError) else str(error)
        raise ConfigurationError(f"{path} holds no trial ({why}); name the trial's file, or a new one.") from error
    return file


def write_trial(path: Path, file: TrialFile) -> None:
    """Keep the trial: the file is the earlier one or this one, never a part, whenever the process ends.

    Raises:
        ConfigurationError: it cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        try:
            with temporary.open("x", encoding="utf-8") as stream:
                stream.write(file.to_stored())
                stream.flush()
                os.fsync(stream.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written ({error.strerror}); name another place.") from error
