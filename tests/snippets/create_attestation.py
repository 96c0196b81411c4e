from teleprompt import OptimizationAttestationService

attestation_service = OptimizationAttestationService()
attestation = attestation_service.create_attestation(
    model_info={...},
    performance_data={...},
    optimization_metadata={...},
    contributors=[...]
)
