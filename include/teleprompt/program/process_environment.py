"""The environment of a process that runs program code: what is named here, and nothing else of ours.

A list of what is allowed, not of what is secret: nobody knows all names under which an installation keeps its secrets.
"""

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase

from teleprompt.config.program_process import OURS
from teleprompt.config.settings import LMConfig

ALLOWED = (
    "PATH", "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "LC_*", "TZ", "TMPDIR", "XDG_CACHE_HOME",
    "PYTHON*", "VIRTUAL_ENV", "LD_*", "DYLD_*", "FAKETIME*",
    "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE",
    "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy",
    "DSPY_CACHEDIR", "HF_HOME", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "TIKTOKEN_CACHE_DIR",
    "LITELLM_LOCAL_MODEL_COST_MAP", "*_NUM_THREADS", "CUDA_VISIBLE_DEVICES",
)  # fmt: skip
_OF_PROVIDER: Mapping[str, tuple[str, ...]] = {
    "bedrock": ("AWS_*",),
    "sagemaker": ("AWS_*",),
    "vertex_ai": ("VERTEX*", "GOOGLE_*"),
    "gemini": ("GEMINI_*", "GOOGLE_*"),
    "huggingface": ("HUGGINGFACE_*", "HF_*"),
    "together_ai": ("TOGETHER*",),
    "azure_ai": ("AZURE_*",),
}
"""Where LiteLLM reads other variables than those that begin with the provider's name."""

_OF_STORAGE: Mapping[str, tuple[str, ...]] = {
    "s3": ("AWS_*",),
    "s3a": ("AWS_*",),
    "gs": ("GOOGLE_*",),
    "gcs": ("GOOGLE_*",),
    "az": ("AZURE_*",),
    "abfs": ("AZURE_*",),
    "abfss": ("AZURE_*",),
}


def process_environment(
    ours: Mapping[str, str], *, more: Iterable[str] = (), models: Iterable[LMConfig] = (), storage_uri: str = ""
) -> dict[str, str]:
    """Those of `ours` that a process gets which asks `models` and keeps its work in the storage.

    `more` are names that the installation adds.
    """
    scheme, is_remote, _ = storage_uri.partition("://")
    patterns = {*ALLOWED, *(("FSSPEC_*", *_OF_STORAGE.get(scheme, ())) if is_remote else ())}
    for model in models:
        patterns |= set(_variables_of(model))

    def is_given(name: str) -> bool:
        return not name.startswith((*OURS, "MLFLOW_")) and any(fnmatchcase(name, pattern) for pattern in patterns)

    named = set(more)
    return {name: value for name, value in ours.items() if name in named or is_given(name)}


def _variables_of(model: LMConfig) -> tuple[str, ...]:
    provider = model.model.partition("/")[0] if "/" in model.model else "openai"
    return _OF_PROVIDER.get(provider, (f"{provider.upper()}_*",))
