"""The DSPy program itself: its file, its signature fields, and its state as JSON."""
