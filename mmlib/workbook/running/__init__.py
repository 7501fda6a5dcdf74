"""From cells to records: the batch, its Dask cluster, and the fresh kernel every cell gets."""
