"""AV-CIL: audio-visual class-incremental learning on published features, an audio vector and visual tokens per clip.

Source: Pian et al. 2023, whose lists and features IEMF uses too. `ave`, `kinetics_sounds` and `vggsound100` are the
three sets; `files` reads what is published, `conversion` writes the prepared format, `check` compares counts.
`generator` makes clips of the same form, `synthetic` is the set `synthetic_incremental` of them, `standin` writes them
as published files.

Prepared: `audio` (N, C) float32 and `visual` (N, T, P, C); the manifest's `source["tasks"]` holds the class ids of each
step, the index column `task` the step of each row.
"""
