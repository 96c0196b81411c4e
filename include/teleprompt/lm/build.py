"""From an `LMConfig` to a `dspy.LM`."""

from typing import Any

from teleprompt.config.settings import OFFLINE_MODEL, LMConfig


def build_lm(config: LMConfig) -> Any:
    """The `dspy.LM` for `config`, without response cache: a measured call is a made call."""
    import dspy

    options: dict[str, Any] = {"cache": False, "temperature": config.temperature}
    if config.max_tokens is not None:
        options["max_tokens"] = config.max_tokens
    if config.model == OFFLINE_MODEL:
        from teleprompt.lm.offline.engine import AsyncNearestDemoEngine, NearestDemoEngine

        engines = {"engine": NearestDemoEngine(), "async_engine": AsyncNearestDemoEngine()}
        return dspy.LM(config.model, num_retries=0, **engines, **options)
    if config.api_base:
        options["api_base"] = config.api_base.get_secret_value()
    if config.api_key:
        options["api_key"] = config.api_key.get_secret_value()
    return dspy.LM(config.model, timeout=config.timeout_seconds, num_retries=config.num_retries, **options)
