# 1. Configure optimization
config = OptimizationConfig(
    strategy=OptimizationStrategy.BOOTSTRAP_FEWSHOT,
    min_traces=5000
)

# 2. Run optimization
finetuner = TelepromptFinetuner(config)
result = finetuner.run_optimization(
    program=email_draft_program,
    start_date=datetime.now() - timedelta(days=30),
    end_date=datetime.now(),
    outcome_metric="reply_rate"
)

# 3. Check if successful
if result.success:
    print(f"Optimization complete: {result.trace_count} traces used")
    
    # 4. Evaluate DeltaOne
    deltaone = finetuner.evaluate_deltaone(result)
    
    if deltaone["deltaone_achieved"]:
        # 5. Generate attestation
        attestation = finetuner.generate_attestation(result, deltaone)
        
        # 6. Save optimized model
        model_info = finetuner.save_optimized_model(
            result,
            model_name="EmailDraft-Optimized"
        )
