"""A window's traces, and what their run keeps beside the snapshot."""

from teleprompt.attribution.first_uses import keep_first_uses
from teleprompt.config.program import ProgramConfig
from teleprompt.config.settings import Settings
from teleprompt.program.fields import DeclaredFields
from teleprompt.traces.collect import collect_snapshot
from teleprompt.traces.profile import profile_of
from teleprompt.traces.profile_page import PROFILE_ARTIFACT, profile_page
from teleprompt.traces.snapshot import SnapshotRecord, read_snapshot
from teleprompt.tracking.pipeline_run import PipelineRun
from teleprompt.tracking.run_key import RunKey


def collect_for(
    run: PipelineRun, key: RunKey, *, config: ProgramConfig, declared: DeclaredFields, settings: Settings
) -> SnapshotRecord:
    """Snapshot the traces of the key's window; keep with its run who used each id first, and the profile's page.

    Raises:
        UnmeasuredFieldsError: the calls hold other fields than would be compared.
        InsufficientTracesError: fewer usable traces than the program asks for.
    """
    record, uses, _ = collect_snapshot(
        run.client,
        config=config,
        declared=declared,
        window=key.window,
        storage_uri=settings.storage_uri,
        fingerprint=key.fingerprint,
    )
    keep_first_uses(run, config.name, key.window, uses)
    profile = profile_of(read_snapshot(record), good_from=config.optimization.min_quality_score)
    run.write_text(PROFILE_ARTIFACT, profile_page(profile))
    return record
