"""What IEMF gains by method, and which share of it the unimodal losses give: the numbers behind the figures."""

from __future__ import annotations

from typing import Any

from mmlib.analysis.iemf.findings import IEMFFindings
from mmlib.analysis.iemf.printed import SWEEP_DATA
from mmlib.analysis.iemf.share import Share, percent, printed_shares
from mmlib.analysis.words import difference_text
from mmlib.report.render import Column, Table


def iemf_table(found: IEMFFindings, name: str) -> Table:
    """Per method: gain of unimodal losses alone, gain of IEMF, share of the one in the other, published share."""
    columns = [
        Column("Method"), Column("unimodal losses alone (points)", "number"), Column("IEMF (points)", "number"),
        Column("share", "number"), Column(f"share, published ({SWEEP_DATA})", "number"), Column("seeds", "number"),
    ]  # fmt: skip
    printed = printed_shares(found.printed.get(SWEEP_DATA, {}))
    rows, data = [], []
    for one in found.shares:
        theirs = printed.get(one.method)
        rows.append([
            one.name, _gain(one.joint), _gain(one.gain), _share_text(one), "–" if theirs is None else percent(theirs),
            str(one.gain.n) if one.gain else "0",
        ])  # fmt: skip
        data.append(_facts(one, theirs))
    notes = [
        "Gains over the same method without IEMF: mean and 95 % interval, paired over seeds (Student), clean protocol. "
        "share: gain of unimodal losses alone over gain of IEMF, with Fieller's interval; none where the interval of "
        "IEMF's gain contains zero.",
    ]
    return Table(f"{name}-analysis", f"How much of IEMF's gain unimodal losses give – {found.caption}", columns, rows,
                 notes, data)  # fmt: skip


def _gain(found: Any) -> str:
    return "not run" if found is None else difference_text(found, "top1", unit=False)


def _share_text(one: Share) -> str:
    if not one.has_share:
        return "none to give"
    return f"{percent(one.share.value)} ({percent(one.share.low)} to {percent(one.share.high)})"


def _facts(one: Share, printed: float | None) -> dict[str, Any]:
    facts: dict[str, Any] = {"method": one.method}
    for label, found in (("joint", one.joint), ("iemf", one.gain)):
        facts |= {f"{label}_{part}": getattr(found, part) if found else None for part in ("mean", "low", "high", "n")}
    share = one.share if one.has_share else None
    facts |= {f"share{suffix}": getattr(share, part) if share else None
              for suffix, part in (("", "value"), ("_low", "low"), ("_high", "high"))}  # fmt: skip
    return facts | {"share_published": printed}
