-- Airflow's database is made by the image; MLflow's is another one on the same server, with a user that can read no other.
\getenv password MLFLOW_POSTGRES_PASSWORD
CREATE ROLE mlflow LOGIN PASSWORD :'password';
CREATE DATABASE mlflow OWNER mlflow;
REVOKE CONNECT ON DATABASE airflow FROM PUBLIC;
