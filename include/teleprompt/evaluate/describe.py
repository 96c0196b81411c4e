"""What has to be known of a program to work with it, found out where its code may run."""

import os
from dataclasses import dataclass

from teleprompt.config.program_process import ProgramProcessConfig
from teleprompt.evaluate.judging import Judging
from teleprompt.program.channel import Channel
from teleprompt.program.fields import DeclaredFields
from teleprompt.program.process import run_in_process
from teleprompt.program.process_environment import process_environment
from teleprompt.program.requirements import check_requirements
from teleprompt.program.source import ProgramFile, ProgramObject
from teleprompt.program.state import dump_state
from teleprompt.records import Record


class ProgramDescription(Record):
    """A program as written."""

    fields: DeclaredFields
    state: str
    """Its state JSON before any compile."""


@dataclass(frozen=True)
class DescribeJob:
    """Build a program and its metric, and say what they are."""

    source: ProgramFile | ProgramObject
    judging: Judging | None
    """None where no answer will be scored."""

    title = "Building the program"

    def run(self, channel: Channel | None = None) -> ProgramDescription:
        """Do it here.

        Raises:
            ConfigurationError: the program or the metric cannot be used.
        """
        del channel
        program = self.source.build()
        check_requirements(program.module)
        declared = program.signature.declared
        if self.judging is not None:
            self.judging.build(program.typed(declared.known()), judge_lm=None)  # it asks nobody while it is built
        return ProgramDescription(fields=declared, state=dump_state(program.module).decode())


def describe_program(
    source: ProgramFile, judging: Judging | None, *, config: ProgramProcessConfig
) -> ProgramDescription:
    """The program of a file, built in a process of its own that is given no key at all.

    Raises:
        ConfigurationError: the program or the metric cannot be used.
        TelepromptError: its code ended the process, or took too long or too much memory.
    """
    return run_in_process(
        DescribeJob(source, judging),
        ProgramDescription,
        config=config,
        environment=process_environment(os.environ, more=config.environment),
        seconds=config.start_seconds,
    )
