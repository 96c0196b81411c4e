# Astro Runtime for Airflow 3.3; it installs packages.txt and requirements.txt and copies the project.
FROM astrocrpublic.azurecr.io/runtime:3.3-2
RUN pip install --no-cache-dir --no-deps --editable /usr/local/airflow/packages/gate --editable /usr/local/airflow
