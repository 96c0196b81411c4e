"""The Airflow face of teleprompt: DAGs, operators, a sensor and its triggers. Thin: the work is in `include.teleprompt`."""
