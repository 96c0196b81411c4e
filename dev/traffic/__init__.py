"""Production-like traffic for the example programs.

Each scenario really runs the current program on generated inputs; what then happens to an answer is drawn, with
noise, from a truth that neither the program nor the pipeline can see.
"""
