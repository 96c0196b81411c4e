-- Once, where MLflow's database was made before it had a user of its own; see docs/deployment.md.
-- Not REASSIGN OWNED BY airflow: that would take Airflow's own database along.
\set ON_ERROR_STOP on
\getenv password MLFLOW_POSTGRES_PASSWORD
BEGIN;
CREATE ROLE mlflow LOGIN PASSWORD :'password';
ALTER DATABASE mlflow OWNER TO mlflow;
ALTER SCHEMA public OWNER TO mlflow;
SELECT format('ALTER TABLE %s OWNER TO mlflow', oid::regclass) FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v') \gexec
REVOKE CONNECT ON DATABASE airflow FROM PUBLIC;
COMMIT;
