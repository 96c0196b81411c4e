"""What the process gets in which program code runs."""

from pydantic import BaseModel, ConfigDict, Field, field_validator

OURS = ("AIRFLOW_", "TELEPROMPT_")
"""Variables under these hold our secrets, and reach no program."""


class ProgramProcessConfig(BaseModel):
    """Limits and variables of the processes that run program files and metrics."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    environment: tuple[str, ...] = ()
    """Names of environment variables that program code needs, such as a key of its own; it gets few others."""
    memory_gb: float = Field(4, gt=0)
    """Most memory of such a process and all that it starts, in GiB."""
    unmetered: tuple[str, ...] = ()
    """Hosts (`host` or `host:port`) to which program code may open connections though models are asked there: of a
    search behind the same gateway, say. Everywhere else it is refused, as no budget could hold it."""
    start_seconds: float = Field(60, gt=0)
    """Longest time that importing a program and building it may take."""

    @field_validator("environment")
    @classmethod
    def _not_ours(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if name.startswith(OURS):
                raise ValueError(f"{name} is not for program code; give it the value under another name")
        return names
