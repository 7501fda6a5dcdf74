"""Raw media to the prepared format: what is wanted (`source`, `presets`), decoding (`decode`), preparation (`prepare`).

Torch-free at import; decoding happens in worker processes.
"""
