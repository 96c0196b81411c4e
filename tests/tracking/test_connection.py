import os
import time
from concurrent.futures import ThreadPoolExecutor

import mlflow

from teleprompt.tracking.connection import fluent_tracking


def test_threads_that_need_the_fluent_api_take_turns() -> None:
    before = mlflow.get_tracking_uri(), os.environ.get("MLFLOW_TRACKING_URI")

    def finds_its_own(number: int) -> bool:
        uri = f"sqlite:///{number}.db"
        with fluent_tracking(uri):
            time.sleep(0.005)  # another thread may go on here
            return mlflow.get_tracking_uri() == uri

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(finds_its_own, range(12)))
    assert (mlflow.get_tracking_uri(), os.environ.get("MLFLOW_TRACKING_URI")) == before
