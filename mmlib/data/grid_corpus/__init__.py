"""GRID's published clips and alignments to the mouths, sound and word timing that `grid_words` and others read."""
