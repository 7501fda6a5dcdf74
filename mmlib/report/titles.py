"""Short names of plans and data sets, and what their pages and sections are called."""

from __future__ import annotations

from urllib.parse import quote

from mmlib.files import safe_name
from mmlib.report.assemble import Assembly
from mmlib.workbook.plan import Plan

INDEX = "index.html"


def short_title(assembly: Assembly) -> str:
    """ "Table 1", "IEMF"; of a figure what it is about, because its plan's title goes on after "Figure:"."""
    before = assembly.results.title.partition(": ")[0]
    return f"Figure {assembly.plan.figure}" if before == "Figure" else before


def data_name(assembly: Assembly) -> str:
    """A profile's title without what follows in brackets or after a colon."""
    return assembly.results.profile_title.partition(" (")[0].partition(": ")[0] or assembly.results.profile


def column_name(profile: str) -> str:
    """A profile as the head of a column; each plan generates data of its own."""
    return "generated data" if profile == "embedded" else profile.replace("_", " ")


def page_name(plan: Plan) -> str:
    """The file of a plan's page. Raises `UsageError` for a name that would lead elsewhere."""
    return f"plan-{safe_name(plan.name, 'the plan')}.html"


def link_to(assembly: Assembly, same_page: bool = False) -> str:
    """Where a profile's section is."""
    return f"{'' if same_page else quote(page_name(assembly.plan))}#{quote(assembly.name)}"
