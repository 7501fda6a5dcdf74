"""Data: one file per dataset, the generators, and the one prepared format they all write.

Preparing (`registry`, `prepared`, the dataset files) needs numpy only; `loading` and what it stands on (`views`,
`dataset`, `loader`, ...) need torch. Nothing is imported here, so that the command line starts fast.
"""
