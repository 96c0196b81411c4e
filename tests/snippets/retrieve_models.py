import mlflow

# Get latest optimized version
client = mlflow.tracking.MlflowClient()
versions = client.search_model_versions(
    filter_string="name='EmailDraft-Optimized'"
)

latest = max(versions, key=lambda v: v.version)
print(f"Latest optimized version: {latest.version}")
print(f"DeltaOne achieved: {latest.tags.get('deltaone')}")
