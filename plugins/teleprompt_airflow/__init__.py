"""The Airflow face of teleprompt: DAGs, operators, a sensor, its triggers. The work is in `teleprompt`."""
