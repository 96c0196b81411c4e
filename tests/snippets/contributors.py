# After optimization
result = finetuner.run_optimization(...)

# View contributors
for contributor_id, info in result.contributors.items():
    print(f"{contributor_id}:")
    print(f"  Address: {info['address']}")
    print(f"  Weight: {info['weight']:.2%}")
    print(f"  Traces: {info['trace_count']}")
    print(f"  Avg Score: {info['avg_score']:.3f}")

# Calculate rewards
if deltaone["deltaone_achieved"]:
    attestation_service = OptimizationAttestationService()
    rewards = attestation_service.calculate_rewards(
        attestation,
        total_reward=1000.0  # Total reward amount
    )
    
    for address, amount in rewards.items():
        print(f"{address}: {amount} tokens")
