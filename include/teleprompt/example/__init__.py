"""What `teleprompt init` writes into a project: a DAG file, one program, and a week of its calls to try it with."""
