-- Airflow's database is made by the image; MLflow's is another one on the same server.
CREATE DATABASE mlflow OWNER airflow;
