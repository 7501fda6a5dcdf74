"""One report for all tests that read one: 42 runs of one data set, of which some failed, and 48 of another."""

from __future__ import annotations

import pytest
from claims_fakes import fake_project, write_runs
from report_pages import Built

from mmlib.report.build import build_report
from mmlib.workbook.plan import find_plan


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Written once; tests that change something make their own."""
    project = fake_project(tmp_path_factory.mktemp("built") / "project")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MMLIB_PROJECT", str(project))
        patch.delenv("MMLIB_OUTPUTS", raising=False)
        plan = find_plan("table1")
        write_runs(plan, "embedded", project / "outputs", skip=("baseline-film",), failed=("simam2-film",))
        write_runs(plan, "av_digits", project / "outputs")
        for cell in plan.cells("av_digits", outputs=project / "outputs"):
            (cell.folder / "notebook.ipynb").unlink()  # pages of notebooks take half of the time
        index = build_report(project / "outputs")
    return Built(project, index)
