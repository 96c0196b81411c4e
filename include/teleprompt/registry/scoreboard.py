"""What sealed examples had said of the versions that went online, and what came of their calls."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal

from pydantic import AwareDatetime

from teleprompt.records import Millionths, Record
from teleprompt.registry.listing import VersionLine
from teleprompt.registry.versions import ONLINE_RESULT

if TYPE_CHECKING:
    from mlflow import MlflowClient


class OnlineResult(Record):
    """The last that calls in production said of a version; a tag of it."""

    outcome: str
    """`promoted`, `withdrawn`, `steady`, `regressed` or `rolled_back`."""
    beside: Literal["champion", "before"]
    """Beside the champion at the same time, or the version before it, at another time."""
    delta_e6: Millionths
    ci_low_e6: Millionths
    ci_high_e6: Millionths
    calls: int
    """Of the version, with an outcome."""
    at: AwareDatetime


class ScoreLine(Record):
    """One version that went online."""

    number: int
    version_id: str
    offline_e6: Millionths | None
    """The gain on sealed examples; None for the program as written."""
    online: OnlineResult

    @property
    def misled(self) -> bool:
        """Whether a gain was seen offline, and online a loss was shown."""
        return self.offline_e6 is not None and self.offline_e6 > 0 and self.online.ci_high_e6 < 0

    @property
    def in_words(self) -> str:
        """For people."""
        online = self.online
        return (
            f"version {self.version_id} had {(self.offline_e6 or 0) / 1e4:+.2f} points on sealed examples, and in "
            f"production {online.delta_e6 / 1e4:+.2f} [{online.ci_low_e6 / 1e4:+.2f}, {online.ci_high_e6 / 1e4:+.2f}]"
        )


def keep_result(client: "MlflowClient", program: str, number: int, result: OnlineResult) -> None:
    """Write down at the version what production said of it last."""
    client.set_model_version_tag(program, str(number), ONLINE_RESULT, result.to_stored())


def scoreboard_of(versions: Iterable[VersionLine]) -> list[ScoreLine]:
    """Those of the versions that went online, in the same order."""
    return [
        ScoreLine(
            number=version.number,
            version_id=version.version_id,
            offline_e6=version.delta_e6,
            online=OnlineResult.from_stored(version.online_result),
        )
        for version in versions
        if version.online_result is not None
    ]
