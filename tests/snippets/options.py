OptimizationConfig(
    strategy=OptimizationStrategy.BOOTSTRAP_FEWSHOT,
    min_traces=1000,              # Minimum traces required
    max_traces=100000,            # Maximum traces to use
    min_quality_score=0.7,        # Minimum outcome score
    optimization_rounds=3,        # Number of optimization iterations
    timeout_seconds=7200,         # 2-hour timeout
    enable_deltaone_check=True,   # Check for DeltaOne achievement
    deltaone_threshold=0.01,      # 1% improvement threshold
    batch_size=1000,              # Batch size for processing
    num_candidates=10             # Candidates for random search
)
