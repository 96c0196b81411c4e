from datetime import timedelta

from include.teleprompt import TraceLoader
from include.teleprompt.config.settings import Settings
from include.teleprompt.tracking.connection import mlflow_client
from tests.support import MONDAY, WEEK, log_run


def test_it_loads_what_reached_the_score_oldest_first(settings: Settings) -> None:
    with mlflow_client(settings.tracking_uri) as client:
        prod = client.create_experiment("prod")
        for i in range(6):
            log_run(client, prod, at=MONDAY + timedelta(hours=5 - i), metrics={"engagement_score": i / 5})
        log_run(client, prod, metrics={"other": 1.0})
    traces = TraceLoader(settings).load_traces(
        program_name="P",
        start_date=WEEK.start,
        end_date=WEEK.end,
        min_score=0.6,
        outcome_metric="engagement_score",
        limit=2,
    )
    assert [trace["score"] for trace in traces] == [1.0, 0.8]
    assert traces[0]["inputs"] == {"question": "why"}
    assert traces[0]["contributor_id"] == "alice"
