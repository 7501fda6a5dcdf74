"""What the commands of `mmlib.cli` do."""
