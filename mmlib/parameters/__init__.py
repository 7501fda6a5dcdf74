"""Typed parameters, how they are written and what is said of wrong ones. Nothing here loads torch."""
