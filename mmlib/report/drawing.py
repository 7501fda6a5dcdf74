"""The figures of one plan and profile as files, and whether those at hand are still of the same results and code."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mmlib.analysis.kept import is_kept
from mmlib.errors import UsageError
from mmlib.figures.analyses import ANALYSES
from mmlib.files import content_hash, read_json, safe_name, sha256_file, write_json

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from mmlib.report.assemble import Assembly

SHEETS = ("table", "analysis")
"""The figures of a plan's table (rows, statements, curves), and those of the analysis of a plan for a figure."""


def write_figures(
    assembly: Assembly, outputs: Path, protocol: str = "clean", sheets: Sequence[str] = SHEETS
) -> Assembly:
    """Write the figures (PNG, PDF, SVG) under `outputs/figures`; `figures` and `files` list them."""
    from mmlib.figures import save_figure
    from mmlib.figures.describe import describe

    for sheet in sheets:
        drawn = draw(assembly, protocol, sheet)
        hashes = {}
        for name, figure in drawn.items():
            assembly.described[name] = describe(figure)
            assembly.figures[name] = outputs / "figures" / f"{assembly.name}-{name}"
            written = save_figure(figure, assembly.figures[name])
            assembly.files += written
            hashes |= {path.name: sha256_file(path) for path in written}
        stamp = {
            "made_from": made_from(assembly, outputs, protocol), "figures": list(drawn), "files": hashes,
            "described": {name: assembly.described[name] for name in drawn},
        }  # fmt: skip
        write_json(_stamp(assembly, outputs, sheet), stamp)
    return assembly


def draw(assembly: Assembly, protocol: str, sheet: str) -> dict[str, Figure]:
    """{name: figure} of one of `SHEETS`; nothing where there is nothing to draw."""
    from mmlib.figures import curves_figure, statement_figure, table_figure
    from mmlib.figures.curves import histories_of

    if sheet == "analysis":
        found = assembly.findings
        return ANALYSES[assembly.plan.figure].draw(found) if found is not None and assembly.plan.figure else {}
    results = assembly.results
    # Printed numbers are drawn beside the selection rule they were made with.
    shown = assembly.plan.protocols[0] if results.kind == "paper" else protocol
    drawn = {"rows": table_figure(results, assembly.claims, assembly.metrics, shown)}
    if assembly.statements is not None:
        drawn["statements"] = statement_figure(assembly.statements, results)
    if histories_of(results):
        drawn["curves"] = curves_figure(results, headline=assembly.metrics[0])
    return drawn


def made_from(assembly: Assembly, outputs: Path, protocol: str) -> str:
    """Hash of all that the figures show: records, what lies beside them, plan, claims, protocol, code."""
    if protocol not in assembly.hashes:
        assembly.hashes[protocol] = _made_from(assembly, outputs, protocol)
    return assembly.hashes[protocol]


def _made_from(assembly: Assembly, outputs: Path, protocol: str) -> str:
    results = assembly.results
    beside = [folder / name for folder in results.folders.values() for name in ("history.jsonl", "arrays.npz")]
    analysis = ANALYSES.get(assembly.plan.figure or "")
    beside += {folder.parent for folder in results.folders.values() if is_kept(folder)}
    beside += analysis.beside(results, outputs) if analysis and analysis.beside else []
    hashes = {str(path): sha256_file(path) for path in beside if path.is_file()}
    return content_hash([repr(results), repr(assembly.plan), repr(assembly.claims), protocol, assembly.sources, hashes])


def keep_figures(assembly: Assembly, outputs: Path, protocol: str, sheet: str) -> bool:
    """List in `figures` and `files` what the last drawing of a sheet left; False where something has changed since."""
    try:
        stamp = read_json(_stamp(assembly, outputs, sheet))
        files = {
            outputs / "figures" / safe_name(name, "the figure"): content for name, content in stamp["files"].items()
        }
        same = all(path.is_file() and sha256_file(path) == content for path, content in files.items())
        if not same or not assembly.sources or stamp["made_from"] != made_from(assembly, outputs, protocol):
            return False
        figures = {
            name: outputs / "figures" / safe_name(f"{assembly.name}-{name}", "the figure") for name in stamp["figures"]
        }
        described = {name: str(stamp["described"][name]) for name in figures}
    except (OSError, UsageError, KeyError, TypeError, AttributeError):
        return False
    assembly.figures |= figures
    assembly.described |= described
    assembly.files += list(files)
    return True


def _stamp(assembly: Assembly, outputs: Path, sheet: str) -> Path:
    return outputs / "figures" / f".{assembly.name}-{sheet}.json"
