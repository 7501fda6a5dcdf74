"""Data sets that anybody may fetch: where they are published, how they are fetched, and where they are laid."""
