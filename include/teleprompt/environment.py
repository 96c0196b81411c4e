"""What a process of ours asks of the libraries it loads; to be called before they are imported."""

import contextlib
import importlib
import os
import sys

_DEFAULTS = {
    "MIMALLOC_PURGE_DELAY": "0",  # Arrow gives memory back at once: a million runs take 160 MB less, and no more time
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # else LiteLLM fetches its price list while it is imported
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "TQDM_DISABLE": "1",  # DSPy draws progress bars on standard error
}


def configure_third_party() -> None:
    """Switch off progress bars, banners and telemetry, unless the environment says otherwise."""
    for variable, value in _DEFAULTS.items():
        os.environ.setdefault(variable, value)
    keep_recursion_limit()


def keep_recursion_limit() -> None:
    """Import py_ecc, as web3 and eth_account do, and undo what that does to Python's recursion limit.

    It raises it a hundredfold. Then JSON that is nested deep ends the whole process, Airflow's API server too, where it
    was an error before. Later imports leave the limit alone. Beside the gate alone it is not
    installed, and nobody imports it.
    """
    limit = sys.getrecursionlimit()
    with contextlib.suppress(ModuleNotFoundError):
        importlib.import_module("py_ecc")
    sys.setrecursionlimit(limit)


def system_user() -> str:
    """Who runs this process, for logs of changes: by the system's own list, whatever the environment says.

    By number where the system knows no name (many containers).
    """
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid {os.getuid()}"
