"""The workbook: plans become cells, cells become records, records become tables and verdicts.

Nothing here knows a task. Importing any module of this package loads neither torch nor Dask.
"""
