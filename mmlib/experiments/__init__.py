"""What a notebook calls: typed parameters in, one record out. One sub-package per experiment."""
