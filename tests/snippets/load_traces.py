from teleprompt import TraceLoader

loader = TraceLoader()
traces = loader.load_traces(
    program_name="EmailDraft",
    start_date=start_date,
    end_date=end_date,
    min_score=0.7,
    outcome_metric="engagement_score",
    limit=10000
)
