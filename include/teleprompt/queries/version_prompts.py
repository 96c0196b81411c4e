"""The prompts of registered versions, beside each other."""

from typing import TYPE_CHECKING

from teleprompt.program.prompt import Prompt
from teleprompt.program.prompt_diff import PromptDiff, diff_prompts
from teleprompt.registry.listing import number_of
from teleprompt.registry.versions import read_version

if TYPE_CHECKING:
    from mlflow import MlflowClient


def diff_versions(client: "MlflowClient", name: str, before: str, after: str) -> PromptDiff:
    """What changes in the prompt from one version to another, each by its number, id or alias.

    Raises:
        ConfigurationError: there is no such version.
        TelepromptError: one is not what was registered.
    """
    return diff_prompts(_prompt(client, name, before), _prompt(client, name, after))


def _prompt(client: "MlflowClient", name: str, version: str) -> Prompt:
    found = client.get_model_version(name, str(number_of(client, name, version)))
    return Prompt.of_state(read_version(client, found).state)
