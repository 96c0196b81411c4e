from teleprompt import (
    TelepromptFinetuner,
    OptimizationConfig,
    OptimizationStrategy
)

# Configure optimization
config = OptimizationConfig(
    strategy=OptimizationStrategy.BOOTSTRAP_FEWSHOT,
    min_traces=1000,
    optimization_rounds=3,
    deltaone_threshold=0.01  # 1% improvement
)

# Run optimization
finetuner = TelepromptFinetuner(config)
result = finetuner.run_optimization(
    program=my_dspy_program,
    start_date=datetime.now() - timedelta(days=7),
    end_date=datetime.now(),
    outcome_metric="reply_rate"
)
