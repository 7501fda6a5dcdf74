"""Data: one file per dataset, the generators, and the one prepared format they all write.

Preparing (`registry`, `prepared`, the dataset files) needs numpy only; `loading`, `views`, `transforms` and
`spectrogram` need torch. Nothing is imported here, so that the command line starts fast.
"""
