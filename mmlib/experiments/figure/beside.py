"""What the figures of IEMF need beyond records, computed once and kept beside them (`mmlib.analysis.iemf.beside`).

The loss landscapes of two runs take their weights and data, and minutes; r and I of human votes take CREMA-D's table of
votes, which lies in the data root that the runs were given. Torch is loaded where something is computed.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from mmlib.analysis.iemf.beside import landscape_folders, votes_path
from mmlib.files import write_json
from mmlib.workbook.results import Results


def leave_beside(results: Results, outputs: Path, landscape_samples: int = 0) -> None:
    """Compute and keep what can be: votes where their table is at hand, landscapes where samples are asked for.

    What was computed before stays. Raises `DataError` for a damaged table, `OutputsError` for damaged weights.
    """
    table = votes_table(results)
    if table is not None and not votes_path(outputs).exists():
        from mmlib.analysis.human_votes import human_votes

        write_json(votes_path(outputs), [asdict(row) for row in human_votes(table)])
    if landscape_samples > 0:
        from mmlib.experiments.classification.landscape import landscape_of_run

        for folder in landscape_folders(results).values():
            landscape_of_run(folder, folder, samples=landscape_samples)


def votes_table(results: Results) -> Path | None:
    """CREMA-D's table of votes in the data root of these runs; None where there is none."""
    from mmlib.analysis.human_votes import FILE

    roots = dict.fromkeys(str(record.parameters.get("data_root") or "") for record in results.records)
    return next((path for root in roots if root and (path := Path(root) / FILE).is_file()), None)
