"""Losses and objectives that are more than one call of torch, one per file."""
