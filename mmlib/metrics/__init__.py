"""Metrics on whole splits: one module per kind of task. NumPy in, plain numbers out."""
