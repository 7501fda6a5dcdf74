"""AV-CIL: audio-visual class-incremental learning on published features, an audio vector and visual tokens per clip."""
