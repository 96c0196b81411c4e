"""The documents' class, where the rest of the product has a say."""

from pathlib import Path

import dspy
import pytest

from teleprompt import OptimizationConfig, TelepromptFinetuner
from teleprompt.config.settings import Settings
from teleprompt.errors import ConfigurationError
from teleprompt.queries.history import list_runs
from teleprompt.registry.listing import list_versions
from teleprompt.tracking.connection import mlflow_client
from tests.support import WEEK, log_shelf_calls, write_program


def test_what_a_program_file_asks_for_before_a_promotion_holds_for_python(settings: Settings, tmp_path: Path) -> None:
    write_program(tmp_path / "programs", yaml="name: Shelves\napproval: {approvers: [ann]}\n")
    log_shelf_calls(settings, count=160)
    program = dspy.Predict("thing -> shelf")
    program.program_name = "Shelves"
    finetuner = TelepromptFinetuner(
        OptimizationConfig(min_traces=20), settings=settings.model_copy(update={"programs_dir": tmp_path / "programs"})
    )
    result = finetuner.run_optimization(program, WEEK.start, WEEK.end)
    assert result.success, result.error
    assert finetuner.evaluate_deltaone(result)["deltaone_achieved"]
    with pytest.raises(ConfigurationError, match="asks for an approval before a promotion; promote it by its DAG"):
        finetuner.save_optimized_model(result, model_name="Shelves-Optimized")
    with mlflow_client(settings.tracking_uri) as client:
        (run,) = list_runs(client)
        assert [version.number for version in list_versions(client, "Shelves")] == [1]
    assert run.state == "finished"
