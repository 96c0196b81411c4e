import mlflow

with mlflow.start_run():
    # Execute DSPy program
    result = dspy_program.forward(**inputs)
    
    # Log trace data
    mlflow.log_params({
        "input.recipient": inputs["recipient"],
        "input.subject": inputs["subject"]
    })
    
    mlflow.log_params({
        "output.email_body": result["email_body"]
    })
    
    # Log outcome score (crucial for optimization)
    mlflow.log_metric("reply_rate", actual_reply_rate)
    mlflow.log_metric("outcome_score", normalized_score)
    
    # Tag with contributor info
    mlflow.set_tags({
        "contributor_id": contributor_id,
        "contributor_address": eth_address,
        "dspy_program_name": "EmailDraft",
        "has_dspy_traces": "true"
    })
